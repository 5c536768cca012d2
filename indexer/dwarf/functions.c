/* SPDX-License-Identifier: MIT */

/*
 * Functions as the source declares them. An entry is followed to the one that describes the
 * function itself (its abstract instance, or itself), its content is put into a byte string, and
 * equal strings are one function: an inline function of a header is in many units.
 *
 * The string: scope kind, scope id, name, linkage name, file, line, column, flags, alignment,
 * type, virtual index + 1, containing type, parameters, template arguments, locals. Names, files and
 * functions are provisional numbers, types are final.
 */

#include "gather.h"

struct description {
	struct sdb_scope scope;
	uint32_t name, linkage_name, file, line, column, flags, alignment;
	sdb_type_id type, containing;
	uint64_t virtual_index; /* + 1; 0: none */
	die_ref object_pointer;
	bool seen_type, has_object_pointer;
};

sdb_type_id type_of_attr(const struct gather *gather, const struct attr *attr)
{
	if (attr->class == ATTR_REFERENCE)
		return type_of(gather, attr->u);
	if (attr->class == ATTR_SIGNATURE)
		return type_of(gather, dwarf_signature(&gather->dwarf, attr->u));
	return 0;
}

struct sdb_scope scope_of_entry(struct worker *worker, die_ref ref)
{
	struct gather *gather = worker->gather;
	const struct unit *unit = dwarf_unit_of(&gather->dwarf, ref);
	struct sdb_scope scope = { SDB_SCOPE_UNIT, 0 };

	if (!unit)
		return scope;
	const struct unit_data *data = &gather->units[unit->index];
	uint32_t low = 0, high = data->scope_count, offset = (uint32_t)(DIE_OFFSET(ref) - unit->offset);
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (data->scopes[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == data->scope_count || data->scopes[low].offset != offset)
		return scope;
	die_ref parent = unit_ref(unit, unit->offset + data->scopes[low].parent);
	scope.id = type_of(gather, parent);
	if (scope.id) {
		scope.kind = SDB_SCOPE_TYPE;
	} else if (worker->depth < 100) {
		worker->depth++;
		const struct function_info *function = function_of(worker, parent);
		worker->depth--;
		if (function)
			scope = (struct sdb_scope){ SDB_SCOPE_FUNCTION, function->id };
	}
	return scope;
}

static uint32_t flag_of(const struct attr *attr)
{
	switch (attr->name) {
	case DW_AT_accessibility: return (uint32_t)attr->u & SDB_FUNCTION_ACCESS;
	case DW_AT_external: return attr->u ? SDB_FUNCTION_EXTERNAL : 0;
	case DW_AT_noreturn: return attr->u ? SDB_FUNCTION_NORETURN : 0;
	case DW_AT_prototyped: return attr->u ? SDB_FUNCTION_PROTOTYPED : 0;
	case DW_AT_artificial: return attr->u ? SDB_FUNCTION_ARTIFICIAL : 0;
	case DW_AT_explicit: return attr->u ? SDB_FUNCTION_EXPLICIT : 0;
	case DW_AT_deleted: return attr->u ? SDB_FUNCTION_DELETED : 0;
	case DW_AT_defaulted: return attr->u ? SDB_FUNCTION_DEFAULTED : 0;
	case DW_AT_const_expr: return attr->u ? SDB_FUNCTION_CONSTEXPR : 0;
	case DW_AT_main_subprogram: return attr->u ? SDB_FUNCTION_MAIN : 0;
	case DW_AT_reference: return attr->u ? SDB_FUNCTION_REFERENCE : 0;
	case DW_AT_rvalue_reference: return attr->u ? SDB_FUNCTION_RVALUE_REFERENCE : 0;
	case DW_AT_pure: return attr->u ? SDB_FUNCTION_PURE : 0;
	case DW_AT_elemental: return attr->u ? SDB_FUNCTION_ELEMENTAL : 0;
	case DW_AT_recursive: return attr->u ? SDB_FUNCTION_RECURSIVE : 0;
	case DW_AT_virtuality:
		return attr->u == DW_VIRTUALITY_pure_virtual ? SDB_FUNCTION_VIRTUAL | SDB_FUNCTION_PURE_VIRTUAL :
			attr->u ? SDB_FUNCTION_VIRTUAL : 0;
	case DW_AT_inline:
		return (attr->u & 1 ? SDB_FUNCTION_INLINED : 0) |
		       (attr->u & 2 ? SDB_FUNCTION_DECLARED_INLINE : 0);
	default: return 0;
	}
}

/* Adds what an entry says; what is known already (from the definition) stays. */
static void describe_attr(struct worker *worker, const struct unit *unit, const struct attr *attr,
			  struct description *to)
{
	struct gather *gather = worker->gather;

