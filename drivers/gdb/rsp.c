/* SPDX-License-Identifier: MIT */
#include "rsp.h"

#include <ctype.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TRIES = 4,
	UDP_PATIENCE_MS = 1000, /* after which a datagram counts as lost */
	QUIET_MS = 50,          /* without a byte: nothing more is coming */
	MONITOR_MAX = 1 << 20,
};

#define NO_MEMORY() sdb_error_new(SDB_ERROR_MEMORY, "out of memory")

/* ---- life -------------------------------------------------------------------------------------- */

struct sdb_error *rsp_open(const struct transport_address *address, int timeout, struct rsp **rsp_ret)
{
	struct rsp *rsp = calloc(1, sizeof(*rsp));
	if (!rsp)
		return NO_MEMORY();
	rsp->address = *address;
	rsp->timeout = timeout;
	rsp->packet_max = 400; /* until the stub says how much it takes */
	transport_describe(address, rsp->name, sizeof(rsp->name));
	packet_parser_init(&rsp->parser, RSP_PACKET_MAX);
	struct sdb_error *error = transport_connect(address, timeout, &rsp->descriptor);
	if (error) {
		free(rsp);
		return error;
	}
	*rsp_ret = rsp;
	return NULL;
}

void rsp_close(struct rsp *rsp)
{
	if (!rsp)
		return;
	close(rsp->descriptor);
	for (size_t i = 0; i < rsp->stop_count; i++)
		free(rsp->stops[i].data);
	packet_parser_deinit(&rsp->parser);
	free(rsp->last);
	free(rsp);
}

/* ---- sending ------------------------------------------------------------------------------------- */

static struct sdb_error *named(struct rsp *rsp, struct sdb_error *error)
{
	if (error && sdb_error_code(error) != SDB_ERROR_MEMORY)
		rsp->lost = true;
	return error ? sdb_error_prefix(error, "%s", rsp->name) : NULL;
}

static struct sdb_error *write_bytes(struct rsp *rsp, const void *bytes, size_t size)
{
	if (rsp->lost)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: there is no connection to the gdb stub any more", rsp->name);
	return named(rsp, transport_write(rsp->descriptor, bytes, size, transport_now() + rsp->timeout));
}

struct sdb_error *rsp_send(struct rsp *rsp, const void *request, size_t size)
{
	if (rsp->last_room < PACKET_ROOM(size)) {
		uint8_t *room = realloc(rsp->last, PACKET_ROOM(size));
		if (!room)
			return NO_MEMORY();
		rsp->last = room;
		rsp->last_room = PACKET_ROOM(size);
	}
	rsp->last_size = packet_write(request, size, rsp->last);
	rsp->requests++;
	return write_bytes(rsp, rsp->last, rsp->last_size);
}

struct sdb_error *rsp_interrupt(struct rsp *rsp)
{
	return write_bytes(rsp, "\003", 1);
}

/* ---- receiving ------------------------------------------------------------------------------------ */

bool rsp_has_input(const struct rsp *rsp)
{
	struct pollfd ready = { .fd = rsp->descriptor, .events = POLLIN };
	return rsp->stop_count || rsp->at < rsp->filled || poll(&ready, 1, 0) > 0;
}

/* What comes next until END; PACKET_NOTHING: nothing did. */
static struct sdb_error *next(struct rsp *rsp, int64_t end, enum packet_found *found_ret)
{
	*found_ret = PACKET_NOTHING;
	for (;;) {
		size_t used;
		*found_ret = packet_parse(&rsp->parser, rsp->input + rsp->at, rsp->filled - rsp->at, &used);
		rsp->at += used;
		if (*found_ret != PACKET_NOTHING)
			return NULL;
		rsp->at = rsp->filled = 0;
		if (rsp->lost)
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: there is no connection to the gdb stub any more",
					     rsp->name);
		struct sdb_error *error = transport_read(rsp->descriptor, rsp->input, sizeof(rsp->input), end, &rsp->filled);
		if (error)
			return named(rsp, error);
		/* Bytes without end are no answer, either. */
		if (!rsp->filled || transport_now() > end + rsp->timeout)
			return NULL;
	}
}

