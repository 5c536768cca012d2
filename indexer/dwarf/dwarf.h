/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_DWARF_DWARF_H
#define INDEXER_DWARF_DWARF_H

/*
 * Reading DWARF 2 to 5 straight from section bytes: units, abbreviations, entries and attribute
 * values. Nothing is built in memory but a table of units; an entry is a place in
 * a section. Readers return NULL where the data ends or makes no sense.
 */

#include "../module.h"
#include "constants.h"

#include <stdatomic.h>

/* A place of an entry: which file, which of its two entry sections, and where. */
typedef uint64_t die_ref;
#define DIE_NONE 0
#define DIE_REF(file, types, offset) \
	((die_ref)(file) << 48 | (die_ref)(types) << 47 | (die_ref)(offset))
#define DIE_FILE(ref) ((uint32_t)((ref) >> 48))
#define DIE_TYPES(ref) ((bool)((ref) >> 47 & 1))
#define DIE_OFFSET(ref) ((ref) & ((UINT64_C(1) << 47) - 1))

enum dwarf_section_id {
	DWARF_INFO, DWARF_TYPES, DWARF_ABBREV, DWARF_STR, DWARF_LINE_STR, DWARF_STR_OFFSETS, DWARF_ADDR,
	DWARF_RANGES, DWARF_RNGLISTS, DWARF_LOC, DWARF_LOCLISTS, DWARF_LINE, DWARF_SECTIONS
};

/* The debug sections that belong together: a linked file's, a dwz file's, a split unit's. */
struct dwarf_file {
	uint32_t index; /* in dwarf.files, from 1 */
	struct section_data sections[DWARF_SECTIONS];
	struct dwo_unit *dwo;    /* when it is a split unit */
	struct unit *skeleton;   /* of a split unit */
};

struct attr_spec {
	uint16_t name;
	uint16_t form;
	int8_t size;      /* bytes of the form whatever its value, or -1 */
	uint8_t class;    /* enum attr_class, when `size` is not -1 */
	int64_t implicit; /* when `size` is 0 */
};

struct abbrev {
	uint64_t code;
	uint16_t tag;
	bool children;
	uint16_t count;
	int32_t fixed_size; /* bytes of all attributes when that does not depend on them, else -1 */
	int32_t sibling;    /* offset of a DW_FORM_ref4 DW_AT_sibling in them, else -1 */
	uint32_t first;     /* in abbrev_table.specs */
};

struct abbrev_table {
	struct abbrev *abbrevs;
	size_t count, capacity;
	bool dense; /* abbrevs[i].code == i + 1 */
	struct attr_spec *specs;
	size_t spec_count, spec_capacity;
	const struct dwarf_file *file;
	uint64_t offset;
	uint8_t version_class, address_size, offset_size;
};

struct unit {
	struct dwarf *dwarf;
	const struct dwarf_file *file;
	const uint8_t *section; /* that it lies in */
	uint32_t index;     /* in dwarf.units */
	uint8_t type;       /* DW_UT_* */
	bool in_types;      /* lies in .debug_types */
	bool parsed;        /* the root's attributes below are valid */
	bool links;         /* entries of it may refer to types of other units */
	bool skeleton;      /* its content is in the split unit `split` */
	bool kept;          /* of a slice: it is part of it */
	uint16_t version;
	uint8_t address_size;
	uint8_t offset_size;
	uint64_t offset;    /* of the header */
	uint64_t root;      /* offset of the first entry */
	uint64_t end;
	uint64_t abbrev_offset;
	uint64_t signature; /* of a type unit; DWO id of a skeleton or split unit */
	uint64_t type_offset;
	/* from the root entry */
	uint16_t root_tag;
	uint16_t language;
	uint64_t str_offsets_base;
	uint64_t addr_base;
	uint64_t rnglists_base;
	uint64_t loclists_base;
	uint64_t ranges_base;   /* DW_AT_GNU_ranges_base */
	uint64_t low_pc;
	uint64_t line_offset;   /* DW_AT_stmt_list; UINT64_MAX when absent */
	const char *name;
	const char *comp_dir;
	const char *producer;
	const char *dwo_name;
	struct unit *split;
	uint32_t line_table;    /* index in dwarf.line_tables + 1; 0 when there is none */
};

struct line_table;

/* Addresses of code that alone are of interest. */
struct dwarf_addresses {
	const uint64_t *addresses; /* sorted */
	size_t count;
};

