/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's end of the control stream. */
#include "guest/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "guest/console.h"
#include "session/session.h"

enum { RETRY_MS = 500 };

static void disconnect(struct control *control)
{
	if (control->stream.fd >= 0) {
		loop_remove(control->loop, &control->stream);
		close(control->stream.fd);
		control->stream.fd = -1;
	}
	control->connected = false;
	loop_arm(control->loop, &control->retry, RETRY_MS);
}

static void put_record(unsigned char *bytes, uint32_t type, uint32_t argument, uint64_t value)
{
	session_put_u32(bytes, type);
	session_put_u32(bytes + 4, argument);
	session_put_u64(bytes + 8, value);
}

static void send_records(struct control *control, const unsigned char *bytes, size_t length)
{
	/* Less than all would leave the keeper with half a record: begin anew. */
	if (send(control->stream.fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) !=
		(ssize_t)length)
		disconnect(control);
}

static void say_ready(struct control *control)
{
	unsigned char bytes[2 * CONTROL_RECORD];

	control->connected = true;
	control->received = 0;
	loop_watch(control->loop, &control->stream, EPOLLIN);
	put_record(bytes, CONTROL_READY, 0, loop_since_boot());
	put_record(bytes + CONTROL_RECORD, CONTROL_SESSIONS, control->detached, 0);
	send_records(control, bytes, control->detached ? sizeof(bytes) : CONTROL_RECORD);
	console_debug("ready");
}

void control_set_detached(struct control *control, unsigned detached)
{
	unsigned char bytes[CONTROL_RECORD];

	control->detached = detached;
	if (!control->connected)
		return;
	put_record(bytes, CONTROL_SESSIONS, detached, 0);
	send_records(control, bytes, sizeof(bytes));
}

static void set_clock(uint64_t nanoseconds)
{
	struct timespec ts = { .tv_sec = (time_t)(nanoseconds / 1000000000),
			       .tv_nsec = (long)(nanoseconds % 1000000000) };

	if (clock_settime(CLOCK_REALTIME, &ts) < 0)
		console_say("cannot set the clock: %s", strerror(errno));
}

static void take_record(struct control *control)
{
	uint32_t argument = session_get_u32(control->record + 4);

	control->received = 0;
	switch (session_get_u32(control->record)) {
	case CONTROL_SHUTDOWN:
		control->shutdown(control->context, argument);
		break;
	case CONTROL_CLOCK:
		set_clock(session_get_u64(control->record + 8));
		break;
	default:
		break;
	}
}

static void receive(struct control *control)
{
	ssize_t n = recv(control->stream.fd, control->record + control->received,
		CONTROL_RECORD - control->received, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		disconnect(control);
		return;
	}
	control->received += (size_t)n;
	if (control->received == CONTROL_RECORD)
		take_record(control);
}

static void finish_connecting(struct control *control)
{
	socklen_t length = sizeof(int);
	int error = 0;

	if (getsockopt(control->stream.fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error)
		disconnect(control);
	else
		say_ready(control);
}

static void handle_stream(void *context, uint32_t events)
{
	struct control *control = context;

	if (control->connected)
		receive(control);
	else
		finish_connecting(control);
}

static void connect_to_keeper(void *context)
{
	struct control *control = context;
	struct sockaddr_vm address = { .svm_family = AF_VSOCK,
				       .svm_cid = VMADDR_CID_HOST,
				       .svm_port = SESSION_CONTROL_PORT };

	control->stream.fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->stream.fd >= 0 &&
		connect(control->stream.fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		say_ready(control);
	else if (control->stream.fd < 0 || errno != EINPROGRESS)
		disconnect(control);
	else
		loop_watch(control->loop, &control->stream, EPOLLOUT);
}

void control_start(struct control *control, struct loop *loop)
{
	control->loop = loop;
	control->stream = (struct loop_source){ .fd = -1,
						.handle = handle_stream,
						.context = control };
	control->retry = (struct loop_timer){ .expire = connect_to_keeper, .context = control };
	connect_to_keeper(control);
}
