/* SPDX-License-Identifier: MIT */
/* Starting a program: it is traced from before its first instruction. */

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What the child says when it could not become the program. */
struct complaint {
	int reason;
	char what[256];
};

static _Noreturn void give_up(int report, const char *what)
{
	struct complaint complaint = { .reason = errno };
	strncpy(complaint.what, what, sizeof(complaint.what) - 1);
	if (write(report, &complaint, sizeof(complaint)) < 0)
		_exit(126);
	_exit(127);
}

static void redirect(int report, const char *file, int descriptor, int flags)
{
	if (!file || strcmp(file, "-") == 0)
		return;
	int fd = open(file, flags | O_NOCTTY, 0666);
	if (fd < 0 || dup2(fd, descriptor) < 0)
		give_up(report, file);
	if (fd != descriptor)
		close(fd);
}

static void take_terminal(int report, const char *name)
{
	int fd = setsid() < 0 ? -1 : open(name, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) != 0)
		give_up(report, name);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static _Noreturn void become(const struct sdb_spec *spec, int go, int report, const char *terminal)
{
	char byte;
	char *plain[] = { (char *)spec->program, NULL };
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (read(go, &byte, 1) != 1)
		_exit(127); /* nobody traces it: nobody wants it */
	if (terminal)
		take_terminal(report, terminal);
	redirect(report, spec->input, STDIN_FILENO, O_RDONLY);
	redirect(report, spec->output, STDOUT_FILENO, O_WRONLY | O_CREAT | O_TRUNC);
	redirect(report, spec->error, STDERR_FILENO, O_WRONLY | O_CREAT | O_TRUNC);
	for (char *const *variable = spec->environment; variable && *variable; variable++)
		putenv(*variable);
	execvp(spec->program, spec->arguments ? spec->arguments : plain);
	give_up(report, spec->program);
}

/* A terminal for the program; *NAME_RET is that of its end. */
static struct sdb_error *open_terminal(struct sdb_target *target, char **name_ret)
{
	target->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (target->terminal < 0 || grantpt(target->terminal) != 0 || unlockpt(target->terminal) != 0
	    || !ptsname(target->terminal))
		return sdb_error_errno(errno, "cannot make a terminal");
	*name_ret = strdup(ptsname(target->terminal));
	return *name_ret ? NULL : NO_MEMORY();
}

/* Waits until the program has replaced the child, or the child says why not. */
static struct sdb_error *await_exec(struct process *process, pid_t pid, int report)
{
	struct complaint complaint = { 0 };
	int status;
	bool replaced = false;
	while (!replaced && waitpid(pid, &status, __WALL) == pid) {
		if (WIFSTOPPED(status) && status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
			/* Out of the system call, to before the first instruction. */
			ptrace(PTRACE_INTERRUPT, pid, 0, 0);
			ptrace(PTRACE_CONT, pid, 0, 0);
			replaced = waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
			if (replaced)
				return NULL;
			break;
		}
		if (!WIFSTOPPED(status))
			break;
		int number = WSTOPSIG(status);
		ptrace(PTRACE_CONT, pid, 0, status >> 16 || number == SIGTRAP ? 0 : number);
	}
	process->target->pid = 0;
	if (read(report, &complaint, sizeof(complaint)) == (ssize_t)sizeof(complaint)) {
		complaint.what[sizeof(complaint.what) - 1] = '\0';
		return sdb_error_errno(complaint.reason, "cannot launch %s: %s", process->target->spec.program,
				       complaint.what);
	}
	return sdb_error_new(SDB_ERROR_SYSTEM, "cannot launch %s: it ended at once", process->target->spec.program);
}

static struct sdb_error *trace_child(struct process *process, pid_t pid, int go, int report)
{
	struct sdb_target *target = process->target;
	struct tracee *tracee;
	if (ptrace(PTRACE_SEIZE, pid, 0, TRACE_OPTIONS) != 0 || write(go, "g", 1) != 1) {
		struct sdb_error *error = sdb_error_errno(errno, "cannot trace %s", target->spec.program);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, __WALL);
		return error;
	}
	struct sdb_error *error = await_exec(process, pid, report);
	if (error)
		return error;
	target->pid = pid;
	process->launched = true;
	process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	error = attach_add(process, pid, &tracee);
	if (error)
		return error;
	tracee->seized = true;
	tracee->thread->stopped = true;
	target->status = SDB_TARGET_PAUSED;
	return process_bind(process);
}

struct sdb_error *process_launch(struct process *process)
{
	int go[2], report[2];
	char *terminal = NULL;
	const struct sdb_spec *spec = &process->target->spec;
	struct sdb_error *error = spec->pty ? open_terminal(process->target, &terminal) : NULL;
	if (error)
		return error;
	if (pipe2(go, O_CLOEXEC) != 0) {
		free(terminal);
		return sdb_error_errno(errno, "cannot launch %s", spec->program);
	}
	if (pipe2(report, O_CLOEXEC) != 0) {
		error = sdb_error_errno(errno, "cannot launch %s", spec->program);
		goto without_report;
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(go[1]);
		become(spec, go[0], report[1], terminal);
	}
	close(report[1]);
	error = pid < 0 ? sdb_error_errno(errno, "cannot launch %s", spec->program)
		: trace_child(process, pid, go[1], report[0]);
	close(report[0]);
without_report:
	close(go[0]);
	close(go[1]);
	free(terminal);
	return error;
}
