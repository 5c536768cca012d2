/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_QEMU_H
#define DRIVERS_GDB_QEMU_H

/*
 * The QEMU helper: what QEMU tells and shows of a machine beside its gdb stub. Guest RAM is mapped
 * from the file or memory descriptor that it lies in, and QMP, or libvirt, is asked for the rest.
 * Nothing here needs the stub, or stops the machine.
 */

#include "runtime/target.h"

struct qemu;

/*
 * Reads guest-physical memory where it cannot be mapped, by other means than QMP: the stub's physical
 * mode. *DONE_RET bytes, 0 when there is nothing at ADDRESS.
 */
struct qemu_fallback {
	struct sdb_error *(*read)(void *arg, uint64_t address, void *buffer, size_t size, size_t *done_ret);
	struct sdb_error *(*write)(void *arg, uint64_t address, const void *buffer, size_t size);
	void *arg;
};

/*
 * Finds the QEMU that target->spec names, by whatever of process, QMP and libvirt is given, and maps its RAM.
 * *QEMU_RET is NULL without an error when the specification names no QEMU. Also sets target->name and
 * target->pid. RAM that is not shared is no error here, see qemu_shared().
 */
struct sdb_error *qemu_open(struct sdb_target *target, struct qemu **qemu_ret);
/* Removes a stub that was added; lets a machine go on that qemu_stop() stopped. NULL is allowed. */
void qemu_close(struct qemu *qemu);

/* ---- memory --------------------------------------------------------------------------------- */

/* Whether all RAM is mapped; if not, *WHY_RET says why and what to add to QEMU's command line; owned by QEMU. */
bool qemu_shared(const struct qemu *qemu, const char **why_ret);
/* What is used for RAM that is not mapped; without one QMP's slow `xp` is. */
void qemu_set_fallback(struct qemu *qemu, const struct qemu_fallback *fallback);
/* As driver.map_physical, .read_physical, .write_physical and .ram. */
const uint8_t *qemu_map_physical(struct qemu *qemu, uint64_t address, size_t *size_ret);
struct sdb_error *qemu_read_physical(struct qemu *qemu, uint64_t address, void *buffer, size_t size, size_t *done_ret);
struct sdb_error *qemu_write_physical(struct qemu *qemu, uint64_t address, const void *buffer, size_t size);
bool qemu_ram(struct qemu *qemu, unsigned index, uint64_t *low_ret, uint64_t *high_ret);

/* ---- CPUs and state ---------------------------------------------------------------------------- */

/* Whether QMP (or libvirt's way to it) is there: without it the functions below are UNSUPPORTED, and say so. */
bool qemu_has_monitor(const struct qemu *qemu);
/* 0: not known. */
unsigned qemu_cpus(struct qemu *qemu);
/* A snapshot of the registers of CPU (from 0), while it runs or not. */
struct sdb_error *qemu_cpu_state(struct qemu *qemu, unsigned cpu, struct driver_cpu *cpu_ret);
struct sdb_error *qemu_stop(struct qemu *qemu);
struct sdb_error *qemu_cont(struct qemu *qemu);
/* Whether it runs now: asked anew. False as well when QEMU has quit. */
bool qemu_running(struct qemu *qemu);
/* Whether its monitor says that it stands still; false when nobody can be asked. */
bool qemu_halted(struct qemu *qemu);
/* Whether QEMU's process has ended. */
bool qemu_gone(struct qemu *qemu);
/* Ends QEMU. */
struct sdb_error *qemu_quit(struct qemu *qemu);

/*
 * Where its gdb stub listens: one of its command line, or one that is added at run time and removed by
 * qemu_close(). A socket, or a host and port; the strings are owned by QEMU, and NULL when not that.
 */
struct sdb_error *qemu_stub_address(struct qemu *qemu, const char **socket_ret, const char **host_ret, int *port_ret);

#endif
