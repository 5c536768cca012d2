/* SPDX-License-Identifier: MIT */
#include "guest_process.h"

static bool claims(const struct sdb_spec *spec)
{
	return spec->overlay != NULL;
}

const struct driver driver_process = {
	.name = "os-process",
	.summary = "a process inside a machine, by name or number",
	.claims = claims,
	.open = guest_process_open,
	.close = guest_process_close,
	.pause = guest_process_pause,
	.detach = guest_process_detach,
	.refresh = guest_process_refresh,
	.resume = guest_process_resume,
	.wait = guest_process_wait,
	.descriptor = guest_process_descriptor,
	.wake = guest_process_wake,
	.read_registers = guest_process_read_registers,
	.write_registers = guest_process_write_registers,
	.read_memory = guest_process_read,
	.write_memory = guest_process_write,
	.insert_breakpoint = guest_process_insert_breakpoint,
	.remove_breakpoint = guest_process_remove_breakpoint,
	.insert_watch = guest_process_insert_watch,
	.remove_watch = guest_process_remove_watch,
	.thread_name = guest_process_thread_name,
	.thread_state = guest_process_thread_state,
	.thread_user = guest_process_thread_user,
	.regions = guest_process_regions,
	.file_path = guest_process_file_path,
};
