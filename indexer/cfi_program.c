/* SPDX-License-Identifier: MIT */
/*
 * The programs of call frame information: DWARF 5 section 6.4.2, with the vendor instructions of
 * GNU, MIPS and AArch64. Run once over an entry from its first address to its last: each time the
 * address grows, what is in force up to there is a row.
 */

#include "cfi.h"

#include <dwarf.h>
#include <elf.h>
#include <stdlib.h>

#ifndef DW_CFA_MIPS_advance_loc8
#define DW_CFA_MIPS_advance_loc8 0x1d
#endif
#define CFA_AARCH64_NEGATE_RA_STATE_WITH_PC 0x2c
#define CFA_GNU_WINDOW_SAVE 0x2d /* AArch64: negate_ra_state */

#define AARCH64_RA_SIGN_STATE 34 /* DWARF for the Arm 64-bit Architecture, 4.1 */

struct cfi_machine {
	const struct cfi_section *section;
	struct cfi_state *state;
	struct cfi_state *remembered[CFI_MAX_REMEMBERED]; /* made when first used */
	unsigned depth;
};

/* One run of a program. */
struct run {
	struct cfi_machine *machine;
	const struct cfi_cie *cie;
	const struct cfi_state *initial; /* NULL while the CIE's own program runs */
	struct bytes code;
	uint64_t location;
	struct sdb_unwind_row row;       /* the one being built; low is where it begins */
	uint64_t end;
	unwind_row_fn fn;                /* NULL for the CIE */
	void *arg;
	struct sdb_error *error;         /* of fn */
	bool done;                       /* the address passed the end */
};

static struct cfi_state *new_state(size_t rules)
{
	return calloc(1, sizeof(struct cfi_state) + rules * sizeof(struct sdb_rule));
}

static void copy_state(struct cfi_state *to, const struct cfi_state *from)
{
	memcpy(to, from, sizeof(*from) + from->rule_count * sizeof(from->rules[0]));
}

struct cfi_machine *cfi_machine_create(const struct cfi_section *section)
{
	struct cfi_machine *machine = calloc(1, sizeof(*machine));
	if (!machine)
		return NULL;
	machine->section = section;
	machine->state = new_state(CFI_MAX_RULES);
	if (!machine->state) {
		free(machine);
		return NULL;
	}
	return machine;
}

void cfi_machine_destroy(struct cfi_machine *machine)
{
	if (!machine)
		return;
	for (size_t i = 0; i < CFI_MAX_REMEMBERED; i++)
		free(machine->remembered[i]);
	free(machine->state);
	free(machine);
}

/* ---- rules ------------------------------------------------------------------- */

/* Where COLUMN is in STATE, or where it belongs. */
static uint32_t find_rule(const struct cfi_state *state, uint16_t column)
{
	uint32_t at = state->rule_count;
	while (at > 0 && state->rules[at - 1].column >= column)
		at--;
	return at;
}

static bool has_rule(const struct cfi_state *state, uint32_t at, uint16_t column)
{
	return at < state->rule_count && state->rules[at].column == column;
}

static bool set_rule(struct cfi_state *state, const struct sdb_rule *rule)
{
	uint32_t at = find_rule(state, rule->column);
	if (!has_rule(state, at, rule->column)) {
		if (state->rule_count == CFI_MAX_RULES)
			return false;
		memmove(&state->rules[at + 1], &state->rules[at],
			(state->rule_count - at) * sizeof(state->rules[0]));
		state->rule_count++;
	}
	state->rules[at] = *rule;
	return true;
}

static void remove_rule(struct cfi_state *state, uint16_t column)
{
	uint32_t at = find_rule(state, column);
	if (!has_rule(state, at, column))
		return;
	state->rule_count--;
	memmove(&state->rules[at], &state->rules[at + 1],
		(state->rule_count - at) * sizeof(state->rules[0]));
}

/* DW_CFA_restore: as the CIE left it. */
static bool restore_rule(struct run *run, uint64_t column)
{
	struct cfi_state *state = run->machine->state;
	if (column > UINT16_MAX)
		return false;
	if (run->initial) {
		uint32_t at = find_rule(run->initial, (uint16_t)column);
		if (has_rule(run->initial, at, (uint16_t)column))
			return set_rule(state, &run->initial->rules[at]);
	}
	remove_rule(state, (uint16_t)column);
	return true;
}

