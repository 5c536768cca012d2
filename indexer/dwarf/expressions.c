/* SPDX-License-Identifier: MIT */

/*
 * Expressions in the database's form: operands that name entries become numbers of the model,
 * indexed addresses become addresses. Everything else stays byte for byte.
 */

#include "gather.h"

enum operand {
	OP_NONE, OP_U1, OP_U2, OP_U4, OP_U8, OP_ADDRESS, OP_ULEB, OP_ULEB_ULEB, OP_BLOCK, OP_EXPRESSION,
	OP_ADDRX, OP_CONSTX, OP_TYPE, OP_REG_TYPE, OP_DEREF_TYPE, OP_CONST_TYPE, OP_REF2, OP_REF4, OP_REF,
	OP_REF_SLEB, OP_PARAMETER_REF, OP_ENCODED, OP_BAD
};

static enum operand operand_of(unsigned op)
{
	if ((op >= DW_OP_lit0 && op <= DW_OP_reg31) || (op >= DW_OP_dup && op <= DW_OP_over) ||
	    (op >= DW_OP_swap && op <= DW_OP_plus) || (op >= DW_OP_shl && op <= DW_OP_xor) ||
	    (op >= DW_OP_eq && op <= DW_OP_ne))
		return OP_NONE;
	if (op >= DW_OP_breg0 && op <= DW_OP_breg31)
		return OP_ULEB;
	switch (op) {
	case DW_OP_deref: case DW_OP_nop: case DW_OP_push_object_address: case DW_OP_form_tls_address:
	case DW_OP_call_frame_cfa: case DW_OP_stack_value: case DW_OP_GNU_push_tls_address:
	case DW_OP_GNU_uninit:
		return OP_NONE;
	case DW_OP_addr: return OP_ADDRESS;
	case DW_OP_const1u: case DW_OP_const1s: case DW_OP_pick: case DW_OP_deref_size:
	case DW_OP_xderef_size: return OP_U1;
	case DW_OP_const2u: case DW_OP_const2s: case DW_OP_skip: case DW_OP_bra: return OP_U2;
	case DW_OP_const4u: case DW_OP_const4s: return OP_U4;
	case DW_OP_const8u: case DW_OP_const8s: return OP_U8;
	case DW_OP_constu: case DW_OP_consts: case DW_OP_plus_uconst: case DW_OP_regx: case DW_OP_fbreg:
	case DW_OP_piece: return OP_ULEB;
	case DW_OP_bregx: case DW_OP_bit_piece: return OP_ULEB_ULEB;
	case DW_OP_implicit_value: return OP_BLOCK;
	case DW_OP_entry_value: case DW_OP_GNU_entry_value: return OP_EXPRESSION;
	case DW_OP_addrx: case DW_OP_GNU_addr_index: return OP_ADDRX;
	case DW_OP_constx: case DW_OP_GNU_const_index_: return OP_CONSTX;
	case DW_OP_convert: case DW_OP_reinterpret: case DW_OP_GNU_convert: case DW_OP_GNU_reinterpret: return OP_TYPE;
	case DW_OP_regval_type: case DW_OP_GNU_regval_type: return OP_REG_TYPE;
	case DW_OP_deref_type: case DW_OP_xderef_type: case DW_OP_GNU_deref_type: return OP_DEREF_TYPE;
	case DW_OP_const_type: case DW_OP_GNU_const_type: return OP_CONST_TYPE;
	case DW_OP_call2: return OP_REF2;
	case DW_OP_call4: return OP_REF4;
	case DW_OP_call_ref: case DW_OP_GNU_variable_value: return OP_REF;
	case DW_OP_implicit_pointer: case DW_OP_GNU_implicit_pointer: return OP_REF_SLEB;
	case DW_OP_GNU_parameter_ref: return OP_PARAMETER_REF;
	case DW_OP_GNU_encoded_addr: return OP_ENCODED;
	default: return OP_BAD;
	}
}

struct translator {
	struct worker *worker;
	const struct unit *unit;
	const struct function_info *function;
	const uint8_t *at, *end;
	struct buffer *to;
	unsigned level;
	const struct numbering *numbering; /* of a type's expression: final numbers */
	uint64_t (*hash_entry)(void *arg, die_ref ref, bool type); /* a hash of what is named is wanted, */
	void *arg;
	uint64_t hash;                                             /* here */
};

static uint64_t take(struct translator *translator, unsigned size)
{
	if (!translator->at || (size_t)(translator->end - translator->at) < size) {
		translator->at = NULL;
		return 0;
	}
	uint64_t value = dwarf_number(translator->unit->dwarf, translator->at, size);
	translator->at += size;
	return value;
}

