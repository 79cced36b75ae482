/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/http and api: requests as bytes on a real socket, good and malformed. */
#include "daemon_fixture.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "common/text.h"
#include "daemon/http.h"

struct server {
	struct fixture *fixture;
	struct http_server *http;
	int dirfd;
};

static struct server server;

static int start_server(void **state)
{
	int listener;

	if (set_up(state) < 0)
		return -1;
	server.fixture = *state;
	server.fixture->daemon.shutdown_fd = eventfd(0, EFD_CLOEXEC);
	server.dirfd = open(server.fixture->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (io_listen(server.dirfd, "sock", SOCK_STREAM, &listener) < 0)
		return -1;
	return http_start(&server.fixture->daemon, listener, &server.http, NULL);
}

static int stop_server(void **state)
{
	http_stop(server.http);
	close(server.dirfd);
	close(server.fixture->daemon.shutdown_fd);
	return tear_down(state);
}

/* Sends the bytes and reads all that comes back. Returns the status, 0 if there is none. */
static int exchange(const char *bytes, size_t length, char *answer, size_t size)
{
	cleanup_close int fd = -1;
	ssize_t n;

	assert_int_equal(io_connect(server.dirfd, "sock", SOCK_STREAM, &fd), 0);
	send(fd, bytes, length, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	n = io_read_full(fd, answer, size - 1);
	answer[n > 0 ? n : 0] = '\0';
	return text_has_prefix(answer, "HTTP/1.1 ") ? (int)strtol(answer + 9, NULL, 10) : 0;
}

static int request(const char *method, const char *path, const char *body, char *answer, size_t size)
{
	cleanup_free char *text = xasprintf("%s %s HTTP/1.1\r\nHost: sbx\r\nConnection: close\r\n"
		"Content-Length: %zu\r\n\r\n%s", method, path, strlen(body), body);

	return exchange(text, strlen(text), answer, size);
}

static void test_requests(void **state)
{
	static const struct {
		const char *method, *path, *body;
		int status;
		const char *holds;
	} cases[] = {
		{ "GET", "/v1/version", "", 200, "\"api\":1" },
		{ "GET", "/v1/sandboxes", "", 200, "{\"sandboxes\":[]}" },
		{ "GET", "/v1/sandboxes", "[", 400, "not a JSON object" },
		{ "GET", "/v1/sandboxes", "[]", 400, "not a JSON object" },
		{ "GET", "/v1/sandboxes", "{\"a\":1,\"a\":2}", 400, "duplicate" },
		{ "GET", "/v1/sandboxes/", "", 404, "no such path" },
		{ "GET", "/v1/sandboxes/none", "", 404, "no sandbox named none" },
		{ "GET", "/v1/sandboxes/a%2Fb", "", 404, "a/b" },
		{ "GET", "/v1/sandboxes/%00", "", 400, "malformed" },
		{ "GET", "/v1/sandboxes/%zz", "", 400, "malformed" },
		{ "GET", "/v1/sandboxes/../version", "", 404, "no such path" },
		{ "GET", "/", "", 404, "not_found" },
		{ "GET", "/v2/version", "", 404, "not_found" },
		{ "POST", "/v1/version", "", 405, "does not take POST" },
		{ "PATCH", "/v1/sandboxes/x", "", 405, "does not take PATCH" },
		{ "DELETE", "/v1/sandboxes/none", "", 404, "not_found" },
		{ "DELETE", "/v1/sandboxes/none?force=1", "", 404, "not_found" },
		{ "POST", "/v1/sandboxes/none/start", "", 404, "not_found" },
		{ "POST", "/v1/sandboxes/none/start", "{\"pul\":true}", 400, "unknown member" },
		{ "POST", "/v1/sandboxes/none/start", "{\"accel\":\"xen\"}", 400, "accelerator" },
		{ "POST", "/v1/sandboxes/none/stop", "{\"timeout_ms\":-1}", 400, "between" },
		{ "GET", "/v1/sandboxes/none/log", "", 404, "not_found" },
		{ "GET", "/v1/sandboxes/none/log?stream=../start.json", "", 400, "console" },
		{ "POST", "/v1/sandboxes/find", "{}", 400, "are needed" },
		{ "POST", "/v1/sandboxes/find", "{\"agent\":\"shell\",\"workspace\":\"/x\"}", 404,
			"not_found" },
		{ "POST", "/v1/sandboxes/find", "{\"agent\":\"none\",\"workspace\":\"/x\"}", 404,
			"not_found" },
		{ "GET", "/v1/images", "", 200, DIGEST },
		{ "DELETE", "/v1/images/../../x", "", 404, "no such path" },
		{ "DELETE", "/v1/images/short", "", 400, "digest" },
		{ "GET", "/v1/agents", "", 200, "claude-code" },
		{ "POST", "/v1/images", "{\"agent\":\"none\"}", 404, "not_found" },
	};
	char answer[16384];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int status = request(cases[i].method, cases[i].path, cases[i].body, answer,
			sizeof(answer));

		if (status != cases[i].status || !strstr(answer, cases[i].holds))
			fail_msg("%s %s: %s", cases[i].method, cases[i].path, answer);
	}
}

static void test_life_by_http(void **state)
{
	cleanup_free char *body = xasprintf("{\"agent\":\"shell\",\"name\":\"b.x\",\"workspaces\":"
		"[{\"path\":\"%s\"}],\"memory_mib\":256,\"cpus\":1}", server.fixture->work);
	char answer[16384];

	assert_int_equal(request("POST", "/v1/sandboxes", body, answer, sizeof(answer)), 201);
	assert_non_null(strstr(answer, "\"state\":\"stopped\""));
	assert_int_equal(request("POST", "/v1/sandboxes", body, answer, sizeof(answer)), 409);
	assert_non_null(strstr(answer, "\"sandbox\":{\"id\""));
	assert_int_equal(request("GET", "/v1/sandboxes/b%2Ex", "", answer, sizeof(answer)), 200);
	assert_non_null(strstr(answer, "\"newer_base\":null"));
	assert_int_equal(request("GET", "/v1/sandboxes/b.x/log", "", answer, sizeof(answer)), 200);
	assert_int_equal(request("POST", "/v1/sandboxes/b.x/stop", "", answer, sizeof(answer)), 200);
	assert_int_equal(request("DELETE", "/v1/images/" DIGEST, "", answer, sizeof(answer)), 409);
	assert_non_null(strstr(answer, "in_use"));
	assert_int_equal(request("DELETE", "/v1/sandboxes/b.x", "", answer, sizeof(answer)), 200);
	assert_int_equal(request("POST", "/v1/shutdown", "", answer, sizeof(answer)), 200);
	assert_int_equal(eventfd_read(server.fixture->daemon.shutdown_fd, &(eventfd_t){ 0 }), 0);
}

static void test_large_body(void **state)
{
	size_t length = HTTP_MAX_BODY + 4096;
	cleanup_free char *body = xcalloc(length + 1, 1);
	char answer[4096];

	memset(body, ' ', length);
	assert_int_equal(request("POST", "/v1/sandboxes", body, answer, sizeof(answer)), 413);
	body[HTTP_MAX_BODY] = '\0';
	assert_int_equal(request("POST", "/v1/sandboxes", body, answer, sizeof(answer)), 400);
}

/* Whatever comes, the server answers or hangs up, and serves the next one. */
static void test_malformed_bytes(void **state)
{
	static const char *const cases[] = {
		"",
		"\r\n\r\n",
		"GET\r\n\r\n",
		"GET /v1/version\r\n\r\n",
		"GET /v1/version HTTP/9.9\r\n\r\n",
		"GET /v1/version HTTP/1.1\r\nHost: sbx\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"GET /v1/version HTTP/1.1\r\nHost: sbx\r\nContent-Length: 10\r\n\r\nabc",
		"POST /v1/sandboxes HTTP/1.1\r\nHost: sbx\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /v1/sandboxes HTTP/1.1\r\nHost: sbx\r\n: x\r\n\r\n",
	};
	char answer[4096];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		exchange(cases[i], strlen(cases[i]), answer, sizeof(answer));
	assert_int_equal(request("GET", "/v1/version", "", answer, sizeof(answer)), 200);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start_server, stop_server)
	const struct CMUnitTest tests[] = {
		TEST(test_requests),
		TEST(test_life_by_http),
		TEST(test_large_body),
		TEST(test_malformed_bytes),
	};

	leave_own_directories();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
