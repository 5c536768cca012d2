/* SPDX-License-Identifier: MIT */
/* BTF as records of a database. */

#include "btf_types.h"
#include "btf_places.h"

#include <dwarf.h>
#include <stdlib.h>

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "BTF: out of memory");
}

/* ---- types ------------------------------------------------------------------------------- */

/* Memory for the elements of one type, the most that any has. */
struct output {
	struct btf *btf;
	struct sdb_writer *writer;
	const uint32_t *ranks;
	const struct btf_places *places;
	struct place_index *index;
	unsigned address_size;
	union {
		struct sdb_member *members;
		struct sdb_enumerator *enumerators;
		struct sdb_parameter *parameters;
		void *elements;
	};
	size_t room;
};

static sdb_name_id name_of(const struct output *out, uint32_t offset)
{
	if (!btf_text(out->btf, offset))
		return 0;
	uint32_t provisional = *btf_name_slot(out->btf, offset);
	return provisional ? out->ranks[provisional] : 0;
}

static sdb_type_id id_of(const struct output *out, uint32_t id)
{
	return btf_number(out->btf, id);
}

static struct sdb_error *make_room(struct output *out, size_t size, uint32_t count)
{
	if (size * count > out->room) {
		void *elements = realloc(out->elements, size * count);
		if (!elements)
			return no_memory();
		out->elements = elements;
		out->room = size * count;
	}
	if (count)
		memset(out->elements, 0, size * count);
	return NULL;
}

static void put_integer(const struct btf_type *type, struct sdb_type *record)
{
	struct bytes extra = type->extra;
	uint32_t data = bytes_u32(&extra);
	uint32_t encoding = data >> 24 & 0xf, bits = data & 0xff;
	bool is_signed = encoding & 1, is_char = encoding & 2, is_bool = encoding & 4;
	record->encoding = is_bool ? DW_ATE_boolean
			 : is_char ? is_signed ? DW_ATE_signed_char : DW_ATE_unsigned_char
				   : is_signed ? DW_ATE_signed : DW_ATE_unsigned;
	record->bit_offset = data >> 16 & 0xff;
	record->size = type->size;
	record->flags |= SDB_TYPE_SIZED;
	if (bits != (uint64_t)type->size * 8 && bits) {
		record->size = bits;
		record->flags |= SDB_TYPE_BIT_SIZED;
	}
}

/*
 * Before members had bit sizes of their own (kernel v5.0, 9d5f9f701b18 "bpf: btf: fix struct/union/
 * fwd types with kind_flag"), a bit-field was a member of an integer type with fewer bits.
 */
static bool narrow_integer(const struct btf *btf, uint32_t id, uint32_t *offset_ret, uint32_t *bits_ret)
{
	struct btf_type type = btf_type(btf, id);
	for (int depth = 0; depth < 32; depth++) {
		if (type.kind != BTF_TYPEDEF && type.kind != BTF_CONST && type.kind != BTF_VOLATILE)
			break;
		type = btf_type(btf, type.size);
	}
	if (type.kind != BTF_INT)
		return false;
	uint32_t data = bytes_u32(&type.extra);
	*offset_ret = data >> 16 & 0xff;
	*bits_ret = data & 0xff;
	return *bits_ret && (*bits_ret != (uint64_t)type.size * 8 || *offset_ret);
}

static struct sdb_error *put_members(struct output *out, const struct btf_type *type,
				     struct sdb_type *record)
{
	struct sdb_error *error = make_room(out, sizeof(struct sdb_member), type->vlen);
	if (error)
		return error;
	struct bytes extra = type->extra;
	for (uint32_t i = 0; i < type->vlen; i++) {
		struct sdb_member *member = &out->members[i];
		member->name = name_of(out, bytes_u32(&extra));
		uint32_t id = bytes_u32(&extra);
		uint32_t offset = bytes_u32(&extra), more, bits;
		member->type = id_of(out, id);
		member->bit_offset = offset;
		if (type->flag) {
			member->bit_offset = offset & 0xffffff;
			member->bit_size = offset >> 24;
		} else if (narrow_integer(out->btf, id, &more, &bits)) {
			member->bit_offset = (uint64_t)offset + more;
			member->bit_size = bits;
		}
		if (member->bit_size)
			member->flags |= SDB_MEMBER_BITFIELD;
	}
	record->members = out->members;
	record->member_count = type->vlen;
	record->size = type->size;
	record->flags |= SDB_TYPE_SIZED;
	/* A module's .BTF.base has types of the kernel by name and size only. */
	if (type->vlen == 0 && type->size && type->id < out->btf->first_id)
		record->flags |= SDB_TYPE_DECLARATION;
	return NULL;
}

