/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_SPEC_H
#define STACKDB_SPEC_H

/**
 * @file
 * What to attach to: a plain description that a program fills in, or that comes from command-line
 * arguments. sdb_target_create() makes a target of it.
 */

#include "error.h"
#include "log.h"
#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sdb_target;

#pragma GCC visibility push(default)

/** A target. Zero and NULL mean "not given"; strings stay owned by whoever filled it in. */
struct sdb_spec {
	int id;                  /**< chosen by the program; arguments are numbered from 1 */
	const char *type;        /**< name of a driver; NULL: the one that the rest speaks for */
	int64_t pid;             /**< process to attach to */
	const char *program;     /**< program to launch: a path, or a name to find in $PATH */
	char *const *arguments;  /**< of the program, its name first; NULL-terminated; NULL: only its name */
	char *const *environment;/**< NAME=VALUE to add; NULL-terminated */
	const char *input;       /**< file for its standard input, `-` for that of this program */
	const char *output;      /**< the same for output; NULL and `-`: that of this program */
	const char *error;       /**< the same for errors */
	bool pty;                /**< give it a terminal of its own, see sdb_target_terminal() */
	const char *main_file;   /**< executable to use instead of the one that the target names */
	const char *root;        /**< prefix under which modules and debug files are sought */
	const char *gdb_host;    /**< of a gdb stub; NULL with a port: this machine */
	int gdb_port;            /**< its TCP port; 0: none */
	bool gdb_udp;            /**< the port is of UDP */
	const char *gdb_socket;  /**< its Unix socket */
	bool qemu;               /**< the stub is QEMU's: its RAM is mapped, QMP asked */
	int64_t qemu_pid;        /**< its process, to find RAM and sockets by; 0: not given */
	const char *qemu_memory; /**< file that its RAM is in */
	const char *qmp_host;    /**< of QMP over TCP */
	int qmp_port;            /**< its TCP port; 0: none */
	const char *qmp_socket;  /**< QMP's Unix socket */
	const char *domain;      /**< libvirt's name of the machine; or its number, or UUID */
	const char *libvirt_uri; /**< NULL: `qemu:///system` */
	bool kvm;                /**< the machine runs in KVM */
	const char *personality; /**< of the system in it; NULL: the one that fits; `none`: none */
	const char *personality_library; /**< shared object that has it */
	const char *kernel;      /**< its kernel: a database, an image with symbols, or a build-id */
	unsigned active;         /**< what is kept current by probes: set of enum sdb_active */
	const char *overlay;     /**< process of BASE: a name or a number */
	struct sdb_target *base; /**< the target that it is laid over; has to stay open */
	int base_id;             /**< the same as a number, for programs that make targets in order; 0: the first */
	bool software_breakpoints; /**< never use debug registers for breakpoints */
	bool follow_children;    /**< processes that it makes wait until the handlers of SDB_HIT_CHILD have returned */
	bool no_index;           /**< do not make databases for modules that have none */
	size_t cache_size;       /**< bytes of the target's memory that may be cached; 0: 1 MiB */
	size_t database_cache;   /**< bytes of decoded blocks for each database; 0: 1 MiB */
	struct sdb_log log;      /**< where the library's messages go */
};

/** The targets of a command line. Begins as all zero. */
struct sdb_specs {
	struct sdb_spec *items; /**< COUNT of them */
	size_t count;           /**< how many `items` */
	bool optional;          /**< it is no error when the arguments name no target */
	void *memory;           /**< private: what the items point to */
};

/**
 * Parses the standard target arguments. A program adds it to its own `struct argp` as a child
 * whose input is a `struct sdb_specs`:
 *
 *     -t TYPE -p PID -b PROGRAM --args=WORDS -e NAME=VALUE -I/-O/-E FILE -M FILE -R ROOT
 *     -s -i ID --pty --no-index --base=SPEC -d -w -l and, last, `-- PROGRAM ARGUMENT...`
 *
 * `--base` and everything behind `-p` of the same command line can be repeated: each is a target.
 */
extern const struct argp sdb_specs_argp;

/** Frees what parsing allocated. */
void sdb_specs_deinit(struct sdb_specs *specs);

/**
 * Splits TEXT into words as a shell does (blanks, quotes, backslash; nothing is expanded).
 * *WORDS_RET is NULL-terminated, one allocation, for free(). INVALID: a quote is not closed.
 */
struct sdb_error *sdb_split_words(const char *text, char ***words_ret, size_t *count_ret);

#pragma GCC visibility pop

#endif
