/* SPDX-License-Identifier: MIT */
/*
 * Probes on a program whose calls are counted: usage `test_probes TARGET-PROGRAM`. Needs the indexer
 * ($STACKDB_INDEXER) and a store.
 */
#include "probing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In MODE the target says SAYS at its end. */
static void test_count_in(const char *mode, const char *says, const char *calls, const char *threads, bool returns,
			  bool after, bool hardware)
{
	struct started started = start(mode, calls, threads);
	struct sdb_target *target = attach(started.pid);
	struct counts counts = { .entries = 0 };
	struct sdb_probe_options options = { .before = count_entry, .after = returns || after ? count_after : NULL,
					     .arg = &counts, .hardware = hardware };
	struct sdb_probe *probe;
	char text[512];
	int status;
	unsigned long expected = strtoul(calls, NULL, 10) * strtoul(threads, NULL, 10);
	must(returns ? sdb_probe_function(target, "counted", &options, &probe)
	     : sdb_probe_pattern(target, "counted", &options, &probe), "probe");
	go(&started);
	poll_to_end(target);
	CHECK(counts.entries == expected, "%lu entries of %lu", counts.entries, expected);
	CHECK(sdb_probe_hits(probe) == expected, "%lu hits", (unsigned long)sdb_probe_hits(probe));
	if (returns)
		CHECK(counts.returns == expected && counts.wrong == 0, "%lu returns", counts.returns);
	if (after)
		CHECK(counts.after == expected, "%lu after", counts.after);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, says), "the target says '%s'", text);
}

static void test_count(const char *calls, const char *threads, bool returns, bool after, bool hardware)
{
	test_count_in("count", " 0 wrong", calls, threads, returns, after, hardware);
}

/* Threads, signals, children of every kind at once: nothing is lost, nothing told twice. */
static void test_mix(const char *calls, const char *threads, bool returns, bool after, bool hardware)
{
	test_count_in("mix", "0 wrong, 0 bad", calls, threads, returns, after, hardware);
}

/* Probes of every kind switched on and off as fast as it goes, while threads meet them. */
static void test_toggling(const char *mode, const char *calls, const char *threads)
{
	enum { KINDS = 5 };
	struct started started = start(mode, calls, threads);
	struct sdb_target *target = attach(started.pid);
	struct counts counts[KINDS] = { 0 };
	struct sdb_probe *probes[KINDS];
	uint64_t sink = 0;
	char text[512];
	int status;
	must(sdb_target_bind(target, "sink", false, take_address, &sink), "bind");
	for (int i = 0; i < KINDS; i++) {
		struct sdb_probe_options options = { .before = count_call, .arg = &counts[i], .hardware = i == 2, .software = i == 4,
						     .after = i < 2 ? count_after : NULL };
		must(i == 0 ? sdb_probe_function(target, "counted", &options, &probes[i])
		     : i < 3 ? sdb_probe_pattern(target, "counted", &options, &probes[i])
		     : sdb_probe_watch(target, sink, 8, i == 4 ? SDB_WATCH_CHANGE : SDB_WATCH_WRITE, &options, &probes[i]), "probe");
	}
	must(sdb_probe_disable(probes[4]), "disable"); /* it would take very long */
	go(&started);
	for (unsigned turn = 0; sdb_target_status(target) == SDB_TARGET_RUNNING; turn++) {
		struct sdb_probe *probe = probes[turn * 7 % KINDS];
		must(sdb_target_poll(target, 1, NULL), "poll");
		if (sdb_target_status(target) != SDB_TARGET_RUNNING)
			break;
		struct sdb_error *error = sdb_probe_enabled(probe) ? sdb_probe_disable(probe) : sdb_probe_enable(probe);
		bool ended = error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND; /* which was not told of yet */
		if (error && !ended && sdb_target_status(target) != SDB_TARGET_EXITED)
			must(error, "toggle");
		sdb_error_free(error);
		if (ended)
			poll_to_end(target);
	}
	for (int i = 0; i < 2; i++)
		CHECK(counts[i].entries <= strtoul(calls, NULL, 10) * strtoul(threads, NULL, 10), "%d: %lu entries", i,
		      counts[i].entries);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, " 0 wrong") || strstr(text, "0 wrong,"), "the target says '%s'", text);
}

