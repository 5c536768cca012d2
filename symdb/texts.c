/* SPDX-License-Identifier: MIT */
/* Front-coded texts. */

#include "texts.h"
#include "name_set.h"

/* ---- one text --------------------------------------------------------------- */

static size_t shared_prefix(const struct buffer *before, const char *text, size_t length)
{
	size_t end = before->size < length ? before->size : length, shared = 0;
	while (shared < end && before->data[shared] == (uint8_t)text[shared])
		shared++;
	return shared;
}

/* A byte with both counts when they are small, else 15 in its half and the rest behind it. */
static void put_text(struct buffer *to, const struct buffer *before, const char *text, size_t length)
{
	size_t shared = shared_prefix(before, text, length), rest = length - shared;
	put_u8(to, (uint8_t)((shared < 15 ? shared : 15) << 4 | (rest < 15 ? rest : 15)));
	if (shared >= 15)
		put_uleb(to, shared - 15);
	if (rest >= 15)
		put_uleb(to, rest - 15);
	put_bytes(to, text + shared, rest);
}

/* Changes TEXT, which holds the text before. */
static bool get_text(struct cursor *from, struct buffer *text)
{
	uint8_t both = get_u8(from);
	uint64_t shared = both >> 4, rest = both & 15;
	if (shared == 15)
		shared += get_u32(from);
	if (rest == 15)
		rest += get_u32(from);
	if (from->failed || shared > text->size || shared + rest > NAME_LENGTH_MAX)
		return false;
	const uint8_t *bytes = get_bytes(from, (size_t)rest);
	if (!bytes)
		return false;
	text->size = (size_t)shared;
	put_bytes(text, bytes, (size_t)rest);
	return !text->failed;
}

static void assign(struct buffer *to, const void *bytes, size_t size)
{
	to->size = 0;
	put_bytes(to, bytes, size);
}

int text_compare(const void *a, size_t a_length, const void *b, size_t b_length)
{
	size_t common = a_length < b_length ? a_length : b_length;
	int order = common ? memcmp(a, b, common) : 0;
	return order ? order : (a_length > b_length) - (a_length < b_length);
}

/* ---- writing ------------------------------------------------------------------ */

static struct sdb_error *flush(struct text_writer *writer)
{
	struct buffer *to;
	bool fresh;
	if (writer->count == 0)
		return NULL;
	struct sdb_error *error = block_begin(writer->part, writer->first_number, &to, &fresh);
	if (error)
		return error;
	if (fresh) {
		writer->before.size = 0;
		put_uleb(to, writer->separator.size);
		put_bytes(to, writer->separator.data, writer->separator.size);
		if (writer->block)
			error = writer->block(writer->arg, &writer->separator, writer->first_number);
		if (error)
			return error;
	}
	put_text(to, &writer->before, (char *)writer->first.data, writer->first.size);
	put_uleb(to, writer->group.size);
	put_bytes(to, writer->group.data, writer->group.size);
	assign(&writer->before, writer->first.data, writer->first.size);
	writer->group.size = 0;
	writer->count = 0;
	if (writer->group.failed || writer->first.failed || writer->last.failed ||
	    writer->before.failed || writer->separator.failed)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	return NULL;
}

struct sdb_error *text_writer_add(struct text_writer *writer, uint32_t number, const char *text,
				  size_t length)
{
	if (length > NAME_LENGTH_MAX)
		length = NAME_LENGTH_MAX;
	if (writer->count == TEXT_GROUP) {
		struct sdb_error *error = flush(writer);
		if (error)
			return error;
	}
	if (writer->count == 0) {
		/* The shortest prefix that is above the text before. */
		size_t shared = shared_prefix(&writer->last, text, length);
		assign(&writer->separator, text, shared < length ? shared + 1 : length);
		assign(&writer->first, text, length);
		writer->first_number = number;
	} else {
		put_text(&writer->group, &writer->last, text, length);
	}
	writer->count++;
	assign(&writer->last, text, length);
	return NULL;
}

