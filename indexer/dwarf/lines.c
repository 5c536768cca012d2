/* SPDX-License-Identifier: MIT */

/*
 * Line tables. Headers are read before entries, since these name files by their numbers in them; at the
 * same time each program is run once to find its sequences, and once more, sequence by sequence in order
 * of address, when the database is written, so that no table of rows is held in memory.
 */

#include "gather.h"

struct line_reader {
	const struct dwarf *dwarf;
	const struct unit *unit;
	const uint8_t *at, *end;
};

static uint64_t number(struct line_reader *reader, unsigned size)
{
	if (!reader->at || (size_t)(reader->end - reader->at) < size) {
		reader->at = NULL;
		return 0;
	}
	uint64_t value = dwarf_number(reader->dwarf, reader->at, size);
	reader->at += size;
	return value;
}

static const char *string(struct line_reader *reader)
{
	const uint8_t *start = reader->at;
	const uint8_t *nul = start && start < reader->end ? memchr(start, 0, (size_t)(reader->end - start)) : NULL;

	reader->at = nul ? nul + 1 : NULL;
	return nul ? (const char *)start : "";
}

/* ---- the header's files -------------------------------------------------------- */

struct directories {
	const char **names;
	size_t count, capacity;
};

struct path {
	char text[4096];
	size_t length;
	bool too_long;
};

static void add_piece(struct path *path, const char *piece)
{
	size_t length = strlen(piece), separator = path->length > 0;

	if (length + separator >= sizeof(path->text) - path->length) {
		path->too_long = true;
		return;
	}
	if (separator)
		path->text[path->length++] = '/';
	memcpy(path->text + path->length, piece, length);
	path->length += length;
}

/* The provisional number of a file, its path put together as the debuginfo means it. */
static uint32_t intern_file(struct gather *gather, const struct unit *unit, const struct directories *directories,
			    uint64_t directory, const char *name)
{
	const char *comp_dir = unit->comp_dir ? unit->comp_dir : "";
	const char *dir = directory < directories->count ? directories->names[directory] : "";
	struct path path;

	path.length = 0;
	path.too_long = false;
	if (name[0] != '/') {
		if (comp_dir[0] && dir[0] != '/')
			add_piece(&path, comp_dir);
		if (dir[0] && (dir[0] == '/' || strcmp(dir, comp_dir) != 0))
			add_piece(&path, dir);
	}
	add_piece(&path, name);
	return path.too_long ? 0 : sdb_names_intern(gather->files, path.text, path.length);
}

static bool add_directory(struct directories *directories, const char *name)
{
	if (!array_room(directories->names, directories->count, directories->capacity))
		return false;
	directories->names[directories->count++] = name;
	return true;
}

static bool add_table_file(struct line_table *table, size_t *capacity, uint32_t file)
{
	if (!array_room(table->files, table->file_count, *capacity))
		return false;
	table->files[table->file_count++] = file;
	return true;
}

static bool old_files(struct gather *gather, struct line_reader *reader, struct line_table *table,
		      struct directories *directories)
{
	const struct unit *unit = reader->unit;
	size_t capacity = 0;

	if (!add_directory(directories, unit->comp_dir ? unit->comp_dir : ""))
		return false;
	for (;;) {
		const char *name = string(reader);
		if (!reader->at || !name[0])
			break;
		if (!add_directory(directories, name))
			return false;
	}
	if (!add_table_file(table, &capacity, 0)) /* files count from 1 */
		return false;
	while (reader->at) {
		const char *name = string(reader);
		if (!reader->at || !name[0])
			break;
		uint64_t directory = dwarf_uleb(&reader->at, reader->end);
		dwarf_uleb(&reader->at, reader->end);
		dwarf_uleb(&reader->at, reader->end);
		if (reader->at &&
		    !add_table_file(table, &capacity, intern_file(gather, unit, directories, directory, name)))
			return false;
	}
	return reader->at != NULL;
}

/* One table of DWARF 5: directories (FILES false) or files. */
static bool new_entries(struct gather *gather, struct line_reader *reader, struct line_table *table,
			struct directories *directories, bool files, struct unit *view)
{
	struct attr_spec formats[16];
	unsigned format_count = (unsigned)number(reader, 1);
	size_t capacity = 0;

