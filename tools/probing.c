/* SPDX-License-Identifier: MIT */
#include "probing.h"
#include "values.h"

#include <stackdb/expression.h>
#include <stackdb/frame.h>

#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 64

struct probing_place {
	struct probing *probing;
	char *what;
	struct sdb_target *target;
	struct sdb_probe *probe;
	bool watch; /* it is a variable */
};

/* ---- a hit ---------------------------------------------------------------------------------------- */

static const char *kind_name(enum sdb_hit_kind kind)
{
	return kind == SDB_HIT_AFTER ? "after" : kind == SDB_HIT_RETURN ? "return" : kind == SDB_HIT_WATCH ? "write" : "hit";
}

static void put_frames(struct probing *probing, struct sdb_stack *stack, const struct sdb_frame *frame)
{
	for (unsigned i = 0; frame && i < FRAMES_MAX; i++) {
		text_format(&probing->out, "    #%-3u 0x%llx %s", frame->number, (unsigned long long)frame->pc,
			    frame->name ? frame->name : "??");
		if (frame->file)
			text_format(&probing->out, " at %s:%u", frame->file, frame->line);
		text_char(&probing->out, '\n');
		struct sdb_error *error = sdb_stack_next(stack, &frame);
		if (error) {
			sdb_error_free(error);
			return;
		}
	}
}

/* The values of --print in the frame of CONTEXT. */
static void put_prints(struct probing *probing, const struct sdb_context *context, struct json *json)
{
	struct text text = TEXT_EMPTY;
	if (json && probing->print_count)
		json_object(json, "prints");
	for (unsigned i = 0; i < probing->print_count; i++) {
		struct sdb_value *value = NULL;
		struct sdb_error *error = sdb_evaluate(context, NULL, probing->prints[i], 0, &value);
		text.size = 0;
		if (error)
			text_format(&text, "<%s>", sdb_error_message(error));
		else
			values_put(&text, value, context);
		if (json)
			json_stringn(json, probing->prints[i], text.data, text.size);
		else
			text_format(&probing->out, "    %s = %s\n", probing->prints[i], text_string(&text));
		sdb_error_free(error);
		sdb_value_free(value);
	}
	if (json && probing->print_count)
		json_close(json);
	free(text.data);
}

/* Whether the condition holds; one that cannot be evaluated does not, and says so once. */
static bool holds(struct probing *probing, struct sdb_hit *hit)
{
	struct sdb_stack *stack = NULL;
	const struct sdb_frame *frame;
	const struct sdb_context *context;
	struct sdb_value *value = NULL;
	int64_t number = 0;
	struct sdb_error *error = sdb_stack_open(hit->thread, NULL, &stack);
	if (!error)
		error = sdb_stack_next(stack, &frame);
	if (!error)
		error = sdb_stack_context(stack, &context);
	if (!error)
		error = sdb_evaluate(context, NULL, probing->condition, 0, &value);
	if (!error)
		error = sdb_value_signed(value, context, &number);
	if (error && !probing->complained) {
		probing->complained = true;
		tool_complain("--if", "%s", sdb_error_message(error));
	}
	bool held = !error && number != 0;
	sdb_error_free(error);
	sdb_value_free(value);
	sdb_stack_close(stack);
	return held;
}

/* Where the thread is, with arguments, locals and callers as they are wanted. */
static struct sdb_error *put_place(struct probing *probing, struct sdb_hit *hit, struct json *json)
{
	struct sdb_stack *stack;
	const struct sdb_frame *frame;
	const struct sdb_context *context = NULL;
	struct sdb_error *error = sdb_stack_open(hit->thread, NULL, &stack);
	if (error)
		return error;
	error = sdb_stack_next(stack, &frame);
	if (!error && frame && hit->kind != SDB_HIT_RETURN)
		sdb_error_free(sdb_stack_context(stack, &context)); /* then without values */
	if (!error && frame && json) {
		json_string(json, "function", frame->name);
		json_string(json, "file", frame->file);
		json_number(json, "line", frame->line);
		if (context)
			values_as_json(json, context, true, probing->locals);
		if (context)
			put_prints(probing, context, json);
	} else if (!error && frame) {
		if (hit->kind != SDB_HIT_RETURN && frame->name)
			text_format(&probing->out, " %s", frame->name);
		if (context)
			values_put_arguments(&probing->out, context);
		if (frame->file && hit->kind != SDB_HIT_RETURN)
			text_format(&probing->out, " at %s:%u", frame->file, frame->line);
		text_char(&probing->out, '\n');
		if (context && probing->locals)
			values_put_locals(&probing->out, context, 4);
		if (context)
			put_prints(probing, context, NULL);
		if (probing->backtrace)
			put_frames(probing, stack, frame);
	}
	sdb_stack_close(stack);
	return error;
}

