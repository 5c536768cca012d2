/* SPDX-License-Identifier: MIT */
/* Modules of the kernel, as their list and what sysfs shows of them have them. */

#include "modules.h"

#include <stdio.h>
#include <stdlib.h>

#define MODULES_MAX 65536u
#define SECTIONS_MAX 1024u
#define USERS_MAX 4096u
#define STATE_UNFORMED 3 /* enum module_state */

#define AT(field) offsetof(struct linux_module_layout, field)
static const struct linux_wanted wanted[] = {
	{ AT(size), "module", NULL, false },
	{ AT(list), "module", "list", false },
	{ AT(name), "module", "name", false },
	{ AT(state), "module", "state", true },
	{ AT(init), "module", "init", true },
	{ AT(exit), "module", "exit", true },
	{ AT(refcnt), "module", "refcnt", true },
	{ AT(source_list), "module", "source_list", true },
	{ AT(taints), "module", "taints", true },
	{ AT(build_id), "module", "build_id", true },
	/* v4.5, 7523e4dc5057 "module: use a structure to encapsulate layout." */
	{ AT(core_base), "module", "core_layout.base|module_core", true },
	{ AT(core_size), "module", "core_layout.size|core_size", true },
	{ AT(core_text), "module", "core_layout.text_size|core_text_size", true },
	{ AT(core_ro), "module", "core_layout.ro_size|core_ro_size", true },
	{ AT(init_size), "module", "init_layout.size|init_size", true },
	/* v6.4, ac3b43283923 "module: replace module_layout with module_memory" */
	{ AT(memory), "module", "mem", true },
	{ AT(memory_size), "module_memory", NULL, true },
	{ AT(memory_base), "module_memory", "base", true },
	{ AT(memory_length), "module_memory", "size", true },
	{ AT(sections), "module", "sect_attrs", true },
	{ AT(notes), "module", "notes_attrs", true },
	{ AT(percpu), "module", "percpu", true },
	/* v6.14, 34f5ec0f8252 "module: sysfs: Drop member 'module_sect_attrs::nsections'" */
	{ AT(section_count), "module_sect_attrs", "nsections", true },
	{ AT(section_first), "module_sect_attrs", "attrs", true },
	{ AT(sections_group), "module_sect_attrs", "grp", true },
	/* v6.14, 4b2c11e4aaf7 "module: sysfs: Drop 'struct module_sect_attr'": then they are those of sysfs */
	{ AT(section_size), "module_sect_attr|bin_attribute", NULL, true },
	/* v5.8, ed66f991bb19 "module: Refactor section attr into bin attribute" */
	{ AT(section_name), "module_sect_attr|bin_attribute", "battr.attr.name|attr.name|name", true },
	{ AT(section_address), "module_sect_attr|bin_attribute", "address|private", true },
	{ AT(note_count), "module_notes_attrs", "notes", true },
	{ AT(note_first), "module_notes_attrs", "attrs", true },
	{ AT(notes_group), "module_notes_attrs", "grp", true },
	{ AT(attribute_size), "bin_attribute", NULL, true },
	{ AT(attribute_name), "bin_attribute", "attr.name", true },
	{ AT(attribute_length), "bin_attribute", "size", true },
	{ AT(attribute_private), "bin_attribute", "private", true },
	{ AT(group_attributes), "attribute_group", "bin_attrs|bin_attrs_new", true },
	{ AT(use_list), "module_use", "source_list|list", true },
	{ AT(use_source), "module_use", "source|module_which_uses", true },
};

struct sdb_error *linux_load_modules(struct linux_system *system)
{
	if (system->modules)
		return NULL;
	struct linux_module_layout *layout = calloc(1, sizeof(*layout));
	struct sdb_error *error = layout ? linux_layout(system, wanted, sizeof(wanted) / sizeof(wanted[0]), layout) : NO_MEMORY();
	if (!error)
		error = linux_symbol(system, "modules", &layout->head);
	if (!error && (layout->size.size > 65536 || layout->name.size > 256))
		error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: struct module makes no sense", system->db_path);
	if (error)
		free(layout);
	else
		system->modules = layout;
	return error;
}

/* ---- attributes of sysfs ----------------------------------------------------------------------------------- */

