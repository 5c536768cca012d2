/* SPDX-License-Identifier: MIT */
/* The personality: what of it is where. */

#include "active.h"
#include "mm.h"
#include "../personalities.h"

#include <stdlib.h>

static struct sdb_error *linux_open(struct sdb_target *target)
{
	struct linux_system *system = calloc(1, sizeof(*system));
	if (!system)
		return NO_MEMORY();
	target->system = system;
	system->target = target;
	return linux_find_kernel(system);
}

static void linux_close(struct sdb_target *target)
{
	struct linux_system *system = linux_of(target);
	if (!system)
		return;
	sdb_db_close(system->db);
	sdb_error_free(system->trouble);
	free(system->db_path);
	free(system->banner);
	free(system->release);
	free(system->command_line);
	free(system->scratch);
	free(system->mm);
	free(system->modules);
	free(system->log);
	free(system->clocks);
	linux_free_calls(system->calls);
	linux_free_active(system->active);
	free(system->stacks);
	free(system->user_frame);
	free(system->inactive_frame);
	free(system);
	target->system = NULL;
}

const struct personality personality_linux = {
	.name = "linux",
	.summary = "Linux on x86-64",
	.open = linux_open,
	.close = linux_close,
	.check = linux_check,
	.regions = linux_regions,
	.refresh = linux_refresh,
	.current = linux_current_task,
	.read_registers = linux_read_registers,
	.write_registers = linux_write_registers,
	.read_user_registers = linux_read_user_registers,
	.write_user_registers = linux_write_user_registers,
	.describe = linux_describe,
	.stack_range = linux_stack_range,
	.find_process = linux_find_process,
	.process_threads = linux_process_threads,
	.process_paging = linux_process_paging,
	.process_regions = linux_process_regions,
	.read_absent = linux_read_absent,
	.scan = linux_scan,
	.command_line = linux_command_line,
	.information = linux_information,
	.modules = linux_modules,
	.log = linux_log,
	.calls = linux_system_calls,
	.percpu_offset = linux_percpu_offset,
	.set_active = linux_set_active,
	.follow = linux_follow,
	.regions_version = linux_regions_version,
};
