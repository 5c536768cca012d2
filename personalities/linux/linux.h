/* SPDX-License-Identifier: MIT */
#ifndef PERSONALITIES_LINUX_H
#define PERSONALITIES_LINUX_H

/*
 * Linux on x86-64. Layouts come from the kernel's database, found by the build-id that lies in the
 * guest's memory; a member is asked for by name, and where kernels differ by several names: versions are
 * never compared.
 */

#include "layout.h"
#include "runtime/personality.h"

#include <string.h>

#define LINUX_UPPER_HALF (1ull << 63)
/* Where the kernel image is mapped: Documentation/arch/x86/x86_64/mm.rst, with 4 and 5 levels. */
#define LINUX_IMAGE_LOW 0xffffffff80000000ull
#define LINUX_IMAGE_HIGH 0xffffffffc0000000ull
#define LINUX_CPUS_MAX 8192u         /* the most that CONFIG_NR_CPUS can be */
#define LINUX_TASKS_MAX (1u << 22)   /* PID_MAX_LIMIT */

/* A piece of the kernel's address space that this program has mapped; SIZE 0: none. */
struct linux_block {
	uint64_t low, size;
	const uint8_t *data;
};
#define LINUX_BLOCK_BITS 14 /* drivers give pieces of that many bytes at least */
#define LINUX_BLOCKS 512    /* that are remembered; a power of two */

struct linux_task_layout {
	struct linux_member size, tasks, state, exit_state, flags, stack, on_cpu, cpu, info_cpu, mm, pid, tgid, real_parent,
		thread_pid, start, cred, comm, nsproxy, signal, thread_group, thread_node;
	struct linux_member thread_head;
	struct linux_member sp, fs_base, gs_base;
	struct linux_member uid, euid, gid, egid, user_ns;
	struct linux_member uts, ipc, mnt, net, time, cgroup;
	struct linux_member uts_inum, ipc_inum, mnt_inum, net_inum, time_inum, cgroup_inum, user_inum, pid_inum;
	struct linux_member pid_level, pid_numbers, upid_size, upid_ns;
	struct linux_member kthread, kthread_name, kthread_data, worker_desc, worker_pool, worker_work;
	struct linux_member idle;
	char letters[16];        /* of the bits of the state, as the kernel's own table has them */
	unsigned letter_count;
	uint32_t view;           /* bytes of a task that have what is asked for of it, and of what it leads to: */
	uint32_t cred_view, pid_view, kthread_view, worker_view;
	uint64_t init_task;
};

struct linux_mm_layout;
struct linux_module_layout;
struct linux_log_layout;
struct linux_clock_layout;
struct linux_call_table;
struct linux_active;
struct linux_stacks;
struct linux_frame_layout;

struct linux_system {
	struct sdb_target *target;
	/* What was found in memory. */
	uint8_t build_id[64];
	size_t build_id_length;
	char *banner;            /* NULL: none */
	char *release;
	uint64_t banner_address, note_address;
	/* All that could be its note: pages of the image that were freed are used for anything, modules with notes too. */
	struct { uint64_t address; uint8_t id[20]; } notes[8];
	unsigned note_count;
	uint64_t image_low, image_high;
	uint64_t base, bias, physical_base;
	struct paging paging;    /* the kernel's */
	/* Its database. */
	struct sdb_db *db;
	char *db_path;
	struct sdb_error *trouble; /* why there is none */
	/* The direct map, and where the driver has what lies there or in the image. */
	uint64_t direct;
	bool have_direct;
	uint64_t ram_high;       /* the end of physical memory */
	struct linux_block blocks[LINUX_BLOCKS]; /* by address */
	unsigned map_changes;    /* of the target, when they were asked for */
	uint8_t *scratch;        /* a task, where memory is not mapped here */
	/* CPUs. */
	uint64_t percpu_offsets; /* address of the table; 0: one CPU, without */
	uint64_t current_task, runqueues, online;
	/* Layouts, each looked up when it is first needed. */
	struct linux_task_layout tasks;
	bool have_tasks;
	struct linux_mm_layout *mm;
	struct linux_module_layout *modules;
	struct linux_log_layout *log;
	struct linux_clock_layout *clocks;
	struct linux_stacks *stacks;
	struct linux_frame_layout *user_frame, *inactive_frame;
	char *command_line;
	struct linux_active *active; /* NULL: nothing is kept current by probes */
	struct linux_call_table *calls; /* as it was told last: what has not changed is not looked up again */
	/* Where parts of the image end; 0: not known. */
	struct { bool known; uint64_t code_end, constants_end, init, init_end; } image;
};

