/* SPDX-License-Identifier: MIT */
#include "chain.h"
#include "cdecl.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 64
#define MAX_DEPTH 16      /* of anonymous structures and base classes */
#define MAX_VISITS 100000 /* of members in one search */

static struct sdb_error *no_steps(void)
{
	return sdb_error_new(SDB_ERROR_INVALID, "more than %d members in a chain", MAX_STEPS);
}

static struct chain_step *add_step(struct chain *chain, const char *name, size_t length)
{
	chain->steps = tool_realloc(chain->steps, chain->count + 1, sizeof(*chain->steps));
	struct chain_step *step = &chain->steps[chain->count++];
	*step = (struct chain_step){ .name = tool_alloc(length + 1) };
	memcpy(step->name, name, length);
	return step;
}

void chain_deinit(struct chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		free(chain->steps[i].name);
	free(chain->steps);
	*chain = (struct chain){ 0 };
}

/* ---- the beginning: a variable, else a type, else a function ------------------------ */

struct head_search {
	struct session *session;
	struct sdb_entity entity; /* kind 0: none yet */
	sdb_type_id type;
	bool complete;
	bool has_address;
	uint64_t address;
};

static struct sdb_error *take_variable(struct head_search *search, struct sdb_entity entity)
{
	struct sdb_variable *variable;
	struct sdb_error *error = sdb_variable(session_db(search->session), entity.id, &variable);
	if (error)
		return error;
	bool defined = !(variable->flags & SDB_VARIABLE_DECLARATION);
	if (!search->entity.kind || (defined && !search->complete)) {
		search->entity = entity;
		search->type = variable->type;
		search->complete = defined;
		search->has_address = variable->location.kind == SDB_LOCATION_ADDRESS;
		search->address = variable->location.address;
	}
	sdb_variable_free(variable);
	return NULL;
}

static struct sdb_error *take_head(void *arg, sdb_name_id name, const char *text,
				   struct sdb_entity entity)
{
	struct head_search *search = arg;
	(void)name, (void)text;
	if (search->complete)
		return NULL;
	if (entity.kind == SDB_ENTITY_VARIABLE)
		return take_variable(search, entity);
	if (entity.kind == SDB_ENTITY_FUNCTION) {
		struct sdb_function *function;
		struct sdb_error *error = sdb_function(session_db(search->session), entity.id, false, &function);
		if (error)
			return error;
		search->entity = entity;
		search->type = function->type;
		search->complete = true;
		sdb_function_free(function);
		return NULL;
	}
	struct type_outline type = session_type(search->session, entity.id);
	/* A structure is meant rather than an enumeration or a declaration of the same name. */
	bool complete = !(type.flags & SDB_TYPE_DECLARATION) && type.kind != SDB_TYPE_NAMESPACE;
	if (type.kind != SDB_TYPE_NAMESPACE && (!search->entity.kind || complete)) {
		search->entity = entity;
		search->type = entity.id;
		search->complete = complete;
	}
	return NULL;
}

static struct sdb_error *find_head(struct session *session, const char *name, bool only_type,
				   struct head_search *search_ret)
{
	static const enum sdb_entity_kind order[] = { SDB_ENTITY_VARIABLE, SDB_ENTITY_TYPE,
						      SDB_ENTITY_FUNCTION };
	*search_ret = (struct head_search){ .session = session };
	for (size_t i = only_type; i < (only_type ? 2u : 3u) && !search_ret->complete; i++) {
		struct sdb_error *error = sdb_lookup(session_db(session), name, SDB_MATCH_EXACT,
						     1u << order[i], take_head, search_ret);
		if (error && sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
			return error;
		sdb_error_free(error);
	}
	if (!search_ret->entity.kind)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "no type, variable or function of that name");
	return NULL;
}

/* ---- members --------------------------------------------------------------------------- */

struct member_search {
	struct session *session;
	const char *name;
	size_t length;
	size_t visits;
	struct chain_step found;
};

