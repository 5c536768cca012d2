/* SPDX-License-Identifier: MIT */
#include "session.h"
#include "cache.h"

#include <stackdb/language.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 1024     /* of each cache; a power of two */
#define ROOM ((size_t)2 << 20)
#define LONG_TEXT 1024 /* longer ones are not kept */
#define MAX_DEPTH 64   /* of typedefs and arrays */

/* Texts by number; the last long one has a place of its own. */
struct text_cache {
	struct cache cache;
	char *last_long;
};

struct session {
	struct sdb_db *db;
	bool shares_db; /* it is another session's */
	const struct sdb_db_info *info;
	struct sdb_error *error;
	int plain_tags; /* -1: not known yet */
	struct text_cache names, files, types, functions;
	char *qualified;
	size_t outline_count;
	struct type_outline *outlines;
	struct cache notes[SESSION_NOTES];
};

static struct session *session_on(struct sdb_db *db, bool many)
{
	struct session *session = tool_alloc(sizeof(*session));
	session->db = db;
	session->info = sdb_db_info(db);
	session->plain_tags = -1;
	session->names.cache.count = session->functions.cache.count = many ? 2 * SLOTS : SLOTS;
	session->files.cache.count = session->types.cache.count = SLOTS;
	session->outline_count = SLOTS;
	session->outlines = tool_alloc(session->outline_count * sizeof(*session->outlines));
	session->notes[SESSION_DECLARATIONS].count = many ? 2 * SLOTS : SLOTS / 2;
	session->notes[SESSION_EXPRESSIONS].count = many ? SLOTS : SLOTS / 4;
	session->notes[SESSION_FUNCTIONS].count = SLOTS / 4;
	return session;
}

struct sdb_error *session_open_path(const char *path, size_t room, struct session **session_ret)
{
	struct sdb_db *db;
	struct sdb_open_options options = { .cache_size = room ? room : ROOM };
	struct sdb_error *error = sdb_db_open(path, &options, &db);
	if (error)
		return error;
	*session_ret = session_on(db, false);
	return NULL;
}

struct session *session_share(struct session *session, bool many)
{
	struct session *other = session_on(session->db, many);
	other->shares_db = true;
	return other;
}

struct sdb_error *session_take_error(struct session *session)
{
	struct sdb_error *error = session->error;
	session->error = NULL;
	return error;
}

struct session *session_open(const struct common *common, int *status_ret)
{
	*status_ret = STATUS_USAGE;
	if (!common->module) {
		tool_complain(NULL, "which module? give -m with a database, an ELF file or a build-id");
		return NULL;
	}
	char *path;
	bool temporary;
	struct sdb_error *error = open_resolve(common->module, common->no_index, &path, &temporary);
	if (error) {
		*status_ret = tool_fail(common->module, error);
		return NULL;
	}
	struct session *session;
	error = session_open_path(path, common->room, &session);
	if (temporary)
		open_remove_temporary();
	free(path);
	if (error) {
		*status_ret = tool_fail(NULL, error);
		return NULL;
	}
	*status_ret = STATUS_DONE;
	return session;
}

static void text_cache_deinit(struct text_cache *cache)
{
	cache_deinit(&cache->cache);
	free(cache->last_long);
}

int session_close(struct session *session, int status)
{
	if (session->error)
		status = tool_fail(NULL, session->error);
	text_cache_deinit(&session->names);
	text_cache_deinit(&session->files);
	text_cache_deinit(&session->types);
	text_cache_deinit(&session->functions);
	for (size_t i = 0; i < SESSION_NOTES; i++)
		cache_deinit(&session->notes[i]);
	free(session->outlines);
	free(session->qualified);
	if (!session->shares_db)
		sdb_db_close(session->db);
	free(session);
	return status;
}

struct sdb_db *session_db(struct session *session)
{
	return session->db;
}

const struct sdb_db_info *session_info(struct session *session)
{
	return session->info;
}

bool session_note(struct session *session, struct sdb_error *error)
{
	if (!error)
		return false;
	if (session->error)
		sdb_error_free(error);
	else
		session->error = error;
	return true;
}

bool session_missed(struct session *session, struct sdb_error *error)
{
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		return true;
	}
	return session_note(session, error);
}

bool session_failed(const struct session *session)
{
	return session->error != NULL;
}

/* ---- names ---------------------------------------------------------------- */

/* Keeps a copy of TEXT, which has a larger buffer than it needs, and frees it. */
static const char *text_keep(struct text_cache *cache, uint32_t id, char *text)
{
	text_clean(text);
	if (strlen(text) > LONG_TEXT) {
		free(cache->last_long);
		return cache->last_long = text;
	}
	char *copy = tool_strdup(text);
	free(text);
	return cache_put(&cache->cache, id, copy);
}

const char *session_name(struct session *session, sdb_name_id id)
{
	if (id == 0)
		return "";
	const char *known = cache_get(&session->names.cache, id);
	if (known)
		return known;
	char *text;
	if (session_note(session, sdb_name(session->db, id, &text)))
		return "?";
	return text_keep(&session->names, id, text);
}

