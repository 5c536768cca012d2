/* SPDX-License-Identifier: MIT */
/* Where a probe is: at an address, at everything that a pattern names, now or when it is loaded. */

#include "probe_private.h"
#include "space.h"

#include <stdlib.h>
#include <string.h>

static struct sdb_error *add_site(struct sdb_probe *probe, uint64_t address, uint64_t entry, bool hook)
{
	struct point *point;
	for (const struct site *site = probe->sites; site; site = site->next_of_probe)
		if (site->point->address == address)
			return NULL; /* two names of one place */
	struct sdb_error *error = point_get(probe->target->probes, address, &point);
	if (error)
		return error;
	struct site *site = calloc(1, sizeof(*site));
	if (!site)
		return NO_MEMORY();
	*site = (struct site){ .probe = probe, .point = point, .next_of_probe = probe->sites, .entry = entry,
				.hook = hook };
	probe->sites = site;
	probe->site_count += !hook;
	/* Handlers are called in the order in which probes were made. */
	struct site **link = &point->sites;
	while (*link)
		link = &(*link)->next_at_point;
	*link = site;
	return NULL;
}

struct line_search {
	uint64_t entry;
	uint64_t found;
};

static struct sdb_error *consider_line(void *arg, const struct sdb_line *line)
{
	struct line_search *search = arg;
	if (line->address <= search->entry || !(line->flags & SDB_LINE_STATEMENT) || line->line == 0)
		return NULL;
	search->found = line->address;
	return sdb_error_new(SDB_ERROR_STOPPED, "found");
}

/* Behind the prologue: where the second line of the function begins, as debuggers have it. */
static uint64_t body_of(struct sdb_module *module, uint64_t entry)
{
	struct sdb_db *db;
	struct sdb_code *code;
	uint64_t address = module_to_database(module, entry);
	struct sdb_error *error = sdb_module_database(module, &db);
	if (!error)
		error = sdb_code_at(db, address, 0, &code);
	if (error) {
		sdb_error_free(error);
		return entry;
	}
	uint64_t high = code->scopes[0].range_count ? code->scopes[0].ranges[0].high : address;
	struct line_search search = { .entry = address, .found = address };
	sdb_code_free(code);
	sdb_error_free(sdb_lines(db, address, high, consider_line, &search));
	return module_to_target(module, search.found);
}

struct binding_of {
	struct sdb_probe *probe;
	bool hook;
};

static struct sdb_error *add_binding(void *arg, const struct sdb_binding *binding)
{
	struct binding_of *of = arg;
	struct sdb_probe *probe = of->probe;
	uint64_t address = binding->address;
	bool function = binding->entity.kind == SDB_ENTITY_FUNCTION && !binding->inlined;
	if (binding->entity.kind == SDB_ENTITY_VARIABLE)
		return NULL;
	if (probe->options.body && function && binding->module)
		address = body_of(binding->module, address);
	if (!probe->options.hardware)
		return add_site(probe, address, binding->address, of->hook);
	if (probe->site_count++)
		return sdb_error_new(SDB_ERROR_INVALID, "it has several places: a debug register is for one");
	probe->address = address;
	probe->size = 1;
	return NULL;
}

struct sdb_error *place_at(struct sdb_probe *probe, uint64_t address)
{
	const struct sdb_binding binding = { .address = address };
	struct binding_of of = { .probe = probe };
	return add_binding(&of, &binding);
}

struct sdb_error *place_bind(struct sdb_probe *probe, const char *pattern)
{
	struct binding_of of = { .probe = probe };
	return sdb_target_bind(probe->target, pattern, probe->options.inlined && !probe->returns, add_binding, &of);
}

/* Has PROBE told when libraries are loaded. */
static struct sdb_error *place_hook(struct sdb_probe *probe)
{
	struct binding_of of = { .probe = probe, .hook = true };
	return sdb_target_bind(probe->target, LINKER_HOOK, false, add_binding, &of);
}

struct sdb_error *place_pending(struct sdb_probe *probe, const char *pattern, struct sdb_error *missed)
{
	sdb_error_free(missed);
	/* A static program has no linker; another one that it executes may. */
	sdb_error_free(place_hook(probe));
	probe->pattern = strdup(pattern);
	return probe->pattern ? NULL : NO_MEMORY();
}

struct sdb_error *place_pending_again(struct sdb_probe *probe)
{
	sdb_error_free(place_hook(probe));
	return place_bind(probe, probe->pattern);
}

struct sdb_error *probe_find_again(struct sdb_probe *probe)
{
	struct sdb_error *error = place_bind(probe, probe->pattern);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		return NULL;
	}
	return error ? error : probe_update_points(probe);
}