static bool find_member(struct member_search *search, sdb_type_id id, uint64_t base_bits,
			unsigned depth)
{
	struct sdb_type *type;
	if (depth > MAX_DEPTH || search->visits == 0
	    || session_note(search->session, sdb_type(session_db(search->session), id, &type)))
		return false;
	bool found = false;
	for (size_t i = 0; i < type->member_count && !found && search->visits; i++) {
		const struct sdb_member *member = &type->members[i];
		const char *name = member->name ? session_name(search->session, member->name) : "";
		uint64_t bits = base_bits + member->bit_offset;
		search->visits--;
		if (strlen(name) != search->length || memcmp(name, search->name, search->length) != 0)
			continue;
		search->found.type = member->type;
		search->found.offset = bits / 8;
		search->found.bit_offset = (uint32_t)(bits % 8);
		search->found.bit_size = member->bit_size;
		found = true;
	}
	for (size_t i = 0; i < type->member_count && !found; i++) {
		const struct sdb_member *member = &type->members[i];
		if (member->kind != SDB_MEMBER_BASE && member->name)
			continue;
		struct type_outline inner = session_stripped(search->session, member->type);
		if (inner.has_members)
			found = find_member(search, inner.id, base_bits + member->bit_offset, depth + 1);
	}
	sdb_type_free(type);
	return found;
}

/* The type behind pointers, typedefs and qualifiers; counts the pointers. */
static struct type_outline behind_pointers(struct session *session, sdb_type_id id, bool *pointer_ret)
{
	struct type_outline type = session_stripped(session, id);
	for (unsigned i = 0; i < MAX_DEPTH; i++) {
		if (type.kind != SDB_TYPE_POINTER && type.kind != SDB_TYPE_REFERENCE
		    && type.kind != SDB_TYPE_RVALUE_REFERENCE)
			break;
		*pointer_ret = true;
		type = session_stripped(session, type.target);
	}
	return type;
}

/* A structure of that name that is only declared here may be defined elsewhere in the module. */
static void complete_declaration(struct session *session, struct type_outline *type)
{
	if (!(type->flags & SDB_TYPE_DECLARATION) || !type->name)
		return;
	struct head_search search;
	char *name = tool_strdup(session_name(session, type->name));
	if (!session_missed(session, find_head(session, name, true, &search)) && search.complete)
		*type = session_type(session, search.type);
	free(name);
}

static struct sdb_error *follow_member(struct session *session, struct chain *chain,
				       const char *name, size_t length)
{
	const struct chain_step *before = &chain->steps[chain->count - 1];
	bool pointer = false;
	struct type_outline type = behind_pointers(session, before->type, &pointer);
	complete_declaration(session, &type);
	/* An array is entered at its first element. */
	if (type.kind == SDB_TYPE_ARRAY)
		type = behind_pointers(session, type.target, &pointer);
	struct member_search search = { session, name, length, MAX_VISITS, { 0 } };
	if (!find_member(&search, type.id, 0, 0)) {
		struct text text = TEXT_EMPTY;
		cdecl_type(session, &text, type.id);
		struct sdb_error *error = sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no member %.*s",
							text_string(&text), (int)length, name);
		free(text.data);
		return error;
	}
	uint64_t start = pointer ? 0 : before->offset;
	struct chain_step *step = add_step(chain, name, length);
	char *kept = step->name;
	*step = search.found;
	step->name = kept;
	step->through_pointer = pointer;
	step->offset += start;
	return NULL;
}

static struct sdb_error *follow_index(struct session *session, struct chain *chain,
				      const char *text, size_t length)
{
	const struct chain_step before = chain->steps[chain->count - 1];
	char *end;
	uint64_t index = strtoull(text + 1, &end, 0), size, distance;
	if (end == text + 1 || *end != ']')
		return sdb_error_new(SDB_ERROR_INVALID, "an index must be a number: %.*s", (int)length, text);
	struct type_outline type = session_stripped(session, before.type);
	if (type.kind != SDB_TYPE_ARRAY && type.kind != SDB_TYPE_POINTER)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s is neither an array nor a pointer", before.name);
	if (!session_type_size(session, type.target, &size)
	    || __builtin_mul_overflow(size, index, &distance))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the elements of %s have no size", before.name);
	struct chain_step *step = add_step(chain, text, length);
	step->type = type.target;
	step->through_pointer = type.kind == SDB_TYPE_POINTER;
	step->offset = (step->through_pointer ? 0 : before.offset) + distance;
	return NULL;
}

/* Length of the name at TEXT: up to `.`, `->` or `[`; template arguments are part of a name. */
static size_t name_length(const char *text)
{
	size_t depth = 0, i;
	for (i = 0; text[i]; i++) {
		if (text[i] == '<')
			depth++;
		else if (text[i] == '>' && depth && text[i - 1] != '-')
			depth--;
		else if (!depth && (text[i] == '.' || text[i] == '[' || (text[i] == '-' && text[i + 1] == '>')))
			break;
	}
	return i;
}

