/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *full_name;
	const char *summary;
} commands[] = {
	{ "index", command_index, "stackdb index", "make databases from ELF files and their debuginfo" },
	{ "info", command_info, "stackdb info", "identity, counts and sizes of a database; --verify" },
	{ "lookup", command_lookup, "stackdb lookup", "symbols, functions, variables and types by name" },
	{ "type", command_type, "stackdb type", "a type in C with offsets and holes; a.b.c chains" },
	{ "addr2line", command_addr2line, "stackdb addr2line", "file, line and functions of addresses" },
	{ "line", command_line, "stackdb line", "the addresses of a source line" },
	{ "scope", command_scope, "stackdb scope", "inline chain, parameters and locals at an address" },
	{ "unwind-info", command_unwind_info, "stackdb unwind-info", "CFA and register rules at an address" },
	{ "dumpdebuginfo", command_dumpdebuginfo, "stackdb dumpdebuginfo", "everything, in the hierarchy of the source" },
	{ "sql", command_sql, "stackdb sql", "ask a database in SQL" },
	{ "backtrace", command_backtrace, "stackdb backtrace", "the stacks of the threads of a process or a machine" },
	{ "dumpthreads", command_dumpthreads, "stackdb dumpthreads", "the threads of a process or a machine, their registers" },
	{ "probetargets", command_probetargets, "stackdb probetargets", "calls of functions, with arguments" },
	{ "dumptarget", command_dumptarget, "stackdb dumptarget", "what happens at functions, lines, addresses, variables" },
	{ "syscall", command_syscall, "stackdb syscall", "the system calls of a process" },
	{ "read", command_read, "stackdb read", "variables and expressions of a target, typed" },
	{ "system", command_system, "stackdb system", "what runs in a machine; its system call table" },
	{ "ps", command_ps, "stackdb ps", "the processes in a machine" },
	{ "lsmod", command_lsmod, "stackdb lsmod", "the kernel modules in a machine" },
	{ "dmesg", command_dmesg, "stackdb dmesg", "the kernel log of a machine" },
	{ "agent", command_agent, "stackdb agent", "watches a machine: processes, modules, kernel text" },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
	fputs("Usage: stackdb COMMAND [OPTION...] [ARGUMENT...]\n"
	      "Symbols, types, lines, variables and unwind rules of programs and kernels, from\n"
	      "compact databases made once per build-id.\n\n", to);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(to, "  %-14s %s\n", commands[i].name, commands[i].summary);
	fputs("\n`stackdb COMMAND --help` tells more, with examples.\n", to);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN); /* text_flush() sees EPIPE instead */
	argp_err_exit_status = STATUS_USAGE;
	if (argc < 2) {
		print_help(stderr);
		return STATUS_USAGE;
	}
	const char *name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		if (argc > 2 && name[0] == 'h') {
			static char help[] = "--help";
			argv[1] = argv[2];
			argv[2] = help;
			return main(3, argv);
		}
		print_help(stdout);
		return STATUS_DONE;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		puts("stackdb " STACKDB_VERSION);
		return STATUS_DONE;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		tool_set_command(commands[i].full_name);
		argv[1] = (char *)commands[i].full_name; /* argp's name for messages and usage */
		return commands[i].run(argc - 1, argv + 1);
	}
	tool_complain(name, "no such command; `stackdb --help` lists them");
	return STATUS_USAGE;
}
