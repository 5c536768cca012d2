/* SPDX-License-Identifier: MIT */
/* Finding entities by an exact, qualified, glob or regular-expression name. */

#include "names.h"
#include <fnmatch.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

/* sdb_lookup()'s arguments on their way down. */
struct search {
	struct sdb_db *db;
	const char *pattern;
	unsigned kinds;
	sdb_entity_fn fn;
	void *arg;
	const char *qualified; /* the whole pattern, when it has a scope; else NULL */
	regex_t *regex;
	const char *required; /* bytes that every match of a pattern has in it; NULL: not known */
	struct posting_reader postings;
};

/* ---- qualified names ----------------------------------------------------------- */

static bool is_identifier(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (c & 0x80);
}

/*
 * The part behind the last `::` outside of brackets. `operator<` and the like open no bracket:
 * what follows the word `operator` belongs to the last part.
 */
static const char *last_component(const char *name)
{
	const char *last = name;
	int depth = 0;
	for (const char *at = name; *at; at++) {
		if (*at == '<' || *at == '(' || *at == '{' || *at == '[')
			depth++;
		else if ((*at == '>' || *at == ')' || *at == '}' || *at == ']') && depth > 0)
			depth--;
		else if (depth == 0 && at[0] == ':' && at[1] == ':' && at[2] != '\0')
			last = at++ + 2;
		else if (depth == 0 && strncmp(at, "operator", 8) == 0 && !is_identifier(at[8]) &&
			 (at == name || !is_identifier(at[-1])))
			return last;
	}
	return last;
}

/* Whether NAME is QUALIFIED or ends with it behind a `::`; a leading `::` asks for all of it. */
static bool scope_matches(const char *name, const char *qualified)
{
	if (strncmp(qualified, "::", 2) == 0)
		return strcmp(name, qualified + 2) == 0;
	size_t length = strlen(name), wanted = strlen(qualified);
	if (wanted > length || strcmp(name + length - wanted, qualified) != 0)
		return false;
	return wanted == length ||
	       (length - wanted >= 2 && strncmp(name + length - wanted - 2, "::", 2) == 0);
}

