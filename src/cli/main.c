/* SPDX-License-Identifier: Apache-2.0 */
/* sbx: the command line. */
#include "cli/command.h"

int main(int argc, char **argv)
{
	return command_main(argc > 0 ? argv + 1 : argv);
}
