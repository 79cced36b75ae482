# SPDX-License-Identifier: Apache-2.0
"""Another Debian release on this machine: a root made by mmdebstrap and entered by pivot_root in a
mount namespace (in a plain chroot the kernel forbids user namespaces)."""
import pathlib
import re
import subprocess

ENTER = r"""
set -e
root=$1; script=$2
mount --bind "$root" "$root"
mount --make-rprivate /
cd "$root"
mkdir -p proc sys dev run tmp .old
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
mount -t tmpfs tmpfs run
pivot_root . .old
cd /
umount -l /.old
exec bash "$script"
"""


def mirror():
    """URI of this machine's Debian mirror."""
    lines = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)",
         "Created-By: Packages"], check=True, capture_output=True, text=True).stdout.splitlines()
    return next(line.split("|")[2] for line in lines if line.startswith("Debian|Debian|"))


def dependencies(top):
    """Package names of packaging/deps.txt."""
    lines = (top / "packaging/deps.txt").read_text().splitlines()
    return [re.split(r"\s+", line)[0] for line in lines if line and not line.startswith("#")]


def make(root, suite, packages):
    subprocess.run(["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}", suite,
                    str(root), mirror()], check=True, capture_output=True)


def run(root, script, timeout=1800):
    """Runs a bash script as root in the tree, in mount and pid namespaces of its own."""
    (pathlib.Path(root) / "script").write_text(script)
    return subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", ENTER, "enter",
         str(root), "/script"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        errors="replace", timeout=timeout, check=False)
