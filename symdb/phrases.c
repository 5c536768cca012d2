/* SPDX-License-Identifier: MIT */
/* Choosing phrases, and coding with them. */

#include "phrases.h"
#include <stdlib.h>

enum {
	ESCAPE = 255,
	AT_ONCE = 4,    /* codes that are decoded without a look at the room */
	CODES = 512,    /* phrases, then 256 + a byte that none covers */
	ROUNDS = 5,     /* phrases grow to twice their length in each */
	SAMPLE = 1 << 19,
};

/* ---- the table ------------------------------------------------------------------------ */

/* Fills `order` and `begins`: a counting sort by first byte and length. */
static void index_phrases(struct phrases *phrases)
{
	uint16_t places[256 * PHRASE_LENGTH + 1] = { 0 };
	for (unsigned i = 0; i < phrases->count; i++)
		places[phrases->bytes[i][0] * PHRASE_LENGTH + PHRASE_LENGTH - phrases->lengths[i] + 1]++;
	for (unsigned place = 1; place <= 256 * PHRASE_LENGTH; place++)
		places[place] += places[place - 1];
	for (unsigned first = 0; first <= 256; first++)
		phrases->begins[first] = places[first * PHRASE_LENGTH];
	for (unsigned i = 0; i < phrases->count; i++)
		phrases->order[places[phrases->bytes[i][0] * PHRASE_LENGTH + PHRASE_LENGTH -
				      phrases->lengths[i]]++] = (uint8_t)i;
}

/* The longest phrase that DATA begins with, or 256 + its first byte. */
static unsigned find_phrase(const struct phrases *phrases, const uint8_t *data, size_t size)
{
	unsigned end = phrases->begins[data[0] + 1];
	for (unsigned i = phrases->begins[data[0]]; i < end; i++) {
		unsigned phrase = phrases->order[i], length = phrases->lengths[phrase];
		if (length <= size && memcmp(phrases->bytes[phrase], data, length) == 0)
			return phrase;
	}
	return 256u + data[0];
}

struct phrases *phrases_get(struct cursor *from)
{
	struct phrases *phrases = calloc(1, sizeof(*phrases));
	if (!phrases)
		return NULL;
	while (from->at < from->end && !from->failed) {
		uint8_t length = get_u8(from);
		const uint8_t *bytes = length >= 1 && length <= PHRASE_LENGTH ? get_bytes(from, length) : NULL;
		if (!bytes || phrases->count == PHRASES_MAX) {
			free(phrases);
			return NULL;
		}
		memcpy(phrases->bytes[phrases->count], bytes, length);
		phrases->lengths[phrases->count++] = length;
	}
	index_phrases(phrases);
	return phrases;
}

/* ---- coding ----------------------------------------------------------------------------- */

void phrases_encode(const struct phrases *phrases, const uint8_t *data, size_t size, struct buffer *to)
{
	for (size_t at = 0; at < size;) {
		unsigned code = find_phrase(phrases, data + at, size - at);
		if (code < 256) {
			put_u8(to, (uint8_t)code);
			at += phrases->lengths[code];
		} else {
			put_u8(to, ESCAPE);
			put_u8(to, data[at++]);
		}
	}
}

bool phrases_decode(const struct phrases *phrases, const uint8_t *data, size_t size, uint8_t *raw,
		    size_t raw_size)
{
	const uint8_t *end = data + size;
	uint8_t *to = raw, *to_end = raw + raw_size;
	while (end - data > AT_ONCE && to_end - to >= AT_ONCE * PHRASE_LENGTH) {
		unsigned done = 0;
		for (; done < AT_ONCE && phrases->lengths[data[done]]; done++) {
			memcpy(to, phrases->bytes[data[done]], PHRASE_LENGTH);
			to += phrases->lengths[data[done]];
		}
		data += done;
		if (done == AT_ONCE)
			continue;
		if (*data != ESCAPE)
			return false;
		*to++ = data[1];
		data += 2;
	}
	while (data < end) {
		unsigned code = *data++, length = phrases->lengths[code];
		if (length && to_end - to >= PHRASE_LENGTH) {
			memcpy(to, phrases->bytes[code], PHRASE_LENGTH);
			to += length;
		} else if (length && to_end - to >= (ptrdiff_t)length) {
			memcpy(to, phrases->bytes[code], length);
			to += length;
		} else if (code == ESCAPE && data < end && to < to_end) {
			*to++ = *data++;
		} else {
			return false;
		}
	}
	return to == to_end;
}

/* ---- choosing phrases --------------------------------------------------------------------- */

struct counts {
	uint32_t single[CODES];
	uint32_t pair[CODES][CODES];
};

struct candidate {
	uint8_t length, bytes[PHRASE_LENGTH];
	uint64_t gain;
};

struct candidates {
	struct candidate *items;
	size_t count, capacity;
	bool failed;
};

