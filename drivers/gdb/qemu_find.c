/* SPDX-License-Identifier: MIT */
/*
 * From whatever is known of a QEMU to the rest: its process leads to its monitor by the command line, a monitor to the
 * process by the socket's other end or by the numbers of its CPUs' threads, a RAM file or a stub to the process that
 * has it.
 */

#include "qemu_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATIENCE 3000 /* milliseconds for a greeting, when it is the only monitor */
#define SHORT_PATIENCE 500

/* ---- the monitor ------------------------------------------------------------------------------------ */

static struct sdb_error *open_given(struct qemu *qemu)
{
	const struct sdb_spec *spec = &qemu->target->spec;
	struct qmp_address address = { .socket = spec->qmp_socket, .host = spec->qmp_host, .port = spec->qmp_port,
				       .domain = spec->domain, .libvirt_uri = spec->libvirt_uri };
	return qmp_open(&address, PATIENCE, &qemu->qmp);
}

/* One of those on QEMU's command line; when none answers it is not there, and `no_monitor` says why. */
static void open_any(struct qemu *qemu)
{
	struct sdb_error *error = NULL;
	unsigned count = qemu->line.monitor_count;
	for (unsigned i = 0; i < count && !qemu->qmp; i++) {
		const struct qemu_socket *socket = &qemu->line.monitors[i];
		struct qmp_address address = { .socket = socket->path, .host = socket->host, .port = socket->port };
		sdb_error_free(error);
		error = qmp_open(&address, i + 1 < count ? SHORT_PATIENCE : PATIENCE, &qemu->qmp);
	}
	if (error)
		qemu->no_monitor = strdup(sdb_error_message(error));
	else if (!qemu->pid)
		qemu->no_monitor = strdup("no QEMU of this machine uses that file");
	else if (!qemu->qmp)
		qemu->no_monitor = strdup(qemu->line.foreign
			? "its monitor is in the hands of another program, such as libvirt (give -m DOMAIN)"
			: "its command line has no QMP (add -qmp unix:PATH,server=on,wait=off)");
	sdb_error_free(error);
}

/* ---- the process ------------------------------------------------------------------------------------- */

/* The process of the thread that CPU 0 is, if it is one of this machine. */
static struct sdb_error *find_by_cpu(struct qemu *qemu)
{
	struct jsontext cpus, cpu = { 0 }, thread;
	int64_t tid;
	struct sdb_error *error = qmp_execute(qemu->qmp, "query-cpus-fast", NULL, &cpus);
	if (!error && jsontext_next(cpus, &cpu) && jsontext_member(cpu, "thread-id", &thread) && jsontext_integer(thread, &tid))
		qemu->pid = qemu_process_of_thread(tid);
	return error;
}

static bool is_local(const char *host)
{
	return !host || strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static struct sdb_error *find_by_monitor(struct qemu *qemu)
{
	const struct sdb_spec *spec = &qemu->target->spec;
	int64_t peer = qmp_peer(qemu->qmp);
	if (peer && qemu_process_of_thread(peer) == peer)
		qemu->pid = peer;
	/* A number from another machine may be that of some QEMU here. */
	else if (spec->domain || spec->qmp_socket || is_local(spec->qmp_host))
		return find_by_cpu(qemu);
	return NULL;
}

/* Without a monitor or process: by a RAM file or stub. */
static struct sdb_error *find_by_parts(struct qemu *qemu)
{
	const struct sdb_spec *spec = &qemu->target->spec;
	struct stat status;
	if (spec->qemu_memory) {
		if (stat(spec->qemu_memory, &status) == 0)
			qemu->pid = qemu_process_with_file(status.st_dev, status.st_ino);
		return NULL;
	}
	if (spec->gdb_socket || (spec->gdb_port && is_local(spec->gdb_host)))
		qemu->pid = qemu_process_with_stub(spec->gdb_socket, spec->gdb_port);
	if (qemu->pid)
		return NULL;
	return sdb_error_new(SDB_ERROR_INVALID, "which QEMU? give --qemu-pid, --qemu-qmp-sock, --qemu-qmp-port, "
			     "--qemu-libvirt-domain or --qemu-mem-path");
}

static struct sdb_error *use_process(struct qemu *qemu)
{
	struct sdb_error *error = qemu_process_check(qemu->pid);
	if (error)
		return error;
	qemu->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)qemu->pid, 0);
	return qemu_process_command_line(qemu->pid, &qemu->line);
}

static bool is_stopped(const struct qemu *qemu)
{
	return qemu->pid && qemu_process_stopped(qemu->pid);
}

struct sdb_error *qemu_find(struct qemu *qemu)
{
	const struct sdb_spec *spec = &qemu->target->spec;
	struct sdb_error *error = NULL;
	bool given = spec->domain || spec->qmp_socket || spec->qmp_port;
	qemu->pid = spec->qemu_pid;
	if (given)
		error = open_given(qemu);
	if (!error && !qemu->pid && qemu->qmp)
		error = find_by_monitor(qemu);
	else if (!error && !qemu->pid)
		error = find_by_parts(qemu);
	if (!error && qemu->pid)
		error = use_process(qemu);
	if (!error && !given && !is_stopped(qemu))
		open_any(qemu);
	if (!error && !qemu->qmp && is_stopped(qemu))
		error = sdb_error_new(SDB_ERROR_SYSTEM, "QEMU, process %lld, is stopped by a signal or a debugger: it answers "
				      "nothing (kill -CONT %lld)", (long long)qemu->pid, (long long)qemu->pid);
	return error;
}
