/* SPDX-License-Identifier: MIT */
/* `stackdb dumpdebuginfo`: everything, or what is asked for, in the hierarchies of the source. */
#include "chain.h"
#include "dump.h"
#include "layout.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DUMP_ROOM ((size_t)3 << 20) /* the names of all kinds of things are needed again and again */

struct dump_command {
	struct common common;
	struct dump dump;
	bool reverse;
	const char *base;
	char **names;
	int name_count;
	struct text out;
};

/* `SECTION:ADDRESS,...` with the section's number, as the original program takes it. */
static bool parse_places(struct dump *dump, const char *text)
{
	while (*text) {
		char *end;
		unsigned long section = strtoul(text, &end, 0);
		if (end == text || *end != ':' || section > UINT32_MAX)
			return false;
		text = end + 1;
		uint64_t address = strtoull(text, &end, 16);
		if (end == text || (*end && *end != ','))
			return false;
		dump->places = tool_realloc(dump->places, dump->place_count + 1, sizeof(*dump->places));
		dump->places[dump->place_count++] = (struct dump_place){ (uint32_t)section, address };
		text = *end ? end + 1 : end;
	}
	return true;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct dump_command *command = state->input;
	struct dump *dump = &command->dump;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case 'D': dump->detail++; return 0;
	case 'M': dump->meta++; return 0;
	case 'T': dump->types = false; return 0;
	case 'G': dump->globals = false; return 0;
	case 'S': dump->scopes = false; return 0;
	case 'E': dump->symbols = false; return 0;
	case 'R': dump->ranges = false; return 0;
	case 'r': command->reverse = true; return 0;
	case 'I':
		if (!parse_places(dump, arg))
			argp_error(state, "-I takes SECTION:ADDRESS,... not %s", arg);
		return 0;
	case 'i':
		command->base = arg;
		if (!tool_parse_number(arg, &dump->bias))
			argp_error(state, "-i takes an address, not %s", arg);
		return 0;
	case ARGP_KEY_ARGS:
		command->names = state->argv + state->next;
		command->name_count = state->argc - state->next;
		if (!command->common.module && command->name_count) {
			command->common.module = *command->names++;
			command->name_count--;
		}
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "detail", 'D', NULL, 0, "More detail: operations of locations, calls; twice: unwind rows", 0 },
	{ "meta", 'M', NULL, 0, "Also numbers, flags, producers, and types without a name", 0 },
	{ "no-types", 'T', NULL, 0, "Leave out types", 0 },
	{ "no-globals", 'G', NULL, 0, "Leave out global variables", 0 },
	{ "no-scopes", 'S', NULL, 0, "Leave out the scopes of functions", 0 },
	{ "no-elf-symbols", 'E', NULL, 0, "Leave out ELF symbols", 0 },
	{ "no-ranges", 'R', NULL, 0, "Leave out ranges of addresses", 0 },
	{ "sections", 'I', "N:ADDR,...", 0, "Show addresses as if section N were at ADDR (hexadecimal)", 0 },
	{ "base", 'i', "BASE", 0, "Show addresses as if the module were loaded at BASE", 0 },
	{ "reverse", 'r', NULL, 0, "Look each thing found up again by its address", 0 },
	{ 0 }
};
static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, "MODULE [NAME|ADDRESS|FILE:LINE|A.B.C...]",
	"Print the whole content of a database in the hierarchy of the source program, or what NAME, "
	"ADDRESS, FILE:LINE or the chain of members A.B.C leads to."
	"\vExamples:\n"
	"  stackdb dumpdebuginfo libc.so.6\n"
	"  stackdb dumpdebuginfo -T -E vmlinux.sdb schedule init_task.mm.pgd\n",
	children, NULL, NULL
};

/* ---- what is asked for -------------------------------------------------------------------- */

struct name_search {
	struct dump *dump;
	size_t found;
	bool reverse;
};

static void look_up_again(struct dump *dump, struct sdb_entity entity)
{
	uint64_t address = 0;
	struct sdb_variable *variable;
	struct sdb_instance *instances = NULL;
	size_t count = 0;
	if (entity.kind == SDB_ENTITY_VARIABLE
	    && !session_note(dump->session, sdb_variable(session_db(dump->session), entity.id, &variable))) {
		if (variable->location.kind == SDB_LOCATION_ADDRESS)
			address = variable->location.address;
		sdb_variable_free(variable);
	} else if (entity.kind == SDB_ENTITY_FUNCTION
		   && !session_note(dump->session, sdb_function_instances(session_db(dump->session), entity.id,
									  &instances, &count))) {
		for (size_t i = 0; i < count && !address; i++)
			address = instances[i].inlined ? 0 : instances[i].address;
		free(instances);
	}
	if (address) {
		text_format(dump->out, "reverse 0x%llx:\n", (unsigned long long)address);
		dump_at(dump, address);
	}
}

