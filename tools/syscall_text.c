/* SPDX-License-Identifier: MIT */
/* What a system call was given and what came of it, as strace writes it. */
#include "syscalls.h"
#include "tool.h"

#include <elf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void put_escaped(struct text *to, const char *bytes, size_t size)
{
	text_char(to, '"');
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)bytes[i];
		if (c == '"' || c == '\\')
			text_format(to, "\\%c", c);
		else if (c == '\n')
			text_add(to, "\\n");
		else if (c == '\t')
			text_add(to, "\\t");
		else if (c >= '\v' && c <= '\r')
			text_format(to, "\\%c", "vfr"[c - '\v']);
		else if (c < ' ' || c >= 0x7f)
			text_format(to, i + 1 < size && bytes[i + 1] >= '0' && bytes[i + 1] <= '7' ? "\\%03o" : "\\%o", c);
		else
			text_char(to, (char)c);
	}
	text_char(to, '"');
}

static void put_buffer(struct text *out, const struct sdb_hit *hit, uint64_t address, uint64_t size, uint64_t limit)
{
	size_t want = size < limit ? (size_t)size : (size_t)limit, got = 0;
	char *bytes = tool_alloc(want + 1);
	struct sdb_error *error = sdb_target_read_some(hit->target, address, bytes, want, &got);
	if (error || (got == 0 && want))
		text_hex(out, address);
	else
		put_escaped(out, bytes, got);
	if (!error && got && got < size)
		text_add(out, "...");
	sdb_error_free(error);
	free(bytes);
}

static void put_string(struct text *out, const struct sdb_hit *hit, uint64_t address, uint64_t limit)
{
	char *string = NULL;
	bool whole = false;
	struct sdb_error *error = address ? sdb_target_read_string(hit->target, address, limit, &string, &whole)
		: NULL;
	if (!address)
		text_add(out, "NULL");
	else if (error)
		text_hex(out, address);
	else
		put_escaped(out, string, strlen(string));
	if (string && !whole)
		text_add(out, "...");
	sdb_error_free(error);
	free(string);
}

/* The next of the pointers at ADDRESS; false: there is none any more, or it cannot be read. */
static bool next_pointer(const struct sdb_hit *hit, uint64_t address, unsigned index, uint64_t *pointer_ret)
{
	unsigned size = hit->machine == EM_386 ? 4 : 8;
	struct sdb_error *error = sdb_target_read_number(hit->target, address + (uint64_t)index * size, size, pointer_ret);
	bool there = !error && *pointer_ret;
	sdb_error_free(error);
	return there;
}

static void put_strings(struct text *out, const struct sdb_hit *hit, uint64_t address, uint64_t limit)
{
	uint64_t pointer;
	unsigned count = 0;
	if (!address) {
		text_add(out, "NULL");
		return;
	}
	text_char(out, '[');
	for (; count < limit && next_pointer(hit, address, count, &pointer); count++) {
		text_add(out, count ? ", " : "");
		put_string(out, hit, pointer, limit);
	}
	if (count == limit && next_pointer(hit, address, count, &pointer))
		text_add(out, count ? ", ..." : "...");
	text_char(out, ']');
}

static void put_count(struct text *out, const struct sdb_hit *hit, uint64_t address)
{
	enum { MOST = 65536 };
	uint64_t pointer;
	unsigned count = 0;
	if (!address) {
		text_add(out, "NULL");
		return;
	}
	while (count < MOST && next_pointer(hit, address, count, &pointer))
		count++;
	text_hex(out, address);
	text_format(out, " /* %u var%s */", count, count == 1 ? "" : "s");
}

static void put_open_flags(struct text *to, uint64_t flags)
{
	static const struct { uint64_t bit; const char *name; } names[] = {
		{ 0100, "O_CREAT" }, { 0200, "O_EXCL" }, { 0400, "O_NOCTTY" }, { 01000, "O_TRUNC" }, { 02000, "O_APPEND" },
		{ 04000, "O_NONBLOCK" }, { 010000, "O_DSYNC" }, { 0200000, "O_DIRECTORY" }, { 0400000, "O_NOFOLLOW" },
		{ 02000000, "O_CLOEXEC" }, { 010000000, "O_PATH" },
	};
	static const char *const modes[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "3" };
	text_add(to, modes[flags & 3]);
	flags &= ~UINT64_C(3);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & names[i].bit) {
			text_format(to, "|%s", names[i].name);
			flags &= ~names[i].bit;
		}
	if (flags)
		text_format(to, "|%#llx", (unsigned long long)flags);
}

static void put_argument(struct text *out, const struct sdb_hit *hit, char kind, unsigned index, uint64_t limit)
{
	uint64_t value = hit->arguments[index];
	int64_t result = (int64_t)hit->value;
	switch (kind) {
	case 'd': text_format(out, "%d", (int)value); break;
	case 'D': value == (uint32_t)-100 || (int64_t)value == -100 ? text_add(out, "AT_FDCWD")
			: text_format(out, "%d", (int)value); break;
	case 'u': text_u64(out, value); break;
	case 'o': text_format(out, "0%o", (unsigned)value); break;
	case 'x': value ? text_hex(out, value) : text_char(out, '0'); break;
	case 's': put_string(out, hit, value, PATH_MAX); break;
	case 'v': put_strings(out, hit, value, limit); break;
	case 'e': put_count(out, hit, value); break;
	case 'f': put_open_flags(out, value); break;
	case 'b': put_buffer(out, hit, value, index < 5 ? hit->arguments[index + 1] : 0, limit); break;
	case 'B':
		if (hit->kind == SDB_HIT_CALL_EXIT && result >= 0)
			put_buffer(out, hit, value, (uint64_t)result, limit);
		else
			text_hex(out, value);
		break;
	default: value ? text_hex(out, value) : text_add(out, "NULL");
	}
}

bool syscall_reads_memory(const char *kinds)
{
	return strpbrk(kinds, "sbve") != NULL;
}

/* The mode behind the flags of open(2) counts with these only. */
static bool makes_file(uint64_t flags)
{
	enum { CREATE = 0100, TEMPORARY = 020000000 };
	return flags & (CREATE | TEMPORARY);
}

unsigned syscall_put_arguments(struct text *to, const struct sdb_hit *hit, const char *kinds, unsigned from, uint64_t limit)
{
	unsigned i = from;
	for (; i < 6 && kinds[i] && (kinds[i] != 'B' || hit->kind == SDB_HIT_CALL_EXIT); i++) {
		if (i && kinds[i] == 'o' && kinds[i - 1] == 'f' && !makes_file(hit->arguments[i - 1]))
			continue;
		text_add(to, i ? ", " : "");
		put_argument(to, hit, kinds[i], i, limit);
	}
	return i;
}

bool syscall_is_error(int64_t result)
{
	return result < 0 && result > -4096;
}

const char *syscall_error_name(int64_t result)
{
	return syscall_is_error(result) ? strerrorname_np((int)-result) : NULL;
}

void syscall_put_result(struct text *to, int64_t result)
{
	if (syscall_is_error(result)) {
		const char *name = syscall_error_name(result);
		if (name)
			text_format(to, "-1 %s (%s)", name, strerrordesc_np((int)-result));
		else /* one that the kernel restarts the call for */
			text_format(to, "? (%lld)", (long long)result);
	} else if (result > 0xffffff || result < 0) {
		text_hex(to, (uint64_t)result);
	} else {
		text_s64(to, result);
	}
}
