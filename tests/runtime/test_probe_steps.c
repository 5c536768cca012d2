/* SPDX-License-Identifier: MIT */
/*
 * Steps, and watchpoints that are kept by stepping: usage `test_probe_steps TARGET-PROGRAM`. Needs the indexer
 * ($STACKDB_INDEXER) and a store.
 */
#include "probing.h"

#include <stdlib.h>
#include <string.h>

struct stepping {
	unsigned want, entries, steps, wrong;
	uint64_t begin, last;
};

static struct sdb_error *step_on(void *arg, struct sdb_hit *hit)
{
	struct stepping *stepping = arg;
	if (hit->kind == SDB_HIT_ADDRESS) {
		stepping->entries++;
		stepping->begin = hit->address;
		hit->steps = stepping->want;
		return NULL;
	}
	stepping->steps++;
	uint64_t pc;
	must(sdb_thread_register_number(hit->thread, "rip", &pc), "rip");
	stepping->wrong += hit->kind != SDB_HIT_STEP || pc != hit->address || pc == stepping->last
		|| hit->steps != stepping->want - 1 - (stepping->steps - 1) % stepping->want;
	stepping->last = pc;
	return NULL;
}

static void test_steps(const char *mode, const char *calls, const char *threads, bool other)
{
	struct started started = start(mode, calls, threads);
	struct sdb_target *target = attach(started.pid);
	/* `counted` has five instructions or so: the last steps are in its caller. */
	struct stepping stepping = { .want = 12 };
	struct counts counts = { .entries = 0 };
	struct sdb_probe_options options = { .before = step_on, .arg = &stepping };
	struct sdb_probe_options others = { .before = count_entry, .after = count_after, .arg = &counts };
	struct sdb_probe *probe;
	char text[256];
	int status;
	unsigned long expected = strtoul(calls, NULL, 10) * strtoul(threads, NULL, 10);
	must(sdb_probe_pattern(target, "counted", &options, &probe), "probe");
	if (other)
		must(sdb_probe_function(target, "counted", &others, &probe), "probe");
	go(&started);
	poll_to_end(target);
	CHECK(stepping.entries == expected, "%u entries of %lu", stepping.entries, expected);
	if (strcmp(threads, "1") == 0 && strcmp(mode, "count") == 0) {
		CHECK(stepping.steps == stepping.want * stepping.entries, "%u steps", stepping.steps);
		CHECK(stepping.wrong == 0, "%u wrong", stepping.wrong);
	}
	if (other)
		CHECK(counts.entries == expected && counts.returns == expected, "%lu, %lu", counts.entries, counts.returns);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, " 0 wrong"), "the target says '%s'", text);
}

struct watching {
	unsigned long hits, wrong;
};

/* Each change is of one byte by one, and made by the thread that is named after it. */
static struct sdb_error *see_change(void *arg, struct sdb_hit *hit)
{
	struct watching *watching = arg;
	const uint8_t *before = hit->old_bytes, *now = hit->bytes;
	size_t changed = 0, where = 0;
	char *name;
	for (size_t i = 0; i < hit->size; i++)
		if (before[i] != now[i]) {
			changed++;
			where = i;
		}
	must(sdb_thread_name(hit->thread, &name), "name");
	watching->hits++;
	if (where < 99)
		watching->wrong += changed != 1 || (uint8_t)(before[where] + 1) != now[where]
			|| strncmp(name, "writer-", 7) != 0 || (size_t)atoi(name + 7) * 10 != where;
	free(name);
	return NULL;
}

static void test_software(const char *writes, const char *threads, bool beside)
{
	struct started started = start("write", writes, threads);
	struct sdb_target *target = attach(started.pid);
	struct watching watching = { .hits = 0 }, second = { .hits = 0 };
	struct counts calls = { .entries = 0 };
	struct sdb_probe_options options = { .before = see_change, .arg = &watching, .software = true };
	struct sdb_probe_options more = { .before = see_change, .arg = &second, .software = true };
	struct sdb_probe_options call_options = { .before = count_call, .after = count_call, .arg = &calls };
	struct sdb_probe_options after = { .before = count_entry, .after = count_after, .arg = &calls };
	struct sdb_probe *probe, *other;
	uint64_t address = 0;
	char text[256], says[64];
	int status;
	unsigned long expected = strtoul(writes, NULL, 10) * strtoul(threads, NULL, 10);
	must(sdb_target_bind(target, "wide", false, take_address, &address), "bind");
	must(sdb_probe_watch(target, address + 1, 100, SDB_WATCH_CHANGE, &options, &probe), "watch");
	for (int i = 0; i < 6; i++) /* more than there are debug registers */
		must(sdb_probe_watch(target, address + 1 + 10 * (unsigned)i, 3, SDB_WATCH_CHANGE, &more, &other), "watch");
	if (beside) {
		must(sdb_probe_calls(target, 24, &call_options, &other), "sched_yield");
		must(sdb_probe_function(target, "write_wide", &after, &other), "write_wide");
	}
	go(&started);
	poll_to_end(target);
	CHECK(watching.hits == expected + 1 && watching.wrong == 0, "%lu hits of %lu, %lu wrong", watching.hits, expected + 1,
	      watching.wrong);
	CHECK(sdb_probe_hits(probe) == expected + 1, "%lu", (unsigned long)sdb_probe_hits(probe));
	if (beside) {
		unsigned long yields = strtoul(threads, NULL, 10) * ((strtoul(writes, NULL, 10) + 3) / 4);
		CHECK(calls.entries == yields + strtoul(threads, NULL, 10) && calls.returns == calls.entries, "%lu, %lu of %lu calls",
		      calls.entries, calls.returns, yields);
	}
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	snprintf(says, sizeof(says), "%lu writes", expected);
	CHECK(strstr(text, says), "the target says '%s'", text);
}

