/* SPDX-License-Identifier: MIT */
/* One task: what its structures say, in the words of system.h. */

#include "tasks.h"

#include <stdlib.h>

#define PF_KTHREAD 0x00200000u /* since v2.6.27, 246bb0b1deb2 "kill PF_BORROWED_MM in favour of PF_KTHREAD" */
#define PF_WQ_WORKER 0x20u
#define TASK_IDLE_BITS 0x402u  /* TASK_UNINTERRUPTIBLE | TASK_NOLOAD, in kernels that report it (below) */
#define TASK_UNINTERRUPTIBLE 2u
#define VIEW_MAX 1024 /* bytes of what a task leads to */
#define TASK_RTLOCK_WAIT 0x1000u /* v5.16, 5f220be21418 "sched/wakeup: Prepare for RT sleeping spin/rwlocks" */

#define AT(field) offsetof(struct linux_task_layout, field)
static const struct linux_wanted wanted[] = {
	{ AT(size), "task_struct", NULL, false },
	{ AT(tasks), "task_struct", "tasks", false },
	/* v5.14, 2f064a59a11f "sched: Change task_struct::state" */
	{ AT(state), "task_struct", "__state|state", false },
	{ AT(exit_state), "task_struct", "exit_state", true },
	{ AT(flags), "task_struct", "flags", false },
	{ AT(stack), "task_struct", "stack|thread_info", true },
	{ AT(on_cpu), "task_struct", "on_cpu|oncpu", true },
	/* v5.16, bcf9033e5449 "sched: move CPU field back into thread_info if THREAD_INFO_IN_TASK=y" */
	{ AT(cpu), "task_struct", "cpu|thread_info.cpu", true },
	{ AT(info_cpu), "thread_info", "cpu", true },
	{ AT(mm), "task_struct", "mm", false },
	{ AT(pid), "task_struct", "pid", false },
	{ AT(tgid), "task_struct", "tgid", false },
	{ AT(real_parent), "task_struct", "real_parent", false },
	/* v4.19, 2c4704756cab "pids: Move the pgrp and session pid pointers from task_struct to signal_struct" */
	{ AT(thread_pid), "task_struct", "thread_pid", true },
	/* v5.5, cf25e24db61c "time: Rename tsk->real_start_time to ->start_boottime" */
	{ AT(start), "task_struct", "start_boottime|real_start_time", true },
	{ AT(cred), "task_struct", "real_cred|cred", true },
	{ AT(comm), "task_struct", "comm", false },
	{ AT(nsproxy), "task_struct", "nsproxy", true },
	{ AT(signal), "task_struct", "signal", false },
	/* gone in v6.7, 8e1f385104ac "kill task_struct->thread_group"; thread_node since v3.14, 0c740d0afc3b */
	{ AT(thread_group), "task_struct", "thread_group", true },
	{ AT(thread_node), "task_struct", "thread_node", true },
	{ AT(thread_head), "signal_struct", "thread_head", true },
	{ AT(sp), "thread_struct", "sp", true },
	{ AT(uid), "cred", "uid", true },
	{ AT(euid), "cred", "euid", true },
	{ AT(gid), "cred", "gid", true },
	{ AT(egid), "cred", "egid", true },
	{ AT(user_ns), "cred", "user_ns", true },
	{ AT(uts), "nsproxy", "uts_ns", true },
	{ AT(ipc), "nsproxy", "ipc_ns", true },
	{ AT(mnt), "nsproxy", "mnt_ns", true },
	{ AT(net), "nsproxy", "net_ns", true },
	{ AT(time), "nsproxy", "time_ns", true },
	{ AT(cgroup), "nsproxy", "cgroup_ns", true },
	/* v3.19, 435d5f4bb2cc "common object embedded into various struct ....ns"; before, proc_inum since v3.8 */
	{ AT(uts_inum), "uts_namespace", "ns.inum|proc_inum", true },
	{ AT(ipc_inum), "ipc_namespace", "ns.inum|proc_inum", true },
	{ AT(mnt_inum), "mnt_namespace", "ns.inum|proc_inum", true },
	{ AT(net_inum), "net", "ns.inum|proc_inum", true },
	{ AT(time_inum), "time_namespace", "ns.inum", true },
	{ AT(cgroup_inum), "cgroup_namespace", "ns.inum", true },
	{ AT(user_inum), "user_namespace", "ns.inum|proc_inum", true },
	{ AT(pid_inum), "pid_namespace", "ns.inum|proc_inum", true },
	{ AT(pid_level), "pid", "level", true },
	{ AT(pid_numbers), "pid", "numbers", true },
	{ AT(upid_size), "upid", NULL, true },
	{ AT(upid_ns), "upid", "ns", true },
	/* v5.17, e32cf5dfbe22 "kthread: Generalize pf_io_worker so it can point to struct kthread"; set_child_tid since v4.8 */
	{ AT(kthread), "task_struct", "worker_private|set_child_tid", true },
	{ AT(kthread_name), "kthread", "full_name", true },
	{ AT(kthread_data), "kthread", "data", true },
	{ AT(worker_desc), "worker", "desc", true },
	{ AT(worker_pool), "worker", "pool", true },
	{ AT(worker_work), "worker", "current_work", true },
	{ AT(idle), "rq", "idle", true },
	/* v4.13 (fsbase), 296f781a4b7 "x86/asm/64: Rename thread_struct's fs and gs to fsbase and gsbase" */
	{ AT(fs_base), "task_struct", "thread.fsbase|thread.fs", true },
	{ AT(gs_base), "task_struct", "thread.gsbase|thread.gs", true },
};

