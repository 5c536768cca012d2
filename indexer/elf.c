/* SPDX-License-Identifier: MIT */
#include "elf.h"
#include "decompress.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A kernel module is at most some tens of megabytes. */
#define MAX_DECOMPRESSED_FILE ((size_t)1 << 30)

struct elf_strings elf_strings(const uint8_t *data, size_t size)
{
	struct elf_strings strings = { (const char *)data, 0 };
	const uint8_t *last = data ? memrchr(data, 0, size) : NULL;
	if (last)
		strings.size = (size_t)(last - data) + 1;
	return strings;
}

const uint8_t *elf_raw_section(const struct elf_file *file, uint32_t index, size_t *size_ret)
{
	*size_ret = 0;
	if (index == 0 || index >= file->section_count)
		return NULL;
	const struct sdb_section *section = &file->sections[index];
	if (section->type == SHT_NOBITS || section->type == SHT_NULL ||
	    !elf_in_file(file, section->offset, section->size))
		return NULL;
	*size_ret = (size_t)section->size;
	return file->data + section->offset;
}

const uint8_t *elf_at_address(const struct elf_file *file, uint64_t address, size_t *size_ret)
{
	*size_ret = 0;
	for (size_t i = 0; i < file->segment_count; i++) {
		const struct sdb_segment *segment = &file->segments[i];
		if (segment->type != PT_LOAD || address < segment->address)
			continue;
		uint64_t offset = address - segment->address;
		if (offset >= segment->file_size ||
		    !elf_in_file(file, segment->offset, segment->file_size))
			continue;
		*size_ret = (size_t)(segment->file_size - offset);
		return file->data + segment->offset + offset;
	}
	return NULL;
}

uint32_t elf_find_section(const struct elf_file *file, const char *name)
{
	size_t low = 0, high = file->section_count ? file->section_count - 1 : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strncmp(file->sections[file->by_name[middle]].name, name, ELF_NAME_KEY) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low + 1 >= file->section_count)
		return 0;
	uint32_t index = file->by_name[low];
	return strcmp(file->sections[index].name, name) == 0 ? index : 0;
}

uint32_t elf_find_debug_section(const struct elf_file *file, const char *name)
{
	uint32_t index = elf_find_section(file, name);
	if (index == 0 && strncmp(name, ".debug_", 7) == 0) {
		char old[ELF_NAME_KEY];
		size_t length = strlen(name);
		if (length + 2 > sizeof(old))
			return 0;
		old[0] = '.';
		old[1] = 'z';
		memcpy(old + 2, name + 1, length);
		index = elf_find_section(file, old);
	}
	return index && file->sections[index].type != SHT_NOBITS ? index : 0;
}

const uint8_t *elf_extended_sections(const struct elf_file *file, uint32_t symtab, size_t *count_ret)
{
	*count_ret = 0;
	for (uint32_t i = 1; i < file->section_count; i++) {
		if (file->sections[i].type != SHT_SYMTAB_SHNDX || file->extra[i].link != symtab)
			continue;
		size_t size;
		const uint8_t *table = elf_raw_section(file, i, &size);
		*count_ret = size / 4;
		return table;
	}
	return NULL;
}

/* ---- headers ------------------------------------------------------------- */

struct headers {
	uint64_t segment_offset, section_offset;
	size_t segment_size, section_size; /* of one entry, as the file says */
	uint64_t segment_count, section_count;
	uint32_t names;
};

static void get_section(struct elf_file *file, const uint8_t *from, uint32_t index)
{
	struct sdb_section *section = &file->sections[index];
	struct elf_section *extra = &file->extra[index];
	section->index = index;
	section->type = elf_u32(file, from + 4);
	if (elf_is64(file)) {
		section->flags = elf_u64(file, from + 8);
		section->address = elf_u64(file, from + 16);
		section->offset = elf_u64(file, from + 24);
		section->size = elf_u64(file, from + 32);
		extra->link = elf_u32(file, from + 40);
		extra->info = elf_u32(file, from + 44);
		section->alignment = elf_u64(file, from + 48);
		extra->entry_size = elf_u64(file, from + 56);
	} else {
		section->flags = elf_u32(file, from + 8);
		section->address = elf_u32(file, from + 12);
		section->offset = elf_u32(file, from + 16);
		section->size = elf_u32(file, from + 20);
		extra->link = elf_u32(file, from + 24);
		extra->info = elf_u32(file, from + 28);
		section->alignment = elf_u32(file, from + 32);
		extra->entry_size = elf_u32(file, from + 36);
	}
}

