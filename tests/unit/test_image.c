/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What image builds are made of: kernel headers, module order, apt's answers, subordinate ids, the
 * user namespace, tools and their failures.
 */
#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "image/base.h"
#include "image/kernel.h"
#include "image/mirror.h"
#include "image/modules.h"
#include "image/tool.h"
#include "image/userns.h"

static const size_t payload_offset = 3 * 512 + 16;

/* A bzImage of 4 KiB with a payload of `magic`. */
static void make_bzimage(unsigned char *image, const char *magic, size_t magic_length)
{
	memset(image, 0, 4096);
	memcpy(image + 0x202, (const char[]){ 'H', 'd', 'r', 'S' }, 4);
	image[0x206] = 0x0f;
	image[0x207] = 0x02;
	image[0x1f1] = 2;
	image[0x248] = 16;
	image[0x24c] = 100;
	memcpy(image + payload_offset, magic, magic_length);
	image[payload_offset + 96] = 0x34;
	image[payload_offset + 97] = 0x12;
}

static void test_payload(void **state)
{
	static const struct {
		const char *magic;
		size_t length;
		const char *tool;
	} forms[] = {
		{ "\x28\xb5\x2f\xfd", 4, "zstd" },
		{ "\xfd" "7zXZ\0", 6, "xz" },
		{ "\x02\x21\x4c\x18", 4, "lz4" },
		{ "\x1f\x8b\x08", 3, "gzip" },
		{ "BZh", 3, NULL },
	};
	unsigned char image[4096];
	struct kernel_payload payload;

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		make_bzimage(image, forms[i].magic, forms[i].length);
		assert_int_equal(kernel_find_payload(image, sizeof(image), &payload),
			forms[i].tool ? 0 : -EINVAL);
		if (!forms[i].tool)
			continue;
		assert_string_equal(payload.command[0], forms[i].tool);
		assert_int_equal(payload.offset, payload_offset);
		assert_int_equal(payload.unpacked, strcmp(forms[i].tool, "gzip") ? 0x1234 : 0);
	}
}

static void test_payload_bounds(void **state)
{
	unsigned char image[4096];
	struct kernel_payload payload;

	make_bzimage(image, "\x28\xb5\x2f\xfd", 4);
	for (size_t length = 0; length < payload_offset + 100; length++)
		assert_int_equal(kernel_find_payload(image, length, &payload), -EINVAL);
	memset(image + 0x248, 0xff, 8);
	assert_int_equal(kernel_find_payload(image, sizeof(image), &payload), -EINVAL);
	make_bzimage(image, "\x28\xb5\x2f\xfd", 4);
	image[0x206] = 7;
	assert_int_equal(kernel_find_payload(image, sizeof(image), &payload), -EINVAL);
}

