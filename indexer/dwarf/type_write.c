/* SPDX-License-Identifier: MIT */

/* Writes each type from the entry where it first occurs. */

#include "gather.h"

struct type_maker {
	struct worker *worker;
	const struct numbering *numbering;
	struct sdb_type type;
	bool failed;
	size_t member_capacity, enumerator_capacity, dimension_capacity, parameter_capacity, template_capacity;
	struct buffer *expressions; /* of the type */
	size_t expression_count, expression_capacity;
	uint32_t variant; /* number of the Rust variant being read */
	const struct unit *unit; /* of the last type */
	struct section_run run;
};

static sdb_name_id name_of(struct type_maker *maker, const struct unit *unit, const struct attr *attr)
{
	return maker->numbering->names[worker_name(maker->worker, unit, attr)];
}

static sdb_file_id file_of(struct type_maker *maker, const struct unit *unit, uint64_t index)
{
	return maker->numbering->files[unit_file(maker->worker->gather, unit, index)];
}

static enum sdb_type_kind kind_of(unsigned tag)
{
	switch (tag) {
	case DW_TAG_base_type: return SDB_TYPE_BASE;
	case DW_TAG_pointer_type: return SDB_TYPE_POINTER;
	case DW_TAG_reference_type: return SDB_TYPE_REFERENCE;
	case DW_TAG_rvalue_reference_type: return SDB_TYPE_RVALUE_REFERENCE;
	case DW_TAG_ptr_to_member_type: return SDB_TYPE_MEMBER_POINTER;
	case DW_TAG_const_type: return SDB_TYPE_CONST;
	case DW_TAG_volatile_type: return SDB_TYPE_VOLATILE;
	case DW_TAG_restrict_type: return SDB_TYPE_RESTRICT;
	case DW_TAG_atomic_type: return SDB_TYPE_ATOMIC;
	case DW_TAG_typedef: case DW_TAG_template_alias: return SDB_TYPE_TYPEDEF;
	case DW_TAG_array_type: return SDB_TYPE_ARRAY;
	case DW_TAG_structure_type: return SDB_TYPE_STRUCT;
	case DW_TAG_class_type: case DW_TAG_interface_type: return SDB_TYPE_CLASS;
	case DW_TAG_union_type: return SDB_TYPE_UNION;
	case DW_TAG_enumeration_type: return SDB_TYPE_ENUM;
	case DW_TAG_subroutine_type: return SDB_TYPE_FUNCTION;
	case DW_TAG_unspecified_type: return SDB_TYPE_UNSPECIFIED;
	case DW_TAG_subrange_type: case DW_TAG_generic_subrange: return SDB_TYPE_SUBRANGE;
	case DW_TAG_string_type: return SDB_TYPE_STRING;
	case DW_TAG_namespace: case DW_TAG_module: return SDB_TYPE_NAMESPACE;
	default: return SDB_TYPE_OTHER;
	}
}

/* ---- members ----------------------------------------------------------------------- */

struct bits {
	uint64_t byte_offset, bit_offset, byte_size, bit_size, data_bit_offset;
	bool has_bit_offset, has_data_bit_offset, has_bit_size, has_byte_size;
};

/* An expression of the type, which keeps it. */
static void put_expression(struct type_maker *maker, const struct unit *unit, const struct attr *attr,
			   const uint8_t **bytes_ret, uint32_t *length_ret)
{
	struct buffer to = { 0 };

	if (!expression_of_type(maker->worker, unit, attr->bytes, attr->u, maker->numbering, &to)) {
		maker->failed |= to.failed;
		buffer_deinit(&to);
		return;
	}
	if (!array_room(maker->expressions, maker->expression_count, maker->expression_capacity)) {
		maker->failed = true;
		buffer_deinit(&to);
		return;
	}
	maker->expressions[maker->expression_count++] = to;
	*bytes_ret = to.data;
	*length_ret = (uint32_t)to.size;
}

