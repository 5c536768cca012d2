/* SPDX-License-Identifier: MIT */
/* `stackdb system`: what runs in a machine, and its table of system calls. */
#include "json.h"
#include "targets.h"

#include <stackdb/system.h>

#include <time.h>
#include <unistd.h>

struct system_command {
	struct targets targets;
	bool calls, changed;
	struct text out;
	struct sdb_target *target; /* in hand */
	unsigned changes;
};

static const struct argp_option options[] = {
	{ "calls", 'c', NULL, 0, "Print the table of system calls instead", 1 },
	{ "changed", 'C', NULL, 0, "Only entries of it that are not what the kernel was built with", 1 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct system_command *command = state->input;
	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT: state->child_inputs[0] = &command->targets; return 0;
	case 'c': command->calls = true; return 0;
	case 'C': command->calls = command->changed = true; return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	options, parse, NULL,
	"Print which system runs in a machine: version, build-id, where its kernel was loaded, uptime; or its table of "
	"system calls. The machine is not stopped.\vExamples:\n  stackdb system --qemu-pid 4711\n"
	"  stackdb system --changed --qemu-libvirt-domain server\n",
	machines_children, NULL, NULL
};

static void put_id(struct text *to, const struct sdb_system *system)
{
	text_hex_bytes(to, system->build_id, system->build_id ? system->build_id_length : 0);
}

static void as_json(struct system_command *command, const struct sdb_system *system)
{
	struct json json;
	struct text id = TEXT_EMPTY;
	put_id(&id, system);
	json_begin(&json, &command->out);
	json_number(&json, "target", (uint64_t)sdb_target_id(command->target));
	json_string(&json, "name", sdb_target_name(command->target));
	json_string(&json, "personality", system->personality);
	json_string(&json, "release", system->release);
	json_string(&json, "version", system->version);
	json_string(&json, "command_line", system->command_line);
	json_string(&json, "build_id", id.size ? text_string(&id) : NULL);
	json_hex(&json, "base", system->base);
	json_hex(&json, "bias", system->bias);
	json_hex(&json, "physical_base", system->physical_base);
	json_number(&json, "uptime_ns", system->uptime);
	json_number(&json, "boot_time_ns", system->boot_time);
	json_number(&json, "cpus", system->cpus);
	json_end(&json);
	text_deinit(&id);
}

static void put_line(struct text *to, const char *what, const char *value)
{
	if (!value)
		return;
	text_format(to, "%-15s ", what);
	text_escaped(to, value, strlen(value));
	text_char(to, '\n');
}

static void as_text(struct system_command *command, const struct sdb_system *system)
{
	struct text *out = &command->out;
	unsigned long long up = system->uptime / 1000000000;
	put_line(out, "machine", sdb_target_name(command->target));
	put_line(out, "release", system->release);
	put_line(out, "version", system->version);
	put_line(out, "command line", system->command_line);
	if (system->build_id) {
		text_add(out, "build-id        ");
		put_id(out, system);
		text_char(out, '\n');
	}
	text_format(out, "kernel          at 0x%llx, moved by 0x%llx; physical 0x%llx\n", (unsigned long long)system->base,
		    (unsigned long long)system->bias, (unsigned long long)system->physical_base);
	text_format(out, "CPUs            %u\n", system->cpus);
	if (system->uptime)
		text_format(out, "uptime          %llud %02llu:%02llu:%02llu\n", up / 86400, up / 3600 % 24, up / 60 % 60, up % 60);
	if (system->boot_time) {
		time_t boot = (time_t)(system->boot_time / 1000000000);
		char date[64];
		struct tm local;
		if (localtime_r(&boot, &local) && strftime(date, sizeof(date), "%F %T %z", &local))
			put_line(out, "booted", date);
	}
	text_format(out, "known by        %s\n", system->personality);
}

static struct sdb_error *put_call(void *arg, const struct sdb_system_call *call)
{
	struct system_command *command = arg;
	struct text *out = &command->out;
	struct json json;
	command->changes += call->changed;
	if (command->changed && !call->changed)
		return NULL;
	if (command->targets.json) {
		json_begin(&json, out);
		json_number(&json, "target", (uint64_t)sdb_target_id(command->target));
		json_number(&json, "number", call->number);
		json_string(&json, "name", call->name);
		json_hex(&json, "address", call->address);
		json_string(&json, "symbol", call->symbol);
		json_bool(&json, "changed", call->changed);
		json_end(&json);
		return NULL;
	}
	text_format(out, "%4u  %-24s 0x%llx  ", call->number, call->name ? call->name : "?", (unsigned long long)call->address);
	text_add(out, call->symbol ? call->symbol : "(in no module)");
	text_add(out, call->changed ? "  CHANGED\n" : "\n");
	return NULL;
}

static int show(void *arg, struct sdb_target *target)
{
	struct system_command *command = arg;
	struct sdb_system system = { .cpus = 0 };
	command->target = target;
	command->changes = 0;
	struct sdb_error *error = command->calls ? sdb_target_system_calls(target, put_call, command)
		: sdb_target_system(target, &system);
	if (!error && !command->calls) {
		if (command->targets.json)
			as_json(command, &system);
		else
			as_text(command, &system);
	}
	text_flush(&command->out);
	if (error)
		return tool_fail(sdb_target_name(target), error);
	return STATUS_DONE;
}

int command_system(int argc, char **argv)
{
	struct system_command command = { .out = text_to(STDOUT_FILENO) };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status = targets_each(&command.targets, show, &command);
	text_deinit(&command.out);
	return status;
}
