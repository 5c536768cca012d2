/* SPDX-License-Identifier: MIT */
#include "resolve.h"
#include "demangle.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHAIN 512
#define SLOTS 2048

/* The name that is printed for a function, by its number; the chain in hand pins nothing. */
struct function_name {
	sdb_function_id id;
	char *text;
	sdb_unit_id unit; /* of one without a linkage name */
};

struct resolver {
	struct session *session;
	struct resolve_options options;
	struct function_name names[SLOTS];
	struct sdb_line_cursor *lines; /* NULL when memory was short */
	struct sdb_code *code; /* the instance that held the last address */
	sdb_unit_id unit;      /* asked about last */
	bool unit_is_plain;
	struct text buffer;    /* the texts of the chain, NUL-terminated each */
	struct resolved chain[MAX_CHAIN];
	size_t offsets[MAX_CHAIN][2];
};

struct resolver *resolver_create(struct session *session, const struct resolve_options *options)
{
	struct resolver *resolver = tool_alloc(sizeof(*resolver));
	resolver->session = session;
	resolver->options = *options;
	resolver->buffer = (struct text)TEXT_EMPTY;
	session_note(session, sdb_line_cursor_create(session_db(session), &resolver->lines));
	return resolver;
}

void resolver_destroy(struct resolver *resolver)
{
	for (size_t i = 0; i < SLOTS; i++)
		free(resolver->names[i].text);
	sdb_code_free(resolver->code);
	sdb_line_cursor_destroy(resolver->lines);
	free(resolver->buffer.data);
	free(resolver);
}

/* ---- names ----------------------------------------------------------------------------- */

static char *readable(struct resolver *resolver, char *name)
{
	char *plain = resolver->options.demangle ? demangle(name) : NULL;
	if (!plain)
		return name;
	free(name);
	return plain;
}

/*
 * Languages whose linkage names are the source's names, as binutils has them: for all
 * others it prefers the ELF symbol at the function's entry when there is no linkage name and
 * nothing is inlined at the address, and the function is in one piece.
 */
static bool names_are_plain(uint16_t language)
{
	switch (language) {
	case 0x0001: case 0x0002: case 0x0003: case 0x0005: case 0x0006: case 0x0007: case 0x0009:
	case 0x000c: case 0x000f: case 0x0012: case 0x001d: case 0x8001:
		return true;
	}
	return false;
}

static bool is_plain_unit(struct resolver *resolver, sdb_unit_id id)
{
	struct sdb_unit unit = { 0 };
	if (resolver->unit != id) {
		session_note(resolver->session, sdb_unit(session_db(resolver->session), id, &unit));
		resolver->unit = id;
		resolver->unit_is_plain = names_are_plain(unit.language);
	}
	return resolver->unit_is_plain;
}

static const struct function_name *function_name(struct resolver *resolver, sdb_function_id id)
{
	struct function_name *slot = &resolver->names[id % SLOTS];
	if (slot->id == id && slot->text)
		return slot;
	struct sdb_db *db = session_db(resolver->session);
	struct sdb_function_names function;
	if (session_note(resolver->session, sdb_function_names(db, id, &function)))
		return NULL;
	char *text;
	sdb_name_id name = function.linkage_name ? function.linkage_name : function.name;
	if (session_note(resolver->session, sdb_name(db, name, &text)))
		return NULL;
	free(slot->text);
	*slot = (struct function_name){ id, readable(resolver, text_clean(text)),
					function.linkage_name ? 0 : function.unit };
	return slot;
}

static void put_linkage_name(struct resolver *resolver, sdb_name_id id)
{
	const char *name = session_name(resolver->session, id);
	char *plain = resolver->options.demangle ? demangle(name) : NULL;
	text_add(&resolver->buffer, plain ? plain : name);
	free(plain);
}

/* The symbol in front of ADDRESS, only when it begins at ENTRY if that is given. */
static bool put_symbol_name(struct resolver *resolver, uint64_t address, const uint64_t *entry)
{
	struct sdb_symbol symbol;
	sdb_symbol_id id;
	if (session_missed(resolver->session,
			   sdb_symbol_at(session_db(resolver->session), address, &symbol, &id)))
		return false;
	if ((symbol.type != 0 && symbol.type != 2 && symbol.type != 10) /* NOTYPE, FUNC, IFUNC */
	    || (entry && symbol.address != *entry))
		return false;
	put_linkage_name(resolver, symbol.name);
	return true;
}

