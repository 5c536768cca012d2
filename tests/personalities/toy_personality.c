/* SPDX-License-Identifier: MIT */
/* The smallest personality that shows how one is written: it knows the toy system of toy_kernel.c. */

#include "toy.h"

#include <stackdb/personality.h>
#include <stackdb/space.h>

#include <stdlib.h>
#include <string.h>

#define LOOK_FROM 0x100000u
#define LOOK_TO 0x200000u
#define TASKS_MAX 64

#ifndef TOY_VERSION
#define TOY_VERSION SDB_PERSONALITY_VERSION
#endif

struct toy {
	const struct sdb_personality_library *library;
	struct sdb_target *machine;
	uint64_t at;                  /* of its struct toy_system */
	uint8_t build_id[20];
	size_t build_id_length;
};

static bool is_build_id(const uint8_t *note)
{
	static const uint8_t head[16] = { 4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0 };
	return memcmp(note, head, sizeof(head)) == 0;
}

/* The magic alone is also among the constants of its code. */
static bool is_system(const uint8_t *data)
{
	struct toy_system system;
	memcpy(&system, data, sizeof(system));
	return memcmp(system.magic, TOY_MAGIC, sizeof(TOY_MAGIC)) == 0 && system.version == 1 && system.tasks;
}

/* Both lie on multiples of 4 within the image. */
static struct sdb_error *look(struct toy *toy)
{
	uint8_t page[4096 + sizeof(struct toy_system)];
	for (uint64_t at = LOOK_FROM; at < LOOK_TO; at += 4096) {
		struct sdb_error *error = toy->library->read_physical(toy->machine, at, page, sizeof(page));
		if (error)
			return error;
		for (unsigned i = 0; i < 4096; i += 4) {
			if (is_system(page + i) && !toy->at)
				toy->at = at + i;
			if (is_build_id(page + i) && !toy->build_id_length) {
				memcpy(toy->build_id, page + i + 16, sizeof(toy->build_id));
				toy->build_id_length = sizeof(toy->build_id);
			}
		}
	}
	return NULL;
}

static struct sdb_error *toy_open(const struct sdb_personality_library *library, struct sdb_target *machine, void **system_ret)
{
	struct toy *toy = calloc(1, sizeof(*toy));
	if (!toy)
		return library->error(SDB_ERROR_MEMORY, "out of memory");
	toy->library = library;
	toy->machine = machine;
	struct sdb_error *error = look(toy);
	if (!error && !toy->at)
		error = library->error(SDB_ERROR_NOT_FOUND, "no toy system is in the first 2 MiB of memory");
	if (error) {
		free(toy);
		return error;
	}
	*system_ret = toy;
	return NULL;
}

static void toy_close(void *system)
{
	free(system);
}

static struct sdb_error *read_system(struct toy *toy, struct toy_system *system_ret)
{
	return toy->library->read(toy->machine, toy->at, system_ret, sizeof(*system_ret));
}

static struct sdb_error *toy_regions(void *system, struct sdb_regions_found *found)
{
	struct toy *toy = system;
	struct sdb_module *module;
	struct sdb_error *error = toy->library->add_module(found, "toy", toy->build_id, toy->build_id_length, 0, &module);
	return error ? error : toy->library->add_region(found, LOOK_FROM, LOOK_TO, SDB_REGION_READ | SDB_REGION_WRITE | SDB_REGION_EXECUTE,
							"toy", module);
}

static struct sdb_error *toy_tasks(void *system, sdb_task_fn fn, void *arg)
{
	struct toy *toy = system;
	struct toy_system now;
	struct sdb_error *error = read_system(toy, &now);
	unsigned count = 0;
	for (uint32_t at = now.tasks; !error && at && count < TASKS_MAX; count++) {
		struct toy_task task;
		struct sdb_task told = { .address = at, .state = SDB_TASK_RUNNING, .letter = 'R', .on_cpu = at == now.current };
		error = toy->library->read(toy->machine, at, &task, sizeof(task));
		if (error)
			break;
		told.tid = told.tgid = task.number;
		told.uid = told.euid = task.user;
		memcpy(told.name, task.name, sizeof(task.name) - 1);
		at = task.next;
		error = fn(arg, &told);
	}
	return error || count < TASKS_MAX ? error : toy->library->error(SDB_ERROR_CORRUPT, "there are more than %d tasks", TASKS_MAX);
}

static struct sdb_error *toy_current(void *system, unsigned cpu, int64_t *tid_ret, uint64_t *address_ret)
{
	struct toy *toy = system;
	struct toy_system now;
	struct toy_task task;
	struct sdb_error *error = read_system(toy, &now);
	if (!error && cpu)
		error = toy->library->error(SDB_ERROR_NOT_FOUND, "it runs on one CPU");
	if (!error)
		error = toy->library->read(toy->machine, now.current, &task, sizeof(task));
	*tid_ret = error ? 0 : task.number;
	*address_ret = now.current;
	return error;
}

static struct sdb_error *toy_registers(void *system, uint64_t address, sdb_register_fn fn, void *arg)
{
	struct toy *toy = system;
	struct toy_task task;
	struct sdb_error *error = toy->library->read(toy->machine, address, &task, sizeof(task));
	if (error)
		return error;
	fn(arg, "rip", task.pc);
	fn(arg, "rsp", task.sp);
	return NULL;
}

static struct sdb_error *toy_information(void *system, struct sdb_system *system_ret)
{
	struct toy *toy = system;
	system_ret->version = "toy system, version 1";
	system_ret->release = "1";
	system_ret->build_id = toy->build_id;
	system_ret->build_id_length = toy->build_id_length;
	system_ret->base = LOOK_FROM;
	system_ret->cpus = 1;
	return NULL;
}

static struct sdb_error *toy_log(void *system, sdb_log_record_fn fn, void *arg)
{
	struct toy *toy = system;
	struct toy_system now;
	struct sdb_error *error = read_system(toy, &now);
	if (error)
		return error;
	now.words[sizeof(now.words) - 1] = '\0';
	const struct sdb_log_record record = { .text = now.words, .length = strlen(now.words), .level = 6 };
	return fn(arg, &record);
}

extern const struct sdb_personality stackdb_personality;
__attribute__((visibility("default"))) const struct sdb_personality stackdb_personality = {
	.version = TOY_VERSION,
	.size = sizeof(stackdb_personality),
	.name = "toy",
	.summary = "a system with three tasks",
	.open = toy_open,
	.close = toy_close,
	.regions = toy_regions,
	.tasks = toy_tasks,
	.current = toy_current,
	.registers = toy_registers,
	.information = toy_information,
	.log = toy_log,
};
