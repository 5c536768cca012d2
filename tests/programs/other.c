/* SPDX-License-Identifier: MIT */

/* The second unit of rich.c: the same types again, and a private one of the same name. */

#include "rich.h"

struct self {
	int another_self;
	char name[12];
};

struct opaque {
	struct self self;
	long here_it_is_known;
};

static struct opaque secret = { { 1, "secret" }, 2 };
static int static_counter = 5;

static struct point *make_points(struct everything *self, int count)
{
	static struct point points[4];

	points[count & 3].x = self->values[count & 7];
	return &points[count & 3];
}

void fill_everything(struct everything *all, int seed)
{
	all->secret = &secret;
	all->make = make_points;
	for (int i = 0; i < 8; i++) {
		int square = i * i;

		all->values[i] = square + seed + static_counter++;
	}
	all->parts.low = (unsigned)seed & 15;
	matrix[1][2][3] = all->make(all, seed)->x + thread_counter;
}

static __attribute__((noinline)) int odd(int value);

static __attribute__((noinline)) int even(int value)
{
	return value == 0 ? 1 : odd(value - 1);
}

static int odd(int value)
{
	return value == 0 ? 0 : even(value - 1);
}

int recursive_pair(int left, int right)
{
	return even(left) * 10 + odd(right);
}