/* The letters of the states, from the table that the kernel itself takes them from. */
static void read_letters(struct linux_system *system)
{
	struct linux_task_layout *layout = &system->tasks;
	struct linux_member table = { 0 };
	const struct linux_wanted size = { 0, "&task_state_array", NULL, true };
	uint64_t address = linux_symbol_or_0(system, "task_state_array");
	sdb_error_free(linux_layout(system, &size, 1, &table));
	unsigned count = address ? table.size / 8 : 0;
	if (count > sizeof(layout->letters))
		count = sizeof(layout->letters);
	for (unsigned i = 0; i < count; i++) {
		uint64_t text;
		char letter;
		if (!linux_u64(system, address + 8ull * i, &text) || !linux_copy(system, text, &letter, 1) || letter < ' '
		    || letter > '~')
			break;
		layout->letters[layout->letter_count++] = letter;
	}
	if (layout->letter_count < 7) { /* as they are since v4.14, 8ef9925b02c2 "sched/debug: Add explicit TASK_PARKED" */
		memcpy(layout->letters, "RSDTtXZPI", 9);
		layout->letter_count = 9;
	}
}

/* Bytes from the begin of TYPE on that have all that is asked for of it. */
static uint32_t extent_of(const struct linux_task_layout *layout, const char *type)
{
	uint64_t extent = 0;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const struct linux_member *member = (const struct linux_member *)((const uint8_t *)layout + wanted[i].slot);
		uint64_t end = (uint64_t)member->at + (member->size != UINT32_MAX ? member->size : 0); /* an array without a length */
		if (strcmp(wanted[i].type, type) == 0 && wanted[i].path && linux_has(member) && wanted[i].slot != AT(fs_base)
		    && wanted[i].slot != AT(gs_base) && end > extent)
			extent = end;
	}
	return extent < UINT32_MAX ? (uint32_t)extent : UINT32_MAX;
}

/* What is read as a pointer or number of 4 bytes, see layout.h, has to be one. */
static bool sizes_are_known(const struct linux_task_layout *layout)
{
	static const struct { size_t slot; uint32_t size; } all[] = {
		{ AT(mm), 8 }, { AT(real_parent), 8 }, { AT(thread_pid), 8 }, { AT(cred), 8 }, { AT(nsproxy), 8 }, { AT(signal), 8 },
		{ AT(user_ns), 8 }, { AT(upid_ns), 8 }, { AT(kthread), 8 }, { AT(kthread_name), 8 }, { AT(kthread_data), 8 },
		{ AT(worker_pool), 8 }, { AT(worker_work), 8 }, { AT(state), 4 }, { AT(exit_state), 4 }, { AT(flags), 4 },
		{ AT(pid), 4 }, { AT(tgid), 4 }, { AT(pid_level), 4 },
		{ AT(uid), 4 }, { AT(euid), 4 }, { AT(gid), 4 }, { AT(egid), 4 },
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct linux_member *member = (const struct linux_member *)((const uint8_t *)layout + all[i].slot);
		if (linux_has(member) && (member->size < all[i].size || member->bits))
			return false;
	}
	return true;
}