/* Encoders that knew no flag for signed values wrote all of them as signed ones. */
static struct sdb_error *put_enumerators(struct output *out, const struct btf_type *type,
					 struct sdb_type *record)
{
	struct sdb_error *error = make_room(out, sizeof(struct sdb_enumerator), type->vlen);
	if (error)
		return error;
	struct bytes extra = type->extra;
	bool is_signed = type->flag || !out->btf->enums_unsigned;
	for (uint32_t i = 0; i < type->vlen; i++) {
		struct sdb_enumerator *enumerator = &out->enumerators[i];
		enumerator->name = name_of(out, bytes_u32(&extra));
		uint64_t value = bytes_u32(&extra);
		if (type->kind == BTF_ENUM64)
			value |= (uint64_t)bytes_u32(&extra) << 32;
		else if (is_signed)
			value = (uint64_t)(int64_t)(int32_t)value;
		enumerator->value = (int64_t)value;
		enumerator->is_unsigned = !is_signed;
	}
	record->enumerators = out->enumerators;
	record->enumerator_count = type->vlen;
	record->size = type->size;
	record->flags |= SDB_TYPE_SIZED;
	return NULL;
}

/* A last parameter without name and type says that more may follow. */
static struct sdb_error *read_parameters(struct output *out, const struct btf_type *type,
					 size_t *count_ret, bool *variadic_ret)
{
	struct sdb_error *error = make_room(out, sizeof(struct sdb_parameter), type->vlen);
	*variadic_ret = false;
	*count_ret = type->vlen;
	if (error)
		return error;
	struct bytes extra = type->extra;
	for (uint32_t i = 0; i < type->vlen; i++) {
		uint32_t name = bytes_u32(&extra), id = bytes_u32(&extra);
		if (i + 1 == type->vlen && !name && !id) {
			*variadic_ret = true;
			*count_ret = i;
		}
		out->parameters[i].name = name_of(out, name);
		out->parameters[i].type = id_of(out, id);
	}
	return NULL;
}

static struct sdb_error *put_prototype(struct output *out, const struct btf_type *type,
				       struct sdb_type *record)
{
	bool variadic;
	record->target = id_of(out, type->size);
	record->flags |= SDB_TYPE_PROTOTYPED;
	struct sdb_error *error = read_parameters(out, type, &record->parameter_count, &variadic);
	record->parameters = out->parameters;
	if (variadic)
		record->flags |= SDB_TYPE_VARIADIC;
	return error;
}

static void put_array(const struct output *out, const struct btf_type *type, struct sdb_type *record,
		      struct sdb_dimension *dimension)
{
	struct bytes extra = type->extra;
	record->target = id_of(out, bytes_u32(&extra));
	*dimension = (struct sdb_dimension){ .index_type = id_of(out, bytes_u32(&extra)) };
	dimension->count = bytes_u32(&extra);
	record->dimensions = dimension;
	record->dimension_count = 1;
}

static const enum sdb_type_kind model_kinds[BTF_KINDS] = {
	[BTF_INT] = SDB_TYPE_BASE, [BTF_PTR] = SDB_TYPE_POINTER, [BTF_ARRAY] = SDB_TYPE_ARRAY,
	[BTF_STRUCT] = SDB_TYPE_STRUCT, [BTF_UNION] = SDB_TYPE_UNION, [BTF_ENUM] = SDB_TYPE_ENUM,
	[BTF_FWD] = SDB_TYPE_STRUCT, [BTF_TYPEDEF] = SDB_TYPE_TYPEDEF,
	[BTF_VOLATILE] = SDB_TYPE_VOLATILE, [BTF_CONST] = SDB_TYPE_CONST,
	[BTF_RESTRICT] = SDB_TYPE_RESTRICT, [BTF_FUNC_PROTO] = SDB_TYPE_FUNCTION,
	[BTF_FLOAT] = SDB_TYPE_BASE, [BTF_ENUM64] = SDB_TYPE_ENUM,
};

