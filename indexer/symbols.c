/* SPDX-License-Identifier: MIT */
#include "debugfile.h"

#include <stdlib.h>

/*
 * The symbols of a module: those of .symtab (of the file that has the larger one, else of the
 * mini-debuginfo) and those of .dynsym. A symbol that is in both is one symbol that says so.
 */

/* Linkers share names and the ends of names; more than this much is a hostile file's endless name. */
#define NAME_BUDGET 16

struct collector {
	struct module *module;
	struct module_symbol *symbols;
	size_t count;
	size_t room;
};

struct table {
	const struct elf_file *file;
	const uint8_t *data;
	size_t count;
	struct elf_strings strings;
	const uint8_t *extended;
	size_t extended_count;
	const uint32_t *map;      /* section numbers of `file` to those of the code; NULL: equal */
	const uint8_t *versions;  /* of .dynsym, or NULL */
	const char **version_names;
	size_t version_count;
	size_t first_need;        /* versions from here on are those of other modules */
	bool dynamic;
};

static struct sdb_error *no_memory(const struct module *module)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "%s: no memory for its symbols", module->path);
}

/* ---- versions ---------------------------------------------------------------------- */

/* Version numbers are 15 bits: the top one marks a version that is not the default. */
#define VERSION_HIDDEN 0x8000
#define VERSION_MAX 0x8000

struct versions {
	const char *names[VERSION_MAX];
	bool defined[VERSION_MAX]; /* by this module, rather than needed from another */
};

static const char *version_name(const struct elf_dynamic *dynamic, uint32_t offset)
{
	const char *name = elf_string(&dynamic->strings, offset);
	return name && name[0] && strnlen(name, 1024) < 1024 ? name : NULL;
}

/* SHT_GNU_verdef: Verdef records, each followed by the Verdaux with its name. */
static void read_definitions(const struct elf_file *file, const struct elf_dynamic *dynamic,
			     struct versions *versions)
{
	const uint8_t *data = dynamic->version_definitions;
	size_t size = data ? dynamic->version_definitions_size : 0, at = 0;
	for (size_t n = 0; n < VERSION_MAX && size >= 20 && at <= size - 20; n++) {
		uint16_t number = elf_u16(file, data + at + 4) & (VERSION_MAX - 1);
		uint32_t aux = elf_u32(file, data + at + 12), next = elf_u32(file, data + at + 16);
		if (size >= 8 && aux <= size - at && size - at - aux >= 8) {
			uint32_t name = elf_u32(file, data + at + aux);
			versions->names[number] = version_name(dynamic, name);
			versions->defined[number] = true;
		}
		if (next == 0 || next > size - at)
			break;
		at += next;
	}
}

/* SHT_GNU_verneed: Verneed records, each with a chain of Vernaux. */
static void read_needs(const struct elf_file *file, const struct elf_dynamic *dynamic,
		       struct versions *versions)
{
	const uint8_t *data = dynamic->version_needs;
	size_t size = data ? dynamic->version_needs_size : 0, at = 0, left = VERSION_MAX;
	while (left > 0 && size >= 16 && at <= size - 16) {
		uint32_t offset = elf_u32(file, data + at + 8), next = elf_u32(file, data + at + 12);
		size_t aux = at;
		while (left > 0 && offset != 0 && offset <= size - aux && size - aux - offset >= 16) {
			aux += offset;
			uint16_t number = elf_u16(file, data + aux + 6) & (VERSION_MAX - 1);
			uint32_t name = elf_u32(file, data + aux + 8);
			if (!versions->names[number])
				versions->names[number] = version_name(dynamic, name);
			offset = elf_u32(file, data + aux + 12);
			left--;
		}
		if (next == 0 || next > size - at)
			break;
		at += next;
		left -= left > 0;
	}
}

/* ---- collecting ------------------------------------------------------------------------- */

static bool is_wanted_type(uint8_t type)
{
	return type == STT_NOTYPE || type == STT_OBJECT || type == STT_FUNC || type == STT_COMMON ||
	       type == STT_TLS || type == STT_GNU_IFUNC;
}

