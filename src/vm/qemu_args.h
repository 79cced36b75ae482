/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's command line. docs/vm.md has the reason of each option, with the measurement.
 *
 * QEMU gets everything as a descriptor and sees just two files of ours, at fixed paths. Descriptors
 * are numbered in the order of enum qemu_fd; the shares' sockets and then the disks follow.
 */
#ifndef VM_QEMU_ARGS_H
#define VM_QEMU_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/args.h"
#include "vm/vm.h"

#define QEMU_PROGRAM "/usr/bin/qemu-system-x86_64"
#define QEMU_KERNEL "/kernel"
#define QEMU_INITRD "/initrd"

enum qemu_fd { QEMU_FD_QMP = 3, QEMU_FD_CONSOLE, QEMU_FD_VSOCK, QEMU_FD_REST };

/*
 * Whether the devices fit a microvm, whose virtio devices sit in 24 fixed slots. If not, the
 * machine is a q35 with the same devices on PCI.
 */
bool qemu_fits_microvm(const struct vm_config *config);

/* Appends the whole command line. `tsc_khz` is the host's rate (vm/tsc.h); 0: not known. */
void qemu_build_args(const struct vm_config *config, uint64_t tsc_khz, struct args *args);

#endif
