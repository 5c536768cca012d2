/* SPDX-License-Identifier: MIT */
#include "external.h"
#include "arch/paging.h"
#include "space.h"
#include <stackdb/personality.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct external {
	void *library;
	const struct sdb_personality *its;
	void *system;               /* its own; after open */
	bool open;
	struct personality table;   /* what it has of it */
};

static struct external *external_of(const struct sdb_target *target)
{
	return target->personality_library;
}

/* ---- what it is handed ---------------------------------------------------------------------------------- */

struct sdb_regions_found {
	struct space *space;
};

static unsigned count_cpus(struct sdb_target *machine)
{
	return machine->driver->cpus(machine);
}

static struct sdb_error *read_cpu(struct sdb_target *machine, unsigned cpu, struct sdb_cpu *cpu_ret)
{
	struct driver_cpu state;
	if (!machine->driver->cpu_state)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s does not show its CPUs", machine->name);
	struct sdb_error *error = machine->driver->cpu_state(machine, cpu, &state);
	if (error)
		return error;
	*cpu_ret = (struct sdb_cpu){
		.cr0 = state.cr0, .cr2 = state.cr2, .cr3 = state.cr3, .cr4 = state.cr4, .efer = state.efer, .idt_base = state.idt_base,
		.gdt_base = state.gdt_base, .fs_base = state.fs_base, .gs_base = state.gs_base, .kernel_gs_base = state.kernel_gs_base,
		.pc = state.pc, .sp = state.sp,
	};
	return NULL;
}

static bool memory_range(struct sdb_target *machine, unsigned index, uint64_t *low_ret, uint64_t *high_ret)
{
	return machine->driver->ram && machine->driver->ram(machine, index, low_ret, high_ret);
}

static struct sdb_error *read_physical(struct sdb_target *machine, uint64_t address, void *buffer, size_t size)
{
	size_t done;
	struct sdb_error *error = guest_read_physical(machine, address, buffer, size, &done);
	if (!error && done < size)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no memory at physical address %#llx", (unsigned long long)(address + done));
	return error;
}

static void set_tables(struct sdb_target *machine, uint64_t root, unsigned levels)
{
	const struct paging paging = { .root = root, .levels = (uint8_t)levels, .no_execute = true };
	guest_set_kernel_paging(machine, &paging);
}

static struct sdb_error *add_module(struct sdb_regions_found *found, const char *name, const uint8_t *build_id, size_t length,
				    uint64_t bias, struct sdb_module **module_ret)
{
	const struct module_found module = { .name = name, .build_id = build_id, .build_id_length = length, .bias = bias };
	if (length > 64)
		return sdb_error_new(SDB_ERROR_INVALID, "%s: a build-id has 64 bytes at most", name);
	return space_add_module(found->space, &module, module_ret);
}

static struct sdb_error *add_region(struct sdb_regions_found *found, uint64_t low, uint64_t high, uint32_t flags, const char *name,
				    struct sdb_module *module)
{
	const struct space *space = found->space;
	const struct region_found region = { .low = low, .high = high, .flags = flags, .name = name, .module = module };
	if (low >= high || (space->count && space->regions[space->count - 1].high > low))
		return sdb_error_new(SDB_ERROR_INVALID, "the region %s, from %#llx to %#llx, is out of order", name, (unsigned long long)low,
				     (unsigned long long)high);
	return space_add(found->space, &region);
}

static struct sdb_error *take_first(void *arg, const struct sdb_binding *binding)
{
	*(uint64_t *)arg = binding->address;
	return sdb_error_new(SDB_ERROR_STOPPED, "found");
}

static struct sdb_error *find_symbol(struct sdb_target *machine, const char *pattern, uint64_t *address_ret)
{
	struct sdb_error *error = sdb_target_bind(machine, pattern, false, take_first, address_ret);
	if (error && sdb_error_code(error) == SDB_ERROR_STOPPED) {
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}

static const struct sdb_personality_library handed = {
	.size = sizeof(handed),
	.error = sdb_error_new,
	.error_free = sdb_error_free,
	.cpus = count_cpus,
	.cpu = read_cpu,
	.memory = memory_range,
	.read_physical = read_physical,
	.read = sdb_target_read,
	.set_tables = set_tables,
	.add_module = add_module,
	.add_region = add_region,
	.symbol = find_symbol,
};

/* ---- what is asked of it ------------------------------------------------------------------------------------ */

static struct sdb_error *external_open(struct sdb_target *target)
{
	struct external *external = external_of(target);
	struct sdb_error *error = external->its->open(&handed, target, &external->system);
	external->open = !error;
	return error;
}

static void external_close(struct sdb_target *target)
{
	struct external *external = external_of(target);
	if (external->open)
		external->its->close(external->system);
	external->open = false;
	external->system = NULL;
}

static struct sdb_error *external_regions(struct sdb_target *target, struct space *space)
{
	struct external *external = external_of(target);
	struct sdb_regions_found found = { space };
	return external->its->regions(external->system, &found);
}

static struct sdb_error *external_scan(struct sdb_target *target, sdb_task_fn fn, void *arg)
{
	struct external *external = external_of(target);
	return external->its->tasks(external->system, fn, arg);
}

static struct sdb_error *add_task(void *arg, const struct sdb_task *task)
{
	struct sdb_thread *thread;
	return target_add_task(arg, task->tid, task->address, &thread);
}

static struct sdb_error *external_refresh(struct sdb_target *target)
{
	return external_scan(target, add_task, target);
}

struct description {
	int64_t tid;
	bool found;
	struct sdb_task *task;
};

static struct sdb_error *describe_if(void *arg, const struct sdb_task *task)
{
	struct description *wanted = arg;
	if (task->tid == wanted->tid) {
		*wanted->task = *task;
		wanted->found = true;
	}
	return NULL;
}

static struct sdb_error *external_describe(struct sdb_thread *thread, struct sdb_task *task_ret)
{
	struct description wanted = { .tid = thread->id, .task = task_ret };
	struct sdb_error *error = external_scan(thread->target, describe_if, &wanted);
	if (!error && !wanted.found)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "task %lld has ended", (long long)thread->id);
	return error;
}

