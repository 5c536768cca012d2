/* SPDX-License-Identifier: MIT */
/*
 * All tasks: idle ones through the CPUs' run queues, the others through the list of processes, each with
 * its list of threads. The guest may run, and change a list while it is followed, or lie: steps are bounded
 * by what its memory can hold, and a list that turns back into itself is found out.
 */

#include "active.h"
#include "tasks.h"

#include <stdlib.h>

struct scan {
	struct linux_reader reader;
	struct linux_system *system;
	sdb_task_fn fn;
	void *arg;
	struct sdb_task task;
	uint32_t count, limit;
};

/* A task's data; an error says what led there. */
static struct sdb_error *view_task(struct scan *scan, uint64_t address, const char *list, uint64_t from, const uint8_t **data_ret)
{
	*data_ret = linux_is_pointer(address) ? linux_view(scan->system, address, scan->system->tasks.view,
							   scan->system->scratch) : NULL;
	if (*data_ret)
		return NULL;
	return sdb_error_new(SDB_ERROR_CORRUPT, "the list of %s leads from %#llx to %#llx, where no task can be", list,
			     (unsigned long long)from, (unsigned long long)address);
}

static struct sdb_error *tell(struct scan *scan, const uint8_t *data, uint64_t address)
{
	linux_fill_task(&scan->reader, data, address, &scan->task);
	return scan->fn(scan->arg, &scan->task);
}

static struct sdb_error *circle(const char *list, uint64_t address)
{
	return sdb_error_new(SDB_ERROR_CORRUPT, "the list of %s comes back to %#llx and not to its begin", list,
			     (unsigned long long)address);
}

/* The guest's memory cannot hold more tasks than that. */
static uint32_t task_limit(struct linux_system *system)
{
	const struct driver *driver = system->target->driver;
	uint64_t low, high, total = 0;
	for (unsigned i = 0; driver->ram && i < 64 && driver->ram(system->target, i, &low, &high); i++)
		total += high - low;
	total = total ? total / system->tasks.size.size + 1 : LINUX_TASKS_MAX;
	return total < LINUX_TASKS_MAX ? (uint32_t)total : LINUX_TASKS_MAX;
}

static struct sdb_error *scan_idle(struct scan *scan)
{
	struct linux_system *system = scan->system;
	const struct linux_member *idle = &system->tasks.idle;
	bool online[256];
	unsigned count = (unsigned)system->target->cpu_count;
	struct sdb_error *error = NULL;
	count = count < 1 ? 1 : count < 256 ? count : 256;
	linux_cpus_online(system, online, count);
	for (unsigned i = 0; i < count && !error; i++) {
		uint64_t offset = 0, address = system->tasks.init_task;
		const uint8_t *data;
		if (!online[i] || (i && (!system->runqueues || !linux_has(idle))))
			continue;
		if (system->runqueues && linux_has(idle)) {
			error = linux_cpu_offset(system, i, &offset);
			if (!error)
				error = linux_read_u64(system, system->runqueues + offset + idle->at, &address);
		}
		if (!error)
			error = view_task(scan, address, "idle tasks", system->runqueues + offset, &data);
		if (!error)
			error = tell(scan, data, address);
	}
	return error;
}

/* The threads of the process whose leader is at LEADER, it first. */
static struct sdb_error *scan_threads(struct scan *scan, const uint8_t *data, uint64_t leader)
{
	const struct linux_task_layout *layout = &scan->system->tasks;
	bool by_signal = linux_has(&layout->thread_head) && linux_has(&layout->thread_node);
	uint32_t link = by_signal ? layout->thread_node.at : layout->thread_group.at;
	/* A task that is alone is its list: nothing else needs to be read. */
	uint64_t begin = by_signal ? linux_member_of(data, &layout->signal) + layout->thread_head.at : leader + link;
	uint64_t next, at = leader;
	struct linux_circle seen = { 0 };
	memcpy(&next, data + link, sizeof(next));
	struct sdb_error *error = tell(scan, data, leader);
	while (!error && next != begin) {
		at = next - link;
		if (++scan->count > scan->limit)
			return sdb_error_new(SDB_ERROR_CORRUPT, "there are more than %u tasks: the lists lie", scan->limit);
		if (linux_circle_closes(&seen, next) || at == leader)
			return circle("threads of a process", at);
		error = view_task(scan, at, "threads of a process", leader, &data);
		if (error)
			break;
		memcpy(&next, data + link, sizeof(next));
		error = tell(scan, data, at);
	}
	return error;
}

static struct sdb_error *scan_processes(struct scan *scan)
{
	const struct linux_task_layout *layout = &scan->system->tasks;
	uint64_t head = layout->init_task + layout->tasks.at, at = head, next;
	struct linux_circle seen = { 0 };
	struct sdb_error *error = linux_read_u64(scan->system, head, &next);
	while (!error && next != head) {
		uint64_t address = next - layout->tasks.at;
		const uint8_t *data;
		if (++scan->count > scan->limit)
			return sdb_error_new(SDB_ERROR_CORRUPT, "there are more than %u tasks: the lists lie", scan->limit);
		if (linux_circle_closes(&seen, next))
			return circle("processes", address);
		error = view_task(scan, address, "processes", at - layout->tasks.at, &data);
		if (error)
			break;
		at = next;
		memcpy(&next, data + layout->tasks.at, sizeof(next));
		error = scan_threads(scan, data, address);
	}
	return error;
}