/* How many there are: stated, else those up to the end of the group's list. */
static unsigned count_attributes(struct linux_system *system, uint64_t at, const struct linux_member *count,
				 const struct linux_member *group)
{
	const struct linux_module_layout *layout = system->modules;
	uint64_t value = 0, list;
	if (linux_has(count)) {
		struct sdb_error *error = linux_read_member(system, at, count, &value);
		sdb_error_free(error);
		return error ? 0 : value < SECTIONS_MAX ? (unsigned)value : SECTIONS_MAX;
	}
	if (!linux_has(group) || !linux_has(&layout->group_attributes)
	    || !linux_u64(system, at + group->at + layout->group_attributes.at, &list))
		return 0;
	unsigned found = 0;
	while (found < SECTIONS_MAX && linux_u64(system, list + 8ull * found, &value) && value)
		found++;
	return found;
}

/* The build-id in the notes that sysfs shows of a module. */
static void read_build_id(struct linux_system *system, const uint8_t *data, struct linux_module *module)
{
	const struct linux_module_layout *layout = system->modules;
	uint64_t notes = linux_has(&layout->notes) ? linux_member_of(data, &layout->notes) : 0;
	if (linux_has(&layout->build_id) && layout->build_id.size <= sizeof(module->build_id)) {
		memcpy(module->build_id, data + layout->build_id.at, layout->build_id.size);
		module->build_id_length = layout->build_id.size;
		return;
	}
	if (!notes || !linux_has(&layout->note_first) || !linux_has(&layout->attribute_size))
		return;
	unsigned count = count_attributes(system, notes, &layout->note_count, &layout->notes_group);
	for (unsigned i = 0; i < count && !module->build_id_length; i++) {
		uint64_t at = notes + layout->note_first.at + (uint64_t)i * layout->attribute_size.size, name, body;
		char text[32];
		uint32_t head[4];
		if (!linux_u64(system, at + layout->attribute_name.at, &name)
		    || !linux_u64(system, at + layout->attribute_private.at, &body))
			return;
		struct sdb_error *error = linux_read_text(system, name, text, sizeof(text));
		bool is = !error && strcmp(text, ".note.gnu.build-id") == 0;
		sdb_error_free(error);
		if (!is || !linux_copy(system, body, head, sizeof(head)) || head[0] != 4 || head[2] != 3
		    || head[1] > sizeof(module->build_id))
			continue;
		if (linux_copy(system, body + sizeof(head), module->build_id, head[1]))
			module->build_id_length = head[1];
	}
}

static bool is_loaded(const struct linux_module *module, uint64_t address)
{
	for (unsigned i = 0; i < module->part_count; i++)
		if (address - module->parts[i].low < module->parts[i].size)
			return true;
	return false;
}

static void add_percpu(struct linux_system *system, const struct linux_module *module, struct section_place *places,
		       size_t *count)
{
	const struct linux_member *percpu = &system->modules->percpu;
	uint64_t address;
	/* sysfs does not show it: what each CPU has is a copy. */
	if (!linux_has(percpu) || !linux_u64(system, module->address + percpu->at, &address) || !address)
		return;
	places[*count] = (struct section_place){ .name = SECTIONS_PERCPU, .target = address };
	++*count;
}

struct sdb_error *linux_module_sections(struct linux_system *system, const struct linux_module *module,
					struct section_place **places_ret, size_t *count_ret)
{
	const struct linux_module_layout *layout = system->modules;
	uint64_t attributes;
	*places_ret = NULL;
	*count_ret = 0;
	if (!linux_has(&layout->sections) || !linux_has(&layout->section_name) || !linux_has(&layout->section_address)
	    || !linux_u64(system, module->address + layout->sections.at, &attributes) || !attributes)
		return NULL;
	unsigned count = count_attributes(system, attributes, &layout->section_count, &layout->sections_group);
	struct section_place *places = calloc(count + 1, sizeof(*places));
	if (!places)
		return NO_MEMORY();
	for (unsigned i = 0; i < count; i++) {
		uint64_t at = attributes + layout->section_first.at + (uint64_t)i * layout->section_size.size, name, address;
		struct section_place *place = &places[*count_ret];
		if (!linux_u64(system, at + layout->section_name.at, &name)
		    || !linux_u64(system, at + layout->section_address.at, &address))
			break;
		/* Those of its initialization are not there any more, and the place may be another's. */
		if (!is_loaded(module, address))
			continue;
		struct sdb_error *error = linux_read_text(system, name, place->name, sizeof(place->name));
		place->target = address;
		*count_ret += !error;
		sdb_error_free(error);
	}
	add_percpu(system, module, places, count_ret);
	*places_ret = places;
	return NULL;
}

