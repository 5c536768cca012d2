/* SPDX-License-Identifier: MIT */
/* The module that is loaded for domains of libvirt; the only code that is linked to libvirt. */

#include "libvirt.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/*
 * A command under way, in a thread of its own: libvirt waits for QEMU without end, when that is stopped or hangs. Who
 * is last, the thread or who gave up on it, frees it.
 */
struct command {
	pthread_mutex_t lock;
	pthread_cond_t over;
	virDomainPtr domain;
	char *text;
	bool done, abandoned;
	char *reply, *message;
};

static void free_command(struct command *command)
{
	pthread_cond_destroy(&command->over);
	pthread_mutex_destroy(&command->lock);
	if (command->domain)
		virDomainFree(command->domain);
	free(command->text);
	free(command->reply);
	free(command->message);
	free(command);
}

static void *run_command(void *arg)
{
	struct command *command = arg;
	char *reply = NULL, *message = NULL;
	if (virDomainQemuMonitorCommand(command->domain, command->text, &reply, 0) < 0)
		message = failure("QEMU's monitor");
	pthread_mutex_lock(&command->lock);
	command->reply = reply;
	command->message = message;
	command->done = true;
	bool abandoned = command->abandoned;
	pthread_cond_signal(&command->over);
	pthread_mutex_unlock(&command->lock);
	if (abandoned)
		free_command(command);
	return NULL;
}

/* Waits until it is done or SECONDS have passed. */
static bool await_command(struct command *command, int seconds)
{
	struct timespec deadline;
	int status = 0;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += seconds;
	pthread_mutex_lock(&command->lock);
	while (!command->done && status == 0)
		status = pthread_cond_timedwait(&command->over, &command->lock, &deadline);
	bool done = command->done;
	command->abandoned = !done;
	pthread_mutex_unlock(&command->lock);
	return done;
}

static char *execute(struct libvirt_domain *domain, const char *text, int seconds, char **reply_ret)
{
	pthread_t thread;
	struct command *command = calloc(1, sizeof(*command));
	if (!command)
		return strdup("out of memory");
	pthread_mutex_init(&command->lock, NULL);
	pthread_cond_init(&command->over, NULL);
	command->text = strdup(text);
	if (virDomainRef(domain->domain) == 0)
		command->domain = domain->domain;
	if (!command->text || !command->domain || pthread_create(&thread, NULL, run_command, command) != 0) {
		free_command(command);
		return strdup("out of memory");
	}
	pthread_detach(thread);
	if (!await_command(command, seconds))
		return strdup("QEMU does not answer: it is stopped or hangs");
	*reply_ret = command->reply;
	char *message = command->message;
	command->reply = command->message = NULL;
	free_command(command);
	return message;
}

__attribute__((visibility("default"))) const struct libvirt_module stackdb_libvirt = {
	.version = LIBVIRT_VERSION,
	.open = open_domain,
	.close = close_domain,
	.command = execute,
};
