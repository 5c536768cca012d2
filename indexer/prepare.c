/* SPDX-License-Identifier: MIT */
#include "debugfile.h"

#include <stdatomic.h>
#include <stdlib.h>

/*
 * Sections that must be decompressed or relocated, done ahead of their use by several threads. Each
 * is one piece of work, so the biggest is begun first.
 */

#define MAX_THREADS 8

struct preparation {
	struct elf_file *file;
	uint32_t *sections; /* biggest first */
	size_t count;
	atomic_size_t next;
	pthread_t threads[MAX_THREADS];
	unsigned thread_count;
};

static bool needs_work(const struct elf_file *file, uint32_t index)
{
	const struct sdb_section *section = &file->sections[index];
	const struct elf_section *extra = &file->extra[index];
	return section->flags & SHF_COMPRESSED || strncmp(section->name, ".zdebug_", 8) == 0 ||
	       extra->relocation || extra->next_same;
}

static int compare_sizes(const void *left, const void *right, void *arg)
{
	const struct elf_file *file = arg;
	uint64_t a = file->sections[*(const uint32_t *)left].size;
	uint64_t b = file->sections[*(const uint32_t *)right].size;
	return a > b ? -1 : a < b;
}

static void *prepare(void *arg)
{
	struct preparation *preparation = arg;
	size_t index;
	while ((index = atomic_fetch_add(&preparation->next, 1)) < preparation->count) {
		struct section_data ignored;
		/* What fails is remembered for who asks for the section. */
		sdb_error_free(elf_content(preparation->file, preparation->sections[index], &ignored));
	}
	return NULL;
}

struct preparation *module_prepare(struct module *module, const char *const *names, size_t count,
				   unsigned jobs)
{
	struct elf_file *file = module->debug;
	struct preparation *preparation = jobs > 1 ? calloc(1, sizeof(*preparation)) : NULL;
	if (!preparation)
		return NULL;
	preparation->file = file;
	preparation->sections = calloc(count + 1, sizeof(*preparation->sections));
	for (size_t i = 0; preparation->sections && i < count; i++) {
		uint32_t index = elf_find_debug_section(file, names[i]);
		if (index && needs_work(file, index))
			preparation->sections[preparation->count++] = index;
	}
	if (preparation->count > 1)
		qsort_r(preparation->sections, preparation->count, sizeof(*preparation->sections),
			compare_sizes, file);
	while (preparation->thread_count + 1 < jobs && preparation->thread_count < preparation->count &&
	       preparation->thread_count < MAX_THREADS &&
	       pthread_create(&preparation->threads[preparation->thread_count], NULL, prepare,
			      preparation) == 0)
		preparation->thread_count++;
	return preparation;
}

void module_prepare_finish(struct preparation *preparation)
{
	if (!preparation)
		return;
	if (preparation->thread_count)
		prepare(preparation);
	for (unsigned i = 0; i < preparation->thread_count; i++)
		pthread_join(preparation->threads[i], NULL);
	free(preparation->sections);
	free(preparation);
}
