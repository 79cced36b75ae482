/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's state machine.
 *
 * THEORY OF OPERATION
 *
 *	         READY                    stop, idle, SIGTERM
 *	starting ─────▶ running ─────────────────────────────┐
 *	   │               │                                 ▼      VMM ended, or
 *	   │ failed,       │ guest powered off,    ┌──▶ stopping ── deadline: SIGKILL ──▶ gone
 *	   │ too late,     │ a child died, kill    │
 *	   └───────────────┴───────────────────────┘
 *
 * The end has one reason, the first that is given (`reason`); it goes into exit.json. From then on
 * the state is "stopping", and the only ways are the guest's own power-off and SIGKILL. Whatever
 * began the end, it is through when `children.alive` is 0: then exit.json is written, the sockets
 * are removed, the lock is released, in this order, so that who finds the lock free finds the
 * reason too. keeper.sock closes last: its end of stream means that all this is done.
 *
 * A guest is asked to shut down only while running and with its control stream open; else there is
 * nobody who could answer, and stop is kill. A guest that is killed loses what it had not synced,
 * as in a power cut; its file system has a journal. Nothing of the host waits for a guest beyond
 * the deadline.
 *
 * The children depend on each other: when QEMU dies, its peers see their sockets close and end with
 * status 0, often before QEMU itself can be reaped. So such an end, or that of the control channel,
 * is only a suspicion for GRACE_MS; if QEMU's end comes within that time, it is the cause. A peer
 * that ends in another way is the cause itself, although QEMU will end of it too.
 *
 * A boot under KVM that was chosen here (accel "auto") may fail on hosts whose KVM cannot run a
 * stock kernel. If it ends or stalls before READY, all children are killed and, once they are gone,
 * the machine starts again under TCG, once.
 *
 * Rights: the keeper needs to start children, so it cannot be confined before. Under TCG it locks
 * itself down (lockdown.c) as soon as they run, before the first byte of the guest is read. Under
 * KVM it does so at READY, or after the second start; until then it handles of the guest no more
 * than console bytes, which it copies, and records of 16 bytes.
 *
 * Timers: `deadline` guards the boot and the shutdown, `idle_timer` runs while the VM is idle
 * (idle.c), `resume` lets a machine go on that stopped because the host's disk was full.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/mem.h"

enum {
	GRACE_MS = 100,
	KVM_STALL_MS = 20 * 1000,
	RESUME_MS = 1000,
	SIGTERM_TIMEOUT_MS = 2000,
};

static const char *const state_names[] = {
	[KEEPER_STARTING] = "starting",
	[KEEPER_RUNNING] = "running",
	[KEEPER_STOPPING] = "stopping",
};

static const char *accel_name(enum vm_accel accel)
{
	return accel == VM_ACCEL_KVM ? "kvm" : "tcg";
}

static void apply_idle(struct keeper *keeper, enum idle_action action)
{
	if (action == IDLE_ARM)
		timer_set(&keeper->idle_timer, keeper->idle.timeout_s * 1000);
	else if (action == IDLE_DISARM)
		timer_set(&keeper->idle_timer, 0);
}

static void set_state(struct keeper *keeper, enum keeper_state state)
{
	if (keeper->state == state)
		return;
	log_info("%s → %s", state_names[keeper->state], state_names[state]);
	keeper->state = state;
	keeper->idle.running = state == KEEPER_RUNNING;
	apply_idle(keeper, idle_update(&keeper->idle));
	control_announce(&keeper->control);
}

/* Notes the reason of the end, if it is the first. */
static void give_reason(struct keeper *keeper, enum exit_reason reason, const char *message,
	const char *hint)
{
	if (keeper->reason != EXIT_NONE)
		return;
	keeper->reason = reason;
	keeper->message = xstrdup(message);
	keeper->hint = hint ? xstrdup(hint) : NULL;
	log_info("end: %s: %s", exit_reason_name(reason), message);
}

/* Nothing of the boot lives any more: the end, or the second boot. */
static void all_gone(struct keeper *keeper)
{
	cleanup_err struct err err = ERR_INIT;

	machine_finish(keeper);
	if (!keeper->boot_again) {
		keeper->loop.stop = true;
		return;
	}
	keeper->boot_again = false;
	if (machine_start(keeper, &err) == 0) {
		timer_set(&keeper->deadline, keeper->config.boot_timeout_s * 1000);
		return;
	}
	give_reason(keeper, EXIT_START_FAILED, err.message, err.hint);
	set_state(keeper, KEEPER_STOPPING);
	children_kill(&keeper->children);
	keeper->loop.stop = keeper->children.alive == 0;
}

