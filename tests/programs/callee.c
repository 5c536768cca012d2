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
