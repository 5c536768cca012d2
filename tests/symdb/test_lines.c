/* SPDX-License-Identifier: MIT */
/* Line rows, ordinary and absurd ones, come back as they were written, by address, by range and by file. */

#include "write_records.h"
#include "symdb/writer.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEQUENCES = 400, ROWS_MAX = 120, FILES = 30, ROWS = SEQUENCES * ROWS_MAX };

static struct sdb_line rows[ROWS];
static size_t count;

static uint32_t number(void)
{
	return (uint32_t)rand() >> rand() % 32;
}

static void random_row(struct sdb_line *row, const struct sdb_line *before, bool absurd)
{
	*row = *before;
	row->address += rand() % 3 ? 0 : 1 + (uint64_t)rand() % 20;
	row->flags = (uint8_t)(rand() % 2 ? SDB_LINE_STATEMENT : 0);
	row->discriminator = rand() % 10 ? 0 : 1 + number() % 40;
	if (rand() % 4 == 0)
		row->file = 1 + (uint32_t)rand() % FILES;
	row->line = rand() % 3 ? before->line + (uint32_t)rand() % 9 : 1 + (uint32_t)rand() % 2000;
	row->column = (uint32_t)rand() % 90;
	if (!absurd)
		return;
	row->address += rand() % 5 ? 0 : (uint64_t)rand() << rand() % 12;
	row->line = number() * 2 + (uint32_t)rand() % 2;
	row->column = rand() % 3 ? number() : UINT32_MAX - (uint32_t)rand() % 2;
	row->file = (uint32_t)rand() % (FILES + 1);
	row->discriminator = number();
	row->isa = (uint16_t)rand();
	row->op_index = (uint8_t)rand();
	row->flags |= (uint8_t)(rand() & (SDB_LINE_BASIC_BLOCK | SDB_LINE_PROLOGUE_END | SDB_LINE_EPILOGUE_BEGIN));
}

/* A sequence behind ADDRESS. */
static size_t random_sequence(uint64_t address, bool absurd)
{
	struct sdb_line before = { .address = address, .file = 1, .line = 1 };
	size_t begin = count;

	for (int i = rand() % ROWS_MAX; i > 0; i--) {
		random_row(&rows[count], &before, absurd);
		before = rows[count++];
		before.isa = 0;
		before.op_index = 0;
	}
	random_row(&rows[count], &before, false);
	rows[count].address += 1;
	rows[count++].flags |= SDB_LINE_END_SEQUENCE;
	return count - begin;
}

static bool check_unpacked(void *arg, uint64_t size);

static void write_lines(const char *path, bool absurd, unsigned jobs)
{
	struct sdb_writer_options options = { .path = path, .jobs = jobs, .unpacked = check_unpacked, .arg = (void *)path };
	struct sdb_db_info info = { .module_name = "lines", .module_path = "/lines", .indexer = "test" };
	struct sdb_names *names = sdb_names_create();
	const uint32_t *ranks;
	struct sdb_writer *writer;
	char texts[FILES][32];
	const char *paths[FILES];

	CHECK(names);
	for (int i = 0; i < FILES; i++) {
		snprintf(texts[i], sizeof(texts[i]), "/source/%02d.c", i);
		paths[i] = texts[i];
	}
	OK(sdb_writer_create(&options, &writer));
	OK(sdb_writer_info(writer, &info));
	OK(sdb_writer_freeze_names(writer, names, &ranks));
	OK(sdb_writer_files(writer, paths, FILES));
	uint64_t address = 0;
	count = 0;
	for (int i = 0; i < SEQUENCES; i++) {
		size_t begin = count, size = random_sequence(address, absurd);
		OK(sdb_writer_add_lines(writer, rows + begin, size));
		address = rows[count - 1].address + (uint64_t)rand() % 64;
		if (absurd && i == SEQUENCES - 2)
			address = UINT64_MAX - (1ULL << 50);
	}
	OK(sdb_writer_finish(writer, NULL));
	sdb_names_destroy(names);
}

struct reading {
	size_t next;   /* which row is expected */
	uint32_t file; /* 0: all */
	uint64_t low, high;
};