/* ENTRY and LINKAGE_NAME are those of an instance, when the function is not inlined. */
static void put_function(struct resolver *resolver, sdb_function_id id, uint64_t address,
			 const uint64_t *entry, sdb_name_id linkage_name)
{
	if (!resolver->options.functions)
		return;
	if (linkage_name) {
		put_linkage_name(resolver, linkage_name);
		return;
	}
	const struct function_name *name = id ? function_name(resolver, id) : NULL;
	if (name && name->unit && entry && !is_plain_unit(resolver, name->unit) && put_symbol_name(resolver, address, entry))
		return;
	if (name)
		text_add(&resolver->buffer, name->text);
}

static void put_file(struct resolver *resolver, sdb_file_id file)
{
	const char *path = session_file(resolver->session, file);
	const char *slash = resolver->options.basenames ? strrchr(path, '/') : NULL;
	text_add(&resolver->buffer, slash ? slash + 1 : path);
}

/* ---- the chain --------------------------------------------------------------------------- */

static bool holds(const struct sdb_code_scope *scope, uint64_t address)
{
	for (size_t i = 0; i < scope->range_count; i++)
		if (address >= scope->ranges[i].low && address < scope->ranges[i].high)
			return true;
	return false;
}

/* The instance that holds ADDRESS: often the one that held the address before. */
static const struct sdb_code *find_code(struct resolver *resolver, uint64_t address)
{
	struct sdb_code *code = resolver->code;
	if (code && code->scope_count && holds(&code->scopes[0], address))
		return code;
	sdb_code_free(code);
	resolver->code = NULL;
	if (session_missed(resolver->session, sdb_code_at(session_db(resolver->session), address, 0,
							  &resolver->code)))
		resolver->code = NULL;
	return resolver->code;
}

/* Adds a location; its texts are put behind it. */
static void open_location(struct resolver *resolver, size_t count, uint32_t line,
			  uint32_t discriminator)
{
	resolver->offsets[count][0] = resolver->buffer.size;
	resolver->chain[count] = (struct resolved){ .line = line, .discriminator = discriminator };
}

static void end_function(struct resolver *resolver, size_t count)
{
	text_char(&resolver->buffer, '\0');
	resolver->offsets[count][1] = resolver->buffer.size;
}

static size_t finish_chain(struct resolver *resolver, size_t count, const struct resolved **chain_ret)
{
	for (size_t i = 0; i < count; i++) {
		resolver->chain[i].function = resolver->buffer.data + resolver->offsets[i][0];
		resolver->chain[i].file = resolver->buffer.data + resolver->offsets[i][1];
	}
	*chain_ret = resolver->chain;
	return count;
}

static size_t follow_chain(struct resolver *resolver, const struct sdb_code *code, uint64_t address,
			   const struct sdb_line *line)
{
	uint32_t *scopes;
	size_t scope_count, count = 0;
	if (session_note(resolver->session, sdb_code_scopes_at(code, address, &scopes, &scope_count)))
		return 0;
	sdb_file_id file = line->file;
	uint32_t row = line->line;
	for (size_t i = 0; i < scope_count && count < MAX_CHAIN; i++) {
		const struct sdb_code_scope *scope = &code->scopes[scopes[i]];
		if (scope->kind == SDB_CODE_BLOCK)
			continue;
		bool outermost = scope->kind == SDB_CODE_FUNCTION;
		open_location(resolver, count, row, line->discriminator);
		put_function(resolver, scope->function, address,
			     outermost && count == 0 && scope->range_count == 1 ? &scope->ranges[0].low : NULL,
			     outermost ? code->linkage_name : 0);
		end_function(resolver, count);
		put_file(resolver, file);
		text_char(&resolver->buffer, '\0');
		count++;
		file = scope->call_file;
		row = scope->call_line;
		if (!resolver->options.inlines)
			break;
	}
	free(scopes);
	return count;
}

size_t resolve(struct resolver *resolver, uint64_t address, const struct resolved **chain_ret)
{
	struct sdb_line line = { 0 };
	bool has_line = resolver->lines &&
		!session_missed(resolver->session, sdb_line_cursor_at(resolver->lines, address, &line));
	bool wants_code = resolver->options.functions || resolver->options.inlines || !has_line;
	const struct sdb_code *code = wants_code ? find_code(resolver, address) : NULL;
	resolver->buffer.size = 0;
	text_reserve(&resolver->buffer, 256);
	if (code) {
		size_t count = follow_chain(resolver, code, address, &line);
		if (count)
			return finish_chain(resolver, count, chain_ret);
		resolver->buffer.size = 0;
	}
	/* No function of the debuginfo: the symbol in front names it, the line may be known. */
	open_location(resolver, 0, line.line, line.discriminator);
	bool named = (resolver->options.functions || !has_line) && put_symbol_name(resolver, address, NULL);
	end_function(resolver, 0);
	if (!named && !has_line)
		return 0;
	put_file(resolver, line.file);
	text_char(&resolver->buffer, '\0');
	return finish_chain(resolver, 1, chain_ret);
}
