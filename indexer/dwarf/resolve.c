/* SPDX-License-Identifier: MIT */

/*
 * From contents to types. A key with several defining contents is *ambiguous*; a content from
 * which an ambiguous key can be reached is *dirty*, and is a type of its own for every set of
 * meanings that those keys have in a unit. All other contents are one type each.
 */

#include "types.h"

uint32_t content_add(struct worker *worker, uint64_t hash, uint64_t key, bool declaration, place first,
		     const struct edge *edges, size_t edge_count)
{
	struct type_table *table = worker->gather->types;
	size_t slot = hash >> (64 - worker->cache_bits);
	uint32_t number = 0;

	if (worker->type_cache[slot].id && worker->type_cache[slot].hash == hash)
		return worker->type_cache[slot].id;
	pthread_mutex_lock(&table->lock);
	if (map_get(&table->by_hash, hash, &number)) {
		struct content *content = &table->contents[number - 1];
		if (first < content->first)
			content->first = first;
	} else if (array_room(table->contents, table->count, table->capacity) &&
		   map_put(&table->by_hash, hash, (uint32_t)table->count + 1)) {
		struct content *content = &table->contents[table->count++];
		*content = (struct content){ .hash = hash, .key = key, .first = first, .declaration = declaration,
					     .edges = (uint32_t)table->edge_count };
		number = (uint32_t)table->count;
		for (size_t i = 0; i < edge_count; i++) {
			if (!array_room(table->edges, table->edge_count, table->edge_capacity)) {
				worker->gather->failed = true;
				break;
			}
			table->edges[table->edge_count++] = edges[i];
			content->edge_count++;
		}
	} else {
		worker->gather->failed = true;
	}
	pthread_mutex_unlock(&table->lock);
	worker->type_cache[slot].hash = hash;
	worker->type_cache[slot].id = number;
	return number;
}

/* What a key stands for: how many contents define it, and one of them. */
struct meaning {
	uint32_t definition; /* content number; 0 when only declared */
	uint32_t count;
};

struct resolver {
	struct gather *gather;
	struct type_table *table;
	struct map keys;          /* key to index in meanings + 1 */
	struct meaning *meanings;
	size_t meaning_count, meaning_capacity;
	pthread_mutex_t lock;     /* of what follows */
	struct map variants;      /* content and meanings to variant number + 1 */
	struct variant *variants_list;
	size_t variant_count, variant_capacity;
};

#define KNOWN_VARIANTS 4096

/* What a thread keeps to itself, most of it about the unit that it is at. */
struct unit_resolver {
	struct resolver *resolver;
	struct map local;         /* key to the content that defines it here */
	struct map visited;       /* content to its index in `states` + 1 */
	struct state *states;
	size_t state_count, state_capacity;
	uint32_t *stack;
	size_t stack_count, stack_capacity;
	struct frame *frames;
	size_t frame_count, frame_capacity;
	struct { uint64_t hash; uint32_t number; } known[KNOWN_VARIANTS]; /* variants met before */
};

/* A content told apart by what the ambiguous keys mean. */
struct variant {
	uint32_t content;
	place first;
	uint32_t type;
};

/* Tarjan's algorithm, over the dirty contents of a unit. */
struct state {
	uint32_t content;
	uint32_t index, low;
	bool on_stack;
	uint64_t *set;     /* sorted content numbers of ambiguous keys that are reached; own */
	uint32_t set_count;
	uint32_t component; /* index of the state whose set counts */
};
struct frame {
	uint32_t state;
	uint32_t edge;
};

static struct meaning *meaning_of(struct resolver *resolver, uint64_t key)
{
	uint32_t index;
	return map_get(&resolver->keys, key, &index) ? &resolver->meanings[index - 1] : NULL;
}

/* Counts the definitions of every key; the first in canonical order is the one to take. */
static bool find_meanings(struct resolver *resolver)
{
	struct type_table *table = resolver->table;

	for (size_t i = 0; i < table->count; i++) {
		const struct content *content = &table->contents[i];
		if (!content->key || content->declaration)
			continue;
		struct meaning *meaning = meaning_of(resolver, content->key);
		if (!meaning) {
			if (!array_room(resolver->meanings, resolver->meaning_count, resolver->meaning_capacity))
				return false;
			meaning = &resolver->meanings[resolver->meaning_count++];
			*meaning = (struct meaning){ 0 };
			if (!map_put(&resolver->keys, content->key, (uint32_t)resolver->meaning_count))
				return false;
		}
		if (!meaning->definition || content->first < table->contents[meaning->definition - 1].first)
			meaning->definition = (uint32_t)i + 1;
		meaning->count++;
	}
	return true;
}