static uint32_t type_bits(struct type_maker *maker, die_ref ref)
{
	struct die die;
	struct attr attr;

	for (int hop = 0; hop < 32 && worker_die(maker->worker, ref, &die); hop++) {
		if (die_attr(&die, DW_AT_byte_size, &attr))
			return (uint32_t)attr.u * 8;
		if (!die_attr(&die, DW_AT_type, &attr) || attr.class != ATTR_REFERENCE)
			return 0;
		ref = attr.u;
	}
	return 0;
}

/* Bit position of the field: DWARF 2 and 3 count DW_AT_bit_offset from the other end. */
static void place_field(struct type_maker *maker, struct sdb_member *member, const struct bits *bits, die_ref type)
{
	bool big = maker->worker->gather->dwarf.big_endian;

	member->bit_offset = bits->byte_offset * 8;
	if (bits->has_data_bit_offset)
		member->bit_offset += bits->data_bit_offset;
	if (!bits->has_bit_size)
		return;
	member->flags |= SDB_MEMBER_BITFIELD;
	member->bit_size = (uint32_t)bits->bit_size;
	if (!bits->has_bit_offset)
		return;
	uint64_t storage = bits->has_byte_size ? bits->byte_size * 8 : type_bits(maker, type);
	if (big)
		member->bit_offset += bits->bit_offset;
	else
		member->bit_offset += storage - bits->bit_offset - bits->bit_size;
}

/* DW_AT_data_member_location: a constant, or `plus_uconst N` of DWARF 2. */
static void member_location(struct type_maker *maker, struct sdb_member *member, const struct unit *unit,
			    const struct attr *attr, struct bits *bits)
{
	if (attr->class != ATTR_BLOCK) {
		bits->byte_offset = attr->class == ATTR_LIST_INDEX ? 0 : attr->u;
		return;
	}
	const uint8_t *at = attr->bytes, *end = at + attr->u;
	if (attr->u > 1 && (*at == DW_OP_plus_uconst || *at == DW_OP_constu)) {
		at++;
		uint64_t offset = dwarf_uleb(&at, end);
		if (at == end || (at && at + 1 == end && *at == DW_OP_plus)) {
			bits->byte_offset = offset;
			return;
		}
	}
	put_expression(maker, unit, attr, &member->location, &member->location_length);
}

static void add_member(struct type_maker *maker, const struct die *die)
{
	struct sdb_type *type = &maker->type;
	struct bits bits = { 0 };
	die_ref target = DIE_NONE;
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	struct sdb_member member = { .kind = die->abbrev->tag == DW_TAG_inheritance ? SDB_MEMBER_BASE : SDB_MEMBER_FIELD,
				     .file = type->decl.file };
	bool is_static = die->abbrev->tag == DW_TAG_variable;
	struct attr attr;

	if (maker->variant) {
		member.kind = SDB_MEMBER_VARIANT;
		member.variant = maker->variant;
	}
	for (unsigned i = 0; i < die->abbrev->count; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			break;
		switch (attr.name) {
		case DW_AT_name: member.name = name_of(maker, die->unit, &attr); break;
		case DW_AT_type:
			member.type = type_of_attr(maker->worker->gather, &attr);
			target = attr.class == ATTR_REFERENCE ? attr.u : DIE_NONE;
			break;
		case DW_AT_decl_file: member.file = file_of(maker, die->unit, attr.u); break;
		case DW_AT_decl_line: member.line = (uint32_t)attr.u; break;
		case DW_AT_alignment: member.alignment = (uint32_t)attr.u; break;
		case DW_AT_accessibility: member.flags |= attr.u & SDB_MEMBER_ACCESS; break;
		case DW_AT_virtuality: member.flags |= attr.u ? SDB_MEMBER_VIRTUAL : 0; break;
		case DW_AT_artificial: member.flags |= attr.u ? SDB_MEMBER_ARTIFICIAL : 0; break;
		case DW_AT_mutable: member.flags |= attr.u ? SDB_MEMBER_MUTABLE : 0; break;
		case DW_AT_external: case DW_AT_declaration: is_static |= attr.u != 0; break;
		case DW_AT_data_member_location: member_location(maker, &member, die->unit, &attr, &bits); break;
		case DW_AT_bit_offset: bits.bit_offset = attr.u; bits.has_bit_offset = true; break;
		case DW_AT_data_bit_offset: bits.data_bit_offset = attr.u; bits.has_data_bit_offset = true; break;
		case DW_AT_bit_size: bits.bit_size = attr.u; bits.has_bit_size = true; break;
		case DW_AT_byte_size: bits.byte_size = attr.u; bits.has_byte_size = true; break;
		case DW_AT_const_value:
			if (attr.class == ATTR_SIGNED || attr.class == ATTR_UNSIGNED) {
				member.flags |= SDB_MEMBER_CONST_VALUE;
				member.value = attr.s;
			}
			break;
		default: break;
		}
	}
	if (is_static) /* also a variable of its own, with this type as its scope */
		member.flags |= SDB_MEMBER_STATIC;
	else
		place_field(maker, &member, &bits, target);
	if (!array_room(type->members, type->member_count, maker->member_capacity))
		maker->failed = true;
	else
		type->members[type->member_count++] = member;
}

