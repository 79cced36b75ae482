/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities of the child: all of its own namespace at first, then only the named ones. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/internal.h"

/*
 * Takes all meaning from uid 0 and from changes of the uid: capabilities come from the sets alone.
 * So the switch to the program's ids keeps those needed for the mounts, and a program that is root
 * in its namespace gets none by that.
 */
int caps_secure(void)
{
	unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
			     SECBIT_NO_SETUID_FIXUP_LOCKED;

	return prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0 ? -errno : 0;
}

static uint64_t caps_set(const int *list)
{
	uint64_t set = 0;

	for (; list && *list >= 0; list++)
		set |= UINT64_C(1) << *list;
	return set;
}

/* All of them, kept ones as well: the bounding set is about what a program file could add. */
static int caps_drop_bounding(void)
{
	for (int cap = 0; cap < 64; cap++) {
		int present = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (present < 0)
			break; /* beyond the last one this kernel knows */
		if (present && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

static int caps_apply(uint64_t held, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].permitted = (uint32_t)(held >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/*
 * The ambient set is what carries a kept capability over exec. It has to be inheritable, which is
 * possible only while it is in the bounding set; emptying that takes CAP_SETPCAP. Hence the order.
 */
int caps_drop(const int *kept)
{
	uint64_t set = caps_set(kept);
	int r = caps_apply(set | UINT64_C(1) << CAP_SETPCAP, set);

	if (r == 0)
		r = caps_drop_bounding();
	if (r == 0)
		r = caps_apply(set, set);
	if (r == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		r = -errno;
	for (; r == 0 && kept && *kept >= 0; kept++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, *kept, 0, 0) < 0)
			r = -errno;
	return r;
}