const char *session_file(struct session *session, sdb_file_id id)
{
	if (id == 0)
		return "";
	const char *known = cache_get(&session->files.cache, id);
	if (known)
		return known;
	char *text;
	if (session_note(session, sdb_file(session->db, id, &text)))
		return "?";
	return text_keep(&session->files, id, text);
}

const char *session_qualified(struct session *session, struct sdb_entity entity)
{
	struct text_cache *cache = entity.kind == SDB_ENTITY_TYPE ? &session->types
		: entity.kind == SDB_ENTITY_FUNCTION ? &session->functions : NULL;
	const char *known = cache ? cache_get(&cache->cache, entity.id) : NULL;
	if (known)
		return known;
	char *text;
	if (session_note(session, sdb_qualified_name(session->db, entity, &text)))
		return "?";
	if (cache)
		return text_keep(cache, entity.id, text);
	free(session->qualified);
	return session->qualified = text_clean(text);
}

const void *session_recall(const struct session *session, enum session_notes kind, uint32_t id)
{
	return cache_get(&session->notes[kind], id);
}

void session_remember(struct session *session, enum session_notes kind, uint32_t id, void *data)
{
	cache_put(&session->notes[kind], id, data);
}

bool session_plain_tags(struct session *session)
{
	if (session->plain_tags >= 0)
		return session->plain_tags;
	session->plain_tags = 0;
	/* Assembler units say nothing: ask the first few others. */
	for (sdb_unit_id id = 1; id <= session->info->units && id <= 64; id++) {
		struct sdb_unit unit;
		if (session_note(session, sdb_unit(session->db, id, &unit)))
			break;
		if (unit.language == 0x8001 || unit.language == 0)
			continue;
		session->plain_tags = sdb_language_plain_tags(unit.language);
		break;
	}
	return session->plain_tags;
}

unsigned session_address_size(struct session *session)
{
	return session->info->elf_class == 1 ? 4 : 8;
}

/* ---- types ---------------------------------------------------------------- */

static uint64_t count_elements(const struct sdb_type *type)
{
	uint64_t count = type->dimension_count ? 1 : 0;
	for (size_t i = 0; i < type->dimension_count; i++)
		if (type->dimensions[i].kind != SDB_DIMENSION_COUNT
		    || __builtin_mul_overflow(count, type->dimensions[i].count, &count))
			return 0;
	return count;
}

struct type_outline session_type(struct session *session, sdb_type_id id)
{
	struct type_outline *slot = &session->outlines[id & (session->outline_count - 1)];
	if (id == 0)
		return (struct type_outline){ .kind = SDB_TYPE_NONE };
	if (slot->id == id)
		return *slot;
	struct sdb_type_outline outline;
	if (session_note(session, sdb_type_outline(session->db, id, &outline)))
		return (struct type_outline){ .id = id, .kind = SDB_TYPE_NONE };
	struct type_outline found = {
		.id = id, .kind = outline.kind, .flags = outline.flags, .name = outline.name,
		.target = outline.target, .scope = outline.scope, .size = outline.size,
		.has_members = outline.has_members, .has_enumerators = outline.has_enumerators,
	};
	struct sdb_type *type;
	if (outline.kind == SDB_TYPE_ARRAY || outline.kind == SDB_TYPE_MEMBER_POINTER) {
		if (session_note(session, sdb_type(session->db, id, &type)))
			return (struct type_outline){ .id = id, .kind = SDB_TYPE_NONE };
		found.elements = count_elements(type);
		found.containing = type->containing;
		sdb_type_free(type);
	}
	return *slot = found;
}

struct type_outline session_stripped(struct session *session, sdb_type_id id)
{
	struct type_outline type = session_type(session, id);
	for (unsigned depth = 0; depth < MAX_DEPTH; depth++) {
		if (type.kind != SDB_TYPE_TYPEDEF && type.kind != SDB_TYPE_CONST
		    && type.kind != SDB_TYPE_VOLATILE && type.kind != SDB_TYPE_RESTRICT
		    && type.kind != SDB_TYPE_ATOMIC)
			return type;
		type = session_type(session, type.target);
	}
	return (struct type_outline){ .id = id, .kind = SDB_TYPE_NONE };
}

struct type_outline session_anonymous(struct session *session, sdb_type_id id, bool *points_ret)
{
	*points_ret = false;
	for (unsigned depth = 0; depth < MAX_DEPTH; depth++) {
		struct type_outline type = session_type(session, id);
		switch (type.kind) {
		case SDB_TYPE_STRUCT: case SDB_TYPE_CLASS: case SDB_TYPE_UNION: case SDB_TYPE_ENUM:
			return type.name ? (struct type_outline){ 0 } : type;
		case SDB_TYPE_POINTER: case SDB_TYPE_REFERENCE:
			*points_ret = true;
			break;
		case SDB_TYPE_CONST: case SDB_TYPE_VOLATILE: case SDB_TYPE_RESTRICT: case SDB_TYPE_ATOMIC:
		case SDB_TYPE_ARRAY:
			break;
		default:
			return (struct type_outline){ 0 };
		}
		id = type.target;
	}
	return (struct type_outline){ 0 };
}

