/* SPDX-License-Identifier: MIT */

/*
 * What a gdb stub sends: packets, and target descriptions. The first byte says which; bytes of packets come in
 * pieces of any size, and what they decode to must not depend on where they were cut.
 */

#include "drivers/gdb/features.h"
#include "drivers/gdb/packet.h"
#include "drivers/gdb/xml.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sum over everything that is found in DATA, given PIECE bytes at a time. */
static uint64_t parse_packets(const uint8_t *data, size_t size, size_t piece)
{
	struct packet_parser parser;
	uint64_t sum = 0;
	packet_parser_init(&parser, LIMIT);
	for (size_t at = 0; at < size;) {
		size_t used, part = size - at < piece ? size - at : piece;
		enum packet_found found = packet_parse(&parser, data + at, part, &used);
		if (used > part || (used == 0 && part))
			abort();
		at += used;
		if (found == PACKET_NOTHING)
			continue;
		sum = sum * 31 + (uint64_t)found;
		if (found != PACKET_WHOLE)
			continue;
		if (parser.size > LIMIT || parser.data[parser.size] != '\0')
			abort();
		for (size_t i = 0; i < parser.size; i++)
			sum = sum * 31 + parser.data[i];
	}
	packet_parser_deinit(&parser);
	return sum;
}

/* What is written comes back. */
static void round_trip(const uint8_t *data, size_t size)
{
	struct packet_parser parser;
	size_t used, part = size < LIMIT ? size : LIMIT;
	uint8_t *packet = malloc(PACKET_ROOM(part));
	if (!packet)
		return;
	size_t length = packet_write(data, part, packet);
	packet_parser_init(&parser, LIMIT);
	if (packet_parse(&parser, packet, length, &used) != PACKET_WHOLE || used != length || parser.size != part
	    || (part && memcmp(parser.data, data, part) != 0))
		abort();
	packet_parser_deinit(&parser);
	free(packet);
}

static void describe(const uint8_t *data, size_t size)
{
	struct features features = { .pc = -1, .sp = -1 };
	char *text = malloc(size + 1);
	if (!text)
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	struct sdb_error *error = features_describe(&features, text, size, NULL, NULL);
	if (!error)
		error = features_arrange(&features);
	for (size_t i = 0; !error && i < features.register_count; i++)
		if (features.registers[i].at + features.registers[i].size > features.size
		    || features.registers[i].copied > features.registers[i].size)
			abort();
	sdb_error_free(error);
	features_deinit(&features);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0) {
		if (parse_packets(data + 1, size - 1, SIZE_MAX) != parse_packets(data + 1, size - 1, 1 + data[0] / 2))
			abort();
		round_trip(data + 1, size - 1);
	} else {
		describe(data + 1, size - 1);
	}
	return 0;
}
