/* SPDX-License-Identifier: MIT */
/*
 * Compares the model that probes keep (`-a`) with what the machine has, at random moments:
 *
 *     follow_model ROUNDS PID TARGET ARGUMENTS
 *
 * Each round lets the machine run for a while, pauses it, and asks the target for its threads, the machine for a scan of
 * its tasks, and process PID (0: none) for its regions, which are read once more by a target that remembers nothing. A
 * task in between, that the kernel has in its list and that was not told yet, is forgiven once; one that differs twice
 * is an error. So are regions in between, of which is told when they have changed: the machine runs on for a moment then.
 * Prints
 *
 *     round TASKS BETWEEN REGIONS BETWEEN   of each
 *     difference TEXT
 *     read LISTS                         how often tasks were listed to bring threads up to date
 *     told BEGAN EXECUTED ENDED          what probes of events were told
 *     task TID NAME / region LOW-HIGH    at the end, when the machine stands still
 */

#include "runtime/personality.h"
#include "runtime/tasks.h"
#include <stackdb/probe.h>
#include <stackdb/spec.h>
#include <stackdb/system.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASKS_MAX 16384
#define BETWEEN_MAX 64
#define MOMENTS 5 /* after which regions are the same */

struct seen {
	int64_t tid;
	uint64_t address;
};

static struct seen scanned[TASKS_MAX];
static size_t scanned_count;
static struct seen between[BETWEEN_MAX], before[BETWEEN_MAX];
static size_t between_count, before_count;
static unsigned lists, told[3];
static struct personality counting;
static const struct personality *counted;
static int status;

static void need(const char *what, struct sdb_error *error)
{
	if (!error)
		return;
	printf("error %s: %s\n", what, sdb_error_message(error));
	exit(1);
}

static struct sdb_error *count_refresh(struct sdb_target *target)
{
	lists++;
	return counted->refresh(target);
}

static struct sdb_error *on_event(void *arg, struct sdb_hit *hit)
{
	(void)arg;
	told[hit->kind == SDB_HIT_THREAD ? 0 : hit->kind == SDB_HIT_PROGRAM ? 1 : 2]++;
	return NULL;
}

static struct sdb_error *see(void *arg, const struct sdb_task *task)
{
	(void)arg;
	if (scanned_count < TASKS_MAX)
		scanned[scanned_count++] = (struct seen){ task->tid, task->address };
	return NULL;
}

static bool has(const struct seen *list, size_t count, struct seen one)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].tid == one.tid && list[i].address == one.address)
			return true;
	return false;
}

static void differ(struct seen one, const char *where)
{
	if (has(before, before_count, one)) {
		printf("difference task %" PRId64 " at %#" PRIx64 " is only in %s\n", one.tid, one.address, where);
		status = 1;
	}
	if (between_count < BETWEEN_MAX)
		between[between_count++] = one;
}

static size_t compare_tasks(struct sdb_target *target)
{
	struct sdb_thread *const *threads;
	size_t count;
	scanned_count = 0;
	memcpy(before, between, sizeof(before));
	before_count = between_count;
	between_count = 0;
	need("threads", sdb_target_threads(target, &threads, &count));
	need("scan", sdb_target_scan_tasks(target, see, NULL));
	for (size_t i = 0; i < count; i++)
		/* One that has ended may be on a CPU yet, and is there as long as it is. */
		if (!threads[i]->cpu && !has(scanned, scanned_count, (struct seen){ threads[i]->id, threads[i]->key }))
			differ((struct seen){ threads[i]->id, threads[i]->key }, "the model");
	for (size_t i = 0; i < scanned_count; i++) {
		struct sdb_thread *thread = NULL;
		for (size_t k = 0; k < count && !thread; k++)
			if (threads[k]->id == scanned[i].tid && threads[k]->key == scanned[i].address)
				thread = threads[k];
		if (!thread)
			differ(scanned[i], "the machine");
	}
	return count;
}

