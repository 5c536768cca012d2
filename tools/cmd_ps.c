/* SPDX-License-Identifier: MIT */
/* `stackdb ps`: the processes of the system in a machine. */
#include "json.h"
#include "targets.h"

#include <stackdb/system.h>

#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define TASKS_MAX 1000000 /* that are kept: more are a list that goes in circles */
#define DAY 86400

struct ps {
	struct targets targets;
	bool threads, namespaces;
	int64_t pid; /* only this one; 0: all */
	struct text out;
	size_t width; /* of a terminal; 0: lines are as long as they are */
	uint64_t boot_time;
	struct sdb_task *tasks;
	size_t count, room;
};

static const struct argp_option options[] = {
	{ "threads", 'T', NULL, 0, "Show threads, each on a line", 1 },
	{ "only", 'q', "PID", 0, "Show this process only", 1 },
	{ "namespaces", 'N', NULL, 0, "Show the namespaces of each (with --json always)", 1 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct ps *command = state->input;
	uint64_t pid;
	switch (key) {
	case ARGP_KEY_INIT: state->child_inputs[0] = &command->targets; return 0;
	case 'T': command->threads = true; return 0;
	case 'N': command->namespaces = true; return 0;
	case 'q':
		if (!tool_parse_number(arg, &pid))
			argp_error(state, "-q: '%s' is not a number", arg);
		command->pid = (int64_t)pid;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	options, parse, NULL,
	"Print the processes of the system in a machine, without stopping it."
	"\vA name in brackets is of a kernel thread, or of a process without a command line.\n\nExamples:\n"
	"  stackdb ps --qemu-pid 4711\n  stackdb ps -T --json --qemu-libvirt-domain server\n",
	machines_children, NULL, NULL
};

/* ---- reading ------------------------------------------------------------------------------------ */

static struct sdb_error *keep_task(void *arg, const struct sdb_task *task)
{
	struct ps *command = arg;
	if ((task->tid <= 0 && !command->threads) || (!command->threads && task->tid != task->tgid)
	    || (command->pid && task->tgid != command->pid))
		return NULL;
	if (command->count >= TASKS_MAX)
		return sdb_error_new(SDB_ERROR_CORRUPT, "more than %d tasks: the rest is not believed", TASKS_MAX);
	if (command->count == command->room) {
		command->room = command->room ? 2 * command->room : 128;
		command->tasks = tool_realloc(command->tasks, command->room, sizeof(*command->tasks));
	}
	command->tasks[command->count++] = *task;
	return NULL;
}

/* ---- printing ------------------------------------------------------------------------------------ */

/* As ps: the time of a day, older ones the date. */
static void put_start(struct ps *command, const struct sdb_task *task)
{
	char text[32] = "?";
	if (command->boot_time) {
		time_t start = (time_t)((command->boot_time + task->start_time) / 1000000000), now = time(NULL);
		struct tm local;
		if (localtime_r(&start, &local))
			strftime(text, sizeof(text), now - start < DAY && now >= start ? "%H:%M" : "%b%d", &local);
	} else {
		snprintf(text, sizeof(text), "+%llus", (unsigned long long)(task->start_time / 1000000000));
	}
	text_format(&command->out, "%-8s ", text);
}

/* The words with blanks between; those who have none are their name in brackets. */
static void put_command(struct ps *command, const struct sdb_task *task, const char *words, size_t size)
{
	struct text *out = &command->out;
	while (size && !words[size - 1])
		size--;
	if (!size || task->kernel || (command->threads && task->tid != task->tgid)) {
		bool thread = size && !task->kernel;
		text_add(out, thread ? "" : "[");
		text_escaped(out, task->name, strnlen(task->name, sizeof(task->name)));
		text_add(out, thread ? "" : "]");
		return;
	}
	for (size_t at = 0; at < size;) {
		size_t length = strnlen(words + at, size - at);
		if (at)
			text_char(out, ' ');
		text_escaped(out, words + at, length);
		at += length + 1;
	}
}

static const char *const namespace_names[SDB_NAMESPACES] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };

static void task_as_text(struct ps *command, const struct sdb_task *task, const char *words, size_t size)
{
	struct text *out = &command->out;
	size_t line = out->size;
	text_format(out, "%7lld ", (long long)task->tgid);
	if (command->threads)
		text_format(out, "%7lld ", (long long)task->tid);
	text_format(out, "%7lld %7u %c%s  ", (long long)task->ppid, task->uid, task->letter, task->on_cpu ? "+" : " ");
	put_start(command, task);
	put_command(command, task, words, size);
	if (command->width && out->size - line > command->width)
		out->size = line + command->width;
	text_char(out, '\n');
	for (unsigned i = 0; command->namespaces && i < SDB_NAMESPACES; i++)
		if (task->namespaces[i])
			text_format(out, "          %-7s %llu\n", namespace_names[i], (unsigned long long)task->namespaces[i]);
}

static void task_as_json(struct ps *command, struct sdb_target *target, const struct sdb_task *task, const char *words,
			 size_t size)
{
	char letter[2] = { task->letter, '\0' };
	struct json json;
	json_begin(&json, &command->out);
	json_number(&json, "target", (uint64_t)sdb_target_id(target));
	json_signed(&json, "pid", task->tgid);
	json_signed(&json, "tid", task->tid);
	json_signed(&json, "ppid", task->ppid);
	json_number(&json, "uid", task->uid);
	json_number(&json, "euid", task->euid);
	json_number(&json, "gid", task->gid);
	json_number(&json, "egid", task->egid);
	json_string(&json, "state", letter);
	json_string(&json, "name", task->name);
	json_bool(&json, "kernel", task->kernel);
	json_signed(&json, "cpu", task->cpu);
	json_bool(&json, "on_cpu", task->on_cpu);
	json_number(&json, "start_time_ns", task->start_time);
	if (command->boot_time)
		json_number(&json, "started", (command->boot_time + task->start_time) / 1000000000);
	json_hex(&json, "address", task->address);
	json_array(&json, "command");
	for (size_t at = 0; at < size; at += strnlen(words + at, size - at) + 1)
		json_stringn(&json, NULL, words + at, strnlen(words + at, size - at));
	json_close(&json);
	json_object(&json, "namespaces");
	for (unsigned i = 0; i < SDB_NAMESPACES; i++)
		if (task->namespaces[i])
			json_number(&json, namespace_names[i], task->namespaces[i]);
	json_end(&json);
}

static void put_task(struct ps *command, struct sdb_target *target, const struct sdb_task *task)
{
	char *words = NULL;
	size_t size = 0;
	if (!task->kernel && task->memory) {
		struct sdb_error *error = sdb_target_command_line(target, task->tgid, &words, &size);
		if (error) { /* it has ended since, or its stack is not in memory */
			sdb_error_free(error);
			words = NULL;
			size = 0;
		}
	}
	if (command->targets.json)
		task_as_json(command, target, task, words, size);
	else
		task_as_text(command, task, words, size);
	free(words);
}

static int show(void *arg, struct sdb_target *target)
{
	struct ps *command = arg;
	struct sdb_system system = { .uptime = 0 };
	command->count = 0;
	command->boot_time = 0;
	struct sdb_error *error = sdb_target_scan_tasks(target, keep_task, command);
	if (error && !command->count)
		return tool_fail(sdb_target_name(target), error);
	struct sdb_error *unknown = sdb_target_system(target, &system);
	command->boot_time = unknown ? 0 : system.boot_time;
	sdb_error_free(unknown);
	if (!command->targets.json)
		text_format(&command->out, "    PID %s   PPID     UID S   START    COMMAND\n", command->threads ? "    TID " : "");
	for (size_t i = 0; i < command->count; i++)
		put_task(command, target, &command->tasks[i]);
	if (!error && command->pid && !command->count)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no process %lld", (long long)command->pid);
	text_flush(&command->out);
	return error ? tool_fail(sdb_target_name(target), error) : STATUS_DONE;
}

/* As ps: long command lines are cut on a terminal, and only there. */
static size_t terminal_width(void)
{
	struct winsize size;
	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int command_ps(int argc, char **argv)
{
	struct ps command = { .out = text_to(STDOUT_FILENO), .width = terminal_width() };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status = targets_each(&command.targets, show, &command);
	text_deinit(&command.out);
	free(command.tasks);
	return status;
}