	if (!reader->at || format_count > 16)
		return false;
	for (unsigned i = 0; i < format_count; i++) {
		uint64_t name = dwarf_uleb(&reader->at, reader->end);
		formats[i] = attr_spec_make(view, (unsigned)name,
					    (unsigned)dwarf_uleb(&reader->at, reader->end), 0);
	}
	uint64_t count = dwarf_uleb(&reader->at, reader->end);
	if (!reader->at || (format_count == 0 && count) || count > (uint64_t)(reader->end - reader->at))
		return false;
	while (count-- > 0) {
		const char *name = "";
		uint64_t directory = 0;
		for (unsigned i = 0; i < format_count; i++) {
			struct attr attr;
			reader->at = attr_read(view, &formats[i], reader->at, &attr);
			if (!reader->at)
				return false;
			if (formats[i].name == DW_LNCT_path && attr.class == ATTR_STRING)
				name = attr_string(view, &attr);
			else if (formats[i].name == DW_LNCT_directory_index)
				directory = attr.u;
		}
		name = name ? name : "";
		if (files ? !add_table_file(table, &capacity,
					    intern_file(gather, reader->unit, directories, directory, name)) :
			    !add_directory(directories, name))
			return false;
	}
	return true;
}

/* Forms in a line header end with .debug_line, not with the unit: a unit that says so. */
static bool new_files(struct gather *gather, struct line_reader *reader, struct line_table *table,
		      struct directories *directories, unsigned offset_size)
{
	struct dwarf_file file = *reader->unit->file;
	struct unit view = *reader->unit;

	file.sections[DWARF_INFO] = file.sections[DWARF_LINE];
	view.file = &file;
	view.section = file.sections[DWARF_LINE].data;
	view.in_types = false;
	view.version = 5;
	view.offset_size = (uint8_t)offset_size;
	view.end = (uint64_t)(reader->end - file.sections[DWARF_LINE].data);
	return new_entries(gather, reader, table, directories, false, &view) &&
	       new_entries(gather, reader, table, directories, true, &view);
}

static bool read_header(struct gather *gather, const struct unit *unit, struct line_table *table)
{
	const struct section_data *section = &unit->file->sections[DWARF_LINE];
	struct directories directories = { 0 };

	if (!section->data || unit->line_offset >= section->size)
		return false;
	struct line_reader reader = { &gather->dwarf, unit, section->data + unit->line_offset,
				      section->data + section->size };
	unsigned offset_size = 4;
	uint64_t length = number(&reader, 4);
	if (length == 0xffffffff) {
		offset_size = 8;
		length = number(&reader, 8);
	}
	if (!reader.at || length > (uint64_t)(reader.end - reader.at))
		return false;
	reader.end = reader.at + length;
	table->end = reader.end;
	table->version = (uint16_t)number(&reader, 2);
	if (table->version < 2 || table->version > 5)
		return false;
	table->address_size = unit->address_size;
	if (table->version >= 5) {
		table->address_size = (uint8_t)number(&reader, 1);
		number(&reader, 1); /* segment selector size */
	}
	uint64_t header = number(&reader, offset_size);
	if (!reader.at || header > (uint64_t)(reader.end - reader.at))
		return false;
	table->program = reader.at + header;
	table->min_length = (uint8_t)number(&reader, 1);
	table->max_ops = table->version >= 4 ? (uint8_t)number(&reader, 1) : 1;
	table->default_statement = number(&reader, 1) != 0;
	table->line_base = (int8_t)number(&reader, 1);
	table->line_range = (uint8_t)number(&reader, 1);
	table->opcode_base = (uint8_t)number(&reader, 1);
	table->lengths = reader.at;
	if (!reader.at || table->line_range == 0 || table->opcode_base == 0 ||
	    reader.end - reader.at < table->opcode_base - 1)
		return false;
	if (table->max_ops == 0)
		table->max_ops = 1;
	reader.at += table->opcode_base - 1;
	bool sound = table->version >= 5 ? new_files(gather, &reader, table, &directories, offset_size) :
		old_files(gather, &reader, table, &directories);
	free(directories.names);
	return sound;
}

uint32_t unit_file(const struct gather *gather, const struct unit *unit, uint64_t index)
{
	if (!unit->line_table)
		return 0;
	const struct line_table *table = &gather->dwarf.line_tables[unit->line_table - 1];
	return index < table->file_count ? table->files[index] : 0;
}

/* ---- the program ----------------------------------------------------------------- */

struct machine {
	const struct dwarf *dwarf;
	const struct line_table *table;
	const uint8_t *at;
	struct sdb_line row;  /* `file` is the number in the table */
	bool emit;            /* a row was completed */
	bool end;             /* it ended its sequence */
};

static void machine_reset(struct machine *machine)
{
	machine->row = (struct sdb_line){ .file = 1, .line = 1,
		.flags = machine->table->default_statement ? SDB_LINE_STATEMENT : 0 };
}

static void advance(struct machine *machine, uint64_t operations)
{
	const struct line_table *table = machine->table;

	if (table->max_ops == 1) {
		machine->row.address += operations * table->min_length;
		return;
	}
	uint64_t total = machine->row.op_index + operations;
	machine->row.address += table->min_length * (total / table->max_ops);
	machine->row.op_index = (uint8_t)(total % table->max_ops);
}

