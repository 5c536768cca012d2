/* SPDX-License-Identifier: MIT */
/* `stackdb type`: types by name, and what chains of members lead to. */
#include "cdecl.h"
#include "chain.h"
#include "layout.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct type_command {
	struct common common;
	struct layout_options layout;
	struct session *session;
	struct text out;
	char **names;
	int name_count;
};

enum { KEY_NO_METHODS = 0x2000 };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct type_command *command = state->input;
	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case 'c':
		command->layout.cachelines = true;
		return 0;
	case 'x':
		command->layout.expand = true;
		return 0;
	case 'p':
		command->layout.plain = true;
		return 0;
	case KEY_NO_METHODS:
		command->layout.methods = false;
		return 0;
	case ARGP_KEY_ARGS:
		command->names = state->argv + state->next;
		command->name_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which type?");
		return EINVAL;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "cachelines", 'c', NULL, 0, "Mark the boundaries of cache lines", 0 },
	{ "expand", 'x', NULL, 0, "Expand the structures inside as well", 0 },
	{ "plain", 'p', NULL, 0, "Only the declaration: no offsets, holes and totals", 0 },
	{ "no-methods", KEY_NO_METHODS, NULL, 0, "Leave out the methods of classes", 0 },
	{ 0 }
};
static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, "NAME|EXPR...",
	"Print types in C with the offset and size of each member, holes and totals; or follow members."
	"\vExamples:\n"
	"  stackdb type -m vmlinux task_struct\n"
	"  stackdb type -m vmlinux -c 'struct list_head' pid_t\n"
	"  stackdb type -m vmlinux init_task.mm.pgd\n"
	"  stackdb type -m libstdc++.so.6 'std::ios_base'\n",
	children, NULL, NULL
};

/* ---- types by name --------------------------------------------------------------- */

#define MAX_SAID 16 /* texts of one name that are compared */

struct type_search {
	struct type_command *command;
	const char *tag; /* `struct` and so on, or NULL */
	size_t found;
	sdb_name_id name;           /* of the types printed last */
	struct text said[MAX_SAID]; /* what was printed of that name */
	size_t said_count;
	sdb_type_id declared; /* one that is only declared: shown when there is nothing better */
};

static bool kind_matches(enum sdb_type_kind kind, const char *tag)
{
	if (!tag)
		return kind != SDB_TYPE_NAMESPACE;
	return strcmp(tag, "struct") == 0 ? kind == SDB_TYPE_STRUCT || kind == SDB_TYPE_CLASS
		: strcmp(tag, "class") == 0 ? kind == SDB_TYPE_CLASS || kind == SDB_TYPE_STRUCT
		: strcmp(tag, "union") == 0 ? kind == SDB_TYPE_UNION
		: strcmp(tag, "enum") == 0 ? kind == SDB_TYPE_ENUM : kind == SDB_TYPE_TYPEDEF;
}

static void print_type(struct type_command *command, struct text *to, sdb_type_id id)
{
	if (command->common.json) {
		struct json json;
		json_begin(&json, to);
		layout_json(command->session, &json, id, command->layout.expand);
		json_end(&json);
		return;
	}
	struct type_outline outline = session_type(command->session, id);
	layout_print(command->session, to, id, &command->layout);
	/* A typedef of something nameless has its definition nowhere else. */
	struct type_outline target = session_stripped(command->session, id);
	if (outline.kind == SDB_TYPE_TYPEDEF && !target.name
	    && (target.kind == SDB_TYPE_STRUCT || target.kind == SDB_TYPE_UNION
		|| target.kind == SDB_TYPE_ENUM || target.kind == SDB_TYPE_CLASS))
		layout_print(command->session, to, target.id, &command->layout);
}

static void forget_said(struct type_search *search)
{
	while (search->said_count)
		free(search->said[--search->said_count].data);
}

static bool was_said(const struct type_search *search, const struct text *text)
{
	for (size_t i = 0; i < search->said_count; i++)
		if (search->said[i].size == text->size && memcmp(search->said[i].data, text->data, text->size) == 0)
			return true;
	return false;
}

/* Types of one name that differ in what their members lead to alone read the same: that is said once. */
static void print_found(struct type_search *search, sdb_name_id name, sdb_type_id id)
{
	struct type_command *command = search->command;
	struct text text = TEXT_EMPTY;
	print_type(command, &text, id);
	if (name != search->name)
		forget_said(search);
	search->name = name;
	search->found++;
	if (was_said(search, &text)) {
		free(text.data);
		return;
	}
	if (search->found > 1 && !command->common.json)
		text_char(&command->out, '\n');
	text_addn(&command->out, text.data, text.size);
	if (search->said_count < MAX_SAID)
		search->said[search->said_count++] = text;
	else
		free(text.data);
}

