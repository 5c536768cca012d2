/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNWIND_FAKE_MODULE_H
#define TESTS_UNWIND_FAKE_MODULE_H

/*
 * A module whose sections are memory of the test's own, so that they can hold anything. Stands in
 * for indexer/module.c where a test is linked without it.
 */

#include "indexer/module.h"

#define FAKE_SECTIONS 8

struct module {
	struct sdb_db_info info;
	struct sdb_section sections[FAKE_SECTIONS];
	struct section_data data[FAKE_SECTIONS];
	size_t section_count;
	uint64_t warnings;
	char last_warning[256];
};

/* x86-64, little endian, nothing in it. */
void fake_module_init(struct module *module);
/* DATA must stay. */
void fake_module_add(struct module *module, const char *name, const void *data, size_t size,
		     uint64_t address, uint64_t flags);

#endif
