/* SPDX-License-Identifier: MIT */
#include "probing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *program;
unsigned failed;

void must(struct sdb_error *error, const char *what)
{
	if (!error)
		return;
	printf("not ok - %s: %s\n", what, sdb_error_message(error));
	exit(1);
}

/* ---- a target ---------------------------------------------------------------------------------- */

struct started start(const char *mode, const char *number, const char *threads)
{
	int in[2], out[2];
	char line[64] = "";
	if (pipe(in) != 0 || pipe(out) != 0)
		exit(1);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		execl(program, program, mode, number, threads, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	for (size_t got = 0; got < sizeof(line) - 1 && !strchr(line, '\n'); got++)
		if (read(out[0], line + got, 1) != 1)
			exit(1);
	return (struct started){ pid, in[1], out[0] };
}

struct sdb_target *attach(pid_t pid)
{
	struct sdb_spec spec = { .pid = pid };
	struct sdb_target *target;
	must(sdb_target_create(&spec, &target), "create");
	must(sdb_target_open(target), "open");
	return target;
}

void go(const struct started *started)
{
	if (write(started->input, "\n", 1) != 1)
		exit(1);
}

void poll_to_end(struct sdb_target *target)
{
	while (sdb_target_status(target) == SDB_TARGET_RUNNING)
		must(sdb_target_poll(target, 10000, NULL), "poll");
}


void finish(const struct started *started, char *text, size_t size, int *status_ret)
{
	size_t got = 0;
	ssize_t n;
	while (got < size - 1 && (n = read(started->output, text + got, size - 1 - got)) > 0)
		got += (size_t)n;
	text[got] = '\0';
	*status_ret = -1;
	waitpid(started->pid, status_ret, 0);
	close(started->input);
	close(started->output);
}

/* ---- handlers -------------------------------------------------------------------------------------- */

struct sdb_error *count_entry(void *arg, struct sdb_hit *hit)
{
	struct counts *counts = arg;
	uint64_t a;
	counts->entries++;
	must(sdb_thread_register_number(hit->thread, "rdi", &a), "rdi");
	return NULL;
}

struct sdb_error *count_after(void *arg, struct sdb_hit *hit)
{
	struct counts *counts = arg;
	if (hit->kind == SDB_HIT_RETURN) {
		counts->returns++;
		counts->wrong += hit->value % 3 > 20;
	} else {
		counts->after++;
	}
	return NULL;
}

struct sdb_error *take_address(void *arg, const struct sdb_binding *binding)
{
	*(uint64_t *)arg = binding->address;
	return NULL;
}

struct sdb_error *count_watch(void *arg, struct sdb_hit *hit)
{
	struct counts *counts = arg;
	counts->entries++;
	counts->wrong += hit->value != hit->old_value + counts->after;
	counts->after++;
	return NULL;
}

struct sdb_error *count_call(void *arg, struct sdb_hit *hit)
{
	struct counts *counts = arg;
	if (hit->kind == SDB_HIT_CALL_EXIT)
		counts->returns++;
	else
		counts->entries++;
	return NULL;
}

void begin(int argc, char **argv)
{
	if (argc < 2)
		exit(2);
	program = argv[1];
	alarm(280);
	setvbuf(stdout, NULL, _IOLBF, 0);
}
