/* SPDX-License-Identifier: MIT */
/*
 * The least that a breakpoint in a guest can cost: a client of the gdb remote protocol that only
 * continues. At each hit the displaced instruction, which must be one that does nothing (what the kernel
 * begins its functions with), is emulated by writing rip; with `step` the breakpoint is lifted, the
 * instruction executed, and the breakpoint set again.
 *
 * usage: rsp_client SOCKET ADDRESS SECONDS [step]     prints `HITS SECONDS HITS_A_SECOND`
 */
#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connection;
static char input[1 << 16];
static size_t input_length, input_at;

static void fail(const char *what, const char *detail)
{
	/* Else the machine would stay stopped. */
	if (connection > 0 && write(connection, "$D;1#b0", 7) < 0)
		what = "the stub";
	fprintf(stderr, "rsp_client: %s: %s\n", what, detail);
	exit(1);
}

/* The next byte, or -1 where none comes within TIMEOUT milliseconds (-1: however long). */
static int next_byte(int timeout)
{
	if (input_at == input_length) {
		struct pollfd ready = { .fd = connection, .events = POLLIN };
		if (poll(&ready, 1, timeout) <= 0)
			return -1;
		ssize_t got = read(connection, input, sizeof(input));
		if (got <= 0)
			fail("the stub", "closed the connection");
		input_length = (size_t)got;
		input_at = 0;
	}
	return (unsigned char)input[input_at++];
}

static void put(const char *data, size_t length)
{
	if (write(connection, data, length) != (ssize_t)length)
		fail("write", strerror(errno));
}

static void request(const char *body)
{
	char packet[1024];
	unsigned sum = 0;
	for (const char *at = body; *at; at++)
		sum += (unsigned char)*at;
	int length = snprintf(packet, sizeof(packet), "$%s#%02x", body, sum & 255);
	put(packet, (size_t)length);
}

/* 1 where a packet came: its body; 0 after TIMEOUT. */
static int reply(char *body, size_t room, int timeout)
{
	int byte;
	while ((byte = next_byte(timeout)) != '$')
		if (byte < 0)
			return 0;
	size_t length = 0;
	while ((byte = next_byte(1000)) != '#' && byte >= 0)
		if (length < room - 1)
			body[length++] = (char)byte;
	body[length] = '\0';
	next_byte(1000);
	next_byte(1000);
	put("+", 1);
	return 1;
}

static void ask(const char *body, char *answer, size_t room)
{
	request(body);
	if (!reply(answer, room, 5000))
		fail(body, "no answer");
}

static void demand(const char *body)
{
	char answer[4096];
	ask(body, answer, sizeof(answer));
	if (strcmp(answer, "OK") != 0)
		fail(body, answer);
}

static void begin(const char *path)
{
	static char answer[1 << 16];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path))
		fail(path, "too long");
	strcpy(address.sun_path, path);
	connection = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(connection, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail(path, strerror(errno));
	/* A machine that ran says T02 by itself, without having been asked. */
	while (reply(answer, sizeof(answer), 200))
		;
	ask("qSupported:multiprocess+;vContSupported+", answer, sizeof(answer));
	/* QEMU knows `P` only after the description of its registers was read. */
	ask("qXfer:features:read:target.xml:0,ffb", answer, sizeof(answer));
	ask("?", answer, sizeof(answer));
}

/* The length of an instruction that does nothing; 0 where it is another. */
static unsigned idle_length(const char *bytes)
{
	if (strncmp(bytes, "0f1f440000", 10) == 0 || strncmp(bytes, "6666666690", 10) == 0)
		return 5;
	return strncmp(bytes, "f30f1efa", 8) == 0 ? 4 : 0; /* endbr64 */
}

static void continue_from(const char *thread, uint64_t address, unsigned length, int by_step)
{
	char text[64], answer[4096];
	snprintf(text, sizeof(text), "Hg%s", thread);
	demand(text);
	if (!by_step) {
		unsigned char bytes[8];
		uint64_t next = address + length;
		memcpy(bytes, &next, 8);
		int used = snprintf(text, sizeof(text), "P10="); /* rip is register 16 */
		for (int i = 0; i < 8; i++)
			used += snprintf(text + used, sizeof(text) - (size_t)used, "%02x", bytes[i]);
		demand(text);
		return;
	}
	snprintf(text, sizeof(text), "z0,%jx,1", (uintmax_t)address);
	demand(text);
	snprintf(text, sizeof(text), "vCont;s:%s", thread);
	ask(text, answer, sizeof(answer));
	snprintf(text, sizeof(text), "Z0,%jx,1", (uintmax_t)address);
	demand(text);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: rsp_client SOCKET ADDRESS SECONDS [step]\n");
		return 2;
	}
	uint64_t address = strtoull(argv[2], NULL, 16);
	double seconds = atof(argv[3]);
	int by_step = argc > 4 && strcmp(argv[4], "step") == 0;
	char text[64], answer[4096];
	begin(argv[1]);
	snprintf(text, sizeof(text), "m%jx,5", (uintmax_t)address);
	ask(text, answer, sizeof(answer));
	unsigned length = idle_length(answer);
	if (!by_step && length == 0)
		fail("cannot emulate the first instruction", answer);
	snprintf(text, sizeof(text), "Z0,%jx,1", (uintmax_t)address);
	demand(text);
	long hits = 0;
	double begun = now(), spent;
	while ((spent = now() - begun) < seconds) {
		request("vCont;c");
		if (!reply(answer, sizeof(answer), 10000)) {
			fprintf(stderr, "rsp_client: nothing calls it\n");
			put("\x03", 1);
			reply(answer, sizeof(answer), 5000);
			break;
		}
		char *thread = strstr(answer, "thread:");
		if (answer[0] != 'T' || !thread)
			fail("not a stop", answer);
		thread += strlen("thread:");
		thread[strcspn(thread, ";")] = '\0';
		hits++;
		continue_from(thread, address, length, by_step);
	}
	snprintf(text, sizeof(text), "z0,%jx,1", (uintmax_t)address);
	demand(text);
	request("D;1");
	reply(answer, sizeof(answer), 2000);
	printf("%ld %.3f %.1f\n", hits, spent, (double)hits / spent);
	return 0;
}
