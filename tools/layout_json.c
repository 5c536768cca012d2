/* SPDX-License-Identifier: MIT */
#include "cdecl.h"
#include "layout.h"

#include <stdlib.h>

#define MAX_DEPTH 8 /* json.h nests two levels for each */
#define MAX_MEMBERS 200000

struct walk {
	struct session *session;
	struct json *json;
	bool expand;
	size_t budget;
};

static void put_type(struct walk *walk, sdb_type_id id, unsigned depth);

static const char *kind_name(enum sdb_type_kind kind)
{
	static const char *const names[SDB_TYPE_KINDS] = {
		"void", "base", "pointer", "reference", "rvalue_reference", "member_pointer", "const",
		"volatile", "restrict", "atomic", "typedef", "array", "struct", "class", "union", "enum",
		"function", "unspecified", "subrange", "string", "namespace", "other",
	};
	return (unsigned)kind < SDB_TYPE_KINDS ? names[kind] : "other";
}

static void put_text(struct walk *walk, const char *key, sdb_type_id type)
{
	struct text text = TEXT_EMPTY;
	cdecl_type(walk->session, &text, type);
	json_stringn(walk->json, key, text.data, text.size);
	text_deinit(&text);
}

static void put_member(struct walk *walk, const struct sdb_member *member, unsigned depth)
{
	static const char *const access[] = { NULL, "public", "protected", "private" };
	struct json *json = walk->json;
	uint64_t size;
	json_object(json, NULL);
	json_string(json, "name", member->name ? session_name(walk->session, member->name) : NULL);
	put_text(walk, "type", member->type);
	json_number(json, "type_id", member->type);
	if (member->kind == SDB_MEMBER_BASE)
		json_bool(json, "base", true);
	if (member->flags & SDB_MEMBER_VIRTUAL)
		json_bool(json, "virtual", true);
	if (member->flags & SDB_MEMBER_STATIC) {
		json_bool(json, "static", true);
	} else {
		json_number(json, "offset", member->bit_offset / 8);
		json_number(json, "bit_offset", member->bit_offset);
		if (session_type_size(walk->session, member->type, &size))
			json_number(json, "size", size);
		if (member->bit_size)
			json_number(json, "bit_size", member->bit_size);
	}
	if (member->flags & SDB_MEMBER_CONST_VALUE)
		json_signed(json, "value", (int64_t)member->value);
	if (member->kind == SDB_MEMBER_VARIANT)
		json_number(json, "variant", member->variant);
	if (member->flags & SDB_MEMBER_ACCESS)
		json_string(json, "access", access[member->flags & SDB_MEMBER_ACCESS]);
	bool points;
	struct type_outline outline = session_anonymous(walk->session, member->type, &points);
	if (!outline.id && walk->expand)
		outline = session_stripped(walk->session, member->type);
	bool structure = outline.kind == SDB_TYPE_STRUCT || outline.kind == SDB_TYPE_UNION
		|| outline.kind == SDB_TYPE_CLASS;
	if (structure && depth < MAX_DEPTH) {
		json_object(json, "definition");
		put_type(walk, outline.id, depth + 1);
		json_close(json);
	}
	json_close(json);
}

static void put_type(struct walk *walk, sdb_type_id id, unsigned depth)
{
	struct json *json = walk->json;
	struct sdb_type *type;
	if (session_note(walk->session, sdb_type(session_db(walk->session), id, &type)))
		return;
	uint64_t size;
	json_string(json, "kind", kind_name(type->kind));
	const char *name = !type->name ? NULL : type->scope.kind == SDB_SCOPE_FUNCTION
		? session_name(walk->session, type->name)
		: session_qualified(walk->session, (struct sdb_entity){ SDB_ENTITY_TYPE, id });
	json_string(json, "name", name);
	if (type->scope.kind == SDB_SCOPE_FUNCTION)
		json_string(json, "function", session_qualified(
				    walk->session, (struct sdb_entity){ SDB_ENTITY_FUNCTION, type->scope.id }));
	json_number(json, "id", id);
	if (session_type_size(walk->session, id, &size))
		json_number(json, "size", size);
	if (type->flags & SDB_TYPE_DECLARATION)
		json_bool(json, "declaration", true);
	if (type->decl.file) {
		json_string(json, "file", session_file(walk->session, type->decl.file));
		json_number(json, "line", type->decl.line);
	}
	if (type->target)
		put_text(walk, "target", type->target);
	if (type->member_count) {
		json_array(json, "members");
		for (size_t i = 0; i < type->member_count && walk->budget; i++, walk->budget--)
			put_member(walk, &type->members[i], depth);
		json_close(json);
	}
	if (type->enumerator_count) {
		json_array(json, "enumerators");
		for (size_t i = 0; i < type->enumerator_count; i++) {
			json_object(json, NULL);
			json_string(json, "name", session_name(walk->session, type->enumerators[i].name));
			if (type->enumerators[i].is_unsigned)
				json_number(json, "value", (uint64_t)type->enumerators[i].value);
			else
				json_signed(json, "value", type->enumerators[i].value);
			json_close(json);
		}
		json_close(json);
	}
	sdb_type_free(type);
}

void layout_json(struct session *session, struct json *json, sdb_type_id type, bool expand)
{
	struct walk walk = { session, json, expand, MAX_MEMBERS };
	put_type(&walk, type, 0);
}
