/* SPDX-License-Identifier: MIT */

/*
 * Pass 2: code instances with their inlined functions, lexical blocks, variables and call sites, in
 * an intermediate form that code_form.c reads back when all numbers are known:
 *
 *   instance: low, flags, linkage name of its own, function, ranges, entry, frame base, then items
 *   item 'I'/'B' inlined or block: see put_scope(); its items follow up to 'E'
 *   item 'V' variable, 'C' call site; 'E' ends the scope
 */

#include "code_form.h"

#define DEPTH_LIMIT 400

struct walk {
	struct worker *worker;
	struct unit *unit;
	struct buffer *to;
	uint64_t low;        /* of the instance */
	bool full;
	bool deep;           /* something lay deeper than the limit */
	unsigned depth;
	uint64_t seen;       /* static locals of the function at hand */
	unsigned unplaced;   /* blocks without code around what is at hand */
	struct range_list ranges;
};

/* ---- where the code of an entry is ---------------------------------------------------- */

struct extent {
	uint64_t low, high, entry;
	bool has_low, has_high, has_entry, has_ranges;
	struct attr ranges;
};

static void extent_attr(const struct unit *unit, const struct attr *attr, struct extent *extent)
{
	uint64_t address;

	switch (attr->name) {
	case DW_AT_low_pc:
		extent->has_low = attr_address(unit, attr, &extent->low);
		break;
	case DW_AT_high_pc:
		extent->has_high = true;
		extent->high = attr_address(unit, attr, &address) ? address : attr->u;
		break;
	case DW_AT_entry_pc:
		extent->has_entry = true;
		if (!attr_address(unit, attr, &extent->entry))
			extent->entry = attr->u;
		break;
	case DW_AT_ranges:
		extent->has_ranges = true;
		extent->ranges = *attr;
		break;
	default:
		break;
	}
}

/* The ranges of an entry in walk->ranges. HIGH_IS_OFFSET: DW_AT_high_pc was a constant. */
static bool extent_ranges(struct walk *walk, const struct extent *extent, bool high_is_offset)
{
	walk->ranges.count = 0;
	if (extent->has_ranges)
		return dwarf_ranges(walk->unit, &extent->ranges, &walk->ranges) && walk->ranges.count;
	if (!extent->has_low || !extent->has_high)
		return false;
	uint64_t high = high_is_offset ? extent->low + extent->high : extent->high;
	return range_list_add(&walk->ranges, extent->low, high) && walk->ranges.count;
}

static void put_ranges(struct walk *walk)
{
	put_uleb(walk->to, walk->ranges.count);
	for (size_t i = 0; i < walk->ranges.count; i++) {
		put_sleb(walk->to, (int64_t)(walk->ranges.ranges[i].low - walk->low));
		put_uleb(walk->to, walk->ranges.ranges[i].high - walk->ranges.ranges[i].low);
	}
}

/* ---- items -------------------------------------------------------------------------------- */

static void walk_scope(struct walk *walk, const struct die *scope, const struct function_info *function);

static void put_own_local(struct walk *walk, const struct die *die)
{
	struct worker *worker = walk->worker;
	uint32_t name = 0, file = 0, line = 0, flags = 0;
	sdb_type_id type = 0;
	struct attr attr;

	if (die_attr(die, DW_AT_name, &attr))
		name = worker_name(worker, die->unit, &attr);
	if (die_attr(die, DW_AT_type, &attr))
		type = type_of_attr(worker->gather, &attr);
	if (die_attr(die, DW_AT_decl_file, &attr))
		file = unit_file(worker->gather, die->unit, attr.u);
	if (die_attr(die, DW_AT_decl_line, &attr))
		line = (uint32_t)attr.u;
	if (die_attr(die, DW_AT_artificial, &attr))
		flags |= SDB_LOCAL_ARTIFICIAL;
	put_u8(walk->to, die->abbrev->tag == DW_TAG_formal_parameter);
	put_uleb(walk->to, name);
	put_uleb(walk->to, type);
	put_uleb(walk->to, file);
	put_uleb(walk->to, line);
	put_uleb(walk->to, flags);
}

