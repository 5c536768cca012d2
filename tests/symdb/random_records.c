/* SPDX-License-Identifier: MIT */
#include "random_records.h"
#include <stdio.h>
#include <string.h>

enum { ROOM = 1 << 20 };

static uint64_t seed, state;
static _Alignas(16) unsigned char room[ROOM];
static size_t used;

void random_seed(uint64_t wanted)
{
	seed = wanted;
}

static void begin(unsigned kind, uint64_t id)
{
	state = (seed * 1000003 + kind) * 1000003 + id;
	used = 0;
}

static uint64_t any(void) /* splitmix64 */
{
	uint64_t value = state += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

static uint32_t below(uint32_t bound)
{
	return (uint32_t)(any() % bound);
}

static bool one_in(uint32_t count)
{
	return below(count) == 0;
}

/* Small for the most part, once in a while anything. */
static uint32_t number(void)
{
	return one_in(50) ? (uint32_t)any() : below(1u << below(12));
}

static uint64_t wide(void)
{
	return one_in(50) ? any() : below(1u << below(20));
}

static void *take(size_t count, size_t size)
{
	void *array = room + used;
	used += (count * size + 15) & ~(size_t)15;
	if (used > ROOM) {
		fprintf(stderr, "a random record is too large\n");
		__builtin_trap();
	}
	memset(array, 0, count * size);
	return array;
}

static uint32_t name(void)
{
	return below(RANDOM_NAMES + 1);
}

static uint32_t type(void)
{
	return below(RANDOM_TYPES + 1);
}

static uint32_t file(void)
{
	return below(RANDOM_FILES + 1);
}

void random_name(uint32_t id, char text[64])
{
	begin(1, id);
	int length = snprintf(text, 64, "%s%x", one_in(3) ? "std::vector<unsigned long>::" : one_in(2) ? "sys_" : "",
			      id * 7919);
	while (one_in(2) && length < 60)
		text[length++] = (char)('a' + below(26));
	text[length] = '\0';
}

struct sdb_expression random_expression(uint32_t id)
{
	static uint8_t bytes[64];
	begin(2, id);
	uint32_t length = 1 + below(one_in(10) ? 60 : 6);
	for (uint32_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)any();
	bytes[0] = (uint8_t)id; /* distinct */
	return (struct sdb_expression){ bytes, length };
}

/* A shared one, one of its own, or none. */
static struct sdb_expression expression(void)
{
	if (one_in(8))
		return (struct sdb_expression){ 0 };
	uint32_t id = one_in(5) ? RANDOM_EXPRESSIONS + below(1000) : below(RANDOM_EXPRESSIONS);
	uint64_t kept = state;
	size_t place = used;
	struct sdb_expression from = random_expression(id);
	state = kept;
	used = place;
	uint8_t *bytes = take(from.length, 1);
	memcpy(bytes, from.bytes, from.length);
	return (struct sdb_expression){ bytes, from.length };
}

static struct sdb_decl decl(void)
{
	return (struct sdb_decl){ file(), number(), below(100) };
}

static struct sdb_scope scope(void)
{
	switch (below(4)) {
	case 0: return (struct sdb_scope){ SDB_SCOPE_TYPE, 1 + below(RANDOM_TYPES) };
	case 1: return (struct sdb_scope){ SDB_SCOPE_FUNCTION, 1 + below(RANDOM_FUNCTIONS) };
	}
	return (struct sdb_scope){ SDB_SCOPE_UNIT, 0 };
}

static struct sdb_parameter *parameters(size_t count)
{
	struct sdb_parameter *list = take(count, sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] = (struct sdb_parameter){ name(), type(), file(), number(), below(16) };
	return list;
}

static struct sdb_template *templates(size_t count)
{
	struct sdb_template *list = take(count, sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] = (struct sdb_template){ below(4), name(), type(), (int64_t)wide() - 1000, one_in(2),
						 one_in(2), name() };
	return list;
}

static struct sdb_member *members(size_t count)
{
	struct sdb_member *list = take(count, sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		list[i] = (struct sdb_member){ .kind = below(4), .flags = below(512), .name = name(), .type = type(),
					       .bit_offset = wide(), .file = file(), .line = number() };
		if (list[i].flags & SDB_MEMBER_BITFIELD)
			list[i].bit_size = below(64);
		if (one_in(10)) {
			struct sdb_expression location = expression();
			list[i].alignment = number();
			list[i].variant = number();
			list[i].value = any();
			list[i].location = location.bytes;
			list[i].location_length = location.length;
		}
	}
	return list;
}

static struct sdb_dimension *dimensions(size_t count)
{
	struct sdb_dimension *list = take(count, sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		list[i] = (struct sdb_dimension){ .kind = below(4), .lower = one_in(4) ? (int64_t)any() : 0,
						  .index_type = type() };
		struct sdb_expression bound = expression();
		if (list[i].kind == SDB_DIMENSION_COUNT)
			list[i].count = wide();
		if (list[i].kind == SDB_DIMENSION_EXPRESSION) {
			list[i].expression = bound.bytes;
			list[i].expression_length = bound.length;
		}
		if (list[i].kind != SDB_DIMENSION_COUNT)
			list[i].is_count = one_in(2);
		if (list[i].kind == SDB_DIMENSION_DYNAMIC) {
			list[i].reference_kind = below(2) ? SDB_REFERENCE_LOCAL : SDB_REFERENCE_UNKNOWN;
			list[i].reference = list[i].reference_kind ? number() : 0;
		}
	}
	return list;
}

void random_type(sdb_type_id id, struct sdb_type *to)
{
	begin(3, id);
	*to = (struct sdb_type){ .id = id, .kind = 1 + below(SDB_TYPE_KINDS - 1), .flags = below(1 << 14),
				 .name = name(), .scope = scope(), .decl = decl(), .target = type() };
	to->size = one_in(2) ? wide() : 0;
	if (one_in(4)) {
		to->linkage_name = name();
		to->alignment = number();
		to->encoding = (uint16_t)any();
		to->dwarf_tag = (uint16_t)any();
		to->bit_offset = number();
		to->containing = type();
	}
	uint32_t most = one_in(100) ? 400 : 8; /* some are larger than a block */
	if (one_in(3))
		to->members = members(to->member_count = below(most));
	if (one_in(6)) {
		to->enumerator_count = below(most);
		to->enumerators = take(to->enumerator_count, sizeof(*to->enumerators));
		for (size_t i = 0; i < to->enumerator_count; i++)
			to->enumerators[i] = (struct sdb_enumerator){ name(), (int64_t)wide(), one_in(2) };
	}
	if (one_in(6))
		to->dimensions = dimensions(to->dimension_count = below(4));
	if (one_in(4))
		to->parameters = parameters(to->parameter_count = below(most));
	if (one_in(6))
		to->templates = templates(to->template_count = below(6));
}

static struct sdb_local local(void)
{
	return (struct sdb_local){ name(), type(), file(), number(), below(80), below(128), one_in(9) ? number() : 0 };
}

void random_function(sdb_function_id id, struct sdb_function *to)
{
	begin(4, id);
	*to = (struct sdb_function){ .id = id, .name = name(), .linkage_name = one_in(3) ? name() : 0, .scope = scope(),
				     .unit = below(RANDOM_UNITS + 1), .decl = decl(), .flags = below(1 << 23),
				     .type = type(), .virtual_index = UINT32_MAX };
	to->parameters = parameters(to->parameter_count = below(6));
	if (one_in(4)) {
		to->alignment = number();
		to->virtual_index = number();
		to->containing = type();
		to->templates = templates(to->template_count = below(4));
	}
	to->local_count = below(one_in(50) ? 500 : 8);
	to->locals = take(to->local_count, sizeof(*to->locals));
	for (size_t i = 0; i < to->local_count; i++)
		to->locals[i] = local();
}

static struct sdb_location location(uint64_t base)
{
	struct sdb_location to = { .kind = below(6) };
	if (to.kind == SDB_LOCATION_ADDRESS || to.kind == SDB_LOCATION_CONSTANT)
		to.address = one_in(2) ? any() : wide();
	if (to.kind == SDB_LOCATION_EXPRESSION || to.kind == SDB_LOCATION_BYTES)
		to.expression = expression();
	if (to.kind != SDB_LOCATION_LIST)
		return to;
	to.entry_count = below(6);
	to.entries = take(to.entry_count, sizeof(*to.entries));
	for (size_t i = 0; i < to.entry_count; i++) {
		base += one_in(3) ? below(100) : 0;
		uint64_t low = base - (one_in(10) ? below(50) : 0);
		base = low + below(200);
		to.entries[i] = (struct sdb_location_entry){ low, base, one_in(20), expression() };
	}
	return to;
}

void random_variable(sdb_variable_id id, struct sdb_variable *to)
{
	begin(5, id);
	*to = (struct sdb_variable){ .id = id, .name = name(), .linkage_name = one_in(3) ? name() : 0, .scope = scope(),
				     .unit = below(RANDOM_UNITS + 1), .decl = decl(), .flags = below(1 << 10),
				     .alignment = one_in(5) ? number() : 0, .type = type(), .location = location(0) };
}

/* Every seventh begins where the one before it does. */
uint64_t random_code_address(uint32_t id)
{
	return UINT64_C(0xffffffff81000000) + (uint64_t)(id - (id % 7 == 6)) * 0x1000;
}

static void code_scope(struct sdb_code *code, uint32_t index)
{
	struct sdb_code_scope *to = &code->scopes[index];
	uint64_t base = code->scopes[0].ranges[0].low;

	to->kind = one_in(2) ? SDB_CODE_INLINED : SDB_CODE_BLOCK;
	to->parent = index - 1; /* pre-order: the one before or one around it */
	while (to->parent && one_in(2))
		to->parent = code->scopes[to->parent].parent;
	to->range_count = below(4);
	to->ranges = take(to->range_count, sizeof(*to->ranges));
	for (size_t i = 0; i < to->range_count; i++) {
		uint64_t low = base + below(0x800);
		to->ranges[i] = (struct sdb_range){ low, low + 1 + below(100) };
	}
	to->entry = to->range_count ? to->ranges[0].low : base;
	if (to->kind == SDB_CODE_BLOCK)
		return;
	to->entry += one_in(10) ? below(20) : 0;
	to->function = below(RANDOM_FUNCTIONS + 1);
	to->call_file = file();
	to->call_line = number();
	to->call_column = below(100);
	to->call_discriminator = one_in(4) ? number() : 0;
}

static void call_site(struct sdb_call_site *to)
{
	to->flags = below(8);
	to->function = below(RANDOM_FUNCTIONS + 1);
	to->target = expression();
	to->parameter_count = below(5);
	to->parameters = take(to->parameter_count, sizeof(*to->parameters));
	for (size_t i = 0; i < to->parameter_count; i++)
		to->parameters[i] = (struct sdb_call_parameter){ expression(), expression(), expression() };
}

static void code_variables(struct sdb_code *to)
{
	to->variable_count = below((uint32_t)to->scope_count * 3);
	to->variables = take(to->variable_count, sizeof(*to->variables));
	uint32_t at = 0;
	for (size_t i = 0; i < to->variable_count; i++) {
		struct sdb_scope_variable *variable = &to->variables[i];
		if (at + 1 < to->scope_count && one_in(2))
			at++;
		variable->scope = at;
		variable->local = one_in(10) ? SDB_LOCAL_OWN : below(20);
		if (variable->local == SDB_LOCAL_OWN) {
			variable->own = local();
			variable->own_is_parameter = one_in(2);
		}
		const struct sdb_code_scope *around = &to->scopes[at];
		variable->location = location(around->range_count ? around->ranges[0].low :
								    to->scopes[0].ranges[0].low);
	}
}

void random_code(uint32_t id, struct sdb_code *to)
{
	uint64_t low = random_code_address(id);

	begin(6, id);
	*to = (struct sdb_code){ .flags = below(16), .unit = below(RANDOM_UNITS + 1), .frame_base = expression(),
				 .linkage_name = one_in(20) ? name() : 0 };
	if (one_in(20))
		to->frame_base_list = location(low);
	to->scope_count = 1 + below(one_in(40) ? 300 : 12);
	to->scopes = take(to->scope_count, sizeof(*to->scopes));
	struct sdb_code_scope *root = &to->scopes[0];
	root->range_count = 1 + (one_in(5) ? below(3) : 0);
	root->ranges = take(root->range_count, sizeof(*root->ranges));
	root->function = below(RANDOM_FUNCTIONS + 1);
	for (size_t i = 0; i < root->range_count; i++) /* cold parts lie behind everything */
		root->ranges[i] = (struct sdb_range){ low + (i << 32), low + (i << 32) + 0x100 + below(0xe00) };
	root->entry = low + (one_in(10) ? below(64) : 0);
	for (uint32_t i = 1; i < to->scope_count; i++)
		code_scope(to, i);
	code_variables(to);
	to->call_site_count = below(10);
	to->call_sites = take(to->call_site_count, sizeof(*to->call_sites));
	for (size_t i = 0; i < to->call_site_count; i++) {
		to->call_sites[i].address = low + i * 0x40 + below(0x40);
		call_site(&to->call_sites[i]);
	}
}