struct sdb_error *text_writer_end(struct text_writer *writer)
{
	return flush(writer);
}

void text_writer_deinit(struct text_writer *writer)
{
	buffer_deinit(&writer->group);
	buffer_deinit(&writer->first);
	buffer_deinit(&writer->last);
	buffer_deinit(&writer->before);
	buffer_deinit(&writer->separator);
}

/* ---- reading ------------------------------------------------------------------ */

void text_reader_init(struct text_reader *reader, const struct block *block)
{
	*reader = (struct text_reader){ .groups = block_cursor(block) };
	reader->separator_length = get_count(&reader->groups);
	reader->separator = get_bytes(&reader->groups, reader->separator_length);
	reader->failed = reader->groups.failed;
	reader->group.at = reader->group.end = reader->groups.at;
	reader->next_number = block->first;
}

void text_reader_deinit(struct text_reader *reader)
{
	buffer_deinit(&reader->text);
	buffer_deinit(&reader->first);
}

/* Takes the head of the group behind the current one: its first text, where the others are. */
static bool next_group(struct text_reader *reader)
{
	struct cursor *groups = &reader->groups;
	if (reader->failed || groups->at == groups->end)
		return false;
	bool ok = get_text(groups, &reader->first);
	size_t size = get_count(groups);
	const uint8_t *rest = get_bytes(groups, size);
	reader->failed = !ok || groups->failed;
	if (reader->failed)
		return false;
	reader->group = (struct cursor){ rest, rest + size, false };
	return true;
}

/* The group's first text becomes the current one. */
static bool enter_group(struct text_reader *reader)
{
	assign(&reader->text, reader->first.data, reader->first.size);
	reader->failed |= reader->text.failed;
	reader->number = reader->next_number++;
	return !reader->failed;
}

static bool next_in_group(struct text_reader *reader)
{
	if (!get_text(&reader->group, &reader->text)) {
		reader->failed = true;
		return false;
	}
	reader->number = reader->next_number++;
	return true;
}

bool text_reader_next(struct text_reader *reader)
{
	if (reader->failed)
		return false;
	if (reader->group.at < reader->group.end)
		return next_in_group(reader);
	return next_group(reader) && enter_group(reader);
}

bool text_reader_seek(struct text_reader *reader, uint64_t number)
{
	if (number < reader->next_number)
		return false;
	if (!next_group(reader))
		return false;
	while (number - reader->next_number >= TEXT_GROUP) {
		reader->next_number += TEXT_GROUP;
		if (!next_group(reader))
			return false;
	}
	if (!enter_group(reader))
		return false;
	while (reader->number < number) {
		if (reader->group.at == reader->group.end || !next_in_group(reader))
			return false;
	}
	return true;
}

bool text_reader_search(struct text_reader *reader, const char *text, size_t length)
{
	/* Groups whose first text is not above TEXT: the last of them may hold it. */
	struct text_reader last = { 0 };
	if (!next_group(reader))
		return false;
	for (;;) {
		struct cursor groups = reader->groups, group = reader->group;
		if (!enter_group(reader))
			return false;
		reader->next_number--;
		last.groups = groups;
		last.group = group;
		last.number = reader->next_number;
		if (groups.at == groups.end)
			break;
		if (!next_group(reader))
			return false;
		reader->next_number += TEXT_GROUP;
		if (text_compare(reader->first.data, reader->first.size, text, length) > 0)
			break;
	}
	/* `text` still is the first one of group `last`. */
	reader->groups = last.groups;
	reader->group = last.group;
	reader->number = last.number;
	reader->next_number = last.number + 1;
	assign(&reader->first, reader->text.data, reader->text.size);
	while (text_compare(reader->text.data, reader->text.size, text, length) < 0) {
		if (!text_reader_next(reader))
			return false;
	}
	return true;
}

struct sdb_error *text_reader_error(struct sdb_db *db, const struct block *block,
				    const struct text_reader *reader)
{
	if (reader->text.failed || reader->first.failed)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	return block_damaged(db, block, "a text does not decode");
}
