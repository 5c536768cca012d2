/* SPDX-License-Identifier: MIT */
#include "decompress.h"

#include <libdeflate.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#define MAX_SECTION ((uint64_t)4 << 30)
/* Deflate cannot do better than 1032 to 1; zstd can repeat a byte without such a bound. */
#define MAX_RATIO_ZLIB 1100
#define MAX_RATIO_ZSTD 20000
#define MAX_RATIO_STREAM 20000
#define XZ_MEMORY ((uint64_t)256 << 20) /* what a decoder may need; `xz -9` needs 65 MiB */

enum compression compression_detect(const uint8_t *data, size_t size)
{
	static const uint8_t xz[6] = { 0xfd, '7', 'z', 'X', 'Z', 0 };
	static const uint8_t zstd[4] = { 0x28, 0xb5, 0x2f, 0xfd };
	if (size >= 3 && data[0] == 0x1f && data[1] == 0x8b && data[2] == 8)
		return COMPRESSION_ZLIB;
	if (size >= sizeof(xz) && memcmp(data, xz, sizeof(xz)) == 0)
		return COMPRESSION_XZ;
	if (size >= sizeof(zstd) && memcmp(data, zstd, sizeof(zstd)) == 0)
		return COMPRESSION_ZSTD;
	return COMPRESSION_NONE;
}

/* ---- decoders: fill OUT and say how much there was --------------------------- */

enum outcome { OUTCOME_END, OUTCOME_MORE, OUTCOME_DAMAGED, OUTCOME_MEMORY };

/*
 * A stream that is decoded piece by piece. `step` consumes input and fills `out` as far as it
 * can; MORE means that room ran out.
 */
struct decoder {
	const uint8_t *in;
	size_t in_left;
	uint8_t *out;
	size_t out_left;
	union {
		z_stream zlib;
		lzma_stream xz;
		ZSTD_DStream *zstd;
	} state;
};

static uInt at_most_uint(size_t size)
{
	return size > (1u << 30) ? 1u << 30 : (uInt)size;
}

static enum outcome step_zlib(struct decoder *decoder)
{
	z_stream *stream = &decoder->state.zlib;
	while (decoder->out_left) {
		uInt in = at_most_uint(decoder->in_left), out = at_most_uint(decoder->out_left);
		stream->next_in = (Bytef *)decoder->in;
		stream->avail_in = in;
		stream->next_out = decoder->out;
		stream->avail_out = out;
		int result = inflate(stream, Z_NO_FLUSH);
		decoder->in += in - stream->avail_in;
		decoder->in_left -= in - stream->avail_in;
		decoder->out += out - stream->avail_out;
		decoder->out_left -= out - stream->avail_out;
		if (result == Z_STREAM_END)
			return OUTCOME_END;
		if (result == Z_MEM_ERROR)
			return OUTCOME_MEMORY;
		if (result != Z_OK)
			return OUTCOME_DAMAGED;
	}
	return OUTCOME_MORE;
}

static enum outcome step_xz(struct decoder *decoder)
{
	lzma_stream *stream = &decoder->state.xz;
	stream->next_in = decoder->in;
	stream->avail_in = decoder->in_left;
	stream->next_out = decoder->out;
	stream->avail_out = decoder->out_left;
	lzma_ret result;
	do {
		result = lzma_code(stream, LZMA_FINISH);
	} while (result == LZMA_OK && stream->avail_out);
	decoder->in = stream->next_in;
	decoder->in_left = stream->avail_in;
	decoder->out = stream->next_out;
	decoder->out_left = stream->avail_out;
	if (result == LZMA_STREAM_END)
		return OUTCOME_END;
	if (result == LZMA_MEM_ERROR || result == LZMA_MEMLIMIT_ERROR)
		return OUTCOME_MEMORY;
	return result == LZMA_OK ? OUTCOME_MORE : OUTCOME_DAMAGED;
}

