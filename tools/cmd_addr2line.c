/* SPDX-License-Identifier: MIT */
/*
 * `stackdb addr2line`: the options and the output of binutils' program of that name. Addresses
 * that arrive together are answered in the order of the addresses, so that neighbours share
 * blocks, and printed in the order in which they came; many of them by two threads.
 */
#include "resolve.h"
#include "json.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_BYTES ((size_t)256 << 10) /* of input */
#define ENOUGH_FOR_TWO 1000              /* questions, for a second thread to be worth it */
#define RUN 128                         /* questions that are neighbours, for one thread */
#define LINE_BYTES 100                  /* what binutils takes for one line */

struct question {
	uint64_t address;
	uint32_t index;
};

struct answer {
	const struct text *texts; /* that it is in */
	uint32_t start, length;
};

struct addr2line_command {
	struct common common;
	struct resolve_options options;
	bool addresses;
	bool pretty;
	const char *section;
	char **args;
	int arg_count;
	struct text out;
	struct session *session;
	struct resolver *resolver;
	const struct sdb_section *section_header; /* of -j */
	struct question *questions;
	size_t count, capacity;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct addr2line_command *command = state->input;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case 'e': command->common.module = arg; return 0;
	case 'f': command->options.functions = true; return 0;
	case 'i': command->options.inlines = true; return 0;
	case 'a': command->addresses = true; return 0;
	case 'p': command->pretty = true; return 0;
	case 's': command->options.basenames = true; return 0;
	case 'C': command->options.demangle = true; return 0;
	case 'j': command->section = arg; return 0;
	case 'b': case 'r': case 'R': return 0; /* accepted: nothing here depends on them */
	case ARGP_KEY_ARGS:
		command->args = state->argv + state->next;
		command->arg_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_END:
		if (!command->common.module)
			argp_error(state, "which module? give -e with a database, an ELF file or a build-id");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "exe", 'e', "MODULE", 0, "A database (.sdb), an ELF file, or a build-id", 0 },
	{ "functions", 'f', NULL, 0, "Show function names", 0 },
	{ "inlines", 'i', NULL, 0, "Show the whole chain of inlined functions", 0 },
	{ "addresses", 'a', NULL, 0, "Show the addresses", 0 },
	{ "pretty-print", 'p', NULL, 0, "One line for each location", 0 },
	{ "basenames", 's', NULL, 0, "Leave out directories", 0 },
	{ "demangle", 'C', "STYLE", OPTION_ARG_OPTIONAL, "Show C++ names as written in the source", 0 },
	{ "section", 'j', "NAME", 0, "Addresses are offsets in this section", 0 },
	{ "target", 'b', "BFDNAME", OPTION_HIDDEN, NULL, 0 },
	{ "recurse-limit", 'R', NULL, OPTION_HIDDEN, NULL, 0 },
	{ "no-recurse-limit", 'r', NULL, OPTION_HIDDEN, NULL, 0 },
	{ 0 }
};
static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, "[ADDRESS...]",
	"Print file, line and functions of hexadecimal addresses, as binutils' addr2line does; "
	"of those on standard input when none are given."
	"\vIn a relocatable file addresses count from the start of .text.\n\nExamples:\n"
	"  stackdb addr2line -e vmlinux -f -i ffffffff81000000\n"
	"  stackdb addr2line -e libc.so.6 -a -p -f -C < addresses\n",
	children, NULL, NULL
};

/* ---- one address ----------------------------------------------------------------------- */

static void put_missing(struct addr2line_command *command, struct text *to)
{
	if (command->options.functions)
		text_add(to, command->pretty ? "?? " : "??\n");
	text_add(to, "??:0\n");
}

static void put_location(struct addr2line_command *command, struct text *to,
			 const struct resolved *location)
{
	if (command->options.functions) {
		text_add(to, *location->function ? location->function : "??");
		text_add(to, command->pretty ? " at " : "\n");
	}
	text_add(to, *location->file ? location->file : "??");
	text_char(to, ':');
	if (location->line)
		text_u64(to, location->line);
	else
		text_char(to, '?');
	if (location->line && location->discriminator) {
		text_add(to, " (discriminator ");
		text_u64(to, location->discriminator);
		text_char(to, ')');
	}
	text_char(to, '\n');
}

