/* SPDX-License-Identifier: MIT */
/*
 * Opening BTF: every record, reference and string offset is checked here, so that the rest can go by
 * them. Layout: include/uapi/linux/btf.h of the kernel.
 */

#include "btf_types.h"

#include <stdlib.h>

#define MAGIC 0xeb9f
#define HEADER_SIZE 24
#define RECORD_SIZE 12
/* btf_id is an int in the kernel, and its own limit is far below. */
#define MAX_TYPES INT32_MAX

static struct sdb_error *corrupt(const char *what)
{
	return sdb_error_new(SDB_ERROR_CORRUPT, "BTF: %s", what);
}

/* ---- reading ------------------------------------------------------------------- */

/* Bytes after the 12 that every type has: once, and for each of its elements. */
static const struct { uint8_t fixed, each; } extra_sizes[BTF_KINDS] = {
	[BTF_INT] = { 4, 0 }, [BTF_ARRAY] = { 12, 0 }, [BTF_STRUCT] = { 0, 12 }, [BTF_UNION] = { 0, 12 },
	[BTF_ENUM] = { 0, 8 }, [BTF_FUNC_PROTO] = { 0, 8 }, [BTF_VAR] = { 4, 0 },
	[BTF_DATASEC] = { 0, 12 }, [BTF_DECL_TAG] = { 4, 0 }, [BTF_ENUM64] = { 0, 12 },
};

/* The record at OFFSET; kind BTF_KINDS when it is of an unknown kind. `extra` may be cut short. */
static struct btf_type read_type(const struct btf *btf, size_t offset)
{
	struct bytes from = { btf->types + offset, btf->types + btf->types_size, btf->swap, false };
	struct btf_type type = { .name = bytes_u32(&from) };
	uint32_t info = bytes_u32(&from);
	type.size = bytes_u32(&from);
	type.vlen = info & 0xffff;
	type.kind = info >> 24 & 0x1f;
	type.flag = info >> 31;
	type.extra = from;
	if (type.kind >= BTF_KINDS || type.kind == BTF_VOID) {
		type.kind = BTF_KINDS;
		return type;
	}
	size_t size = extra_sizes[type.kind].fixed + (size_t)extra_sizes[type.kind].each * type.vlen;
	if (size > bytes_left(&from))
		type.extra.failed = true;
	else
		type.extra.end = from.at + size;
	return type;
}

struct btf_type btf_own_type(const struct btf *btf, uint32_t index)
{
	struct btf_type type = read_type(btf, btf->offsets[index]);
	type.id = btf->first_id + index;
	return type;
}

struct btf_type btf_type(const struct btf *btf, uint32_t id)
{
	while (btf && id < btf->first_id)
		btf = btf->base;
	if (!btf || id == 0 || id - btf->first_id >= btf->count)
		return (struct btf_type){ .id = id, .kind = BTF_VOID };
	return btf_own_type(btf, id - btf->first_id);
}

const char *btf_text(const struct btf *btf, uint32_t offset)
{
	while (btf && offset < btf->string_start)
		btf = btf->base;
	if (!btf || offset - btf->string_start >= btf->strings_size)
		return NULL;
	return btf->strings + (offset - btf->string_start);
}

/* ---- visiting -------------------------------------------------------------------- */

/* The elements of TYPE: where each has its name and the type it refers to; -1: nowhere. */
static const struct { int8_t name, reference, size; } elements[BTF_KINDS] = {
	[BTF_STRUCT] = { 0, 4, 12 }, [BTF_UNION] = { 0, 4, 12 }, [BTF_ENUM] = { 0, -1, 8 },
	[BTF_ENUM64] = { 0, -1, 12 }, [BTF_FUNC_PROTO] = { 0, 4, 8 }, [BTF_DATASEC] = { -1, 0, 12 },
};

static bool has_target(enum btf_kind kind)
{
	switch (kind) {
	case BTF_PTR:
	case BTF_TYPEDEF:
	case BTF_VOLATILE:
	case BTF_CONST:
	case BTF_RESTRICT:
	case BTF_FUNC:
	case BTF_FUNC_PROTO:
	case BTF_VAR:
	case BTF_DECL_TAG:
	case BTF_TYPE_TAG:
		return true;
	default:
		return false;
	}
}

bool btf_visit(const struct btf_type *type, btf_visit_fn reference, btf_visit_fn name, void *arg)
{
	if (name && !name(arg, type, type->name))
		return false;
	if (reference && has_target(type->kind) && !reference(arg, type, type->size))
		return false;
	struct bytes extra = type->extra;
	if (type->kind == BTF_ARRAY && reference) {
		uint32_t element = bytes_u32(&extra);
		return reference(arg, type, element) && reference(arg, type, bytes_u32(&extra));
	}
	if (elements[type->kind].size == 0 || (!name && elements[type->kind].reference < 0))
		return true;
	for (uint32_t i = 0; i < type->vlen; i++) {
		struct bytes at = extra;
		uint32_t first = bytes_u32(&at);
		uint32_t second = bytes_u32(&at);
		bytes_take(&extra, (uint64_t)elements[type->kind].size);
		if (name && elements[type->kind].name == 0 && !name(arg, type, first))
			return false;
		if (reference && elements[type->kind].reference >= 0 &&
		    !reference(arg, type, elements[type->kind].reference ? second : first))
			return false;
	}
	return true;
}

/* ---- checking ---------------------------------------------------------------------- */

