/* SPDX-License-Identifier: MIT */
/*
 * What targets are made of for the tests: `target MODE [NUMBER]`. It prints `ready` when it is
 * where the mode says, and stays there until it gets a line on standard input or is killed.
 */
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile long sink;
static long number;

__attribute__((noinline)) static void stay(void)
{
	char line[16];
	puts("ready");
	fflush(stdout);
	if (read(0, line, sizeof(line)) < 0)
		sink++;
}

__attribute__((noinline)) static long recurse(long depth)
{
	if (depth == 0)
		stay();
	else
		sink += recurse(depth - 1);
	return sink + depth;
}

static void handle(int signal)
{
	sink += signal;
	stay();
}

__attribute__((noinline)) static void raise_here(void)
{
	raise(SIGUSR1);
}

static void *wait_in_thread(void *arg)
{
	char name[16];
	snprintf(name, sizeof(name), "worker-%ld", (long)(intptr_t)arg);
	prctl(PR_SET_NAME, name);
	for (;;)
		pause();
	return NULL;
}

static void make_threads(long count)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	for (long i = 0; i < count; i++) {
		pthread_t thread;
		if (pthread_create(&thread, &attributes, wait_in_thread, (void *)(intptr_t)i) != 0)
			abort();
	}
}

/* What probes count. */
long counted(long a, long b);
__attribute__((noinline)) long counted(long a, long b)
{
	sink += a;
	return a * 3 + b;
}

static void *call_counted(void *arg)
{
	long sum = 0, wrong = 0;
	for (long i = 0; i < number; i++) {
		long got = counted(i, (long)(intptr_t)arg);
		sum += got;
		wrong += got != i * 3 + (long)(intptr_t)arg;
	}
	return (void *)(intptr_t)(wrong ? -1 : sum & 0xffffff);
}

static void call_in_threads(long threads)
{
	pthread_t made[64];
	long wrong = 0;
	for (long i = 0; i < threads && i < 64; i++)
		pthread_create(&made[i], NULL, call_counted, (void *)(intptr_t)i);
	for (long i = 0; i < threads && i < 64; i++) {
		void *result;
		pthread_join(made[i], &result);
		wrong += (intptr_t)result < 0;
	}
	printf("%ld threads, %ld calls each, %ld wrong\n", threads, number, wrong);
}

static void *churn(void *arg)
{
	return arg;
}

static void churn_threads(long count)
{
	for (long i = 0; i < count; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, churn, NULL) == 0)
			pthread_join(thread, NULL);
		counted(i, 0);
	}
	puts("churned");
}

static void fork_children(long count)
{
	long bad = 0;
	for (long i = 0; i < count; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(counted(1, 4) == 7 ? 0 : 1);
		int status;
		waitpid(pid, &status, 0);
		bad += status != 0;
		counted(i, 0);
	}
	printf("%ld children, %ld bad\n", count, bad);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int signal)
{
	(void)signal;
	alarms++;
}

/* Calls while signals come in. */
static void call_under_signals(long threads)
{
	struct sigaction action = { .sa_handler = count_alarm, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 300 }, { 0, 300 } }, never = { { 0, 0 }, { 0, 0 } };
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	call_in_threads(threads);
	setitimer(ITIMER_REAL, &never, NULL);
	printf("%s signals\n", alarms ? "some" : "no");
}

/* What is too large and too odd for a debug register. */
struct { char before; unsigned char bytes[100]; } __attribute__((packed)) wide;

static void *write_wide(void *arg)
{
	char name[16];
	long which = (long)(intptr_t)arg;
	snprintf(name, sizeof(name), "writer-%ld", which);
	prctl(PR_SET_NAME, name);
	for (long i = 0; i < number; i++) {
		__atomic_add_fetch(&wide.bytes[10 * which], 1, __ATOMIC_SEQ_CST);
		if (i % 4 == 0)
			sched_yield();
	}
	return NULL;
}