static void put_json(struct text *to, uint64_t address, const struct resolved *chain, size_t count)
{
	struct json json;
	json_begin(&json, to);
	json_hex(&json, "address", address);
	json_array(&json, "chain");
	for (size_t i = 0; i < count; i++) {
		json_object(&json, NULL);
		json_string(&json, "function", *chain[i].function ? chain[i].function : NULL);
		json_string(&json, "file", *chain[i].file ? chain[i].file : NULL);
		json_number(&json, "line", chain[i].line);
		if (chain[i].discriminator)
			json_number(&json, "discriminator", chain[i].discriminator);
		json_bool(&json, "inlined", i + 1 < count);
		json_close(&json);
	}
	json_end(&json);
}

static void answer(struct addr2line_command *command, struct text *to, uint64_t address)
{
	const struct resolved *chain;
	uint64_t place = address;
	size_t count = 0;
	bool inside = true;
	if (command->section_header) {
		inside = address < command->section_header->size;
		place += command->section_header->address;
	}
	if (inside)
		count = resolve(command->resolver, place, &chain);
	if (command->common.json) {
		put_json(to, address, count ? chain : NULL, count);
		return;
	}
	if (command->addresses) {
		text_addn(to, "0x", 2);
		text_hex_digits(to, address, session_address_size(command->session) * 2);
		text_add(to, command->pretty ? ": " : "\n");
	}
	if (!count) {
		put_missing(command, to);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (i && command->pretty)
			text_add(to, " (inlined by) ");
		put_location(command, to, &chain[i]);
	}
}

/* ---- batches --------------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
	const struct question *x = a, *y = b;
	return x->address < y->address ? -1 : x->address > y->address;
}

static void add_question(struct addr2line_command *command, uint64_t address)
{
	if (command->count == command->capacity) {
		command->capacity = command->capacity ? command->capacity * 2 : 64;
		command->questions = tool_realloc(command->questions, command->capacity,
						  sizeof(*command->questions));
	}
	command->questions[command->count] = (struct question){ address, (uint32_t)command->count };
	command->count++;
}

/* The sorted questions of a batch, taken run by run. */
struct batch {
	const struct question *questions;
	size_t count;
	struct answer *answers;
	atomic_size_t taken; /* runs that somebody answers or has answered */
};

/* What one thread answers: runs from the front, or from the back, till both meet. */
struct share {
	struct addr2line_command command; /* with a session and resolver of its own */
	struct batch *batch;
	bool back;
	struct text texts;
};

static void answer_run(struct share *share, size_t first, size_t end)
{
	struct addr2line_command *command = &share->command;
	for (size_t i = first; i < end && !session_failed(command->session); i++) {
		const struct question *question = &share->batch->questions[i];
		struct answer *answers = share->batch->answers, *slot = &answers[question->index];
		if (i > first && question->address == question[-1].address) {
			*slot = answers[question[-1].index];
			continue;
		}
		slot->texts = &share->texts;
		slot->start = (uint32_t)share->texts.size;
		answer(command, &share->texts, question->address);
		slot->length = (uint32_t)(share->texts.size - slot->start);
		if (share->texts.size > (UINT32_MAX >> 1))
			session_note(command->session, sdb_error_new(SDB_ERROR_MEMORY, "too much output in one batch"));
	}
}

static void *answer_share(void *arg)
{
	struct share *share = arg;
	struct batch *batch = share->batch;
	size_t runs = (batch->count + RUN - 1) / RUN;
	for (size_t i = 0; atomic_fetch_add(&batch->taken, 1) < runs; i++) {
		size_t first = (share->back ? runs - 1 - i : i) * RUN;
		answer_run(share, first, first + RUN < batch->count ? first + RUN : batch->count);
	}
	return NULL;
}

/* Answers two shares at once; the second one's session shares the first one's cache of blocks. */
static void answer_shares(struct share *shares)
{
	struct addr2line_command *command = &shares[1].command;
	pthread_t thread;
	tool_share_heap();
	command->session = session_share(shares[0].command.session, false);
	command->resolver = resolver_create(command->session, &command->options);
	bool threaded = pthread_create(&thread, NULL, answer_share, &shares[1]) == 0;
	answer_share(&shares[0]);
	if (threaded)
		pthread_join(thread, NULL);
	session_note(shares[0].command.session, session_take_error(command->session));
	resolver_destroy(command->resolver);
	session_close(command->session, STATUS_DONE);
}

