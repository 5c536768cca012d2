/* SPDX-License-Identifier: MIT */
/*
 * Prints the program counters of the stacks of process PID as libunwind finds them, `TID PC PC ...` for each
 * thread and then `end`, once for each line that it reads. Built with -lunwind-ptrace -lunwind-x86_64.
 */
#include <dirent.h>
#include <libunwind-ptrace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static void print_stack(unw_addr_space_t space, pid_t tid)
{
	void *process = _UPT_create(tid);
	unw_cursor_t cursor;
	unw_word_t pc;
	printf("%d", tid);
	if (process && unw_init_remote(&cursor, space, process) == 0) {
		for (int depth = 0; depth < 3000 && unw_get_reg(&cursor, UNW_REG_IP, &pc) == 0 && pc; depth++) {
			printf(" %lx", (unsigned long)pc);
			if (unw_step(&cursor) <= 0)
				break;
		}
	}
	putchar('\n');
	_UPT_destroy(process);
}

static int visit(unw_addr_space_t space, const char *pid)
{
	char path[64];
	struct dirent *entry;
	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	DIR *tasks = opendir(path);
	if (!tasks)
		return 1;
	while ((entry = readdir(tasks))) {
		pid_t tid = atoi(entry->d_name);
		int status;
		if (!tid || ptrace(PTRACE_SEIZE, tid, 0, 0) != 0)
			continue;
		ptrace(PTRACE_INTERRUPT, tid, 0, 0);
		waitpid(tid, &status, __WALL);
		print_stack(space, tid);
		ptrace(PTRACE_DETACH, tid, 0, 0);
	}
	closedir(tasks);
	return 0;
}

int main(int argc, char **argv)
{
	char line[16];
	while (argc > 1 && fgets(line, sizeof(line), stdin)) {
		unw_addr_space_t space = unw_create_addr_space(&_UPT_accessors, 0);
		if (!space || visit(space, argv[1]) != 0)
			return 1;
		unw_destroy_addr_space(space);
		puts("end");
		fflush(stdout);
	}
	return 0;
}
