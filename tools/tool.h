/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

/*
 * What the commands of the program share: how they are called, how they complain, the
 * options that all of them have.
 */

#include <argp.h>
#include <stackdb/error.h>
#include <stdbool.h>
#include <stdint.h>

enum tool_status {
	STATUS_DONE = 0,
	STATUS_NOT_FOUND = 1, /* or failed */
	STATUS_USAGE = 2,
};

/* Options of every command that reads a database. */
struct common {
	const char *module; /* -m */
	bool json;
	bool no_index;
	size_t room; /* not an option: bytes for blocks of the database; 0: what single questions need */
};

/* argp child for -m, --json and --no-index; its input is a struct common. */
extern const struct argp common_argp;
/* The same without -m, for commands that take the database as an argument. */
extern const struct argp common_argp_without_module;

/* Says `stackdb COMMAND: WHAT: why` on standard error; the command's name is set by main(). */
void tool_set_command(const char *name);
const char *tool_command(void); /* `stackdb COMMAND` */
void tool_complain(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for a whole MESSAGE, which may begin with WHAT by itself. */
void tool_complain_once(const char *what, const char *message);
/* Says `stackdb COMMAND: MESSAGE` on standard error. */
void tool_tell(const char *message);
/* Reports ERROR about WHAT (one that tool_tell() has just said: nothing more), frees it, and returns the exit status for it. */
int tool_fail(const char *what, struct sdb_error *error);

/* Escape sequences where standard output is a terminal that wants them, else empty strings. */
struct colours {
	const char *name, *kind, *comment, *number, *off;
};
const struct colours *tool_colours(void);
bool tool_wants_colour(int fd);

/* Parses a whole number (0x for hexadecimal); false when TEXT is not one. */
bool tool_parse_number(const char *text, uint64_t *value_ret);

int command_info(int argc, char **argv);
int command_lookup(int argc, char **argv);
int command_type(int argc, char **argv);
int command_addr2line(int argc, char **argv);
int command_line(int argc, char **argv);
int command_scope(int argc, char **argv);
int command_unwind_info(int argc, char **argv);
int command_dumpdebuginfo(int argc, char **argv);
int command_sql(int argc, char **argv);
int command_index(int argc, char **argv);
int command_backtrace(int argc, char **argv);
int command_dumpthreads(int argc, char **argv);
int command_probetargets(int argc, char **argv);
int command_dumptarget(int argc, char **argv);
int command_syscall(int argc, char **argv);
int command_ps(int argc, char **argv);
int command_lsmod(int argc, char **argv);
int command_dmesg(int argc, char **argv);
int command_system(int argc, char **argv);
int command_read(int argc, char **argv);
int command_agent(int argc, char **argv);

#endif
