/* SPDX-License-Identifier: MIT */
#include "index_job.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stackdb/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the process sends: a header and a payload. Both ends are the same program. */
enum message_type { MESSAGE_PROGRESS = 1, MESSAGE_WARNING, MESSAGE_RESULT, MESSAGE_ERROR, MESSAGE_ALONE };

struct message {
	uint32_t type;
	uint32_t size;
};

#define MAX_MESSAGE ((uint32_t)1 << 20)
#define MAX_WARNINGS 20 /* kept of one file; the rest is counted by the indexer */

/* ---- in the process ------------------------------------------------------------------------ */

struct sender {
	int fd;           /* -1: nobody listens any more */
	bool packs;       /* afterwards, with the program gone */
	double last;
	unsigned warnings;
};

static void send_message(int fd, enum message_type type, const void *data, size_t size)
{
	struct message header = { type, size < MAX_MESSAGE ? (uint32_t)size : MAX_MESSAGE };
	char *whole = tool_alloc(sizeof(header) + header.size);
	memcpy(whole, &header, sizeof(header));
	if (header.size && data)
		memcpy(whole + sizeof(header), data, header.size);
	for (size_t done = 0; done < sizeof(header) + header.size;) {
		ssize_t n = write(fd, whole + done, sizeof(header) + header.size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			_exit(1); /* nobody listens any more */
		done += (size_t)n;
	}
	free(whole);
}

static void send_progress(void *arg, double share)
{
	struct sender *sender = arg;
	if (sender->fd < 0 || share < sender->last + 0.01)
		return;
	sender->last = share;
	send_message(sender->fd, MESSAGE_PROGRESS, &share, sizeof(share));
}

static void send_warning(void *arg, const char *message)
{
	struct sender *sender = arg;
	if (sender->fd >= 0 && sender->warnings++ < MAX_WARNINGS)
		send_message(sender->fd, MESSAGE_WARNING, message, strlen(message));
}

static void send_result(int fd, const struct sdb_index_result *result)
{
	struct text whole = TEXT_EMPTY;
	text_addn(&whole, (const char *)result, sizeof(*result));
	text_add(&whole, result->path ? result->path : "");
	send_message(fd, MESSAGE_RESULT, whole.data, whole.size);
	free(whole.data);
}

/* All threads of this process run only when nobody else wants to. */
static void give_way(void)
{
	const struct sched_param none = { 0 };
	DIR *threads = opendir("/proc/self/task");
	for (struct dirent *entry; threads && (entry = readdir(threads)) != NULL;)
		if (entry->d_name[0] != '.')
			sched_setscheduler((pid_t)atol(entry->d_name), SCHED_IDLE, &none);
	if (threads)
		closedir(threads);
}

/* The database will do as it is: the program can end, and holds nothing of this process. */
static bool leave_alone(void *arg, const struct sdb_index_result *result)
{
	struct sender *sender = arg;
	if (!sender->packs)
		return false;
	give_way();
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, 0);
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && nothing >= 0; fd++)
		dup2(nothing, fd);
	send_result(sender->fd, result);
	send_message(sender->fd, MESSAGE_ALONE, NULL, 0);
	close(sender->fd);
	sender->fd = -1;
	return true;
}

static _Noreturn void run_job(int fd, const char *path, const struct sdb_index_options *given)
{
	struct sender sender = { .fd = fd, .packs = !given->output };
	struct sdb_index_options options = *given;
	struct sdb_index_result result = { 0 };
	options.progress = send_progress;
	options.warning = send_warning;
	options.arg = &sender;
	options.unpacked = given->unpacked ? leave_alone : NULL;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGINT, SIG_IGN); /* the parent decides */
	signal(SIGTERM, SIG_DFL);
	struct sdb_error *error = sdb_index_file(path, &options, &result);
	if (error && sender.fd >= 0) {
		const char *message = sdb_error_message(error);
		send_message(fd, MESSAGE_ERROR, message, strlen(message));
	} else if (sender.fd >= 0) {
		send_result(fd, &result);
	}
	_exit(0);
}

/* ---- in the program ---------------------------------------------------------------------------- */

/* Where the database of PATH is going to be; NULL when that is not known. */
static char *destination_of(const char *path, const struct sdb_index_options *options)
{
	uint8_t id[64];
	size_t length = 0;
	char *destination = NULL;
	if (options->output)
		return tool_strdup(options->output);
	sdb_error_free(sdb_build_id_of_file(path, id, &length));
	if (length)
		sdb_error_free(sdb_store_path(options->store, id, length, &destination));
	return destination;
}

