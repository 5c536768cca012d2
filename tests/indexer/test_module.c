/* SPDX-License-Identifier: MIT */

/*
 * Shows what indexer/module.h makes of files, in lines that test_module.py compares with
 * binutils' answers, and feeds it thousands of damaged files.
 */

#include <indexer/module.h>

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void print_warning(void *arg, const char *message)
{
	(void)arg;
	printf("warning\t%s\n", message);
}

static void ignore_warning(void *arg, const char *message)
{
	(void)message;
	++*(size_t *)arg;
}

static int fail(struct sdb_error *error)
{
	printf("error\t%d\t%s\n", (int)sdb_error_code(error), sdb_error_message(error));
	sdb_error_free(error);
	return 1;
}

static int show_info(struct module *module)
{
	const struct sdb_db_info *info = module_info(module);
	printf("info\t%s\t%s\t%s\t%s\t", info->module_name, info->module_path,
	       info->debug_path ? info->debug_path : "-", info->soname ? info->soname : "-");
	for (size_t i = 0; i < info->build_id_length; i++)
		printf("%02x", info->build_id[i]);
	printf("\t%u\t%u\t%u\t%u\t0x%" PRIx64 "\t%" PRIu64 "\n", info->elf_machine, info->elf_type,
	       info->elf_class, info->elf_data, info->entry, module_warnings(module));
	return 0;
}

static int show_sections(struct module *module)
{
	const struct sdb_section *sections;
	const struct sdb_segment *segments;
	size_t count = module_sections(module, &sections);
	for (size_t i = 0; i < count; i++)
		printf("section\t%u\t%s\t%u\t%" PRIx64 "\t%" PRIx64 "\t%" PRIx64 "\t%" PRIx64
		       "\t%" PRIu64 "\n",
		       sections[i].index, sections[i].name, sections[i].type, sections[i].flags,
		       sections[i].address, sections[i].offset, sections[i].size,
		       sections[i].alignment);
	count = module_segments(module, &segments);
	for (size_t i = 0; i < count; i++)
		printf("segment\t%u\t%" PRIx64 "\t%" PRIx64 "\t%" PRIx64 "\t%" PRIx64 "\t%" PRIx64
		       "\t%u\t%" PRIx64 "\n",
		       segments[i].type, segments[i].offset, segments[i].address,
		       segments[i].physical_address, segments[i].file_size, segments[i].memory_size,
		       segments[i].flags, segments[i].alignment);
	return 0;
}

static int show_symbols(struct module *module)
{
	struct module_symbol *symbols;
	size_t count;
	struct sdb_error *error = module_symbols(module, &symbols, &count);
	if (error)
		return fail(error);
	for (size_t i = 0; i < count; i++) {
		const struct sdb_symbol *symbol = &symbols[i].symbol;
		const char *version = symbols[i].version;
		printf("symbol\t%" PRIx64 "\t%" PRIu64 "\t%u\t%u\t%u\t%u\t%d\t%d\t%s%s%s\n",
		       symbol->address, symbol->size, symbol->type, symbol->binding,
		       symbol->visibility, symbol->section, symbol->dynamic, symbol->in_symtab,
		       symbols[i].name, !version ? "" : symbol->default_version ? "@@" : "@",
		       version ? version : "");
	}
	free(symbols);
	return 0;
}

/* Writes the bytes of a section to a file: KIND is debug, code or alt. */
static int write_bytes(const struct section_data *data, const char *to)
{
	FILE *file = fopen(to, "wb");
	if (!file || (data->size && fwrite(data->data, data->size, 1, file) != 1) || fclose(file) != 0)
		return 1;
	printf("bytes\t%zu\t%" PRIx64 "\t%d\t%d\n", data->size, data->address, data->mapped,
	       data->data != NULL);
	return 0;
}

static int show_content(struct module *module, const char *kind, const char *name, const char *to)
{
	struct section_data data;
	struct sdb_error *error = strcmp(kind, "alt") == 0  ? module_alt_section(module, name, &data)
				: strcmp(kind, "code") == 0 ? module_code_section(module, name, &data)
							    : module_debug_section(module, name, &data);
	return error ? fail(error) : write_bytes(&data, to);
}

