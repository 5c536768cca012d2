/* SPDX-License-Identifier: MIT */
/* Operations by name, and the words for their operands. */
#include "expression.h"
#include "expression_machine.h"
#include "names.h"

struct sdb_operation_reader expression_reader(struct session *session,
					      const struct sdb_expression *expression)
{
	return (struct sdb_operation_reader){ expression->bytes, expression->length, 0,
					  session_address_size(session),
					  session_info(session)->elf_data == 2 };
}

void expression_put_register(struct session *session, struct text *to, uint64_t number)
{
	const char *name = register_name(session_info(session)->elf_machine, number);
	if (name)
		text_add(to, name);
	else
		text_format(to, "r%llu", (unsigned long long)number);
}

void expression_put_number(struct text *to, int64_t value)
{
	if (value > -4096 && value < 65536)
		text_s64(to, value);
	else
		text_hex(to, (uint64_t)value);
}

void expression_put_type(struct session *session, struct text *to, uint64_t id)
{
	struct type_outline type = session_type(session, id <= UINT32_MAX ? (sdb_type_id)id : 0);
	text_add(to, type.name ? session_name(session, type.name) : "generic");
}

/* What a rewritten reference points to: its name where it has one. */
void expression_reference(struct session *session, struct text *to, uint64_t kind, uint64_t number)
{
	struct sdb_variable *variable;
	struct sdb_function *function;
	if (kind == SDB_REFERENCE_VARIABLE && number && number <= session_info(session)->variables
	    && !session_note(
		    session,
		    sdb_variable(session_db(session), (sdb_variable_id)number, &variable))) {
		text_add(to, session_name(session, variable->name));
		sdb_variable_free(variable);
	} else if (kind == SDB_REFERENCE_FUNCTION && number
		   && number <= session_info(session)->functions
		   && !session_note(session,
				    sdb_function(session_db(session), (sdb_function_id)number,
						 false, &function))) {
		text_add(to, session_name(session, function->name));
		sdb_function_free(function);
	} else if (kind == SDB_REFERENCE_LOCAL) {
		text_format(to, "local %llu", (unsigned long long)number);
	} else if (kind == SDB_REFERENCE_OUTER) {
		text_format(to, "local %llu of the function around it",
			    (unsigned long long)(number / SDB_REFERENCE_LEVELS));
		if (number % SDB_REFERENCE_LEVELS > 1)
			text_format(to, ", %llu further out",
				    (unsigned long long)(number % SDB_REFERENCE_LEVELS));
	} else {
		text_add(to, "unknown");
	}
}

static void put_operation(struct session *session, struct text *to,
			  const struct sdb_operation *operation, unsigned nesting);

static void put_operations(struct session *session, struct text *to,
			   const struct sdb_expression *expression, unsigned nesting)
{
	struct sdb_operation_reader reader = expression_reader(session, expression);
	struct sdb_operation operation;
	for (unsigned count = 0; count < MAX_OPERATIONS && sdb_operation_next(&reader, &operation);
	     count++) {
		if (count)
			text_add(to, "; ");
		put_operation(session, to, &operation, nesting);
	}
	if (reader.at < reader.size) {
		text_add(to, reader.at ? "; bytes" : "bytes");
		for (size_t i = reader.at; i < reader.size && i < reader.at + 32; i++) {
			text_char(to, ' ');
			text_hex_digits(to, reader.bytes[i], 2);
		}
	}
}

static bool has_type_operand(uint8_t code, unsigned *which_ret)
{
	*which_ret = code == SDB_OP_CONVERT || code == SDB_OP_GNU_CONVERT
			|| code == SDB_OP_REINTERPRET || code == SDB_OP_GNU_REINTERPRET
			|| code == SDB_OP_CONST_TYPE || code == SDB_OP_GNU_CONST_TYPE
		? 0
		: 1;
	return *which_ret == 0 || code == SDB_OP_REGVAL_TYPE || code == SDB_OP_GNU_REGVAL_TYPE
		|| code == SDB_OP_DEREF_TYPE || code == SDB_OP_GNU_DEREF_TYPE
		|| code == SDB_OP_XDEREF_TYPE;
}

static bool has_reference(uint8_t code)
{
	return (code >= SDB_OP_CALL2 && code <= SDB_OP_CALL_REF) || code == SDB_OP_IMPLICIT_POINTER
		|| code == SDB_OP_GNU_IMPLICIT_POINTER || code == SDB_OP_GNU_PARAMETER_REF
		|| code == SDB_OP_GNU_VARIABLE_VALUE;
}

static void put_operands(struct session *session, struct text *to,
			 const struct sdb_operation *operation)
{
	unsigned type_operand, first = 0;
	bool typed = has_type_operand(operation->code, &type_operand);
	bool register_first = operation->code == SDB_OP_REGX || operation->code == SDB_OP_BREGX
		|| operation->code == SDB_OP_REGVAL_TYPE
		|| operation->code == SDB_OP_GNU_REGVAL_TYPE;
	if (has_reference(operation->code)) {
		text_char(to, ' ');
		expression_reference(session, to, operation->value[0], operation->value[1]);
		first = 2;
	}
	for (unsigned i = first; i < operation->operands; i++) {
		text_add(to, i ? ", " : ": ");
		if (typed && i == type_operand)
			expression_put_type(session, to, operation->value[i]);
		else if (register_first && i == 0)
			expression_put_register(session, to, operation->value[i]);
		else if (operation->is_signed[i])
			text_s64(to, (int64_t)operation->value[i]);
		else if (operation->code == SDB_OP_ADDR)
			text_hex(to, operation->value[i]);
		else
			text_u64(to, operation->value[i]);
	}
}

static void put_operation(struct session *session, struct text *to,
			  const struct sdb_operation *operation, unsigned nesting)
{
	text_add(to, operation->name);
	if (operation->code >= SDB_OP_REG0 && operation->code < SDB_OP_BREG0 + 32) {
		text_add(to, " (");
		expression_put_register(session, to, (operation->code - SDB_OP_REG0) % 32);
		text_char(to, ')');
	}
	put_operands(session, to, operation);
	if (operation->code == SDB_OP_ENTRY_VALUE || operation->code == SDB_OP_GNU_ENTRY_VALUE) {
		struct sdb_expression inner = { operation->block, (uint32_t)operation->block_size };
		text_add(to, ": (");
		if (nesting < MAX_NESTING)
			put_operations(session, to, &inner, nesting + 1);
		else
			text_add(to, "...");
		text_char(to, ')');
	} else if (operation->block) {
		text_add(to, ": block");
		for (size_t i = 0; i < operation->block_size && i < 32; i++) {
			text_char(to, ' ');
			text_hex_digits(to, operation->block[i], 2);
		}
	}
}

void expression_operations(struct session *session, struct text *to,
			   const struct sdb_expression *expression)
{
	put_operations(session, to, expression, 0);
}
