# SPDX-License-Identifier: Apache-2.0
"""A host with KVM on a machine that has none: QEMU emulates AMD-V, Debian's own cloud kernel of
this release boots on it, and its root is this machine's root, read-only over virtio-fs, below a
tmpfs. What runs in it finds a real /dev/kvm with nested paging.
"""
import pathlib
import re
import shutil
import socket
import subprocess

INIT = r"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /lower /tmpfs /root
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in $(cat /modules.order); do insmod "/modules/$module.ko"; done
mount -t virtiofs root /lower
mount -t tmpfs -o size=80% tmpfs /tmpfs; mkdir /tmpfs/upper /tmpfs/work
mount -t overlay -o lowerdir=/lower,upperdir=/tmpfs/upper,workdir=/tmpfs/work overlay /root
for dir in proc sys dev; do mount --move "/$dir" "/root/$dir"; done
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts devpts /root/dev/pts; mount -t tmpfs tmpfs /root/dev/shm
mount -t tmpfs tmpfs /root/run
chmod 1777 /root/dev/shm; ln -s /proc/self/fd /root/dev/fd
ip link set lo up
cp /script /bin/busybox /root/run
# Moved over /, not just chroot: in a chroot the kernel forbids user namespaces.
cd /root && mount --move . / && exec chroot . /bin/bash -c '
bash /run/script; echo "exit status: $?"; exec /run/busybox poweroff -f'
"""
MODULES = ["virtio_pci", "virtiofs", "overlay", "kvm-amd"]


def kernel(directory):
    """Debian's cloud kernel, unpacked from its package. Returns (vmlinuz, modules directory)."""
    depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], check=True,
                             capture_output=True, text=True).stdout
    package = re.search(r"Depends: (linux-image-\d\S+)", depends).group(1)
    subprocess.run(["apt-get", "download", package], cwd=directory, check=True,
                   capture_output=True)
    subprocess.run(["dpkg", "-x", next(directory.glob("linux-image-*.deb")), directory / "k"],
                   check=True)
    modules = next((directory / "k").glob("**/lib/modules/*"))
    root = modules.parent.parent.parent
    subprocess.run(["depmod", "-b", root, modules.name], check=True)
    return next((directory / "k/boot").glob("vmlinuz-*")), modules


def ordered(modules):
    """Paths of the wanted modules, dependencies first."""
    wanted = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, needs = line.partition(":")
        wanted[re.sub(r"\.ko.*", "", path.rpartition("/")[2])] = [path, *reversed(needs.split())]
    order = []
    for name in MODULES:
        for path in [*wanted.get(name, [])[1:], *wanted.get(name, [])[:1]]:
            if path not in order:
                order.append(path)
    return [modules / path for path in order]


def initramfs(directory, modules, script):
    root = directory / "initramfs"
    (root / "modules").mkdir(parents=True)
    (root / "bin").mkdir()
    names = []
    for path in ordered(modules):
        name = path.name.split(".ko")[0]
        target = root / "modules" / (name + ".ko")
        if path.suffix == ".xz":
            target.write_bytes(subprocess.run(["xz", "-dc", path], check=True,
                                              capture_output=True).stdout)
        else:
            shutil.copy(path, target)
        names.append(name)
    (root / "modules.order").write_text("\n".join(names) + "\n")
    shutil.copy("/bin/busybox", root / "bin/busybox")
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    (root / "script").write_text(script)
    archive = directory / "initramfs.cpio"
    subprocess.run(f"cd {root} && find . | cpio -o -H newc --quiet > {archive}", shell=True,
                   check=True)
    return archive


def file_server(source, path):
    """virtiofsd, listening at path."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    old = pathlib.Path("/usr/lib/qemu/virtiofsd")
    if old.exists():
        command = [old, f"--fd={listener.fileno()}", "-o", f"source={source}",
                   "-o", "cache=always,sandbox=chroot"]
    else:
        command = ["/usr/libexec/virtiofsd", f"--fd={listener.fileno()}", "--shared-dir", source,
                   "--cache=always"]
    with listener:
        return subprocess.Popen(command, pass_fds=[listener.fileno()],
                                stderr=subprocess.DEVNULL)


def run(directory, script, memory=6144, timeout=600):
    """Boots the host, runs the bash script in it as root, and returns its console output."""
    vmlinuz, modules = kernel(directory)
    server = file_server("/", directory / "root.sock")
    command = [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,+svm", "-smp", "2",
        "-M", "q35", "-m", str(memory), "-nodefaults", "-no-user-config", "-display", "none",
        "-no-reboot", "-serial", "file:/dev/stdout", "-kernel", vmlinuz,
        "-initrd", initramfs(directory, modules, script),
        "-append", "console=ttyS0 quiet mitigations=off panic=-1 no_timer_check",
        "-object", f"memory-backend-memfd,id=mem,size={memory}M,share=on",
        "-numa", "node,memdev=mem", "-chardev", f"socket,id=root,path={directory}/root.sock",
        "-device", "vhost-user-fs-pci,chardev=root,tag=root"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=timeout, check=True)
        return done.stdout.replace("\r", "")
    finally:
        server.kill()
        server.wait()
