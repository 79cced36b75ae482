/* SPDX-License-Identifier: Apache-2.0 */
/* The answers to LIST and INFO. */
#include "guest/info.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/io.h"
#include "common/text.h"
#include "guest/client.h"
#include "guest/job.h"
#include "guest/server.h"

enum { MAX_NOTES = 65536, MAX_INFO = 16384, MAX_ENTRY = 1024 };

static void send_entry(struct client *client, const struct job *job, uint64_t started)
{
	unsigned char fixed[24];
	struct buf entry;

	session_put_u64(fixed, job->id);
	session_put_u32(fixed + 8, (job->terminal ? SESSION_ENTRY_TERMINAL : 0) |
					   (job->persist ? SESSION_ENTRY_PERSIST : 0));
	session_put_u32(fixed + 12, job->client_count);
	session_put_u64(fixed + 16, started);
	buf_init(&entry, MAX_ENTRY);
	buf_append(&entry, fixed, sizeof(fixed));
	if (job->name)
		buf_append_string(&entry, job->name);
	buf_append(&entry, "", 1);
	buf_append_string(&entry, job->command);
	client_send(client, SESSION_ENTRY, buf_head(&entry), buf_length(&entry));
	buf_finish(&entry);
}

void info_send_list(struct server *server, struct client *client)
{
	/* The clock may have been set since: count back from now. */
	uint64_t now = (uint64_t)time(NULL), boot = loop_since_boot();

	for (const struct job *job = server->jobs; job; job = job->next)
		if (!job->exited)
			send_entry(client, job, now - (boot - job->started_ns) / 1000000000);
	client_send_exit(client, 0);
}

/* ELF notes are padded to four bytes. */
static size_t padded(size_t length)
{
	return (length + 3) & ~(size_t)3;
}

void info_find_build_id(const unsigned char *notes, size_t length, char ret[INFO_BUILD_ID])
{
	size_t offset = 0;

	ret[0] = '\0';
	while (length - offset >= sizeof(Elf64_Nhdr)) {
		const unsigned char *name = notes + offset + sizeof(Elf64_Nhdr);
		size_t left = length - offset - sizeof(Elf64_Nhdr);
		Elf64_Nhdr note;

		memcpy(&note, notes + offset, sizeof(note));
		if (note.n_namesz > left || note.n_descsz > left ||
			padded(note.n_namesz) + padded(note.n_descsz) > left)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
			memcmp(name, "GNU", 4) == 0 && note.n_descsz <= 20) {
			for (size_t i = 0; i < note.n_descsz; i++)
				sprintf(ret + 2 * i, "%02x", name[4 + i]);
			return;
		}
		offset += sizeof(note) + padded(note.n_namesz) + padded(note.n_descsz);
	}
}

static void append_build_id(struct buf *text)
{
	cleanup_free char *notes = NULL;
	char build_id[INFO_BUILD_ID] = "";
	size_t length;

	if (io_read_file(AT_FDCWD, "/sys/kernel/notes", MAX_NOTES, &notes, &length) == 0)
		info_find_build_id((unsigned char *)notes, length, build_id);
	buf_appendf(text, "build-id %s\n", build_id);
}

/* Encoded, because a path may hold a newline. */
static void append_workdir(struct buf *text, const char *workdir)
{
	cleanup_free char *encoded = workdir ? text_percent_encode(workdir) : NULL;

	if (encoded)
		buf_appendf(text, "workdir %s\n", encoded);
}

void info_send(struct server *server, struct client *client)
{
	struct utsname name;
	struct buf text;

	buf_init(&text, MAX_INFO);
	uname(&name);
	buf_appendf(&text, "kernel %s\n", name.release);
	append_build_id(&text);
	buf_appendf(&text, "engine %s\n",
		server->engine_state ? server->engine_state(server->context) : "none");
	buf_appendf(&text, "uptime %llu\n", (unsigned long long)(loop_since_boot() / 1000000000));
	append_workdir(&text, server->config->workdir);
	client_send(client, SESSION_TEXT, buf_head(&text), buf_length(&text));
	buf_finish(&text);
	client_send_exit(client, 0);
}
