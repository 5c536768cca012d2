/* SPDX-License-Identifier: MIT */
/*
 * BTF written by hand: every kind, both byte orders, split, old bit-fields, and thousands of
 * damaged variants of it.
 */

#include "fake_writer.h"
#include "indexer/btf.h"

#include <stdlib.h>
#include <string.h>

static int failures;

/* ---- building -------------------------------------------------------------------------- */

struct image {
	uint8_t types[4096];
	size_t size;
	char strings[1024];
	size_t string_size;
	uint32_t string_start;
	bool big;
};

static void put_at(uint8_t *at, bool big, uint32_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> 8 * (big ? size - 1 - i : i));
}

static void put(struct image *image, uint32_t value)
{
	put_at(image->types + image->size, image->big, value, 4);
	image->size += 4;
}

static uint32_t name(struct image *image, const char *text)
{
	if (!text)
		return 0;
	size_t at = image->string_size;
	image->string_size += strlen(text) + 1;
	memcpy(image->strings + at, text, strlen(text) + 1);
	return image->string_start + (uint32_t)at;
}

static void type(struct image *image, const char *text, unsigned kind, unsigned flag, unsigned count,
		 uint32_t size)
{
	put(image, name(image, text));
	put(image, (uint32_t)flag << 31 | kind << 24 | count);
	put(image, size);
}

static void element(struct image *image, const char *text, uint32_t a)
{
	put(image, name(image, text));
	put(image, a);
}

static void start(struct image *image, bool big, uint32_t string_start)
{
	*image = (struct image){ .big = big, .string_start = string_start };
	if (!string_start)
		image->string_size = 1;
}

static size_t finish(const struct image *image, uint8_t *data)
{
	put_at(data, image->big, 0xeb9f, 2);
	data[2] = 1;
	data[3] = 0;
	uint32_t words[] = { 24, 0, (uint32_t)image->size, (uint32_t)image->size,
			     (uint32_t)image->string_size };
	for (unsigned i = 0; i < 5; i++)
		put_at(data + 4 + 4 * i, image->big, words[i], 4);
	memcpy(data + 24, image->types, image->size);
	memcpy(data + 24 + image->size, image->strings, image->string_size);
	return 24 + image->size + image->string_size;
}

/* One type of each kind, and what is special about some. */
static void put_all_kinds(struct image *image)
{
	type(image, "int", 1, 0, 0, 4);                /* 1 */
	put(image, 1u << 24 | 32);
	type(image, NULL, 2, 0, 0, 4);                 /* 2: pointer to 4 */
	type(image, NULL, 3, 0, 0, 0);                 /* 3: array */
	put(image, 1), put(image, 1), put(image, 7);
	type(image, "node", 4, 1, 3, 24);              /* 4 */
	element(image, "next", 2), put(image, 0);
	element(image, "low", 1), put(image, 3u << 24 | 64);
	element(image, NULL, 5), put(image, 96);
	type(image, NULL, 5, 0, 1, 4);                 /* 5: union */
	element(image, "whole", 1), put(image, 0);
	type(image, "color", 6, 1, 2, 4);              /* 6: signed */
	element(image, "RED", (uint32_t)-1);
	element(image, "BLUE", 5);
	type(image, "later", 7, 1, 0, 0);              /* 7: union, forward */
	type(image, "number", 8, 0, 0, 12);            /* 8: typedef of 12 */
	type(image, NULL, 9, 0, 0, 1);                 /* 9: volatile */
	type(image, NULL, 10, 0, 0, 9);                /* 10: const */
	type(image, NULL, 11, 0, 0, 2);                /* 11: restrict */
	type(image, "user", 18, 0, 0, 13);             /* 12: type tag on a type tag */
	type(image, "rcu", 18, 0, 0, 1);               /* 13 */
	type(image, NULL, 13, 0, 3, 1);                /* 14: int (int a, node *b, ...) */
	element(image, "a", 1);
	element(image, "b", 2);
	element(image, NULL, 0);
	type(image, "run", 12, 0, 1, 14);              /* 15: function, global */
	type(image, "count", 14, 0, 0, 1);             /* 16: variable, global */
	put(image, 1);
	type(image, ".data..percpu", 15, 0, 1, 4);     /* 17 */
	put(image, 16), put(image, 8), put(image, 4);
	type(image, "double", 16, 0, 0, 8);            /* 18 */
	type(image, "tag", 17, 0, 0, 15);              /* 19: declaration tag */
	put(image, UINT32_MAX);
	type(image, "wide", 19, 0, 1, 8);              /* 20 */
	element(image, "HUGE", 1), put(image, 0xffffffff);
	type(image, "loop", 18, 0, 0, 22);             /* 21, 22: tags in a circle */
	type(image, "loop", 18, 0, 0, 21);
	type(image, NULL, 2, 0, 0, 21);                /* 23 */
}

