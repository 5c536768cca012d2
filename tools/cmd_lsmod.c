/* SPDX-License-Identifier: MIT */
/* `stackdb lsmod`: the modules of the kernel in a machine. */
#include "json.h"
#include "targets.h"

#include <stackdb/system.h>

#include <unistd.h>

struct lsmod {
	struct targets targets;
	bool verbose;
	struct text out;
	struct sdb_target *target; /* in hand */
};

static const struct argp_option options[] = {
	{ "verbose", 'v', NULL, 0, "Where each is, its state, build-id and taints, too", 1 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct lsmod *command = state->input;
	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT: state->child_inputs[0] = &command->targets; return 0;
	case 'v': command->verbose = true; return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	options, parse, NULL, "Print the modules of the kernel in a machine, without stopping it."
	"\vExamples:\n  stackdb lsmod --qemu-pid 4711\n  stackdb lsmod -v --qemu-libvirt-domain server\n", machines_children, NULL, NULL
};

static void put_id(struct text *to, const struct sdb_kernel_module *module)
{
	text_hex_bytes(to, module->build_id, module->build_id ? module->build_id_length : 0);
}

static void as_json(struct lsmod *command, const struct sdb_kernel_module *module)
{
	struct json json;
	struct text id = TEXT_EMPTY;
	put_id(&id, module);
	json_begin(&json, &command->out);
	json_number(&json, "target", (uint64_t)sdb_target_id(command->target));
	json_string(&json, "name", module->name);
	json_hex(&json, "base", module->base);
	json_number(&json, "size", module->size);
	json_signed(&json, "references", module->references);
	json_string(&json, "users", module->users);
	json_string(&json, "state", module->state);
	json_string(&json, "build_id", id.size ? text_string(&id) : NULL);
	json_string(&json, "taints", module->taints);
	json_hex(&json, "address", module->address);
	json_end(&json);
	text_deinit(&id);
}

static void put_text(struct text *to, const char *string, int width)
{
	size_t start = to->size;
	text_escaped(to, string ? string : "", string ? strlen(string) : 0);
	if (to->size - start < (size_t)width)
		text_repeat(to, ' ', (size_t)width - (to->size - start));
}

static struct sdb_error *put_module(void *arg, const struct sdb_kernel_module *module)
{
	struct lsmod *command = arg;
	struct text *out = &command->out;
	if (command->targets.json) {
		as_json(command, module);
		return NULL;
	}
	put_text(out, module->name, 19);
	text_format(out, " %9llu  %lld ", (unsigned long long)module->size, (long long)module->references);
	put_text(out, module->users, command->verbose ? 20 : 0);
	if (command->verbose) {
		text_format(out, " 0x%llx ", (unsigned long long)module->base);
		put_text(out, module->state, 9);
		text_char(out, ' ');
		put_id(out, module);
		text_format(out, "%s%s", module->taints && *module->taints ? " " : "", module->taints ? module->taints : "");
	}
	text_char(out, '\n');
	return NULL;
}

static int show(void *arg, struct sdb_target *target)
{
	struct lsmod *command = arg;
	command->target = target;
	if (!command->targets.json)
		text_add(&command->out, command->verbose
			 ? "Module                  Size  Used by              Base               State     Build-id\n"
			 : "Module                  Size  Used by\n");
	struct sdb_error *error = sdb_target_kernel_modules(target, put_module, command);
	text_flush(&command->out);
	return error ? tool_fail(sdb_target_name(target), error) : STATUS_DONE;
}

int command_lsmod(int argc, char **argv)
{
	struct lsmod command = { .out = text_to(STDOUT_FILENO) };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status = targets_each(&command.targets, show, &command);
	text_deinit(&command.out);
	return status;
}
