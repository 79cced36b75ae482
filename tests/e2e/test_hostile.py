# SPDX-License-Identifier: Apache-2.0
"""A guest that misbehaves: floods, exhaustion, and tries to reach the host."""
import fcntl
import json
import os
import pathlib
import struct
import subprocess

import pytest

from conftest import BIN, Sbx, close, make_home, wait_for

F_OFD_SETLK = 37

FLOOD = r"""
import socket, sys
reached = 0
for turn in range(int(sys.argv[1])):
    s = socket.socket(socket.AF_VSOCK)
    s.setblocking(False)
    try:
        s.connect((2, 1000 + turn % 30))
    except OSError:
        pass
    s.close()
print("flooded")
"""


@pytest.fixture(scope="module")
def hostile(sbx):
    work = sbx.home / "work/hostile"
    work.mkdir()
    sbx("run", "--detach", "--keep", "--name", "hostile", "--memory", "1g", "shell", work)
    (work / "flood.py").write_text(FLOOD)
    yield lambda script, **options: sbx.out("exec", "-u", "root", "hostile", "sh", "-c", script,
                                            **options)
    sbx("rm", "-f", "hostile")


def rss_anon(pid):
    """Private memory in KiB; our processes of another uid are readable for root only."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("RssAnon")).split()[1])


def test_console_flood_is_bounded(sbx, hostile):
    hostile("yes flooding the console | head -c 4000000 > /dev/console", timeout=300)
    directory = sbx.directory("hostile")
    size = sum(path.stat().st_size for path in directory.glob("console.log*"))
    assert 0 < size <= 3 << 20
    assert rss_anon(sbx.pids("hostile")["keeper"]) < 8192


def test_connection_flood_hurts_nobody(sbx, hostile):
    assert hostile("python3 flood.py 20000", timeout=300) == "flooded"
    assert rss_anon(sbx.pids("hostile")["vsock"]) < 8192
    assert sbx.out("exec", "hostile", "echo", "alive") == "alive"


def test_guest_reaches_no_host_port(sbx, hostile):
    out = hostile("""python3 - <<'X'
import socket
for port in (1, 22, 1022, 1024, 5000):
    s = socket.socket(socket.AF_VSOCK); s.settimeout(10)
    try:
        s.connect((2, port)); print("open", port)
    except OSError as error:
        print("refused")
X""")
    assert out.split() == ["refused"] * 5


def test_sessions_flood(sbx, hostile):
    runs = [sbx.spawn("exec", "-i", "hostile", "cat", stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(40)]
    answers = [run.communicate("x\n", timeout=300)[0] for run in runs]
    assert answers == ["x\n"] * 40


def test_out_of_memory_in_the_guest(sbx, hostile):
    hostile("python3 -c 'x = [bytearray(1 << 20) for _ in range(100000)]'; true", timeout=300)
    assert sbx.out("exec", "hostile", "echo", "alive") == "alive"


def test_full_guest_disk_is_the_guests_problem(sbx, hostile):
    hostile("fallocate -l 100G /big 2>&1; rm -f /big")
    assert sbx.out("exec", "hostile", "echo", "alive") == "alive"


def test_guest_has_a_loopback_only(sbx, hostile):
    assert hostile("ls /sys/class/net | grep -v -e docker -e br- -e veth").split() == ["lo"]


def test_processes_hold_no_rights(sbx, hostile):
    """Each process that reads guest bytes: no capability in the host's namespaces, no new
    privileges, namespaces of its own, and its own seccomp filter on top of the one of all. The
    keeper starts them unconfined and has locked itself down by the time sessions are served."""
    for role, pid in sbx.pids("hostile").items():
        status = dict(line.split(":\t", 1) for line in
                      pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        assert status["NoNewPrivs"] == "1", role
        assert status["Seccomp"] == "2", role
        if role == "keeper":
            continue
        assert int(status["Seccomp_filters"]) >= 2, role
        for space in ("user", "mnt", "pid", "net", "ipc"):
            if os.access(f"/proc/{pid}/ns/{space}", os.R_OK):
                assert os.readlink(f"/proc/{pid}/ns/{space}") != os.readlink(
                    f"/proc/self/ns/{space}"), (role, space)
        if role != "share0":
            assert int(status["CapEff"], 16) == 0, role


def test_standard_error_leaves_no_modes(sbx, hostile):
    """Standard output in a file, standard error on the terminal: what was set there is reset."""
    ours, theirs = os.openpty()
    script = "printf 'seen\\033[8m\\033[?1000h\\033]0;title\\007' >&2"
    run = sbx.spawn("exec", "hostile", "sh", "-c", script, stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=theirs)
    assert run.wait(timeout=60) == 0
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert b"seen" in shown and b"title" not in shown
    assert shown.index(b"\033[?1000h") < shown.index(b"\033[?1000l")
    assert shown.index(b"\033[8m") < shown.rindex(b"\033[m")


def test_nothing_that_a_guest_can_write_is_run():
    """A virtual environment in the workspace is first on PATH; variables name secrets and code."""
    home = make_home()
    planted = home / "work/.venv/bin"
    planted.mkdir(parents=True)
    for name in ("mke2fs", "sh", "sbx-keeper", "mmdebstrap"):
        (planted / name).write_text(f"#!/bin/sh\ntouch {home}/ran\n")
        (planted / name).chmod(0o755)
    tool = Sbx(BIN, home, {"PATH": f"{planted}:{os.environ['PATH']}", "PERL5LIB": str(planted),
                           "ANTHROPIC_API_KEY": "secret"})
    try:
        tool("create", "--name", "planted", "shell", home / "work")
        assert not (home / "ran").exists()
        for pid in tool.processes():
            environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            assert b"secret" not in environ and b"PERL5LIB" not in environ
    finally:
        close(tool)


def test_a_workspace_that_became_a_link_is_refused(sbx):
    work = sbx.home / "work/swapped/inner"
    work.mkdir(parents=True)
    sbx("create", "--name", "swapped", "shell", work)
    work.rmdir()
    work.symlink_to(sbx.state)
    assert "link" in sbx("exec", "swapped", "ls", check=False).stderr
    work.unlink()
    work.mkdir()
    (work.parent).rename(sbx.home / "work/moved")
    work.parent.symlink_to("moved")
    assert "link" in sbx("exec", "swapped", "ls", check=False).stderr
    sbx("rm", "-f", "swapped")


def test_image_locks_stop_nobody(sbx):
    """A QEMU that was taken over holds QEMU's own locks on the image that all sandboxes share."""
    work = sbx.home / "work/locks"
    work.mkdir()
    sbx("run", "--detach", "--name", "locker", "shell", work)
    start = json.loads((sbx.directory("locker") / "start.json").read_text())
    sbx("stop", "locker")
    base = next(disk["path"] for disk in start["disks"] if disk["serial"] == "base")
    with open(base, "rb") as image:
        lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 100, 200, 0)
        fcntl.fcntl(image, F_OFD_SETLK, lock)
        assert sbx.out("exec", "locker", "echo", "alive") == "alive"
    sbx("rm", "-f", "locker")


def test_killed_guest_kernel_ends_the_run(sbx, hostile):
    sbx("exec", "-u", "root", "hostile", "sh", "-c", "echo c > /proc/sysrq-trigger", check=False,
        timeout=60)
    wait_for("the end of the run", lambda: sbx.state_of("hostile") == "stopped")
    assert sbx.out("exec", "hostile", "echo", "again") == "again"
