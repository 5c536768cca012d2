/* SPDX-License-Identifier: MIT */
/*
 * Functions called by expressions: usage `test_calls CALLEE`. Needs the indexer ($STACKDB_INDEXER)
 * and a store. What the functions do to registers, to memory and to the thread is looked at, too.
 *
 * usage: test_calls CALLEE EXPRESSIONS FUNCTION [FRAME]
 *
 * prints what each line of the file is where CALLEE begins FUNCTION, in that frame or in FRAME.
 */
#include <stackdb/expression.h>
#include <stackdb/frame.h>
#include <stackdb/probe.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *program;
static unsigned checks, failed;

static void check(bool condition, const char *what, const char *detail)
{
	checks++;
	if (condition)
		return;
	failed++;
	printf("not ok - %s: %s\n", what, detail);
}

static void must(struct sdb_error *error, const char *what)
{
	if (!error)
		return;
	printf("not ok - %s: %s\n", what, sdb_error_message(error));
	exit(1);
}

/* ---- targets --------------------------------------------------------------------------------- */

struct started {
	pid_t pid;
	int input, output;
	struct sdb_target *target;
};

static void read_line(int from, char *line, size_t size)
{
	size_t got = 0;
	while (got < size - 1 && read(from, line + got, 1) == 1 && line[got++] != '\n')
		continue;
	line[got] = '\0';
}

