/* SPDX-License-Identifier: Apache-2.0 */
/* start.json, read strictly by a table of fields. */
#include "keeper/config.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* Names that reach QEMU's command line, where a comma begins another property. */
static const char name_characters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

/* virtio-blk tells 20 bytes of a serial, virtio-fs 36 of a tag. */
enum { SERIAL_MAX = 20, TAG_MAX = 36, NAME_MAX_LENGTH = 64 };

struct field {
	const char *name;
	int (*parse)(const json_t *value, void *target, struct err *err);
	size_t offset;
};

static int wrong(struct err *err, const char *what)
{
	return err_set(err, EINVAL, "%s", what);
}

/* Fills the struct at `target` from the object: all of the fields, and no others. */
static int parse_fields(const json_t *object, const struct field *fields, size_t count,
	void *target, struct err *err)
{
	if (!json_is_object(object))
		return wrong(err, "not an object");
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(object, fields[i].name);
		int r;

		if (!value)
			return err_set(err, EINVAL, "%s is missing", fields[i].name);
		r = fields[i].parse(value, (char *)target + fields[i].offset, err);
		if (r < 0)
			return err_wrap(err, "%s", fields[i].name);
	}
	if (json_object_size(object) != count)
		return wrong(err, "a field is not known");
	return 0;
}

static int parse_integer(const json_t *value, json_int_t least, json_int_t most,
	json_int_t *ret_number, struct err *err)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < least || number > most)
		return err_set(err, EINVAL, "not a whole number from %lld to %lld",
			(long long)least, (long long)most);
	*ret_number = number;
	return 0;
}

static int parse_unsigned(const json_t *value, json_int_t most, unsigned *target, struct err *err)
{
	json_int_t number = 0;
	int r = parse_integer(value, 1, most, &number, err);

	if (r == 0)
		*target = (unsigned)number;
	return r;
}

static int parse_cpus(const json_t *value, void *target, struct err *err)
{
	return parse_unsigned(value, 1024, target, err);
}

static int parse_memory(const json_t *value, void *target, struct err *err)
{
	return parse_unsigned(value, 16L * 1024 * 1024, target, err);
}

static int parse_seconds(const json_t *value, void *target, struct err *err)
{
	json_int_t number = 0;
	int r = parse_integer(value, 0, 365L * 24 * 3600, &number, err);

	if (r == 0)
		*(uint64_t *)target = (uint64_t)number;
	return r;
}

static int parse_boolean(const json_t *value, void *target, struct err *err)
{
	if (!json_is_boolean(value))
		return wrong(err, "not true or false");
	*(bool *)target = json_is_true(value);
	return 0;
}

static int parse_path(const json_t *value, void *target, struct err *err)
{
	const char *text = json_string_value(value);

	if (!text || *text != '/' || strlen(text) >= PATH_MAX)
		return wrong(err, "not an absolute path");
	*(char **)target = xstrdup(text);
	return 0;
}

static int parse_word(const json_t *value, size_t most, void *target, struct err *err)
{
	const char *text = json_string_value(value);

	if (!text || !*text || strlen(text) > most || text[strspn(text, name_characters)])
		return err_set(err, EINVAL, "not a name of 1 to %zu letters, digits, '.', '_', '-'",
			most);
	*(char **)target = xstrdup(text);
	return 0;
}

static int parse_name(const json_t *value, void *target, struct err *err)
{
	return parse_word(value, NAME_MAX_LENGTH, target, err);
}

static int parse_serial(const json_t *value, void *target, struct err *err)
{
	return parse_word(value, SERIAL_MAX, target, err);
}

static int parse_tag(const json_t *value, void *target, struct err *err)
{
	return parse_word(value, TAG_MAX, target, err);
}

static int parse_accel(const json_t *value, void *target, struct err *err)
{
	static const char *const names[] = { "auto", "kvm", "tcg" };
	static const enum vm_accel accels[] = { VM_ACCEL_AUTO, VM_ACCEL_KVM, VM_ACCEL_TCG };
	const char *text = json_string_value(value);

	for (size_t i = 0; text && i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			*(enum vm_accel *)target = accels[i];
			return 0;
		}
	}
	return wrong(err, "not auto, kvm or tcg");
}

static int check_array(const json_t *value, size_t most, struct err *err)
{
	if (!json_is_array(value) || json_array_size(value) > most)
		return err_set(err, EINVAL, "not an array of at most %zu", most);
	return 0;
}