static bool set_simple(struct run *run, uint64_t column, enum sdb_rule_kind kind)
{
	if (column > UINT16_MAX)
		return false;
	struct sdb_rule rule = { .column = (uint16_t)column, .kind = kind };
	return set_rule(run->machine->state, &rule);
}

/* OFFSET is still to be multiplied by the data alignment. */
static bool set_offset(struct run *run, uint64_t column, enum sdb_rule_kind kind, int64_t offset)
{
	struct sdb_rule rule = { .column = (uint16_t)column, .kind = kind };
	if (column > UINT16_MAX ||
	    __builtin_mul_overflow(offset, run->cie->data_alignment, &rule.offset))
		return false;
	return set_rule(run->machine->state, &rule);
}

static bool read_expression(struct run *run, struct sdb_expression *expression)
{
	uint64_t length = bytes_uleb(&run->code);
	if (length > UINT32_MAX)
		return false;
	expression->bytes = bytes_take(&run->code, length);
	expression->length = (uint32_t)length;
	return expression->bytes != NULL;
}

static bool set_expression(struct run *run, enum sdb_rule_kind kind)
{
	uint64_t column = bytes_uleb(&run->code);
	struct sdb_rule rule = { .column = (uint16_t)column, .kind = kind };
	return column <= UINT16_MAX && read_expression(run, &rule.expression) &&
	       set_rule(run->machine->state, &rule);
}

static bool set_register(struct run *run)
{
	uint64_t column = bytes_uleb(&run->code);
	uint64_t reg = bytes_uleb(&run->code);
	struct sdb_rule rule = { .column = (uint16_t)column, .kind = SDB_RULE_REGISTER,
				 .reg = (uint16_t)reg };
	return column <= UINT16_MAX && reg <= UINT16_MAX && set_rule(run->machine->state, &rule);
}

/* ---- the CFA ------------------------------------------------------------------ */

static bool set_cfa(struct run *run, uint64_t reg, int64_t offset)
{
	struct cfi_state *state = run->machine->state;
	if (reg > UINT16_MAX)
		return false;
	state->cfa_register = (uint16_t)reg;
	state->cfa_offset = offset;
	state->cfa = (struct sdb_rule){ .kind = SDB_RULE_REGISTER_OFFSET, .reg = (uint16_t)reg,
					.offset = offset };
	return true;
}

/* A CFA that an expression gives stays: compilers never mean this, and unwinders do the same. */
static void set_cfa_offset(struct run *run, int64_t offset)
{
	struct cfi_state *state = run->machine->state;
	state->cfa_offset = offset;
	if (state->cfa.kind != SDB_RULE_VALUE_EXPRESSION)
		set_cfa(run, state->cfa_register, offset);
}

static bool set_cfa_expression(struct run *run)
{
	struct sdb_rule cfa = { .kind = SDB_RULE_VALUE_EXPRESSION };
	if (!read_expression(run, &cfa.expression))
		return false;
	run->machine->state->cfa = cfa;
	return true;
}

static bool read_factored(struct run *run, int64_t *offset_ret)
{
	return !__builtin_mul_overflow(bytes_sleb(&run->code), run->cie->data_alignment, offset_ret);
}

/* ---- addresses ------------------------------------------------------------------ */

/* Hands over the row that ends at END. */
static void emit(struct run *run, uint64_t end)
{
	struct cfi_state *state = run->machine->state;
	run->row.high = end;
	run->row.cfa = state->cfa;
	run->row.rule_count = state->rule_count;
	run->row.rules = state->rules;
	run->error = run->fn(run->arg, &run->row);
	run->row.low = end;
	run->row.flags &= ~(uint32_t)SDB_UNWIND_FDE_START;
}

/* False: the address goes back, or there is none (in a CIE). */
static bool move_to(struct run *run, uint64_t location)
{
	if (!run->fn || location < run->location)
		return false;
	run->location = location;
	if (location >= run->end)
		run->done = true;
	else if (location > run->row.low)
		emit(run, location);
	return true;
}

static bool advance(struct run *run, uint64_t delta)
{
	uint64_t step, location;
	if (__builtin_mul_overflow(delta, run->cie->code_alignment, &step) ||
	    __builtin_add_overflow(run->location, step, &location))
		return false;
	return move_to(run, location);
}

static bool set_location(struct run *run)
{
	uint64_t location;
	if (run->cie->segment_size)
		bytes_take(&run->code, run->cie->segment_size);
	return cfi_read_pointer(run->machine->section, &run->code, run->cie->encoding,
				run->cie->address_size, run->location, &location) &&
	       move_to(run, location);
}

