/* SPDX-License-Identifier: MIT */
/* `stackdb info`: what a database is and what its bytes are spent on. */
#include "json.h"
#include "names.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct info_command {
	struct common common;
	bool verify;
	struct text out;
	struct session *session;
	uint64_t file_size;
	struct json *json; /* while parts are listed */
	uint64_t stored, raw;
};

enum { KEY_VERIFY = 0x2000 };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct info_command *command = state->input;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case KEY_VERIFY:
		command->verify = true;
		return 0;
	case ARGP_KEY_ARG:
		if (command->common.module)
			argp_error(state, "one database at a time");
		command->common.module = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "verify", KEY_VERIFY, NULL, 0, "Read and decode every record of every block", 0 },
	{ 0 }
};
static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, "DB",
	"Print the identity of a database, what it counts, and the bytes of each part."
	"\vExamples:\n"
	"  stackdb info vmlinux.sdb\n"
	"  stackdb info --verify /lib/x86_64-linux-gnu/libc.so.6\n",
	children, NULL, NULL
};

static const char *detail_name(enum sdb_detail detail)
{
	return detail == SDB_DETAIL_SYMBOLS ? "symbols" : detail == SDB_DETAIL_LINES ? "lines" : "full";
}

static const char *elf_type_name(uint16_t type)
{
	static const char *const names[] = { "none", "relocatable", "executable", "shared object", "core" };
	return type < 5 ? names[type] : "other";
}

static void build_id_text(struct text *to, const struct sdb_db_info *info)
{
	text_hex_bytes(to, info->build_id, info->build_id_length);
}

/* ---- as text ---------------------------------------------------------------------------- */

static void put_line(struct text *to, const char *label, const char *value)
{
	if (value && *value) {
		char *clean = text_clean(tool_strdup(value));
		text_format(to, "%-12s %s\n", label, clean);
		free(clean);
	}
}

static void put_identity(struct info_command *command, const struct sdb_db_info *info)
{
	struct text *out = &command->out;
	struct text id = TEXT_EMPTY;
	build_id_text(&id, info);
	put_line(out, "database", sdb_db_path(session_db(command->session)));
	put_line(out, "module", info->module_name);
	put_line(out, "path", info->module_path);
	put_line(out, "debug file", info->debug_path);
	put_line(out, "soname", info->soname);
	put_line(out, "build-id", info->build_id_length ? text_string(&id) : "none");
	text_format(out, "%-12s %s, ELF%u, %s endian, %s\n", "file", machine_name(info->elf_machine),
		    info->elf_class == 1 ? 32u : 64u, info->elf_data == 2 ? "big" : "little",
		    elf_type_name(info->elf_type));
	if (info->entry)
		text_format(out, "%-12s 0x%llx\n", "entry", (unsigned long long)info->entry);
	text_format(out, "%-12s %s, format %u%s, by %s\n", "content", detail_name(info->detail),
		    info->format_version, info->packed ? "" : " (not packed)", info->indexer ? info->indexer : "?");
	free(id.data);
}

static void put_counts(struct text *out, const struct sdb_db_info *info)
{
	const struct { const char *label; uint64_t count; } counts[] = {
		{ "names", info->names }, { "files", info->files }, { "units", info->units },
		{ "types", info->types }, { "functions", info->functions },
		{ "variables", info->variables }, { "symbols", info->symbols },
		{ "code", info->codes }, { "lines", info->lines }, { "unwind rows", info->unwind_rows },
		{ "warnings", info->warnings },
	};
	text_char(out, '\n');
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct text number = TEXT_EMPTY;
		text_grouped(&number, counts[i].count);
		text_format(out, "%-12s %12s\n", counts[i].label, text_string(&number));
		free(number.data);
	}
}

