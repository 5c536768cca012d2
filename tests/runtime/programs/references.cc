// SPDX-License-Identifier: MIT
// References to what optimization keeps in registers, in pieces, as constants, or nowhere: from inlined functions to
// variables of the functions around them, one and two further out, and through one another. (None in a structure that is
// in pieces: gdb 13 stops with an internal error when it is to print one.)
#include <cstdio>

struct pair {
	long first, second;
};

struct base {
	long number;
};

struct derived : base {
	pair parts;
	const long *inside;
	derived(long n, const long &in) : base{ n }, parts{ n + 1, n * 2 }, inside(&in) {}
};

static volatile long sink;
static long global = 5;

#define INLINE static inline __attribute__((always_inline))

__attribute__((noinline)) static void stop(long value)
{
	sink = value;
	// The callers keep what they need in registers that are preserved.
	__asm__ volatile("" : : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
}

INLINE long innermost(const pair &deep, const long &count, pair &&moved, const pair *const &pointer)
{
	long own = deep.first + count;
	const long &near = own;
	stop(own);
	stop(moved.first + pointer->first);
	return deep.second + near + moved.second;
}

INLINE long look(const derived &all, const base &part, const long (&row)[3], const long &there)
{
	stop(all.parts.first + there);
	stop(part.number + row[sink & 1]);
	return all.parts.second + *all.inside + part.number + row[1];
}

INLINE long middle(const pair &outer, long number)
{
	long mine = number + sink;
	const pair &copy = outer;
	pair both = { mine, outer.second };
	stop(mine);
	long sum = innermost(outer, mine, pair{ mine, number }, &copy);
	sum += innermost(both, 17, static_cast<pair &&>(both), &both);
	derived all(number, mine);
	const long row[3] = { number, 2, mine };
	sum += look(all, all, row, global);
	return sum + outer.first;
}

int main(int argc, char **)
{
	pair pair = { argc, argc * 3 };
	long sum = 0;
	for (long i = 0; i < 20; i++) {
		pair.first += i;
		sum += middle(pair, i);
		pair.second ^= sum;
	}
	std::printf("%ld\n", sum);
	return 0;
}
