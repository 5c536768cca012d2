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
	size_t note_count;
	struct { uint64_t address, size; } notes[4]; /* PT_NOTE */
};

/* Reads SIZE bytes at OFFSET of the file; false: they are not all there. */
typedef bool (*elf_image_read_fn)(void *arg, void *to, size_t size, uint64_t offset);

/* Reads the headers of the file PATH. CORRUPT: not an ELF file of this byte order. */
struct sdb_error *elf_image_read(const char *path, struct elf_image *image_ret);
/* The same from the open file FD, called NAME in errors. */
struct sdb_error *elf_image_read_fd(int fd, const char *name, struct elf_image *image_ret);
/* The same through READ: of an image in a target's memory, say. */
struct sdb_error *elf_image_read_by(elf_image_read_fn read, void *arg, const char *name, struct elf_image *image_ret);
/* The build-id among SIZE bytes of notes; *LENGTH_RET 0: none. */
void elf_image_build_id(const uint8_t *notes, size_t size, uint8_t id_ret[64], size_t *length_ret);

/*
 * What is to be added to the file's addresses where OFFSET of the file is mapped at ADDRESS; false
 * when no segment holds OFFSET. EXECUTE prefers a segment of that kind.
 */
bool elf_image_bias(const struct elf_image *image, uint64_t offset, uint64_t address, bool execute,
		    uint64_t *bias_ret);

#endif