static const char all_kinds[] =
	"unit 1 test BTF 2 0\n"
	"type 1 1 40 int 4 5 0 0\n"
	"type 2 2 40 - 8 0 0 4\n"
	"type 3 11 0 - 0 0 0 1\n"
	" dimension 7 1\n"
	"type 4 12 40 node 24 0 0 0\n"
	" member next 2 0 0 0\n"
	" member low 1 4 64 3\n"
	" member - 5 0 96 0\n"
	"type 5 14 40 - 4 0 0 0\n"
	" member whole 1 0 0 0\n"
	"type 6 15 40 color 4 0 0 0\n"
	" enumerator RED -1\n"
	" enumerator BLUE 5\n"
	"type 7 14 1 later 0 0 0 0\n"
	"type 8 10 0 number 0 0 0 1\n"
	"type 9 7 0 - 0 0 0 1\n"
	"type 10 6 0 - 0 0 0 9\n"
	"type 11 8 0 - 0 0 0 2\n"
	"type 12 16 18 - 0 0 0 1\n"
	" parameter a 1\n"
	" parameter b 2\n"
	"type 13 1 40 double 8 4 0 0\n"
	"type 14 15 40 wide 8 0 0 0\n"
	" enumerator HUGE 18446744069414584321\n"
	"type 15 2 40 - 8 0 0 0\n"
	"function 1 run 184 1\n"
	" parameter a 1\n"
	" parameter b 2\n"
	"variable 1 count 44 1 5008\n"
	"code 1 1000 1020\n";

/* ---- running ------------------------------------------------------------------------------ */

static const struct module_symbol symbols[] = {
	{ .symbol = { .address = 0x1000, .size = 0x20, .type = 2, .binding = 1, .section = 1 }, .name = "run" },
	{ .symbol = { .address = 0x1010, .size = 0x20, .type = 2, .section = 1 }, .name = "run" },
	{ .symbol = { .address = 0x4000, .size = 4, .type = 1, .section = 2 }, .name = "own" },
};
static const struct sdb_section sections[] = {
	{ .index = 1, .name = ".data..percpu", .address = 0x5000, .size = 0x100 },
};
static const struct btf_places places = { symbols, 3, sections, 1, 8 };

/* The records of BTF as text; or what the error was. NULL text: only checks. */
static void convert(struct btf *btf, char **text_ret, char *problem, size_t problem_size)
{
	size_t size;
	const uint32_t *ranks;
	FILE *out = text_ret ? open_memstream(text_ret, &size) : NULL;
	struct sdb_names *names = sdb_names_create();
	struct sdb_writer *writer = fake_writer_create(out);
	struct sdb_error *error = btf_intern(btf, names, "test");
	if (!error)
		error = sdb_writer_freeze_names(writer, names, &ranks);
	if (!error)
		error = btf_write(btf, writer, ranks, &places);
	if (error)
		snprintf(problem, problem_size, "%s", sdb_error_message(error));
	else if (fake_writer_problem(writer))
		snprintf(problem, problem_size, "%s", fake_writer_problem(writer));
	sdb_error_free(error);
	fake_writer_destroy(writer);
	sdb_names_destroy(names);
	if (out)
		fclose(out);
}

