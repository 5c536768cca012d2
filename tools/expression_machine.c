/* SPDX-License-Identifier: MIT */
#include "expression.h"
#include "expression_machine.h"

#include <stdlib.h>
#include <string.h>

static void term_clear(struct term *term)
{
	free(term->base.data);
	*term = (struct term){ .base = TEXT_EMPTY };
}

void terms_deinit(struct machine *machine)
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

void term_put(struct text *to, const struct term *term, bool spaced)
{
	if (term->base.size == 0) {
		expression_put_number(to, term->offset);
		return;
	}
	text_addn(to, term->base.data, term->base.size);
	if (spaced && term->offset) {
		text_add(to, term->offset < 0 ? " - " : " + ");
		expression_put_number(to, term->offset < 0 ? (int64_t)(0 - (uint64_t)term->offset)
				      : term->offset);
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
	term_put(to, term, true);
	if (wrap)
		text_char(to, ')');
}

static bool push_register(struct machine *machine, uint64_t number, int64_t offset)
{
	struct term *term = push(machine);
	if (!term)
		return false;
	expression_put_register(machine->session, &term->base, number);
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
	} else if (base && base->length == 1 && base->bytes[0] >= SDB_OP_REG0
		   && base->bytes[0] < SDB_OP_REG0 + 32) {
		expression_put_register(machine->session, &term->base, base->bytes[0] - SDB_OP_REG0);
	} else if (base && base->length > 1 && base->bytes[0] >= SDB_OP_BREG0
		   && base->bytes[0] < SDB_OP_BREG0 + 32) {
		struct sdb_operation_reader reader = expression_reader(machine->session, base);
		struct sdb_operation operation;
		if (sdb_operation_next(&reader, &operation) && reader.at == reader.size) {
			expression_put_register(machine->session, &term->base, operation.code - SDB_OP_BREG0);
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
	struct sdb_operation_reader reader = expression_reader(machine->session, &inner);
	struct sdb_operation first;
	if (!term || machine->nesting >= MAX_NESTING)
		return false;
	text_add(&term->base, "entry(");
	if (sdb_operation_next(&reader, &first) && reader.at == reader.size
	    && ((first.code >= SDB_OP_REG0 && first.code < SDB_OP_REG0 + 32) || first.code == SDB_OP_REGX)) {
		expression_put_register(machine->session, &term->base,
			     first.code == SDB_OP_REGX ? first.value[0] : (uint64_t)first.code - SDB_OP_REG0);
	} else {
		struct machine nested = { .session = machine->session, .frame_base = machine->frame_base,
					  .nesting = machine->nesting + 1 };
		struct sdb_operation stop = { 0 };
		reader.at = 0;
		bool sound = terms_evaluate(&nested, &reader, &stop) && nested.depth == 1 && !stop.name;
		if (sound)
			term_put(&term->base, &nested.stack[0], true);
		terms_deinit(&nested);
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
		term_put(&result.base, top, false);
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
		a->offset = (int64_t)(code == SDB_OP_PLUS ? (uint64_t)a->offset + value
				      : (uint64_t)a->offset - value);
		term_clear(b);
		machine->depth--;
		return true;
	}
	if (a->base.size == 0 && code == SDB_OP_PLUS) {
		b->offset = (int64_t)((uint64_t)b->offset + (uint64_t)a->offset);
		term_clear(a);
		*a = *b;
		machine->depth--;
		return true;
	}
	if (a->base.size == 0 && b->base.size == 0 && code == SDB_OP_SHL && (uint64_t)b->offset < 64) {
		a->offset = (int64_t)((uint64_t)a->offset << b->offset);
		term_clear(b);
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
	expression_put_type(machine->session, &text, type);
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
	case SDB_OP_CALL_FRAME_CFA:
		return push(machine) && (text_add(&machine->stack[machine->depth - 1].base, "CFA"), true);
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
	case SDB_OP_PLUS_UCONST:
		return push_number(machine, operation->value[0]) && combine(machine, "+", SDB_OP_PLUS);
	case SDB_OP_ENTRY_VALUE: case SDB_OP_GNU_ENTRY_VALUE: return push_entry_value(machine, operation);
	case SDB_OP_FORM_TLS_ADDRESS: case SDB_OP_GNU_PUSH_TLS_ADDRESS:
		return wrap_top(machine, "TLS+", "", false);
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
bool terms_evaluate(struct machine *machine, struct sdb_operation_reader *reader,
		    struct sdb_operation *stop_ret)
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