static inline struct linux_system *linux_of(const struct sdb_target *target)
{
	return target->system;
}

/* ---- kaslr.c: which kernel, and where ------------------------------------------------------------ */

struct sdb_error *linux_find_kernel(struct linux_system *system);
/* CORRUPT: CPU 0 does not run what was found. The memory of a kernel that was there before a reset may look sound. */
struct sdb_error *linux_check(struct sdb_target *target);
/* NULL: there is a database; else why not, and what to do. */
struct sdb_error *linux_need_database(const struct linux_system *system);

/* ---- image.c: what lies in the guest's memory, without a database -------------------------------------- */

/* Finds banner and build-id in the kernel image that PAGING maps; HANDLER (0: none) is an address in it. */
struct sdb_error *linux_find_image(struct linux_system *system, const struct paging *paging, uint64_t handler,
				   bool *found_ret);

/* Takes NOTES[INDEX] for the kernel's. */
void linux_take_note(struct linux_system *system, unsigned index);

/* ---- access.c: the kernel's memory ----------------------------------------------------------------------- */

/* Copies SIZE bytes; NOT_FOUND with the address. */
struct sdb_error *linux_read(struct linux_system *system, uint64_t address, void *buffer, size_t size);
bool linux_copy_slowly(struct linux_system *system, uint64_t address, void *buffer, size_t size);
struct sdb_error *linux_read_u64(struct linux_system *system, uint64_t address, uint64_t *value_ret);
struct sdb_error *linux_read_u32(struct linux_system *system, uint64_t address, uint32_t *value_ret);
/* The member of what is at ADDRESS. */
struct sdb_error *linux_read_member(struct linux_system *system, uint64_t address, const struct linux_member *member,
				    uint64_t *value_ret);
/* At most SIZE - 1 bytes up to a 0; always ends with one. */
struct sdb_error *linux_read_text(struct linux_system *system, uint64_t address, char *text, size_t size);

/* The same for what is in no block that is known, or in two. */
const uint8_t *linux_at_block(struct linux_system *system, uint64_t address, size_t size);

/*
 * Where SIZE bytes are in this program; NULL: look for them with linux_read(). Only of the direct map and the
 * image: what is there has one place in physical memory for as long as the kernel runs.
 */
static inline const uint8_t *linux_at(struct linux_system *system, uint64_t address, size_t size)
{
	const struct linux_block *block = &system->blocks[(address >> LINUX_BLOCK_BITS) & (LINUX_BLOCKS - 1)];
	uint64_t at = address - block->low;
	if (at < block->size && block->size - at >= size && system->map_changes == system->target->map_changes)
		return block->data + at;
	return linux_at_block(system, address, size);
}

/* False: not there. */
static inline bool linux_copy(struct linux_system *system, uint64_t address, void *buffer, size_t size)
{
	const uint8_t *data = linux_at(system, address, size);
	if (!data)
		return linux_copy_slowly(system, address, buffer, size);
	memcpy(buffer, data, size);
	return true;
}

static inline bool linux_u64(struct linux_system *system, uint64_t address, uint64_t *value_ret)
{
	return linux_copy(system, address, value_ret, sizeof(*value_ret));
}

/* SIZE bytes: where they are, else copied into SCRATCH; NULL: not there. */
static inline const uint8_t *linux_view(struct linux_system *system, uint64_t address, size_t size, void *scratch)
{
	const uint8_t *data = linux_at(system, address, size);
	if (!data && linux_copy_slowly(system, address, scratch, size))
		data = scratch;
	return data;
}

/* A pointer that the kernel could follow. */
static inline bool linux_is_pointer(uint64_t address)
{
	return address >= 0xff00000000000000ull && address < 0xfffffffffffff000ull && !(address & 7);
}

/* ---- symbols.c --------------------------------------------------------------------------------------------- */

