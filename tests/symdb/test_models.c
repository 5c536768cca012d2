/* SPDX-License-Identifier: MIT */
/* Models and phrases: what is stored is read back as it was meant, and nonsense is refused. */

#include "write_records.h"
#include "symdb/models.h"
#include "symdb/phrases.h"
#include <string.h>

enum { MODELS = 300, FIRST_FIELD = 120, DISTINCT = 20 };

static const struct model_field fields[] = { { FIRST_FIELD }, { MODELS } };

static void check_model(const int16_t *model)
{
	unsigned sum = 0;

	for (unsigned symbol = 0; symbol < 16; symbol++) {
		CHECK(model_begin(model, symbol) == sum && model_share(model, symbol) > 0);
		sum += model_share(model, symbol);
	}
	CHECK(sum == 1u << MODEL_BITS);
}

/* A few models differ from what is common in their field: these are stored. */
static void fill(struct model_tally *tallies)
{
	memset(tallies, 0, MODELS * sizeof(*tallies));
	for (int number = 0; number < MODELS; number++)
		for (int i = 0; i < 2000; i++)
			tallies[number].seen[number % DISTINCT == 0 ? 7 + rand() % 2 : rand() % 4]++;
}

static void test_models(void)
{
	static struct model_tally tallies[MODELS];
	struct buffer record = { 0 };

	fill(tallies);
	models_put(tallies, fields, 2, &record);
	CHECK(!record.failed);
	struct cursor cursor = { record.data, record.data + record.size, false };
	struct model_set *set = models_get(&cursor, fields, 2);
	CHECK(set && cursor.at == cursor.end);
	for (int number = 0; number < MODELS; number++) {
		const int16_t *model = model_set_at(set, (size_t)number);
		unsigned likely = number % DISTINCT == 0 ? 7 : 1;
		check_model(model);
		CHECK(model_share(model, likely) > (number % DISTINCT == 0 ? 15000 : 6000));
	}
	model_set_free(set);
	for (int i = 0; i < 2000; i++) {
		struct buffer damaged = { 0 };
		put_bytes(&damaged, record.data, rand() % 2 ? record.size : (size_t)rand() % record.size);
		for (int k = rand() % 4; k > 0 && damaged.size; k--)
			damaged.data[(size_t)rand() % damaged.size] = (uint8_t)rand();
		cursor = (struct cursor){ damaged.data, damaged.data + damaged.size, false };
		set = models_get(&cursor, fields, 2);
		for (int number = 0; set && number < MODELS; number++)
			check_model(model_set_at(set, (size_t)number));
		model_set_free(set);
		buffer_deinit(&damaged);
	}
	buffer_deinit(&record);
}

/* ---- phrases ------------------------------------------------------------------------------ */

static size_t random_text(uint8_t *to, size_t room, bool words)
{
	static const char *const known[] = { "read", "write", "_lock", "vfs_", "task_struct", "list_head", "x" };
	size_t size = 0;

	while (size + 16 < room) {
		if (!words) {
			to[size++] = (uint8_t)rand();
			continue;
		}
		const char *word = known[rand() % 7];
		memcpy(to + size, word, strlen(word));
		size += strlen(word);
		to[size++] = (uint8_t)(rand() % 3);
	}
	return size;
}

static void round_trip(const struct phrases *phrases, bool words)
{
	uint8_t text[1024], back[1024];
	struct buffer coded = { 0 };
	size_t size = random_text(text, (size_t)rand() % sizeof(text), words);

	phrases_encode(phrases, text, size, &coded);
	CHECK(!coded.failed && (!words || size < 100 || coded.size < size / 2));
	CHECK(phrases_decode(phrases, coded.data, coded.size, back, size) && memcmp(text, back, size) == 0);
	CHECK(size == 0 || !phrases_decode(phrases, coded.data, coded.size, back, size - 1));
	CHECK(!phrases_decode(phrases, coded.data, coded.size, back, size + 1));
	buffer_deinit(&coded);
}

static void test_phrases(void)
{
	static uint8_t text[64][1024];
	struct phrase_sample samples[64];
	struct buffer record = { 0 };

	for (int i = 0; i < 64; i++)
		samples[i] = (struct phrase_sample){ text[i], random_text(text[i], sizeof(text[i]), true) };
	CHECK(phrases_make(samples, 64, &record));
	struct cursor cursor = { record.data, record.data + record.size, false };
	struct phrases *phrases = phrases_get(&cursor);
	CHECK(phrases && phrases->count > 6);
	for (int i = 0; i < 2000; i++)
		round_trip(phrases, i % 2);
	free(phrases);
	for (size_t size = 0; size < record.size; size++) {
		cursor = (struct cursor){ record.data, record.data + size, false };
		free(phrases_get(&cursor));
	}
	uint8_t long_phrase[] = { 9, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, none[] = { 0 };
	cursor = (struct cursor){ long_phrase, long_phrase + sizeof(long_phrase), false };
	CHECK(!phrases_get(&cursor));
	cursor = (struct cursor){ none, none + sizeof(none), false };
	CHECK(!phrases_get(&cursor));
	buffer_deinit(&record);
}

int main(void)
{
	srand(1);
	for (int i = 0; i < 20; i++)
		test_models();
	test_phrases();
	return 0;
}
