/* SPDX-License-Identifier: Apache-2.0 */
/* sbx-cp -L|-P SOURCE TARGET: the copy behind `sbx cp`, which checks the words and starts this. */
#include <string.h>

#include "cli/command.h"
#include "cli/copy.h"

int main(int argc, char **argv)
{
	cleanup_err struct err err = ERR_INIT;
	struct copy_place source, target;
	int status;

	if (argc != 4) {
		fputs("usage: sbx-cp -L|-P SOURCE TARGET\n", stderr);
		return STATUS_USAGE;
	}
	copy_place_parse(argv[2], &source);
	copy_place_parse(argv[3], &target);
	status = copy(&source, &target, strcmp(argv[1], "-L") == 0, &err);
	if (err.message)
		err_print(&err, "sbx");
	return status;
}
