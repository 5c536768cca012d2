/* SPDX-License-Identifier: MIT */
/* Registers: as g has them, and as the register file of x86 does. */

#include "stub.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITE_ONE_MAX = 4 }; /* registers that are written one by one */

void stub_forget_registers(struct stub *stub)
{
	for (size_t i = 0; i < stub->thread_count; i++)
		stub->threads[i]->have_raw = stub->threads[i]->have_pc = false;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct sdb_error *stub_load(struct stub *stub, struct stub_thread *thread)
{
	struct rsp_reply reply;
	if (thread->have_raw)
		return NULL;
	struct sdb_error *error = stub_select(stub, thread);
	if (!error)
		error = rsp_ask(stub->rsp, "g", 1, &reply);
	if (!error)
		error = rsp_check(stub->rsp, &reply, "g");
	if (error)
		return error;
	if (!stub->features.register_count && !features_assume(&stub->features, reply.size / 2))
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub has registers of %zu bytes, which are of no machine "
				     "that is known", stub->rsp->name, reply.size / 2);
	size_t size = stub->features.size;
	if (!thread->raw && !(thread->raw = malloc(size)))
		return NO_MEMORY();
	/* Those at the end that a stub does not send are zero; those that it cannot tell are 'xx'. */
	memset(thread->raw, 0, size);
	for (size_t i = 0; i < reply.size / 2 && i < size; i++)
		packet_get_hex(reply.data + 2 * i, 2, thread->raw + i, 1);
	if (reply.size / 2 < stub->features.registers[stub->features.pc].at)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub sent %zu bytes of registers, fewer than its description has",
				     stub->rsp->name, reply.size / 2);
	thread->have_raw = true;
	return NULL;
}

struct sdb_error *stub_thread_pc(struct stub *stub, struct stub_thread *thread, uint64_t *pc_ret)
{
	struct sdb_error *error = thread->have_pc ? NULL : stub_load(stub, thread);
	if (error)
		return error;
	if (!thread->have_pc) {
		const struct features_register *pc = &stub->features.registers[stub->features.pc];
		thread->pc = 0;
		memcpy(&thread->pc, thread->raw + pc->at, pc->copied);
		thread->have_pc = true;
	}
	*pc_ret = thread->pc;
	return NULL;
}

void stub_fill_cpu(const struct stub *stub, const struct stub_thread *thread, struct driver_cpu *cpu_ret)
{
	for (size_t i = 0; i < stub->features.register_count; i++) {
		const struct features_register *entry = &stub->features.registers[i];
		if (entry->place == PLACE_CPU)
			memcpy((uint8_t *)cpu_ret + entry->offset, thread->raw + entry->at, entry->copied);
	}
}

/* The tag word of 2 bits a register as FXSAVE has it, 1 bit: whether it is used (Intel SDM volume 1, 10.5.1.1). */
static uint8_t abridge_tags(const uint8_t *raw)
{
	unsigned tags = raw[0] | (unsigned)raw[1] << 8, short_tags = 0;
	for (unsigned i = 0; i < 8; i++)
		short_tags |= (tags >> (2 * i) & 3u) != 3 ? 1u << i : 0u;
	return (uint8_t)short_tags;
}

static void to_file(const struct features_register *entry, const uint8_t *raw, uint8_t *file)
{
	memset(file + entry->offset, 0, entry->room);
	if (entry->place == PLACE_TAGS)
		file[entry->offset] = abridge_tags(raw + entry->at);
	else
		memcpy(file + entry->offset, raw + entry->at, entry->copied);
}

static struct sdb_error *not_told(const struct stub *stub)
{
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "the gdb stub does not tell the debug registers of %s", stub->target->name);
}

/* Stands, and has the registers of THREAD. */
static struct sdb_error *prepare(struct stub *stub, struct stub_thread *thread)
{
	struct sdb_error *error = stub_need(stub);
	if (!error && stub->running)
		error = sdb_error_new(SDB_ERROR_INVALID, "thread %lld runs", (long long)thread->thread->id);
	return error ? error : stub_load(stub, thread);
}

