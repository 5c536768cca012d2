/* SPDX-License-Identifier: MIT */

/*
 * Pass 1: which type entries are the same type. A kernel repeats each type in hundreds of units.
 *
 * Every entry is hashed by all it says. A reference to a named struct, class, union or enumeration
 * counts as its kind and qualified name (its *key*), so that hashing never runs in a circle. Equal
 * hashes are one *content*. What a key stands for may differ between units; contents that reach
 * such an ambiguous key are told apart by what it stands for in their unit (resolve.c). A
 * declaration becomes the definition when there is exactly one content for its key.
 *
 * What a class gathers over units (methods, nested types, static members) is not part of its
 * content: these are entities of their own that name the class as their scope.
 */

#include "types.h"

#include <stdio.h>

#define DEPTH_LIMIT 2000
enum { HASH_TODO, HASH_BUSY, HASH_DONE };

bool is_type_tag(unsigned tag)
{
	switch (tag) {
	case DW_TAG_array_type: case DW_TAG_class_type: case DW_TAG_enumeration_type: case DW_TAG_pointer_type:
	case DW_TAG_reference_type: case DW_TAG_string_type: case DW_TAG_structure_type:
	case DW_TAG_subroutine_type: case DW_TAG_typedef: case DW_TAG_union_type: case DW_TAG_ptr_to_member_type:
	case DW_TAG_set_type: case DW_TAG_subrange_type: case DW_TAG_base_type: case DW_TAG_const_type:
	case DW_TAG_file_type: case DW_TAG_packed_type: case DW_TAG_volatile_type: case DW_TAG_restrict_type:
	case DW_TAG_interface_type: case DW_TAG_unspecified_type: case DW_TAG_shared_type:
	case DW_TAG_rvalue_reference_type: case DW_TAG_template_alias: case DW_TAG_coarray_type:
	case DW_TAG_generic_subrange: case DW_TAG_dynamic_type: case DW_TAG_atomic_type:
	case DW_TAG_immutable_type: case DW_TAG_namespace: case DW_TAG_module:
		return true;
	default:
		return false;
	}
}

static bool is_composite(unsigned tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type ||
	       tag == DW_TAG_enumeration_type || tag == DW_TAG_interface_type;
}

/* Children that belong to a type's content. */
static bool is_content(unsigned tag)
{
	switch (tag) {
	case DW_TAG_member: case DW_TAG_inheritance: case DW_TAG_enumerator: case DW_TAG_subrange_type:
	case DW_TAG_formal_parameter: case DW_TAG_unspecified_parameters: case DW_TAG_template_type_parameter:
	case DW_TAG_template_value_parameter: case DW_TAG_GNU_template_template_param:
	case DW_TAG_GNU_template_parameter_pack: case DW_TAG_variant_part: case DW_TAG_variant:
	case DW_TAG_generic_subrange: case DW_TAG_enumeration_type: case DW_TAG_variable:
		return true;
	default:
		return false;
	}
}

/* ---- scanning a group of units for type entries ----------------------------------- */

struct scan_node {
	uint32_t offset;   /* in its unit */
	uint32_t unit;     /* index in the scan's units */
	uint32_t parent;   /* node + 1 of the enclosing type, namespace or function */
	uint16_t tag;
	uint8_t state;
	uint8_t key_state;
	bool named;        /* a composite or namespace with a name: referred to by key */
	bool declaration;
	uint32_t content;  /* 1-based; once hashed */
	uint64_t hash;
	uint64_t key;
	die_ref alias;     /* DW_AT_signature of a skeleton declaration; DW_AT_specification of a definition */
	bool completes;    /* it is the latter */
	uint32_t declared; /* node + 1 of the declaration that a definition outside of its scope completes */
};

struct scan_unit {
	struct unit *unit;
	struct abbrev_table *table;
	uint32_t first, count; /* nodes */
};

struct scan {
	struct worker *worker;
	struct scan_unit *units;
	uint32_t unit_count;
	struct scan_node *nodes;
	size_t count, capacity;
	uint32_t *index;        /* by offset in the unit, of a scan of one unit: node + 1 */
	size_t index_size, index_capacity;
	uint32_t *parents;
	size_t parent_capacity;
	struct edge *edges;     /* a stack: what the content being hashed refers to */
	size_t edge_count, edge_capacity;
	unsigned depth;
};

static void scan_failed(struct scan *scan)
{
	scan->worker->gather->failed = true;
}

