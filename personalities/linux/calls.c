/* SPDX-License-Identifier: MIT */
/*
 * The table of system calls. Since v6.9 (1e3ad78334a6 "x86/syscall: Don't force use of indirect calls for
 * system calls") the kernel itself goes by x64_sys_call(), and the table is for tracing; both name one function.
 */

#include "calls.h"
#include "linux.h"

#include <stdlib.h>

#define CALLS_MAX 4096u

/* Whether SYMBOL is what call NUMBER was built with, as far as names tell. */
static bool is_own(unsigned number, const char *symbol)
{
	/* Of a call without arguments both wrappers are one; such wrappers are there since v4.17, fa697140f9a2 "syscalls/x86: Use 'struct pt_regs' based syscall calling". */
	static const char *const prefixes[] = { "__x64_sys_", "__ia32_sys_", "__do_sys_", "__se_sys_", "sys_", "stub_", "SyS_", "ptregs_sys_" };
	if (strstr(symbol, "sys_ni_syscall") && strlen(symbol) <= 24)
		return true; /* not compiled in */
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i]);
		if (strncmp(symbol, prefixes[i], length) != 0)
			continue;
		const struct linux_call *call = number < LINUX_CALLS ? &linux_calls[number] : NULL;
		if (!call || !call->name) /* newer than this program */
			return true;
		if (strcmp(symbol + length, call->name) == 0 || (call->function && strcmp(symbol + length, call->function) == 0))
			return true;
	}
	return false;
}

/* An entry as it was told last; the symbol is not looked up again as long as the address stays. */
struct entry {
	uint64_t address;
	char *symbol;      /* NULL: none */
	bool known, inside, changed;
};

struct linux_call_table {
	uint64_t at;
	unsigned count;
	struct entry entries[];
};

void linux_free_calls(struct linux_call_table *calls)
{
	for (unsigned i = 0; calls && i < calls->count; i++)
		free(calls->entries[i].symbol);
	free(calls);
}

static struct sdb_error *load_table(struct linux_system *system)
{
	struct linux_member table = { 0 };
	const struct linux_wanted size = { 0, "&sys_call_table", NULL, true };
	uint64_t at;
	struct sdb_error *error = system->calls ? NULL : linux_symbol(system, "sys_call_table", &at);
	if (error || system->calls)
		return error;
	error = linux_layout(system, &size, 1, &table);
	unsigned count = table.size / 8;
	if (!error && (!count || count > CALLS_MAX))
		error = sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: how long the table of system calls is, is not known", system->db_path);
	if (error)
		return error;
	system->calls = calloc(1, sizeof(*system->calls) + count * sizeof(system->calls->entries[0]));
	if (!system->calls)
		return NO_MEMORY();
	system->calls->at = at;
	system->calls->count = count;
	return NULL;
}

/* Looks up what is at ADDRESS now. */
static struct sdb_error *renew(struct linux_system *system, unsigned number, uint64_t address)
{
	struct entry *entry = &system->calls->entries[number];
	uint64_t offset = 0;
	free(entry->symbol);
	*entry = (struct entry){ .address = address, .inside = address >= system->base && address < system->image_high };
	if (entry->inside) {
		struct sdb_error *error = linux_symbol_name(system, address, &entry->symbol, &offset);
		if (error)
			return error;
		entry->known = true;
	} else { /* of a module, that may come and go */
		struct sdb_place place = { 0 };
		sdb_error_free(sdb_target_place(system->target, address, &place));
		entry->symbol = place.symbol ? strdup(place.symbol) : NULL;
	}
	entry->changed = !entry->inside || !entry->symbol || offset || !is_own(number, entry->symbol);
	return NULL;
}

static struct sdb_error *tell_call(struct linux_system *system, unsigned number, uint64_t address, sdb_system_call_fn fn,
				   void *arg)
{
	struct entry *entry = &system->calls->entries[number];
	struct sdb_error *error = entry->known && entry->address == address ? NULL : renew(system, number, address);
	if (error)
		return error;
	const char *symbol = entry->symbol;
	const struct sdb_system_call call = {
		.number = number, .address = address, .symbol = symbol,
		.name = number < LINUX_CALLS && linux_calls[number].name ? linux_calls[number].name
			: entry->inside && symbol && strncmp(symbol, "__x64_sys_", 10) == 0 && !strstr(symbol, "ni_syscall")
			? symbol + 10 : NULL,
		.changed = entry->changed,
	};
	return fn(arg, &call);
}

struct sdb_error *linux_system_calls(struct sdb_target *target, sdb_system_call_fn fn, void *arg)
{
	struct linux_system *system = linux_of(target);
	struct sdb_error *error = load_table(system);
	for (unsigned i = 0; !error && i < system->calls->count; i++) {
		uint64_t address;
		error = linux_read_u64(system, system->calls->at + 8ull * i, &address);
		if (!error)
			error = tell_call(system, i, address, fn, arg);
	}
	return error;
}
