/* SPDX-License-Identifier: MIT */
#include "stub.h"

static bool claims(const struct sdb_spec *spec)
{
	return (spec->gdb_port || spec->gdb_socket || spec->qemu || spec->qemu_pid || spec->qemu_memory || spec->qmp_socket
		|| spec->qmp_port || spec->domain) && !spec->overlay;
}

#define COMMON \
	.name = "gdb", \
	.summary = "a process or machine behind a gdb stub: gdbserver, QEMU", \
	.claims = claims, \
	.open = stub_open, \
	.close = stub_close, \
	.kill = stub_kill, \
	.pause = stub_pause, \
	.detach = stub_detach, \
	.resume = stub_resume, \
	.wait = stub_wait, \
	.descriptor = stub_descriptor, \
	.wake = stub_wake, \
	.read_registers = stub_read_registers, \
	.write_registers = stub_write_registers, \
	.insert_breakpoint = stub_insert_breakpoint, \
	.remove_breakpoint = stub_remove_breakpoint, \
	.insert_watch = stub_insert_watch, \
	.remove_watch = stub_remove_watch

/* A machine; also what is listed, before it is known which of the two it is. */
const struct driver driver_gdb = {
	COMMON,
	.refresh = stub_machine_refresh,
	.halted = stub_machine_halted,
	.read_memory = stub_read_virtual,
	.write_memory = stub_write_virtual,
	.cpus = stub_cpus,
	.cpu_state = stub_cpu_state,
	.map_physical = stub_map_physical,
	.read_physical = stub_read_physical,
	.write_physical = stub_write_physical,
	.ram = stub_ram,
};

const struct driver driver_gdb_process = {
	COMMON,
	.refresh = stub_refresh,
	.read_memory = stub_read_memory,
	.write_memory = stub_write_memory,
	.thread_name = stub_thread_name,
	.regions = stub_process_regions,
	.file_path = stub_process_file_path,
};
