/* SPDX-License-Identifier: MIT */
/*
 * The processes that a guest is asked about: `actor ROLE [ARGUMENT...]` goes where its role says and
 * stays there. outer(), middle() and inner() are on the stack of each that waits, called with numbers
 * that the tests know: outer(ROLE's index * 100), middle(that + 1, 2), inner(that + 3).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

/* Values of known types for whoever reads another process's variables. */
struct point {
	int x, y;
	const char *label;
	struct point *next;
};
static struct point second = { 3, 4, "second", NULL };
struct point first_point = { 1, 2, "first", &second };
__thread long own_number = 42;
volatile long sink;
static const char *role = "none";

static void wait_in_read(void)
{
	int ends[2];
	char byte;
	if (pipe(ends) != 0 || read(ends[0], &byte, 1) < 0)
		sink++;
}

static void wait_in_futex(void)
{
	static uint32_t word = 7;
	for (;;)
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 7, NULL, NULL, 0);
}

static void wait_in_sleep(void)
{
	struct timespec long_time = { 10000000, 0 };
	for (;;)
		nanosleep(&long_time, NULL);
}

static void wait_in_accept(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr address = { AF_UNIX, "" };
	if (bind(fd, &address, sizeof(sa_family_t)) == 0 && listen(fd, 1) == 0)
		accept(fd, NULL, NULL);
}

static void spin(void)
{
	for (;;)
		sink++;
}

/* The parent waits uninterruptibly until its child, which sleeps, executes another program. */
static void wait_for_vfork(void)
{
	if (vfork() == 0)
		wait_in_sleep();
}

static void stop_oneself(void)
{
	for (;;)
		raise(SIGSTOP);
}

/* What is called at the end of the known frames. */
static void (*last)(void) = wait_in_sleep;

NOINLINE long inner(long value)
{
	volatile long local = value * 2;
	last();
	return local;
}

NOINLINE long middle(long value, int step)
{
	char text[32];
	snprintf(text, sizeof(text), "step %d", step);
	long result = inner(value + step);
	sink += text[0];
	return result + 1;
}

NOINLINE long outer(long value)
{
	struct point here = { (int)value, -1, "here", &first_point };
	sink += here.x;
	long result = middle(value + 1, 2);
	return result + here.y;
}

static void handle(int number)
{
	sink += number;
	last = wait_in_sleep;
	outer(900);
}

static void wait_in_handler(void)
{
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_ONSTACK };
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

static void *in_thread(void *argument)
{
	long index = (long)(intptr_t)argument;
	char name[16];
	snprintf(name, sizeof(name), "worker-%ld", index);
	prctl(PR_SET_NAME, name);
	own_number = index;
	static void (*const waits[])(void) = { wait_in_read, wait_in_futex, wait_in_sleep, wait_in_accept };
	waits[index % 4]();
	return NULL;
}

static void make_threads(long count)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	for (long i = 0; i < count; i++) {
		pthread_t thread;
		if (pthread_create(&thread, &attributes, in_thread, (void *)(intptr_t)i) != 0)
			abort();
	}
}

static void leave_main_thread(void)
{
	make_threads(2);
	pthread_exit(NULL);
}

static void have_zombie(void)
{
	if (fork() == 0)
		_exit(7);
	wait_in_sleep();
}

static void be_another(void)
{
	gid_t groups[] = { 3001, 3002 };
	if (setgroups(2, groups) != 0 || setresgid(2001, 2002, 2003) != 0 || setresuid(1001, 1002, 1003) != 0)
		_exit(1);
	wait_in_sleep();
}

static void be_elsewhere(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP) != 0 ||
	    sethostname("elsewhere", 9) != 0)
		_exit(1);
	if (fork() == 0 && fork() == 0)
		wait_in_sleep(); /* process 2 of the new namespace */
	wait_in_sleep();
}

static void be_traced(void)
{
	pid_t child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
	}
	waitpid(child, NULL, WUNTRACED);
	wait_in_sleep();
}

/* Mappings of every kind, at addresses of the kernel's choice: /proc has them. */
static void map_files(void)
{
	int fd = open("/usr/share/known", O_RDWR);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) != 0)
		_exit(1);
	size_t size = (size_t)status.st_size;
	volatile char *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	volatile char *private = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
	volatile char *none = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char *untouched = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char *huge = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile char *common = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	madvise((void *)huge, 8 << 20, MADV_HUGEPAGE);
	for (size_t at = 0; at < 8 << 20; at += 4096)
		huge[at] = (char)(at >> 12);
	sink += shared[8192];
	private[4096] = 'P'; /* its own copy of this page; of the others only the page cache has any */
	common[0] = 'C';
	sink += none == NULL || untouched == NULL;
	char name[] = "/tmp/deleted-XXXXXX";
	int gone = mkstemp(name);
	if (ftruncate(gone, 8192) == 0)
		sink += *(volatile char *)mmap(NULL, 8192, PROT_READ, MAP_SHARED, gone, 0);
	unlink(name);
	last = wait_in_sleep;
	outer(1100);
}