static void hit_as_json(struct probing *probing, const struct probing_place *place, struct sdb_hit *hit)
{
	struct json json;
	json_begin(&json, &probing->out);
	json_number(&json, "target", (uint64_t)sdb_target_id(hit->target));
	json_number(&json, "tid", (uint64_t)sdb_thread_id(hit->thread));
	json_string(&json, "probe", place->what);
	json_string(&json, "kind", kind_name(hit->kind));
	json_hex(&json, "address", hit->address);
	if (hit->kind == SDB_HIT_RETURN || hit->kind == SDB_HIT_WATCH)
		json_hex(&json, "value", hit->value);
	if (hit->kind == SDB_HIT_WATCH)
		json_hex(&json, "old_value", hit->old_value);
	sdb_error_free(put_place(probing, hit, &json));
	json_end(&json);
}

static void hit_as_text(struct probing *probing, const struct probing_place *place, struct sdb_hit *hit)
{
	struct text *out = &probing->out;
	if (probing->targets->count > 1)
		text_format(out, "%d:", sdb_target_id(hit->target));
	text_format(out, "[%lld] %s %s", (long long)sdb_thread_id(hit->thread), kind_name(hit->kind), place->what);
	if (hit->kind == SDB_HIT_RETURN)
		text_format(out, " = 0x%llx (%lld)", (unsigned long long)hit->value, (long long)hit->value);
	if (hit->kind == SDB_HIT_WATCH)
		text_format(out, " 0x%llx -> 0x%llx in", (unsigned long long)hit->old_value, (unsigned long long)hit->value);
	struct sdb_error *error = put_place(probing, hit, NULL);
	if (error)
		text_format(out, " (%s)\n", sdb_error_message(error));
	sdb_error_free(error);
}

static struct sdb_error *on_hit(void *arg, struct sdb_hit *hit)
{
	struct probing_place *place = arg;
	struct probing *probing = place->probing;
	if (probing->done || (probing->limit && probing->hits >= probing->limit && hit->kind != SDB_HIT_RETURN))
		return NULL;
	if (probing->condition && hit->kind != SDB_HIT_RETURN && !holds(probing, hit))
		return NULL;
	if (hit->kind == SDB_HIT_ADDRESS || hit->kind == SDB_HIT_WATCH)
		probing->hits++;
	if (!probing->quiet && probing->targets->json)
		hit_as_json(probing, place, hit);
	else if (!probing->quiet)
		hit_as_text(probing, place, hit);
	probing->done = probing->limit && probing->hits >= probing->limit
		&& (!probing->returns || hit->kind == SDB_HIT_RETURN || hit->kind == SDB_HIT_WATCH);
	if (probing->done)
		sdb_loop_stop(probing->loop);
	return NULL;
}

/* ---- placing them --------------------------------------------------------------------------------------- */

struct variable {
	uint64_t address;
	bool found;
	struct sdb_module *module;
	sdb_variable_id id;
};

static struct sdb_error *take_variable(void *arg, const struct sdb_binding *binding)
{
	struct variable *variable = arg;
	if (binding->entity.kind != SDB_ENTITY_VARIABLE)
		return NULL;
	*variable = (struct variable){ binding->address, true, binding->module, binding->entity.id };
	return NULL;
}

