/* SPDX-License-Identifier: MIT */
/*
 * Probes on a program whose calls are counted: usage `test_probes TARGET-PROGRAM`. Needs the indexer
 * ($STACKDB_INDEXER) and a store.
 */
#include <stackdb/expression.h>
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

static struct sdb_error *count_call(void *arg, struct sdb_hit *hit);
static struct sdb_error *take_address(void *arg, const struct sdb_binding *binding);

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
		if (error && sdb_target_status(target) != SDB_TARGET_EXITED)
			must(error, "toggle");
		sdb_error_free(error);
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

/* ---- filters ------------------------------------------------------------------------------------------------ */

static unsigned long filtered(const char *mode, const char *number, const char *threads, const char *function,
			      const struct sdb_probe_filter *filter, int64_t thread, const char **failure_ret)
{
	static char failure[256];
	struct started started = start(mode, number, threads);
	struct sdb_target *target = attach(started.pid);
	struct counts counts = { .entries = 0 };
	struct sdb_probe_options options = { .before = count_entry, .after = count_after, .arg = &counts, .filter = filter,
					     .thread = thread };
	struct sdb_probe *probe;
	char text[256];
	int status;
	must(sdb_probe_function(target, function, &options, &probe), "probe");
	go(&started);
	poll_to_end(target);
	CHECK(counts.entries == counts.returns && counts.entries == sdb_probe_hits(probe), "%lu, %lu returns", counts.entries,
	      counts.returns);
	snprintf(failure, sizeof(failure), "%s", sdb_probe_filter_failure(probe) ? sdb_probe_filter_failure(probe) : "");
	if (failure_ret)
		*failure_ret = failure;
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	return counts.entries;
}

static void test_filters(void)
{
	struct sdb_probe_filter names = { .thread_name = "^caller-[13]$" };
	unsigned long got = filtered("names", "50", "4", "counted", &names, 0, NULL);
	CHECK(got == 100, "%lu by name of the thread", got);
	struct sdb_probe_filter mine = { .by_user = true, .user = geteuid() }, other = { .by_user = true, .user = geteuid() + 1 };
	got = filtered("count", "20", "2", "counted", &mine, 0, NULL);
	CHECK(got == 40, "%lu of this user", got);
	got = filtered("count", "20", "2", "counted", &other, 0, NULL);
	CHECK(got == 0, "%lu of another user", got);
	got = filtered("count", "20", "2", "counted", NULL, 1, NULL);
	CHECK(got == 0, "%lu of thread 1", got);
	struct sdb_probe_filter condition = { .condition = "a % 10 == 3 && b == 1" };
	got = filtered("count", "100", "3", "counted", &condition, 0, NULL);
	CHECK(got == 10, "%lu by condition", got);
	struct sdb_probe_match matches[] = { { "named->name", "^(alpha|gamma)$" }, { "named->number", "^[0-9]*[02468]$" },
					     { "text", "eta|elt" } };
	struct sdb_probe_filter both = { .matches = matches, .match_count = 3 };
	const char *failure;
	got = filtered("lookup", "100", NULL, "looked_up", &both, 0, &failure);
	CHECK(got == 50, "%lu by values, %s", got, failure); /* alpha with beta, gamma with delta */
	struct sdb_probe_filter wrong = { .condition = "nonsense > 0" };
	got = filtered("count", "5", "1", "counted", &wrong, 0, &failure);
	CHECK(got == 0 && strstr(failure, "nonsense"), "%lu, %s", got, failure);
}

static void test_bad_filter(void)
{
	struct started started = start("count", "1", "1");
	struct sdb_target *target = attach(started.pid);
	struct sdb_probe_filter filter = { .thread_name = "(" };
	struct sdb_probe_options options = { .before = count_entry, .filter = &filter };
	struct sdb_probe *probe;
	struct sdb_error *error = sdb_probe_pattern(target, "counted", &options, &probe);
	CHECK(error && strstr(sdb_error_message(error), "regular expression"), "no error");
	sdb_error_free(error);
	sdb_target_close(target);
	kill(started.pid, SIGKILL);
	waitpid(started.pid, NULL, 0);
}

/* ---- steps and software watchpoints --------------------------------------------------------------------------- */

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

/* ---- registers of outer frames --------------------------------------------------------------------------------- */

static void to_frame(struct sdb_thread *thread, unsigned number, struct sdb_stack **stack_ret, const struct sdb_frame **frame_ret)
{
	must(sdb_stack_open(thread, NULL, stack_ret), "stack");
	for (unsigned i = 0; i <= number; i++)
		must(sdb_stack_next(*stack_ret, frame_ret), "frame");
}

