/* SPDX-License-Identifier: MIT */
/* Probes by name in several targets, and in the processes that these make. */
#include "json.h"
#include "probing.h"

#include <stackdb/space.h>

#include <stdlib.h>
#include <string.h>

/* ---- placing them --------------------------------------------------------------------------------------- */

struct variable {
	uint64_t address, size;
	bool found;
	struct sdb_module *module;
	sdb_variable_id id;
};

static struct sdb_error *take_variable(void *arg, const struct sdb_binding *binding)
{
	struct variable *variable = arg;
	if (binding->entity.kind != SDB_ENTITY_VARIABLE)
		return NULL;
	*variable = (struct variable){ binding->address, binding->size, true, binding->module, binding->entity.id };
	return NULL;
}

/* How many bytes VARIABLE has by its type; 0: that is not known. */
static struct sdb_error *variable_size(const struct variable *variable, uint64_t *size_ret)
{
	struct sdb_db *db;
	struct sdb_variable *record;
	struct sdb_error *error = sdb_module_database(variable->module, &db);
	if (!error)
		error = sdb_variable(db, variable->id, &record);
	if (error)
		return error;
	sdb_type_id type = record->type;
	sdb_variable_free(record);
	for (unsigned depth = 0; type && depth < 16 && !*size_ret; depth++) {
		struct sdb_type *described;
		error = sdb_type(db, type, &described);
		if (error)
			return error;
		*size_ret = described->size;
		type = described->target;
		sdb_type_free(described);
	}
	return NULL;
}

/* A variable; of a large one the first bytes, as many as a debug register watches. */
static struct sdb_error *watch_variable(struct probing_place *place, const struct variable *variable,
					const struct sdb_probe_options *options)
{
	uint64_t known = 0;
	unsigned size = 8;
	struct sdb_error *error = variable_size(variable, &known);
	if (error)
		return error;
	known = variable->size ? variable->size : known;
	if (options->software)
		return sdb_probe_watch(place->target, variable->address, known ? (unsigned)known : size, SDB_WATCH_CHANGE, options,
				       &place->probe);
	if (known == 1 || known == 2 || known == 4)
		size = (unsigned)known;
	while (variable->address % size)
		size /= 2;
	return sdb_probe_watch(place->target, variable->address, size, SDB_WATCH_WRITE, options, &place->probe);
}

static struct sdb_error *place_named(struct probing_place *place, struct sdb_probe_options *options)
{
	struct probing *probing = place->probing;
	struct variable variable = { .found = false };
	struct sdb_error *error = sdb_target_bind(place->target, place->what, false, take_variable, &variable);
	/* In a program that was just launched the libraries are still to come. */
	bool missing = error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND;
	if (error && !missing)
		return error;
	sdb_error_free(error);
	if (missing && sdb_target_status(place->target) == SDB_TARGET_RUNNING && !probing->follow)
		tool_complain(place->what, "nothing is called so yet; what is loaded later is looked at");
	options->pending = !probing->hardware;
	if (variable.found) {
		options->after = NULL;
		options->software = probing->software;
		place->watch = true;
		return watch_variable(place, &variable, options);
	}
	if (options->after && probing->returns)
		return sdb_probe_function(place->target, place->what, options, &place->probe);
	options->body = !options->after && !probing->hardware && !probing->actions.abort;
	return sdb_probe_pattern(place->target, place->what, options, &place->probe);
}

static struct sdb_error *place_argument(struct probing_place *place)
{
	struct probing *probing = place->probing;
	struct sdb_probe_options options = {
		.before = probing_on_hit, .arg = place, .thread = probing->thread, .inlined = probing->inlined,
		.hardware = probing->hardware, .after = probing->after || probing->returns ? probing_on_hit : NULL,
		.filter = &probing->filter,
		.disabled = probing->at || probing_begins_off(probing, place->argument),
	};
	return place_named(place, &options);
}

static struct sdb_error *place_mark(struct probing_place *place, sdb_probe_fn fn, bool off)
{
	struct sdb_probe_options options = { .before = fn, .arg = place, .disabled = off };
	return place_named(place, &options);
}

/* One more place in TARGET; it belongs to PROBING. */
static struct probing_place *add_place(struct probing *probing, struct sdb_target *target,
				       struct probing_argument *argument, const char *what)
{
	struct probing_place *place = tool_alloc(sizeof(*place));
	*place = (struct probing_place){ .probing = probing, .argument = argument, .what = what, .target = target };
	probing->places = tool_realloc(probing->places, probing->count + 1, sizeof(struct probing_place *));
	probing->places[probing->count++] = place;
	return place;
}

static struct sdb_error *on_child(void *arg, struct sdb_hit *hit);
static struct sdb_error *on_exec(void *arg, struct sdb_hit *hit);

static struct sdb_error *place_all_in(void *arg, struct sdb_target *target)
{
	struct probing *probing = arg;
	struct sdb_error *error = NULL;
	struct sdb_probe *probe;
	const struct sdb_probe_options child_options = { .before = on_child, .arg = probing };
	const struct sdb_probe_options exec_options = { .before = on_exec, .arg = probing };
	for (size_t i = 0; i < probing->argument_count && !error; i++) {
		struct probing_argument *argument = &probing->arguments[i];
		if (argument->id >= 0 && argument->id != sdb_target_id(target))
			continue;
		error = place_argument(add_place(probing, target, argument, argument->what));
	}
	if (!error && probing->at)
		error = place_mark(add_place(probing, target, NULL, probing->at), probing_on_at, false);
	if (!error && probing->until)
		error = place_mark(add_place(probing, target, NULL, probing->until), probing_on_until, probing->at != NULL);
	if (!error)
		error = sdb_probe_events(target, 1u << SDB_HIT_EXEC, &exec_options, &probe);
	return error || !probing->follow ? error : sdb_probe_events(target, 1u << SDB_HIT_CHILD, &child_options, &probe);
}

