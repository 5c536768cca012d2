/* SPDX-License-Identifier: MIT */
/* What `dumptarget` and `probetargets` do at a hit besides printing it. */
#include "probing.h"

#include <stackdb/expression.h>
#include <stackdb/frame.h>

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- options --------------------------------------------------------------------------------------- */

bool probing_parse_switch(struct probing_actions *actions, char *text, bool on)
{
	char *comma = strchr(text, ',');
	if (!comma || comma == text || !comma[1] || actions->switch_count == PROBING_ACTIONS)
		return false;
	*comma = '\0';
	actions->switches[actions->switch_count++] = (struct probing_switch){ text, comma + 1, on };
	return true;
}

bool probing_parse_signal(const char *text, int *number_ret)
{
	uint64_t number;
	if (tool_parse_number(text, &number)) {
		*number_ret = (int)number;
		return number > 0 && number < (uint64_t)NSIG;
	}
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int i = 1; i < NSIG; i++) {
		const char *name = sigabbrev_np(i);
		if (name && strcasecmp(name, text) == 0) {
			*number_ret = i;
			return true;
		}
	}
	return false;
}

static bool is_argument(const struct probing *probing, const struct probing_argument *argument, const char *name)
{
	uint64_t number;
	if (strcmp(argument->text, name) == 0)
		return true;
	return tool_parse_number(name, &number) && number >= 1 && number <= probing->argument_count
		&& argument == &probing->arguments[number - 1];
}

bool probing_begins_off(const struct probing *probing, const struct probing_argument *argument)
{
	for (unsigned i = 0; i < probing->actions.switch_count; i++)
		if (probing->actions.switches[i].on && is_argument(probing, argument, probing->actions.switches[i].what))
			return true;
	return false;
}

/* ---- doing it ---------------------------------------------------------------------------------------- */

/* `$register = expression` */
static struct sdb_error *set_register(struct sdb_hit *hit, const struct sdb_context *context, const char *text)
{
	char name[32];
	struct sdb_value *value = NULL;
	uint64_t number = 0;
	size_t length = 0;
	for (text++; isalnum((unsigned char)text[length]) || text[length] == '_';)
		length++;
	const char *equals = text + length + strspn(text + length, " ");
	if (!length || length >= sizeof(name) || *equals != '=' || equals[1] == '=')
		return sdb_error_new(SDB_ERROR_INVALID, "'$%s' is not `$REGISTER=EXPRESSION`", text);
	memcpy(name, text, length);
	name[length] = '\0';
	struct sdb_error *error = sdb_evaluate(context, NULL, equals + 1, 0, &value);
	if (!error)
		error = sdb_value_unsigned(value, context, &number);
	sdb_value_free(value);
	return error ? error : sdb_thread_set_register_number(hit->thread, name, number);
}

static struct sdb_error *set_all(const struct probing_actions *actions, struct sdb_hit *hit)
{
	struct sdb_stack *stack = NULL;
	const struct sdb_frame *frame;
	const struct sdb_context *context = NULL;
	struct sdb_error *error = sdb_stack_open(hit->thread, NULL, &stack);
	if (!error)
		error = sdb_stack_next(stack, &frame);
	if (!error)
		error = sdb_stack_context(stack, &context);
	for (unsigned i = 0; i < actions->set_count && !error; i++) {
		struct sdb_value *value = NULL;
		const char *text = actions->sets[i];
		error = *text == '$' ? set_register(hit, context, text)
			: sdb_evaluate(context, NULL, text, SDB_EVALUATE_ASSIGN, &value);
		sdb_value_free(value);
		if (error)
			error = sdb_error_prefix(error, "--set %s", text);
	}
	sdb_stack_close(stack);
	return error;
}

static struct sdb_error *switch_all(struct probing *probing, const struct probing_place *place)
{
	struct sdb_error *error = NULL;
	for (unsigned i = 0; i < probing->actions.switch_count; i++) {
		const struct probing_switch *one = &probing->actions.switches[i];
		if (!is_argument(probing, place->argument, one->when))
			continue;
		for (size_t k = 0; k < probing->count && !error; k++) {
			const struct probing_place *other = probing->places[k];
			if (other->target == place->target && other->probe && other->argument
			    && is_argument(probing, other->argument, one->what))
				error = one->on ? sdb_probe_enable(other->probe) : sdb_probe_disable(other->probe);
		}
	}
	return error;
}

struct sdb_error *probing_act(struct probing_place *place, struct sdb_hit *hit)
{
	struct probing *probing = place->probing;
	const struct probing_actions *actions = &probing->actions;
	struct sdb_error *error = actions->set_count ? set_all(actions, hit) : NULL;
	if (!error)
		error = switch_all(probing, place);
	if (!error && actions->signal)
		error = sdb_thread_signal(hit->thread, actions->signal);
	hit->steps = actions->steps;
	hit->abort = actions->abort && hit->kind == SDB_HIT_ADDRESS;
	hit->abort_value = actions->abort_value;
	return error;
}