static const struct static_local *find_static(const struct walk *walk, const struct function_info *function,
					      uint32_t local)
{
	for (uint32_t i = 0; i < function->static_count; i++)
		if (walk->worker->statics[function->static_first + i].local == local)
			return &walk->worker->statics[function->static_first + i];
	return NULL;
}

static void see_static(struct walk *walk, const struct function_info *function, uint32_t local)
{
	const struct static_local *item = find_static(walk, function, local);

	if (item && item - &walk->worker->statics[function->static_first] < 64)
		walk->seen |= UINT64_C(1) << (item - &walk->worker->statics[function->static_first]);
}

static void put_variable(struct walk *walk, const struct die *die, const struct function_info *function)
{
	struct attr attr;
	uint64_t address;
	uint32_t local = function_local(walk->worker, function, unit_ref(die->unit, die->offset));

	put_u8(walk->to, ITEM_VARIABLE);
	put_uleb(walk->to, local == SDB_LOCAL_OWN ? 0 : (uint64_t)local + 1);
	if (!walk->unplaced)
		see_static(walk, function, local);
	if (local == SDB_LOCAL_OWN)
		put_own_local(walk, die);
	if (die->abbrev->tag == DW_TAG_label) {
		bool placed = die_attr(die, DW_AT_low_pc, &attr) && attr_address(die->unit, &attr, &address);
		put_u8(walk->to, placed ? SDB_LOCATION_ADDRESS : SDB_LOCATION_NONE);
		if (placed)
			put_uleb(walk->to, address);
		return;
	}
	if (!die_attr(die, DW_AT_location, &attr) && !die_attr(die, DW_AT_const_value, &attr)) {
		const struct static_local *item = find_static(walk, function, local);
		if (item)
			location_gather(walk->worker, item->unit, walk->to, &item->value, NULL, 0);
		else
			put_u8(walk->to, SDB_LOCATION_NONE);
		return;
	}
	location_gather(walk->worker, die->unit, walk->to, &attr, function, walk->low);
	if (die->abbrev->tag == DW_TAG_variable && attr.class == ATTR_BLOCK &&
	    expression_is_address(die->unit, attr.bytes, attr.u, &address))
		variable_gather(walk->worker, die);
}

/* The static locals that only the abstract instance tells of: SEEN of them it has told itself. */
static void put_statics(struct walk *walk, const struct function_info *function, uint64_t seen)
{
	for (uint32_t i = 0; i < function->static_count; i++) {
		const struct static_local *item = &walk->worker->statics[function->static_first + i];
		if (i < 64 && seen >> i & 1)
			continue;
		put_u8(walk->to, ITEM_VARIABLE);
		put_uleb(walk->to, (uint64_t)item->local + 1);
		location_gather(walk->worker, item->unit, walk->to, &item->value, NULL, 0);
	}
}

/* Parameters of CALLED that it does not get any more are said by reference, not by where they are. */
static void put_call_parameter(struct walk *walk, const struct die *die, const struct function_info *function,
			       const struct function_info *called)
{
	uint32_t parameter = SDB_LOCAL_OWN;
	uint32_t numbers[3] = { 0 };
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	struct attr attr;

	for (unsigned i = 0; i < die->abbrev->count; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			break;
		int which = attr.name == DW_AT_location ? 0 :
			attr.name == DW_AT_call_value || attr.name == DW_AT_GNU_call_site_value ? 1 :
			attr.name == DW_AT_call_data_value || attr.name == DW_AT_GNU_call_site_data_value ? 2 : -1;
		if (which >= 0 && attr.class == ATTR_BLOCK)
			numbers[which] = expression_number(walk->worker, die->unit, attr.bytes, attr.u, function);
		if ((attr.name == DW_AT_call_parameter || attr.name == DW_AT_abstract_origin) &&
		    attr.class == ATTR_REFERENCE && called->id)
			parameter = function_local(walk->worker, called, attr.u);
	}
	if (!numbers[0] && parameter != SDB_LOCAL_OWN)
		numbers[0] = expression_of_parameter(walk->worker, parameter);
	for (int i = 0; i < 3; i++)
		put_uleb(walk->to, numbers[i]);
}

