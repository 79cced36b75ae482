# SPDX-License-Identifier: Apache-2.0
"""The main job: a shell in a microVM on a directory, and commands in it."""
import hashlib
import json
import os
import re

import pytest

pytestmark = pytest.mark.smoke


def test_kernel_is_the_images(sbx, box):
    base = next(image for image in json.loads(sbx.out("image", "ls", "--json"))["images"]
                if image["kind"] == "base" and image["current"])
    assert box.sh("uname -r") == base["kernel"]
    notes = bytes.fromhex(box.sh("od -An -v -tx1 /sys/kernel/notes | tr -d ' \\n'"))
    assert bytes.fromhex(base["build_id"]) in notes
    assert box.sh("uname -r") != os.uname().release


def test_workspace_is_at_its_path(sbx, box):
    assert box.sh("pwd") == str(box.path)
    box.sh("touch made-inside && echo hello > text")
    made = box.path / "made-inside"
    assert made.exists() and made.stat().st_uid == os.getuid()
    assert (box.path / "text").read_text() == "hello\n"
    (box.path / "made-outside").write_text("from the host")
    assert box.sh("cat made-outside") == "from the host"


def test_nothing_else_of_the_host_is_visible(sbx, box):
    secret = sbx.home / "secret"
    secret.write_text("host only")
    script = f"ls -A {sbx.home} {sbx.home}/work; cat {secret} 2>&1; true"
    listing = box.sh(script)
    assert "host only" not in listing and "state" not in listing.split()
    mounts = box.sh("grep virtiofs /proc/mounts")
    assert mounts.count("\n") == 0 and str(box.path) in mounts


def test_user_and_environment(sbx, box):
    assert box.sh("id -un; id -u; sudo -n id -u; echo $HOME; echo $SANDBOX_NAME").split() == [
        "agent", "1000", "0", "/home/agent", "shared"]
    assert sbx.out("exec", "-e", "A=b c", "shared", "sh", "-c", "echo $A") == "b c"
    assert sbx.out("exec", "-u", "root", "-w", "/tmp", "shared", "sh", "-c",
                   "id -u; pwd").split() == ["0", "/tmp"]


@pytest.mark.parametrize("script, status", [
    ("true", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -9 $$", 137)])
def test_exit_status(sbx, box, script, status):
    assert sbx("exec", "shared", "sh", "-c", script, check=False).returncode == status


def test_command_that_cannot_run(sbx, box):
    assert sbx("exec", "shared", "no-such-program", check=False).returncode == 127
    assert sbx("exec", "shared", "/etc/passwd", check=False).returncode == 126
    assert sbx("exec", "no-such-sandbox", "true", check=False).returncode == 1


def test_streams_stay_apart(sbx, box):
    done = sbx("exec", "-i", "shared", "sh", "-c", "cat; echo err >&2", input="in\n")
    assert done.stdout == "in\n" and done.stderr == "err\n"


def test_100_mb_both_ways(sbx, box):
    data = os.urandom(1 << 20) * 100
    done = sbx("exec", "-i", "shared", "cat", input=data, text=False, timeout=300)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_stdin_of_run_is_the_shells_input(sbx, box):
    done = sbx("run", "--name", "shared", input="echo kernel $(uname -s); exit 7\n", check=False)
    assert "kernel Linux" in done.stdout and done.returncode == 7


def test_detached_exec_goes_on(sbx, box):
    sbx("exec", "-d", "shared", "sh", "-c", "echo $$ > pid; mkfifo /tmp/gate; cat /tmp/gate > got")
    assert box.sh("until [ -p /tmp/gate ]; do :; done; echo opened > /tmp/gate;"
                  "until [ -s got ]; do :; done; cat got") == "opened"


def test_copy(sbx, box, tmp_path):
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/file").write_bytes(os.urandom(300_000))
    (tree / "link").symlink_to("sub/file")
    sbx("cp", tree, "shared:/tmp/copied")
    sbx("cp", "shared:/tmp/copied", tmp_path / "back")
    assert (tmp_path / "back/sub/file").read_bytes() == (tree / "sub/file").read_bytes()
    assert os.readlink(tmp_path / "back/link") == "sub/file"


def test_packages_survive_stop_and_run(sbx):
    work = sbx.home / "work/persist"
    work.mkdir()
    sbx("run", "--name", "persist", "shell", work, "--", "-c",
        "echo kept | sudo tee /usr/local/kept; echo mine > ~/mine")
    sbx("stop", "persist")
    assert sbx.state_of("persist") == "stopped"
    assert sbx.out("exec", "persist", "cat", "/usr/local/kept", "/home/agent/mine") == "kept\nmine"
    sbx("rm", "-f", "persist")


def test_ls_and_inspect(sbx, box):
    lines = sbx.out("ls").splitlines()
    assert re.split(r"\s{2,}", lines[0]) == ["SANDBOX", "AGENT", "STATUS", "PORTS", "WORKSPACE"]
    assert any(line.startswith("shared ") and "running" in line for line in lines)
    assert "shared" in sbx.out("ls", "-q").splitlines()
    known = sbx.inspect("shared")
    assert known["state"] == "running" and known["workspaces"][0]["path"] == str(box.path)


def test_same_agent_and_path_is_the_same_sandbox(sbx):
    work = sbx.home / "work/again"
    work.mkdir()
    first = sbx.out("run", "shell", work, "--", "-c", "hostname")
    second = sbx.out("run", "shell", work, "--", "-c", "hostname")
    assert first == second == "shell-again"
    sbx("rm", "-f", "shell-again")


def test_usage_errors(sbx):
    for words in (["frobnicate"], ["run", "--frob"], ["exec"], ["create", "--cpus", "many"]):
        done = sbx(*words, check=False)
        assert done.returncode == 2 and done.stderr.startswith("sbx: ")
    assert sbx("run", "--clone", check=False).returncode == 2


def test_help_of_every_command(sbx):
    commands = re.findall(r"^  ([a-z]+) ", sbx.out("--help"), re.M)
    assert {"run", "create", "ls", "exec", "stop", "rm", "cp", "inspect"} <= set(commands)
    for command in commands:
        assert f"sbx {command}" in sbx.out(command, "--help")
