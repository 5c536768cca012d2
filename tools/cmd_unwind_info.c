/* SPDX-License-Identifier: MIT */
/* `stackdb unwind-info`: how to find the caller from an address. */
#include "expression.h"
#include "json.h"
#include "rules.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct unwind_command {
	struct common common;
	bool all;
	char **names;
	int name_count;
	struct text out;
	struct session *session;
	uint64_t rows;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct unwind_command *command = state->input;
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
	case ARGP_KEY_END:
		if (!command->name_count && !command->all)
			argp_error(state, "which address? (--all without one prints every row)");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "From every source (ORC, .eh_frame, .debug_frame); without ADDRESS: every row", 0 },
	{ 0 }
};
static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, "[ADDRESS...]",
	"Print the rules for the CFA and the registers of the caller at an address."
	"\vNotation: c-16 is saved at CFA-16, v-16 is CFA-16 itself, u undefined, s unchanged, exp and vexp "
	"expressions, [rsp+8] saved there; ra is the return address.\n\nExamples:\n"
	"  stackdb unwind-info -m libc.so.6 malloc+0x20\n"
	"  stackdb unwind-info -m vmlinux --all schedule\n",
	children, NULL, NULL
};

static const enum sdb_unwind_source sources[] = { SDB_UNWIND_ORC, SDB_UNWIND_EH_FRAME,
						  SDB_UNWIND_DEBUG_FRAME };

static void put_column(struct unwind_command *command, struct text *to, const struct sdb_unwind_row *row,
		       uint16_t column)
{
	if (row->source != SDB_UNWIND_ORC && column == row->return_column)
		text_add(to, "ra");
	else
		rules_put_register(command->session, to, column);
}

static void row_as_json(struct unwind_command *command, const struct sdb_unwind_row *row)
{
	struct json json;
	struct text text = TEXT_EMPTY;
	json_begin(&json, &command->out);
	json_string(&json, "source", rules_source_name(row->source));
	json_hex(&json, "low", row->low);
	json_hex(&json, "high", row->high);
	if (row->source == SDB_UNWIND_ORC) {
		json_string(&json, "orc_type", rules_orc_type_name(row->orc_type));
		json_bool(&json, "signal", row->flags & SDB_UNWIND_ORC_SIGNAL);
	} else {
		json_bool(&json, "signal_frame", row->flags & SDB_UNWIND_SIGNAL_FRAME);
		text_format(&text, "%u", row->return_column);
		json_number(&json, "return_column", row->return_column);
		text.size = 0;
	}
	if (!(row->flags & SDB_UNWIND_GAP)) {
		rules_put_cfa(command->session, &text, row);
		json_stringn(&json, "cfa", text.data, text.size);
		json_object(&json, "rules");
		for (size_t i = 0; i < row->rule_count; i++) {
			struct text name = TEXT_EMPTY;
			text.size = 0;
			put_column(command, &name, row, row->rules[i].column);
			rules_put_rule(command->session, &text, &row->rules[i]);
			json_stringn(&json, text_string(&name), text.data, text.size);
			free(name.data);
		}
		json_close(&json);
	} else {
		json_bool(&json, "gap", true);
	}
	json_end(&json);
	free(text.data);
}

static void row_as_text(struct unwind_command *command, const struct sdb_unwind_row *row)
{
	struct text *out = &command->out;
	unsigned digits = session_address_size(command->session) * 2;
	text_hex_digits(out, row->low, digits);
	text_char(out, '-');
	text_hex_digits(out, row->high, digits);
	text_format(out, "  %-12s ", rules_source_name(row->source));
	if (row->flags & SDB_UNWIND_GAP) {
		text_add(out, "no rules\n");
		return;
	}
	if (row->source == SDB_UNWIND_ORC)
		text_format(out, "%-14s ", rules_orc_type_name(row->orc_type));
	if (row->source != SDB_UNWIND_ORC || row->cfa.kind != SDB_RULE_UNDEFINED) {
		text_add(out, "CFA=");
		rules_put_cfa(command->session, out, row);
	}
	for (size_t i = 0; i < row->rule_count; i++) {
		text_add(out, "  ");
		put_column(command, out, row, row->rules[i].column);
		text_char(out, '=');
		rules_put_rule(command->session, out, &row->rules[i]);
	}
	if (row->flags & SDB_UNWIND_SIGNAL_FRAME)
		text_add(out, "  (signal frame)");
	if (row->flags & SDB_UNWIND_ORC_SIGNAL)
		text_add(out, "  (signal)");
	text_char(out, '\n');
}

static struct sdb_error *print_row(void *arg, const struct sdb_unwind_row *row)
{
	struct unwind_command *command = arg;
	command->rows++;
	if (command->common.json)
		row_as_json(command, row);
	else
		row_as_text(command, row);
	return NULL;
}

static bool print_at(struct unwind_command *command, enum sdb_unwind_source source, uint64_t address)
{
	struct sdb_unwind_row *row;
	if (session_missed(command->session, sdb_unwind_at(session_db(command->session), source, address, &row)))
		return false;
	print_row(command, row);
	sdb_unwind_row_free(row);
	return true;
}

static bool show_address(struct unwind_command *command, const char *text)
{
	uint64_t address;
	if (!session_parse_address(command->session, text, &address))
		return false;
	bool found = false;
	if (!command->all)
		found = print_at(command, 0, address);
	for (size_t i = 0; command->all && i < sizeof(sources) / sizeof(sources[0]); i++)
		found |= print_at(command, sources[i], address);
	if (!found && !session_failed(command->session)) {
		text_flush(&command->out);
		tool_complain(text, "no unwind rules");
	}
	return found;
}

int command_unwind_info(int argc, char **argv)
{
	struct unwind_command command = { .out = text_to(STDOUT_FILENO) };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status;
	command.session = session_open(&command.common, &status);
	if (!command.session)
		return status;
	for (int i = 0; i < command.name_count; i++)
		if (!show_address(&command, command.names[i]))
			status = STATUS_NOT_FOUND;
	for (size_t i = 0; !command.name_count && i < sizeof(sources) / sizeof(sources[0]); i++)
		session_missed(command.session, sdb_unwind_rows(session_db(command.session), sources[i],
								print_row, &command));
	if (!command.name_count && !command.rows) {
		tool_complain(command.common.module, "no unwind rules");
		status = STATUS_NOT_FOUND;
	}
	text_deinit(&command.out);
	return session_close(command.session, status);
}
