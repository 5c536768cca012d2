/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_LIBVIRT_CLIENT_H
#define DRIVERS_GDB_LIBVIRT_CLIENT_H

/* A domain of libvirt, by the module that knows libvirt (libvirt.h), which is loaded for it. */

#include <stackdb/error.h>

struct libvirt_client;

/* DOMAIN: a name, a number or a UUID. URI: NULL is `qemu:///system`. */
struct sdb_error *libvirt_client_open(const char *uri, const char *domain, struct libvirt_client **client_ret);
void libvirt_client_close(struct libvirt_client *client);
/* Executes a QMP command; the reply is malloc'ed. */
struct sdb_error *libvirt_client_command(struct libvirt_client *client, const char *command, int seconds,
					 char **reply_ret);

#endif
