/* SPDX-License-Identifier: MIT */
/*
 * A dump of everything. It is made in pieces, by two threads when there are two processors: each has
 * a session of its own on the same database, so that it remembers names and types without asking
 * the other; neighbouring pieces are in the works at the same time and share blocks.
 */
#include "dump.h"
#include "names.h"
#include "ordered.h"
#include "rules.h"

#include <stdlib.h>
#include <unistd.h>

/* Things in a piece: enough for its text to be worth handing over, few enough to keep it small. */
#define SYMBOLS_IN_PIECE 1024
#define TYPES_IN_PIECE 256
#define STEPS_IN_PIECE 8 /* functions print most of all */
#define WORKERS 2

/* ---- what belongs to the units ------------------------------------------------------------- */

/* Functions or variables with consecutive numbers in one unit: indexers number them unit by unit. */
struct unit_run {
	sdb_unit_id unit;
	uint32_t first, count;
};

struct unit_items {
	struct unit_run *runs;
	size_t count;
};

/* Which of them is next. */
struct unit_place {
	size_t run;
	uint32_t item; /* of the run */
};

/* Where one is among the units: in front of the heading of `unit`, or at its items. */
struct place {
	uint64_t unit;
	bool headed;
	struct unit_place variable, function;
};

enum step { STEP_END, STEP_HEADING, STEP_VARIABLE, STEP_FUNCTION };

struct lists {
	uint64_t units;
	struct unit_items variables, functions;
};

