/* SPDX-License-Identifier: MIT */
/* `stackdb lookup`: what a name stands for. */
#include "describe.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_GROUP 4096 /* entities of one name that are held at a time */
#define MAX_GATHERED 1024 /* of all names */
#define ENOUGH_FOR_TWO 16 /* names, for a second thread to be worth it */

/* What a name stands for, and what a describer said of it. */
struct group {
	sdb_name_id name;
	char *text;
	size_t first, count; /* entities */
	const struct describer *describer;
	size_t first_match, match_count;
	bool done;
};

struct lookup_command {
	struct common common;
	struct describe_options options;
	unsigned kinds;
	char **names;
	int name_count;
	struct text out;
	struct session *session;
	/* names that are gathered before they are described: */
	struct group *groups;
	size_t group_count, group_capacity;
	struct sdb_entity *entities;
	size_t entity_count, entity_capacity;
	struct describer describers[2];
	atomic_size_t taken; /* groups that somebody describes or has described */
	struct text last;    /* what was printed last */
	size_t found;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct lookup_command *command = state->input;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case 'b':
		command->options.brief = true;
		return 0;
	case 'k':
		for (const char *c = arg; *c; c++) {
			const char *letters = "sfvte", *at = strchr(letters, *c);
			if (!at)
				argp_error(state, "-k takes letters of `sfvte`, not %c", *c);
			else
				command->kinds |= 1u << (SDB_ENTITY_SYMBOL + (at - letters));
		}
		return 0;
	case ARGP_KEY_ARGS:
		command->names = state->argv + state->next;
		command->name_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which name?");
		return EINVAL;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "kinds", 'k', "LETTERS", 0, "Only symbols (s), functions (f), variables (v), types (t), "
	  "enumerators (e)", 0 },
	{ "brief", 'b', NULL, 0, "Only kind, address, size and name", 0 },
	{ 0 }
};
static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, "NAME...",
	"Print what each name stands for: kind, address, size, type or prototype, file:line."
	"\vA NAME with any of `*?[` is a glob, /NAME/ a regular expression; C++ names may be qualified.\n"
	"\nExamples:\n"
	"  stackdb lookup -m vmlinux schedule init_task\n"
	"  stackdb lookup -m vmlinux 'sys_*' '/^vm_.*fault$/'\n"
	"  stackdb lookup -m libstdc++.so.6 std::terminate\n",
	children, NULL, NULL
};

/* ---- describing -------------------------------------------------------------------------- */

/* What a thread does: the first one takes names from the front, the other from the back, till they meet. */
struct share {
	struct lookup_command *command;
	struct describer *describer;
	bool back;
};

static void *describe_share(void *arg)
{
	struct share *share = arg;
	struct lookup_command *command = share->command;
	struct describer *describer = share->describer;
	for (size_t i = 0; atomic_fetch_add(&command->taken, 1) < command->group_count; i++) {
		struct group *group = &command->groups[share->back ? command->group_count - 1 - i : i];
		group->describer = describer;
		group->first_match = describer->match_count;
		describe(describer, group->name, group->text, command->entities + group->first, group->count);
		group->match_count = describer->match_count - group->first_match;
		if (session_failed(describer->session))
			break;
		group->done = true;
	}
	return NULL;
}

/* The second thread's session shares the first one's blocks. */
static void describe_all(struct lookup_command *command)
{
	struct share shares[2] = { { command, &command->describers[0], false },
				   { command, &command->describers[1], true } };
	pthread_t thread;
	bool two = command->group_count >= ENOUGH_FOR_TWO && sysconf(_SC_NPROCESSORS_ONLN) > 1;
	for (int i = 0; i < 2; i++) {
		command->describers[i].match_count = 0;
		command->describers[i].out.size = 0;
	}
	atomic_store(&command->taken, 0);
	if (two && !command->describers[1].session)
		command->describers[1].session = session_share(command->session, false);
	two = two && pthread_create(&thread, NULL, describe_share, &shares[1]) == 0;
	describe_share(&shares[0]);
	if (two)
		pthread_join(thread, NULL);
	if (two)
		session_note(command->session, session_take_error(command->describers[1].session));
}

/* ---- printing ------------------------------------------------------------------------------ */

/*
 * Functions that units inline are there once for each meaning of the types they use: what reads
 * the same as the one before is not said again.
 */
static void print_match(struct lookup_command *command, const char *text, size_t length)
{
	command->found++;
	if (length && length == command->last.size && memcmp(text, command->last.data, length) == 0)
		return;
	text_addn(&command->out, text, length);
	command->last.size = 0;
	text_addn(&command->last, text, length);
}

