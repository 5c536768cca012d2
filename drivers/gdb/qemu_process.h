/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_QEMU_PROCESS_H
#define DRIVERS_GDB_QEMU_PROCESS_H

/* What /proc says of a QEMU process of this machine: its command line, and what its memory is mapped from. */

#include <stackdb/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A socket that QEMU's command line names; the strings are malloc'ed. All zero: none. */
struct qemu_socket {
	char *path;
	char *host;
	int port;
};

#define QEMU_MAX_MONITORS 4

/* What its command line says. */
struct qemu_command_line {
	struct qemu_socket monitors[QEMU_MAX_MONITORS]; /* QMP */
	unsigned monitor_count;
	struct qemu_socket stub;
	char *name;         /* NULL: none */
	bool q35;           /* the machine's type; else the older `pc` */
	bool foreign;       /* QMP is there, but was given as a descriptor: libvirt has it */
};

/* A part of QEMU's address space. */
struct qemu_mapping {
	uint64_t low, high, offset;
	dev_t device;
	ino_t inode;
	bool shared;
	char *path; /* malloc'ed; NULL: mapped from nothing */
};

/* NOT_FOUND: there is no such process. INVALID: it is no QEMU. */
struct sdb_error *qemu_process_check(int64_t pid);
/* The process that thread TID is of; 0: none. */
int64_t qemu_process_of_thread(int64_t tid);
/* Whether somebody has stopped it (SIGSTOP, a debugger): then it answers nothing. */
bool qemu_process_stopped(int64_t pid);
struct sdb_error *qemu_process_command_line(int64_t pid, struct qemu_command_line *line_ret);
void qemu_command_line_deinit(struct qemu_command_line *line);
/* The mapping that ADDRESS is in. NOT_FOUND. */
struct sdb_error *qemu_process_mapping(int64_t pid, uint64_t address, struct qemu_mapping *mapping_ret);
/*
 * The mapping of the file with DEVICE and INODE, or with neither the largest one that can be mapped from outside:
 * what guest RAM is when nobody can be asked. NOT_FOUND.
 */
struct sdb_error *qemu_process_largest(int64_t pid, dev_t device, ino_t inode, struct qemu_mapping *mapping_ret);
/* Opens what MAPPING is of: by QEMU's descriptor of it, or by its path as QEMU sees it. */
struct sdb_error *qemu_process_open(int64_t pid, const struct qemu_mapping *mapping, int *fd_ret, bool *writable_ret);
/* The first QEMU that has the file mapped, or names PATH or PORT as its stub's on its command line; 0: none. */
int64_t qemu_process_with_file(dev_t device, ino_t inode);
int64_t qemu_process_with_stub(const char *path, int port);

#endif
