/* SPDX-License-Identifier: MIT */
#include "snapshot.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void snapshot_check(struct sdb_error *error)
{
	if (error)
		errx(1, "%s", sdb_error_message(error));
}

/* ---- the callbacks of a context ------------------------------------------------------------- */

static struct sdb_error *read_memory(void *arg, uint64_t address, void *buffer, size_t size)
{
	struct snapshot_frame *frame = arg;
	ssize_t got = address > INT64_MAX ? -1
		: pread(frame->snapshot->memory, buffer, size, (off_t)address);
	if (got == (ssize_t)size)
		return NULL;
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "Cannot access memory at address 0x%llx",
			     (unsigned long long)address);
}

static struct sdb_error *write_memory(void *arg, uint64_t address, const void *buffer, size_t size)
{
	struct snapshot_frame *frame = arg;
	if (pwrite(frame->snapshot->memory, buffer, size, (off_t)address) == (ssize_t)size)
		return NULL;
	return sdb_error_errno(errno, "0x%llx cannot be written", (unsigned long long)address);
}

static struct sdb_error *read_register(void *arg, uint32_t number, void *buffer, size_t *size_ret)
{
	struct snapshot_frame *frame = arg;
	if (number >= SNAPSHOT_REGISTERS || !frame->sizes[number])
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "register %u was not saved", number);
	memcpy(buffer, frame->registers[number], CONTEXT_REGISTER_SIZE);
	*size_ret = frame->sizes[number];
	return NULL;
}

static struct sdb_error *cfa(void *arg, uint64_t *cfa_ret)
{
	struct snapshot_frame *frame = arg;
	*cfa_ret = frame->cfa;
	return NULL;
}

/* x86-64 psABI: the block of the program itself ends at the thread pointer. */
static struct sdb_error *tls_address(void *arg, uint64_t offset, uint64_t *address_ret)
{
	struct snapshot_frame *frame = arg;
	const struct sdb_segment *segments;
	size_t count;
	snapshot_check(sdb_segments(frame->snapshot->db, &segments, &count));
	for (size_t i = 0; i < count; i++)
		if (segments[i].type == 7) { /* PT_TLS */
			uint64_t align = segments[i].alignment ? segments[i].alignment : 1;
			uint64_t size = (segments[i].memory_size + align - 1) / align * align;
			*address_ret = frame->snapshot->fs_base - size + offset;
			return NULL;
		}
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "the program has no thread-local storage");
}

static struct sdb_error *caller(void *arg, const struct sdb_context **caller_ret,
				const struct sdb_call_site **site_ret)
{
	struct snapshot_frame *frame = arg;
	struct snapshot *snapshot = frame->snapshot;
	*site_ret = NULL;
	if (frame->index + 1 >= snapshot->count)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the outermost frame");
	struct snapshot_frame *above = &snapshot->frames[frame->index + 1];
	*caller_ret = &above->context;
	for (size_t i = 0; above->code && i < above->code->call_site_count; i++)
		if (above->code->call_sites[i].address + snapshot->bias == above->return_pc)
			*site_ret = &above->code->call_sites[i];
	return NULL;
}

static struct sdb_error *symbol(void *arg, uint64_t address, char **name_ret, uint64_t *offset_ret)
{
	struct snapshot_frame *frame = arg;
	struct snapshot *snapshot = frame->snapshot;
	struct sdb_symbol found;
	sdb_symbol_id id;
	struct sdb_error *error = sdb_symbol_at(snapshot->db, address - snapshot->bias, &found,
						&id);
	if (error)
		return error;
	*offset_ret = address - snapshot->bias - found.address;
	return sdb_name(snapshot->db, found.name, name_ret);
}

static const struct sdb_context_ops ops = {
	.read_memory = read_memory, .write_memory = write_memory, .read_register = read_register,
		.cfa = cfa,
	.tls_address = tls_address, .caller = caller, .symbol = symbol,
};

/* ---- the text --------------------------------------------------------------------------------- */

