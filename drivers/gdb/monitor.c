/* SPDX-License-Identifier: MIT */
#include "monitor.h"

#include <stdlib.h>
#include <string.h>

static const char *next_line(const char *at)
{
	at = strchr(at, '\n');
	return at ? at + 1 : NULL;
}

/* Hexadecimal digits at *AT, which is moved behind them; false: none, or more than 64 bits. */
static bool take_hex(const char **at, uint64_t *value_ret)
{
	char *end;
	if (!strchr("0123456789abcdefABCDEF", **at) || !**at)
		return false;
	*value_ret = strtoull(*at, &end, 16);
	bool fits = end - *at <= 16 || (end - *at <= 18 && (*at)[1] == 'x');
	*at = end;
	return fits;
}

/* ---- info mtree -f ------------------------------------------------------------------------------------- */

/* The first line of ranges of the address space called `memory`; NULL: there is none. */
static const char *find_memory_view(const char *text)
{
	bool found = false;
	for (const char *at = text; at; at = next_line(at)) {
		if (strncmp(at, "FlatView #", 10) == 0)
			found = false;
		else if (strncmp(at, " AS \"memory\",", 13) == 0)
			found = true;
		else if (found && strncmp(at, " Root memory region", 19) == 0)
			return next_line(at);
	}
	return NULL;
}

static void take_block(const char *name, struct monitor_range *range)
{
	static const char objects[] = "/objects/";
	const char *end = name + strcspn(name, "\r\n");
	const char *offset = memmem(name, (size_t)(end - name), " @", 2);
	if (offset) {
		const char *digits = offset + 2;
		if (!take_hex(&digits, &range->offset))
			range->offset = 0;
		end = offset;
	}
	/* What follows is whose it is, and whether KVM has it. */
	for (const char *at = name; at < end; at++)
		if (*at == ' ' && (strncmp(at, " owner:", 7) == 0 || strncmp(at, " parent:", 8) == 0
				   || strncmp(at, " KVM", 4) == 0))
			end = at;
	if (strncmp(name, objects, sizeof(objects) - 1) == 0 && name + sizeof(objects) - 1 < end)
		name += sizeof(objects) - 1;
	size_t length = (size_t)(end - name);
	if (length >= sizeof(range->block))
		length = sizeof(range->block) - 1;
	memcpy(range->block, name, length);
	range->block[length] = '\0';
}

/* `  0000000000100000-000000007fffffff (prio 0, ram): NAME @0000000000100000`; false: not memory. */
static bool take_range(const char *line, struct monitor_range *range)
{
	*range = (struct monitor_range){ 0 };
	const char *at = line + strspn(line, " ");
	if (!take_hex(&at, &range->low) || *at++ != '-' || !take_hex(&at, &range->high))
		return false;
	const char *end = at + strcspn(at, "\n"), *kind = memchr(at, ',', (size_t)(end - at));
	const char *name = kind ? memmem(kind, (size_t)(end - kind), "): ", 3) : NULL;
	if (!name || range->high < range->low || range->high == UINT64_MAX)
		return false;
	range->high++;
	kind += 1 + strspn(kind + 1, " ");
	kind += strncmp(kind, "nv-", 3) == 0 ? 3 : 0;
	if (strncmp(kind, "ram)", 4) != 0 && strncmp(kind, "rom)", 4) != 0)
		return false;
	take_block(name + 3, range);
	return true;
}

/* One range with the one before, where they are parts of one: the BIOS area is many. */
static bool extends(const struct monitor_range *before, const struct monitor_range *range)
{
	return before->high == range->low && strcmp(before->block, range->block) == 0
		&& before->offset + (before->high - before->low) == range->offset;
}

struct sdb_error *monitor_ranges(const char *text, struct monitor_range **ranges_ret, size_t *count_ret)
{
	struct monitor_range *ranges = calloc(MONITOR_MAX_RANGES, sizeof(*ranges)), range;
	size_t count = 0;
	if (!ranges)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	const char *line = find_memory_view(text);
	for (; line && *line == ' '; line = next_line(line)) {
		if (!take_range(line, &range))
			continue;
		if (count && range.low < ranges[count - 1].high)
			break; /* they are ordered: this is no such text */
		if (count && extends(&ranges[count - 1], &range))
			ranges[count - 1].high = range.high;
		else if (count < MONITOR_MAX_RANGES)
			ranges[count++] = range;
	}
	if (!count) {
		free(ranges);
		return sdb_error_new(SDB_ERROR_CORRUPT, "`info mtree -f` shows no memory of the machine");
	}
	*ranges_ret = ranges;
	*count_ret = count;
	return NULL;
}

