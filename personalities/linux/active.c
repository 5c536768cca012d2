/* SPDX-License-Identifier: MIT */
/*
 * The model that probes keep current. A new task is told where it is about to run for the first time, and one that has
 * ended where the kernel takes it from its lists; then the threads of the target are brought up to date without reading a
 * list. Of address spaces and modules it is told only that they have changed: a number that moves, and what was read
 * before counts as long as it stays.
 *
 * What is told must be told after the change, where a reader could come in between: a region that is read at the
 * moment of the hit is read for good.
 */

#include "active.h"
#include "runtime/probe.h"
#include <stackdb/probe.h>

#include <stdio.h>
#include <stdlib.h>

#define ENDED_MAX 256   /* tasks that have ended and are threads of the target yet */
#define MM_BUCKETS 1024 /* a power of two; address spaces that share one are read once more than needed */
#define TASKS (SDB_ACTIVE_THREAD_ENTRY | SDB_ACTIVE_THREAD_EXIT)

struct ended {
	uint64_t address;
	int64_t tid;
};

struct linux_active {
	unsigned parts;
	bool listed;         /* every task was listed once, and what came since was told */
	struct ended ended[ENDED_MAX];
	unsigned ended_count;
	uint64_t mm_changes[MM_BUCKETS], module_changes;
	struct linux_member task_mm, task_exit_code, area_mm, gather_mm;
};

#define AT(field) offsetof(struct linux_active, field)
static const struct linux_wanted wanted[] = {
	{ AT(task_mm), "task_struct", "mm", false },
	{ AT(task_exit_code), "task_struct", "exit_code", true },
	{ AT(area_mm), "vm_area_struct", "vm_mm", true },
	{ AT(gather_mm), "mmu_gather", "mm", true },
};

/* ---- what was hit --------------------------------------------------------------------------------------- */

/* The first argument of the function at whose entry the thread is. */
static struct sdb_error *first_argument(struct sdb_thread *thread, uint64_t *value_ret)
{
	const struct architecture *architecture = thread->target->architecture;
	int index = architecture_dwarf(architecture, (unsigned)architecture->arguments[0]);
	struct sdb_error *error = thread_load(thread, REGISTERS_GENERAL);
	if (!error)
		*value_ret = thread_get(thread, index);
	return error;
}

/* What cannot be believed costs the model, not the program that follows the target. */
static struct sdb_error *doubt(struct linux_system *system, struct sdb_error *error)
{
	if (!error || sdb_error_code(error) == SDB_ERROR_MEMORY)
		return error;
	target_log(system->target, SDB_LOG_TARGET, SDB_LOG_WARNING, "what a probe of the model's met: %s", sdb_error_message(error));
	sdb_error_free(error);
	system->active->listed = false;
	return NULL;
}

/* ---- tasks ------------------------------------------------------------------------------------------------ */

/*
 * Those that have ended are threads of the target no more, but for one that is on a CPU (EXCEPT too, which met the probe
 * in hand). A task that has another number than it had: one of the threads of a process that is not the first has
 * executed a program, and has got the number of the first; the list tells.
 */
static void drop_ended(struct linux_system *system, const struct sdb_thread *except)
{
	struct linux_active *active = system->active;
	unsigned kept = 0;
	for (unsigned i = 0; i < active->ended_count; i++) {
		const struct ended ended = active->ended[i];
		struct sdb_thread *thread = target_find_thread(system->target, ended.tid);
		if (thread && thread->key != ended.address)
			active->listed = false;
		else if (thread && (thread->cpu || thread == except))
			active->ended[kept++] = ended;
		else if (thread)
			target_remove_thread(system->target, thread);
	}
	active->ended_count = kept;
}

static struct sdb_error *on_begin(void *arg, struct sdb_hit *hit)
{
	struct linux_system *system = arg;
	struct sdb_thread *thread;
	struct sdb_task task;
	uint64_t address = 0;
	drop_ended(system, hit->thread);
	struct sdb_error *error = first_argument(hit->thread, &address);
	if (!error)
		error = linux_describe_task(system, address, &task);
	if (!error)
		error = target_add_task(system->target, task.tid, address, &thread);
	return error ? doubt(system, error) : probes_tell(system->target, SDB_HIT_THREAD, thread, 0, &hit->pause);
}

static struct sdb_error *on_program(void *arg, struct sdb_hit *hit)
{
	struct linux_system *system = arg;
	return probes_tell(system->target, SDB_HIT_PROGRAM, hit->thread, 0, &hit->pause);
}