static struct sdb_error *put_type(struct output *out, const struct btf_type *type)
{
	struct sdb_dimension dimension;
	struct sdb_error *error = NULL;
	struct sdb_type record = { .id = btf_number(out->btf, type->id), .kind = model_kinds[type->kind],
				   .name = name_of(out, type->name) };
	switch (type->kind) {
	case BTF_INT:
		put_integer(type, &record);
		break;
	case BTF_FLOAT:
		record.encoding = DW_ATE_float;
		record.size = type->size;
		record.flags |= SDB_TYPE_SIZED;
		break;
	case BTF_PTR:
		record.size = out->address_size;
		record.flags |= SDB_TYPE_SIZED;
		record.target = id_of(out, type->size);
		break;
	case BTF_ARRAY:
		put_array(out, type, &record, &dimension);
		break;
	case BTF_STRUCT:
	case BTF_UNION:
		error = put_members(out, type, &record);
		break;
	case BTF_ENUM:
	case BTF_ENUM64:
		error = put_enumerators(out, type, &record);
		break;
	case BTF_FWD:
		record.kind = type->flag ? SDB_TYPE_UNION : SDB_TYPE_STRUCT;
		record.flags |= SDB_TYPE_DECLARATION;
		break;
	case BTF_FUNC_PROTO:
		error = put_prototype(out, type, &record);
		break;
	default:
		record.target = id_of(out, type->size);
	}
	return error ? error : sdb_writer_add_type(out->writer, &record);
}

static struct sdb_error *put_types(struct output *out)
{
	const struct btf *btf = out->btf;
	struct sdb_error *error = NULL;
	for (uint32_t id = btf_first_slot(btf); id < btf_bound(btf) && !error; id++) {
		struct btf_type type = btf_number(btf, id) ? btf_type(btf, id) : (struct btf_type){ 0 };
		if (btf_is_model_type(type.kind))
			error = put_type(out, &type);
	}
	if (!error && btf->foreign_id) {
		struct sdb_type record = { .id = btf->foreign_id, .kind = SDB_TYPE_UNSPECIFIED,
					   .name = out->ranks[btf->foreign_name],
					   .flags = SDB_TYPE_DECLARATION };
		error = sdb_writer_add_type(out->writer, &record);
	}
	return error;
}

/* ---- functions and variables ------------------------------------------------------------ */

enum linkage { LINKAGE_STATIC, LINKAGE_GLOBAL, LINKAGE_EXTERN };

/*
 * Most encoders call every function static; the symbol table knows better.
 */
static uint32_t function_flags(const struct output *out, const struct btf_type *type,
			       sdb_function_id id)
{
	uint32_t flags = SDB_FUNCTION_PROTOTYPED;
	bool global = places_function(out->index, id, btf_text(out->btf, type->name));
	if (type->vlen == LINKAGE_EXTERN)
		flags |= SDB_FUNCTION_EXTERNAL | SDB_FUNCTION_DECLARATION;
	else if (type->vlen == LINKAGE_GLOBAL || global)
		flags |= SDB_FUNCTION_EXTERNAL;
	return flags;
}

static struct sdb_error *put_functions(struct output *out)
{
	struct sdb_error *error = NULL;
	sdb_function_id id = 0;
	for (uint32_t i = 0; i < out->btf->count && !error; i++) {
		struct btf_type type = btf_own_type(out->btf, i);
		if (type.kind != BTF_FUNC)
			continue;
		struct sdb_function record = { .id = ++id, .name = name_of(out, type.name), .unit = 1,
					       .virtual_index = UINT32_MAX };
		record.flags = function_flags(out, &type, id);
		struct btf_type prototype = btf_type(out->btf, type.size);
		bool variadic = false;
		if (prototype.kind == BTF_FUNC_PROTO) {
			record.type = id_of(out, prototype.size);
			error = read_parameters(out, &prototype, &record.parameter_count, &variadic);
			record.parameters = out->parameters;
		} else {
			record.flags &= ~(uint32_t)SDB_FUNCTION_PROTOTYPED;
			record.type = out->btf->foreign_id;
		}
		if (variadic)
			record.flags |= SDB_FUNCTION_VARIADIC;
		if (!error)
			error = sdb_writer_add_function(out->writer, &record);
	}
	return error;
}