static struct started start(const char *mode, const char *number)
{
	int in[2], out[2];
	char line[64];
	if (pipe(in) != 0 || pipe(out) != 0)
		exit(1);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		for (int i = 3; i < 64; i++)
			close(i);
		execl(program, program, mode, number, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	read_line(out[0], line, sizeof(line));
	struct started started = { pid, in[1], out[0], NULL };
	struct sdb_spec spec = { .pid = pid };
	must(sdb_target_create(&spec, &started.target), "create");
	must(sdb_target_open(started.target), "open");
	return started;
}

static void end(struct started *started, char *line, size_t size, int *status)
{
	sdb_target_close(started->target);
	if (write(started->input, "x\n", 2) != 2)
		perror("write");
	read_line(started->output, line, size);
	waitpid(started->pid, status, 0);
	close(started->input);
	close(started->output);
}

static struct sdb_thread *first_thread(struct sdb_target *target)
{
	struct sdb_thread *const *threads;
	size_t count;
	must(sdb_target_threads(target, &threads, &count), "threads");
	return threads[0];
}

/* Evaluates TEXT in the frame of FUNCTION, or in any that has a database; its text is malloc'ed. */
static struct sdb_error *evaluate_in(struct sdb_thread *thread, const char *function,
				     const char *text, unsigned flags, char **text_ret)
{
	struct sdb_stack *stack;
	const struct sdb_frame *frame;
	const struct sdb_context *context;
	const struct sdb_print_options top = { .top = true };
	struct sdb_value *value = NULL;
	struct sdb_error *error = sdb_stack_open(thread, NULL, &stack);
	*text_ret = NULL;
	if (error)
		return error;
	while (!(error = sdb_stack_next(stack, &frame)) && frame)
		if (frame->name && strcmp(frame->name, function) == 0)
			break;
	if (!error && !frame)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no frame of %s", function);
	if (!error)
		error = sdb_stack_context(stack, &context);
	if (!error)
		error = sdb_evaluate(context, NULL, text, flags, &value);
	if (!error)
		error = sdb_value_print(value, context, &top, text_ret);
	sdb_value_free(value);
	sdb_stack_close(stack);
	return error;
}

static struct started here;

static struct sdb_error *evaluate(const char *text, char **text_ret)
{
	return evaluate_in(first_thread(here.target), "main", text,
			   SDB_EVALUATE_CALL | SDB_EVALUATE_ASSIGN, text_ret);
}

static void gives(const char *text, const char *expected)
{
	char *found;
	struct sdb_error *error = evaluate(text, &found);
	check(!error && strcmp(found, expected) == 0, text,
	      error ? sdb_error_message(error) : found);
	sdb_error_free(error);
	free(found);
}

static void fails(const char *text, enum sdb_error_code code, const char *words)
{
	char *found;
	struct sdb_error *error = evaluate(text, &found);
	check(error && sdb_error_code(error) == code && strstr(sdb_error_message(error), words),
	      text, error ? sdb_error_message(error) : found);
	sdb_error_free(error);
	free(found);
}

/* ---- arguments and results ------------------------------------------------------------------- */

static void test_values(void)
{
	gives("add(2, 3)", "5");
	gives("add(local, -9)", "-2");
	gives("add(add(1, 2), add(3, 4)) * 2", "20");
	gives("many(1, 2, 3, 4, 5, 6, 7, 8, -9)", "87654312");
	gives("mix(1, 2.5, 0.25f, 4, 8)", "15.75");
	gives("mix(1u, 2, 1, 1, 1)", "6");
	gives("half(5)", "2.5");
	gives("extended(1.5, -3)", "-4.5");
	gives("nine(1, 1, 1, 1, 1, 1, 1, 1, 2)", "54");
	gives("length(\"four\")", "4");
	gives("length(text)", "19");
	gives("length(name() + 5)", "14");
	gives("*name()@4", "\"text\"");
	gives("is_even(258)", "true");
	gives("is_even(3)", "false");
	gives("next(RED)", "GREEN");
	gives("negative(5)", "-5 '\\373'");
	gives("apply(add, 21)", "42");
	gives("apply(&add, 4)", "8");
	gives("sum(3, 'a', (short)-1, 4)", "100");
	gives("sum(0)", "0");
	gives("real_sum(2, 1.5f, 2.25)", "3.75");
	gives("old_style()", "6");
	gives("partner(&pair)->first", "4");
	gives("(*all == (void *)add) + 0", "1");
}

static void test_refusals(void)
{
	fails("add(1)", SDB_ERROR_INVALID, "number of arguments");
	fails("add(1, 2, 3)", SDB_ERROR_INVALID, "number of arguments");
	fails("add(1, 2", SDB_ERROR_INVALID, ") is missing");
	fails("local(1)", SDB_ERROR_INVALID, "is no pointer");
	fails("swapped(mixed)", SDB_ERROR_INVALID, "something else");
	fails("add(pair, 1)", SDB_ERROR_INVALID, "where a number");
	fails("local = pair", SDB_ERROR_INVALID, "to what is none");
	fails("nothing(1)", SDB_ERROR_NOT_FOUND, "nothing");
	char *found;
	struct sdb_error *error = evaluate_in(first_thread(here.target), "main", "add(1, 2)", 0,
					      &found);
	check(error && strstr(sdb_error_message(error), "cannot be called here"), "not allowed",
	      "");
	sdb_error_free(error);
}

static void test_failures(void)
{
	gives("counter = 100", "100");
	fails("crash()", SDB_ERROR_NOT_FOUND, "signal 11");
	fails("divide(1, 0)", SDB_ERROR_NOT_FOUND, "signal 8");
	fails("forever()", SDB_ERROR_NOT_FOUND, "did not return");
	gives("0 && crash()", "0");
	gives("1 ? 2 : crash()", "2");
	gives("raises(10)", "1"); /* SIGUSR1 has a handler, that runs */
	gives("raises(10) + raises(10)", "5");
	gives("add(1, 1)", "2");
	gives("counter", "101");
}

/* ---- what stays as it was -------------------------------------------------------------------- */

static void take_registers(struct sdb_thread *thread, uint8_t *bytes, size_t size)
{
	struct sdb_register_info info;
	memset(bytes, 0, size);
	for (size_t i = 0, at = 0; sdb_register_info(sdb_thread_target(thread), i, &info); i++) {
		if (at + info.size > size)
			exit(1);
		must(sdb_thread_register(thread, (int)i, bytes + at, info.size), info.name);
		at += info.size;
	}
}

static void test_registers(void)
{
	static uint8_t before[8192], after[8192];
	struct sdb_thread *thread = first_thread(here.target);
	take_registers(thread, before, sizeof(before));
	for (int i = 0; i < 50; i++) {
		char *found;
		must(evaluate(i % 10 == 9           ? "extended(2, 3)"
				      : i % 10 == 8 ? "nine(1,2,3,4,5,6,7,8,9)"
						    : "clobber()",
			      &found),
		     "clobber");
		free(found);
	}
	take_registers(thread, after, sizeof(after));
	check(memcmp(before, after, sizeof(before)) == 0, "registers", "changed");
	char *found;
	sdb_error_free(evaluate("crash()", &found));
	take_registers(thread, after, sizeof(after));
	check(memcmp(before, after, sizeof(before)) == 0, "registers after a crash", "changed");
}

/* Stopped in read(2): it goes on waiting there, and what was changed shows. */
static void test_waiting(void)
{
	char line[64];
	int status;
	here = start("wait", NULL);
	must(sdb_target_pause(here.target), "pause");
	test_values();
	test_refusals();
	test_registers();
	test_failures();
	gives("bump(&local)", "void");
	gives("local", "8");
	must(sdb_target_resume(here.target), "resume");
	must(sdb_target_pause(here.target), "pause again");
	gives("add(8, 9)", "17");
	end(&here, line, sizeof(line), &status);
	check(strcmp(line, "102 4 8 x\n") == 0 && status == 0, "the program goes on", line);
}

/* A program that computes is stopped here and there, and comes to the same result. */
static void test_computing(void)
{
	char expected[256], line[256];
	int status;
	const char *rounds = "60000000";
	here = start("compute", rounds);
	end(&here, expected, sizeof(expected), &status);
	here = start("compute", rounds);
	unsigned calls = 0;
	for (int i = 0; i < 40; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 + i * 37000 }, NULL);
		if (sdb_target_status(here.target) != SDB_TARGET_RUNNING)
			break;
		must(sdb_target_pause(here.target), "pause");
		char *found;
		struct sdb_error *error = evaluate(i % 2 ? "clobber()" : "extended(3, 4)", &found);
		check(!error, "a call in the middle", error ? sdb_error_message(error) : "");
		calls += !error;
		sdb_error_free(error);
		free(found);
		must(sdb_target_resume(here.target), "resume");
	}
	end(&here, line, sizeof(line), &status);
	check(strcmp(line, expected) == 0 && status == 0, "the same result", line);
	check(calls > 20, "calls", "too few");
}

