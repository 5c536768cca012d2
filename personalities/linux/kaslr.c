/* SPDX-License-Identifier: MIT */
/*
 * Which kernel runs in a machine, and where: from the control registers of a CPU to the image, from the
 * image's build-id to its database, from that to the bias, and back: what the database says must
 * be what is in memory.
 */

#include "linux.h"
#include "runtime/arch/paging.h"

#include <stackdb/indexing.h>
#include <stackdb/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CR0_PG (1ull << 31)
#define EFER_LMA (1ull << 10)
#define PTI_USER 0x1000ull /* PTI_USER_PGTABLE_BIT of arch/x86/include/asm/pgtable.h */

/* ---- a CPU ------------------------------------------------------------------------------------------ */

/* The handler of the exception 0; 0: there is none yet. */
static uint64_t first_handler(struct sdb_target *target, const struct paging *paging, const struct driver_cpu *cpu)
{
	uint8_t gate[16]; /* SDM volume 3A, figure 6-8 */
	size_t done;
	struct sdb_error *error = guest_read(target, paging, cpu->idt_base, gate, sizeof(gate), &done);
	bool read = !error && done == sizeof(gate);
	sdb_error_free(error);
	if (!read || !(gate[5] & 0x80))
		return 0;
	uint64_t handler = gate[0] | (uint64_t)gate[1] << 8 | (uint64_t)gate[6] << 16 | (uint64_t)gate[7] << 24;
	for (int i = 0; i < 4; i++)
		handler |= (uint64_t)gate[8 + i] << (32 + 8 * i);
	return handler >= LINUX_IMAGE_LOW && handler < LINUX_IMAGE_HIGH ? handler : 0;
}

/*
 * With page-table isolation a CPU in user mode uses tables that have the entry code only; those of the
 * kernel lie in the page before (v4.15, d9e9a6418065 "x86/mm/pti: Allocate a separate user PGD").
 */
static struct sdb_error *look_from(struct linux_system *system, const struct driver_cpu *cpu, bool *found_ret)
{
	struct paging paging = paging_of_cpu(cpu);
	struct sdb_error *error = linux_find_image(system, &paging, first_handler(system->target, &paging, cpu), found_ret);
	if (!error && !*found_ret && paging.root & PTI_USER) {
		paging.root &= ~PTI_USER;
		error = linux_find_image(system, &paging, first_handler(system->target, &paging, cpu), found_ret);
	}
	if (!error && *found_ret)
		system->paging = paging;
	return error;
}

static struct sdb_error *look_from_cpus(struct linux_system *system)
{
	const struct driver *driver = system->target->driver;
	unsigned count = driver->cpus(system->target);
	bool any = false, found = false;
	for (unsigned i = 0; i < count && i < 8 && !found; i++) {
		struct driver_cpu cpu;
		struct sdb_error *error = driver->cpu_state(system->target, i, &cpu);
		if (error)
			return error;
		if (!(cpu.cr0 & CR0_PG) || !(cpu.efer & EFER_LMA))
			continue;
		any = true;
		error = look_from(system, &cpu, &found);
		if (error)
			return error;
	}
	if (found)
		return NULL;
	return sdb_error_new(SDB_ERROR_NOT_FOUND, any
			     ? "no Linux kernel is mapped: the guest has not booted far enough, or runs something else"
			     : "no CPU is in 64-bit mode: the guest has not booted far enough, or is no 64-bit Linux");
}

/* Whether the tables of CPU have the image where it was found. */
static bool has_image(struct linux_system *system, const struct driver_cpu *cpu)
{
	struct translation there;
	struct paging paging = paging_of_cpu(cpu);
	if (!(cpu->cr0 & CR0_PG) || !(cpu->efer & EFER_LMA))
		return false;
	if (!guest_translate(system->target, &paging, system->base, &there)) {
		paging.root &= ~PTI_USER;
		if (!guest_translate(system->target, &paging, system->base, &there))
			return false;
	}
	return there.physical == system->physical_base;
}

struct sdb_error *linux_check(struct sdb_target *target)
{
	struct linux_system *system = linux_of(target);
	struct driver_cpu cpu;
	struct sdb_error *error = target->driver->cpu_state(target, 0, &cpu);
	if (error || !system->db || has_image(system, &cpu))
		return error;
	return sdb_error_new(SDB_ERROR_CORRUPT, "it has been booted anew: CPU 0 has another kernel than the one at %#llx, or none yet",
			     (unsigned long long)system->base);
}

