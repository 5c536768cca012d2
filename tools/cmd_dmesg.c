/* SPDX-License-Identifier: MIT */
/* `stackdb dmesg`: the log of the kernel in a machine. */
#include "json.h"
#include "targets.h"

#include <stackdb/system.h>

#include <time.h>
#include <unistd.h>

struct dmesg {
	struct targets targets;
	uint64_t level;    /* highest one to show */
	bool dates, levels, follow;
	struct text out;
	struct sdb_target *target; /* in hand */
	uint64_t next;     /* sequence number of the first record that was not shown */
	uint64_t boot_time;
};

enum { LEVELS = 8 };
static const char *const level_names[LEVELS] = { "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug" };

static const struct argp_option options[] = {
	{ "level", 'n', "LEVEL", 0, "Only records up to this one: emerg, alert, crit, err, warn, notice, info, debug (0-7)", 1 },
	{ "ctime", 'T', NULL, 0, "Print dates instead of seconds since the boot", 1 },
	{ "decode", 'x', NULL, 0, "Print the level of each", 1 },
	{ "follow", 'f', NULL, 0, "Wait for more", 1 },
	{ 0 }
};

static uint64_t parse_level(struct argp_state *state, const char *arg)
{
	uint64_t level;
	for (unsigned i = 0; i < LEVELS; i++)
		if (strcmp(arg, level_names[i]) == 0)
			return i;
	if (!tool_parse_number(arg, &level) || level >= LEVELS)
		argp_error(state, "-n: '%s' is no level", arg);
	return level;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct dmesg *command = state->input;
	switch (key) {
	case ARGP_KEY_INIT: state->child_inputs[0] = &command->targets; return 0;
	case 'n': command->level = parse_level(state, arg); return 0;
	case 'T': command->dates = true; return 0;
	case 'x': command->levels = true; return 0;
	case 'f': command->follow = true; return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	options, parse, NULL, "Print the log of the kernel in a machine, without stopping it."
	"\vExamples:\n  stackdb dmesg --qemu-pid 4711\n  stackdb dmesg -f -n warn --qemu-libvirt-domain server\n",
	machines_children, NULL, NULL
};

static void put_prefix(struct dmesg *command, const struct sdb_log_record *record)
{
	struct text *out = &command->out;
	if (command->levels)
		text_format(out, "%-6s: ", level_names[record->level < LEVELS ? record->level : LEVELS - 1]);
	if (command->dates && command->boot_time) {
		time_t when = (time_t)((command->boot_time + record->time) / 1000000000);
		char date[64] = "?";
		struct tm local;
		if (localtime_r(&when, &local))
			strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &local);
		text_format(out, "[%s] ", date);
	} else {
		text_format(out, "[%5llu.%06llu] ", (unsigned long long)(record->time / 1000000000),
			    (unsigned long long)(record->time / 1000 % 1000000));
	}
}

static void as_json(struct dmesg *command, const struct sdb_log_record *record)
{
	struct json json;
	json_begin(&json, &command->out);
	json_number(&json, "target", (uint64_t)sdb_target_id(command->target));
	json_number(&json, "sequence", record->sequence);
	json_number(&json, "time_ns", record->time);
	json_number(&json, "level", record->level);
	json_number(&json, "facility", record->facility);
	json_stringn(&json, "text", record->text, record->length);
	json_end(&json);
}

static struct sdb_error *put_record(void *arg, const struct sdb_log_record *record)
{
	struct dmesg *command = arg;
	if (record->sequence < command->next)
		return NULL;
	command->next = record->sequence + 1;
	if (record->level > command->level)
		return NULL;
	if (command->targets.json) {
		as_json(command, record);
		return NULL;
	}
	for (size_t at = 0; at <= record->length;) { /* each line of it */
		const char *end = memchr(record->text + at, '\n', record->length - at);
		size_t length = end ? (size_t)(end - record->text) - at : record->length - at;
		if (at && !length && at == record->length)
			break;
		put_prefix(command, record);
		text_escaped(&command->out, record->text + at, length);
		text_char(&command->out, '\n');
		at += length + 1;
	}
	return NULL;
}

static int show(void *arg, struct sdb_target *target)
{
	struct dmesg *command = arg;
	struct sdb_system system = { .boot_time = 0 };
	command->target = target;
	command->next = 0;
	sdb_error_free(sdb_target_system(target, &system)); /* then without dates */
	command->boot_time = system.boot_time;
	struct sdb_error *error = sdb_target_kernel_log(target, put_record, command);
	while (!error && command->follow && !targets_interrupted()) {
		static const struct timespec pause = { .tv_nsec = 300000000 };
		text_flush(&command->out);
		if (nanosleep(&pause, NULL) == 0)
			error = sdb_target_kernel_log(target, put_record, command);
	}
	text_flush(&command->out);
	return error ? tool_fail(sdb_target_name(target), error) : STATUS_DONE;
}

int command_dmesg(int argc, char **argv)
{
	struct dmesg command = { .out = text_to(STDOUT_FILENO), .level = LEVELS - 1 };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status = targets_each(&command.targets, show, &command);
	text_deinit(&command.out);
	return status;
}
