/* SPDX-License-Identifier: Apache-2.0 */
/* The commands, each defined at the end of its cmd_NAME.c. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command command_run, command_create, command_ls, command_inspect, command_exec,
	command_attach, command_stop, command_rm, command_prune, command_cp, command_logs,
	command_image, command_daemon, command_diagnose, command_version, command_completion,
	command_help, command_complete;

#endif
