/* SPDX-License-Identifier: MIT */
#include "fake_writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- names: numbers in the order of interning ------------------------------------------ */

struct sdb_names {
	char **texts;
	uint32_t count, room;
	uint32_t *slots;
	uint32_t slot_count;
};

struct sdb_names *sdb_names_create(void)
{
	return calloc(1, sizeof(struct sdb_names));
}

void sdb_names_destroy(struct sdb_names *names)
{
	for (uint32_t i = 0; i < names->count; i++)
		free(names->texts[i]);
	free(names->texts);
	free(names->slots);
	free(names);
}

static uint32_t *slot_of(const struct sdb_names *names, const char *text, size_t length)
{
	uint32_t hash = 5381;
	for (size_t i = 0; i < length; i++)
		hash = hash * 33 + (unsigned char)text[i];
	for (;; hash++) {
		uint32_t *slot = &names->slots[hash & (names->slot_count - 1)];
		if (!*slot || (strncmp(names->texts[*slot - 1], text, length) == 0 &&
			       names->texts[*slot - 1][length] == '\0'))
			return slot;
	}
}

static void grow(struct sdb_names *names)
{
	names->room = names->room ? 2 * names->room : 64;
	names->texts = realloc(names->texts, names->room * sizeof(*names->texts));
	free(names->slots);
	names->slot_count = 4 * names->room;
	names->slots = calloc(names->slot_count, sizeof(*names->slots));
	for (uint32_t i = 0; i < names->count; i++)
		*slot_of(names, names->texts[i], strlen(names->texts[i])) = i + 1;
}

uint32_t sdb_names_intern(struct sdb_names *names, const char *text, size_t length)
{
	if (length == 0)
		return 0;
	if (names->count == names->room)
		grow(names);
	uint32_t *slot = slot_of(names, text, length);
	if (!*slot) {
		names->texts[names->count++] = strndup(text, length);
		*slot = names->count;
	}
	return *slot;
}

const char *sdb_names_text(const struct sdb_names *names, uint32_t provisional, size_t *length_ret)
{
	const char *text = provisional ? names->texts[provisional - 1] : "";
	if (length_ret)
		*length_ret = strlen(text);
	return text;
}

uint32_t sdb_names_bound(const struct sdb_names *names)
{
	return names->count + 1;
}

/* ---- the writer ---------------------------------------------------------------------------- */

struct sdb_writer {
	FILE *out, *sink;
	struct sdb_names *names;
	uint32_t *ranks;
	uint32_t types, functions, variables, units, highest_type;
	uint64_t code_end;
	const char *problem;
};

struct sdb_writer *fake_writer_create(FILE *out)
{
	struct sdb_writer *writer = calloc(1, sizeof(*writer));
	writer->sink = out ? NULL : fopen("/dev/null", "w"); /* so that everything is looked at */
	writer->out = out ? out : writer->sink;
	return writer;
}

const char *fake_writer_problem(const struct sdb_writer *writer)
{
	if (writer->problem)
		return writer->problem;
	return writer->highest_type > writer->types ? "reference to a type that was not written" : NULL;
}

void fake_writer_destroy(struct sdb_writer *writer)
{
	if (writer->sink)
		fclose(writer->sink);
	free(writer->ranks);
	free(writer);
}

struct sdb_error *sdb_writer_freeze_names(struct sdb_writer *writer, struct sdb_names *names,
					  const uint32_t **ranks_ret)
{
	writer->names = names;
	writer->ranks = calloc(names->count + 1, sizeof(*writer->ranks));
	for (uint32_t i = 0; i <= names->count; i++)
		writer->ranks[i] = i;
	*ranks_ret = writer->ranks;
	return NULL;
}

static void check(struct sdb_writer *writer, bool good, const char *problem)
{
	if (!good && !writer->problem)
		writer->problem = problem;
}

static const char *text(struct sdb_writer *writer, sdb_name_id name)
{
	check(writer, name <= writer->names->count, "a name that was not interned");
	return name == 0 || name > writer->names->count ? "-" : writer->names->texts[name - 1];
}

