/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a sandbox, translated into transitions: its processes end, its monitor and its
 * guest speak, timers expire, the host's clock is set, a signal comes.
 */
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/mem.h"
#include "keeper/keeper.h"
#include "keeper/transitions.h"

enum { GRACE_MS = 100, RESUME_MS = 1000, STOP_TIMEOUT_MS = 2000 };

/* The guest gave the reason for QEMU's end itself: by power-off or by a reset, which ends QEMU. */
static bool end_by_guest(struct keeper *keeper)
{
	bool starting = keeper->state == KEEPER_STARTING;

	if (keeper->guest_ended)
		keeper_end(keeper, starting ? EXIT_START_FAILED : EXIT_POWEROFF,
			starting ? "the guest gave up before it served sessions"
				 : "the guest powered off",
			starting ? "console.log has the guest's last words" : NULL);
	else if (keeper->guest_reset)
		keeper_end(keeper, starting ? EXIT_KERNEL_FAILED : EXIT_POWEROFF,
			starting ? "the guest's kernel failed before it served sessions"
				 : "the guest rebooted, or its kernel failed",
			starting ? "console.log has the guest's last words" : NULL);
	return keeper->guest_ended || keeper->guest_reset;
}

/* QEMU ended, and nobody here wanted it: why? */
static void explain_end(struct keeper *keeper, int status)
{
	char how[32];
	cleanup_free char *text = NULL;

	if (keeper_may_boot_again(keeper)) {
		keeper_boot_again(keeper, "a boot under KVM failed on this machine");
		return;
	}
	if (end_by_guest(keeper))
		return;
	children_describe(status, how, sizeof(how));
	text = xasprintf("qemu ended: %s", how);
	keeper_end(keeper, keeper->state == KEEPER_STARTING ? EXIT_START_FAILED : EXIT_VMM_DIED, text,
		"keeper.log has its last words");
}

static void note_vm_events(struct keeper *keeper, unsigned events)
{
	if (events & VM_EVENT_SHUTDOWN)
		keeper->guest_ended = true;
	if (events & (VM_EVENT_RESET | VM_EVENT_PANIC))
		keeper->guest_reset = true;
	if (!(events & VM_EVENT_DISK_FULL))
		return;
	if (!*keeper->trouble)
		log_error("the host has no room for the sandbox's disk: the VM waits");
	keeper->trouble = "the host's disk is full: the VM waits until there is room";
	keeper->disk_full = true;
	timer_set(&keeper->resume, RESUME_MS);
}

/*
 * What is suspected is the cause: QEMU did not explain it by its own end. Unless the guest did: the
 * control channel closes some time before a QEMU with much memory has ended.
 */
static void end_suspected(struct keeper *keeper)
{
	if (keeper_may_boot_again(keeper)) {
		keeper_boot_again(keeper, "a boot under KVM failed on this machine");
		return;
	}
	if (end_by_guest(keeper))
		return;
	keeper_end(keeper, keeper->suspect,
		keeper->suspect == EXIT_VMM_DIED     ? "qemu's control channel broke"
		: keeper->suspect == EXIT_VSOCK_DIED ? "sbx-vsock ended"
						     : "the workspace's file server ended",
		"keeper.log has its last words");
}

static void child_ended(struct children *children, enum child_kind kind, int status)
{
	struct keeper *keeper = container_of(children, struct keeper, children);
	static const enum exit_reason reasons[] = {
		[CHILD_VSOCK] = EXIT_VSOCK_DIED,
		[CHILD_SHARE] = EXIT_SHARE_DIED,
	};

	if (kind == CHILD_VMM && keeper->vm.backend) {
		note_vm_events(keeper, vm_handle_events(&keeper->vm));
		loop_remove(&keeper->loop, &keeper->vm_control);
	}
	if (keeper->state == KEEPER_STOPPING || keeper->boot_again) {
		/* While the guest shuts down, only QEMU's end lets the others go. */
		if (kind == CHILD_VMM || children->alive == 0)
			keeper_kill_all(keeper);
		return;
	}
	if (kind == CHILD_VMM) {
		explain_end(keeper, status);
		return;
	}
	if (keeper->suspect == EXIT_NONE)
		keeper->suspect = reasons[kind];
	if (status != 0)
		end_suspected(keeper);
	else
		timer_set(&keeper->grace, GRACE_MS);
}

static void grace_over(struct timer *timer)
{
	struct keeper *keeper = container_of(timer, struct keeper, grace);

	if (keeper->state != KEEPER_STOPPING && !keeper->boot_again)
		end_suspected(keeper);
}

