/* SPDX-License-Identifier: MIT */
#include "sections.h"

#include <stdlib.h>
#include <string.h>

struct sections *sections_create(size_t count)
{
	struct sections *sections = calloc(1, sizeof(*sections) + count * sizeof(sections->places[0]));
	if (sections)
		sections->count = count;
	return sections;
}

struct sdb_error *sections_bind(struct sections *sections, struct sdb_db *db)
{
	const struct sdb_section *known;
	size_t count;
	struct sdb_error *error = sdb_sections(db, &known, &count);
	if (error)
		return error;
	for (size_t i = 0; i < sections->count; i++) {
		struct section_place *place = &sections->places[i];
		for (size_t k = 0; k < count && !place->size; k++) {
			if (strcmp(known[k].name, place->name) != 0)
				continue;
			place->database = known[k].address;
			place->size = known[k].size;
		}
	}
	return NULL;
}

bool sections_have(const struct sections *sections, const char *name)
{
	for (size_t i = 0; i < sections->count; i++)
		if (sections->places[i].size && strcmp(sections->places[i].name, name) == 0)
			return true;
	return false;
}

uint64_t sections_to_target(const struct sections *sections, uint64_t address)
{
	const struct section_place *behind = NULL;
	for (size_t i = 0; i < sections->count; i++) {
		const struct section_place *place = &sections->places[i];
		if (address - place->database < place->size)
			return address - place->database + place->target;
		if (place->size && address == place->database + place->size)
			behind = place;
	}
	/* The end of a section, unless it is the begin of the next. */
	return behind ? behind->target + behind->size : address;
}

uint64_t sections_to_database(const struct sections *sections, uint64_t address)
{
	const struct section_place *behind = NULL;
	for (size_t i = 0; i < sections->count; i++) {
		const struct section_place *place = &sections->places[i];
		if (address - place->target < place->size)
			return address - place->target + place->database;
		if (place->size && address == place->target + place->size)
			behind = place;
	}
	return behind ? behind->database + behind->size : address;
}