/* An enumerator's scope is its enumeration; an unscoped one's is also the scope around that. */
static struct sdb_error *enumerator_matches(struct search *search, const char *text,
					    struct sdb_entity entity, bool *matches_ret)
{
	char *type, *name;
	struct sdb_error *error = sdb_qualified_name(search->db, entity, &type);
	if (error)
		return error;
	char *end = (char *)last_component(type);
	size_t scope = (size_t)(end - type);
	bool ok = asprintf(&name, "%s::%s", type, text) >= 0;
	if (ok) {
		*matches_ret = scope_matches(name, search->qualified);
		memmove(name + scope, text, strlen(text) + 1);
		*matches_ret |= scope > 0 && scope_matches(name, search->qualified);
		free(name);
	}
	free(type);
	return ok ? NULL : sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

static struct sdb_error *entity_matches(struct search *search, const char *text,
					struct sdb_entity entity, bool *matches_ret)
{
	*matches_ret = true;
	if (!search->qualified)
		return NULL;
	if (entity.kind == SDB_ENTITY_SYMBOL) { /* has no scope; its name is not qualified */
		*matches_ret = false;
		return NULL;
	}
	if (entity.kind == SDB_ENTITY_ENUMERATOR)
		return enumerator_matches(
			search, text, (struct sdb_entity){ SDB_ENTITY_TYPE, entity.id }, matches_ret);
	char *name;
	struct sdb_error *error = sdb_qualified_name(search->db, entity, &name);
	if (error)
		return error;
	*matches_ret = scope_matches(name, search->qualified);
	free(name);
	return NULL;
}

/* ---- what a name leads to -------------------------------------------------------- */

static struct sdb_error *report(struct search *search, uint64_t name, const char *text)
{
	struct sdb_error *error = posting_reader_find(search->db, &search->postings, name);
	for (size_t i = 0; !error && i < search->postings.count; i++) {
		struct sdb_entity entity = search->postings.entities[i];
		bool matches;
		if (search->kinds && !(search->kinds & 1u << entity.kind))
			continue;
		error = entity_matches(search, text, entity, &matches);
		if (!error && matches)
			error = search->fn(search->arg, (sdb_name_id)name, text, entity);
	}
	return error;
}

static struct sdb_error *exact(struct search *search, const char *text)
{
	sdb_name_id name;
	struct sdb_error *error = sdb_name_find(search->db, text, &name);
	return error || !name ? error : report(search, name, text);
}

/* ---- patterns -------------------------------------------------------------------- */

/* The bytes that every match of a glob begins with. */
static size_t literal_prefix(const char *glob, char *prefix)
{
	size_t length = 0;
	for (const char *at = glob; *at && !strchr("*?[", *at); at++) {
		if (*at == '\\' && at[1])
			at++;
		prefix[length++] = *at;
	}
	prefix[length] = '\0';
	return length;
}

/* Keeps LENGTH bytes at RUN in BEST when they are more than those there. */
static void keep_longest(char *best, const char *run, size_t length)
{
	if (length > strlen(best)) {
		memcpy(best, run, length);
		best[length] = '\0';
	}
}

/* The longest run of bytes that every match of a glob has in it. */
static void required_by_glob(const char *glob, char *best)
{
	size_t length;
	*best = '\0';
	for (const char *at = glob; *at && *at != '[' && *at != '\\'; at += length ? length : 1) {
		length = strcspn(at, "*?[\\");
		keep_longest(best, at, length);
	}
}

/*
 * The same for a regular expression without alternatives, as far as it has no brackets. PREFIX: only
 * what it must begin with, when it is anchored.
 */
static void required_by_regex(const char *regex, bool prefix, char *best)
{
	size_t length;
	*best = '\0';
	if (strchr(regex, '|') || (prefix && *regex != '^'))
		return;
	for (const char *at = regex + prefix; *at && !strchr("[]({})\\", *at); at += length ? length : 1) {
		length = strcspn(at, ".^$*+?[]({})\\");
		bool optional = length && at[length] && strchr("*?{", at[length]);
		keep_longest(best, at, length - optional);
		if (prefix)
			break;
	}
}

/*
 * `*` and `?` and nothing else: the usual glob, matched without fnmatch's care for character
 * sets. Linear in the text for each `*`.
 */
static bool match_simple(const char *glob, const char *text)
{
	const char *star = NULL, *again = NULL;
	for (;;) {
		if (*glob == '*') {
			star = ++glob;
			again = text;
			if (*glob == '\0')
				return true;
		} else if (*text == '\0') {
			return *glob == '\0';
		} else if (*glob == '?' || *glob == *text) {
			glob++;
			text++;
		} else if (star) {
			glob = star;
			text = ++again;
		} else {
			return false;
		}
	}
}

static bool matches(const struct search *search, bool simple, const char *text)
{
	if (search->required && !strstr(text, search->required))
		return false;
	if (search->regex)
		return regexec(search->regex, text, 0, NULL, 0) == 0;
	return simple ? match_simple(search->pattern, text) :
			fnmatch(search->pattern, text, 0) == 0;
}

/* Reports the matching names of BLOCK from PREFIX on; *DONE_RET: those behind cannot match. */
static struct sdb_error *scan_block(struct search *search, const struct block *block,
				    const char *prefix, size_t prefix_length, bool simple,
				    bool *done_ret)
{
	struct text_reader reader;
	struct sdb_error *error = NULL;
	text_reader_init(&reader, block);
	bool more = prefix_length ? text_reader_search(&reader, prefix, prefix_length) :
				    text_reader_next(&reader);
	for (; more && !error; more = text_reader_next(&reader)) {
		put_u8(&reader.text, 0);
		if (reader.text.failed)
			break;
		const char *text = (char *)reader.text.data;
		reader.text.size--;
		if (prefix_length && strncmp(text, prefix, prefix_length) != 0) {
			*done_ret = true;
			break;
		}
		if (matches(search, simple, text))
			error = report(search, reader.number, text);
	}
	if (!error && (reader.failed || reader.text.failed))
		error = text_reader_error(search->db, block, &reader);
	text_reader_deinit(&reader);
	return error;
}

static struct sdb_error *scan(struct search *search, const char *prefix, size_t prefix_length)
{
	const struct block *block = NULL;
	bool simple = !strpbrk(search->pattern, "[\\"), done = false;
	if (sdb_db_info(search->db)->names == 0)
		return NULL;
	struct sdb_error *error =
		prefix_length ? names_find_block(search->db, prefix, prefix_length, &block) :
				block_first(search->db, PART_NAMES, &block);
	while (!error && block && !done) {
		const struct block *next = NULL;
		error = scan_block(search, block, prefix, prefix_length, simple, &done);
		if (!error && !done)
			error = block_next(search->db, block, &next);
		block_release(block);
		block = next;
	}
	return error;
}

static struct sdb_error *scan_glob(struct search *search, char *prefix, char *required)
{
	size_t length = literal_prefix(search->pattern, prefix);
	required_by_glob(search->pattern + strcspn(search->pattern, "*?[\\"), required);
	search->required = *required ? required : NULL;
	return scan(search, prefix, length);
}

static struct sdb_error *scan_regex(struct search *search, char *prefix, char *required)
{
	regex_t regex;
	int code = regcomp(&regex, search->pattern, REG_EXTENDED | REG_NOSUB);
	if (code) {
		char why[128];
		regerror(code, &regex, why, sizeof(why));
		return sdb_error_new(SDB_ERROR_INVALID, "regular expression `%s`: %s",
				     search->pattern, why);
	}
	search->regex = &regex;
	required_by_regex(search->pattern, true, prefix);
	required_by_regex(search->pattern, false, required);
	search->required = *required ? required : NULL;
	struct sdb_error *error = scan(search, prefix, strlen(prefix));
	regfree(&regex);
	return error;
}

static struct sdb_error *scan_pattern(struct search *search, bool is_regex)
{
	size_t size = strlen(search->pattern) + 1;
	char *prefix = calloc(2, size);
	if (!prefix)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	struct sdb_error *error = is_regex ? scan_regex(search, prefix, prefix + size) :
					     scan_glob(search, prefix, prefix + size);
	free(prefix);
	return error;
}

struct sdb_error *sdb_lookup(struct sdb_db *db, const char *pattern, enum sdb_match match,
			     unsigned kinds, sdb_entity_fn fn, void *arg)
{
	struct search search = {
		.db = db, .pattern = pattern, .kinds = kinds, .fn = fn, .arg = arg
	};
	struct sdb_error *error = NULL;
	if (match == SDB_MATCH_GLOB || match == SDB_MATCH_REGEX) {
		error = scan_pattern(&search, match == SDB_MATCH_REGEX);
	} else {
		error = exact(&search, pattern);
		const char *last = last_component(pattern);
		if (!error && last != pattern) {
			search.qualified = pattern;
			error = exact(&search, last);
		}
	}
	posting_reader_deinit(&search.postings);
	return error;
}
