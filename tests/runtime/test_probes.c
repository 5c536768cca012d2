/* SPDX-License-Identifier: MIT */
/*
 * Probes on a program whose calls are counted: usage `test_probes TARGET-PROGRAM`. Needs the indexer
 * ($STACKDB_INDEXER) and a store.
 */
#include <stackdb/frame.h>
#include <stackdb/probe.h>
#include <stackdb/value.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;
static unsigned failed;

#define CHECK(condition, ...) do { \
	if (!(condition)) { \
		failed++; \
		printf("not ok - %s:%d: %s: ", __func__, __LINE__, #condition); \
		printf(__VA_ARGS__); \
		putchar('\n'); \
	} \
} while (0)

static void must(struct sdb_error *error, const char *what)
{
	if (!error)
		return;
	printf("not ok - %s: %s\n", what, sdb_error_message(error));
	exit(1);
}

/* ---- a target ---------------------------------------------------------------------------------- */

struct started {
	pid_t pid;
	int input, output;
};

static struct started start(const char *mode, const char *number, const char *threads)
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

static struct sdb_target *attach(pid_t pid)
{
	struct sdb_spec spec = { .pid = pid };
	struct sdb_target *target;
	must(sdb_target_create(&spec, &target), "create");
	must(sdb_target_open(target), "open");
	return target;
}

static void go(const struct started *started)
{
	if (write(started->input, "\n", 1) != 1)
		exit(1);
}

static void poll_to_end(struct sdb_target *target)
{
	while (sdb_target_status(target) == SDB_TARGET_RUNNING)
		must(sdb_target_poll(target, 10000, NULL), "poll");
}

/* What the program printed, and how it ended. */
static void finish(const struct started *started, char *text, size_t size, int *status_ret)
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

/* ---- counting -------------------------------------------------------------------------------------- */

struct counts {
	unsigned long entries, returns, wrong, after;
	bool check;
};

static struct sdb_error *count_entry(void *arg, struct sdb_hit *hit)
{
	struct counts *counts = arg;
	uint64_t a;
	counts->entries++;
	must(sdb_thread_register_number(hit->thread, "rdi", &a), "rdi");
	return NULL;
}

static struct sdb_error *count_after(void *arg, struct sdb_hit *hit)
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

static void test_count(const char *calls, const char *threads, bool returns, bool after, bool hardware)
{
	struct started started = start("count", calls, threads);
	struct sdb_target *target = attach(started.pid);
	struct counts counts = { .entries = 0 };
	struct sdb_probe_options options = { .before = count_entry, .after = returns || after ? count_after : NULL,
					     .arg = &counts, .hardware = hardware };
	struct sdb_probe *probe;
	char text[256];
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
	CHECK(strstr(text, " 0 wrong"), "the target says '%s'", text);
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

/* ---- from inside of handlers ----------------------------------------------------------------------------- */

static struct sdb_error *remove_itself(void *arg, struct sdb_hit *hit)
{
	unsigned long *hits = arg;
	if (++*hits == 10)
		must(sdb_probe_remove(hit->probe), "remove");
	return NULL;
}

static struct sdb_error *toggle_other(void *arg, struct sdb_hit *hit)
{
	struct sdb_probe **other = arg;
	(void)hit;
	if (!*other)
		return NULL;
	must(sdb_probe_enabled(*other) ? sdb_probe_disable(*other) : sdb_probe_enable(*other), "toggle");
	return NULL;
}

static void test_handlers(void)
{
	struct started started = start("count", "1000", "1");
	struct sdb_target *target = attach(started.pid);
	unsigned long hits = 0;
	struct counts counts = { .entries = 0 };
	struct sdb_probe *removed, *toggling, *toggled = NULL;
	struct sdb_probe_options first = { .before = remove_itself, .arg = &hits };
	struct sdb_probe_options second = { .before = toggle_other, .arg = &toggled };
	struct sdb_probe_options third = { .before = count_entry, .arg = &counts };
	char text[256];
	int status;
	must(sdb_probe_pattern(target, "counted", &first, &removed), "first");
	must(sdb_probe_pattern(target, "counted", &second, &toggling), "second");
	must(sdb_probe_pattern(target, "counted", &third, &toggled), "third");
	go(&started);
	poll_to_end(target);
	CHECK(hits == 10, "%lu hits", hits);
	CHECK(counts.entries == 500, "%lu entries", counts.entries);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, " 0 wrong"), "the target says '%s'", text);
}

