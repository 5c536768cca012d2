/* SPDX-License-Identifier: MIT */
/*
 * A frame as values see it: its registers, its memory, its caller. Made when first asked for, and
 * so are the callers, that entry values need.
 */

#include "call.h"
#include "codes.h"
#include "frame_context.h"
#include "saved.h"
#include "system.h"
#include "tls.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* ---- registers and memory ---------------------------------------------------------------------- */

static struct sdb_error *read_memory(void *arg, uint64_t address, void *buffer, size_t size)
{
	struct frame_context *frame = arg;
	/* The kernel's frames hold addresses of their process, too. */
	if (frame->thread && frame->thread->key && !(address >> 63))
		return sdb_thread_read(frame->thread, address, buffer, size);
	return sdb_target_read(frame->unwinder.target, address, buffer, size);
}

static struct sdb_error *write_memory(void *arg, uint64_t address, const void *buffer, size_t size)
{
	struct frame_context *frame = arg;
	return frame->thread && frame->thread->key ? sdb_thread_write(frame->thread, address, buffer, size)
		: sdb_target_write(frame->unwinder.target, address, buffer, size);
}

static struct sdb_error *call_function(void *arg, struct context_call *call)
{
	struct frame_context *frame = arg;
	return call_make(frame->thread, call);
}

static bool is_innermost(const struct frame_context *frame)
{
	return frame->frame.source == SDB_FRAME_REGISTERS;
}

static struct sdb_error *read_register(void *arg, uint32_t number, void *buffer, size_t *size_ret)
{
	struct frame_context *frame = arg;
	struct sdb_target *target = frame->unwinder.target;
	if (number < UNWIND_COLUMNS && frame->frame.valid & 1u << number) {
		memcpy(buffer, &frame->frame.value[number], target->architecture->address_size);
		*size_ret = target->architecture->address_size;
		return NULL;
	}
	struct sdb_register_info info;
	int index = sdb_register_by_dwarf(target, number);
	if (!is_innermost(frame) || index < 0 || !sdb_register_info(target, (size_t)index, &info)
	    || info.size > CONTEXT_REGISTER_SIZE)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "register %u was not saved", number);
	*size_ret = info.size;
	return sdb_thread_register(frame->thread, index, buffer, info.size);
}

static struct sdb_error *named_register(void *arg, const char *name, uint64_t *value_ret, size_t *size_ret)
{
	struct frame_context *frame = arg;
	struct sdb_target *target = frame->unwinder.target;
	struct sdb_register_info info;
	uint8_t bytes[CONTEXT_REGISTER_SIZE];
	int index = sdb_register_by_name(target, name);
	if (index < 0 || !sdb_register_info(target, (size_t)index, &info))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no register '%s'", target->architecture->name, name);
	if (info.size > sizeof(*value_ret))
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "'$%s' has %u bytes: it is no number", name, info.size);
	if (!is_innermost(frame) && info.dwarf < 0)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "register '%s' was not saved", name);
	*size_ret = info.size;
	*value_ret = 0;
	struct sdb_error *error = is_innermost(frame) ? sdb_thread_register(frame->thread, index, bytes, info.size)
		: read_register(frame, (uint32_t)info.dwarf, bytes, size_ret);
	if (!error)
		memcpy(value_ret, bytes, *size_ret);
	return error;
}

static struct sdb_error *write_register(void *arg, uint32_t number, const void *buffer, size_t size)
{
	struct frame_context *frame = arg;
	int index = sdb_register_by_dwarf(frame->unwinder.target, number);
	if (index < 0)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no register %u", number);
	if (!is_innermost(frame)) {
		if (number >= UNWIND_COLUMNS || size > sizeof(frame->frame.value[0]))
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "register %u was not saved", number);
		uint64_t value = frame->frame.value[number];
		memcpy(&value, buffer, size);
		return saved_set(frame->thread, &frame->frame, number, value);
	}
	if (number < UNWIND_COLUMNS && size <= sizeof(frame->frame.value[0]))
		memcpy(&frame->frame.value[number], buffer, size);
	return sdb_thread_set_register(frame->thread, index, buffer, size);
}

static struct sdb_error *find_cfa(void *arg, uint64_t *cfa_ret)
{
	struct frame_context *frame = arg;
	if (!frame->self.have_cfa)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the frame address of this frame is not known");
	*cfa_ret = frame->self.cfa;
	return NULL;
}

static struct sdb_error *find_tls(void *arg, uint64_t offset, uint64_t *address_ret)
{
	struct frame_context *frame = arg;
	return tls_address(frame->thread, frame->self.region->module, offset, address_ret);
}