static struct sdb_error *external_current(struct sdb_target *target, struct sdb_thread *cpu, struct sdb_thread **thread_ret)
{
	struct external *external = external_of(target);
	int64_t tid;
	uint64_t address;
	if (!external->its->current)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "the personality %s does not know it", external->its->name);
	struct sdb_error *error = external->its->current(external->system, (unsigned)cpu->id, &tid, &address);
	return error ? error : target_add_task(target, tid, address, thread_ret);
}

struct filling {
	const struct architecture *architecture;
	uint8_t *file;
	uint32_t valid;
};

static void take_register(void *arg, const char *name, uint64_t value)
{
	struct filling *filling = arg;
	int index = architecture_named(filling->architecture, name);
	const struct register_entry *entry = index < 0 ? NULL : &filling->architecture->registers[index];
	if (!entry || entry->group != REGISTERS_GENERAL)
		return;
	memcpy(filling->file + entry->offset, &value, entry->size < sizeof(value) ? entry->size : sizeof(value));
	if (entry->dwarf >= 0 && entry->dwarf < 32)
		filling->valid |= 1u << entry->dwarf;
}

static struct sdb_error *external_registers(struct sdb_thread *thread, enum register_group group, uint8_t *file,
					    uint32_t *valid_ret)
{
	struct external *external = external_of(thread->target);
	const struct architecture *architecture = thread->target->architecture;
	struct filling filling = { .architecture = architecture, .file = file };
	*valid_ret = 0;
	memset(file + architecture->groups[group].offset, 0, architecture->groups[group].size);
	if (group != REGISTERS_GENERAL)
		return NULL;
	if (!external->its->registers)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "the personality %s does not know the registers of a task that is on no CPU",
				     external->its->name);
	struct sdb_error *error = external->its->registers(external->system, thread->key, take_register, &filling);
	*valid_ret = filling.valid;
	return error;
}

static struct sdb_error *external_information(struct sdb_target *target, struct sdb_system *system_ret)
{
	struct external *external = external_of(target);
	return external->its->information(external->system, system_ret);
}

static struct sdb_error *external_modules(struct sdb_target *target, sdb_kernel_module_fn fn, void *arg)
{
	struct external *external = external_of(target);
	return external->its->modules(external->system, fn, arg);
}

static struct sdb_error *external_log(struct sdb_target *target, sdb_log_record_fn fn, void *arg)
{
	struct external *external = external_of(target);
	return external->its->log(external->system, fn, arg);
}

static struct sdb_error *external_percpu_offset(struct sdb_target *target, unsigned cpu, uint64_t *offset_ret)
{
	struct external *external = external_of(target);
	return external->its->percpu_offset(external->system, cpu, offset_ret);
}

static void fill_table(struct external *external)
{
	const struct sdb_personality *its = external->its;
	external->table = (struct personality){
		.name = its->name,
		.summary = its->summary,
		.open = external_open,
		.close = external_close,
		.regions = its->regions ? external_regions : NULL,
		.refresh = external_refresh,
		.current = external_current,
		.read_registers = external_registers,
		.describe = external_describe,
		.scan = external_scan,
		.information = its->information ? external_information : NULL,
		.modules = its->modules ? external_modules : NULL,
		.log = its->log ? external_log : NULL,
		.percpu_offset = its->percpu_offset ? external_percpu_offset : NULL,
	};
}

/* ---- loading -------------------------------------------------------------------------------------------------- */

static struct sdb_error *check(const struct sdb_personality *its, const char *path)
{
	if (its->version != SDB_PERSONALITY_VERSION)
		return sdb_error_new(SDB_ERROR_INVALID, "%s is a personality of version %u; this program takes version %u: compile it "
				     "with this program's stackdb/personality.h", path, its->version, SDB_PERSONALITY_VERSION);
	if (its->size < sizeof(*its))
		return sdb_error_new(SDB_ERROR_INVALID, "%s: its personality has %u bytes instead of %zu", path, its->size, sizeof(*its));
	if (!its->name || !its->open || !its->close || !its->tasks)
		return sdb_error_new(SDB_ERROR_INVALID, "%s: its personality lacks a name, open, close or tasks", path);
	return NULL;
}

struct sdb_error *external_load(struct sdb_target *target, struct external **external_ret)
{
	const char *path = target->spec.personality_library;
	struct external *external = calloc(1, sizeof(*external));
	struct sdb_error *error = NULL;
	if (!external)
		return NO_MEMORY();
	external->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!external->library)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "the personality cannot be loaded: %s", dlerror());
	else if (!(external->its = dlsym(external->library, SDB_PERSONALITY_SYMBOL)))
		error = sdb_error_new(SDB_ERROR_INVALID, "%s is no personality: it defines no %s", path, SDB_PERSONALITY_SYMBOL);
	else
		error = check(external->its, path);
	if (error) {
		external_unload(external);
		return error;
	}
	fill_table(external);
	*external_ret = external;
	return NULL;
}

const struct personality *external_personality(const struct external *external)
{
	return &external->table;
}

void external_unload(struct external *external)
{
	if (external && external->library)
		dlclose(external->library);
	free(external);
}