static void check(const char *what, const uint8_t *data, size_t size, const struct btf *base,
		  bool partial, const char *want)
{
	struct btf *btf;
	char *text = NULL, problem[256] = "";
	struct sdb_error *error = btf_open(data, size, base, &btf);
	if (error) {
		snprintf(problem, sizeof(problem), "%s", sdb_error_message(error));
		sdb_error_free(error);
	} else {
		convert(btf, &text, problem, sizeof(problem));
		if (btf_is_partial(btf) != partial)
			snprintf(problem, sizeof(problem), "is it partial?");
		btf_close(btf);
	}
	if (problem[0] || !text || strcmp(text, want) != 0) {
		failures++;
		printf("%s: %s\n got:\n%s want:\n%s", what, problem, text ? text : "", want);
	}
	free(text);
}

static void check_error(const char *what, const uint8_t *data, size_t size, enum sdb_error_code code)
{
	struct btf *btf;
	struct sdb_error *error = btf_open(data, size, NULL, &btf);
	if (!error || sdb_error_code(error) != code) {
		failures++;
		printf("%s: %s\n", what, error ? sdb_error_message(error) : "no error");
	}
	sdb_error_free(error);
	btf_close(btf);
}

static void test_all_kinds(void)
{
	for (int big = 0; big < 2; big++) {
		struct image image;
		uint8_t data[8192];
		start(&image, big, 0);
		put_all_kinds(&image);
		size_t size = finish(&image, data);
		check(big ? "all kinds, big endian" : "all kinds", data, size, NULL, false, all_kinds);
	}
}

/* Integers narrower than their size, enumerations without a flag: as old encoders wrote. */
static void test_old(void)
{
	struct image image;
	uint8_t data[8192];
	start(&image, false, 0);
	type(&image, "int", 1, 0, 0, 4);
	put(&image, 1u << 24 | 32);
	type(&image, NULL, 1, 0, 0, 4);
	put(&image, 2u << 16 | 5);
	type(&image, "flags", 4, 0, 2, 4);
	element(&image, "a", 2), put(&image, 8);
	element(&image, "b", 1), put(&image, 0);
	type(&image, "e", 6, 0, 1, 4);
	element(&image, "MINUS", (uint32_t)-2);
	size_t size = finish(&image, data);
	check("old", data, size, NULL, false,
	      "unit 1 test BTF 2 0\n"
	      "type 1 1 40 int 4 5 0 0\n"
	      "type 2 1 c0 - 5 7 2 0\n"
	      "type 3 12 40 flags 4 0 0 0\n"
	      " member a 2 4 10 5\n"
	      " member b 1 0 0 0\n"
	      "type 4 15 40 e 4 0 0 0\n"
	      " enumerator MINUS -2\n");
}

static void put_split(struct image *image, uint32_t first)
{
	type(image, "own", 14, 0, 0, first + 1);         /* + 0 */
	put(image, 1);
	type(image, NULL, 2, 0, 0, 4);                   /* + 1: pointer to node, of the base */
	type(image, NULL, 13, 0, 1, first + 1);          /* + 2 */
	element(image, "argument", 8);
	type(image, "start", 12, 0, 0, first + 2);       /* + 3 */
	type(image, ".data", 15, 0, 1, 4);               /* + 4 */
	put(image, first), put(image, 0), put(image, 8);
}