static void get_segment(const struct elf_file *file, const uint8_t *from,
			struct sdb_segment *segment)
{
	segment->type = elf_u32(file, from);
	if (elf_is64(file)) {
		segment->flags = elf_u32(file, from + 4);
		segment->offset = elf_u64(file, from + 8);
		segment->address = elf_u64(file, from + 16);
		segment->physical_address = elf_u64(file, from + 24);
		segment->file_size = elf_u64(file, from + 32);
		segment->memory_size = elf_u64(file, from + 40);
		segment->alignment = elf_u64(file, from + 48);
	} else {
		segment->offset = elf_u32(file, from + 4);
		segment->address = elf_u32(file, from + 8);
		segment->physical_address = elf_u32(file, from + 12);
		segment->file_size = elf_u32(file, from + 16);
		segment->memory_size = elf_u32(file, from + 20);
		segment->flags = elf_u32(file, from + 24);
		segment->alignment = elf_u32(file, from + 28);
	}
}

/* The counts that do not fit the header are in the first section header (gABI, "ELF Header"). */
static void extended_counts(const struct elf_file *file, struct headers *headers)
{
	if (headers->section_offset == 0 ||
	    !elf_in_file(file, headers->section_offset, headers->section_size))
		return;
	const uint8_t *first = file->data + headers->section_offset;
	if (headers->section_count == 0)
		headers->section_count = elf_is64(file) ? elf_u64(file, first + 32)
							: elf_u32(file, first + 20);
	if (headers->names == SHN_XINDEX)
		headers->names = elf_u32(file, first + (elf_is64(file) ? 40 : 24));
	if (headers->segment_count == PN_XNUM)
		headers->segment_count = elf_u32(file, first + (elf_is64(file) ? 44 : 28));
}

static struct sdb_error *read_header(struct elf_file *file, struct headers *headers)
{
	const uint8_t *data = file->data;
	if (file->size < EI_NIDENT || memcmp(data, ELFMAG, SELFMAG) != 0)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: not an ELF file", file->path);
	file->elf_class = data[EI_CLASS];
	file->elf_data = data[EI_DATA];
	if ((file->elf_class != ELFCLASS32 && file->elf_class != ELFCLASS64) ||
	    (file->elf_data != ELFDATA2LSB && file->elf_data != ELFDATA2MSB))
		return sdb_error_new(SDB_ERROR_CORRUPT,
				     "%s: ELF header with unknown class %u or byte order %u",
				     file->path, file->elf_class, file->elf_data);
	bool is64 = elf_is64(file);
	if (file->size < (is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: ELF header is cut off", file->path);
	file->swap = (file->elf_data == ELFDATA2MSB) != (__BYTE_ORDER == __BIG_ENDIAN);
	file->type = elf_u16(file, data + 16);
	file->machine = elf_u16(file, data + 18);
	file->entry = elf_word(file, data + 24);
	headers->segment_offset = elf_word(file, data + (is64 ? 32 : 28));
	headers->section_offset = elf_word(file, data + (is64 ? 40 : 32));
	const uint8_t *sizes = data + (is64 ? 54 : 42);
	headers->segment_size = elf_u16(file, sizes);
	headers->segment_count = elf_u16(file, sizes + 2);
	headers->section_size = elf_u16(file, sizes + 4);
	headers->section_count = elf_u16(file, sizes + 6);
	headers->names = elf_u16(file, sizes + 8);
	return NULL;
}

static struct sdb_error *no_memory(const struct elf_file *file)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "%s: no memory for the ELF headers", file->path);
}

