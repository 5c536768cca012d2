/* SPDX-License-Identifier: MIT */
#include "debugfile.h"
#include "decompress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What .gnu_debugdata may unpack to: it holds a symbol table only. */
#define MAX_MINI ((size_t)256 << 20)

/* ---- warnings, pages -------------------------------------------------------------- */

void module_warn(struct module *module, const char *format, ...)
{
	char message[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	pthread_mutex_lock(&module->warn_lock);
	module->warnings++;
	module->warn(module->warn_arg, message);
	pthread_mutex_unlock(&module->warn_lock);
}

uint64_t module_warnings(const struct module *module)
{
	struct module *mutable = (struct module *)module; /* the lock changes, nothing else */
	pthread_mutex_lock(&mutable->warn_lock);
	uint64_t warnings = module->warnings;
	pthread_mutex_unlock(&mutable->warn_lock);
	return warnings;
}

void section_release(const void *data, size_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = ((uintptr_t)data + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)data + size) & ~(page - 1);
	if (data && start < end)
		madvise((void *)start, end - start, MADV_DONTNEED);
}

/* Mapped pages are given back in runs of this size. */
#define RELEASE_RUN (1 << 20)

void section_passed(struct section_run *run, const struct section_data *section, uint64_t start, uint64_t end)
{
	if (!section->mapped)
		return;
	const uint8_t *from = section->data + start;
	if (!run->start || from < run->end || from > run->end + RELEASE_RUN)
		run->start = from;
	run->end = section->data + end;
	if (run->end - run->start >= RELEASE_RUN) {
		section_release(run->start, (size_t)(run->end - run->start));
		run->start = run->end;
	}
}

/* ---- identity ------------------------------------------------------------------------ */

/* `tun.ko.xz` and `tun.ko.debug` are `tun.ko`. */
static char *plain_name(const char *path)
{
	static const char *const endings[] = { ".xz", ".gz", ".zst", ".debug" };
	char *name = strdup(path_basename(path));
	for (size_t i = 0; name && i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t length = strlen(name), ending = strlen(endings[i]);
		if (length > ending && strcmp(name + length - ending, endings[i]) == 0)
			name[length - ending] = '\0';
	}
	return name;
}

static bool is_kernel_image(const char *name)
{
	return strcmp(name, "vmlinux") == 0 || strncmp(name, "vmlinux-", 8) == 0 ||
	       strncmp(name, "vmlinux.", 8) == 0;
}

/* The name that the module is loaded by, whatever its files are called. */
static char *module_file_name(const struct module *module)
{
	const char *path = module->code->path;
	if (strstr(path, "/.build-id/")) {
		char *real = realpath(path, NULL);
		char *name = NULL;
		if (real && !strstr(real, "/.build-id/"))
			name = plain_name(real);
		else if (module->dynamic.soname)
			name = strdup(path_basename(module->dynamic.soname));
		else if (module->code->build_id_length) {
			char text[129];
			format_build_id(module->code->build_id, module->code->build_id_length, text);
			name = strdup(text);
		}
		free(real);
		if (name)
			return name;
	}
	char *name = plain_name(path);
	if (name && is_kernel_image(name))
		name[strlen("vmlinux")] = '\0';
	return name;
}

static struct sdb_error *identify(struct module *module)
{
	struct elf_file *code = module->code, *debug = module->debug;
	elf_read_dynamic(code, &module->dynamic);
	if (!module->dynamic.symbols && debug != code) {
		struct elf_dynamic dynamic;
		elf_read_dynamic(debug, &dynamic);
		if (dynamic.symbols)
			module->dynamic = dynamic;
	}
	module->name = module_file_name(module);
	if (!module->name)
		return sdb_error_new(SDB_ERROR_MEMORY, "%s: no memory to open it", module->path);
	const struct elf_file *named = code->build_id_length ? code : debug;
	module->info = (struct sdb_db_info){
		.build_id = named->build_id,
		.build_id_length = named->build_id_length,
		.module_name = module->name,
		.module_path = code->path,
		.debug_path = debug != code ? debug->path : NULL,
		.soname = module->dynamic.soname,
		.elf_machine = code->machine,
		.elf_type = code->type,
		.elf_class = code->elf_class,
		.elf_data = code->elf_data,
		.entry = code->entry,
	};
	return NULL;
}

/* ---- pairing ------------------------------------------------------------------------- */

/*
 * The section of CODE that is section INDEX of DEBUG: same number in most pairs; else the next one of
 * the same name and size. 0 when there is none.
 */