/* Prints what has been gathered. */
static void print_groups(struct lookup_command *command)
{
	bool whole = true;
	if (command->group_count)
		describe_all(command);
	for (size_t i = 0; i < command->group_count; i++) {
		const struct group *group = &command->groups[i];
		const struct describer *describer = group->describer;
		for (size_t m = 0; m < group->match_count && whole; m++) {
			const struct described *match = &describer->matches[group->first_match + m];
			print_match(command, describer->out.data + match->start, match->length);
		}
		whole = whole && group->done;
		free(group->text);
	}
	command->group_count = command->entity_count = 0;
}

/* ---- gathering ----------------------------------------------------------------------------- */

static void open_group(struct lookup_command *command, sdb_name_id name, const char *text)
{
	if (command->group_count == command->group_capacity) {
		command->group_capacity = command->group_capacity ? command->group_capacity * 2 : 16;
		command->groups = tool_realloc(command->groups, command->group_capacity, sizeof(*command->groups));
	}
	command->groups[command->group_count++] = (struct group){
		.name = name, .text = text_clean(tool_strdup(text)), .first = command->entity_count,
	};
}

static struct sdb_error *take(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct lookup_command *command = arg;
	struct group *group = command->group_count ? &command->groups[command->group_count - 1] : NULL;
	if (!group || name != group->name || group->count == MAX_GROUP) {
		if (command->entity_count >= MAX_GATHERED)
			print_groups(command);
		if (session_failed(command->session))
			return sdb_error_new(SDB_ERROR_STOPPED, "stopped");
		open_group(command, name, text);
		group = &command->groups[command->group_count - 1];
	}
	if (command->entity_count == command->entity_capacity) {
		command->entity_capacity = command->entity_capacity ? command->entity_capacity * 2 : 16;
		command->entities = tool_realloc(command->entities, command->entity_capacity,
						 sizeof(*command->entities));
	}
	command->entities[command->entity_count++] = entity;
	group->count++;
	return NULL;
}

static bool look_up(struct lookup_command *command, const char *name)
{
	enum sdb_match match = SDB_MATCH_EXACT;
	char *pattern = tool_strdup(name);
	size_t length = strlen(name);
	if (length > 2 && name[0] == '/' && name[length - 1] == '/') {
		match = SDB_MATCH_REGEX;
		pattern[length - 1] = '\0';
	} else if (strpbrk(name, "*?[") && strncmp(name, "operator", 8) != 0 && !strstr(name, "::operator")) {
		match = SDB_MATCH_GLOB;
	}
	size_t before = command->found;
	struct sdb_error *error = sdb_lookup(session_db(command->session),
					     match == SDB_MATCH_REGEX ? pattern + 1 : pattern, match,
					     command->kinds, take, command);
	print_groups(command);
	/* `operator*` and types such as `char [16]` look like globs. */
	if (!error && match == SDB_MATCH_GLOB && command->found == before)
		error = sdb_lookup(session_db(command->session), name, SDB_MATCH_EXACT, command->kinds,
				   take, command);
	print_groups(command);
	free(pattern);
	if (error && sdb_error_code(error) == SDB_ERROR_INVALID) {
		text_flush(&command->out);
		tool_fail(name, error);
		return false;
	}
	if (error && sdb_error_code(error) == SDB_ERROR_STOPPED)
		sdb_error_free(error);
	else
		session_missed(command->session, error);
	if (command->found == before && !session_failed(command->session)) {
		text_flush(&command->out);
		tool_complain(name, "nothing of that name");
	}
	return command->found != before;
}

int command_lookup(int argc, char **argv)
{
	struct lookup_command command = { .out = text_to(STDOUT_FILENO), .last = TEXT_EMPTY,
					  .options.colours = tool_colours() };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status;
	command.session = session_open(&command.common, &status);
	if (!command.session)
		return status;
	command.options.json = command.common.json;
	for (int i = 0; i < 2; i++)
		command.describers[i] = (struct describer){ .options = &command.options, .out = TEXT_EMPTY };
	command.describers[0].session = command.session;
	for (int i = 0; i < command.name_count && !session_failed(command.session); i++)
		if (!look_up(&command, command.names[i]))
			status = STATUS_NOT_FOUND;
	if (command.describers[1].session)
		session_close(command.describers[1].session, STATUS_DONE);
	for (int i = 0; i < 2; i++)
		describer_deinit(&command.describers[i]);
	free(command.groups);
	free(command.entities);
	text_deinit(&command.last);
	text_deinit(&command.out);
	return session_close(command.session, status);
}