static struct sdb_error *read_segments(struct elf_file *file, const struct headers *headers)
{
	size_t least = elf_is64(file) ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	uint64_t bytes;
	if (headers->segment_count == 0 || headers->segment_offset == 0)
		return NULL;
	if (headers->segment_size < least ||
	    __builtin_mul_overflow(headers->segment_count, headers->segment_size, &bytes) ||
	    !elf_in_file(file, headers->segment_offset, bytes)) {
		module_warn(file->module, "%s: program headers lie outside the file; ignored",
			    file->path);
		return NULL;
	}
	file->segments = calloc(headers->segment_count, sizeof(*file->segments));
	if (!file->segments)
		return no_memory(file);
	file->segment_count = headers->segment_count;
	const uint8_t *from = file->data + headers->segment_offset;
	for (size_t i = 0; i < file->segment_count; i++, from += headers->segment_size)
		get_segment(file, from, &file->segments[i]);
	return NULL;
}

static void name_sections(struct elf_file *file, const struct headers *headers)
{
	size_t size;
	const uint8_t *table = elf_raw_section(file, headers->names, &size);
	struct elf_strings strings = elf_strings(table, size);
	bool bad = false;
	/* Linkers share the ends of names, but not so that they add up to many times the table. */
	size_t left = 4 * strings.size + 65536;
	const uint8_t *from = file->data + headers->section_offset;
	for (size_t i = 0; i < file->section_count; i++, from += headers->section_size) {
		const char *name = elf_string(&strings, elf_u32(file, from));
		size_t length = name ? strnlen(name, left) : 0;
		if (length == left)
			name = NULL;
		else
			left -= length;
		file->sections[i].name = name ? name : "";
		bad |= !name && i != 0;
	}
	if (bad)
		module_warn(file->module, "%s: sections without a valid name", file->path);
}

static int compare_names(const void *left, const void *right, void *arg)
{
	const struct elf_file *file = arg;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	int order = strncmp(file->sections[a].name, file->sections[b].name, ELF_NAME_KEY);
	if (order)
		return order;
	return a < b ? -1 : a > b;
}

static struct sdb_error *read_sections(struct elf_file *file, const struct headers *headers)
{
	size_t least = elf_is64(file) ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	uint64_t bytes;
	if (headers->section_count == 0 || headers->section_offset == 0)
		return NULL;
	if (headers->section_size < least || headers->section_count > UINT32_MAX ||
	    __builtin_mul_overflow(headers->section_count, headers->section_size, &bytes))
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: %llu section headers of %llu bytes make no sense", file->path,
				     (unsigned long long)headers->section_count, (unsigned long long)headers->section_size);
	/* They are the last that a linker writes: a file that lost its end has lost them, and with them all there is to read. */
	if (!elf_in_file(file, headers->section_offset, bytes))
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s is cut short, or damaged: %llu bytes of section headers at %llu, %zu bytes in all",
				     file->path, (unsigned long long)bytes, (unsigned long long)headers->section_offset, file->size);
	size_t count = headers->section_count;
	file->sections = calloc(count, sizeof(*file->sections));
	file->extra = calloc(count, sizeof(*file->extra));
	file->by_name = calloc(count, sizeof(*file->by_name));
	if (!file->sections || !file->extra || !file->by_name)
		return no_memory(file);
	const uint8_t *from = file->data + headers->section_offset;
	for (size_t i = 0; i < count; i++, from += headers->section_size)
		get_section(file, from, (uint32_t)i);
	file->section_count = count;
	name_sections(file, headers);
	for (size_t i = 1; i < count; i++)
		file->by_name[i - 1] = (uint32_t)i;
	qsort_r(file->by_name, count - 1, sizeof(*file->by_name), compare_names, file);
	return NULL;
}

/* ---- opening --------------------------------------------------------------------- */