static bool edge_is_dirty(struct resolver *resolver, const struct edge *edge)
{
	uint32_t content = edge->content;

	if (edge->meaning) {
		const struct meaning *meaning = &resolver->meanings[edge->meaning - 1];
		if (meaning->count > 1)
			return true;
		content = meaning->definition;
	}
	return content && resolver->table->contents[content - 1].dirty;
}

static void find_dirty(struct resolver *resolver)
{
	struct type_table *table = resolver->table;
	bool changed = true;

	for (size_t i = 0; i < table->edge_count; i++) {
		struct edge *edge = &table->edges[i];
		if (edge->key)
			map_get(&resolver->keys, edge->key, &edge->meaning);
	}
	while (changed) {
		changed = false;
		for (size_t i = table->count; i-- > 0;) {
			struct content *content = &table->contents[i];
			for (uint32_t e = 0; e < content->edge_count && !content->dirty; e++)
				changed |= content->dirty =
					edge_is_dirty(resolver, &table->edges[content->edges + e]);
		}
	}
}

/* ---- the ambiguous keys that a content reaches in a unit ------------------------------ */

static bool set_add(struct state *state, uint64_t value)
{
	uint32_t at = 0;

	while (at < state->set_count && state->set[at] < value)
		at++;
	if (at < state->set_count && state->set[at] == value)
		return true;
	uint64_t *set = state->set;
	if ((state->set_count & (state->set_count - 1)) == 0) { /* full: the next power of two */
		set = realloc(set, (state->set_count ? 2 * (size_t)state->set_count : 1) * sizeof(*set));
		if (!set)
			return false;
		state->set = set;
	}
	memmove(set + at + 1, set + at, (state->set_count - at) * sizeof(*set));
	set[at] = value;
	state->set_count++;
	return true;
}

static bool set_merge(struct state *into, const struct state *from)
{
	for (uint32_t i = 0; i < from->set_count; i++)
		if (!set_add(into, from->set[i]))
			return false;
	return true;
}

static bool enter(struct unit_resolver *resolver, uint32_t content)
{
	if (!array_room(resolver->states, resolver->state_count, resolver->state_capacity) ||
	    !array_room(resolver->stack, resolver->stack_count, resolver->stack_capacity) ||
	    !array_room(resolver->frames, resolver->frame_count, resolver->frame_capacity))
		return false;
	uint32_t index = (uint32_t)resolver->state_count++;
	resolver->states[index] = (struct state){ .content = content, .index = index, .low = index,
						  .on_stack = true, .component = index };
	resolver->stack[resolver->stack_count++] = index;
	resolver->frames[resolver->frame_count++] = (struct frame){ index, 0 };
	return map_put(&resolver->visited, content, index + 1);
}

/* The content that an edge leads to in this unit; 0 when nothing is said about it here. */
static uint32_t edge_target(struct unit_resolver *resolver, const struct edge *edge)
{
	uint32_t content = 0;

	if (!edge->key)
		return edge->content;
	map_get(&resolver->local, edge->key, &content);
	return content;
}

static bool leave(struct unit_resolver *resolver, struct state *state)
{
	uint32_t index = state->index;

	if (state->low != index)
		return true;
	for (;;) {
		uint32_t member = resolver->stack[--resolver->stack_count];
		struct state *other = &resolver->states[member];
		other->on_stack = false;
		other->component = index;
		if (member == index)
			return true;
		if (!set_merge(&resolver->states[index], other))
			return false;
		free(other->set);
		other->set = NULL;
		other->set_count = 0;
	}
}