/* Answers all questions in hand and prints the answers in the order of the questions. */
static void answer_batch(struct addr2line_command *command)
{
	size_t count = command->count;
	bool two = count >= ENOUGH_FOR_TWO && sysconf(_SC_NPROCESSORS_ONLN) > 1;
	if (!count)
		return;
	qsort(command->questions, count, sizeof(*command->questions), by_address);
	struct answer *answers = tool_alloc(count * sizeof(*answers));
	struct batch batch = { .questions = command->questions, .count = count, .answers = answers };
	struct share shares[2] = { { *command, &batch, false, TEXT_EMPTY }, { *command, &batch, true, TEXT_EMPTY } };
	if (two)
		answer_shares(shares);
	else
		answer_share(&shares[0]);
	for (size_t i = 0; i < count && !session_failed(command->session); i++)
		text_addn(&command->out, answers[i].texts->data + answers[i].start, answers[i].length);
	text_flush(&command->out);
	free(shares[0].texts.data);
	free(shares[1].texts.data);
	free(answers);
	command->count = 0;
}

/* As binutils reads it: hexadecimal digits with or without 0x, anything else is 0. */
static uint64_t parse_address(const char *text, size_t length)
{
	char digits[LINE_BYTES + 1];
	size_t start = 0;
	while (start < length && (text[start] == ' ' || text[start] == '\t'))
		start++;
	length = length - start < LINE_BYTES ? length - start : LINE_BYTES;
	memcpy(digits, text + start, length);
	digits[length] = '\0';
	return digits[0] == '-' || digits[0] == '+' ? 0 : strtoull(digits, NULL, 16);
}

/* Takes the whole lines of what was read; returns how many bytes they were. */
static size_t take_lines(struct addr2line_command *command, const char *data, size_t size, bool last)
{
	size_t start = 0;
	while (start < size) {
		const char *end = memchr(data + start, '\n', size - start);
		if (!end && !last && size - start < BATCH_BYTES / 2)
			break;
		size_t length = end ? (size_t)(end - data) - start : size - start;
		add_question(command, parse_address(data + start, length));
		start += length + (end != NULL);
	}
	return start;
}

static bool more_is_there(void)
{
	struct pollfd input = { STDIN_FILENO, POLLIN, 0 };
	return poll(&input, 1, 0) > 0 && (input.revents & POLLIN);
}

static void answer_input(struct addr2line_command *command)
{
	char *data = tool_alloc(BATCH_BYTES);
	size_t size = 0;
	bool last = false;
	while (!last && !session_failed(command->session)) {
		do {
			ssize_t got = read(STDIN_FILENO, data + size, BATCH_BYTES - size);
			if (got < 0 && errno == EINTR)
				continue;
			last = got <= 0;
			size += got > 0 ? (size_t)got : 0;
		} while (!last && size < BATCH_BYTES && more_is_there());
		size_t taken = take_lines(command, data, size, last);
		memmove(data, data + taken, size - taken);
		size -= taken;
		answer_batch(command);
	}
	free(data);
}

/* ---- the command ------------------------------------------------------------------------ */

static bool find_section(struct addr2line_command *command)
{
	const struct sdb_section *sections;
	size_t count;
	if (session_note(command->session, sdb_sections(session_db(command->session), &sections, &count)))
		return false;
	for (size_t i = 0; i < count; i++)
		if (sections[i].name && strcmp(sections[i].name, command->section) == 0)
			command->section_header = &sections[i];
	if (!command->section_header)
		tool_complain(command->section, "no such section");
	return command->section_header != NULL;
}

int command_addr2line(int argc, char **argv)
{
	struct addr2line_command command = { .out = text_to(STDOUT_FILENO) };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status;
	command.session = session_open(&command.common, &status);
	if (!command.session)
		return status;
	if (command.common.json)
		command.options.functions = command.options.inlines = true;
	command.resolver = resolver_create(command.session, &command.options);
	if (command.section && !find_section(&command)) {
		status = STATUS_NOT_FOUND;
	} else if (command.arg_count) {
		for (int i = 0; i < command.arg_count; i++)
			add_question(&command, parse_address(command.args[i], strlen(command.args[i])));
		answer_batch(&command);
	} else {
		answer_input(&command);
	}
	resolver_destroy(command.resolver);
	free(command.questions);
	text_deinit(&command.out);
	return session_close(command.session, status);
}
