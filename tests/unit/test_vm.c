/* SPDX-License-Identifier: Apache-2.0 */
/* vm: the QMP reader on hostile lines, the command line, the accelerator, the initramfs. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "vm/accel.h"
#include "vm/initrd.h"
#include "vm/qemu_args.h"
#include "vm/qmp.h"
#include "vm/tsc.h"

static const struct {
	const char *line;
	int result;
	enum qmp_event event;
} qmp_lines[] = {
	{ "{\"QMP\":{\"version\":{}}}", 1, QMP_EVENT_OTHER },
	{ "{\"return\":{}}", 1, QMP_EVENT_OTHER },
	{ "{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":true,\"reason\":\"guest-shutdown\"}}\r", 1,
		QMP_EVENT_SHUTDOWN },
	{ "{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-reset\"}}", 1, QMP_EVENT_RESET },
	{ "{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-panic\"}}", 1, QMP_EVENT_PANIC },
	{ "{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"host-signal\"}}", 1, QMP_EVENT_OTHER },
	{ "{\"event\":\"SHUTDOWN\",\"data\":7}", 1, QMP_EVENT_OTHER },
	{ "{\"event\":\"SHUTDOWN\"}", 1, QMP_EVENT_OTHER },
	{ "{\"event\":{\"SHUTDOWN\":1}}", 1, QMP_EVENT_OTHER },
	{ "{\"event\":\"BLOCK_IO_ERROR\",\"data\":{\"nospace\":true}}", 1, QMP_EVENT_DISK_FULL },
	{ "{\"event\":\"BLOCK_IO_ERROR\",\"data\":{\"nospace\":\"yes\"}}", 1, QMP_EVENT_OTHER },
	{ "", -EPROTO, 0 },
	{ "[]", -EPROTO, 0 },
	{ "{} {}", -EPROTO, 0 },
	{ "{\"event\":\"\\ud800\"}", -EPROTO, 0 },
	{ "{\"event\":", -EPROTO, 0 },
};

static void make_qmp(struct qmp *qmp, int *ret_peer)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(io_set_nonblocking(pair[0], true), 0);
	qmp_init(qmp, pair[0]);
	*ret_peer = pair[1];
}

static void test_qmp_lines(void **state)
{
	for (size_t i = 0; i < sizeof(qmp_lines) / sizeof(*qmp_lines); i++) {
		enum qmp_event event = QMP_EVENT_OTHER;
		cleanup_close int peer = -1;
		struct qmp qmp;

		make_qmp(&qmp, &peer);
		assert_int_equal(io_write_full(peer, qmp_lines[i].line, strlen(qmp_lines[i].line)),
			0);
		assert_int_equal(io_write_full(peer, "\n", 1), 0);
		assert_true(qmp_read(&qmp) > 0);
		assert_int_equal(qmp_next(&qmp, &event), qmp_lines[i].result);
		if (qmp_lines[i].result == 1)
			assert_int_equal(event, qmp_lines[i].event);
		assert_int_equal(qmp_next(&qmp, &event), 0);
		qmp_finish(&qmp);
	}
}

/* A line without an end, and nesting without an end: refused, with bounded memory. */
static void test_qmp_endless(void **state)
{
	static const char fills[] = { ' ', '[', '\0', '"' };

	for (size_t i = 0; i < sizeof(fills); i++) {
		enum qmp_event event = QMP_EVENT_OTHER;
		cleanup_close int peer = -1;
		char block[4096];
		struct qmp qmp;
		int r = 0;

		memset(block, fills[i], sizeof(block));
		make_qmp(&qmp, &peer);
		for (int n = 0; n < 20 && r == 0; n++) {
			assert_int_equal(io_write_full(peer, block, sizeof(block)), 0);
			qmp_read(&qmp);
			r = qmp_next(&qmp, &event);
		}
		assert_int_equal(r, -EPROTO);
		assert_true(qmp.in.capacity <= QMP_LINE_MAX);
		qmp_finish(&qmp);
	}
}

static void test_qmp_commands(void **state)
{
	cleanup_close int peer = -1;
	char line[64] = "";
	struct qmp qmp;

	make_qmp(&qmp, &peer);
	assert_int_equal(qmp_command(&qmp, "cont"), 0);
	assert_true(read(peer, line, sizeof(line) - 1) > 0);
	assert_string_equal(line, "{\"execute\":\"cont\"}\n");
	close(peer);
	peer = -1;
	assert_int_equal(qmp_command(&qmp, "cont"), -EPIPE);
	qmp_finish(&qmp);
}

static bool has(const struct args *args, const char *part)
{
	for (size_t i = 0; i < args->count; i++)
		if (strstr(args->list[i], part))
			return true;
	return false;
}

static struct vm_config small_config(void)
{
	return (struct vm_config){
		.id = "0123",
		.accel = VM_ACCEL_TCG,
		.cpus = 2,
		.memory_mib = 512,
		.disks = { { .serial = (char *)"base", .readonly = true },
			   { .serial = (char *)"disk" } },
		.disk_count = 2,
		.shares = { { .tag = (char *)"ws0" } },
		.share_count = 1,
	};
}