/* Name, declaration and signature of a node. */
static void node_identity(struct scan_node *node, const struct die *die)
{
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	struct attr attr;

	for (unsigned i = 0; i < die->abbrev->count && at; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			return;
		if (attr.name == DW_AT_name)
			node->named = true;
		else if (attr.name == DW_AT_declaration)
			node->declaration = true;
		else if (attr.name == DW_AT_signature && attr.class == ATTR_SIGNATURE)
			node->alias = dwarf_signature(die->unit->dwarf, attr.u);
		else if (attr.name == DW_AT_specification && attr.class == ATTR_REFERENCE) {
			node->alias = attr.u;
			node->completes = true;
		}
	}
}

static bool scan_add(struct scan *scan, uint32_t unit, uint32_t parent, const struct die *die)
{
	if (!array_room(scan->nodes, scan->count, scan->capacity))
		return false;
	struct scan_node *node = &scan->nodes[scan->count++];
	*node = (struct scan_node){ .offset = (uint32_t)(die->offset - die->unit->offset), .unit = unit,
				    .parent = parent, .tag = die->abbrev->tag };
	if (is_composite(node->tag))
		node_identity(node, die);
	else if (node->tag == DW_TAG_namespace || node->tag == DW_TAG_module)
		node->named = true;
	return true;
}

/* Whether an entry is a variable of a class or namespace: its scope is wanted later. */
static bool is_static(const struct scan *scan, uint32_t parent, const struct die *die)
{
	unsigned tag = die->abbrev->tag;

	if ((tag != DW_TAG_variable && tag != DW_TAG_member) || !parent ||
	    scan->nodes[parent - 1].tag == DW_TAG_subprogram)
		return false;
	for (unsigned i = 0; tag == DW_TAG_member && i < die->abbrev->count; i++) {
		unsigned name = die_specs(die)[i].name;
		if (name == DW_AT_external || name == DW_AT_declaration)
			return true;
	}
	return tag == DW_TAG_variable;
}

/* One linear walk over all entries of a unit. */
static bool scan_entries(struct scan *scan, uint32_t number)
{
	struct scan_unit *entry = &scan->units[number];
	const struct unit *unit = entry->unit;
	const uint8_t *at = unit_section(unit) + unit->root;
	size_t depth = 0;
	struct die die;

	while (at && at < unit_end(unit) && die_at(unit, entry->table, at, &die)) {
		if (!die.abbrev) {
			at = die.attrs;
			if (depth == 0)
				break;
			depth--;
			continue;
		}
		unsigned tag = die.abbrev->tag;
		uint32_t parent = depth ? scan->parents[depth - 1] : 0;
		if (is_type_tag(tag) || tag == DW_TAG_subprogram || is_static(scan, parent, &die)) {
			if (!scan_add(scan, number, parent, &die))
				return false;
			if (tag != DW_TAG_variable && tag != DW_TAG_member)
				parent = (uint32_t)scan->count;
		}
		at = die_attrs_end(&die);
		if (die.abbrev->children) {
			if (!array_room(scan->parents, depth, scan->parent_capacity))
				return false;
			scan->parents[depth++] = parent;
		}
	}
	if (at != unit_end(unit) && depth)
		module_warn(unit->dwarf->module, "unit at 0x%llx: an entry makes no sense, the rest is left out",
			    (unsigned long long)unit->offset);
	return true;
}

/* The node of an entry, or NULL. */
static struct scan_node *scan_find(struct scan *scan, die_ref ref)
{
	struct scan_unit *entry = scan->units;
	uint64_t offset = DIE_OFFSET(ref);