/* It is still in the lists, and may be the one that runs: it stays a thread of the target for a while. */
static struct sdb_error *on_end(void *arg, struct sdb_hit *hit)
{
	struct linux_system *system = arg;
	struct linux_active *active = system->active;
	uint64_t address = 0, tid = 0, status = 0;
	drop_ended(system, hit->thread);
	struct sdb_error *error = first_argument(hit->thread, &address);
	if (!error)
		error = linux_read_member(system, address, &system->tasks.pid, &tid);
	if (!error && linux_has(&active->task_exit_code))
		error = linux_read_member(system, address, &active->task_exit_code, &status);
	if (error)
		return doubt(system, error);
	struct sdb_thread *thread = target_find_thread(system->target, (int64_t)tid);
	if (active->ended_count < ENDED_MAX)
		active->ended[active->ended_count++] = (struct ended){ address, (int64_t)tid };
	else
		active->listed = false;
	if (!thread || thread->key != address)
		return NULL;
	return probes_tell(system->target, SDB_HIT_THREAD_EXIT, thread, (int64_t)status, &hit->pause);
}

/* Some end, and it is not known which. */
static struct sdb_error *on_ends(void *arg, struct sdb_hit *hit)
{
	struct linux_system *system = arg;
	(void)hit;
	system->active->listed = false;
	return NULL;
}

void linux_active_listed(struct linux_system *system, bool whole)
{
	struct linux_active *active = system->active;
	unsigned kept = 0;
	if (!active)
		return;
	active->listed = whole;
	/* One that has ended may be in the list still, and is not told of again. */
	for (unsigned i = 0; i < active->ended_count; i++) {
		const struct sdb_thread *thread = target_find_thread(system->target, active->ended[i].tid);
		if (thread && thread->key == active->ended[i].address)
			active->ended[kept++] = active->ended[i];
	}
	active->ended_count = kept;
}

struct sdb_error *linux_follow(struct sdb_target *target, bool *followed_ret)
{
	struct linux_active *active = linux_of(target)->active;
	*followed_ret = false;
	if (!active || (active->parts & TASKS) != TASKS || !active->listed)
		return NULL;
	drop_ended(linux_of(target), NULL);
	*followed_ret = active->listed;
	return NULL;
}

uint64_t linux_active_task(struct linux_system *system, int64_t tid)
{
	const struct linux_active *active = system->active;
	if (!active || (active->parts & TASKS) != TASKS || !active->listed)
		return 0;
	for (unsigned i = 0; i < active->ended_count; i++)
		if (active->ended[i].tid == tid)
			return 0;
	const struct sdb_thread *thread = target_find_thread(system->target, tid);
	return thread ? thread->key : 0;
}

/* ---- address spaces and modules ------------------------------------------------------------------------------- */

static uint64_t *mm_change(struct linux_active *active, uint64_t mm)
{
	return &active->mm_changes[(mm >> 6 ^ mm >> 16) & (MM_BUCKETS - 1)];
}

/* That of MM, or, when it is not known which, of all. */
static void change_mm(struct linux_active *active, uint64_t mm)
{
	if (linux_is_pointer(mm)) {
		++*mm_change(active, mm);
		return;
	}
	for (unsigned i = 0; i < MM_BUCKETS; i++)
		active->mm_changes[i]++;
}

/* Of the structure that the first argument is. */
static struct sdb_error *change_of(struct linux_system *system, struct sdb_hit *hit, const struct linux_member *member)
{
	uint64_t address, mm = 0;
	struct sdb_error *error = first_argument(hit->thread, &address);
	if (!error && linux_has(member))
		sdb_error_free(linux_read_member(system, address, member, &mm));
	change_mm(system->active, mm);
	return doubt(system, error);
}

static struct sdb_error *on_area(void *arg, struct sdb_hit *hit)
{
	struct linux_system *system = arg;
	return change_of(system, hit, &system->active->area_mm);
}

static struct sdb_error *on_unmap(void *arg, struct sdb_hit *hit)
{
	struct linux_system *system = arg;
	return change_of(system, hit, &system->active->gather_mm);
}

static struct sdb_error *on_resized(void *arg, struct sdb_hit *hit)
{
	struct linux_system *system = arg;
	uint64_t mm = 0;
	sdb_error_free(linux_read_member(system, hit->thread->key, &system->active->task_mm, &mm));
	change_mm(system->active, mm);
	return NULL;
}

static struct sdb_error *on_module(void *arg, struct sdb_hit *hit)
{
	struct linux_system *system = arg;
	(void)hit;
	system->active->module_changes++;
	return NULL;
}

