# SPDX-License-Identifier: Apache-2.0
"""A real C project in the workspace: a Debian source package with a test suite builds and passes
the same number of its tests in the guest as on the host."""
import re
import subprocess

import pytest

STEPS = """./configure --disable-dependency-tracking --disable-shared >/dev/null &&
  make -j2 >/dev/null 2>&1
make -j2 check >/dev/null 2>&1; cat test/run-suites.log"""


def counts(output):
    """Suite → number of tests that passed: its runner prints a dot for each."""
    return {name: len(dots) for name, dots in
            re.findall(r"^Suite: (\S+)\n(\.+)$", output, re.M)}


def fetch(directory, package):
    """Downloads a source package by the machine's own apt configuration, as any user."""
    (directory / "lists/partial").mkdir(parents=True)
    (directory / "cache/archives/partial").mkdir(parents=True)
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format",
         "$(ORIGIN)|deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
         " $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        check=True, capture_output=True, text=True).stdout.splitlines()
    lines = sorted({line.removeprefix("Debian|") for line in targets
                    if line.startswith("Debian|")})
    (directory / "sources.list").write_text("\n".join(lines) + "\n")
    apt = ["apt-get", "-o", f"Dir::Etc::sourcelist={directory}/sources.list",
           "-o", "Dir::Etc::sourceparts=/dev/null", "-o", f"Dir::State::lists={directory}/lists",
           "-o", f"Dir::Cache={directory}/cache", "-o", "APT::Sandbox::User=",
           "-o", "Debug::NoLocking=1", "-qq"]
    subprocess.run([*apt, "update"], check=True, cwd=directory, capture_output=True)
    subprocess.run([*apt, "source", "--download-only", package], check=True, cwd=directory,
                   capture_output=True)
    return next(directory.glob(f"{package}_*.orig.tar.*"))


@pytest.fixture(scope="module")
def source(sbx, tmp_path_factory):
    work = sbx.home / "work/package"
    work.mkdir()
    archive = fetch(tmp_path_factory.mktemp("apt"), "jansson")
    (work / "host").mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", work / "host", "--strip-components=1"],
                   check=True)
    subprocess.run(["autoreconf", "-fi"], cwd=work / "host", check=True, capture_output=True)
    subprocess.run(["cp", "-a", work / "host", work / "guest"], check=True)
    return work


@pytest.mark.full
def test_same_results_as_on_the_host(sbx, source):
    host = subprocess.run(STEPS, shell=True, cwd=source / "host", capture_output=True, text=True,
                          check=False).stdout
    assert sum(counts(host).values()) > 100, host
    guest = sbx.out("run", "--name", "package", "shell", source / "guest", "--", "-c", STEPS,
                    timeout=900)
    sbx("rm", "-f", "package")
    assert counts(guest) == counts(host)