static void read_children(struct type_maker *maker, const struct die *parent, unsigned level);

/* The variants of a Rust enumeration: a discriminant and, for each, the fields. */
static void add_variant_part(struct type_maker *maker, const struct die *part, unsigned level)
{
	const uint8_t *at = die_attrs_end(part);
	struct sdb_type *type = &maker->type;
	uint32_t number = 0;
	struct attr attr;
	struct die die;

	while (part->abbrev->children && at && die_at(part->unit, part->table, at, &die) && die.abbrev) {
		size_t first = type->member_count;
		if (die.abbrev->tag == DW_TAG_member) {
			add_member(maker, &die);
			if (type->member_count > first)
				type->members[first].kind = SDB_MEMBER_DISCRIMINANT;
		} else if (die.abbrev->tag == DW_TAG_variant && level < 4) {
			maker->variant = ++number;
			read_children(maker, &die, level + 1);
			maker->variant = 0;
			bool given = die_attr(&die, DW_AT_discr_value, &attr);
			for (size_t i = first; i < type->member_count; i++) {
				if (given)
					type->members[i].value = attr.u;
				else
					type->members[i].flags |= SDB_MEMBER_DEFAULT_VARIANT;
			}
		}
		at = die_skip(&die);
	}
}

/* ---- other children -------------------------------------------------------------------- */

static void add_enumerator(struct type_maker *maker, const struct die *die)
{
	struct sdb_type *type = &maker->type;
	struct sdb_enumerator enumerator = { 0 };
	struct attr attr;

	if (die_attr(die, DW_AT_name, &attr))
		enumerator.name = name_of(maker, die->unit, &attr);
	if (die_attr(die, DW_AT_const_value, &attr)) {
		enumerator.value = attr.class == ATTR_BLOCK ? 0 : attr.s;
		enumerator.is_unsigned = attr.class == ATTR_UNSIGNED;
	}
	if (!array_room(type->enumerators, type->enumerator_count, maker->enumerator_capacity))
		maker->failed = true;
	else
		type->enumerators[type->enumerator_count++] = enumerator;
}

/* The variable that holds the bound of an array of variable length. */
static void refer(struct type_maker *maker, die_ref ref, struct sdb_dimension *dimension)
{
	uint32_t number;

	dimension->kind = SDB_DIMENSION_DYNAMIC;
	if (bound_local(maker->worker, ref, &number)) {
		dimension->reference_kind = SDB_REFERENCE_LOCAL;
		dimension->reference = number;
		return;
	}
	number = maker->numbering->variables[variable_find(maker->worker, ref)];
	if (number) {
		dimension->reference_kind = SDB_REFERENCE_VARIABLE;
		dimension->reference = number;
	}
}

