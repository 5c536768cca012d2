/* SPDX-License-Identifier: MIT */
/* Values of every kind of C type, global and local, for values_gdb.py; the same on every run. */
#include <complex.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uchar.h>
#include <wchar.h>

enum plain { PLAIN_ZERO, PLAIN_ONE, PLAIN_FIVE = 5 };
enum flags { FLAG_ONE = 1, FLAG_TWO = 2, FLAG_FOUR = 4 };
enum with_zero { NOTHING = 0, SOME = 1, MORE = 2 };
enum mixed { MIXED_ONE = 1, MIXED_BOTH = 3, MIXED_EIGHT = 8 };
enum negative { MINUS = -1, NONE };

struct point { int x, y; };
union number { int i; float f; unsigned char bytes[4]; };
struct bits { int a : 3; unsigned b : 7; long long c : 40; bool d : 1; enum flags e : 3; enum plain f : 4; };
struct flexible { int count; int items[]; };
struct list { struct list *next; const char *name; struct point where; };
struct everything {
	char *text;
	const char *null;
	char name[8];
	unsigned char raw[4];
	void (*handler)(int);
	int *pointer;
	struct point inner;
	struct { int in_struct; union { int either; float other; }; };
	struct { short a; struct { long b; } c; } nested[2];
	enum flags flags;
	struct list *list;
	struct opaque *opaque;
	_Complex double wave;
	long double precise;
};
typedef struct point point_t;
typedef int (*operation_t)(int, int);
typedef float four_t __attribute__((vector_size(16)));

enum plain plain_known = PLAIN_ONE, plain_unknown = (enum plain)3;
enum flags flags_none = (enum flags)0, flags_some = (enum flags)5, flags_more = (enum flags)9,
	flags_unknown = (enum flags)8;
enum with_zero zero_named = NOTHING, zero_both = (enum with_zero)3;
enum mixed mixed_seven = (enum mixed)7;
enum negative minus = MINUS, beyond = (enum negative)7;

char character = 'a', newline = '\n', high = (char)0xe9, quote = '\'', backslash = '\\';
signed char small = -5;
unsigned char byte = 200;
short short_number = -300;
unsigned short unsigned_short = 60000;
long long long_number = -1234567890123;
unsigned long unsigned_long = (unsigned long)-1;
#ifdef __SIZEOF_INT128__
__int128 huge = -5;
unsigned __int128 unsigned_huge = ((unsigned __int128)1 << 100) + 7;
#endif
bool yes = true;
wchar_t wide = L'w';
char16_t utf16 = u'\u00e9';
char32_t utf32 = U'\U0001F600';

float single = 0.1f, infinite = 1 / 0.0f, tiny = 1e-40f, large = 1e30f;
double twin = 0.1, minus_zero = -0.0, third = 1.0 / 3, not_a_number, one = 1;
long double extended = 0.1L, extended_nan;
#ifndef __clang__
_Float128 quad = 0.1F128;
#endif
_Complex float complex_float = 1.5f + 2 * I;
_Complex double complex_double = -1 - 3.25 * I;
_Complex long double complex_long = 4;

char empty[1], filled[8] = "abc", zeroes[20], full[3] = { 'x', 'y', 'z' }, long_text[300], mixed_text[64];
char octal[] = "\001" "23\0334\n\"quoted\" 'single' \\";
unsigned char unsigned_text[6] = "uchar";
int8_t eight[3] = { 1, 2, 3 };
char utf8[] = "caf\303\251 \360\237\230\200", broken[] = "a\303", broken_inside[] = "a\303(b";
char ten[] = "aaaaaaaaaab", eleven[] = "aaaaaaaaaaab", runs[] = "aaaaaaaaaaaabbbbbbbbbbbbbc";
wchar_t wide_text[6] = L"ab";
char16_t utf16_text[] = u"x\u00e9\U0001F600";
const char *pointed = "pointed to";
const char *nowhere = (const char *)16;
const wchar_t *wide_pointed = L"wide";
char *words[] = { filled, octal, 0 };
char matrix_of_text[2][4] = { "ab", "cd" };