static void test_split(void)
{
	struct image image;
	uint8_t base_data[8192], data[8192];
	struct btf *base;
	start(&image, false, 0);
	put_all_kinds(&image);
	size_t size = finish(&image, base_data);
	uint32_t strings = (uint32_t)image.string_size;
	struct sdb_error *error = btf_open(base_data, size, NULL, &base);
	if (error) {
		failures++;
		sdb_error_free(error);
		return;
	}
	start(&image, false, strings);
	put_split(&image, 24);
	size = finish(&image, data);
	/* Of the base what is needed: int, the pointer, node and its union, the typedef. */
	check("split", data, size, base, false,
	      "unit 1 test BTF 2 0\n"
	      "type 1 1 40 int 4 5 0 0\n"
	      "type 2 2 40 - 8 0 0 3\n"
	      "type 3 12 40 node 24 0 0 0\n"
	      " member next 2 0 0 0\n"
	      " member low 1 4 64 3\n"
	      " member - 4 0 96 0\n"
	      "type 4 14 40 - 4 0 0 0\n"
	      " member whole 1 0 0 0\n"
	      "type 5 10 0 number 0 0 0 1\n"
	      "type 6 2 40 - 8 0 0 3\n"
	      "type 7 16 8 - 0 0 0 6\n"
	      " parameter argument 5\n"
	      "function 1 start 80 6\n"
	      " parameter argument 5\n"
	      "variable 1 own 4 6 4000\n");
	check("split without its base", data, size, NULL, true,
	      "unit 1 test BTF 2 0\n"
	      "type 1 2 40 - 8 0 0 3\n"
	      "type 2 16 8 - 0 0 0 1\n"
	      " parameter argument 3\n"
	      "type 3 17 1 (type of the kernel's BTF, which was not given) 0 0 0 0\n"
	      "function 1 start 80 1\n"
	      " parameter argument 3\n"
	      "variable 1 own 4 1 4000\n");
	btf_close(base);
	/* Nothing says where the numbers begin: the pointer may be to the typedef or to the base. */
	start(&image, false, strings);
	type(&image, "alone", 8, 0, 0, 0);
	type(&image, NULL, 2, 0, 0, 24);
	size = finish(&image, data);
	check_error("split, ambiguous", data, size, SDB_ERROR_NOT_FOUND);
}

static void test_errors(void)
{
	struct image image;
	uint8_t data[8192];
	start(&image, false, 0);
	put_all_kinds(&image);
	size_t size = finish(&image, data);
	check_error("empty", data, 0, SDB_ERROR_CORRUPT);
	check_error("header only", data, 24, SDB_ERROR_CORRUPT);
	check_error("strings cut", data, size - 1, SDB_ERROR_CORRUPT);
	data[2] = 9;
	check_error("version", data, size, SDB_ERROR_UNSUPPORTED);
	data[2] = 1;
	start(&image, false, 0);
	type(&image, "x", 8, 0, 0, 2);
	size = finish(&image, data);
	check_error("reference", data, size, SDB_ERROR_CORRUPT);
	start(&image, false, 0);
	type(&image, "x", 20, 0, 0, 0);
	size = finish(&image, data);
	check_error("kind", data, size, SDB_ERROR_UNSUPPORTED);
	start(&image, false, 0);
	type(&image, "x", 4, 0, 65535, 0);
	size = finish(&image, data);
	check_error("members", data, size, SDB_ERROR_CORRUPT);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static uint32_t seed = 20240229;

static uint32_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static void try_damaged(const uint8_t *sound, size_t size, const struct btf *base)
{
	/* Of its own size, so that a read behind its end is noticed. */
	size_t kept = next() % 4 ? size : next() % (size + 1);
	uint8_t *data = malloc(kept + 1);
	memcpy(data, sound, kept);
	for (uint32_t flips = next() % 4; kept && flips; flips--) {
		uint32_t at = next() % kept;
		data[at] = next() % 2 ? (uint8_t)next() : data[at] ^ (uint8_t)(1u << next() % 8);
	}
	struct btf *btf;
	struct sdb_error *error = btf_open(data, kept, base, &btf);
	char problem[256] = "";
	if (!error)
		convert(btf, NULL, problem, sizeof(problem));
	if (problem[0]) {
		failures++;
		printf("damaged: %s\n", problem);
	}
	sdb_error_free(error);
	btf_close(btf);
	free(data);
}

static void test_damage(void)
{
	struct image image;
	uint8_t whole[8192], part[8192];
	struct btf *base;
	start(&image, false, 0);
	put_all_kinds(&image);
	size_t size = finish(&image, whole);
	uint32_t strings = (uint32_t)image.string_size;
	start(&image, false, strings);
	put_split(&image, 24);
	size_t part_size = finish(&image, part);
	if (btf_open(whole, size, NULL, &base)) {
		failures++;
		return;
	}
	for (int i = 0; i < 10000; i++) {
		try_damaged(whole, size, NULL);
		try_damaged(part, part_size, base);
		try_damaged(part, part_size, NULL);
	}
	btf_close(base);
}

int main(void)
{
	test_all_kinds();
	test_old();
	test_split();
	test_errors();
	test_damage();
	return failures ? 1 : 0;
}
