/* SPDX-License-Identifier: MIT */
#include "libvirt_client.h"
#include "libvirt.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct libvirt_client {
	void *library;
	const struct libvirt_module *module;
	struct libvirt_domain *domain;
	char *name;
};

/* A message of the module's, which is freed. */
static struct sdb_error *module_error(char *message, const char *what)
{
	struct sdb_error *error = sdb_error_new(SDB_ERROR_SYSTEM, "%s: %s", what, message);
	free(message);
	return error;
}

/* DIRECTORY of FILE, and from there TAIL. */
static void beside(const char *file, const char *tail, char *path, size_t size)
{
	const char *slash = strrchr(file, '/');
	snprintf(path, size, "%.*s/%s", slash ? (int)(slash - file) : 1, slash ? file : ".", tail);
}

/*
 * Where the module may be: beside this code in a directory of build, where this was installed relative to the
 * program or the library, and where it was meant to be installed. `$STACKDB_DRIVERS` comes first.
 */
static void *load(char *reasons, size_t size)
{
	char self[PATH_MAX] = "", path[PATH_MAX];
	Dl_info place;
	static const char *const tails[] = { LIBVIRT_MODULE, "../drivers/" LIBVIRT_MODULE, STACKDB_DRIVERS_FROM_BIN "/" LIBVIRT_MODULE,
					     STACKDB_DRIVERS_FROM_LIB "/" LIBVIRT_MODULE };
	const char *directory = secure_getenv("STACKDB_DRIVERS");
	if (directory) {
		snprintf(path, sizeof(path), "%s/" LIBVIRT_MODULE, directory);
		void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		snprintf(reasons, size, "%s", library ? "" : dlerror());
		return library;
	}
	/* dladdr() names a program as it was called. */
	if (dladdr((void *)(uintptr_t)load, &place) && place.dli_fname && strstr(place.dli_fname, ".so"))
		snprintf(self, sizeof(self), "%s", place.dli_fname);
	else if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		self[0] = '\0';
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		beside(self, tails[i], path, sizeof(path));
		if (access(path, F_OK) != 0)
			continue;
		void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		snprintf(reasons, size, "%s", library ? "" : dlerror());
		return library;
	}
	void *library = dlopen(STACKDB_DRIVERS "/" LIBVIRT_MODULE, RTLD_NOW | RTLD_LOCAL);
	snprintf(reasons, size, "%s", library ? "" : dlerror());
	return library;
}

static struct sdb_error *find_module(struct libvirt_client *client)
{
	char reasons[512];
	client->library = load(reasons, sizeof(reasons));
	if (!client->library)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "domains of libvirt need the module " LIBVIRT_MODULE
				     ", which is built where libvirt's headers are (libvirt-dev): %s", reasons);
	client->module = dlsym(client->library, LIBVIRT_SYMBOL);
	if (!client->module || client->module->version != LIBVIRT_VERSION)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, LIBVIRT_MODULE " belongs to another version of this program");
	return NULL;
}

struct sdb_error *libvirt_client_open(const char *uri, const char *domain, struct libvirt_client **client_ret)
{
	struct libvirt_client *client = calloc(1, sizeof(*client));
	if (!client || asprintf(&client->name, "libvirt's domain %s", domain) < 0) {
		free(client);
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	struct sdb_error *error = find_module(client);
	char *message = error ? NULL : client->module->open(uri ? uri : "qemu:///system", domain, &client->domain);
	if (message)
		error = module_error(message, client->name);
	else if (!error && !client->domain)
		error = sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	if (error)
		libvirt_client_close(client);
	else
		*client_ret = client;
	return error;
}

void libvirt_client_close(struct libvirt_client *client)
{
	if (!client)
		return;
	if (client->domain)
		client->module->close(client->domain);
	/* The module stays loaded: libvirt starts threads that outlive a connection. */
	free(client->name);
	free(client);
}

static struct sdb_error *take(const struct libvirt_client *client, char *message, const char *result)
{
	if (message)
		return module_error(message, client->name);
	return result ? NULL : sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

struct sdb_error *libvirt_client_command(struct libvirt_client *client, const char *command, int seconds, char **reply_ret)
{
	*reply_ret = NULL;
	char *message = client->module->command(client->domain, command, seconds, reply_ret);
	return take(client, message, *reply_ret);
}
