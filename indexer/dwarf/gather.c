/* SPDX-License-Identifier: MIT */

/* Threads over units, interning, and what a worker keeps. */

#include "gather.h"

#define CACHE_BITS_MIN 8
#define CACHE_BITS_MAX 17
#define CHUNK (1 << 20)

/* ---- interning -------------------------------------------------------------------- */

bool brief_lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attributes;

	if (pthread_mutexattr_init(&attributes) != 0)
		return false;
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
	bool good = pthread_mutex_init(lock, &attributes) == 0;
	pthread_mutexattr_destroy(&attributes);
	return good;
}

bool intern_init(struct intern *intern)
{
	memset(intern, 0, sizeof(*intern));
	return brief_lock_init(&intern->lock);
}

void intern_deinit(struct intern *intern)
{
	for (size_t i = 0; i < intern->chunk_count; i++)
		free(intern->chunks[i]);
	free(intern->chunks);
	free(intern->items);
	map_deinit(&intern->map);
	pthread_mutex_destroy(&intern->lock);
}

static uint8_t *intern_room(struct intern *intern, size_t length)
{
	if (length > intern->chunk_left) {
		size_t size = length > CHUNK / 4 ? length : CHUNK;
		if (!array_room(intern->chunks, intern->chunk_count, intern->chunk_capacity))
			return NULL;
		uint8_t *chunk = malloc(size);
		if (!chunk)
			return NULL;
		intern->chunks[intern->chunk_count++] = chunk;
		if (size != CHUNK)
			return chunk;
		intern->chunk = chunk;
		intern->chunk_left = CHUNK;
	}
	uint8_t *room = intern->chunk;
	intern->chunk += length;
	intern->chunk_left -= length;
	return room;
}

/* With the lock held. */
static uint32_t add_locked(struct intern *intern, uint64_t hash, const void *bytes, size_t length, place first)
{
	uint32_t number = 0;

	while (map_get(&intern->map, hash, &number)) { /* of equal hashes the bytes decide */
		struct interned *item = &intern->items[number - 1];
		if (item->length == length && memcmp(item->bytes, bytes, length) == 0) {
			if (!intern->frozen) {
				item->uses++;
				if (first < item->first)
					item->first = first;
			}
			return number;
		}
		hash = hash_mix(hash, 31);
	}
	if (intern->frozen)
		return 0;
	uint8_t *copy = length <= UINT32_MAX ? intern_room(intern, length) : NULL;
	if (!copy || !array_room(intern->items, intern->count, intern->capacity) ||
	    !map_put(&intern->map, hash, (uint32_t)intern->count + 1))
		return 0;
	memcpy(copy, bytes, length);
	intern->items[intern->count++] = (struct interned){ hash, copy, (uint32_t)length, 1, first };
	return (uint32_t)intern->count;
}

#define INTERN_SEED 29

uint32_t intern_add(struct intern *intern, const void *bytes, size_t length, place first)
{
	uint64_t hash = hash_bytes(INTERN_SEED, bytes, length);

	pthread_mutex_lock(&intern->lock);
	uint32_t number = add_locked(intern, hash, bytes, length, first);
	pthread_mutex_unlock(&intern->lock);
	return number;
}

void intern_again(struct intern *intern, uint32_t number)
{
	struct interned *item = &intern->items[number - 1];
	uint64_t hash = hash_bytes(INTERN_SEED, item->bytes, item->length);
	uint32_t other;

	for (; map_get(&intern->map, hash, &other); hash = hash_mix(hash, 31)) {
		struct interned *same = &intern->items[other - 1];
		if (same == item || same->length != item->length || memcmp(same->bytes, item->bytes, item->length) != 0)
			continue;
		same->uses += item->uses;
		item->uses = 0;
		return;
	}
	map_put(&intern->map, hash, number); /* without memory for it they are stored twice */
}

uint32_t intern_known(struct intern *intern, struct known_bytes *slots, const void *bytes, size_t length)
{
	uint64_t hash = hash_bytes(INTERN_SEED, bytes, length);
	struct known_bytes *slot = &slots[hash % KNOWN_SLOTS];

	if (intern->frozen) /* a question, not a use */
		return intern_add(intern, bytes, length, UINT64_MAX);
	if (slot->number && slot->hash == hash && slot->length == length && memcmp(slot->bytes, bytes, length) == 0) {
		slot->uses++;
		return slot->number;
	}
	pthread_mutex_lock(&intern->lock);
	if (slot->number)
		intern->items[slot->number - 1].uses += slot->uses;
	*slot = (struct known_bytes){ .hash = hash, .length = (uint32_t)length,
				      .number = add_locked(intern, hash, bytes, length, UINT64_MAX) };
	if (slot->number)
		slot->bytes = intern->items[slot->number - 1].bytes;
	pthread_mutex_unlock(&intern->lock);
	return slot->number;
}

void intern_settle(struct intern *intern, struct known_bytes *slots)
{
	pthread_mutex_lock(&intern->lock);
	for (size_t i = 0; i < KNOWN_SLOTS; i++) {
		if (slots[i].number)
			intern->items[slots[i].number - 1].uses += slots[i].uses;
		slots[i].uses = 0;
	}
	pthread_mutex_unlock(&intern->lock);
}

/* ---- workers ------------------------------------------------------------------------ */

