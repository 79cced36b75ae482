/* SPDX-License-Identifier: Apache-2.0 */
/* What the base image is made of. */
#include "image/recipe.h"

#include <stddef.h>

const char *const recipe_packages[] = {
	/* the engine */
	"docker.io", "docker-cli", "docker-buildx", "docker-compose", "containerd", "runc",
	"iptables", "kmod", "e2fsprogs",
	/* what agents and developers reach for */
	"bash-completion", "build-essential", "ca-certificates", "curl", "file", "gh", "git",
	"iproute2", "jq", "less", "nano", "nodejs", "npm", "openssh-client", "patch",
	"pkg-config", "procps", "psmisc", "python3", "python3-pip", "python3-venv", "ripgrep",
	"rsync", "sudo", "tree", "unzip", "vim-tiny", "wget", "xz-utils", "zip", "zstd",
	NULL,
};

const char *const recipe_modules[] = {
	"virtio_mmio", "virtio_blk", "erofs", "overlay", "vmw_vsock_virtio_transport",
	"virtio_balloon", "virtio_rng", NULL,
};

const char *const recipe_dpkg_options[] = {
	"path-exclude=/usr/share/doc/*",
	"path-include=/usr/share/doc/*/copyright",
	"path-exclude=/usr/share/man/*",
	"path-exclude=/usr/share/info/*",
	"path-exclude=/usr/share/locale/*",
	"path-exclude=/usr/share/lintian/*",
	NULL,
};

const char *const recipe_remove[] = {
	"etc/apt/apt.conf.d/99mmdebstrap",
	"etc/apt/sources.list",
	"etc/dpkg/dpkg.cfg.d/99mmdebstrap",
	"etc/hostname",
	"etc/machine-id",
	"etc/resolv.conf",
	"var/cache/debconf/config.dat-old",
	"var/cache/debconf/templates.dat-old",
	"var/cache/ldconfig/aux-cache",
	"var/lib/dbus/machine-id",
	"var/lib/dpkg/status-old",
	"var/log/alternatives.log",
	"var/log/apt",
	"var/log/bootstrap.log",
	"var/log/dpkg.log",
	NULL,
};

const struct recipe_file recipe_files[] = {
	{ "etc/hosts", 0644,
		"127.0.0.1\tlocalhost\n"
		"::1\tlocalhost ip6-localhost ip6-loopback\n" },
	{ "etc/default/locale", 0644, "LANG=C.UTF-8\n" },
	{ "etc/sudoers.d/agent", 0440,
		"agent ALL=(ALL:ALL) NOPASSWD: ALL\n"
		"Defaults:agent !requiretty\n"
		"Defaults env_keep += \"http_proxy https_proxy ftp_proxy no_proxy all_proxy\"\n"
		"Defaults env_keep += \"HTTP_PROXY HTTPS_PROXY FTP_PROXY NO_PROXY ALL_PROXY\"\n"
		"Defaults env_keep += \"SANDBOX_NAME SSL_CERT_FILE NODE_EXTRA_CA_CERTS\"\n" },
	/* `npm install -g` and `pip install` work without root, into a directory on the PATH. */
	{ "etc/npmrc", 0644,
		"prefix=${HOME}/.local\n"
		"fund=false\n"
		"audit=false\n"
		"update-notifier=false\n" },
	{ "etc/pip.conf", 0644,
		"[global]\n"
		"break-system-packages = true\n"
		"disable-pip-version-check = true\n" },
	{ "etc/profile.d/sbx.sh", 0644,
		"case :$PATH: in\n"
		"*:\"$HOME/.local/bin\":*) ;;\n"
		"*) PATH=\"$HOME/.local/bin:$PATH\" ;;\n"
		"esac\n"
		"export PATH LANG=\"${LANG:-C.UTF-8}\"\n" },
	{ NULL, 0, NULL },
};

/*
 * The kernel package is unpacked, not installed: the host boots the kernel, so dpkg in the guest
 * need not know it, and no initramfs tools come along. It has gone through apt's signature checks
 * like every other package.
 */
const char recipe_hook[] =
	"#!/bin/sh\n"
	"set -eu\n"
	"root=$1\n"
	"work=${0%/*}/work\n"
	"APT_CONFIG=$MMDEBSTRAP_APT_CONFIG\n"
	"export APT_CONFIG\n"
	"cd \"$work\"\n"
	"meta=linux-image-cloud-amd64\n"
	"package=$(apt-cache depends $meta | sed -n 's/^ *Depends: \\(linux-image-.*\\)/\\1/p')\n"
	"apt-get -q download \"$package\"\n"
	"dpkg-deb --extract linux-image-*.deb kernel\n"
	"mkdir -p \"$root/usr/lib/modules\" \"$root/boot\"\n"
	"for modules in kernel/usr/lib/modules/* kernel/lib/modules/*; do\n"
	"	[ -d \"$modules\" ] || continue\n"
	"	release=${modules##*/}\n"
	"	mv \"$modules\" \"$root/usr/lib/modules/\"\n"
	"done\n"
	"echo \"$release\" > release\n"
	"mv \"kernel/boot/vmlinuz-$release\" vmlinuz\n"
	"mv \"kernel/boot/config-$release\" \"$root/boot/\"\n"
	"mkdir -p \"$root/usr/share/doc/$package\"\n"
	"mv kernel/usr/share/doc/*/copyright \"$root/usr/share/doc/$package/\"\n"
	"chroot \"$root\" depmod \"$release\"\n"
	"chroot \"$root\" useradd --uid 1000 --user-group --create-home --shell /bin/bash \\\n"
	"	--groups sudo,docker agent\n"
	"chmod 0755 \"$root/home/agent\"\n"
	"chroot \"$root\" install -d -o agent -g agent /home/agent/.local /home/agent/.local/bin\n"
	/* The archive's date is the image's: the same archive gives the same image. */
	"sed -n 's/^Date: //p' \"$root\"/var/lib/apt/lists/*Release | while read -r date; do\n"
	"	date -d \"$date\" +%s\n"
	"done | sort -n | tail -n 1 > epoch\n";
