/* SPDX-License-Identifier: MIT */
/*
 * Expressions are read symbolically: each value on the stack is a term, `[CFA-24]` or
 * `rdi + 8`. A register plus a number stays apart as long as possible, so that `breg7 8; lit8;
 * plus` becomes `rsp+16`.
 */
#include "expression.h"
#include "names.h"

#include <stackdb/operation.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STACK 32
#define MAX_TERM 400   /* characters; longer ones are listed instead */
#define MAX_NESTING 4  /* of entry values */
#define MAX_OPERATIONS 100000

/* BASE + OFFSET; BASE empty: a number. */
struct term {
	struct text base;
	int64_t offset;
	bool compound; /* BASE has to stand in parentheses to be part of something */
};

struct machine {
	struct session *session;
	const struct sdb_expression *frame_base;
	struct term stack[MAX_STACK];
	unsigned depth;
	unsigned nesting;
};

static struct sdb_operation_reader reader_for(struct session *session, const struct sdb_expression *expression)
{
	return (struct sdb_operation_reader){ expression->bytes, expression->length, 0,
					  session_address_size(session),
					  session_info(session)->elf_data == 2 };
}

static void put_register(struct session *session, struct text *to, uint64_t number)
{
	const char *name = register_name(session_info(session)->elf_machine, number);
	if (name)
		text_add(to, name);
	else
		text_format(to, "r%llu", (unsigned long long)number);
}

static void put_number(struct text *to, int64_t value)
{
	if (value > -4096 && value < 65536)
		text_s64(to, value);
	else
		text_hex(to, (uint64_t)value);
}

static void put_type(struct session *session, struct text *to, uint64_t id)
{
	struct type_outline type = session_type(session, id <= UINT32_MAX ? (sdb_type_id)id : 0);
	text_add(to, type.name ? session_name(session, type.name) : "generic");
}

void expression_reference(struct session *session, struct text *to, uint64_t kind, uint64_t number)
{
	struct sdb_variable *variable;
	struct sdb_function *function;
	if (kind == SDB_REFERENCE_VARIABLE && number && number <= session_info(session)->variables
	    && !session_note(session, sdb_variable(session_db(session), (sdb_variable_id)number, &variable))) {
		text_add(to, session_name(session, variable->name));
		sdb_variable_free(variable);
	} else if (kind == SDB_REFERENCE_FUNCTION && number && number <= session_info(session)->functions
		   && !session_note(session, sdb_function(session_db(session), (sdb_function_id)number,
							  false, &function))) {
		text_add(to, session_name(session, function->name));
		sdb_function_free(function);
	} else if (kind == SDB_REFERENCE_LOCAL) {
		text_format(to, "local %llu", (unsigned long long)number);
	} else {
		text_add(to, "unknown");
	}
}

/* ---- operation by operation ------------------------------------------------------------- */

static void put_operation(struct session *session, struct text *to, const struct sdb_operation *operation,
			  unsigned nesting);

