/* SPDX-License-Identifier: Apache-2.0 */
/* KVM where it can boot a stock kernel, else TCG. */
#include "vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "vm/accel.h"

/* Looks for a whole word of the first "flags" line. */
bool accel_has_flag(const char *cpuinfo, const char *flag)
{
	const char *line = strncmp(cpuinfo, "flags", 5) == 0 ? cpuinfo : strstr(cpuinfo, "\nflags");
	size_t length = strlen(flag), left;

	if (!line)
		return false;
	line = strchr(line, ':');
	if (!line)
		return false;
	left = strcspn(line, "\n");
	for (const char *end = line + left; line < end; line++) {
		if ((size_t)(end - line) <= length)
			return false;
		if (*line == ' ' && strncmp(line + 1, flag, length) == 0 &&
			strchr(" \n", line[length + 1]))
			return true;
	}
	return false;
}

/* The "flags" line of the first CPU lies in the first kilobytes, however many CPUs there are. */
static bool cpu_can_virtualise(void)
{
	cleanup_close int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	char text[8192];
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	return accel_has_flag(text, "vmx") || accel_has_flag(text, "svm");
}

/*
 * Why KVM is of no use here; NULL if it is. A /dev/kvm that opens proves nothing: paravirtual
 * implementations exist that run toy code and no stock kernel. They come without vmx and svm.
 */
static char *kvm_obstacle(struct err *err)
{
	cleanup_close int fd = -1;

	if (!cpu_can_virtualise())
		return xstrdup("no vmx or svm flag: this machine cannot run a stock kernel under "
			       "KVM");
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == EACCES) {
		err_hint(err, "sudo usermod -aG kvm $USER, then log in again");
		return xstrdup("no right to open /dev/kvm: sudo usermod -aG kvm $USER");
	}
	if (fd < 0)
		return xasprintf("/dev/kvm: %s", strerror(errno));
	if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return xstrdup("/dev/kvm speaks another version of its interface");
	return NULL;
}

int vm_accel_choose(enum vm_accel wanted, enum vm_accel *ret_accel, char **ret_reason,
	struct err *err)
{
	cleanup_err struct err hint = ERR_INIT;
	cleanup_free char *obstacle = NULL;

	if (wanted == VM_ACCEL_TCG) {
		*ret_accel = VM_ACCEL_TCG;
		*ret_reason = xstrdup("TCG was asked for");
		return 0;
	}
	obstacle = kvm_obstacle(&hint);
	if (obstacle && wanted == VM_ACCEL_KVM) {
		err_set(err, ENODEV, "KVM was asked for and cannot be used: %s", obstacle);
		err_hint(err, "%s", hint.hint ? hint.hint : "unset SBX_ACCEL to run under TCG");
		return -ENODEV;
	}
	*ret_accel = obstacle ? VM_ACCEL_TCG : VM_ACCEL_KVM;
	*ret_reason = take_ptr(obstacle);
	return 0;
}
