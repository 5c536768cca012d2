/* SPDX-License-Identifier: MIT */
#include "arch.h"

#include <string.h>

const struct architecture *architecture_find(uint16_t machine)
{
	static const struct architecture *const all[] = { &architecture_x86_64, &architecture_i386 };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->machine == machine)
			return all[i];
	return NULL;
}

int architecture_dwarf(const struct architecture *architecture, unsigned number)
{
	/* The first registers stand in the order of their numbers. */
	if (number < architecture->unwind_columns)
		return (int)number;
	for (size_t i = 0; i < architecture->register_count; i++)
		if (architecture->registers[i].dwarf == (int)number)
			return (int)i;
	return -1;
}

int architecture_named(const struct architecture *architecture, const char *name)
{
	for (size_t i = 0; i < architecture->register_count; i++)
		if (strcmp(architecture->registers[i].name, name) == 0)
			return (int)i;
	return -1;
}
