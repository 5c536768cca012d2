/* SPDX-License-Identifier: MIT */
/*
 * Probes in other programs than the one that was begun with, and in other processes: usage `test_probe_children TARGET-PROGRAM`. Needs the indexer
 * ($STACKDB_INDEXER) and a store.
 */
#include "probing.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

struct following {
	struct sdb_loop *loop;
	struct sdb_target *targets[600];
	size_t count, executed, pending, lost;
	unsigned long entries, returns;
};

static struct sdb_error *count_followed(void *arg, struct sdb_hit *hit)
{
	struct following *following = arg;
	if (hit->kind == SDB_HIT_RETURN)
		following->returns++;
	else
		following->entries++;
	return NULL;
}

static struct sdb_error *on_process(void *arg, struct sdb_hit *hit);

static void place_followed(struct following *following, struct sdb_target *target)
{
	struct sdb_probe_options options = { .before = count_followed, .after = count_followed, .arg = following,
					     .pending = true };
	struct sdb_probe_options events = { .before = on_process, .arg = following };
	struct sdb_probe *probe;
	must(sdb_probe_function(target, "counted", &options, &probe), "probe");
	must(sdb_probe_events(target, 1u << SDB_HIT_CHILD | 1u << SDB_HIT_EXEC, &events, &probe), "events");
}

static struct sdb_error *on_process(void *arg, struct sdb_hit *hit)
{
	struct following *following = arg;
	struct sdb_spec spec = { .pid = hit->number, .follow_children = true };
	struct sdb_target *target;
	if (hit->kind == SDB_HIT_EXEC) {
		following->executed++;
		return NULL;
	}
	must(sdb_target_create(&spec, &target), "create");
	struct sdb_error *error = sdb_target_open(target);
	if (error || following->count == sizeof(following->targets) / sizeof(following->targets[0])) {
		CHECK(error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND, "a child: %s", error ? sdb_error_message(error) : "too many");
		sdb_error_free(error);
		sdb_target_close(target);
		return NULL;
	}
	following->targets[following->count++] = target;
	place_followed(following, target);
	must(sdb_loop_add(following->loop, target), "add");
	return NULL;
}

static void test_following(const char *mode, const char *number, unsigned long expected, const char *says, bool exact)
{
	struct started started = start(mode, number, NULL);
	struct sdb_spec spec = { .pid = started.pid, .follow_children = true };
	static struct following following;
	char text[256];
	int status;
	following = (struct following){ .count = 1 };
	must(sdb_loop_create(&following.loop), "loop");
	must(sdb_target_create(&spec, &following.targets[0]), "create");
	must(sdb_target_open(following.targets[0]), "open");
	place_followed(&following, following.targets[0]);
	must(sdb_loop_add(following.loop, following.targets[0]), "add");
	go(&started);
	must(sdb_loop_run(following.loop, -1), "run");
	CHECK(following.entries == expected, "%s: %lu entries of %lu, %zu processes", mode, following.entries, expected,
	      following.count);
	CHECK(!exact || following.returns == expected, "%lu returns", following.returns);
	for (size_t i = 0; i < following.count; i++)
		sdb_target_close(following.targets[i]);
	sdb_loop_destroy(following.loop);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, says), "the target says '%s'", text);
}

static struct sdb_error *see_exec(void *arg, struct sdb_hit *hit)
{
	struct sdb_probe **probes = arg;
	(void)hit;
	CHECK(sdb_probe_enabled(probes[0]) && sdb_probe_places(probes[0]) > 0, "the pending probe");
	CHECK(!sdb_probe_enabled(probes[1]) && sdb_probe_places(probes[1]) == 0, "the one at an address");
	CHECK(!sdb_probe_enabled(probes[2]) && !sdb_probe_enabled(probes[3]), "the watchpoints");
	return NULL;
}