static void kill_all(struct keeper *keeper)
{
	timer_set(&keeper->deadline, 0);
	timer_set(&keeper->grace, 0);
	children_kill(&keeper->children);
	if (keeper->children.alive == 0)
		all_gone(keeper);
}

static void end_now(struct keeper *keeper, enum exit_reason reason, const char *message,
	const char *hint)
{
	fault_point(FAULT_KEEPER_BEFORE_STOPPING);
	keeper->boot_again = false;
	give_reason(keeper, reason, message, hint);
	set_state(keeper, KEEPER_STOPPING);
	fault_point(FAULT_KEEPER_AFTER_STOPPING);
	kill_all(keeper);
}

void keeper_kill(struct keeper *keeper, enum exit_reason reason, const char *message)
{
	end_now(keeper, reason, message, NULL);
}

static const char *stop_message(enum exit_reason reason)
{
	return reason == EXIT_IDLE ? "no session for the idle timeout" : "stopped as asked for";
}

void keeper_stop(struct keeper *keeper, enum exit_reason reason, unsigned timeout_ms)
{
	if (keeper->state == KEEPER_STOPPING)
		return;
	if (keeper->state != KEEPER_RUNNING || timeout_ms == 0 ||
		!guest_send(&keeper->guest, RECORD_SHUTDOWN, timeout_ms, 0)) {
		end_now(keeper, reason, stop_message(reason), NULL);
		return;
	}
	fault_point(FAULT_KEEPER_BEFORE_STOPPING);
	give_reason(keeper, reason, stop_message(reason), NULL);
	set_state(keeper, KEEPER_STOPPING);
	fault_point(FAULT_KEEPER_AFTER_STOPPING);
	timer_set(&keeper->deadline, timeout_ms);
}

void keeper_set_idle_timeout(struct keeper *keeper, uint64_t seconds)
{
	apply_idle(keeper, idle_set_timeout(&keeper->idle, seconds));
}

static void lock_down(struct keeper *keeper)
{
	cleanup_err struct err err = ERR_INIT;

	if (keeper->confined)
		return;
	keeper->confined = true;
	if (lockdown(keeper->dir_fd, &err) < 0)
		keeper_kill(keeper, EXIT_START_FAILED, err.message);
}

/* A boot that may be tried once more, under TCG. */
static bool may_boot_again(const struct keeper *keeper)
{
	return keeper->state == KEEPER_STARTING && keeper->accel == VM_ACCEL_KVM &&
		keeper->config.accel == VM_ACCEL_AUTO && !keeper->boot_again;
}

static void boot_again(struct keeper *keeper, const char *why)
{
	log_warn("%s", why);
	keeper->boot_again = true;
	keeper->accel = VM_ACCEL_TCG;
	free(keeper->accel_reason);
	keeper->accel_reason = xstrdup(why);
	keeper->guest_ended = false;
	keeper->guest_reset = false;
	kill_all(keeper);
}

