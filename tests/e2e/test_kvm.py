# SPDX-License-Identifier: Apache-2.0
"""The KVM path, in a host whose AMD-V is emulated."""
import os
import pathlib

import pytest

import kvm_host
from conftest import BIN

SCRIPT = """
export HOME=/run/home PATH=/usr/sbin:/usr/bin:/sbin:/bin {image}
mkdir -p /run/home/work && cd /run/home/work
{bin}/sbx run --name nested --memory 1g --cpus 1 shell -- -c \
  'echo guest kernel $(uname -r); grep -o "KVMKVMKVM\\|hypervisor" /proc/cpuinfo | sort -u;
   touch made; sudo dmesg | grep -i "hypervisor detected"'
echo "run: $?"
{bin}/sbx inspect --json nested | grep '"accel"'
ls /run/home/work
{bin}/sbx rm -f nested
{bin}/sbx daemon stop
"""


@pytest.mark.root
def test_boots_under_kvm(tmp_path):
    store = os.environ.get("SBX_IMAGE_STORE")
    image = f"SBX_IMAGE_STORE={store}" if store else f"XDG_CACHE_HOME={pathlib.Path.home()}/.cache"
    output = kvm_host.run(tmp_path, SCRIPT.format(bin=BIN, image=image))
    assert "guest kernel 6." in output, output
    assert "Hypervisor detected: KVM" in output, output
    assert '"accel": "kvm"' in output or '"accel":"kvm"' in output, output
    assert "run: 0" in output and "\nmade\n" in output, output
