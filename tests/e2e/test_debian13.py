# SPDX-License-Identifier: Apache-2.0
"""The Debian package is built, installed and run on Debian 13, with its QEMU and its virtiofsd."""
import os
import pathlib
import shutil
import subprocess

import pytest

import debian_root

TOP = pathlib.Path(os.environ.get("SBX_TEST_SOURCE", pathlib.Path(__file__).parents[2]))
SCRIPT = r"""
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
cd /src
packaging/make-deb build >/dev/null
dpkg -i build/sbx_*.deb >/dev/null
useradd -m user 2>/dev/null || true
install -d -o user /home/user/project
cat > /home/user/try <<'X'
set -e
cd ~/project
sbx version
sbx run --memory 1g shell -- -c 'echo guest kernel $(uname -r); touch made; sudo touch by-root'
stat -c '%U %n' made by-root
sbx inspect --json shell-project | grep '"accel"'
sbx rm -f shell-project
sbx daemon stop
X
runuser -l user -c 'SBX_IMAGE_STORE=/images bash ~/try'
man -w sbx-run
dpkg --purge sbx >/dev/null
find /usr /etc /var ! -path '/var/lib/dpkg/*' -name '*sbx*' -printf 'left: %p\n'
"""


def not_source(directory, names):
    """Names in the source tree that are no source: git and build directories."""
    top = pathlib.Path(directory) == TOP
    return [name for name in names if top and (name == ".git" or name.startswith("build"))]


@pytest.mark.full
@pytest.mark.root
def test_package_installs_and_runs(sbx, tmp_path_factory):
    root = pathlib.Path(tmp_path_factory.mktemp("debian13")) / "root"
    packages = debian_root.dependencies(TOP) + ["man-db"]
    debian_root.make(root, "trixie", packages)
    shutil.copytree(TOP, root / "src", ignore=not_source)
    store = os.environ.get("SBX_IMAGE_STORE", pathlib.Path.home() / ".cache/sbx/images")
    subprocess.run(["cp", "-a", store, root / "images"], check=True)
    subprocess.run(["chmod", "-R", "a+rX", root / "images"], check=True)
    done = debian_root.run(root, SCRIPT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "guest kernel 6." in done.stdout
    assert "user made" in done.stdout and "user by-root" in done.stdout
    assert "left: " not in done.stdout