static void write_in_threads(long threads)
{
	pthread_t made[8];
	long sum = 0;
	int ends[2];
	for (long i = 0; i < threads && i < 8; i++)
		pthread_create(&made[i], NULL, write_wide, (void *)(intptr_t)i);
	for (long i = 0; i < threads && i < 8; i++)
		pthread_join(made[i], NULL);
	for (int i = 0; i < 80; i++)
		sum += wide.bytes[i];
	/* And once by the kernel. */
	if (pipe(ends) != 0 || write(ends[1], "!", 1) != 1 || read(ends[0], &wide.bytes[99], 1) != 1)
		sum = -1;
	printf("%ld writes\n", sum);
}

static void *call_by_name(void *arg)
{
	char name[16];
	snprintf(name, sizeof(name), "caller-%ld", (long)(intptr_t)arg);
	prctl(PR_SET_NAME, name);
	return call_counted(arg);
}

static void call_by_names(long threads)
{
	pthread_t made[8];
	for (long i = 0; i < threads && i < 8; i++)
		pthread_create(&made[i], NULL, call_by_name, (void *)(intptr_t)i);
	for (long i = 0; i < threads && i < 8; i++)
		pthread_join(made[i], NULL);
	puts("called");
}

/* A value that a function keeps in a register, which those that it calls save on the stack. */
__attribute__((noinline)) static void deepest(void)
{
	__asm__ volatile("" : : : "memory");
	sink++;
}

__attribute__((noinline)) static void deeper(void)
{
#ifdef __x86_64__
	__asm__ volatile("" : : : "rbx", "r12", "r13", "r14", "r15", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
			 "r11");
#endif
	deepest();
	sink++;
}

__attribute__((noinline)) static void keep(long kept)
{
	deeper();
	sink += kept;
	deeper();
	sink = kept; /* not returned: a caller that sees that it is its own argument would not look */
}

/* A string and a structure to filter by. */
struct named { const char *name; long number; };
long looked_up(const struct named *named, const char *text);
__attribute__((noinline)) long looked_up(const struct named *named, const char *text)
{
	sink += named->number + named->name[0] + text[0];
	return sink;
}

static void look_up(long count)
{
	static const char *const names[] = { "alpha", "beta", "gamma", "delta" };
	for (long i = 0; i < count; i++) {
		struct named named = { names[i % 4], i };
		looked_up(&named, names[(i + 1) % 4]);
	}
	puts("looked up");
}

/* Runs this program again with the words of ARGUMENTS: in another process, by fork and exec, vfork or posix_spawn. */
static pid_t run_again(int way, char *const *arguments)
{
	extern char **environ;
	pid_t pid = -1;
	if (way == 0)
		return posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ) == 0 ? pid : -1;
	pid = way == 1 ? fork() : vfork();
	if (pid == 0) {
		execv("/proc/self/exe", arguments);
		_exit(127);
	}
	return pid;
}

static void run_children(long count)
{
	char calls[24];
	char *arguments[] = { "target", "calls", calls, NULL };
	long bad = 0;
	for (long i = 0; i < count; i++) {
		int status = -1;
		snprintf(calls, sizeof(calls), "%ld", i + 1);
		pid_t pid = run_again((int)(i % 3), arguments);
		bad += pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
		counted(i, 0);
	}
	printf("%ld programs, %ld bad\n", count, bad);
}

static void *call_and_churn(void *arg)
{
	long wrong = 0;
	for (long i = 0; i < number; i++) {
		pthread_t thread;
		wrong += counted(i, 1) != i * 3 + 1;
		if (i % 50 == 0 && pthread_create(&thread, NULL, churn, NULL) == 0)
			pthread_join(thread, NULL);
	}
	*(long *)arg = wrong;
	return NULL;
}

