# SPDX-License-Identifier: Apache-2.0
"""The image store at its kill points, by a layer of a package made here: no registry is needed."""
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest

FAULT_BIN = pathlib.Path(os.environ.get("SBX_TEST_FAULT_BIN", "build-fault/bin")).resolve()
HEADER = pathlib.Path(__file__).resolve().parents[2] / "src/common/fault.h"
POINTS = re.findall(r'X\(\w+,\s*"(image\.[a-z-]+)"\)', HEADER.read_text())

SCRIPT = """#!/usr/bin/env node
let seen = [];
try { seen = Object.keys(require("os").networkInterfaces()); } catch { /* not even the question */ }
console.log("hello 1.0.%d", seen.length ? "network" : "alone");
"""


def make_package(path, patch):
    """Its script fails if it can see this directory or write to the system."""
    package = {"name": "sbx-hello", "version": f"1.0.{patch}", "bin": {"hello": "hello.js"},
               "scripts": {"postinstall": f"! test -e {path} && ! touch /usr/x && touch done"}}
    with tarfile.open(path, "w:gz") as archive:
        for name, text, mode in (("package.json", json.dumps(package), 0o644),
                                 ("hello.js", SCRIPT % patch, 0o755)):
            info = tarfile.TarInfo(f"package/{name}")
            info.size, info.mode = len(text), mode
            archive.addfile(info, io.BytesIO(text.encode()))


class Image:
    """sbx-image of the fault build with agents and a store of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.armed = directory / "armed"
        self.package = directory / "hello.tgz"
        (directory / "bin").mkdir()
        (directory / "agents").mkdir()
        programs = [FAULT_BIN / "sbx-image", FAULT_BIN.parent / "libexec/sbx/sbx-image"]
        shutil.copy(next(path for path in programs if path.exists()), directory / "bin")
        (directory / "agents/hello.yaml").write_text(
            f"name: hello\ndescription: d\npackage: {self.package}\ncommand: hello\n"
            "files:\n  - path: .hello\n    content: hi\n")
        self.store = directory / "cache/sbx/images"

    def __call__(self, *words):
        environment = dict(os.environ, XDG_CACHE_HOME=str(self.directory / "cache"),
                           SBX_FAULT_FILE=str(self.armed), SBX_IMAGE_STORE="/nonexistent")
        result = subprocess.run([self.directory / "bin/sbx-image", *words], env=environment,
                                stdout=subprocess.PIPE, text=True, timeout=120, check=False)
        return result.returncode, [json.loads(line) for line in result.stdout.splitlines()]

    def images(self):
        return self("ls")[1]

    def check(self):
        """Whatever happened: all that has a name is whole, and `current` names nothing else."""
        for image in self.images():
            assert (pathlib.Path(image["directory"]) / "layer.erofs").stat().st_size > 0
        current = self.store / "agents/hello/current"
        assert not current.is_symlink() or current.exists()


@pytest.fixture
def image(tmp_path):
    if not shutil.which("npm"):
        pytest.skip("needs npm")
    return Image(tmp_path)


def test_there_are_points():
    assert len(POINTS) >= 6
    for point in POINTS:
        assert point.replace("before", "after") in POINTS


@pytest.mark.parametrize("point", POINTS)
def test_kill_point(image, point):
    make_package(image.package, 1)
    status, lines = image("build", "hello")
    assert status == 0, lines
    first = lines[-1]["result"]
    assert first["version"] == "1.0.1" and first["says"] == "hello 1.0.1 alone"

    image.armed.write_text(point)
    make_package(image.package, 2)
    status, lines = image("build", "hello")
    image.check()
    if status != 0:
        assert not image.armed.exists() and "error" not in lines[-1]
        status, lines = image("build", "hello")
    assert status == 0 and lines[-1]["result"]["version"] == "1.0.2"
    assert [entry["version"] for entry in image.images() if entry["current"]] == ["1.0.2"]

    for entry in image.images():
        status, lines = image("rm", entry["digest"])
        image.check()
        if status != 0 and entry["digest"] in [left["digest"] for left in image.images()]:
            assert image("rm", entry["digest"])[0] == 0
    assert image.images() == []
    assert not image.armed.exists(), f"{point} was never reached"
    # What a kill left is the next builder's to remove.
    assert image("build", "hello")[0] == 0
    assert not (image.store / "tmp").exists()


def test_same_content_is_the_same_image(image):
    make_package(image.package, 1)
    digests = {image("build", "hello")[1][-1]["result"]["digest"] for _ in range(2)}
    assert len(digests) == 1 and len(image.images()) == 1