static struct sdb_error *follow_rest(struct session *session, struct chain *chain, const char *at)
{
	while (*at) {
		struct sdb_error *error;
		size_t length;
		if (chain->count >= MAX_STEPS)
			return no_steps();
		if (*at == '[') {
			length = strcspn(at, "]");
			length += at[length] == ']';
			error = follow_index(session, chain, at, length);
		} else {
			at += *at == '.' ? 1 : *at == '-' ? 2 : 0;
			length = name_length(at);
			error = length ? follow_member(session, chain, at, length)
				: sdb_error_new(SDB_ERROR_INVALID, "a member's name is missing");
		}
		if (error)
			return error;
		at += length;
	}
	return NULL;
}

static struct sdb_error *follow(struct session *session, const char *text, bool only_type,
				struct chain *chain_ret)
{
	*chain_ret = (struct chain){ 0 };
	size_t length = name_length(text);
	struct chain_step *step = add_step(chain_ret, text, length);
	struct head_search head;
	struct sdb_error *error = find_head(session, step->name, only_type, &head);
	if (!error) {
		step->type = head.type;
		chain_ret->entity = head.entity;
		chain_ret->has_address = head.has_address;
		chain_ret->address = head.address;
		error = follow_rest(session, chain_ret, text + length);
	}
	if (error)
		chain_deinit(chain_ret);
	return error;
}

struct sdb_error *chain_follow(struct session *session, const char *text, struct chain *chain_ret)
{
	static const char *const tags[] = { "struct ", "union ", "class ", "enum " };
	bool only_type = false;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (strncmp(text, tags[i], strlen(tags[i])) == 0) {
			text += strlen(tags[i]);
			only_type = true;
		}
	struct sdb_error *error = follow(session, text, only_type, chain_ret);
	/* A variable may have the name of a type that is meant. */
	if (error && !only_type && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		struct sdb_error *other = follow(session, text, true, chain_ret);
		if (!other) {
			sdb_error_free(error);
			return NULL;
		}
		sdb_error_free(other);
	}
	return error;
}

/* ---- showing ------------------------------------------------------------------------------ */

void chain_print(struct session *session, struct text *to, const struct chain *chain)
{
	bool known = chain->has_address;
	struct text path = TEXT_EMPTY;
	for (size_t i = 0; i < chain->count; i++) {
		const struct chain_step *step = &chain->steps[i];
		if (i && step->name[0] != '[')
			text_add(&path, step->through_pointer ? "->" : ".");
		text_add(&path, step->name);
		size_t start = to->size;
		cdecl_put(session, to, step->type, text_string(&path), 0);
		if (step->bit_size)
			text_format(to, ":%u", step->bit_size);
		text_char(to, ';');
		size_t width = to->size - start;
		text_repeat(to, ' ', width < 56 ? 56 - width : 1);
		uint64_t size;
		text_format(to, "/* offset %llu", (unsigned long long)step->offset);
		if (step->bit_size)
			text_format(to, ":%u", step->bit_offset);
		if (session_type_size(session, step->type, &size))
			text_format(to, ", size %llu", (unsigned long long)size);
		known = known && !step->through_pointer;
		if (known)
			text_format(to, ", at 0x%llx", (unsigned long long)(chain->address + step->offset));
		text_add(to, " */\n");
	}
	free(path.data);
}

void chain_json(struct session *session, struct json *json, const struct chain *chain)
{
	bool known = chain->has_address;
	json_array(json, "steps");
	for (size_t i = 0; i < chain->count; i++) {
		const struct chain_step *step = &chain->steps[i];
		struct text text = TEXT_EMPTY;
		uint64_t size;
		json_object(json, NULL);
		json_string(json, "name", step->name);
		cdecl_type(session, &text, step->type);
		json_stringn(json, "type", text.data, text.size);
		free(text.data);
		json_number(json, "type_id", step->type);
		json_bool(json, "through_pointer", step->through_pointer);
		json_number(json, "offset", step->offset);
		if (step->bit_size) {
			json_number(json, "bit_offset", step->bit_offset);
			json_number(json, "bit_size", step->bit_size);
		}
		if (session_type_size(session, step->type, &size))
			json_number(json, "size", size);
		known = known && !step->through_pointer;
		if (known)
			json_hex(json, "address", chain->address + step->offset);
		json_close(json);
	}
	json_close(json);
}