/* Where symbol NAME is in the guest; NOT_FOUND. Of a per-CPU variable: what is added to a CPU's offset. */
struct sdb_error *linux_symbol(struct linux_system *system, const char *name, uint64_t *address_ret);
/* The same; 0: there is none. Other errors count as none, too. */
uint64_t linux_symbol_or_0(struct linux_system *system, const char *name);
/* Name of the symbol at exactly ADDRESS of the guest; malloc'ed; *NAME_RET NULL: none. */
struct sdb_error *linux_symbol_name(struct linux_system *system, uint64_t address, char **name_ret, uint64_t *offset_ret);

/* The value of an enumerator; what there is none of stays *VALUE_RET. */
struct sdb_error *linux_enumerator(struct linux_system *system, const char *name, int64_t *value_ret);

/* ---- percpu.c ---------------------------------------------------------------------------------------------- */

struct sdb_error *linux_find_cpus(struct linux_system *system);
struct sdb_error *linux_cpu_offset(struct linux_system *system, unsigned cpu, uint64_t *offset_ret);
/* Address of the task that CPU runs. */
struct sdb_error *linux_current(struct linux_system *system, unsigned cpu, uint64_t *task_ret);
/* Calls FN for the CPUs that are online. */
unsigned linux_cpus_online(struct linux_system *system, bool *online, unsigned count);
/* The number that the kernel has for the driver's CPU. */
unsigned linux_cpu_number(struct linux_system *system, const struct sdb_thread *cpu);
struct sdb_error *linux_percpu_offset(struct sdb_target *target, unsigned cpu, uint64_t *offset_ret);

/* ---- tasks.c, scan.c ------------------------------------------------------------------------------------------ */

struct sdb_error *linux_load_tasks(struct linux_system *system);
struct sdb_error *linux_scan(struct sdb_target *target, sdb_task_fn fn, void *arg);
struct sdb_error *linux_refresh(struct sdb_target *target);
struct sdb_error *linux_current_task(struct sdb_target *target, struct sdb_thread *cpu, struct sdb_thread **thread_ret);
struct sdb_error *linux_describe(struct sdb_thread *thread, struct sdb_task *task_ret);
struct sdb_error *linux_find_process(struct sdb_target *target, const char *name, int64_t *pid_ret);
struct sdb_error *linux_process_threads(struct sdb_target *target, int64_t pid,
					struct sdb_error *(*fn)(void *arg, struct sdb_thread *thread), void *arg);
/* The task_struct with number PID of a process that has memory, and its mm. NOT_FOUND. */
struct sdb_error *linux_process(struct linux_system *system, int64_t pid, uint64_t *task_ret, uint64_t *mm_ret);
/* One task from its address. */
struct sdb_error *linux_describe_task(struct linux_system *system, uint64_t address, struct sdb_task *task_ret);

/* ---- stacks.c, registers.c ------------------------------------------------------------------------------------ */

struct sdb_error *linux_load_stacks(struct linux_system *system);
/* Bytes of a task's stack; after linux_load_stacks(). */
uint64_t linux_thread_size(const struct linux_system *system);
bool linux_stack_range(struct sdb_thread *thread, uint64_t address, uint64_t *low_ret, uint64_t *high_ret);
struct sdb_error *linux_read_registers(struct sdb_thread *thread, enum register_group group, uint8_t *file,
				       uint32_t *valid_ret);
struct sdb_error *linux_write_registers(struct sdb_thread *thread, enum register_group group, const uint8_t *file);
struct sdb_error *linux_read_user_registers(struct sdb_thread *thread, enum register_group group, uint8_t *file);
struct sdb_error *linux_write_user_registers(struct sdb_thread *thread, enum register_group group, const uint8_t *file);

/* ---- modules.c, regions.c ----------------------------------------------------------------------------------------- */

struct sdb_error *linux_regions(struct sdb_target *target, struct space *space);
struct sdb_error *linux_modules(struct sdb_target *target, sdb_kernel_module_fn fn, void *arg);

/* ---- system.c -------------------------------------------------------------------------------------------------- */

struct sdb_error *linux_log(struct sdb_target *target, sdb_log_record_fn fn, void *arg);                /* log.c */
struct sdb_error *linux_system_calls(struct sdb_target *target, sdb_system_call_fn fn, void *arg);    /* calls.c */
void linux_free_calls(struct linux_call_table *calls);
struct sdb_error *linux_information(struct sdb_target *target, struct sdb_system *system_ret);

#endif