	if (scan->unit_count == 1) {
		const struct unit *unit = entry->unit;
		if (DIE_FILE(ref) != unit->file->index || DIE_TYPES(ref) != unit->in_types ||
		    offset < unit->offset || offset >= unit->end)
			return NULL;
		offset -= unit->offset;
		return offset < scan->index_size && scan->index[offset] ? &scan->nodes[scan->index[offset] - 1] : NULL;
	}
	const struct unit *unit = dwarf_unit_of(&scan->worker->gather->dwarf, ref);
	if (!unit)
		return NULL;
	entry = &scan->units[unit->index];
	size_t low = entry->first, high = (size_t)entry->first + entry->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (scan->nodes[middle].offset < offset - unit->offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < (size_t)entry->first + entry->count && scan->nodes[low].offset == offset - unit->offset ?
		&scan->nodes[low] : NULL;
}

static bool node_die(struct scan *scan, const struct scan_node *node, struct die *die)
{
	const struct scan_unit *entry = &scan->units[node->unit];
	return die_at(entry->unit, entry->table, unit_section(entry->unit) + entry->unit->offset + node->offset,
		      die) && die->abbrev;
}

/* ---- keys ---------------------------------------------------------------------------- */

/* Kind and qualified name of a named entry; for one without a name, where it is declared. */
static uint64_t node_key(struct scan *scan, struct scan_node *node)
{
	struct die die;
	struct attr attr;
	uint64_t hash = hash_mix(1, node->tag == DW_TAG_class_type ? DW_TAG_structure_type : node->tag);

	if (node->key_state == HASH_DONE)
		return node->key;
	if (node->declared && scan->depth <= DEPTH_LIMIT) {
		scan->depth++;
		node->key = node_key(scan, &scan->nodes[node->declared - 1]);
		scan->depth--;
		node->key_state = HASH_DONE;
		return node->key;
	}
	if (node->key_state == HASH_BUSY || !node_die(scan, node, &die) || scan->depth > DEPTH_LIMIT)
		return hash;
	node->key_state = HASH_BUSY;
	scan->depth++;
	if (node->parent)
		hash = hash_mix(hash, node_key(scan, &scan->nodes[node->parent - 1]));
	const struct attr_spec *spec = die_specs(&die);
	const uint8_t *at = die.attrs;
	bool has_name = false;
	uint64_t place_hash = 0;
	for (unsigned i = 0; i < die.abbrev->count; i++, spec++) {
		at = attr_read(die.unit, spec, at, &attr);
		if (!at)
			break;
		if (attr.name == DW_AT_name) {
			has_name = true;
			hash = hash_mix(hash, worker_name(scan->worker, die.unit, &attr));
		} else if (attr.name == DW_AT_decl_file) {
			place_hash = hash_mix(place_hash, unit_file(scan->worker->gather, die.unit, attr.u));
		} else if (attr.name == DW_AT_decl_line) {
			place_hash = hash_mix(place_hash, attr.u);
		} else if (attr.name == DW_AT_specification || attr.name == DW_AT_abstract_origin) {
			struct scan_node *origin = attr.class == ATTR_REFERENCE ? scan_find(scan, attr.u) : NULL;
			if (origin)
				hash = hash_mix(hash, node_key(scan, origin));
		}
	}
	if (!has_name || node->tag == DW_TAG_subprogram)
		hash = hash_mix(hash, place_hash);
	scan->depth--;
	node->key = hash;
	node->key_state = HASH_DONE;
	return hash;
}

/* ---- contents --------------------------------------------------------------------------- */

static void node_hash(struct scan *scan, struct scan_node *node);

static bool push_edge(struct scan *scan, uint64_t key, uint32_t content)
{
	if (!array_room(scan->edges, scan->edge_count, scan->edge_capacity))
		return false;
	scan->edges[scan->edge_count++] = (struct edge){ key, content, 0 };
	return true;
}

/* What a reference to an entry contributes to the hash of the one that refers. */
static uint64_t reference_hash(struct scan *scan, die_ref ref)
{
	struct scan_node *node = scan_find(scan, ref);

	for (int i = 0; node && node->alias && i < 8; i++)
		node = scan_find(scan, node->alias);
	if (!node)
		return 7;
	if (node->named) {
		uint64_t key = node_key(scan, node);
		if (is_composite(node->tag) && !push_edge(scan, key, 0))
			scan_failed(scan);
		return key;
	}
	if (node->tag == DW_TAG_subprogram)
		return 11;
	if (node->state == HASH_BUSY || scan->depth > DEPTH_LIMIT)
		return 13; /* a circle without a name in it: only damaged input has one */
	node_hash(scan, node);
	if (!push_edge(scan, 0, node->content))
		scan_failed(scan);
	return node->hash;
}

/* The function that an entry of a unit is in, or NULL. */
static struct scan_node *function_around(struct scan *scan, die_ref ref)
{
	const struct unit *unit = dwarf_unit_of(&scan->worker->gather->dwarf, ref);
	struct die die;