/* What probes count. */
NOINLINE long counted(long a, long b)
{
	sink += a;
	return a * 3 + b;
}

NOINLINE static long call_counted(long times, long b)
{
	long wrong = 0;
	for (long i = 0; i < times; i++)
		wrong += counted(i, b) != i * 3 + b;
	return wrong;
}

/* Makes what is asked for over FIFOs `/run/NAME.in`, answers on `/run/NAME.out`:
 *   calls N      N system calls getpriority(PRIO_PROCESS, 0)
 *   opens N      N times openat() of a path that is not there
 *   counted N B  N calls of counted(0..N-1, B) */
static void serve(const char *name)
{
	char in[64], out[64], line[64];
	snprintf(in, sizeof(in), "/run/%s.in", name);
	snprintf(out, sizeof(out), "/run/%s.out", name);
	mkfifo(in, 0600);
	mkfifo(out, 0600);
	for (;;) {
		FILE *requests = fopen(in, "re");
		while (requests && fgets(line, sizeof(line), requests)) {
			long times = 0, b = 0, wrong = 0;
			char what[16] = "";
			sscanf(line, "%15s %ld %ld", what, &times, &b);
			if (strcmp(what, "calls") == 0) {
				for (long i = 0; i < times; i++)
					syscall(SYS_getpriority, PRIO_PROCESS, 0);
			} else if (strcmp(what, "opens") == 0) {
				for (long i = 0; i < times; i++)
					wrong += open("/nonexistent/file", O_RDONLY) != -1;
			} else {
				wrong = call_counted(times, b);
			}
			int answers = open(out, O_WRONLY | O_CLOEXEC);
			dprintf(answers, "%s %ld %ld wrong\n", what, times, wrong);
			close(answers);
		}
		if (requests)
			fclose(requests);
	}
}

/* A command line of five pages with spaces, nothing, and bytes that are no text. */
static void grow_command_line(char *program)
{
	static char text[5000];
	char *arguments[9] = { program, "long-arguments", "with space", "", "caf\xc3\xa9", "\xff\x01\ttab" };
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 6; i < 8; i++)
		arguments[i] = text;
	execv("/proc/self/exe", arguments);
	_exit(1);
}

static void have_odd_name(void)
{
	prctl(PR_SET_NAME, ") S 1 (\n\\\xff");
	wait_in_sleep();
}

static void have_no_command_line(char **argv)
{
	memset(argv[0], 0, strlen(argv[0]) + 1 + strlen(argv[1]));
	wait_in_sleep();
}

static const struct role {
	const char *name;
	void (*wait)(void);
} roles[] = {
	{ "sleeper", wait_in_sleep }, { "reader", wait_in_read }, { "futex", wait_in_futex },
	{ "accept", wait_in_accept }, { "spinner", spin }, { "vfork", wait_for_vfork },
	{ "stopped", stop_oneself }, { "handler", wait_in_handler }, { "zombie", have_zombie },
	{ "another", be_another }, { "elsewhere", be_elsewhere }, { "traced", be_traced },
	{ "leaderless", leave_main_thread }, { "mapper", map_files }, { "odd", have_odd_name },
	{ "long-arguments", wait_in_sleep },
};

int main(int argc, char **argv)
{
	role = argc > 1 ? argv[1] : "sleeper";
	if (strcmp(role, "threads") == 0) {
		make_threads(argc > 2 ? atol(argv[2]) : 4);
		outer(1200);
	} else if (strcmp(role, "serve") == 0) {
		prctl(PR_SET_NAME, argc > 2 ? argv[2] : "serve");
		serve(argc > 2 ? argv[2] : "serve");
	} else if (strcmp(role, "long") == 0) {
		grow_command_line(argv[0]);
	} else if (strcmp(role, "nameless") == 0) {
		have_no_command_line(argv);
	} else if (strcmp(role, "loop") == 0) {
		/* counted() a hundred times a second, for as long as it runs */
		struct timespec pause = { 0, 10000000 };
		for (long i = 0;; i++) {
			counted(i, 5);
			nanosleep(&pause, NULL);
		}
	}
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
		if (strcmp(role, roles[i].name) == 0) {
			last = roles[i].wait;
			sink += outer((long)i * 100);
			return 0;
		}
	}
	fprintf(stderr, "no role %s\n", role);
	return 2;
}
