/* SPDX-License-Identifier: MIT */
/*
 * Random records of every kind are written and come back as they were, also before they are packed; the bytes
 * depend neither on that nor on the jobs.
 */

#include "flatten.h"
#include "random_records.h"
#include "write_records.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct buffer wanted, found;

static void compare(const char *what, uint32_t id)
{
	if (found.failed || wanted.failed || found.size != wanted.size ||
	    memcmp(found.data, wanted.data, found.size) != 0) {
		fprintf(stderr, "%s %u is not what was written\n", what, id);
		exit(1);
	}
	found.size = wanted.size = 0;
}

static void read_records(struct sdb_db *db)
{
	for (uint32_t i = 1; i <= RANDOM_TYPES; i++) {
		struct sdb_type from, *to;
		random_type(i, &from);
		flatten_type(&wanted, &from);
		OK(sdb_type(db, i, &to));
		flatten_type(&found, to);
		sdb_type_free(to);
		compare("type", i);
	}
	for (uint32_t i = 1; i <= RANDOM_FUNCTIONS; i++) {
		struct sdb_function from, *to;
		struct sdb_function_names names;
		random_function(i, &from);
		OK(sdb_function_names(db, i, &names));
		CHECK(names.name == from.name && names.linkage_name == from.linkage_name && names.unit == from.unit);
		flatten_function(&wanted, &from);
		OK(sdb_function(db, i, true, &to));
		flatten_function(&found, to);
		sdb_function_free(to);
		compare("function", i);
	}
	for (uint32_t i = 1; i <= RANDOM_VARIABLES; i++) {
		struct sdb_variable from, *to;
		random_variable(i, &from);
		flatten_variable(&wanted, &from);
		OK(sdb_variable(db, i, &to));
		flatten_variable(&found, to);
		sdb_variable_free(to);
		compare("variable", i);
	}
}

static struct sdb_error *next_code(void *arg, const struct sdb_code *code)
{
	uint32_t *number = arg;
	struct sdb_code from;

	random_code(*number, &from);
	flatten_code(&wanted, &from);
	flatten_code(&found, code);
	compare("code", (*number)++);
	return NULL;
}

/* Entry and every range of an instance lead to it, when no other one begins there. */
static void find_code(struct sdb_db *db)
{
	for (uint32_t i = 0; i < RANDOM_CODES; i++) {
		struct sdb_code from;
		if (i % 7 >= 5)
			continue;
		random_code(i, &from);
		for (size_t r = 0; r < from.scopes[0].range_count; r++) {
			struct sdb_code *to;
			const struct sdb_range *range = &from.scopes[0].ranges[r];
			random_code(i, &from);
			flatten_code(&wanted, &from);
			OK(sdb_code_at(db, range->high - 1, SDB_CODE_WITH_VARIABLES | SDB_CODE_WITH_CALLS, &to));
			flatten_code(&found, to);
			sdb_code_free(to);
			compare("code by address", i);
		}
	}
}

/* Where functions are, against all the code there is. */
static void find_instances(struct sdb_db *db)
{
	static unsigned char seen[RANDOM_FUNCTIONS + 1][RANDOM_CODES];
	size_t expected[RANDOM_FUNCTIONS + 1] = { 0 };

	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < RANDOM_CODES; i++) {
		struct sdb_code code;
		random_code(i, &code);
		for (size_t s = 1; s < code.scope_count; s++)
			if (code.scopes[s].kind == SDB_CODE_INLINED)
				seen[code.scopes[s].function][i - (i % 7 == 6)] = 1;
		expected[code.scopes[0].function]++;
	}
	for (uint32_t f = 1; f <= RANDOM_FUNCTIONS; f++) {
		struct sdb_instance *instances;
		size_t count, inlined = 0;
		OK(sdb_function_instances(db, f, &instances, &count));
		for (uint32_t i = 0; i < RANDOM_CODES; i++)
			inlined += seen[f][i];
		for (size_t i = 0; i < count; i++) {
			CHECK(i == 0 || instances[i - 1].address <= instances[i].address);
			inlined -= instances[i].inlined;
			expected[f] -= !instances[i].inlined;
		}
		CHECK(inlined == 0 && expected[f] == 0);
		free(instances);
	}
}

struct children {
	struct sdb_scope scope;
	uint32_t last[SDB_ENTITY_ENUMERATOR];
	size_t count;
};

static struct sdb_error *next_child(void *arg, struct sdb_entity entity)
{
	struct children *children = arg;
	struct sdb_type type;
	struct sdb_function function;
	struct sdb_variable variable;
	struct sdb_scope scope = { 0 };