static struct sdb_error *take_type(void *arg, sdb_name_id name, const char *text,
				   struct sdb_entity entity)
{
	struct type_search *search = arg;
	(void)text;
	struct type_outline outline = session_type(search->command->session, entity.id);
	if (session_failed(search->command->session))
		return sdb_error_new(SDB_ERROR_STOPPED, "stopped");
	if (entity.kind == SDB_ENTITY_ENUMERATOR ? search->tag != NULL
	    : !kind_matches(outline.kind, search->tag))
		return NULL;
	if (outline.flags & SDB_TYPE_DECLARATION) {
		search->declared = entity.id;
		return NULL;
	}
	print_found(search, name, entity.id);
	return NULL;
}

/* Splits `struct name` into tag and name. */
static const char *split_tag(const char *text, const char **tag_ret)
{
	static const char *const tags[] = { "struct", "union", "class", "enum", "typedef" };
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		size_t length = strlen(tags[i]);
		if (strncmp(text, tags[i], length) == 0 && text[length] == ' ') {
			*tag_ret = tags[i];
			return text + length + strspn(text + length, " ");
		}
	}
	*tag_ret = NULL;
	return text;
}

static bool print_types(struct type_command *command, const char *text)
{
	struct type_search search = { .command = command };
	const char *name = split_tag(text, &search.tag);
	enum sdb_match match = strpbrk(name, "*?[") && !strchr(name, '<') ? SDB_MATCH_GLOB : SDB_MATCH_EXACT;
	unsigned kinds[] = { 1u << SDB_ENTITY_TYPE, 1u << SDB_ENTITY_ENUMERATOR };
	for (size_t i = 0; i < 2 && !search.found; i++) {
		struct sdb_error *error = sdb_lookup(session_db(command->session), name, match, kinds[i],
						     take_type, &search);
		if (error && sdb_error_code(error) == SDB_ERROR_STOPPED)
			sdb_error_free(error);
		else if (session_missed(command->session, error))
			break;
	}
	if (!search.found && search.declared) {
		print_type(command, &command->out, search.declared);
		search.found++;
	}
	forget_said(&search);
	return search.found != 0;
}

/* ---- chains ------------------------------------------------------------------------ */

static void print_chain(struct type_command *command, const struct chain *chain)
{
	struct session *session = command->session;
	struct text *out = &command->out;
	if (command->common.json) {
		struct json json;
		json_begin(&json, out);
		chain_json(session, &json, chain);
		json_end(&json);
		return;
	}
	chain_print(session, out, chain);
	struct type_outline last = session_stripped(session, chain->steps[chain->count - 1].type);
	if (last.name && (last.kind == SDB_TYPE_STRUCT || last.kind == SDB_TYPE_UNION
			  || last.kind == SDB_TYPE_CLASS || last.kind == SDB_TYPE_ENUM))
		layout_print(session, out, last.id, &command->layout);
}

/* Prints the type of a variable when the text is its plain name. */
static bool print_one(struct type_command *command, const char *text)
{
	const char *tag;
	bool chained = strpbrk(split_tag(text, &tag), ".") || strstr(text, "->")
		|| (strchr(text, '[') && !strpbrk(text, "*?<"));
	if (!chained && print_types(command, text))
		return true;
	if (session_failed(command->session))
		return false;
	struct chain chain;
	struct sdb_error *error = chain_follow(command->session, text, &chain);
	if (error) {
		if (chained && sdb_error_code(error) == SDB_ERROR_NOT_FOUND
		    && print_types(command, text)) { /* a name with dots in it */
			sdb_error_free(error);
			return true;
		}
		text_flush(&command->out);
		tool_fail(text, error);
		return false;
	}
	print_chain(command, &chain);
	chain_deinit(&chain);
	return true;
}

int command_type(int argc, char **argv)
{
	struct type_command command = { .out = text_to(STDOUT_FILENO), .layout.methods = true };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status;
	command.session = session_open(&command.common, &status);
	if (!command.session)
		return status;
	for (int i = 0; i < command.name_count; i++) {
		if (i && !command.common.json)
			text_char(&command.out, '\n');
		if (!print_one(&command, command.names[i]))
			status = STATUS_NOT_FOUND;
	}
	text_deinit(&command.out);
	return session_close(command.session, status);
}
