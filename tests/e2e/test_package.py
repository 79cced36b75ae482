# SPDX-License-Identifier: Apache-2.0
"""A real C project in the workspace: a Debian source package with a test suite builds and passes
the same number of its tests in the guest as on the host."""
import re
import subprocess

import pytest

STEPS = "./configure --disable-dependency-tracking >/dev/null && make >/dev/null 2>&1 && make check 2>&1"


def counts(output):
    """The totals automake prints, suite by suite."""
    return re.findall(r"^# (TOTAL|PASS|FAIL|ERROR|SKIP): +(\d+)", output, re.M)


@pytest.fixture(scope="module")
def source(sbx):
    work = sbx.home / "work/package"
    work.mkdir()
    got = subprocess.run(
        "apt-get source --only-source --download-only jansson 2>&1", shell=True, cwd=work,
        capture_output=True, text=True, check=False)
    archives = list(work.glob("jansson_*.orig.tar.*"))
    if not archives:
        pytest.skip("no source packages in this machine's apt configuration: " + got.stdout[-200:])
    for name in ("host", "guest"):
        (work / name).mkdir()
        subprocess.run(["tar", "-xf", archives[0], "-C", work / name, "--strip-components=1"],
                       check=True)
    return work


def test_same_results_as_on_the_host(sbx, source):
    host = subprocess.run(STEPS, shell=True, cwd=source / "host", capture_output=True, text=True,
                          check=False).stdout
    assert counts(host)
    guest = sbx.out("run", "--name", "package", "shell", source / "guest", "--", "-c", STEPS,
                    timeout=900)
    sbx("rm", "-f", "package")
    assert counts(guest) == counts(host)
