/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_PERSONALITY_H
#define RUNTIME_PERSONALITY_H

/*
 * What a personality implements: knowledge of the operating system inside a machine. It finds the
 * kernel by itself, says which tasks and processes there are, what is mapped, and what the registers
 * of a task that does not run are. It reads the machine through the runtime (guest.h, target.h)
 * and asks databases for layouts; it knows no driver.
 *
 * All that it reads comes from a guest that may be hostile, or in the middle of a change: lists are
 * bounded and cycles found, a number is believed only as far as there is memory behind it.
 */

#include "guest.h"
#include "space.h"
#include "symdb/hex.h" /* build-ids as text */
#include <stackdb/system.h>

struct personality {
	const char *name;
	const char *summary;

	/*
	 * Finds the system in the machine TARGET, that may run; fills in target->system. The kernel's tables
	 * are set by guest_set_kernel_paging(). NOT_FOUND: there is none of this kind (yet), and why.
	 * A kernel without a database is no error of this: what needs it says so.
	 */
	struct sdb_error *(*open)(struct sdb_target *target);
	/* Frees target->system. Also after a failed open. */
	void (*close)(struct sdb_target *target);
	/* Asks the machine's CPUs whether they run what open() found. CORRUPT: another system, or one that has yet to boot. */
	struct sdb_error *(*check)(struct sdb_target *target);
	/* Adds the kernel and its modules to SPACE with space_add(). */
	struct sdb_error *(*regions)(struct sdb_target *target, struct space *space);

	/* ---- tasks: threads of the target ---- */

	/*
	 * Brings target->threads up to date: target_add_task() for each task, idle tasks too, and
	 * target_remove_thread() for those that are gone. An idle task's number is minus its CPU's.
	 */
	struct sdb_error *(*refresh)(struct sdb_target *target);
	/* The task that CPU is in now, added when it is new. */
	struct sdb_error *(*current)(struct sdb_target *target, struct sdb_thread *cpu, struct sdb_thread **thread_ret);
	/*
	 * The registers of a task that is on no CPU: where it goes on in the kernel. Those that are not saved are
	 * zero; VALID_RET is the set of DWARF numbers that are known.
	 */
	struct sdb_error *(*read_registers)(struct sdb_thread *thread, enum register_group group, uint8_t *file,
					    uint32_t *valid_ret);
	struct sdb_error *(*write_registers)(struct sdb_thread *thread, enum register_group group, const uint8_t *file);
	/* Those that it had in user mode when it entered the kernel. NOT_FOUND: it has none (a kernel thread). */
	struct sdb_error *(*read_user_registers)(struct sdb_thread *thread, enum register_group group, uint8_t *file);
	struct sdb_error *(*write_user_registers)(struct sdb_thread *thread, enum register_group group, const uint8_t *file);
	struct sdb_error *(*describe)(struct sdb_thread *thread, struct sdb_task *task_ret);
	/*
	 * Where the stacks of THREAD are: the stack that holds ADDRESS, as a range. False: none of them does. For the
	 * unwinder, that follows from one to the next (IRQ, exception, entry stacks) but in no circle.
	 */
	bool (*stack_range)(struct sdb_thread *thread, uint64_t address, uint64_t *low_ret, uint64_t *high_ret);

	/* ---- processes: for targets that are laid over one (drivers/process/) ---- */

	/* The process called NAME, or with number NAME; the lowest number of several. NOT_FOUND. */
	struct sdb_error *(*find_process)(struct sdb_target *target, const char *name, int64_t *pid_ret);
	/* The tables of the process PID, for its user addresses. NOT_FOUND: it has ended, or has no memory. */
	struct sdb_error *(*process_paging)(struct sdb_target *target, int64_t pid, struct paging *paging_ret);
	/* Adds the regions of process PID to SPACE. */
	struct sdb_error *(*process_regions)(struct sdb_target *target, int64_t pid, struct space *space);
	/* Calls FN for each thread of process PID. */
	struct sdb_error *(*process_threads)(struct sdb_target *target, int64_t pid,
					     struct sdb_error *(*fn)(void *arg, struct sdb_thread *thread), void *arg);
	/*
	 * Reads what is mapped at ADDRESS but in no table: from the page cache of the file. *DONE_RET bytes, 0
	 * when it is nowhere in memory. At most to the end of the page.
	 */
	struct sdb_error *(*read_absent)(struct sdb_target *target, int64_t pid, uint64_t address, void *buffer,
					 size_t size, size_t *done_ret);

	/* ---- the system, see system.h ---- */

	struct sdb_error *(*scan)(struct sdb_target *target, sdb_task_fn fn, void *arg);
	struct sdb_error *(*command_line)(struct sdb_target *target, int64_t pid, char **words_ret, size_t *size_ret);
	struct sdb_error *(*information)(struct sdb_target *target, struct sdb_system *system_ret);
	struct sdb_error *(*modules)(struct sdb_target *target, sdb_kernel_module_fn fn, void *arg);
	struct sdb_error *(*log)(struct sdb_target *target, sdb_log_record_fn fn, void *arg);
	struct sdb_error *(*calls)(struct sdb_target *target, sdb_system_call_fn fn, void *arg);
	/* Offset of CPU's area, that is added to addresses of per-CPU variables. */
	struct sdb_error *(*percpu_offset)(struct sdb_target *target, unsigned cpu, uint64_t *offset_ret);

	/* ---- a model that probes keep current; NULL where it cannot ---- */

	/*
	 * PARTS (a set of enum sdb_active) are kept current by probes from now on: ordinary ones, of no handler that the
	 * program knows, removed with all others. What they find out of tasks is told by probes_tell(). After an error
	 * close() follows.
	 */
	struct sdb_error *(*set_active)(struct sdb_target *target, unsigned parts);
	/* Brings target->threads up to date from what probes have told. *FOLLOWED_RET false: refresh() is needed. */
	struct sdb_error *(*follow)(struct sdb_target *target, bool *followed_ret);
	/*
	 * Two numbers, one of which is another when the regions of process PID (0: the kernel's) have changed since.
	 * False: nobody keeps track.
	 */
	bool (*regions_version)(struct sdb_target *target, int64_t pid, uint64_t version_ret[2]);
};

/* Those that are linked in, NULL-terminated; defined in personalities/personalities.c. */
extern const struct personality *const personalities_builtin[];

/* ---- what the runtime offers to a personality ---------------------------------------------- */

/* Adds a task, as target_add_thread(); KEY is its identity in the system (an address). */
struct sdb_error *target_add_task(struct sdb_target *target, int64_t id, uint64_t key, struct sdb_thread **thread_ret);

/* Finds, loads and opens the personality that the specification of TARGET asks for, or the one that fits. */
struct sdb_error *personality_open(struct sdb_target *target);
void personality_close(struct sdb_target *target);

#endif
