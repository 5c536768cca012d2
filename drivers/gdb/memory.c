/* SPDX-License-Identifier: MIT */
/* Memory through the stub: hexadecimal, or binary where it can be. */

#include "stub.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

/* ---- reading ---------------------------------------------------------------------------------- */

/* How many bytes a reply holds; QEMU answers an error to one more. */
static size_t read_max(const struct stub *stub)
{
	size_t room = stub->rsp->packet_max > 128 ? stub->rsp->packet_max - 8 : 64;
	return stub->features.binary_read ? room / 2 : room / 2 & ~(size_t)15;
}

/* *DONE_RET bytes of one request; 0: not there. */
static struct sdb_error *read_part(struct stub *stub, uint64_t address, uint8_t *buffer, size_t size, size_t *done_ret)
{
	struct rsp_reply reply;
	bool binary = stub->features.binary_read;
	*done_ret = 0;
	struct sdb_error *error = rsp_askf(stub->rsp, &reply, "%c%" PRIx64 ",%zx", binary ? 'x' : 'm', address, size);
	if (error)
		return error;
	if (reply.size == 0)
		return rsp_check(stub->rsp, &reply, "requests for memory");
	if (binary && reply.data[0] == 'b') {
		*done_ret = reply.size - 1 < size ? reply.size - 1 : size;
		memcpy(buffer, reply.data + 1, *done_ret);
		return NULL;
	}
	if (reply.data[0] == 'E' && (reply.size == 3 || reply.data[1] == '.'))
		return NULL;
	*done_ret = packet_get_hex(reply.data, reply.size, buffer, size);
	if (binary || 2 * *done_ret != reply.size)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub's memory makes no sense", stub->rsp->name);
	return NULL;
}

/* As many as can be had: what is refused as a whole is asked for up to the end of its first page. */
static struct sdb_error *read_all(struct stub *stub, uint64_t address, uint8_t *buffer, size_t size, size_t *done_ret)
{
	size_t most = read_max(stub);
	*done_ret = 0;
	while (*done_ret < size) {
		uint64_t at = address + *done_ret;
		size_t want = size - *done_ret < most ? size - *done_ret : most, got;
		size_t page = PAGE - (size_t)(at % PAGE);
		struct sdb_error *error = read_part(stub, at, buffer + *done_ret, want, &got);
		if (!error && !got && page < want)
			error = read_part(stub, at, buffer + *done_ret, page, &got);
		if (error || !got)
			return error;
		*done_ret += got;
	}
	return NULL;
}

struct sdb_error *stub_read_memory(struct sdb_target *target, uint64_t address, void *buffer, size_t size, size_t *done_ret)
{
	struct stub *stub = stub_of(target);
	bool was_running;
	*done_ret = 0;
	/* Not around the end of the address space. */
	if (size && size - 1 > UINT64_MAX - address)
		size = (size_t)(UINT64_MAX - address) + 1;
	struct sdb_error *error = stub_hold(stub, &was_running);
	if (error)
		return error;
	struct stub_thread *any = stub->general ? stub->general : stub->thread_count ? stub->threads[0] : NULL;
	error = any && !stub->general ? stub_select(stub, any) : NULL;
	if (!error)
		error = read_all(stub, address, buffer, size, done_ret);
	return stub_release(stub, was_running, error);
}

/* ---- writing ------------------------------------------------------------------------------------- */

static struct sdb_error *write_part(struct stub *stub, uint64_t address, const uint8_t *bytes, size_t size)
{
	struct rsp_reply reply;
	char *request = malloc(64 + 2 * size);
	if (!request)
		return NO_MEMORY();
	size_t length = (size_t)snprintf(request, 64, "M%" PRIx64 ",%zx:", address, size);
	packet_put_hex(bytes, size, request + length);
	struct sdb_error *error = rsp_ask(stub->rsp, request, length + 2 * size, &reply);
	free(request);
	if (!error && reply.data[0] == 'E')
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "cannot write %#" PRIx64 ": nothing is mapped there", address);
	return error ? error : rsp_check(stub->rsp, &reply, "M");
}

struct sdb_error *stub_write_memory(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	struct stub *stub = stub_of(target);
	bool was_running;
	struct sdb_error *error = stub_hold(stub, &was_running);
	if (error)
		return error;
	size_t most = stub->rsp->packet_max > 192 ? (stub->rsp->packet_max - 64) / 2 : 64;
	if (!stub->general && stub->thread_count)
		error = stub_select(stub, stub->threads[0]);
	for (size_t done = 0; done < size && !error;) {
		size_t part = size - done < most ? size - done : most;
		error = write_part(stub, address + done, (const uint8_t *)buffer + done, part);
		done += part;
	}
	return stub_release(stub, was_running, error);
}