struct sdb_error *linux_scan(struct sdb_target *target, sdb_task_fn fn, void *arg)
{
	struct scan scan = { .system = linux_of(target), .fn = fn, .arg = arg };
	struct sdb_error *error = linux_reader_init(&scan.reader, scan.system);
	if (error)
		return error;
	scan.limit = task_limit(scan.system);
	error = scan_idle(&scan);
	/* What is wrong with the one costs nothing of the other. */
	if (!error || sdb_error_code(error) == SDB_ERROR_CORRUPT || sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		struct sdb_error *other = scan_processes(&scan);
		if (!error)
			error = other;
		else
			sdb_error_free(other);
	}
	return error ? error : linux_reader_trouble(&scan.reader);
}

/* ---- as threads of the target --------------------------------------------------------------------------- */

static struct sdb_error *add_task(void *arg, const struct sdb_task *task)
{
	struct sdb_thread *thread;
	return target_add_task(arg, task->tid, task->address, &thread);
}

struct sdb_error *linux_refresh(struct sdb_target *target)
{
	struct sdb_error *error = linux_scan(target, add_task, target);
	linux_active_listed(linux_of(target), !error);
	if (error && sdb_error_code(error) == SDB_ERROR_CORRUPT) {
		/* Those that were found are there; the rest stays unknown. */
		target_log(target, SDB_LOG_TARGET, SDB_LOG_WARNING, "not every task is known: %s", sdb_error_message(error));
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}

struct sdb_error *linux_current_task(struct sdb_target *target, struct sdb_thread *cpu, struct sdb_thread **thread_ret)
{
	struct linux_system *system = linux_of(target);
	struct sdb_task task;
	uint64_t address = 0;
	struct sdb_error *error = linux_load_tasks(system);
	if (!error)
		error = linux_current(system, linux_cpu_number(system, cpu), &address);
	if (!error)
		error = linux_describe_task(system, address, &task);
	return error ? error : target_add_task(target, task.tid, address, thread_ret);
}

/* ---- processes ------------------------------------------------------------------------------------------------ */

struct finding {
	const char *name;
	int64_t pid;      /* -1: by name */
	int64_t found;    /* -1: none yet */
	uint64_t task, memory;
};

static struct sdb_error *consider(void *arg, const struct sdb_task *task)
{
	struct finding *finding = arg;
	if (task->tid <= 0)
		return NULL;
	if (finding->pid >= 0 ? task->tgid != finding->pid
	    : task->tid != task->tgid || strncmp(task->name, finding->name, 15) != 0 || (finding->found >= 0
									     && finding->found < task->tgid))
		return NULL;
	/* Of the threads of a process the first that still has memory: its leader may have ended before. */
	if (finding->found < 0 || finding->found != task->tgid || (!finding->memory && task->memory)) {
		finding->found = task->tgid;
		finding->task = task->address;
		finding->memory = task->memory;
	}
	return NULL;
}

static struct sdb_error *search(struct sdb_target *target, struct finding *finding)
{
	finding->found = -1;
	struct sdb_error *error = linux_scan(target, consider, finding);
	if (finding->found < 0)
		return error;
	sdb_error_free(error); /* it is not about this one */
	return NULL;
}

struct sdb_error *linux_find_process(struct sdb_target *target, const char *name, int64_t *pid_ret)
{
	char *end;
	long long number = strtoll(name, &end, 10);
	struct finding finding = { .name = name, .pid = *name && !*end && number > 0 ? number : -1 };
	struct sdb_error *error = search(target, &finding);
	*pid_ret = finding.found;
	if (error || finding.found >= 0)
		return error;
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no process %s in %s", name, target->name);
}

/* Without a look at any list; false: its first thread has ended, or what tasks there are is not told. */
static bool known_process(struct linux_system *system, int64_t pid, uint64_t *task_ret, uint64_t *mm_ret)
{
	uint64_t tgid = 0, task = linux_active_task(system, pid);
	*task_ret = task;
	*mm_ret = 0;
	return task && linux_copy(system, task + system->tasks.tgid.at, &tgid, 4) && (int64_t)tgid == pid
		&& linux_u64(system, task + system->tasks.mm.at, mm_ret) && *mm_ret;
}

struct sdb_error *linux_process(struct linux_system *system, int64_t pid, uint64_t *task_ret, uint64_t *mm_ret)
{
	struct finding finding = { .pid = pid };
	if (pid <= 0)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the idle tasks have no memory of their own");
	if (known_process(system, pid, task_ret, mm_ret))
		return NULL;
	struct sdb_error *error = search(system->target, &finding);
	if (error)
		return error;
	*task_ret = finding.task;
	*mm_ret = finding.memory;
	if (finding.found < 0)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no process %lld", (long long)pid);
	if (!finding.memory)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "process %lld has no memory: it has ended, or is of the kernel",
				     (long long)pid);
	return NULL;
}

struct sdb_error *linux_process_threads(struct sdb_target *target, int64_t pid,
					struct sdb_error *(*fn)(void *arg, struct sdb_thread *thread), void *arg)
{
	struct linux_system *system = linux_of(target);
	struct sdb_thread *const *threads;
	size_t count;
	struct sdb_error *error = sdb_target_threads(target, &threads, &count);
	if (!error)
		error = linux_load_tasks(system);
	for (size_t i = 0; i < target->thread_count && !error; i++) {
		struct sdb_thread *thread = target->threads[i];
		uint64_t tgid = 0;
		if (thread->id > 0 && linux_copy(system, thread->key + system->tasks.tgid.at, &tgid, 4) && (int64_t)tgid == pid)
			error = fn(arg, thread);
	}
	return error;
}
