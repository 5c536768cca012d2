/* SPDX-License-Identifier: MIT */
#include "rules.h"
#include "expression.h"
#include "names.h"

const char *rules_source_name(enum sdb_unwind_source source)
{
	return source == SDB_UNWIND_EH_FRAME ? ".eh_frame" : source == SDB_UNWIND_DEBUG_FRAME
		? ".debug_frame" : source == SDB_UNWIND_ORC ? "ORC" : "?";
}

const char *rules_orc_type_name(enum sdb_orc_type type)
{
	static const char *const names[] = { "undefined", "end of stack", "call", "regs", "regs (partial)" };
	return (unsigned)type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

void rules_put_register(struct session *session, struct text *to, uint64_t number)
{
	const char *name = register_name(session_info(session)->elf_machine, number);
	if (name)
		text_add(to, name);
	else
		text_format(to, "r%llu", (unsigned long long)number);
}

static void put_signed_offset(struct text *to, int64_t offset)
{
	if (offset >= 0)
		text_char(to, '+');
	text_s64(to, offset);
}

void rules_put_cfa(struct session *session, struct text *to, const struct sdb_unwind_row *row)
{
	const struct sdb_rule *cfa = &row->cfa;
	switch (cfa->kind) {
	case SDB_RULE_REGISTER_OFFSET:
		rules_put_register(session, to, cfa->reg);
		put_signed_offset(to, cfa->offset);
		break;
	case SDB_RULE_INDIRECT:
		text_char(to, '[');
		rules_put_register(session, to, cfa->reg);
		put_signed_offset(to, cfa->offset);
		text_char(to, ']');
		break;
	case SDB_RULE_EXPRESSION: case SDB_RULE_VALUE_EXPRESSION:
		text_add(to, "exp: ");
		expression_value(session, to, &cfa->expression, NULL);
		break;
	default:
		text_add(to, "undefined");
	}
}

void rules_put_rule(struct session *session, struct text *to, const struct sdb_rule *rule)
{
	switch (rule->kind) {
	case SDB_RULE_UNDEFINED:
		text_char(to, 'u');
		break;
	case SDB_RULE_SAME_VALUE:
		text_char(to, 's');
		break;
	case SDB_RULE_OFFSET:
		text_char(to, 'c');
		put_signed_offset(to, rule->offset);
		break;
	case SDB_RULE_VALUE_OFFSET:
		text_char(to, 'v');
		put_signed_offset(to, rule->offset);
		break;
	case SDB_RULE_REGISTER:
		rules_put_register(session, to, rule->reg);
		break;
	case SDB_RULE_EXPRESSION:
		text_add(to, "exp: [");
		expression_value(session, to, &rule->expression, NULL);
		text_char(to, ']');
		break;
	case SDB_RULE_VALUE_EXPRESSION:
		text_add(to, "vexp: ");
		expression_value(session, to, &rule->expression, NULL);
		break;
	case SDB_RULE_REGISTER_OFFSET:
		text_char(to, '[');
		rules_put_register(session, to, rule->reg);
		put_signed_offset(to, rule->offset);
		text_char(to, ']');
		break;
	case SDB_RULE_INDIRECT:
		text_add(to, "[[");
		rules_put_register(session, to, rule->reg);
		put_signed_offset(to, rule->offset);
		text_add(to, "]]");
		break;
	default:
		text_format(to, "a%lld", (long long)rule->offset);
	}
}