/* ---- info registers -a ------------------------------------------------------------------------------------- */

/* Where the digits behind NAME are, in the text up to END. A name is a word of its own, as `CR0=`. */
static const char *find_register(const char *text, const char *end, const char *name)
{
	size_t length = strlen(name);
	for (const char *at = text; (at = memmem(at, (size_t)(end - at), name, length)); at += length)
		if (at == text || at[-1] == ' ' || at[-1] == '\n' || at[-1] == '\r')
			return at + length;
	return NULL;
}

static bool take_register(const char *text, const char *end, const char *name, uint64_t *value_ret)
{
	const char *at = find_register(text, end, name);
	if (!at)
		return false;
	at += strspn(at, " ");
	return at < end && take_hex(&at, value_ret);
}

/* Of `GS =0000 ff1a24e1bbc00000 00000000 00000000`: the selector and the base. */
static bool take_segment(const char *text, const char *end, const char *name, uint64_t *selector_ret, uint64_t *base_ret)
{
	const char *at = find_register(text, end, name);
	if (!at || !take_hex(&at, selector_ret))
		return false;
	at += strspn(at, " ");
	return at < end && take_hex(&at, base_ret);
}

/* The part of TEXT that is CPU's. Without `CPU#` all of it is: older QEMUs print no number of one CPU that was asked for. */
static const char *find_cpu(const char *text, unsigned cpu, const char **end_ret)
{
	const char *found = strncmp(text, "CPU#", 4) != 0 && !strstr(text, "\nCPU#") ? text : NULL;
	for (const char *at = text; at && !found; at = next_line(at))
		if (strncmp(at, "CPU#", 4) == 0 && strtoul(at + 4, NULL, 10) == cpu)
			found = at;
	if (!found)
		return NULL;
	const char *end = strstr(found, "\nCPU#");
	*end_ret = end ? end : found + strlen(found);
	return found;
}

bool monitor_registers(const char *text, unsigned cpu, struct driver_cpu *cpu_ret)
{
	const char *end;
	uint64_t cs, unused;
	*cpu_ret = (struct driver_cpu){ 0 };
	text = find_cpu(text, cpu, &end);
	if (!text)
		return false;
	/* A CPU that is not in 64-bit mode has the narrower names; its segments' bases have eight digits. */
	bool wide = take_register(text, end, "RIP=", &cpu_ret->pc);
	if (!wide && !take_register(text, end, "EIP=", &cpu_ret->pc))
		return false;
	take_register(text, end, wide ? "RSP=" : "ESP=", &cpu_ret->sp);
	take_register(text, end, wide ? "RFL=" : "EFL=", &cpu_ret->flags);
	take_register(text, end, "EFER=", &cpu_ret->efer);
	take_register(text, end, "CR2=", &cpu_ret->cr2);
	take_register(text, end, "IDT=", &cpu_ret->idt_base);
	take_register(text, end, "GDT=", &cpu_ret->gdt_base);
	take_segment(text, end, "FS =", &unused, &cpu_ret->fs_base);
	take_segment(text, end, "GS =", &unused, &cpu_ret->gs_base);
	if (take_segment(text, end, "CS =", &cs, &unused))
		cpu_ret->cs = (uint16_t)cs;
	return take_register(text, end, "CR0=", &cpu_ret->cr0) && take_register(text, end, "CR3=", &cpu_ret->cr3)
		&& take_register(text, end, "CR4=", &cpu_ret->cr4);
}

/* ---- gpa2hva, xp ----------------------------------------------------------------------------------------------- */

bool monitor_host_address(const char *text, uint64_t *address_ret)
{
	/* `Host virtual address for 0x100000 (ram) is 0x7f8ec5f00000` */
	const char *at = strstr(text, " is 0x");
	if (strncmp(text, "Host virtual address", 20) != 0 || !at)
		return false;
	at += 6;
	return take_hex(&at, address_ret);
}

bool monitor_bytes(const char *text, uint8_t *bytes, size_t count)
{
	/* `0000000000100000: 0x48 0x8d ...`, eight to a line */
	size_t done = 0;
	for (const char *line = text; line && done < count; line = next_line(line)) {
		const char *at = strchr(line, ':');
		uint64_t value;
		for (at = at ? at + 1 : line; done < count; done++) {
			at += strspn(at, " ");
			if (strncmp(at, "0x", 2) != 0 || !take_hex(&at, &value) || value > 0xff)
				break;
			bytes[done] = (uint8_t)value;
		}
	}
	return done == count;
}
