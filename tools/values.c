/* SPDX-License-Identifier: MIT */
#include "values.h"

#include <stdlib.h>

static const struct sdb_print_options options = { .depth = 6, .size = 4096 };

/* Takes over TEXT (NULL: nothing), or says what went wrong. */
static void put_result(struct text *to, struct sdb_error *error, char *text)
{
	if (error) {
		text_format(to, "<%s>", sdb_error_message(error));
		sdb_error_free(error);
		return;
	}
	if (text)
		text_add(to, text);
	free(text);
}

void values_put(struct text *to, struct sdb_value *value, const struct sdb_context *context)
{
	char *text = NULL;
	struct sdb_error *error = sdb_value_print(value, context, &options, &text);
	put_result(to, error, text);
}

static bool is_scalar(const struct sdb_value *value)
{
	switch (sdb_value_kind(value)) {
	case SDB_TYPE_STRUCT: case SDB_TYPE_CLASS: case SDB_TYPE_UNION: case SDB_TYPE_ARRAY:
		return false;
	default:
		return true;
	}
}

struct putting {
	struct text *to;
	struct json *json;
	const struct sdb_context *context;
	unsigned indent, count;
};

static struct sdb_error *put_argument(void *arg, struct sdb_value_local *local)
{
	struct putting *putting = arg;
	if (local->is_artificial && !*local->name)
		return NULL;
	text_add(putting->to, putting->count++ ? ", " : "");
	text_format(putting->to, "%s=", *local->name ? local->name : "?");
	if (is_scalar(local->value))
		values_put(putting->to, local->value, putting->context);
	else
		text_add(putting->to, "...");
	return NULL;
}

void values_put_arguments(struct text *to, const struct sdb_context *context)
{
	struct putting putting = { .to = to, .context = context };
	text_add(to, " (");
	put_result(to, sdb_value_locals(context, SDB_VALUE_PARAMETERS, put_argument, &putting),
		   NULL);
	text_char(to, ')');
}

static struct sdb_error *put_local(void *arg, struct sdb_value_local *local)
{
	struct putting *putting = arg;
	text_repeat(putting->to, ' ',
		    putting->indent + 2 * (local->depth < 10 ? local->depth : 10));
	text_format(putting->to, "%s = ", *local->name ? local->name : "?");
	values_put(putting->to, local->value, putting->context);
	text_char(putting->to, '\n');
	return NULL;
}

void values_put_locals(struct text *to, const struct sdb_context *context, unsigned indent)
{
	struct putting putting = { .to = to, .context = context, .indent = indent };
	struct sdb_error *error = sdb_value_locals(context, SDB_VALUE_LOCALS, put_local, &putting);
	if (error) {
		text_repeat(to, ' ', indent);
		put_result(to, error, NULL);
		text_char(to, '\n');
	}
}

static struct sdb_error *json_local(void *arg, struct sdb_value_local *local)
{
	struct putting *putting = arg;
	char *type = NULL, *text = NULL;
	json_object(putting->json, NULL);
	json_string(putting->json, "name", local->name);
	struct sdb_error *error = sdb_value_type_name(local->value, &type);
	if (!error) {
		json_string(putting->json, "type", type);
		error = sdb_value_json(local->value, putting->context, &options, &text);
	}
	if (error)
		json_string(putting->json, "error", sdb_error_message(error));
	else
		json_raw(putting->json, "value", text);
	json_close(putting->json);
	sdb_error_free(error);
	free(type);
	free(text);
	return NULL;
}

static void json_list(struct json *json, const struct sdb_context *context, const char *key,
		      unsigned which)
{
	struct putting putting = { .json = json, .context = context };
	json_array(json, key);
	/* What cannot be read of the list is missing from it. */
	sdb_error_free(sdb_value_locals(context, which, json_local, &putting));
	json_close(json);
}

void values_as_json(struct json *json, const struct sdb_context *context, bool arguments,
		    bool locals)
{
	if (arguments)
		json_list(json, context, "arguments", SDB_VALUE_PARAMETERS);
	if (locals)
		json_list(json, context, "locals", SDB_VALUE_LOCALS);
}