/* What CODE stands for; its length is returned. */
static unsigned spell(const struct phrases *phrases, unsigned code, uint8_t bytes[PHRASE_LENGTH])
{
	if (code >= 256) {
		bytes[0] = (uint8_t)code;
		return 1;
	}
	memcpy(bytes, phrases->bytes[code], phrases->lengths[code]);
	return phrases->lengths[code];
}

static void add_candidate(struct candidates *to, const uint8_t *bytes, unsigned length, uint64_t gain)
{
	if (to->count == to->capacity) {
		size_t capacity = to->capacity ? 2 * to->capacity : 4096;
		void *items = realloc(to->items, capacity * sizeof(*to->items));
		if (!items) {
			to->failed = true;
			return;
		}
		to->items = items;
		to->capacity = capacity;
	}
	struct candidate *item = &to->items[to->count++];
	*item = (struct candidate){ .length = (uint8_t)length, .gain = gain };
	memcpy(item->bytes, bytes, length);
}

static int compare_texts(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int order = memcmp(x->bytes, y->bytes, PHRASE_LENGTH);
	return order ? order : x->length - y->length;
}

static int compare_gains(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->gain != y->gain)
		return x->gain > y->gain ? -1 : 1;
	return compare_texts(a, b);
}

/* Equal ones become one. */
static void merge(struct candidates *candidates)
{
	size_t kept = 0;
	qsort(candidates->items, candidates->count, sizeof(*candidates->items), compare_texts);
	for (size_t i = 0; i < candidates->count; i++) {
		if (kept && compare_texts(&candidates->items[kept - 1], &candidates->items[i]) == 0)
			candidates->items[kept - 1].gain += candidates->items[i].gain;
		else
			candidates->items[kept++] = candidates->items[i];
	}
	candidates->count = kept;
}

static void count_codes(const struct phrases *phrases, const struct phrase_sample *sample, struct counts *counts)
{
	unsigned before = CODES;
	for (size_t at = 0; at < sample->size;) {
		unsigned code = find_phrase(phrases, sample->data + at, sample->size - at);
		counts->single[code]++;
		if (before < CODES)
			counts->pair[before][code]++;
		at += code < 256 ? phrases->lengths[code] : 1;
		before = code;
	}
}

static void gather(const struct phrases *phrases, const struct counts *counts, struct candidates *candidates)
{
	uint8_t bytes[2 * PHRASE_LENGTH];
	candidates->count = 0;
	for (unsigned first = 0; first < CODES; first++) {
		if (counts->single[first] == 0)
			continue;
		unsigned length = spell(phrases, first, bytes);
		/* A byte without a phrase takes two: single ones are worth more than they save. */
		add_candidate(candidates, bytes, length, (uint64_t)counts->single[first] * (length == 1 ? 8 : length));
		for (unsigned second = 0; second < CODES && length < PHRASE_LENGTH; second++) {
			if (counts->pair[first][second] < 2)
				continue;
			unsigned both = length + spell(phrases, second, bytes + length);
			if (both > PHRASE_LENGTH)
				both = PHRASE_LENGTH;
			add_candidate(candidates, bytes, both, (uint64_t)counts->pair[first][second] * both);
		}
	}
	merge(candidates);
}

static bool improve(struct phrases *phrases, const struct phrase_sample *samples, size_t count, struct counts *counts,
		    struct candidates *candidates)
{
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += samples[i].size;
	memset(counts, 0, sizeof(*counts));
	for (size_t i = 0; i < count; i += 1 + total / SAMPLE)
		count_codes(phrases, &samples[i], counts);
	gather(phrases, counts, candidates);
	if (candidates->failed)
		return false;
	qsort(candidates->items, candidates->count, sizeof(*candidates->items), compare_gains);
	memset(phrases, 0, sizeof(*phrases));
	for (size_t i = 0; i < candidates->count && i < PHRASES_MAX; i++) {
		memcpy(phrases->bytes[i], candidates->items[i].bytes, PHRASE_LENGTH);
		phrases->lengths[i] = candidates->items[i].length;
		phrases->count++;
	}
	index_phrases(phrases);
	return true;
}

bool phrases_make(const struct phrase_sample *samples, size_t count, struct buffer *to)
{
	struct phrases *phrases = calloc(1, sizeof(*phrases));
	struct counts *counts = malloc(sizeof(*counts));
	struct candidates candidates = { 0 };
	bool good = phrases && counts;
	for (int round = 0; round < ROUNDS && good; round++)
		good = improve(phrases, samples, count, counts, &candidates);
	for (unsigned i = 0; good && i < phrases->count; i++) {
		put_u8(to, phrases->lengths[i]);
		put_bytes(to, phrases->bytes[i], phrases->lengths[i]);
	}
	free(candidates.items);
	free(counts);
	free(phrases);
	return good && !to->failed;
}
