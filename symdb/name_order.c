/* SPDX-License-Identifier: MIT */
/*
 * Sorting all strings: a quicksort over eight bytes at a time, which are fetched once for
 * each depth. Mangled C++ names share long prefixes that it thereby compares only once.
 */

#include "name_set.h"
#include <endian.h>
#include <stdlib.h>
#include <string.h>

struct item {
	uint64_t key; /* the bytes at the depth that is being sorted, first one highest */
	uint32_t number;
};

static void fetch(const struct sdb_names *names, struct item *items, size_t count, size_t depth)
{
	for (size_t i = 0; i < count; i++) {
		size_t length;
		const char *text = sdb_names_text(names, items[i].number, &length);
		uint64_t key = 0;
		if (length > depth)
			memcpy(&key, text + depth, length - depth < 8 ? length - depth : 8);
		items[i].key = be64toh(key);
	}
}

/* Whether A is behind B; both begin with the same DEPTH bytes. */
static bool behind(const struct sdb_names *names, const struct item *a, const struct item *b,
		   size_t depth)
{
	if (a->key != b->key)
		return a->key > b->key;
	size_t a_length, b_length;
	const char *a_text = sdb_names_text(names, a->number, &a_length);
	const char *b_text = sdb_names_text(names, b->number, &b_length);
	if (a_length <= depth || b_length <= depth)
		return a_length > b_length;
	size_t common = (a_length < b_length ? a_length : b_length) - depth;
	int order = memcmp(a_text + depth, b_text + depth, common);
	return order ? order > 0 : a_length > b_length;
}

static void sort_few(const struct sdb_names *names, struct item *items, size_t count, size_t depth)
{
	for (size_t i = 1; i < count; i++) {
		struct item item = items[i];
		size_t to = i;
		for (; to > 0 && behind(names, &items[to - 1], &item, depth); to--)
			items[to] = items[to - 1];
		items[to] = item;
	}
}

static uint64_t median(uint64_t a, uint64_t b, uint64_t c)
{
	if (a > b) {
		uint64_t swap = a;
		a = b;
		b = swap;
	}
	return c <= a ? a : c >= b ? b : c;
}

/* Splits into below, equal to and above a pivot: [0, *LOW_RET), [.., *HIGH_RET), the rest. */
static void partition(struct item *items, size_t count, size_t *low_ret, size_t *high_ret)
{
	uint64_t pivot = median(items[0].key, items[count / 2].key, items[count - 1].key);
	size_t low = 0, at = 0, high = count;
	while (at < high) {
		struct item item = items[at];
		if (item.key < pivot) {
			items[at++] = items[low];
			items[low++] = item;
		} else if (item.key > pivot) {
			items[at] = items[--high];
			items[high] = item;
		} else {
			at++;
		}
	}
	*low_ret = low;
	*high_ret = high;
}

/* A range of items whose first DEPTH bytes are equal and whose keys are fetched. */
struct range {
	struct item *items;
	size_t count, depth;
};

static void swap_ranges(struct range *a, struct range *b)
{
	struct range swap = *a;
	*a = *b;
	*b = swap;
}

static void sort(const struct sdb_names *names, struct range range)
{
	while (range.count > 12) {
		size_t low, high;
		partition(range.items, range.count, &low, &high);
		struct range below = { range.items, low, range.depth };
		struct range equal = { range.items + low, high - low, range.depth };
		struct range above = { range.items + high, range.count - high, range.depth };
		/* Keys that end in a zero byte are whole texts: there is only one such text. */
		if (equal.count > 1 && (equal.items[0].key & 0xff) != 0) {
			equal.depth += 8;
			fetch(names, equal.items, equal.count, equal.depth);
		} else {
			equal.count = 0;
		}
		/* Going on with the biggest bounds the depth of the recursion to log2(count). */
		if (below.count > equal.count)
			swap_ranges(&below, &equal);
		if (above.count > equal.count)
			swap_ranges(&above, &equal);
		sort(names, below);
		sort(names, above);
		range = equal;
	}
	sort_few(names, range.items, range.count, range.depth);
}

bool names_order(const struct sdb_names *names, uint32_t *order, uint32_t count)
{
	struct item *items = malloc(((size_t)count + 1) * sizeof(*items));
	if (!items)
		return false;
	for (uint32_t i = 0; i < count; i++)
		items[i].number = i + 1;
	fetch(names, items, count, 0);
	sort(names, (struct range){ items, count, 0 });
	for (uint32_t i = 0; i < count; i++)
		order[i] = items[i].number;
	free(items);
	return true;
}
