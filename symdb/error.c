/* SPDX-License-Identifier: MIT */
/* Errors: a code and a message in one allocation. */

#include <stackdb/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sdb_error {
	enum sdb_error_code code;
	const char *message;
	char text[];
};

/* What is returned when there is no memory for an error: const, so it is shared safely. */
static const struct sdb_error out_of_memory = {
	.code = SDB_ERROR_MEMORY,
	.message = "out of memory",
};

static struct sdb_error *no_memory(void)
{
	return (struct sdb_error *)&out_of_memory;
}

enum sdb_error_code sdb_error_code(const struct sdb_error *error)
{
	return error->code;
}

const char *sdb_error_message(const struct sdb_error *error)
{
	return error->message;
}

void sdb_error_free(struct sdb_error *error)
{
	if (error != &out_of_memory)
		free(error);
}

/* PREFIX_SEPARATOR and SUFFIX may be empty; the text is `format SEPARATOR suffix`. */
static struct sdb_error *format_error(enum sdb_error_code code, const char *format, va_list args,
				      const char *separator, const char *suffix)
	__attribute__((format(printf, 2, 0)));

static struct sdb_error *format_error(enum sdb_error_code code, const char *format, va_list args,
				      const char *separator, const char *suffix)
{
	va_list again;
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		return no_memory();
	size_t rest = strlen(separator) + strlen(suffix) + 1;
	struct sdb_error *error = malloc(sizeof(*error) + (size_t)length + rest);
	if (!error)
		return no_memory();
	error->code = code;
	error->message = error->text;
	vsnprintf(error->text, (size_t)length + 1, format, args);
	snprintf(error->text + length, rest, "%s%s", separator, suffix);
	return error;
}

struct sdb_error *sdb_error_new(enum sdb_error_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct sdb_error *error = format_error(code, format, args, "", "");
	va_end(args);
	return error;
}

struct sdb_error *sdb_error_errno(int errnum, const char *format, ...)
{
	char buffer[128];
	const char *reason = strerror_r(errnum, buffer, sizeof(buffer));
	va_list args;
	va_start(args, format);
	struct sdb_error *error = format_error(SDB_ERROR_SYSTEM, format, args, ": ", reason);
	va_end(args);
	return error;
}

struct sdb_error *sdb_error_prefix(struct sdb_error *error, const char *format, ...)
{
	if (error == &out_of_memory)
		return error;
	va_list args;
	va_start(args, format);
	struct sdb_error *longer = format_error(error->code, format, args, ": ", error->message);
	va_end(args);
	if (longer == &out_of_memory)
		return error;
	sdb_error_free(error);
	return longer;
}