/* Changes each register of each frame, sees it changed in a stack that is walked anew, and changes it back. */
static void change_all(struct sdb_thread *thread, unsigned frames, unsigned *changed_ret, unsigned *refused_ret)
{
	for (unsigned number = 0; number < frames; number++)
		for (unsigned dwarf = 0; dwarf < 16; dwarf++) {
			struct sdb_stack *stack, *again;
			const struct sdb_frame *frame;
			uint64_t before, after = 0;
			to_frame(thread, number, &stack, &frame);
			struct sdb_error *error = frame && dwarf != 7 && dwarf != 6 ? sdb_stack_register(stack, dwarf, &before)
				: sdb_error_new(SDB_ERROR_NOT_FOUND, "not to be changed");
			if (!error) {
				error = sdb_stack_set_register(stack, dwarf, before ^ 0x1234);
				if (!error) {
					++*changed_ret;
					to_frame(thread, number, &again, &frame);
					must(sdb_stack_register(again, dwarf, &after), "register");
					CHECK(after == (before ^ 0x1234), "frame %u, register %u: %#llx after %#llx", number, dwarf,
					      (unsigned long long)after, (unsigned long long)before);
					must(sdb_stack_set_register(again, dwarf, before), "back");
					sdb_stack_close(again);
				}
			}
			if (error) {
				CHECK(sdb_error_code(error) == SDB_ERROR_NOT_FOUND, "%s", sdb_error_message(error));
				++*refused_ret;
			}
			sdb_error_free(error);
			sdb_stack_close(stack);
		}
}

static void test_outer_registers(const char *mode)
{
	struct started started = start(mode, "20", NULL);
	struct sdb_target *target = attach(started.pid);
	struct sdb_thread *const *threads;
	size_t count;
	unsigned changed = 0, refused = 0;
	char text[256];
	int status;
	must(sdb_target_pause(target), "pause");
	must(sdb_target_threads(target, &threads, &count), "threads");
	change_all(threads[0], 12, &changed, &refused);
	CHECK(changed > 40 && refused > 20, "%s: %u changed, %u refused", mode, changed, refused);
	go(&started);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %#x", mode, status);
}

/* Sets the preserved registers of the frame in hand that hold BEFORE: one of them is `kept`, whatever its debuginfo says. */
static void replace(struct sdb_stack *stack, uint64_t before, uint64_t after)
{
	static const unsigned preserved[] = { 3, 12, 13, 14, 15 };
	for (size_t i = 0; i < sizeof(preserved) / sizeof(preserved[0]); i++) {
		uint64_t value;
		must(sdb_stack_register(stack, preserved[i], &value), "register");
		if (value == before)
			must(sdb_stack_set_register(stack, preserved[i], after), "set");
	}
}

static struct sdb_error *change_kept(void *arg, struct sdb_hit *hit)
{
	unsigned *hits = arg;
	struct sdb_stack *stack;
	const struct sdb_frame *frame;
	const struct sdb_context *context;
	struct sdb_value *value = NULL;
	must(sdb_stack_open(hit->thread, NULL, &stack), "stack");
	for (must(sdb_stack_next(stack, &frame), "frame"); frame && (!frame->name || strcmp(frame->name, "keep") != 0);)
		must(sdb_stack_next(stack, &frame), "frame");
	CHECK(frame, "no frame of keep");
	must(sdb_stack_context(stack, &context), "context");
	if ((*hits)++ == 0) {
		replace(stack, 314159, 4711);
	} else {
		struct sdb_error *error = sdb_evaluate(context, NULL, "kept = kept + 1", SDB_EVALUATE_ASSIGN, &value);
		if (error) /* not every compiler says where it is */
			replace(stack, 4711, 4712);
		sdb_error_free(error);
		sdb_value_free(value);
	}
	sdb_stack_close(stack);
	return NULL;
}

static void test_change_outer(void)
{
	struct started started = start("keep", "314159", NULL);
	struct sdb_target *target = attach(started.pid);
	unsigned hits = 0;
	struct sdb_probe_options options = { .before = change_kept, .arg = &hits };
	struct sdb_probe *probe;
	char text[256];
	int status;
	must(sdb_probe_pattern(target, "deepest", &options, &probe), "probe");
	go(&started);
	poll_to_end(target);
	CHECK(hits == 2, "%u hits", hits);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
	CHECK(strstr(text, "kept 4712"), "the target says '%s'", text);
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

/* ---- other programs, other processes ---------------------------------------------------------------------- */

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
	alarm(280);
	setvbuf(stdout, NULL, _IOLBF, 0);
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
	test_handlers();
	test_abort();
	test_values();
	test_watch("1");
	test_watch("4");
	test_events();
	test_filters();
	test_bad_filter();
	test_steps("count", "300", "1", false);
	test_steps("count", "100", "4", true);
	test_steps("signals", "200", "2", true);
	test_software("40", "1", false);
	test_software("40", "4", false);
	test_software("40", "4", true);
	test_software_ends();
	test_outer_registers("recurse");
	test_outer_registers("signal");
	test_change_outer();
	test_exec();
	test_following("fork", "30", 60, "30 children, 0 bad", true);
	test_following("programs", "9", 54, "9 programs, 0 bad", true);
	test_following("bomb", "5", 63, "burnt out", true);
	test_loop();
	test_leaving();
	printf("%u failed\n", failed);
	return failed != 0;
}