static struct snapshot_frame *add_frame(struct snapshot *snapshot, uint64_t pc, uint64_t cfa_of)
{
	if (snapshot->count >= SNAPSHOT_FRAMES)
		errx(1, "more than %d frames", SNAPSHOT_FRAMES);
	struct snapshot_frame *frame = &snapshot->frames[snapshot->count];
	frame->snapshot = snapshot;
	frame->index = snapshot->count++;
	frame->pc = pc;
	frame->cfa = cfa_of;
	return frame;
}

static void add_register(struct snapshot *snapshot, unsigned number, const char *hex)
{
	struct snapshot_frame *frame = &snapshot->frames[snapshot->count - 1];
	size_t size = strspn(hex, "0123456789abcdef") / 2;
	if (snapshot->count == 0 || number >= SNAPSHOT_REGISTERS || size > CONTEXT_REGISTER_SIZE)
		errx(1, "register %u is not expected", number);
	for (size_t i = 0; i < size; i++) {
		unsigned byte;
		sscanf(hex + 2 * i, "%2x", &byte);
		frame->registers[number][i] = (uint8_t)byte;
	}
	frame->sizes[number] = (uint8_t)size;
}

static void parse(struct snapshot *snapshot, const char *line)
{
	char path[4096];
	unsigned long long a, b;
	unsigned number;
	int at;
	if (sscanf(line, "process %llu", &a) == 1) {
		snprintf(path, sizeof(path), "/proc/%llu/mem", a);
		snapshot->memory = open(path, O_RDWR);
		if (snapshot->memory < 0)
			err(1, "%s", path);
	} else if (sscanf(line, "module %4095s %llx", path, &a) == 2) {
		snapshot_check(sdb_db_open(path, NULL, &snapshot->db));
		snapshot->bias = a;
	} else if (sscanf(line, "thread %llx", &a) == 1) {
		snapshot->fs_base = a;
	} else if (sscanf(line, "frame %llx %llx", &a, &b) == 2) {
		add_frame(snapshot, a, b);
	} else if (snapshot->count && sscanf(line, "return %llx", &a) == 1) {
		snapshot->frames[snapshot->count - 1].return_pc = a;
	} else if (snapshot->count && sscanf(line, "reg %u %n", &number, &at) == 1) {
		add_register(snapshot, number, line + at);
	} else {
		errx(1, "not understood: %s", line);
	}
}

static void complete(struct snapshot *snapshot, struct snapshot_frame *frame)
{
	uint64_t pc = frame->pc - snapshot->bias;
	uint32_t *scopes = NULL;
	size_t count = 0;
	frame->context = (struct sdb_context){ .ops = &ops, .arg = frame, .db = snapshot->db,
					       .load_bias = snapshot->bias, .pc = pc,
					       .types = snapshot->types };
	struct sdb_error *error = sdb_code_at(snapshot->db, pc, SDB_CODE_WITH_VARIABLES
					      | SDB_CODE_WITH_CALLS,
					      &frame->code);
	if (error) { /* of another module */
		sdb_error_free(error);
		return;
	}
	frame->context.code = frame->code;
	snapshot_check(sdb_code_scopes_at(frame->code, pc, &scopes, &count));
	frame->context.scope = count ? scopes[0] : 0;
	free(scopes);
}

struct snapshot *snapshot_open(const char *path)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	if (!snapshot || !file)
		err(1, "%s", path);
	snapshot->memory = -1;
	while (getline(&line, &room, file) > 0)
		parse(snapshot, line);
	free(line);
	fclose(file);
	if (!snapshot->db || snapshot->memory < 0)
		errx(1, "%s: no module or no process", path);
	snapshot->types = types_create(0);
	for (size_t i = 0; i < snapshot->count; i++)
		complete(snapshot, &snapshot->frames[i]);
	return snapshot;
}

void snapshot_close(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->count; i++)
		sdb_code_free(snapshot->frames[i].code);
	types_unref(snapshot->types);
	close(snapshot->memory);
	sdb_db_close(snapshot->db);
	free(snapshot);
}
