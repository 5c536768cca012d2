/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_QEMU_PRIVATE_H
#define DRIVERS_GDB_QEMU_PRIVATE_H

/* The QEMU helper from the inside. */

#include "qemu.h"
#include "qemu_process.h"
#include "qmp.h"
#include "ram.h"

struct qemu {
	struct sdb_target *target;
	int64_t pid;            /* of this machine; 0: not known, or on another one */
	int pidfd;              /* -1: none */
	struct qmp *qmp;        /* NULL: there is no monitor */
	char *no_monitor;       /* why */
	struct qemu_command_line line; /* of the process; all zero: not known */
	struct ram *ram;
	char *not_shared;       /* why some RAM is not mapped; NULL: all is */
	struct qemu_fallback fallback;
	unsigned cpu_count;     /* 0: not known */
	bool stopped;           /* by qemu_stop() */
	char *stub_socket, *stub_host;
	int stub_port;
	bool stub_added;
	char *stub_file;        /* socket of a stub that was added, as we see it, to be removed */
};

/* qemu_find.c: fills in pid, qmp, line. */
struct sdb_error *qemu_find(struct qemu *qemu);
/* qemu_ram.c: finds out where RAM is and maps it. */
struct sdb_error *qemu_find_ram(struct qemu *qemu);
/* qemu_stub.c: takes away a stub that was added. */
void qemu_remove_stub(struct qemu *qemu);

/* The monitor, or why there is none. */
struct sdb_error *qemu_need_monitor(const struct qemu *qemu);
/* What it is called in messages. */
const char *qemu_name(const struct qemu *qemu);

#endif