/* The list fields set the count after each element, so that a failure frees what is there. */

static int parse_parts(const json_t *value, void *target, struct err *err)
{
	struct config *config = target;
	int r = check_array(value, CONFIG_MAX_PARTS, err);

	for (size_t i = 0; r == 0 && i < json_array_size(value); i++) {
		r = parse_path(json_array_get(value, i), &config->initrd_parts[i], err);
		if (r == 0)
			config->initrd_part_count++;
	}
	return r;
}

static const struct field disk_fields[] = {
	{ "serial", parse_serial, offsetof(struct vm_disk, serial) },
	{ "path", parse_path, offsetof(struct vm_disk, path) },
	{ "readonly", parse_boolean, offsetof(struct vm_disk, readonly) },
};

static int parse_disks(const json_t *value, void *target, struct err *err)
{
	struct config *config = target;
	int r = check_array(value, VM_MAX_DISKS, err);

	for (size_t i = 0; r == 0 && i < json_array_size(value); i++) {
		config->disk_count++;
		r = parse_fields(json_array_get(value, i), disk_fields, 3, &config->disks[i], err);
	}
	return r;
}

static const struct field share_fields[] = {
	{ "tag", parse_tag, offsetof(struct config_share, tag) },
	{ "path", parse_path, offsetof(struct config_share, path) },
	{ "readonly", parse_boolean, offsetof(struct config_share, readonly) },
};

static int parse_shares(const json_t *value, void *target, struct err *err)
{
	struct config *config = target;
	int r = check_array(value, VM_MAX_SHARES, err);

	for (size_t i = 0; r == 0 && i < json_array_size(value); i++) {
		config->share_count++;
		r = parse_fields(json_array_get(value, i), share_fields, 3, &config->shares[i],
			err);
	}
	return r;
}

static bool is_printable_ascii(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static int parse_lines(const json_t *value, void *target, struct err *err)
{
	struct config *config = target;
	int r = check_array(value, CONFIG_MAX_LINES, err);

	if (r < 0)
		return r;
	config->guest_lines = xcalloc(json_array_size(value) + 1, sizeof(char *));
	for (size_t i = 0; i < json_array_size(value); i++) {
		const char *line = json_string_value(json_array_get(value, i));

		if (!line || !is_printable_ascii(line))
			return wrong(err, "not a line of printable ASCII");
		config->guest_lines[config->guest_line_count++] = xstrdup(line);
	}
	return 0;
}

static const struct field fields[] = {
	{ "id", parse_name, offsetof(struct config, id) },
	{ "name", parse_name, offsetof(struct config, name) },
	{ "accel", parse_accel, offsetof(struct config, accel) },
	{ "cpus", parse_cpus, offsetof(struct config, cpus) },
	{ "memory_mib", parse_memory, offsetof(struct config, memory_mib) },
	{ "kernel", parse_path, offsetof(struct config, kernel) },
	{ "initrd_parts", parse_parts, 0 },
	{ "disks", parse_disks, 0 },
	{ "shares", parse_shares, 0 },
	{ "guest", parse_lines, 0 },
	{ "idle_timeout_s", parse_seconds, offsetof(struct config, idle_timeout_s) },
	{ "boot_timeout_s", parse_seconds, offsetof(struct config, boot_timeout_s) },
};

int config_parse(const char *text, size_t length, struct config *ret_config, struct err *err)
{
	struct config config = { 0 };
	json_error_t error;
	json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	int r;

	if (!object)
		return err_set(err, EINVAL, "line %d: %s", error.line, error.text);
	r = parse_fields(object, fields, sizeof(fields) / sizeof(*fields), &config, err);
	json_decref(object);
	if (r < 0) {
		config_finish(&config);
		return r;
	}
	*ret_config = config;
	return 0;
}

void config_finish(struct config *config)
{
	free(config->id);
	free(config->name);
	free(config->kernel);
	for (size_t i = 0; i < config->initrd_part_count; i++)
		free(config->initrd_parts[i]);
	for (size_t i = 0; i < config->disk_count; i++) {
		free(config->disks[i].serial);
		free(config->disks[i].path);
	}
	for (size_t i = 0; i < config->share_count; i++) {
		free(config->shares[i].tag);
		free(config->shares[i].path);
	}
	for (size_t i = 0; i < config->guest_line_count; i++)
		free(config->guest_lines[i]);
	free(config->guest_lines);
	*config = (struct config){ 0 };
}