	if (!unit || (scan->unit_count == 1 && unit != scan->units->unit))
		return NULL;
	const struct scan_unit *entry = &scan->units[scan->unit_count == 1 ? 0 : unit->index];
	size_t low = entry->first, high = (size_t)entry->first + entry->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (scan->nodes[middle].offset < DIE_OFFSET(ref) - unit->offset)
			low = middle + 1;
		else
			high = middle;
	}
	/* Of what begins in front of the entry, only what is around it can be around the last one. */
	for (uint32_t at = low > entry->first ? (uint32_t)low : 0, hop = 0; at && hop < DEPTH_LIMIT; hop++) {
		struct scan_node *node = &scan->nodes[at - 1];
		if (node->tag == DW_TAG_subprogram && node_die(scan, node, &die)) {
			const uint8_t *end = die_skip(&die);
			if (end && end > unit_section(unit) + DIE_OFFSET(ref))
				return node;
		}
		at = node->parent;
	}
	return NULL;
}

static bool is_bound(unsigned attribute)
{
	return attribute == DW_AT_upper_bound || attribute == DW_AT_count || attribute == DW_AT_lower_bound ||
	       attribute == DW_AT_byte_stride || attribute == DW_AT_bit_stride || attribute == DW_AT_byte_size ||
	       attribute == DW_AT_bit_size || attribute == DW_AT_string_length;
}

/* What a bound that a variable holds contributes: which one it is. */
static uint64_t variable_hash(struct scan *scan, die_ref ref)
{
	struct worker *worker = scan->worker;
	die_ref variable = ref;
	struct die die;
	struct attr attr;

	for (int hop = 0; hop < 4 && worker_die(worker, variable, &die) &&
	     die_attr(&die, DW_AT_abstract_origin, &attr) && attr.class == ATTR_REFERENCE; hop++)
		variable = attr.u;
	struct scan_node *around = function_around(scan, variable);
	if (!around)
		return bound_hash(worker, variable, DIE_NONE, 0);
	const struct unit *unit = scan->units[around->unit].unit;
	die_ref function = unit_ref(unit, unit->offset + around->offset);
	if (!bound_note(worker->gather, ref, function))
		scan_failed(scan);
	return bound_hash(worker, variable, function, node_key(scan, around));
}

static uint64_t entry_hash(void *arg, die_ref ref, bool type)
{
	return type ? reference_hash(arg, ref) : variable_hash(arg, ref);
}

static uint64_t attributes_hash(struct scan *scan, const struct die *die, uint64_t hash)
{
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	struct attr attr;

	hash = hash_mix(hash, die->abbrev->tag);
	for (unsigned i = 0; i < die->abbrev->count; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			break;
		if (attr.name == DW_AT_sibling)
			continue;
		uint64_t value = attr.u;
		if (attr.class == ATTR_STRING)
			value = worker_name(scan->worker, die->unit, &attr);
		else if (attr.class == ATTR_REFERENCE)
			value = is_bound(attr.name) ? variable_hash(scan, attr.u) : reference_hash(scan, attr.u);
		else if (attr.class == ATTR_SIGNATURE)
			value = reference_hash(scan, dwarf_signature(die->unit->dwarf, attr.u));
		else if (attr.class == ATTR_BLOCK)
			value = is_bound(attr.name) || attr.name == DW_AT_data_member_location ?
				expression_hash(scan->worker, die->unit, attr.bytes, attr.u, entry_hash, scan) :
				hash_bytes(3, attr.bytes, attr.u);
		else if (attr.name == DW_AT_decl_file)
			value = unit_file(scan->worker->gather, die->unit, attr.u);
		hash = hash_mix(hash_mix(hash, attr.name), value);
	}
	return hash;
}

/* The children that count, each with its own (variants of Rust, template packs). */
static uint64_t children_hash(struct scan *scan, const struct die *parent, uint64_t hash, unsigned level)
{
	const uint8_t *at = die_attrs_end(parent);
	struct die die;

	while (at && die_at(parent->unit, parent->table, at, &die) && die.abbrev) {
		bool nested = die.abbrev->tag == DW_TAG_enumeration_type && parent->abbrev->tag != DW_TAG_array_type;
		if (is_content(die.abbrev->tag) && !nested) {
			hash = attributes_hash(scan, &die, hash);
			if (die.abbrev->children && level < 8)
				hash = hash_mix(children_hash(scan, &die, hash, level + 1), 5);
		}
		at = die.abbrev->children ? die_skip(&die) : die_attrs_end(&die);
	}
	return hash;
}

