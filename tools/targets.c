/* SPDX-License-Identifier: MIT */
#include "targets.h"

#include <stackdb/system.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_JSON = 0x5000 };

static const struct argp_option options[] = {
	{ "json", KEY_JSON, NULL, 0, "Print JSON lines", 1 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct targets *targets = state->input;
	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &targets->specs;
		return 0;
	case KEY_JSON:
		targets->json = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = { { &sdb_specs_argp, 0, NULL, 0 }, { 0 } };
const struct argp targets_argp = { options, parse, NULL, NULL, children, NULL, NULL };

static error_t parse_machines(int key, char *arg, struct argp_state *state)
{
	if (key == ARGP_KEY_INIT)
		state->child_inputs[0] = state->input;
	if (key != ARGP_KEY_ARG)
		return key == ARGP_KEY_INIT ? 0 : ARGP_ERR_UNKNOWN;
	argp_error(state, "'%s': name the machine by its options", arg);
	return 0;
}

static const struct argp_child machines_child[] = { { &targets_argp, 0, NULL, 0 }, { 0 } };
static const struct argp machines_argp = { NULL, parse_machines, NULL, NULL, machines_child, NULL, NULL };
const struct argp_child machines_children[] = { { &machines_argp, 0, NULL, 0 }, { 0 } };

/* Where nobody asked for messages, a person is told of what takes time. */
static void tell(void *arg, enum sdb_log_area area, int level, const char *message)
{
	(void)arg;
	(void)level;
	if (area == SDB_LOG_MODULE)
		tool_tell(message);
}

/* The target that was opened under number ID; NULL: none. */
static struct sdb_target *find_base(const struct targets *targets, int id)
{
	for (size_t i = 0; i < targets->count; i++)
		if (sdb_target_id(targets->items[i]) == id)
			return targets->items[i];
	return NULL;
}

static int open_one(const struct targets *targets, const struct sdb_spec *given, struct sdb_target **target_ret)
{
	struct sdb_spec spec = *given;
	char what[32];
	if (spec.overlay && !spec.base && !(spec.base = find_base(targets, spec.base_id)))
		{
		fprintf(stderr, "%s: --overlay=%s: there is no target %d before it\n", tool_command(), spec.overlay, spec.base_id);
		return STATUS_USAGE;
	}
	if (!spec.log.fn)
		spec.log = (struct sdb_log){ .fn = tell, .level = isatty(STDERR_FILENO) ? SDB_LOG_INFO : SDB_LOG_WARNING };
	struct sdb_error *error = sdb_target_create(&spec, target_ret);
	if (!error) {
		error = sdb_target_open(*target_ret);
		if (error)
			sdb_target_close(*target_ret);
	}
	if (!error)
		return STATUS_DONE;
	snprintf(what, sizeof(what), "target %d", spec.id);
	int status = tool_fail(what, error);
	return status == STATUS_USAGE ? STATUS_USAGE : STATUS_NOT_FOUND;
}

int targets_open(struct targets *targets)
{
	targets->items = tool_alloc(targets->specs.count * sizeof(*targets->items) + 1);
	for (size_t i = 0; i < targets->specs.count; i++) {
		int status = open_one(targets, &targets->specs.items[i], &targets->items[targets->count]);
		if (status != STATUS_DONE) {
			targets_close(targets);
			return status;
		}
		targets->count++;
	}
	return STATUS_DONE;
}

void targets_follow_all(struct targets *targets)
{
	for (size_t i = 0; i < targets->specs.count; i++)
		targets->specs.items[i].follow_children = true;
}

static void close_followed(struct targets *targets, struct sdb_target *target)
{
	if (targets->gone)
		targets->gone(targets->gone_arg, target);
	sdb_target_close(target);
}

/* There may be very many in the course of time. */
static void close_ended(struct targets *targets, struct sdb_loop *loop)
{
	for (size_t i = targets->followed_count; i-- > 0;) {
		struct sdb_target *target = targets->followed[i];
		if (sdb_target_status(target) != SDB_TARGET_EXITED)
			continue;
		sdb_error_free(sdb_loop_remove(loop, target));
		targets->followed[i] = targets->followed[--targets->followed_count];
		close_followed(targets, target);
	}
}

/* What PARENT was opened with, for its child PID. */
static struct sdb_spec spec_of_child(const struct targets *targets, const struct sdb_target *parent, int64_t pid)
{
	struct sdb_spec spec = { .id = sdb_target_id(parent) };
	for (size_t i = 0; i < targets->specs.count; i++)
		if (targets->specs.items[i].id == spec.id)
			spec = targets->specs.items[i];
	spec.pid = pid;
	spec.program = spec.main_file = spec.input = spec.output = spec.error = NULL;
	spec.arguments = spec.environment = NULL;
	spec.pty = false;
	spec.follow_children = true;
	if (!spec.log.fn)
		spec.log = (struct sdb_log){ .fn = tell, .level = SDB_LOG_WARNING };
	return spec;
}

struct sdb_error *targets_follow(struct targets *targets, struct sdb_loop *loop, const struct sdb_hit *hit,
				 struct sdb_error *(*setup)(void *arg, struct sdb_target *target), void *arg)
{
	struct sdb_target *target = NULL;
	close_ended(targets, loop);
	struct sdb_spec spec = spec_of_child(targets, hit->target, hit->number);
	struct sdb_error *error = sdb_target_create(&spec, &target);
	if (!error)
		error = sdb_target_open(target);
	if (!error)
		error = setup(arg, target);
	if (!error)
		error = sdb_loop_add(loop, target);
	if (error) {
		if (target)
			close_followed(targets, target);
		bool gone = sdb_error_code(error) == SDB_ERROR_NOT_FOUND; /* it was killed meanwhile */
		if (gone)
			sdb_error_free(error);
		return gone ? NULL : error;
	}
	targets->followed = tool_realloc(targets->followed, targets->followed_count + 1, sizeof(*targets->followed));
	targets->followed[targets->followed_count++] = target;
	return NULL;
}

void targets_close(struct targets *targets)
{
	for (size_t i = 0; i < targets->followed_count; i++)
		close_followed(targets, targets->followed[i]);
	free(targets->followed);
	targets->followed = NULL;
	targets->followed_count = 0;
	for (size_t i = targets->count; i-- > 0;) {
		/* What this program launched does not outlive it; what it found goes on. */
		if (targets->specs.items[i].program && sdb_target_status(targets->items[i]) != SDB_TARGET_CLOSED)
			sdb_error_free(sdb_target_kill(targets->items[i]));
		sdb_target_close(targets->items[i]);
	}
	free(targets->items);
	targets->items = NULL;
	targets->count = 0;
	sdb_specs_deinit(&targets->specs);
}

bool targets_is_base(const struct targets *targets, size_t index)
{
	for (size_t i = 0; i < targets->count; i++)
		if (sdb_target_base(targets->items[i]) == targets->items[index])
			return true;
	return false;
}

void targets_put_heading(struct text *to, const struct sdb_target *target)
{
	const char *name = sdb_target_name(target);
	if (!sdb_target_is_machine(target))
		text_format(to, "PID %lld - ", (long long)sdb_target_pid(target));
	else
		text_format(to, "machine %d - ", sdb_target_id(target));
	text_escaped(to, name, strlen(name));
	text_char(to, '\n');
}

int targets_each(struct targets *targets, int (*fn)(void *arg, struct sdb_target *target), void *arg)
{
	targets_catch_signals();
	int status = targets_open(targets);
	for (size_t i = 0; i < targets->count && status == STATUS_DONE; i++)
		status = fn(arg, targets->items[i]);
	targets_close(targets);
	return status;
}

bool targets_alive(const struct targets *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		if (sdb_target_status(targets->items[i]) != SDB_TARGET_EXITED)
			return true;
	for (size_t i = 0; i < targets->followed_count; i++)
		if (sdb_target_status(targets->followed[i]) != SDB_TARGET_EXITED)
			return true;
	return false;
}

/* ---- signals ------------------------------------------------------------------------------ */

static volatile sig_atomic_t interrupted;
static void (*interrupt_fn)(void *arg);
static void *interrupt_arg;

static void note_signal(int number)
{
	interrupted = number;
	if (interrupt_fn)
		interrupt_fn(interrupt_arg);
}

void targets_on_interrupt(void (*fn)(void *arg), void *arg)
{
	interrupt_arg = arg;
	interrupt_fn = fn;
}

void targets_catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = note_signal }, before;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		/* nohup(1) means us, and the programs that we launch. */
		bool ignored = sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN;
		if (numbers[i] != SIGHUP || !ignored)
			sigaction(numbers[i], &action, NULL);
	}
}

bool targets_interrupted(void)
{
	return interrupted != 0;
}
