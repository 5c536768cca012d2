/* SPDX-License-Identifier: MIT */

/* Abbreviations, entries and attribute values. */

#include "dwarf.h"

#include <stdlib.h>

uint64_t dwarf_uleb_slow(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;
	uint64_t value = 0;

	if (!p)
		return 0;
	for (unsigned shift = 0; p < end; shift += 7) {
		uint8_t byte = *p++;
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*at = p;
			return value;
		}
	}
	*at = NULL;
	return 0;
}

int64_t dwarf_sleb(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;
	uint64_t value = 0;

	if (!p)
		return 0;
	for (unsigned shift = 0; p < end;) {
		uint8_t byte = *p++;
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (!(byte & 0x80)) {
			if (shift < 64 && (byte & 0x40))
				value |= ~UINT64_C(0) << shift;
			*at = p;
			return (int64_t)value;
		}
	}
	*at = NULL;
	return 0;
}

/* ---- abbreviations ----------------------------------------------------------- */

/* Sizes that depend on the unit, and sizes that depend on the value. */
enum { SIZE_VARIABLE = -1, SIZE_ADDRESS = -2, SIZE_OFFSET = -3, SIZE_REF_ADDR = -4 };

struct form {
	int8_t size;
	uint8_t class;
	bool known;
};

static const struct form forms[] = {
	[DW_FORM_flag_present] = { 0, ATTR_FLAG, true },
	[DW_FORM_implicit_const] = { 0, ATTR_SIGNED, true },
	[DW_FORM_data1] = { 1, ATTR_UNSIGNED, true },
	[DW_FORM_data2] = { 2, ATTR_UNSIGNED, true },
	[DW_FORM_data4] = { 4, ATTR_UNSIGNED, true },
	[DW_FORM_data8] = { 8, ATTR_UNSIGNED, true },
	[DW_FORM_data16] = { 16, ATTR_BLOCK, true },
	[DW_FORM_flag] = { 1, ATTR_FLAG, true },
	[DW_FORM_ref1] = { 1, ATTR_REFERENCE, true },
	[DW_FORM_ref2] = { 2, ATTR_REFERENCE, true },
	[DW_FORM_ref4] = { 4, ATTR_REFERENCE, true },
	[DW_FORM_ref8] = { 8, ATTR_REFERENCE, true },
	[DW_FORM_ref_addr] = { SIZE_REF_ADDR, ATTR_REFERENCE, true },
	[DW_FORM_ref_sup4] = { 4, ATTR_REFERENCE, true },
	[DW_FORM_ref_sup8] = { 8, ATTR_REFERENCE, true },
	[DW_FORM_ref_sig8] = { 8, ATTR_SIGNATURE, true },
	[DW_FORM_addr] = { SIZE_ADDRESS, ATTR_ADDRESS, true },
	[DW_FORM_addrx1] = { 1, ATTR_ADDRESS_INDEX, true },
	[DW_FORM_addrx2] = { 2, ATTR_ADDRESS_INDEX, true },
	[DW_FORM_addrx3] = { 3, ATTR_ADDRESS_INDEX, true },
	[DW_FORM_addrx4] = { 4, ATTR_ADDRESS_INDEX, true },
	[DW_FORM_strx1] = { 1, ATTR_STRING, true },
	[DW_FORM_strx2] = { 2, ATTR_STRING, true },
	[DW_FORM_strx3] = { 3, ATTR_STRING, true },
	[DW_FORM_strx4] = { 4, ATTR_STRING, true },
	[DW_FORM_strp] = { SIZE_OFFSET, ATTR_STRING, true },
	[DW_FORM_line_strp] = { SIZE_OFFSET, ATTR_STRING, true },
	[DW_FORM_strp_sup] = { SIZE_OFFSET, ATTR_STRING, true },
	[DW_FORM_sec_offset] = { SIZE_OFFSET, ATTR_SECTION, true },
};

static inline struct form form_of(unsigned form)
{
	if (form < sizeof(forms) / sizeof(*forms) && forms[form].known)
		return forms[form];
	if (form == DW_FORM_GNU_ref_alt || form == DW_FORM_GNU_strp_alt)
		return (struct form){ SIZE_OFFSET, form == DW_FORM_GNU_ref_alt ? ATTR_REFERENCE : ATTR_STRING, true };
	return (struct form){ SIZE_VARIABLE, ATTR_UNSIGNED, false };
}

