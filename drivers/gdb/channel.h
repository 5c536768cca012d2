/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_CHANNEL_H
#define DRIVERS_GDB_CHANNEL_H

/* A socket that JSON messages are sent and received over, never longer than until a deadline. */

#include <stackdb/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel;

/* SOCKET: a Unix socket's path; else HOST (NULL: this machine) and PORT. NAME is for messages, and copied. */
struct sdb_error *channel_open(const char *socket, const char *host, int port, int patience, const char *name,
				 struct channel **channel_ret);
void channel_close(struct channel *channel);

/* A point of time, that many milliseconds from now. */
int64_t channel_deadline(int milliseconds);
struct sdb_error *channel_send(struct channel *channel, int64_t deadline, const char *text, size_t size);
/*
 * One JSON object, of LIMIT bytes at most: *TEXT_RET is valid until the next call. STOPPED: none came until the
 * deadline. NOT_FOUND: the other end has closed the connection.
 */
struct sdb_error *channel_receive(struct channel *channel, int64_t deadline, size_t limit, const char **text_ret,
				    size_t *size_ret);
/* The process that made a Unix socket listen; 0: not known. */
int64_t channel_peer(const struct channel *channel);
/* Whether the other end has closed the connection. */
bool channel_ended(struct channel *channel);

#endif