static struct sdb_error *take_entity(void *arg, sdb_name_id name, const char *text,
				     struct sdb_entity entity)
{
	struct name_search *search = arg;
	(void)name, (void)text;
	search->found++;
	switch (entity.kind) {
	case SDB_ENTITY_SYMBOL: dump_symbol(search->dump, entity.id); break;
	case SDB_ENTITY_FUNCTION: dump_function(search->dump, entity.id); break;
	case SDB_ENTITY_VARIABLE: dump_variable(search->dump, entity.id); break;
	default: dump_type(search->dump, entity.id); break;
	}
	if (search->reverse && !search->dump->json)
		look_up_again(search->dump, entity);
	return session_failed(search->dump->session) ? sdb_error_new(SDB_ERROR_STOPPED, "stopped") : NULL;
}

static bool dump_name(struct dump_command *command, const char *name)
{
	struct name_search search = { &command->dump, 0, command->reverse };
	enum sdb_match match = strpbrk(name, "*?[") ? SDB_MATCH_GLOB : SDB_MATCH_EXACT;
	struct session *session = command->dump.session;
	struct sdb_error *error = sdb_lookup(session_db(session), name, match, 0, take_entity, &search);
	if (error && sdb_error_code(error) == SDB_ERROR_STOPPED)
		sdb_error_free(error);
	else
		session_missed(session, error);
	return search.found != 0;
}

static bool dump_chain(struct dump_command *command, const char *text)
{
	struct chain chain;
	struct session *session = command->dump.session;
	struct sdb_error *error = chain_follow(session, text, &chain);
	if (error) {
		text_flush(&command->out);
		tool_fail(text, error);
		return false;
	}
	if (command->common.json) {
		struct json json;
		json_begin(&json, &command->out);
		json_string(&json, "kind", "chain");
		chain_json(session, &json, &chain);
		json_end(&json);
	} else {
		chain_print(session, &command->out, &chain);
	}
	chain_deinit(&chain);
	return true;
}

struct line_search {
	struct dump *dump;
	uint32_t line;
	uint64_t address;
	bool found;
};

static struct sdb_error *take_line(void *arg, const struct sdb_line *line)
{
	struct line_search *search = arg;
	if (!search->found && !(line->flags & SDB_LINE_END_SEQUENCE)) {
		search->address = line->address;
		search->found = true;
	}
	return NULL;
}

static struct sdb_error *take_file(void *arg, sdb_file_id id, const char *path)
{
	struct line_search *search = arg;
	(void)path;
	struct sdb_error *error = sdb_line_find(session_db(search->dump->session), id, search->line,
						take_line, search);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}

/* FILE:LINE leads to the function around the line's first address. */
static bool dump_line(struct dump_command *command, const char *text, bool *is_line_ret)
{
	char *file = tool_strdup(text), *colon = strrchr(file, ':');
	uint64_t line = 0;
	*is_line_ret = colon && colon != file && colon[-1] != ':' && tool_parse_number(colon + 1, &line)
		&& line <= UINT32_MAX;
	struct line_search search = { .dump = &command->dump, .line = (uint32_t)line };
	if (*is_line_ret) {
		*colon = '\0';
		session_missed(command->dump.session, sdb_files(session_db(command->dump.session), file,
								take_file, &search));
	}
	free(file);
	return search.found && dump_at(&command->dump, search.address);
}

static bool dump_one(struct dump_command *command, const char *text)
{
	uint64_t address;
	bool is_line;
	if (tool_parse_number(text, &address))
		return dump_at(&command->dump, address - command->dump.bias);
	if (dump_line(command, text, &is_line) || dump_name(command, text))
		return true;
	if (!is_line && (strchr(text, '.') || strstr(text, "->")))
		return dump_chain(command, text);
	if (!session_failed(command->dump.session)) {
		text_flush(&command->out);
		tool_complain(text, "nothing of that name");
	}
	return false;
}

int command_dumpdebuginfo(int argc, char **argv)
{
	struct dump_command command = {
		.dump = { .types = true, .globals = true, .scopes = true, .symbols = true, .ranges = true },
		.out = text_to(STDOUT_FILENO),
	};
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status;
	if (!command.name_count)
		command.common.room = DUMP_ROOM;
	struct session *session = session_open(&command.common, &status);
	if (!session)
		return status;
	command.dump.session = session;
	command.dump.out = &command.out;
	command.dump.json = command.common.json;
	if (!command.name_count)
		dump_all(&command.dump);
	for (int i = 0; i < command.name_count && !session_failed(session); i++)
		if (!dump_one(&command, command.names[i]) && !session_failed(session))
			status = STATUS_NOT_FOUND;
	free(command.dump.places);
	text_deinit(&command.out);
	return session_close(session, status);
}