/* Sections looked up by name: far more than any program has of its own. */
#define MAX_SEARCHES 1000

/* What a DATASEC says of the variables in it. */
struct residence {
	uint64_t address;
	bool known;
	bool percpu;
};

static void read_residences(const struct output *out, struct residence *residences)
{
	const struct btf *btf = out->btf;
	unsigned searches = 0;
	for (uint32_t i = 0; i < btf->count; i++) {
		struct btf_type type = btf_own_type(btf, i);
		const char *name = type.kind == BTF_DATASEC ? btf_text(btf, type.name) : NULL;
		if (!name)
			continue;
		const struct sdb_section *section =
			searches++ < MAX_SEARCHES ? places_section(out->places, name) : NULL;
		bool percpu = strncmp(name, ".data..percpu", 13) == 0;
		for (uint32_t k = 0; k < type.vlen; k++) {
			uint32_t id = bytes_u32(&type.extra), offset = bytes_u32(&type.extra);
			bytes_u32(&type.extra);
			if (id < btf->first_id)
				continue;
			struct residence *residence = &residences[id - btf->first_id];
			residence->percpu |= percpu;
			if (section && offset < section->size) {
				residence->known = true;
				residence->address = section->address + offset;
			}
		}
	}
}

static struct sdb_error *put_variable(struct output *out, const struct btf_type *type, sdb_variable_id id,
				      const struct residence *residence)
{
	struct bytes extra = type->extra;
	uint32_t linkage = bytes_u32(&extra);
	struct sdb_variable record = { .id = id, .name = name_of(out, type->name), .unit = 1,
				       .type = id_of(out, type->size) };
	if (linkage == LINKAGE_GLOBAL || linkage == LINKAGE_EXTERN)
		record.flags |= SDB_VARIABLE_EXTERNAL;
	if (linkage == LINKAGE_EXTERN)
		record.flags |= SDB_VARIABLE_DECLARATION;
	if (residence->percpu)
		record.flags |= SDB_VARIABLE_PERCPU;
	/* Objects for the BPF machine have offsets of 0 until they are linked: symbols go first. */
	if (places_variable(out->index, btf_text(out->btf, type->name), &record.location.address))
		record.location.kind = SDB_LOCATION_ADDRESS;
	else if (residence->known) {
		record.location.kind = SDB_LOCATION_ADDRESS;
		record.location.address = residence->address;
	}
	return sdb_writer_add_variable(out->writer, &record);
}

static struct sdb_error *put_variables(struct output *out)
{
	struct residence *residences = calloc((size_t)out->btf->count + 1, sizeof(*residences));
	struct sdb_error *error = NULL;
	sdb_variable_id id = 0;
	if (!residences)
		return no_memory();
	read_residences(out, residences);
	for (uint32_t i = 0; i < out->btf->count && !error; i++) {
		struct btf_type type = btf_own_type(out->btf, i);
		if (type.kind == BTF_VAR)
			error = put_variable(out, &type, ++id, &residences[i]);
	}
	free(residences);
	return error;
}

struct sdb_error *btf_write(struct btf *btf, struct sdb_writer *writer, const uint32_t *ranks,
			    const struct btf_places *places)
{
	struct output out = { .btf = btf, .writer = writer, .ranks = ranks, .places = places,
			      .address_size = places->address_size ? places->address_size : 8 };
	struct sdb_unit unit = { .name = ranks[btf->unit_name], .producer = ranks[btf->producer_name],
				 .language = DW_LANG_C };
	struct sdb_error *error = places_index(places, &out.index);
	if (!error)
		error = sdb_writer_add_unit(writer, &unit);
	if (!error)
		error = put_types(&out);
	if (!error)
		error = put_functions(&out);
	if (!error)
		error = put_variables(&out);
	if (!error)
		error = places_write_code(out.index, writer);
	places_free(out.index);
	free(out.elements);
	return error;
}