static sdb_type_id type_id(struct sdb_writer *writer, sdb_type_id id)
{
	if (id > writer->highest_type)
		writer->highest_type = id;
	return id;
}

#define PRINT(...) fprintf(writer->out, __VA_ARGS__)

struct sdb_error *sdb_writer_add_unit(struct sdb_writer *writer, const struct sdb_unit *unit)
{
	PRINT("unit %u %s %s %u %u\n", ++writer->units, text(writer, unit->name),
	      text(writer, unit->producer), unit->language, unit->version);
	return NULL;
}

static void parameters(struct sdb_writer *writer, size_t count, const struct sdb_parameter *parameters)
{
	for (size_t i = 0; i < count; i++)
		PRINT(" parameter %s %u\n", text(writer, parameters[i].name),
		      type_id(writer, parameters[i].type));
}

struct sdb_error *sdb_writer_add_type(struct sdb_writer *writer, const struct sdb_type *type)
{
	check(writer, type->id == ++writer->types, "type numbers are not dense");
	check(writer, type->kind > SDB_TYPE_NONE && type->kind < SDB_TYPE_KINDS, "kind of a type");
	PRINT("type %u %d %x %s %" PRIu64 " %u %u %u\n", type->id, type->kind, type->flags,
	      text(writer, type->name), type->size, type->encoding, type->bit_offset,
	      type_id(writer, type->target));
	for (size_t i = 0; i < type->member_count; i++) {
		const struct sdb_member *member = &type->members[i];
		PRINT(" member %s %u %x %" PRIu64 " %u\n", text(writer, member->name),
		      type_id(writer, member->type), member->flags, member->bit_offset, member->bit_size);
	}
	for (size_t i = 0; i < type->enumerator_count; i++) {
		const struct sdb_enumerator *e = &type->enumerators[i];
		if (e->is_unsigned)
			PRINT(" enumerator %s %" PRIu64 "\n", text(writer, e->name), (uint64_t)e->value);
		else
			PRINT(" enumerator %s %" PRId64 "\n", text(writer, e->name), e->value);
	}
	for (size_t i = 0; i < type->dimension_count; i++)
		PRINT(" dimension %" PRIu64 " %u\n", type->dimensions[i].count,
		      type_id(writer, type->dimensions[i].index_type));
	parameters(writer, type->parameter_count, type->parameters);
	return NULL;
}

struct sdb_error *sdb_writer_add_function(struct sdb_writer *writer, const struct sdb_function *function)
{
	check(writer, function->id == ++writer->functions, "function numbers are not dense");
	check(writer, function->unit == writer->units, "unit of a function");
	PRINT("function %u %s %x %u\n", function->id, text(writer, function->name), function->flags,
	      type_id(writer, function->type));
	parameters(writer, function->parameter_count, function->parameters);
	return NULL;
}

struct sdb_error *sdb_writer_add_variable(struct sdb_writer *writer, const struct sdb_variable *variable)
{
	check(writer, variable->id == ++writer->variables, "variable numbers are not dense");
	PRINT("variable %u %s %x %u ", variable->id, text(writer, variable->name), variable->flags,
	      type_id(writer, variable->type));
	if (variable->location.kind == SDB_LOCATION_ADDRESS)
		PRINT("%" PRIx64 "\n", variable->location.address);
	else
		PRINT("-\n");
	return NULL;
}

struct sdb_error *sdb_writer_add_code(struct sdb_writer *writer, const struct sdb_code *code)
{
	const struct sdb_code_scope *scope = &code->scopes[0];
	check(writer, scope->function <= writer->functions && scope->function, "function of code");
	check(writer, scope->ranges[0].low >= writer->code_end, "order of code");
	check(writer, scope->ranges[0].low < scope->ranges[0].high, "range of code");
	writer->code_end = scope->ranges[0].high;
	PRINT("code %u %" PRIx64 " %" PRIx64 "\n", scope->function, scope->ranges[0].low,
	      scope->ranges[0].high);
	return NULL;
}