static void add_dimension(struct type_maker *maker, const struct die *die)
{
	struct sdb_type *type = &maker->type;
	struct sdb_dimension dimension = { .kind = SDB_DIMENSION_UNBOUNDED };
	struct attr attr;

	if (die_attr(die, DW_AT_lower_bound, &attr) && attr.class != ATTR_BLOCK && attr.class != ATTR_REFERENCE)
		dimension.lower = attr.s;
	if (die_attr(die, DW_AT_type, &attr))
		dimension.index_type = type_of_attr(maker->worker->gather, &attr);
	bool count = die_attr(die, DW_AT_count, &attr);
	if (count || die_attr(die, DW_AT_upper_bound, &attr)) {
		dimension.is_count = count;
		switch (attr.class) {
		case ATTR_BLOCK:
			dimension.kind = SDB_DIMENSION_EXPRESSION;
			put_expression(maker, die->unit, &attr, &dimension.expression, &dimension.expression_length);
			break;
		case ATTR_REFERENCE:
			refer(maker, attr.u, &dimension);
			break;
		case ATTR_LIST_INDEX: case ATTR_SECTION:
			dimension.kind = SDB_DIMENSION_DYNAMIC;
			break;
		default:
			dimension.is_count = false;
			/* an upper bound of -1 (in any width) is how compilers say "no elements" */
			dimension.kind = SDB_DIMENSION_COUNT;
			dimension.count = count ? attr.u : attr.u - (uint64_t)dimension.lower + 1;
			if (!count && attr.form == DW_FORM_data4 && attr.u == UINT32_MAX)
				dimension.count = 0;
		}
	}
	if (!array_room(type->dimensions, type->dimension_count, maker->dimension_capacity))
		maker->failed = true;
	else
		type->dimensions[type->dimension_count++] = dimension;
}

static void add_parameter(struct type_maker *maker, const struct die *die)
{
	struct sdb_type *type = &maker->type;
	struct sdb_parameter parameter = { 0 };
	struct attr attr;

	if (die_attr(die, DW_AT_name, &attr))
		parameter.name = name_of(maker, die->unit, &attr);
	if (die_attr(die, DW_AT_type, &attr))
		parameter.type = type_of_attr(maker->worker->gather, &attr);
	if (die_attr(die, DW_AT_artificial, &attr) && attr.u)
		parameter.flags |= SDB_LOCAL_ARTIFICIAL;
	if (!array_room(type->parameters, type->parameter_count, maker->parameter_capacity))
		maker->failed = true;
	else
		type->parameters[type->parameter_count++] = parameter;
}

static void add_template(struct type_maker *maker, const struct die *die, unsigned level)
{
	struct sdb_type *type = &maker->type;
	unsigned tag = die->abbrev->tag;
	struct sdb_template item = { .kind = tag == DW_TAG_template_type_parameter ? SDB_TEMPLATE_TYPE :
		tag == DW_TAG_template_value_parameter ? SDB_TEMPLATE_VALUE :
		tag == DW_TAG_GNU_template_template_param ? SDB_TEMPLATE_TEMPLATE : SDB_TEMPLATE_PACK };
	struct attr attr;

	if (die_attr(die, DW_AT_name, &attr))
		item.name = name_of(maker, die->unit, &attr);
	if (die_attr(die, DW_AT_type, &attr))
		item.type = type_of_attr(maker->worker->gather, &attr);
	if (die_attr(die, DW_AT_GNU_template_name, &attr))
		item.text = name_of(maker, die->unit, &attr);
	item.is_default = die_attr(die, DW_AT_default_value, &attr);
	if (die_attr(die, DW_AT_const_value, &attr) && attr.class != ATTR_BLOCK) {
		item.has_value = true;
		item.value = attr.s;
	}
	if (!array_room(type->templates, type->template_count, maker->template_capacity)) {
		maker->failed = true;
		return;
	}
	size_t index = type->template_count++;
	type->templates[index] = item;
	if (item.kind == SDB_TEMPLATE_PACK && level < 4) {
		read_children(maker, die, level + 1);
		type->templates[index].value = (int64_t)(type->template_count - index - 1);
	}
}