static void put_operations(struct session *session, struct text *to,
			   const struct sdb_expression *expression, unsigned nesting)
{
	struct sdb_operation_reader reader = reader_for(session, expression);
	struct sdb_operation operation;
	for (unsigned count = 0; count < MAX_OPERATIONS && sdb_operation_next(&reader, &operation); count++) {
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
	*which_ret = code == SDB_OP_CONVERT || code == SDB_OP_GNU_CONVERT || code == SDB_OP_REINTERPRET
		|| code == SDB_OP_GNU_REINTERPRET || code == SDB_OP_CONST_TYPE || code == SDB_OP_GNU_CONST_TYPE ? 0 : 1;
	return *which_ret == 0 || code == SDB_OP_REGVAL_TYPE || code == SDB_OP_GNU_REGVAL_TYPE
		|| code == SDB_OP_DEREF_TYPE || code == SDB_OP_GNU_DEREF_TYPE || code == SDB_OP_XDEREF_TYPE;
}

static bool has_reference(uint8_t code)
{
	return (code >= SDB_OP_CALL2 && code <= SDB_OP_CALL_REF) || code == SDB_OP_IMPLICIT_POINTER
		|| code == SDB_OP_GNU_IMPLICIT_POINTER || code == SDB_OP_GNU_PARAMETER_REF
		|| code == SDB_OP_GNU_VARIABLE_VALUE;
}

static void put_operands(struct session *session, struct text *to, const struct sdb_operation *operation)
{
	unsigned type_operand, first = 0;
	bool typed = has_type_operand(operation->code, &type_operand);
	bool register_first = operation->code == SDB_OP_REGX || operation->code == SDB_OP_BREGX
		|| operation->code == SDB_OP_REGVAL_TYPE || operation->code == SDB_OP_GNU_REGVAL_TYPE;
	if (has_reference(operation->code)) {
		text_char(to, ' ');
		expression_reference(session, to, operation->value[0], operation->value[1]);
		first = 2;
	}
	for (unsigned i = first; i < operation->operands; i++) {
		text_add(to, i ? ", " : ": ");
		if (typed && i == type_operand)
			put_type(session, to, operation->value[i]);
		else if (register_first && i == 0)
			put_register(session, to, operation->value[i]);
		else if (operation->is_signed[i])
			text_s64(to, (int64_t)operation->value[i]);
		else if (operation->code == SDB_OP_ADDR)
			text_hex(to, operation->value[i]);
		else
			text_u64(to, operation->value[i]);
	}
}

static void put_operation(struct session *session, struct text *to, const struct sdb_operation *operation,
			  unsigned nesting)
{
	text_add(to, operation->name);
	if (operation->code >= SDB_OP_REG0 && operation->code < SDB_OP_BREG0 + 32) {
		text_add(to, " (");
		put_register(session, to, (operation->code - SDB_OP_REG0) % 32);
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

/* ---- the symbolic machine ------------------------------------------------------------------- */

static bool evaluate(struct machine *machine, struct sdb_operation_reader *reader, struct sdb_operation *stop_ret);

static void term_clear(struct term *term)
{
	free(term->base.data);
	*term = (struct term){ .base = TEXT_EMPTY };
}

static void machine_deinit(struct machine *machine)
{
	while (machine->depth)
		term_clear(&machine->stack[--machine->depth]);
}

static struct term *push(struct machine *machine)
{
	if (machine->depth == MAX_STACK)
		return NULL;
	struct term *term = &machine->stack[machine->depth++];
	*term = (struct term){ .base = TEXT_EMPTY };
	return term;
}

static bool push_number(struct machine *machine, uint64_t value)
{
	struct term *term = push(machine);
	if (term)
		term->offset = (int64_t)value;
	return term != NULL;
}

static void put_term(struct text *to, const struct term *term, bool spaced)
{
	if (term->base.size == 0) {
		put_number(to, term->offset);
		return;
	}
	text_addn(to, term->base.data, term->base.size);
	if (spaced && term->offset) {
		text_add(to, term->offset < 0 ? " - " : " + ");
		put_number(to, term->offset < 0 ? (int64_t)(0 - (uint64_t)term->offset) : term->offset);
	} else {
		text_offset(to, term->offset);
	}
}

/* As an operand of something larger. */
static void put_operand(struct text *to, const struct term *term)
{
	bool wrap = term->base.size && (term->compound || term->offset);
	if (wrap)
		text_char(to, '(');
	put_term(to, term, true);
	if (wrap)
		text_char(to, ')');
}

static bool push_register(struct machine *machine, uint64_t number, int64_t offset)
{
	struct term *term = push(machine);
	if (!term)
		return false;
	put_register(machine->session, &term->base, number);
	term->offset = offset;
	return true;
}

static bool push_frame_base(struct machine *machine, int64_t offset)
{
	struct term *term = push(machine);
	if (!term)
		return false;
	term->offset = offset;
	const struct sdb_expression *base = machine->frame_base;
	if (base && base->length == 1 && base->bytes[0] == SDB_OP_CALL_FRAME_CFA) {
		text_add(&term->base, "CFA");
	} else if (base && base->length == 1 && base->bytes[0] >= SDB_OP_REG0 && base->bytes[0] < SDB_OP_REG0 + 32) {
		put_register(machine->session, &term->base, base->bytes[0] - SDB_OP_REG0);
	} else if (base && base->length > 1 && base->bytes[0] >= SDB_OP_BREG0 && base->bytes[0] < SDB_OP_BREG0 + 32) {
		struct sdb_operation_reader reader = reader_for(machine->session, base);
		struct sdb_operation operation;
		if (sdb_operation_next(&reader, &operation) && reader.at == reader.size) {
			put_register(machine->session, &term->base, operation.code - SDB_OP_BREG0);
			term->offset += (int64_t)operation.value[0];
		} else {
			text_add(&term->base, "frame base");
		}
	} else {
		text_add(&term->base, "frame base");
	}
	return true;
}

static bool push_entry_value(struct machine *machine, const struct sdb_operation *operation)
{
	struct term *term = push(machine);
	struct sdb_expression inner = { operation->block, (uint32_t)operation->block_size };
	struct sdb_operation_reader reader = reader_for(machine->session, &inner);
	struct sdb_operation first;
	if (!term || machine->nesting >= MAX_NESTING)
		return false;
	text_add(&term->base, "entry(");
	if (sdb_operation_next(&reader, &first) && reader.at == reader.size
	    && ((first.code >= SDB_OP_REG0 && first.code < SDB_OP_REG0 + 32) || first.code == SDB_OP_REGX)) {
		put_register(machine->session, &term->base,
			     first.code == SDB_OP_REGX ? first.value[0] : (uint64_t)first.code - SDB_OP_REG0);
	} else {
		struct machine nested = { .session = machine->session, .frame_base = machine->frame_base,
					  .nesting = machine->nesting + 1 };
		struct sdb_operation stop = { 0 };
		reader.at = 0;
		bool sound = evaluate(&nested, &reader, &stop) && nested.depth == 1 && !stop.name;
		if (sound)
			put_term(&term->base, &nested.stack[0], true);
		machine_deinit(&nested);
		if (!sound)
			return false;
	}
	text_char(&term->base, ')');
	return true;
}

/* PREFIX top SUFFIX. */
static bool wrap_top(struct machine *machine, const char *prefix, const char *suffix, bool operand)
{
	if (machine->depth == 0)
		return false;
	struct term *top = &machine->stack[machine->depth - 1];
	struct term result = { .base = TEXT_EMPTY };
	text_add(&result.base, prefix);
	if (operand)
		put_operand(&result.base, top);
	else
		put_term(&result.base, top, false);
	text_add(&result.base, suffix);
	term_clear(top);
	*top = result;
	return result.base.size <= MAX_TERM;
}

/* Both numbers: computes; else one term of the two around SIGN. */
static bool combine(struct machine *machine, const char *sign, uint8_t code)
{
	if (machine->depth < 2)
		return false;
	struct term *a = &machine->stack[machine->depth - 2], *b = &machine->stack[machine->depth - 1];
	if (b->base.size == 0 && (code == SDB_OP_PLUS || code == SDB_OP_MINUS)) {
		uint64_t value = (uint64_t)b->offset;
		a->offset = (int64_t)(code == SDB_OP_PLUS ? (uint64_t)a->offset + value : (uint64_t)a->offset - value);
		machine->depth--;
		return true;
	}
	if (a->base.size == 0 && code == SDB_OP_PLUS) {
		b->offset = (int64_t)((uint64_t)b->offset + (uint64_t)a->offset);
		struct term swapped = *b;
		*a = swapped;
		machine->depth--;
		return true;
	}
	if (a->base.size == 0 && b->base.size == 0 && code == SDB_OP_SHL && (uint64_t)b->offset < 64) {
		a->offset = (int64_t)((uint64_t)a->offset << b->offset);
		machine->depth--;
		return true;
	}
	struct term result = { .base = TEXT_EMPTY, .compound = true };
	put_operand(&result.base, a);
	text_char(&result.base, ' ');
	text_add(&result.base, sign);
	text_char(&result.base, ' ');
	put_operand(&result.base, b);
	term_clear(a);
	term_clear(b);
	*a = result;
	machine->depth--;
	return result.base.size <= MAX_TERM;
}

static bool copy_term(struct machine *machine, uint64_t below)
{
	if (below >= machine->depth)
		return false;
	unsigned from = machine->depth - 1 - (unsigned)below;
	struct term *copy = push(machine);
	if (!copy)
		return false;
	text_addn(&copy->base, machine->stack[from].base.data, machine->stack[from].base.size);
	copy->offset = machine->stack[from].offset;
	copy->compound = machine->stack[from].compound;
	return true;
}

static bool swap_terms(struct machine *machine)
{
	if (machine->depth < 2)
		return false;
	struct term *a = &machine->stack[machine->depth - 2], *b = a + 1, kept = *a;
	*a = *b;
	*b = kept;
	return true;
}

static bool rotate_terms(struct machine *machine)
{
	if (machine->depth < 3)
		return false;
	struct term *low = &machine->stack[machine->depth - 3], top = low[2];
	low[2] = low[1];
	low[1] = low[0];
	low[0] = top;
	return true;
}

static const char *binary_sign(uint8_t code)
{
	switch (code) {
	case SDB_OP_AND: return "&";
	case SDB_OP_DIV: return "/";
	case SDB_OP_MINUS: return "-";
	case SDB_OP_MOD: return "%";
	case SDB_OP_MUL: return "*";
	case SDB_OP_OR: return "|";
	case SDB_OP_PLUS: return "+";
	case SDB_OP_SHL: return "<<";
	case SDB_OP_SHR: return ">>";
	case SDB_OP_SHRA: return ">>>";
	case SDB_OP_XOR: return "^";
	case SDB_OP_EQ: return "==";
	case SDB_OP_GE: return ">=";
	case SDB_OP_GT: return ">";
	case SDB_OP_LE: return "<=";
	case SDB_OP_LT: return "<";
	case SDB_OP_NE: return "!=";
	default: return NULL;
	}
}

static bool wrap_typed(struct machine *machine, const char *prefix, uint64_t type)
{
	struct text text = TEXT_EMPTY;
	text_add(&text, prefix);
	put_type(machine->session, &text, type);
	text_char(&text, ')');
	bool sound = wrap_top(machine, text_string(&text), "", true);
	free(text.data);
	return sound;
}

static bool step_typed(struct machine *machine, const struct sdb_operation *operation)
{
	struct term *term;
	uint64_t number = 0;
	switch (operation->code) {
	case SDB_OP_CONVERT: case SDB_OP_GNU_CONVERT: case SDB_OP_REINTERPRET: case SDB_OP_GNU_REINTERPRET:
		return operation->value[0] == 0 || wrap_typed(machine, "(", operation->value[0]);
	case SDB_OP_REGVAL_TYPE: case SDB_OP_GNU_REGVAL_TYPE:
		return push_register(machine, operation->value[0], 0)
			&& wrap_typed(machine, "(", operation->value[1]);
	case SDB_OP_DEREF_TYPE: case SDB_OP_GNU_DEREF_TYPE:
		return wrap_top(machine, "*[", "]", false) && wrap_typed(machine, "(", operation->value[1]);
	case SDB_OP_CONST_TYPE: case SDB_OP_GNU_CONST_TYPE:
		if (operation->block_size > 8 || !(term = push(machine)))
			return false;
		for (size_t i = operation->block_size; i-- > 0;)
			number = number << 8 | operation->block[i];
		term->offset = (int64_t)number;
		return wrap_typed(machine, "(", operation->value[0]);
	}
	return false;
}

/* One operation that leaves a value on the stack; false for the others. */
static bool step(struct machine *machine, const struct sdb_operation *operation)
{
	uint8_t code = operation->code;
	char suffix[8] = "]";
	if (code >= SDB_OP_LIT0 && code < SDB_OP_LIT0 + 32)
		return push_number(machine, code - SDB_OP_LIT0);
	if ((code >= SDB_OP_CONST1U && code <= SDB_OP_CONSTS) || code == SDB_OP_ADDR)
		return push_number(machine, operation->value[0]);
	if (code >= SDB_OP_BREG0 && code < SDB_OP_BREG0 + 32)
		return push_register(machine, code - SDB_OP_BREG0, (int64_t)operation->value[0]);
	if (binary_sign(code))
		return combine(machine, binary_sign(code), code);
	switch (code) {
	case SDB_OP_BREGX: return push_register(machine, operation->value[0], (int64_t)operation->value[1]);
	case SDB_OP_FBREG: return push_frame_base(machine, (int64_t)operation->value[0]);
	case SDB_OP_CALL_FRAME_CFA: return push(machine) && (text_add(&machine->stack[machine->depth - 1].base, "CFA"), true);
	case SDB_OP_DEREF: return wrap_top(machine, "*[", suffix, false);
	case SDB_OP_DEREF_SIZE:
		suffix[1] = ':';
		suffix[2] = (char)('0' + operation->value[0] % 10);
		return operation->value[0] < 10 && wrap_top(machine, "*[", suffix, false);
	case SDB_OP_DUP: return copy_term(machine, 0);
	case SDB_OP_OVER: return copy_term(machine, 1);
	case SDB_OP_PICK: return copy_term(machine, operation->value[0]);
	case SDB_OP_SWAP: return swap_terms(machine);
	case SDB_OP_ROT: return rotate_terms(machine);
	case SDB_OP_DROP: return machine->depth && (term_clear(&machine->stack[--machine->depth]), true);
	case SDB_OP_NEG: return wrap_top(machine, "-", "", true);
	case SDB_OP_NOT: return wrap_top(machine, "~", "", true);
	case SDB_OP_ABS: return wrap_top(machine, "abs(", ")", false);
	case SDB_OP_PLUS_UCONST: return push_number(machine, operation->value[0]) && combine(machine, "+", SDB_OP_PLUS);
	case SDB_OP_ENTRY_VALUE: case SDB_OP_GNU_ENTRY_VALUE: return push_entry_value(machine, operation);
	case SDB_OP_FORM_TLS_ADDRESS: case SDB_OP_GNU_PUSH_TLS_ADDRESS: return wrap_top(machine, "TLS+", "", false);
	case SDB_OP_NOP: case SDB_OP_GNU_UNINIT: return true;
	case SDB_OP_GNU_PARAMETER_REF: case SDB_OP_GNU_VARIABLE_VALUE: {
		struct term *term = push(machine);
		if (!term)
			return false;
		text_add(&term->base, code == SDB_OP_GNU_PARAMETER_REF ? "passed(" : "value(");
		expression_reference(machine->session, &term->base, operation->value[0], operation->value[1]);
		text_char(&term->base, ')');
		return true;
	}
	}
	return step_typed(machine, operation);
}

static bool ends_location(uint8_t code)
{
	return (code >= SDB_OP_REG0 && code < SDB_OP_REG0 + 32) || code == SDB_OP_REGX || code == SDB_OP_PIECE
		|| code == SDB_OP_BIT_PIECE || code == SDB_OP_STACK_VALUE || code == SDB_OP_IMPLICIT_VALUE
		|| code == SDB_OP_IMPLICIT_POINTER || code == SDB_OP_GNU_IMPLICIT_POINTER;
}

/* Runs up to an operation that is part of a location's description; its name is NULL at the end. */
static bool evaluate(struct machine *machine, struct sdb_operation_reader *reader, struct sdb_operation *stop_ret)
{
	stop_ret->name = NULL;
	for (unsigned count = 0; count < MAX_OPERATIONS && sdb_operation_next(reader, stop_ret); count++) {
		if (ends_location(stop_ret->code))
			return true;
		if (!step(machine, stop_ret))
			return false;
		stop_ret->name = NULL;
	}
	return reader->at == reader->size;
}

/* ---- places ----------------------------------------------------------------------------------- */

static void put_bytes(struct text *to, const struct sdb_operation *operation)
{
	for (size_t i = 0; i < operation->block_size && i < 32; i++)
		text_format(to, "%s%02x", i ? " " : "", operation->block[i]);
	if (operation->block_size > 32)
		text_add(to, " ...");
}

/* The place described up to STOP: a register, a value, memory. */
static bool put_simple(struct machine *machine, struct text *to, struct sdb_operation_reader *reader,
		       struct sdb_operation *stop)
{
	if (stop->name && ((stop->code >= SDB_OP_REG0 && stop->code < SDB_OP_REG0 + 32) || stop->code == SDB_OP_REGX)) {
		text_add(to, "in ");
		put_register(machine->session, to,
			     stop->code == SDB_OP_REGX ? stop->value[0] : (uint64_t)stop->code - SDB_OP_REG0);
	} else if (stop->name && stop->code == SDB_OP_IMPLICIT_VALUE) {
		text_add(to, "bytes ");
		put_bytes(to, stop);
	} else if (stop->name && (stop->code == SDB_OP_IMPLICIT_POINTER || stop->code == SDB_OP_GNU_IMPLICIT_POINTER)) {
		text_add(to, "points to ");
		expression_reference(machine->session, to, stop->value[0], stop->value[1]);
		text_offset(to, (int64_t)stop->value[2]);
	} else if (stop->name && stop->code == SDB_OP_STACK_VALUE) {
		if (machine->depth == 0)
			return false;
		const struct term *top = &machine->stack[machine->depth - 1];
		text_add(to, "= ");
		put_term(to, top, true);
	} else if (machine->depth == 0) {
		text_add(to, "optimized out");
		return true;
	} else {
		const struct term *top = &machine->stack[machine->depth - 1];
		text_add(to, "at ");
		if (top->base.size == 0) {
			text_hex(to, (uint64_t)top->offset);
		} else {
			text_char(to, '[');
			put_term(to, top, false);
			text_char(to, ']');
		}
		return true; /* STOP, if any, is the piece that this memory is */
	}
	machine_deinit(machine);
	stop->name = NULL;
	sdb_operation_next(reader, stop);
	return true;
}

static bool put_place(struct session *session, struct text *to, const struct sdb_expression *expression,
		      const struct sdb_expression *frame_base)
{
	struct machine machine = { .session = session, .frame_base = frame_base };
	struct sdb_operation_reader reader = reader_for(session, expression);
	struct sdb_operation stop;
	size_t pieces = 0;
	bool sound = true;
	do {
		struct text part = TEXT_EMPTY;
		sound = evaluate(&machine, &reader, &stop) && put_simple(&machine, &part, &reader, &stop);
		bool piece = stop.name && (stop.code == SDB_OP_PIECE || stop.code == SDB_OP_BIT_PIECE);
		sound = sound && (piece || (!stop.name && pieces == 0 && reader.at == reader.size));
		if (sound && pieces++)
			text_add(to, ", ");
		if (sound && piece)
			text_format(to, stop.code == SDB_OP_PIECE ? "%llu bytes " : "%llu bits ",
				    (unsigned long long)stop.value[0]);
		if (sound)
			text_addn(to, part.data, part.size);
		free(part.data);
		machine_deinit(&machine);
	} while (sound && reader.at < reader.size);
	machine_deinit(&machine);
	return sound;
}

static void put_place_or_operations(struct session *session, struct text *to,
				    const struct sdb_expression *expression,
				    const struct sdb_expression *frame_base)
{
	if (expression->length == 0)
		text_add(to, "optimized out");
	else if (!put_place(session, to, expression, frame_base)) {
		to->size = 0;
		expression_operations(session, to, expression);
	}
}

static void put_value(struct session *session, struct text *to, const struct sdb_expression *expression,
		      const struct sdb_expression *frame_base)
{
	struct machine machine = { .session = session, .frame_base = frame_base };
	struct sdb_operation_reader reader = reader_for(session, expression);
	struct sdb_operation stop;
	bool sound = evaluate(&machine, &reader, &stop);
	if (sound && stop.name && machine.depth == 0
	    && ((stop.code >= SDB_OP_REG0 && stop.code < SDB_OP_REG0 + 32) || stop.code == SDB_OP_REGX))
		put_register(session, to, stop.code == SDB_OP_REGX ? stop.value[0] : (uint64_t)stop.code - SDB_OP_REG0);
	else if (sound && machine.depth && (!stop.name || stop.code == SDB_OP_STACK_VALUE))
		put_term(to, &machine.stack[machine.depth - 1], true);
	else
		expression_operations(session, to, expression);
	machine_deinit(&machine);
}

/* ---- what is remembered ------------------------------------------------------------------------ */

/* The words for an expression: most of a program's are few that come back. */
struct known {
	uint8_t value; /* what was asked: the value, else the place */
	uint8_t base;  /* length of the frame base */
	uint16_t length, words;
	uint8_t bytes[]; /* the expression, the frame base, the words */
};

#define MAX_KNOWN 64        /* bytes of an expression with its frame base */
#define MAX_KNOWN_WORDS 200 /* characters */

static uint32_t hash_bytes(uint32_t hash, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT32_C(0x01000193);
	return hash;
}

static bool is_known(const struct known *known, bool value, const struct sdb_expression *expression,
		     const struct sdb_expression *base)
{
	return known && known->value == value && known->length == expression->length
		&& known->base == base->length && memcmp(known->bytes, expression->bytes, known->length) == 0
		&& memcmp(known->bytes + known->length, base->bytes, known->base) == 0;
}

static void remember(struct session *session, uint32_t hash, bool value, const struct sdb_expression *expression,
		     const struct sdb_expression *base, const struct text *words)
{
	struct known *known = tool_alloc(sizeof(*known) + expression->length + base->length + words->size);
	*known = (struct known){ value, (uint8_t)base->length, (uint16_t)expression->length, (uint16_t)words->size };
	uint8_t *at = known->bytes;
	memcpy(at, expression->bytes, expression->length);
	memcpy(at + expression->length, base->bytes, base->length);
	memcpy(at + expression->length + base->length, words->data, words->size);
	session_remember(session, SESSION_EXPRESSIONS, hash, known);
}

/* The words for the place or the value, remembered when they are short. */
static void put_words(struct session *session, struct text *to, bool value,
		      const struct sdb_expression *expression, const struct sdb_expression *frame_base)
{
	static const uint8_t nothing[1];
	struct sdb_expression base = frame_base && frame_base->length ? *frame_base
		: (struct sdb_expression){ nothing, 0 };
	bool is_short = expression->length && (size_t)expression->length + base.length <= MAX_KNOWN;
	uint32_t hash = 0;
	if (is_short) {
		hash = hash_bytes(hash_bytes(value ? 1 : 2, base.bytes, base.length), expression->bytes,
				  expression->length);
		hash ^= hash >> 15;
		const struct known *known = session_recall(session, SESSION_EXPRESSIONS, hash);
		if (is_known(known, value, expression, &base)) {
			text_addn(to, (const char *)known->bytes + known->length + known->base, known->words);
			return;
		}
	}
	struct text words = TEXT_EMPTY;
	if (value)
		put_value(session, &words, expression, frame_base);
	else
		put_place_or_operations(session, &words, expression, frame_base);
	if (is_short && words.size && words.size <= MAX_KNOWN_WORDS && !session_failed(session))
		remember(session, hash, value, expression, &base, &words);
	text_addn(to, words.data, words.size);
	free(words.data);
}

void expression_place(struct session *session, struct text *to, const struct sdb_expression *expression,
		      const struct sdb_expression *frame_base)
{
	put_words(session, to, false, expression, frame_base);
}

void expression_value(struct session *session, struct text *to, const struct sdb_expression *expression,
		      const struct sdb_expression *frame_base)
{
	put_words(session, to, true, expression, frame_base);
}

/* ---- locations ---------------------------------------------------------------------------------- */

static const struct sdb_location_entry *entry_at(const struct sdb_location *location, uint64_t address)
{
	const struct sdb_location_entry *fallback = NULL;
	for (size_t i = 0; i < location->entry_count; i++) {
		const struct sdb_location_entry *entry = &location->entries[i];
		if (entry->is_default)
			fallback = entry;
		else if (address >= entry->low && address < entry->high)
			return entry;
	}
	return fallback;
}

static void put_list(struct session *session, struct text *to, const struct sdb_location *location,
		     const struct sdb_expression *frame_base)
{
	for (size_t i = 0; i < location->entry_count; i++) {
		const struct sdb_location_entry *entry = &location->entries[i];
		text_add(to, i ? "; " : "");
		if (entry->is_default)
			text_add(to, "otherwise");
		else
			text_range(to, entry->low, entry->high);
		text_char(to, ' ');
		expression_place(session, to, &entry->expression, frame_base);
	}
}

void expression_location(struct session *session, struct text *to, const struct sdb_location *location,
			 const struct sdb_expression *frame_base, const uint64_t *address,
			 const struct sdb_location_entry **entry_ret)
{
	const struct sdb_location_entry *entry = NULL;
	switch (location->kind) {
	case SDB_LOCATION_ADDRESS:
		text_add(to, "at ");
		text_hex(to, location->address);
		break;
	case SDB_LOCATION_EXPRESSION:
		expression_place(session, to, &location->expression, frame_base);
		break;
	case SDB_LOCATION_LIST:
		if (!address) {
			put_list(session, to, location, frame_base);
			break;
		}
		entry = entry_at(location, *address);
		if (entry)
			expression_place(session, to, &entry->expression, frame_base);
		else
			text_add(to, "optimized out");
		break;
	case SDB_LOCATION_CONSTANT:
		text_add(to, "= ");
		text_s64(to, (int64_t)location->address);
		break;
	case SDB_LOCATION_BYTES:
		text_add(to, "= bytes");
		for (uint32_t i = 0; i < location->expression.length && i < 32; i++)
			text_format(to, " %02x", location->expression.bytes[i]);
		if (location->expression.length > 32)
			text_add(to, " ...");
		break;
	case SDB_LOCATION_NONE:
		text_add(to, "optimized out");
		break;
	}
	if (entry_ret)
		*entry_ret = entry;
}
