/* SPDX-License-Identifier: MIT */
#include "xml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	char *text, *at, *end;
	const struct xml_handler *handler;
	const char *open[XML_DEPTH_MAX]; /* names of the elements that are open */
	unsigned depth;
	bool had_root;
	char *leaf; /* where the text of the innermost element begins, when there is no element in it */
};

static struct sdb_error *malformed(const struct reader *reader, const char *what)
{
	return sdb_error_new(SDB_ERROR_CORRUPT, "XML: %s, at byte %zu", what, (size_t)(reader->at - reader->text));
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'
		|| c == ':' || c == '.';
}

static void skip_blanks(struct reader *reader)
{
	while (reader->at < reader->end && is_blank(*reader->at))
		reader->at++;
}

static bool starts(const struct reader *reader, const char *what)
{
	size_t length = strlen(what);
	return (size_t)(reader->end - reader->at) >= length && memcmp(reader->at, what, length) == 0;
}

/* Passes over everything up to and with MARK. */
static struct sdb_error *skip_to(struct reader *reader, const char *mark)
{
	char *found = memmem(reader->at, (size_t)(reader->end - reader->at), mark, strlen(mark));
	if (!found)
		return malformed(reader, "something is not closed");
	reader->at = found + strlen(mark);
	return NULL;
}

/* <!DOCTYPE name SYSTEM "..."> without an internal part. */
static struct sdb_error *skip_doctype(struct reader *reader)
{
	for (char quote = '\0'; reader->at < reader->end; reader->at++) {
		char c = *reader->at;
		if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? '\0' : c;
		else if (!quote && c == '[')
			return malformed(reader, "a document type with declarations is not read");
		else if (!quote && c == '>') {
			reader->at++;
			return NULL;
		}
	}
	return malformed(reader, "a document type is not closed");
}

/* ---- entities -------------------------------------------------------------------------------- */

/* What the reference at FROM stands for, one byte; 0: nothing that is known. Moves *FROM behind it. */
static char reference(char **from, const char *end)
{
	static const struct { const char *name; char value; } names[] = {
		{ "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' }, { "&quot;", '"' }, { "&apos;", '\'' },
	};
	size_t left = (size_t)(end - *from);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t length = strlen(names[i].name);
		if (left >= length && memcmp(*from, names[i].name, length) == 0) {
			*from += length;
			return names[i].value;
		}
	}
	unsigned value = 0;
	char *at = *from + 2;
	bool hex = left > 3 && at[0] == 'x';
	if (left < 4 || (*from)[1] != '#')
		return 0;
	for (at += hex; at < end && *at != ';'; at++) {
		unsigned c = (unsigned char)*at, lower = c | 32;
		unsigned digit = c - '0' < 10 ? c - '0' : hex && lower - 'a' < 6 ? lower - 'a' + 10 : 99;
		if (digit == 99 || value > 127)
			return 0;
		value = value * (hex ? 16 : 10) + digit;
	}
	if (at == end || value == 0 || value > 127)
		return 0;
	*from = at + 1;
	return (char)value;
}

/* Replaces references from BEGIN to END in their place; NULL, or what is wrong. */
static const char *unescape(char *begin, char *end)
{
	char *to = begin;
	for (char *from = begin; from < end;) {
		if (*from == '\0' || *from == '<')
			return "a character that has no place there";
		if (*from != '&') {
			*to++ = *from++;
			continue;
		}
		char c = reference(&from, end);
		if (!c)
			return "a reference to something unknown";
		*to++ = c;
	}
	*to = '\0';
	return NULL;
}

/* ---- elements ----------------------------------------------------------------------------------- */

/* A name; its end is *END_RET. NULL: there is none. */
static char *take_name(struct reader *reader, char **end_ret)
{
	char *begin = reader->at;
	while (reader->at < reader->end && is_name(*reader->at))
		reader->at++;
	*end_ret = reader->at;
	return reader->at == begin || reader->at == reader->end ? NULL : begin;
}

/* `name="value"` */
static struct sdb_error *take_attribute(struct reader *reader, struct xml_attribute *attribute)
{
	char *name_end;
	attribute->name = take_name(reader, &name_end);
	if (!attribute->name)
		return malformed(reader, "an attribute without a name");
	skip_blanks(reader);
	if (reader->at == reader->end || *reader->at != '=')
		return malformed(reader, "an attribute without a value");
	reader->at++;
	skip_blanks(reader);
	char quote = reader->at < reader->end ? *reader->at : '\0';
	if (quote != '"' && quote != '\'')
		return malformed(reader, "a value without quotes");
	char *begin = ++reader->at, *close = memchr(begin, quote, (size_t)(reader->end - begin));
	if (!close)
		return malformed(reader, "a value is not closed");
	const char *wrong = unescape(begin, close);
	if (wrong)
		return malformed(reader, wrong);
	*name_end = '\0';
	attribute->value = begin;
	reader->at = close + 1;
	return NULL;
}

