/* SPDX-License-Identifier: MIT */
#include "qmp.h"
#include "libvirt_client.h"
#include "channel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A reply: `info mtree -f` of a machine with 256 CPUs has 600 KiB. */
#define MAX_MESSAGE (8u << 20)
#define MAX_GREETING (64u << 10)
#define PATIENCE 5000 /* milliseconds for a command */

struct qmp {
	struct channel *channel;   /* one of these two */
	struct libvirt_client *libvirt;
	char *name;
	char *reply;                   /* of libvirt; what was returned last is in it */
	int64_t id;
};

static struct sdb_error *not_json(const struct qmp *qmp)
{
	return sdb_error_new(SDB_ERROR_CORRUPT, "%s does not speak QMP: what it sent is not JSON", qmp->name);
}

/* To the rest of the program a deadline that has passed is one more thing that the system could not do. */
static struct sdb_error *command_error(struct sdb_error *error, const char *command)
{
	struct sdb_error *told = sdb_error_new(sdb_error_code(error) == SDB_ERROR_STOPPED ? SDB_ERROR_SYSTEM
					       : sdb_error_code(error), "%s: %s", command, sdb_error_message(error));
	sdb_error_free(error);
	return told;
}

/* ---- replies ------------------------------------------------------------------------------------ */

/* What REPLY returns, or its error. */
static struct sdb_error *take_reply(const struct qmp *qmp, const char *command, struct jsontext reply,
				    struct jsontext *value_ret)
{
	struct jsontext failure, text, kind;
	if (jsontext_member(reply, "return", value_ret))
		return NULL;
	if (!jsontext_member(reply, "error", &failure))
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s answered %s with neither a result nor an error", qmp->name, command);
	char *description = jsontext_member(failure, "desc", &text) ? jsontext_string(text) : NULL;
	bool unknown = jsontext_member(failure, "class", &kind) && jsontext_is(kind, "CommandNotFound");
	struct sdb_error *error = sdb_error_new(unknown ? SDB_ERROR_UNSUPPORTED : SDB_ERROR_SYSTEM, "%s refused %s: %.300s",
						qmp->name, command, description ? description : "it gave no reason");
	free(description);
	return error;
}

/* Receives until the reply with our number: events, and late replies to what we gave up on, are skipped. */
static struct sdb_error *await_reply(struct qmp *qmp, const char *command, struct jsontext *value_ret)
{
	int64_t deadline = channel_deadline(PATIENCE);
	for (;;) {
		const char *text;
		size_t size;
		struct jsontext message, id;
		int64_t number;
		struct sdb_error *error = channel_receive(qmp->channel, deadline, MAX_MESSAGE, &text, &size);
		if (error)
			return command_error(error, command);
		if (!jsontext_check(text, size, &message))
			return not_json(qmp);
		if (jsontext_member(message, "id", &id) && jsontext_integer(id, &number) && number == qmp->id)
			return take_reply(qmp, command, message, value_ret);
	}
}

static struct sdb_error *execute_libvirt(struct qmp *qmp, const char *text, const char *command,
					 struct jsontext *value_ret)
{
	struct jsontext reply;
	free(qmp->reply);
	qmp->reply = NULL;
	struct sdb_error *error = libvirt_client_command(qmp->libvirt, text, PATIENCE / 1000, &qmp->reply);
	if (error)
		return sdb_error_prefix(error, "%s", command);
	if (!jsontext_check(qmp->reply, strlen(qmp->reply), &reply))
		return not_json(qmp);
	return take_reply(qmp, command, reply, value_ret);
}

struct sdb_error *qmp_execute(struct qmp *qmp, const char *command, const char *arguments, struct jsontext *value_ret)
{
	char *text;
	struct sdb_error *error;
	/* libvirt numbers commands itself. */
	int length = qmp->libvirt
		? asprintf(&text, "{\"execute\":\"%s\",\"arguments\":%s}", command, arguments ? arguments : "{}")
		: asprintf(&text, "{\"execute\":\"%s\",\"arguments\":%s,\"id\":%" PRId64 "}\n", command,
			   arguments ? arguments : "{}", ++qmp->id);
	if (length < 0)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	if (qmp->libvirt) {
		error = execute_libvirt(qmp, text, command, value_ret);
	} else {
		error = channel_send(qmp->channel, channel_deadline(PATIENCE), text, (size_t)length);
		error = error ? command_error(error, command) : await_reply(qmp, command, value_ret);
	}
	free(text);
	return error;
}