/* The next packet with a right checksum; `data` is NULL when none came until END. */
static struct sdb_error *receive(struct rsp *rsp, int64_t end, bool again, struct rsp_reply *reply_ret)
{
	*reply_ret = (struct rsp_reply){ .data = NULL };
	for (unsigned tries = 0; tries < TRIES;) {
		enum packet_found found;
		struct sdb_error *error = next(rsp, end, &found);
		if (error || found == PACKET_NOTHING)
			return error;
		switch (found) {
		case PACKET_WHOLE:
			*reply_ret = (struct rsp_reply){ (const char *)rsp->parser.data, rsp->parser.size };
			return rsp->no_ack ? NULL : write_bytes(rsp, "+", 1);
		case PACKET_TOO_LONG:
			return sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub sent a packet of more than %zu bytes", rsp->name,
					     rsp->parser.limit);
		case PACKET_BROKEN:
			tries++;
			error = rsp->no_ack ? NULL : write_bytes(rsp, "-", 1);
			break;
		case PACKET_NACK:
			tries++;
			error = again ? write_bytes(rsp, rsp->last, rsp->last_size) : NULL;
			break;
		default:
			break;
		}
		if (error)
			return error;
	}
	rsp->late = true;
	return sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub's packets have wrong checksums", rsp->name);
}

/* gdbserver's `W0` has one digit. */
static bool is_stop(const struct rsp_reply *reply)
{
	if (reply->size < 2 || !strchr("TSWX", reply->data[0]) || packet_digit((uint8_t)reply->data[1]) < 0)
		return false;
	if (reply->data[0] == 'W' || reply->data[0] == 'X')
		return reply->size == 2 || reply->data[2] == ';' || packet_digit((uint8_t)reply->data[2]) >= 0;
	return packet_digit((uint8_t)reply->data[2]) >= 0;
}

static struct sdb_error *set_aside(struct rsp *rsp, const struct rsp_reply *reply)
{
	if (rsp->stop_count == RSP_STOPS_MAX)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub tells of stops without end", rsp->name);
	char *copy = malloc(reply->size + 1);
	if (!copy)
		return NO_MEMORY();
	memcpy(copy, reply->data, reply->size + 1);
	rsp->stops[rsp->stop_count++] = (struct rsp_stop){ copy, reply->size };
	return NULL;
}

static bool is_output(const struct rsp_reply *reply)
{
	return reply->data[0] == 'O' && reply->data[1] != 'K';
}

/* A reply that came too late for its request is not taken for that of the next one. */
static struct sdb_error *drain(struct rsp *rsp)
{
	int64_t end = transport_now() + rsp->timeout;
	struct sdb_error *error = NULL;
	while (rsp->late && !error) {
		struct rsp_reply reply;
		error = receive(rsp, transport_now() + QUIET_MS, false, &reply);
		if (!error && !reply.data)
			rsp->late = false;
		else if (!error && is_stop(&reply))
			error = set_aside(rsp, &reply);
		if (!error && rsp->late && transport_now() > end)
			error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub sends packets without end", rsp->name);
	}
	return error;
}

static struct sdb_error *no_answer(struct rsp *rsp)
{
	rsp->late = true;
	return sdb_error_new(SDB_ERROR_SYSTEM, "%s: the gdb stub did not answer within %d seconds", rsp->name,
			     rsp->timeout / 1000);
}

/* Until END; of UDP, what seems to be lost is sent again. */
static struct sdb_error *await(struct rsp *rsp, int64_t end, struct rsp_reply *reply_ret)
{
	for (unsigned tries = 0;; tries++) {
		int64_t until = rsp->address.udp ? transport_now() + UDP_PATIENCE_MS : end;
		struct sdb_error *error = receive(rsp, until < end ? until : end, true, reply_ret);
		if (error || reply_ret->data)
			return error;
		if (transport_now() >= end)
			return no_answer(rsp);
		error = write_bytes(rsp, rsp->last, rsp->last_size);
		if (error)
			return error;
	}
}

struct sdb_error *rsp_ask(struct rsp *rsp, const void *request, size_t size, struct rsp_reply *reply_ret)
{
	bool wants_stop = *(const char *)request == '?';
	int64_t end = transport_now() + rsp->timeout;
	struct sdb_error *error = drain(rsp);
	if (!error)
		error = rsp_send(rsp, request, size);
	while (!error) {
		error = await(rsp, end, reply_ret);
		if (error)
			break;
		if (is_stop(reply_ret) && !wants_stop)
			error = set_aside(rsp, reply_ret);
		else if (!is_output(reply_ret))
			return NULL;
		if (!error && transport_now() > end)
			error = no_answer(rsp);
	}
	*reply_ret = (struct rsp_reply){ "", 0 };
	return error;
}