static bool reach(struct unit_resolver *resolver, uint32_t root)
{
	struct type_table *table = resolver->resolver->table;
	uint32_t seen;

	if (map_get(&resolver->visited, root, &seen))
		return true;
	if (!enter(resolver, root))
		return false;
	while (resolver->frame_count) {
		struct frame *frame = &resolver->frames[resolver->frame_count - 1];
		struct state *state = &resolver->states[frame->state];
		const struct content *content = &table->contents[state->content - 1];
		if (frame->edge == content->edge_count) {
			uint32_t done = frame->state;
			resolver->frame_count--;
			if (!leave(resolver, state))
				return false;
			if (resolver->frame_count) {
				struct state *up = &resolver->states[resolver->frames[resolver->frame_count - 1].state];
				struct state *down = &resolver->states[done];
				if (down->on_stack && down->low < up->low)
					up->low = down->low;
				if (!down->on_stack && !set_merge(up, &resolver->states[down->component]))
					return false;
			}
			continue;
		}
		const struct edge *edge = &table->edges[content->edges + frame->edge++];
		uint32_t target = edge_target(resolver, edge);
		bool ambiguous = edge->meaning && resolver->resolver->meanings[edge->meaning - 1].count > 1;
		if (target && ambiguous && !set_add(state, target))
			return false;
		if (!target || !table->contents[target - 1].dirty)
			continue;
		if (map_get(&resolver->visited, target, &seen)) {
			const struct state *other = &resolver->states[seen - 1];
			if (other->on_stack && other->index < state->low)
				state->low = other->index;
			if (!other->on_stack && !set_merge(state, &resolver->states[other->component]))
				return false;
		} else if (!enter(resolver, target)) {
			return false;
		}
	}
	return true;
}

/* ---- variants ---------------------------------------------------------------------------- */

/* The number of the variant with HASH; 0 when memory is short. */
static uint32_t variant_number(struct resolver *resolver, uint64_t hash, uint32_t content, place first)
{
	uint32_t number = 0;

	pthread_mutex_lock(&resolver->lock);
	if (map_get(&resolver->variants, hash, &number)) {
		struct variant *variant = &resolver->variants_list[number - 1];
		if (first < variant->first)
			variant->first = first;
	} else if (array_room(resolver->variants_list, resolver->variant_count, resolver->variant_capacity) &&
		   map_put(&resolver->variants, hash, (uint32_t)resolver->variant_count + 1)) {
		resolver->variants_list[resolver->variant_count++] = (struct variant){ content, first, 0 };
		number = (uint32_t)resolver->variant_count;
	}
	pthread_mutex_unlock(&resolver->lock);
	return number;
}

static uint32_t variant_of(struct unit_resolver *resolver, uint32_t content, place first)
{
	uint32_t index = 0;
	uint64_t hash = hash_mix(23, content);

	if (map_get(&resolver->visited, content, &index)) {
		const struct state *state = &resolver->states[resolver->states[index - 1].component];
		for (uint32_t i = 0; i < state->set_count; i++) /* contents by hash: numbers depend on threads */
			hash = hash_mix(hash, state->set[i]);
	}
	/* A thread meets places in their order, except that those of skeletons count as the last. */
	size_t slot = hash % KNOWN_VARIANTS;
	if (resolver->known[slot].number && resolver->known[slot].hash == hash && first != UINT64_MAX)
		return resolver->known[slot].number;
	uint32_t number = variant_number(resolver->resolver, hash, content, first);
	if (first != UINT64_MAX) {
		resolver->known[slot].hash = hash;
		resolver->known[slot].number = number;
	}
	return number;
}

static void forget_unit(struct unit_resolver *resolver)
{
	for (size_t i = 0; i < resolver->state_count; i++)
		free(resolver->states[i].set);
	resolver->state_count = resolver->stack_count = resolver->frame_count = 0;
	map_clear(&resolver->local);
	map_clear(&resolver->visited);
}

static bool learn_unit(struct unit_resolver *resolver, const struct unit_data *data)
{
	const struct content *contents = resolver->resolver->table->contents;

	for (uint32_t i = 0; i < data->node_count; i++) {
		uint32_t number = data->nodes[i].type & ~IS_ALIAS, known;
		const struct content *content = &contents[number - 1];
		if (content->key && !content->declaration && !map_get(&resolver->local, content->key, &known) &&
		    !map_put(&resolver->local, content->key, number))
			return false;
	}
	return true;
}

/* Numbers that stand for variants have the top bit set until all types are numbered. */
#define IS_VARIANT 0x80000000u

