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
 * than console bytes, which it copies, and records of 16 bytes, and reads the JSON lines of QEMU.
 *
 * Timers: `deadline` guards the boot and the shutdown, `idle_timer` runs while the VM is idle
 * (idle.c), `resume` lets a machine go on that stopped because the host's disk was full.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/mem.h"
#include "keeper/transitions.h"

enum { KVM_STALL_MS = 20 * 1000 };

static const char *const state_names[] = {
	[KEEPER_STARTING] = "starting",
	[KEEPER_RUNNING] = "running",
	[KEEPER_STOPPING] = "stopping",
};

static const char *accel_name(enum vm_accel accel)
{
	return accel == VM_ACCEL_KVM ? "kvm" : "tcg";
}

void keeper_apply_idle(struct keeper *keeper, enum idle_action action)
{
	if (action == IDLE_ARM)
		timer_set(&keeper->idle_timer, keeper->idle.timeout_s * 1000);
	else if (action == IDLE_DISARM)
		timer_set(&keeper->idle_timer, 0);
}

void keeper_set_state(struct keeper *keeper, enum keeper_state state)
{
	if (keeper->state == state)
		return;
	log_info("%s → %s", state_names[keeper->state], state_names[state]);
	keeper->state = state;
	keeper->idle.running = state == KEEPER_RUNNING;
	keeper_apply_idle(keeper, idle_update(&keeper->idle));
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
		keeper_lock_down(keeper);
		return;
	}
	give_reason(keeper, EXIT_START_FAILED, err.message, err.hint);
	keeper_set_state(keeper, KEEPER_STOPPING);
	children_kill(&keeper->children);
	keeper->loop.stop = keeper->children.alive == 0;
}

void keeper_kill_all(struct keeper *keeper)
{
	timer_set(&keeper->deadline, 0);
	timer_set(&keeper->grace, 0);
	children_kill(&keeper->children);
	if (keeper->children.alive == 0)
		all_gone(keeper);
}

void keeper_end(struct keeper *keeper, enum exit_reason reason, const char *message,
	const char *hint)
{
	fault_point(FAULT_KEEPER_BEFORE_STOPPING);
	keeper->boot_again = false;
	give_reason(keeper, reason, message, hint);
	keeper_set_state(keeper, KEEPER_STOPPING);
	fault_point(FAULT_KEEPER_AFTER_STOPPING);
	keeper_kill_all(keeper);
}

void keeper_kill(struct keeper *keeper, enum exit_reason reason, const char *message)
{
	keeper_end(keeper, reason, message, NULL);
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
		keeper_end(keeper, reason, stop_message(reason), NULL);
		return;
	}
	fault_point(FAULT_KEEPER_BEFORE_STOPPING);
	give_reason(keeper, reason, stop_message(reason), NULL);
	keeper_set_state(keeper, KEEPER_STOPPING);
	fault_point(FAULT_KEEPER_AFTER_STOPPING);
	timer_set(&keeper->deadline, timeout_ms);
}

void keeper_set_idle_timeout(struct keeper *keeper, uint64_t seconds)
{
	keeper_apply_idle(keeper, idle_set_timeout(&keeper->idle, seconds));
}

void keeper_lock_down(struct keeper *keeper)
{
	cleanup_err struct err err = ERR_INIT;

	if (keeper->confined)
		return;
	keeper->confined = true;
	if (lockdown(keeper->dir_fd, &err) < 0)
		keeper_kill(keeper, EXIT_START_FAILED, err.message);
}

/* A boot that may be tried once more, under TCG. */
bool keeper_may_boot_again(const struct keeper *keeper)
{
	return keeper->state == KEEPER_STARTING && keeper->accel == VM_ACCEL_KVM &&
		keeper->config.accel == VM_ACCEL_AUTO && !keeper->boot_again;
}

void keeper_boot_again(struct keeper *keeper, const char *why)
{
	log_warn("%s", why);
	keeper->boot_again = true;
	keeper->accel = VM_ACCEL_TCG;
	free(keeper->accel_reason);
	keeper->accel_reason = xstrdup(why);
	keeper->guest_ended = false;
	keeper->guest_reset = false;
	keeper_kill_all(keeper);
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

int keeper_init(struct keeper *keeper, int dir_fd, struct config *config, struct err *err)
{
	int r = loop_init(&keeper->loop);

	keeper->config = *config;
	*config = (struct config){ 0 };
	keeper->dir_fd = dir_fd;
	keeper->trouble = "";
	keeper->started_ns = realtime_ns();
	keeper->vm = (struct vm){ .pidfd = -1, .control_fd = -1 };
	keeper->idle.timeout_s = keeper->config.idle_timeout_s;
	if (r == 0)
		r = events_init(keeper);
	if (r < 0)
		return err_errno(err, -r, "start the event loop");
	return vm_accel_choose(keeper->config.accel, &keeper->accel, &keeper->accel_reason, err);
}

/* A boot that may be followed by a second one does not get all of the time. */
static uint64_t first_boot_ms(const struct keeper *keeper)
{
	uint64_t limit = keeper->config.boot_timeout_s * 1000;

	if (keeper_may_boot_again(keeper) && (limit == 0 || limit > KVM_STALL_MS))
		return KVM_STALL_MS;
	return limit;
}

void keeper_run(struct keeper *keeper)
{
	cleanup_err struct err err = ERR_INIT;
	int r = machine_start(keeper, &err);

	if (r < 0) {
		keeper_end(keeper, EXIT_START_FAILED, err.message, err.hint);
	} else {
		timer_set(&keeper->deadline, first_boot_ms(keeper));
		if (!keeper_may_boot_again(keeper))
			keeper_lock_down(keeper);
	}
	r = loop_run(&keeper->loop);
	if (r < 0)
		die("event loop: %s", strerror(-r));
}