static enum outcome step_zstd(struct decoder *decoder)
{
	ZSTD_inBuffer in = { decoder->in, decoder->in_left, 0 };
	ZSTD_outBuffer out = { decoder->out, decoder->out_left, 0 };
	enum outcome outcome = OUTCOME_MORE;
	while (out.pos < out.size && outcome == OUTCOME_MORE) {
		size_t in_before = in.pos, out_before = out.pos;
		size_t result = ZSTD_decompressStream(decoder->state.zstd, &out, &in);
		if (ZSTD_isError(result))
			outcome = OUTCOME_DAMAGED;
		else if (result == 0 && in.pos == in.size)
			outcome = OUTCOME_END;
		else if (result != 0 && in.pos == in_before && out.pos == out_before)
			outcome = OUTCOME_DAMAGED; /* the frame is cut off */
	}
	decoder->in += in.pos;
	decoder->in_left -= in.pos;
	decoder->out += out.pos;
	decoder->out_left -= out.pos;
	return outcome;
}

static bool decoder_init(struct decoder *decoder, enum compression kind, const uint8_t *data,
			 size_t size)
{
	memset(decoder, 0, sizeof(*decoder));
	decoder->in = data;
	decoder->in_left = size;
	switch (kind) {
	case COMPRESSION_ZLIB: /* 32: zlib or gzip by its header */
		return inflateInit2(&decoder->state.zlib, 15 + 32) == Z_OK;
	case COMPRESSION_XZ:
		return lzma_stream_decoder(&decoder->state.xz, XZ_MEMORY, LZMA_CONCATENATED) ==
		       LZMA_OK;
	case COMPRESSION_ZSTD:
		decoder->state.zstd = ZSTD_createDStream();
		return decoder->state.zstd &&
		       !ZSTD_isError(ZSTD_initDStream(decoder->state.zstd));
	case COMPRESSION_NONE:
		break;
	}
	return false;
}

static void decoder_deinit(struct decoder *decoder, enum compression kind)
{
	if (kind == COMPRESSION_ZLIB)
		inflateEnd(&decoder->state.zlib);
	else if (kind == COMPRESSION_XZ)
		lzma_end(&decoder->state.xz);
	else if (kind == COMPRESSION_ZSTD)
		ZSTD_freeDStream(decoder->state.zstd);
}

static enum outcome decoder_step(struct decoder *decoder, enum compression kind)
{
	return kind == COMPRESSION_ZLIB ? step_zlib(decoder)
	     : kind == COMPRESSION_XZ	? step_xz(decoder)
					: step_zstd(decoder);
}

/* ---- sections ------------------------------------------------------------------ */

/* An ELF section may be a sequence of zlib streams or zstd frames: linkers concatenate them. */
static enum outcome fill(enum compression kind, const uint8_t *data, size_t size, uint8_t *bytes,
			 size_t declared)
{
	struct decoder decoder;
	size_t done = 0;
	enum outcome outcome = OUTCOME_MORE;
	while (done < declared && outcome == OUTCOME_MORE) {
		if (!decoder_init(&decoder, kind, data, size)) {
			decoder_deinit(&decoder, kind);
			return OUTCOME_MEMORY;
		}
		decoder.out = bytes + done;
		decoder.out_left = declared - done;
		outcome = decoder_step(&decoder, kind);
		size_t made = declared - done - decoder.out_left;
		done += made;
		data = decoder.in;
		size = decoder.in_left;
		if (outcome == OUTCOME_END && done < declared && made && size)
			outcome = OUTCOME_MORE;
		decoder_deinit(&decoder, kind);
	}
	if (outcome == OUTCOME_END || outcome == OUTCOME_MORE)
		return done == declared ? OUTCOME_END : OUTCOME_DAMAGED;
	return outcome;
}

/*
 * The usual case, one zlib stream of exactly DECLARED bytes, by a decoder that takes less than
 * half of zlib's time. Whatever is out of the ordinary it leaves to fill().
 */
static bool inflate_whole(const uint8_t *data, size_t size, uint8_t *bytes, size_t declared)
{
	struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
	bool good = decompressor && libdeflate_zlib_decompress(decompressor, data, size, bytes, declared,
							       NULL) == LIBDEFLATE_SUCCESS;
	libdeflate_free_decompressor(decompressor);
	return good;
}

