/* SPDX-License-Identifier: MIT */
/* Variables of a module as values, and what can be asked of a value. */
#include "declare.h"
#include "or_nothing.h"
#include "value.h"
#include <elf.h>
#include <stackdb/expression.h>

#include <stdlib.h>

/* ---- globals ------------------------------------------------------------------------------- */

/* A per-CPU variable's address is relative to the area of a CPU. */
static struct sdb_error *per_cpu(const struct sdb_context *context,
				 const struct sdb_variable *variable,
				 struct location **location_ret)
{
	struct place place = { .kind = PLACE_MEMORY };
	if (!context->ops->percpu_base)
		return location_absent(SDB_ABSENT_FRAME, "a per-CPU variable, and no CPU",
				       location_ret);
	struct sdb_error *error = context->ops->percpu_base(context->arg, &place.address);
	if (error) {
		struct sdb_error *failed = location_absent(SDB_ABSENT_FRAME,
							   sdb_error_message(error), location_ret);
		sdb_error_free(error);
		return failed;
	}
	/* In kernels since v6.15 they have addresses like others (9d7de2aa8b41 "x86/percpu/64: Use relative percpu offsets"). */
	place.address += context->sections || variable->location.address >> 63
		? context_to_target(context, variable->location.address) : variable->location.address;
	return location_single(&place, location_ret);
}

static struct sdb_error *thread_local_storage(const struct sdb_context *context,
					      const struct sdb_variable *variable,
					      struct location **location_ret)
{
	struct place place = { .kind = PLACE_MEMORY };
	if (!context->ops->tls_address)
		return location_absent(SDB_ABSENT_TLS, "there is no thread to ask for its storage",
				       location_ret);
	struct sdb_error *error = context->ops->tls_address(context->arg,
							    variable->location.address,
							    &place.address);
	if (error) {
		struct sdb_error *failed = location_absent(SDB_ABSENT_TLS, sdb_error_message(error),
							   location_ret);
		sdb_error_free(error);
		return failed;
	}
	return location_single(&place, location_ret);
}

/* Of a variable that other modules see, the program may have a copy, which all of them use. */
static struct sdb_error *find_copy(const struct sdb_context *context, const struct sdb_variable *variable,
				   struct location **location_ret)
{
	struct place place = { .kind = PLACE_MEMORY };
	char *name;
	*location_ret = NULL;
	if (!(variable->flags & SDB_VARIABLE_EXTERNAL) || !context->ops->copy_of)
		return NULL;
	struct sdb_error *error = sdb_name(context->db, variable->linkage_name ? variable->linkage_name : variable->name,
					   &name);
	if (error)
		return error;
	error = context->ops->copy_of(context->arg, name, &place.address);
	free(name);
	return error ? or_nothing(error) : location_single(&place, location_ret);
}

struct linked {
	struct sdb_db *db;
	uint64_t address;
	bool found;
};

static struct sdb_error *take_symbol(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct linked *linked = arg;
	struct sdb_symbol symbol;
	(void)name;
	(void)text;
	struct sdb_error *error = sdb_symbol(linked->db, entity.id, &symbol);
	if (error || symbol.section == SHN_UNDEF || symbol.section >= SHN_LORESERVE || symbol.type == STT_TLS)
		return error;
	linked->found = true;
	linked->address = symbol.address;
	return NULL;
}

/* A variable that is only declared may be a symbol of the linker's (the kernel's jiffies), of assembler code, or an alias. */
static struct sdb_error *find_declared(const struct sdb_context *context, const struct sdb_variable *variable,
				       struct location **location_ret)
{
	struct linked linked = { .db = context->db };
	char *name = NULL;
	struct sdb_error *error = sdb_name(context->db, variable->name, &name);
	if (!error)
		error = sdb_lookup(context->db, name, SDB_MATCH_EXACT, 1u << SDB_ENTITY_SYMBOL, take_symbol, &linked);
	free(name);
	error = or_nothing(error);
	if (error)
		return error;
	if (!linked.found)
		return location_find(context, &variable->location, location_ret);
	struct place place = { .kind = PLACE_MEMORY, .address = context_to_target(context, linked.address) };
	return location_single(&place, location_ret);
}

static struct sdb_error *find_variable(const struct sdb_context *context, const struct sdb_variable *variable,
				       struct location **location_ret)
{
	enum sdb_location_kind kind = variable->location.kind;
	if (variable->flags & SDB_VARIABLE_TLS && kind == SDB_LOCATION_ADDRESS)
		return thread_local_storage(context, variable, location_ret);
	if (variable->flags & SDB_VARIABLE_PERCPU && kind == SDB_LOCATION_ADDRESS)
		return per_cpu(context, variable, location_ret);
	if (kind == SDB_LOCATION_ADDRESS || kind == SDB_LOCATION_NONE) {
		struct sdb_error *error = find_copy(context, variable, location_ret);
		if (error || *location_ret)
			return error;
	}
	if (variable->flags & (SDB_VARIABLE_DECLARATION | SDB_VARIABLE_EXTERNAL) && kind == SDB_LOCATION_NONE)
		return find_declared(context, variable, location_ret);
	return location_find(context, &variable->location, location_ret);
}

