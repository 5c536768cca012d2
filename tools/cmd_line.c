/* SPDX-License-Identifier: MIT */
/* `stackdb line`: from a source line to the addresses of its code. */
#include "json.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line_command {
	struct common common;
	bool all;
	bool between; /* rows count where no statement begins, too */
	char **names;
	int name_count;
	struct text out;
	const struct colours *colours;
	struct session *session;
	/* of the question in hand */
	uint32_t line;
	sdb_file_id file;
	struct sdb_line *rows;
	size_t count, capacity;
	uint32_t next_line;      /* the nearest line below with code */
	sdb_file_id next_file;
	size_t files;
};

#define MAX_ROWS 1000000

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct line_command *command = state->input;
	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case 'a':
		command->all = true;
		return 0;
	case ARGP_KEY_ARGS:
		command->names = state->argv + state->next;
		command->name_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which line?");
		return EINVAL;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "Every row of the line table, not only where statements begin", 0 },
	{ 0 }
};
static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, "FILE:LINE...",
	"Print the addresses where the code of a source line begins."
	"\vFILE matches every path that ends with it at a directory boundary.\n\nExamples:\n"
	"  stackdb line -m vmlinux kernel/sched/core.c:6570\n"
	"  stackdb line -m libc.so.6 --all malloc.c:3303\n",
	children, NULL, NULL
};

static struct sdb_error *take_row(void *arg, const struct sdb_line *row)
{
	struct line_command *command = arg;
	bool wanted = command->all || command->between || row->flags & SDB_LINE_STATEMENT;
	if (row->flags & SDB_LINE_END_SEQUENCE || !wanted)
		return NULL;
	/* Views: several rows of one line at one address tell the reader nothing more. */
	if (!command->all && command->count && command->rows[command->count - 1].address == row->address)
		return NULL;
	if (command->count == MAX_ROWS)
		return sdb_error_new(SDB_ERROR_MEMORY, "more than %d rows for one line", MAX_ROWS);
	if (command->count == command->capacity) {
		command->capacity = command->capacity ? command->capacity * 2 : 64;
		command->rows = tool_realloc(command->rows, command->capacity, sizeof(*command->rows));
	}
	command->rows[command->count++] = *row;
	return NULL;
}

static struct sdb_error *take_neighbour(void *arg, const struct sdb_line *row)
{
	struct line_command *command = arg;
	if (row->line > command->line && !(row->flags & SDB_LINE_END_SEQUENCE)
	    && (!command->next_line || row->line < command->next_line)) {
		command->next_line = row->line;
		command->next_file = command->file;
	}
	return NULL;
}

/* `schedule+0x12, inlined in ...`: the functions that ADDRESS is in, innermost first. */
static void put_functions(struct line_command *command, uint64_t address, struct json *json)
{
	struct sdb_db *db = session_db(command->session);
	struct sdb_code *code;
	uint32_t *scopes = NULL;
	size_t count = 0, shown = 0;
	if (session_missed(command->session, sdb_code_at(db, address, 0, &code)))
		return;
	session_note(command->session, sdb_code_scopes_at(code, address, &scopes, &count));
	if (json)
		json_array(json, "functions");
	for (size_t i = 0; i < count; i++) {
		const struct sdb_code_scope *scope = &code->scopes[scopes[i]];
		if (scope->kind == SDB_CODE_BLOCK || !scope->function)
			continue;
		const char *name = session_qualified(command->session, (struct sdb_entity){
				SDB_ENTITY_FUNCTION, scope->function });
		if (json) {
			json_string(json, NULL, name);
			continue;
		}
		text_add(&command->out, shown++ ? ", inlined in " : "");
		text_add(&command->out, name);
		if (scope->kind == SDB_CODE_FUNCTION && scope->range_count && address > scope->ranges[0].low
		    && address < scope->ranges[0].high)
			text_format(&command->out, "+0x%llx", (unsigned long long)(address - scope->ranges[0].low));
	}
	if (json)
		json_close(json);
	free(scopes);
	sdb_code_free(code);
}