static void node_hash(struct scan *scan, struct scan_node *node)
{
	struct die die;
	size_t base = scan->edge_count;
	size_t index = (size_t)(node - scan->nodes);

	if (node->state != HASH_TODO || !node_die(scan, node, &die))
		return;
	node->state = HASH_BUSY;
	scan->depth++;
	uint64_t hash = 17;
	if (node->named || node->parent)
		hash = hash_mix(hash, node->parent ? node_key(scan, &scan->nodes[node->parent - 1]) : 0);
	hash = attributes_hash(scan, &die, hash);
	if (die.abbrev->children && node->tag != DW_TAG_namespace && node->tag != DW_TAG_module)
		hash = children_hash(scan, &die, hash, 0);
	scan->depth--;
	node = &scan->nodes[index];
	node->hash = hash;
	node->state = HASH_DONE;
	uint64_t key = node->named ? node_key(scan, node) : 0;
	place first = PLACE(scan->units[node->unit].unit->index, node->offset);
	node->content = content_add(scan->worker, hash, key, node->declaration, first,
				    scan->edges ? scan->edges + base : NULL, scan->edge_count - base);
	scan->edge_count = base;
}

/* Namespaces that are opened many times are one: they are told apart by their key alone. */
static void namespace_hash(struct scan *scan, struct scan_node *node)
{
	node->hash = hash_mix(node_key(scan, node), DW_TAG_namespace);
	node->state = HASH_DONE;
	node->content = content_add(scan->worker, node->hash, 0, false,
				    PLACE(scan->units[node->unit].unit->index, node->offset), NULL, 0);
}

/* `struct outer::inner {...}` after `struct outer { struct inner; }` has its name and place from there. */
static void find_declarations(struct scan *scan)
{
	for (size_t i = 0; i < scan->count; i++) {
		struct scan_node *node = &scan->nodes[i];
		if (!node->completes)
			continue;
		struct scan_node *declaration = scan_find(scan, node->alias);
		node->alias = DIE_NONE;
		if (!declaration || declaration->completes || declaration == node)
			continue;
		node->declared = (uint32_t)(declaration - scan->nodes) + 1;
		node->named = declaration->named;
		if (declaration->unit == node->unit)
			node->parent = declaration->parent;
	}
}

static void hash_all(struct scan *scan)
{
	find_declarations(scan);
	for (size_t i = 0; i < scan->count; i++) {
		struct scan_node *node = &scan->nodes[i];
		if (node->tag == DW_TAG_namespace || node->tag == DW_TAG_module)
			namespace_hash(scan, node);
		else if (is_type_tag(node->tag) && !node->alias)
			node_hash(scan, node);
	}
	for (size_t i = 0; i < scan->count; i++) { /* skeletons of type units are what they name */
		struct scan_node *node = &scan->nodes[i], *target = node;
		for (int hop = 0; target && target->alias && hop < 8; hop++)
			target = scan_find(scan, target->alias);
		if (node->alias && target)
			node->content = target->content;
	}
}

/* Keeps what later passes need: where the type entries are and which content each has. */
static bool scan_keep(struct scan *scan)
{
	struct gather *gather = scan->worker->gather;

	for (uint32_t u = 0; u < scan->unit_count; u++) {
		const struct scan_unit *entry = &scan->units[u];
		struct unit_data *data = &gather->units[entry->unit->index];
		uint32_t types = 0, scopes = 0;
		for (uint32_t i = 0; i < entry->count; i++) {
			types += scan->nodes[entry->first + i].content != 0;
			scopes += scan->nodes[entry->first + i].parent != 0;
		}
		data->nodes = malloc((types + 1) * sizeof(*data->nodes));
		data->scopes = malloc((scopes + 1) * sizeof(*data->scopes));
		if (!data->nodes || !data->scopes)
			return false;
		for (uint32_t i = 0; i < entry->count; i++) {
			const struct scan_node *node = &scan->nodes[entry->first + i];
			if (node->content)
				data->nodes[data->node_count++] = (struct type_node){
					node->offset, node->content | (node->alias ? IS_ALIAS : 0) };
			if (node->parent)
				data->scopes[data->scope_count++] = (struct entry_scope){
					node->offset, scan->nodes[node->parent - 1].offset };
		}
		bounds_sort(data);
	}
	return true;
}

void scan_free(struct scan *scan)
{
	if (!scan)
		return;
	for (uint32_t i = 0; i < scan->unit_count; i++)
		if (i == 0 || scan->units[i].table != scan->units[i - 1].table)
			abbrev_table_free(scan->units[i].table);
	free(scan->units);
	free(scan->nodes);
	free(scan->index);
	free(scan->parents);
	free(scan->edges);
	free(scan);
}

