/* SPDX-License-Identifier: MIT */
/* Memory of machines: physical, and through the tables of their CPUs. */

#include "guest.h"
#include "arch/paging.h"

#include <stdlib.h>
#include <string.h>

#define UPPER_HALF (1ull << 63)
#define KEPT 1024u /* translations; a power of two */

/* Kept for 4 KiB, or for 2 MiB of pages that have so much. */
enum { SMALL = 12, LARGE = 21 };

/* The translation of a unit of addresses; void when another generation has begun. */
struct kept {
	uint64_t unit; /* its number */
	uint64_t root;
	uint32_t generation;
	uint8_t form, shift; /* of the tables; of the unit */
	struct translation translation; /* of its first byte */
};

struct guest {
	struct paging kernel;
	bool have_kernel;
	struct paging cpu; /* of CPU 0, while nothing changes */
	bool have_cpu;
	uint32_t generation; /* from 1 on */
	struct kept *kept;   /* KEPT of them, by the page's number; NULL: none yet */
};

struct guest *guest_get(struct sdb_target *target)
{
	if (!target->guest && target->driver->cpu_state) {
		target->guest = calloc(1, sizeof(*target->guest));
		if (target->guest)
			target->guest->generation = 1;
	}
	return target->guest;
}

void guest_destroy(struct guest *guest)
{
	if (guest)
		free(guest->kept);
	free(guest);
}

static void forget_translations(struct guest *guest)
{
	if (++guest->generation)
		return;
	/* All numbers have been used: those of the first time must not come back. */
	guest->generation = 1;
	if (guest->kept)
		memset(guest->kept, 0, KEPT * sizeof(*guest->kept));
}

void guest_forget(struct sdb_target *target)
{
	if (!target->guest)
		return;
	target->guest->have_cpu = false;
	forget_translations(target->guest);
}

void guest_set_kernel_paging(struct sdb_target *target, const struct paging *paging)
{
	struct guest *guest = guest_get(target);
	if (!guest)
		return;
	guest->kernel = *paging;
	guest->have_kernel = true;
}

bool guest_kernel_paging(struct sdb_target *target, struct paging *paging_ret)
{
	struct guest *guest = guest_get(target);
	if (!guest || !guest->have_kernel)
		return false;
	*paging_ret = guest->kernel;
	return true;
}

struct sdb_error *guest_cpu_paging(struct sdb_target *target, unsigned cpu, struct paging *paging_ret)
{
	struct driver_cpu state;
	if (!target->driver->cpu_state)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s is no machine", target->name);
	struct sdb_error *error = target->driver->cpu_state(target, cpu, &state);
	if (!error)
		*paging_ret = paging_of_cpu(&state);
	return error;
}

/* What beside the root says how tables are read. */
static uint8_t form_of(const struct paging *paging)
{
	return (uint8_t)(paging->levels | paging->large << 6 | paging->no_execute << 7);
}

/* The place for the translation of the unit that ADDRESS is in. Processes have the same addresses: their roots spread them. */
static struct kept *find_place(const struct guest *guest, const struct paging *paging, uint64_t address, unsigned shift)
{
	return &guest->kept[((address >> shift) ^ (paging->root >> SMALL) ^ shift) & (KEPT - 1)];
}

static bool take_kept(const struct guest *guest, const struct paging *paging, uint64_t address, unsigned shift,
		      struct translation *translation_ret)
{
	const struct kept *kept = find_place(guest, paging, address, shift);
	if (kept->generation != guest->generation || kept->shift != shift || kept->unit != address >> shift
	    || kept->root != paging->root || kept->form != form_of(paging))
		return false;
	uint64_t inside = address & ((1ull << shift) - 1);
	*translation_ret = kept->translation;
	translation_ret->physical += inside;
	translation_ret->left -= inside;
	return true;
}

static void keep(struct guest *guest, const struct paging *paging, uint64_t address, const struct translation *translation)
{
	unsigned shift = translation->page >= 1u << LARGE ? LARGE : SMALL;
	uint64_t inside = address & ((1ull << shift) - 1);
	struct kept *kept = find_place(guest, paging, address, shift);
	*kept = (struct kept){ .unit = address >> shift, .root = paging->root, .generation = guest->generation,
			       .form = form_of(paging), .shift = (uint8_t)shift, .translation = *translation };
	kept->translation.physical -= inside;
	kept->translation.left += inside;
}

bool guest_translate(struct sdb_target *target, const struct paging *paging, uint64_t address,
		     struct translation *translation_ret)
{
	struct guest *guest = target->status == SDB_TARGET_PAUSED ? guest_get(target) : NULL;
	if (!guest || (!guest->kept && !(guest->kept = calloc(KEPT, sizeof(*guest->kept)))))
		return paging_walk(target, paging, address, translation_ret);
	if (take_kept(guest, paging, address, LARGE, translation_ret) || take_kept(guest, paging, address, SMALL, translation_ret))
		return true;
	if (!paging_walk(target, paging, address, translation_ret))
		return false;
	keep(guest, paging, address, translation_ret);
	return true;
}

/* ---- physical ------------------------------------------------------------------------------------- */

