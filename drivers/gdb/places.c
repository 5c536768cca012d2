/* SPDX-License-Identifier: MIT */
/* Where the registers of a stub, that gdb has names for, belong: the register file of x86. */

#include "features.h"
#include "runtime/arch/x86.h"
#include "runtime/driver.h"

#include <string.h>

#define FILE_AT(field) offsetof(struct x86_registers, field)
#define GENERAL(name, field) { name, FILE_AT(general.field), 8, 8, PLACE_FILE, REGISTERS_GENERAL }
#define FXSAVE(name, at, size) { name, FILE_AT(fxsave) + (at), size, size, PLACE_FILE, REGISTERS_VECTOR }
#define CPU(name, field) { name, offsetof(struct driver_cpu, field), 8, 8, PLACE_CPU, 0 }

static const struct place {
	const char *name;
	uint16_t offset;
	uint8_t copied, room, place, group;
} places[] = {
	GENERAL("rax", rax), GENERAL("rbx", rbx), GENERAL("rcx", rcx), GENERAL("rdx", rdx), GENERAL("rsi", rsi),
	GENERAL("rdi", rdi), GENERAL("rbp", rbp), GENERAL("rsp", rsp), GENERAL("r8", r8), GENERAL("r9", r9),
	GENERAL("r10", r10), GENERAL("r11", r11), GENERAL("r12", r12), GENERAL("r13", r13), GENERAL("r14", r14),
	GENERAL("r15", r15), GENERAL("rip", rip), GENERAL("eax", rax), GENERAL("ebx", rbx), GENERAL("ecx", rcx),
	GENERAL("edx", rdx), GENERAL("esi", rsi), GENERAL("edi", rdi), GENERAL("ebp", rbp), GENERAL("esp", rsp),
	GENERAL("eip", rip), GENERAL("eflags", eflags), GENERAL("rflags", eflags), GENERAL("cs", cs), GENERAL("ss", ss),
	GENERAL("ds", ds), GENERAL("es", es), GENERAL("fs", fs), GENERAL("gs", gs), GENERAL("fs_base", fs_base),
	GENERAL("gs_base", gs_base), GENERAL("orig_rax", orig_rax), GENERAL("orig_eax", orig_rax),
	/* FXSAVE: Intel SDM volume 1, table 10-2 */
	FXSAVE("fctrl", 0, 2), FXSAVE("fstat", 2, 2), FXSAVE("fop", 6, 2), FXSAVE("fioff", 8, 4), FXSAVE("fooff", 16, 4),
	FXSAVE("mxcsr", 24, 4),
	{ "ftag", FILE_AT(fxsave) + 4, 2, 1, PLACE_TAGS, REGISTERS_VECTOR },
	CPU("cr0", cr0), CPU("cr2", cr2), CPU("cr3", cr3), CPU("cr4", cr4), CPU("efer", efer), CPU("k_gs_base", kernel_gs_base),
};

/* The number between PREFIX and SUFFIX in NAME, as in `xmm12`; -1: it is no such name. */
static int number_in(const char *name, const char *prefix, const char *suffix)
{
	size_t length = strlen(prefix);
	if (strncmp(name, prefix, length) != 0 || name[length] < '0' || name[length] > '9')
		return -1;
	int number = name[length++] - '0';
	if (number && name[length] >= '0' && name[length] <= '9')
		number = 10 * number + name[length++] - '0';
	return strcmp(name + length, suffix) == 0 ? number : -1;
}

/* st0, xmm0, ymm0h and on. */
static bool place_numbered(const char *name, struct features_register *entry)
{
	static const struct { const char *prefix, *suffix; uint16_t first, step; uint8_t copied, room, count; } rows[] = {
		{ "st", "", FILE_AT(fxsave) + 32, 16, 10, 16, 8 }, { "xmm", "", FILE_AT(fxsave) + 160, 16, 16, 16, 16 },
		{ "ymm", "h", FILE_AT(ymm_high), 16, 16, 16, 16 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int number = number_in(name, rows[i].prefix, rows[i].suffix);
		if (number < 0 || number >= rows[i].count)
			continue;
		entry->place = PLACE_FILE;
		entry->group = REGISTERS_VECTOR;
		entry->offset = (uint16_t)(rows[i].first + number * rows[i].step);
		entry->copied = rows[i].copied;
		entry->room = rows[i].room;
		return true;
	}
	return false;
}

void features_place(const char *name, struct features_register *entry)
{
	entry->place = PLACE_NONE;
	if (place_numbered(name, entry)) {
		entry->copied = entry->size && entry->size < entry->copied ? (uint8_t)entry->size : entry->copied;
		return;
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strcmp(name, places[i].name) != 0)
			continue;
		entry->place = places[i].place;
		entry->group = places[i].group;
		entry->offset = places[i].offset;
		entry->copied = entry->size && entry->size < places[i].copied ? (uint8_t)entry->size : places[i].copied;
		entry->room = places[i].room;
		return;
	}
}