/* Gives the nodes from number FIRST on, the first dirty one, their variants. */
static bool resolve_nodes(struct unit_resolver *resolver, uint32_t unit, uint32_t first)
{
	struct unit_data *data = &resolver->resolver->gather->units[unit];
	const struct content *contents = resolver->resolver->table->contents;

	for (uint32_t i = first; i < data->node_count; i++) {
		struct type_node *node = &data->nodes[i];
		/* A skeleton says nothing itself: a variant is read from where its definition is. */
		place here = node->type & IS_ALIAS ? UINT64_MAX : PLACE(unit, node->offset);
		node->type &= ~IS_ALIAS;
		if (!contents[node->type - 1].dirty)
			continue;
		if (!reach(resolver, node->type))
			return false;
		uint32_t number = variant_of(resolver, node->type, here);
		if (!number)
			return false;
		node->type = number | IS_VARIANT;
	}
	return true;
}

/* Passes over the nodes in front of the first dirty one; its number. */
static uint32_t first_dirty(const struct resolver *resolver, struct unit_data *data)
{
	for (uint32_t i = 0; i < data->node_count; i++) {
		if (resolver->table->contents[(data->nodes[i].type & ~IS_ALIAS) - 1].dirty)
			return i;
		data->nodes[i].type &= ~IS_ALIAS;
	}
	return data->node_count;
}

static struct unit_resolver *unit_resolver_create(struct resolver *resolver)
{
	struct unit_resolver *created = calloc(1, sizeof(*created));

	if (created)
		created->resolver = resolver;
	return created;
}

static void unit_resolver_free(struct unit_resolver *resolver)
{
	if (!resolver)
		return;
	forget_unit(resolver);
	map_deinit(&resolver->local);
	map_deinit(&resolver->visited);
	free(resolver->states);
	free(resolver->stack);
	free(resolver->frames);
	free(resolver);
}

/* A unit whose entries name no types of other units. */
static void resolve_alone(struct worker *worker, struct unit *unit)
{
	struct gather *gather = worker->gather;
	struct resolver *resolver = gather->types->resolver;
	struct unit_data *data = &gather->units[unit->index];
	uint32_t first = first_dirty(resolver, data);

	if (first == data->node_count)
		return;
	if (!worker->resolver)
		worker->resolver = unit_resolver_create(resolver);
	if (!worker->resolver || !learn_unit(worker->resolver, data) ||
	    !resolve_nodes(worker->resolver, unit->index, first))
		gather->failed = true;
	if (worker->resolver)
		forget_unit(worker->resolver);
}

static bool resolve_together(struct resolver *resolver)
{
	struct unit_resolver *units = unit_resolver_create(resolver);
	uint32_t count = resolver->gather->dwarf.unit_count;
	bool good = units;

	for (uint32_t i = 0; i < count && good; i++)
		good = learn_unit(units, &resolver->gather->units[i]);
	for (uint32_t i = 0; i < count && good; i++)
		good = resolve_nodes(units, i, 0);
	unit_resolver_free(units);
	return good;
}

static bool resolve_units(struct resolver *resolver, bool linked)
{
	struct gather *gather = resolver->gather;

	if (linked)
		return resolve_together(resolver);
	gather->types->resolver = resolver;
	struct sdb_error *error = gather_units(gather, resolve_alone);
	gather->types->resolver = NULL;
	for (unsigned i = 0; i < gather->worker_count; i++) {
		unit_resolver_free(gather->workers[i].resolver);
		gather->workers[i].resolver = NULL;
	}
	bool good = !error;
	sdb_error_free(error);
	return good;
}

/* ---- numbers ------------------------------------------------------------------------------- */

struct numbered {
	place first;
	uint32_t content; /* or variant | IS_VARIANT */
};

static int compare_numbered(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->content < y->content ? -1 : x->content > y->content;
}

/* A declaration whose key has one definition is that definition. */
static uint32_t definition_of(struct resolver *resolver, const struct content *content)
{
	const struct meaning *meaning = content->declaration && content->key ?
		meaning_of(resolver, content->key) : NULL;
	return meaning && meaning->count == 1 ? meaning->definition : 0;
}