struct sdb_error *linux_load_tasks(struct linux_system *system)
{
	struct linux_task_layout *layout = &system->tasks;
	struct linux_member thread = { 0 };
	const struct linux_wanted part = { 0, "task_struct", "thread", true };
	if (system->have_tasks)
		return NULL;
	*layout = (struct linux_task_layout){ .letter_count = 0 };
	struct sdb_error *error = linux_layout(system, wanted, sizeof(wanted) / sizeof(wanted[0]), layout);
	if (!error)
		error = linux_layout(system, &part, 1, &thread);
	if (!error)
		error = linux_symbol(system, "init_task", &layout->init_task);
	if (!error)
		error = linux_find_cpus(system);
	if (error)
		return error;
	layout->sp.at += thread.at;
	if (layout->size.size > 65536 || layout->tasks.at > layout->size.size || layout->comm.size > 256)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: struct task_struct makes no sense", system->db_path);
	if (!linux_has(&layout->thread_group) && (!linux_has(&layout->thread_node) || !linux_has(&layout->thread_head)))
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: how this kernel keeps the threads of a process is not known",
				     system->db_path);
	/* Of a task is read what is asked for: it is large, and may lie in several pieces. */
	layout->view = extent_of(layout, "task_struct");
	layout->cred_view = extent_of(layout, "cred");
	layout->pid_view = extent_of(layout, "pid");
	layout->kthread_view = extent_of(layout, "kthread");
	layout->worker_view = extent_of(layout, "worker");
	if (!sizes_are_known(layout) || layout->view > 65536 || layout->cred_view > VIEW_MAX || layout->pid_view > VIEW_MAX
	    || layout->kthread_view > VIEW_MAX || layout->worker_view > VIEW_MAX || layout->upid_size.size > VIEW_MAX
	    || layout->upid_ns.at > VIEW_MAX)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: what a task leads to makes no sense", system->db_path);
	layout->pid_view += layout->upid_ns.at + (uint32_t)sizeof(uint64_t); /* the first of its numbers */
	if (!system->scratch && !(system->scratch = malloc(65536)))
		return NO_MEMORY();
	read_letters(system);
	system->have_tasks = true;
	return NULL;
}

/* ---- what tasks lead to -------------------------------------------------------------------------------- */

struct sdb_error *linux_reader_init(struct linux_reader *reader, struct linux_system *system)
{
	memset(reader, 0, sizeof(*reader));
	reader->system = system;
	struct sdb_error *error = linux_load_tasks(system);
	if (error)
		return error;
	unsigned count = system->target->cpu_count ? (unsigned)system->target->cpu_count : 1;
	for (unsigned i = 0; i < count && i < LINUX_CURRENT_KEPT; i++) {
		uint64_t offset = 0;
		if ((system->percpu_offsets && !linux_u64(system, system->percpu_offsets + 8ull * i, &offset))
		    || !linux_u64(system, system->current_task + offset, &reader->current[i]))
			reader->current[i] = 0;
	}
	return NULL;
}

static void note(struct linux_reader *reader, uint64_t task, const char *what, uint64_t address)
{
	if (reader->bad_what)
		return;
	reader->bad_task = task;
	reader->bad_what = what;
	reader->bad_address = address;
}

struct sdb_error *linux_reader_trouble(const struct linux_reader *reader)
{
	if (!reader->bad_what)
		return NULL;
	return sdb_error_new(SDB_ERROR_CORRUPT, "the task at %#llx: its %s at %#llx cannot be read",
			     (unsigned long long)reader->bad_task, reader->bad_what, (unsigned long long)reader->bad_address);
}

static bool read_word(struct linux_reader *reader, uint64_t address, const struct linux_member *member, uint64_t *value)
{
	*value = 0;
	return linux_has(member) && member->size <= 8 && linux_copy(reader->system, address + member->at, value, member->size);
}

