/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 16384u

struct channel {
	int fd;
	bool closed;
	char *name;
	char *buffer;          /* LENGTH bytes received, the first TAKEN given away */
	size_t length, room, taken;
	/* Of the message that begins at TAKEN: how far it was looked at, and what is open there. */
	size_t scanned, depth;
	bool in_string, escaped;
};

int64_t channel_deadline(int milliseconds)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + milliseconds;
}

static struct sdb_error *closed(const struct channel *channel)
{
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: the connection was closed: QEMU has quit", channel->name);
}

/* Waits until EVENTS or the deadline. */
static struct sdb_error *await(const struct channel *channel, short events, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - channel_deadline(0);
		struct pollfd poller = { .fd = channel->fd, .events = events };
		int ready = poll(&poller, 1, left > 0 ? (int)left : 0);
		if (ready > 0)
			return NULL;
		if (ready < 0 && errno != EINTR)
			return sdb_error_errno(errno, "cannot wait for %s", channel->name);
		if (left <= 0)
			return sdb_error_new(SDB_ERROR_STOPPED, "%s does not answer: QEMU is stopped or hangs", channel->name);
	}
}

/* ---- connecting ------------------------------------------------------------------------------------ */

static struct sdb_error *connect_to(struct channel *channel, const struct sockaddr *address, socklen_t size,
				    int64_t deadline)
{
	channel->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (channel->fd < 0)
		return sdb_error_errno(errno, "cannot make a socket");
	if (connect(channel->fd, address, size) == 0)
		return NULL;
	if (errno == EAGAIN) /* of a Unix socket: the queue of those that wait is full */
		return sdb_error_new(SDB_ERROR_SYSTEM, "%s is busy: other clients wait for it", channel->name);
	if (errno != EINPROGRESS)
		return sdb_error_errno(errno, "cannot connect to %s", channel->name);
	struct sdb_error *error = await(channel, POLLOUT, deadline);
	int reason = 0;
	socklen_t length = sizeof(reason);
	if (!error && (getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &reason, &length) != 0 || reason))
		error = sdb_error_errno(reason ? reason : errno, "cannot connect to %s", channel->name);
	return error;
}

static struct sdb_error *connect_unix(struct channel *channel, const char *path, int64_t deadline)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path))
		return sdb_error_new(SDB_ERROR_INVALID, "the path of a socket has at most %zu characters: %s",
				     sizeof(address.sun_path) - 1, path);
	strcpy(address.sun_path, path);
	return connect_to(channel, (const struct sockaddr *)&address, sizeof(address), deadline);
}

static struct sdb_error *connect_tcp(struct channel *channel, const char *host, int port, int64_t deadline)
{
	char service[16];
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	struct sdb_error *error = NULL;
	snprintf(service, sizeof(service), "%d", port);
	int status = getaddrinfo(host ? host : "localhost", service, &hints, &found);
	if (status)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "cannot find the host of %s: %s", channel->name,
				     gai_strerror(status));
	for (struct addrinfo *at = found; at; at = at->ai_next) {
		sdb_error_free(error);
		if (channel->fd >= 0)
			close(channel->fd);
		error = connect_to(channel, at->ai_addr, at->ai_addrlen, deadline);
		if (!error)
			break;
	}
	freeaddrinfo(found);
	int one = 1;
	if (!error)
		setsockopt(channel->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return error;
}

struct sdb_error *channel_open(const char *socket, const char *host, int port, int patience, const char *name,
				 struct channel **channel_ret)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	if (!channel || !(channel->name = strdup(name))) {
		free(channel);
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	channel->fd = -1;
	int64_t deadline = channel_deadline(patience);
	struct sdb_error *error = socket ? connect_unix(channel, socket, deadline)
		: connect_tcp(channel, host, port, deadline);
	if (error)
		channel_close(channel);
	else
		*channel_ret = channel;
	return error;
}

void channel_close(struct channel *channel)
{
	if (!channel)
		return;
	if (channel->fd >= 0)
		close(channel->fd);
	free(channel->buffer);
	free(channel->name);
	free(channel);
}

