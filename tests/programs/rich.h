/* SPDX-License-Identifier: MIT */
#ifndef RICH_H
#define RICH_H

/* What the two units of the test program share. */

struct opaque;

struct point {
	int x;
	int y;
};

struct large {
	unsigned long words[16];
};

struct everything {
	const char *name;
	struct opaque *secret;
	struct {
		short inner;
		union {
			int as_int;
			float as_float;
			struct point as_point;
		};
	} nested;
	union {
		long first;
		struct {
			unsigned low : 4;
			unsigned high : 28;
		} parts;
	};
	int values[8];
	struct point *(*make)(struct everything *self, int count);
	struct {
		char tag;
		short number;
	} pairs[3];
};

extern int matrix[3][4][5];
extern __thread int thread_counter;

void fill_everything(struct everything *all, int seed);
int recursive_pair(int left, int right);

#endif
