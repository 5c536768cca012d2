/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_LIBVIRT_H
#define DRIVERS_GDB_LIBVIRT_H

/*
 * The module that knows libvirt: a shared object of its own, so that nobody else loads libvirt. It is linked
 * to nothing of this project, so it cannot make errors of ours: a function that fails returns a malloc'ed
 * message; NULL is success, or that there was no memory for a message: then the result is NULL, too.
 */

#include <stdint.h>

#define LIBVIRT_MODULE "stackdb-libvirt.so"
#define LIBVIRT_SYMBOL "stackdb_libvirt"
#define LIBVIRT_VERSION 2

struct libvirt_domain;

struct libvirt_module {
	unsigned version; /* LIBVIRT_VERSION */
	/* NAME: a name, a UUID or a number. */
	char *(*open)(const char *uri, const char *name, struct libvirt_domain **domain_ret);
	void (*close)(struct libvirt_domain *domain);
	/* Executes a QMP command, a JSON object; the reply is malloc'ed. Within SECONDS. */
	char *(*command)(struct libvirt_domain *domain, const char *command, int seconds, char **reply_ret);
};

#endif