static void read_owner(struct linux_reader *reader, uint64_t address, uint64_t cred)
{
	const struct linux_task_layout *layout = &reader->system->tasks;
	uint8_t copy[VIEW_MAX];
	const uint8_t *data = linux_view(reader->system, cred, layout->cred_view, copy);
	reader->cred = data ? cred : 0;
	memset(reader->ids, 0, sizeof(reader->ids));
	if (!data) {
		reader->user_space = reader->user_inum = 0;
		note(reader, address, "credentials", cred);
		return;
	}
	if (linux_has(&layout->uid)) {
		reader->ids[0] = linux_u32_of(data, &layout->uid);
		reader->ids[1] = linux_u32_of(data, &layout->euid);
		reader->ids[2] = linux_u32_of(data, &layout->gid);
		reader->ids[3] = linux_u32_of(data, &layout->egid);
	}
	uint64_t space = linux_has(&layout->user_ns) ? linux_pointer_of(data, &layout->user_ns) : 0;
	if (space != reader->user_space) {
		reader->user_space = space;
		read_word(reader, space, &layout->user_inum, &reader->user_inum);
	}
}

static void fill_owner(struct linux_reader *reader, const uint8_t *data, uint64_t address, struct sdb_task *task)
{
	const struct linux_member *member = &reader->system->tasks.cred;
	uint64_t cred = linux_has(member) ? linux_pointer_of(data, member) : 0;
	if (cred != reader->cred)
		read_owner(reader, address, cred);
	task->uid = reader->ids[0];
	task->euid = reader->ids[1];
	task->gid = reader->ids[2];
	task->egid = reader->ids[3];
	task->namespaces[SDB_NAMESPACE_USER] = reader->user_inum;
}

static void read_proxy(struct linux_reader *reader, uint64_t proxy)
{
	const struct linux_task_layout *layout = &reader->system->tasks;
	const struct { int kind; const struct linux_member *pointer, *inum; } all[] = {
		{ SDB_NAMESPACE_UTS, &layout->uts, &layout->uts_inum }, { SDB_NAMESPACE_IPC, &layout->ipc, &layout->ipc_inum },
		{ SDB_NAMESPACE_MNT, &layout->mnt, &layout->mnt_inum }, { SDB_NAMESPACE_NET, &layout->net, &layout->net_inum },
		{ SDB_NAMESPACE_TIME, &layout->time, &layout->time_inum },
		{ SDB_NAMESPACE_CGROUP, &layout->cgroup, &layout->cgroup_inum },
	};
	reader->proxy = proxy;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint64_t space, inum = 0;
		if (read_word(reader, proxy, all[i].pointer, &space))
			read_word(reader, space, all[i].inum, &inum);
		reader->namespaces[all[i].kind] = inum;
	}
}

/* In which namespace of process numbers the task of struct pid at PID has its own number. */
static void fill_numbers(struct linux_reader *reader, uint64_t pid, uint64_t address, struct sdb_task *task)
{
	const struct linux_task_layout *layout = &reader->system->tasks;
	uint8_t copy[3 * VIEW_MAX];
	const uint8_t *data = linux_view(reader->system, pid, layout->pid_view, copy);
	uint64_t level = data ? linux_u32_of(data, &layout->pid_level) : 0, space;
	uint64_t place = layout->pid_numbers.at + level * layout->upid_size.size + layout->upid_ns.at;
	if (!data || level > 32) { /* MAX_PID_NS_LEVEL */
		note(reader, address, "struct pid", pid);
		return;
	}
	if (level == 0)
		memcpy(&space, data + place, sizeof(space));
	else if (!linux_u64(reader->system, pid + place, &space))
		return;
	if (space != reader->pid_space) {
		reader->pid_space = space;
		read_word(reader, space, &layout->pid_inum, &reader->pid_inum);
	}
	task->namespaces[SDB_NAMESPACE_PID] = reader->pid_inum;
}

static void fill_namespaces(struct linux_reader *reader, const uint8_t *data, uint64_t address, struct sdb_task *task)
{
	const struct linux_task_layout *layout = &reader->system->tasks;
	uint64_t user = task->namespaces[SDB_NAMESPACE_USER];
	uint64_t proxy = linux_has(&layout->nsproxy) ? linux_pointer_of(data, &layout->nsproxy) : 0;
	uint64_t pid = linux_has(&layout->thread_pid) ? linux_pointer_of(data, &layout->thread_pid) : 0;
	if (proxy && proxy != reader->proxy)
		read_proxy(reader, proxy);
	if (proxy)
		memcpy(task->namespaces, reader->namespaces, sizeof(task->namespaces));
	else
		memset(task->namespaces, 0, sizeof(task->namespaces));
	task->namespaces[SDB_NAMESPACE_USER] = user;
	task->namespaces[SDB_NAMESPACE_PID] = 0;
	if (pid && linux_has(&layout->upid_ns) && linux_has(&layout->pid_level))
		fill_numbers(reader, pid, address, task);
}

