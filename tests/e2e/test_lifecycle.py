# SPDX-License-Identifier: Apache-2.0
"""The lifecycle on bad days: processes killed, the host gone, two clients at once; and rm leaves
nothing."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading

import pytest

from conftest import kill, wait_for, wait_gone


@pytest.fixture()
def running(fresh):
    """A running sandbox in a state directory of its own."""
    work = fresh.home / "work/life"
    work.mkdir()
    fresh("run", "--detach", "--keep", "--name", "life", "shell", work)
    fresh("exec", "life", "sh", "-c", "echo kept > ~/kept; sync")
    return fresh


def survives(tool):
    """The sandbox can be started again and its files are there."""
    assert tool.out("exec", "life", "cat", "/home/agent/kept") == "kept"


def test_two_runs_at_the_same_moment(fresh):
    work = fresh.home / "work/twice"
    work.mkdir()
    runs = [fresh.spawn("run", "shell", work, "--", "-c", "hostname", stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE) for _ in range(2)]
    names = [run.communicate(timeout=120)[0].strip() for run in runs]
    assert [run.returncode for run in runs] == [0, 0] and names == ["shell-twice"] * 2
    assert len(fresh.sandboxes()) == 1


@pytest.mark.parametrize("role", ["vmm", "vsock", "share0", "keeper"])
def test_killed_process_ends_the_run_and_loses_nothing(running, role):
    pids = running.pids("life")
    kill(pids[role])
    for pid in pids.values():
        wait_gone(pid)
    wait_for("stopped", lambda: running.state_of("life") == "stopped")
    survives(running)


def test_killed_daemon_finds_the_running_vm_again(running):
    status = json.loads(running.out("daemon", "status", "--json"))
    before = running.pids("life")
    session = running.spawn("exec", "-i", "life", "sh", "-c", "read line; echo got $line",
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    wait_for("the session", lambda: running.inspect("life")["streams"] == 1)
    kill(status["pid"])
    assert running.state_of("life") == "running"
    assert running.pids("life") == before
    assert session.communicate("on\n", timeout=60)[0] == "got on\n"
    survives(running)


def test_host_reboot(running):
    """All processes gone at once; the state directory is what a disk would hold."""
    for pid in list(running.processes()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_for("nothing runs", lambda: not running.processes())
    assert running.state_of("life") == "stopped"
    survives(running)


def test_stopped_keeper_blocks_nobody(running):
    pids = running.pids("life")
    os.kill(pids["keeper"], signal.SIGSTOP)
    assert "life" in running.out("ls", timeout=10)
    running("rm", "-f", "life", timeout=30)
    for pid in pids.values():
        wait_gone(pid)


def test_stopped_guest_blocks_nobody(running):
    pids = running.pids("life")
    os.kill(pids["vmm"], signal.SIGSTOP)
    assert "running" in running.out("ls", timeout=10)
    running("stop", "life", timeout=30)
    assert running.state_of("life") == "stopped"
    survives(running)


def namespaces():
    found = set()
    for path in pathlib.Path("/proc").glob("[0-9]*/ns/*"):
        try:
            found.add(os.readlink(path))
        except OSError:
            pass
    return found


def test_rm_leaves_nothing(fresh):
    work = fresh.home / "work/gone"
    work.mkdir()
    fresh("ls")
    mounts = pathlib.Path("/proc/mounts").read_text()
    processes, spaces = set(fresh.processes()), namespaces()
    files = {str(p) for p in fresh.state.rglob("*") if not p.name.startswith("sbx.db-")}
    fresh("run", "--name", "gone", "shell", work, "--", "-c", "touch made")
    assert set(fresh.processes()) > processes
    fresh("rm", "-f", "gone")
    wait_for("its processes gone", lambda: set(fresh.processes()) == processes)
    assert pathlib.Path("/proc/mounts").read_text() == mounts
    assert {str(p) for p in fresh.state.rglob("*") if not p.name.startswith("sbx.db-")} == files
    wait_for("its namespaces gone", lambda: namespaces() <= spaces)
    assert os.listdir(work) == ["made"]


def test_rm_refuses_an_open_session(running):
    session = running.spawn("exec", "-i", "life", "cat", stdin=subprocess.PIPE,
                            stdout=subprocess.DEVNULL)
    wait_for("the session", lambda: running.inspect("life")["streams"] == 1)
    done = running("rm", "life", check=False)
    assert done.returncode == 1 and "session" in done.stderr
    running("rm", "-f", "life")
    assert session.wait(30) != 0


def test_rm_during_a_boot(fresh):
    work = fresh.home / "work/early"
    work.mkdir()
    fresh("create", "--name", "early", "shell", work)
    run = fresh.spawn("exec", "early", "true", stderr=subprocess.PIPE)
    wait_for("the boot", lambda: fresh.state_of("early") == "starting")
    fresh("rm", "-f", "early", timeout=20)
    assert run.wait(60) == 125
    assert not fresh.sandboxes()


def test_idle_vm_stops(fresh):
    work = fresh.home / "work/idle"
    work.mkdir()
    body = json.dumps({"name": "idle", "agent": "shell", "idle_timeout_s": 1,
                       "workspaces": [{"path": str(work), "readonly": False}]})
    fresh("ls")
    subprocess.run(["curl", "-sf", "--unix-socket", fresh.state / "sbxd.sock", "-d", body,
                    "http://sbx/v1/sandboxes"], check=True, stdout=subprocess.DEVNULL)
    fresh("exec", "idle", "true")
    wait_for("the idle stop", lambda: fresh.state_of("idle") == "stopped")
    assert fresh.inspect("idle")["last_exit"]["reason"] == "idle"
    fresh("exec", "-d", "idle", "sleep", "600")
    wait_for("a detached session", lambda: fresh.inspect("idle")["detached"] == 1)
    gate = threading.Event()
    assert not gate.wait(3) and fresh.state_of("idle") == "running"


def test_a_guest_that_never_boots(fresh):
    """A disk that is no file system: the boot ends with the console's last lines."""
    work = fresh.home / "work/broken"
    work.mkdir()
    fresh("create", "--name", "broken", "shell", work)
    disk = fresh.directory("broken") / "disk.img"
    with disk.open("r+b") as file:
        file.write(bytes(1 << 20))
    done = fresh("exec", "broken", "true", check=False)
    assert done.returncode == 125 and "disk" in done.stderr
    assert fresh.state_of("broken") == "stopped"


def test_disk_full(fresh):
    """The state directory on a file system that is full: create fails and leaves nothing."""
    if os.getuid() != 0:
        pytest.skip("needs root to mount a small file system")
    fresh("ls")
    fresh("daemon", "stop")
    small = fresh.home / "state"
    shutil.rmtree(small)
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small], check=True)
    try:
        work = fresh.home / "work/full"
        work.mkdir()
        fresh("ls")
        free = os.statvfs(small)
        (small / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - (64 << 10)))
        done = fresh("create", "--name", "full", "shell", work, check=False)
        assert done.returncode == 1 and "space" in done.stderr, done
        assert not fresh.sandboxes() and os.listdir(fresh.state / "sandboxes") == []
        (small / "filler").unlink()
    finally:
        fresh("daemon", "stop", check=False)
        wait_for("no process", lambda: not fresh.processes())
        subprocess.run(["umount", small], check=True)


def test_prune(fresh):
    for name in ("one", "two"):
        (fresh.home / "work" / name).mkdir()
        fresh("create", "--name", name + "-box", "shell", fresh.home / "work" / name)
    assert "one-box" in fresh.out("prune", "--dry-run") and len(fresh.sandboxes()) == 2
    fresh("prune", "-f")
    assert not fresh.sandboxes()
