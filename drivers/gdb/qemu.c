/* SPDX-License-Identifier: MIT */
#include "qemu_private.h"
#include "monitor.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XP_CHUNK 256u /* bytes that are asked for at once */

static bool is_wanted(const struct sdb_spec *spec)
{
	return spec->qemu || spec->qemu_pid || spec->qemu_memory || spec->qmp_socket || spec->qmp_port || spec->domain;
}

const char *qemu_name(const struct qemu *qemu)
{
	return qemu->qmp ? qmp_name(qemu->qmp) : "QEMU";
}

struct sdb_error *qemu_need_monitor(const struct qemu *qemu)
{
	return qemu->qmp ? NULL : sdb_error_new(SDB_ERROR_UNSUPPORTED, "QEMU cannot be asked: %s",
						qemu->no_monitor ? qemu->no_monitor : "no QMP was given");
}

bool qemu_has_monitor(const struct qemu *qemu)
{
	return qemu->qmp;
}

/* ---- opening ---------------------------------------------------------------------------------------- */

/* What the machine is called: by -name, as its domain, or by QEMU's process. */
static struct sdb_error *name_target(struct qemu *qemu)
{
	struct sdb_target *target = qemu->target;
	const char *name = qemu->line.name ? qemu->line.name : target->spec.domain;
	free(target->name);
	if (name)
		target->name = strdup(name);
	else if (!qemu->pid || asprintf(&target->name, "qemu-%" PRId64, qemu->pid) < 0)
		target->name = strdup("qemu");
	target->pid = qemu->pid;
	return target->name ? NULL : NO_MEMORY();
}

struct sdb_error *qemu_open(struct sdb_target *target, struct qemu **qemu_ret)
{
	*qemu_ret = NULL;
	if (!is_wanted(&target->spec))
		return NULL;
	struct qemu *qemu = calloc(1, sizeof(*qemu));
	if (!qemu)
		return NO_MEMORY();
	qemu->target = target;
	qemu->pidfd = -1;
	struct sdb_error *error = qemu_find(qemu);
	if (!error)
		error = qemu_find_ram(qemu);
	if (!error)
		error = name_target(qemu);
	if (error) {
		qemu_close(qemu);
		return error;
	}
	if (qemu->not_shared)
		target_log(target, SDB_LOG_DRIVER, SDB_LOG_WARNING, "%s", qemu->not_shared);
	*qemu_ret = qemu;
	return NULL;
}

void qemu_close(struct qemu *qemu)
{
	if (!qemu)
		return;
	if (qemu->qmp && !qemu_gone(qemu)) {
		qemu_remove_stub(qemu);
		if (qemu->stopped)
			sdb_error_free(qemu_cont(qemu));
	}
	ram_destroy(qemu->ram);
	qmp_close(qemu->qmp);
	if (qemu->pidfd >= 0)
		close(qemu->pidfd);
	qemu_command_line_deinit(&qemu->line);
	free(qemu->no_monitor);
	free(qemu->not_shared);
	free(qemu->stub_socket);
	free(qemu->stub_host);
	free(qemu->stub_file);
	free(qemu);
}

/* ---- memory ----------------------------------------------------------------------------------------- */

bool qemu_shared(const struct qemu *qemu, const char **why_ret)
{
	*why_ret = qemu->not_shared;
	return !qemu->not_shared && ram_count(qemu->ram);
}

void qemu_set_fallback(struct qemu *qemu, const struct qemu_fallback *fallback)
{
	qemu->fallback = *fallback;
}

const uint8_t *qemu_map_physical(struct qemu *qemu, uint64_t address, size_t *size_ret)
{
	const uint8_t *mapped = ram_at(qemu->ram, address, size_ret);
	qemu->target->map_changes = ram_lettings(qemu->ram);
	return mapped;
}

bool qemu_ram(struct qemu *qemu, unsigned index, uint64_t *low_ret, uint64_t *high_ret)
{
	return ram_range(qemu->ram, index, low_ret, high_ret);
}

/* How many of SIZE bytes from ADDRESS on are RAM; all, when nobody knows what is. */
static size_t ram_part(const struct qemu *qemu, uint64_t address, size_t size)
{
	uint64_t low, high;
	for (unsigned i = 0; ram_range(qemu->ram, i, &low, &high); i++)
		if (address >= low && address < high)
			return size < high - address ? size : (size_t)(high - address);
	return ram_count(qemu->ram) ? 0 : size;
}

/* By the monitor: half a millisecond for each few bytes. */
static struct sdb_error *read_by_monitor(struct qemu *qemu, uint64_t address, uint8_t *buffer, size_t size, size_t *done_ret)
{
	char line[64], *text;
	struct sdb_error *error = qemu_need_monitor(qemu);
	while (!error && *done_ret < size) {
		size_t part = size - *done_ret < XP_CHUNK ? size - *done_ret : XP_CHUNK;
		snprintf(line, sizeof(line), "xp /%zuxb 0x%" PRIx64, part, address + *done_ret);
		error = qmp_monitor(qemu->qmp, 0, line, &text);
		if (error)
			break;
		bool whole = monitor_bytes(text, buffer + *done_ret, part);
		free(text);
		if (!whole)
			break;
		*done_ret += part;
	}
	return error;
}