static int by_unit(const void *a, const void *b)
{
	const struct unit_run *x = a, *y = b;
	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static struct sdb_error *unit_of(struct sdb_db *db, bool function, uint32_t id, sdb_unit_id *unit_ret)
{
	struct sdb_function_names names;
	struct sdb_variable *variable;
	struct sdb_error *error = function ? sdb_function_names(db, id, &names) : sdb_variable(db, id, &variable);
	if (error)
		return error;
	*unit_ret = function ? names.unit : variable->unit;
	if (!function)
		sdb_variable_free(variable);
	return NULL;
}

/* The first TOTAL functions or variables, in the order of their units and numbers. */
static struct sdb_error *list_items(struct sdb_db *db, bool function, uint64_t total, struct unit_items *list)
{
	size_t capacity = 0;
	struct unit_run *last = NULL;
	for (uint64_t id = 1; id <= total; id++) {
		sdb_unit_id unit;
		struct sdb_error *error = unit_of(db, function, (uint32_t)id, &unit);
		if (error)
			return error;
		if (last && last->unit == unit) {
			last->count++;
			continue;
		}
		if (list->count == capacity) { /* grown as records really appear: counts are not to be trusted */
			capacity = capacity ? capacity * 2 : 256;
			list->runs = tool_realloc(list->runs, capacity, sizeof(*list->runs));
		}
		last = &list->runs[list->count++];
		*last = (struct unit_run){ unit, (uint32_t)id, 1 };
	}
	if (list->count)
		qsort(list->runs, list->count, sizeof(*list->runs), by_unit);
	return NULL;
}

/* Whether the next item of LIST belongs to UNIT. */
static bool is_next(const struct unit_items *list, const struct unit_place *place, uint64_t unit)
{
	return place->run < list->count && list->runs[place->run].unit <= unit;
}

static uint32_t take_item(const struct unit_items *list, struct unit_place *place)
{
	const struct unit_run *run = &list->runs[place->run];
	uint32_t id = run->first + place->item++;
	if (place->item == run->count)
		*place = (struct unit_place){ place->run + 1, 0 };
	return id;
}

/* Goes over units in their order, in each over variables, then functions. *ID_RET: which one. */
static enum step next_step(const struct lists *lists, struct place *place, uint32_t *id_ret)
{
	for (; place->unit <= lists->units; place->unit++, place->headed = false) {
		bool variable = is_next(&lists->variables, &place->variable, place->unit);
		bool function = is_next(&lists->functions, &place->function, place->unit);
		if (!place->headed && (place->unit || variable || function)) {
			place->headed = true;
			*id_ret = (uint32_t)place->unit;
			return STEP_HEADING;
		}
		if (variable) {
			*id_ret = take_item(&lists->variables, &place->variable);
			return STEP_VARIABLE;
		}
		if (function) {
			*id_ret = take_item(&lists->functions, &place->function);
			return STEP_FUNCTION;
		}
	}
	return STEP_END;
}

static void put_unit(struct dump *dump, sdb_unit_id id)
{
	struct sdb_unit unit;
	if (id == 0) {
		if (!dump->json)
			text_add(dump->out, "\nunit (none)\n");
		return;
	}
	if (session_note(dump->session, sdb_unit(session_db(dump->session), id, &unit)))
		return;
	if (dump->json) {
		struct json json;
		json_begin(&json, dump->out);
		json_string(&json, "kind", "unit");
		json_number(&json, "id", id);
		json_string(&json, "name", session_name(dump->session, unit.name));
		json_string(&json, "directory", session_name(dump->session, unit.directory));
		json_string(&json, "producer", session_name(dump->session, unit.producer));
		json_string(&json, "language", language_name(unit.language));
		json_number(&json, "version", unit.version);
		json_end(&json);
		return;
	}
	text_format(dump->out, "\nunit %s  (%s", session_name(dump->session, unit.name),
		    language_name(unit.language));
	text_format(dump->out, ", DWARF %u, in %s)\n", unit.version,
		    session_name(dump->session, unit.directory));
	if (dump->meta)
		text_format(dump->out, "\tproducer %s\n", session_name(dump->session, unit.producer));
}

/* ---- kinds of pieces ------------------------------------------------------------------------- */

static void heading(struct dump *dump, const char *title, uint64_t count)
{
	if (dump->json)
		return;
	text_char(dump->out, '\n');
	text_add(dump->out, title);
	text_add(dump->out, " (");
	text_grouped(dump->out, count);
	text_add(dump->out, ")\n");
}

static void dump_symbols(struct dump *dump, uint64_t first, uint64_t last)
{
	if (first == 1)
		heading(dump, "symbols", session_info(dump->session)->symbols);
	for (uint64_t id = first; id <= last && !session_failed(dump->session); id++)
		dump_symbol(dump, (sdb_symbol_id)id);
}

/* Types that a reader would look up: what others are made of is printed with those. */
static bool stands_alone(const struct type_outline *type)
{
	switch (type->kind) {
	case SDB_TYPE_STRUCT: case SDB_TYPE_CLASS: case SDB_TYPE_UNION: case SDB_TYPE_ENUM:
		return type->name || type->has_members || type->has_enumerators;
	case SDB_TYPE_BASE: case SDB_TYPE_TYPEDEF: case SDB_TYPE_NAMESPACE: case SDB_TYPE_UNSPECIFIED:
		return true;
	default:
		return false;
	}
}

static void dump_types(struct dump *dump, uint64_t first, uint64_t last)
{
	if (first == 1)
		heading(dump, "types", session_info(dump->session)->types);
	for (uint64_t id = first; id <= last && !session_failed(dump->session); id++) {
		struct type_outline type = session_type(dump->session, (sdb_type_id)id);
		if (stands_alone(&type) || dump->meta)
			dump_type(dump, (sdb_type_id)id);
	}
}

static void dump_steps(struct dump *dump, const struct lists *lists, struct place place)
{
	for (unsigned i = 0; i < STEPS_IN_PIECE && !session_failed(dump->session); i++) {
		uint32_t id;
		switch (next_step(lists, &place, &id)) {
		case STEP_END: return;
		case STEP_HEADING: put_unit(dump, id); break;
		case STEP_VARIABLE: dump_variable(dump, id); break;
		case STEP_FUNCTION: dump_function(dump, id); break;
		}
	}
}

static struct sdb_error *put_unwind(void *arg, const struct sdb_unwind_row *row)
{
	struct dump *dump = arg;
	text_char(dump->out, '\t');
	text_hex(dump->out, dump_address(dump, row->low));
	text_char(dump->out, '-');
	text_hex(dump->out, dump_address(dump, row->low) + (row->high - row->low));
	text_char(dump->out, ' ');
	text_add(dump->out, rules_source_name(row->source));
	if (row->flags & SDB_UNWIND_GAP) {
		text_add(dump->out, " no rules\n");
		return NULL;
	}
	text_add(dump->out, " CFA=");
	rules_put_cfa(dump->session, dump->out, row);
	for (size_t i = 0; i < row->rule_count; i++) {
		text_char(dump->out, ' ');
		rules_put_register(dump->session, dump->out, row->rules[i].column);
		text_char(dump->out, '=');
		rules_put_rule(dump->session, dump->out, &row->rules[i]);
	}
	text_char(dump->out, '\n');
	return NULL;
}

static void dump_unwind(struct dump *dump)
{
	heading(dump, "unwind rows", session_info(dump->session)->unwind_rows);
	for (int source = SDB_UNWIND_EH_FRAME; source <= SDB_UNWIND_ORC && !dump->json; source++)
		session_missed(dump->session, sdb_unwind_rows(session_db(dump->session), source, put_unwind, dump));
}

/* ---- the pieces ------------------------------------------------------------------------------ */

enum kind { PIECE_SYMBOLS, PIECE_TYPES, PIECE_UNITS, PIECE_UNWIND, PIECE_NONE };

struct piece {
	enum kind kind;
	uint64_t first, last; /* of symbols and types */
	struct place place;   /* of units */
	const struct lists *lists;
};

/* What there is, and how far it has been handed out. */
struct everything {
	const struct dump *dump;
	struct lists lists;
	bool listed;
	enum kind kind;
	uint64_t next; /* symbol or type */
	struct place place;
};

/* The next run of what is numbered from 1 to TOTAL. An empty one is a piece too: it has a heading. */
static bool next_numbers(struct everything *all, uint64_t total, unsigned count, struct piece *piece)
{
	uint64_t left = all->next <= total ? total - all->next + 1 : 0;
	if (!left && all->next > 1)
		return false;
	piece->first = all->next;
	piece->last = piece->first - 1 + (left < count ? left : count);
	all->next += count;
	return true;
}

static bool next_steps(struct everything *all, struct piece *piece)
{
	uint32_t ignored;
	piece->place = all->place;
	piece->lists = &all->lists;
	unsigned steps = 0;
	while (steps < STEPS_IN_PIECE && next_step(&all->lists, &all->place, &ignored) != STEP_END)
		steps++;
	return steps > 0;
}

static bool next_of_kind(struct everything *all, struct piece *piece)
{
	const struct dump *dump = all->dump;
	const struct sdb_db_info *info = session_info(dump->session);
	switch (all->kind) {
	case PIECE_SYMBOLS:
		return dump->symbols && next_numbers(all, info->symbols, SYMBOLS_IN_PIECE, piece);
	case PIECE_TYPES:
		return dump->types && next_numbers(all, info->types, TYPES_IN_PIECE, piece);
	case PIECE_UNITS:
		return (dump->scopes || dump->globals) && all->listed && next_steps(all, piece);
	case PIECE_UNWIND:
		return dump->detail > 1 && all->listed && all->next++ == 1;
	case PIECE_NONE:
		break;
	}
	return false;
}

static bool next_piece(void *arg, void *piece_ret)
{
	struct everything *all = arg;
	struct piece *piece = piece_ret;
	while (all->kind != PIECE_NONE) {
		*piece = (struct piece){ .kind = all->kind };
		if (next_of_kind(all, piece))
			return true;
		all->kind++;
		all->next = 1;
	}
	return false;
}

static bool make_piece(void *worker, const void *piece_given, struct text *to)
{
	struct dump *dump = worker;
	const struct piece *piece = piece_given;
	dump->out = to;
	switch (piece->kind) {
	case PIECE_SYMBOLS: dump_symbols(dump, piece->first, piece->last); break;
	case PIECE_TYPES: dump_types(dump, piece->first, piece->last); break;
	case PIECE_UNITS: dump_steps(dump, piece->lists, piece->place); break;
	case PIECE_UNWIND: dump_unwind(dump); break;
	case PIECE_NONE: break;
	}
	return !session_failed(dump->session);
}

/* Lists what belongs to units; a failure is only told when all that comes before them is out. */
static struct sdb_error *list_everything(struct dump *dump, struct everything *all)
{
	const struct sdb_db_info *info = session_info(dump->session);
	struct sdb_error *error = NULL;
	all->lists.units = info->units;
	if (dump->scopes || dump->globals)
		error = list_items(session_db(dump->session), true, info->functions, &all->lists.functions);
	if (!error && dump->globals)
		error = list_items(session_db(dump->session), false, info->variables, &all->lists.variables);
	all->listed = !error;
	return error;
}

static void put_module(struct dump *dump)
{
	const struct sdb_db_info *info = session_info(dump->session);
	if (dump->json)
		return;
	text_format(dump->out, "module %s  %s  build-id ", info->module_name ? info->module_name : "?",
		    machine_name(info->elf_machine));
	text_hex_bytes(dump->out, info->build_id, info->build_id_length);
	text_char(dump->out, '\n');
}

void dump_all(struct dump *dump)
{
	static const struct ordered_maker maker = { next_piece, make_piece, sizeof(struct piece) };
	struct everything all = { .dump = dump, .kind = PIECE_SYMBOLS, .next = 1 };
	size_t count = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? WORKERS : 1, failed;
	struct dump dumps[WORKERS];
	void *workers[WORKERS];
	put_module(dump);
	text_flush(dump->out);
	tool_share_heap();
	struct sdb_error *error = list_everything(dump, &all);
	for (size_t i = 0; i < count; i++) {
		dumps[i] = *dump;
		dumps[i].session = session_share(dump->session, true);
		workers[i] = &dumps[i];
	}
	ordered_run(dump->out->fd, &maker, &all, workers, count, &failed);
	if (failed < count)
		session_note(dump->session, session_take_error(dumps[failed].session));
	session_note(dump->session, error);
	for (size_t i = 0; i < count; i++) {
		sdb_error_free(session_take_error(dumps[i].session));
		session_close(dumps[i].session, STATUS_DONE);
	}
	free(all.lists.functions.runs);
	free(all.lists.variables.runs);
}
