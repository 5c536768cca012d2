/* SPDX-License-Identifier: MIT */
#include "features.h"
#include "xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DESCRIPTION_MAX = 1 << 20, INCLUDES_MAX = 64, INCLUDE_DEPTH_MAX = 8, REGISTER_BITS_MAX = 65536 };

#define NO_MEMORY() sdb_error_new(SDB_ERROR_MEMORY, "out of memory")

void features_deinit(struct features *features)
{
	free(features->registers);
	*features = (struct features){ .pc = -1, .sp = -1 };
}

/* ---- objects ----------------------------------------------------------------------------------- */

struct sdb_error *features_object(struct rsp *rsp, const char *object, const char *annex, size_t limit, char **data_ret,
				  size_t *size_ret)
{
	char *data = NULL;
	size_t size = 0, part = rsp->packet_max > 512 ? rsp->packet_max - 64 : 256, requests = 0;
	for (bool more = true; more;) {
		struct rsp_reply reply;
		struct sdb_error *error = rsp_askf(rsp, &reply, "qXfer:%s:read:%s:%zx,%zx", object, annex, size, part);
		if (!error && reply.data[0] != 'm' && reply.data[0] != 'l') {
			error = rsp_check(rsp, &reply, object);
			if (!error)
				error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub's %s make no sense", rsp->name, object);
		}
		more = !error && reply.data[0] == 'm';
		size_t got = error ? 0 : reply.size - 1;
		/* Nor does one that comes by single bytes. */
		if (!error && ((more && got == 0) || got > limit - size || ++requests > limit / 64 + 64))
			error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub's %s have no end", rsp->name, object);
		char *larger = error ? NULL : realloc(data, size + got + 1);
		if (!larger) {
			free(data);
			return error ? error : NO_MEMORY();
		}
		data = larger;
		memcpy(data + size, reply.data + 1, got);
		size += got;
		data[size] = '\0';
	}
	*data_ret = data;
	*size_ret = size;
	return NULL;
}

/* ---- the description --------------------------------------------------------------------------------- */

struct description {
	struct features *features;
	uint32_t number; /* of the next register that says none */
	size_t capacity;
	struct sdb_error *(*include)(void *arg, const char *annex);
	void *arg;
};

static struct sdb_error *add_register(struct features *features, uint64_t number, uint64_t bits, const char *name)
{
	if (features->register_count == FEATURES_REGISTERS_MAX)
		return sdb_error_new(SDB_ERROR_CORRUPT, "the target description has more than %d registers", FEATURES_REGISTERS_MAX);
	if (bits == 0 || bits % 8 || bits > REGISTER_BITS_MAX || number > UINT16_MAX)
		return sdb_error_new(SDB_ERROR_CORRUPT, "the target description has register %.40s with %llu bits", name,
				     (unsigned long long)bits);
	if (!features->registers) {
		features->registers = calloc(FEATURES_REGISTERS_MAX, sizeof(*features->registers));
		if (!features->registers)
			return NO_MEMORY();
	}
	struct features_register *entry = &features->registers[features->register_count++];
	*entry = (struct features_register){ .number = (uint32_t)number, .size = (uint16_t)(bits / 8) };
	features_place(name, entry);
	features->control |= strcmp(name, "cr3") == 0;
	return NULL;
}

/* Registers are numbered on from the one before when they say no number. */
static uint64_t next_number(const struct features *features)
{
	size_t count = features->register_count;
	return count ? features->registers[count - 1].number + 1u : 0;
}

static struct sdb_error *begin_element(void *arg, const struct xml_element *element)
{
	struct description *description = arg;
	if (strcmp(element->name, "xi:include") == 0) {
		const char *annex = xml_attribute(element, "href");
		if (!annex || !*annex || strlen(annex) > 100 || strpbrk(annex, ":,#$"))
			return sdb_error_new(SDB_ERROR_CORRUPT, "the target description includes something without a name");
		return description->include ? description->include(description->arg, annex) : NULL;
	}
	if (strcmp(element->name, "reg") != 0)
		return NULL;
	uint64_t bits = 0, number = next_number(description->features);
	const char *name = xml_attribute(element, "name");
	if (!name || !xml_number(element, "bitsize", &bits))
		return sdb_error_new(SDB_ERROR_CORRUPT, "the target description has a register without name or size");
	if (xml_attribute(element, "regnum") && !xml_number(element, "regnum", &number))
		return sdb_error_new(SDB_ERROR_CORRUPT, "register %.40s has no number that makes sense", name);
	return add_register(description->features, number, bits, name);
}

