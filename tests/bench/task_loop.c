/* SPDX-License-Identifier: MIT */
/*
 * The least that listing a guest's tasks can cost: a loop over its mapped RAM that knows every offset
 * beforehand. The numbers come from tests/lib/guest_layout.py, which asks a database and the guest.
 *
 * usage: task_loop RAM LISTINGS NAME=VALUE...     (hexadecimal)
 *   low         bytes of RAM below 4 GiB; the rest is above it
 *   cr3 levels  of the kernel's page tables; levels is 4 or 5
 *   direct      where the kernel maps all of RAM; text and physical: where its image is mapped and lies
 *   init_task   address; tasks thread_node signal pid tgid comm state: offsets in task_struct;
 *   thread_head its offset in signal_struct
 *
 * Prints a line for each way: `direct|tables TASKS NANOSECONDS_A_LISTING FIRST_NANOSECONDS`, then the
 * tasks, as `PID TGID COMM`.
 */
#include "clock.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOW, CR3, LEVELS, DIRECT, TEXT, PHYSICAL, INIT_TASK, TASKS, THREAD_NODE, SIGNAL, PID, TGID, COMM, STATE,
       THREAD_HEAD, COUNT };
static const char *const names[COUNT] = { "low", "cr3", "levels", "direct", "text", "physical", "init_task", "tasks",
	"thread_node", "signal", "pid", "tgid", "comm", "state", "thread_head" };
static uint64_t known[COUNT];
static const char *ram;
static uint64_t ram_size;

struct row {
	int32_t pid, tgid;
	uint64_t state;
	char comm[16];
};
static struct row rows[1 << 16];

static const void *at_physical(uint64_t address)
{
	uint64_t offset = address < known[LOW] ? address : address - (UINT64_C(4) << 30) + known[LOW];
	if (offset > ram_size - 64) {
		fprintf(stderr, "physical address %#jx is not in RAM\n", (uintmax_t)address);
		exit(1);
	}
	return ram + offset;
}

static const void *through_direct_map(uint64_t address)
{
	return at_physical(address >= known[TEXT] ? address - known[TEXT] + known[PHYSICAL] : address - known[DIRECT]);
}

/* Intel SDM volume 3, 4.5: nine bits a level; bit 0 is present, bit 7 a large page. */
static const void *through_tables(uint64_t address)
{
	uint64_t entry = known[CR3] & ~UINT64_C(0xfff);
	for (int shift = known[LEVELS] == 5 ? 48 : 39;; shift -= 9) {
		const uint64_t *table = at_physical(entry & UINT64_C(0x000ffffffffff000));
		entry = table[address >> shift & 511];
		if (!(entry & 1)) {
			fprintf(stderr, "address %#jx is not mapped\n", (uintmax_t)address);
			exit(1);
		}
		if (shift == 12 || (shift <= 30 && entry & 128)) {
			uint64_t offset = address & ((UINT64_C(1) << shift) - 1);
			return at_physical((entry & UINT64_C(0x000ffffffffff000) & ~((UINT64_C(1) << shift) - 1)) + offset);
		}
	}
}

typedef const void *reach(uint64_t address);

static inline uint64_t word(reach *at, uint64_t address)
{
	return *(const volatile uint64_t *)at(address);
}

static inline void read_task(reach *at, uint64_t task, struct row *row)
{
	row->pid = *(const volatile int32_t *)at(task + known[PID]);
	row->tgid = *(const volatile int32_t *)at(task + known[TGID]);
	row->state = *(const volatile uint32_t *)at(task + known[STATE]);
	memcpy(row->comm, at(task + known[COMM]), 16);
}

static inline __attribute__((always_inline)) int list(reach *at)
{
	int count = 0;
	uint64_t first = known[INIT_TASK];
	for (uint64_t leader = word(at, first + known[TASKS]) - known[TASKS]; leader != first;
	     leader = word(at, leader + known[TASKS]) - known[TASKS]) {
		uint64_t end = word(at, leader + known[SIGNAL]) + known[THREAD_HEAD];
		for (uint64_t node = word(at, end); node != end && count < 1 << 16; node = word(at, node))
			read_task(at, node - known[THREAD_NODE], &rows[count++]);
	}
	return count;
}

static int list_direct(void)
{
	return list(through_direct_map);
}

static int list_tables(void)
{
	return list(through_tables);
}

static int measure(const char *name, int (*listing)(void), long listings)
{
	double begun = now_ns();
	int count = listing();
	double first = now_ns() - begun;
	begun = now_ns();
	for (long i = 0; i < listings; i++)
		count = listing();
	printf("%s %d %.0f %.0f\n", name, count, (now_ns() - begun) / (double)listings, first);
	return count;
}

int main(int argc, char **argv)
{
	for (int i = 3; i < argc; i++)
		for (int j = 0; j < COUNT; j++)
			if (strncmp(argv[i], names[j], strlen(names[j])) == 0 && argv[i][strlen(names[j])] == '=')
				known[j] = strtoull(argv[i] + strlen(names[j]) + 1, NULL, 16);
	int fd = argc > 3 ? open(argv[1], O_RDONLY) : -1;
	struct stat status;
	if (fd < 0 || fstat(fd, &status) != 0) {
		fprintf(stderr, "usage: task_loop RAM LISTINGS NAME=VALUE...\n");
		return 2;
	}
	ram_size = (uint64_t)status.st_size;
	ram = mmap(NULL, ram_size, PROT_READ, MAP_SHARED, fd, 0);
	if (ram == MAP_FAILED) {
		perror(argv[1]);
		return 1;
	}
	long listings = atol(argv[2]);
	measure("direct", list_direct, listings);
	int count = measure("tables", list_tables, listings);
	for (int i = 0; i < count; i++)
		printf("%d %d %.15s\n", rows[i].pid, rows[i].tgid, rows[i].comm);
	return 0;
}
