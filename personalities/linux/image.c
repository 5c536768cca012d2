/* SPDX-License-Identifier: MIT */
/*
 * What a kernel says of itself in memory: its banner and the note with its build-id, found before
 * anything is known of it. The tables tell which part of the gigabyte that is set aside for the image is
 * mapped, and what of it is read-only data: that lies behind the code, and is searched first, from the first of it behind the
 * interrupt handler on; then all from the handler on, then the rest.
 */

#include "linux.h"

#include <stdlib.h>

#define EXTENTS_MAX 64
#define SEARCHED_MAX ((uint64_t)128 << 20) /* bytes: no kernel is larger */
/*
 * X86_ALIGN_RODATA_BEGIN of arch/x86/kernel/vmlinux.lds.S. The pages between the code and there are mapped like it, but are given
 * away after the boot: whatever is in them, also copies of banner and notes, is no part of the image.
 */
#define CONSTANTS_ALIGN ((uint64_t)2 << 20)
#define VDSO_PAGES 2                       /* that its notes may lie behind its begin */
#define OVERLAP (1024u + 64)                /* bytes of pieces: what a banner may be long */
#define NAME_PIECE 1024                     /* bytes that are looked through for a note's name at once */
#define NOTE_NAME 0x00554e47u               /* GNU */

/* A part of the image that is contiguous, in virtual and in physical memory. */
struct extent {
	uint64_t low, physical, size;
};

struct image {
	struct linux_system *system;
	const struct paging *paging;
	struct extent extents[EXTENTS_MAX];
	unsigned count;
	uint64_t handler, constants; /* page of the handler; the first read-only data behind it, 0: none is marked as such */
	uint64_t searched;
	bool have_note, have_banner;
};

/* ---- what is mapped ----------------------------------------------------------------------------- */

static void add_extent(struct image *image, uint64_t low, uint64_t physical, uint64_t size)
{
	struct extent *last = image->count ? &image->extents[image->count - 1] : NULL;
	if (last && last->low + last->size == low && last->physical + last->size == physical)
		last->size += size;
	else if (image->count < EXTENTS_MAX)
		image->extents[image->count++] = (struct extent){ low, physical, size };
}

static void find_extents(struct image *image)
{
	uint64_t at = LINUX_IMAGE_LOW;
	image->count = 0;
	image->constants = 0;
	for (uint64_t left; at < LINUX_IMAGE_HIGH; at += left) {
		struct translation translation;
		if (guest_translate(image->system->target, image->paging, at, &translation)) {
			left = translation.left;
			if (!image->constants && at > image->handler && !translation.execute && !translation.write)
				image->constants = (at + CONSTANTS_ALIGN - 1) & ~(uint64_t)(CONSTANTS_ALIGN - 1);
			add_extent(image, at, translation.physical, left < LINUX_IMAGE_HIGH - at ? left : LINUX_IMAGE_HIGH - at);
		} else {
			/* An entry of that level is missing, and all that it could lead to. */
			uint64_t span = translation.level ? 1ull << (12 + 9 * (translation.level - 1)) : 4096;
			left = span - (at & (span - 1));
		}
		if (left > LINUX_IMAGE_HIGH - at) /* to the end of all addresses, at most, which is 0 */
			return;
	}
}

/* ---- what is in it --------------------------------------------------------------------------------- */

/* The kernel carries its vDSOs: ELF files, with notes of their own. */
static bool is_in_vdso(const uint8_t *begin, const uint8_t *note, uint64_t address)
{
	const uint8_t *page = note - (address & 4095);
	for (unsigned i = 0; i < VDSO_PAGES && page >= begin; i++, page -= 4096)
		if (memcmp(page, "\177ELF", 4) == 0)
			return true;
	return false;
}

/* Whether a note's name is in so many bytes: few pieces have one. A loop that compilers make vector instructions of. */
static bool has_name(const uint8_t *data)
{
	uint32_t found = 0;
	for (size_t i = 0; i < NAME_PIECE; i += 4) {
		uint32_t word;
		memcpy(&word, data + i, sizeof(word));
		found |= word == NOTE_NAME;
	}
	return found;
}

static void look_for_note(struct image *image, uint64_t address, const uint8_t *data, size_t size)
{
	/* Name of 4 bytes, 20 of them described, NT_GNU_BUILD_ID, and the name: as linkers write it. */
	static const uint32_t head[4] = { 4, 20, 3, NOTE_NAME };
	uint64_t first;
	memcpy(&first, head, sizeof(first));
	for (size_t i = 0; i + sizeof(head) + 20 <= size; i += 4) {
		if (i % NAME_PIECE == 0 && i + 12 + NAME_PIECE <= size && !has_name(data + i + 12)) {
			i += NAME_PIECE - 4;
			continue;
		}
		uint64_t word;
		memcpy(&word, data + i, sizeof(word));
		if (word != first || memcmp(data + i, head, sizeof(head)) != 0 || is_in_vdso(data, data + i, address + i))
			continue;
		struct linux_system *system = image->system;
		unsigned last = system->note_count;
		if (last == sizeof(system->notes) / sizeof(system->notes[0]) || (last && system->notes[last - 1].address == address + i))
			continue;
		system->notes[last].address = address + i;
		memcpy(system->notes[last].id, data + i + sizeof(head), 20);
		system->note_count++;
		/*
		 * The banner begins the read-only data, the notes end it (since v5.5, eaf937075c9a "vmlinux.lds.h: Move NOTES
		 * into RO_DATA"; before, they were behind the code).
		 */
		image->have_note = system->banner && address + i > system->banner_address;
		if (image->have_note) {
			linux_take_note(system, last);
			return;
		}
	}
}