	switch (attr->name) {
	case DW_AT_name:
		if (!to->name)
			to->name = worker_name(worker, unit, attr);
		break;
	case DW_AT_linkage_name: case DW_AT_MIPS_linkage_name:
		if (!to->linkage_name)
			to->linkage_name = worker_name(worker, unit, attr);
		break;
	case DW_AT_decl_file:
		if (!to->file)
			to->file = unit_file(gather, unit, attr->u);
		break;
	case DW_AT_decl_line:
		if (!to->line)
			to->line = (uint32_t)attr->u;
		break;
	case DW_AT_decl_column:
		if (!to->column)
			to->column = (uint32_t)attr->u;
		break;
	case DW_AT_type:
		if (!to->seen_type)
			to->type = type_of_attr(gather, attr);
		to->seen_type = true;
		break;
	case DW_AT_alignment:
		to->alignment = (uint32_t)attr->u;
		break;
	case DW_AT_containing_type:
		to->containing = type_of_attr(gather, attr);
		break;
	case DW_AT_object_pointer:
		to->has_object_pointer = true;
		if (!to->object_pointer && attr->class == ATTR_REFERENCE)
			to->object_pointer = attr->u;
		break;
	case DW_AT_vtable_elem_location: /* DW_OP_constu N */
		if (attr->class == ATTR_BLOCK && attr->u > 1 && attr->bytes[0] == DW_OP_constu) {
			const uint8_t *at = attr->bytes + 1;
			uint64_t index = dwarf_uleb(&at, attr->bytes + attr->u);
			if (at)
				to->virtual_index = index + 1;
		} else if (attr->class == ATTR_UNSIGNED || attr->class == ATTR_SIGNED) {
			to->virtual_index = attr->u + 1;
		}
		break;
	default:
		to->flags |= flag_of(attr);
	}
}

/* Reads an entry's attributes; what it refers to as its declaration. */
static die_ref describe(struct worker *worker, const struct die *die, struct description *to, bool *declaration)
{
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	die_ref specification = DIE_NONE;
	struct attr attr;

	*declaration = false;
	for (unsigned i = 0; i < die->abbrev->count; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			break;
		if (attr.name == DW_AT_specification && attr.class == ATTR_REFERENCE)
			specification = attr.u;
		else if (attr.name == DW_AT_declaration)
			*declaration = attr.u != 0;
		else
			describe_attr(worker, die->unit, &attr, to);
	}
	return specification;
}

/* ---- children: parameters, template arguments, locals ----------------------------------- */

struct pieces {
	struct worker *worker;
	const struct description *description;
	struct buffer *parameters, *locals;
	uint32_t parameter_count, local_count;
	bool failed;
};

static bool add_local_ref(struct worker *worker, die_ref ref)
{
	if (!array_room(worker->local_refs, worker->local_count, worker->local_capacity))
		return false;
	worker->local_refs[worker->local_count++] = ref;
	return true;
}

static bool add_static(struct worker *worker, uint32_t local, const struct unit *unit, const struct attr *value)
{
	if (!array_room(worker->statics, worker->static_count, worker->static_capacity))
		return false;
	worker->statics[worker->static_count++] = (struct static_local){ local, unit, *value };
	return true;
}

static void put_local(void *arg, const struct die *die, bool parameter)
{
	struct pieces *pieces = arg;
	struct worker *worker = pieces->worker;
	struct gather *gather = worker->gather;
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	struct sdb_local local = { 0 };
	struct attr attr;
	uint64_t address;
	struct attr fixed = { 0 };

	if (pieces->description->object_pointer == unit_ref(die->unit, die->offset))
		local.flags |= SDB_LOCAL_OBJECT_POINTER;
	if (die->abbrev->tag == DW_TAG_label)
		local.flags |= SDB_LOCAL_LABEL;
	for (unsigned i = 0; i < die->abbrev->count; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			break;
		switch (attr.name) {
		case DW_AT_name: local.name = worker_name(worker, die->unit, &attr); break;
		case DW_AT_type: local.type = type_of_attr(gather, &attr); break;
		case DW_AT_decl_file: local.file = unit_file(gather, die->unit, attr.u); break;
		case DW_AT_decl_line: local.line = (uint32_t)attr.u; break;
		case DW_AT_decl_column: local.column = (uint32_t)attr.u; break;
		case DW_AT_alignment: local.alignment = (uint32_t)attr.u; break;
		case DW_AT_artificial: local.flags |= attr.u ? SDB_LOCAL_ARTIFICIAL : 0; break;
		case DW_AT_variable_parameter: local.flags |= attr.u ? SDB_LOCAL_VARIABLE_PARAMETER : 0; break;
		case DW_AT_is_optional: local.flags |= attr.u ? SDB_LOCAL_OPTIONAL : 0; break;
		case DW_AT_external: local.flags |= attr.u ? SDB_LOCAL_EXTERNAL : 0; break;
		case DW_AT_declaration: local.flags |= attr.u ? SDB_LOCAL_DECLARATION : 0; break;
		case DW_AT_location:
			if (!parameter && attr.class == ATTR_BLOCK &&
			    expression_is_address(die->unit, attr.bytes, attr.u, &address))
				fixed = attr;
			break;
		case DW_AT_const_value:
			if (!parameter)
				fixed = attr;
			break;
		default: break;
		}
	}
	if (fixed.name && !add_static(worker, pieces->parameter_count + pieces->local_count, die->unit, &fixed))
		pieces->failed = true;
	struct buffer *to = parameter ? pieces->parameters : pieces->locals;
	put_uleb(to, local.name);
	put_uleb(to, local.type);
	put_uleb(to, local.file);
	put_uleb(to, local.line);
	put_uleb(to, local.flags);
	if (!parameter) {
		put_uleb(to, local.column);
		put_uleb(to, local.alignment);
	}
	pieces->failed |= to->failed || !add_local_ref(worker, unit_ref(die->unit, die->offset));
	*(parameter ? &pieces->parameter_count : &pieces->local_count) += 1;
}

/* What to do with each parameter and local of a function. */
struct visit {
	void (*fn)(void *arg, const struct die *die, bool parameter);
	void *arg;
	bool variadic;
};

/* Calls for each child of a scope, going into lexical blocks. */
static void visit_locals(struct visit *visit, const struct die *scope, bool parameters, unsigned level)
{
	const uint8_t *at = die_attrs_end(scope);
	struct die die;

	if (!scope->abbrev->children)
		return;
	while (at && die_at(scope->unit, scope->table, at, &die) && die.abbrev) {
		switch (die.abbrev->tag) {
		case DW_TAG_formal_parameter:
			if (parameters && level == 0)
				visit->fn(visit->arg, &die, true);
			else if (!parameters && level > 0)
				visit->fn(visit->arg, &die, false);
			break;
		case DW_TAG_unspecified_parameters:
			visit->variadic |= level == 0;
			break;
		case DW_TAG_GNU_formal_parameter_pack:
			if (parameters && level == 0) /* its parameters are the function's own */
				visit_locals(visit, &die, true, 0);
			break;
		case DW_TAG_variable: case DW_TAG_label:
			if (!parameters)
				visit->fn(visit->arg, &die, false);
			break;
		case DW_TAG_lexical_block: case DW_TAG_try_block: case DW_TAG_catch_block:
			if (!parameters && level < 1000)
				visit_locals(visit, &die, false, level + 1);
			break;
		default:
			break;
		}
		at = die_skip(&die);
	}
}

static void put_templates(struct worker *worker, const struct die *parent, struct buffer *to, uint32_t *count,
			  unsigned level);

static void put_template(struct worker *worker, const struct die *die, struct buffer *to, uint32_t *count,
			 unsigned level)
{
	struct sdb_template item = { 0 };
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	struct attr attr;
	unsigned tag = die->abbrev->tag;

	item.kind = tag == DW_TAG_template_type_parameter ? SDB_TEMPLATE_TYPE :
		tag == DW_TAG_template_value_parameter ? SDB_TEMPLATE_VALUE :
		tag == DW_TAG_GNU_template_template_param ? SDB_TEMPLATE_TEMPLATE : SDB_TEMPLATE_PACK;
	for (unsigned i = 0; i < die->abbrev->count; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			break;
		switch (attr.name) {
		case DW_AT_name: item.name = worker_name(worker, die->unit, &attr); break;
		case DW_AT_type: item.type = type_of_attr(worker->gather, &attr); break;
		case DW_AT_default_value: item.is_default = true; break;
		case DW_AT_GNU_template_name: item.text = worker_name(worker, die->unit, &attr); break;
		case DW_AT_const_value:
			item.has_value = attr.class != ATTR_BLOCK;
			item.value = item.has_value ? attr.s : 0;
			break;
		default: break;
		}
	}
	size_t mark = to->size;
	struct buffer inner = { 0 };
	uint32_t inner_count = 0;
	if (item.kind == SDB_TEMPLATE_PACK && die->abbrev->children && level < 4)
		put_templates(worker, die, &inner, &inner_count, level + 1);
	if (item.kind == SDB_TEMPLATE_PACK)
		item.value = inner_count;
	(void)mark;
	put_u8(to, (uint8_t)((unsigned)item.kind | (item.has_value ? 4 : 0) | (item.is_default ? 8 : 0)));
	put_uleb(to, item.name);
	put_uleb(to, item.type);
	put_sleb(to, item.value);
	put_uleb(to, item.text);
	put_bytes(to, inner.data, inner.size);
	buffer_deinit(&inner);
	*count += 1 + inner_count;
}

static void put_templates(struct worker *worker, const struct die *parent, struct buffer *to, uint32_t *count,
			  unsigned level)
{
	const uint8_t *at = die_attrs_end(parent);
	struct die die;

	if (!parent->abbrev->children)
		return;
	while (at && die_at(parent->unit, parent->table, at, &die) && die.abbrev) {
		unsigned tag = die.abbrev->tag;
		if (tag == DW_TAG_template_type_parameter || tag == DW_TAG_template_value_parameter ||
		    tag == DW_TAG_GNU_template_template_param || tag == DW_TAG_GNU_template_parameter_pack)
			put_template(worker, &die, to, count, level);
		at = die_skip(&die);
	}
}

/* ---- the whole --------------------------------------------------------------------------- */

static void put_description(struct buffer *to, const struct description *description)
{
	put_u8(to, (uint8_t)description->scope.kind);
	put_uleb(to, description->scope.id);
	put_uleb(to, description->name);
	put_uleb(to, description->linkage_name);
	put_uleb(to, description->file);
	put_uleb(to, description->line);
	put_uleb(to, description->column);
	put_uleb(to, description->flags);
	put_uleb(to, description->alignment);
	put_uleb(to, description->type);
	put_uleb(to, description->virtual_index);
	put_uleb(to, description->containing);
}

static bool intern_function(struct worker *worker, const struct die *die, struct function_info *info)
{
	struct description description = { 0 };
	uint32_t template_count = 0;
	bool declaration, ignored;
	struct die origin, holder = *die;
	die_ref scope_ref = unit_ref(die->unit, die->offset);
	die_ref specification = describe(worker, die, &description, &declaration);

	for (int hop = 0; specification && hop < 8 && worker_die(worker, specification, &origin); hop++) {
		scope_ref = specification;
		holder = origin;
		specification = describe(worker, &origin, &description, &ignored);
	}
	if (declaration)
		description.flags |= SDB_FUNCTION_DECLARATION;
	bool full = worker->gather->detail >= SDB_DETAIL_FULL;
	description.scope = full ? scope_of_entry(worker, scope_ref) : (struct sdb_scope){ SDB_SCOPE_UNIT, 0 };
	if (description.scope.kind == SDB_SCOPE_TYPE && !description.has_object_pointer && holder.offset)
		description.flags |= SDB_FUNCTION_STATIC_MEMBER;

	/* No function is described from here on but this one. */
	struct function_parts *parts = &worker->parts;
	struct buffer *whole = &parts->whole;
	parts->parameters.size = parts->locals.size = parts->templates.size = whole->size = 0;
	struct pieces pieces = { worker, &description, &parts->parameters, &parts->locals, 0, 0, false };
	struct visit visit = { put_local, &pieces, false };
	info->first = (uint32_t)worker->local_count;
	info->static_first = (uint32_t)worker->static_count;
	struct die fresh;
	if (full && worker_die(worker, unit_ref(die->unit, die->offset), &fresh)) {
		visit_locals(&visit, &fresh, true, 0);
		visit_locals(&visit, &fresh, false, 0);
		put_templates(worker, &fresh, &parts->templates, &template_count, 0);
	}
	if (visit.variadic)
		description.flags |= SDB_FUNCTION_VARIADIC;
	put_description(whole, &description);
	put_uleb(whole, pieces.parameter_count);
	put_bytes(whole, parts->parameters.data, parts->parameters.size);
	put_uleb(whole, template_count);
	put_bytes(whole, parts->templates.data, parts->templates.size);
	put_uleb(whole, pieces.local_count);
	put_bytes(whole, parts->locals.data, parts->locals.size);
	info->parameters = pieces.parameter_count;
	info->count = pieces.parameter_count + pieces.local_count;
	info->static_count = (uint32_t)worker->static_count - info->static_first;
	bool good = !whole->failed && !pieces.failed && !parts->templates.failed;
	if (good)
		info->id = intern_add(&worker->gather->functions, whole->data, whole->size,
				      PLACE(die->unit->index, die->offset - die->unit->offset));
	return good && info->id;
}

static const struct function_info *remember(struct worker *worker, die_ref ref, uint32_t number)
{
	if (!map_put(&worker->function_map, ref, number))
		worker->gather->failed = true;
	return &worker->functions[number - 1];
}

const struct function_info *function_of(struct worker *worker, die_ref ref)
{
	uint32_t known;
	struct die die;
	struct attr attr;
	die_ref root = ref;

	if (map_get(&worker->function_map, ref, &known))
		return &worker->functions[known - 1];
	if (!worker_die(worker, root, &die))
		return NULL;
	for (int hop = 0; hop < 8 && die_attr(&die, DW_AT_abstract_origin, &attr); hop++) {
		if (attr.class != ATTR_REFERENCE || !worker_die(worker, attr.u, &die))
			return NULL;
		root = attr.u;
	}
	if (die.abbrev->tag != DW_TAG_subprogram && die.abbrev->tag != DW_TAG_entry_point)
		return NULL;
	if (root != ref && map_get(&worker->function_map, root, &known))
		return remember(worker, ref, known);
	struct function_info info = { .root = root };
	if (!intern_function(worker, &die, &info) ||
	    !array_room(worker->functions, worker->function_count, worker->function_capacity)) {
		if (!worker->gather->functions.frozen)
			worker->gather->failed = true;
		return NULL; /* frozen: only a damaged file brings up a function that no unit showed before */
	}
	worker->functions[worker->function_count++] = info;
	known = (uint32_t)worker->function_count;
	if (root != ref)
		remember(worker, root, known);
	return remember(worker, ref, known);
}

uint32_t local_number(const die_ref *refs, uint32_t parameters, uint32_t count, die_ref ref)
{
	for (int part = 0; part < 2; part++) { /* parameters, locals: each by offset */
		uint32_t low = part ? parameters : 0;
		uint32_t high = part ? count : parameters, end = high;
		while (low < high) {
			uint32_t middle = (low + high) / 2;
			if (refs[middle] < ref)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < end && refs[low] == ref)
			return low;
	}
	return SDB_LOCAL_OWN;
}

struct listing {
	struct local_list *list;
	bool failed;
};

static void list_local(void *arg, const struct die *die, bool parameter)
{
	struct listing *listing = arg;
	struct local_list *list = listing->list;

	if (!array_room(list->refs, list->count, list->capacity)) {
		listing->failed = true;
		return;
	}
	list->refs[list->count++] = unit_ref(die->unit, die->offset);
	list->parameters += parameter;
}

bool local_list_read(struct worker *worker, die_ref ref, struct local_list *list)
{
	struct listing listing = { list, false };
	struct visit visit = { list_local, &listing, false };
	struct die die;

	list->function = ref;
	list->count = list->parameters = 0;
	if (worker_die(worker, ref, &die)) {
		visit_locals(&visit, &die, true, 0);
		visit_locals(&visit, &die, false, 0);
	}
	return !listing.failed;
}

uint32_t function_local(struct worker *worker, const struct function_info *function, die_ref ref)
{
	const die_ref *refs = worker->local_refs + function->first;
	struct die die;
	struct attr attr;

	for (int hop = 0; hop < 4; hop++) {
		uint32_t number = local_number(refs, function->parameters, function->count, ref);
		if (number != SDB_LOCAL_OWN)
			return number;
		if (!worker_die(worker, ref, &die) || !die_attr(&die, DW_AT_abstract_origin, &attr) ||
		    attr.class != ATTR_REFERENCE)
			break;
		ref = attr.u;
	}
	return SDB_LOCAL_OWN;
}

void functions_reset(struct worker *worker)
{
	map_clear(&worker->function_map);
	worker->function_count = 0;
	worker->local_count = 0;
	worker->static_count = 0;
}
