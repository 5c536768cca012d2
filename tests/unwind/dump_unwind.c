/* SPDX-License-Identifier: MIT */
/*
 * Prints every unwind row of a file as text, for comparison with what other programs read there:
 *     dump_unwind cfi|orc|sections FILE [DEBUG-FILE]
 * A line is `source low high flags return-column orc-type cfa [column=rule]...`; with `count`
 * instead of a dump (`count-cfi`) only the number of rows and the time it took.
 */

#include "indexer/unwind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct totals {
	uint64_t rows;
	uint64_t last_high;
	enum sdb_unwind_source source;
	bool quiet;
};

static void print_rule(const struct sdb_rule *rule)
{
	switch (rule->kind) {
	case SDB_RULE_UNDEFINED:
		fputs("u", stdout);
		break;
	case SDB_RULE_SAME_VALUE:
		fputs("s", stdout);
		break;
	case SDB_RULE_OFFSET:
		printf("c%+" PRId64, rule->offset);
		break;
	case SDB_RULE_VALUE_OFFSET:
		printf("v%+" PRId64, rule->offset);
		break;
	case SDB_RULE_REGISTER:
		printf("r%u", rule->reg);
		break;
	case SDB_RULE_REGISTER_OFFSET:
		printf("r%u%+" PRId64, rule->reg, rule->offset);
		break;
	case SDB_RULE_INDIRECT:
		printf("*r%u%+" PRId64, rule->reg, rule->offset);
		break;
	case SDB_RULE_ARCHITECTURE:
		printf("a%" PRId64, rule->offset);
		break;
	default:
		fputs(rule->kind == SDB_RULE_EXPRESSION ? "exp:" : "vexp:", stdout);
		for (uint32_t i = 0; i < rule->expression.length; i++)
			printf("%02x", rule->expression.bytes[i]);
	}
}

static struct sdb_error *print_row(void *arg, const struct sdb_unwind_row *row)
{
	struct totals *totals = arg;
	if (row->source != totals->source)
		totals->last_high = 0;
	if (row->low < totals->last_high || row->high <= row->low)
		return sdb_error_new(SDB_ERROR_INVALID, "row %#" PRIx64 "..%#" PRIx64 " out of order",
				     row->low, row->high);
	for (size_t i = 1; i < row->rule_count; i++) {
		if (row->rules[i - 1].column >= row->rules[i].column)
			return sdb_error_new(SDB_ERROR_INVALID, "rules of row %#" PRIx64
					     " out of order", row->low);
	}
	totals->source = row->source;
	totals->last_high = row->high;
	totals->rows++;
	if (totals->quiet)
		return NULL;
	printf("%d %" PRIx64 " %" PRIx64 " %x %u %d ", row->source, row->low, row->high, row->flags,
	       row->return_column, row->orc_type);
	print_rule(&row->cfa);
	for (size_t i = 0; i < row->rule_count; i++) {
		printf(" %u=", row->rules[i].column);
		print_rule(&row->rules[i]);
	}
	putchar('\n');
	return NULL;
}

static void warn(void *arg, const char *message)
{
	(void)arg;
	fprintf(stderr, "warning: %s\n", message);
}

static void print_sections(struct module *module)
{
	const struct sdb_section *sections;
	size_t count = module_sections(module, &sections);
	for (size_t i = 0; i < count; i++)
		printf("%u %" PRIx64 " %" PRIx64 " %s\n", sections[i].index, sections[i].address,
		       sections[i].size, sections[i].name);
}

static int fail(struct sdb_error *error)
{
	fprintf(stderr, "dump_unwind: %s\n", sdb_error_message(error));
	sdb_error_free(error);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: dump_unwind [count-]cfi|orc|sections FILE [DEBUG-FILE]\n");
		return 2;
	}
	struct module_options options = { .warn = warn, .debug_file = argc > 3 ? argv[3] : NULL };
	struct module *module;
	struct totals totals = { .quiet = strncmp(argv[1], "count-", 6) == 0 };
	const char *what = argv[1] + (totals.quiet ? 6 : 0);
	struct sdb_error *error = module_open(argv[2], &options, &module);
	if (error)
		return fail(error);
	struct timespec start, stop;
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (strcmp(what, "sections") == 0)
		print_sections(module);
	else if (strcmp(what, "orc") == 0)
		error = orc_read(module, print_row, &totals);
	else
		error = cfi_read(module, print_row, &totals);
	clock_gettime(CLOCK_MONOTONIC, &stop);
	if (totals.quiet)
		printf("%" PRIu64 " rows, %.1f ms\n", totals.rows,
		       (double)(stop.tv_sec - start.tv_sec) * 1e3 +
		       (double)(stop.tv_nsec - start.tv_nsec) / 1e6);
	module_close(module);
	return error ? fail(error) : 0;
}
