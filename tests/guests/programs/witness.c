/* SPDX-License-Identifier: MIT */
/*
 * The guest's first process: answers the host's questions over a serial port, given as argument.
 *
 * A question is a line, an answer is records `KIND LENGTH NAME\n` with LENGTH bytes behind each; the
 * last is `end 0 MARK`, where the question began with `MARK `. The questions:
 *   ping                 nothing
 *   files PATTERN...     `file`: the content of each file that matches; `error`: why it has none
 *   links PATTERN...     `link`: where each symbolic link that matches points to
 *   mem PID ADDR LENGTH  `file`: bytes of a process (hexadecimal)
 *   log                  `log`: the kernel log as klogctl(3) has it; `kmsg`: the records of /dev/kmsg
 *   sh COMMAND           `output` of the shell's command, and `status` (as text)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int port;

struct bytes {
	char *data;
	size_t length, room;
};

static void send_all(const void *data, size_t length)
{
	for (const char *at = data; length > 0;) {
		ssize_t sent = write(port, at, length);
		if (sent < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (sent > 0) {
			at += sent;
			length -= (size_t)sent;
		}
	}
}

static void record(const char *kind, const char *name, const void *data, size_t length)
{
	char head[4200];
	int size = snprintf(head, sizeof(head), "%s %zu %s\n", kind, length, name);
	send_all(head, (size_t)size < sizeof(head) ? (size_t)size : sizeof(head) - 1);
	send_all(data, length);
}

static char *reserve(struct bytes *bytes, size_t more)
{
	if (bytes->room - bytes->length < more) {
		bytes->room = bytes->room * 2 + more;
		bytes->data = realloc(bytes->data, bytes->room);
		if (!bytes->data)
			abort();
	}
	return bytes->data + bytes->length;
}

/* Everything that FD has. */
static int read_all(int fd, struct bytes *into)
{
	for (;;) {
		ssize_t got = read(fd, reserve(into, 65536), 65536);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EPIPE) /* /dev/kmsg: a record was overwritten meanwhile */
			continue;
		if (got <= 0)
			return got < 0 && errno != EAGAIN && into->length == 0 ? -1 : 0;
		into->length += (size_t)got;
	}
}

static void send_file(const char *kind, const char *path)
{
	struct bytes content = { 0 };
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0 || read_all(fd, &content) < 0)
		record("error", path, strerror(errno), strlen(strerror(errno)));
	else
		record(kind, path, content.data, content.length);
	if (fd >= 0)
		close(fd);
	free(content.data);
}

static void send_link(const char *path)
{
	char target[4096];
	ssize_t length = readlink(path, target, sizeof(target));
	if (length < 0)
		record("error", path, strerror(errno), strlen(strerror(errno)));
	else
		record("link", path, target, (size_t)length);
}

static void each_match(char *patterns, void (*send)(const char *path))
{
	for (char *pattern = strtok(patterns, " "); pattern; pattern = strtok(NULL, " ")) {
		glob_t found = { 0 };
		if (glob(pattern, 0, NULL, &found) == 0)
			for (size_t i = 0; i < found.gl_pathc; i++)
				send(found.gl_pathv[i]);
		globfree(&found);
	}
}

static void send_content(const char *path)
{
	send_file("file", path);
}

static void send_memory(const char *arguments)
{
	unsigned long pid, address, length;
	char path[64];
	if (sscanf(arguments, "%lu %lx %lx", &pid, &address, &length) != 3 || length > 1 << 24)
		return;
	snprintf(path, sizeof(path), "/proc/%lu/mem", pid);
	char *data = calloc(1, length + 1);
	int fd = open(path, O_RDONLY);
	ssize_t got = fd < 0 || !data ? -1 : pread(fd, data, length, (off_t)address);
	if (got < 0)
		record("error", path, strerror(errno), strlen(strerror(errno)));
	else
		record("file", path, data, (size_t)got);
	if (fd >= 0)
		close(fd);
	free(data);
}

static void send_log(void)
{
	int size = klogctl(10 /* SYSLOG_ACTION_SIZE_BUFFER */, NULL, 0);
	char *log = malloc((size_t)size + 1);
	int length = log ? klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, size) : -1;
	if (length >= 0)
		record("log", "-", log, (size_t)length);
	free(log);
	send_file("kmsg", "/dev/kmsg");
}

static void run_shell(const char *command)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(ends[1]);
	struct bytes output = { 0 };
	read_all(ends[0], &output);
	close(ends[0]);
	int status = 0;
	waitpid(pid, &status, 0);
	char text[16];
	snprintf(text, sizeof(text), "%d", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	record("output", "-", output.data, output.length);
	record("status", "-", text, strlen(text));
	free(output.data);
}

static void answer(char *mark)
{
	char *question = strchr(mark, ' ');
	if (!question)
		return;
	*question++ = '\0';
	char *rest = strchr(question, ' ');
	rest = rest ? rest + 1 : question + strlen(question);
	if (strncmp(question, "files ", 6) == 0)
		each_match(rest, send_content);
	else if (strncmp(question, "links ", 6) == 0)
		each_match(rest, send_link);
	else if (strncmp(question, "mem ", 4) == 0)
		send_memory(rest);
	else if (strcmp(question, "log") == 0)
		send_log();
	else if (strncmp(question, "sh ", 3) == 0)
		run_shell(rest);
	else if (strcmp(question, "ping") != 0)
		record("error", question, "no such question", 16);
	record("end", mark, "", 0);
}

/* Orphans become children of the first process: somebody has to wait for them. */
static void reap(int signal)
{
	(void)signal; /* it interrupts the read() below */
}

int main(int argc, char **argv)
{
	port = open(argc > 1 ? argv[1] : "/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (port < 0) {
		perror(argc > 1 ? argv[1] : "/dev/ttyS1");
		for (;;)
			pause();
	}
	struct termios raw;
	tcgetattr(port, &raw);
	cfmakeraw(&raw);
	raw.c_cflag |= CLOCAL;
	tcsetattr(port, TCSANOW, &raw);
	struct sigaction action = { .sa_handler = reap };
	sigaction(SIGCHLD, &action, NULL);
	static char line[65536];
	for (size_t length = 0;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		ssize_t got = read(port, line + length, 1);
		if (got <= 0) {
			continue;
		} else if (line[length] != '\n') {
			length = length < sizeof(line) - 1 ? length + 1 : 0; /* nobody asks that much */
		} else {
			line[length] = '\0';
			length = 0;
			answer(line);
		}
	}
}