void probing_add(struct probing *probing, const char *text)
{
	char *end;
	long id = strtol(text, &end, 10);
	bool chosen = end != text && *end == ':' && end[1] != ':';
	probing->arguments = tool_realloc(probing->arguments, probing->argument_count + 1, sizeof(*probing->arguments));
	probing->arguments[probing->argument_count++] = (struct probing_argument){
		.text = text, .what = chosen ? end + 1 : text, .id = chosen ? (int)id : -1,
	};
}

static bool has_target(const struct probing *probing, int id)
{
	for (size_t i = 0; i < probing->targets->count; i++)
		if (id < 0 || sdb_target_id(probing->targets->items[i]) == id)
			return true;
	return false;
}

struct sdb_error *probing_place_all(struct probing *probing)
{
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < probing->argument_count; i++)
		if (!has_target(probing, probing->arguments[i].id))
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no target %d", probing->arguments[i].id);
	for (size_t i = 0; i < probing->targets->count && !error; i++)
		error = place_all_in(probing, probing->targets->items[i]);
	return error;
}

/* ---- other programs, other processes ---------------------------------------------------------------------- */

/* What is to be remembered of a place whose target goes. */
static void note_place(const struct probing_place *place)
{
	struct probing_argument *argument = place->argument;
	const char *failure = place->probe ? sdb_probe_filter_failure(place->probe) : NULL;
	if (!argument) {
		if (place->probe && !place->watch && !sdb_probe_places(place->probe) && !place->begun)
			tool_complain(place->what, "nothing is called so in process %lld", (long long)sdb_target_pid(place->target));
		return;
	}
	argument->there |= place->watch || (place->probe && (sdb_probe_places(place->probe) || sdb_probe_hits(place->probe)));
	if (failure && !argument->failed)
		tool_complain(argument->text, "%s", failure);
	argument->failed |= failure != NULL;
}

static void target_gone(void *arg, struct sdb_target *target)
{
	struct probing *probing = arg;
	size_t kept = 0;
	for (size_t i = 0; i < probing->count; i++) {
		struct probing_place *place = probing->places[i];
		if (place->target != target) {
			probing->places[kept++] = place;
			continue;
		}
		note_place(place);
		free(place);
	}
	probing->count = kept;
}

static struct sdb_error *on_child(void *arg, struct sdb_hit *hit)
{
	struct probing *probing = arg;
	return targets_follow(probing->targets, probing->loop, hit, place_all_in, probing);
}

/* Patterns are looked for in the new program, which is done already; an address of the old one says nothing there. */
static struct sdb_error *on_exec(void *arg, struct sdb_hit *hit)
{
	struct probing *probing = arg;
	for (size_t i = 0; i < probing->count; i++) {
		struct probing_place *place = probing->places[i];
		if (place->target != hit->target || !place->probe)
			continue;
		if (place->watch || probing->hardware || strncmp(place->what, "0x", 2) == 0)
			tool_complain(place->what, "is lost: process %lld executes another program",
				      (long long)sdb_target_pid(hit->target));
	}
	return NULL;
}

/* ---- running ---------------------------------------------------------------------------------------------- */

static void stop_loop(void *arg)
{
	sdb_loop_stop(arg);
}

struct sdb_error *probing_run(struct probing *probing)
{
	struct sdb_error *error = NULL;
	probing->targets->gone = target_gone;
	probing->targets->gone_arg = probing;
	for (size_t i = 0; i < probing->targets->count && !error; i++) {
		error = sdb_loop_add(probing->loop, probing->targets->items[i]);
		if (!error)
			error = sdb_target_resume(probing->targets->items[i]);
	}
	targets_on_interrupt(stop_loop, probing->loop);
	while (!error && !targets_interrupted() && targets_alive(probing->targets)
	       && !probing->done) {
		error = sdb_loop_run(probing->loop, 500);
		text_flush(&probing->out);
	}
	targets_on_interrupt(NULL, NULL);
	return error;
}

void probing_summary(struct probing *probing)
{
	for (size_t i = 0; i < probing->argument_count; i++) {
		const struct probing_argument *argument = &probing->arguments[i];
		if (probing->targets->json) {
			struct json json;
			json_begin(&json, &probing->out);
			json_string(&json, "probe", argument->text);
			json_number(&json, "hits", argument->hits);
			json_end(&json);
		} else {
			text_format(&probing->out, "%9llu  %s\n", (unsigned long long)argument->hits, argument->text);
		}
	}
}

bool probing_missed(struct probing *probing)
{
	bool missed = false;
	for (size_t i = 0; i < probing->count; i++)
		note_place(probing->places[i]);
	for (size_t i = 0; i < probing->argument_count; i++) {
		if (probing->arguments[i].there)
			continue;
		tool_complain(probing->arguments[i].text, "nothing is called so, and nothing of that name was loaded");
		missed = true;
	}
	return missed;
}

void probing_deinit(struct probing *probing)
{
	for (size_t i = 0; i < probing->count; i++)
		free(probing->places[i]);
	free(probing->places);
	free(probing->arguments);
	text_deinit(&probing->out);
	sdb_loop_destroy(probing->loop);
}
