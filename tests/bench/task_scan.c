/* SPDX-License-Identifier: MIT */
/*
 * Listing a guest's tasks again and again without stopping it, see tests/bench/guests; its peer is task_loop.c.
 *
 * usage: task_scan LISTINGS TARGET ARGUMENTS...     prints `TASKS NANOSECONDS_A_LISTING FIRST_NANOSECONDS OPENING`
 */
#include "clock.h"
#include "give_up.h"

#include <stackdb/spec.h>
#include <stackdb/system.h>
#include <stackdb/target.h>

#include <stdio.h>
#include <stdlib.h>

static struct sdb_error *count_task(void *arg, const struct sdb_task *task)
{
	if (task->tid > 0)
		++*(unsigned *)arg;
	return NULL;
}

static unsigned list(struct sdb_target *target)
{
	unsigned count = 0;
	give_up(sdb_target_scan_tasks(target, count_task, &count));
	return count;
}

int main(int argc, char **argv)
{
	struct sdb_specs specs = { 0 };
	if (argc < 3 || argp_parse(&sdb_specs_argp, argc - 1, argv + 1, 0, NULL, &specs) || specs.count != 1) {
		fprintf(stderr, "usage: task_scan LISTINGS TARGET ARGUMENTS...\n");
		return 2;
	}
	struct sdb_target *target;
	double begun = now_ns();
	give_up(sdb_target_create(&specs.items[0], &target));
	give_up(sdb_target_open(target));
	double opened = now_ns();
	unsigned count = list(target);
	double first = now_ns() - opened;
	long listings = atol(argv[1]);
	double again = now_ns();
	for (long i = 0; i < listings; i++)
		count = list(target);
	printf("%u %.0f %.0f %.0f\n", count, (now_ns() - again) / (double)listings, first, opened - begun);
	sdb_target_close(target);
	sdb_specs_deinit(&specs);
	return 0;
}