/* ---- the rest --------------------------------------------------------------------- */

static bool remember(struct cfi_machine *machine)
{
	if (machine->depth == CFI_MAX_REMEMBERED)
		return false;
	struct cfi_state **slot = &machine->remembered[machine->depth];
	if (!*slot)
		*slot = new_state(CFI_MAX_RULES);
	if (!*slot)
		return false;
	copy_state(*slot, machine->state);
	machine->depth++;
	return true;
}

static bool recall(struct cfi_machine *machine)
{
	if (machine->depth == 0)
		return false;
	copy_state(machine->state, machine->remembered[--machine->depth]);
	return true;
}

/* Whether the return address is signed: bit 0; with the address of the signing instruction: bit 1. */
static bool negate_ra_state(struct run *run, int64_t bits)
{
	struct cfi_state *state = run->machine->state;
	uint32_t at = find_rule(state, AARCH64_RA_SIGN_STATE);
	struct sdb_rule rule = { .column = AARCH64_RA_SIGN_STATE, .kind = SDB_RULE_ARCHITECTURE };
	if (has_rule(state, at, AARCH64_RA_SIGN_STATE))
		rule.offset = state->rules[at].offset;
	rule.offset ^= bits;
	if (rule.offset)
		return set_rule(state, &rule);
	remove_rule(state, AARCH64_RA_SIGN_STATE);
	return true;
}

/* SPARC: the local and in registers are where the window is spilled, from the CFA upwards. */
static bool window_save(struct run *run)
{
	for (uint16_t i = 0; i < 16; i++) {
		struct sdb_rule rule = { .column = 16 + i, .kind = SDB_RULE_OFFSET,
					 .offset = (int64_t)i * run->cie->address_size };
		if (!set_rule(run->machine->state, &rule))
			return false;
	}
	return true;
}

static bool run_vendor(struct run *run, uint8_t opcode)
{
	uint16_t machine = run->machine->section->machine;
	uint64_t column;
	switch (opcode) {
	case DW_CFA_MIPS_advance_loc8:
		return advance(run, bytes_u64(&run->code));
	case CFA_GNU_WINDOW_SAVE:
		if (machine == EM_AARCH64)
			return negate_ra_state(run, 1);
		return (machine == EM_SPARC || machine == EM_SPARC32PLUS || machine == EM_SPARCV9) &&
		       window_save(run);
	case CFA_AARCH64_NEGATE_RA_STATE_WITH_PC:
		return machine == EM_AARCH64 && negate_ra_state(run, 3);
	case DW_CFA_GNU_args_size: /* what the callee's arguments take: of use to landing pads only */
		bytes_uleb(&run->code);
		return true;
	case DW_CFA_GNU_negative_offset_extended:
		column = bytes_uleb(&run->code);
		return set_offset(run, column, SDB_RULE_OFFSET, -(int64_t)bytes_uleb(&run->code));
	}
	return false;
}

static bool run_offset(struct run *run, uint8_t opcode)
{
	uint64_t column = bytes_uleb(&run->code);
	switch (opcode) {
	case DW_CFA_offset_extended:
		return set_offset(run, column, SDB_RULE_OFFSET, (int64_t)bytes_uleb(&run->code));
	case DW_CFA_offset_extended_sf:
		return set_offset(run, column, SDB_RULE_OFFSET, bytes_sleb(&run->code));
	case DW_CFA_val_offset:
		return set_offset(run, column, SDB_RULE_VALUE_OFFSET, (int64_t)bytes_uleb(&run->code));
	default:
		return set_offset(run, column, SDB_RULE_VALUE_OFFSET, bytes_sleb(&run->code));
	}
}

static bool run_cfa(struct run *run, uint8_t opcode)
{
	uint64_t reg;
	int64_t offset;
	switch (opcode) {
	case DW_CFA_def_cfa:
		reg = bytes_uleb(&run->code);
		return set_cfa(run, reg, (int64_t)bytes_uleb(&run->code));
	case DW_CFA_def_cfa_sf:
		reg = bytes_uleb(&run->code);
		return read_factored(run, &offset) && set_cfa(run, reg, offset);
	case DW_CFA_def_cfa_register:
		return set_cfa(run, bytes_uleb(&run->code), run->machine->state->cfa_offset);
	case DW_CFA_def_cfa_offset:
		set_cfa_offset(run, (int64_t)bytes_uleb(&run->code));
		return true;
	case DW_CFA_def_cfa_offset_sf:
		if (!read_factored(run, &offset))
			return false;
		set_cfa_offset(run, offset);
		return true;
	default:
		return set_cfa_expression(run);
	}
}