static struct sdb_error *read_header(struct btf *btf, const uint8_t *data, size_t size)
{
	struct bytes from = { data, data + size, false, false };
	if (size < HEADER_SIZE)
		return corrupt("too short for its header");
	uint16_t magic = bytes_u16(&from);
	if (magic != MAGIC && magic != bswap_16(MAGIC))
		return corrupt("no BTF: the magic number is missing");
	btf->swap = from.swap = magic != MAGIC;
	uint8_t version = bytes_u8(&from);
	bytes_u8(&from);
	if (version != 1)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "BTF: version %u, only 1 is known", version);
	uint64_t header = bytes_u32(&from);
	uint64_t type_offset = bytes_u32(&from), type_size = bytes_u32(&from);
	uint64_t string_offset = bytes_u32(&from), string_size = bytes_u32(&from);
	if (header < HEADER_SIZE || header > size || type_offset + type_size > size - header ||
	    string_offset + string_size > size - header)
		return corrupt("header: types or strings lie outside of the data");
	btf->types = data + header + type_offset;
	btf->types_size = type_size;
	btf->strings = (const char *)data + header + string_offset;
	btf->strings_size = string_size;
	if (string_size && btf->strings[string_size - 1] != '\0')
		return corrupt("the last string has no end");
	return NULL;
}

static struct sdb_error *find_types(struct btf *btf)
{
	size_t room = 0;
	for (size_t at = 0; at < btf->types_size;) {
		struct btf_type type = read_type(btf, at);
		if (btf->types_size - at < RECORD_SIZE)
			return corrupt("the last type is cut short");
		if (type.kind == BTF_KINDS)
			return sdb_error_new(SDB_ERROR_UNSUPPORTED, "BTF: type record %u at offset %zu is "
					     "of a kind that this version does not know", btf->count, at);
		if (type.extra.failed)
			return sdb_error_new(SDB_ERROR_CORRUPT, "BTF: type record %u at offset %zu "
					     "is cut short", btf->count, at);
		if (btf->count == room) {
			room = room ? 2 * room : 1024;
			uint32_t *offsets = reallocarray(btf->offsets, room, sizeof(*offsets));
			if (!offsets || room > MAX_TYPES)
				return sdb_error_new(SDB_ERROR_MEMORY, "BTF: out of memory");
			btf->offsets = offsets;
		}
		btf->offsets[btf->count++] = (uint32_t)at;
		at = (size_t)(type.extra.end - btf->types);
	}
	return NULL;
}

static bool check_reference(void *arg, const struct btf_type *type, uint32_t id)
{
	const struct btf *btf = arg;
	(void)type;
	return id < btf_bound(btf);
}

static bool check_name(void *arg, const struct btf_type *type, uint32_t offset)
{
	const struct btf *btf = arg;
	(void)type;
	return offset < btf->string_start || offset - btf->string_start < btf->strings_size ||
	       offset == 0;
}

static struct sdb_error *check_types(struct btf *btf)
{
	if ((uint64_t)btf->first_id + btf->count > MAX_TYPES ||
	    (uint64_t)btf->string_start + btf->strings_size > UINT32_MAX)
		return corrupt("more types or strings than can be numbered");
	for (uint32_t i = 0; i < btf->count; i++) {
		struct btf_type type = btf_own_type(btf, i);
		if (!btf_visit(&type, check_reference, NULL, btf))
			return sdb_error_new(SDB_ERROR_CORRUPT, "BTF: type %u refers to a type above "
					     "the last one, %u", type.id, btf_bound(btf) - 1);
		if (!btf_visit(&type, NULL, check_name, btf))
			return sdb_error_new(SDB_ERROR_CORRUPT, "BTF: type %u has a name outside of the "
					     "strings", type.id);
		if ((type.kind == BTF_ENUM && type.flag) || type.kind == BTF_ENUM64)
			btf->enums_unsigned = true;
	}
	return NULL;
}

/*
 * The strings of BTF that stands alone begin with the empty one; split BTF has that in its base
 * (btf_parse_str_sec() in the kernel and in libbpf check the first of these).
 */
static bool is_split(const struct btf *btf)
{
	return btf->strings_size && btf->strings[0] != '\0';
}

static struct sdb_error *attach(struct btf *btf, const struct btf *base)
{
	btf->first_id = 1;
	if (base && (is_split(btf) || btf->strings_size == 0)) {
		btf->base = base;
		btf->first_id = btf_bound(base);
		btf->string_start = base->string_start + (uint32_t)base->strings_size;
		btf->enums_unsigned = base->enums_unsigned;
	} else if (is_split(btf)) {
		btf->partial = true;
		if (!btf_infer_base(btf))
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "BTF: it continues the BTF of a kernel "
					     "(vmlinux) that was not given");
	}
	return NULL;
}

struct sdb_error *btf_open(const uint8_t *data, size_t size, const struct btf *base,
			   struct btf **btf_ret)
{
	struct btf *btf = calloc(1, sizeof(*btf));
	*btf_ret = NULL;
	if (!btf)
		return sdb_error_new(SDB_ERROR_MEMORY, "BTF: out of memory");
	struct sdb_error *error = read_header(btf, data, size);
	if (!error)
		error = find_types(btf);
	if (!error)
		error = attach(btf, base);
	if (!error)
		error = check_types(btf);
	if (error) {
		btf_close(btf);
		return error;
	}
	*btf_ret = btf;
	return NULL;
}

void btf_close(struct btf *btf)
{
	if (!btf)
		return;
	btf_close(btf->own_base);
	free(btf->own_data);
	free(btf->offsets);
	free(btf->names);
	free(btf->ids);
	free(btf);
}

bool btf_is_partial(const struct btf *btf)
{
	return btf->partial;
}