/* ---- the state --------------------------------------------------------------------------------------------- */

/* As __task_state_index() in include/linux/sched.h. */
static void fill_state(const struct linux_task_layout *layout, const uint8_t *data, struct sdb_task *task)
{
	static const uint8_t states['z'] = {
		['R'] = SDB_TASK_RUNNING, ['S'] = SDB_TASK_SLEEPING, ['D'] = SDB_TASK_WAITING, ['I'] = SDB_TASK_IDLE,
		['T'] = SDB_TASK_STOPPED, ['t'] = SDB_TASK_TRACED, ['Z'] = SDB_TASK_ZOMBIE, ['X'] = SDB_TASK_DEAD,
		['x'] = SDB_TASK_DEAD, ['P'] = SDB_TASK_PARKED,
	};
	uint32_t state = linux_u32_of(data, &layout->state);
	uint32_t ended = linux_has(&layout->exit_state) ? linux_u32_of(data, &layout->exit_state) : 0;
	/* Kernels that report idle ones have a letter behind those of the bits: v4.14, 06eb61844d84. */
	bool reports_idle = layout->letters[layout->letter_count - 1] == 'I';
	unsigned bits = layout->letter_count - (reports_idle ? 2 : 1);
	uint32_t reported = (state | ended) & ((1u << (reports_idle ? bits : bits < 6 ? bits : 6)) - 1);
	if (reports_idle && state & TASK_RTLOCK_WAIT)
		reported = TASK_UNINTERRUPTIBLE;
	if (reports_idle && (state & TASK_IDLE_BITS) == TASK_IDLE_BITS && !ended)
		task->letter = 'I';
	else
		task->letter = layout->letters[reported ? 32 - __builtin_clz(reported) : 0];
	uint8_t known = task->letter > 0 && task->letter < 'z' ? states[(uint8_t)task->letter] : 0;
	task->state = known ? (enum sdb_task_state)known : SDB_TASK_RUNNING;
}

static void fill_cpu(struct linux_reader *reader, const uint8_t *data, uint64_t address, struct sdb_task *task)
{
	const struct linux_task_layout *layout = &reader->system->tasks;
	uint64_t cpu = 0;
	if (linux_has(&layout->cpu))
		cpu = linux_member_of(data, &layout->cpu);
	else if (linux_has(&layout->stack)) /* struct thread_info at the end of its stack */
		read_word(reader, linux_member_of(data, &layout->stack), &layout->info_cpu, &cpu);
	task->cpu = cpu < LINUX_CPUS_MAX ? (int)cpu : 0;
	if (cpu < LINUX_CURRENT_KEPT)
		task->on_cpu = reader->current[cpu] == address;
	else
		task->on_cpu = linux_has(&layout->on_cpu) && linux_member_of(data, &layout->on_cpu);
}

/* What a worker did last: it is `+` what it does now, `-` what it did (wq_worker_comm() in kernel/workqueue.c). */
static void add_work(struct linux_reader *reader, uint64_t worker, char *name, size_t length, size_t size)
{
	const struct linux_task_layout *layout = &reader->system->tasks;
	uint8_t copy[VIEW_MAX];
	char text[32] = "";
	size_t room = layout->worker_desc.size < sizeof(text) ? layout->worker_desc.size : sizeof(text) - 1;
	const uint8_t *data = linux_has(&layout->worker_desc) && linux_has(&layout->worker_pool) && linux_has(&layout->worker_work)
		? linux_view(reader->system, worker, layout->worker_view, copy) : NULL;
	if (!data || !linux_pointer_of(data, &layout->worker_pool))
		return;
	memcpy(text, data + layout->worker_desc.at, room);
	size_t added = strlen(text);
	if (!added || length + 2 >= size)
		return;
	if (length + 1 + added >= size)
		added = size - length - 2;
	name[length] = linux_pointer_of(data, &layout->worker_work) ? '+' : '-';
	memcpy(name + length + 1, text, added);
	name[length + 1 + added] = '\0';
}