static void put_call_site(struct walk *walk, const struct die *die, const struct function_info *function)
{
	uint64_t address = 0;
	uint32_t flags = 0, target = 0;
	struct function_info called = { 0 };
	bool placed = false;
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	struct attr attr;

	for (unsigned i = 0; i < die->abbrev->count; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			break;
		switch (attr.name) {
		case DW_AT_call_return_pc: case DW_AT_low_pc:
			placed |= attr_address(die->unit, &attr, &address);
			break;
		case DW_AT_call_pc:
			if (!placed && attr_address(die->unit, &attr, &address)) {
				placed = true;
				flags |= SDB_CALL_PC;
			}
			break;
		case DW_AT_call_origin: case DW_AT_abstract_origin:
			if (attr.class == ATTR_REFERENCE) {
				const struct function_info *other = function_of(walk->worker, attr.u);
				if (other)
					called = *other;
			}
			break;
		case DW_AT_call_target: case DW_AT_GNU_call_site_target: case DW_AT_call_target_clobbered:
		case DW_AT_GNU_call_site_target_clobbered:
			if (attr.name == DW_AT_call_target_clobbered ||
			    attr.name == DW_AT_GNU_call_site_target_clobbered)
				flags |= SDB_CALL_TARGET_CLOBBERED;
			if (attr.class == ATTR_BLOCK)
				target = expression_number(walk->worker, die->unit, attr.bytes, attr.u, function);
			break;
		case DW_AT_call_tail_call: case DW_AT_GNU_tail_call:
			flags |= attr.u ? SDB_CALL_TAIL : 0;
			break;
		default:
			break;
		}
	}
	if (!placed)
		return;
	put_u8(walk->to, ITEM_CALL);
	put_sleb(walk->to, (int64_t)(address - walk->low));
	put_uleb(walk->to, flags);
	put_uleb(walk->to, called.id);
	put_uleb(walk->to, target);
	at = die_attrs_end(die);
	struct die child;
	while (die->abbrev->children && at && die_at(die->unit, die->table, at, &child) && child.abbrev) {
		if (child.abbrev->tag == DW_TAG_call_site_parameter ||
		    child.abbrev->tag == DW_TAG_GNU_call_site_parameter) {
			put_u8(walk->to, 1);
			put_call_parameter(walk, &child, function, &called);
		}
		at = die_skip(&child);
	}
	put_u8(walk->to, 0);
}

/* What is inside an instance of FUNCTION, and what its abstract instance says of all of them. */
static void walk_function(struct walk *walk, const struct die *die, const struct function_info *function)
{
	uint64_t outside = walk->seen;

	walk->seen = 0;
	walk_scope(walk, die, function);
	if (walk->full)
		put_statics(walk, function, walk->seen);
	walk->seen = outside;
}