/* All DWARF of a module. Read-only once dwarf_open() has returned. */
struct dwarf {
	struct module *module;
	const struct dwarf_addresses *near; /* NULL: everything is of interest */
	bool dropped;          /* units were left out for that reason */
	bool big_endian;
	bool has_alt;
	uint32_t file_count;
	struct dwarf_file **files;
	uint32_t unit_count;
	struct unit **units;   /* by file, section, offset */
	/* The first file's .debug_info in equal pieces: the unit at each one's begin, and at the end. */
	uint32_t *unit_index;
	size_t unit_index_count;
	unsigned unit_index_shift;
	struct line_table *line_tables;
	uint32_t line_table_count;
	struct signature *signatures; /* of type units, sorted */
	size_t signature_count;
	uint64_t info_size;    /* bytes of all entry sections */
	const struct sdb_range *executable; /* ranges of code sections, sorted; may be empty */
	size_t executable_count;
};

/* Has the sections that dwarf_open() wants prepared, see module_prepare(). */
struct preparation *dwarf_prepare(struct module *module, unsigned jobs);
/* NEAR, when not NULL: with the units that have code there and what they refer to, and no others (slice.c). */
struct sdb_error *dwarf_open(struct module *module, const struct dwarf_addresses *near, struct dwarf *dwarf);
void dwarf_close(struct dwarf *dwarf);

/* Whether ADDRESS can be code: a linker leaves 0, 1 or -1 where it dropped a section. */
bool dwarf_is_code(const struct dwarf *dwarf, uint64_t address);

/* The unit that holds REF, or NULL. */
struct unit *dwarf_unit_of(const struct dwarf *dwarf, die_ref ref);
/* The entry that a type signature names, or DIE_NONE. */
die_ref dwarf_signature(const struct dwarf *dwarf, uint64_t signature);

/* ---- numbers in the file's byte order -------------------------------------- */