/* `$a`, `$d.12`, `$xrv64gc`: they mark where instructions and data begin, and name nothing. */
static bool is_mapping_symbol(const struct elf_file *file, const struct elf_symbol *symbol,
			      const char *name)
{
	if (name[0] != '$' || (symbol->info & 15) != STT_NOTYPE || symbol->info >> 4 != STB_LOCAL)
		return false;
	bool end = name[1] && (name[2] == '\0' || name[2] == '.');
	switch (file->machine) {
	case EM_ARM: return end && strchr("adt", name[1]);
	case EM_AARCH64: return end && strchr("xd", name[1]);
	case EM_RISCV: return (end && strchr("xd", name[1])) || strncmp(name, "$xrv", 4) == 0;
	default: return false;
	}
}

/* Section number and address; false when the symbol is not defined in this module. */
static bool locate(const struct table *table, size_t number, const struct elf_symbol *from,
		   struct sdb_symbol *symbol)
{
	const struct elf_file *file = table->file;
	uint32_t section = from->section;
	symbol->address = from->value;
	if (section == SHN_UNDEF)
		return false;
	if (section == SHN_XINDEX) {
		if (number >= table->extended_count)
			return false;
		section = elf_u32(file, table->extended + 4 * number);
	} else if (section >= SHN_LORESERVE) {
		symbol->section = (uint16_t)section;
		if (section == SHN_COMMON) /* the value is an alignment */
			symbol->address = 0;
		return true;
	}
	/* Without section headers the number means nothing, but the address does. */
	if (section >= file->section_count)
		return file->section_count == 0;
	if (file->type == ET_REL && (from->info & 15) != STT_TLS)
		symbol->address += file->sections[section].address;
	else if (file->machine == EM_ARM && (from->info & 15) == STT_FUNC)
		symbol->address &= ~(uint64_t)1; /* marks Thumb code */
	/* Labels in debug sections are offsets, which would pass for addresses of code. */
	if (!(file->sections[section].flags & SHF_ALLOC) && from->info >> 4 == STB_LOCAL &&
	    (from->info & 15) == STT_NOTYPE)
		return false;
	if (table->map)
		section = table->map[section];
	symbol->section = section < SHN_LORESERVE ? (uint16_t)section : SHN_XINDEX;
	return true;
}

/*
 * Linkers append the version to the names of global symbols in .symtab. `version` then points into
 * the name; cut_names() takes them apart.
 */
static const char *version_in_name(const char *name, size_t length)
{
	const char *at = memchr(name, '@', length);
	if (!at || at == name)
		return NULL;
	const char *version = at[1] == '@' ? at + 2 : at + 1;
	/* Go's names of packages have an @ too, and a path behind it. */
	return *version && !strpbrk(version, "@/(") ? version : NULL;
}

static void add_version(const struct table *table, const struct versions *versions, size_t number,
			struct module_symbol *symbol)
{
	uint16_t version = elf_u16(table->file, table->versions + 2 * number);
	uint16_t index = version & (VERSION_MAX - 1);
	if (index <= VER_NDX_GLOBAL || !versions->names[index])
		return;
	/* A version definition is a symbol itself, of that name. */
	if (symbol->symbol.section == SHN_ABS && strcmp(symbol->name, versions->names[index]) == 0)
		return;
	symbol->version = versions->names[index];
	symbol->symbol.default_version = !(version & VERSION_HIDDEN) && versions->defined[index];
}

