/* SPDX-License-Identifier: MIT */
/* Which hits of a probe count. */

#include "filter.h"

#include <regex.h>
#include <stackdb/expression.h>
#include <stackdb/frame.h>
#include <stackdb/value.h>
#include <stdlib.h>
#include <string.h>

struct match {
	char *expression;
	regex_t regex;
};

struct filter {
	char *condition;
	struct match *matches;
	size_t count;
	regex_t thread_name;
	bool by_name, by_user;
	uint32_t user;
	char *failure;
};

/* ---- life -------------------------------------------------------------------------------------- */

static struct sdb_error *compile(const char *text, regex_t *regex)
{
	char why[128];
	int reason = regcomp(regex, text, REG_EXTENDED | REG_NOSUB);
	if (!reason)
		return NULL;
	regerror(reason, regex, why, sizeof(why));
	return sdb_error_new(SDB_ERROR_INVALID, "the regular expression '%s': %s", text, why);
}

static struct sdb_error *add_match(struct filter *filter, const struct sdb_probe_match *match)
{
	struct match *to = &filter->matches[filter->count];
	struct sdb_error *error = compile(match->regex, &to->regex);
	if (error)
		return error;
	filter->count++;
	to->expression = strdup(match->expression);
	return to->expression ? NULL : NO_MEMORY();
}

struct sdb_error *filter_create(const struct sdb_probe_filter *options, struct filter **filter_ret)
{
	struct filter *filter = calloc(1, sizeof(*filter));
	struct sdb_error *error = NULL;
	if (!filter)
		return NO_MEMORY();
	filter->by_user = options->by_user;
	filter->user = options->user;
	filter->matches = calloc(options->match_count + 1, sizeof(*filter->matches));
	if (!filter->matches || (options->condition && !(filter->condition = strdup(options->condition))))
		error = NO_MEMORY();
	if (!error && options->thread_name) {
		error = compile(options->thread_name, &filter->thread_name);
		filter->by_name = !error;
	}
	for (size_t i = 0; i < options->match_count && !error; i++)
		error = add_match(filter, &options->matches[i]);
	if (error) {
		filter_destroy(filter);
		return error;
	}
	*filter_ret = filter;
	return NULL;
}

void filter_destroy(struct filter *filter)
{
	if (!filter)
		return;
	for (size_t i = 0; i < filter->count; i++) {
		regfree(&filter->matches[i].regex);
		free(filter->matches[i].expression);
	}
	if (filter->by_name)
		regfree(&filter->thread_name);
	free(filter->matches);
	free(filter->condition);
	free(filter->failure);
	free(filter);
}

const char *filter_failure(const struct filter *filter)
{
	return filter->failure;
}

/* ---- asking it ----------------------------------------------------------------------------------- */

static struct sdb_error *right_thread(struct filter *filter, struct sdb_thread *thread, bool *passes_ret)
{
	uint32_t user = 0;
	char *name = NULL;
	struct sdb_error *error = filter->by_user ? sdb_thread_user(thread, &user) : NULL;
	*passes_ret = !filter->by_user || user == filter->user;
	if (error || !*passes_ret || !filter->by_name)
		return error;
	error = sdb_thread_name(thread, &name);
	*passes_ret = !error && regexec(&filter->thread_name, name, 0, NULL, 0) == 0;
	free(name);
	return error;
}

/* The text of a string; of anything else what is printed of it. */
static struct sdb_error *text_of(struct sdb_value *value, const struct sdb_context *context, char **text_ret)
{
	static const struct sdb_print_options plain = { .no_symbols = true };
	enum sdb_type_kind kind = sdb_value_kind(value);
	if (kind == SDB_TYPE_POINTER || kind == SDB_TYPE_ARRAY) {
		struct sdb_error *error = sdb_value_string(value, context, 4096, text_ret, NULL, NULL);
		if (!error || sdb_error_code(error) != SDB_ERROR_INVALID)
			return error;
		sdb_error_free(error);
	}
	return sdb_value_print(value, context, &plain, text_ret);
}

static struct sdb_error *try_match(const struct match *match, const struct sdb_context *context, bool *passes_ret)
{
	struct sdb_value *value = NULL;
	char *text = NULL;
	struct sdb_error *error = sdb_evaluate(context, NULL, match->expression, 0, &value);
	if (!error)
		error = text_of(value, context, &text);
	*passes_ret = !error && regexec(&match->regex, text, 0, NULL, 0) == 0;
	free(text);
	sdb_value_free(value);
	return error;
}

static struct sdb_error *try_condition(const struct filter *filter, const struct sdb_context *context, bool *passes_ret)
{
	struct sdb_value *value = NULL;
	int64_t number = 0;
	struct sdb_error *error = sdb_evaluate(context, NULL, filter->condition, 0, &value);
	if (!error)
		error = sdb_value_signed(value, context, &number);
	*passes_ret = !error && number != 0;
	sdb_value_free(value);
	return error;
}

static struct sdb_error *right_values(struct filter *filter, struct sdb_thread *thread, bool *passes_ret)
{
	struct sdb_stack *stack = NULL;
	const struct sdb_frame *frame;
	const struct sdb_context *context;
	struct sdb_error *error = sdb_stack_open(thread, NULL, &stack);
	if (!error)
		error = sdb_stack_next(stack, &frame);
	if (!error)
		error = sdb_stack_context(stack, &context);
	if (!error && filter->condition)
		error = try_condition(filter, context, passes_ret);
	for (size_t i = 0; i < filter->count && *passes_ret && !error; i++)
		error = try_match(&filter->matches[i], context, passes_ret);
	sdb_stack_close(stack);
	return error;
}

bool filter_passes(struct filter *filter, struct sdb_thread *thread)
{
	bool passes = true;
	struct sdb_error *error = right_thread(filter, thread, &passes);
	if (!error && passes && (filter->condition || filter->count))
		error = right_values(filter, thread, &passes);
	if (!error)
		return passes;
	free(filter->failure);
	filter->failure = strdup(sdb_error_message(error));
	sdb_error_free(error);
	return false;
}
