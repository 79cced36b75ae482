/* SPDX-License-Identifier: Apache-2.0 */
/* The QEMU Machine Protocol. */
#include "vm/qmp.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_AT_ONCE = 16 * 1024 };

void qmp_init(struct qmp *qmp, int fd)
{
	qmp->fd = fd;
	buf_init(&qmp->in, QMP_LINE_MAX);
}

void qmp_finish(struct qmp *qmp)
{
	if (qmp->fd >= 0)
		close(qmp->fd);
	qmp->fd = -1;
	buf_finish(&qmp->in);
}

int qmp_command(struct qmp *qmp, const char *name)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "{\"execute\":\"%s\"}\n", name);
	ssize_t sent;

	if (n >= (int)sizeof(line))
		return -EINVAL;
	/* A monitor that lets its queue fill up with commands this rare is not alive. */
	sent = send(qmp->fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	return sent == n ? 0 : -EIO;
}

ssize_t qmp_read(struct qmp *qmp)
{
	return buf_read(&qmp->in, qmp->fd, READ_AT_ONCE);
}

static enum qmp_event shutdown_event(const json_t *data)
{
	const char *reason = json_string_value(json_object_get(data, "reason"));

	if (!reason)
		return QMP_EVENT_OTHER;
	if (strcmp(reason, "guest-shutdown") == 0)
		return QMP_EVENT_SHUTDOWN;
	if (strcmp(reason, "guest-reset") == 0)
		return QMP_EVENT_RESET;
	return strcmp(reason, "guest-panic") == 0 ? QMP_EVENT_PANIC : QMP_EVENT_OTHER;
}

static enum qmp_event classify(const json_t *message)
{
	const char *name = json_string_value(json_object_get(message, "event"));
	const json_t *data = json_object_get(message, "data");

	if (!name)
		return QMP_EVENT_OTHER;
	if (strcmp(name, "SHUTDOWN") == 0)
		return shutdown_event(data);
	if (strcmp(name, "GUEST_PANICKED") == 0)
		return QMP_EVENT_PANIC;
	if (strcmp(name, "BLOCK_IO_ERROR") == 0 && json_is_true(json_object_get(data, "nospace")))
		return QMP_EVENT_DISK_FULL;
	return QMP_EVENT_OTHER;
}

static int parse(const char *line, size_t length, enum qmp_event *ret_event)
{
	json_t *message = json_loadb(line, length, 0, NULL);

	if (!json_is_object(message)) {
		json_decref(message);
		return -EPROTO;
	}
	*ret_event = classify(message);
	json_decref(message);
	return 1;
}

int qmp_next(struct qmp *qmp, enum qmp_event *ret_event)
{
	const char *head = (const char *)buf_head(&qmp->in);
	size_t length = buf_length(&qmp->in);
	const char *newline = length ? memchr(head, '\n', length) : NULL;
	int r;

	if (!newline)
		return buf_room(&qmp->in) == 0 ? -EPROTO : 0;
	length = (size_t)(newline - head);
	r = parse(head, length, ret_event);
	buf_consume(&qmp->in, length + 1);
	return r;
}