static int show_dwo(struct module *module, char **arguments)
{
	struct dwo_unit *unit;
	struct section_data data;
	struct sdb_error *error;
	uint64_t id = strtoull(arguments[2], NULL, 0);
	if (strcmp(arguments[0], "type") == 0)
		error = module_open_dwp_type(module, (size_t)id, &unit);
	else
		error = module_open_dwo(module, arguments[0], arguments[1], id, &unit);
	if (error)
		return fail(error);
	printf("types\t%zu\n", module_dwp_types(module));
	if (!unit) {
		printf("none\n");
		return 0;
	}
	error = dwo_section(unit, arguments[3], &data);
	int result = error ? fail(error) : write_bytes(&data, arguments[4]);
	module_close_dwo(unit);
	return result;
}

/* ---- threads ---------------------------------------------------------------------- */

static const char *const debug_names[] = {
	".debug_info",	   ".debug_abbrev",   ".debug_line",	 ".debug_str",	  ".debug_line_str",
	".debug_loclists", ".debug_rnglists", ".debug_aranges", ".debug_frame",  ".debug_types",
	".debug_loc",	   ".debug_ranges",   ".debug_addr",	 ".debug_macro",
};
#define DEBUG_NAMES (sizeof(debug_names) / sizeof(debug_names[0]))

struct worker {
	pthread_t thread;
	struct module *module;
	unsigned first;
	const uint8_t *data[DEBUG_NAMES];
	bool failed;
};

static void *read_all(void *arg)
{
	struct worker *worker = arg;
	for (unsigned i = 0; i < DEBUG_NAMES; i++) {
		unsigned which = (worker->first + i) % DEBUG_NAMES;
		struct section_data data;
		struct sdb_error *error =
			module_debug_section(worker->module, debug_names[which], &data);
		worker->failed |= error != NULL;
		sdb_error_free(error);
		worker->data[which] = data.data;
	}
	return NULL;
}

/* Everybody must get the same bytes at the same place. */
static int show_threads(struct module *module)
{
	struct worker workers[8] = { 0 };
	int wrong = 0;
	for (unsigned i = 0; i < 8; i++) {
		workers[i].module = module;
		workers[i].first = i / 2;
		if (pthread_create(&workers[i].thread, NULL, read_all, &workers[i]) != 0)
			return 1;
	}
	for (unsigned i = 0; i < 8; i++) {
		pthread_join(workers[i].thread, NULL);
		wrong += workers[i].failed ||
			 memcmp(workers[i].data, workers[0].data, sizeof(workers[0].data)) != 0;
	}
	printf("threads\t%d\n", wrong);
	return wrong != 0;
}

/* ---- damaged files ------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

static uint8_t checksum; /* of all bytes read: they must be readable */

static void touch(const struct section_data *data)
{
	for (size_t i = 0; i < data->size; i += 64)
		checksum ^= data->data[i];
	if (data->size)
		checksum ^= data->data[data->size - 1];
}

static void use_everything(struct module *module)
{
	static const char *const code_names[] = { ".eh_frame", ".orc_unwind_ip", ".BTF", ".text" };
	static const char *const dwo_names[] = { ".debug_info.dwo", ".debug_str_offsets.dwo" };
	struct section_data data;
	struct module_symbol *symbols;
	struct dwo_unit *unit;
	const struct sdb_section *sections;
	size_t count = module_sections(module, &sections);
	for (size_t i = 0; i < count; i++)
		checksum ^= (uint8_t)strlen(sections[i].name);
	for (size_t i = 0; i < DEBUG_NAMES; i++) {
		struct sdb_error *error = module_debug_section(module, debug_names[i], &data);
		error ? sdb_error_free(error) : touch(&data);
		error = i < 2 ? module_alt_section(module, debug_names[i], &data) : NULL;
		sdb_error_free(error);
	}
	for (size_t i = 0; i < sizeof(code_names) / sizeof(code_names[0]); i++) {
		struct sdb_error *error = module_code_section(module, code_names[i], &data);
		error ? sdb_error_free(error) : touch(&data);
	}
	struct sdb_error *error = module_symbols(module, &symbols, &count);
	for (size_t i = 0; i < count && !error; i++) {
		checksum ^= (uint8_t)strlen(symbols[i].name);
		checksum ^= symbols[i].version ? (uint8_t)strlen(symbols[i].version) : 0;
		if (i && symbols[i - 1].symbol.address > symbols[i].symbol.address)
			abort();
	}
	sdb_error_free(error);
	free(symbols);
	for (uint64_t id = 0; id < 4; id++) {
		error = id < 2 ? module_open_dwo(module, NULL, NULL, id, &unit)
			       : module_open_dwp_type(module, id - 2, &unit);
		for (int i = 0; i < 2 && !error && unit; i++) {
			struct sdb_error *bad = dwo_section(unit, dwo_names[i], &data);
			bad ? sdb_error_free(bad) : touch(&data);
		}
		sdb_error_free(error);
		module_close_dwo(unit);
	}
}

