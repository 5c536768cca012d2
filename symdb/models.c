/* SPDX-License-Identifier: MIT */
/* Choosing, storing and reading models. All arithmetic is on integers: the same on every machine. */

#include "models.h"
#include <stdlib.h>

enum {
	STEPS = 16,      /* a stored byte counts sixteenths of a bit */
	COST_MAX = 239,  /* 15 bits less one step */
	SHARE_MIN = 4,   /* of 2^15: what no likelihood sinks below */
	OWN_COST = 17 * 8 * STEPS, /* of storing a model */
};

/* 2^16 * 2^(-i/16) */
static const uint32_t fractions[STEPS] = { 65536, 62757, 60097, 57549, 55109, 52773, 50535, 48393,
					   46341, 44376, 42495, 40693, 38968, 37316, 35734, 34219 };

static uint32_t weight(unsigned cost)
{
	return fractions[cost % STEPS] >> cost / STEPS;
}

/* The cost of a symbol that came SEEN times of TOTAL, in sixteenths of a bit. */
static uint8_t cost_of(uint32_t seen, uint64_t total)
{
	uint64_t share = total ? ((uint64_t)seen << 16) / total : 0;
	if (share == 0)
		return COST_MAX;
	unsigned cost = (16 - (unsigned)(63 - __builtin_clzll(share))) * STEPS;
	cost = cost < STEPS ? 0 : cost - STEPS;
	while (cost < COST_MAX && weight(cost + 1) >= share)
		cost++;
	return (uint8_t)(cost < COST_MAX ? cost : COST_MAX);
}

static uint64_t total_of(const struct model_tally *tally)
{
	uint64_t total = 0;
	for (int symbol = 0; symbol < 16; symbol++)
		total += tally->seen[symbol];
	return total;
}

static void costs_of(const struct model_tally *tally, uint8_t costs[16])
{
	uint64_t total = total_of(tally);
	for (int symbol = 0; symbol < 16; symbol++)
		costs[symbol] = cost_of(tally->seen[symbol], total);
}

static uint64_t spent(const struct model_tally *tally, const uint8_t costs[16])
{
	uint64_t sum = 0;
	for (int symbol = 0; symbol < 16; symbol++)
		sum += (uint64_t)tally->seen[symbol] * costs[symbol];
	return sum;
}

static void put_field(const struct model_tally *tallies, size_t begin, size_t end, struct buffer *to)
{
	struct model_tally sum = { { 0 } };
	uint8_t common[16], own[16];
	for (size_t number = begin; number < end; number++)
		for (int symbol = 0; symbol < 16; symbol++)
			sum.seen[symbol] += tallies[number].seen[symbol];
	costs_of(&sum, common);
	put_bytes(to, common, sizeof(common));
	size_t last = begin;
	for (size_t number = begin; number < end; number++) {
		costs_of(&tallies[number], own);
		if (spent(&tallies[number], own) + OWN_COST >= spent(&tallies[number], common))
			continue;
		put_uleb(to, number - last + 1);
		put_bytes(to, own, sizeof(own));
		last = number + 1;
	}
	put_uleb(to, 0);
}

void models_put(const struct model_tally *tallies, const struct model_field *fields, size_t field_count,
		struct buffer *to)
{
	size_t begin = 0;
	for (size_t field = 0; field < field_count; field++) {
		put_field(tallies, begin, fields[field].end, to);
		begin = fields[field].end;
	}
}

/* Shares of 2^15 from costs: what is left over goes to the likeliest symbol. */
static void model_from(const uint8_t costs[16], int16_t *model)
{
	uint32_t weights[16], sum = 0, best = 0, used = 0, shares[16];
	for (unsigned symbol = 0; symbol < 16; symbol++) {
		sum += weights[symbol] = weight(costs[symbol]);
		best = weights[symbol] > weights[best] ? symbol : best;
	}
	for (int symbol = 0; symbol < 16; symbol++) {
		/* Weights have 17 bits and the room 15: their product fits, and a division of 32 bits is the fast one. */
		uint32_t room = (1u << MODEL_BITS) - 16 * SHARE_MIN;
		shares[symbol] = SHARE_MIN + weights[symbol] * room / (sum ? sum : 1);
		used += shares[symbol];
	}
	shares[best] += (1u << MODEL_BITS) - used;
	uint32_t start = 0;
	for (int symbol = 0; symbol < 16; symbol++) {
		model[symbol] = (int16_t)start;
		start += shares[symbol];
	}
}

static bool get_costs(struct cursor *from, int16_t *model_ret)
{
	const uint8_t *costs = get_bytes(from, 16);
	for (int symbol = 0; costs && symbol < 16; symbol++)
		from->failed |= costs[symbol] > COST_MAX;
	if (from->failed)
		return false;
	model_from(costs, model_ret);
	return true;
}

static bool get_field(struct model_set *set, size_t field, size_t begin, size_t end, size_t *used,
		      struct cursor *from)
{
	if (!get_costs(from, set->models + field * MODEL_SIZE))
		return false;
	for (size_t number = begin; number < end; number++)
		set->index[number] = (uint16_t)field;
	for (size_t number = begin;;) {
		uint64_t distance = get_uleb(from);
		if (distance == 0 || from->failed)
			break;
		if (distance > end - number || !get_costs(from, set->models + *used * MODEL_SIZE))
			return false;
		number += distance;
		set->index[number - 1] = (uint16_t)(*used)++;
	}
	return !from->failed;
}

struct model_set *models_get(struct cursor *from, const struct model_field *fields, size_t field_count)
{
	size_t count = fields[field_count - 1].end, used = field_count, begin = 0;
	/* A model takes at least 17 bytes of the record. */
	size_t room = field_count + (size_t)(from->end - from->at) / 17 + 1;
	struct model_set *set = calloc(1, sizeof(*set));
	if (!set)
		return NULL;
	set->index = calloc(count, sizeof(*set->index));
	/* One more, for the 0 behind the last one. */
	size_t size = (room + 1) * MODEL_SIZE * sizeof(*set->models);
	set->models = aligned_alloc(16, size);
	bool good = set->index && set->models;
	if (good)
		memset(set->models, 0, size);
	for (size_t field = 0; field < field_count && good; field++) {
		good = get_field(set, field, begin, fields[field].end, &used, from);
		begin = fields[field].end;
	}
	if (!good) {
		model_set_free(set);
		return NULL;
	}
	return set;
}

void model_set_free(struct model_set *set)
{
	if (set) {
		free(set->index);
		free(set->models);
	}
	free(set);
}