static void read_children(struct type_maker *maker, const struct die *parent, unsigned level)
{
	const uint8_t *at = die_attrs_end(parent);
	struct die die;

	while (parent->abbrev->children && at && die_at(parent->unit, parent->table, at, &die) && die.abbrev) {
		switch (die.abbrev->tag) {
		case DW_TAG_member: case DW_TAG_inheritance: case DW_TAG_variable: add_member(maker, &die); break;
		case DW_TAG_variant_part: add_variant_part(maker, &die, level); break;
		case DW_TAG_enumerator: add_enumerator(maker, &die); break;
		case DW_TAG_subrange_type: case DW_TAG_generic_subrange: case DW_TAG_enumeration_type:
			if (parent->abbrev->tag == DW_TAG_array_type)
				add_dimension(maker, &die);
			break;
		case DW_TAG_formal_parameter: add_parameter(maker, &die); break;
		case DW_TAG_unspecified_parameters: maker->type.flags |= SDB_TYPE_VARIADIC; break;
		case DW_TAG_template_type_parameter: case DW_TAG_template_value_parameter:
		case DW_TAG_GNU_template_template_param: case DW_TAG_GNU_template_parameter_pack:
			add_template(maker, &die, level);
			break;
		default: break;
		}
		at = die_skip(&die);
	}
}

/* ---- the type itself ------------------------------------------------------------------------ */

static void type_attr(struct type_maker *maker, const struct unit *unit, const struct attr *attr)
{
	struct sdb_type *type = &maker->type;
	struct die declaration;
	struct attr name;

	switch (attr->name) {
	case DW_AT_name: type->name = name_of(maker, unit, attr); break;
	case DW_AT_specification:
		if (!type->name && attr->class == ATTR_REFERENCE && worker_die(maker->worker, attr->u, &declaration) &&
		    die_attr(&declaration, DW_AT_name, &name))
			type->name = name_of(maker, declaration.unit, &name);
		break;
	case DW_AT_linkage_name: type->linkage_name = name_of(maker, unit, attr); break;
	case DW_AT_type: type->target = type_of_attr(maker->worker->gather, attr); break;
	case DW_AT_containing_type: type->containing = type_of_attr(maker->worker->gather, attr); break;
	case DW_AT_decl_file: type->decl.file = file_of(maker, unit, attr->u); break;
	case DW_AT_decl_line: type->decl.line = (uint32_t)attr->u; break;
	case DW_AT_decl_column: type->decl.column = (uint32_t)attr->u; break;
	case DW_AT_alignment: type->alignment = (uint32_t)attr->u; break;
	case DW_AT_encoding: type->encoding = (uint16_t)attr->u; break;
	case DW_AT_data_bit_offset: type->bit_offset = (uint32_t)attr->u; break;
	case DW_AT_byte_size:
		if (attr->class != ATTR_BLOCK) {
			type->size = attr->u;
			type->flags |= SDB_TYPE_SIZED;
		}
		break;
	case DW_AT_bit_size:
		if (!(type->flags & SDB_TYPE_SIZED) && attr->class != ATTR_BLOCK) {
			type->size = attr->u;
			type->flags |= SDB_TYPE_BIT_SIZED;
		}
		break;
	case DW_AT_declaration: type->flags |= attr->u ? SDB_TYPE_DECLARATION : 0; break;
	case DW_AT_artificial: type->flags |= attr->u ? SDB_TYPE_ARTIFICIAL : 0; break;
	case DW_AT_enum_class: type->flags |= attr->u ? SDB_TYPE_ENUM_CLASS : 0; break;
	case DW_AT_prototyped: type->flags |= attr->u ? SDB_TYPE_PROTOTYPED : 0; break;
	case DW_AT_GNU_vector: type->flags |= attr->u ? SDB_TYPE_VECTOR : 0; break;
	case DW_AT_export_symbols: type->flags |= attr->u ? SDB_TYPE_EXPORT_SYMBOLS : 0; break;
	case DW_AT_endianity:
		type->flags |= attr->u == DW_END_big ? SDB_TYPE_BIG_ENDIAN :
			attr->u == DW_END_little ? SDB_TYPE_LITTLE_ENDIAN : 0;
		break;
	case DW_AT_ordering: type->flags |= attr->u == DW_ORD_col_major ? SDB_TYPE_COLUMN_MAJOR : 0; break;
	case DW_AT_calling_convention:
		type->flags |= attr->u == DW_CC_pass_by_value ? SDB_TYPE_BY_VALUE :
			attr->u == DW_CC_pass_by_reference ? SDB_TYPE_BY_REFERENCE : 0;
		break;
	default: break;
	}
}