static void extended(struct machine *machine)
{
	const uint8_t *end = machine->table->end;
	uint64_t length = dwarf_uleb(&machine->at, end);

	if (!machine->at || length == 0 || length > (uint64_t)(end - machine->at)) {
		machine->at = NULL;
		return;
	}
	const uint8_t *next = machine->at + length, *at = machine->at + 1;
	switch (*machine->at) {
	case DW_LNE_end_sequence:
		machine->row.flags |= SDB_LINE_END_SEQUENCE;
		machine->emit = machine->end = true;
		break;
	case DW_LNE_set_address:
		if (length - 1 == 4 || length - 1 == 8 || length - 1 == 2) {
			machine->row.address = dwarf_number(machine->dwarf, at, (unsigned)length - 1);
			machine->row.op_index = 0;
		}
		break;
	case DW_LNE_set_discriminator:
		machine->row.discriminator = (uint32_t)dwarf_uleb(&at, next);
		break;
	}
	machine->at = next;
}

/* Standard opcodes. */
static void standard(struct machine *machine, unsigned opcode)
{
	const struct line_table *table = machine->table;
	struct sdb_line *row = &machine->row;

	switch (opcode) {
	case DW_LNS_copy: machine->emit = true; break;
	case DW_LNS_advance_pc: advance(machine, dwarf_uleb(&machine->at, table->end)); break;
	case DW_LNS_advance_line: row->line += (uint32_t)dwarf_sleb(&machine->at, table->end); break;
	case DW_LNS_set_file: row->file = (uint32_t)dwarf_uleb(&machine->at, table->end); break;
	case DW_LNS_set_column: row->column = (uint32_t)dwarf_uleb(&machine->at, table->end); break;
	case DW_LNS_negate_stmt: row->flags ^= SDB_LINE_STATEMENT; break;
	case DW_LNS_set_basic_block: row->flags |= SDB_LINE_BASIC_BLOCK; break;
	case DW_LNS_const_add_pc:
		advance(machine, (255 - table->opcode_base) / table->line_range);
		break;
	case DW_LNS_fixed_advance_pc:
		if (table->end - machine->at < 2) {
			machine->at = NULL;
			return;
		}
		row->address += dwarf_number(machine->dwarf, machine->at, 2);
		row->op_index = 0;
		machine->at += 2;
		break;
	case DW_LNS_set_prologue_end: row->flags |= SDB_LINE_PROLOGUE_END; break;
	case DW_LNS_set_epilogue_begin: row->flags |= SDB_LINE_EPILOGUE_BEGIN; break;
	case DW_LNS_set_isa: row->isa = (uint16_t)dwarf_uleb(&machine->at, table->end); break;
	default:
		for (unsigned i = 0; i < table->lengths[opcode - 1] && machine->at; i++)
			dwarf_uleb(&machine->at, table->end);
	}
}

/* Runs to the next row; false at the end of the program or at damage. */
static bool machine_step(struct machine *machine)
{
	const struct line_table *table = machine->table;

	if (machine->emit) {
		if (machine->end)
			machine_reset(machine);
		machine->row.discriminator = 0;
		machine->row.flags &= SDB_LINE_STATEMENT;
		machine->emit = machine->end = false;
	}
	while (machine->at && machine->at < table->end && !machine->emit) {
		unsigned opcode = *machine->at++;
		if (opcode >= table->opcode_base) {
			opcode -= table->opcode_base;
			advance(machine, opcode / table->line_range);
			machine->row.line += (uint32_t)(table->line_base + (int)(opcode % table->line_range));
			machine->emit = true;
		} else if (opcode == 0) {
			extended(machine);
		} else {
			standard(machine, opcode);
		}
	}
	return machine->at && machine->emit;
}

static bool add_sequence(struct gather *gather, const struct sequence *sequence)
{
	if (!array_room(gather->sequences, gather->sequence_count, gather->sequence_capacity))
		return false;
	gather->sequences[gather->sequence_count++] = *sequence;
	return true;
}

static void find_sequences(struct gather *gather, uint32_t index)
{
	const struct line_table *table = &gather->dwarf.line_tables[index];
	struct machine machine = { .dwarf = &gather->dwarf, .table = table, .at = table->program };
	const uint8_t *start = table->program;
	bool first = true, code = false;
	uint64_t low = 0, rows = 0;

	machine_reset(&machine);
	while (machine_step(&machine)) {
		if (first) {
			low = machine.row.address;
			code = dwarf_is_code(&gather->dwarf, low);
		}
		first = false;
		rows++;
		if (!machine.end)
			continue;
		struct sequence sequence = { low, (uint64_t)(start - table->program), index, 0 };
		pthread_mutex_lock(&gather->lock);
		if (code && rows > 1 && machine.row.address > low) {
			gather->line_rows += rows;
			if (!add_sequence(gather, &sequence))
				gather->failed = true;
		}
		pthread_mutex_unlock(&gather->lock);
		first = true;
		rows = 0;
		start = machine.at;
	}
	if (!machine.at)
		module_warn(gather->dwarf.module, ".debug_line: table at 0x%llx is damaged, its rest is left out",
			    (unsigned long long)table->unit->line_offset);
}

