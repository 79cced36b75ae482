# SPDX-License-Identifier: Apache-2.0
"""What a sandbox no longer uses goes back to the host: memory and disk blocks."""
import pathlib

import pytest

from conftest import wait_for


@pytest.fixture(scope="module")
def roomy(sbx):
    work = sbx.home / "work/roomy"
    work.mkdir()
    sbx("run", "--detach", "--keep", "--name", "roomy", "--memory", "2g", "shell", work)
    yield lambda script: sbx.out("exec", "-u", "root", "roomy", "sh", "-c", script, timeout=300)
    sbx("rm", "-f", "roomy")


def test_freed_memory_goes_back(sbx, roomy):
    """By free page reporting; the guest's memory is shared, so it counts as RssShmem."""
    status = pathlib.Path(f"/proc/{sbx.pids('roomy')['vmm']}/status")

    def resident():
        line = next(line for line in status.read_text().splitlines() if line.startswith("RssShmem"))
        return int(line.split()[1]) // 1024

    before = resident()
    roomy("python3 -c 'x = bytearray(b\"x\" * (600 << 20)); open(\"/tmp/up\", \"w\").write(\"1\")'")
    wait_for("the memory of 600 MB to go back", lambda: resident() < before + 200, timeout=120)


def test_deleted_files_free_the_hosts_disk(sbx, roomy):
    disk = sbx.directory("roomy") / "disk.img"

    def used():
        return disk.stat().st_blocks * 512 >> 20

    before = used()
    roomy("head -c 300000000 /dev/urandom > /big; sync")
    assert used() > before + 250
    roomy("rm /big; sync")
    wait_for("the blocks of 300 MB to go back", lambda: used() < before + 50, timeout=120)