static struct sdb_error *abort_it(void *arg, struct sdb_hit *hit)
{
	(void)arg;
	hit->abort = true;
	hit->abort_value = 1;
	return NULL;
}

static void test_abort(void)
{
	struct started started = start("count", "7", "1");
	struct sdb_target *target = attach(started.pid);
	struct sdb_probe *probe;
	struct sdb_probe_options options = { .before = abort_it };
	char text[256];
	int status;
	must(sdb_probe_pattern(target, "counted", &options, &probe), "probe");
	go(&started);
	poll_to_end(target);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, " 1 wrong"), "the target says '%s'", text);
}

static struct sdb_error *walk_stack(void *arg, struct sdb_hit *hit)
{
	struct counts *counts = arg;
	struct sdb_stack *stack;
	const struct sdb_frame *frame;
	const struct sdb_context *context;
	must(sdb_stack_open(hit->thread, NULL, &stack), "stack");
	must(sdb_stack_next(stack, &frame), "frame");
	if (frame && frame->name && strcmp(frame->name, "counted") == 0) {
		struct sdb_value *value;
		int64_t a = -1;
		must(sdb_stack_context(stack, &context), "context");
		must(sdb_value_local(context, "a", &value), "a");
		must(sdb_value_signed(value, context, &a), "number");
		counts->wrong += a != (int64_t)counts->entries;
		sdb_value_free(value);
		counts->entries++;
	}
	sdb_stack_close(stack);
	return NULL;
}

static void test_values(void)
{
	struct started started = start("count", "500", "1");
	struct sdb_target *target = attach(started.pid);
	struct counts counts = { .entries = 0 };
	struct sdb_probe *probe;
	struct sdb_probe_options options = { .before = walk_stack, .arg = &counts };
	char text[256];
	int status;
	must(sdb_probe_pattern(target, "counted", &options, &probe), "probe");
	go(&started);
	poll_to_end(target);
	CHECK(counts.entries == 500 && counts.wrong == 0, "%lu, %lu wrong", counts.entries, counts.wrong);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, " 0 wrong"), "the target says '%s'", text);
}

/* ---- variables, calls, events ----------------------------------------------------------------------------- */

static struct sdb_error *take_address(void *arg, const struct sdb_binding *binding)
{
	*(uint64_t *)arg = binding->address;
	return NULL;
}

static struct sdb_error *count_watch(void *arg, struct sdb_hit *hit)
{
	struct counts *counts = arg;
	counts->entries++;
	counts->wrong += hit->value != hit->old_value + counts->after;
	counts->after++;
	return NULL;
}

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

static struct sdb_error *count_call(void *arg, struct sdb_hit *hit)
{
	struct counts *counts = arg;
	if (hit->kind == SDB_HIT_CALL_EXIT)
		counts->returns++;
	else
		counts->entries++;
	return NULL;
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
	if (argc < 2)
		return 2;
	program = argv[1];
	alarm(120);
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_count("1000", "1", false, false, false);
	test_count("1000", "4", false, false, false);
	test_count("500", "16", false, false, false);
	test_count("1000", "1", true, false, false);
	test_count("500", "16", true, false, false);
	test_count("500", "4", false, true, false);
	test_count("1000", "1", false, false, true);
	test_count("500", "4", false, false, true);
	test_mode("churn", "200", "churned");
	test_mode("fork", "100", "100 children, 0 bad");
	test_handlers();
	test_abort();
	test_values();
	test_watch("1");
	test_watch("4");
	test_events();
	test_loop();
	test_leaving();
	printf("%u failed\n", failed);
	return failed != 0;
}