/* An inlined function or a lexical block; an inlined function without code is left out. */
static void put_scope(struct walk *walk, const struct die *die, const struct function_info *function)
{
	struct extent extent = { 0 };
	uint64_t file = 0, line = 0, column = 0, discriminator = 0;
	bool inlined = die->abbrev->tag == DW_TAG_inlined_subroutine, high_is_offset = false;
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	struct attr attr;
	die_ref origin = DIE_NONE;

	for (unsigned i = 0; i < die->abbrev->count; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			return;
		switch (attr.name) {
		case DW_AT_abstract_origin: origin = attr.class == ATTR_REFERENCE ? attr.u : 0; break;
		case DW_AT_call_file: file = unit_file(walk->worker->gather, die->unit, attr.u); break;
		case DW_AT_call_line: line = attr.u; break;
		case DW_AT_call_column: column = attr.u; break;
		case DW_AT_GNU_discriminator: discriminator = attr.u; break;
		case DW_AT_high_pc:
			high_is_offset = attr.class != ATTR_ADDRESS && attr.class != ATTR_ADDRESS_INDEX;
			extent_attr(die->unit, &attr, &extent);
			break;
		default: extent_attr(die->unit, &attr, &extent);
		}
	}
	bool placed = extent_ranges(walk, &extent, high_is_offset);
	const struct function_info *called = inlined && origin ? function_of(walk->worker, origin) : NULL;
	if (inlined && !called)
		return;
	if (inlined ? !placed : !walk->full) {
		if (!inlined || walk->full) /* what is inside may have code */
			walk_scope(walk, die, inlined ? NULL : function);
		return;
	}
	if (!placed) /* a block without code: its variables are kept, but are in scope nowhere */
		walk->ranges.count = 0;
	put_u8(walk->to, inlined ? ITEM_INLINED : ITEM_BLOCK);
	put_ranges(walk);
	uint64_t first = placed ? walk->ranges.ranges[0].low : 0;
	if (inlined) {
		uint64_t entry = !extent.has_entry ? first :
			extent.entry < first && high_is_offset ? first + extent.entry : extent.entry;
		put_uleb(walk->to, called->id);
		put_uleb(walk->to, file);
		put_uleb(walk->to, line);
		put_uleb(walk->to, column);
		put_uleb(walk->to, discriminator);
		put_sleb(walk->to, (int64_t)(entry - first));
	}
	/* function_of() may move the array that CALLED is in: take a copy along */
	struct function_info copy = inlined ? *called : *function;
	if (inlined) {
		copy.outer = function;
		walk_function(walk, die, &copy);
	} else {
		walk->unplaced += !placed;
		walk_scope(walk, die, &copy);
		walk->unplaced -= !placed;
	}
	put_u8(walk->to, ITEM_END);
}

/* The children of a scope. FUNCTION NULL: only what has a place of its own is wanted. */
static void walk_scope(struct walk *walk, const struct die *scope, const struct function_info *function)
{
	const uint8_t *at = die_attrs_end(scope);
	struct die die;

	if (!scope->abbrev->children)
		return;
	if (walk->depth >= DEPTH_LIMIT) {
		walk->deep = true;
		return;
	}
	walk->depth++;
	while (at && die_at(scope->unit, scope->table, at, &die) && die.abbrev) {
		const uint8_t *next = NULL;
		switch (die.abbrev->tag) {
		case DW_TAG_formal_parameter: case DW_TAG_variable: case DW_TAG_label:
			if (walk->full && function)
				put_variable(walk, &die, function);
			break;
		case DW_TAG_call_site: case DW_TAG_GNU_call_site:
			if (walk->full && function)
				put_call_site(walk, &die, function);
			break;
		case DW_TAG_inlined_subroutine:
			put_scope(walk, &die, function);
			break;
		case DW_TAG_lexical_block: case DW_TAG_try_block: case DW_TAG_catch_block:
			if (function)
				put_scope(walk, &die, function);
			break;
		default:
			break;
		}
		next = die_skip(&die);
		at = next;
	}
	walk->depth--;
}

static bool is_c(unsigned language)
{
	return language == DW_LANG_C || language == DW_LANG_C89 || language == DW_LANG_C99 ||
	       language == DW_LANG_C11 || language == DW_LANG_Mips_Assembler;
}

/* ---- instances ---------------------------------------------------------------------------------- */