	CHECK(entity.kind < SDB_ENTITY_ENUMERATOR && entity.id > children->last[entity.kind]);
	children->last[entity.kind] = entity.id;
	children->count++;
	if (entity.kind == SDB_ENTITY_TYPE) {
		random_type(entity.id, &type);
		scope = type.scope;
	} else if (entity.kind == SDB_ENTITY_FUNCTION) {
		random_function(entity.id, &function);
		scope = function.scope;
	} else {
		random_variable(entity.id, &variable);
		scope = variable.scope;
	}
	CHECK(scope.kind == children->scope.kind && scope.id == children->scope.id);
	return NULL;
}

static void find_children(struct sdb_db *db)
{
	size_t count = 0, expected = 0;

	for (uint32_t i = 1; i <= RANDOM_TYPES; i++) {
		struct children children = { .scope = { SDB_SCOPE_TYPE, i } };
		struct sdb_type type;
		OK(sdb_children(db, i, next_child, &children));
		count += children.count;
		random_type(i, &type);
		expected += type.scope.kind == SDB_SCOPE_TYPE;
	}
	for (uint32_t i = 1; i <= RANDOM_FUNCTIONS; i++) {
		struct sdb_function function;
		random_function(i, &function);
		expected += function.scope.kind == SDB_SCOPE_TYPE;
	}
	for (uint32_t i = 1; i <= RANDOM_VARIABLES; i++) {
		struct sdb_variable variable;
		random_variable(i, &variable);
		expected += variable.scope.kind == SDB_SCOPE_TYPE;
	}
	CHECK(count == expected);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Names are numbered in byte order and lead to what bears them. */
static struct sdb_error *count_found(void *arg, sdb_name_id id, const char *text, struct sdb_entity entity)
{
	(void)id;
	(void)text;
	(void)entity;
	++*(size_t *)arg;
	return NULL;
}

static void read_names(struct sdb_db *db)
{
	static char texts[RANDOM_NAMES][64];

	for (uint32_t i = 0; i < RANDOM_NAMES; i++)
		random_name(i + 1, texts[i]);
	qsort(texts, RANDOM_NAMES, sizeof(texts[0]), compare_texts);
	CHECK(sdb_db_info(db)->names == RANDOM_NAMES);
	for (uint32_t i = 0; i < RANDOM_NAMES; i++) {
		char *text;
		OK(sdb_name(db, i + 1, &text));
		CHECK(strcmp(text, texts[i]) == 0);
		free(text);
		sdb_name_id id;
		OK(sdb_name_find(db, texts[i], &id));
		CHECK(id == i + 1);
		strcat(texts[i], "\x01"); /* no name has that */
		OK(sdb_name_find(db, texts[i], &id));
		CHECK(id == 0);
		texts[i][strlen(texts[i]) - 1] = '\0';
	}
	size_t exact = 0, all = 0;
	for (uint32_t i = 0; i < RANDOM_NAMES; i++)
		OK(sdb_lookup(db, texts[i], SDB_MATCH_EXACT, 1u << SDB_ENTITY_FUNCTION, count_found, &exact));
	OK(sdb_lookup(db, "*", SDB_MATCH_GLOB, 1u << SDB_ENTITY_FUNCTION, count_found, &all));
	CHECK(exact >= all && all > RANDOM_FUNCTIONS / 2);
}

static bool same_files(const char *a, const char *b)
{
	FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
	int c, d;
	CHECK(x && y);
	do {
		c = getc(x);
		d = getc(y);
	} while (c == d && c != EOF);
	fclose(x);
	fclose(y);
	return c == d;
}

static void check_all(const char *path, bool packed)
{
	struct sdb_db *db;
	uint32_t number = 0;

	OK(sdb_db_open(path, NULL, &db));
	CHECK(sdb_db_info(db)->packed == packed);
	OK(sdb_db_verify(db));
	read_records(db);
	OK(sdb_codes(db, SDB_CODE_WITH_VARIABLES | SDB_CODE_WITH_CALLS, next_code, &number));
	CHECK(number == RANDOM_CODES);
	find_code(db);
	find_instances(db);
	find_children(db);
	read_names(db);
	sdb_db_close(db);
}

static unsigned unpacked_count;

static bool check_unpacked(void *arg, uint64_t size)
{
	struct stat status;

	check_all(arg, false);
	CHECK(stat(arg, &status) == 0 && (uint64_t)status.st_size == size);
	unpacked_count++;
	return true;
}

int main(int argc, char **argv)
{
	char path[] = "/tmp/stackdb-records-XXXXXX", other[] = "/tmp/stackdb-records-XXXXXX";
	int seeds = argc > 1 ? atoi(argv[1]) : 3;

	close(mkstemp(path));
	close(mkstemp(other));
	for (int seed = 1; seed <= seeds; seed++) {
		write_records(path, (uint64_t)seed, 1, NULL);
		write_records(other, (uint64_t)seed, 3, check_unpacked);
		CHECK(same_files(path, other));
		check_all(path, true);
	}
	CHECK(unpacked_count == (unsigned)seeds);
	unlink(path);
	unlink(other);
	buffer_deinit(&wanted);
	buffer_deinit(&found);
	return 0;
}