/* What stepping cannot do is refused; and what was let go runs on at full speed. */
static void test_software_ends(void)
{
	struct started started = start("write", "30", "3");
	struct sdb_target *target = attach(started.pid);
	struct watching watching = { .hits = 0 };
	struct sdb_probe_options options = { .before = see_change, .arg = &watching, .software = true };
	struct sdb_probe *probe;
	uint64_t address = 0;
	char text[256];
	int status;
	must(sdb_target_bind(target, "wide", false, take_address, &address), "bind");
	struct sdb_error *error = sdb_probe_watch(target, address, 1, SDB_WATCH_WRITE, &options, &probe);
	CHECK(error && sdb_error_code(error) == SDB_ERROR_INVALID, "every write");
	sdb_error_free(error);
	error = sdb_probe_watch(target, 16, 1, SDB_WATCH_CHANGE, &options, &probe);
	CHECK(error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND, "nothing there");
	sdb_error_free(error);
	must(sdb_probe_watch(target, address + 1, 100, SDB_WATCH_CHANGE, &options, &probe), "watch");
	go(&started);
	while (watching.hits < 20 && sdb_target_status(target) == SDB_TARGET_RUNNING)
		must(sdb_target_poll(target, 1000, NULL), "poll");
	must(sdb_probe_disable(probe), "disable");
	must(sdb_target_poll(target, 5, NULL), "poll");
	if (sdb_target_status(target) == SDB_TARGET_RUNNING)
		must(sdb_probe_enable(probe), "enable");
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(status == 0 && strstr(text, "90 writes"), "status %#x, the target says '%s'", status, text);
}

/* A program that has to do with SIGTRAP itself notices nothing. */
static void test_masks(const char *mode, const char *writes, const char *threads, const char *says, bool beside)
{
	struct started started = start(mode, writes, threads);
	struct sdb_target *target = attach(started.pid);
	struct counts counts = { .entries = 0 };
	struct sdb_probe_options options = { .before = count_call, .arg = &counts, .software = true };
	struct sdb_probe_options after = { .before = count_entry, .after = count_after, .arg = &counts };
	struct sdb_probe *probe, *other;
	uint64_t address = 0;
	char text[256];
	int status;
	unsigned long expected = strtoul(writes, NULL, 10) * strtoul(threads, NULL, 10);
	must(sdb_target_bind(target, "wide", false, take_address, &address), "bind");
	must(sdb_probe_watch(target, address + 1, 100, SDB_WATCH_CHANGE, &options, &probe), "watch");
	if (beside)
		must(sdb_probe_function(target, "counted", &after, &other), "counted");
	go(&started);
	poll_to_end(target);
	CHECK(sdb_probe_hits(probe) == expected, "%lu hits of %lu", (unsigned long)sdb_probe_hits(probe), expected);
	CHECK(!beside || counts.returns == expected, "%lu returns of %lu", counts.returns, expected);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, says), "the target says '%s'", text);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	test_steps("count", "300", "1", false);
	test_steps("count", "100", "4", true);
	test_steps("signals", "200", "2", true);
	test_software("40", "1", false);
	test_software("40", "4", false);
	test_software("40", "4", true);
	test_software_ends();
	test_masks("masks", "20", "1", "0 masks wrong", false);
	test_masks("masks", "12", "4", "0 masks wrong", false);
	test_masks("masks", "12", "4", "0 masks wrong", true);
	test_masks("traps", "30", "1", "0 traps lost, none too many", false);
	printf("%u failed\n", failed);
	return failed != 0;
}
