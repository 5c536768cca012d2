/* SPDX-License-Identifier: MIT */
#include "survivor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void keep_watch(int host, pid_t host_pid, void (*fn)(void *arg), void *arg)
{
	struct pollfd ended = { .fd = host, .events = POLLIN };
	setsid();
	prctl(PR_SET_NAME, "stackdb-guard");
	/* Whoever sends signals to all that belongs to the host does not mean this one. */
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (setpriority(0, 0, -20) != 0)
		errno = 0; /* a pity, no more */
	while (getppid() == host_pid && poll(&ended, 1, -1) < 0 && errno == EINTR)
		;
	fn(arg);
	_exit(0);
}

/* Descriptors that others wait for the end of are not to be held open. */
static void close_all_but(int one, int other)
{
	int low = one < other ? one : other, high = one < other ? other : one;
	if (low > 0)
		close_range(0, (unsigned)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, ~0u, 0);
}

struct sdb_error *survivor_start(int kept, void (*fn)(void *arg), void *arg, pid_t *pid_ret)
{
	pid_t host_pid = getpid();
	int host = (int)syscall(SYS_pidfd_open, host_pid, 0);
	if (host < 0)
		return sdb_error_errno(errno, "cannot watch this process");
	/* Without a signal at its end: the host is not to hear of a child that it did not make. */
	pid_t pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		close_all_but(host, kept);
		keep_watch(host, host_pid, fn, arg);
	}
	int reason = errno;
	close(host);
	if (pid < 0)
		return sdb_error_errno(reason, "cannot create the process that guards the target");
	*pid_ret = pid;
	return NULL;
}

void survivor_end(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}
