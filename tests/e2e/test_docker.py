# SPDX-License-Identifier: Apache-2.0
"""The private engine: build, run and compose work inside and stay inside."""
import pathlib
import shutil
import subprocess

import pytest

COMPOSE = """
services:
  server:
    image: tiny
    command: ["sh", "-c", "mkdir /www; echo from-server > /www/index.html; exec httpd -f -p 8000 -h /www"]
  client:
    image: tiny
    depends_on: [server]
    command: ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc server 8000 | grep from-server && exit 0; sleep 1; done; exit 1"]
"""


@pytest.fixture(scope="module")
def engine(sbx):
    """A sandbox with a root tarball and a Dockerfile in its workspace."""
    work = sbx.home / "work/engine"
    work.mkdir()
    root = work / "root"
    (root / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for applet in ("sh", "cat", "echo", "httpd", "nc", "sleep", "mkdir", "grep", "printf", "touch"):
        (root / "bin" / applet).symlink_to("busybox")
    subprocess.run(["tar", "-C", root, "-cf", work / "root.tar", "."], check=True)
    shutil.rmtree(root)
    (work / "Dockerfile").write_text(
        "FROM scratch\nADD root.tar /\nRUN echo built > /built\nCMD [\"cat\", \"/built\"]\n")
    (work / "compose.yaml").write_text(COMPOSE)
    sbx("run", "--detach", "--keep", "--name", "engine", "shell", work)
    yield lambda script, **options: sbx.out("exec", "engine", "sh", "-c", script, **options)
    sbx("rm", "-f", "engine")


def test_build_and_run(engine):
    engine("docker build -q -t tiny . 2>&1", timeout=400)
    assert engine("docker run --rm tiny", timeout=300) == "built"
    assert engine("docker run --rm -v $PWD:/w tiny touch /w/from-container; ls from-container",
                  timeout=300) == "from-container"


def test_services_reach_each_other_by_name(engine):
    out = engine("docker compose up --abort-on-container-exit --exit-code-from client 2>&1",
                 timeout=400)
    assert "from-server" in out


def test_the_engine_is_not_the_hosts(engine):
    inside = engine("docker info --format '{{.ID}}'", timeout=300)
    assert len(inside) > 10
    engine("docker run -d --name only-inside tiny sleep 600", timeout=300)
    if shutil.which("docker") and pathlib.Path("/var/run/docker.sock").exists():
        outside = subprocess.run(["docker", "info", "--format", "{{.ID}}"], capture_output=True,
                                 text=True, check=False).stdout.strip()
        assert outside != inside
    found = subprocess.run(["pgrep", "-af", "sleep 600"], capture_output=True, text=True,
                           check=False).stdout
    assert "sleep 600" not in found


def test_images_survive_a_stop(sbx, engine):
    sbx("stop", "engine")
    assert "tiny" in engine("docker image ls", timeout=300)