static void test_args_tcg(void **state)
{
	const struct vm_config config = small_config();
	cleanup_args struct args args = { 0 };

	qemu_build_args(&config, 2600000, &args);
	assert_null(args.list[args.count]);
	assert_true(has(&args, "microvm,"));
	assert_true(has(&args, "tcg,thread=multi"));
	assert_true(has(&args, "tsc_early_khz=2600000"));
	assert_true(has(&args, "mitigations=off"));
	assert_true(has(&args, "spawn=deny"));
	assert_true(has(&args, "socket,id=share0,fd=6"));
	assert_true(has(&args, "vhost-user-fs-device,chardev=share0,tag=ws0"));
	assert_true(has(&args, "node-name=disk0,read-only=on,file.locking=off"));
	assert_true(has(&args, "file.discard=unmap,file.locking=on"));
	assert_true(has(&args, "file.filename=/dev/fdset/8"));
	assert_true(has(&args, "virtio-blk-device,drive=disk1,serial=disk"));
}

/* Under KVM the guest runs on the real CPU: it keeps its mitigations and finds its own clock. */
static void test_args_kvm(void **state)
{
	struct vm_config config = small_config();
	cleanup_args struct args args = { 0 };

	config.accel = VM_ACCEL_KVM;
	qemu_build_args(&config, 2600000, &args);
	assert_true(has(&args, "host,vmx=off,svm=off"));
	assert_false(has(&args, "tsc_early_khz"));
	assert_false(has(&args, "mitigations=off"));
}

static void test_args_many_devices(void **state)
{
	struct vm_config config = small_config();
	cleanup_args struct args args = { 0 };

	config.disk_count = VM_MAX_DISKS;
	config.share_count = VM_MAX_SHARES;
	for (size_t i = 0; i < VM_MAX_DISKS; i++)
		config.disks[i].serial = (char *)"x";
	for (size_t i = 0; i < VM_MAX_SHARES; i++)
		config.shares[i].tag = (char *)"y";
	qemu_build_args(&config, 0, &args);
	assert_true(has(&args, "q35,"));
	assert_true(has(&args, "vhost-user-vsock-pci,"));
	assert_false(has(&args, "-device,"));
	assert_false(has(&args, "tsc_early_khz"));
}

static const struct {
	const char *cpuinfo;
	bool found;
} flags[] = {
	{ "processor\t: 0\nflags\t\t: fpu svm lm\n", true },
	{ "flags\t\t: fpu lm svm\nbugs\t: x\n", true },
	{ "flags\t\t: svm", true },
	{ "flags\t\t: fpu svm_lock lm\n", false },
	{ "flags\t\t: fpu xsvm lm\n", false },
	{ "flags\t\t: fpu lm\nvmx flags\t: svm\n", false },
	{ "model name\t: svm \n", false },
	{ "flags", false },
	{ "flags:", false },
	{ "", false },
};

static void test_accel_flags(void **state)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (accel_has_flag(flags[i].cpuinfo, "svm") != flags[i].found)
			fail_msg("%s", flags[i].cpuinfo);
}

static void test_accel_choice(void **state)
{
	cleanup_err struct err err = ERR_INIT;
	cleanup_free char *reason = NULL;
	enum vm_accel accel = VM_ACCEL_AUTO;

	assert_int_equal(vm_accel_choose(VM_ACCEL_AUTO, &accel, &reason, &err), 0);
	assert_true(accel == VM_ACCEL_KVM ? reason == NULL : reason != NULL);
	free(reason);
	assert_int_equal(vm_accel_choose(VM_ACCEL_TCG, &accel, &reason, &err), 0);
	assert_int_equal(accel, VM_ACCEL_TCG);
}

static void write_file(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
}

/* The parts come first and in order, each on a multiple of four; nobody can change the result. */
static void test_initrd(void **state)
{
	char dir[] = "/tmp/test-vm-XXXXXX", a[64], b[64], init[64], text[4096];
	cleanup_err struct err err = ERR_INIT;
	cleanup_close int fd = -1;
	char *parts[] = { a, b };
	ssize_t n;

	assert_non_null(mkdtemp(dir));
	snprintf(a, sizeof(a), "%s/a", dir);
	snprintf(b, sizeof(b), "%s/b", dir);
	snprintf(init, sizeof(init), "%s/init", dir);
	write_file(a, "first");
	write_file(b, "second");
	assert_int_equal(initrd_build(parts, 2, init, "x\n", &fd, &err), -ENOENT);
	write_file(init, "PROGRAM");
	assert_int_equal(initrd_build(parts, 2, init, "hostname h\n", &fd, &err), 0);
	n = pread(fd, text, sizeof(text), 0);
	assert_int_equal(n % 512, 0);
	assert_memory_equal(text, "first\0\0\0second\0\0" "070701", 22);
	assert_non_null(memmem(text, (size_t)n, "PROGRAM", 7));
	assert_non_null(memmem(text, (size_t)n, "hostname h\n", 11));
	assert_non_null(memmem(text, (size_t)n, "dev/console", 11));
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(io_remove_tree(AT_FDCWD, dir), 0);
}

static void test_tsc(void **state)
{
	uint64_t first, second;

	tsc_start();
	first = tsc_khz();
	second = tsc_khz();
	/* Two readings of a constant rate agree to a thousandth, or there is no TSC. */
	assert_true(first == second || first - second + first / 1000 < first / 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_qmp_lines),
		cmocka_unit_test(test_qmp_endless),
		cmocka_unit_test(test_qmp_commands),
		cmocka_unit_test(test_args_tcg),
		cmocka_unit_test(test_args_kvm),
		cmocka_unit_test(test_args_many_devices),
		cmocka_unit_test(test_accel_flags),
		cmocka_unit_test(test_accel_choice),
		cmocka_unit_test(test_initrd),
		cmocka_unit_test(test_tsc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
