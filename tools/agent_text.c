/* SPDX-License-Identifier: MIT */
/*
 * The code of a kernel and its modules, compared piece by piece with a copy that was made when it was first
 * seen. A kernel changes its code by itself: it switches branches and calls on and off at places that were
 * made for that. Such a change is told as `switch`, one that leads out of all code that is known as
 * `diverted`, a breakpoint as such, and everything else as `code`.
 */

#include "agent.h"

#include <stackdb/space.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define RANGES_MAX 2048
#define CHUNK ((size_t)64 << 10)
#define FILE_MAX ((uint64_t)512 << 20)
#define TOLD_MAX 64     /* changes that are told with one scan */
#define SPAN_MAX 32     /* bytes of a change that are shown */
#define BRANCH 5        /* bytes of a call or a jump with 32 bits */

struct text_range {
	uint64_t low, high, at; /* where its copy is in the file */
	uint64_t copied;        /* up to this address */
	bool seen;
};

struct agent_text {
	FILE *file;
	uint64_t end;           /* of what the file has */
	struct text_range *ranges;
	size_t count, current;  /* the range in hand, */
	uint64_t next;          /* and the address in it */
	unsigned told;
	uint8_t *now, *then;
};

struct sdb_error *agent_text_create(struct agent_text **text_ret)
{
	struct agent_text *text = tool_alloc(sizeof(*text));
	text->file = tmpfile();
	if (!text->file) {
		free(text);
		return sdb_error_errno(errno, "cannot make a file for the copy of the kernel's code");
	}
	text->ranges = tool_alloc(RANGES_MAX * sizeof(*text->ranges));
	text->now = tool_alloc(CHUNK);
	text->then = tool_alloc(CHUNK);
	*text_ret = text;
	return NULL;
}

void agent_text_destroy(struct agent_text *text)
{
	if (!text)
		return;
	fclose(text->file);
	free(text->ranges);
	free(text->now);
	free(text->then);
	free(text);
}

/* ---- which code there is ------------------------------------------------------------------------------- */

static void add_range(struct agent_text *text, uint64_t low, uint64_t high)
{
	for (size_t i = 0; i < text->count; i++) {
		if (text->ranges[i].low == low && text->ranges[i].high == high) {
			text->ranges[i].seen = true;
			return;
		}
	}
	if (text->count == RANGES_MAX || high - low > FILE_MAX - text->end)
		return;
	text->ranges[text->count++] = (struct text_range){ low, high, text->end, low, true };
	text->end += high - low;
}

static struct sdb_error *find_ranges(struct agent_text *text, struct sdb_target *target)
{
	const struct sdb_region *regions;
	size_t count, kept = 0;
	struct sdb_error *error = sdb_target_regions(target, &regions, &count);
	if (error)
		return error;
	if (text->end > FILE_MAX / 2) /* modules came and went: begin again */
		text->count = text->end = 0;
	for (size_t i = 0; i < text->count; i++)
		text->ranges[i].seen = false;
	for (size_t i = 0; i < count; i++)
		if (regions[i].module && regions[i].flags & SDB_REGION_EXECUTE && regions[i].high > regions[i].low)
			add_range(text, regions[i].low, regions[i].high);
	for (size_t i = 0; i < text->count; i++)
		if (text->ranges[i].seen)
			text->ranges[kept++] = text->ranges[i];
	text->count = kept;
	text->current = text->next = 0;
	return NULL;
}

/* ---- a change ---------------------------------------------------------------------------------------------- */

enum branch { NO_BRANCH, NOTHING, BRANCHES };

/* What stands at BYTES (five of them), and where it leads to. */
static enum branch branch_at(const uint8_t *bytes, uint64_t address, uint64_t *target_ret)
{
	static const uint8_t nop[BRANCH] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	int32_t distance;
	*target_ret = 0;
	if (memcmp(bytes, nop, BRANCH) == 0)
		return NOTHING;
	if (bytes[0] != 0xe8 && bytes[0] != 0xe9)
		return NO_BRANCH;
	memcpy(&distance, bytes + 1, sizeof(distance));
	*target_ret = address + BRANCH + (uint64_t)(int64_t)distance;
	return BRANCHES;
}

static bool is_short(const uint8_t *bytes)
{
	return (bytes[0] == 0x66 && bytes[1] == 0x90) || bytes[0] == 0xeb;
}

/* OLD and NOW are SIZE bytes at ADDRESS; FIRST to LAST of them differ. */
static const char *kind_of_change(struct sdb_target *target, const uint8_t *old, const uint8_t *now, size_t size,
				  uint64_t address, size_t first, size_t last, uint64_t *leads_ret)
{
	*leads_ret = 0;
	if (now[first] == 0xcc || old[first] == 0xcc)
		return "breakpoint";
	for (size_t at = first; at + BRANCH > last && at + BRANCH <= size; at--) {
		uint64_t before;
		enum branch was = branch_at(old + at, address + at, &before), is = branch_at(now + at, address + at, leads_ret);
		if (was != NO_BRANCH && is != NO_BRANCH) {
			struct sdb_place place;
			if (is == NOTHING)
				return "switch";
			struct sdb_error *error = sdb_target_place(target, *leads_ret, &place);
			bool known = !error && place.module && place.region->flags & SDB_REGION_EXECUTE;
			sdb_error_free(error);
			return known ? "switch" : "diverted";
		}
		if (at == 0)
			break;
	}
	*leads_ret = 0;
	for (size_t at = first; at + 2 > last && at + 2 <= size; at--) {
		if (is_short(old + at) && is_short(now + at))
			return "switch";
		if (at == 0)
			break;
	}
	return "code";
}

