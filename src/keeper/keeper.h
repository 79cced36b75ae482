/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sandbox's supervisor: its state, and what can be asked of it. The theory of operation is on top
 * of keeper.c.
 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "keeper/children.h"
#include "keeper/clock.h"
#include "keeper/config.h"
#include "keeper/console.h"
#include "keeper/control.h"
#include "keeper/exit.h"
#include "keeper/guest.h"
#include "keeper/idle.h"
#include "keeper/logfile.h"
#include "keeper/loop.h"
#include "vm/vm.h"

enum keeper_state { KEEPER_STARTING, KEEPER_RUNNING, KEEPER_STOPPING };

struct keeper {
	struct loop loop;
	struct config config;
	enum keeper_state state;

	int dir_fd;	     /* the sandbox's directory */
	int lock_fd;	     /* keeper.lock, held */
	int vsock_listen_fd; /* vsock.sock, listening; survives a second boot */
	struct logfile keeper_log;
	struct logfile console_log;

	enum vm_accel accel; /* what this boot uses */
	char *accel_reason;  /* why not KVM; or NULL */
	struct children children;
	struct vm vm;
	struct watch vm_control; /* the monitor's control channel: vm.control_fd */
	struct console console;	 /* the guest's console */
	struct console messages; /* what the children say on standard error */
	struct guest guest;

	struct control control;
	struct host_clock clock;
	struct idle idle;
	struct timer idle_timer;
	struct timer deadline; /* of the boot while starting, of the shutdown while stopping */
	struct timer grace;    /* until a child's death is taken as the cause of the end */
	struct timer resume;   /* after the host's disk was full */
	struct watch signals;

	bool boot_again;    /* once all are gone, under TCG */
	bool confined;	    /* no child can be started any more */
	bool guest_ended;   /* the guest powered off */
	bool guest_reset;   /* the guest reset, or its kernel panicked */
	bool disk_full;     /* a write failed for lack of room since the machine last went on */
	enum exit_reason suspect; /* a child died; the reason if nothing explains it */
	enum exit_reason reason;  /* EXIT_NONE while it goes on */
	char *message;
	char *hint;
	const char *trouble; /* a static text for status.error; "" */
	uint64_t started_ns;
	uint64_t ready_ns;
};

/*
 * The state machine. `dir_fd` is the sandbox's directory, `config` is taken. keeper_run() starts
 * the VM and returns when all is over and exit.json is written.
 */
int keeper_init(struct keeper *keeper, int dir_fd, struct config *config, struct err *err);
void keeper_run(struct keeper *keeper);

/* The guest gets the time to shut down, then all are killed. */
void keeper_stop(struct keeper *keeper, enum exit_reason reason, unsigned timeout_ms);

/* All are killed now. The first reason given for the end is the one that counts. */
void keeper_kill(struct keeper *keeper, enum exit_reason reason, const char *message);

void keeper_set_idle_timeout(struct keeper *keeper, uint64_t seconds);

/* The status object of keeper.md. */
json_t *keeper_status(const struct keeper *keeper);

/*
 * The machine (machine.c): the processes of one boot. machine_start() starts them all; on failure
 * some may live, and children_kill() is due. machine_finish() frees what is left once all are gone.
 */
int machine_start(struct keeper *keeper, struct err *err);
void machine_finish(struct keeper *keeper);

/* Gives up every right that a running sandbox's keeper does not need (lockdown.c). */
int lockdown(int dir_fd, struct err *err);

#endif