/* Removes what a stopped process leaves: files `.NAME.tmp-PID-...` beside its destination. */
static void remove_unfinished(const char *destination, pid_t pid)
{
	const char *slash = strrchr(destination, '/');
	struct text directory = TEXT_EMPTY, prefix = TEXT_EMPTY;
	text_addn(&directory, destination, slash ? (size_t)(slash - destination) + 1 : 0);
	text_format(&prefix, ".%s.tmp-%ld-", slash ? slash + 1 : destination, (long)pid);
	DIR *entries = opendir(directory.size ? text_string(&directory) : ".");
	for (struct dirent *entry; entries && (entry = readdir(entries)) != NULL;)
		if (strncmp(entry->d_name, text_string(&prefix), prefix.size) == 0)
			unlinkat(dirfd(entries), entry->d_name, 0);
	if (entries)
		closedir(entries);
	free(directory.data);
	free(prefix.data);
}

struct sdb_error *index_job_start(struct index_job *job, const char *path,
				  const struct sdb_index_options *options)
{
	int ends[2];
	*job = (struct index_job){ .name = path, .jobs = options->jobs, .fd = -1 };
	if (pipe(ends) != 0)
		return sdb_error_errno(errno, "cannot create a pipe");
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) {
		struct sdb_error *error = sdb_error_errno(errno, "cannot create a process");
		close(ends[0]);
		close(ends[1]);
		return error;
	}
	if (pid == 0) {
		close(ends[0]);
		run_job(ends[1], path, options);
	}
	close(ends[1]);
	job->pid = pid;
	job->fd = ends[0];
	job->destination = destination_of(path, options);
	return NULL;
}

static void take_message(struct index_job *job, enum message_type type, const uint8_t *data, size_t size)
{
	switch (type) {
	case MESSAGE_PROGRESS:
		if (size == sizeof(double))
			memcpy(&job->share, data, size);
		break;
	case MESSAGE_WARNING:
		job->warnings = tool_realloc(job->warnings, job->warning_count + 1, sizeof(char *));
		job->warnings[job->warning_count] = tool_alloc(size + 1);
		memcpy(job->warnings[job->warning_count++], data, size);
		break;
	case MESSAGE_RESULT:
		if (size < sizeof(job->result))
			break;
		memcpy(&job->result, data, sizeof(job->result));
		size -= sizeof(job->result);
		job->result.path = tool_alloc(size + 1);
		memcpy(job->result.path, data + sizeof(job->result), size);
		job->finished = true;
		break;
	case MESSAGE_ERROR:
		free(job->error);
		job->error = tool_alloc(size + 1);
		memcpy(job->error, data, size);
		job->finished = true;
		break;
	case MESSAGE_ALONE:
		job->alone = true;
		break;
	}
}

static void take_messages(struct index_job *job)
{
	size_t at = 0;
	while (job->size - at >= sizeof(struct message)) {
		struct message header;
		memcpy(&header, job->buffer + at, sizeof(header));
		if (job->size - at - sizeof(header) < header.size)
			break;
		take_message(job, header.type, job->buffer + at + sizeof(header), header.size);
		at += sizeof(header) + header.size;
	}
	memmove(job->buffer, job->buffer + at, job->size - at);
	job->size -= at;
}

/* The process has closed its end: what became of it? */
static void reap(struct index_job *job)
{
	int status = 0;
	while (!job->alone && waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(job->fd);
	job->fd = -1;
	if (!job->finished && job->destination)
		remove_unfinished(job->destination, job->pid);
	job->pid = 0;
	if (job->finished)
		return;
	struct text text = TEXT_EMPTY;
	if (WIFSIGNALED(status))
		text_format(&text, "the indexer was ended by signal %d (%s)", WTERMSIG(status),
			    strsignal(WTERMSIG(status)));
	else
		text_format(&text, "the indexer ended with status %d and without a result",
			    WEXITSTATUS(status));
	text_string(&text);
	job->error = text.data;
	job->finished = true;
}

bool index_job_read(struct index_job *job)
{
	if (job->capacity - job->size < 4096) {
		job->capacity = job->capacity * 2 + 8192;
		job->buffer = tool_realloc(job->buffer, job->capacity, 1);
	}
	ssize_t got = read(job->fd, job->buffer + job->size, job->capacity - job->size);
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (got > 0) {
		job->size += (size_t)got;
		take_messages(job);
		return false;
	}
	reap(job);
	return true;
}

void index_job_stop(struct index_job *job)
{
	if (!job->pid)
		return;
	kill(job->pid, SIGKILL);
	while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(job->fd);
	if (job->destination)
		remove_unfinished(job->destination, job->pid);
	job->pid = 0;
	job->fd = -1;
}

void index_job_deinit(struct index_job *job)
{
	index_job_stop(job);
	for (size_t i = 0; i < job->warning_count; i++)
		free(job->warnings[i]);
	free(job->warnings);
	free(job->destination);
	free(job->error);
	free(job->result.path);
	free(job->buffer);
	*job = (struct index_job){ .fd = -1 };
}
