/* SPDX-License-Identifier: MIT */
#include "layout.h"
#include "cdecl.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 16
#define MAX_MEMBERS 200000 /* of one type with all that is expanded inside */
#define CACHE_LINE 64u
#define TYPE_COLUMNS 26u
#define MEMBER_COLUMNS 48u

struct layout {
	struct session *session;
	struct text *to;
	const struct layout_options *options;
	size_t budget;    /* of members */
	uint64_t line_marked; /* number of the last cache line that was marked */
	sdb_type_id open[MAX_DEPTH + 1]; /* being printed, against cycles */
};

/* What has been seen of one structure. */
struct tally {
	uint64_t end; /* bit behind the furthest member so far */
	uint64_t member_bytes, bitfield_bits, hole_bytes, bit_hole_bits;
	unsigned members, holes, bit_holes, statics;
};

static void put_structure(struct layout *layout, const struct sdb_type *type, uint64_t base,
			  unsigned indent, unsigned depth);

static bool is_structure(enum sdb_type_kind kind)
{
	return kind == SDB_TYPE_STRUCT || kind == SDB_TYPE_CLASS || kind == SDB_TYPE_UNION;
}

static uint64_t size_in_bits(const struct sdb_type *type)
{
	uint64_t bits;
	if (type->flags & SDB_TYPE_BIT_SIZED)
		return type->size;
	return __builtin_mul_overflow(type->size, 8, &bits) ? UINT64_MAX : bits;
}

/* Bits that MEMBER takes; 0 when its type has no size. */
static uint64_t member_bits(struct session *session, const struct sdb_member *member)
{
	uint64_t bytes, bits;
	if (member->bit_size)
		return member->bit_size;
	if (!session_type_size(session, member->type, &bytes) || __builtin_mul_overflow(bytes, 8, &bits))
		return 0;
	return bits;
}

