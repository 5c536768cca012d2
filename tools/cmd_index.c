/* SPDX-License-Identifier: MIT */
/* `stackdb index` is another program: only that one is linked with what reads ELF and DWARF. */
#include "tool.h"

#include <stackdb/indexing.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int command_index(int argc, char **argv)
{
	(void)argc;
	char *program;
	struct sdb_error *error = sdb_indexer_path(&program);
	if (error)
		return tool_fail(NULL, error);
	signal(SIGPIPE, SIG_DFL);
	execv(program, argv);
	tool_complain(program, "cannot run the indexer: %s", strerror(errno));
	free(program);
	return STATUS_NOT_FOUND;
}
