# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: the staged programs, directories of their own, one sandbox.

SBX_TEST_BIN names the directory of the installed `sbx`. State lives in a temporary directory, the
image cache is the user's own (an image takes minutes to build).
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

BIN = pathlib.Path(os.environ.get("SBX_TEST_BIN", "build/bin")).resolve()
DEADLINE = 180


class Sbx:
    """Runs `sbx` with a state directory of its own."""

    def __init__(self, bindir, home, extra=None):
        self.bin = bindir
        self.home = home
        self.state = home / "state/sbx"
        self.env = dict(os.environ, XDG_STATE_HOME=str(home / "state"),
                        XDG_CONFIG_HOME=str(home / "config"), **(extra or {}))

    def __call__(self, *words, check=True, timeout=DEADLINE, **options):
        """Runs a command; returns the completed process with text output."""
        options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
        if "input" in options:
            del options["stdin"]
        options.setdefault("text", True)
        done = subprocess.run([self.bin / "sbx", *map(str, words)], env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              check=False, **options)
        if check and done.returncode:
            raise AssertionError(f"sbx {' '.join(map(str, words))}: exit {done.returncode}\n"
                                 f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done

    def out(self, *words, **options):
        return self(*words, **options).stdout.strip()

    def spawn(self, *words, **options):
        """Starts a command in the background."""
        return subprocess.Popen([self.bin / "sbx", *map(str, words)], env=self.env, text=True,
                                **options)

    def sandboxes(self):
        return json.loads(self.out("ls", "--json"))["sandboxes"]

    def inspect(self, name):
        return json.loads(self.out("inspect", "--json", name))

    def state_of(self, name):
        return next(box["state"] for box in self.sandboxes() if box["name"] == name)

    def directory(self, name):
        return self.state / "sandboxes" / self.inspect(name)["id"]

    def processes(self):
        """pid → command line of every process that works on this state directory: its daemon,
        its keepers, and all descendants of them."""
        parents, commands = {}, {}
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                stat = (path / "stat").read_text()
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1")
                environ = (path / "environ").read_bytes() if os.access(path / "environ", os.R_OK) \
                    else b""
            except OSError:
                continue
            pid = int(path.name)
            parents[pid] = int(stat.rpartition(")")[2].split()[1])
            if stat.rpartition(")")[2].split()[0] == "Z":
                continue
            ours = str(self.state) in command or \
                f"XDG_STATE_HOME={self.home / 'state'}".encode() in environ
            if ours and command.split(" ")[0].rpartition("/")[2].startswith(("sbxd", "sbx-")):
                commands[pid] = command
        grown = True
        while grown:
            grown = False
            for pid, parent in parents.items():
                if parent in commands and pid not in commands:
                    try:
                        commands[pid] = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(
                            b"\0", b" ").decode("latin-1")
                        grown = True
                    except OSError:
                        pass
        return commands

    def pids(self, name):
        """Role → pid of a running sandbox's processes."""
        return self.inspect(name)["inspect"]["pids"]


def wait_for(what, condition, timeout=60):
    """Polls a condition that no event tells of; fails with its name after the deadline."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s for: {what}")
        time.sleep(0.05)


def wait_gone(pid, timeout=30):
    """Waits for a process to end, by its pidfd."""
    import select
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], timeout)[0], f"process {pid} still lives"
    finally:
        os.close(descriptor)


def make_home():
    home = pathlib.Path(tempfile.mkdtemp(prefix="sbx-e2e-"))
    (home / "work").mkdir()
    return home


def close(tool):
    tool("rm", "--all", "-f", check=False)
    tool("daemon", "stop", check=False)
    left = wait_for("all processes to be gone", lambda: not tool.processes() or None)
    assert left
    shutil.rmtree(tool.home, ignore_errors=True)


@pytest.fixture(scope="session")
def sbx():
    """The tool, shared by all tests; the base image is built when missing."""
    tool = Sbx(BIN, make_home())
    images = json.loads(tool.out("image", "ls", "--json"))["images"]
    if not any(image["kind"] == "base" for image in images):
        tool("image", "build", timeout=1500)
    yield tool
    close(tool)


@pytest.fixture()
def fresh(sbx):
    """A tool with an empty state directory and a daemon of its own."""
    tool = Sbx(BIN, make_home())
    yield tool
    close(tool)


@pytest.fixture(scope="session")
def box(sbx):
    """One running sandbox on a workspace of its own, for tests that change nothing for others."""
    work = sbx.home / "work" / "shared"
    work.mkdir()
    sbx("create", "--name", "shared", "shell", work)
    sbx("run", "--detach", "--keep", "--name", "shared")

    class Box:
        name = "shared"
        path = work

        def sh(self, script, **options):
            return sbx.out("exec", self.name, "sh", "-c", script, **options)

    return Box()


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