static struct sdb_error *put_part(void *arg, const char *part, uint64_t blocks, uint64_t stored,
				  uint64_t raw)
{
	struct info_command *command = arg;
	command->stored += stored;
	command->raw += raw;
	if (command->json) {
		json_object(command->json, NULL);
		json_string(command->json, "part", part);
		json_number(command->json, "blocks", blocks);
		json_number(command->json, "stored", stored);
		json_number(command->json, "raw", raw);
		json_close(command->json);
		return NULL;
	}
	double share = command->file_size ? 100.0 * (double)stored / (double)command->file_size : 0;
	if (blocks)
		text_format(&command->out, "%-20s %8llu %12llu %6.1f%% %12llu\n", part,
			    (unsigned long long)blocks, (unsigned long long)stored, share,
			    (unsigned long long)raw);
	return NULL;
}

static void put_parts(struct info_command *command)
{
	struct text *out = &command->out;
	text_format(out, "\n%-20s %8s %12s %7s %12s\n", "part", "blocks", "stored", "share", "unpacked");
	session_note(command->session, sdb_db_parts(session_db(command->session), put_part, command));
	uint64_t rest = command->file_size > command->stored ? command->file_size - command->stored : 0;
	double whole = command->file_size ? (double)command->file_size : 1;
	text_format(out, "%-20s %8s %12llu %6.1f%%\n", "(pages, indexes)", "", (unsigned long long)rest,
		    100.0 * (double)rest / whole);
	text_format(out, "%-20s %8s %12llu %6.1f%% %12llu\n", "total", "",
		    (unsigned long long)command->file_size, 100.0, (unsigned long long)command->raw);
}

/* ---- as JSON ------------------------------------------------------------------------------ */

static void put_json(struct info_command *command, const struct sdb_db_info *info, const char *verdict)
{
	struct json json;
	struct text id = TEXT_EMPTY;
	build_id_text(&id, info);
	json_begin(&json, &command->out);
	json_string(&json, "database", sdb_db_path(session_db(command->session)));
	json_string(&json, "module", info->module_name);
	json_string(&json, "path", info->module_path);
	json_string(&json, "debug_file", info->debug_path);
	json_string(&json, "soname", info->soname);
	json_stringn(&json, "build_id", id.data ? id.data : "", id.size);
	json_string(&json, "machine", machine_name(info->elf_machine));
	json_number(&json, "class", info->elf_class == 1 ? 32 : 64);
	json_string(&json, "type", elf_type_name(info->elf_type));
	json_hex(&json, "entry", info->entry);
	json_string(&json, "detail", detail_name(info->detail));
	json_number(&json, "format", info->format_version);
	json_bool(&json, "packed", info->packed);
	json_string(&json, "indexer", info->indexer);
	json_number(&json, "size", command->file_size);
	json_number(&json, "names", info->names);
	json_number(&json, "files", info->files);
	json_number(&json, "units", info->units);
	json_number(&json, "types", info->types);
	json_number(&json, "functions", info->functions);
	json_number(&json, "variables", info->variables);
	json_number(&json, "symbols", info->symbols);
	json_number(&json, "codes", info->codes);
	json_number(&json, "lines", info->lines);
	json_number(&json, "unwind_rows", info->unwind_rows);
	json_number(&json, "warnings", info->warnings);
	json_array(&json, "parts");
	command->json = &json;
	session_note(command->session, sdb_db_parts(session_db(command->session), put_part, command));
	json_close(&json);
	if (verdict)
		json_string(&json, "verify", verdict);
	json_end(&json);
	free(id.data);
}

int command_info(int argc, char **argv)
{
	struct info_command command = { .out = text_to(STDOUT_FILENO) };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status;
	struct session *session = command.session = session_open(&command.common, &status);
	if (!session)
		return status;
	const struct sdb_db_info *info = session_info(session);
	struct stat state;
	if (stat(sdb_db_path(session_db(session)), &state) == 0)
		command.file_size = (uint64_t)state.st_size;
	bool sound = !command.verify || !session_note(session, sdb_db_verify(session_db(session)));
	if (command.common.json) {
		put_json(&command, info, !command.verify ? NULL : sound ? "sound" : "damaged");
	} else {
		put_identity(&command, info);
		put_counts(&command.out, info);
		put_parts(&command);
		if (command.verify)
			text_add(&command.out, sound ? "\nverified: every block is sound\n" : "\ndamaged\n");
	}
	text_deinit(&command.out);
	return session_close(session, status);
}
