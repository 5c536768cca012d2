/* SPDX-License-Identifier: MIT */
/* Messages about the library's work: formatted only when somebody wants them. */

#include "target.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	unsigned area;
} areas[] = {
	{ "target", SDB_LOG_TARGET }, { "driver", SDB_LOG_DRIVER }, { "module", SDB_LOG_MODULE },
	{ "unwind", SDB_LOG_UNWIND }, { "probe", SDB_LOG_PROBE },   { "value", SDB_LOG_VALUE },
	{ "all", SDB_LOG_ALL },
};
#define AREA_COUNT (sizeof(areas) / sizeof(areas[0]))

unsigned sdb_log_area(const char *name)
{
	for (size_t i = 0; i < AREA_COUNT; i++)
		if (strcasecmp(areas[i].name, name) == 0)
			return areas[i].area;
	return 0;
}

const char *sdb_log_area_name(enum sdb_log_area area)
{
	for (size_t i = 0; i < AREA_COUNT; i++)
		if (areas[i].area == (unsigned)area)
			return areas[i].name;
	return "?";
}

static void log_message(const struct sdb_log *log, enum sdb_log_area area, int level, const char *format,
			va_list args) __attribute__((format(printf, 4, 0)));

static void log_message(const struct sdb_log *log, enum sdb_log_area area, int level, const char *format,
			va_list args)
{
	char *message;
	if (!log->fn || level > log->level || (log->areas && !(log->areas & (unsigned)area)))
		return;
	if (vasprintf(&message, format, args) < 0)
		return;
	log->fn(log->arg, area, level, message);
	free(message);
}

void log_to(const struct sdb_log *log, enum sdb_log_area area, int level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	log_message(log, area, level, format, args);
	va_end(args);
}

void target_log(const struct sdb_target *target, enum sdb_log_area area, int level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	log_message(&target->spec.log, area, level, format, args);
	va_end(args);
}