/* ---- the database -------------------------------------------------------------------------------------- */

/* An image with symbols where distributions put one; malloc'ed, NULL: none. */
static char *find_debug_image(const struct linux_system *system)
{
	static const char *const places[] = {
		"%s/usr/lib/debug/boot/vmlinux-%s", "%s/usr/lib/debug/lib/modules/%s/vmlinux", "%s/boot/vmlinux-%s",
		"%s/lib/modules/%s/build/vmlinux", "%s/usr/lib/debug/vmlinux-%s",
	};
	const char *root = system->target->spec.root ? system->target->spec.root : "";
	for (size_t i = 0; system->release && i < sizeof(places) / sizeof(places[0]); i++) {
		char *path;
		uint8_t id[64];
		size_t length = 0;
		if (asprintf(&path, places[i], root, system->release) < 0)
			return NULL;
		struct sdb_error *error = access(path, R_OK) ? sdb_error_new(SDB_ERROR_NOT_FOUND, "none")
			: sdb_build_id_of_file(path, id, &length);
		bool same = !error && length && length == system->build_id_length && memcmp(id, system->build_id, length) == 0;
		sdb_error_free(error);
		if (same)
			return path;
		free(path);
	}
	return NULL;
}

static struct sdb_error *index_image(struct linux_system *system, const char *image, char **path_ret)
{
	const struct sdb_database_options options = {
		.root = system->target->spec.root, .no_index = system->target->spec.no_index,
	};
	bool temporary;
	target_log(system->target, SDB_LOG_MODULE, SDB_LOG_INFO, "looking for the database of %s, or making it", image);
	struct sdb_error *error = sdb_database_for(image, &options, path_ret, &temporary);
	if (!error && temporary) {
		unlink(*path_ret);
		free(*path_ret);
		return sdb_error_new(SDB_ERROR_INVALID, "%s has no build-id", image);
	}
	return error;
}

/* What -K names: a database, an image with symbols, or a build-id. */
static struct sdb_error *named_database(struct linux_system *system, char **path_ret)
{
	const char *name = system->target->spec.kernel;
	uint8_t id[64];
	size_t length;
	if (access(name, R_OK) == 0) {
		size_t end = strlen(name);
		if (end < 4 || strcmp(name + end - 4, ".sdb") != 0)
			return index_image(system, name, path_ret);
		*path_ret = strdup(name);
		return *path_ret ? NULL : NO_MEMORY();
	}
	struct sdb_error *error = sdb_build_id_parse(name, id, &length);
	if (error) {
		sdb_error_free(error);
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the kernel '%s' is no file that can be read, and no build-id", name);
	}
	return sdb_store_find(id, length, path_ret);
}

static struct sdb_error *no_database(const struct linux_system *system)
{
	char id[129];
	hex_of_bytes(system->build_id, system->build_id_length, id);
	if (!*id)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the kernel (%s) has no build-id in memory: name its database with -K",
				     system->release ? system->release : "of unknown version");
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "no database of the kernel %s with build-id %s: run `stackdb index vmlinux` "
			     "on its image with debuginfo, or name that with -K", system->release ? system->release : "", id);
}

static struct sdb_error *find_database(struct linux_system *system, char **path_ret)
{
	if (system->target->spec.kernel)
		return named_database(system, path_ret);
	if (!system->build_id_length)
		return no_database(system);
	struct sdb_error *error = sdb_store_find(system->build_id, system->build_id_length, path_ret);
	bool sound = !error && sdb_database_is_sound(*path_ret);
	if (sound || (error && sdb_error_code(error) != SDB_ERROR_NOT_FOUND))
		return error;
	/* One that an older version wrote is made anew where that can be done. */
	char *image = find_debug_image(system);
	if (!error && !image)
		return NULL;
	if (!error)
		free(*path_ret);
	sdb_error_free(error);
	error = image ? index_image(system, image, path_ret) : no_database(system);
	free(image);
	return error;
}

