/* SPDX-License-Identifier: MIT */
/* QEMU's options, as far as they say where to reach it. */

#include "qemu_process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SIZE (256u << 10)

/* The words, each with its NUL; the reader's position in them. */
struct words {
	const char *at, *end;
};

static const char *next_word(struct words *words)
{
	const char *word = words->at;
	if (word >= words->end)
		return NULL;
	words->at = word + strlen(word) + 1;
	return word;
}

/* The value of NAME in `a=b,NAME=value,...`, where a comma is doubled to be meant; malloc'ed, or NULL. */
static char *option_value(const char *text, const char *name)
{
	size_t length = strlen(name);
	for (const char *at = text; *at;) {
		const char *value = strncmp(at, name, length) == 0 && at[length] == '=' ? at + length + 1 : NULL;
		char *copy = value ? malloc(strlen(value) + 1) : NULL, *to = copy;
		for (; *at && (*at != ',' || at[1] == ','); at++) {
			at += *at == ',';
			if (copy && at >= value)
				*to++ = *at;
		}
		at += *at == ',';
		if (copy) {
			*to = '\0';
			return copy;
		}
	}
	return NULL;
}

/* A path as this process sees it: relative to QEMU's directory, and in its root when it has another. */
static char *resolve_path(int64_t pid, const char *path, size_t length)
{
	char *resolved;
	int written = *path == '/' ? asprintf(&resolved, "%.*s", (int)length, path)
		: asprintf(&resolved, "/proc/%" PRId64 "/cwd/%.*s", pid, (int)length, path);
	if (written < 0)
		return NULL;
	if (*path != '/' || access(resolved, F_OK) == 0)
		return resolved;
	free(resolved);
	return asprintf(&resolved, "/proc/%" PRId64 "/root%.*s", pid, (int)length, path) < 0 ? NULL : resolved;
}

/* `unix:PATH,...`, `tcp:HOST:PORT,...`; false: it is something else. */
static bool parse_legacy_socket(int64_t pid, const char *text, struct qemu_socket *socket)
{
	size_t length = strcspn(text, ",");
	if (strncmp(text, "unix:", 5) == 0) {
		socket->path = resolve_path(pid, text + 5, length - 5);
		return socket->path;
	}
	if (strncmp(text, "tcp:", 4) != 0)
		return false;
	const char *host = text + 4, *colon = memrchr(host, ':', length - 4);
	if (!colon)
		return false;
	socket->port = atoi(colon + 1);
	if (colon > host && strncmp(host, "0.0.0.0", 7) != 0)
		socket->host = strndup(host, (size_t)(colon - host));
	return socket->port > 0;
}

/* What follows OPTION with ID in it: the description of a character device. */
static const char *find_chardev(struct words words, const char *id)
{
	for (const char *word; (word = next_word(&words));) {
		if (strcmp(word, "-chardev") != 0 || !(word = next_word(&words)))
			continue;
		char *name = option_value(word, "id");
		bool same = name && strcmp(name, id) == 0;
		free(name);
		if (same)
			return word;
	}
	return NULL;
}

static bool parse_chardev(int64_t pid, const char *text, struct qemu_socket *socket)
{
	if (strncmp(text, "socket,", 7) != 0)
		return false;
	char *path = option_value(text, "path"), *port = option_value(text, "port");
	if (path) {
		socket->path = resolve_path(pid, path, strlen(path));
	} else if (port) {
		socket->port = atoi(port);
		socket->host = option_value(text, "host");
	}
	free(path);
	free(port);
	return socket->path || socket->port > 0;
}

static void free_socket(struct qemu_socket *socket)
{
	free(socket->path);
	free(socket->host);
	*socket = (struct qemu_socket){ 0 };
}

/* `-mon chardev=ID,mode=control`, or `-mon ID,mode=control` */
static void take_monitor(int64_t pid, struct words all, const char *text, struct qemu_command_line *line)
{
	char *id = option_value(text, "chardev"), *mode = option_value(text, "mode");
	struct qemu_socket *socket = &line->monitors[line->monitor_count];
	if (!id)
		id = strndup(text, strcspn(text, ","));
	const char *chardev = id && mode && strcmp(mode, "control") == 0 ? find_chardev(all, id) : NULL;
	if (chardev && parse_chardev(pid, chardev, socket))
		line->monitor_count++;
	else if (chardev && strstr(chardev, ",fd="))
		line->foreign = true;
	free(id);
	free(mode);
}

static void take_stub(int64_t pid, struct words all, const char *text, struct qemu_command_line *line)
{
	free_socket(&line->stub);
	if (strncmp(text, "chardev:", 8) == 0) {
		const char *chardev = find_chardev(all, text + 8);
		if (chardev)
			parse_chardev(pid, chardev, &line->stub);
	} else {
		parse_legacy_socket(pid, text, &line->stub);
	}
}

static void take_option(int64_t pid, struct words all, const char *option, const char *value,
			struct qemu_command_line *line)
{
	bool room = line->monitor_count < QEMU_MAX_MONITORS;
	if (room && strncmp(option, "qmp", 3) == 0) {
		if (parse_legacy_socket(pid, value, &line->monitors[line->monitor_count]))
			line->monitor_count++;
	} else if (room && strcmp(option, "mon") == 0) {
		take_monitor(pid, all, value, line);
	} else if (strcmp(option, "gdb") == 0) {
		take_stub(pid, all, value, line);
	} else if (strcmp(option, "name") == 0) {
		free(line->name);
		line->name = option_value(value, "guest");
		if (!line->name)
			line->name = strndup(value, strcspn(value, ","));
	} else if (strcmp(option, "machine") == 0 || strcmp(option, "M") == 0) {
		char *type = option_value(value, "type");
		line->q35 = strstr(type ? type : value, "q35");
		free(type);
	}
}

struct sdb_error *qemu_process_command_line(int64_t pid, struct qemu_command_line *line_ret)
{
	char path[64];
	char *text = malloc(MAX_SIZE);
	*line_ret = (struct qemu_command_line){ 0 };
	if (!text)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	snprintf(path, sizeof(path), "/proc/%" PRId64 "/cmdline", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, MAX_SIZE - 1);
	struct sdb_error *error = size < 0 ? sdb_error_errno(errno, "cannot read the command line of process %" PRId64, pid)
		: NULL;
	if (fd >= 0)
		close(fd);
	if (!error) {
		text[size] = '\0';
		struct words all = { text, text + size }, words = all;
		for (const char *word; (word = next_word(&words));) {
			/* One dash or two; a word that is no option is no harm. */
			const char *option = word + (*word == '-') + (word[0] == '-' && word[1] == '-');
			if (option == word)
				continue;
			if (strcmp(option, "s") == 0)
				take_stub(pid, all, "tcp::1234", line_ret);
			else if (words.at < words.end)
				take_option(pid, all, option, words.at, line_ret);
		}
	}
	free(text);
	return error;
}

void qemu_command_line_deinit(struct qemu_command_line *line)
{
	for (unsigned i = 0; i < QEMU_MAX_MONITORS; i++)
		free_socket(&line->monitors[i]);
	free_socket(&line->stub);
	free(line->name);
	*line = (struct qemu_command_line){ 0 };
}
