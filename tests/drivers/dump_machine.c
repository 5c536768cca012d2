/* SPDX-License-Identifier: MIT */
/*
 * Opens the machine of the standard target arguments, no personality asked, and answers questions about it that come
 * on standard input, a line each:
 *
 *     ram | cpus | cpu N | translate N ADDRESS | read N ADDRESS SIZE | physical ADDRESS SIZE | write ADDRESS HEX
 *     | pause | resume | status | resident
 *
 * N: by the tables of that CPU. The first line tells of opening. Answers begin with `ok` or `error`.
 */

#include "runtime/arch/paging.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST (64u << 20)

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void tell(struct sdb_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct sdb_error *error, const char *format, ...)
{
	if (error) {
		printf("error %d %s\n", sdb_error_code(error), sdb_error_message(error));
	} else {
		va_list arguments;
		va_start(arguments, format);
		printf("ok ");
		vprintf(format, arguments);
		printf("\n");
		va_end(arguments);
	}
	fflush(stdout);
	sdb_error_free(error);
}

static void tell_bytes(struct sdb_error *error, const uint8_t *bytes, size_t size)
{
	char *text = malloc(size * 2 + 1);
	for (size_t i = 0; text && i < size; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	tell(error, "%s", size && text ? text : "");
	free(text);
}

static void tell_cpu(struct sdb_target *target, unsigned number)
{
	struct driver_cpu cpu;
	struct sdb_error *error = target->driver->cpu_state(target, number, &cpu);
	tell(error, "cr0=%" PRIx64 " cr3=%" PRIx64 " cr4=%" PRIx64 " efer=%" PRIx64 " idt=%" PRIx64 " gdt=%" PRIx64 " fs=%" PRIx64
	     " gs=%" PRIx64 " pc=%" PRIx64 " sp=%" PRIx64 " cs=%x", error ? 0 : cpu.cr0, cpu.cr3, cpu.cr4, cpu.efer,
	     cpu.idt_base, cpu.gdt_base, cpu.fs_base, cpu.gs_base, cpu.pc, cpu.sp, cpu.cs);
}

static void tell_translation(struct sdb_target *target, unsigned number, uint64_t address)
{
	struct paging paging;
	struct translation translation;
	struct sdb_error *error = guest_cpu_paging(target, number, &paging);
	if (error)
		tell(error, " ");
	else if (guest_translate(target, &paging, address, &translation))
		tell(NULL, "%" PRIx64 " page=%" PRIx64 " %c%c%c", translation.physical, translation.page, translation.write ? 'w' : '-',
		     translation.user ? 'u' : '-', translation.execute ? 'x' : '-');
	else
		tell(NULL, "none level=%u", translation.level);
}

static void tell_memory(struct sdb_target *target, int cpu, uint64_t address, size_t size)
{
	size_t done = 0;
	struct paging paging;
	uint8_t *bytes = malloc(size < MOST ? size : MOST);
	struct sdb_error *error = cpu < 0 ? NULL : guest_cpu_paging(target, (unsigned)cpu, &paging);
	if (!error && cpu < 0)
		error = guest_read_physical(target, address, bytes, size < MOST ? size : MOST, &done);
	else if (!error)
		error = guest_read(target, &paging, address, bytes, size < MOST ? size : MOST, &done);
	tell_bytes(error, bytes, done);
	free(bytes);
}

static void write_bytes(struct sdb_target *target, uint64_t address, const char *text)
{
	uint8_t bytes[256];
	unsigned value;
	size_t size = 0;
	for (; size < sizeof(bytes) && sscanf(text + 2 * size, "%2x", &value) == 1; size++)
		bytes[size] = (uint8_t)value;
	tell(guest_write_physical(target, address, bytes, size), "%zu", size);
}

static void tell_ram(struct sdb_target *target)
{
	uint64_t low, high;
	char text[4096] = "";
	for (unsigned i = 0; target->driver->ram(target, i, &low, &high); i++) {
		size_t unused;
		sprintf(text + strlen(text), "%" PRIx64 "-%" PRIx64 "%s ", low, high,
			target->driver->map_physical(target, low, &unused) ? "" : "!");
		if (i == 60)
			break;
	}
	tell(NULL, "%s", text);
}

/* *PEAK_RET of this program in KiB, and what of guest RAM is in it now. */
static void tell_resident(void)
{
	char line[256];
	long peak = 0, file = 0, shared = 0;
	FILE *status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof(line), status)) {
		sscanf(line, "VmHWM: %ld", &peak); /* ru_maxrss begins with that of who started us */
		sscanf(line, "RssFile: %ld", &file);
		sscanf(line, "RssShmem: %ld", &shared);
	}
	if (status)
		fclose(status);
	tell(NULL, "peak=%ld now=%ld", peak, file + shared);
}

static void tell_status(struct sdb_target *target)
{
	struct sdb_error *error = target->driver->refresh ? target->driver->refresh(target) : NULL;
	tell(error, "%d", sdb_target_status(target));
}

static void answer(struct sdb_target *target, const char *line)
{
	unsigned cpu;
	uint64_t address;
	size_t size;
	char text[600];
	if (strcmp(line, "ram") == 0)
		tell_ram(target);
	else if (strcmp(line, "cpus") == 0)
		tell(NULL, "%u", target->driver->cpus(target));
	else if (sscanf(line, "cpu %u", &cpu) == 1)
		tell_cpu(target, cpu);
	else if (sscanf(line, "translate %u %" SCNx64, &cpu, &address) == 2)
		tell_translation(target, cpu, address);
	else if (sscanf(line, "read %u %" SCNx64 " %zu", &cpu, &address, &size) == 3)
		tell_memory(target, (int)cpu, address, size);
	else if (sscanf(line, "physical %" SCNx64 " %zu", &address, &size) == 2)
		tell_memory(target, -1, address, size);
	else if (sscanf(line, "write %" SCNx64 " %512s", &address, text) == 2)
		write_bytes(target, address, text);
	else if (strcmp(line, "pause") == 0)
		tell(sdb_target_pause(target), " ");
	else if (strcmp(line, "resume") == 0)
		tell(sdb_target_resume(target), " ");
	else if (strcmp(line, "resident") == 0)
		tell_resident();
	else if (strcmp(line, "status") == 0)
		tell_status(target);
	else
		tell(sdb_error_new(SDB_ERROR_INVALID, "what is '%s'?", line), " ");
}

static void print_message(void *arg, enum sdb_log_area area, int level, const char *message)
{
	(void)arg;
	(void)area;
	fprintf(stderr, "%d %s\n", level, message);
}

int main(int argc, char **argv)
{
	struct sdb_specs specs = { 0 };
	struct sdb_target *target = NULL;
	char line[1024];
	argp_parse(&sdb_specs_argp, argc, argv, 0, NULL, &specs);
	specs.items[0].personality = "none";
	specs.items[0].log = (struct sdb_log){ .fn = print_message, .level = SDB_LOG_WARNING };
	double begin = now();
	struct sdb_error *error = sdb_target_create(&specs.items[0], &target);
	if (!error)
		error = sdb_target_open(target);
	double took = now() - begin;
	bool open = !error;
	tell(error, "%.2f ms pid=%lld name=%s status=%d", took, target ? (long long)target->pid : 0,
	     target ? sdb_target_name(target) : "", target ? sdb_target_status(target) : 0);
	while (open && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		answer(target, line);
	}
	sdb_target_close(target);
	sdb_specs_deinit(&specs);
	return open ? 0 : 1;
}