/* QEMU ended, and nobody here wanted it: why? */
static void explain_end(struct keeper *keeper, int status)
{
	char how[32];
	cleanup_free char *text = NULL;

	if (may_boot_again(keeper)) {
		boot_again(keeper, "a boot under KVM failed on this machine");
		return;
	}
	if (keeper->state == KEEPER_STARTING && (keeper->guest_ended || keeper->guest_reset)) {
		end_now(keeper, EXIT_START_FAILED,
			keeper->guest_ended ? "the guest gave up before it served sessions"
					    : "the guest's kernel failed before it served sessions",
			"console.log has the guest's last words");
		return;
	}
	if (keeper->guest_ended || keeper->guest_reset) {
		end_now(keeper, EXIT_POWEROFF,
			keeper->guest_ended ? "the guest powered off"
					    : "the guest rebooted, or its kernel failed",
			NULL);
		return;
	}
	children_describe(status, how, sizeof(how));
	text = xasprintf("qemu ended: %s", how);
	end_now(keeper, keeper->state == KEEPER_STARTING ? EXIT_START_FAILED : EXIT_VMM_DIED, text,
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

/* What is suspected is the cause: QEMU did not explain it by its own end. */
static void end_suspected(struct keeper *keeper)
{
	if (may_boot_again(keeper)) {
		boot_again(keeper, "a boot under KVM failed on this machine");
		return;
	}
	end_now(keeper, keeper->suspect,
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
			kill_all(keeper);
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
		kill_all(keeper);
	} else if (may_boot_again(keeper)) {
		boot_again(keeper, "a boot under KVM stalled on this machine");
	} else {
		end_now(keeper, EXIT_BOOT_TIMEOUT, "the guest did not boot in time",
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
	lock_down(keeper);
	if (keeper->state == KEEPER_STARTING)
		set_state(keeper, KEEPER_RUNNING);
	fault_point(FAULT_KEEPER_AFTER_RUNNING);
}

static void guest_changed(struct guest *guest)
{
	struct keeper *keeper = container_of(guest, struct keeper, guest);

	keeper->idle.streams = guest->streams;
	keeper->idle.detached = guest->detached;
	apply_idle(keeper, idle_update(&keeper->idle));
}

static void idle_over(struct timer *timer)
{
	struct keeper *keeper = container_of(timer, struct keeper, idle_timer);

	keeper_stop(keeper, EXIT_IDLE, SIGTERM_TIMEOUT_MS);
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
		keeper_stop(keeper, EXIT_STOP, SIGTERM_TIMEOUT_MS);
}

static void before_wait(struct loop *loop)
{
	logfile_check(&container_of(loop, struct keeper, loop)->keeper_log);
}

json_t *keeper_status(const struct keeper *keeper)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:I, s:s}", "state",
		state_names[keeper->state], "accel", accel_name(keeper->accel), "accel_reason",
		keeper->accel_reason ? keeper->accel_reason : "", "pid", (int)getpid(), "vmm_pid",
		keeper->vm.backend ? (int)keeper->vm.pid : 0, "streams", (int)keeper->guest.streams,
		"detached", (int)keeper->guest.detached, "started_ns",
		(json_int_t)keeper->started_ns, "ready_ns", (json_int_t)keeper->ready_ns, "error",
		keeper->message ? keeper->message : keeper->trouble);
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

static int init_parts(struct keeper *keeper)
{
	int r = init_signals(keeper);

	if (r == 0)
		r = init_timers(keeper);
	if (r == 0)
		r = console_init(&keeper->console, &keeper->loop, &keeper->console_log);
	if (r == 0)
		r = console_init(&keeper->messages, &keeper->loop, &keeper->keeper_log);
	guest_init(&keeper->guest, &keeper->loop, guest_ready, guest_changed);
	children_init(&keeper->children, &keeper->loop, child_ended);
	return r;
}

int keeper_init(struct keeper *keeper, int dir_fd, struct config *config, struct err *err)
{
	int r = loop_init(&keeper->loop);

	keeper->loop.before_wait = before_wait;
	keeper->config = *config;
	*config = (struct config){ 0 };
	keeper->dir_fd = dir_fd;
	keeper->trouble = "";
	keeper->started_ns = realtime_ns();
	keeper->vm = (struct vm){ .pidfd = -1, .control_fd = -1 };
	keeper->vm_control = (struct watch){ .fd = -1, .ready = vm_control_ready };
	keeper->idle.timeout_s = keeper->config.idle_timeout_s;
	if (r == 0)
		r = init_parts(keeper);
	if (r < 0)
		return err_errno(err, -r, "start the event loop");
	return vm_accel_choose(keeper->config.accel, &keeper->accel, &keeper->accel_reason, err);
}

/* A user who has KVM chosen for him gets a boot limit that leaves time for the second boot. */
static uint64_t first_boot_ms(const struct keeper *keeper)
{
	uint64_t limit = keeper->config.boot_timeout_s * 1000;

	return may_boot_again(keeper) && (limit == 0 || limit > KVM_STALL_MS) ? KVM_STALL_MS : limit;
}

void keeper_run(struct keeper *keeper)
{
	cleanup_err struct err err = ERR_INIT;
	int r = machine_start(keeper, &err);

	if (r < 0) {
		end_now(keeper, EXIT_START_FAILED, err.message, err.hint);
	} else {
		timer_set(&keeper->deadline, first_boot_ms(keeper));
		if (!may_boot_again(keeper))
			lock_down(keeper);
	}
	r = loop_run(&keeper->loop);
	if (r < 0)
		die("event loop: %s", strerror(-r));
}