/* Overwrites a few bytes, most of them in headers and tables, or cuts the file off. */
static size_t damage(uint8_t *bytes, size_t size, uint64_t *state)
{
	static const uint64_t values[] = { 0, 1, 0x7f, 0xff, 0x7fffffff, 0xffffffff, UINT64_MAX,
					   (uint64_t)1 << 63, 0xffff, 0x1000 };
	unsigned changes = 1 + random_next(state) % 6;
	uint64_t headers;
	memcpy(&headers, bytes + 40, 8);
	for (unsigned i = 0; i < changes; i++) {
		size_t at = random_next(state) % size;
		uint64_t where = random_next(state) % 4;
		if (where == 0)
			at = random_next(state) % 64;
		else if (where < 3 && headers < size)
			at = headers + random_next(state) % (size - headers);
		uint64_t value = random_next(state) % 3 ? random_next(state)
							: values[random_next(state) % 10];
		size_t width = (size_t)1 << random_next(state) % 4;
		if (random_next(state) % 3 == 0)
			bytes[at] ^= (uint8_t)(1 << random_next(state) % 8);
		else if (width <= size - at)
			memcpy(bytes + at, &value, width);
	}
	return random_next(state) % 4 == 0 ? 1 + random_next(state) % size : size;
}

/* With PACKAGED, PATH is damaged as the package (.dwp) of that sound module. */
static int fuzz(const char *path, uint64_t seed, unsigned rounds, const char *packaged)
{
	char name[4096];
	snprintf(name, sizeof(name), "%s.dwp", packaged ? packaged : "");
	int in = open(path, O_RDONLY | O_CLOEXEC);
	int out = packaged ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666)
			   : memfd_create("damaged", MFD_CLOEXEC);
	off_t size = lseek(in, 0, SEEK_END);
	uint8_t *original = size > 64 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, in, 0)
				      : MAP_FAILED;
	uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
	size_t warnings = 0, opened = 0;
	if (original == MAP_FAILED || !bytes || out < 0)
		return 1;
	if (packaged)
		snprintf(name, sizeof(name), "%s", packaged);
	else
		snprintf(name, sizeof(name), "/proc/self/fd/%d", out);
	seed = seed * 0x9e3779b97f4a7c15u + 1;
	for (unsigned i = 0; i < rounds; i++) {
		struct module *module;
		struct module_options options = { .warn = ignore_warning, .arg = &warnings };
		memcpy(bytes, original, (size_t)size);
		size_t length = damage(bytes, (size_t)size, &seed);
		if (ftruncate(out, 0) != 0 || pwrite(out, bytes, length, 0) != (ssize_t)length)
			return 1;
		struct sdb_error *error = module_open(name, &options, &module);
		if (error) {
			sdb_error_free(error);
			continue;
		}
		opened++;
		use_everything(module);
		module_close(module);
	}
	printf("fuzz\t%u\t%zu\t%zu\t%u\n", rounds, opened, warnings, checksum);
	free(bytes);
	munmap(original, (size_t)size);
	close(in);
	close(out);
	return 0;
}

/* test_module COMMAND FILE [ARGUMENT…]; ROOT and DEBUG_FILE are taken from the environment. */
int main(int argc, char **argv)
{
	struct module_options options = { .warn = print_warning,
					  .root = getenv("ROOT"),
					  .debug_file = getenv("DEBUG_FILE") };
	struct module *module;
	int result = 2;
	if (argc < 3)
		return 2;
	if (strcmp(argv[1], "fuzz") == 0 && argc >= 5)
		return fuzz(argv[2], strtoull(argv[3], NULL, 0), (unsigned)atoi(argv[4]), argv[5]);
	struct sdb_error *error = module_open(argv[2], &options, &module);
	if (error)
		return fail(error);
	if (strcmp(argv[1], "info") == 0)
		result = show_info(module);
	else if (strcmp(argv[1], "sections") == 0)
		result = show_sections(module);
	else if (strcmp(argv[1], "symbols") == 0)
		result = show_symbols(module);
	else if (strcmp(argv[1], "content") == 0 && argc == 6)
		result = show_content(module, argv[3], argv[4], argv[5]);
	else if (strcmp(argv[1], "dwo") == 0 && argc == 8)
		result = show_dwo(module, argv + 3);
	else if (strcmp(argv[1], "threads") == 0)
		result = show_threads(module);
	else if (strcmp(argv[1], "all") == 0)
		use_everything(module), result = 0;
	module_close(module);
	return result;
}