static void copy(struct translator *translator, uint64_t size)
{
	if (!translator->at || (uint64_t)(translator->end - translator->at) < size) {
		translator->at = NULL;
		return;
	}
	put_bytes(translator->to, translator->at, size);
	translator->at += size;
}

static void copy_leb(struct translator *translator)
{
	const uint8_t *start = translator->at;

	dwarf_uleb(&translator->at, translator->end);
	if (translator->at)
		put_bytes(translator->to, start, (size_t)(translator->at - start));
}

/* A reference to a base type by its offset in the unit. Offset 0 is the generic type. */
static void type_operand(struct translator *translator)
{
	const struct unit *unit = translator->unit;
	uint64_t offset = dwarf_uleb(&translator->at, translator->end);
	die_ref ref = unit_ref(unit, unit->offset + offset);

	if (!translator->hash_entry)
		put_uleb(translator->to, offset ? type_of(translator->worker->gather, ref) : 0);
	else if (offset)
		translator->hash = hash_mix(translator->hash, translator->hash_entry(translator->arg, ref, true));
}

static void put_reference(struct buffer *to, enum sdb_reference_kind kind, uint32_t number)
{
	put_uleb(to, number || kind == SDB_REFERENCE_LOCAL ? kind : SDB_REFERENCE_UNKNOWN);
	put_uleb(to, number);
}

/* An entry in 64 bits, as long whichever it is: it is replaced by a number when there are some. */
#define ENTRY_SIZE 10

static void put_entry(struct translator *translator, die_ref ref)
{
	struct worker *worker = translator->worker;

	if (!array_room(worker->references, worker->reference_count, worker->reference_capacity)) {
		translator->to->failed = true;
		return;
	}
	worker->references[worker->reference_count++] = (uint32_t)translator->to->size;
	put_u8(translator->to, SDB_REFERENCE_VARIABLE);
	for (unsigned i = 0; i < ENTRY_SIZE; i++)
		put_u8(translator->to, (uint8_t)((ref >> 7 * i & 0x7f) | (i + 1 < ENTRY_SIZE ? 0x80 : 0)));
}

/* A local of a function around the inlined one at hand; 0: REF is none. */
static uint32_t outer_local(struct worker *worker, const struct function_info *function, die_ref ref)
{
	const struct function_info *outer = function->outer;

	for (uint32_t level = 1; outer && level < SDB_REFERENCE_LEVELS; level++, outer = outer->outer) {
		uint32_t local = function_local(worker, outer, ref);
		if (local < UINT32_MAX / SDB_REFERENCE_LEVELS)
			return local * SDB_REFERENCE_LEVELS + level;
	}
	return 0;
}

/*
 * Entries have no numbers in the database but for a function's own locals, those of the functions
 * that it is inlined into, and variables.
 */
static void reference(struct translator *translator, die_ref ref)
{
	struct worker *worker = translator->worker;
	uint32_t local = SDB_LOCAL_OWN, outer = 0;
	struct die die;

	if (translator->hash_entry) {
		translator->hash = hash_mix(translator->hash, translator->hash_entry(translator->arg, ref, false));
		return;
	}
	if (translator->function)
		local = function_local(worker, translator->function, ref);
	else if (translator->numbering && !bound_local(worker, ref, &local))
		local = SDB_LOCAL_OWN;
	if (translator->function && local == SDB_LOCAL_OWN)
		outer = outer_local(worker, translator->function, ref);
	if (local != SDB_LOCAL_OWN)
		put_reference(translator->to, SDB_REFERENCE_LOCAL, local);
	else if (outer)
		put_reference(translator->to, SDB_REFERENCE_OUTER, outer);
	else if (translator->numbering)
		put_reference(translator->to, SDB_REFERENCE_VARIABLE,
			      translator->numbering->variables[variable_find(worker, ref)]);
	else if (translator->level == 0 && worker_die(worker, ref, &die) &&
		 (die.abbrev->tag == DW_TAG_variable || die.abbrev->tag == DW_TAG_member))
		put_entry(translator, ref);
	else
		put_reference(translator->to, SDB_REFERENCE_UNKNOWN, 0);
}

static void indexed(struct translator *translator, bool address)
{
	uint64_t value = 0, index = dwarf_uleb(&translator->at, translator->end);

	if (translator->at && !dwarf_indexed_address(translator->unit, index, &value))
		translator->at = NULL;
	put_u8(translator->to, address ? DW_OP_addr : DW_OP_const8u);
	unsigned size = address ? translator->unit->address_size : 8;
	bool big = translator->unit->dwarf->big_endian;
	for (unsigned i = 0; i < size; i++)
		put_u8(translator->to, (uint8_t)(value >> 8 * (big ? size - 1 - i : i)));
}