static bool wanted(const struct reading *reading, const struct sdb_line *row)
{
	return row->address >= reading->low && row->address < reading->high &&
	       (reading->file == 0 || row->file == reading->file);
}

static struct sdb_error *take_row(void *arg, const struct sdb_line *row)
{
	struct reading *reading = arg;

	while (reading->next < count && !wanted(reading, &rows[reading->next]))
		reading->next++;
	CHECK(reading->next < count);
	const struct sdb_line *from = &rows[reading->next++];
	CHECK(row->address == from->address && row->file == from->file && row->line == from->line);
	CHECK(row->column == from->column && row->discriminator == from->discriminator);
	CHECK(row->flags == from->flags && row->isa == from->isa && row->op_index == from->op_index);
	return NULL;
}

static void check_rest(struct reading *reading)
{
	while (reading->next < count && !wanted(reading, &rows[reading->next]))
		reading->next++;
	CHECK(reading->next == count);
}

/* The last row at or before ADDRESS; NULL where a sequence ended. */
static const struct sdb_line *row_at(uint64_t address)
{
	const struct sdb_line *found = NULL;

	for (size_t i = 0; i < count && rows[i].address <= address; i++)
		found = &rows[i];
	return found && !(found->flags & SDB_LINE_END_SEQUENCE) ? found : NULL;
}

/* One address, found by itself or by a cursor. */
static void ask_at(struct sdb_db *db, struct sdb_line_cursor *cursor, uint64_t address)
{
	const struct sdb_line *from = row_at(address);
	struct sdb_line row;
	struct sdb_error *error =
		cursor ? sdb_line_cursor_at(cursor, address, &row) : sdb_line_at(db, address, &row);

	CHECK(from ? !error : error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND);
	CHECK(!from || (row.line == from->line && row.file == from->file && row.column == from->column));
	sdb_error_free(error);
}

static void ask(struct sdb_db *db)
{
	struct sdb_line_cursor *cursor;

	OK(sdb_line_cursor_create(db, &cursor));
	for (int i = 0; i < 1000; i++) {
		uint64_t address = rows[(size_t)rand() % count].address + (uint64_t)(rand() % 5) - 2;
		ask_at(db, NULL, address);
		ask_at(db, cursor, address);
		for (int k = rand() % 4; k > 0; k--) /* rising ones */
			ask_at(db, cursor, address += (uint64_t)(rand() % 30));
	}
	sdb_line_cursor_destroy(cursor);
	for (int i = 0; i < 100; i++) {
		uint64_t a = rows[(size_t)rand() % count].address, b = rows[(size_t)rand() % count].address;
		struct reading reading = { .low = a < b ? a : b, .high = a < b ? b : a };
		OK(sdb_lines(db, reading.low, reading.high, take_row, &reading));
		check_rest(&reading);
	}
	for (uint32_t file = 1; file <= FILES; file++) {
		struct reading reading = { .file = file, .high = UINT64_MAX };
		OK(sdb_line_find(db, file, 0, take_row, &reading));
		check_rest(&reading);
	}
}

static void check_all(const char *path, bool packed)
{
	struct reading all = { .high = UINT64_MAX };
	struct sdb_db *db;

	OK(sdb_db_open(path, NULL, &db));
	CHECK(sdb_db_info(db)->packed == packed);
	OK(sdb_db_verify(db));
	OK(sdb_lines(db, 0, UINT64_MAX, take_row, &all));
	check_rest(&all);
	ask(db);
	sdb_db_close(db);
}

static unsigned unpacked_count;

static bool check_unpacked(void *arg, uint64_t size)
{
	(void)size;
	check_all(arg, false);
	unpacked_count++;
	return true;
}

int main(void)
{
	char path[] = "/tmp/stackdb-lines-XXXXXX";

	close(mkstemp(path));
	for (int seed = 1; seed <= 6; seed++) {
		srand((unsigned)seed);
		write_lines(path, seed % 2, (unsigned)seed % 3 + 1);
		check_all(path, true);
	}
	CHECK(unpacked_count > 0);
	unlink(path);
	return 0;
}