/* There is no room for the whole name of a kernel thread in `comm`. */
static void take_full_name(struct linux_reader *reader, uint64_t full, struct sdb_task *task)
{
	char name[sizeof(task->name)];
	struct sdb_error *error = linux_read_text(reader->system, full, name, sizeof(name));
	if (error)
		note(reader, task->address, "name", full);
	else
		memcpy(task->name, name, sizeof(name));
	sdb_error_free(error);
}

/*
 * As proc_task_name() in fs/proc/array.c. The whole name of a kernel thread is kept apart since v5.17, d6986ce24fc0
 * "kthread: dynamically allocate memory to store kthread's full name".
 */
static void fill_name(struct linux_reader *reader, const uint8_t *data, struct sdb_task *task)
{
	const struct linux_task_layout *layout = &reader->system->tasks;
	size_t length = layout->comm.size < sizeof(task->name) ? layout->comm.size : sizeof(task->name) - 1;
	uint8_t copy[VIEW_MAX];
	memcpy(task->name, data + layout->comm.at, length);
	task->name[length] = '\0';
	uint64_t kthread = task->kernel && linux_has(&layout->kthread) ? linux_pointer_of(data, &layout->kthread) : 0;
	bool worker = linux_u32_of(data, &layout->flags) & PF_WQ_WORKER;
	const uint8_t *thread = kthread ? linux_view(reader->system, kthread, layout->kthread_view, copy) : NULL;
	if (!thread)
		return;
	/* wq_worker_comm() shows the short name of a rescuer, unless that is a `kworker/R-...` as newer kernels have it. */
	bool short_name = worker && strncmp(task->name, "kworker/", 8) != 0;
	uint64_t full = linux_has(&layout->kthread_name) ? linux_pointer_of(thread, &layout->kthread_name) : 0;
	if (full && !short_name)
		take_full_name(reader, full, task);
	if (worker && linux_has(&layout->kthread_data))
		add_work(reader, linux_pointer_of(thread, &layout->kthread_data), task->name, strlen(task->name), sizeof(task->name));
}

static uint64_t start_time(const struct linux_task_layout *layout, const uint8_t *data)
{
	if (layout->start.size == 8)
		return linux_member_of(data, &layout->start);
	if (layout->start.size != 16) /* struct timespec before v3.17, ccbf62d8a284 */
		return 0;
	uint64_t parts[2];
	memcpy(parts, data + layout->start.at, sizeof(parts));
	return parts[0] * 1000000000u + parts[1];
}

void linux_fill_task(struct linux_reader *reader, const uint8_t *data, uint64_t address, struct sdb_task *task)
{
	const struct linux_task_layout *layout = &reader->system->tasks;
	task->address = address;
	task->memory = linux_pointer_of(data, &layout->mm);
	task->tid = (int32_t)linux_u32_of(data, &layout->pid);
	task->tgid = (int32_t)linux_u32_of(data, &layout->tgid);
	task->kernel = linux_u32_of(data, &layout->flags) & PF_KTHREAD;
	task->start_time = start_time(layout, data);
	fill_name(reader, data, task);
	fill_cpu(reader, data, address, task);
	fill_state(layout, data, task);
	if (task->tid == 0) { /* an idle task has no number of its own */
		task->tid = task->tgid = -(int64_t)task->cpu;
		task->kernel = true;
	}
	uint64_t parent = linux_pointer_of(data, &layout->real_parent);
	if (parent != reader->parent) {
		reader->parent = parent;
		if (!read_word(reader, parent, &layout->tgid, &reader->parent_tgid)) {
			note(reader, address, "parent", parent);
			reader->parent = 0;
		}
	}
	task->ppid = (int32_t)reader->parent_tgid;
	fill_owner(reader, data, address, task);
	fill_namespaces(reader, data, address, task);
}

struct sdb_error *linux_describe_task(struct linux_system *system, uint64_t address, struct sdb_task *task_ret)
{
	struct linux_reader reader;
	struct sdb_error *error = linux_reader_init(&reader, system);
	if (error)
		return error;
	memset(task_ret, 0, sizeof(*task_ret));
	const uint8_t *data = linux_view(system, address, system->tasks.view, system->scratch);
	if (!data)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no task at %#llx", (unsigned long long)address);
	linux_fill_task(&reader, data, address, task_ret);
	return NULL;
}

struct sdb_error *linux_describe(struct sdb_thread *thread, struct sdb_task *task_ret)
{
	return linux_describe_task(linux_of(thread->target), thread->key, task_ret);
}
