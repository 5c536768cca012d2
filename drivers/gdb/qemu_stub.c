/* SPDX-License-Identifier: MIT */
/* QEMU's gdb stub: the one that there is, or one that is made for as long as it is needed. */

#include "qemu_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where libvirt's QEMU may make sockets, its profile of AppArmor or SELinux allowing. */
#define LIBVIRT_DIRECTORY "/var/lib/libvirt/qemu"

/* ---- the one that there is --------------------------------------------------------------------------- */

/* `tcp:HOST:PORT,...`; a host that stands for all is where the monitor is. */
static bool take_tcp(struct qemu *qemu, const char *text)
{
	size_t length = strcspn(text, ", ");
	const char *colon = memrchr(text, ':', length), *host = text;
	if (!colon)
		return false;
	size_t host_length = (size_t)(colon - host);
	if (host_length > 2 && *host == '[') {
		host++;
		host_length -= 2;
	}
	qemu->stub_port = atoi(colon + 1);
	bool any = !host_length || strncmp(host, "0.0.0.0", 7) == 0 || strncmp(host, "::", host_length) == 0;
	if (any)
		qemu->stub_host = qemu->target->spec.qmp_host ? strdup(qemu->target->spec.qmp_host) : NULL;
	else
		qemu->stub_host = strndup(host, host_length);
	return qemu->stub_port > 0;
}

static bool take_unix(struct qemu *qemu, const char *text)
{
	size_t length = strcspn(text, ",");
	int written;
	free(qemu->stub_socket);
	/* Relative to QEMU's directory; and a socket may be in another root. */
	if (*text != '/' && qemu->pid)
		written = asprintf(&qemu->stub_socket, "/proc/%" PRId64 "/cwd/%.*s", qemu->pid, (int)length, text);
	else
		written = asprintf(&qemu->stub_socket, "%.*s", (int)length, text);
	if (written >= 0 && *text == '/' && qemu->pid && access(qemu->stub_socket, F_OK) != 0) {
		free(qemu->stub_socket);
		written = asprintf(&qemu->stub_socket, "/proc/%" PRId64 "/root%.*s", qemu->pid, (int)length, text);
	}
	if (written < 0)
		qemu->stub_socket = NULL;
	return qemu->stub_socket;
}

/* From query-chardev: `disconnected:unix:PATH,server=on` of the device called `gdb`. False: there is none. */
static struct sdb_error *ask_stub(struct qemu *qemu, bool *found_ret)
{
	struct jsontext devices, device = { 0 }, label, file;
	*found_ret = false;
	struct sdb_error *error = qmp_execute(qemu->qmp, "query-chardev", NULL, &devices);
	while (!error && !*found_ret && jsontext_next(devices, &device)) {
		if (!jsontext_member(device, "label", &label) || !jsontext_is(label, "gdb")
		    || !jsontext_member(device, "filename", &file))
			continue;
		char *name = jsontext_string(file);
		const char *at = name ? name : "";
		bool free_now = strncmp(at, "disconnected:", 13) == 0;
		at += free_now ? 13 : 0;
		*found_ret = (strncmp(at, "unix:", 5) == 0 && take_unix(qemu, at + 5))
			|| (strncmp(at, "tcp:", 4) == 0 && take_tcp(qemu, at + 4));
		if (*found_ret && !free_now)
			error = sdb_error_new(SDB_ERROR_SYSTEM, "the gdb stub of %s is in use by another debugger", qemu_name(qemu));
		free(name);
	}
	return error;
}

/* From the command line, when there is no monitor to ask. */
static bool take_from_command_line(struct qemu *qemu)
{
	const struct qemu_socket *stub = &qemu->line.stub;
	qemu->stub_port = stub->port;
	qemu->stub_host = stub->host ? strdup(stub->host) : NULL;
	qemu->stub_socket = stub->path ? strdup(stub->path) : NULL;
	return qemu->stub_socket || qemu->stub_port;
}

/* ---- one that is added ------------------------------------------------------------------------------------ */

/* Has QEMU listen at DEVICE; *FOUND_RET: it does. What it prints otherwise is why not. */
static struct sdb_error *try_device(struct qemu *qemu, const char *device, bool *found_ret)
{
	char *line, *text;
	if (asprintf(&line, "gdbserver %s", device) < 0)
		return NO_MEMORY();
	struct sdb_error *error = qmp_monitor(qemu->qmp, 0, line, &text);
	free(line);
	if (error)
		return error;
	free(text);
	error = ask_stub(qemu, found_ret);
	qemu->stub_added = *found_ret;
	return error;
}

/*
 * A socket in a directory that belongs to QEMU's side, where only its user and root can connect; on another
 * machine, or when QEMU may write nowhere, a port that only its own machine reaches.
 */
static struct sdb_error *add_stub(struct qemu *qemu, bool *found_ret)
{
	static const char *const directories[] = { LIBVIRT_DIRECTORY, "/run", "/tmp" };
	struct sdb_error *error = NULL;
	char device[128], path[80];
	*found_ret = false;
	for (size_t i = qemu->target->spec.domain ? 0 : 1; qemu->pid && i < 3 && !error && !*found_ret; i++) {
		snprintf(path, sizeof(path), "%s/stackdb-%d-%" PRId64 ".gdb", directories[i], getpid(), qemu->pid);
		if (access(path, F_OK) == 0) /* nobody else's is taken away */
			continue;
		snprintf(device, sizeof(device), "unix:%s,server=on,wait=off", path);
		error = try_device(qemu, device, found_ret);
	}
	if (*found_ret)
		qemu->stub_file = strdup(qemu->stub_socket);
	else if (!error)
		error = try_device(qemu, "tcp:127.0.0.1:0,server=on,wait=off", found_ret);
	return error;
}

void qemu_remove_stub(struct qemu *qemu)
{
	char *text = NULL;
	if (!qemu->stub_added)
		return;
	sdb_error_free(qmp_monitor(qemu->qmp, 0, "gdbserver none", &text));
	free(text);
	if (qemu->stub_file)
		unlink(qemu->stub_file);
	qemu->stub_added = false;
}

struct sdb_error *qemu_stub_address(struct qemu *qemu, const char **socket_ret, const char **host_ret, int *port_ret)
{
	bool found = qemu->stub_socket || qemu->stub_port;
	struct sdb_error *error = NULL;
	if (!found && !qemu->qmp && !(found = take_from_command_line(qemu)))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "QEMU has no gdb stub (add -gdb unix:PATH,server=on,wait=off), and "
				     "cannot be asked for one: %s", qemu->no_monitor ? qemu->no_monitor : "no QMP was given");
	if (!found)
		error = ask_stub(qemu, &found);
	if (!error && !found)
		error = add_stub(qemu, &found);
	if (!error && !found)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "%s could not be made to add a gdb stub: start QEMU with -gdb "
				      "unix:PATH,server=on,wait=off", qemu_name(qemu));
	*socket_ret = qemu->stub_socket;
	*host_ret = qemu->stub_host;
	*port_ret = qemu->stub_port;
	return error;
}
