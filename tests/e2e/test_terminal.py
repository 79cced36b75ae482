# SPDX-License-Identifier: Apache-2.0
"""Sessions on a real terminal: attach, detach, mirror, and what a guest may not do to it."""
import os
import signal

import pexpect
import pytest

from conftest import wait_for


@pytest.fixture(scope="module")
def tty(sbx):
    """Starts `sbx` on a pseudo terminal of 24 × 80."""
    work = sbx.home / "work/terminal"
    work.mkdir()
    sbx("create", "--name", "terminal", "shell", work)

    def start(*words):
        env = dict(sbx.env, TERM="xterm-256color")
        return pexpect.spawn(str(sbx.bin / "sbx"), [str(word) for word in words], env=env,
                             timeout=120, encoding="utf-8", dimensions=(24, 80))
    yield start
    sbx("rm", "-f", "terminal")


def detach(terminal):
    terminal.send("\x10\x11")
    terminal.expect(pexpect.EOF)
    terminal.close()


def test_shell_detach_and_come_back(sbx, tty):
    first = tty("run", "--name", "terminal")
    first.sendline("stty size; x=remembered; tty")
    first.expect("24 80")
    first.expect("/dev/pts/")
    detach(first)
    assert first.exitstatus == 0
    second = tty("attach", "terminal")
    second.expect("24 80")  # the screen as it was
    second.sendline("echo $x again")
    second.expect("remembered again")
    second.setwinsize(30, 100)
    second.sendline("stty size")
    second.expect("30 100")
    detach(second)


def test_second_terminal_mirrors(sbx, tty):
    first, second = tty("run", "--name", "terminal"), tty("run", "--name", "terminal")
    second.sendline("echo typed-$((40+2))")
    second.expect("typed-42")
    first.expect("typed-42")
    detach(second)
    first.sendline("echo still-$((40+3))")
    first.expect("still-43")
    detach(first)


def test_session_survives_a_killed_terminal(sbx, tty):
    first = tty("run", "--name", "terminal")
    first.sendline("y=survived; echo set-$((1+1))")
    first.expect("set-2")
    os.kill(first.pid, signal.SIGKILL)
    first.close()
    second = tty("run", "--name", "terminal")
    second.sendline("echo $y-$((1+2))")
    second.expect("survived-3")
    detach(second)


def test_clipboard_and_title_are_dropped(sbx, tty):
    terminal = tty("exec", "-it", "terminal", "sh", "-c",
                   r"printf 'a\033]52;c;aGk=\007b\033]0;title\007c\033[21td\033P+q544e\033\\e\n'")
    terminal.expect(pexpect.EOF)
    assert "abcde" in terminal.before
    assert "]52" not in terminal.before and "title" not in terminal.before


def test_ctrl_c_reaches_the_program(sbx, tty):
    terminal = tty("exec", "-it", "terminal", "sh", "-c",
                   "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 1; done")
    terminal.expect("ready")
    terminal.sendintr()
    terminal.expect("caught")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 5


def test_end_of_the_shell_ends_the_run(sbx, tty):
    terminal = tty("run", "--name", "terminal")
    terminal.sendline("exit 4")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 4


def test_vanished_client_of_exec(sbx, tty):
    terminal = tty("exec", "-it", "terminal", "sleep", "1000")
    wait_for("the program", lambda: sbx.out("exec", "terminal", "pgrep", "-x", "sleep",
                                            check=False))
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.close()
    wait_for("its end", lambda: not sbx.out("exec", "terminal", "pgrep", "-x", "sleep",
                                            check=False))
