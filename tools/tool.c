/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *command_name = "stackdb"; /* set once, before anything else happens */

void tool_set_command(const char *name)
{
	command_name = name;
}

const char *tool_command(void)
{
	return command_name;
}

void tool_complain(const char *what, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", command_name);
	if (what)
		fprintf(stderr, "%s: ", what);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static char told[512]; /* the message that came last without being an error */

void tool_tell(const char *message)
{
	snprintf(told, sizeof(told), "%s", message);
	fprintf(stderr, "%s: %s\n", command_name, message);
}

void tool_complain_once(const char *what, const char *message)
{
	bool named = what && !strncmp(message, what, strlen(what));
	tool_complain(named ? NULL : what, "%s", message);
}

int tool_fail(const char *what, struct sdb_error *error)
{
	const char *message = sdb_error_message(error);
	if (strcmp(message, told) != 0 || !*told)
		tool_complain_once(what, message);
	int status = sdb_error_code(error) == SDB_ERROR_INVALID ? STATUS_USAGE : STATUS_NOT_FOUND;
	sdb_error_free(error);
	return status;
}

bool tool_wants_colour(int fd)
{
	const char *no_colour = getenv("NO_COLOR"); /* https://no-color.org */
	const char *term = getenv("TERM");
	return isatty(fd) && !(no_colour && *no_colour) && !(term && strcmp(term, "dumb") == 0);
}

const struct colours *tool_colours(void)
{
	static const struct colours none = { "", "", "", "", "" };
	static const struct colours some = {
		"\033[1m", "\033[36m", "\033[90m", "\033[33m", "\033[0m"
	};
	return tool_wants_colour(STDOUT_FILENO) ? &some : &none;
}

bool tool_parse_number(const char *text, uint64_t *value_ret)
{
	if (*text < '0' || *text > '9')
		return false;
	char *end;
	errno = 0;
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	*value_ret = strtoull(text, &end, hex ? 16 : 10);
	return *end == '\0' && errno == 0;
}

enum { KEY_JSON = 0x1000, KEY_NO_INDEX };

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct common *common = state->input;
	switch (key) {
	case 'm':
		common->module = arg;
		return 0;
	case KEY_JSON:
		common->json = true;
		return 0;
	case KEY_NO_INDEX:
		common->no_index = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option common_options[] = {
	{ "module", 'm', "MODULE", 0, "A database (.sdb), an ELF file, or a build-id", 1 },
	{ "json", KEY_JSON, NULL, 0, "Print JSON lines", 1 },
	{ "no-index", KEY_NO_INDEX, NULL, 0, "Do not make a database when there is none", 1 },
	{ 0 }
};

const struct argp common_argp = { common_options, parse_common, NULL, NULL, NULL, NULL, NULL };
const struct argp common_argp_without_module = { common_options + 1, parse_common, NULL, NULL,
						 NULL, NULL, NULL };