static struct sdb_error *close_element(struct reader *reader, const char *name)
{
	struct sdb_error *error = NULL;
	if (reader->leaf && reader->handler->text)
		error = reader->handler->text(reader->handler->arg, name, reader->leaf);
	reader->leaf = NULL;
	return error;
}

static struct sdb_error *open_element(struct reader *reader, const struct xml_element *element, bool empty)
{
	reader->had_root = true;
	reader->leaf = NULL;
	struct sdb_error *error = reader->handler->begin(reader->handler->arg, element);
	if (error || empty)
		return error;
	if (reader->depth == XML_DEPTH_MAX)
		return malformed(reader, "elements are nested too deep");
	reader->open[reader->depth++] = element->name;
	reader->leaf = reader->at;
	return NULL;
}

/* Behind `<`. */
static struct sdb_error *take_begin(struct reader *reader)
{
	struct xml_element element = { .depth = reader->depth };
	char *name_end;
	element.name = take_name(reader, &name_end);
	if (!element.name)
		return malformed(reader, "an element without a name");
	if (reader->depth == 0 && reader->had_root)
		return malformed(reader, "a second root");
	for (;;) {
		bool blank = reader->at < reader->end && is_blank(*reader->at);
		skip_blanks(reader);
		char c = reader->at < reader->end ? *reader->at : '\0';
		if (c == '>' || (c == '/' && reader->at + 1 < reader->end && reader->at[1] == '>')) {
			reader->at += c == '>' ? 1 : 2;
			*name_end = '\0'; /* whatever stood there has been looked at */
			return open_element(reader, &element, c == '/');
		}
		if (!blank)
			return malformed(reader, "a character that has no place in an element");
		if (element.attribute_count == XML_ATTRIBUTES_MAX)
			return malformed(reader, "too many attributes");
		struct sdb_error *error = take_attribute(reader, &element.attributes[element.attribute_count++]);
		if (error)
			return error;
	}
}

/* Behind `</`, that began at TEXT_END. */
static struct sdb_error *take_end(struct reader *reader, char *text_end)
{
	char *end, *name = take_name(reader, &end);
	const char *open = reader->depth ? reader->open[reader->depth - 1] : NULL;
	if (!name || !open || strlen(open) != (size_t)(end - name) || memcmp(name, open, (size_t)(end - name)) != 0)
		return malformed(reader, "an element is closed that is not open");
	skip_blanks(reader);
	if (reader->at == reader->end || *reader->at != '>')
		return malformed(reader, "the end of an element is not closed");
	reader->at++;
	reader->depth--;
	const char *wrong = reader->leaf ? unescape(reader->leaf, text_end) : NULL;
	return wrong ? malformed(reader, wrong) : close_element(reader, open);
}

static struct sdb_error *take_markup(struct reader *reader)
{
	if (starts(reader, "<!--"))
		return skip_to(reader, "-->");
	if (starts(reader, "<?"))
		return skip_to(reader, "?>");
	if (starts(reader, "<!DOCTYPE") && !reader->had_root)
		return skip_doctype(reader);
	if (starts(reader, "<!"))
		return malformed(reader, "a declaration that is not read");
	char *begin = reader->at++;
	if (reader->at < reader->end && *reader->at == '/') {
		reader->at++;
		return take_end(reader, begin);
	}
	return take_begin(reader);
}

struct sdb_error *xml_read(char *text, size_t size, const struct xml_handler *handler)
{
	struct reader reader = { .text = text, .at = text, .end = text + size, .handler = handler };
	struct sdb_error *error = NULL;
	while (!error && reader.at < reader.end) {
		if (*reader.at == '<') {
			char *comment = reader.at;
			bool leaf = reader.leaf && comment + 1 < reader.end && comment[1] == '!';
			error = take_markup(&reader);
			if (leaf) /* a comment within text: none of ours has that */
				reader.leaf = NULL;
			continue;
		}
		if (reader.depth == 0 && !is_blank(*reader.at))
			return malformed(&reader, "text outside of the root");
		reader.at++;
	}
	if (!error && (reader.depth || !reader.had_root))
		error = malformed(&reader, "it ends too early");
	return error;
}

const char *xml_attribute(const struct xml_element *element, const char *name)
{
	for (size_t i = 0; i < element->attribute_count; i++)
		if (strcmp(element->attributes[i].name, name) == 0)
			return element->attributes[i].value;
	return NULL;
}

bool xml_number(const struct xml_element *element, const char *name, uint64_t *number_ret)
{
	const char *text = xml_attribute(element, name);
	char *end;
	if (!text || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*number_ret = strtoull(text, &end, text[0] == '0' && (text[1] | 32) == 'x' ? 16 : 10);
	return !*end && !errno;
}