static void print_row(struct line_command *command, const struct sdb_line *row)
{
	struct text *out = &command->out;
	if (command->common.json) {
		struct json json;
		json_begin(&json, out);
		json_hex(&json, "address", row->address);
		json_string(&json, "file", session_file(command->session, row->file));
		json_number(&json, "line", row->line);
		json_number(&json, "column", row->column);
		if (row->discriminator)
			json_number(&json, "discriminator", row->discriminator);
		json_bool(&json, "is_stmt", row->flags & SDB_LINE_STATEMENT);
		put_functions(command, row->address, &json);
		json_end(&json);
		return;
	}
	text_addn(out, "0x", 2);
	text_hex_digits(out, row->address, session_address_size(command->session) * 2);
	text_format(out, "  %u", row->line);
	if (row->column)
		text_format(out, ":%u", row->column);
	text_add(out, "  ");
	put_functions(command, row->address, NULL);
	if (!(row->flags & SDB_LINE_STATEMENT))
		text_add(out, "  (not a statement)");
	if (row->flags & SDB_LINE_PROLOGUE_END)
		text_add(out, "  (end of prologue)");
	text_char(out, '\n');
}

static struct sdb_error *take_file(void *arg, sdb_file_id id, const char *path)
{
	struct line_command *command = arg;
	struct sdb_db *db = session_db(command->session);
	command->files++;
	command->file = id;
	command->count = 0;
	struct sdb_error *error = sdb_line_find(db, id, command->line, take_row, command);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	if (error)
		return error;
	if (!command->count)
		return NULL;
	if (!command->common.json) {
		char *clean = text_clean(tool_strdup(path));
		text_format(&command->out, "%s%s:%u%s\n", command->colours->name, clean, command->line,
			    command->colours->off);
		free(clean);
	}
	for (size_t i = 0; i < command->count; i++)
		print_row(command, &command->rows[i]);
	command->next_line = UINT32_MAX; /* found: neighbours do not matter */
	return NULL;
}

static struct sdb_error *look_around(void *arg, sdb_file_id id, const char *path)
{
	struct line_command *command = arg;
	(void)path;
	command->file = id;
	struct sdb_error *error = sdb_line_find(session_db(command->session), id, 0,
						take_neighbour, command);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}

static int find_line(struct line_command *command, const char *text)
{
	char *file = tool_strdup(text), *colon = strrchr(file, ':');
	uint64_t line;
	if (!colon || colon == file || !tool_parse_number(colon + 1, &line) || line == 0 || line > UINT32_MAX) {
		tool_complain(text, "not of the form FILE:LINE");
		free(file);
		return STATUS_USAGE;
	}
	*colon = '\0';
	command->line = (uint32_t)line;
	command->next_line = 0;
	command->files = 0;
	struct sdb_db *db = session_db(command->session);
	session_missed(command->session, sdb_files(db, file, take_file, command));
	bool found = command->next_line == UINT32_MAX;
	if (!found && !command->all) { /* optimized code can be of a line where no statement begins */
		command->between = true;
		command->files = 0;
		session_missed(command->session, sdb_files(db, file, take_file, command));
		command->between = false;
		found = command->next_line == UINT32_MAX;
	}
	if (!found && !session_failed(command->session)) {
		text_flush(&command->out);
		session_missed(command->session, sdb_files(db, file, look_around, command));
		if (!command->files)
			tool_complain(text, "no source file of that name");
		else if (command->next_line)
			tool_complain(text, "no code; the next line with code is %s:%u",
				      session_file(command->session, command->next_file), command->next_line);
		else
			tool_complain(text, "no code on this line or below");
	}
	free(file);
	return found ? STATUS_DONE : STATUS_NOT_FOUND;
}

int command_line(int argc, char **argv)
{
	struct line_command command = { .out = text_to(STDOUT_FILENO), .colours = tool_colours() };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status;
	command.session = session_open(&command.common, &status);
	if (!command.session)
		return status;
	for (int i = 0; i < command.name_count && !session_failed(command.session); i++) {
		int one = find_line(&command, command.names[i]);
		status = one > status ? one : status;
	}
	free(command.rows);
	text_deinit(&command.out);
	return session_close(command.session, status);
}