static int compare_sequences(const void *a, const void *b)
{
	const struct sequence *x = a, *y = b;

	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return x->program < y->program ? -1 : x->program > y->program;
}

static void scan_unit(struct worker *worker, struct unit *unit)
{
	struct gather *gather = worker->gather;
	struct line_table *table = unit->line_table ? &gather->dwarf.line_tables[unit->line_table - 1] : NULL;

	if (!table || table->unit != unit)
		return;
	if (read_header(gather, unit, table)) {
		find_sequences(gather, unit->line_table - 1);
	} else {
		free(table->files);
		*table = (struct line_table){ .unit = unit };
	}
}

/* Gives each unit the number of its table; each table is read by the first unit that has it. */
static bool number_tables(struct dwarf *dwarf)
{
	struct map by_offset = { 0 };
	bool good = true;

	for (uint32_t i = 0; i < dwarf->unit_count && good; i++) {
		struct unit *unit = dwarf->units[i];
		uint32_t known;
		if (!unit->parsed || unit->line_offset == UINT64_MAX)
			continue;
		const struct dwarf_file *owner = unit->file;
		if (owner->skeleton && unit->line_offset == owner->skeleton->line_offset)
			owner = owner->skeleton->file;
		uint64_t key = hash_mix(owner->index, unit->line_offset);
		if (map_get(&by_offset, key, &known)) {
			unit->line_table = known;
			continue;
		}
		dwarf->line_tables[dwarf->line_table_count++].unit = unit;
		unit->line_table = dwarf->line_table_count;
		good = map_put(&by_offset, key, unit->line_table);
	}
	map_deinit(&by_offset);
	return good;
}

/* Takes tables without a sound header away from their units. */
static void drop_damaged(struct dwarf *dwarf)
{
	for (uint32_t i = 0; i < dwarf->unit_count; i++) {
		struct unit *unit = dwarf->units[i];
		if (!unit->line_table || dwarf->line_tables[unit->line_table - 1].program)
			continue;
		if (unit->file->sections[DWARF_LINE].data)
			module_warn(dwarf->module, ".debug_line: the header at 0x%llx makes no sense",
				    (unsigned long long)unit->line_offset);
		unit->line_table = 0;
	}
}

struct sdb_error *lines_gather(struct gather *gather)
{
	struct dwarf *dwarf = &gather->dwarf;

	dwarf->line_tables = calloc((size_t)dwarf->unit_count + 1, sizeof(*dwarf->line_tables));
	if (!dwarf->line_tables || !number_tables(dwarf))
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	struct sdb_error *error = gather_units(gather, scan_unit);
	if (error)
		return error;
	drop_damaged(dwarf);
	if (gather->sequence_count > 1)
		qsort(gather->sequences, gather->sequence_count, sizeof(*gather->sequences), compare_sequences);
	return NULL;
}

void lines_free(struct gather *gather)
{
	for (uint32_t i = 0; i < gather->dwarf.line_table_count; i++)
		free(gather->dwarf.line_tables[i].files);
	free(gather->dwarf.line_tables);
	free(gather->sequences);
}

struct sdb_error *lines_write(struct gather *gather, struct sdb_writer *writer)
{
	struct sdb_error *error = sdb_writer_files(writer, gather->paths, gather->path_count);
	struct sdb_line *rows = NULL;
	size_t capacity = 0;

	for (size_t i = 0; i < gather->sequence_count && !error; i++) {
		const struct sequence *sequence = &gather->sequences[i];
		const struct line_table *table = &gather->dwarf.line_tables[sequence->table];
		struct machine machine = { .dwarf = &gather->dwarf, .table = table,
					   .at = table->program + sequence->program };
		size_t count = 0;
		machine_reset(&machine);
		while (machine_step(&machine)) {
			if (!array_room(rows, count, capacity)) {
				error = sdb_error_new(SDB_ERROR_MEMORY, "out of memory for line rows");
				break;
			}
			struct sdb_line row = machine.row;
			row.file = row.file < table->file_count ? gather->file_ids[table->files[row.file]] : 0;
			if (count == 0 || row.address >= rows[count - 1].address)
				rows[count++] = row;
			if (machine.end)
				break;
		}
		if (!error && count)
			error = sdb_writer_add_lines(writer, rows, count);
	}
	free(rows);
	return error;
}