/* Attributes whose data4/data8 of DWARF 2 and 3 is an offset into another section. */
static bool is_section_offset(unsigned name, unsigned version)
{
	switch (name) {
	case DW_AT_data_member_location:
		return version == 3;
	case DW_AT_location: case DW_AT_stmt_list: case DW_AT_string_length: case DW_AT_return_addr:
	case DW_AT_frame_base: case DW_AT_macro_info: case DW_AT_segment:
	case DW_AT_static_link: case DW_AT_use_location: case DW_AT_vtable_elem_location: case DW_AT_ranges:
		return version <= 3;
	default:
		return false;
	}
}

static inline struct attr_spec make_spec(const struct unit *unit, unsigned name, unsigned form, int64_t implicit)
{
	struct form known = form_of(form);
	int size = known.size;

	if (size < SIZE_VARIABLE)
		size = size == SIZE_ADDRESS || (size == SIZE_REF_ADDR && unit->version <= 2) ?
			unit->address_size : unit->offset_size;
	if (unit->version <= 3 && known.class == ATTR_UNSIGNED && size >= 4 && is_section_offset(name, unit->version))
		known.class = ATTR_SECTION;
	return (struct attr_spec){ .name = (uint16_t)name, .form = (uint16_t)form, .size = (int8_t)size,
		.class = known.class, .implicit = form == DW_FORM_flag_present ? 1 : implicit };
}

struct attr_spec attr_spec_make(const struct unit *unit, unsigned name, unsigned form, int64_t implicit)
{
	return make_spec(unit, name, form, implicit);
}

void abbrev_table_free(struct abbrev_table *table)
{
	if (!table)
		return;
	free(table->abbrevs);
	free(table->specs);
	free(table);
}

static bool grow(void **array, size_t *capacity, size_t count, size_t size)
{
	if (count < *capacity)
		return true;
	size_t wanted = *capacity ? *capacity * 2 : 64;
	void *bigger = realloc(*array, wanted * size);
	if (!bigger)
		return false;
	*array = bigger;
	*capacity = wanted;
	return true;
}