static void vm_control_ready(struct watch *watch, uint32_t events)
{
	struct keeper *keeper = container_of(watch, struct keeper, vm_control);
	unsigned found = vm_handle_events(&keeper->vm);

	note_vm_events(keeper, found);
	if (!(found & VM_EVENT_BROKEN))
		return;
	loop_remove(&keeper->loop, watch);
	if (keeper->suspect == EXIT_NONE)
		keeper->suspect = EXIT_VMM_DIED;
	timer_set(&keeper->grace, GRACE_MS);
}

static void deadline_over(struct timer *timer)
{
	struct keeper *keeper = container_of(timer, struct keeper, deadline);

	if (keeper->state == KEEPER_STOPPING) {
		log_warn("the guest did not shut down in time");
		keeper_kill_all(keeper);
	} else if (keeper_may_boot_again(keeper)) {
		keeper_boot_again(keeper, "a boot under KVM stalled on this machine");
	} else {
		keeper_end(keeper, EXIT_BOOT_TIMEOUT, "the guest did not boot in time",
			"console.log has the guest's last words");
	}
}

static void send_clock(struct keeper *keeper)
{
	guest_send(&keeper->guest, RECORD_CLOCK, 0, realtime_ns());
}

static void clock_changed(struct host_clock *clock)
{
	send_clock(container_of(clock, struct keeper, clock));
}

static void guest_ready(struct guest *guest)
{
	struct keeper *keeper = container_of(guest, struct keeper, guest);

	send_clock(keeper);
	if (keeper->state != KEEPER_STARTING || keeper->boot_again)
		return;
	fault_point(FAULT_KEEPER_BEFORE_RUNNING);
	timer_set(&keeper->deadline, 0);
	keeper->ready_ns = realtime_ns();
	keeper_lock_down(keeper);
	if (keeper->state == KEEPER_STARTING)
		keeper_set_state(keeper, KEEPER_RUNNING);
	fault_point(FAULT_KEEPER_AFTER_RUNNING);
}

static void guest_changed(struct guest *guest)
{
	struct keeper *keeper = container_of(guest, struct keeper, guest);

	keeper->idle.streams = guest->streams;
	keeper->idle.detached = guest->detached;
	keeper_apply_idle(keeper, idle_update(&keeper->idle));
}

static void idle_over(struct timer *timer)
{
	struct keeper *keeper = container_of(timer, struct keeper, idle_timer);

	keeper_stop(keeper, EXIT_IDLE, STOP_TIMEOUT_MS);
}

/* Lets the machine go on; the trouble is over when that lasts for one more round. */
static void resume_due(struct timer *timer)
{
	struct keeper *keeper = container_of(timer, struct keeper, resume);

	if (!keeper->disk_full) {
		log_info("the host has room again");
		keeper->trouble = "";
		return;
	}
	keeper->disk_full = false;
	if (keeper->vm.backend)
		vm_resume(&keeper->vm);
	timer_set(timer, RESUME_MS);
}

static void signal_ready(struct watch *watch, uint32_t events)
{
	struct keeper *keeper = container_of(watch, struct keeper, signals);
	struct signalfd_siginfo info;

	if (read(watch->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		keeper_stop(keeper, EXIT_STOP, STOP_TIMEOUT_MS);
}

static void before_wait(struct loop *loop)
{
	logfile_check(&container_of(loop, struct keeper, loop)->keeper_log);
}

static int init_signals(struct keeper *keeper)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	keeper->signals.ready = signal_ready;
	keeper->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (keeper->signals.fd < 0)
		return -errno;
	return loop_add(&keeper->loop, &keeper->signals, EPOLLIN);
}

static int init_timers(struct keeper *keeper)
{
	int r = timer_init(&keeper->idle_timer, &keeper->loop, idle_over);

	if (r == 0)
		r = timer_init(&keeper->deadline, &keeper->loop, deadline_over);
	if (r == 0)
		r = timer_init(&keeper->grace, &keeper->loop, grace_over);
	if (r == 0)
		r = timer_init(&keeper->resume, &keeper->loop, resume_due);
	return r == 0 ? clock_init(&keeper->clock, &keeper->loop, clock_changed) : r;
}

int events_init(struct keeper *keeper)
{
	int r = init_signals(keeper);

	if (r == 0)
		r = init_timers(keeper);
	if (r == 0)
		r = console_init(&keeper->console, &keeper->loop, &keeper->console_log);
	if (r == 0)
		r = console_init(&keeper->messages, &keeper->loop, &keeper->keeper_log);
	keeper->loop.before_wait = before_wait;
	keeper->vm_control = (struct watch){ .fd = -1, .ready = vm_control_ready };
	guest_init(&keeper->guest, &keeper->loop, guest_ready, guest_changed);
	children_init(&keeper->children, &keeper->loop, child_ended);
	return r;
}
