# SPDX-License-Identifier: Apache-2.0
"""The real agents from the npm registry, in the VM."""
import json
import re

import pexpect
import pytest

AGENTS = {"claude": "claude", "codex": "codex", "gemini": "gemini", "copilot": "copilot",
          "opencode": "opencode"}


def has_layer(sbx, agent):
    images = json.loads(sbx.out("image", "ls", "--json"))["images"]
    return any(image.get("agent") == agent for image in images)


@pytest.fixture()
def agent_box(sbx, request):
    agent = request.param
    if not has_layer(sbx, agent):
        sbx("image", "build", agent, timeout=900)
    work = sbx.home / "work" / f"agent-{agent}"
    work.mkdir(exist_ok=True)
    sbx("create", "--name", f"agent-{agent}", agent, work)
    yield agent
    sbx("rm", "-f", f"agent-{agent}")


@pytest.mark.parametrize("agent_box", [
    "claude", *(pytest.param(agent, marks=pytest.mark.full) for agent in AGENTS
                if agent != "claude")], indirect=True)
def test_answers_version(sbx, agent_box):
    out = sbx.out("exec", f"agent-{agent_box}", AGENTS[agent_box], "--version", timeout=600)
    assert re.search(r"\d+\.\d+\.\d+", out), out


@pytest.mark.parametrize("agent_box", ["claude"], indirect=True)
def test_first_screen_of_claude_code(sbx, agent_box):
    terminal = pexpect.spawn(str(sbx.bin / "sbx"), ["run", "--name", "agent-claude"],
                             env=dict(sbx.env, TERM="xterm-256color"), timeout=300,
                             encoding="utf-8", dimensions=(40, 120))
    terminal.expect(r"Claude.{0,20}Code|Welcome|theme|bypass")
    terminal.send("\x10\x11")
    terminal.expect(pexpect.EOF)