/* ---- together with probes -------------------------------------------------------------------- */

static struct sdb_error *on_hit(void *arg, struct sdb_hit *hit)
{
	unsigned *hits = arg;
	++*hits;
	hit->pause = true;
	return NULL;
}

static void test_probes(void)
{
	char line[64];
	int status;
	unsigned hits = 0;
	struct sdb_probe_options options = { .before = on_hit, .arg = &hits };
	struct sdb_probe *probe;
	here = start("wait", NULL);
	must(sdb_target_pause(here.target), "pause");
	must(sdb_probe_function(here.target, "add", &options, &probe), "probe");
	gives("add(20, 3)", "23"); /* not the program's own call: nobody is told */
	gives("apply(add, 3)", "6");
	check(hits == 0, "hits", "the call was reported");
	gives("counter", "2");
	must(sdb_target_resume(here.target), "resume");
	must(sdb_target_pause(here.target), "pause");
	gives("add(1, 1)", "2");
	end(&here, line, sizeof(line), &status);
	check(strcmp(line, "3 3 7 x\n") == 0 && status == 0, "the program goes on", line);
}

static void test_end(void)
{
	int status;
	here = start("wait", NULL);
	must(sdb_target_pause(here.target), "pause");
	fails("leave(3)", SDB_ERROR_NOT_FOUND, "ended");
	status = sdb_target_exit_status(here.target);
	check(sdb_target_status(here.target) == SDB_TARGET_EXITED && WIFEXITED(status)
	      && WEXITSTATUS(status) == 3, "its status", "another one");
	fails("add(1, 2)", SDB_ERROR_INVALID, "runs");
	sdb_target_close(here.target);
	close(here.input);
	close(here.output);
}

/* ---- for a comparison with gdb --------------------------------------------------------------- */

static struct sdb_error *stop_here(void *arg, struct sdb_hit *hit)
{
	*(struct sdb_thread **)arg = hit->thread;
	hit->pause = true;
	return NULL;
}

static bool has_frame(struct sdb_thread *thread, const char *name)
{
	struct sdb_stack *stack;
	const struct sdb_frame *frame;
	must(sdb_stack_open(thread, NULL, &stack), "stack");
	do
		must(sdb_stack_next(stack, &frame), "frame");
	while (frame && (!frame->name || strcmp(frame->name, name) != 0));
	bool has = frame;
	sdb_stack_close(stack);
	return has;
}

static int print_all(const char *path, const char *function, const char *frame)
{
	struct sdb_spec spec = { .program = program, .output = "/dev/null" };
	struct sdb_target *target;
	struct sdb_thread *thread = NULL;
	struct sdb_probe_options options = { .before = stop_here, .arg = &thread };
	struct sdb_probe *probe;
	char *line = NULL;
	size_t room = 0;
	FILE *file = fopen(path, "r");
	if (!file)
		return 2;
	must(sdb_target_create(&spec, &target), "create");
	must(sdb_target_open(target), "open");
	must(sdb_probe_function(target, function, &options, &probe), "probe");
	must(sdb_target_resume(target), "resume");
	while (!thread && sdb_target_status(target) == SDB_TARGET_RUNNING)
		must(sdb_target_poll(target, -1, NULL), "poll");
	while (!has_frame(thread, frame)) { /* until it is called from there */
		must(sdb_target_resume(target), "resume");
		must(sdb_target_poll(target, -1, NULL), "poll");
	}
	while (getline(&line, &room, file) > 0) {
		char *text;
		line[strcspn(line, "\n")] = '\0';
		struct sdb_error *error = evaluate_in(thread, frame, line, SDB_EVALUATE_CALL,
						      &text);
		printf("expr %s ==> %s%s\n", line, error ? "ERROR " : "",
		       error ? sdb_error_message(error) : text);
		sdb_error_free(error);
		free(text);
	}
	free(line);
	fclose(file);
	sdb_target_kill(target);
	sdb_target_close(target);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	program = argv[1];
	if (argc >= 4)
		return print_all(argv[2], argv[3], argv[argc - 1]);
	if (argc != 2)
		return 2;
	test_waiting();
	test_computing();
	test_probes();
	test_end();
	printf("%u checks, %u failed\n", checks, failed);
	return failed != 0;
}
