/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_DECOMPRESS_H
#define INDEXER_DECOMPRESS_H

/*
 * Decompression with limits: a few bytes of input never make gigabytes of output. Results are
 * malloc'ed and belong to the caller.
 */

#include <stackdb/error.h>
#include <stddef.h>
#include <stdint.h>

enum compression {
	COMPRESSION_NONE = 0,
	COMPRESSION_ZLIB, /* zlib or gzip framing */
	COMPRESSION_ZSTD,
	COMPRESSION_XZ,
};

/* What the first bytes of a whole file say: gzip, zstd, xz or none of these. */
enum compression compression_detect(const uint8_t *data, size_t size);

/* Decompresses a section whose header declares exactly DECLARED bytes of content. */
struct sdb_error *decompress_section(enum compression kind, const uint8_t *data, size_t size,
				     uint64_t declared, uint8_t **bytes_ret);

/* Decompresses a stream whose length is not declared, up to LIMIT bytes. */
struct sdb_error *decompress_stream(enum compression kind, const uint8_t *data, size_t size,
				    size_t limit, uint8_t **bytes_ret, size_t *size_ret);

#endif
