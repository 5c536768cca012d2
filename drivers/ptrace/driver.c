/* SPDX-License-Identifier: MIT */
#include "process.h"

static bool claims(const struct sdb_spec *spec)
{
	return spec->pid != 0 || spec->program != NULL;
}

const struct driver driver_ptrace = {
	.name = "ptrace",
	.summary = "a Linux process of this machine",
	.claims = claims,
	.open = process_open,
	.close = process_close,
	.kill = process_kill,
	.pause = attach_pause,
	.detach = attach_detach,
	.refresh = attach_refresh,
	.resume = events_resume,
	.wait = events_wait,
	.descriptor = waiter_descriptor,
	.wake = waiter_wake,
	.continue_child = children_continue,
	.report_syscalls = events_report_calls,
	.read_registers = registers_read,
	.write_registers = registers_write,
	.read_memory = memory_read,
	.write_memory = memory_write,
	.thread_name = procfs_thread_name,
	.thread_state = procfs_thread_state,
	.thread_user = procfs_thread_user,
	.thread_signal = process_signal,
	.regions = procfs_regions,
	.file_path = procfs_file_path,
	.guard = guard_keep,
	.guard_release = guard_forget,
	.scratch = scratch_find,
	.save_thread = alone_save,
	.run_alone = alone_run,
	.restore_thread = alone_restore,
};