/* ---- one module ------------------------------------------------------------------------------------------------ */

static void add_part(struct linux_module *module, uint64_t low, uint64_t size, uint32_t flags)
{
	if (!size || size > (1u << 30) || !(low & LINUX_UPPER_HALF) || module->part_count == LINUX_MODULE_PARTS)
		return;
	module->parts[module->part_count].low = low;
	module->parts[module->part_count].size = size;
	module->parts[module->part_count++].flags = flags;
}

static void read_parts(const struct linux_module_layout *layout, const uint8_t *data, struct linux_module *module)
{
	/* enum mod_mem_type: MOD_TEXT, MOD_DATA, MOD_RODATA, MOD_RO_AFTER_INIT, then three for the initialization. */
	static const uint32_t flags[4] = { SDB_REGION_READ | SDB_REGION_EXECUTE, SDB_REGION_READ | SDB_REGION_WRITE,
					   SDB_REGION_READ, SDB_REGION_READ };
	if (linux_has(&layout->memory) && linux_has(&layout->memory_size)) {
		for (unsigned i = 0; i < layout->memory.size / layout->memory_size.size; i++) {
			const uint8_t *part = data + layout->memory.at + (size_t)i * layout->memory_size.size;
			uint64_t base = linux_member_of(part, &layout->memory_base), size = linux_member_of(part, &layout->memory_length);
			if (i == 0)
				module->base = base;
			module->size += size;
			if (i < 4)
				add_part(module, base, size, flags[i]);
		}
		return;
	}
	if (!linux_has(&layout->core_base) || !linux_has(&layout->core_size))
		return;
	uint64_t base = linux_member_of(data, &layout->core_base), size = linux_member_of(data, &layout->core_size);
	uint64_t text = linux_has(&layout->core_text) ? linux_member_of(data, &layout->core_text) : size;
	uint64_t ro = linux_has(&layout->core_ro) ? linux_member_of(data, &layout->core_ro) : text;
	module->base = base;
	module->size = size + (linux_has(&layout->init_size) ? linux_member_of(data, &layout->init_size) : 0);
	text = text < size ? text : size;
	ro = ro < text ? text : ro < size ? ro : size;
	add_part(module, base, text, flags[0]);
	add_part(module, base + text, ro - text, flags[2]);
	add_part(module, base + ro, size - ro, flags[1]);
}

static void read_module(struct linux_system *system, const uint8_t *data, uint64_t address, struct linux_module *module)
{
	const struct linux_module_layout *layout = system->modules;
	*module = (struct linux_module){ .address = address };
	size_t length = layout->name.size < sizeof(module->name) ? layout->name.size : sizeof(module->name) - 1;
	memcpy(module->name, data + layout->name.at, length);
	if (linux_has(&layout->state))
		module->state = (unsigned)linux_member_of(data, &layout->state);
	/* The module loader's own reference is 1 (MODULE_REF_BASE, v3.19, e513cc1c07e2). */
	if (linux_has(&layout->refcnt) && layout->refcnt.size == 4)
		module->references = (int32_t)linux_member_of(data, &layout->refcnt) - 1;
	if (linux_has(&layout->taints) && layout->taints.size <= 8)
		module->taints = linux_member_of(data, &layout->taints);
	module->permanent = linux_has(&layout->init) && linux_has(&layout->exit) && linux_member_of(data, &layout->init)
		&& !linux_member_of(data, &layout->exit);
	read_parts(layout, data, module);
	read_build_id(system, data, module);
}