static bool add_place(struct walk *walk, size_t start)
{
	struct gather *gather = walk->worker->gather;
	bool good;

	pthread_mutex_lock(&gather->lock);
	good = array_room(gather->codes, gather->code_count, gather->code_capacity);
	if (good)
		gather->codes[gather->code_count++] = (struct code_place){
			walk->low, walk->unit->index, (uint32_t)(walk->to->size - start), start };
	pthread_mutex_unlock(&gather->lock);
	return good;
}

/* The linkage name of an instance that link-time optimisation took apart from its code. */
static uint32_t origin_linkage_name(struct walk *walk, const struct die *die)
{
	struct die origin = *die;
	struct attr attr;

	for (int hop = 0; hop < 4 && die_attr(&origin, DW_AT_abstract_origin, &attr); hop++) {
		if (attr.class != ATTR_REFERENCE || !worker_die(walk->worker, attr.u, &origin) ||
		    !die_attr(&origin, DW_AT_abstract_origin, &attr))
			break; /* the last one is the function itself */
		if (die_attr(&origin, DW_AT_linkage_name, &attr))
			return worker_name(walk->worker, origin.unit, &attr);
	}
	return 0;
}

static void put_instance(struct walk *walk, const struct die *die, const struct function_info *info)
{
	struct extent extent = { 0 };
	bool high_is_offset = false, has_base = false, has_origin = false;
	uint32_t flags = 0, linkage_name = 0;
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	struct attr attr, base = { 0 };

	for (unsigned i = 0; i < die->abbrev->count; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			return;
		switch (attr.name) {
		case DW_AT_frame_base: base = attr; has_base = true; break;
		case DW_AT_call_all_calls: case DW_AT_GNU_all_call_sites: flags |= SDB_CODE_ALL_CALLS; break;
		case DW_AT_call_all_tail_calls: case DW_AT_GNU_all_tail_call_sites:
			flags |= SDB_CODE_ALL_TAIL_CALLS;
			break;
		case DW_AT_call_all_source_calls: case DW_AT_GNU_all_source_call_sites:
			flags |= SDB_CODE_ALL_SOURCE_CALLS;
			break;
		case DW_AT_trampoline: flags |= SDB_CODE_TRAMPOLINE; break;
		case DW_AT_abstract_origin: has_origin = true; break;
		case DW_AT_linkage_name: case DW_AT_MIPS_linkage_name:
			linkage_name = worker_name(walk->worker, walk->unit, &attr);
			break;
		case DW_AT_high_pc:
			high_is_offset = attr.class != ATTR_ADDRESS && attr.class != ATTR_ADDRESS_INDEX;
			extent_attr(die->unit, &attr, &extent);
			break;
		default: extent_attr(die->unit, &attr, &extent);
		}
	}
	if (!extent_ranges(walk, &extent, high_is_offset))
		return;
	walk->low = walk->ranges.ranges[0].low;
	if (!dwarf_is_code(walk->unit->dwarf, walk->low))
		return;
	size_t start = walk->to->size;
	struct function_info copy = *info;
	put_uleb(walk->to, walk->low);
	put_uleb(walk->to, flags);
	if (has_origin && !linkage_name && !is_c(walk->unit->language))
		linkage_name = origin_linkage_name(walk, die);
	put_uleb(walk->to, has_origin ? linkage_name : 0);
	put_uleb(walk->to, copy.id);
	put_ranges(walk);
	put_sleb(walk->to, extent.has_entry ? (int64_t)(extent.entry - walk->low) : 0);
	if (has_base && walk->full)
		location_gather(walk->worker, walk->unit, walk->to, &base, NULL, walk->low);
	else
		put_u8(walk->to, SDB_LOCATION_NONE);
	walk_function(walk, die, &copy);
	put_u8(walk->to, ITEM_END);
	if (walk->to->size - start > UINT32_MAX || walk->to->failed || !add_place(walk, start))
		walk->worker->gather->failed = true;
}

