/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_RAM_H
#define DRIVERS_GDB_RAM_H

/*
 * Guest RAM: ranges of physical addresses, each mapped from a file when that is possible. Reading is
 * through the mappings, writing through the file.
 *
 * Resident pages of a shared mapping count as this program's memory, and the kernel brings in 16 of them when
 * one is touched. What is looked at one page here and one there is therefore marked by blocks of 16 KiB, for
 * which the kernel does not do that, and all is let go when more than a limit is resident.
 */

#include <stackdb/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ram;

/*
 * LIMIT: bytes that stay resident, about. BULK: as long as there is room what is read in bulk stays, too, and is read
 * as fast as memory then; else it is read from the file, at three quarters of that.
 */
struct ram *ram_create(size_t limit, bool bulk);
void ram_destroy(struct ram *ram);

/* Adds RAM at LOW up to HIGH, that is not mapped. Ranges are added in order and do not overlap. */
struct sdb_error *ram_add(struct ram *ram, uint64_t low, uint64_t high);
/*
 * Maps the range number INDEX from FD, that is taken over by this range (and duplicated by the caller for
 * another), from OFFSET on. CORRUPT: the file is too small for it.
 */
struct sdb_error *ram_map(struct ram *ram, unsigned index, int fd, uint64_t offset, bool writable, const char *path);

unsigned ram_count(const struct ram *ram);
bool ram_range(const struct ram *ram, unsigned index, uint64_t *low_ret, uint64_t *high_ret);
bool ram_is_mapped(const struct ram *ram, unsigned index);

/* Where ADDRESS is, and how many bytes from there on; NULL: it is not RAM, or not mapped, or the file has gone. */
const uint8_t *ram_at(struct ram *ram, uint64_t address, size_t *size_ret);
/* Counts how often all that was resident was let go: pointers from before are to be asked for anew. */
unsigned ram_lettings(const struct ram *ram);
/*
 * Copies what is mapped: *DONE_RET bytes, 0 when the first is not. NOT_FOUND: it is RAM whose file was truncated.
 */
struct sdb_error *ram_read(struct ram *ram, uint64_t address, void *buffer, size_t size, size_t *done_ret);
/* Writes all of it. UNSUPPORTED: some of it is not mapped RAM, or may only be read. */
struct sdb_error *ram_write(struct ram *ram, uint64_t address, const void *buffer, size_t size);
/* The file of the range that ADDRESS is in was truncated while it was mapped. */
bool ram_lost(const struct ram *ram);

#endif
