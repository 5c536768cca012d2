/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_ELF_IMAGE_H
#define RUNTIME_ELF_IMAGE_H

/* The few facts of an ELF file that say where it is mapped. */

#include <stackdb/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_segment {
	uint64_t offset, address, file_size, memory_size;
	bool execute;
};

struct elf_image {
	uint16_t machine;
	uint16_t type;
	bool wide; /* ELFCLASS64 */
	uint64_t entry;
	size_t segment_count;
	struct elf_segment segments[32]; /* that are loaded */
	uint64_t tls_size, tls_alignment; /* PT_TLS; 0: none */
};

/* Reads the headers of the file PATH. CORRUPT: not an ELF file of this byte order. */
struct sdb_error *elf_image_read(const char *path, struct elf_image *image_ret);
/* The same from the open file FD, called NAME in errors. */
struct sdb_error *elf_image_read_fd(int fd, const char *name, struct elf_image *image_ret);

/*
 * What is to be added to the file's addresses where OFFSET of the file is mapped at ADDRESS; false
 * when no segment holds OFFSET. EXECUTE prefers a segment of that kind.
 */
bool elf_image_bias(const struct elf_image *image, uint64_t offset, uint64_t address, bool execute,
		    uint64_t *bias_ret);

#endif
