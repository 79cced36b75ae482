# SPDX-License-Identifier: Apache-2.0
"""Crash safety: a build with a named kill point before and after each rename, commit, spawn and
transition. Each point is armed in turn, the whole life of a sandbox is walked, the process that
reaches the point kills itself, the step is tried again, and in the end nothing may be lost,
orphaned or left over. A point that is never reached fails."""
import os
import pathlib
import re

import pytest

from conftest import Sbx, close, make_home, wait_for

FAULT_BIN = os.environ.get("SBX_TEST_FAULT_BIN", "build-fault/bin")
HEADER = pathlib.Path(__file__).resolve().parents[2] / "src/common/fault.h"
ALL = re.findall(r'X\(\w+,\s*"([a-z.-]+)"\)', HEADER.read_text())
# Those of the image store have a walk of their own: test_image_store.py.
POINTS = [point for point in ALL if not point.startswith("image.")]


class Life:
    """Walks the life of one sandbox; a step that the kill broke is tried again."""

    def __init__(self, tool, armed):
        self.tool, self.armed = tool, armed
        self.work = tool.home / "work/life"
        self.work.mkdir(exist_ok=True)

    def step(self, *words, expect=None, done=lambda: False):
        for _ in range(3):
            result = self.tool(*words, check=False)
            if result.returncode == 0:
                if expect is not None:
                    assert result.stdout.strip() == expect, (words, result)
                return
            assert not self.armed.exists(), (words, result.stderr)
            if done():
                return
        raise AssertionError(f"{words}: {result.returncode} {result.stdout} {result.stderr}")

    def names(self):
        return self.tool.out("ls", "-q").split()

    def walk(self, boots):
        self.step("create", "--name", "life", "shell", self.work,
                  done=lambda: "life" in self.names())
        if boots > 0:
            self.step("exec", "life", "sh", "-c", "echo kept > ~/kept; sync")
        if boots > 1:
            self.step("stop", "life")
            wait_for("stopped", lambda: self.tool.state_of("life") == "stopped")
            self.step("exec", "life", "cat", "/home/agent/kept", expect="kept")
        self.step("rm", "-f", "life", done=lambda: "life" not in self.names())


def boots_for(point):
    """How often the VM has to boot to reach the point and to see that nothing was lost there."""
    if point.startswith("daemon.remove.") and not point.endswith("-kill"):
        return 0
    return 1 if point.startswith(("daemon.create.", "daemon.remove.", "registry.", "schema.")) else 2


def check_nothing_left(tool):
    assert not tool.sandboxes()
    wait_for("no process but the daemon",
             lambda: all("sbxd" in command.split()[0] for command in tool.processes().values()))
    assert os.listdir(tool.state / "sandboxes") == []
    assert not [path for path in tool.state.rglob(".*.new")]


@pytest.mark.parametrize("point", POINTS)
def test_kill_point(sbx, point):
    home = make_home()
    armed = home / "armed"
    tool = Sbx(pathlib.Path(FAULT_BIN).resolve(), home, {"SBX_FAULT_FILE": str(armed)})
    try:
        armed.write_text(point)
        Life(tool, armed).walk(boots_for(point))
        assert not armed.exists(), f"{point} was never reached"
        check_nothing_left(tool)
    finally:
        armed.unlink(missing_ok=True)
        close(tool)


def test_points_come_in_pairs():
    """Before and after; and each part that changes state has some."""
    print(f"{len(ALL)} kill points")
    for point in ALL:
        part, _, rest = point.rpartition(".")
        other = rest.replace("before-", "after-") if "before-" in rest else \
            rest.replace("after-", "before-")
        assert f"{part}.{other}" in ALL, f"{point} has no counterpart"
    assert {"daemon", "image", "keeper", "registry", "replace"} <= {
        point.split(".")[0] for point in ALL}
