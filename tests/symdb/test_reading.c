/* SPDX-License-Identifier: MIT */
/* Readers: several threads on one handle, a cache with hardly any room, what is not there, damage. */

#include "flatten.h"
#include "random_records.h"
#include "symdb/database.h"
#include "symdb/writer.h"
#include "write_records.h"
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, QUESTIONS = 300 };

static uint64_t hash_type(struct sdb_db *db, uint32_t id)
{
	struct buffer bytes = { 0 };
	struct sdb_type *type;
	uint64_t hash = 0;

	OK(sdb_type(db, id, &type));
	flatten_type(&bytes, type);
	for (size_t i = 0; i < bytes.size; i++)
		hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
	sdb_type_free(type);
	buffer_deinit(&bytes);
	return hash;
}

static struct sdb_db *shared;
static uint64_t hashes[RANDOM_TYPES + 1];

static void *ask(void *arg)
{
	unsigned random = (unsigned)(size_t)arg;

	for (int i = 0; i < QUESTIONS; i++) {
		uint32_t id = 1 + (uint32_t)rand_r(&random) % RANDOM_TYPES;
		CHECK(hash_type(shared, id) == hashes[id]);
		struct sdb_code *code;
		OK(sdb_code_at(shared, random_code_address((uint32_t)rand_r(&random) % RANDOM_CODES),
			       SDB_CODE_WITH_VARIABLES, &code));
		sdb_code_free(code);
	}
	return NULL;
}

static void test_threads(const char *path, size_t cache_size)
{
	struct sdb_open_options options = { .cache_size = cache_size };
	pthread_t threads[THREADS];

	OK(sdb_db_open(path, &options, &shared));
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, ask, (void *)(i + 1)) == 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(shared->cached <= cache_size);
	sdb_db_close(shared);
}

static void test_absent(const char *path)
{
	struct sdb_db *db;
	struct sdb_type *type;
	struct sdb_function *function;
	struct sdb_function_names names;
	struct sdb_variable *variable;
	struct sdb_code *code;
	struct sdb_instance *instances;
	size_t count;

	FAILS(sdb_db_open("/nonexistent.sdb", NULL, &db), SDB_ERROR_NOT_FOUND);
	OK(sdb_db_open(path, NULL, &db));
	FAILS(sdb_type(db, 0, &type), SDB_ERROR_NOT_FOUND);
	FAILS(sdb_type(db, RANDOM_TYPES + 1, &type), SDB_ERROR_NOT_FOUND);
	FAILS(sdb_type(db, UINT32_MAX, &type), SDB_ERROR_NOT_FOUND);
	FAILS(sdb_function(db, RANDOM_FUNCTIONS + 1, true, &function), SDB_ERROR_NOT_FOUND);
	FAILS(sdb_function_names(db, RANDOM_FUNCTIONS + 1, &names), SDB_ERROR_NOT_FOUND);
	FAILS(sdb_variable(db, RANDOM_VARIABLES + 1, &variable), SDB_ERROR_NOT_FOUND);
	FAILS(sdb_code_at(db, 0, 0, &code), SDB_ERROR_NOT_FOUND);
	FAILS(sdb_code_at(db, UINT64_MAX, 0, &code), SDB_ERROR_NOT_FOUND);
	FAILS(sdb_code_at(db, random_code_address(1) - 1, 0, &code), SDB_ERROR_NOT_FOUND);
	OK(sdb_function_instances(db, RANDOM_FUNCTIONS + 1, &instances, &count));
	CHECK(count == 0);
	free(instances);
	sdb_db_close(db);
}

static void test_order(const char *path)
{
	struct sdb_writer_options options = { .path = path };
	struct sdb_type type = { .id = 2, .kind = SDB_TYPE_BASE };
	struct sdb_range range = { 0x2000, 0x2010 };
	struct sdb_code_scope scope = { .range_count = 1, .ranges = &range };
	struct sdb_code code = { .scope_count = 1, .scopes = &scope };
	struct sdb_writer *writer;

	OK(sdb_writer_create(&options, &writer));
	FAILS(sdb_writer_add_type(writer, &type), SDB_ERROR_INVALID);
	OK(sdb_writer_add_code(writer, &code));
	range = (struct sdb_range){ 0x1000, 0x1010 };
	FAILS(sdb_writer_add_code(writer, &code), SDB_ERROR_INVALID);
	scope.range_count = 0;
	FAILS(sdb_writer_add_code(writer, &code), SDB_ERROR_INVALID);
	sdb_writer_abort(writer);
}

/* A byte anywhere changed: verification says so, or the byte meant nothing to anybody. */
static void test_damage(const char *path, const char *copy)
{
	static uint8_t data[8 << 20];
	FILE *file = fopen(path, "rb");
	size_t size = fread(data, 1, sizeof(data), file), noticed = 0;
	unsigned random = 7;

	fclose(file);
	for (int i = 0; i < 20; i++) {
		struct sdb_db *db;
		size_t at = 4096 + (size_t)rand_r(&random) % (size - 4096);
		uint8_t kept = data[at];
		data[at] ^= (uint8_t)(1 << rand_r(&random) % 8);
		file = fopen(copy, "wb");
		CHECK(fwrite(data, 1, size, file) == size);
		fclose(file);
		data[at] = kept;
		struct sdb_error *error = sdb_db_open(copy, NULL, &db);
		if (!error) {
			error = sdb_db_verify(db);
			sdb_db_close(db);
		}
		noticed += error != NULL;
		sdb_error_free(error);
	}
	CHECK(noticed > 12);
}

int main(void)
{
	char path[] = "/tmp/stackdb-reading-XXXXXX", other[] = "/tmp/stackdb-reading-XXXXXX";
	struct sdb_db *db;

	close(mkstemp(path));
	close(mkstemp(other));
	write_records(path, 1, 2, NULL);
	OK(sdb_db_open(path, NULL, &db));
	for (uint32_t i = 1; i <= RANDOM_TYPES; i++)
		hashes[i] = hash_type(db, i);
	sdb_db_close(db);
	test_threads(path, 1 << 20);
	test_threads(path, 60000);
	test_threads(path, 1);
	test_absent(path);
	test_damage(path, other);
	test_order(other);
	unlink(path);
	unlink(other);
	return 0;
}