/* Whether the database is of the kernel that runs: by build-id, and by where it says that this lies. */
static struct sdb_error *verify(struct linux_system *system)
{
	const struct sdb_db_info *info = sdb_db_info(system->db);
	char ours[129], theirs[129];
	hex_of_bytes(system->build_id, system->build_id_length, ours);
	hex_of_bytes(info->build_id, info->build_id_length, theirs);
	if (system->build_id_length && strcmp(ours, theirs) != 0)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s is of build-id %s, the guest's kernel has %s", system->db_path,
				     *theirs ? theirs : "(none)", ours);
	uint64_t low = linux_symbol_or_0(system, "__start_notes"), high = linux_symbol_or_0(system, "__stop_notes");
	if (system->build_id_length && low && (system->note_address < low || system->note_address >= high))
		return sdb_error_new(SDB_ERROR_CORRUPT, "the build-id lies at %#llx, where the notes of %s cannot be",
				     (unsigned long long)system->note_address, system->db_path);
	return NULL;
}

/* The bias by the note: CONFIG_PHYSICAL_ALIGN of x86-64 is 2 MiB at least, and the notes are far smaller. */
static struct sdb_error *bias_by_note(struct linux_system *system)
{
	const struct sdb_section *sections;
	size_t count;
	struct sdb_error *error = sdb_sections(system->db, &sections, &count);
	for (size_t i = 0; !error && i < count; i++) {
		if (strcmp(sections[i].name, ".notes") != 0)
			continue;
		system->bias = (system->note_address - sections[i].address) & ~(uint64_t)0x1fffff;
		return NULL;
	}
	return error ? error : sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s has no section .notes", system->db_path);
}

/* The banner, which has to be where the database says; it may be another than the one that was met first. */
static struct sdb_error *find_bias(struct linux_system *system)
{
	uint64_t symbol = linux_symbol_or_0(system, "linux_banner");
	char text[1024];
	if (!system->build_id_length) {
		if (!system->banner || !symbol)
			return sdb_error_new(SDB_ERROR_UNSUPPORTED, "neither a banner nor notes tell where the kernel is");
		system->bias = system->banner_address - symbol;
		return NULL;
	}
	struct sdb_error *error = bias_by_note(system);
	if (error || !(symbol = linux_symbol_or_0(system, "linux_banner")))
		return error;
	error = linux_read_text(system, symbol, text, sizeof(text));
	if (error || strncmp(text, "Linux version ", 14) != 0) {
		sdb_error_free(error);
		return sdb_error_new(SDB_ERROR_CORRUPT, "the build-id is that of %s, but no banner is at %#llx, where it has one",
				     system->db_path, (unsigned long long)symbol);
	}
	text[strcspn(text, "\n")] = '\0';
	free(system->banner);
	system->banner = strdup(text);
	system->banner_address = symbol;
	return system->banner ? NULL : NO_MEMORY();
}

/* ---- tables and the direct map ---------------------------------------------------------------------------- */

static void find_tables(struct linux_system *system)
{
	/* init_top_pgt since v4.14 (65ade2f872b4 "x86/boot/64: Rename init_level4_pgt and early_level4_pgt"). */
	static const char *const names[] = { "init_top_pgt", "init_level4_pgt", "swapper_pg_dir" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct translation top, by_cpu, by_kernel;
		uint64_t address = linux_symbol_or_0(system, names[i]);
		if (!address || !guest_translate(system->target, &system->paging, address, &top))
			continue;
		struct paging paging = system->paging;
		paging.root = top.physical;
		/* Before the guest has filled them in, or when it lies, those of the CPU stay. */
		if (guest_translate(system->target, &paging, system->base, &by_kernel)
		    && guest_translate(system->target, &system->paging, system->base, &by_cpu)
		    && by_kernel.physical == by_cpu.physical) {
			system->paging = paging;
			return;
		}
	}
}

