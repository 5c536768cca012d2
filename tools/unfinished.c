/* SPDX-License-Identifier: MIT */
#include "unfinished.h"
#include "tool.h"

#include <stdlib.h>

static struct unfinished **bucket_of(struct unfinished_calls *calls, int64_t tid)
{
	return &calls->buckets[(uint64_t)tid % (sizeof(calls->buckets) / sizeof(calls->buckets[0]))];
}

struct unfinished *unfinished_find(struct unfinished_calls *calls, int64_t tid)
{
	struct unfinished *unfinished = *bucket_of(calls, tid);
	while (unfinished && unfinished->tid != tid)
		unfinished = unfinished->next;
	return unfinished;
}

struct unfinished *unfinished_begin(struct unfinished_calls *calls, int64_t tid)
{
	struct unfinished **bucket = bucket_of(calls, tid), *unfinished = unfinished_find(calls, tid);
	for (struct unfinished *free = *bucket; free && !unfinished; free = free->next)
		if (!free->tid)
			unfinished = free;
	if (!unfinished) {
		unfinished = tool_alloc(sizeof(*unfinished));
		*unfinished = (struct unfinished){ .next = *bucket, .text = { .fd = -1 } };
		*bucket = unfinished;
	}
	unfinished->tid = tid;
	unfinished->arguments = 0;
	unfinished->text.size = 0;
	return unfinished;
}

void unfinished_end(struct unfinished *unfinished)
{
	if (unfinished)
		unfinished->tid = 0;
}

void unfinished_deinit(struct unfinished_calls *calls)
{
	for (size_t i = 0; i < sizeof(calls->buckets) / sizeof(calls->buckets[0]); i++)
		for (struct unfinished *unfinished = calls->buckets[i], *next; unfinished; unfinished = next) {
			next = unfinished->next;
			text_deinit(&unfinished->text);
			free(unfinished);
		}
}