static struct sdb_error *end_element(void *arg, const char *name, const char *text)
{
	struct description *description = arg;
	if (strcmp(name, "architecture") == 0) {
		text += strspn(text, " \t\r\n");
		size_t length = strcspn(text, " \t\r\n");
		bool wide = length == 13 && memcmp(text, "i386:x86-64", 11) == 0;
		if (wide || (length == 11 && memcmp(text, "i386:x86-64", 11) == 0))
			description->features->architecture = &architecture_x86_64;
		else if (length == 4 && memcmp(text, "i386", 4) == 0)
			description->features->architecture = &architecture_i386;
		else
			return sdb_error_new(SDB_ERROR_UNSUPPORTED, "the target is of architecture %.*s, which is not known",
					     (int)(length > 40 ? 40 : length), text);
	}
	return NULL;
}

struct sdb_error *features_describe(struct features *features, char *text, size_t size,
				    struct sdb_error *(*include)(void *arg, const char *annex), void *arg)
{
	struct description description = { .features = features, .include = include, .arg = arg };
	const struct xml_handler handler = { begin_element, end_element, &description };
	struct sdb_error *error = xml_read(text, size, &handler);
	return error ? sdb_error_prefix(error, "target description") : NULL;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct features_register *first = a, *second = b;
	return first->number < second->number ? -1 : first->number > second->number;
}

struct sdb_error *features_arrange(struct features *features)
{
	size_t at = 0;
	if (features->register_count)
		qsort(features->registers, features->register_count, sizeof(*features->registers), compare_numbers);
	features->pc = features->sp = -1;
	for (size_t i = 0; i < features->register_count; i++) {
		struct features_register *entry = &features->registers[i], wanted = { .size = 0 };
		if (i && entry->number == entry[-1].number)
			return sdb_error_new(SDB_ERROR_CORRUPT, "the target description has two registers %u", entry->number);
		entry->at = (uint32_t)at;
		at += entry->size;
		features_place("rip", &wanted);
		if (entry->place == PLACE_FILE && entry->offset == wanted.offset)
			features->pc = (int)i;
		features_place("rsp", &wanted);
		if (entry->place == PLACE_FILE && entry->offset == wanted.offset)
			features->sp = (int)i;
	}
	features->size = at;
	if (!features->architecture || features->pc < 0 || features->sp < 0)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "the target description has not the registers of an x86");
	return NULL;
}

struct including {
	struct rsp *rsp;
	struct features *features;
	unsigned depth, count;
};

static struct sdb_error *include_annex(void *arg, const char *annex)
{
	struct including *including = arg;
	char *text;
	size_t size;
	if (including->depth == INCLUDE_DEPTH_MAX || including->count++ == INCLUDES_MAX)
		return sdb_error_new(SDB_ERROR_CORRUPT, "the target description includes itself");
	struct sdb_error *error = features_object(including->rsp, "features", annex, DESCRIPTION_MAX, &text, &size);
	if (error)
		return error;
	including->depth++;
	error = features_describe(including->features, text, size, include_annex, including);
	including->depth--;
	free(text);
	return error;
}

static struct sdb_error *read_description(struct rsp *rsp, struct features *features)
{
	struct including including = { .rsp = rsp, .features = features };
	struct sdb_error *error = include_annex(&including, "target.xml");
	if (!error)
		error = features_arrange(features);
	return error ? sdb_error_prefix(error, "%s", rsp->name) : NULL;
}

/* ---- without a description ------------------------------------------------------------------------------ */

/* The order that gdb has without one (i386 and amd64 of old stubs). */
static const char *const old64[] = { "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12",
				     "r13", "r14", "r15", "rip", NULL };