static uint32_t counterpart(const struct elf_file *code, const struct elf_file *debug,
			    uint32_t index, uint32_t after)
{
	const struct sdb_section *section = &debug->sections[index];
	uint32_t count = (uint32_t)code->section_count;
	for (uint32_t tried = 0; tried < 64 && tried < count; tried++) {
		/* Sections are dropped and added, never reordered: look ahead first, then back. */
		uint32_t i = tried == 0 ? index : (after + tried) % count;
		if (i == 0 || i >= count)
			continue;
		const struct sdb_section *other = &code->sections[i];
		if ((other->flags & SHF_ALLOC) == (section->flags & SHF_ALLOC) &&
		    other->size == section->size && strcmp(other->name, section->name) == 0 &&
		    (code->type == ET_REL || other->address == section->address))
			return i;
	}
	return 0;
}

uint32_t *section_counterparts(const struct elf_file *code, const struct elf_file *other)
{
	uint32_t previous = 0;
	uint32_t *map = calloc(other->section_count + 1, sizeof(*map));
	for (uint32_t i = 1; map && i < other->section_count; i++) {
		if (!(other->sections[i].flags & SHF_ALLOC))
			continue;
		map[i] = counterpart(code, other, i, previous);
		if (map[i])
			previous = map[i];
	}
	return map;
}

/* Relates the sections of the two files; a relocatable debug file gets the layout of the code. */
static struct sdb_error *relate_sections(struct module *module)
{
	struct elf_file *code = module->code, *debug = module->debug;
	uint32_t missing = 0;
	if (code == debug)
		return NULL;
	module->section_map = section_counterparts(code, debug);
	if (!module->section_map)
		return sdb_error_new(SDB_ERROR_MEMORY, "%s: no memory to open it", module->path);
	for (uint32_t i = 1; i < debug->section_count; i++) {
		uint32_t found = module->section_map[i];
		const struct sdb_section *section = &debug->sections[i];
		missing += (section->flags & SHF_ALLOC) && section->size && found == 0;
		if (found && debug->type == ET_REL)
			debug->sections[i].address = code->sections[found].address;
	}
	if (missing && code->section_count)
		module_warn(module, "%s: %u sections are not in %s", debug->path, missing, code->path);
	return NULL;
}

static struct sdb_error *forced_pair(struct module *module, struct elf_file *named,
				     const char *path, struct elf_file **found_ret)
{
	struct elf_file *forced;
	struct sdb_error *error = elf_open(module, path, &forced);
	if (error)
		return error;
	char want[129], have[129];
	format_build_id(named->build_id, named->build_id_length, want);
	format_build_id(forced->build_id, forced->build_id_length, have);
	if (named->build_id_length && forced->build_id_length && strcmp(want, have) != 0)
		error = sdb_error_new(SDB_ERROR_INVALID,
				      "%s: build-id %s is not the %s of %s: not its debug file",
				      path, have, want, named->path);
	else if (forced->machine != named->machine || forced->elf_class != named->elf_class ||
		 forced->elf_data != named->elf_data || (forced->type == ET_REL) != (named->type == ET_REL))
		error = sdb_error_new(SDB_ERROR_INVALID,
				      "%s: machine or kind of file is not that of %s: not its debug file",
				      path, named->path);
	if (error)
		elf_close(forced);
	else
		*found_ret = forced;
	return error;
}

/* Decides which file has the code and which the debuginfo, and takes both over. */
static struct sdb_error *pair(struct module *module, struct elf_file *named, const char *debug_path)
{
	struct elf_file *other = NULL;
	struct sdb_error *error = NULL;
	module->code = module->debug = named;
	if (debug_path) {
		error = forced_pair(module, named, debug_path, &other);
		if (other)
			module->debug = other;
	} else if (elf_lacks_code(named)) {
		error = find_code_file(module, named, &other);
		if (other)
			module->code = other;
		else if (!error)
			module_warn(module, "%s: the file with the code was not found; .eh_frame and dynamic symbols will be missing",
				    named->path);
	} else if (!elf_has_dwarf(named)) {
		error = find_debug_file(module, named, &other);
		if (other)
			module->debug = other;
	}
	return error;
}

/* ---- opening --------------------------------------------------------------------------- */

