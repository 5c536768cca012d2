/* SPDX-License-Identifier: MIT */
/* The system as a whole: version, command line, clocks. */

#include "linux.h"

#include <stdlib.h>

#define COMMAND_LINE_MAX 4096

/*
 * The clocks as they were at the last tick: what a CPU counted since is not known from outside. Of struct
 * timekeeper (include/linux/timekeeper_internal.h); `tkr_mono` since v4.0 (876e78818def "time: Rename
 * timekeeper::tkr to timekeeper::tkr_mono").
 */
struct linux_clock_layout {
	struct linux_member timekeeper, base, nsec, shift, boot, real;
	uint64_t keeper; /* 0: this kernel's are not known */
};

static const struct linux_wanted wanted[] = {
	{ offsetof(struct linux_clock_layout, timekeeper), "&tk_core", "timekeeper", true },
	{ offsetof(struct linux_clock_layout, base), "timekeeper", "tkr_mono.base|tkr.base|tkr_mono.base_mono", true },
	{ offsetof(struct linux_clock_layout, nsec), "timekeeper", "tkr_mono.xtime_nsec|tkr.xtime_nsec", true },
	{ offsetof(struct linux_clock_layout, shift), "timekeeper", "tkr_mono.shift|tkr.shift", true },
	{ offsetof(struct linux_clock_layout, boot), "timekeeper", "offs_boot", true },
	{ offsetof(struct linux_clock_layout, real), "timekeeper", "offs_real", true },
};

static struct sdb_error *load_clocks(struct linux_system *system)
{
	if (system->clocks)
		return NULL;
	struct linux_clock_layout *layout = calloc(1, sizeof(*layout));
	struct sdb_error *error = layout ? linux_layout(system, wanted, sizeof(wanted) / sizeof(wanted[0]), layout) : NO_MEMORY();
	if (error) {
		free(layout);
		return error;
	}
	bool whole = true;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		whole &= linux_has((const struct linux_member *)((const uint8_t *)layout + wanted[i].slot));
	layout->keeper = whole ? linux_symbol_or_0(system, "tk_core") : 0;
	if (layout->keeper)
		layout->keeper += layout->timekeeper.at;
	system->clocks = layout;
	return NULL;
}

static struct sdb_error *read_clocks(struct linux_system *system, struct sdb_system *system_ret)
{
	uint64_t base, nsec, shift, boot, real;
	struct sdb_error *error = load_clocks(system);
	const struct linux_clock_layout *layout = system->clocks;
	if (error || !layout->keeper)
		return error;
	error = linux_read_member(system, layout->keeper, &layout->base, &base);
	if (!error)
		error = linux_read_member(system, layout->keeper, &layout->nsec, &nsec);
	if (!error)
		error = linux_read_member(system, layout->keeper, &layout->shift, &shift);
	if (!error)
		error = linux_read_member(system, layout->keeper, &layout->boot, &boot);
	if (!error)
		error = linux_read_member(system, layout->keeper, &layout->real, &real);
	if (error)
		return error;
	system_ret->uptime = base + (nsec >> (shift & 63)) + boot;
	system_ret->boot_time = real - boot;
	return NULL;
}

static struct sdb_error *read_command_line(struct linux_system *system)
{
	uint64_t text, variable = system->command_line ? 0 : linux_symbol_or_0(system, "saved_command_line");
	if (!variable)
		return NULL;
	struct sdb_error *error = linux_read_u64(system, variable, &text);
	if (error || !linux_is_pointer(text & ~7ull)) {
		sdb_error_free(error); /* not set yet */
		return NULL;
	}
	system->command_line = malloc(COMMAND_LINE_MAX);
	return system->command_line ? linux_read_text(system, text, system->command_line, COMMAND_LINE_MAX) : NO_MEMORY();
}

struct sdb_error *linux_information(struct sdb_target *target, struct sdb_system *system_ret)
{
	struct linux_system *system = linux_of(target);
	bool online[256];
	system_ret->version = system->banner;
	system_ret->release = system->release;
	system_ret->build_id = system->build_id_length ? system->build_id : NULL;
	system_ret->build_id_length = system->build_id_length;
	system_ret->base = system->base;
	system_ret->bias = system->bias;
	system_ret->physical_base = system->physical_base;
	if (!system->db) /* that is all that can be said without */
		return NULL;
	struct sdb_error *error = linux_load_tasks(system);
	if (error)
		return error;
	system_ret->cpus = linux_cpus_online(system, online, sizeof(online) / sizeof(online[0]));
	error = read_command_line(system);
	system_ret->command_line = system->command_line;
	return error ? error : read_clocks(system, system_ret);
}
