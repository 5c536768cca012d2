/* SPDX-License-Identifier: MIT */

/*
 * Runs a command several times: a line each with nanoseconds from before fork to after wait and
 * the peak resident memory in KiB. A program of its own, because the kernel counts what a
 * process held before exec as its peak: started from Python, /bin/true would have 10 MB.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void start(const char *input, char **command)
{
	int in = open(input, O_RDONLY);
	int out = open("/dev/null", O_WRONLY);

	if (in < 0 || out < 0)
		_exit(126);
	dup2(in, 0);
	dup2(out, 1);
	if (getenv("MEASURE_STDERR") == NULL)
		dup2(out, 2);
	execvp(command[0], command);
	_exit(127);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: measure COUNT STDIN COMMAND...\n");
		return 2;
	}
	for (int i = 0; i < atoi(argv[1]); i++) {
		struct rusage usage;
		int status;
		long long begun = now();
		pid_t child = fork();

		if (child < 0)
			return 1;
		if (child == 0)
			start(argv[2], argv + 3);
		if (wait4(child, &status, 0, &usage) < 0)
			return 1;
		printf("%lld %ld %d\n", now() - begun, usage.ru_maxrss,
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
	return 0;
}