/* The first bytes of a variable, as many as a debug register watches. */
static struct sdb_error *watch_variable(struct probing_place *place, const struct variable *variable,
					const struct sdb_probe_options *options)
{
	struct sdb_db *db;
	struct sdb_variable *record;
	unsigned size = 8;
	struct sdb_error *error = sdb_module_database(variable->module, &db);
	if (!error)
		error = sdb_variable(db, variable->id, &record);
	if (error)
		return error;
	sdb_type_id type = record->type;
	sdb_variable_free(record);
	for (unsigned depth = 0; type && depth < 16; depth++) {
		struct sdb_type *described;
		error = sdb_type(db, type, &described);
		if (error)
			return error;
		if (described->size == 1 || described->size == 2 || described->size == 4)
			size = (unsigned)described->size;
		type = described->size ? 0 : described->target;
		sdb_type_free(described);
	}
	while (variable->address % size)
		size /= 2;
	return sdb_probe_watch(place->target, variable->address, size, SDB_WATCH_WRITE, options, &place->probe);
}

static struct sdb_error *place_probe(struct probing_place *place, const char *what)
{
	struct probing *probing = place->probing;
	struct variable variable = { .found = false };
	struct sdb_probe_options options = {
		.before = on_hit, .arg = place, .thread = probing->thread, .inlined = probing->inlined,
		.hardware = probing->hardware, .after = probing->after || probing->returns ? on_hit : NULL,
	};
	struct sdb_error *error = sdb_target_bind(place->target, what, false, take_variable, &variable);
	/* In a program that was just launched the libraries are still to come. */
	bool missing = error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND;
	if (error && !missing)
		return error;
	sdb_error_free(error);
	if (missing && sdb_target_status(place->target) == SDB_TARGET_RUNNING)
		tool_complain(what, "nothing is called so yet; what is loaded later is looked at");
	options.pending = !probing->hardware;
	if (variable.found) {
		options.after = NULL;
		place->watch = true;
		return watch_variable(place, &variable, &options);
	}
	if (probing->returns)
		return sdb_probe_function(place->target, what, &options, &place->probe);
	options.body = !probing->after && !probing->hardware;
	return sdb_probe_pattern(place->target, what, &options, &place->probe);
}

struct probing_place *probing_room(size_t count)
{
	return tool_alloc((count + 1) * sizeof(struct probing_place));
}

static struct sdb_error *add_to(struct probing *probing, struct sdb_target *target, const char *text, const char *what)
{
	struct probing_place *place = &probing->places[probing->count];
	*place = (struct probing_place){ .probing = probing, .what = tool_strdup(text), .target = target };
	struct sdb_error *error = place_probe(place, what);
	if (error)
		free(place->what);
	else
		probing->count++;
	return error;
}

struct sdb_error *probing_add(struct probing *probing, const char *text)
{
	const char *what = text;
	char *end;
	long id = strtol(text, &end, 10);
	if (end != text && *end == ':' && end[1] != ':')
		what = end + 1;
	bool found = false;
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < probing->targets->count && !error; i++) {
		struct sdb_target *target = probing->targets->items[i];
		if (what != text && sdb_target_id(target) != (int)id)
			continue;
		found = true;
		error = add_to(probing, target, text, what);
	}
	return error || found ? error : sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no target %ld", id);
}

/* ---- running ---------------------------------------------------------------------------------------------- */

static void stop_loop(void *arg)
{
	sdb_loop_stop(arg);
}

struct sdb_error *probing_run(struct probing *probing)
{
	struct sdb_error *error = NULL;
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
	for (size_t i = 0; i < probing->count; i++) {
		const struct probing_place *place = &probing->places[i];
		unsigned long long hits = sdb_probe_hits(place->probe);
		if (probing->targets->json) {
			struct json json;
			json_begin(&json, &probing->out);
			json_number(&json, "target", (uint64_t)sdb_target_id(place->target));
			json_string(&json, "probe", place->what);
			json_number(&json, "hits", hits);
			json_end(&json);
		} else {
			text_format(&probing->out, "%9llu  %s\n", hits, place->what);
		}
	}
}

bool probing_missed(struct probing *probing)
{
	bool missed = false;
	for (size_t i = 0; i < probing->count; i++) {
		if (sdb_probe_places(probing->places[i].probe) || sdb_probe_hits(probing->places[i].probe)
		    || probing->places[i].watch)
			continue;
		tool_complain(probing->places[i].what, "nothing is called so, and nothing of that name was loaded");
		missed = true;
	}
	return missed;
}

void probing_deinit(struct probing *probing)
{
	for (size_t i = 0; i < probing->count; i++)
		free(probing->places[i].what);
	free(probing->places);
	text_deinit(&probing->out);
	sdb_loop_destroy(probing->loop);
}