/* The memory of a scan of single units, kept from unit to unit; all of `index` is 0. */
static struct scan *scan_of(struct worker *worker, size_t index_size)
{
	struct scan *scan = worker->scan;

	if (!scan) {
		scan = worker->scan = calloc(1, sizeof(*scan));
		if (!scan)
			return NULL;
		scan->worker = worker;
		scan->units = calloc(1, sizeof(*scan->units));
	}
	if (index_size > scan->index_capacity) {
		free(scan->index);
		scan->index = calloc(index_size, sizeof(*scan->index));
		scan->index_capacity = scan->index ? index_size : 0;
	}
	scan->index_size = index_size;
	scan->count = 0;
	return scan->units && scan->index ? scan : NULL;
}

static void scan_one(struct worker *worker, struct unit *unit)
{
	uint64_t size = unit->end - unit->offset;

	if (unit->root >= unit->end || size > UINT32_MAX)
		return;
	struct scan *scan = scan_of(worker, size);
	worker->table = abbrev_table_read(unit, worker->table);
	if (!scan || !worker->table) {
		worker->gather->failed = true;
		return;
	}
	scan->unit_count = 1;
	scan->units[0] = (struct scan_unit){ unit, worker->table, 0, 0 };
	bool good = scan_entries(scan, 0);
	scan->units[0].count = (uint32_t)scan->count;
	for (size_t i = 0; i < scan->count; i++)
		scan->index[scan->nodes[i].offset] = (uint32_t)i + 1;
	hash_all(scan);
	if (!good || !scan_keep(scan))
		scan_failed(scan);
	for (size_t i = 0; i < scan->count; i++)
		scan->index[scan->nodes[i].offset] = 0;
	scan->units[0].table = NULL; /* the worker's */
}

/* Units that refer to each other's types are looked at together. */
static struct sdb_error *scan_together(struct gather *gather)
{
	struct worker *worker = gather_worker(gather, 0);
	struct scan *scan = calloc(1, sizeof(*scan));
	bool good = worker && scan;

	if (good) {
		scan->worker = worker;
		scan->units = calloc(gather->dwarf.unit_count, sizeof(*scan->units));
		good = scan->units;
	}
	for (uint32_t i = 0; i < gather->dwarf.unit_count && good; i++) {
		struct unit *unit = gather->dwarf.units[i];
		const struct scan_unit *last = i ? &scan->units[i - 1] : NULL;
		struct abbrev_table *table = NULL;
		scan->unit_count = i + 1;
		scan->units[i] = (struct scan_unit){ unit, NULL, (uint32_t)scan->count, 0 };
		if (unit->root >= unit->end || unit->end - unit->offset > UINT32_MAX)
			continue;
		if (last && last->table && last->table->offset == unit->abbrev_offset &&
		    last->table->file == unit->file && last->unit->version == unit->version &&
		    last->unit->offset_size == unit->offset_size)
			table = last->table;
		scan->units[i].table = table ? table : abbrev_table_read(unit, NULL);
		good = scan->units[i].table && scan_entries(scan, i);
		scan->units[i].count = (uint32_t)scan->count - scan->units[i].first;
	}
	if (good) {
		scan->unit_count = gather->dwarf.unit_count;
		hash_all(scan);
		good = scan_keep(scan);
	}
	scan_free(scan);
	return good ? NULL : sdb_error_new(SDB_ERROR_MEMORY, "out of memory while reading types");
}

/* Whether entries of one unit name types in another. */
static bool units_are_linked(const struct dwarf *dwarf)
{
	bool linked = dwarf->has_alt || dwarf->signature_count;

	for (uint32_t i = 0; i < dwarf->unit_count && !linked; i++)
		linked = dwarf->units[i]->links || dwarf->units[i]->root_tag == DW_TAG_partial_unit;
	return linked;
}

struct sdb_error *types_gather(struct gather *gather)
{
	gather->types = calloc(1, sizeof(*gather->types));
	if (!gather->types || !brief_lock_init(&gather->types->lock))
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	bool together = units_are_linked(&gather->dwarf);
	struct sdb_error *error = together ? scan_together(gather) : gather_units(gather, scan_one);
	for (unsigned i = 0; i < gather->worker_count; i++) {
		scan_free(gather->workers[i].scan);
		gather->workers[i].scan = NULL;
		free(gather->workers[i].type_cache);
		gather->workers[i].type_cache = NULL;
	}
	return error ? error : types_resolve(gather, together);
}
