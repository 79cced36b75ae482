/* SPDX-License-Identifier: Apache-2.0 */
/* The person's terminal. */
#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static volatile sig_atomic_t raw_fd = -1;

void terminal_restore(void)
{
	int fd = raw_fd;

	if (fd < 0)
		return;
	raw_fd = -1;
	/* TCSAFLUSH: half of an answer the terminal gave to a query must not reach the shell. */
	tcsetattr(fd, TCSAFLUSH, &saved);
}

/* Only tcsetattr, which is async-signal-safe; SA_RESETHAND lets the signal then do its work. */
static void on_fault(int number)
{
	terminal_restore();
	raise(number);
}

static void restore_on_every_way_out(void)
{
	static const int faults[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS };
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_RESETHAND };
	static bool done;

	if (done)
		return;
	done = true;
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		sigaction(faults[i], &action, NULL);
	atexit(terminal_restore);
}

int terminal_raw(int fd, struct err *err)
{
	struct termios raw;

	if (tcgetattr(fd, &saved) < 0)
		return err_errno(err, errno, "read the terminal's settings");
	raw = saved;
	cfmakeraw(&raw);
	restore_on_every_way_out();
	raw_fd = fd;
	if (tcsetattr(fd, TCSADRAIN, &raw) < 0) {
		raw_fd = -1;
		return err_errno(err, errno, "put the terminal into raw mode");
	}
	return 0;
}

bool terminal_size(int fd, uint16_t *rows, uint16_t *columns)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
		return false;
	*rows = size.ws_row;
	*columns = size.ws_col;
	return true;
}

bool terminal_is_capable(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool terminal_has_colour(int fd)
{
	const char *no = getenv("NO_COLOR");

	return !(no && *no) && terminal_is_capable(fd);
}

bool terminal_confirm(const char *question)
{
	char answer[16] = "";

	fprintf(stderr, "%s [y/N] ", question);
	if (!fgets(answer, sizeof(answer), stdin))
		fputc('\n', stderr);
	answer[strcspn(answer, "\n")] = '\0';
	return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}