static void put_bytes(struct json *json, const char *key, const uint8_t *bytes, size_t size)
{
	struct text hex = TEXT_EMPTY;
	text_hex_bytes(&hex, bytes, size < SPAN_MAX ? size : SPAN_MAX);
	json_string(json, key, text_string(&hex));
	text_deinit(&hex);
}

static void put_symbol(struct json *json, struct sdb_target *target, const char *key, uint64_t address)
{
	struct sdb_place place;
	struct text name = TEXT_EMPTY;
	struct sdb_error *error = sdb_target_place(target, address, &place);
	if (!error && place.symbol)
		text_format(&name, "%s+0x%llx", place.symbol, (unsigned long long)place.offset);
	json_string(json, key, name.size ? text_string(&name) : NULL);
	if (!error && place.module && strcmp(key, "symbol") == 0)
		json_string(json, "module", sdb_module_name(place.module));
	sdb_error_free(error);
	text_deinit(&name);
}

static void tell_change(struct agent_machine *machine, uint64_t address, size_t size, size_t first, size_t last)
{
	struct agent_text *text = machine->text;
	struct json json;
	uint64_t leads;
	if (text->told++ >= TOLD_MAX) {
		if (text->told == TOLD_MAX + 1)
			agent_trouble(machine, "code", sdb_error_new(SDB_ERROR_MEMORY, "more than %d changes at once", TOLD_MAX));
		return;
	}
	const char *kind = kind_of_change(machine->target, text->then, text->now, size, address, first, last, &leads);
	agent_tell(machine, "text_changed", &json);
	json_hex(&json, "address", address + first);
	put_symbol(&json, machine->target, "symbol", address + first);
	json_string(&json, "kind", kind);
	json_number(&json, "size", last - first);
	put_bytes(&json, "old", text->then + first, last - first);
	put_bytes(&json, "new", text->now + first, last - first);
	if (leads) {
		json_hex(&json, "leads_to", leads);
		put_symbol(&json, machine->target, "leads_to_symbol", leads);
	}
	json_end(&json);
}

/* Those that lie close together are one change. */
static void find_changes(struct agent_machine *machine, uint64_t address, size_t size)
{
	const struct agent_text *text = machine->text;
	for (size_t at = 0; at < size;) {
		if (text->now[at] == text->then[at]) {
			at++;
			continue;
		}
		size_t first = at, last = at + 1;
		for (at = last; at < size && at < last + 4; at++)
			if (text->now[at] != text->then[at])
				last = at + 1;
		tell_change(machine, address, size, first, last);
		at = last;
	}
}

/* ---- a piece ------------------------------------------------------------------------------------------------ */

static struct sdb_error *write_copy(struct agent_text *text, const struct text_range *range, uint64_t address, size_t size)
{
	off_t at = (off_t)(range->at + (address - range->low));
	if (pwrite(fileno(text->file), text->now, size, at) != (ssize_t)size)
		return sdb_error_errno(errno, "cannot keep the copy of the kernel's code");
	return NULL;
}

/* SIZE bytes at ADDRESS of RANGE: *DONE_RET of them are in memory. */
static struct sdb_error *look_at(struct agent_machine *machine, struct text_range *range, uint64_t address, size_t size,
				 size_t *done_ret)
{
	struct agent_text *text = machine->text;
	struct sdb_error *error = sdb_target_read_some(machine->target, address, text->now, size, done_ret);
	if (error || !*done_ret)
		return error;
	if (address >= range->copied) {
		range->copied = address + *done_ret;
		return write_copy(text, range, address, *done_ret);
	}
	size_t known = range->copied - address < *done_ret ? (size_t)(range->copied - address) : *done_ret;
	off_t at = (off_t)(range->at + (address - range->low));
	if (pread(fileno(text->file), text->then, known, at) != (ssize_t)known)
		return sdb_error_errno(errno, "cannot read the copy of the kernel's code");
	*done_ret = known;
	if (memcmp(text->now, text->then, known) == 0)
		return NULL;
	find_changes(machine, address, known);
	return write_copy(text, range, address, known);
}

struct sdb_error *agent_text_scan(struct agent_machine *machine, uint64_t bytes, bool modules)
{
	struct agent_text *text = machine->text;
	struct sdb_error *error = modules || !text->count ? find_ranges(text, machine->target) : NULL;
	text->told = 0;
	while (!error && bytes && text->count) {
		struct text_range *range = &text->ranges[text->current < text->count ? text->current : 0];
		size_t done = 0;
		if (text->next < range->low || text->next >= range->high)
			text->next = range->low;
		size_t size = range->high - text->next < CHUNK ? (size_t)(range->high - text->next) : CHUNK;
		error = look_at(machine, range, text->next, size, &done);
		/* What is not there is passed over, by pages. */
		text->next = done ? text->next + done : (text->next | 4095) + 1;
		if (!done && text->next > range->copied)
			range->copied = text->next < range->high ? text->next : range->high;
		bytes = bytes > size ? bytes - size : 0;
		if (text->next >= range->high || text->next < range->low) {
			text->current = (text->current + 1) % text->count;
			text->next = 0;
			if (!text->current) /* once is enough */
				break;
		}
	}
	return error;
}
