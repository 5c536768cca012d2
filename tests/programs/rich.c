/* SPDX-License-Identifier: MIT */

/*
 * A small program that has one of everything that debuginfo describes in C: the compiler
 * matrix builds it in every way a compiler offers and asks other programs about the results.
 * Together with other.c it makes two units, so that types have to be merged.
 */

#include "rich.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__thread int thread_counter = 3;
static __thread struct point thread_point;
const char *const greeting = "hello";
volatile int volatile_flag;
static int static_counter;
struct everything global_everything;
int matrix[3][4][5];
typedef int (*operation_fn)(int, int);

union number {
	long integer;
	double real;
	unsigned char bytes[8];
};

struct bits {
	unsigned a : 1;
	unsigned b : 3;
	int c : 7;
	unsigned : 5;
	unsigned long long d : 33;
	unsigned e : 20;
	_Bool f : 1;
};

struct flexible {
	size_t count;
	struct point points[];
};

struct self {
	struct self *next;
	struct self **link;
	void (*visit)(struct self *, const volatile void *restrict);
};

enum colour { RED, GREEN = 5, BLUE, BIG = 0x7fffffff };
enum negative { MINUS = -3, ZERO = 0 };

struct aligned {
	char first;
	int second __attribute__((aligned(32)));
} __attribute__((aligned(64)));

struct __attribute__((packed)) packed {
	char first;
	long second;
	struct bits third;
};

static inline __attribute__((always_inline)) int add_inline(int left, int right)
{
	int sum = left + right;

	if (sum > 100) {
		int excess = sum - 100;

		sum -= excess / 2;
	}
	return sum;
}

static inline __attribute__((always_inline)) int twice_inline(int value)
{
	return add_inline(value, value) + static_counter;
}

static __attribute__((noinline)) int multiply(int left, int right)
{
	return left * right;
}

__attribute__((noinline)) int recursive(int depth)
{
	if (depth <= 0)
		return 1;
	return recursive(depth - 1) + twice_inline(depth);
}

__attribute__((noinline)) long variable_length(int size)
{
	char text[size];
	int table[size][size + 1];

	memset(text, size, sizeof(text));
	memset(table, 0, sizeof(table));
	for (int i = 0; i < size; i++)
		table[i][i] = text[i] + i;
	return table[size / 2][size / 2];
}

__attribute__((noinline)) int variadic(const char *format, ...)
{
	char buffer[64];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(buffer, sizeof(buffer), format, arguments);
	va_end(arguments);
	return length + buffer[0];
}

static __attribute__((cold, noinline)) void complain(const char *what)
{
	fprintf(stderr, "bad: %s\n", what);
	exit(3);
}

__attribute__((noinline)) int cold_part(struct everything *all, int index)
{
	static int calls;

	calls++;
	if (__builtin_expect(index < 0, 0)) {
		for (int i = index; i < 0; i++)
			fprintf(stderr, "%d %s\n", i, all->name);
		complain(all->name);
	}
	if (__builtin_expect(index > 1000, 0))
		complain("too large");
	return all->values[index & 7] + calls;
}

__attribute__((noinline)) struct point by_value(struct point at, struct large big)
{
	at.x += (int)big.words[0];
	at.y += (int)big.words[15];
	return at;
}

__attribute__((noinline)) double floating(float a, double b, long double c)
{
	double result = a * b;

	for (int i = 0; i < 3; i++)
		result += (double)c / (i + 1);
	return result;
}

__attribute__((noinline)) int labels(int value)
{
again:
	value = value / 2 + volatile_flag;
	if (value > 10)
		goto again;
	switch ((enum colour)value) {
	case RED:
		return 10;
	case GREEN:
		return 20;
	case BLUE:
		return multiply(value, 3);
	default:
		break;
	}
	return value;
}

__attribute__((noinline)) int tail_call(int value)
{
	return labels(value + 1);
}

static int apply(operation_fn operation, int left, int right)
{
	return operation(left, right);
}

int main(int argc, char **argv)
{
	struct flexible *flexible = calloc(1, sizeof(*flexible) + 4 * sizeof(struct point));
	struct bits bits = { .a = 1, .b = 5, .c = -3, .d = 1ull << 32, .e = 77, .f = 1 };
	struct self self = { NULL, NULL, NULL };
	struct aligned aligned = { 'x', argc };
	struct packed packed = { 'y', argc, bits };
	union number number = { .integer = argc };
	enum negative sign = argc > 5 ? ZERO : MINUS;
	struct large large = { { 1, 2, 3 } };
	int total = 0;

	global_everything.name = argv[0];
	fill_everything(&global_everything, argc);
	thread_point.x = argc;
	flexible->count = 4;
	for (size_t i = 0; i < flexible->count; i++)
		flexible->points[i] = by_value(thread_point, large);
	total += add_inline(argc, 3) + twice_inline(argc);
	total += recursive(argc) + (int)variable_length(argc + 3);
	total += variadic("%d %s", argc, argv[0]) + cold_part(&global_everything, argc);
	total += (int)floating(1.5f, 2.5, 3.5L) + tail_call(argc * 100);
	total += apply(multiply, argc, 2) + apply(recursive_pair, argc, 3);
	total += (int)bits.d + packed.first + aligned.second + (int)number.integer + (int)sign;
	total += thread_counter + flexible->points[2].x + matrix[1][2][3] + (self.next == NULL);
	total += (int)strlen(greeting);
	free(flexible);
	return total == 0;
}