struct sdb_error *sdb_value_variable(const struct sdb_context *context, sdb_variable_id id,
				     struct sdb_value **value_ret)
{
	struct sdb_variable *variable;
	struct location *location;
	struct types *types;
	struct sdb_error *error = value_types(context, &types);
	if (error)
		return error;
	types_enter(types);
	error = sdb_variable(context->db, id, &variable);
	if (!error) {
		error = find_variable(context, variable, &location);
		if (!error)
			error = value_new(context, types, context->db, variable->type, location,
					  value_ret);
		sdb_variable_free(variable);
	}
	types_leave(types);
	types_unref(types);
	return error;
}

static struct sdb_error *entry_of(const struct sdb_context *context, sdb_function_id id,
				  uint64_t *entry_ret)
{
	struct sdb_instance *instances;
	size_t count;
	struct sdb_error *error = sdb_function_instances(context->db, id, &instances, &count);
	if (error)
		return error;
	for (size_t i = 0; i < count; i++)
		if (!instances[i].inlined) {
			*entry_ret = context_to_target(context, instances[i].address);
			free(instances);
			return NULL;
		}
	free(instances);
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "the function has no code of its own%s",
			     count ? ": it is inlined wherever it is called" : "");
}

struct sdb_error *value_function_at(const struct sdb_context *context, sdb_function_id id, uint64_t entry,
				    struct sdb_value **value_ret)
{
	struct sdb_function *function;
	sdb_type_id type;
	struct sdb_error *error = sdb_function(context->db, id, false, &function);
	if (error)
		return error;
	struct types *types;
	error = value_types(context, &types);
	if (!error) {
		struct sdb_context own = *context;
		own.types = types; /* the type lives with the value */
		error = types_function(types, context->db, function, &type);
		if (!error)
			error = sdb_value_at(&own, context->db, type, entry, value_ret);
		if (!error)
			(*value_ret)->function = id;
		types_unref(types);
	}
	sdb_function_free(function);
	return error;
}

struct sdb_error *sdb_value_function(const struct sdb_context *context, sdb_function_id id,
				     struct sdb_value **value_ret)
{
	uint64_t entry = 0;
	struct sdb_error *error = entry_of(context, id, &entry);
	return error ? error : value_function_at(context, id, entry, value_ret);
}

/* ---- questions ------------------------------------------------------------------------------- */

struct sdb_db *sdb_value_db(const struct sdb_value *value)
{
	return value->db;
}

sdb_type_id sdb_value_type(const struct sdb_value *value)
{
	return value->type;
}

enum sdb_type_kind sdb_value_kind(const struct sdb_value *value)
{
	return value->kind;
}

uint64_t sdb_value_size(const struct sdb_value *value)
{
	return value->sized ? value->size : 0;
}

bool sdb_value_bit_field(const struct sdb_value *value, uint32_t *bits_ret)
{
	*bits_ret = value->bit_size;
	return value->bit_size != 0;
}

bool sdb_value_address(const struct sdb_value *value, uint64_t *address_ret)
{
	const struct location *location = value->location;
	if (!location || location->in_pieces || location->places[0].kind != PLACE_MEMORY
	    || value->bit_size
	    || value->bit_start % 8)
		return false;
	*address_ret = location->places[0].address + value->bit_start / 8;
	return true;
}

struct sdb_error *sdb_value_absence(struct sdb_value *value, const struct sdb_context *context,
				    enum sdb_absence *absence_ret, bool *partly_ret,
				    const char **text_ret)
{
	TYPES_HOLD(value->types);
	struct sdb_error *error = value_load(value, context);
	if (error)
		return error;
	*absence_ret = value_any_missing(value) ? value->absence : SDB_PRESENT;
	if (partly_ret)
		*partly_ret = *absence_ret && !value_all_missing(value);
	if (text_ret)
		*text_ret = *absence_ret && value->why ? value->why
						       : sdb_absence_text(*absence_ret);
	return NULL;
}

struct sdb_error *sdb_value_bytes(struct sdb_value *value, const struct sdb_context *context,
				  const uint8_t **bytes_ret)
{
	TYPES_HOLD(value->types);
	struct sdb_error *error = value_need(value, context);
	if (!error)
		*bytes_ret = value->bytes;
	return error;
}

struct sdb_error *sdb_value_count(const struct sdb_value *value, uint64_t *count_ret)
{
	TYPES_HOLD(value->types);
	bool known;
	struct sdb_error *error = value_elements(value, count_ret, &known);
	if (!error && !known)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND,
				      "how many elements there are is not known");
	return error;
}

struct sdb_error *sdb_value_type_name(const struct sdb_value *value, char **name_ret)
{
	TYPES_HOLD(value->types);
	return declare_text(value->types, value->db, value->type, value->dimension, NULL,
			    value->counts, value->stripped, name_ret);
}

struct sdb_error *sdb_type_declaration(struct sdb_db *db, sdb_type_id type, const char *name,
				       char **text_ret)
{
	struct types *types = types_create(0);
	if (!types)
		return value_no_memory();
	struct sdb_error *error = declare_text(types, db, type, 0, name, NULL, 0, text_ret);
	types_unref(types);
	return error;
}