int64_t channel_peer(const struct channel *channel)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	if (getsockopt(channel->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
		return 0;
	return peer.pid > 0 ? peer.pid : 0;
}

bool channel_ended(struct channel *channel)
{
	struct pollfd poller = { .fd = channel->fd, .events = POLLRDHUP };
	return channel->closed || (poll(&poller, 1, 0) > 0 && poller.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* ---- messages --------------------------------------------------------------------------------------- */

struct sdb_error *channel_send(struct channel *channel, int64_t deadline, const char *text, size_t size)
{
	while (size) {
		ssize_t sent = send(channel->fd, text, size, MSG_NOSIGNAL);
		if (sent >= 0) {
			text += sent;
			size -= (size_t)sent;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET) {
			channel->closed = true;
			return closed(channel);
		}
		if (errno != EAGAIN && errno != EINTR)
			return sdb_error_errno(errno, "cannot send to %s", channel->name);
		struct sdb_error *error = await(channel, POLLOUT, deadline);
		if (error)
			return error;
	}
	return NULL;
}

/*
 * Whether a whole object begins at TAKEN; SCANNED is then its end. By brackets, not by lines: with `pretty=on`
 * an object has many. Each byte is looked at once.
 */
static bool find_end(struct channel *channel)
{
	for (; channel->scanned < channel->length; channel->scanned++) {
		char c = channel->buffer[channel->scanned];
		if (channel->in_string) {
			if (channel->escaped)
				channel->escaped = false;
			else if (c == '\\')
				channel->escaped = true;
			else
				channel->in_string = c != '"';
		} else if (c == '"') {
			channel->in_string = true;
		} else if (c == '{' || c == '[') {
			channel->depth++;
		} else if ((c == '}' || c == ']') && (channel->depth < 2 || --channel->depth == 0)) {
			channel->depth = 0;
			channel->scanned++;
			return true;
		} else if (!channel->depth && channel->scanned == channel->taken && strchr(" \r\n\t", c) && c) {
			channel->taken++;
		} else if (c == '\n' && !channel->depth) {
			return true; /* a line of something that is no JSON: the reader says so */
		}
	}
	return false;
}

/* Drops what was given away, and makes room for more. */
static struct sdb_error *make_room(struct channel *channel, size_t limit)
{
	if (channel->taken) {
		channel->length -= channel->taken;
		channel->scanned -= channel->taken;
		memmove(channel->buffer, channel->buffer + channel->taken, channel->length);
		channel->taken = 0;
	}
	if (channel->length > limit)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s sent a message of more than %zu bytes", channel->name, limit);
	if (channel->room - channel->length >= CHUNK)
		return NULL;
	size_t room = channel->room ? channel->room * 2 : 2 * CHUNK;
	char *buffer = realloc(channel->buffer, room);
	if (!buffer)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	channel->buffer = buffer;
	channel->room = room;
	return NULL;
}

static struct sdb_error *receive_more(struct channel *channel, int64_t deadline, size_t limit)
{
	struct sdb_error *error = make_room(channel, limit);
	while (!error) {
		ssize_t got = recv(channel->fd, channel->buffer + channel->length,
				   channel->room - channel->length, 0);
		if (got > 0) {
			channel->length += (size_t)got;
			return NULL;
		}
		if (got == 0 || errno == ECONNRESET) {
			channel->closed = true;
			return closed(channel);
		}
		if (errno != EAGAIN && errno != EINTR)
			return sdb_error_errno(errno, "cannot receive from %s", channel->name);
		error = await(channel, POLLIN, deadline);
	}
	return error;
}

struct sdb_error *channel_receive(struct channel *channel, int64_t deadline, size_t limit, const char **text_ret,
				    size_t *size_ret)
{
	while (!find_end(channel)) {
		/* Also when it never stops sending, there is an end. */
		if (channel_deadline(0) > deadline)
			return sdb_error_new(SDB_ERROR_STOPPED, "%s does not answer, but sends without end", channel->name);
		struct sdb_error *error = receive_more(channel, deadline, limit);
		if (error)
			return error;
	}
	*text_ret = channel->buffer + channel->taken;
	*size_ret = channel->scanned - channel->taken;
	channel->taken = channel->scanned;
	channel->depth = 0;
	channel->in_string = channel->escaped = false;
	return NULL;
}
