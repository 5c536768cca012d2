/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_DRIVER_H
#define RUNTIME_DRIVER_H

/*
 * What a driver implements to make a kind of target reachable. The runtime keeps what targets
 * have in common (threads, caches, modules, unwinding, probes) and asks the driver for the rest.
 * A driver reads and changes what target.h shows; it never calls a tool or another driver, except
 * through the target that it is an overlay of.
 *
 * A function that is NULL is something that this kind of target does not have; the runtime says so.
 */

#include "arch/arch.h"
#include <stackdb/loop.h>
#include <stackdb/space.h>
#include <stackdb/thread.h>

struct space;

/* How a thread goes on. */
enum driver_step {
	DRIVER_CONTINUE,
	DRIVER_STEP,    /* one instruction, then DRIVER_STEPPED */
};

/* What has happened to a thread, that is stopped then. */
enum driver_event_kind {
	DRIVER_NOTHING = 0,
	DRIVER_BREAKPOINT,  /* one was met: the program counter is behind it, at it if the driver keeps it (insert_breakpoint) */
	DRIVER_STEPPED,     /* after DRIVER_STEP; `number` is not 0: nothing was executed, or it is in a signal handler instead */
	DRIVER_HARDWARE,    /* `number`: bits of the debug registers that fired */
	DRIVER_SIGNAL,      /* `number` is about to be delivered; see thread->signal */
	DRIVER_SYSCALL,     /* at the entry of a system call */
	DRIVER_SYSCALL_EXIT,
	DRIVER_CREATED,     /* the thread is new and has not run yet */
	DRIVER_EXITING,     /* the thread is about to end and can still be read; `number` its status */
	DRIVER_GONE,        /* the thread has ended; it is freed after this event */
	DRIVER_EXECUTED,    /* the program was replaced by another */
	DRIVER_CHILD,       /* it made another process, `number`, that is not attached to */
	DRIVER_EXITED,      /* the target is gone; `thread` is NULL, `number` its wait status */
	DRIVER_WATCHED,     /* a watchpoint of insert_watch(); `number`: its address */
	DRIVER_PAUSED,      /* it stopped since it was asked to */
};

struct driver_event {
	enum driver_event_kind kind;
	struct sdb_thread *thread;
	int64_t number;
	uint64_t arguments[6]; /* of a system call at its entry */
	uint16_t machine;      /* of a system call: EM_* of its number */
};

/*
 * What a CPU of a machine says of its memory: control registers and descriptor tables. Of x86; another
 * architecture adds its own.
 */
struct driver_cpu {
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t idt_base, gdt_base;      /* 0: not known */
	uint64_t fs_base, gs_base, kernel_gs_base;
	uint64_t pc, sp, flags;
	uint16_t cs;
};

struct driver_saved; /* a thread's state; the driver's */

struct driver_scratch {
	uint64_t low, high;
};

struct driver {
	const char *name;
	const char *summary;
	/* Whether SPEC speaks for this driver when it names none. */
	bool (*claims)(const struct sdb_spec *spec);

	/* Fills in target->state, architecture, name, pid, status, threads. */
	struct sdb_error *(*open)(struct sdb_target *target);
	/* Leaves the target to itself; frees target->state. Also after a failed open. */
	void (*close)(struct sdb_target *target);
	struct sdb_error *(*kill)(struct sdb_target *target);

	/*
	 * Stops every thread and sets target->status. What else happens on the way is kept and is
	 * what wait() gives first. With all threads stopped or not: a thread says so in `stopped`.
	 */
	struct sdb_error *(*pause)(struct sdb_target *target);
	/*
	 * Lets every thread go on and reports nothing more until pause(): the target is as if nobody
	 * watched it. NULL: it is always watched.
	 */
	struct sdb_error *(*detach)(struct sdb_target *target);
	/* Brings target->threads up to date while it runs; of a machine only target->status: it may have ended. */
	struct sdb_error *(*refresh)(struct sdb_target *target);
	/*
	 * Lets a stopped thread go on, with its `signal` delivered. One that has an event which wait()
	 * has not given yet stays.
	 */
	struct sdb_error *(*resume)(struct sdb_thread *thread, enum driver_step step);
	/*
	 * Gives the next event, within TIMEOUT milliseconds (-1: any time; 0: what there is);
	 * DRIVER_NOTHING when none came.
	 */
	struct sdb_error *(*wait)(struct sdb_target *target, int timeout, struct driver_event *event_ret);
	/* A descriptor that can be polled for reading: wait() has something. */
	struct sdb_error *(*descriptor)(struct sdb_target *target, int *descriptor_ret);
	/* Makes a wait() with a timeout return; called from a signal handler or another thread. */
	void (*wake)(struct sdb_target *target);
	/* Lets a child go on that waited for its DRIVER_CHILD to be handled (spec.follow_children). */
	void (*continue_child)(struct sdb_target *target, int64_t child);
	/* Whether system calls are reported; takes effect when a thread is resumed. */
	struct sdb_error *(*report_syscalls)(struct sdb_target *target, bool on);

