/* SPDX-License-Identifier: MIT */

/*
 * Variables with static storage. The interned string: scope kind, scope id, name, linkage name,
 * file, line, column, flags, alignment, type, location.
 */

#include "gather.h"

struct description {
	uint32_t name, linkage_name, file, line, column, flags, alignment;
	sdb_type_id type;
	struct attr location;
	const struct unit *location_unit;
	bool has_location, declaration;
};

static uint32_t flag_of(const struct attr *attr)
{
	switch (attr->name) {
	case DW_AT_accessibility: return (uint32_t)attr->u & SDB_VARIABLE_ACCESS;
	case DW_AT_external: return attr->u ? SDB_VARIABLE_EXTERNAL : 0;
	case DW_AT_artificial: return attr->u ? SDB_VARIABLE_ARTIFICIAL : 0;
	case DW_AT_const_expr: return attr->u ? SDB_VARIABLE_CONSTEXPR : 0;
	case DW_AT_inline: return attr->u ? SDB_VARIABLE_INLINE : 0;
	default: return 0;
	}
}

/* Adds what an entry says that is not known yet; the entry it stands for. */
static die_ref describe(struct worker *worker, const struct die *die, struct description *to)
{
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	die_ref origin = DIE_NONE;
	struct attr attr;

	for (unsigned i = 0; i < die->abbrev->count; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			break;
		switch (attr.name) {
		case DW_AT_name:
			to->name = to->name ? to->name : worker_name(worker, die->unit, &attr);
			break;
		case DW_AT_linkage_name: case DW_AT_MIPS_linkage_name:
			to->linkage_name = to->linkage_name ? to->linkage_name :
				worker_name(worker, die->unit, &attr);
			break;
		case DW_AT_decl_file:
			to->file = to->file ? to->file : unit_file(worker->gather, die->unit, attr.u);
			break;
		case DW_AT_decl_line: to->line = to->line ? to->line : (uint32_t)attr.u; break;
		case DW_AT_decl_column: to->column = to->column ? to->column : (uint32_t)attr.u; break;
		case DW_AT_alignment: to->alignment = (uint32_t)attr.u; break;
		case DW_AT_declaration: to->declaration = attr.u; break;
		case DW_AT_type:
			to->type = to->type ? to->type : type_of_attr(worker->gather, &attr);
			break;
		case DW_AT_specification: case DW_AT_abstract_origin:
			origin = attr.class == ATTR_REFERENCE ? attr.u : DIE_NONE;
			break;
		case DW_AT_location: case DW_AT_const_value:
			if (!to->has_location) {
				to->location = attr;
				to->location_unit = die->unit;
				to->has_location = true;
			}
			break;
		default:
			to->flags |= flag_of(&attr);
		}
	}
	return origin;
}

/* `const8u OFFSET; form_tls_address`: a place in the thread's block. */
static bool tls_offset(const struct unit *unit, const struct attr *attr, uint64_t *offset_ret)
{
	if (attr->class != ATTR_BLOCK || attr->u < 3)
		return false;
	const uint8_t *at = attr->bytes, *last = at + attr->u - 1;
	if (*last != DW_OP_GNU_push_tls_address && *last != DW_OP_form_tls_address)
		return false;
	if (*at == DW_OP_const8u || *at == DW_OP_const4u || *at == DW_OP_addr) {
		unsigned size = *at == DW_OP_const8u ? 8 : *at == DW_OP_const4u ? 4 : unit->address_size;
		if (attr->u != 2 + size)
			return false;
		*offset_ret = dwarf_number(unit->dwarf, at + 1, size);
		return true;
	}
	return false;
}

static bool is_percpu(const struct gather *gather, uint64_t address)
{
	for (size_t i = 0; i < gather->section_count; i++) {
		const struct sdb_section *section = &gather->sections[i];
		if (section->flags & 2 /* SHF_ALLOC */ && address - section->address < section->size &&
		    strstr(section->name, "percpu"))
			return true;
	}
	return false;
}

uint32_t variable_gather(struct worker *worker, const struct die *start)
{
	struct gather *gather = worker->gather;
	struct description description = { 0 };
	struct buffer *to = &worker->scratch;
	die_ref ref = unit_ref(start->unit, start->offset), owner = ref;
	struct die die;
	uint64_t address;

	die_ref origin = describe(worker, start, &description);
	bool declaration = description.declaration;
	for (int hop = 0; origin && hop < 8 && worker_die(worker, origin, &die); hop++) {
		owner = origin;
		origin = describe(worker, &die, &description);
	}
	if (!description.name && !description.linkage_name)
		return 0;
	struct sdb_scope scope = scope_of_entry(worker, owner);
	if (declaration)
		description.flags |= SDB_VARIABLE_DECLARATION;
	if (scope.kind == SDB_SCOPE_TYPE && (start->abbrev->tag == DW_TAG_member || declaration))
		description.flags |= SDB_VARIABLE_STATIC_MEMBER;
	bool tls = description.has_location && tls_offset(description.location_unit, &description.location, &address);
	if (tls)
		description.flags |= SDB_VARIABLE_TLS;
	else if (description.has_location && description.location.class == ATTR_BLOCK &&
		 expression_is_address(description.location_unit, description.location.bytes,
				       description.location.u, &address) && is_percpu(gather, address))
		description.flags |= SDB_VARIABLE_PERCPU;

	to->size = 0;
	put_u8(to, (uint8_t)scope.kind);
	put_uleb(to, scope.id);
	put_uleb(to, description.name);
	put_uleb(to, description.linkage_name);
	put_uleb(to, description.file);
	put_uleb(to, description.line);
	put_uleb(to, description.column);
	put_uleb(to, description.flags);
	put_uleb(to, description.alignment);
	put_uleb(to, description.type);
	if (tls) {
		put_u8(to, SDB_LOCATION_ADDRESS);
		put_uleb(to, address);
	} else if (description.has_location) {
		location_gather(worker, description.location_unit, to, &description.location, NULL, 0);
	} else {
		put_u8(to, SDB_LOCATION_NONE);
	}
	uint32_t number = to->failed ? 0 :
		intern_add(&gather->variables, to->data, to->size,
			   PLACE(start->unit->index, start->offset - start->unit->offset));
	if (to->failed || (!number && !gather->variables.frozen))
		gather->failed = true;
	return number;
}

uint32_t variable_find(struct worker *worker, die_ref ref)
{
	struct die die;

	return worker_die(worker, ref, &die) && (die.abbrev->tag == DW_TAG_variable || die.abbrev->tag == DW_TAG_member) ?
		variable_gather(worker, &die) : 0;
}
