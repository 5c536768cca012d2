/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_RSP_H
#define DRIVERS_GDB_RSP_H

/*
 * A connection to a gdb stub: requests and their replies. A stub that does not answer, answers with
 * nonsense, or without end, costs a stated time and memory, and gives an error.
 */

#include "packet.h"
#include "transport.h"

#define RSP_PACKET_MAX ((size_t)1 << 20)
#define RSP_STOPS_MAX 16

/* A packet that came; a NUL is behind it. */
struct rsp_reply {
	const char *data;
	size_t size;
};

struct rsp_stop {
	char *data;
	size_t size;
};

struct rsp {
	int descriptor;
	struct transport_address address;
	char name[256];
	int timeout;      /* milliseconds that a reply may take */
	bool no_ack;
	bool lost;        /* the connection is gone */
	bool late;        /* a reply did not come in time: it may come yet, and is nobody's */
	size_t packet_max;/* that the stub takes */
	struct packet_parser parser;
	uint8_t input[4096];
	size_t at, filled;
	uint8_t *last;    /* what was sent last, to send it again */
	size_t last_size, last_room;
	struct rsp_stop stops[RSP_STOPS_MAX]; /* replies of a kind that nobody asked for when they came */
	size_t stop_count;
	uint64_t requests;/* that were sent */
};

struct sdb_error *rsp_open(const struct transport_address *address, int timeout, struct rsp **rsp_ret);
void rsp_close(struct rsp *rsp);

/* Sends a request, and does not wait. */
struct sdb_error *rsp_send(struct rsp *rsp, const void *request, size_t size);
/* A request and its reply, which is valid until the next one. Stop replies that come first are set aside. */
struct sdb_error *rsp_ask(struct rsp *rsp, const void *request, size_t size, struct rsp_reply *reply_ret);
struct sdb_error *rsp_askf(struct rsp *rsp, struct rsp_reply *reply_ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, and the reply has to be OK. UNSUPPORTED: it was empty. */
struct sdb_error *rsp_order(struct rsp *rsp, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A command of the stub's monitor (qRcmd); what it prints is malloc'ed. */
struct sdb_error *rsp_monitor(struct rsp *rsp, const char *command, char **output_ret);
/* Asks a running target to stop. */
struct sdb_error *rsp_interrupt(struct rsp *rsp);
/* The next stop reply, until END (a time of transport_now()): `data` is NULL when there was none. */
struct sdb_error *rsp_await_stop(struct rsp *rsp, int64_t end, struct rsp_reply *reply_ret);
/* Whether something can be had without waiting. */
bool rsp_has_input(const struct rsp *rsp);

static inline bool rsp_is(const struct rsp_reply *reply, const char *text)
{
	return __builtin_strcmp(reply->data, text) == 0;
}

/* What a reply of `Enn`, or an empty one, means: an error about WHAT. NULL: it is neither. */
struct sdb_error *rsp_check(const struct rsp *rsp, const struct rsp_reply *reply, const char *what);

#endif