	/* FILE is the architecture's register file; only the group's part is read or written. */
	struct sdb_error *(*read_registers)(struct sdb_thread *thread, enum register_group group, uint8_t *file);
	struct sdb_error *(*write_registers)(struct sdb_thread *thread, enum register_group group,
					     const uint8_t *file);
	/* Reads what there is from ADDRESS on: *DONE_RET bytes, 0 when the first one is not there. */
	struct sdb_error *(*read_memory)(struct sdb_target *target, uint64_t address, void *buffer,
					 size_t size, size_t *done_ret);
	struct sdb_error *(*write_memory)(struct sdb_target *target, uint64_t address, const void *buffer,
					  size_t size);

	/* ---- machines only ---- */

	/* How many CPUs there are: threads with the numbers 0 and on, in target->threads after open(). */
	unsigned (*cpus)(struct sdb_target *target);
	/* Whether somebody else holds it still, who is not us; asked of one that counts as running. NULL: not known. */
	bool (*halted)(struct sdb_target *target);
	/* A snapshot of CPU, whether it runs or not. */
	struct sdb_error *(*cpu_state)(struct sdb_target *target, unsigned cpu, struct driver_cpu *cpu_ret);
	/*
	 * Where SIZE_RET bytes of RAM from ADDRESS on are in this program; NULL: not mapped, or no RAM. They stay
	 * there until the target is closed; but a driver that keeps little of them resident counts target->map_changes
	 * when it lets go of all: who remembers where they are asks anew then.
	 */
	const uint8_t *(*map_physical)(struct sdb_target *target, uint64_t address, size_t *size_ret);
	/* *DONE_RET bytes, 0 when there is nothing at ADDRESS. NULL: what is mapped is all. */
	struct sdb_error *(*read_physical)(struct sdb_target *target, uint64_t address, void *buffer, size_t size,
					   size_t *done_ret);
	struct sdb_error *(*write_physical)(struct sdb_target *target, uint64_t address, const void *buffer, size_t size);
	/* The range of RAM number INDEX; false behind the last one. */
	bool (*ram)(struct sdb_target *target, unsigned index, uint64_t *low_ret, uint64_t *high_ret);
	/*
	 * A breakpoint that the driver keeps, in place of an instruction in memory: then a breakpoint is
	 * reported with the program counter at it. NULL: one is written into memory.
	 */
	struct sdb_error *(*insert_breakpoint)(struct sdb_target *target, uint64_t address);
	struct sdb_error *(*remove_breakpoint)(struct sdb_target *target, uint64_t address);
	/*
	 * A watchpoint that the driver keeps, for all threads; NULL: debug registers are written. Reported as
	 * DRIVER_WATCHED with `number` the address that was accessed.
	 */
	struct sdb_error *(*insert_watch)(struct sdb_target *target, uint64_t address, unsigned size, bool reads);
	struct sdb_error *(*remove_watch)(struct sdb_target *target, uint64_t address, unsigned size, bool reads);

	struct sdb_error *(*thread_name)(struct sdb_thread *thread, char **name_ret);
	struct sdb_error *(*thread_state)(struct sdb_thread *thread, char **state_ret);
	struct sdb_error *(*thread_user)(struct sdb_thread *thread, uint32_t *user_ret);
	struct sdb_error *(*thread_signal)(struct sdb_thread *thread, int number);

	/* Adds every region to SPACE with space_add(). */
	struct sdb_error *(*regions)(struct sdb_target *target, struct space *space);
	/*
	 * A path under which this program can open the file that REGION is mapped from, malloc'ed; NULL
	 * when it has none (the vDSO: it is read from memory then).
	 */
	struct sdb_error *(*file_path)(struct sdb_target *target, const struct sdb_region *region, char **path_ret);

	/*
	 * What must not outlive this program: BYTES stood at ADDRESS before they were changed. Kept
	 * where a death of this program by any signal does not reach it, until guard_release(). A driver
	 * whose targets forget all that by themselves has none.
	 */
	struct sdb_error *(*guard)(struct sdb_target *target, uint64_t address, const void *bytes, size_t size);
	void (*guard_release)(struct sdb_target *target, uint64_t address);
	/*
	 * Memory of the target, within reach of NEAR, where code may be put and executed; some thread is
	 * stopped. NULL, or an error: instructions are stepped over in their place.
	 */
	struct sdb_error *(*scratch)(struct sdb_target *target, uint64_t near, struct driver_scratch *scratch_ret);

	/*
	 * A stopped thread that runs for a while in somebody else's name (a call of an expression), with
	 * all others as they are. save_thread() keeps everything that makes up its state, INVALID when
	 * it stands where that cannot be done. run_alone() lets it go on, with its `signal`, until
	 * DRIVER_BREAKPOINT, DRIVER_SIGNAL (not delivered), DRIVER_GONE (it has ended, or become another
	 * program), or DRIVER_NOTHING: TIMEOUT milliseconds have passed, and it is stopped again.
	 * restore_thread() undoes it all, and frees SAVED.
	 */
	struct sdb_error *(*save_thread)(struct sdb_thread *thread, struct driver_saved **saved_ret);
	struct sdb_error *(*run_alone)(struct sdb_thread *thread, int timeout, struct driver_event *event_ret);
	struct sdb_error *(*restore_thread)(struct sdb_thread *thread, struct driver_saved *saved);
};

/* The drivers that are linked in, NULL-terminated; defined beside them. */
extern const struct driver *const drivers_builtin[];

#endif