struct sdb_error *module_open(const char *path, const struct module_options *options,
			      struct module **module_ret)
{
	struct module *module = calloc(1, sizeof(*module));
	struct elf_file *named = NULL;
	struct sdb_error *error = NULL;
	*module_ret = NULL;
	if (!module)
		return sdb_error_new(SDB_ERROR_MEMORY, "%s: no memory to open it", path);
	pthread_mutex_init(&module->lock, NULL);
	pthread_mutex_init(&module->warn_lock, NULL);
	module->warn = options->warn;
	module->warn_arg = options->arg;
	module->path = strdup(path);
	/* An empty prefix is none. */
	module->root = options->root && options->root[0] ? strdup(options->root) : NULL;
	if (!module->path || (options->root && options->root[0] && !module->root))
		error = sdb_error_new(SDB_ERROR_MEMORY, "%s: no memory to open it", path);
	if (!error)
		error = elf_open(module, path, &named);
	if (!error)
		error = pair(module, named, options->debug_file);
	if (!error)
		error = relate_sections(module);
	if (!error)
		error = identify(module);
	if (error) {
		module_close(module);
		return error;
	}
	*module_ret = module;
	return NULL;
}

void module_close(struct module *module)
{
	if (!module)
		return;
	if (module->debug != module->code)
		elf_close(module->debug);
	elf_close(module->code);
	elf_close(module->mini);
	elf_close(module->alt);
	dwo_package_close(module->dwp);
	pthread_mutex_destroy(&module->lock);
	pthread_mutex_destroy(&module->warn_lock);
	free(module->section_map);
	while (module->names) {
		struct name_block *block = module->names;
		module->names = block->next;
		free(block);
	}
	free(module->name);
	free(module->path);
	free(module->root);
	free(module);
}

/* ---- what is in it ------------------------------------------------------------------------ */

const struct sdb_db_info *module_info(const struct module *module)
{
	return &module->info;
}

uint64_t module_input_size(const struct module *module)
{
	uint64_t size = module->code->size;
	if (module->debug != module->code)
		size += module->debug->size;
	return module->alt ? size + module->alt->size : size;
}

size_t module_sections(const struct module *module, const struct sdb_section **sections_ret)
{
	*sections_ret = module->code->sections;
	return module->code->section_count;
}

size_t module_segments(const struct module *module, const struct sdb_segment **segments_ret)
{
	*segments_ret = module->code->segments;
	return module->code->segment_count;
}

struct sdb_error *module_debug_section(struct module *module, const char *name,
				       struct section_data *data_ret)
{
	struct elf_file *file = module->debug;
	uint32_t index = elf_find_debug_section(file, name);
	/* Programs without .eh_frame keep .debug_frame when the rest is split off. */
	if (!index && strcmp(name, ".debug_frame") == 0) {
		file = module->code;
		index = elf_find_debug_section(file, name);
	}
	return elf_content(file, index, data_ret);
}

struct sdb_error *module_code_section(struct module *module, const char *name,
				      struct section_data *data_ret)
{
	struct elf_file *code = module->code, *debug = module->debug;
	uint32_t index = elf_find_section(code, name);
	/* What was stripped from the code, such as .BTF, may be left in the debug file. */
	if (debug != code && (!index || code->sections[index].type == SHT_NOBITS)) {
		uint32_t other = elf_find_section(debug, name);
		if (other && debug->sections[other].type != SHT_NOBITS)
			return elf_content(debug, other, data_ret);
	}
	return elf_content(code, index, data_ret);
}

struct sdb_error *module_alt_section(struct module *module, const char *name,
				     struct section_data *data_ret)
{
	struct sdb_error *error = NULL;
	*data_ret = (struct section_data){ 0 };
	pthread_mutex_lock(&module->lock);
	if (module->alt_state == LAZY_UNTRIED) {
		module->alt_state = LAZY_DONE;
		error = find_alt_file(module, module->debug, &module->alt);
	}
	struct elf_file *alt = module->alt;
	pthread_mutex_unlock(&module->lock);
	if (error || !alt)
		return error;
	return elf_content(alt, elf_find_debug_section(alt, name), data_ret);
}

static struct elf_file *open_mini(struct module *module)
{
	struct section_data section;
	struct elf_file *mini = NULL;
	uint8_t *bytes;
	size_t size;
	struct sdb_error *error = module_code_section(module, ".gnu_debugdata", &section);
	if (!error && section.data) {
		error = decompress_stream(COMPRESSION_XZ, section.data, section.size, MAX_MINI, &bytes,
					  &size);
		if (!error)
			error = elf_open_memory(module, "mini-debuginfo", bytes, size, &mini);
	}
	if (error)
		module_warn(module, "%s: .gnu_debugdata: %s", module->code->path,
			    sdb_error_message(error));
	sdb_error_free(error);
	return mini;
}

struct elf_file *module_mini(struct module *module)
{
	pthread_mutex_lock(&module->lock);
	if (module->mini_state == LAZY_UNTRIED) {
		module->mini_state = LAZY_DONE;
		module->mini = open_mini(module);
	}
	struct elf_file *mini = module->mini;
	pthread_mutex_unlock(&module->lock);
	return mini;
}
