/* SPDX-License-Identifier: MIT */
/*
 * Functions for somebody else to call: `callee wait` stays in read(2) until it gets a line, `callee
 * compute ROUNDS` works with all kinds of registers and prints what came of it.
 */
#include <complex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum colour { RED, GREEN = 5 };
struct pair { int first, second; };

static volatile int counter, signals;
static struct pair pair = { 3, 4 };
static char text[32] = "text of the program";

int add(int a, int b) { counter++; return a + b; }
long many(long a, long b, long c, long d, long e, long f, long g, long h, short i)
{
	return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f + 1000000 * g + 10000000 * h + i;
}
double mix(int a, double b, float c, long double d, long e) { return a + b + (double)c + (double)d + (double)e; }
float half(float number) { return number / 2; }
long double extended(long double a, long double b) { return a * b; }
double nine(double a, double b, double c, double d, double e, double f, double g, double h, double i)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i;
}
size_t length(const char *string) { return strlen(string); }
char *name(void) { return text; }
void bump(int *number) { ++*number; }
struct pair *partner(struct pair *of) { of->first++; return of; }
int swapped(struct pair by_value) { return by_value.second; }
struct longs { long first, second, third; };
struct mixed { double real; int number; };
struct floats { float x, y, z; };
struct small { char text[3]; };
struct packed { char c; long number; } __attribute__((packed));
struct bits { unsigned low : 5, high : 30; };
struct nested { struct small name; union { int i; float f; } u; struct { short s[2]; } in; };
struct wide { char c; long double real; };
union either { double real; long bits; };
static struct longs longs = { 1, 20, 300 };
struct mixed mixed = { 2.5, 7 };
static struct floats floats = { 1, 2.5f, -3 };
static struct small small = { "ab" };
static struct packed packed = { 3, 1L << 40 };
static struct bits bits = { 9, 123456 };
static struct nested nested = { { "xy" }, { 77 }, { { 5, -6 } } };
static struct wide wide = { 'w', 1.25L };
static union either either = { 0.5 };
struct pair turned(struct pair pair) { return (struct pair){ pair.second, pair.first }; }
struct longs shifted(struct longs from, long by) { return (struct longs){ from.first + by, from.second + by, from.third + by }; }
struct mixed doubled(struct mixed from) { return (struct mixed){ 2 * from.real, 2 * from.number }; }
struct floats negated(struct floats from) { return (struct floats){ -from.x, -from.y, -from.z }; }
struct small upper(struct small from) { return (struct small){ { from.text[0] - 32, from.text[1] - 32, 0 } }; }
struct packed added(struct packed from, int n) { return (struct packed){ (char)(from.c + n), from.number + n }; }
struct bits swapped_bits(struct bits from) { return (struct bits){ from.high & 31, from.low }; }
struct nested same(struct nested from) { from.u.i++; return from; }
struct wide scaled(int by, struct wide from) { return (struct wide){ from.c, from.real * by }; }
union either other(union either from) { from.bits ^= 1; return from; }
long spread(long a, struct pair b, struct mixed c, long d, struct longs e, long f, struct mixed g, struct pair h, long i)
{
	return a + b.first * 2L + b.second * 3L + (long)c.real * 5 + c.number * 7L + d * 11 + e.third * 13 + f * 17 + (long)g.real * 19
	       + g.number * 23L + h.first * 29L + h.second * 31L + i * 37;
}
double spread_real(double a, struct floats b, double c, struct mixed d, double e, struct floats f, double g, struct floats h)
{
	return a + (double)b.x * 2 + (double)b.z * 3 + c * 5 + d.real * 7 + d.number * 11 + e * 13 + (double)f.y * 17 + g * 19 + (double)h.z * 23;
}
bool is_even(unsigned char number) { return number % 2 == 0; }
enum colour next(enum colour colour) { return colour == RED ? GREEN : RED; }
signed char negative(signed char number) { return (signed char)-number; }
int apply(int (*function)(int, int), int a) { return function(a, a); }
long sum(int count, ...)
{
	va_list list;
	long total = 0;
	va_start(list, count);
	for (int i = 0; i < count; i++)
		total += va_arg(list, int);
	va_end(list);
	return total;
}
double real_sum(int count, ...)
{
	va_list list;
	double total = 0;
	va_start(list, count);
	for (int i = 0; i < count; i++)
		total += va_arg(list, double);
	va_end(list);
	return total;
}
int crash(void) { return *(volatile int *)8; }
int divide(int a, int b) { return a / b; }
void forever(void) { for (;;) pause(); }
int raises(int signal) { raise(signal); return signals; }
void leave(int status) { exit(status); }
int old_style() { return 6; }
pid_t who(void) { return getpid(); }

/* Leaves nothing as it was. */
long clobber(void)
{
#if defined(__x86_64__)
	__asm__ volatile("pcmpeqd %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm1; movdqa %%xmm0, %%xmm7; movdqa %%xmm0, %%xmm8\n"
			 "movdqa %%xmm0, %%xmm15; fld1; fldpi; fstp %%st(0); fstp %%st(0); mov $-1, %%rcx\n"
			 "mov $-1, %%rsi; mov $-1, %%rdi; mov $-1, %%r8; mov $-1, %%r9; mov $-1, %%r10; mov $-1, %%r11"
			 : : : "xmm0", "xmm1", "xmm7", "xmm8", "xmm15", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			 "memory");
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroall" : : : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
				 "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
#endif
	return ++counter;
}

static void count_signal(int signal)
{
	(void)signal;
	signals++;
}

/* Sums that go wrong when one register does. */
#ifndef __clang__
__attribute__((optimize("O2")))
#endif
static void compute(long rounds)
{
	uint64_t a = 1, b = 2, c = 3, d = 4;
	double x = 1, y = 2, z = 3;
	float vector[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	long double wide = 1;
	for (long i = 0; i < rounds; i++) {
		a = a * 6364136223846793005u + b;
		b ^= a >> 7;
		c += a & b;
		d = d * 3 + (c >> 11);
		x = x * 0.999 + (double)(a & 255);
		y = y * 0.5 + x;
		z = z * 0.25 + y * 0.125;
		wide = wide * 0.75L + (long double)z;
		for (int k = 0; k < 8; k++)
			vector[k] = vector[k] * 0.5f + (float)(k + (int)(d & 15));
	}
	float total = 0;
	for (int k = 0; k < 8; k++)
		total += vector[k];
	printf("%llx %llx %llx %llx %a %a %a %La %a\n", (unsigned long long)a, (unsigned long long)b,
	       (unsigned long long)c, (unsigned long long)d, x, y, z, wide, (double)total);
}

static void *const all[] = {
	add, many, mix, half, extended, nine, length, name, bump, partner, swapped, is_even, next, negative, apply, sum,
	real_sum, crash, divide, forever, raises, leave, old_style, who, clobber,
};

int main(int argc, char **argv)
{
	int local = 7;
	char line[16];
	signal(SIGUSR1, count_signal);
	puts(all[0] ? "ready" : "");
	fflush(stdout);
	if (argc > 2 && strcmp(argv[1], "compute") == 0)
		compute(atol(argv[2]));
	else if (read(0, line, sizeof(line)) > 0)
		printf("%d %d %d %s\n", counter, pair.first, local, line);
	return 0;
}