static void collect(struct collector *collector, const struct table *table,
		    const struct versions *versions)
{
	size_t size = elf_symbol_size(table->file), bad_names = 0;
	size_t budget = NAME_BUDGET * table->strings.size;
	const uint8_t *at = table->data;
	for (size_t i = 0; i < table->count; i++, at += size) {
		struct elf_symbol from;
		elf_get_symbol(table->file, at, &from);
		if (!is_wanted_type(from.info & 15))
			continue;
		struct module_symbol *to = &collector->symbols[collector->count];
		memset(to, 0, sizeof(*to));
		if (!locate(table, i, &from, &to->symbol))
			continue;
		const char *name = elf_string(&table->strings, from.name);
		size_t length = name ? strnlen(name, budget) : 0;
		if (!name || length == budget) {
			bad_names++;
			continue;
		}
		budget -= length;
		if (length == 0 || is_mapping_symbol(table->file, &from, name))
			continue;
		to->name = name;
		to->symbol.size = from.size;
		to->symbol.type = from.info & 15;
		to->symbol.binding = from.info >> 4;
		to->symbol.visibility = from.other & 3;
		to->symbol.dynamic = table->dynamic;
		to->symbol.in_symtab = !table->dynamic;
		if (table->versions)
			add_version(table, versions, i, to);
		else if (!table->dynamic && to->symbol.binding != STB_LOCAL)
			to->version = version_in_name(name, length);
		collector->count++;
	}
	if (bad_names)
		module_warn(collector->module, "%s: %zu symbols without a valid name are left out",
			    table->file->path, bad_names);
}

/* Gives the symbols of .symtab that carry a version names that end before it. */
static struct sdb_error *cut_names(struct collector *collector)
{
	size_t total = 0;
	for (size_t i = 0; i < collector->count; i++)
		if (collector->symbols[i].version)
			total += (size_t)(collector->symbols[i].version - collector->symbols[i].name);
	if (total == 0)
		return NULL;
	struct name_block *block = malloc(sizeof(*block) + total);
	if (!block)
		return no_memory(collector->module);
	pthread_mutex_lock(&collector->module->lock);
	block->next = collector->module->names;
	collector->module->names = block;
	pthread_mutex_unlock(&collector->module->lock);
	char *to = block->bytes;
	for (size_t i = 0; i < collector->count; i++) {
		struct module_symbol *symbol = &collector->symbols[i];
		if (!symbol->version)
			continue;
		bool is_default = symbol->version[-2] == '@';
		size_t length = (size_t)(symbol->version - symbol->name) - (is_default ? 2 : 1);
		memcpy(to, symbol->name, length);
		to[length] = '\0';
		symbol->name = to;
		symbol->symbol.default_version = is_default;
		to += length + 1;
	}
	return NULL;
}

/* ---- order ------------------------------------------------------------------------------- */

struct key {
	uint64_t address;
	uint32_t index;
};

/* Sorts KEYS by address, byte by byte; a byte that is the same in all keys costs nothing. */
static struct key *sort_keys(struct key *keys, struct key *spare, size_t count)
{
	for (unsigned shift = 0; shift < 64; shift += 8) {
		size_t starts[256] = { 0 }, sum = 0;
		for (size_t i = 0; i < count; i++)
			starts[keys[i].address >> shift & 255]++;
		if (starts[keys[0].address >> shift & 255] == count)
			continue;
		for (size_t i = 0; i < 256; i++) {
			size_t here = starts[i];
			starts[i] = sum;
			sum += here;
		}
		for (size_t i = 0; i < count; i++)
			spare[starts[keys[i].address >> shift & 255]++] = keys[i];
		struct key *sorted = spare;
		spare = keys;
		keys = sorted;
	}
	return keys;
}

static int compare_text(const char *a, const char *b)
{
	if (a == b)
		return 0;
	return !a ? -1 : !b ? 1 : strcmp(a, b);
}

#define COMPARE(a, b) ((a) < (b) ? -1 : (a) > (b))

/* Order of symbols of one address, up to what makes two of them the same symbol. */
static int compare_identity(const struct module_symbol *a, const struct module_symbol *b)
{
	int order = COMPARE(a->symbol.type, b->symbol.type);
	if (!order)
		order = COMPARE(a->symbol.binding, b->symbol.binding);
	if (!order)
		order = compare_text(a->name, b->name);
	if (!order)
		order = COMPARE(a->symbol.section, b->symbol.section);
	return order ? order : COMPARE(a->symbol.size, b->symbol.size);
}