static const char *const old32[] = { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", NULL };
static const char *const old_rest[] = { "eflags", "cs", "ss", "ds", "es", "fs", "gs", "st0", "st1", "st2", "st3", "st4", "st5",
					"st6", "st7", "fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop" };

bool features_assume(struct features *features, size_t size)
{
	bool wide = size >= 17 * 8 + 7 * 4 + 80 + 32;
	uint64_t number = 0;
	char name[8];
	struct sdb_error *error = NULL;
	if (size < 9 * 4 + 7 * 4)
		return false;
	features->register_count = 0;
	features->architecture = wide ? &architecture_x86_64 : &architecture_i386;
	for (const char *const *one = wide ? old64 : old32; *one && !error; one++)
		error = add_register(features, number++, wide ? 64 : 32, *one);
	for (size_t i = 0; i < sizeof(old_rest) / sizeof(old_rest[0]) && !error; i++)
		error = add_register(features, number++, old_rest[i][0] == 's' && old_rest[i][1] == 't' ? 80 : 32, old_rest[i]);
	for (int i = 0; i < (wide ? 16 : 8) && !error; i++) {
		snprintf(name, sizeof(name), "xmm%d", i);
		error = add_register(features, number++, 128, name);
	}
	if (!error)
		error = add_register(features, number, 32, "mxcsr");
	if (!error)
		error = features_arrange(features);
	bool good = !error;
	sdb_error_free(error);
	return good;
}

/* ---- qSupported ------------------------------------------------------------------------------------------- */

static void note_feature(struct rsp *rsp, struct features *features, const char *word)
{
	const struct { const char *name; bool *flag; } flags[] = {
		{ "multiprocess+", &features->multiprocess }, { "QStartNoAckMode+", &features->no_ack },
		{ "QPassSignals+", &features->pass_signals },
		{ "binary-upload+", &features->binary_read }, { "qXfer:features:read+", &features->xfer_features },
		{ "qXfer:exec-file:read+", &features->xfer_exec_file }, { "qXfer:auxv:read+", &features->xfer_auxv },
		{ "qXfer:libraries-svr4:read+", &features->xfer_libraries }, { "qXfer:threads:read+", &features->xfer_threads },
	};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(word, flags[i].name) == 0)
			*flags[i].flag = true;
	if (strncmp(word, "PacketSize=", 11) == 0) {
		uint64_t size;
		word += 11;
		if (packet_number(&word, &size) && !*word && size >= 128)
			rsp->packet_max = size < RSP_PACKET_MAX / 2 ? (size_t)size : RSP_PACKET_MAX / 2;
	}
}

static struct sdb_error *ask_supported(struct rsp *rsp, struct features *features)
{
	static const char request[] = "qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+;qRelocInsn-;fork-events+;"
		"vfork-events+;exec-events+;no-resumed+;xmlRegisters=i386;binary-upload+";
	struct rsp_reply reply;
	struct sdb_error *error = rsp_ask(rsp, request, sizeof(request) - 1, &reply);
	if (error)
		return error;
	char *words = strdup(reply.data), *rest;
	if (!words)
		return NO_MEMORY();
	for (char *word = strtok_r(words, ";", &rest); word; word = strtok_r(NULL, ";", &rest))
		note_feature(rsp, features, word);
	free(words);
	return NULL;
}

struct sdb_error *features_negotiate(struct rsp *rsp, struct features *features)
{
	struct rsp_reply reply;
	*features = (struct features){ .pc = -1, .sp = -1 };
	struct sdb_error *error = ask_supported(rsp, features);
	if (!error && features->no_ack) {
		error = rsp_order(rsp, "QStartNoAckMode");
		rsp->no_ack = !error;
	}
	/* Of any thread: without one gdbserver fails over its own description. */
	if (!error)
		error = rsp_askf(rsp, &reply, features->multiprocess ? "Hgp0.0" : "Hg0");
	/* Only when they have been read does QEMU answer p and P. */
	if (!error && features->xfer_features)
		error = read_description(rsp, features);
	if (!error)
		error = rsp_askf(rsp, &reply, "vCont?");
	if (!error)
		features->vcont = strncmp(reply.data, "vCont", 5) == 0 && strstr(reply.data, ";c") && strstr(reply.data, ";s");
	features->write_one = true; /* until it is refused */
	return error;
}