static inline uint64_t dwarf_number(const struct dwarf *dwarf, const uint8_t *at, unsigned size)
{
	uint64_t value = 0;
	if (!dwarf->big_endian) {
		uint16_t half;
		uint32_t word;
		switch (size) {
		case 1: return *at;
		case 2: memcpy(&half, at, 2); return half;
		case 4: memcpy(&word, at, 4); return word;
		case 8: memcpy(&value, at, 8); return value;
		}
		for (unsigned i = size; i-- > 0;)
			value = value << 8 | at[i];
		return value;
	}
	for (unsigned i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

/* LEB128 at *AT, before END; *AT becomes NULL at the end of the data. */
uint64_t dwarf_uleb_slow(const uint8_t **at, const uint8_t *end);
int64_t dwarf_sleb(const uint8_t **at, const uint8_t *end);
static inline uint64_t dwarf_uleb(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;
	if (p && p < end && *p < 0x80) {
		*at = p + 1;
		return *p;
	}
	return dwarf_uleb_slow(at, end);
}

/* ---- entries ------------------------------------------------------------------ */

static inline const uint8_t *unit_section(const struct unit *unit)
{
	return unit->section;
}
static inline const uint8_t *unit_end(const struct unit *unit)
{
	return unit->section + unit->end;
}
/* Units of one class and of equal sizes read the same abbreviations alike. */
static inline uint8_t unit_version_class(const struct unit *unit)
{
	return unit->version < 4 ? (uint8_t)unit->version : 4;
}

/* The abbreviation table of a unit; kept by the caller between units that share it. */
struct abbrev_table *abbrev_table_read(const struct unit *unit, struct abbrev_table *reuse);
/*
 * A table that has the abbreviation of the unit's root entry only: the others are passed over without being
 * kept. *LINKS_RET says whether one has a reference to another unit that can lead to a type; NULL: not wanted.
 */
struct abbrev_table *abbrev_table_root(const struct unit *unit, bool *links_ret);
void abbrev_table_free(struct abbrev_table *table);
const struct abbrev *abbrev_find_slow(const struct abbrev_table *table, uint64_t code);
static inline const struct abbrev *abbrev_find(const struct abbrev_table *table, uint64_t code)
{
	if (table->dense)
		return code - 1 < table->count ? &table->abbrevs[code - 1] : NULL;
	return abbrev_find_slow(table, code);
}

/* What kind of value an attribute has; tells which member of struct attr counts. */
enum attr_class {
	ATTR_UNSIGNED,  /* u: DW_FORM_data*, udata */
	ATTR_SIGNED,    /* s: sdata, implicit_const */
	ATTR_ADDRESS,   /* u */
	ATTR_ADDRESS_INDEX, /* u: addrx */
	ATTR_REFERENCE, /* u: a die_ref */
	ATTR_SIGNATURE, /* u */
	ATTR_STRING,    /* see attr_string() */
	ATTR_BLOCK,     /* bytes, u is the length; exprloc too */
	ATTR_SECTION,   /* u: sec_offset (also data4/data8 in old DWARF where the attribute says so) */
	ATTR_LIST_INDEX,/* u: loclistx, rnglistx */
	ATTR_FLAG,      /* u */
};

struct attr {
	uint16_t name;
	uint16_t form;
	uint8_t class;
	union {
		uint64_t u;
		int64_t s;
	};
	const uint8_t *bytes;
};

/* A specification whose values are read as those of UNIT. */
struct attr_spec attr_spec_make(const struct unit *unit, unsigned name, unsigned form, int64_t implicit);

/* Reads one attribute value at AT; returns where the next begins, NULL at damage. */
const uint8_t *attr_read(const struct unit *unit, const struct attr_spec *spec, const uint8_t *at,
			 struct attr *attr);
/* Passes over all attributes of an entry. */
const uint8_t *attrs_skip(const struct unit *unit, const struct abbrev_table *table,
			  const struct abbrev *abbrev, const uint8_t *at);
/* Where the text of a string attribute begins, not looked at; LIMIT_RET is where its section ends. */
const char *attr_string_start(const struct unit *unit, const struct attr *attr, const char **limit_ret);
/* The text of a string attribute; NULL when it lies outside its section or has no end. */
const char *attr_string(const struct unit *unit, const struct attr *attr);
/* The address of an ATTR_ADDRESS or ATTR_ADDRESS_INDEX. */
bool attr_address(const struct unit *unit, const struct attr *attr, uint64_t *address_ret);
bool dwarf_indexed_address(const struct unit *unit, uint64_t index, uint64_t *address_ret);

/* A constant as signed, whatever its form says of it. */
static inline int64_t attr_constant(const struct attr *attr)
{
	return attr->s;
}

static inline die_ref unit_ref(const struct unit *unit, uint64_t offset)
{
	return DIE_REF(unit->file->index, unit->in_types, offset);
}

/* An entry that has been looked at: its abbreviation and where its attributes begin. */
struct die {
	const struct unit *unit;
	const struct abbrev_table *table;
	const struct abbrev *abbrev; /* NULL: the end of a list of children */
	uint64_t offset;
	const uint8_t *attrs;
};

/* Looks at the entry at AT; false when damaged. */
static inline bool die_at(const struct unit *unit, const struct abbrev_table *table, const uint8_t *at, struct die *die)
{
	const uint8_t *end = unit_end(unit);

	if (!at || at < unit_section(unit) + unit->root || at >= end)
		return false;
	die->unit = unit;
	die->table = table;
	die->offset = (uint64_t)(at - unit_section(unit));
	uint64_t code = dwarf_uleb(&at, end);
	if (!at)
		return false;
	die->attrs = at;
	die->abbrev = code ? abbrev_find(table, code) : NULL;
	return code == 0 || die->abbrev;
}
static inline const struct attr_spec *die_specs(const struct die *die)
{
	/* A table of abbreviations without attributes has no array to point into. */
	return die->table->specs ? die->table->specs + die->abbrev->first : NULL;
}
/* Where the attributes of DIE end: its first child, or the next entry. */
static inline const uint8_t *die_attrs_end(const struct die *die)
{
	return attrs_skip(die->unit, die->table, die->abbrev, die->attrs);
}
/* Passes over DIE and all below it. NULL when damaged. */
const uint8_t *die_skip(const struct die *die);
/* One attribute by name; false when absent. */
bool die_attr(const struct die *die, unsigned name, struct attr *attr_ret);

/* ---- slices (slice.c) ------------------------------------------------------------------ */

/* Whether UNIT, whose first entry is ROOT, has code that is of interest. */
bool slice_has_code(const struct unit *unit, const struct die *root);
/* Leaves the kept units and what they refer to, directly or not; false when memory is short. */
bool slice_select(struct dwarf *dwarf);

/* ---- address ranges and lists (ranges.c) ------------------------------------------ */

struct range_list {
	struct sdb_range *ranges;
	size_t count, capacity;
};
bool range_list_add(struct range_list *list, uint64_t low, uint64_t high);
/* The ranges of an entry from DW_AT_ranges; false when damaged. */
bool dwarf_ranges(const struct unit *unit, const struct attr *attr, struct range_list *list);

/* Calls FN for each location-list entry; false when damaged. */
typedef bool (*location_entry_fn)(void *arg, uint64_t low, uint64_t high, bool is_default,
				  const uint8_t *expression, uint64_t length);
bool dwarf_location_list(const struct unit *unit, const struct attr *attr, location_entry_fn fn, void *arg);

#endif
