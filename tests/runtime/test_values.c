/* SPDX-License-Identifier: MIT */
/*
 * Values of this very program: what can be read is also known here, and what is written shows.
 *
 * usage: test_values DATABASE      of this program, built with debuginfo
 */

#include "runtime/context.h"
#include "runtime/types.h"

#include <err.h>
#include <link.h>
#include <stackdb/expression.h>
#include <stackdb/value.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- what is looked at: the names are those of the questions --------------------------------- */

enum level { LOW, HIGH = 7 };
struct inner { char text[8]; double real; };
struct outer {
	int number;
	unsigned low : 5, high : 11;
	enum level level;
	struct inner inner[2];
	const char *name;
	struct outer *self;
	long huge;
	_Bool flag;
};
struct outer thing, other;
int numbers[5] = { 10, 20, 30, 40, 50 }, *cursor = numbers + 1;
static const char *const words[] = { "zero", "one" };
unsigned char large[200000];
struct outer *nothing, *broken = (struct outer *)0x10;
char endless[64];
static const char *volatile const keep = (const char *)words;

static __attribute__((noinline)) void fill(struct outer *to)
{
	*to = (struct outer){ -5,
			      17,
			      1000,
			      HIGH,
			      { { "first", 0.5 }, { "sec\"ond", -2 } },
			      words[1],
			      to,
			      INT64_C(1) << 60,
			      1 };
}

/* ---- a context on this process --------------------------------------------------------------- */

static struct sdb_error *read_memory(void *arg, uint64_t address, void *buffer, size_t size)
{
	(void)arg;
	struct iovec here = { buffer, size }, there = { (void *)(uintptr_t)address, size };
	if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)size)
		return NULL;
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "0x%llx is not mapped",
			     (unsigned long long)address);
}

static struct sdb_error *write_memory(void *arg, uint64_t address, const void *buffer, size_t size)
{
	(void)arg;
	memcpy((void *)(uintptr_t)address, buffer, size);
	return NULL;
}

static const struct sdb_context_ops ops = { .read_memory = read_memory,
					    .write_memory = write_memory };

static int take_bias(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(uint64_t *)arg = info->dlpi_addr;
	return 1; /* the program itself comes first */
}

static struct sdb_context context = { .ops = &ops };

/* ---- checks ---------------------------------------------------------------------------------- */

static unsigned checks, failures;

static void check(bool condition, const char *what, const char *detail)
{
	checks++;
	if (condition)
		return;
	failures++;
	printf("not ok - %s: %s\n", what, detail);
}

static struct sdb_value *evaluate(const char *text)
{
	struct sdb_value *value;
	struct sdb_error *error = sdb_evaluate(&context, NULL, text, SDB_EVALUATE_ASSIGN, &value);
	if (error)
		errx(1, "%s: %s", text, sdb_error_message(error));
	return value;
}

static void prints(const char *text, const char *expected)
{
	struct sdb_value *value = evaluate(text);
	char *found;
	struct sdb_error *error = sdb_value_print(value, &context, NULL, &found);
	if (error)
		errx(1, "%s: %s", text, sdb_error_message(error));
	check(strcmp(found, expected) == 0, text, found);
	free(found);
	sdb_value_free(value);
}

static void says(const char *text, const char *expected)
{
	static const struct sdb_print_options options = { .no_symbols = true };
	struct sdb_value *value = evaluate(text);
	char *found;
	struct sdb_error *error = sdb_value_json(value, &context, &options, &found);
	if (error)
		errx(1, "%s: %s", text, sdb_error_message(error));
	check(strcmp(found, expected) == 0, text, found);
	free(found);
	sdb_value_free(value);
}

static void fails(const char *text, enum sdb_error_code code, const char *words_of_it)
{
	struct sdb_value *value = NULL;
	struct sdb_error *error = sdb_evaluate(&context, NULL, text, 0, &value);
	int64_t number;
	if (!error) {
		error = sdb_value_signed(value, &context, &number);
		sdb_value_free(value);
	}
	check(error && sdb_error_code(error) == code
	      && strstr(sdb_error_message(error), words_of_it), text,
	      error ? sdb_error_message(error) : "no error");
	sdb_error_free(error);
}

static void test_numbers(void)
{
	struct sdb_value *value = evaluate("thing.number");
	uint64_t address, big;
	int64_t number;
	long double real;
	sdb_error_free(sdb_value_signed(value, &context, &number));
	check(number == -5, "signed", "");
	sdb_error_free(sdb_value_unsigned(value, &context, &big));
	check(big == (uint64_t)-5, "unsigned", "");
	check(sdb_value_address(value, &address) && address == (uintptr_t)&thing.number, "address",
	      "");
	check(sdb_value_size(value) == 4 && sdb_value_kind(value) == SDB_TYPE_BASE, "size and kind",
	      "");
	sdb_value_free(value);
	value = evaluate("thing.inner[1].real");
	sdb_error_free(sdb_value_real(value, &context, &real));
	check(real == -2, "real", "");
	sdb_value_free(value);
	prints("thing.low", "17");
	prints("thing.high + 1", "1001");
	prints("sizeof thing", "80");
	prints("cursor[-1]", "10");
	prints("cursor - numbers", "1");
	prints("(*cursor == numbers[1]) + 0", "1");
	prints("test_values.c:numbers[0]", "10");
	prints("'test_values.c'::numbers[0]", "10");
	prints("1 ? numbers[0] : numbers[1]", "10");
	prints("1 ? 'a' : 'b'", "97 'a'");
	prints("(long)numbers == (long)&numbers[0] ? 5 : 6", "5");
	prints("*numbers@2", "{10, 20}");
	prints("((struct outer *)&thing)->inner[1].text", "\"sec\\\"ond\"");
	prints("(enum level)7", "HIGH");
	prints("HIGH + 1", "8");
	fails("other.c:numbers", SDB_ERROR_NOT_FOUND, "other.c has no");
	prints("large[199999]", "0 '\\000'");
	fails("nothing->number", SDB_ERROR_NOT_FOUND, "not mapped");
	fails("broken->number", SDB_ERROR_NOT_FOUND, "not mapped");
	fails("thing", SDB_ERROR_INVALID, "is no number");
	fails("1 / (numbers[0] - 10)", SDB_ERROR_INVALID, "division by zero");
	fails("thing.number = 3", SDB_ERROR_INVALID, "not allowed");
	fails("fill(3)", SDB_ERROR_INVALID, "cannot be called");
}