/* Static variables of an abstract or a nested instance, nested functions, methods of local classes. */
static void walk_inside(struct walk *walk, const struct die *scope, unsigned level)
{
	const uint8_t *at = die_attrs_end(scope);
	struct die die;
	struct attr attr;
	uint64_t address;

	if (!scope->abbrev->children || level > DEPTH_LIMIT)
		return;
	while (at && die_at(scope->unit, scope->table, at, &die) && die.abbrev) {
		switch (die.abbrev->tag) {
		case DW_TAG_variable:
			if (walk->full && die_attr(&die, DW_AT_location, &attr) && attr.class == ATTR_BLOCK &&
			    expression_is_address(die.unit, attr.bytes, attr.u, &address))
				variable_gather(walk->worker, &die);
			break;
		case DW_TAG_lexical_block:
			walk_inside(walk, &die, level + 1);
			break;
		case DW_TAG_structure_type: case DW_TAG_class_type: case DW_TAG_union_type: /* lambdas */
			walk_inside(walk, &die, level + 1);
			break;
		case DW_TAG_subprogram: {
			const struct function_info *info = function_of(walk->worker, unit_ref(die.unit, die.offset));
			if (info)
				put_instance(walk, &die, info);
			walk_inside(walk, &die, level + 1);
			break;
		}
		default:
			break;
		}
		at = die_skip(&die);
	}
}

static bool has_code_below(unsigned tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_structure_type ||
	       tag == DW_TAG_class_type || tag == DW_TAG_union_type || tag == DW_TAG_interface_type ||
	       tag == DW_TAG_enumeration_type;
}

/* A declaration of a type that is in a unit of its own, with the names of its methods only. */
static bool is_skeleton(const struct die *die)
{
	struct attr attr;

	return die_attr(die, DW_AT_signature, &attr);
}

static void walk_entries(struct walk *walk, const uint8_t *at, const struct abbrev_table *table)
{
	struct die die;
	bool c = is_c(walk->unit->language);

	if (walk->depth >= DEPTH_LIMIT) {
		walk->deep = true;
		return;
	}
	walk->depth++;
	while (at && die_at(walk->unit, table, at, &die) && die.abbrev) {
		unsigned tag = die.abbrev->tag;
		if (tag == DW_TAG_subprogram) {
			const struct function_info *info =
				function_of(walk->worker, unit_ref(walk->unit, die.offset));
			if (info)
				put_instance(walk, &die, info);
			if (die.abbrev->children)
				walk_inside(walk, &die, 0);
		} else if ((tag == DW_TAG_variable || tag == DW_TAG_member) && walk->full) {
			struct attr attr;
			if (tag == DW_TAG_variable || die_attr(&die, DW_AT_external, &attr) ||
			    die_attr(&die, DW_AT_declaration, &attr))
				variable_gather(walk->worker, &die);
		} else if (has_code_below(tag) && die.abbrev->children &&
			   (!c || tag == DW_TAG_namespace || tag == DW_TAG_module) &&
			   !is_skeleton(&die)) {
			walk_entries(walk, die_attrs_end(&die), table);
		}
		at = die_skip(&die);
	}
	walk->depth--;
}

void code_gather(struct worker *worker, struct unit *unit)
{
	struct gather *gather = worker->gather;
	struct die root;

	if (unit->root >= unit->end || unit->skeleton || !unit->parsed)
		return;
	worker->table = abbrev_table_read(unit, worker->table);
	if (!worker->table || !die_at(unit, worker->table, unit_section(unit) + unit->root, &root) || !root.abbrev)
		return;
	struct walk walk = { .worker = worker, .unit = unit, .to = &gather->units[unit->index].code,
			     .full = gather->detail >= SDB_DETAIL_FULL };
	functions_reset(worker);
	if (root.abbrev->children)
		walk_entries(&walk, die_attrs_end(&root), worker->table);
	if (walk.deep)
		module_warn(gather->dwarf.module, "unit at 0x%llx: entries nested deeper than %d are left out",
			    (unsigned long long)unit->offset, DEPTH_LIMIT);
	free(walk.ranges.ranges);
}
