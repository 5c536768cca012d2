/* SPDX-License-Identifier: MIT */
#include "fake_machine.h"
#include "runtime/arch/x86.h"
#include "runtime/guest.h"
#include "runtime/personality.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RANGES 8
#define CPUS 16

struct fake {
	uint8_t *data;
	size_t size;
	bool unmapped;
	unsigned ranges, cpu_count;
	struct { uint64_t low, size, offset; } ram[RANGES];
	struct driver_cpu cpus[CPUS];
	struct x86_general registers[CPUS];
};

static const char *path_given; /* of the one machine that such a program opens */

/* ---- the description -------------------------------------------------------------------------------- */

static const struct { const char *name; size_t offset; } control[] = {
#define C(name, field) { name, offsetof(struct driver_cpu, field) }
	C("cr0", cr0), C("cr2", cr2), C("cr3", cr3), C("cr4", cr4), C("efer", efer), C("idt", idt_base), C("gdt", gdt_base),
	C("fs_base", fs_base), C("gs_base", gs_base), C("kernel_gs_base", kernel_gs_base), C("rip", pc), C("rsp", sp),
	C("eflags", flags),
};
static const struct { const char *name; size_t offset; } general[] = {
#define G(name) { #name, offsetof(struct x86_general, name) }
	G(r15), G(r14), G(r13), G(r12), G(rbp), G(rbx), G(r11), G(r10), G(r9), G(r8), G(rax), G(rcx), G(rdx), G(rsi), G(rdi),
	G(rip), G(cs), G(eflags), G(rsp), G(ss), G(fs_base), G(gs_base), G(ds), G(es), G(fs), G(gs),
};

static void set_register(struct fake *fake, unsigned cpu, const char *name, uint64_t value)
{
	for (size_t i = 0; i < sizeof(control) / sizeof(control[0]); i++)
		if (strcmp(name, control[i].name) == 0)
			memcpy((uint8_t *)&fake->cpus[cpu] + control[i].offset, &value, 8);
	for (size_t i = 0; i < sizeof(general) / sizeof(general[0]); i++)
		if (strcmp(name, general[i].name) == 0)
			memcpy((uint8_t *)&fake->registers[cpu] + general[i].offset, &value, 8);
	if (strcmp(name, "cs") == 0)
		fake->cpus[cpu].cs = (uint16_t)value;
}

static void read_cpu(struct fake *fake, char *line)
{
	char *rest = NULL;
	if (fake->cpu_count == CPUS)
		return;
	for (char *word = strtok_r(line, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		char *equals = strchr(word, '=');
		if (!equals)
			continue;
		*equals = '\0';
		set_register(fake, fake->cpu_count, word, strtoull(equals + 1, NULL, 16));
	}
	fake->cpu_count++;
}

static struct sdb_error *map_memory(struct fake *fake, const char *path)
{
	struct stat stat;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) < 0) {
		if (fd >= 0)
			close(fd);
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "cannot open %s", path);
	}
	fake->size = (size_t)stat.st_size;
	void *data = mmap(NULL, fake->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	fake->data = data == MAP_FAILED ? NULL : data;
	return fake->data ? NULL : sdb_error_new(SDB_ERROR_SYSTEM, "cannot map %s", path);
}

static uint8_t *find(struct fake *fake, uint64_t address, size_t *size_ret)
{
	for (unsigned i = 0; i < fake->ranges; i++) {
		uint64_t at = address - fake->ram[i].low;
		if (at >= fake->ram[i].size)
			continue;
		*size_ret = (size_t)(fake->ram[i].size - at);
		return fake->data + fake->ram[i].offset + at;
	}
	return NULL;
}

static struct sdb_error *read_description(struct fake *fake, const char *path)
{
	char line[4096];
	struct sdb_error *error = NULL;
	FILE *file = fopen(path, "r");
	if (!file)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "cannot open %s", path);
	while (!error && fgets(line, sizeof(line), file)) {
		unsigned long long low, size, offset;
		if (strncmp(line, "memory ", 7) == 0) {
			line[strcspn(line, "\n")] = '\0';
			error = map_memory(fake, line + 7);
		} else if (sscanf(line, "ram %llx %llx %llx", &low, &size, &offset) == 3 && fake->ranges < RANGES) {
			fake->ram[fake->ranges].low = low;
			fake->ram[fake->ranges].size = size;
			fake->ram[fake->ranges++].offset = offset;
		} else if (sscanf(line, "poke %llx %llx", &low, &size) == 2) {
			size_t there = 0;
			uint8_t *data = find(fake, low, &there);
			if (data && there >= 8)
				memcpy(data, &size, 8);
		} else if (strncmp(line, "cpu", 3) == 0) {
			read_cpu(fake, line);
		} else if (strncmp(line, "unmapped", 8) == 0) {
			fake->unmapped = true;
		}
	}
	fclose(file);
	for (unsigned i = 0; i < fake->ranges && !error; i++)
		if (fake->ram[i].offset > fake->size || fake->ram[i].size > fake->size - fake->ram[i].offset)
			error = sdb_error_new(SDB_ERROR_INVALID, "%s: the memory file has no range %u", path, i);
	return error;
}