static uint64_t add_bits(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void put_indent(struct layout *layout, unsigned indent)
{
	text_repeat(layout->to, '\t', layout->options->indent + indent);
}

static void pad_to(struct text *to, size_t start, size_t column)
{
	size_t at = to->size - start;
	text_repeat(to, ' ', at < column ? column - at : 1);
}

/* ---- what stands between two members ---------------------------------------- */

static void put_hole(struct layout *layout, struct tally *tally, uint64_t start, unsigned indent)
{
	if (start <= tally->end)
		return;
	uint64_t gap = start - tally->end;
	uint64_t bits = tally->end % 8 ? 8 - tally->end % 8 : 0;
	if (bits > gap)
		bits = gap;
	uint64_t bytes = (gap - bits) / 8;
	bits += (gap - bits) % 8;
	if (bits) {
		tally->bit_holes++;
		tally->bit_hole_bits += bits;
	}
	if (bytes) {
		tally->holes++;
		tally->hole_bytes += bytes;
	}
	if (layout->options->plain)
		return;
	text_char(layout->to, '\n');
	if (bits) {
		put_indent(layout, indent);
		text_format(layout->to, "/* XXX %llu bit%s hole, try to pack */\n", (unsigned long long)bits,
			    bits == 1 ? "" : "s");
	}
	if (bytes) {
		put_indent(layout, indent);
		text_format(layout->to, "/* XXX %llu byte%s hole, try to pack */\n", (unsigned long long)bytes,
			    bytes == 1 ? "" : "s");
	}
	text_char(layout->to, '\n');
}

/* Marks the cache lines that begin at or before bit START and have not been marked. */
static void put_cache_line(struct layout *layout, uint64_t start, unsigned indent)
{
	uint64_t line = start / 8 / CACHE_LINE;
	if (!layout->options->cachelines || layout->options->plain || line <= layout->line_marked)
		return;
	layout->line_marked = line;
	uint64_t past = start / 8 - line * CACHE_LINE;
	put_indent(layout, indent);
	text_format(layout->to, "/* --- cacheline %llu boundary (%llu bytes) ", (unsigned long long)line,
		    (unsigned long long)(line * CACHE_LINE));
	if (past)
		text_format(layout->to, "was %llu bytes ago ", (unsigned long long)past);
	text_add(layout->to, "--- */\n");
}

/* ---- members ----------------------------------------------------------------- */

/* Columns are counted from the left edge, so that those of what is nested stand in line. */
static unsigned columns_at(unsigned columns, unsigned indent_tabs)
{
	unsigned moved = 8 * (indent_tabs ? indent_tabs - 1 : 0);
	return columns > moved ? columns - moved : 0;
}

static void put_place(struct layout *layout, const struct sdb_member *member, uint64_t base,
		      unsigned indent, size_t line_start, const char *note)
{
	struct text *to = layout->to;
	if (layout->options->plain) {
		text_char(to, '\n');
		return;
	}
	uint64_t start = add_bits(base, member->bit_offset);
	uint64_t size = 0;
	pad_to(to, line_start, columns_at(MEMBER_COLUMNS, indent));
	session_type_size(layout->session, member->type, &size);
	if (member->kind == SDB_MEMBER_BASE && member->flags & SDB_MEMBER_VIRTUAL) {
		text_add(to, "/* virtual base */\n");
		return;
	}
	if (member->flags & SDB_MEMBER_BITFIELD || member->bit_size) {
		/* The storage unit that the field lies in, and the first bit inside it. */
		uint64_t unit = size && size <= 8 ? size * 8 : 8;
		uint64_t unit_start = start - start % unit;
		if (start + member->bit_size > unit_start + unit)
			unit_start = start - start % 8;
		text_format(to, "/* %5llu:%2llu %2llu", (unsigned long long)(unit_start / 8),
			    (unsigned long long)(start - unit_start), (unsigned long long)size);
	} else {
		text_format(to, "/* %5llu %5llu", (unsigned long long)(start / 8), (unsigned long long)size);
	}
	text_add(to, note);
	text_add(to, " */\n");
}

static const char *access_name(const struct sdb_type *type, uint32_t flags)
{
	switch (flags & SDB_MEMBER_ACCESS) {
	case SDB_MEMBER_PUBLIC: return "public";
	case SDB_MEMBER_PROTECTED: return "protected";
	case SDB_MEMBER_PRIVATE: return "private";
	default: return type->kind == SDB_TYPE_CLASS ? "private" : "public";
	}
}

static void put_static(struct layout *layout, const struct sdb_member *member, unsigned indent)
{
	put_indent(layout, indent);
	size_t start = layout->to->size;
	text_add(layout->to, "static ");
	cdecl_put(layout->session, layout->to, member->type, session_name(layout->session, member->name),
		  columns_at(TYPE_COLUMNS, indent + 1));
	if (member->flags & SDB_MEMBER_CONST_VALUE) {
		text_add(layout->to, " = ");
		text_s64(layout->to, (int64_t)member->value);
	}
	text_char(layout->to, ';');
	if (!layout->options->plain) {
		pad_to(layout->to, start, columns_at(MEMBER_COLUMNS, indent));
		text_add(layout->to, "/* static */");
	}
	text_char(layout->to, '\n');
}

static bool is_open(const struct layout *layout, sdb_type_id id, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		if (layout->open[i] == id)
			return true;
	return false;
}

/*
 * Prints a member whose type is defined in place: anonymous structures always, those that it
 * points to or has an array of included, others when all is to be expanded. Returns false when it
 * is not such a member.
 */
static bool put_expanded(struct layout *layout, const struct sdb_member *member, uint64_t base,
			 unsigned indent, unsigned depth)
{
	struct session *session = layout->session;
	bool points = false;
	struct type_outline outline = session_anonymous(session, member->type, &points);
	struct text *to = layout->to, decl = TEXT_EMPTY;
	if (!outline.id && layout->options->expand)
		outline = session_stripped(session, member->type);
	if (!is_structure(outline.kind) && !(outline.kind == SDB_TYPE_ENUM && !outline.name))
		return false;
	if (depth >= MAX_DEPTH || is_open(layout, outline.id, depth)
	    || outline.flags & SDB_TYPE_DECLARATION)
		return false;
	struct sdb_type *type;
	if (session_note(session, sdb_type(session_db(session), outline.id, &type)))
		return false;
	/* "struct {...} name[2]" is taken apart at the dots. */
	const char *name = member->name ? session_name(session, member->name) : "";
	if (!outline.name) {
		cdecl_put(session, &decl, member->type, name, 0);
	} else {
		cdecl_head(session, &decl, &outline);
		text_format(&decl, " {...}%s%s", *name ? " " : "", name);
	}
	text_char(&decl, '\0');
	const char *dots = strstr(decl.data, "{...}");
	size_t left = dots ? (size_t)(dots - decl.data) : 0;
	put_indent(layout, indent);
	text_addn(to, decl.data, left);
	text_add(to, "{\n");
	put_structure(layout, type, points ? 0 : add_bits(base, member->bit_offset), indent + 1, depth + 1);
	put_indent(layout, indent);
	size_t start = to->size;
	text_char(to, '}');
	if (dots)
		text_add(to, dots + strlen("{...}"));
	text_deinit(&decl);
	if (member->bit_size)
		text_format(to, ":%u", member->bit_size);
	text_char(to, ';');
	put_place(layout, member, base, indent, start, "");
	sdb_type_free(type);
	return true;
}

static void put_field(struct layout *layout, const struct sdb_member *member, uint64_t base,
		      unsigned indent, unsigned depth)
{
	if (put_expanded(layout, member, base, indent, depth))
		return;
	put_indent(layout, indent);
	size_t start = layout->to->size;
	cdecl_put(layout->session, layout->to, member->type, session_name(layout->session, member->name),
		  columns_at(TYPE_COLUMNS, indent));
	if (member->bit_size)
		text_format(layout->to, ":%u", member->bit_size);
	if (member->alignment)
		text_format(layout->to, " __attribute__((__aligned__(%u)))", member->alignment);
	text_char(layout->to, ';');
	put_place(layout, member, base, indent, start, member->flags & SDB_MEMBER_MUTABLE ? " mutable"
		  : member->kind == SDB_MEMBER_DISCRIMINANT ? " discriminant" : "");
}

static void put_base(struct layout *layout, const struct sdb_type *owner,
		     const struct sdb_member *member, uint64_t base, unsigned indent)
{
	put_indent(layout, indent);
	size_t start = layout->to->size;
	text_add(layout->to, "/* base: ");
	text_add(layout->to, access_name(owner, member->flags));
	text_add(layout->to, member->flags & SDB_MEMBER_VIRTUAL ? " virtual " : " ");
	cdecl_type(layout->session, layout->to, member->type);
	text_add(layout->to, " */");
	put_place(layout, member, base, indent, start, "");
}

static void put_variant(struct layout *layout, const struct sdb_member *member, unsigned indent)
{
	put_indent(layout, indent);
	if (member->flags & SDB_MEMBER_DEFAULT_VARIANT)
		text_add(layout->to, "/* variant for all other values: */\n");
	else
		text_format(layout->to, "/* variant %lld: */\n", (long long)member->value);
}

static void tally_member(struct layout *layout, struct tally *tally, const struct sdb_member *member)
{
	uint64_t bits = member_bits(layout->session, member);
	if (member->kind == SDB_MEMBER_BASE && member->flags & SDB_MEMBER_VIRTUAL)
		return;
	uint64_t end = add_bits(member->bit_offset, bits);
	if (end > tally->end)
		tally->end = end;
	tally->members++;
	if (member->bit_size)
		tally->bitfield_bits += bits;
	else
		tally->member_bytes += bits / 8;
}

/* The members of TYPE; BASE is where it begins in the outermost one, in bits. */
static void put_members(struct layout *layout, const struct sdb_type *type, uint64_t base,
			unsigned indent, unsigned depth, struct tally *tally)
{
	const char *access = type->kind == SDB_TYPE_CLASS ? "private" : "public";
	for (size_t i = 0; i < type->member_count; i++) {
		const struct sdb_member *member = &type->members[i];
		if (layout->budget == 0 || session_failed(layout->session))
			return;
		layout->budget--;
		if (member->kind != SDB_MEMBER_BASE && strcmp(access, access_name(type, member->flags)) != 0
		    && (type->kind == SDB_TYPE_CLASS || member->flags & SDB_MEMBER_ACCESS)) {
			access = access_name(type, member->flags);
			put_indent(layout, indent ? indent - 1 : 0);
			text_format(layout->to, "%s:\n", access);
		}
		if (member->flags & SDB_MEMBER_STATIC) {
			tally->statics++;
			put_static(layout, member, indent);
			continue;
		}
		uint64_t start = member->bit_offset;
		if (type->kind != SDB_TYPE_UNION && member->kind != SDB_MEMBER_VARIANT
		    && !(member->kind == SDB_MEMBER_BASE && member->flags & SDB_MEMBER_VIRTUAL)) {
			put_hole(layout, tally, start, indent);
			put_cache_line(layout, add_bits(base, start), indent);
		}
		if (member->kind == SDB_MEMBER_BASE) {
			put_base(layout, type, member, base, indent);
		} else {
			if (member->kind == SDB_MEMBER_VARIANT)
				put_variant(layout, member, indent);
			put_field(layout, member, base, indent, depth);
		}
		tally_member(layout, tally, member);
	}
}

/* ---- around the members -------------------------------------------------------- */

static void put_totals(struct layout *layout, const struct sdb_type *type, const struct tally *tally,
		       unsigned indent)
{
	struct text *to = layout->to;
	uint64_t bits = size_in_bits(type), size = bits / 8 + (bits % 8 != 0);
	text_char(to, '\n');
	put_indent(layout, indent);
	text_format(to, "/* size: %llu, cachelines: %llu, members: %u", (unsigned long long)size,
		    (unsigned long long)(size / CACHE_LINE + (size % CACHE_LINE != 0)), tally->members);
	if (tally->statics)
		text_format(to, ", static members: %u", tally->statics);
	text_add(to, " */\n");
	if (type->kind == SDB_TYPE_UNION)
		return;
	if (tally->holes || tally->bit_holes) {
		put_indent(layout, indent);
		text_format(to, "/* sum members: %llu", (unsigned long long)tally->member_bytes);
		if (tally->holes)
			text_format(to, ", holes: %u, sum holes: %llu", tally->holes,
				    (unsigned long long)tally->hole_bytes);
		text_add(to, " */\n");
	}
	if (tally->bit_holes) {
		put_indent(layout, indent);
		text_format(to, "/* sum bitfield members: %llu bits, bit holes: %u, sum bit holes: %llu bits */\n",
			    (unsigned long long)tally->bitfield_bits, tally->bit_holes,
			    (unsigned long long)tally->bit_hole_bits);
	}
	if (bits > tally->end && tally->members) {
		uint64_t padding = bits - tally->end;
		if (padding / 8) {
			put_indent(layout, indent);
			text_format(to, "/* padding: %llu */\n", (unsigned long long)(padding / 8));
		}
		if (padding % 8) {
			put_indent(layout, indent);
			text_format(to, "/* bit_padding: %llu bits */\n", (unsigned long long)(padding % 8));
		}
	}
	if (size % CACHE_LINE) {
		put_indent(layout, indent);
		text_format(to, "/* last cacheline: %llu bytes */\n", (unsigned long long)(size % CACHE_LINE));
	}
}

struct method_list {
	struct layout *layout;
	unsigned indent;
	bool heading;
};

static struct sdb_error *put_child(void *arg, struct sdb_entity entity)
{
	struct method_list *list = arg;
	struct layout *layout = list->layout;
	if (entity.kind != SDB_ENTITY_FUNCTION || layout->budget == 0)
		return NULL;
	layout->budget--;
	struct sdb_function *function;
	struct sdb_error *error = sdb_function(session_db(layout->session), entity.id, false, &function);
	if (error)
		return error;
	if (!list->heading)
		text_char(layout->to, '\n');
	list->heading = true;
	put_indent(layout, list->indent);
	size_t start = layout->to->size;
	cdecl_prototype(layout->session, layout->to, function,
			session_name(layout->session, function->name));
	text_char(layout->to, ';');
	bool virtual = function->flags & (SDB_FUNCTION_VIRTUAL | SDB_FUNCTION_PURE_VIRTUAL);
	if (virtual && function->virtual_index != UINT32_MAX) {
		pad_to(layout->to, start, MEMBER_COLUMNS);
		text_format(layout->to, "/* vtable entry %u */", function->virtual_index);
	}
	text_char(layout->to, '\n');
	sdb_function_free(function);
	return NULL;
}

static void put_enumerators(struct layout *layout, const struct sdb_type *type, unsigned indent)
{
	for (size_t i = 0; i < type->enumerator_count; i++) {
		const struct sdb_enumerator *enumerator = &type->enumerators[i];
		put_indent(layout, indent);
		text_add(layout->to, session_name(layout->session, enumerator->name));
		text_add(layout->to, " = ");
		if (enumerator->is_unsigned)
			text_u64(layout->to, (uint64_t)enumerator->value);
		else
			text_s64(layout->to, enumerator->value);
		text_add(layout->to, ",\n");
	}
}

/* What stands between the braces of TYPE. */
static void put_structure(struct layout *layout, const struct sdb_type *type, uint64_t base,
			  unsigned indent, unsigned depth)
{
	layout->open[depth] = type->id;
	if (type->kind == SDB_TYPE_ENUM) {
		put_enumerators(layout, type, indent);
		return;
	}
	struct tally tally = { 0 };
	put_members(layout, type, base, indent, depth, &tally);
	if (layout->options->methods && depth == 0) {
		struct method_list list = { layout, indent, false };
		session_note(layout->session,
			     sdb_children(session_db(layout->session), type->id, put_child, &list));
	}
	if (depth == 0 && !layout->options->plain)
		put_totals(layout, type, &tally, indent);
}

void layout_print(struct session *session, struct text *to, sdb_type_id id,
		  const struct layout_options *options)
{
	struct layout layout = { session, to, options, MAX_MEMBERS, 0, { 0 } };
	struct type_outline outline = session_type(session, id);
	bool structure = is_structure(outline.kind);
	put_indent(&layout, 0);
	if (outline.kind == SDB_TYPE_TYPEDEF) {
		text_add(to, "typedef ");
		cdecl_put(session, to, outline.target, session_name(session, outline.name), 0);
		text_add(to, ";\n");
		return;
	}
	struct sdb_type *type = NULL;
	if ((structure || outline.kind == SDB_TYPE_ENUM) && !(outline.flags & SDB_TYPE_DECLARATION)
	    && session_note(session, sdb_type(session_db(session), id, &type)))
		return;
	if (!type) {
		if (structure || outline.kind == SDB_TYPE_ENUM || outline.kind == SDB_TYPE_NAMESPACE)
			cdecl_head(session, to, &outline);
		else
			cdecl_type(session, to, id);
		text_add(to, outline.flags & SDB_TYPE_DECLARATION ? ";  /* only declared */\n" : ";\n");
		return;
	}
	/* Of the type being defined the keyword is said even where its uses do without. */
	if (outline.name && session_plain_tags(session))
		text_add(to, outline.kind == SDB_TYPE_STRUCT ? "struct " : outline.kind == SDB_TYPE_UNION
			 ? "union " : outline.kind == SDB_TYPE_CLASS ? "class "
			 : outline.flags & SDB_TYPE_ENUM_CLASS ? "enum class " : "enum ");
	cdecl_head(session, to, &outline);
	if (!outline.name)
		to->size -= strlen(" {...}");
	if (outline.kind == SDB_TYPE_ENUM && outline.target) {
		struct type_outline base = session_type(session, outline.target);
		if (session_plain_tags(session) && base.name) {
			text_add(to, " : ");
			cdecl_type(session, to, outline.target);
		}
	}
	text_add(to, " {\n");
	put_structure(&layout, type, 0, 1, 0);
	put_indent(&layout, 0);
	text_add(to, "};\n");
	sdb_type_free(type);
}