static void test_build_id(void **state)
{
	struct sample {
		Elf64_Ehdr header;
		Elf64_Phdr segment;
		Elf64_Nhdr xen;
		char xen_name[4];
		char xen_value[8];
		Elf64_Nhdr gnu;
		char gnu_name[4];
		unsigned char id[4];
	} elf = {
		.header = { .e_ident = ELFMAG, .e_phoff = sizeof(Elf64_Ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1 },
		.segment = { .p_type = PT_NOTE, .p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
			     .p_filesz = 2 * sizeof(Elf64_Nhdr) + 20 },
		.xen = { 4, 8, 18 }, .xen_name = "Xen",
		.gnu = { 4, 4, NT_GNU_BUILD_ID }, .gnu_name = "GNU",
		.id = { 0xde, 0xad, 0xbe, 0xef },
	};
	cleanup_free char *id = kernel_build_id((unsigned char *)&elf, sizeof(elf));

	assert_string_equal(id, "deadbeef");
	for (size_t length = 0; length < offsetof(struct sample, id) + 4; length++)
		assert_null(kernel_build_id((unsigned char *)&elf, length));
	elf.gnu.n_descsz = 0xffffffff;
	assert_null(kernel_build_id((unsigned char *)&elf, sizeof(elf)));
	elf.xen.n_namesz = 0xfffffffd;
	assert_null(kernel_build_id((unsigned char *)&elf, sizeof(elf)));
}

/* The host's own kernel, where there is one. */
static void test_real_kernel(void **state)
{
	char directory[] = "/tmp/sbx-test-kernel-XXXXXX";
	cleanup_err struct err err = ERR_INIT;
	cleanup_free char *vmlinux = NULL;
	cleanup_free char *scratch = NULL;
	cleanup_free char *id = NULL;
	glob_t found = { 0 };
	int r;

	if (glob("/boot/vmlinuz-*", 0, NULL, &found) != 0) {
		print_message("SKIP: there is no /boot/vmlinuz-* here\n");
		globfree(&found);
		skip();
	}
	assert_non_null(mkdtemp(directory));
	vmlinux = paths_join(directory, "vmlinux");
	scratch = paths_join(directory, "scratch");
	r = kernel_extract(found.gl_pathv[0], vmlinux, scratch, -1, &id, &err);
	if (r < 0)
		fail_msg("%s", err.message);
	assert_true(strlen(id) >= 16);
	globfree(&found);
	assert_int_equal(io_remove_tree(AT_FDCWD, directory), 0);
}

static void test_module_order(void **state)
{
	static const char dep[] = "kernel/fs/erofs/erofs.ko.xz: kernel/lib/libcrc32c.ko.xz\n"
		"kernel/lib/libcrc32c.ko.xz:\n"
		"kernel/net/t.ko.xz: kernel/net/common.ko.xz kernel/net/vsock.ko.xz\n"
		"kernel/net/common.ko.xz: kernel/net/vsock.ko.xz\n"
		"kernel/net/vsock.ko.xz:\n"
		"kernel/drivers/virtio-rng.ko:\n";
	static const char builtin[] = "kernel/fs/fuse/virtiofs.ko\nkernel/crypto/crc32c_generic.ko\n";
	static const char *const wanted[] = { "virtiofs", "t", "virtio_rng", "vsock", "erofs",
		"libcrc32c", NULL };
	static const char *const order[] = { "kernel/net/vsock.ko.xz", "kernel/net/common.ko.xz",
		"kernel/net/t.ko.xz", "kernel/drivers/virtio-rng.ko", "kernel/lib/libcrc32c.ko.xz",
		"kernel/fs/erofs/erofs.ko.xz" };
	static const char *const unknown[] = { "ero", NULL };
	cleanup_err struct err err = ERR_INIT;
	struct modules modules;

	assert_int_equal(modules_resolve(dep, builtin, wanted, &modules, &err), 0);
	assert_int_equal(modules.count, sizeof(order) / sizeof(*order));
	for (size_t i = 0; i < modules.count; i++)
		assert_string_equal(modules.paths[i], order[i]);
	modules_finish(&modules);
	assert_int_equal(modules_resolve(dep, builtin, unknown, &modules, &err), -ENOENT);
	assert_non_null(strstr(err.message, "ero"));
}

static void test_mirror(void **state)
{
	static const char *const targets[] = {
		"https://other.example/debian/|trixie|stable|Other",
		"https://other.example/apt/|bookworm|main|",
		"https://other.example/debian/|bookworm|main|Other",
		"https://mirror.example/ubuntu/|noble|main|Ubuntu",
		"nonsense",
		"https://u:p@mirror.example/debian/|bookworm|main|Debian",
		"https://second.example/debian/|trixie|main|Debian",
		"https://mirror.example/debian/|bookworm-updates|main|",
		"https://mirror.example/debian-security/|bookworm-security|main|Debian",
	};
	struct mirror mirror = { 0 };
	cleanup_free char *build = NULL;
	cleanup_free char *image = NULL;

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		mirror_add_target(&mirror, targets[i]);
	assert_string_equal(mirror.main, "https://u:p@mirror.example/debian/");
	assert_string_equal(mirror.security, "https://mirror.example/debian-security/");
	assert_true(mirror.updates);
	build = mirror_build_sources(&mirror, "trixie");
	image = mirror_image_sources(&mirror, "trixie");
	assert_non_null(strstr(build, "] https://u:p@mirror.example/debian/ trixie-updates main\n"));
	assert_non_null(strstr(build, "/debian-security/ trixie-security main\n"));
	assert_null(strstr(image, "u:p"));
	assert_non_null(strstr(image, "URIs: https://mirror.example/debian/\nSuites: trixie\n"));
	mirror_finish(&mirror);
}

static void test_mirror_options(void **state)
{
	struct mirror mirror = { 0 };

	mirror_add_option(&mirror, "Acquire::http::Proxy \"http://proxy.example:3128\";");
	mirror_add_option(&mirror, "Acquire::http::Proxy \"\";");
	mirror_add_option(&mirror, "Acquire::Check-Date \"false\";");
	mirror_add_option(&mirror, "Dir::Etc \"etc/apt\";");
	mirror_add_option(&mirror, "DPkg::Post-Invoke:: \"rm x\";");
	assert_int_equal(mirror.option_count, 2);
	assert_string_equal(mirror.options[0],
		"Acquire::http::Proxy \"http://proxy.example:3128\"");
	for (int i = 0; i < 2 * MIRROR_MAX_OPTIONS; i++)
		mirror_add_option(&mirror, "Acquire::Retries \"3\";");
	assert_int_equal(mirror.option_count, MIRROR_MAX_OPTIONS);
	mirror_finish(&mirror);
}

static void test_packages(void **state)
{
	json_t *packages = base_parse_packages("Package: a\nStatus: install ok installed\n"
		"Version: 1:2-3\nDescription: Version\n Version: 9\n\nPackage: b\nVersion: 4\n\n"
		"Version: 5\n");

	assert_int_equal(json_array_size(packages), 2);
	assert_string_equal(json_string_value(json_array_get(packages, 0)), "a=1:2-3");
	assert_string_equal(json_string_value(json_array_get(packages, 1)), "b=4");
	json_decref(packages);
}

static void test_subids(void **state)
{
	static const struct {
		const char *text;
		int result;
		unsigned start;
	} cases[] = {
		{ "ann:100000:65536\n", 0, 100000 },
		{ "bob:1:65536\nann:200000:65536", 0, 200000 },
		{ "1234:300000:65535\n", 0, 300000 },
		{ "ann:100000:1000\nann:200000:65536\n", 0, 200000 },
		{ "anna:100000:65536\n", -ENOENT, 0 },
		{ "ann:100000\n", -ENOENT, 0 },
		{ "ann:x:65536\nann:100000:-1\nann\n\n:::\n", -ENOENT, 0 },
		{ "ann:4294967295:65536\n", -ENOENT, 0 },
		{ "", -ENOENT, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned start = 0;

		assert_int_equal(userns_parse_range(cases[i].text, "ann", 1234, &start),
			cases[i].result);
		assert_int_equal(start, cases[i].start);
	}
}

struct lines {
	char text[8192];
};

static void on_line(void *arg, const char *line)
{
	struct lines *lines = arg;

	size_t length = strlen(lines->text);

	snprintf(lines->text + length, sizeof(lines->text) - length, "%s\n", line);
}

static int run_shell(const char *script, bool in_userns, struct lines *lines, struct err *err)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct tool tool = { .argv = argv, .in_userns = in_userns, .log_fd = -1,
			     .on_line = on_line, .arg = lines };

	return tool_run(&tool, err);
}

static void test_tool(void **state)
{
	static const struct {
		const char *script;
		int result;
		const char *message; /* or the lines of a success */
	} cases[] = {
		{ "echo a; echo b >&2; printf c", 0, "a\nb\nc\n" },
		{ "echo one; echo; exit 3", -EIO, "sh failed: one" },
		{ "echo 'E: bad thing'; echo later; exit 1", -EIO, "sh failed: E: bad thing" },
		{ "echo 'write: No space left on device'; exit 1", -ENOSPC, "no space left" },
		{ "exit 127", -ENOENT, "sh is not installed" },
		{ "kill -9 $$", -EIO, "signal 9" },
		{ "exit 1", -EIO, "does not say why" },
		/* A line longer than the buffer comes in pieces. */
		{ "head -c 5000 /dev/zero | tr '\\0' x; exit 2", -EIO, "xxx" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_err struct err err = ERR_INIT;
		struct lines lines = { "" };
		int r = run_shell(cases[i].script, false, &lines, &err);
		const char *got = r < 0 ? err.message : lines.text;

		if (r != cases[i].result || !strstr(got, cases[i].message))
			fail_msg("case %zu: %d %s", i, r, got);
	}
}

/* Owners of the range exist inside, and their files are removed from outside the same way. */
static void test_userns(void **state)
{
	char directory[] = "/tmp/sbx-test-userns-XXXXXX";
	cleanup_err struct err err = ERR_INIT;
	cleanup_free char *script = NULL;
	cleanup_free char *foreign = NULL;
	cleanup_free char *mine = NULL;
	struct lines lines = { "" };
	struct stat st;
	int r = userns_check(&err);

	if (r < 0) {
		print_message("SKIP: %s\n", err.message);
		skip();
	}
	assert_non_null(mkdtemp(directory));
	script = xasprintf("cd %s && id -u && mkdir -m 700 d && touch d/f && chown 1000:1000 d/f d && "
		"stat -c %%u d && touch mine && test $$ -eq 1 && echo first", directory);
	if (run_shell(script, true, &lines, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(lines.text, "0\n1000\nfirst\n");
	foreign = paths_join(directory, "d");
	mine = paths_join(directory, "mine");
	assert_int_equal(stat(foreign, &st), 0);
	assert_true(st.st_uid != getuid() && st.st_uid != 1000);
	assert_int_equal(stat(mine, &st), 0);
	assert_int_equal(st.st_uid, getuid());
	assert_int_equal(userns_remove_tree(AT_FDCWD, directory, &err), 0);
	assert_int_equal(stat(directory, &st), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payload),
		cmocka_unit_test(test_payload_bounds),
		cmocka_unit_test(test_build_id),
		cmocka_unit_test(test_real_kernel),
		cmocka_unit_test(test_module_order),
		cmocka_unit_test(test_mirror),
		cmocka_unit_test(test_mirror_options),
		cmocka_unit_test(test_packages),
		cmocka_unit_test(test_subids),
		cmocka_unit_test(test_tool),
		cmocka_unit_test(test_userns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
