/* SPDX-License-Identifier: MIT */
/*
 * What handlers do, which hits they are told of, and what they see: usage `test_probe_actions TARGET-PROGRAM`. Needs the indexer
 * ($STACKDB_INDEXER) and a store.
 */
#include "probing.h"

#include <stackdb/expression.h>
#include <stackdb/frame.h>
#include <stackdb/value.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Of a system call its arguments are judged, or its result. */
static void test_call_filter(int64_t number, const char *condition, bool entries, unsigned long expected)
{
	struct started started = start("write", "4", "2");
	struct sdb_target *target = attach(started.pid);
	struct counts counts = { .entries = 0 };
	struct sdb_probe_filter filter = { .condition = condition };
	struct sdb_probe_options options = { .before = entries ? count_call : NULL, .after = count_call, .arg = &counts,
					     .filter = &filter };
	struct sdb_probe *probe;
	char text[256];
	int status;
	must(sdb_probe_calls(target, number, &options, &probe), "probe");
	go(&started);
	poll_to_end(target);
	const char *failure = sdb_probe_filter_failure(probe);
	CHECK(!failure, "%s", failure);
	CHECK(counts.entries == (entries ? expected : 0) && counts.returns == expected && sdb_probe_hits(probe) == expected,
	      "%s: %lu entries, %lu exits, %lu hits of %lu", condition, counts.entries, counts.returns,
	      (unsigned long)sdb_probe_hits(probe), expected);
	sdb_target_close(target);
	finish(&started, text, sizeof(text), &status);
}

/* The program writes one byte to a pipe and reads it, and then writes what it has to say. */
static void test_call_filters(void)
{
	test_call_filter(1, "$rdx == 1", true, 1);
	test_call_filter(1, "$rax == -38", true, 2); /* holds at the entry, where it is -ENOSYS */
	test_call_filter(1, "$rax == 1", true, 0);
	test_call_filter(1, "$rax == 1", false, 1);
	test_call_filter(1, "$rax > 0", false, 2);
	test_call_filter(0, "$rax == 1 && $rdx == 1", false, 1);
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

int main(int argc, char **argv)
{
	begin(argc, argv);
	test_handlers();
	test_abort();
	test_values();
	test_filters();
	test_call_filters();
	test_bad_filter();
	test_outer_registers("recurse");
	test_outer_registers("signal");
	test_change_outer();
	printf("%u failed\n", failed);
	return failed != 0;
}