static int compare_symbols(const void *left, const void *right)
{
	const struct module_symbol *a = left, *b = right;
	int order = compare_identity(a, b);
	if (!order)
		order = compare_text(a->version, b->version);
	if (!order)
		order = COMPARE(a->symbol.dynamic, b->symbol.dynamic);
	if (!order)
		order = COMPARE(a->symbol.visibility, b->symbol.visibility);
	return order ? order : COMPARE(a->symbol.default_version, b->symbol.default_version);
}

static void sort_run(struct module_symbol *run, size_t count)
{
	if (count > 8) {
		qsort(run, count, sizeof(*run), compare_symbols);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		struct module_symbol symbol = run[i];
		size_t j = i;
		for (; j > 0 && compare_symbols(&symbol, &run[j - 1]) < 0; j--)
			run[j] = run[j - 1];
		run[j] = symbol;
	}
}

static struct sdb_error *sort_symbols(struct collector *collector)
{
	size_t count = collector->count;
	if (count < 2)
		return NULL;
	struct key *keys = malloc(2 * count * sizeof(*keys));
	struct module_symbol *sorted = malloc(count * sizeof(*sorted));
	if (!keys || !sorted || count > UINT32_MAX) {
		free(keys);
		free(sorted);
		return no_memory(collector->module);
	}
	for (size_t i = 0; i < count; i++)
		keys[i] = (struct key){ collector->symbols[i].symbol.address, (uint32_t)i };
	struct key *order = sort_keys(keys, keys + count, count);
	for (size_t i = 0; i < count; i++)
		sorted[i] = collector->symbols[order[i].index];
	free(keys);
	free(collector->symbols);
	collector->symbols = sorted;
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && sorted[end].symbol.address == sorted[i].symbol.address;)
			end++;
		sort_run(sorted + i, end - i);
	}
	return NULL;
}

/* ---- merging -------------------------------------------------------------------------------- */

/* A linker that leaves versions out of .symtab's names has one entry there for each of .dynsym. */
static bool is_same(const struct module_symbol *a, const struct module_symbol *b)
{
	return a->symbol.dynamic != b->symbol.dynamic &&
	       (compare_text(a->version, b->version) == 0 ||
		(!a->symbol.dynamic && !a->version) || (!b->symbol.dynamic && !b->version));
}

/* Merges within RUN, symbols of one identity, by marking those that go with `name` NULL. */
static void merge_run(struct module_symbol *run, size_t count)
{
	/* Symbols of one name are few; where they are many, only neighbours are compared. */
	size_t reach = count > 64 ? 2 : count;
	for (size_t i = 0; i < count; i++) {
		if (!run[i].name || run[i].symbol.dynamic)
			continue;
		size_t match = count;
		size_t first = i > reach ? i - reach : 0;
		for (size_t j = first; j < count && j <= i + reach; j++) {
			if (!run[j].name || !run[j].symbol.dynamic || run[j].symbol.in_symtab ||
			    !is_same(&run[i], &run[j]))
				continue;
			match = j;
			if (compare_text(run[i].version, run[j].version) == 0)
				break;
		}
		if (match == count)
			continue;
		run[match].symbol.in_symtab = true;
		run[match].symbol.visibility = run[i].symbol.visibility;
		run[i].name = NULL;
	}
}

static void merge(struct collector *collector)
{
	struct module_symbol *symbols = collector->symbols;
	size_t count = collector->count, kept = 0;
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count &&
				  symbols[end].symbol.address == symbols[i].symbol.address &&
				  compare_identity(&symbols[i], &symbols[end]) == 0;)
			end++;
		if (end - i > 1)
			merge_run(symbols + i, end - i);
		for (size_t j = i; j < end; j++)
			if (symbols[j].name)
				symbols[kept++] = symbols[j];
	}
	collector->count = kept;
}