static bool number_types(struct resolver *resolver)
{
	struct type_table *table = resolver->table;
	struct numbered *all = malloc((table->count + resolver->variant_count + 1) * sizeof(*all));
	size_t count = 0;

	table->first = malloc((table->count + resolver->variant_count + 1) * sizeof(*table->first));
	table->is_variant = calloc(table->count + resolver->variant_count + 1, sizeof(*table->is_variant));
	if (!all || !table->first || !table->is_variant) {
		free(all);
		return false;
	}
	for (size_t i = 0; i < table->count; i++)
		if (!table->contents[i].dirty && !definition_of(resolver, &table->contents[i]))
			all[count++] = (struct numbered){ table->contents[i].first, (uint32_t)i + 1 };
	for (size_t i = 0; i < resolver->variant_count; i++)
		all[count++] = (struct numbered){ resolver->variants_list[i].first, (uint32_t)i + 1 + IS_VARIANT };
	if (count > 1)
		qsort(all, count, sizeof(*all), compare_numbered);
	for (size_t i = 0; i < count; i++) {
		uint32_t number = all[i].content & ~IS_VARIANT;
		table->first[i] = all[i].first;
		if (all[i].content & IS_VARIANT) {
			struct variant *variant = &resolver->variants_list[number - 1];
			variant->type = (uint32_t)i + 1;
			if (!table->contents[variant->content - 1].type)
				table->contents[variant->content - 1].type = variant->type;
			else
				table->is_variant[i] = true;
		} else {
			table->contents[number - 1].type = (uint32_t)i + 1;
		}
	}
	for (size_t i = 0; i < table->count; i++) {
		uint32_t definition = definition_of(resolver, &table->contents[i]);
		if (definition)
			table->contents[i].type = table->contents[definition - 1].type;
	}
	table->type_count = (uint32_t)count;
	free(all);
	return true;
}

static void number_nodes(struct resolver *resolver)
{
	for (uint32_t u = 0; u < resolver->gather->dwarf.unit_count; u++) {
		struct unit_data *data = &resolver->gather->units[u];
		for (uint32_t i = 0; i < data->node_count; i++) {
			uint32_t number = data->nodes[i].type & ~IS_VARIANT;
			data->nodes[i].type = data->nodes[i].type & IS_VARIANT ?
				resolver->variants_list[number - 1].type : resolver->table->contents[number - 1].type;
		}
	}
}

struct sdb_error *types_resolve(struct gather *gather, bool linked)
{
	struct resolver resolver = { .gather = gather, .table = gather->types };
	bool good = brief_lock_init(&resolver.lock) && find_meanings(&resolver);

	if (good) {
		find_dirty(&resolver);
		good = resolve_units(&resolver, linked) && number_types(&resolver);
	}
	if (good)
		number_nodes(&resolver);
	pthread_mutex_destroy(&resolver.lock);
	map_deinit(&resolver.keys);
	map_deinit(&resolver.variants);
	free(resolver.meanings);
	free(resolver.variants_list);
	map_deinit(&gather->types->by_hash);
	free(gather->types->edges);
	gather->types->edges = NULL;
	return good ? NULL : sdb_error_new(SDB_ERROR_MEMORY, "out of memory while comparing types");
}

void types_free(struct gather *gather)
{
	if (!gather->types)
		return;
	map_deinit(&gather->types->by_hash);
	free(gather->types->contents);
	free(gather->types->edges);
	free(gather->types->first);
	free(gather->types->is_variant);
	pthread_mutex_destroy(&gather->types->lock);
	free(gather->types);
	gather->types = NULL;
}

uint32_t types_count(const struct gather *gather)
{
	return gather->types ? gather->types->type_count : 0;
}

bool type_is_variant(const struct gather *gather, sdb_type_id id)
{
	return gather->types->is_variant[id - 1];
}

place type_first(const struct gather *gather, sdb_type_id id)
{
	return gather->types->first[id - 1];
}

sdb_type_id type_of(const struct gather *gather, die_ref ref)
{
	const struct unit *unit = ref ? dwarf_unit_of(&gather->dwarf, ref) : NULL;

	if (!unit || !gather->types)
		return 0;
	const struct unit_data *data = &gather->units[unit->index];
	uint32_t low = 0, high = data->node_count, offset = (uint32_t)(DIE_OFFSET(ref) - unit->offset);
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (data->nodes[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < data->node_count && data->nodes[low].offset == offset ? data->nodes[low].type : 0;
}