void linux_take_note(struct linux_system *system, unsigned index)
{
	memcpy(system->build_id, system->notes[index].id, sizeof(system->notes[index].id));
	system->build_id_length = sizeof(system->notes[index].id);
	system->note_address = system->notes[index].address;
}

static void look_for_banner(struct image *image, uint64_t address, const uint8_t *data, size_t size)
{
	static const char begin[] = "Linux version ";
	const uint8_t *end = data + size;
	for (const uint8_t *at = data; (at = memmem(at, (size_t)(end - at), begin, sizeof(begin) - 1)); at++) {
		const uint8_t *number = at + sizeof(begin) - 1;
		size_t length = 0;
		if (number == end || *number < '0' || *number > '9')
			continue;
		while (at + length < end && length < 1024 && at[length] >= ' ' && at[length] < 127)
			length++;
		if (at + length == end || at[length] != '\n')
			continue;
		/*
		 * One without a build number is what the linker put the real one over, that comes later (since v6.1,
		 * 2df8220cc511 "kbuild: build init/built-in.a just once").
		 */
		image->have_banner = !memmem(at, length, " # ", 3);
		if (image->system->banner && !image->have_banner)
			continue;
		free(image->system->banner);
		image->system->banner = strndup((const char *)at, length);
		image->system->banner_address = address + (uint64_t)(at - data);
		if (image->have_banner)
			return;
	}
}

static void search(struct image *image, uint64_t address, const uint8_t *data, size_t size)
{
	image->searched += size;
	if (!image->have_banner)
		look_for_banner(image, address, data, size);
	if (!image->have_note)
		look_for_note(image, address, data, size);
}

/* In pieces, that overlap by what a banner may be long: a driver maps small ones only, or nothing. */
static struct sdb_error *search_range(struct image *image, const struct extent *extent, uint64_t low, uint64_t high)
{
	const size_t piece = (size_t)256 << 10;
	if (low < extent->low)
		low = extent->low;
	if (high > extent->low + extent->size)
		high = extent->low + extent->size;
	uint8_t *buffer = low < high ? malloc(piece) : NULL;
	struct sdb_error *error = low < high && !buffer ? NO_MEMORY() : NULL;
	while (!error && low < high && !(image->have_note && image->have_banner) && image->searched < SEARCHED_MAX) {
		size_t want = high - low < piece ? (size_t)(high - low) : piece, got;
		error = guest_read_physical(image->system->target, extent->physical + (low - extent->low), buffer, want, &got);
		if (error || !got)
			break;
		search(image, low, buffer, got);
		low += got > 2 * OVERLAP ? got - OVERLAP : got;
	}
	free(buffer);
	return error;
}

static struct sdb_error *search_image(struct image *image, uint64_t low, uint64_t high)
{
	struct sdb_error *error = NULL;
	for (unsigned i = 0; i < image->count && !error; i++)
		error = search_range(image, &image->extents[i], low, high);
	return error;
}

struct sdb_error *linux_find_image(struct linux_system *system, const struct paging *paging, uint64_t handler,
				   bool *found_ret)
{
	struct image image = { .system = system, .paging = paging, .handler = handler & ~(uint64_t)4095 };
	find_extents(&image);
	struct sdb_error *error = image.constants ? search_image(&image, image.constants, UINT64_MAX) : NULL;
	if (!error)
		error = search_image(&image, image.handler, image.constants ? image.constants + OVERLAP : UINT64_MAX);
	if (!error)
		error = search_image(&image, 0, image.handler);
	if (!image.have_note && system->note_count)
		linux_take_note(system, 0);
	*found_ret = system->note_count || system->banner;
	if (error || !*found_ret)
		return error;
	/* The image is what is mapped around them; holes are pages that were freed after the boot. */
	uint64_t inside = system->banner ? system->banner_address : system->note_address;
	for (unsigned i = 0; i < image.count; i++) {
		const struct extent *extent = &image.extents[i];
		if (inside - extent->low < extent->size) {
			system->image_low = system->base = extent->low;
			system->image_high = extent->low + extent->size;
			system->physical_base = extent->physical;
		}
	}
	return NULL;
}
