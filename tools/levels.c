/* SPDX-License-Identifier: MIT */
#include "levels.h"
#include "syscalls.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- processes as targets -------------------------------------------------------------------------- */

void levels_init(struct levels *levels, struct sdb_target *machine, const struct sdb_spec *spec)
{
	*levels = (struct levels){ .machine = machine };
	levels->spec = (struct sdb_spec){
		.id = spec->id, .base = machine, .root = spec->root, .no_index = spec->no_index,
		.cache_size = spec->cache_size, .database_cache = spec->database_cache, .log = spec->log,
	};
}

static void close_process(struct levels *levels)
{
	sdb_target_close(levels->process);
	sdb_error_free(levels->trouble);
	levels->process = NULL;
	levels->trouble = NULL;
	levels->pid = 0;
}

void levels_deinit(struct levels *levels)
{
	close_process(levels);
}

static void open_process(struct levels *levels, int64_t pid)
{
	char number[32];
	close_process(levels);
	snprintf(number, sizeof(number), "%lld", (long long)pid);
	levels->pid = pid;
	levels->spec.overlay = number;
	struct sdb_error *error = sdb_target_create(&levels->spec, &levels->process);
	levels->spec.overlay = NULL;
	if (!error)
		error = sdb_target_open(levels->process);
	if (error) {
		sdb_target_close(levels->process);
		levels->process = NULL;
		levels->trouble = error;
	}
}

struct sdb_error *levels_program(struct levels *levels, struct sdb_thread *thread, struct sdb_thread **program_ret)
{
	struct sdb_task task;
	*program_ret = NULL;
	struct sdb_error *error = sdb_thread_task(thread, &task);
	if (error || task.kernel || !task.memory)
		return error;
	if (levels->pid != task.tgid)
		open_process(levels, task.tgid);
	if (levels->trouble)
		return sdb_error_new(sdb_error_code(levels->trouble), "%s", sdb_error_message(levels->trouble));
	return sdb_target_thread(levels->process, task.tid, program_ret);
}

struct ordered_thread {
	int64_t process;
	struct sdb_thread *thread;
};

static int compare_threads(const void *a, const void *b)
{
	const struct ordered_thread *first = a, *second = b;
	int64_t one = sdb_thread_id(first->thread), other = sdb_thread_id(second->thread);
	if (first->process != second->process)
		return first->process < second->process ? -1 : 1;
	return one < other ? -1 : one > other;
}

struct sdb_error *levels_order(struct sdb_thread *const *threads, size_t count, struct sdb_thread ***ordered_ret)
{
	struct ordered_thread *items = tool_alloc((count + 1) * sizeof(*items));
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < count && !error; i++) {
		struct sdb_task task;
		error = sdb_thread_task(threads[i], &task);
		items[i] = (struct ordered_thread){ error ? sdb_thread_id(threads[i]) : task.tgid, threads[i] };
		if (error && sdb_error_code(error) != SDB_ERROR_MEMORY) { /* it stands for itself then */
			sdb_error_free(error);
			error = NULL;
		}
	}
	if (!error)
		qsort(items, count, sizeof(*items), compare_threads);
	*ordered_ret = error ? NULL : tool_alloc((count + 1) * sizeof(**ordered_ret));
	for (size_t i = 0; i < count && !error; i++)
		(*ordered_ret)[i] = items[i].thread;
	free(items);
	return error;
}

/* ---- the border ------------------------------------------------------------------------------------------ */

static const struct {
	uint16_t machine;
	const char *number, *arguments[6];
} conventions[] = {
	{ EM_X86_64, "orig_rax", { "rdi", "rsi", "rdx", "r10", "r8", "r9" } },
	{ EM_386, "orig_eax", { "ebx", "ecx", "edx", "esi", "edi", "ebp" } },
};

struct sdb_error *levels_entry(struct sdb_thread *program, struct levels_entry *entry_ret)
{
	struct sdb_target *target = sdb_thread_target(program);
	uint16_t machine = sdb_target_machine(target);
	uint64_t number = 0;
	size_t which = machine == EM_386;
	*entry_ret = (struct levels_entry){ .call = false };
	if (conventions[which].machine != machine)
		return NULL;
	struct sdb_error *error = sdb_thread_register_number(program, conventions[which].number, &number);
	int64_t signed_number = sdb_target_address_size(target) == 4 ? (int32_t)number : (int64_t)number;
	if (error || signed_number < 0)
		return error;
	const struct syscall_table *table = syscall_table(machine);
	const struct syscall_info *info = table ? syscall_info(table, signed_number) : NULL;
	entry_ret->call = true;
	entry_ret->number = signed_number;
	entry_ret->name = info ? info->name : NULL;
	entry_ret->kinds = info ? info->arguments : NULL;
	entry_ret->count = entry_ret->kinds ? (unsigned)strlen(entry_ret->kinds) : 6;
	for (unsigned i = 0; i < entry_ret->count && i < 6 && !error; i++)
		error = sdb_thread_register_number(program, conventions[which].arguments[i], &entry_ret->arguments[i]);
	return error;
}

void levels_put_entry(struct text *to, const struct levels_entry *entry)
{
	if (!entry->call) {
		text_add(to, "interrupt");
		return;
	}
	if (entry->name)
		text_format(to, "system call %s(", entry->name);
	else
		text_format(to, "system call %lld(", (long long)entry->number);
	for (unsigned i = 0; i < entry->count && i < 6; i++) {
		char kind = entry->kinds ? entry->kinds[i] : 'x';
		text_add(to, i ? ", " : "");
		if (kind == 'D' && (uint32_t)entry->arguments[i] == (uint32_t)-100)
			text_add(to, "AT_FDCWD");
		else if (kind == 'd' || kind == 'D')
			text_format(to, "%d", (int)entry->arguments[i]);
		else if (kind == 'u')
			text_u64(to, entry->arguments[i]);
		else
			text_hex(to, entry->arguments[i]);
	}
	text_char(to, ')');
}

void levels_entry_as_json(struct json *json, const struct levels_entry *entry)
{
	json_object(json, "entry");
	json_string(json, "kind", entry->call ? "system call" : "interrupt");
	if (entry->call) {
		json_signed(json, "number", entry->number);
		json_string(json, "name", entry->name);
		json_array(json, "arguments");
		for (unsigned i = 0; i < entry->count && i < 6; i++)
			json_hex(json, NULL, entry->arguments[i]);
		json_close(json);
	}
	json_close(json);
}