/* ---- the driver ------------------------------------------------------------------------------------------ */

static struct sdb_error *fake_open(struct sdb_target *target)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	target->state = fake;
	if (!fake)
		return NO_MEMORY();
	target->architecture = architecture_find(EM_X86_64);
	target->name = strdup("machine");
	target->status = SDB_TARGET_RUNNING;
	struct sdb_error *error = read_description(fake, path_given);
	for (unsigned i = 0; i < fake->cpu_count && !error; i++) {
		struct sdb_thread *thread;
		error = target_add_thread(target, i, &thread);
		if (!error)
			thread->stopped = true;
	}
	return error;
}

static void fake_close(struct sdb_target *target)
{
	struct fake *fake = target->state;
	if (fake && fake->data)
		munmap(fake->data, fake->size);
	free(fake);
	target->state = NULL;
}

static unsigned fake_cpus(struct sdb_target *target)
{
	return ((struct fake *)target->state)->cpu_count;
}

static struct sdb_error *fake_cpu_state(struct sdb_target *target, unsigned cpu, struct driver_cpu *cpu_ret)
{
	struct fake *fake = target->state;
	if (cpu >= fake->cpu_count)
		return sdb_error_new(SDB_ERROR_INVALID, "there is no CPU %u", cpu);
	*cpu_ret = fake->cpus[cpu];
	return NULL;
}

static const uint8_t *fake_map(struct sdb_target *target, uint64_t address, size_t *size_ret)
{
	struct fake *fake = target->state;
	return fake->unmapped ? NULL : find(fake, address, size_ret);
}

static struct sdb_error *fake_read(struct sdb_target *target, uint64_t address, void *buffer, size_t size, size_t *done_ret)
{
	size_t there = 0;
	const uint8_t *data = find(target->state, address, &there);
	*done_ret = data ? there < size ? there : size : 0;
	if (data)
		memcpy(buffer, data, *done_ret);
	return NULL;
}

static struct sdb_error *fake_write(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	size_t there = 0;
	uint8_t *data = find(target->state, address, &there);
	if (!data || there < size)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no memory at %#llx", (unsigned long long)address);
	memcpy(data, buffer, size);
	return NULL;
}

static bool fake_ram(struct sdb_target *target, unsigned index, uint64_t *low_ret, uint64_t *high_ret)
{
	struct fake *fake = target->state;
	if (index >= fake->ranges)
		return false;
	*low_ret = fake->ram[index].low;
	*high_ret = fake->ram[index].low + fake->ram[index].size;
	return true;
}

static struct sdb_error *fake_registers(struct sdb_thread *thread, enum register_group group, uint8_t *file)
{
	struct fake *fake = thread->target->state;
	if (group != REGISTERS_GENERAL)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "a machine of files has general registers only");
	memcpy(file, &fake->registers[thread->id], sizeof(fake->registers[0]));
	return NULL;
}

static struct sdb_error *fake_pause(struct sdb_target *target)
{
	target->status = SDB_TARGET_PAUSED;
	return NULL;
}

static const struct driver driver_fake = {
	.name = "fake", .summary = "a machine out of files", .open = fake_open, .close = fake_close, .cpus = fake_cpus,
	.cpu_state = fake_cpu_state, .map_physical = fake_map, .read_physical = fake_read, .write_physical = fake_write,
	.ram = fake_ram, .read_registers = fake_registers, .read_memory = guest_read_memory, .write_memory = guest_write_memory,
	.pause = fake_pause,
};

struct sdb_error *fake_machine_create(const struct sdb_spec *spec, const char *path, struct sdb_target **target_ret)
{
	struct sdb_spec made = *spec;
	made.type = "ptrace"; /* which is not among those that can be named */
	path_given = path;
	struct sdb_error *error = sdb_target_create(&made, target_ret);
	if (!error)
		(*target_ret)->driver = &driver_fake;
	return error;
}