struct sdb_error *stub_read_registers(struct sdb_thread *thread, enum register_group group, uint8_t *file)
{
	struct stub *stub = stub_of(thread->target);
	struct stub_thread *one = stub_thread_of(thread);
	if (group == REGISTERS_DEBUG)
		return not_told(stub);
	struct sdb_error *error = prepare(stub, one);
	for (size_t i = 0; !error && i < stub->features.register_count; i++) {
		const struct features_register *entry = &stub->features.registers[i];
		if ((entry->place == PLACE_FILE || entry->place == PLACE_TAGS) && entry->group == group)
			to_file(entry, one->raw, file);
	}
	return error;
}

/* ---- writing ------------------------------------------------------------------------------------ */

/* False: the same as before. */
static bool from_file(const struct features_register *entry, const uint8_t *file, uint8_t *raw)
{
	if (entry->place != PLACE_FILE) /* tags are not made of one bit each */
		return false;
	if (memcmp(raw + entry->at, file + entry->offset, entry->copied) == 0)
		return false;
	memcpy(raw + entry->at, file + entry->offset, entry->copied);
	return true;
}

static struct sdb_error *write_one(struct stub *stub, const struct features_register *entry, const uint8_t *raw)
{
	char request[64];
	size_t length = (size_t)snprintf(request, sizeof(request), "P%" PRIx32 "=", entry->number);
	struct rsp_reply reply;
	if (entry->size > (sizeof(request) - length) / 2)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a register of %u bytes", entry->size);
	packet_put_hex(raw + entry->at, entry->size, request + length);
	struct sdb_error *error = rsp_ask(stub->rsp, request, length + 2u * entry->size, &reply);
	return error ? error : rsp_check(stub->rsp, &reply, "P");
}

static struct sdb_error *write_all(struct stub *stub, const uint8_t *raw)
{
	size_t size = stub->features.size;
	struct rsp_reply reply;
	char *request = malloc(1 + 2 * size);
	if (!request)
		return NO_MEMORY();
	request[0] = 'G';
	packet_put_hex(raw, size, request + 1);
	struct sdb_error *error = rsp_ask(stub->rsp, request, 1 + 2 * size, &reply);
	if (!error)
		error = rsp_check(stub->rsp, &reply, "G");
	free(request);
	return error;
}

/* Those that changed, one by one when they are few. */
static struct sdb_error *write_changed(struct stub *stub, struct stub_thread *thread, const uint16_t *changed, size_t count)
{
	struct sdb_error *error = stub_select(stub, thread);
	for (size_t i = 0; i < count && !error && stub->features.write_one && count <= WRITE_ONE_MAX; i++) {
		error = write_one(stub, &stub->features.registers[changed[i]], thread->raw);
		if (error && sdb_error_code(error) == SDB_ERROR_UNSUPPORTED) {
			sdb_error_free(error);
			error = NULL;
			stub->features.write_one = false;
		}
	}
	if (!error && (count > WRITE_ONE_MAX || !stub->features.write_one))
		error = write_all(stub, thread->raw);
	return error;
}

struct sdb_error *stub_write_registers(struct sdb_thread *thread, enum register_group group, const uint8_t *file)
{
	struct stub *stub = stub_of(thread->target);
	struct stub_thread *one = stub_thread_of(thread);
	uint16_t changed[FEATURES_REGISTERS_MAX];
	size_t count = 0;
	if (group == REGISTERS_DEBUG)
		return not_told(stub);
	struct sdb_error *error = prepare(stub, one);
	for (size_t i = 0; !error && i < stub->features.register_count; i++)
		if (stub->features.registers[i].group == group && from_file(&stub->features.registers[i], file, one->raw))
			changed[count++] = (uint16_t)i;
	if (error || !count)
		return error;
	one->have_pc = false;
	error = write_changed(stub, one, changed, count);
	if (error) /* what it has now is not known */
		one->have_raw = false;
	return error;
}
