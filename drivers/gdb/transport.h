/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_TRANSPORT_H
#define DRIVERS_GDB_TRANSPORT_H

/*
 * A byte stream to a gdb stub: TCP, UDP or a Unix socket. Nothing here waits longer than it was told.
 */

#include <stackdb/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport_address {
	const char *socket; /* Unix; else */
	const char *host;   /* NULL: this machine */
	int port;
	bool udp;
};

/* Milliseconds of a clock that only goes on. */
int64_t transport_now(void);

/* *DESCRIPTOR_RET does not block. Errors: NOT_FOUND (nobody listens), SYSTEM. */
struct sdb_error *transport_connect(const struct transport_address *address, int timeout, int *descriptor_ret);
/* Text for messages: `127.0.0.1:1234`. */
void transport_describe(const struct transport_address *address, char *text, size_t size);

/* Writes all of BUFFER until END. SYSTEM: it cannot, or the peer does not take it. */
struct sdb_error *transport_write(int descriptor, const void *buffer, size_t size, int64_t end);
/*
 * Reads what there is, at least one byte, until END: *GOT_RET is 0 when none came in time. NOT_FOUND: the
 * peer has closed the connection.
 */
struct sdb_error *transport_read(int descriptor, void *buffer, size_t size, int64_t end, size_t *got_ret);

#endif