static void test_json(void)
{
	char expected[600];
	says("numbers", "[10,20,30,40,50]");
	says("thing.level", "{\"number\":7,\"enum\":\"HIGH\"}");
	says("thing.inner",
	     "[{\"text\":\"first\",\"real\":0.5},{\"text\":\"sec\\\"ond\",\"real\":-2}]");
	says("thing.huge", "\"1152921504606846976\"");
	says("thing.flag", "true");
	says("nothing", "{\"pointer\":\"0x0\"}");
	says("*broken", "{\"absent\":\"memory not readable\",\"why\":\"0x10 is not mapped\"}");
	snprintf(expected, sizeof(expected), "{\"pointer\":\"%p\",\"string\":\"one\"}",
		 (const void *)words[1]);
	says("thing.name", expected);
	memset(endless, 0xff, sizeof(endless));
	memset(expected, 0, sizeof(expected));
	strcpy(expected, "{\"bytes\":\"");
	for (size_t i = 0; i < sizeof(endless); i++)
		strcat(expected, "ff");
	strcat(expected, "\"}");
	says("endless", expected);
}

static void test_strings(void)
{
	struct sdb_value *value = evaluate("thing.inner[0].text");
	char *text;
	size_t length;
	bool cut;
	sdb_error_free(sdb_value_string(value, &context, 0, &text, &length, &cut));
	check(strcmp(text, "first") == 0 && length == 5 && !cut, "array", text);
	free(text);
	sdb_error_free(sdb_value_string(value, &context, 3, &text, &length, &cut));
	check(strcmp(text, "fir") == 0 && cut, "cut", text);
	free(text);
	sdb_value_free(value);
	value = evaluate("thing.name");
	sdb_error_free(sdb_value_string(value, &context, 0, &text, NULL, NULL));
	check(strcmp(text, "one") == 0, "pointer", text);
	free(text);
	sdb_value_free(value);
}

static struct sdb_error *take_path(void *arg, const char *path, struct sdb_value *before,
				   struct sdb_value *after)
{
	(void)before, (void)after;
	strcat(strcat(arg, path), " ");
	return NULL;
}

static void test_change(void)
{
	struct sdb_value *value = evaluate("thing"), *before;
	char paths[200] = "";
	bool changed;
	size_t count;
	sdb_error_free(sdb_value_refresh(value, &context, &changed));
	sdb_error_free(sdb_value_copy(value, &before));
	sdb_error_free(sdb_value_refresh(value, &context, &changed));
	check(!changed, "nothing changed", "");
	thing.high = 3;
	thing.inner[1].text[2] = 'C';
	thing.number++;
	sdb_error_free(sdb_value_refresh(value, &context, &changed));
	check(changed, "something changed", "");
	sdb_error_free(sdb_value_diff(before, value, &context, 0, take_path, paths, &count));
	check(count == 3 && strcmp(paths, ".number .high .inner[1].text[2] ") == 0, "differences",
	      paths);
	sdb_value_free(before);
	sdb_value_free(value);
	value = evaluate("thing.high");
	thing.high = 4;
	sdb_error_free(sdb_value_refresh(value, &context, &changed));
	check(changed, "a bit-field changed", "");
	sdb_value_free(value);
}

static void test_assign(void)
{
	struct sdb_value *value;
	struct sdb_error *error;
	fill(&thing);
	prints("thing.low = 9", "9");
	check(thing.low == 9 && thing.high == 1000 && thing.number == -5, "a bit-field alone", "");
	prints("thing.number = 2.75", "2");
	check(thing.number == 2, "converted", "");
	prints("thing.inner[0].real = 3", "3");
	check(thing.inner[0].real == 3, "to a real", "");
	prints("thing.flag = 44", "true");
	prints("thing.level = LOW", "LOW");
	snprintf(endless, sizeof(endless), "%p", (void *)&other);
	prints("thing.self = &other", endless);
	check(thing.self == &other, "a pointer", "");
	prints("(other = thing).low", "9");
	check(other.low == 9 && other.inner[0].real == 3, "a structure", "");
	prints("numbers[2] = numbers[3] = 7", "7");
	check(numbers[2] == 7 && numbers[3] == 7, "both", "");
	value = evaluate("1 + 1");
	error = sdb_value_store(value, &context, "1234", 4);
	check(error && strstr(sdb_error_message(error), "computed"), "a computed value", "");
	sdb_error_free(error);
	sdb_value_free(value);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	struct sdb_error *error = sdb_db_open(argv[1], NULL, &context.db);
	if (error)
		errx(1, "%s", sdb_error_message(error));
	dl_iterate_phdr(take_bias, &context.load_bias);
	context.types = types_create(0);
	fill(&thing);
	if (!keep)
		return 1;
	test_numbers();
	test_json();
	test_strings();
	test_change();
	test_assign();
	types_unref(context.types);
	sdb_db_close(context.db);
	printf("%u checks, %u failed\n", checks, failures);
	return failures != 0;
}