int numbers[3] = { 1, 2, 3 }, many[300], matrix[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
int cube[2][2][2] = { { { 1, 2 }, { 3, 4 } }, { { 5, 6 }, { 7, 8 } } }, nine[9], ten_zeroes[10];
int *pointers[3] = { numbers, 0, numbers + 2 };
struct point points[15], pair[2] = { { 1, 2 }, { 3, 4 } };
union number either = { 1 };
struct bits bits = { -1, 100, -5, true, (enum flags)5, PLAIN_ONE };
struct list second = { 0, "second", { 3, 4 } }, first = { &second, "first", { 1, 2 } };
four_t vector = { 1, 2, 3, 4 };
struct point (*to_array)[2] = &pair;
void *anything = numbers;
const volatile int qualified = 7;
int *const constant_pointer = numbers;
int *restrict restricted = numbers + 1;
point_t typedefed = { 8, 9 };
_Thread_local int per_thread = 11;
_Thread_local struct point thread_point = { 12, 13 };
struct flexible *flexible;

static int add(int a, int b) { return a + b; }
static int subtract(int a, int b) { return a - b; }
operation_t operation = add, operations[2] = { add, subtract };
static void handle(int signal) { per_thread = signal; }
struct everything everything = { filled, 0, "name", { 1, 2, 3, 255 }, handle, numbers + 1, { 5, 6 },
				 { 7, { 8 } }, { { 1, { 2 } }, { 3, { 4 } } }, (enum flags)3, &first, 0, 2 + 3 * I,
				 1.25L };

__attribute__((noinline)) static long consume(const void *p, long n)
{
	__asm__ volatile("" : : "r"(p), "r"(n) : "memory");
	return n;
}

__attribute__((noinline)) static int by_value(struct point p, struct list l, union number n)
{
	int sum = p.x + p.y + l.where.x;
	consume(&sum, n.i);
	struct point moved = { p.y + 1, sum };
	return moved.x * moved.y + (int)consume(l.name, 3);
}

__attribute__((noinline)) static double reals(float f, double d, long double l, _Complex double c)
{
	double sum = f + d;
	consume(&sum, (long)d);
	long double product = l * d;
	consume(0, (long)product);
	return (double)product + creal(c) + sum;
}

__attribute__((noinline)) static int many_arguments(int a, char b, short c, long long d, unsigned e, int *f, int g,
						    struct point h, const char *i)
{
	int local = a + b + c;
	consume(f, (long)d);
	local += (int)e + g + h.x;
	consume(i, local);
	return local + h.y;
}

static inline __attribute__((always_inline)) int inlined(int value, const char *text, struct point *where)
{
	int doubled = value * 2;
	struct point copy = *where;
	consume(text, doubled);
	copy.x += doubled;
	consume(&doubled, copy.x);
	return copy.x + copy.y;
}

/* A compiler that optimizes does not pass `unused`; the call sites still say what it is. */
__attribute__((noinline)) static int shrunk(int unused, int used, struct point *where)
{
	consume(where, used);
	int result = used * 2 + where->x;
	consume(&result, result);
	return result;
}

__attribute__((noinline)) static int variable_length(int n, int m)
{
	char text[n + 1];
	int table[n][m];
	memset(text, 'v', (size_t)n);
	text[n] = '\0';
	for (int i = 0; i < n; i++)
		for (int j = 0; j < m; j++)
			table[i][j] = i * j;
	consume(text, table[n - 1][m - 1]);
	return table[n / 2][m / 2] + text[0];
}

__attribute__((noinline)) static int scopes(int outer)
{
	int shadowed = outer + 1, result = 0;
	static int calls;
	static const char *const label[] = { "one", "two" };
	calls++;
	for (int i = 0; i < 3; i++) {
		int shadowed = i * outer;
		struct point here = { i, shadowed };
		if (i == 1) {
			long shadowed = here.y;
			result += inlined((int)shadowed, label[1], &here);
		}
		result += inlined(shadowed, label[0], &here);
		consume(&here, shadowed);
	}
	return result + shadowed + calls;
}

__attribute__((noinline)) static int recursive(int depth, struct list *chain)
{
	struct list link = { chain, "link", { depth, -depth } };
	int below = depth > 0 ? recursive(depth - 1, &link) : scopes(depth);
	consume(&link, below);
	return below + link.where.x;
}

__attribute__((noinline)) static int tail(int x, const char *text)
{
	consume(text, x);
	return by_value((struct point){ x, x + 1 }, first, either);
}

static void fill(void)
{
	memset(long_text, 'x', 250);
	memcpy(mixed_text, "aaaaaaaaaaaaaaaaaaaabcd", 23);
	memset(mixed_text + 30, '\t', 12);
	many[250] = 1;
	not_a_number = __builtin_nan("5");
	extended_nan = -__builtin_nanl("");
	flexible = malloc(sizeof(*flexible) + 3 * sizeof(int));
	flexible->count = 3;
	for (int i = 0; i < 3; i++)
		flexible->items[i] = i;
}

int main(int argc, char **argv)
{
	bool done = false;
	enum flags seen = (enum flags)(argc | 2);
	int16_t sixteen = (int16_t)(argc * 1000);
	unsigned char octet = (unsigned char)(argc + 64);
	float ratio = (float)argc / 3;
	char buffer[16] = "local";
	fill();
	for (int round = 0; !done; round++) {
		int sum = by_value(pair[1], first, either);
		sum += (int)reals(single, twin, extended, complex_double);
		sum += many_arguments(sum, 'c', sixteen, long_number, 5, numbers, octet, points[0], pointed);
		sum += variable_length(3 + round, 2 + argc);
		sum += shrunk(17, sum, &first);
		sum += shrunk(round + 100, sum, &first);
		sum += recursive(3, &first);
		sum += tail(round, buffer);
		sum += operations[round & 1](sum, round);
		consume(argv, sum + (long)ratio + seen);
		done = round == 3;
	}
	handle(4);
	return EXIT_SUCCESS;
}
