/* SPDX-License-Identifier: MIT */
/* Files of the machine that the stub is on (vFile, GDB manual appendix E.7). */

#include "stub.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 30)
#define COPIES_MAX 256

/* `F result` or `F-1,errno`, then `;data`. */
static struct sdb_error *check(struct stub *stub, const struct rsp_reply *reply, const char *path, uint64_t *result_ret,
			       const char **data_ret)
{
	const char *at = reply->data + 1;
	struct sdb_error *error = rsp_check(stub->rsp, reply, "requests for files");
	if (error) {
		stub->no_files |= sdb_error_code(error) == SDB_ERROR_UNSUPPORTED;
		return error;
	}
	if (strncmp(reply->data, "F-", 2) == 0)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: the gdb stub cannot read %s", stub->rsp->name, path);
	if (reply->data[0] != 'F' || !packet_number(&at, result_ret))
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub's reply about %s makes no sense", stub->rsp->name, path);
	if (*at == ';')
		at++;
	*data_ret = at;
	return NULL;
}

static struct sdb_error *open_file(struct stub *stub, const char *path, uint64_t *file_ret)
{
	size_t length = strlen(path);
	const char *data;
	struct rsp_reply reply;
	if (stub->no_files)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: the gdb stub does not show files", stub->rsp->name);
	char *request = malloc(2 * length + 64);
	if (!request)
		return NO_MEMORY();
	size_t size = (size_t)sprintf(request, "vFile:open:");
	packet_put_hex(path, length, request + size);
	size += 2 * length;
	size += (size_t)sprintf(request + size, ",0,0"); /* O_RDONLY */
	struct sdb_error *error = rsp_ask(stub->rsp, request, size, &reply);
	free(request);
	return error ? error : check(stub, &reply, path, file_ret, &data);
}

/* What is read goes to TAKE; stops at the end, or after LIMIT bytes. */
static struct sdb_error *read_parts(struct stub *stub, const char *path, size_t limit,
				    struct sdb_error *(*take)(void *arg, const char *data, size_t size), void *arg)
{
	uint64_t file, offset = 0, got, requests = 0;
	size_t part = stub->rsp->packet_max > 512 ? stub->rsp->packet_max - 64 : 256;
	struct sdb_error *error = open_file(stub, path, &file);
	if (error)
		return error;
	do {
		struct rsp_reply reply;
		const char *data = "";
		got = 0;
		error = rsp_askf(stub->rsp, &reply, "vFile:pread:%" PRIx64 ",%zx,%" PRIx64, file, part, offset);
		if (!error)
			error = check(stub, &reply, path, &got, &data);
		size_t there = error ? 0 : reply.size - (size_t)(data - reply.data);
		if (!error && (got > there || got > limit - offset || ++requests > limit / 256 + 1000))
			error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: %s is too long, or the gdb stub lies about it",
					      stub->rsp->name, path);
		if (!error && got)
			error = take(arg, data, (size_t)got);
		offset += got;
	} while (!error && got);
	struct rsp_reply ignored;
	struct sdb_error *other = rsp_askf(stub->rsp, &ignored, "vFile:close:%" PRIx64, file);
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}

/* ---- into memory ------------------------------------------------------------------------------ */

struct text {
	char *data;
	size_t size;
};

static struct sdb_error *append(void *arg, const char *data, size_t size)
{
	struct text *text = arg;
	char *larger = realloc(text->data, text->size + size + 1);
	if (!larger)
		return NO_MEMORY();
	text->data = larger;
	memcpy(larger + text->size, data, size);
	text->size += size;
	larger[text->size] = '\0';
	return NULL;
}

struct sdb_error *stub_read_file(struct stub *stub, const char *path, size_t limit, char **data_ret, size_t *size_ret)
{
	struct text text = { .data = NULL };
	bool was_running;
	struct sdb_error *error = stub_hold(stub, &was_running);
	if (error)
		return error;
	error = stub_release(stub, was_running, read_parts(stub, path, limit, append, &text));
	if (!error && !text.data)
		error = append(&text, "", 0);
	if (error) {
		free(text.data);
		return error;
	}
	*data_ret = text.data;
	*size_ret = text.size;
	return NULL;
}

/* ---- into a file --------------------------------------------------------------------------------- */

static struct sdb_error *write_part(void *arg, const char *data, size_t size)
{
	const int *descriptor = arg;
	for (size_t done = 0; done < size;) {
		ssize_t put = write(*descriptor, data + done, size - done);
		if (put < 0 && errno != EINTR)
			return sdb_error_errno(errno, "cannot write a copy");
		done += put > 0 ? (size_t)put : 0;
	}
	return NULL;
}

struct sdb_error *stub_fetch_file(struct stub *stub, const char *path, char **copy_ret)
{
	const char *directory = getenv("TMPDIR");
	bool was_running;
	char *name;
	if (stub->copy_count == COPIES_MAX)
		return sdb_error_new(SDB_ERROR_MEMORY, "more than %d files were fetched from the gdb stub", COPIES_MAX);
	if (!stub->copies && !(stub->copies = calloc(COPIES_MAX, sizeof(*stub->copies))))
		return NO_MEMORY();
	struct sdb_error *error = stub_hold(stub, &was_running);
	if (error)
		return error;
	if (asprintf(&name, "%s/stackdb-XXXXXX", directory && *directory ? directory : "/tmp") < 0)
		return stub_release(stub, was_running, NO_MEMORY());
	int descriptor = mkostemp(name, O_CLOEXEC);
	if (descriptor < 0)
		error = sdb_error_errno(errno, "cannot create %s", name);
	else
		error = read_parts(stub, path, FILE_MAX, write_part, &descriptor);
	if (descriptor >= 0)
		close(descriptor);
	error = stub_release(stub, was_running, error);
	if (error) {
		if (descriptor >= 0)
			unlink(name);
		free(name);
		return error;
	}
	stub->copies[stub->copy_count++] = name;
	*copy_ret = strdup(name);
	return *copy_ret ? NULL : NO_MEMORY();
}

void stub_remove_copies(struct stub *stub)
{
	for (size_t i = 0; i < stub->copy_count; i++) {
		unlink(stub->copies[i]);
		free(stub->copies[i]);
	}
	free(stub->copies);
	stub->copies = NULL;
	stub->copy_count = 0;
}
