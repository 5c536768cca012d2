/* SPDX-License-Identifier: MIT */
/* Hits of `dumptarget` and `probetargets`: printed, counted, acted upon. */
#include "probing.h"
#include "values.h"

#include <stackdb/expression.h>
#include <stackdb/frame.h>

#include <stdlib.h>

enum { FRAMES_MAX = 64, WATCHED_SHOWN = 64 };

static const char *kind_name(enum sdb_hit_kind kind)
{
	return kind == SDB_HIT_AFTER ? "after" : kind == SDB_HIT_RETURN ? "return" : kind == SDB_HIT_WATCH ? "write"
		: kind == SDB_HIT_STEP ? "step" : "hit";
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
		if (context && hit->kind != SDB_HIT_STEP)
			values_put_arguments(&probing->out, context);
		if (frame->file && hit->kind != SDB_HIT_RETURN)
			text_format(&probing->out, " at %s:%u", frame->file, frame->line);
		text_char(&probing->out, '\n');
		if (hit->kind == SDB_HIT_STEP)
			context = NULL;
		if (context && probing->locals)
			values_put_locals(&probing->out, context, 4);
		if (context)
			put_prints(probing, context, NULL);
		if (probing->backtrace && hit->kind != SDB_HIT_STEP)
			put_frames(probing, stack, frame);
	}
	sdb_stack_close(stack);
	return error;
}

/* Which bytes of a large variable are others now: from the first to the last, or as many as are shown. */
static void changed_range(const struct sdb_hit *hit, size_t *offset_ret, size_t *size_ret)
{
	const uint8_t *before = hit->old_bytes, *now = hit->bytes;
	size_t first = 0, last = hit->size;
	while (first + 1 < hit->size && before[first] == now[first])
		first++;
	while (last > first + 1 && before[last - 1] == now[last - 1])
		last--;
	*offset_ret = first;
	*size_ret = last - first;
}

/* A value of up to 8 bytes is a number, of others the bytes that changed are shown. */
static void put_watched(struct text *to, const struct sdb_hit *hit, bool old)
{
	const uint8_t *bytes = old ? hit->old_bytes : hit->bytes;
	size_t offset, size;
	if (hit->size <= sizeof(hit->value)) {
		text_format(to, "0x%llx", (unsigned long long)(old ? hit->old_value : hit->value));
		return;
	}
	changed_range(hit, &offset, &size);
	for (size_t i = 0; i < size && i < WATCHED_SHOWN; i++)
		text_format(to, "%02x", bytes[offset + i]);
	if (size > WATCHED_SHOWN)
		text_add(to, "...");
}

static void json_watched(struct json *json, const struct sdb_hit *hit)
{
	struct text text = TEXT_EMPTY;
	size_t offset, size;
	if (hit->size > sizeof(hit->value)) {
		changed_range(hit, &offset, &size);
		json_number(json, "offset", offset);
	}
	put_watched(&text, hit, false);
	json_stringn(json, "value", text.data, text.size);
	text.size = 0;
	put_watched(&text, hit, true);
	json_stringn(json, "old_value", text.data, text.size);
	free(text.data);
}

static void text_watched(struct text *out, const struct sdb_hit *hit)
{
	size_t offset, size;
	if (hit->size > sizeof(hit->value)) {
		changed_range(hit, &offset, &size);
		text_format(out, "+%zu", offset);
	}
	text_char(out, ' ');
	put_watched(out, hit, true);
	text_add(out, " -> ");
	put_watched(out, hit, false);
	text_add(out, " in");
}

static void hit_as_json(struct probing *probing, const struct probing_place *place, struct sdb_hit *hit)
{
	struct json json;
	json_begin(&json, &probing->out);
	json_number(&json, "target", (uint64_t)sdb_target_id(hit->target));
	json_number(&json, "pid", (uint64_t)sdb_target_pid(hit->target));
	json_number(&json, "tid", (uint64_t)sdb_thread_id(hit->thread));
	json_string(&json, "probe", place->what);
	json_string(&json, "kind", kind_name(hit->kind));
	json_hex(&json, "address", hit->address);
	if (hit->kind == SDB_HIT_RETURN)
		json_hex(&json, "value", hit->value);
	if (hit->kind == SDB_HIT_WATCH)
		json_watched(&json, hit);
	sdb_error_free(put_place(probing, hit, &json));
	json_end(&json);
}

static void hit_as_text(struct probing *probing, const struct probing_place *place, struct sdb_hit *hit)
{
	struct text *out = &probing->out;
	if (probing->targets->count > 1)
		text_format(out, "%d:", sdb_target_id(hit->target));
	text_format(out, "[%lld] %s %s", (long long)sdb_thread_id(hit->thread), kind_name(hit->kind), place->what);
	if (hit->kind == SDB_HIT_STEP)
		text_format(out, " 0x%llx", (unsigned long long)hit->address);
	if (hit->kind == SDB_HIT_RETURN)
		text_format(out, " = 0x%llx (%lld)", (unsigned long long)hit->value, (long long)hit->value);
	if (hit->kind == SDB_HIT_WATCH)
		text_watched(out, hit);
	struct sdb_error *error = put_place(probing, hit, NULL);
	if (error)
		text_format(out, " (%s)\n", sdb_error_message(error));
	sdb_error_free(error);
}

static void show(struct probing *probing, const struct probing_place *place, struct sdb_hit *hit)
{
	if (!probing->quiet && probing->targets->json)
		hit_as_json(probing, place, hit);
	else if (!probing->quiet)
		hit_as_text(probing, place, hit);
}

static void end(struct probing *probing)
{
	probing->done = true;
	sdb_loop_stop(probing->loop);
}

struct sdb_error *probing_on_hit(void *arg, struct sdb_hit *hit)
{
	struct probing_place *place = arg;
	struct probing *probing = place->probing;
	bool begins = hit->kind == SDB_HIT_ADDRESS || hit->kind == SDB_HIT_WATCH;
	if (probing->done || (begins && probing->limit && probing->hits >= probing->limit))
		return NULL;
	if (begins) {
		probing->hits++;
		place->argument->hits++;
	}
	show(probing, place, hit);
	struct sdb_error *error = begins ? probing_act(place, hit) : NULL;
	/* What belongs to the last hit is still waited for. */
	bool more = hit->steps > 0 || (probing->returns && !place->watch && hit->kind != SDB_HIT_RETURN);
	if (probing->limit && probing->hits >= probing->limit && !more)
		end(probing);
	return error;
}

struct sdb_error *probing_on_at(void *arg, struct sdb_hit *hit)
{
	struct probing_place *place = arg;
	struct probing *probing = place->probing;
	struct sdb_error *error = sdb_probe_disable(place->probe);
	place->begun = true;
	show(probing, place, hit);
	for (size_t i = 0; i < probing->count && !error; i++) {
		const struct probing_place *other = probing->places[i];
		if (other->target == place->target && other->probe && other != place
		    && !(other->argument && probing_begins_off(probing, other->argument)))
			error = sdb_probe_enable(other->probe);
	}
	return error;
}

struct sdb_error *probing_on_until(void *arg, struct sdb_hit *hit)
{
	struct probing_place *place = arg;
	if (place->probing->done)
		return NULL;
	show(place->probing, place, hit);
	end(place->probing);
	return NULL;
}
