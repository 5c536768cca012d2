/* SPDX-License-Identifier: MIT */
/*
 * Pointers to what has no address, since it is kept in registers: from inlined functions to
 * variables of the functions around them, one and two further out, and through one another.
 */
#include <stdio.h>

struct pair { int first, second; };
static volatile int sink;

__attribute__((noinline)) static void stop(int value)
{
	sink = value;
	/* The callers keep what they need in registers that are preserved. */
	__asm__ volatile("" : : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
}

static inline __attribute__((always_inline)) int innermost(struct pair *deep, int *count, struct pair **through)
{
	int own = deep->first + *count;
	int *near = &own;
	stop(own);
	stop((*through)->second + *near);
	return deep->second + *near;
}

static inline __attribute__((always_inline)) int middle(struct pair *outer, int number)
{
	int mine = number + sink;
	struct pair *copy = outer;
	struct pair both = { mine, outer->second };
	stop(mine);
	int sum = innermost(outer, &mine, &copy);
	sum += innermost(&both, &outer->first, &copy);
	return sum + outer->first;
}

int main(int argc, char **argv)
{
	struct pair pair = { argc, argc * 3 };
	int sum = 0;
	for (int i = 0; i < 20; i++) {
		pair.first += i;
		sum += middle(&pair, i);
		pair.second ^= sum;
	}
	printf("%d\n", sum);
	return 0;
}
