/* SPDX-License-Identifier: MIT */
#include "elf.h"

/* The build-id: a note of a section or, in files without section headers, of a segment. */

static bool find_build_id(struct elf_file *file, const uint8_t *notes, size_t size, size_t alignment)
{
	alignment = alignment == 8 ? 8 : 4;
	while (size >= 12) {
		uint32_t name_size = elf_u32(file, notes), data_size = elf_u32(file, notes + 4);
		uint32_t type = elf_u32(file, notes + 8);
		uint64_t data_at = (12 + (uint64_t)name_size + alignment - 1) & ~(uint64_t)(alignment - 1);
		uint64_t next = (data_at + data_size + alignment - 1) & ~(uint64_t)(alignment - 1);
		if (data_at > size || data_size > size - data_at)
			return false;
		if (type == NT_GNU_BUILD_ID && name_size == 4 && memcmp(notes + 12, "GNU", 4) == 0 &&
		    data_size > 0) {
			if (data_size > sizeof(file->build_id)) {
				module_warn(file->module, "%s: build-id of %u bytes is cut to %zu",
					    file->path, data_size, sizeof(file->build_id));
				data_size = sizeof(file->build_id);
			}
			memcpy(file->build_id, notes + data_at, data_size);
			file->build_id_length = data_size;
			return true;
		}
		if (next >= size)
			return false;
		notes += next;
		size -= next;
	}
	return false;
}

void elf_read_build_id(struct elf_file *file)
{
	for (uint32_t i = 1; i < file->section_count; i++) {
		size_t size;
		if (file->sections[i].type != SHT_NOTE)
			continue;
		const uint8_t *notes = elf_raw_section(file, i, &size);
		if (notes && find_build_id(file, notes, size, file->sections[i].alignment))
			return;
	}
	for (size_t i = 0; i < file->segment_count; i++) {
		const struct sdb_segment *segment = &file->segments[i];
		if (segment->type != PT_NOTE || !elf_in_file(file, segment->offset, segment->file_size))
			continue;
		if (find_build_id(file, file->data + segment->offset, (size_t)segment->file_size,
				  segment->alignment))
			return;
	}
}