/* ---- churn, children ------------------------------------------------------------------------------------ */

static void test_mode(const char *mode, const char *number, const char *says)
{
	struct started started = start(mode, number, NULL);
	struct sdb_target *target = attach(started.pid);
	struct counts counts = { .entries = 0 };
	struct sdb_probe_options options = { .before = count_entry, .after = count_after, .arg = &counts };
	struct sdb_probe *probe;
	char text[256];
	int status;
	must(sdb_probe_function(target, "counted", &options, &probe), "probe");
	go(&started);
	poll_to_end(target);
	CHECK(counts.entries == strtoul(number, NULL, 10), "%lu entries of %s", counts.entries, number);
	CHECK(counts.returns == counts.entries, "%lu returns", counts.returns);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, says), "the target says '%s'", text);
}

/* ---- variables, events -------------------------------------------------------------------------------------- */

static void test_watch(const char *threads)
{
	struct started started = start("count", "1000", threads);
	struct sdb_target *target = attach(started.pid);
	struct counts counts = { .after = 0 };
	struct sdb_probe *probe, *more[4];
	uint64_t address = 0;
	char text[256];
	int status;
	unsigned long expected = 1000 * strtoul(threads, NULL, 10);
	struct sdb_probe_options options = { .before = count_watch, .arg = &counts };
	must(sdb_target_bind(target, "sink", false, take_address, &address), "bind");
	must(sdb_probe_watch(target, address, 8, SDB_WATCH_WRITE, &options, &probe), "watch");
	for (int i = 0; i < 4; i++) {
		struct sdb_error *error = sdb_probe_watch(target, address, 8, SDB_WATCH_WRITE, &options, &more[i]);
		CHECK((error != NULL) == (i == 3), "register %d", i);
		sdb_error_free(error);
	}
	for (int i = 0; i < 3; i++)
		must(sdb_probe_remove(more[i]), "remove");
	go(&started);
	poll_to_end(target);
	CHECK(sdb_probe_hits(probe) == expected, "%lu hits", (unsigned long)sdb_probe_hits(probe));
	if (strcmp(threads, "1") == 0)
		CHECK(counts.wrong == 0, "%lu wrong values", counts.wrong);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, " 0 wrong"), "the target says '%s'", text);
}

static struct sdb_error *count_event(void *arg, struct sdb_hit *hit)
{
	unsigned *events = arg;
	events[hit->kind]++;
	return NULL;
}

static void test_events(void)
{
	struct started started = start("churn", "50", NULL);
	struct sdb_target *target = attach(started.pid);
	unsigned events[32] = { 0 };
	struct counts calls = { .entries = 0 };
	struct sdb_probe *probe, *call_probe;
	struct sdb_probe_options options = { .before = count_event, .arg = events };
	struct sdb_probe_options call_options = { .before = count_call, .after = count_call, .arg = &calls };
	char text[256];
	int status;
	must(sdb_probe_events(target, 1u << SDB_HIT_THREAD | 1u << SDB_HIT_THREAD_EXIT | 1u << SDB_HIT_EXIT, &options,
			      &probe), "events");
	must(sdb_probe_calls(target, 435, &call_options, &call_probe), "clone3");
	go(&started);
	poll_to_end(target);
	CHECK(events[SDB_HIT_THREAD] == 50, "%u threads", events[SDB_HIT_THREAD]);
	CHECK(events[SDB_HIT_THREAD_EXIT] == 51, "%u ends", events[SDB_HIT_THREAD_EXIT]);
	CHECK(events[SDB_HIT_EXIT] == 1, "%u ends of the program", events[SDB_HIT_EXIT]);
	CHECK(calls.entries == 50 && calls.returns == 50, "%lu calls, %lu exits", calls.entries, calls.returns);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, "churned"), "the target says '%s'", text);
}