/* ---- names ------------------------------------------------------------------------------------------ */

static struct sdb_error *find_symbol(void *arg, uint64_t address, char **name_ret, uint64_t *offset_ret)
{
	struct frame_context *frame = arg;
	struct sdb_place place;
	struct sdb_error *error = sdb_target_place(frame->unwinder.target, address, &place);
	if (error)
		return error;
	if (!place.symbol)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "no symbol at %#llx", (unsigned long long)address);
	*offset_ret = place.offset;
	*name_ret = strdup(place.symbol);
	return *name_ret ? NULL : NO_MEMORY();
}

struct type_search {
	struct sdb_db *db;
	enum sdb_type_kind kind;
	sdb_type_id found;
};

static struct sdb_error *consider_type(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct type_search *search = arg;
	struct sdb_type *type;
	(void)name;
	(void)text;
	struct sdb_error *error = sdb_type(search->db, entity.id, &type);
	if (error)
		return error;
	if (type->kind == search->kind && !(type->flags & SDB_TYPE_DECLARATION))
		search->found = entity.id;
	sdb_type_free(type);
	return search->found ? sdb_error_new(SDB_ERROR_STOPPED, "found") : NULL;
}

/* In all modules but FRAME's that have a database: none is made for the sake of a type. */
static struct sdb_error *find_type(void *arg, const char *qualified, enum sdb_type_kind kind, struct sdb_db **db_ret,
				   sdb_type_id *type_ret)
{
	struct frame_context *frame = arg;
	struct space *space = frame->unwinder.space;
	for (size_t i = 0; i < space->module_count; i++) {
		struct type_search search = { .kind = kind };
		if (!module_has_database(space->modules[i]))
			continue;
		struct sdb_error *error = sdb_module_database(space->modules[i], &search.db);
		if (error || search.db == frame->context.db) {
			sdb_error_free(error); /* one that is damaged knows nothing */
			continue;
		}
		error = sdb_lookup(search.db, qualified, SDB_MATCH_EXACT, 1u << SDB_ENTITY_TYPE, consider_type, &search);
		if (search.found) {
			sdb_error_free(error);
			*db_ret = search.db;
			*type_ret = search.found;
			return NULL;
		}
		if (error && sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
			return error;
		sdb_error_free(error);
	}
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "no module defines %s", qualified);
}

struct copy_search {
	struct sdb_db *db;
	uint64_t address;
};

static struct sdb_error *consider_copy(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct copy_search *search = arg;
	struct sdb_symbol symbol;
	(void)name;
	(void)text;
	struct sdb_error *error = sdb_symbol(search->db, entity.id, &symbol);
	if (!error && symbol.dynamic && symbol.section && symbol.type == STT_OBJECT)
		search->address = symbol.address;
	return error;
}

static struct sdb_error *find_copy(void *arg, const char *name, uint64_t *address_ret)
{
	struct frame_context *frame = arg;
	struct space *space = frame->unwinder.space;
	struct sdb_module *program = space->module_count ? space->modules[0] : NULL;
	struct copy_search search = { .address = 0 };
	struct sdb_error *error = NULL;
	if (program)
		sdb_error_free(module_tables(program, &search.db)); /* without one it knows nothing */
	if (search.db && search.db != frame->context.db)
		error = sdb_lookup(search.db, name, SDB_MATCH_EXACT, 1u << SDB_ENTITY_SYMBOL, consider_copy, &search);
	if (error)
		return error;
	if (!search.address)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the program has no %s", name);
	*address_ret = module_to_target(program, search.address);
	return NULL;
}

/* ---- the caller ------------------------------------------------------------------------------------- */

static struct sdb_error *find_caller(void *arg, const struct sdb_context **caller_ret,
				     const struct sdb_call_site **site_ret)
{
	struct frame_context *frame = arg;
	*site_ret = NULL;
	if (!frame->caller_asked) {
		frame->caller_asked = true;
		if (!frame->last) {
			struct sdb_error *error = frame_context_create(frame->thread, &frame->unwinder, &frame->next,
								       &frame->caller);
			if (error)
				return error;
		}
	}
	if (!frame->caller)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no caller");
	*caller_ret = &frame->caller->context;
	const struct sdb_code *code = frame->caller->context.code;
	uint64_t address = context_to_database(&frame->caller->context, frame->next.pc);
	for (size_t i = 0; code && i < code->call_site_count; i++)
		if (code->call_sites[i].address == address)
			*site_ret = &code->call_sites[i];
	return NULL;
}