/* An instruction whose operands are all in bytes of their own. */
static bool run_extended(struct run *run, uint8_t opcode)
{
	switch (opcode) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_set_loc:
		return set_location(run);
	case DW_CFA_advance_loc1:
		return advance(run, bytes_u8(&run->code));
	case DW_CFA_advance_loc2:
		return advance(run, bytes_u16(&run->code));
	case DW_CFA_advance_loc4:
		return advance(run, bytes_u32(&run->code));
	case DW_CFA_offset_extended:
	case DW_CFA_offset_extended_sf:
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
		return run_offset(run, opcode);
	case DW_CFA_restore_extended:
		return restore_rule(run, bytes_uleb(&run->code));
	case DW_CFA_undefined:
		return set_simple(run, bytes_uleb(&run->code), SDB_RULE_UNDEFINED);
	case DW_CFA_same_value:
		return set_simple(run, bytes_uleb(&run->code), SDB_RULE_SAME_VALUE);
	case DW_CFA_register:
		return set_register(run);
	case DW_CFA_remember_state:
		return remember(run->machine);
	case DW_CFA_restore_state:
		return recall(run->machine);
	case DW_CFA_def_cfa:
	case DW_CFA_def_cfa_sf:
	case DW_CFA_def_cfa_register:
	case DW_CFA_def_cfa_offset:
	case DW_CFA_def_cfa_offset_sf:
	case DW_CFA_def_cfa_expression:
		return run_cfa(run, opcode);
	case DW_CFA_expression:
		return set_expression(run, SDB_RULE_EXPRESSION);
	case DW_CFA_val_expression:
		return set_expression(run, SDB_RULE_VALUE_EXPRESSION);
	}
	return run_vendor(run, opcode);
}

static bool run_one(struct run *run)
{
	uint8_t opcode = bytes_u8(&run->code);
	uint8_t operand = opcode & 0x3f;
	switch (opcode & 0xc0) {
	case DW_CFA_advance_loc:
		return advance(run, operand);
	case DW_CFA_offset:
		return set_offset(run, operand, SDB_RULE_OFFSET, (int64_t)bytes_uleb(&run->code));
	case DW_CFA_restore:
		return restore_rule(run, operand);
	}
	return run_extended(run, opcode);
}

/* False when an instruction makes no sense. */
static bool run_program(struct run *run)
{
	while (run->code.at < run->code.end && !run->done && !run->error) {
		if (!run_one(run) || run->code.failed)
			return false;
	}
	return true;
}

/* Keeps what the CIE's program leaves, in as little memory as it takes. */
static struct sdb_error *prepare(struct cfi_machine *machine, struct cfi_cie *cie)
{
	*machine->state = (struct cfi_state){ 0 };
	machine->depth = 0;
	struct run run = { .machine = machine, .cie = cie,
			   .code = { cie->program, cie->program_end, machine->section->swap, false } };
	cie->damaged = !run_program(&run);
	cie->initial = new_state(machine->state->rule_count);
	if (!cie->initial)
		return sdb_error_new(SDB_ERROR_MEMORY, "%s: out of memory", machine->section->name);
	copy_state(cie->initial, machine->state);
	cie->prepared = true;
	return NULL;
}

struct sdb_error *cfi_run(struct cfi_machine *machine, struct cfi_cie *cie, const struct cfi_fde *fde,
			  unwind_row_fn fn, void *arg, bool *sound_ret)
{
	*sound_ret = false;
	if (!cie->prepared) {
		struct sdb_error *error = prepare(machine, cie);
		if (error)
			return error;
	}
	if (cie->damaged)
		return NULL;
	copy_state(machine->state, cie->initial);
	machine->depth = 0;
	struct run run = {
		.machine = machine, .cie = cie, .initial = cie->initial, .location = fde->low,
		.code = { fde->program, fde->program_end, machine->section->swap, false },
		.end = fde->high, .fn = fn, .arg = arg,
		.row = { .low = fde->low, .source = machine->section->source,
			 .flags = SDB_UNWIND_FDE_START |
				  (cie->signal_frame ? SDB_UNWIND_SIGNAL_FRAME : 0),
			 .return_column = (uint16_t)cie->return_column },
	};
	*sound_ret = run_program(&run);
	/* What a broken program says of the rest is not to be trusted. */
	if (*sound_ret && !run.error)
		emit(&run, fde->high);
	return run.error;
}