bool session_type_size(struct session *session, sdb_type_id id, uint64_t *size_ret)
{
	uint64_t factor = 1;
	for (unsigned depth = 0; depth < MAX_DEPTH; depth++) {
		struct type_outline type = session_stripped(session, id);
		uint64_t size = type.size;
		bool known = type.flags & (SDB_TYPE_SIZED | SDB_TYPE_BIT_SIZED);
		if (type.flags & SDB_TYPE_BIT_SIZED)
			size = size / 8 + (size % 8 != 0);
		if (!known && (type.kind == SDB_TYPE_POINTER || type.kind == SDB_TYPE_REFERENCE
			       || type.kind == SDB_TYPE_RVALUE_REFERENCE)) {
			size = session_address_size(session);
			known = true;
		}
		if (known)
			return !__builtin_mul_overflow(size, factor, size_ret);
		if (type.kind == SDB_TYPE_MEMBER_POINTER) { /* as the Itanium C++ ABI has them */
			bool method = session_stripped(session, type.target).kind == SDB_TYPE_FUNCTION;
			return !__builtin_mul_overflow(session_address_size(session) * (method ? 2u : 1u),
						       factor, size_ret);
		}
		if ((type.kind == SDB_TYPE_ENUM || type.kind == SDB_TYPE_SUBRANGE) && type.target) {
			id = type.target;
			continue;
		}
		if (type.kind != SDB_TYPE_ARRAY
		    || __builtin_mul_overflow(factor, type.elements, &factor))
			return false;
		id = type.target;
	}
	return false;
}

/* ---- addresses ------------------------------------------------------------- */

bool session_put_symbol(struct session *session, struct text *to, uint64_t address)
{
	struct sdb_symbol symbol;
	sdb_symbol_id id;
	if (session_missed(session, sdb_symbol_at(session->db, address, &symbol, &id)))
		return false;
	text_add(to, session_name(session, symbol.name));
	if (address != symbol.address) {
		text_char(to, '+');
		text_hex(to, address - symbol.address);
	}
	return true;
}

void session_put_decl(struct session *session, struct text *to, sdb_file_id file, uint32_t line)
{
	if (!file)
		return;
	text_add(to, session_file(session, file));
	if (line) {
		text_char(to, ':');
		text_u64(to, line);
	}
}

struct address_search {
	struct session *session;
	uint64_t address;
	bool found;
};

static struct sdb_error *take_address(void *arg, sdb_name_id name, const char *text,
				      struct sdb_entity entity)
{
	struct address_search *search = arg;
	(void)name, (void)text;
	if (search->found)
		return NULL;
	if (entity.kind == SDB_ENTITY_SYMBOL) {
		struct sdb_symbol symbol;
		struct sdb_error *error = sdb_symbol(search->session->db, entity.id, &symbol);
		if (error)
			return error;
		if (symbol.section != 0) {
			search->address = symbol.address;
			search->found = true;
		}
		return NULL;
	}
	struct sdb_instance *instances;
	size_t count;
	struct sdb_error *error = sdb_function_instances(search->session->db, entity.id, &instances, &count);
	if (error)
		return error;
	for (size_t i = 0; i < count && !search->found; i++)
		if (!instances[i].inlined) {
			search->address = instances[i].address;
			search->found = true;
		}
	free(instances);
	return NULL;
}

/* The address that BASE (a symbol, a function or a section) has. */
static bool find_base(struct session *session, const char *base, uint64_t *address_ret)
{
	if (base[0] == '.') {
		const struct sdb_section *sections;
		size_t count;
		if (session_note(session, sdb_sections(session->db, &sections, &count)))
			return false;
		for (size_t i = 0; i < count; i++)
			if (sections[i].name && strcmp(sections[i].name, base) == 0) {
				*address_ret = sections[i].address;
				return true;
			}
	}
	struct address_search search = { .session = session };
	for (int kind = SDB_ENTITY_SYMBOL; kind <= SDB_ENTITY_FUNCTION && !search.found; kind++)
		if (session_note(session, sdb_lookup(session->db, base, SDB_MATCH_EXACT, 1u << kind,
						     take_address, &search)))
			return false;
	*address_ret = search.address;
	return search.found;
}

bool session_parse_address(struct session *session, const char *text, uint64_t *address_ret)
{
	if (tool_parse_number(text, address_ret))
		return true;
	char *base = tool_strdup(text);
	char *plus = strrchr(base, '+');
	uint64_t offset = 0;
	bool sound = !plus || (plus != base && tool_parse_number(plus + 1, &offset));
	if (plus && sound)
		*plus = '\0';
	bool found = sound && find_base(session, base, address_ret);
	/* Hexadecimal without 0x, as other tools print it, when nothing has that name. */
	char *end;
	if (!found && !plus && strlen(text) <= 16) {
		*address_ret = strtoull(text, &end, 16);
		found = *text != '-' && *text != '+' && *end == '\0' && end != text;
	}
	free(base);
	if (found)
		*address_ret += offset;
	else if (!session_failed(session))
		tool_complain(text, "neither an address nor a symbol with one");
	return found;
}
