/* SPDX-License-Identifier: MIT */
/*
 * Attaches to process PID, probes `counted` with its returns (and watches `sink` when WATCH is given), says
 * `ready` and handles hits until it is killed: for tests of what it leaves behind.
 *
 * usage: prober PID [WATCH]
 */
#include <stackdb/probe.h>
#include <stackdb/space.h>

#include <stdio.h>
#include <stdlib.h>

static struct sdb_error *read_argument(void *arg, struct sdb_hit *hit)
{
	uint64_t value;
	(void)arg;
	return sdb_thread_register_number(hit->thread, "rdi", &value);
}

static struct sdb_error *take_address(void *arg, const struct sdb_binding *binding)
{
	*(uint64_t *)arg = binding->address;
	return NULL;
}

static struct sdb_error *run(int64_t pid, bool watch)
{
	struct sdb_spec spec = { .pid = pid };
	struct sdb_probe_options options = { .before = read_argument, .after = read_argument };
	struct sdb_target *target;
	struct sdb_probe *probe;
	uint64_t address;
	struct sdb_error *error = sdb_target_create(&spec, &target);
	if (!error)
		error = sdb_target_open(target);
	if (!error)
		error = sdb_probe_function(target, "counted", &options, &probe);
	if (!error && watch) {
		error = sdb_target_bind(target, "sink", false, take_address, &address);
		if (!error)
			error = sdb_probe_watch(target, address, 8, SDB_WATCH_WRITE, &options, &probe);
	}
	if (error)
		return error;
	puts("ready");
	fflush(stdout);
	while (!error && sdb_target_status(target) == SDB_TARGET_RUNNING)
		error = sdb_target_poll(target, -1, NULL);
	sdb_target_close(target);
	return error;
}

int main(int argc, char **argv)
{
	struct sdb_error *error = argc < 2 ? NULL : run(atoll(argv[1]), argc > 2);
	if (argc >= 2 && !error)
		return 0;
	fprintf(stderr, "prober: %s\n", error ? sdb_error_message(error) : "which process?");
	sdb_error_free(error);
	return 1;
}
