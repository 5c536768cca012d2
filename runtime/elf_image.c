/* SPDX-License-Identifier: MIT */
#include "elf_image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PAGE_MASK (~(uint64_t)4095)

static bool read_file(void *arg, void *to, size_t size, uint64_t offset)
{
	return offset <= INT64_MAX && pread(*(const int *)arg, to, size, (off_t)offset) == (ssize_t)size;
}

static void add_segment(struct elf_image *image, const Elf64_Phdr *header)
{
	if (header->p_type == PT_TLS) {
		image->tls_size = header->p_memsz;
		image->tls_alignment = header->p_align;
	}
	if (header->p_type == PT_NOTE && image->note_count < sizeof(image->notes) / sizeof(image->notes[0])) {
		image->notes[image->note_count].address = header->p_vaddr;
		image->notes[image->note_count++].size = header->p_filesz;
	}
	if (header->p_type != PT_LOAD || image->segment_count == sizeof(image->segments) / sizeof(image->segments[0]))
		return;
	image->segments[image->segment_count++] = (struct elf_segment){
		.offset = header->p_offset, .address = header->p_vaddr, .file_size = header->p_filesz,
		.memory_size = header->p_memsz, .execute = header->p_flags & PF_X,
	};
}

static bool read_segments64(elf_image_read_fn read, void *arg, const Elf64_Ehdr *header, struct elf_image *image)
{
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return header->e_phnum == 0;
	for (unsigned i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr segment;
		uint64_t at;
		if (__builtin_add_overflow(header->e_phoff, (uint64_t)i * sizeof(segment), &at)
		    || !read(arg, &segment, sizeof(segment), at))
			return false;
		add_segment(image, &segment);
	}
	return true;
}

static bool read_segments32(elf_image_read_fn read, void *arg, const Elf32_Ehdr *header, struct elf_image *image)
{
	if (header->e_phentsize != sizeof(Elf32_Phdr))
		return header->e_phnum == 0;
	for (unsigned i = 0; i < header->e_phnum; i++) {
		Elf32_Phdr segment;
		if (!read(arg, &segment, sizeof(segment), (uint64_t)header->e_phoff + i * sizeof(segment)))
			return false;
		Elf64_Phdr wide = { .p_type = segment.p_type, .p_flags = segment.p_flags,
			.p_offset = segment.p_offset, .p_vaddr = segment.p_vaddr, .p_filesz = segment.p_filesz,
			.p_memsz = segment.p_memsz, .p_align = segment.p_align };
		add_segment(image, &wide);
	}
	return true;
}

struct sdb_error *elf_image_read_by(elf_image_read_fn read, void *arg, const char *name, struct elf_image *image_ret)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr wide;
		Elf32_Ehdr narrow;
	} header = { .ident = { 0 } };
	*image_ret = (struct elf_image){ 0 };
	bool there = read(arg, &header, sizeof(header), 0)
		|| (read(arg, &header, sizeof(header.narrow), 0) && header.ident[EI_CLASS] == ELFCLASS32);
	if (!there || memcmp(header.ident, ELFMAG, SELFMAG) != 0 || header.ident[EI_DATA] != ELFDATA2LSB)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s is not a little-endian ELF file", name);
	image_ret->wide = header.ident[EI_CLASS] == ELFCLASS64;
	image_ret->machine = header.wide.e_machine;
	image_ret->type = header.wide.e_type;
	image_ret->entry = image_ret->wide ? header.wide.e_entry : header.narrow.e_entry;
	if (!(image_ret->wide ? read_segments64(read, arg, &header.wide, image_ret)
			      : read_segments32(read, arg, &header.narrow, image_ret)))
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: its program headers cannot be read", name);
	return NULL;
}

struct sdb_error *elf_image_read_fd(int fd, const char *name, struct elf_image *image_ret)
{
	return elf_image_read_by(read_file, &fd, name, image_ret);
}

struct sdb_error *elf_image_read(const char *path, struct elf_image *image_ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return sdb_error_errno(errno, "cannot open %s", path);
	struct sdb_error *error = elf_image_read_fd(fd, path, image_ret);
	close(fd);
	return error;
}

bool elf_image_bias(const struct elf_image *image, uint64_t offset, uint64_t address, bool execute,
		    uint64_t *bias_ret)
{
	bool found = false;
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segments[i];
		uint64_t first = segment->offset & PAGE_MASK;
		if (offset < first || offset - first >= segment->file_size + (segment->offset - first))
			continue;
		if (found && segment->execute != execute)
			continue;
		*bias_ret = address - (segment->address - segment->offset + offset);
		found = true;
		if (segment->execute == execute)
			return true;
	}
	return found;
}

void elf_image_build_id(const uint8_t *notes, size_t size, uint8_t id_ret[64], size_t *length_ret)
{
	Elf64_Nhdr header; /* the same in 32 bits */
	*length_ret = 0;
	for (size_t at = 0; size - at >= sizeof(header);) {
		memcpy(&header, notes + at, sizeof(header));
		at += sizeof(header);
		uint64_t name = ((uint64_t)header.n_namesz + 3) & ~(uint64_t)3;
		uint64_t content = ((uint64_t)header.n_descsz + 3) & ~(uint64_t)3;
		if (name > size - at || content > size - at - name)
			return;
		if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && memcmp(notes + at, "GNU", 4) == 0
		    && header.n_descsz && header.n_descsz <= 64) {
			memcpy(id_ret, notes + at + name, header.n_descsz);
			*length_ret = header.n_descsz;
			return;
		}
		at += (size_t)(name + content);
	}
}
