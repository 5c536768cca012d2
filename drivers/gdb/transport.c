/* SPDX-License-Identifier: MIT */
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t transport_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

void transport_describe(const struct transport_address *address, char *text, size_t size)
{
	if (address->socket)
		snprintf(text, size, "%s", address->socket);
	else
		snprintf(text, size, "%s%s:%d", address->udp ? "udp:" : "", address->host ? address->host : "localhost",
			 address->port);
}

/* Waits for EVENTS; false: not until END. */
static bool wait_for(int descriptor, short events, int64_t end)
{
	for (;;) {
		struct pollfd ready = { .fd = descriptor, .events = events };
		int64_t left = end - transport_now();
		int got = poll(&ready, 1, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);
		if (got > 0)
			return true;
		if (got == 0 || errno != EINTR)
			return false;
	}
}

/* ---- connecting ------------------------------------------------------------------------------- */

/* Replies are short and waited for, so nothing is held back; a peer that vanishes is noticed one day. */
static void tune(int descriptor, int family, int type)
{
	static const int on = 1, idle = 20, interval = 5, count = 3;
	if (family == AF_UNIX || type != SOCK_STREAM)
		return;
	setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

/* Returns 0, or an errno. */
static int connect_one(int family, int type, const struct sockaddr *to, socklen_t length, int64_t end, int *descriptor_ret)
{
	int descriptor = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int reason = 0;
	if (descriptor < 0)
		return errno;
	if (connect(descriptor, to, length) != 0) {
		reason = errno;
		if (reason == EINPROGRESS) {
			socklen_t size = sizeof(reason);
			if (!wait_for(descriptor, POLLOUT, end))
				reason = ETIMEDOUT;
			else if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &reason, &size) != 0)
				reason = errno;
		}
	}
	if (reason) {
		close(descriptor);
		return reason;
	}
	tune(descriptor, family, type);
	*descriptor_ret = descriptor;
	return 0;
}

static struct sdb_error *no_connection(const struct transport_address *address, int reason)
{
	char text[256];
	transport_describe(address, text, sizeof(text));
	if (reason == ENOENT || reason == ECONNREFUSED)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "no gdb stub listens at %s: %s", text, strerror(reason));
	return sdb_error_errno(reason, "cannot connect to the gdb stub at %s", text);
}

static struct sdb_error *connect_unix(const struct transport_address *address, int64_t end, int *descriptor_ret)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t length = strlen(address->socket);
	if (length >= sizeof(to.sun_path))
		return sdb_error_new(SDB_ERROR_INVALID, "the socket's path is longer than %zu bytes: %s", sizeof(to.sun_path) - 1,
				     address->socket);
	memcpy(to.sun_path, address->socket, length + 1);
	int reason = connect_one(AF_UNIX, SOCK_STREAM, (const struct sockaddr *)&to, sizeof(to), end, descriptor_ret);
	return reason ? no_connection(address, reason) : NULL;
}

struct sdb_error *transport_connect(const struct transport_address *address, int timeout, int *descriptor_ret)
{
	int64_t end = transport_now() + timeout;
	char port[16];
	struct addrinfo *found, wanted = { .ai_socktype = address->udp ? SOCK_DGRAM : SOCK_STREAM };
	if (address->socket)
		return connect_unix(address, end, descriptor_ret);
	snprintf(port, sizeof(port), "%d", address->port);
	int status = getaddrinfo(address->host ? address->host : "localhost", port, &wanted, &found);
	if (status != 0)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the host of the gdb stub, %s, is not known: %s", address->host,
				     gai_strerror(status));
	int reason = ECONNREFUSED;
	for (const struct addrinfo *one = found; one && reason; one = one->ai_next)
		reason = connect_one(one->ai_family, one->ai_socktype, one->ai_addr, one->ai_addrlen, end, descriptor_ret);
	freeaddrinfo(found);
	return reason ? no_connection(address, reason) : NULL;
}

/* ---- bytes --------------------------------------------------------------------------------------- */

struct sdb_error *transport_write(int descriptor, const void *buffer, size_t size, int64_t end)
{
	for (size_t done = 0; done < size;) {
		ssize_t put = send(descriptor, (const uint8_t *)buffer + done, size - done, MSG_NOSIGNAL);
		if (put >= 0) {
			done += (size_t)put;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return sdb_error_errno(errno, "cannot write to the gdb stub");
		if (!wait_for(descriptor, POLLOUT, end))
			return sdb_error_new(SDB_ERROR_SYSTEM, "the gdb stub does not take what is sent to it");
	}
	return NULL;
}

struct sdb_error *transport_read(int descriptor, void *buffer, size_t size, int64_t end, size_t *got_ret)
{
	*got_ret = 0;
	for (;;) {
		ssize_t got = recv(descriptor, buffer, size, 0);
		if (got > 0) {
			*got_ret = (size_t)got;
			return NULL;
		}
		if (got == 0 || errno == ECONNRESET || errno == ECONNREFUSED || errno == EPIPE)
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "the gdb stub has closed the connection");
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return sdb_error_errno(errno, "cannot read from the gdb stub");
		if (!wait_for(descriptor, POLLIN, end))
			return NULL;
	}
}