struct sdb_error *qmp_monitor(struct qmp *qmp, unsigned cpu, const char *line, char **text_ret)
{
	char *quoted = jsontext_quote(line), *arguments = NULL;
	struct jsontext value;
	/* A machine without CPU 0 is none: without a number it is the first. */
	if (!quoted || (cpu ? asprintf(&arguments, "{\"command-line\":%s,\"cpu-index\":%u}", quoted, cpu)
			: asprintf(&arguments, "{\"command-line\":%s}", quoted)) < 0) {
		free(quoted);
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	free(quoted);
	struct sdb_error *error = qmp_execute(qmp, "human-monitor-command", arguments, &value);
	free(arguments);
	if (error)
		return sdb_error_prefix(error, "`%s`", line);
	*text_ret = jsontext_string(value);
	return *text_ret ? NULL : sdb_error_new(SDB_ERROR_CORRUPT, "%s answered `%s` with no text", qmp->name, line);
}

/* ---- opening --------------------------------------------------------------------------------------- */

static struct sdb_error *greet(struct qmp *qmp, int patience)
{
	const char *text;
	size_t size;
	struct jsontext greeting, ours;
	struct sdb_error *error = channel_receive(qmp->channel, channel_deadline(patience), MAX_GREETING, &text, &size);
	if (error && sdb_error_code(error) == SDB_ERROR_STOPPED) {
		sdb_error_free(error);
		return sdb_error_new(SDB_ERROR_SYSTEM, "%s accepts connections, but sent no greeting in %d ms: another "
				     "client holds this monitor (QMP serves one at a time; give QEMU one more -qmp), or QEMU "
				     "is stopped", qmp->name, patience);
	}
	if (error)
		return error;
	if (!jsontext_check(text, size, &greeting) || !jsontext_member(greeting, "QMP", &ours))
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s does not speak QMP: it sent no greeting of it", qmp->name);
	return qmp_execute(qmp, "qmp_capabilities", NULL, &ours);
}

static struct sdb_error *name_it(struct qmp *qmp, const struct qmp_address *address)
{
	int length;
	if (address->domain)
		length = asprintf(&qmp->name, "libvirt's domain %s", address->domain);
	else if (address->socket)
		length = asprintf(&qmp->name, "QMP at %s", address->socket);
	else
		length = asprintf(&qmp->name, "QMP at %s:%d", address->host ? address->host : "localhost", address->port);
	return length < 0 ? sdb_error_new(SDB_ERROR_MEMORY, "out of memory") : NULL;
}

struct sdb_error *qmp_open(const struct qmp_address *address, int patience, struct qmp **qmp_ret)
{
	struct qmp *qmp = calloc(1, sizeof(*qmp));
	if (!qmp)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	struct sdb_error *error = name_it(qmp, address);
	if (!error && address->domain)
		error = libvirt_client_open(address->libvirt_uri, address->domain, &qmp->libvirt);
	else if (!error)
		error = channel_open(address->socket, address->host, address->port, patience, qmp->name, &qmp->channel);
	if (!error && qmp->channel)
		error = greet(qmp, patience);
	if (error)
		qmp_close(qmp);
	else
		*qmp_ret = qmp;
	return error;
}

void qmp_close(struct qmp *qmp)
{
	if (!qmp)
		return;
	channel_close(qmp->channel);
	libvirt_client_close(qmp->libvirt);
	free(qmp->reply);
	free(qmp->name);
	free(qmp);
}

int64_t qmp_peer(const struct qmp *qmp)
{
	return qmp->channel ? channel_peer(qmp->channel) : 0;
}

bool qmp_ended(struct qmp *qmp)
{
	return qmp->channel && channel_ended(qmp->channel);
}

const char *qmp_name(const struct qmp *qmp)
{
	return qmp->name;
}
