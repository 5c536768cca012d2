/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_PACKET_H
#define DRIVERS_GDB_PACKET_H

/*
 * Packets of the GDB Remote Serial Protocol (GDB manual, appendix E.1): `$data#checksum`, with `}` before
 * a byte that is escaped and `*` for repeated ones. A parser takes bytes as they come, and keeps at most
 * as many as it was made for.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum packet_found {
	PACKET_NOTHING,      /* more bytes are needed */
	PACKET_ACK,          /* `+` */
	PACKET_NACK,         /* `-` */
	PACKET_WHOLE,        /* `data`, with a right checksum */
	PACKET_BROKEN,       /* a wrong checksum, or an expansion that makes no sense */
	PACKET_TOO_LONG,     /* more than there is room for; what is left of it was passed over */
};

struct packet_parser {
	uint8_t *data;   /* SIZE bytes of a packet: decoded, a NUL behind them */
	size_t size, limit, capacity;
	uint8_t state, sum, wanted;
	bool escaped, notification, broken, too_long;
};

/* Packets of up to LIMIT bytes. */
void packet_parser_init(struct packet_parser *parser, size_t limit);
void packet_parser_deinit(struct packet_parser *parser);
/* Takes bytes up to the end of what is found: *USED_RET of them. Notifications (`%`) are passed over. */
enum packet_found packet_parse(struct packet_parser *parser, const uint8_t *bytes, size_t size, size_t *used_ret);

/* Room that packet_write() takes for SIZE bytes at most. */
#define PACKET_ROOM(size) (2 * (size) + 4)
/* Writes DATA as a packet to TO; returns its size. */
size_t packet_write(const void *data, size_t size, uint8_t *to);

/*
 * What a stub sent, for a message: the begin of TEXT with `?` for what is no printable character. Its place is that of
 * the block where it is used.
 */
#define PACKET_SHOWN(text) packet_show(text, (char[64]){ 0 }, 64)
const char *packet_show(const char *text, char *to, size_t size);

/* ---- hexadecimal digits ------------------------------------------------------------------------ */

int packet_digit(uint8_t c); /* -1: none */
/* Puts 2 * SIZE digits to TO. */
void packet_put_hex(const void *bytes, size_t size, char *to);
/* Takes pairs of digits; the number of bytes, at most SIZE. Ends before what is none. */
size_t packet_get_hex(const char *text, size_t length, void *bytes, size_t size);
/* A number from *AT on, which is moved behind it. False: no digit, or more than 64 bits. */
bool packet_number(const char **at, uint64_t *number_ret);

#endif