struct sdb_error *linux_each_module(struct linux_system *system, linux_module_fn fn, void *arg)
{
	struct sdb_error *error = linux_load_modules(system);
	if (error)
		return error;
	const struct linux_module_layout *layout = system->modules;
	uint64_t next, mark = 0;
	uint32_t steps = 0, power = 2;
	uint8_t *scratch = malloc(layout->size.size);
	error = scratch ? linux_read_u64(system, layout->head, &next) : NO_MEMORY();
	for (unsigned count = 0; !error && next != layout->head; count++) {
		struct linux_module module;
		uint64_t address = next - layout->list.at;
		const uint8_t *data = linux_is_pointer(address) ? linux_view(system, address, layout->size.size, scratch) : NULL;
		if (!data || count == MODULES_MAX || next == mark) {
			error = sdb_error_new(SDB_ERROR_CORRUPT, "the list of modules leads to %#llx, %s", (unsigned long long)address,
					      data ? "where it was before" : "where no module can be");
			break;
		}
		if (steps++ == power) {
			mark = next;
			power *= 2;
			steps = 0;
		}
		memcpy(&next, data + layout->list.at, sizeof(next));
		read_module(system, data, address, &module);
		if (module.state != STATE_UNFORMED)
			error = fn(arg, &module);
	}
	free(scratch);
	return error;
}

/* ---- as system.h has them ---------------------------------------------------------------------------------------- */

struct listing {
	struct linux_system *system;
	sdb_kernel_module_fn fn;
	void *arg;
	bool looked; /* for the modules of the target */
};

/* Names of the modules that use it, as /proc/modules has them. */
static void read_users(struct linux_system *system, const struct linux_module *module, char *text, size_t size)
{
	const struct linux_module_layout *layout = system->modules;
	uint64_t head = module->address + layout->source_list.at, next;
	size_t length = 0;
	text[0] = '\0';
	if (linux_has(&layout->source_list) && linux_has(&layout->use_list) && linux_u64(system, head, &next)) {
		for (unsigned i = 0; i < USERS_MAX && next != head && length + 64 < size; i++) {
			uint64_t use = next - layout->use_list.at, source;
			char name[57];
			if (!linux_u64(system, use + layout->use_source.at, &source) || !linux_u64(system, next, &next))
				break;
			struct sdb_error *error = linux_read_text(system, source + layout->name.at, name, sizeof(name));
			if (!error)
				length += (size_t)sprintf(text + length, "%s%s", length ? "," : "", name);
			sdb_error_free(error);
		}
	}
	if (module->permanent && length + 16 < size)
		sprintf(text + length, "%s[permanent]", length ? "," : "");
}

static void read_taints(uint64_t taints, char text[24])
{
	static const char letters[] = "PFSRMBUDAWCIOELKXTN"; /* Documentation/admin-guide/tainted-kernels.rst */
	for (size_t i = 0; i + 1 < sizeof(letters); i++)
		if (taints >> i & 1)
			*text++ = letters[i];
	*text = '\0';
}

/*
 * As a module of the target. Those are looked for again when one is met that is not among them: while none comes or
 * goes a list costs no look into the store.
 */
static struct sdb_module *find_known(struct listing *listing, const struct linux_module *module)
{
	struct sdb_target *target = listing->system->target;
	for (;;) {
		struct space *space = target->space;
		for (size_t i = 0; space && i < space->module_count; i++)
			if (space->modules[i]->given && space->modules[i]->device == module->address
			    && strcmp(space->modules[i]->path, module->name) == 0)
				return space->modules[i];
		if (listing->looked)
			return NULL;
		listing->looked = true;
		sdb_error_free(space_get(target, &space));
	}
}

static struct sdb_error *tell_module(void *arg, const struct linux_module *module)
{
	static const char *const states[] = { "Live", "Loading", "Unloading" };
	struct listing *listing = arg;
	char users[4096], taints[24];
	struct sdb_kernel_module told = {
		.name = module->name, .address = module->address, .base = module->base, .size = module->size,
		.references = module->references, .users = users, .taints = taints,
		.state = module->state < 3 ? states[module->state] : "?",
		.build_id = module->build_id_length ? module->build_id : NULL, .build_id_length = module->build_id_length,
	};
	read_users(listing->system, module, users, sizeof(users));
	read_taints(module->taints, taints);
	told.module = find_known(listing, module);
	return listing->fn(listing->arg, &told);
}

struct sdb_error *linux_modules(struct sdb_target *target, sdb_kernel_module_fn fn, void *arg)
{
	struct listing listing = { .system = linux_of(target), .fn = fn, .arg = arg };
	struct sdb_error *error = linux_need_database(listing.system);
	if (error)
		return error;
	return linux_each_module(listing.system, tell_module, &listing);
}