#define HUGE_PAGE ((size_t)2 << 20)

/*
 * Room for a section. A big one is written and read from one end to the other: with huge pages that
 * takes hundreds of page faults less for each of them.
 */
static uint8_t *allocate(size_t size)
{
	if (size < 2 * HUGE_PAGE)
		return malloc(size ? size : 1);
	uint8_t *bytes = aligned_alloc(HUGE_PAGE, (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	if (bytes) /* whole ones only: no memory is taken for what lies behind the end */
		madvise(bytes, size & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);
	return bytes;
}

struct sdb_error *decompress_section(enum compression kind, const uint8_t *data, size_t size,
				     uint64_t declared, uint8_t **bytes_ret)
{
	uint64_t ratio = kind == COMPRESSION_ZSTD ? MAX_RATIO_ZSTD : MAX_RATIO_ZLIB;
	*bytes_ret = NULL;
	if (declared > MAX_SECTION || declared / ratio > size)
		return sdb_error_new(SDB_ERROR_CORRUPT,
				     "%zu compressed bytes cannot hold %llu as the header says", size,
				     (unsigned long long)declared);
	uint8_t *bytes = allocate((size_t)declared);
	if (!bytes)
		return sdb_error_new(SDB_ERROR_MEMORY, "no memory to decompress %llu bytes",
				     (unsigned long long)declared);
	enum outcome outcome = OUTCOME_END;
	if (kind != COMPRESSION_ZLIB || !inflate_whole(data, size, bytes, (size_t)declared))
		outcome = fill(kind, data, size, bytes, (size_t)declared);
	if (outcome != OUTCOME_END) {
		free(bytes);
		return outcome == OUTCOME_MEMORY
			? sdb_error_new(SDB_ERROR_MEMORY, "no memory to decompress")
			: sdb_error_new(SDB_ERROR_CORRUPT, "compressed data is damaged or cut off");
	}
	*bytes_ret = bytes;
	return NULL;
}

/* ---- streams --------------------------------------------------------------------- */

struct sdb_error *decompress_stream(enum compression kind, const uint8_t *data, size_t size,
				    size_t limit, uint8_t **bytes_ret, size_t *size_ret)
{
	struct decoder decoder;
	uint8_t *bytes = NULL;
	size_t room = 0, done = 0;
	enum outcome outcome = OUTCOME_MORE;
	*bytes_ret = NULL;
	*size_ret = 0;
	if (size < limit / MAX_RATIO_STREAM)
		limit = (size + 1) * MAX_RATIO_STREAM;
	if (!decoder_init(&decoder, kind, data, size))
		outcome = OUTCOME_MEMORY;
	while (outcome == OUTCOME_MORE && done < limit) {
		/* Four times the input is usual; from there it doubles. */
		size_t want = room ? room : (size < limit / 4 ? size * 4 + 4096 : limit);
		room = want > limit - room ? limit : room + want;
		uint8_t *grown = realloc(bytes, room);
		if (!grown) {
			outcome = OUTCOME_MEMORY;
			break;
		}
		bytes = grown;
		decoder.out = bytes + done;
		decoder.out_left = room - done;
		outcome = decoder_step(&decoder, kind);
		done = room - decoder.out_left;
	}
	decoder_deinit(&decoder, kind);
	if (outcome == OUTCOME_END) {
		*bytes_ret = bytes;
		*size_ret = done;
		return NULL;
	}
	free(bytes);
	if (outcome == OUTCOME_MEMORY)
		return sdb_error_new(SDB_ERROR_MEMORY, "no memory to decompress");
	if (outcome == OUTCOME_MORE)
		return sdb_error_new(SDB_ERROR_MEMORY,
				     "decompressed content is larger than the limit of %zu bytes", limit);
	return sdb_error_new(SDB_ERROR_CORRUPT, "compressed data is damaged or cut off");
}