bool linux_regions_version(struct sdb_target *target, int64_t pid, uint64_t version_ret[2])
{
	struct linux_system *system = linux_of(target);
	struct linux_active *active = system->active;
	uint64_t task, mm;
	if (!active || !(active->parts & (pid ? SDB_ACTIVE_MEMORY : SDB_ACTIVE_OTHER)))
		return false;
	if (!pid) {
		version_ret[0] = system->base;
		version_ret[1] = active->module_changes;
		return true;
	}
	struct sdb_error *error = linux_process(system, pid, &task, &mm);
	sdb_error_free(error);
	if (error)
		return false;
	version_ret[0] = mm;
	version_ret[1] = *mm_change(active, mm);
	return true;
}

/* ---- the probes ------------------------------------------------------------------------------------------------- */

/* What tells of one thing: the first of the functions that a kernel has. */
static const struct source {
	unsigned part;
	const char *what;
	struct { const char *name; sdb_probe_fn fn; bool returns; } functions[3];
} sources[] = {
	/* Both when the task is in the lists already. */
	{ SDB_ACTIVE_THREAD_ENTRY, "tasks that begin", { { "wake_up_new_task", on_begin, false }, { "sched_post_fork", on_begin, false } } },
	/* v4.17, c31dbb146dd4 "exec: pin stack limit during exec"; at its end a program is set going */
	{ SDB_ACTIVE_THREAD_ENTRY, "programs that are executed", { { "finalize_exec", on_program, false },
								     { "start_thread", on_program, false } } },
	/* Called once for each task that release_task() lets go, which may be two with one call. */
	{ SDB_ACTIVE_THREAD_EXIT, "tasks that end", { { "cgroup_release", on_end, false }, { "cgroup_task_release", on_end, false },
						       { "release_task", on_ends, true } } },
	/* Behind mmap, brk, mprotect, exec, and a stack that grows: the area is there then. */
	{ SDB_ACTIVE_MEMORY, "areas that are mapped", { { "perf_event_mmap", on_area, false } } },
	{ SDB_ACTIVE_MEMORY, "areas that are unmapped", { { "unmap_vmas", on_unmap, false } } },
	{ SDB_ACTIVE_MEMORY, "areas that are resized", { { "__do_sys_mremap", on_resized, true }, { "SyS_mremap", on_resized, true },
							{ "sys_mremap", on_resized, true } } },
	{ SDB_ACTIVE_OTHER, "modules that are loaded", { { "do_init_module", on_module, false }, { "mod_sysfs_setup", on_module, false } } },
	/* free_module() calls it when the module is in no list any more; the last frees memory, a little later. */
	{ SDB_ACTIVE_OTHER, "modules that are removed", { { "module_bug_cleanup", on_module, false },
							   { "module_memfree", on_module, false } } },
};

static struct sdb_error *arm(struct linux_system *system, const struct source *source)
{
	const size_t count = sizeof(source->functions) / sizeof(source->functions[0]);
	char names[128] = "";
	for (size_t i = 0; i < count && source->functions[i].name; i++) {
		const char *name = source->functions[i].name;
		bool returns = source->functions[i].returns;
		const struct sdb_probe_options options = { .before = returns ? NULL : source->functions[i].fn,
							   .after = returns ? source->functions[i].fn : NULL, .arg = system };
		uint64_t address = linux_symbol_or_0(system, name);
		struct sdb_probe *probe;
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ", " : "", name);
		if (!address)
			continue;
		if (i)
			target_log(system->target, SDB_LOG_TARGET, SDB_LOG_INFO, "%s are told by %s", source->what, name);
		char pattern[96];
		snprintf(pattern, sizeof(pattern), "vmlinux:%s", name);
		struct sdb_error *error = returns ? sdb_probe_function(system->target, pattern, &options, &probe)
			: sdb_probe_address(system->target, address, &options, &probe);
		return error ? sdb_error_prefix(error, "%s", name) : NULL;
	}
	return sdb_error_new(SDB_ERROR_UNSUPPORTED, "-a: nothing in this kernel tells of %s: it has none of %s", source->what, names);
}

struct sdb_error *linux_set_active(struct sdb_target *target, unsigned parts)
{
	struct linux_system *system = linux_of(target);
	struct sdb_error *error = linux_load_tasks(system);
	if (error)
		return error;
	system->active = calloc(1, sizeof(*system->active));
	if (!system->active)
		return NO_MEMORY();
	error = linux_layout(system, wanted, sizeof(wanted) / sizeof(wanted[0]), system->active);
	system->active->parts = parts;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]) && !error; i++)
		if (parts & sources[i].part)
			error = arm(system, &sources[i]);
	return error;
}

void linux_free_active(struct linux_active *active)
{
	free(active);
}