static struct sdb_error *find_cpu_area(void *arg, uint64_t *area_ret)
{
	struct frame_context *frame = arg;
	if (frame->context.sections && !sections_have(frame->context.sections, SECTIONS_PERCPU))
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "where a module has its per-CPU variables is not known");
	return system_cpu_area(frame->unwinder.target, frame->thread, area_ret);
}

/* ---- making one ---------------------------------------------------------------------------------------- */

static const struct sdb_context_ops ops = {
	.read_memory = read_memory, .write_memory = write_memory,
	.read_register = read_register, .write_register = write_register, .named_register = named_register,
	.cfa = find_cfa, .tls_address = find_tls, .caller = find_caller,
	.symbol = find_symbol, .find_type = find_type, .copy_of = find_copy, .call = call_function,
	.percpu_base = find_cpu_area,
};

static struct sdb_error *find_code(struct frame_context *frame)
{
	struct sdb_context *context = &frame->context;
	uint32_t *scopes = NULL;
	size_t count = 0;
	struct sdb_error *error = codes_get(frame->self.region->module, context->db, context->pc, &frame->kept);
	if (error || !frame->kept)
		return error;
	context->code = frame->kept->code;
	error = sdb_code_scopes_at(context->code, context->pc, &scopes, &count);
	if (!error && count)
		context->scope = frame->innermost = scopes[0];
	free(scopes);
	return error;
}

struct sdb_error *frame_context_create(struct sdb_thread *thread, const struct unwinder *unwinder,
				       const struct unwind_frame *physical, struct frame_context **frame_ret)
{
	struct frame_context *frame = calloc(1, sizeof(*frame));
	struct sdb_target *target = thread->target;
	char reason[160];
	if (!frame)
		return NO_MEMORY();
	if (!target->types)
		target->types = types_create(TYPES_KEPT);
	*frame = (struct frame_context){ .thread = thread, .unwinder = *unwinder, .frame = *physical };
	frame->context = (struct sdb_context){ .ops = &ops, .arg = frame, .types = target->types };
	struct sdb_error *error = unwinder_step(&frame->unwinder, &frame->frame, &frame->next, &frame->self,
						&frame->last, reason);
	struct sdb_module *module = frame->self.region ? frame->self.region->module : NULL;
	struct sdb_db *db = NULL;
	if (!error && module) {
		/* Without a database there is nothing to evaluate; why was said when it was opened. */
		frame->context.pc = module_to_database(module, frame->self.lookup);
		sdb_error_free(module_database_at(module, frame->context.pc, &db));
		frame->context.db = db;
		frame->context.load_bias = module->bias;
		frame->context.sections = module->sections;
	}
	if (!error && db)
		error = find_code(frame);
	if (error)
		frame_context_destroy(frame);
	else
		*frame_ret = frame;
	return error;
}

void frame_context_destroy(struct frame_context *frame)
{
	while (frame) {
		struct frame_context *caller = frame->caller;
		codes_release(frame->kept);
		free(frame);
		frame = caller;
	}
}

void frame_context_select(struct frame_context *frame, size_t depth)
{
	const struct sdb_code *code = frame->context.code;
	frame->context.scope = frame->innermost;
	while (code && depth > 0) {
		uint32_t scope = frame->context.scope;
		while (code->scopes[scope].kind == SDB_CODE_BLOCK && scope)
			scope = code->scopes[scope].parent;
		if (scope == 0)
			return;
		frame->context.scope = code->scopes[scope].parent;
		depth--;
	}
}

struct sdb_error *sdb_module_context(struct sdb_module *module, const struct sdb_context **context_ret)
{
	/* What needs a frame is not there: the others of these take no notice of it. */
	static const struct sdb_context_ops global_ops = {
		.read_memory = read_memory, .write_memory = write_memory, .symbol = find_symbol, .find_type = find_type,
		.copy_of = find_copy, .percpu_base = find_cpu_area,
	};
	struct sdb_db *db;
	struct sdb_target *target = module->target;
	struct sdb_error *error = sdb_module_database(module, &db);
	if (error)
		return error;
	if (!target->types)
		target->types = types_create(TYPES_KEPT);
	if (!module->context && !(module->context = calloc(1, sizeof(*module->context))))
		return NO_MEMORY();
	struct frame_context *frame = module->context;
	frame->unwinder.target = target;
	error = space_get(target, &frame->unwinder.space);
	if (error)
		return error;
	frame->context = (struct sdb_context){ .ops = &global_ops, .arg = frame, .db = db, .load_bias = module->bias,
					       .sections = module->sections, .types = target->types };
	*context_ret = &frame->context;
	return NULL;
}