/* Names and types that occur in so many bytes of entries: caches of a small module are small. */
static unsigned cache_bits(const struct gather *gather)
{
	unsigned bits = CACHE_BITS_MIN;

	while (bits < CACHE_BITS_MAX && gather->dwarf.info_size >> (bits + 8))
		bits++;
	return bits;
}

static void worker_deinit(struct worker *worker)
{
	abbrev_table_free(worker->table);
	abbrev_table_free(worker->foreign_table);
	free(worker->name_cache);
	free(worker->type_cache);
	scan_free(worker->scan);
	map_deinit(&worker->function_map);
	free(worker->functions);
	free(worker->local_refs);
	free(worker->bound_locals.refs);
	free(worker->statics);
	free(worker->expressions);
	free(worker->references);
	buffer_deinit(&worker->parts.parameters);
	buffer_deinit(&worker->parts.locals);
	buffer_deinit(&worker->parts.templates);
	buffer_deinit(&worker->parts.whole);
	buffer_deinit(&worker->scratch);
	buffer_deinit(&worker->scratch2);
	buffer_deinit(&worker->expression);
	*worker = (struct worker){ 0 };
}

struct worker *gather_worker(struct gather *gather, unsigned index)
{
	struct worker *worker = &gather->workers[index];

	if (worker->gather)
		return worker;
	unsigned bits = cache_bits(gather);
	*worker = (struct worker){ .gather = gather, .cache_bits = bits,
		.name_cache = calloc((size_t)1 << bits, sizeof(*worker->name_cache)),
		.type_cache = calloc((size_t)1 << bits, sizeof(*worker->type_cache)) };
	if (worker->name_cache && worker->type_cache)
		return worker;
	worker_deinit(worker);
	return NULL;
}

void gather_free_workers(struct gather *gather, unsigned first)
{
	for (unsigned i = first; gather->workers && i < gather->worker_count; i++)
		worker_deinit(&gather->workers[i]);
}

/* The cache slot of a text by its place in memory, which does not change. */
static size_t name_slot(const struct worker *worker, const char *text)
{
	return (size_t)((uintptr_t)text * UINT64_C(0x9e3779b97f4a7c15) >> (64 - worker->cache_bits));
}

uint32_t worker_name(struct worker *worker, const struct unit *unit, const struct attr *attr)
{
	/* What stands in the entry itself is nobody else's text. */
	bool shared = attr->form != DW_FORM_string;
	const char *limit, *text = attr_string_start(unit, attr, &limit);

	if (!text)
		return 0;
	size_t slot = name_slot(worker, text);
	if (shared && worker->name_cache[slot].text == text)
		return worker->name_cache[slot].id;
	const char *nul = memchr(text, 0, (size_t)(limit - text));
	uint32_t id = nul ? sdb_names_intern(worker->gather->names, text, (size_t)(nul - text)) : 0;
	if (id == UINT32_MAX) {
		worker->gather->failed = true;
		return 0;
	}
	if (shared && nul) {
		worker->name_cache[slot].text = text;
		worker->name_cache[slot].id = id;
	}
	return id;
}

bool worker_die(struct worker *worker, die_ref ref, struct die *die_ret)
{
	struct unit *unit = ref ? dwarf_unit_of(&worker->gather->dwarf, ref) : NULL;

	if (!unit || unit->root >= unit->end || DIE_OFFSET(ref) < unit->root)
		return false;
	struct abbrev_table *table = worker->table;
	if (!table || table->file != unit->file || table->offset != unit->abbrev_offset ||
	    table->address_size != unit->address_size || table->offset_size != unit->offset_size ||
	    table->version_class != unit_version_class(unit))
		table = worker->foreign_table = abbrev_table_read(unit, worker->foreign_table);
	return table && die_at(unit, table, unit_section(unit) + DIE_OFFSET(ref), die_ret) && die_ret->abbrev;
}

struct job {
	struct gather *gather;
	unit_fn fn;
	atomic_uint next_worker;
};

static void *work(void *arg)
{
	struct job *job = arg;
	struct gather *gather = job->gather;
	struct worker *worker = gather_worker(gather, atomic_fetch_add(&job->next_worker, 1));
	struct section_run run = { 0 };

	if (!worker) {
		gather->failed = true;
		return NULL;
	}
	for (;;) {
		uint32_t index = atomic_fetch_add(&gather->next, 1);
		if (index >= gather->dwarf.unit_count || gather->failed)
			break;
		struct unit *unit = gather->dwarf.units[index];
		job->fn(worker, unit);
		atomic_fetch_add(&gather->done, unit->end - unit->offset);
		section_passed(&run, &unit->file->sections[unit->in_types ? DWARF_TYPES : DWARF_INFO],
			       unit->offset, unit->end);
	}
	if (worker->expressions)
		intern_settle(&gather->expressions, worker->expressions);
	return NULL;
}

struct sdb_error *gather_units(struct gather *gather, unit_fn fn)
{
	struct job job = { .gather = gather, .fn = fn };
	pthread_t threads[MAX_WORKERS];
	unsigned started = 0;
	pthread_attr_t attributes;

	gather->next = 0;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16 << 20);
	while (started + 1 < gather->worker_count &&
	       pthread_create(&threads[started], &attributes, work, &job) == 0)
		started++;
	pthread_attr_destroy(&attributes);
	work(&job);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	return gather->failed ? sdb_error_new(SDB_ERROR_MEMORY, "out of memory while reading the debuginfo") : NULL;
}