static struct sdb_error *parse(struct elf_file *file)
{
	struct headers headers = { 0 };
	struct sdb_error *error = read_header(file, &headers);
	if (error)
		return error;
	extended_counts(file, &headers);
	error = read_segments(file, &headers);
	if (!error)
		error = read_sections(file, &headers);
	if (!error && file->type == ET_REL)
		error = elf_lay_out(file);
	if (error)
		return error;
	if (file->section_count == 0 && file->segment_count == 0)
		return sdb_error_new(SDB_ERROR_CORRUPT,
				     "%s: ELF file without usable section or program headers",
				     file->path);
	elf_read_build_id(file);
	return NULL;
}

void elf_close(struct elf_file *file)
{
	if (!file)
		return;
	for (size_t i = 0; i < file->section_count; i++) {
		free(file->extra[i].owned);
		free(file->extra[i].failure);
	}
	free(file->sections);
	free(file->extra);
	free(file->by_name);
	free(file->segments);
	if (file->mapped && file->data)
		munmap((void *)file->data, file->size);
	else
		free((void *)file->data);
	free(file->path);
	pthread_mutex_destroy(&file->lock);
	pthread_cond_destroy(&file->prepared);
	free(file);
}

static struct elf_file *elf_new(struct module *module, const char *path)
{
	struct elf_file *file = calloc(1, sizeof(*file));
	if (!file)
		return NULL;
	file->module = module;
	pthread_mutex_init(&file->lock, NULL);
	pthread_cond_init(&file->prepared, NULL);
	file->path = strdup(path);
	if (!file->path) {
		elf_close(file);
		return NULL;
	}
	return file;
}

/* Maps the regular file FILE->path; anything else could block or change while it is read. */
static struct sdb_error *map_file(struct elf_file *file)
{
	struct stat status;
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: no such file", file->path);
	if (fd < 0)
		return sdb_error_errno(errno, "%s: cannot open", file->path);
	struct sdb_error *error = NULL;
	if (fstat(fd, &status) != 0) {
		error = sdb_error_errno(errno, "%s: cannot get the file's size", file->path);
	} else if (!S_ISREG(status.st_mode)) {
		error = sdb_error_new(SDB_ERROR_INVALID, "%s: not a regular file", file->path);
	} else if (status.st_size == 0) {
		error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: not an ELF file: it is empty",
				      file->path);
	} else {
		void *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (map == MAP_FAILED) {
			error = sdb_error_errno(errno, "%s: cannot map", file->path);
		} else {
			file->data = map;
			file->size = (size_t)status.st_size;
			file->mapped = true;
		}
	}
	close(fd);
	return error;
}

/* A file that is compressed as a whole is replaced by its content in memory. */
static struct sdb_error *decompress_file(struct elf_file *file)
{
	enum compression kind = compression_detect(file->data, file->size);
	if (kind == COMPRESSION_NONE)
		return NULL;
	uint8_t *bytes;
	size_t size;
	struct sdb_error *error = decompress_stream(kind, file->data, file->size,
						    MAX_DECOMPRESSED_FILE, &bytes, &size);
	if (error)
		return sdb_error_prefix(error, "%s", file->path);
	munmap((void *)file->data, file->size);
	file->data = bytes;
	file->size = size;
	file->mapped = false;
	return NULL;
}

struct sdb_error *elf_open(struct module *module, const char *path, struct elf_file **file_ret)
{
	struct elf_file *file = elf_new(module, path);
	*file_ret = NULL;
	if (!file)
		return sdb_error_new(SDB_ERROR_MEMORY, "%s: no memory to open it", path);
	struct sdb_error *error = map_file(file);
	if (!error)
		error = decompress_file(file);
	if (!error)
		error = parse(file);
	if (error) {
		elf_close(file);
		return error;
	}
	*file_ret = file;
	return NULL;
}

struct sdb_error *elf_open_memory(struct module *module, const char *name, uint8_t *data,
				  size_t size, struct elf_file **file_ret)
{
	struct elf_file *file = elf_new(module, name);
	*file_ret = NULL;
	if (!file) {
		free(data);
		return sdb_error_new(SDB_ERROR_MEMORY, "%s: no memory to open it", name);
	}
	file->data = data;
	file->size = size;
	struct sdb_error *error = parse(file);
	if (error) {
		elf_close(file);
		return error;
	}
	*file_ret = file;
	return NULL;
}