/* Whether they are the same; if not, each is shown when SHOW says so. */
static bool compare_regions(struct sdb_target *process, struct sdb_target *machine, bool show, size_t *count_ret)
{
	const struct sdb_region *model, *now;
	size_t model_count, now_count;
	/* The reader that remembers nothing: of the same process, with the parts of the model switched off. */
	struct sdb_spec spec = { .id = 3, .type = "os-process", .base = machine, .overlay = process->spec.overlay, .no_index = true };
	struct sdb_target *fresh;
	unsigned active = machine->spec.active;
	need("regions", sdb_target_regions(process, &model, &model_count));
	machine->spec.active = 0;
	need("a fresh target", sdb_target_create(&spec, &fresh));
	need("opening it", sdb_target_open(fresh));
	need("its regions", sdb_target_regions(fresh, &now, &now_count));
	machine->spec.active = active;
	bool same = model_count == now_count;
	for (size_t i = 0; i < now_count && same; i++)
		same = model[i].low == now[i].low && model[i].high == now[i].high && model[i].flags == now[i].flags;
	*count_ret = now_count;
	if (!same && show) {
		for (size_t i = 0; i < model_count || i < now_count; i++)
			printf("difference region %" PRIx64 "-%" PRIx64 " %x, now %" PRIx64 "-%" PRIx64 " %x\n", i < model_count ? model[i].low : 0,
			       i < model_count ? model[i].high : 0, i < model_count ? model[i].flags : 0, i < now_count ? now[i].low : 0,
			       i < now_count ? now[i].high : 0, i < now_count ? now[i].flags : 0);
		status = 1;
	}
	sdb_target_close(fresh);
	return same;
}

static void run(struct sdb_target *target, int milliseconds)
{
	for (int left = milliseconds; left > 0; left -= 5) {
		unsigned handled;
		need("poll", sdb_target_poll(target, 5, &handled));
	}
}

static void show(struct sdb_target *target, struct sdb_target *process)
{
	struct sdb_thread *const *threads;
	const struct sdb_region *regions;
	size_t count;
	need("threads", sdb_target_threads(target, &threads, &count));
	for (size_t i = 0; i < count; i++) {
		char *name = NULL;
		need("name", sdb_thread_name(threads[i], &name));
		printf("task %" PRId64 " %s\n", threads[i]->id, name);
		free(name);
	}
	if (!process)
		return;
	need("regions", sdb_target_regions(process, &regions, &count));
	for (size_t i = 0; i < count; i++)
		printf("region %" PRIx64 "-%" PRIx64 "\n", regions[i].low, regions[i].high);
}

int main(int argc, char **argv)
{
	struct sdb_specs specs = { .count = 0 };
	struct sdb_target *target, *process = NULL;
	struct sdb_probe *probe;
	const struct sdb_probe_options options = { .before = on_event };
	int rounds = argc > 3 ? atoi(argv[1]) : 0;
	const char *pid = argc > 3 ? argv[2] : "0";
	argc -= 2;
	argv += 2;
	argp_parse(&sdb_specs_argp, argc, argv, 0, NULL, &specs);
	specs.items[0].no_index = true;
	need("target", sdb_target_create(&specs.items[0], &target));
	need("open", sdb_target_open(target));
	counted = target->personality;
	counting = *counted;
	counting.refresh = count_refresh;
	target->personality = &counting;
	need("events", sdb_probe_events(target, 1u << SDB_HIT_THREAD | 1u << SDB_HIT_THREAD_EXIT | 1u << SDB_HIT_PROGRAM, &options, &probe));
	if (strcmp(pid, "0") != 0) {
		struct sdb_spec spec = { .id = 2, .type = "os-process", .base = target, .overlay = pid, .no_index = true };
		need("process", sdb_target_create(&spec, &process));
		need("process", sdb_target_open(process));
	}
	for (int i = 0; i < rounds; i++) {
		run(target, 20 + rand() % 200);
		need("pause", sdb_target_pause(target));
		size_t tasks = compare_tasks(target);
		size_t regions = 0;
		unsigned again = 0;
		while (process && !compare_regions(process, target, again == MOMENTS, &regions) && again++ < MOMENTS) {
			need("resume", sdb_target_resume(target));
			run(target, 5);
			need("pause", sdb_target_pause(target));
		}
		printf("round %zu %zu %zu %u\n", tasks, between_count, regions, again);
		need("resume", sdb_target_resume(target));
	}
	/* Whoever asks lets everything else end first, and that is followed, too; then there is a line, or an end. */
	struct pollfd input = { .fd = 0, .events = POLLIN };
	printf("stand\n");
	fflush(stdout);
	while (poll(&input, 1, 0) == 0)
		run(target, 50);
	show(target, process);
	printf("read %u\ntold %u %u %u\n", lists, told[0], told[1], told[2]);
	sdb_target_close(process);
	target->personality = counted;
	sdb_target_close(target);
	sdb_specs_deinit(&specs);
	return status;
}