/* ---- several at once, and none any more ---------------------------------------------------------------------- */

/* Several targets in one loop, with a child of our own that nobody waits for meanwhile. */
static void test_loop(void)
{
	enum { COUNT = 3 };
	struct started started[COUNT];
	struct sdb_target *targets[COUNT];
	struct counts counts[COUNT] = { 0 };
	struct sdb_loop *loop;
	pid_t child = fork();
	if (child == 0)
		_exit(7);
	must(sdb_loop_create(&loop), "loop");
	for (int i = 0; i < COUNT; i++) {
		struct sdb_probe_options options = { .before = count_entry, .after = count_after, .arg = &counts[i] };
		struct sdb_probe *probe;
		started[i] = start("count", "400", "4");
		targets[i] = attach(started[i].pid);
		must(sdb_probe_function(targets[i], "counted", &options, &probe), "probe");
		must(sdb_loop_add(loop, targets[i]), "add");
	}
	must(sdb_loop_run(loop, 50), "run for a while");
	for (int i = 0; i < COUNT; i++)
		go(&started[i]);
	must(sdb_loop_run(loop, -1), "run");
	for (int i = 0; i < COUNT; i++) {
		char text[256];
		int status;
		CHECK(counts[i].entries == 1600 && counts[i].returns == 1600, "%d: %lu entries, %lu returns", i,
		      counts[i].entries, counts[i].returns);
		sdb_target_close(targets[i]);
		finish(&started[i], text, sizeof(text), &status);
		CHECK(strstr(text, " 0 wrong"), "the target says '%s'", text);
	}
	sdb_loop_destroy(loop);
	int status = 0;
	CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7, "our own child: status %#x", status);
}

/* Nothing of us is left in a target that we let go. */
static void test_leaving(void)
{
	for (int i = 0; i < 20; i++) {
		struct started started = start("count", "200000", "4");
		struct sdb_target *target = attach(started.pid);
		struct counts counts = { .entries = 0 };
		struct sdb_probe *probe;
		struct sdb_probe_options options = { .before = count_entry, .after = count_after, .arg = &counts };
		char text[256];
		int status;
		must(sdb_probe_function(target, "counted", &options, &probe), "probe");
		go(&started);
		for (int k = 0; k < 5 + i && sdb_target_status(target) == SDB_TARGET_RUNNING; k++)
			must(sdb_target_poll(target, 100, NULL), "poll");
		sdb_target_close(target);
		finish(&started, text, sizeof(text), &status);
		CHECK(status == 0 && strstr(text, " 0 wrong"), "status %#x, the target says '%s'", status, text);
	}
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	test_count("1000", "1", false, false, false);
	test_count("1000", "4", false, false, false);
	test_count("500", "16", false, false, false);
	test_count("1000", "1", true, false, false);
	test_count("500", "16", true, false, false);
	test_count("500", "4", false, true, false);
	test_count("1000", "1", false, false, true);
	test_count("500", "4", false, false, true);
	for (int i = 0; i < 4; i++) {
		static const char *const threads[] = { "1", "4", "16", "4" };
		test_count_in("signals", " 0 wrong", i == 2 ? "500" : "2000", threads[i], i < 3, i == 3, false);
	}
	test_count_in("signals", " 0 wrong", "2000", "1", false, true, false);
	for (int i = 0; i < 3; i++) {
		static const char *const threads[] = { "1", "4", "16" };
		test_mix("200", threads[i], true, false, false);
		test_mix("200", threads[i], false, true, false);
		test_mix("200", threads[i], false, false, true);
		test_toggling("count", "800", threads[i]);
		test_toggling("mix", "200", threads[i]);
	}
	test_mode("churn", "200", "churned");
	test_mode("fork", "100", "100 children, 0 bad");
	test_watch("1");
	test_watch("4");
	test_events();
	test_loop();
	test_leaving();
	printf("%u failed\n", failed);
	return failed != 0;
}