/* ---- tables ----------------------------------------------------------------------------------- */

static uint32_t find_symtab(const struct elf_file *file, size_t *size_ret)
{
	for (uint32_t i = 1; i < file->section_count; i++)
		if (file->sections[i].type == SHT_SYMTAB && elf_raw_section(file, i, size_ret))
			return i;
	*size_ret = 0;
	return 0;
}

static void describe_symtab(const struct elf_file *file, uint32_t index, struct table *table)
{
	size_t size;
	table->file = file;
	table->data = elf_raw_section(file, index, &size);
	table->count = size / elf_symbol_size(file);
	table->extended = elf_extended_sections(file, index, &table->extended_count);
	const uint8_t *strings = elf_raw_section(file, file->extra[index].link, &size);
	table->strings = elf_strings(strings, size);
}

/* The larger of the two files' tables, which holds what the other has; else the mini-debuginfo's. */
static void choose_symtab(struct module *module, struct table *table, uint32_t **map_ret)
{
	size_t code_size, debug_size = 0, mini_size = 0;
	uint32_t code = find_symtab(module->code, &code_size), debug = 0;
	*map_ret = NULL;
	if (module->debug != module->code)
		debug = find_symtab(module->debug, &debug_size);
	if (debug && debug_size >= code_size) {
		describe_symtab(module->debug, debug, table);
		table->map = module->section_map;
	} else if (code) {
		describe_symtab(module->code, code, table);
	} else {
		struct elf_file *mini = module_mini(module);
		uint32_t index = mini ? find_symtab(mini, &mini_size) : 0;
		if (index == 0 || mini->elf_class != module->code->elf_class)
			return;
		describe_symtab(mini, index, table);
		table->map = *map_ret = section_counterparts(module->code, mini);
	}
}

static void describe_dynsym(const struct module *module, struct table *table)
{
	const struct elf_dynamic *dynamic = &module->dynamic;
	bool in_code = !module->section_map || dynamic->symbols < module->debug->data ||
		       dynamic->symbols >= module->debug->data + module->debug->size;
	table->file = in_code ? module->code : module->debug;
	table->map = in_code ? NULL : module->section_map;
	table->data = dynamic->symbols;
	table->count = dynamic->symbol_count;
	table->strings = dynamic->strings;
	table->versions = dynamic->versions;
	table->dynamic = true;
}

static struct sdb_error *collect_dynamic(struct collector *collector, const struct table *table)
{
	const struct elf_dynamic *dynamic = &collector->module->dynamic;
	struct versions *versions = calloc(1, sizeof(*versions));
	if (!versions)
		return no_memory(collector->module);
	read_definitions(table->file, dynamic, versions);
	read_needs(table->file, dynamic, versions);
	collect(collector, table, versions);
	free(versions);
	return NULL;
}

struct sdb_error *module_symbols(struct module *module, struct module_symbol **symbols_ret,
				 size_t *count_ret)
{
	struct table symtab = { 0 }, dynsym = { 0 };
	struct collector collector = { .module = module };
	struct sdb_error *error = NULL;
	uint32_t *map;
	*symbols_ret = NULL;
	*count_ret = 0;
	choose_symtab(module, &symtab, &map);
	if (module->dynamic.symbols)
		describe_dynsym(module, &dynsym);
	collector.room = symtab.count + dynsym.count;
	collector.symbols = malloc((collector.room + 1) * sizeof(*collector.symbols));
	if (!collector.symbols)
		error = no_memory(module);
	if (!error && symtab.count) {
		collect(&collector, &symtab, NULL);
		error = cut_names(&collector);
	}
	if (!error && dynsym.count)
		error = collect_dynamic(&collector, &dynsym);
	if (!error)
		error = sort_symbols(&collector);
	free(map);
	if (error) {
		free(collector.symbols);
		return error;
	}
	if (symtab.count && dynsym.count)
		merge(&collector);
	*symbols_ret = collector.symbols;
	*count_ret = collector.count;
	return NULL;
}
