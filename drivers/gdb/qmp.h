/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_QMP_H
#define DRIVERS_GDB_QMP_H

/*
 * QMP, QEMU's monitor protocol (docs/interop/qmp-spec.txt of QEMU): JSON objects over a socket, or over
 * libvirt. What a server sends is bounded in size, depth and time.
 */

#include "json.h"
#include <stackdb/error.h>

struct qmp;

/* One of: a Unix socket; a host (NULL: this one) and port; a domain of libvirt. */
struct qmp_address {
	const char *socket;
	const char *host;
	int port;
	const char *domain;
	const char *libvirt_uri; /* NULL: qemu:///system */
};

/*
 * Connects, greets, and turns the commands on. NOT_FOUND: nobody listens there. PATIENCE: milliseconds that
 * the greeting may take: a server whose monitor another client holds keeps silent.
 */
struct sdb_error *qmp_open(const struct qmp_address *address, int patience, struct qmp **qmp_ret);
void qmp_close(struct qmp *qmp);

/*
 * Executes COMMAND with ARGUMENTS, a JSON object or NULL. *VALUE_RET is what it returned, valid until the next
 * call. UNSUPPORTED: QEMU has no such command. NOT_FOUND: the connection has ended.
 */
struct sdb_error *qmp_execute(struct qmp *qmp, const char *command, const char *arguments, struct jsontext *value_ret);
/* The human monitor's answer to LINE, asked of CPU, malloc'ed. */
struct sdb_error *qmp_monitor(struct qmp *qmp, unsigned cpu, const char *line, char **text_ret);
/* The process at the other end of a Unix socket; 0: not known. */
int64_t qmp_peer(const struct qmp *qmp);
/* Whether QEMU has closed the connection. */
bool qmp_ended(struct qmp *qmp);
/* What it is called in messages. */
const char *qmp_name(const struct qmp *qmp);

#endif