struct sdb_error *rsp_askf(struct rsp *rsp, struct rsp_reply *reply_ret, const char *format, ...)
{
	char request[1024];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(request, sizeof(request), format, arguments);
	va_end(arguments);
	*reply_ret = (struct rsp_reply){ "", 0 };
	if (length < 0 || (size_t)length >= sizeof(request))
		return sdb_error_new(SDB_ERROR_INVALID, "a request of more than %zu bytes", sizeof(request));
	return rsp_ask(rsp, request, (size_t)length, reply_ret);
}

struct sdb_error *rsp_check(const struct rsp *rsp, const struct rsp_reply *reply, const char *what)
{
	if (reply->size == 0)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: the gdb stub does not know %s", rsp->name, what);
	if (reply->data[0] == 'E' && (reply->size == 3 || reply->data[1] == '.') && !isspace((unsigned char)reply->data[1]))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: the gdb stub refused %s: %s", rsp->name, what,
				     PACKET_SHOWN(reply->data));
	return NULL;
}

struct sdb_error *rsp_order(struct rsp *rsp, const char *format, ...)
{
	char request[1024];
	va_list arguments;
	struct rsp_reply reply;
	va_start(arguments, format);
	int length = vsnprintf(request, sizeof(request), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(request))
		return sdb_error_new(SDB_ERROR_INVALID, "a request of more than %zu bytes", sizeof(request));
	struct sdb_error *error = rsp_ask(rsp, request, (size_t)length, &reply);
	if (!error)
		error = rsp_check(rsp, &reply, request);
	if (!error && !rsp_is(&reply, "OK"))
		error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub answered %s with '%s'", rsp->name, request,
				      PACKET_SHOWN(reply.data));
	return error;
}

struct sdb_error *rsp_await_stop(struct rsp *rsp, int64_t end, struct rsp_reply *reply_ret)
{
	if (rsp->stop_count) {
		/* It lives on in the parser's place: one buffer less to own. */
		struct rsp_stop stop = rsp->stops[0];
		rsp->stop_count--;
		memmove(rsp->stops, rsp->stops + 1, rsp->stop_count * sizeof(rsp->stops[0]));
		free(rsp->last);
		rsp->last = (uint8_t *)stop.data;
		rsp->last_size = rsp->last_room = 0;
		*reply_ret = (struct rsp_reply){ stop.data, stop.size };
		return NULL;
	}
	for (;;) {
		struct sdb_error *error = receive(rsp, end, true, reply_ret);
		if (error || !reply_ret->data || is_stop(reply_ret) || reply_ret->data[0] == 'N')
			return error;
		if (reply_ret->data[0] == 'E' && reply_ret->size == 3)
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: the gdb stub cannot let the target go on: %s", rsp->name,
					     PACKET_SHOWN(reply_ret->data));
		if (reply_ret->size == 0)
			return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: the gdb stub cannot let the target go on as asked",
					     rsp->name);
		*reply_ret = (struct rsp_reply){ .data = NULL };
		if (transport_now() > end)
			return NULL;
	}
}

struct sdb_error *rsp_monitor(struct rsp *rsp, const char *command, char **output_ret)
{
	char request[512] = "qRcmd,";
	size_t length = strlen(command), size = 0;
	int64_t end = transport_now() + rsp->timeout;
	char *output = calloc(1, 1);
	if (!output)
		return NO_MEMORY();
	if (length > (sizeof(request) - 8) / 2)
		length = (sizeof(request) - 8) / 2;
	packet_put_hex(command, length, request + 6);
	struct sdb_error *error = drain(rsp);
	if (!error)
		error = rsp_send(rsp, request, 6 + 2 * length);
	while (!error) {
		struct rsp_reply reply;
		error = await(rsp, end, &reply);
		if (!error)
			error = rsp_check(rsp, &reply, "qRcmd");
		if (error || rsp_is(&reply, "OK"))
			break;
		size_t skip = reply.data[0] == 'O', room = (reply.size - skip) / 2;
		char *larger = size + room < MONITOR_MAX ? realloc(output, size + room + 1) : NULL;
		if (!larger) {
			error = NO_MEMORY();
			break;
		}
		output = larger;
		size += packet_get_hex(reply.data + skip, reply.size - skip, output + size, room);
		output[size] = '\0';
		if (!skip)
			break;
	}
	if (error) {
		free(output);
		return error;
	}
	*output_ret = output;
	return NULL;
}
