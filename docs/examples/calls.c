/* SPDX-License-Identifier: MIT */
/*
 * Prints each call of a function of a process with its first argument, in the thread that made it.
 *
 * usage: calls PID FUNCTION
 */
#include <stackdb/probe.h>
#include <stdio.h>
#include <stdlib.h>

static struct sdb_error *on_call(void *arg, struct sdb_hit *hit)
{
	uint64_t first;
	struct sdb_error *error = sdb_thread_register_number(hit->thread, "rdi", &first);
	(void)arg;
	if (!error)
		printf("%lld: %llu\n", (long long)sdb_thread_id(hit->thread), (unsigned long long)first);
	return error;
}

int main(int argc, char **argv)
{
	struct sdb_spec spec = { .pid = argc > 2 ? atoi(argv[1]) : 0 };
	struct sdb_probe_options options = { .before = on_call };
	struct sdb_target *target = NULL;
	struct sdb_probe *probe;
	struct sdb_error *error = sdb_target_create(&spec, &target);
	if (!error)
		error = sdb_target_open(target);
	if (!error)
		error = sdb_probe_function(target, argv[2], &options, &probe);
	while (!error && sdb_target_status(target) == SDB_TARGET_RUNNING)
		error = sdb_target_poll(target, -1, NULL);
	if (error)
		fprintf(stderr, "%s\n", sdb_error_message(error));
	int status = error ? EXIT_FAILURE : EXIT_SUCCESS;
	sdb_error_free(error);
	sdb_target_close(target);
	return status;
}
