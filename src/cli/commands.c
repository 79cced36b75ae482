/* SPDX-License-Identifier: Apache-2.0 */
/* The table of all commands, in the order in which help lists them. */
#include "cli/commands.h"

const struct command *const commands[] = {
	&command_run,	&command_create,   &command_ls,	     &command_inspect,
	&command_exec,	&command_attach,   &command_stop,    &command_rm,
	&command_prune, &command_cp,	   &command_logs,    &command_image,
	&command_daemon, &command_diagnose, &command_version, &command_completion,
	&command_help,	&command_complete, NULL,
};