/* DW_EH_PE_*: the format of the number is in the low four bits. */
static void encoded(struct translator *translator)
{
	static const uint8_t sizes[] = { 0, 0, 2, 4, 8 };
	unsigned encoding = (unsigned)take(translator, 1), format = encoding & 7;

	put_u8(translator->to, (uint8_t)encoding);
	if (format == 1)
		copy_leb(translator);
	else if (format < sizeof(sizes))
		copy(translator, format ? sizes[format] : translator->unit->address_size);
	else
		copy(translator, (uint64_t)(translator->end - translator->at));
}

static bool translate_all(struct translator *translator);

static void nested(struct translator *translator)
{
	struct buffer inner = { 0 };
	struct translator within = *translator;
	uint64_t length = dwarf_uleb(&translator->at, translator->end);

	within.at = translator->at;
	within.end = translator->at + length;
	within.to = &inner;
	within.level++;
	if (!translator->at || length > (uint64_t)(translator->end - translator->at) || translator->level > 8 ||
	    !translate_all(&within)) {
		translator->at = NULL;
	} else {
		translator->hash = within.hash;
		put_uleb(translator->to, inner.size);
		put_bytes(translator->to, inner.data, inner.size);
		translator->at += length;
	}
	buffer_deinit(&inner);
}

static void translate(struct translator *translator)
{
	const struct unit *unit = translator->unit;
	unsigned op = *translator->at++;
	enum operand operand = operand_of(op);
	uint64_t length;

	if (operand != OP_ADDRX && operand != OP_CONSTX)
		put_u8(translator->to, (uint8_t)op);
	switch (operand) {
	case OP_NONE: break;
	case OP_U1: copy(translator, 1); break;
	case OP_U2: copy(translator, 2); break;
	case OP_U4: copy(translator, 4); break;
	case OP_U8: copy(translator, 8); break;
	case OP_ADDRESS: copy(translator, unit->address_size); break;
	case OP_ULEB: copy_leb(translator); break;
	case OP_ULEB_ULEB: copy_leb(translator); copy_leb(translator); break;
	case OP_BLOCK:
		length = dwarf_uleb(&translator->at, translator->end);
		put_uleb(translator->to, length);
		copy(translator, length);
		break;
	case OP_EXPRESSION: nested(translator); break;
	case OP_ADDRX: indexed(translator, true); break;
	case OP_CONSTX: indexed(translator, false); break;
	case OP_TYPE: type_operand(translator); break;
	case OP_REG_TYPE: copy_leb(translator); type_operand(translator); break;
	case OP_DEREF_TYPE: copy(translator, 1); type_operand(translator); break;
	case OP_CONST_TYPE:
		type_operand(translator);
		length = take(translator, 1);
		put_u8(translator->to, (uint8_t)length);
		copy(translator, length);
		break;
	case OP_REF2: reference(translator, unit_ref(unit, unit->offset + take(translator, 2))); break;
	case OP_REF4: reference(translator, unit_ref(unit, unit->offset + take(translator, 4))); break;
	case OP_PARAMETER_REF: reference(translator, unit_ref(unit, unit->offset + take(translator, 4))); break;
	case OP_REF: case OP_REF_SLEB:
		length = take(translator, unit->version <= 2 ? unit->address_size : unit->offset_size);
		reference(translator, DIE_REF(unit->file->index, 0, length & (UINT64_MAX >> 17)));
		if (operand == OP_REF_SLEB)
			copy_leb(translator);
		break;
	case OP_ENCODED: encoded(translator); break;
	case OP_BAD: copy(translator, (uint64_t)(translator->end - translator->at)); break;
	}
}

static bool translate_all(struct translator *translator)
{
	while (translator->at && translator->at < translator->end)
		translate(translator);
	return translator->at && !translator->to->failed;
}

bool expression_of_type(struct worker *worker, const struct unit *unit, const uint8_t *bytes, uint64_t length,
			const struct numbering *numbering, struct buffer *to)
{
	struct translator translator = { .worker = worker, .unit = unit, .at = bytes, .end = bytes + length, .to = to,
					 .numbering = numbering };

	return translate_all(&translator);
}

uint64_t expression_hash(struct worker *worker, const struct unit *unit, const uint8_t *bytes, uint64_t length,
			 uint64_t (*hash_entry)(void *arg, die_ref ref, bool type), void *arg)
{
	struct buffer to = { 0 };
	struct translator translator = { .worker = worker, .unit = unit, .at = bytes, .end = bytes + length, .to = &to,
					 .hash_entry = hash_entry, .arg = arg };
	bool good = translate_all(&translator);
	uint64_t hash = good ? hash_mix(hash_bytes(3, to.data, to.size), translator.hash) : hash_bytes(3, bytes, length);

	worker->gather->failed |= to.failed;
	buffer_deinit(&to);
	return hash;
}