/* RAM only: reading the registers of a device may change its state. */
static struct sdb_error *read_unmapped(struct qemu *qemu, uint64_t address, uint8_t *buffer, size_t size, size_t *done_ret)
{
	size = ram_part(qemu, address, size);
	*done_ret = 0;
	if (!size)
		return NULL;
	return qemu->fallback.read ? qemu->fallback.read(qemu->fallback.arg, address, buffer, size, done_ret)
		: read_by_monitor(qemu, address, buffer, size, done_ret);
}

struct sdb_error *qemu_read_physical(struct qemu *qemu, uint64_t address, void *buffer, size_t size, size_t *done_ret)
{
	size_t more;
	struct sdb_error *error = ram_read(qemu->ram, address, buffer, size, done_ret);
	qemu->target->map_changes = ram_lettings(qemu->ram);
	if (error || *done_ret == size)
		return error;
	error = read_unmapped(qemu, address + *done_ret, (uint8_t *)buffer + *done_ret, size - *done_ret, &more);
	*done_ret += more;
	return error;
}

struct sdb_error *qemu_write_physical(struct qemu *qemu, uint64_t address, const void *buffer, size_t size)
{
	struct sdb_error *error = ram_write(qemu->ram, address, buffer, size);
	if (!error || sdb_error_code(error) != SDB_ERROR_UNSUPPORTED || !qemu->fallback.write)
		return error;
	sdb_error_free(error);
	return qemu->fallback.write(qemu->fallback.arg, address, buffer, size);
}

/* ---- CPUs ---------------------------------------------------------------------------------------------- */

unsigned qemu_cpus(struct qemu *qemu)
{
	struct jsontext cpus, cpu = { 0 };
	if (qemu->cpu_count || !qemu->qmp)
		return qemu->cpu_count;
	struct sdb_error *error = qmp_execute(qemu->qmp, "query-cpus-fast", NULL, &cpus);
	while (!error && qemu->cpu_count < MONITOR_MAX_CPUS && jsontext_next(cpus, &cpu))
		qemu->cpu_count++;
	sdb_error_free(error);
	return qemu->cpu_count;
}

struct sdb_error *qemu_cpu_state(struct qemu *qemu, unsigned cpu, struct driver_cpu *cpu_ret)
{
	char *text;
	struct sdb_error *error = qemu_need_monitor(qemu);
	if (!error)
		error = qmp_monitor(qemu->qmp, cpu, "info registers", &text);
	if (error)
		return error;
	bool whole = monitor_registers(text, cpu, cpu_ret);
	free(text);
	return whole ? NULL : sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: the registers of CPU %u are not those of an x86 CPU",
					    qemu_name(qemu), cpu);
}

/* ---- running ----------------------------------------------------------------------------------------------- */

static struct sdb_error *execute(struct qemu *qemu, const char *command)
{
	struct jsontext unused;
	struct sdb_error *error = qemu_need_monitor(qemu);
	return error ? error : qmp_execute(qemu->qmp, command, NULL, &unused);
}

struct sdb_error *qemu_stop(struct qemu *qemu)
{
	struct sdb_error *error = execute(qemu, "stop");
	if (!error)
		qemu->stopped = true;
	return error;
}

struct sdb_error *qemu_cont(struct qemu *qemu)
{
	struct sdb_error *error = execute(qemu, "cont");
	if (!error)
		qemu->stopped = false;
	return error;
}

/* False: there is no answer. */
static bool ask_running(struct qemu *qemu, bool *running_ret)
{
	struct jsontext status, running;
	struct sdb_error *error = qmp_execute(qemu->qmp, "query-status", NULL, &status);
	bool answered = !error && jsontext_member(status, "running", &running);
	*running_ret = answered && jsontext_kind(running) == 't';
	sdb_error_free(error);
	return answered;
}

bool qemu_running(struct qemu *qemu)
{
	bool running;
	if (!qemu->qmp)
		return !qemu_gone(qemu);
	return ask_running(qemu, &running) && running;
}

bool qemu_halted(struct qemu *qemu)
{
	bool running;
	return qemu->qmp && ask_running(qemu, &running) && !running;
}

bool qemu_gone(struct qemu *qemu)
{
	struct pollfd ended = { .fd = qemu->pidfd, .events = POLLIN };
	if (qemu->ram && ram_lost(qemu->ram))
		return true;
	/* One system call: this is asked before each look at a machine that runs. */
	if (qemu->pidfd >= 0)
		return poll(&ended, 1, 0) > 0;
	return qemu->qmp && qmp_ended(qemu->qmp);
}

struct sdb_error *qemu_quit(struct qemu *qemu)
{
	struct sdb_error *error = execute(qemu, "quit");
	/* It may go before it has answered. */
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}
