/* SPDX-License-Identifier: MIT */
/*
 * Bytes a second read through the page tables of a machine in QEMU, beside memcpy from the same pages of its RAM file, and
 * translations a second, beside a walk that is written out for this one form of tables. In turns, the best of several.
 *
 * usage: guest_memory --qemu-mem-path=FILE ...   (a machine of at most 3 GiB: addresses are places in the file)
 */

#include "clock.h"
#include "give_up.h"

#include "runtime/arch/paging.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK (32u << 20)    /* physical memory that is read, from FIRST on */
#define FIRST (32u << 20)
#define TURNS 7

static uint8_t *peer; /* all of the RAM file */
static uint8_t buffer[1 << 20];
static volatile uint64_t sink;

/* The kernel's direct map: where the first bytes of BLOCK are by large pages. What is not mapped is passed over. */
static uint64_t find_direct(struct sdb_target *target, const struct paging *paging)
{
	struct translation translation;
	uint64_t va = paging->levels == 5 ? 0xff00000000000000ull : 0xffff800000000000ull;
	while (va >= 1ull << 63) {
		uint64_t step;
		if (guest_translate(target, paging, va, &translation)) {
			if (translation.physical == FIRST && translation.page >= 2 << 20)
				return va;
			step = translation.page < 2 << 20 ? 2 << 20 : translation.page;
		} else {
			step = 1ull << (12 + 9 * (translation.level - 1));
		}
		va = (va & ~(step - 1)) + step;
	}
	fprintf(stderr, "the kernel's direct map was not found\n");
	exit(1);
}

static double rate_peer(size_t chunk)
{
	double begin = now();
	for (size_t at = 0; at < BLOCK; at += chunk) {
		memcpy(buffer, peer + FIRST + at, chunk);
		sink += buffer[at / chunk % chunk];
	}
	return BLOCK / (now() - begin);
}

static double rate_mine(struct sdb_target *target, const struct paging *paging, uint64_t va, size_t chunk)
{
	size_t done;
	double begin = now();
	for (size_t at = 0; at < BLOCK; at += chunk) {
		give_up(guest_read(target, paging, va + at, buffer, chunk, &done));
		if (done != chunk)
			exit(1);
		sink += buffer[at / chunk % chunk];
	}
	return BLOCK / (now() - begin);
}

/* Four or five reads, and nothing else. */
static uint64_t walk(const struct paging *paging, uint64_t va)
{
	uint64_t table = paging->root, entry = 0;
	for (unsigned level = paging->levels; level; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		entry = ((const uint64_t *)(peer + table))[va >> shift & 511];
		if (!(entry & 1))
			return 0;
		if (level == 1 || entry & 0x80)
			return (entry & 0xffffffffff000ull & ~((1ull << shift) - 1)) | (va & ((1ull << shift) - 1));
		table = entry & 0xffffffffff000ull;
	}
	return entry;
}

#define COUNT 2000000u

static uint64_t some_address(uint64_t va, uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return va + (*state >> 4) % BLOCK;
}

static double walks_peer(const struct paging *paging, uint64_t va)
{
	uint32_t state = 1;
	double begin = now();
	for (unsigned i = 0; i < COUNT; i++)
		sink += walk(paging, some_address(va, &state));
	return COUNT / (now() - begin);
}

static double walks_mine(struct sdb_target *target, const struct paging *paging, uint64_t va)
{
	uint32_t state = 1;
	struct translation translation;
	double begin = now();
	for (unsigned i = 0; i < COUNT; i++)
		sink += guest_translate(target, paging, some_address(va, &state), &translation) ? translation.physical : 0;
	return COUNT / (now() - begin);
}

static double best(double one, double other)
{
	return one > other ? one : other;
}

static void measure(struct sdb_target *target, const struct paging *paging, uint64_t va, const char *state)
{
	static const size_t chunks[] = { 4096, 65536, 1 << 20 };
	for (unsigned c = 0; c < 3; c++) {
		double mine = 0, theirs = 0;
		for (unsigned i = 0; i < TURNS; i++) {
			theirs = best(theirs, rate_peer(chunks[c]));
			mine = best(mine, rate_mine(target, paging, va, chunks[c]));
		}
		printf("%-8s read %4zu KiB at once: %6.2f GB/s  memcpy %6.2f GB/s  ratio %.2f\n", state, chunks[c] >> 10, mine / 1e9,
		       theirs / 1e9, mine / theirs);
	}
	double mine = 0, theirs = 0;
	for (unsigned i = 0; i < TURNS; i++) {
		theirs = best(theirs, walks_peer(paging, va));
		mine = best(mine, walks_mine(target, paging, va));
	}
	printf("%-8s translations:         %6.1f M/s   bare walk %5.1f M/s   ratio %.2f\n", state, mine / 1e6, theirs / 1e6, mine / theirs);
}

static void run(struct sdb_spec *spec, size_t cache)
{
	struct sdb_target *target;
	struct paging paging;
	struct driver_cpu cpu;
	spec->cache_size = cache;
	spec->personality = "none";
	give_up(sdb_target_create(spec, &target));
	double begin = now();
	give_up(sdb_target_open(target));
	double opened = now();
	give_up(guest_cpu_paging(target, 0, &paging));
	double asked = now();
	uint64_t va = find_direct(target, &paging);
	printf("cache of %zu MiB; open %.2f ms, registers %.2f ms, %u levels\n", cache >> 20, (opened - begin) * 1e3,
	       (asked - opened) * 1e3, paging.levels);
	measure(target, &paging, va, "running");
	give_up(sdb_target_pause(target));
	give_up(target->driver->cpu_state(target, 0, &cpu));
	measure(target, &paging, va, "paused");
	sdb_target_close(target);
}

int main(int argc, char **argv)
{
	struct sdb_specs specs = { 0 };
	argp_parse(&sdb_specs_argp, argc, argv, 0, NULL, &specs);
	int fd = open(specs.items[0].qemu_memory ? specs.items[0].qemu_memory : "", O_RDONLY);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	peer = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (size < FIRST + BLOCK || peer == MAP_FAILED) {
		fprintf(stderr, "give --qemu-mem-path with 64 MiB or more\n");
		return 2;
	}
	run(&specs.items[0], 64u << 20);
	run(&specs.items[0], 0);
	sdb_specs_deinit(&specs);
	return 0;
}