/* Expression NUMBER has just been made in worker->expression. */
static bool keep_references(struct worker *worker, uint32_t number)
{
	struct gather *gather = worker->gather;
	bool good = true;

	if (!worker->reference_count || gather->expressions.frozen)
		return true;
	pthread_mutex_lock(&gather->lock);
	for (size_t i = 0; i < worker->reference_count && good; i++) {
		good = array_room(gather->references, gather->reference_count, gather->reference_capacity);
		if (good)
			gather->references[gather->reference_count++] =
				(struct reference){ number, worker->references[i], 0 };
	}
	pthread_mutex_unlock(&gather->lock);
	return good;
}

/* By expression, in each the last one first. */
static int compare_references(const void *a, const void *b)
{
	const struct reference *x = a, *y = b;

	if (x->expression != y->expression)
		return x->expression < y->expression ? -1 : 1;
	return x->offset > y->offset ? -1 : x->offset < y->offset;
}

/* Puts the number of a variable in the place of its entry. */
static bool settle(struct interned *item, const struct reference *reference)
{
	uint8_t *bytes = (uint8_t *)item->bytes; /* in a chunk of the intern's own */
	uint32_t after = reference->offset + 1 + ENTRY_SIZE;
	struct buffer number = { 0 };

	put_reference(&number, SDB_REFERENCE_VARIABLE, reference->variable);
	bool good = !number.failed;
	if (good) {
		memcpy(bytes + reference->offset, number.data, number.size);
		memmove(bytes + reference->offset + number.size, bytes + after, item->length - after);
		item->length -= after - reference->offset - (uint32_t)number.size;
	}
	buffer_deinit(&number);
	return good;
}

bool expressions_settle(struct gather *gather, const uint32_t *variables)
{
	struct intern *intern = &gather->expressions;
	struct reference *all = gather->references;
	struct worker *worker = gather_worker(gather, 0);

	if (!gather->reference_count)
		return true;
	if (!worker)
		return false;
	qsort(all, gather->reference_count, sizeof(*all), compare_references);
	/* variables are found by what is said of them, expressions as they are now among it */
	for (size_t i = 0; i < gather->reference_count; i++) {
		const struct interned *item = &intern->items[all[i].expression - 1];
		const uint8_t *at = item->bytes + all[i].offset + 1;
		all[i].variable = variables[variable_find(worker, dwarf_uleb(&at, item->bytes + item->length))];
	}
	for (size_t i = 0; i < gather->reference_count; i++) {
		struct interned *item = &intern->items[all[i].expression - 1];
		bool last = i + 1 == gather->reference_count || all[i + 1].expression != all[i].expression;
		if ((i == 0 || compare_references(&all[i], &all[i - 1])) && !settle(item, &all[i]))
			return false;
		if (last)
			intern_again(intern, all[i].expression);
	}
	return !gather->failed;
}

bool expression_is_address(const struct unit *unit, const uint8_t *bytes, uint64_t length, uint64_t *address_ret)
{
	const uint8_t *at = bytes + 1;

	if (length == 0)
		return false;
	if (bytes[0] == DW_OP_addr && length == 1u + unit->address_size) {
		*address_ret = dwarf_number(unit->dwarf, at, unit->address_size);
		return true;
	}
	if (bytes[0] != DW_OP_addrx && bytes[0] != DW_OP_GNU_addr_index)
		return false;
	uint64_t index = dwarf_uleb(&at, bytes + length);
	return at == bytes + length && dwarf_indexed_address(unit, index, address_ret);
}

/* The number of what is in worker->expression. */
static uint32_t interned(struct worker *worker)
{
	struct buffer *to = &worker->expression;

	if (!worker->expressions)
		worker->expressions = calloc(KNOWN_SLOTS, sizeof(*worker->expressions));
	uint32_t number = !worker->expressions ? 0 :
		intern_known(&worker->gather->expressions, worker->expressions, to->data, to->size);
	if (!number && !worker->gather->expressions.frozen)
		worker->gather->failed = true;
	return number;
}

uint32_t expression_number(struct worker *worker, const struct unit *unit, const uint8_t *bytes, uint64_t length,
			   const struct function_info *function)
{
	struct translator translator = { .worker = worker, .unit = unit, .function = function, .at = bytes,
					 .end = bytes + length, .to = &worker->expression };

	worker->expression.size = worker->reference_count = 0;
	if (length == 0 || !translate_all(&translator))
		return 0;
	uint32_t number = interned(worker);
	if (number && !keep_references(worker, number))
		worker->gather->failed = true;
	return number;
}

uint32_t expression_of_parameter(struct worker *worker, uint32_t number)
{
	worker->expression.size = 0;
	put_u8(&worker->expression, DW_OP_GNU_parameter_ref);
	put_uleb(&worker->expression, SDB_REFERENCE_LOCAL);
	put_uleb(&worker->expression, number);
	return interned(worker);
}