static void reset(struct type_maker *maker, sdb_type_id id)
{
	struct sdb_type *type = &maker->type;

	while (maker->expression_count)
		buffer_deinit(&maker->expressions[--maker->expression_count]);
	*type = (struct sdb_type){ .id = id, .members = type->members, .enumerators = type->enumerators,
		.dimensions = type->dimensions, .parameters = type->parameters, .templates = type->templates };
}

static bool make_type(struct type_maker *maker, sdb_type_id id)
{
	struct gather *gather = maker->worker->gather;
	place first = type_first(gather, id);
	struct unit *unit = gather->dwarf.units[PLACE_UNIT(first)];
	die_ref ref = unit_ref(unit, unit->offset + PLACE_OFFSET(first));
	struct sdb_type *type = &maker->type;
	struct die die;
	struct attr attr;

	/* types come in the order of units: what lies before this one is not needed again */
	if (maker->unit && maker->unit != unit)
		section_passed(&maker->run,
			       &maker->unit->file->sections[maker->unit->in_types ? DWARF_TYPES : DWARF_INFO],
			       maker->unit->offset, maker->unit->end);
	maker->unit = unit;
	reset(maker, id);
	if (type_is_variant(gather, id))
		type->flags |= SDB_TYPE_VARIANT;
	type->scope = scope_of_entry(maker->worker, ref);
	if (type->scope.kind == SDB_SCOPE_FUNCTION)
		type->scope.id = maker->numbering->functions[type->scope.id];
	/* every entry below is of this unit: its table is not replaced while it is read */
	maker->worker->table = abbrev_table_read(unit, maker->worker->table);
	if (!maker->worker->table || !worker_die(maker->worker, ref, &die)) {
		type->kind = SDB_TYPE_OTHER;
		return true;
	}
	type->kind = kind_of(die.abbrev->tag);
	if (type->kind == SDB_TYPE_OTHER)
		type->dwarf_tag = die.abbrev->tag;
	const struct attr_spec *spec = die_specs(&die);
	const uint8_t *at = die.attrs;
	for (unsigned i = 0; i < die.abbrev->count; i++, spec++) {
		at = attr_read(unit, spec, at, &attr);
		if (!at)
			break;
		type_attr(maker, unit, &attr);
	}
	if (type->kind == SDB_TYPE_SUBRANGE)
		add_dimension(maker, &die);
	else if (type->kind != SDB_TYPE_NAMESPACE)
		read_children(maker, &die, 0);
	return !maker->failed;
}

struct sdb_error *types_write(struct gather *gather, struct sdb_writer *writer, const struct numbering *numbering)
{
	struct type_maker maker = { .numbering = numbering };
	struct sdb_error *error = NULL;
	uint32_t count = types_count(gather);

	maker.worker = gather_worker(gather, 0);
	if (!maker.worker)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	for (uint32_t id = 1; id <= count && !error; id++) {
		if (!make_type(&maker, id))
			error = sdb_error_new(SDB_ERROR_MEMORY, "out of memory for a type");
		else
			error = sdb_writer_add_type(writer, &maker.type);
	}
	reset(&maker, 0);
	free(maker.expressions);
	free(maker.type.members);
	free(maker.type.enumerators);
	free(maker.type.dimensions);
	free(maker.type.parameters);
	free(maker.type.templates);
	return error;
}