/* Everything at once: threads that call and make threads, signals, children of every kind. */
static void mix(long threads)
{
	pthread_t made[64];
	long wrong[64] = { 0 }, all = 0, bad = 0;
	char *arguments[] = { "target", "calls", "1", NULL };
	struct sigaction action = { .sa_handler = count_alarm, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (long i = 0; i < threads && i < 64; i++)
		pthread_create(&made[i], NULL, call_and_churn, &wrong[i]);
	for (int i = 0; i < 12; i++) {
		int status = -1;
		pid_t pid = run_again(i % 3, arguments);
		bad += pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
		pid = fork();
		if (pid == 0)
			_exit(counted(2, 1) != 7);
		bad += pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
	}
	for (long i = 0; i < threads && i < 64; i++) {
		pthread_join(made[i], NULL);
		all += wrong[i];
	}
	setitimer(ITIMER_REAL, &never, NULL);
	printf("%ld wrong, %ld bad\n", all, bad);
}

static double sum_up(void)
{
	double sum = 0;
	long double precise = 1;
	for (int i = 1; i < 3000; i++) {
		sum += 1.0 / i;
		precise = precise * 3 / 2 + sum;
		if (precise > 1e9L)
			precise /= 1e9L;
	}
	return sum + (double)precise;
}

static void *sum_and_call(void *arg)
{
	double first = sum_up();
	long wrong = 0;
	for (long i = 0; i < number; i++)
		wrong += sum_up() != first || counted(i, 1) != i * 3 + 1;
	*(long *)arg = wrong;
	return NULL;
}

/* Vector and floating-point registers are in use all the time. */
static void sum_in_threads(long threads)
{
	pthread_t made[8];
	long wrong[8] = { 0 }, all = 0;
	for (long i = 0; i < threads && i < 8; i++)
		pthread_create(&made[i], NULL, sum_and_call, &wrong[i]);
	for (long i = 0; i < threads && i < 8; i++) {
		pthread_join(made[i], NULL);
		all += wrong[i];
	}
	printf("%ld sums wrong\n", all);
}

/*
 * A program that blocks SIGTRAP, which it sends itself and waits for, besides other signals with masks of their own; or
 * that has a handler for it.
 */
static volatile sig_atomic_t traps;

static void count_trap(int signal)
{
	(void)signal;
	traps++;
}

static long check_masks(const sigset_t *trap)
{
	sigset_t all, before, now;
	struct timespec moment = { 0, 200000 };
	long wrong = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	wrong += !sigismember(&before, SIGTRAP) || sigismember(&before, SIGALRM);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	wrong += memcmp(&before, &now, 8) != 0; /* as many as the kernel knows */
	sigemptyset(&now);
	pselect(0, NULL, NULL, NULL, &moment, &now);
	pthread_kill(pthread_self(), SIGTRAP);
	sched_yield();
	return wrong + (sigtimedwait(trap, NULL, &moment) != SIGTRAP);
}

static void *write_masked(void *arg)
{
	long which = (long)(intptr_t)arg, wrong = 0;
	sigset_t trap;
	sigemptyset(&trap);
	sigaddset(&trap, SIGTRAP);
	for (long i = 0; i < number; i++) {
		__atomic_add_fetch(&wide.bytes[10 * which], 1, __ATOMIC_SEQ_CST);
		wrong += counted(i, which) != i * 3 + which;
		if (i % 4 == 0)
			wrong += check_masks(&trap);
	}
	return (void *)(intptr_t)wrong;
}

static void write_with_masks(long threads)
{
	struct sigaction action = { .sa_handler = count_alarm, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } }, never = { { 0, 0 }, { 0, 0 } };
	pthread_t made[8];
	sigset_t trap;
	long wrong = 0;
	sigemptyset(&trap);
	sigaddset(&trap, SIGTRAP);
	sigprocmask(SIG_BLOCK, &trap, NULL);
	sigfillset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (long i = 0; i < threads && i < 8; i++)
		pthread_create(&made[i], NULL, write_masked, (void *)(intptr_t)i);
	for (long i = 0; i < threads && i < 8; i++) {
		void *result;
		pthread_join(made[i], &result);
		wrong += (intptr_t)result;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	printf("%ld masks wrong\n", wrong);
}

static void write_with_handler(void)
{
	struct sigaction action = { .sa_handler = count_trap };
	long lost = 0;
	sigaction(SIGTRAP, &action, NULL);
	for (long i = 0; i < number; i++) {
		sig_atomic_t before = traps;
		wide.bytes[10]++;
		raise(SIGTRAP);
		lost += traps == before;
	}
	printf("%ld traps lost, %s\n", lost, traps == number ? "none too many" : "some too many");
}

/* Each child makes two, until there are 2^DEPTH. */
static void bomb(long depth)
{
	counted(depth, 0);
	for (int i = 0; depth > 0 && i < 2; i++)
		if (fork() == 0) {
			bomb(depth - 1);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
}

static void corrupt_stack(void)
{
	volatile uint64_t here[4];
	volatile uint64_t *volatile at = here;
	for (int i = 0; i < 200; i++)
		at[i] = (uint64_t)i * 0x9e3779b97f4a7c15u;
	stay();
}

static void call_nowhere(int signal)
{
	(void)signal;
	stay();
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "stay";
	number = argc > 2 ? atol(argv[2]) : 0;
	if (strcmp(mode, "stay") == 0) {
		stay();
	} else if (strcmp(mode, "recurse") == 0) {
		recurse(number);
	} else if (strcmp(mode, "signal") == 0) {
		signal(SIGUSR1, handle);
		raise_here();
	} else if (strcmp(mode, "altstack") == 0) {
		stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
		struct sigaction action = { .sa_handler = handle, .sa_flags = SA_ONSTACK };
		sigaltstack(&stack, NULL);
		sigaction(SIGUSR1, &action, NULL);
		raise_here();
	} else if (strcmp(mode, "threads") == 0) {
		make_threads(number);
		stay();
	} else if (strcmp(mode, "corrupt") == 0) {
		corrupt_stack();
	} else if (strcmp(mode, "nowhere") == 0) {
		struct sigaction action = { .sa_handler = call_nowhere };
		sigaction(SIGSEGV, &action, NULL);
		((void (*volatile)(void))0x10)();
	} else if (strcmp(mode, "clock") == 0) {
		struct timespec now;
		puts("ready");
		fflush(stdout);
		for (;;)
			clock_gettime(CLOCK_MONOTONIC, &now);
	} else if (strcmp(mode, "count") == 0) {
		stay();
		call_in_threads(argc > 3 ? atol(argv[3]) : 1);
	} else if (strcmp(mode, "churn") == 0) {
		stay();
		churn_threads(number);
	} else if (strcmp(mode, "fork") == 0) {
		stay();
		fork_children(number);
	} else if (strcmp(mode, "signals") == 0) {
		stay();
		call_under_signals(argc > 3 ? atol(argv[3]) : 1);
	} else if (strcmp(mode, "write") == 0) {
		stay();
		write_in_threads(argc > 3 ? atol(argv[3]) : 1);
	} else if (strcmp(mode, "masks") == 0) {
		stay();
		write_with_masks(argc > 3 ? atol(argv[3]) : 1);
	} else if (strcmp(mode, "traps") == 0) {
		stay();
		write_with_handler();
	} else if (strcmp(mode, "names") == 0) {
		stay();
		call_by_names(argc > 3 ? atol(argv[3]) : 1);
	} else if (strcmp(mode, "keep") == 0) {
		stay();
		keep(number);
		printf("kept %ld\n", sink);
	} else if (strcmp(mode, "lookup") == 0) {
		stay();
		look_up(number);
	} else if (strcmp(mode, "calls") == 0) {
		for (long i = 0; i < number; i++)
			counted(i, 0);
		printf("%ld calls\n", number);
	} else if (strcmp(mode, "exec") == 0) {
		char *again[] = { "target", "calls", argv[2], NULL };
		stay();
		for (long i = 0; i < number; i++)
			counted(i, 0);
		execv("/proc/self/exe", again);
	} else if (strcmp(mode, "programs") == 0) {
		stay();
		run_children(number);
	} else if (strcmp(mode, "mix") == 0) {
		stay();
		mix(argc > 3 ? atol(argv[3]) : 1);
	} else if (strcmp(mode, "sums") == 0) {
		stay();
		sum_in_threads(argc > 3 ? atol(argv[3]) : 1);
	} else if (strcmp(mode, "bomb") == 0) {
		stay();
		bomb(number);
		puts("burnt out");
#ifdef __x86_64__
	} else if (strcmp(mode, "narrow") == 0) { /* getpid() the 32-bit way, from any program */
		long pid = 20;
		__asm__ volatile("int $0x80" : "+a"(pid) : : "memory", "r8", "r9", "r10", "r11");
		printf("%s\n", pid == getpid() ? "the same" : "another");
#endif
	} else if (strcmp(mode, "loop") == 0) {
		puts("ready");
		fflush(stdout);
		for (;;)
			counted(1, 2);
	} else {
		fprintf(stderr, "no mode %s\n", mode);
		return 2;
	}
	return 0;
}