/* Where all physical memory is mapped: a variable with CONFIG_RANDOMIZE_MEMORY, else a constant. */
static void find_direct_map(struct linux_system *system)
{
	static const uint64_t constants[] = {
		0xffff888000000000ull, /* since v4.20, d52888aa2753 "x86/mm: Move LDT remap out of KASLR region" */
		0xff11000000000000ull, /* the same with 5 levels */
		0xffff880000000000ull, 0xff10000000000000ull,
		0xffff810000000000ull, /* before v2.6.29 */
	};
	uint64_t candidates[1 + sizeof(constants) / sizeof(constants[0])];
	size_t count = 0;
	uint64_t variable = system->db ? linux_symbol_or_0(system, "page_offset_base") : 0;
	if (variable && linux_u64(system, variable, &candidates[0]))
		count = 1;
	memcpy(candidates + count, constants, sizeof(constants));
	count += sizeof(constants) / sizeof(constants[0]);
	const struct driver *driver = system->target->driver;
	for (unsigned i = 0; driver->ram; i++) {
		uint64_t low, high;
		if (!driver->ram(system->target, i, &low, &high))
			break;
		system->ram_high = high > system->ram_high ? high : system->ram_high;
	}
	for (size_t i = 0; i < count && !system->have_direct; i++) {
		struct translation there;
		system->direct = candidates[i];
		system->have_direct = guest_translate(system->target, &system->paging, candidates[i] + system->physical_base, &there)
			&& there.physical == system->physical_base;
	}
}

/* ---- all together ------------------------------------------------------------------------------------------ */

static struct sdb_error *read_release(struct linux_system *system)
{
	if (!system->banner)
		return NULL;
	const char *begin = system->banner + strlen("Linux version ");
	system->release = strndup(begin, strcspn(begin, " "));
	return system->release ? NULL : NO_MEMORY();
}

/* The database of the note in hand. */
static struct sdb_error *try_database(struct linux_system *system)
{
	const struct sdb_open_options options = { .cache_size = system->target->spec.database_cache };
	char *path = NULL;
	struct sdb_error *error = find_database(system, &path);
	if (error)
		return error;
	system->db_path = path;
	error = sdb_db_open(system->db_path, &options, &system->db);
	if (!error)
		error = find_bias(system);
	if (!error)
		error = verify(system);
	if (error) {
		sdb_db_close(system->db);
		free(system->db_path);
		system->db = NULL;
		system->db_path = NULL;
		system->bias = 0;
	}
	return error;
}

static struct sdb_error *open_database(struct linux_system *system)
{
	struct translation base;
	uint64_t first = system->note_address;
	struct sdb_error *error = try_database(system);
	for (unsigned i = 0; error && i < system->note_count && sdb_error_code(error) != SDB_ERROR_MEMORY; i++) {
		if (system->notes[i].address == first)
			continue;
		linux_take_note(system, i);
		struct sdb_error *other = try_database(system);
		if (!other) {
			sdb_error_free(error);
			error = NULL;
		}
		sdb_error_free(other);
	}
	if (error) { /* said of the one that is most likely its own */
		for (unsigned i = 0; i < system->note_count; i++)
			if (system->notes[i].address == first)
				linux_take_note(system, i);
		return error;
	}
	uint64_t text = linux_symbol_or_0(system, "_text"), end = linux_symbol_or_0(system, "_end");
	if (text && guest_translate(system->target, &system->paging, text, &base)) {
		memset(system->blocks, 0, sizeof(system->blocks));
		system->base = system->image_low = text;
		system->physical_base = base.physical;
		if (end > text && end - text < LINUX_IMAGE_HIGH - LINUX_IMAGE_LOW)
			system->image_high = end;
	}
	return NULL;
}

struct sdb_error *linux_find_kernel(struct linux_system *system)
{
	struct sdb_error *error = look_from_cpus(system);
	if (!error)
		error = read_release(system);
	if (error)
		return error;
	system->trouble = open_database(system);
	if (system->trouble) {
		/* What was named has to be right; to have nothing is no reason to say nothing. */
		if (system->target->spec.kernel || sdb_error_code(system->trouble) == SDB_ERROR_MEMORY) {
			error = system->trouble;
			system->trouble = NULL;
			return error;
		}
		target_log(system->target, SDB_LOG_MODULE, SDB_LOG_WARNING, "%s", sdb_error_message(system->trouble));
	} else {
		find_tables(system);
	}
	find_direct_map(system);
	guest_set_kernel_paging(system->target, &system->paging);
	return NULL;
}

struct sdb_error *linux_need_database(const struct linux_system *system)
{
	if (system->db)
		return NULL;
	if (system->trouble)
		return sdb_error_new(sdb_error_code(system->trouble), "%s", sdb_error_message(system->trouble));
	return no_database(system);
}