static int compare_abbrevs(const void *a, const void *b)
{
	const struct abbrev *x = a, *y = b;

	if (x->code != y->code)
		return x->code < y->code ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* Code, tag and children of one abbreviation; its specifications follow. NULL at the end of the table. */
static const uint8_t *abbrev_begin(const uint8_t *at, const uint8_t *end, struct abbrev *abbrev)
{
	*abbrev = (struct abbrev){ .code = dwarf_uleb(&at, end) };
	if (!at || abbrev->code == 0)
		return NULL;
	uint64_t tag = dwarf_uleb(&at, end);
	if (!at || at >= end || tag > UINT16_MAX)
		return NULL;
	abbrev->tag = (uint16_t)tag;
	abbrev->children = *at++ != 0;
	return at;
}

/* Reads the attribute specifications of one abbreviation; where they end, or NULL. */
static const uint8_t *specs_read(const struct unit *unit, const uint8_t *at, const uint8_t *end,
				 struct abbrev_table *table, struct abbrev *abbrev)
{
	int64_t fixed = 0;

	if (table->spec_count > UINT32_MAX / 2)
		return NULL;
	abbrev->first = (uint32_t)table->spec_count;
	abbrev->sibling = -1;
	for (;;) {
		uint64_t name = dwarf_uleb(&at, end), form = dwarf_uleb(&at, end);
		if (!at)
			return NULL;
		if (name == 0 && form == 0)
			break;
		if (name > UINT16_MAX || form > UINT16_MAX || abbrev->count == UINT16_MAX)
			return NULL;
		int64_t implicit = form == DW_FORM_implicit_const ? dwarf_sleb(&at, end) : 0;
		if (!at || (table->spec_count == table->spec_capacity &&
			    !grow((void **)&table->specs, &table->spec_capacity, table->spec_count, sizeof(*table->specs))))
			return NULL;
		struct attr_spec *spec = &table->specs[table->spec_count++];
		*spec = make_spec(unit, (unsigned)name, (unsigned)form, implicit);
		abbrev->count++;
		if (name == DW_AT_sibling && form == DW_FORM_ref4 && fixed >= 0 && abbrev->sibling < 0)
			abbrev->sibling = (int32_t)fixed;
		fixed = fixed < 0 || spec->size < 0 ? -1 : fixed + spec->size;
	}
	abbrev->fixed_size = (int32_t)fixed;
	return at;
}

struct abbrev_table *abbrev_table_read(const struct unit *unit, struct abbrev_table *reuse)
{
	const struct section_data *section = &unit->file->sections[DWARF_ABBREV];

	if (reuse && reuse->file == unit->file && reuse->offset == unit->abbrev_offset &&
	    reuse->version_class == unit_version_class(unit) && reuse->address_size == unit->address_size &&
	    reuse->offset_size == unit->offset_size)
		return reuse;

	/* What the last unit's table took is enough for most others. */
	struct abbrev_table *table = reuse ? reuse : calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	*table = (struct abbrev_table){ .file = unit->file, .offset = unit->abbrev_offset, .dense = true,
		.version_class = unit_version_class(unit), .address_size = unit->address_size, .offset_size = unit->offset_size,
		.abbrevs = table->abbrevs, .capacity = table->capacity,
		.specs = table->specs, .spec_capacity = table->spec_capacity };
	if (unit->abbrev_offset >= section->size)
		return table;

	const uint8_t *at = section->data + unit->abbrev_offset, *end = section->data + section->size;
	struct abbrev abbrev;
	while (at < end && (at = abbrev_begin(at, end, &abbrev))) {
		at = specs_read(unit, at, end, table, &abbrev);
		if (!at || !grow((void **)&table->abbrevs, &table->capacity, table->count, sizeof(abbrev)))
			break;
		table->dense &= abbrev.code == table->count + 1;
		table->abbrevs[table->count++] = abbrev;
	}
	if (!table->dense)
		qsort(table->abbrevs, table->count, sizeof(*table->abbrevs), compare_abbrevs);
	return table;
}

/*
 * Passes over the specifications of one abbreviation; where they end, or NULL. *LINKS_RET says
 * whether one is a reference to another unit for what is not just a function that is called or inlined.
 */
static const uint8_t *specs_pass(const uint8_t *at, const uint8_t *end, bool *links_ret)
{
	bool links = false;

	for (unsigned count = 0; count <= UINT16_MAX; count++) {
		uint64_t name = dwarf_uleb(&at, end), form = dwarf_uleb(&at, end);
		if (!at || name > UINT16_MAX || form > UINT16_MAX)
			return NULL;
		if (name == 0 && form == 0) {
			*links_ret = links;
			return at;
		}
		if (form == DW_FORM_implicit_const)
			dwarf_sleb(&at, end);
		else if (form == DW_FORM_ref_addr)
			links |= name != DW_AT_abstract_origin && name != DW_AT_call_origin && name != DW_AT_import;
	}
	return NULL;
}

struct abbrev_table *abbrev_table_root(const struct unit *unit, bool *links_ret)
{
	const struct section_data *section = &unit->file->sections[DWARF_ABBREV];
	struct abbrev_table *table = calloc(1, sizeof(*table));
	const uint8_t *root = unit_section(unit) + unit->root;
	uint64_t code = dwarf_uleb(&root, unit_end(unit));
	struct abbrev abbrev;

	if (links_ret)
		*links_ret = false;
	if (!table || unit->abbrev_offset >= section->size)
		return table;
	const uint8_t *at = section->data + unit->abbrev_offset, *end = section->data + section->size;
	while (at && at < end && (at = abbrev_begin(at, end, &abbrev))) {
		const uint8_t *specs = at;
		bool links = false;
		at = specs_pass(at, end, &links);
		if (links && links_ret)
			*links_ret = true;
		if (!at || table->count || abbrev.code != code)
			continue;
		if (!specs_read(unit, specs, end, table, &abbrev) ||
		    !grow((void **)&table->abbrevs, &table->capacity, 0, sizeof(abbrev)))
			break;
		table->abbrevs[table->count++] = abbrev;
		if (!links_ret)
			break;
	}
	return table;
}

const struct abbrev *abbrev_find_slow(const struct abbrev_table *table, uint64_t code)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (table->abbrevs[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return low < table->count && table->abbrevs[low].code == code ? &table->abbrevs[low] : NULL;
}

/* ---- attribute values ------------------------------------------------------------ */

static const uint8_t *read_block(const uint8_t *at, const uint8_t *end, uint64_t length, struct attr *attr)
{
	if (!at || length > (uint64_t)(end - at))
		return NULL;
	attr->class = ATTR_BLOCK;
	attr->bytes = at;
	attr->u = length;
	return at + length;
}

static const uint8_t *read_indirect(const struct unit *unit, const struct attr_spec *spec, const uint8_t *at,
				    const uint8_t *end, struct attr *attr)
{
	uint64_t form = dwarf_uleb(&at, end);

	if (!at || form == DW_FORM_indirect || form > UINT16_MAX)
		return NULL;
	int64_t implicit = form == DW_FORM_implicit_const ? dwarf_sleb(&at, end) : 0;
	if (!at)
		return NULL;
	struct attr_spec actual = attr_spec_make(unit, spec->name, (unsigned)form, implicit);
	return attr_read(unit, &actual, at, attr);
}

/* Forms of variable length. */
static const uint8_t *read_variable(const struct unit *unit, const struct attr_spec *spec, const uint8_t *at,
				    const uint8_t *end, struct attr *attr)
{
	uint64_t length;

	switch (spec->form) {
	case DW_FORM_string: {
		const uint8_t *nul = memchr(at, 0, (size_t)(end - at));
		attr->class = ATTR_STRING;
		attr->bytes = at;
		return nul ? nul + 1 : NULL;
	}
	case DW_FORM_sdata:
		attr->class = ATTR_SIGNED;
		attr->s = dwarf_sleb(&at, end);
		return at;
	case DW_FORM_udata:
		attr->class = ATTR_UNSIGNED;
		attr->u = dwarf_uleb(&at, end);
		return at;
	case DW_FORM_ref_udata:
		attr->class = ATTR_REFERENCE;
		attr->u = unit_ref(unit, (unit->offset + dwarf_uleb(&at, end)) & (UINT64_MAX >> 17));
		return at;
	case DW_FORM_strx: case DW_FORM_GNU_str_index:
		attr->class = ATTR_STRING;
		attr->u = dwarf_uleb(&at, end);
		return at;
	case DW_FORM_addrx: case DW_FORM_GNU_addr_index:
		attr->class = ATTR_ADDRESS_INDEX;
		attr->u = dwarf_uleb(&at, end);
		return at;
	case DW_FORM_loclistx: case DW_FORM_rnglistx:
		attr->class = ATTR_LIST_INDEX;
		attr->u = dwarf_uleb(&at, end);
		return at;
	case DW_FORM_exprloc: case DW_FORM_block:
		length = dwarf_uleb(&at, end);
		return read_block(at, end, length, attr);
	case DW_FORM_block1: case DW_FORM_block2: case DW_FORM_block4: {
		unsigned size = spec->form == DW_FORM_block1 ? 1 : spec->form == DW_FORM_block2 ? 2 : 4;
		if ((size_t)(end - at) < size)
			return NULL;
		length = dwarf_number(unit->dwarf, at, size);
		return read_block(at + size, end, length, attr);
	}
	case DW_FORM_indirect:
		return read_indirect(unit, spec, at, end, attr);
	default:
		return NULL;
	}
}

/* What a reference's value refers to. */
static die_ref resolve(const struct unit *unit, unsigned form, uint64_t value)
{
	switch (form) {
	case DW_FORM_ref_addr:
		return DIE_REF(unit->file->index, 0, value & (UINT64_MAX >> 17));
	case DW_FORM_GNU_ref_alt: case DW_FORM_ref_sup4: case DW_FORM_ref_sup8:
		return unit->dwarf->has_alt ? DIE_REF(2, 0, value & (UINT64_MAX >> 17)) : DIE_NONE;
	default:
		return unit_ref(unit, (unit->offset + value) & (UINT64_MAX >> 17));
	}
}

const uint8_t *attr_read(const struct unit *unit, const struct attr_spec *spec, const uint8_t *at,
			 struct attr *attr)
{
	const uint8_t *end = unit_end(unit);
	int size = spec->size;

	attr->name = spec->name;
	attr->form = spec->form;
	attr->class = spec->class;
	attr->bytes = NULL;
	if (size == 0) { /* also the value of a flag that is present */
		attr->s = spec->implicit;
		return at;
	}
	if (size < 0)
		return read_variable(unit, spec, at, end, attr);
	if (end - at < size)
		return NULL;
	switch (size) {
	case 1: attr->u = *at; break;
	case 2: attr->u = dwarf_number(unit->dwarf, at, 2); break;
	case 4: attr->u = dwarf_number(unit->dwarf, at, 4); break;
	case 8: attr->u = dwarf_number(unit->dwarf, at, 8); break;
	case 16: return read_block(at, end, 16, attr);
	default: attr->u = dwarf_number(unit->dwarf, at, (unsigned)size);
	}
	if (attr->class == ATTR_REFERENCE)
		attr->u = resolve(unit, spec->form, attr->u);
	return at + size;
}

const uint8_t *attrs_skip(const struct unit *unit, const struct abbrev_table *table,
			  const struct abbrev *abbrev, const uint8_t *at)
{
	const uint8_t *end = unit_end(unit);

	if (abbrev->fixed_size >= 0)
		return end - at < abbrev->fixed_size ? NULL : at + abbrev->fixed_size;
	const struct attr_spec *spec = table->specs + abbrev->first;
	for (unsigned i = 0; i < abbrev->count && at; i++, spec++) {
		struct attr attr;
		if (spec->size >= 0)
			at = end - at < spec->size ? NULL : at + spec->size;
		else
			at = read_variable(unit, spec, at, end, &attr);
	}
	return at;
}

/* ---- strings and addresses --------------------------------------------------------- */

static const char *start_in(const struct section_data *section, uint64_t offset, const char **limit_ret)
{
	if (!section->data || offset >= section->size)
		return NULL;
	*limit_ret = (const char *)section->data + section->size;
	return (const char *)section->data + offset;
}

static const char *indexed_start(const struct unit *unit, uint64_t index, const char **limit_ret)
{
	const struct section_data *offsets = &unit->file->sections[DWARF_STR_OFFSETS];
	uint64_t at;

	if (__builtin_mul_overflow(index, unit->offset_size, &at) ||
	    __builtin_add_overflow(at, unit->str_offsets_base, &at) || !offsets->data ||
	    at > offsets->size || offsets->size - at < unit->offset_size)
		return NULL;
	return start_in(&unit->file->sections[DWARF_STR],
			dwarf_number(unit->dwarf, offsets->data + at, unit->offset_size), limit_ret);
}

const char *attr_string_start(const struct unit *unit, const struct attr *attr, const char **limit_ret)
{
	switch (attr->form) {
	case DW_FORM_string: /* its end was found when it was read */
		*limit_ret = (const char *)unit_end(unit);
		return (const char *)attr->bytes;
	case DW_FORM_strp:
		return start_in(&unit->file->sections[DWARF_STR], attr->u, limit_ret);
	case DW_FORM_line_strp:
		return start_in(&unit->file->sections[DWARF_LINE_STR], attr->u, limit_ret);
	case DW_FORM_strp_sup: case DW_FORM_GNU_strp_alt:
		return unit->dwarf->has_alt ?
			start_in(&unit->dwarf->files[1]->sections[DWARF_STR], attr->u, limit_ret) : NULL;
	default:
		return attr->class == ATTR_STRING ? indexed_start(unit, attr->u, limit_ret) : NULL;
	}
}

const char *attr_string(const struct unit *unit, const struct attr *attr)
{
	const char *limit, *start = attr_string_start(unit, attr, &limit);

	return start && memchr(start, 0, (size_t)(limit - start)) ? start : NULL;
}

bool dwarf_indexed_address(const struct unit *unit, uint64_t index, uint64_t *address_ret)
{
	/* A split unit's addresses are in the linked file. */
	const struct dwarf_file *file = unit->file->skeleton ? unit->file->skeleton->file : unit->file;
	const struct section_data *section = &file->sections[DWARF_ADDR];
	uint64_t at;

	if (__builtin_mul_overflow(index, unit->address_size, &at) ||
	    __builtin_add_overflow(at, unit->addr_base, &at) || !section->data || at > section->size ||
	    section->size - at < unit->address_size)
		return false;
	*address_ret = dwarf_number(unit->dwarf, section->data + at, unit->address_size);
	return true;
}

bool attr_address(const struct unit *unit, const struct attr *attr, uint64_t *address_ret)
{
	if (attr->class == ATTR_ADDRESS_INDEX)
		return dwarf_indexed_address(unit, attr->u, address_ret);
	*address_ret = attr->u;
	return attr->class == ATTR_ADDRESS;
}

/* ---- entries -------------------------------------------------------------------------- */

const uint8_t *die_skip(const struct die *start)
{
	const struct unit *unit = start->unit;
	const uint8_t *at = start->attrs;
	struct die die = *start;
	unsigned long depth = 0;

	if (!start->abbrev)
		return at;
	do {
		const struct abbrev *abbrev = die.abbrev;
		if (!abbrev) {
			depth--;
			at = die.attrs;
		} else {
			if (abbrev->children && abbrev->sibling >= 0 &&
			    unit_end(unit) - die.attrs >= abbrev->sibling + 4) {
				uint64_t sibling = unit->offset +
					dwarf_number(unit->dwarf, die.attrs + abbrev->sibling, 4);
				if (sibling > die.offset && sibling < unit->end) {
					at = unit_section(unit) + sibling;
					goto next;
				}
			}
			at = die_attrs_end(&die);
			if (!at)
				return NULL;
			depth += abbrev->children;
		}
next:
		if (depth == 0)
			return at;
	} while (die_at(unit, start->table, at, &die));
	return NULL;
}

bool die_attr(const struct die *die, unsigned name, struct attr *attr_ret)
{
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;

	for (unsigned i = 0; i < die->abbrev->count && at; i++, spec++) {
		at = attr_read(die->unit, spec, at, attr_ret);
		if (at && spec->name == name)
			return true;
	}
	return false;
}