const uint8_t *guest_map_physical(struct sdb_target *target, uint64_t address, size_t *size_ret)
{
	return target->driver->map_physical ? target->driver->map_physical(target, address, size_ret) : NULL;
}

/* Of a driver that only maps. */
static size_t copy_mapped(struct sdb_target *target, uint64_t address, uint8_t *buffer, size_t size)
{
	size_t done = 0, there;
	while (done < size) {
		const uint8_t *mapped = guest_map_physical(target, address + done, &there);
		if (!mapped)
			break;
		if (there > size - done)
			there = size - done;
		memcpy(buffer + done, mapped, there);
		done += there;
	}
	return done;
}

struct sdb_error *guest_read_physical(struct sdb_target *target, uint64_t address, void *buffer, size_t size,
				      size_t *done_ret)
{
	*done_ret = 0;
	/* A driver can tell when what is mapped was no longer there as it was copied. */
	if (target->driver->read_physical)
		return target->driver->read_physical(target, address, buffer, size, done_ret);
	*done_ret = copy_mapped(target, address, buffer, size);
	return NULL;
}

struct sdb_error *guest_write_physical(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	if (!target->driver->write_physical)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "the memory of %s cannot be written", target->name);
	/* It may be a table. */
	if (target->guest)
		forget_translations(target->guest);
	return target->driver->write_physical(target, address, buffer, size);
}

/* ---- through tables ---------------------------------------------------------------------------------- */

const uint8_t *guest_map(struct sdb_target *target, const struct paging *paging, uint64_t address, size_t *size_ret)
{
	struct translation translation;
	if (!guest_translate(target, paging, address, &translation))
		return NULL;
	const uint8_t *mapped = guest_map_physical(target, translation.physical, size_ret);
	if (mapped && *size_ret > translation.left)
		*size_ret = (size_t)translation.left;
	return mapped;
}

/* How many of SIZE bytes from ADDRESS on are one piece of physical memory, that begins at *PHYSICAL_RET; 0: none. */
static size_t find_piece(struct sdb_target *target, const struct paging *paging, uint64_t address, size_t size,
			 uint64_t *physical_ret)
{
	size_t piece = 0;
	while (piece < size) {
		struct translation translation;
		if (!guest_translate(target, paging, address + piece, &translation)
		    || (piece && translation.physical != *physical_ret + piece))
			break;
		if (!piece)
			*physical_ret = translation.physical;
		piece += translation.left < size - piece ? (size_t)translation.left : size - piece;
		if (address + piece < address)
			break; /* behind the last address there is nothing */
	}
	return piece;
}

struct sdb_error *guest_read(struct sdb_target *target, const struct paging *paging, uint64_t address, void *buffer,
			     size_t size, size_t *done_ret)
{
	*done_ret = 0;
	while (*done_ret < size) {
		uint64_t physical;
		size_t got, piece = find_piece(target, paging, address + *done_ret, size - *done_ret, &physical);
		if (!piece)
			return NULL;
		struct sdb_error *error = guest_read_physical(target, physical, (uint8_t *)buffer + *done_ret, piece, &got);
		if (error)
			return error;
		*done_ret += got;
		if (got < piece || address + *done_ret < address)
			return NULL;
	}
	return NULL;
}

struct sdb_error *guest_write(struct sdb_target *target, const struct paging *paging, uint64_t address,
			      const void *buffer, size_t size)
{
	size_t done = 0;
	while (done < size) {
		struct translation translation;
		size_t want = size - done;
		if (!guest_translate(target, paging, address + done, &translation))
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "cannot write %#llx: it is not mapped",
					     (unsigned long long)(address + done));
		if (want > translation.left)
			want = (size_t)translation.left;
		struct sdb_error *error = guest_write_physical(target, translation.physical,
							       (const uint8_t *)buffer + done, want);
		if (error)
			return error;
		done += want;
	}
	return NULL;
}

/* ---- as a driver's memory -------------------------------------------------------------------------------- */

/* The tables for ADDRESS. */
static struct sdb_error *choose(struct sdb_target *target, uint64_t address, struct paging *paging_ret)
{
	struct guest *guest = guest_get(target);
	if (!guest)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s is no machine", target->name);
	if (address & UPPER_HALF && guest->have_kernel) {
		*paging_ret = guest->kernel;
		return NULL;
	}
	if (!guest->have_cpu) {
		struct sdb_error *error = guest_cpu_paging(target, 0, &guest->cpu);
		if (error)
			return error;
		/* A CPU that runs is in another process the next time. */
		guest->have_cpu = target->status == SDB_TARGET_PAUSED;
	}
	*paging_ret = guest->cpu;
	return NULL;
}

struct sdb_error *guest_read_memory(struct sdb_target *target, uint64_t address, void *buffer, size_t size,
				    size_t *done_ret)
{
	struct paging paging;
	*done_ret = 0;
	struct sdb_error *error = choose(target, address, &paging);
	return error ? error : guest_read(target, &paging, address, buffer, size, done_ret);
}

struct sdb_error *guest_write_memory(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	struct paging paging;
	struct sdb_error *error = choose(target, address, &paging);
	return error ? error : guest_write(target, &paging, address, buffer, size);
}
