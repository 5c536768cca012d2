/* SPDX-License-Identifier: MIT */
/* The module that is loaded for domains of libvirt; the only code that is linked to libvirt. */

#include "libvirt.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct libvirt_domain {
	virConnectPtr connection;
	virDomainPtr domain;
};

/* What libvirt says went wrong, in front of it WHAT. */
static char *failure(const char *what)
{
	char *message;
	const char *reason = virGetLastErrorMessage();
	return asprintf(&message, "%s: %s", what, reason ? reason : "no reason was given") < 0 ? strdup(what) : message;
}

/* libvirt would print each error. */
static void keep_quiet(void *arg, virErrorPtr error)
{
	(void)arg;
	(void)error;
}

static virDomainPtr find_domain(virConnectPtr connection, const char *name)
{
	char *end;
	virDomainPtr domain = virDomainLookupByName(connection, name);
	long number = strtol(name, &end, 10);
	if (!domain && *name && !*end && number > 0 && number <= INT32_MAX)
		domain = virDomainLookupByID(connection, (int)number);
	return domain ? domain : virDomainLookupByUUIDString(connection, name);
}

static void close_domain(struct libvirt_domain *domain)
{
	if (domain->domain)
		virDomainFree(domain->domain);
	if (domain->connection)
		virConnectClose(domain->connection);
	free(domain);
}

static char *check_state(virDomainPtr domain)
{
	int state, reason;
	if (virDomainGetState(domain, &state, &reason, 0) < 0)
		return failure("cannot ask for its state");
	if (state == VIR_DOMAIN_SHUTOFF || state == VIR_DOMAIN_CRASHED)
		return strdup("it is not started (virsh start)");
	return NULL;
}

static char *open_domain(const char *uri, const char *name, struct libvirt_domain **domain_ret)
{
	char *message = NULL;
	struct libvirt_domain *domain = calloc(1, sizeof(*domain));
	if (!domain)
		return strdup("out of memory");
	virSetErrorFunc(NULL, keep_quiet);
	if (virInitialize() < 0 || !(domain->connection = virConnectOpen(uri)))
		message = failure("cannot connect to libvirt");
	else if (!(domain->domain = find_domain(domain->connection, name)))
		message = failure("there is no such domain");
	else
		message = check_state(domain->domain);
	if (message)
		close_domain(domain);
	else
		*domain_ret = domain;
	return message;
}

static char *execute(struct libvirt_domain *domain, const char *command, int seconds, char **reply_ret)
{
	(void)seconds; /* libvirt waits for QEMU as long as it takes; it gives up on one that has died */
	if (virDomainQemuMonitorCommand(domain->domain, command, reply_ret, 0) < 0)
		return failure("QEMU's monitor");
	return NULL;
}

static char *describe(struct libvirt_domain *domain, char **xml_ret)
{
	*xml_ret = virDomainGetXMLDesc(domain->domain, 0);
	return *xml_ret ? NULL : failure("cannot ask for its description");
}

__attribute__((visibility("default"))) const struct libvirt_module stackdb_libvirt = {
	.version = LIBVIRT_VERSION,
	.open = open_domain,
	.close = close_domain,
	.command = execute,
	.description = describe,
};