static void test_exec(void)
{
	struct started started = start("exec", "50", NULL);
	struct sdb_target *target = attach(started.pid);
	struct counts counts = { .entries = 0 }, at = { .entries = 0 }, watched = { .entries = 0 };
	struct sdb_probe_options pending = { .before = count_entry, .after = count_after, .arg = &counts, .pending = true };
	struct sdb_probe_options address_options = { .before = count_entry, .arg = &at };
	struct sdb_probe_options watch_options = { .before = count_watch, .arg = &watched };
	struct sdb_probe *probes[4], *probe;
	struct sdb_probe_options events = { .before = see_exec, .arg = probes };
	uint64_t address = 0, sink = 0;
	char text[256];
	int status;
	must(sdb_target_bind(target, "counted", false, take_address, &address), "bind");
	must(sdb_target_bind(target, "sink", false, take_address, &sink), "bind");
	must(sdb_probe_function(target, "counted", &pending, &probes[0]), "pending");
	must(sdb_probe_address(target, address, &address_options, &probes[1]), "address");
	must(sdb_probe_watch(target, sink, 8, SDB_WATCH_WRITE, &watch_options, &probes[2]), "watch");
	watch_options.software = true;
	must(sdb_probe_watch(target, sink, 8, SDB_WATCH_CHANGE, &watch_options, &probes[3]), "software");
	must(sdb_probe_events(target, 1u << SDB_HIT_EXEC, &events, &probe), "events");
	go(&started);
	poll_to_end(target);
	CHECK(counts.entries == 100 && counts.returns == 100, "%lu entries, %lu returns", counts.entries, counts.returns);
	CHECK(at.entries == 50, "%lu at the address", at.entries);
	CHECK(sdb_probe_hits(probe) == 1, "%lu programs", (unsigned long)sdb_probe_hits(probe));
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, "50 calls"), "the target says '%s'", text);
}

/* ---- the end of a target that makes threads and processes just then ---------------------------------------- */

/* Kills it DELAY microseconds after its FUNCTION was called. */
static void test_kill(const char *function, const char *mode, const char *number, const char *threads, unsigned delay)
{
	char *arguments[] = { "target", (char *)mode, (char *)number, (char *)threads, NULL };
	struct sdb_spec spec = { .program = program, .arguments = arguments, .input = "/dev/null", .output = "/dev/null" };
	struct sdb_target *target;
	struct sdb_probe *probe;
	struct counts counts = { .entries = 0 };
	struct sdb_probe_options options = { .before = count_entry, .after = count_after, .arg = &counts };
	int status;
	must(sdb_target_create(&spec, &target), "create");
	must(sdb_target_open(target), "open");
	must(sdb_probe_function(target, function, &options, &probe), "probe");
	must(sdb_target_resume(target), "resume");
	while (!counts.entries && sdb_target_status(target) == SDB_TARGET_RUNNING)
		must(sdb_target_poll(target, 1000, NULL), "poll");
	for (clock_t end = clock() + delay * CLOCKS_PER_SEC / 1000000; clock() < end;)
		if (delay % 2)
			must(sdb_target_poll(target, 0, NULL), "poll");
	must(sdb_target_kill(target), "kill");
	CHECK(sdb_target_status(target) == SDB_TARGET_EXITED, "%s", mode);
	CHECK(WIFSIGNALED(sdb_target_exit_status(target)) || sdb_target_exit_status(target) == 0, "%s: status %#x", mode,
	      (unsigned)sdb_target_exit_status(target));
	sdb_target_close(target);
	/* Its children are ours now. */
	for (pid_t child; (child = waitpid(-1, &status, 0)) > 0;)
		CHECK(status == 0, "%s: its child %d ended with status %#x", mode, child, status);
}

static void test_kills(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (unsigned i = 0; i < 60; i++) {
		test_kill("call_in_threads", "count", "1000", "16", 5 * i);
		test_kill("counted", "churn", "100000", NULL, 5 * i);
		test_kill("counted", "fork", "100000", NULL, 9 * i);
		test_kill("counted", "programs", "100000", NULL, 31 * i);
		test_kill("counted", "mix", "100000", "4", 31 * i);
	}
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	test_exec();
	test_following("fork", "30", 60, "30 children, 0 bad", true);
	test_following("programs", "9", 54, "9 programs, 0 bad", true);
	test_following("bomb", "5", 63, "burnt out", true);
	test_kills();
	printf("%u failed\n", failed);
	return failed != 0;
}
