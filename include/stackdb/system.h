/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_SYSTEM_H
#define STACKDB_SYSTEM_H

/**
 * @file
 * The operating system inside of a target that is a machine: its tasks, modules, log. Everything here
 * can be asked while the machine runs: it is a snapshot then, of a thing that moves, and what cannot be
 * believed is left out and said. UNSUPPORTED: the target is no machine, or nobody knows its system.
 */

#include "space.h"
#include "thread.h"

#pragma GCC visibility push(default)

/** What a task does. */
enum sdb_task_state {
	SDB_TASK_RUNNING = 1,  /**< on a CPU, or could be */
	SDB_TASK_SLEEPING,     /**< waits, and can be interrupted */
	SDB_TASK_WAITING,      /**< waits uninterruptibly */
	SDB_TASK_IDLE,         /**< waits uninterruptibly, and is no load */
	SDB_TASK_STOPPED,      /**< by a signal */
	SDB_TASK_TRACED,       /**< by a debugger */
	SDB_TASK_ZOMBIE,       /**< ended, not waited for */
	SDB_TASK_DEAD,   /**< it is being removed */
	SDB_TASK_PARKED, /**< a kernel thread that waits to be used again */
};

/** Kinds of namespaces, as /proc/PID/ns has them. */
enum sdb_namespace {
	SDB_NAMESPACE_CGROUP, /**< control groups */
	SDB_NAMESPACE_IPC,    /**< System V IPC, POSIX message queues */
	SDB_NAMESPACE_MNT,    /**< mounts */
	SDB_NAMESPACE_NET,    /**< network */
	SDB_NAMESPACE_PID,    /**< process numbers, of its children */
	SDB_NAMESPACE_TIME,   /**< clocks, of its children */
	SDB_NAMESPACE_USER,   /**< users and capabilities */
	SDB_NAMESPACE_UTS,    /**< host name */
	SDB_NAMESPACES        /**< how many there are */
};

/** A task: a thread of a process, or of the kernel. Valid during the call, unless somebody copies it. */
struct sdb_task {
	int64_t tid;             /**< its number; of the idle task of CPU n: -n */
	int64_t tgid;            /**< of its process */
	int64_t ppid;            /**< of the process's parent; 0: none */
	uint64_t address;        /**< of what the system keeps of it (struct task_struct) */
	uint64_t memory;         /**< of its address space (struct mm_struct); 0: a kernel thread */
	char name[64];           /**< without control characters being changed; ends with 0 */
	enum sdb_task_state state; /**< what it does */
	char letter;             /**< its state as ps prints it */
	bool kernel;             /**< a kernel thread */
	int cpu;                 /**< that it runs on, or ran on last */
	bool on_cpu;             /**< it runs there now */
	uint32_t uid;            /**< real user, in the first user namespace */
	uint32_t euid;           /**< effective user, the same */
	uint32_t gid;            /**< real group, the same */
	uint32_t egid;           /**< effective group, the same */
	uint64_t start_time;     /**< nanoseconds since the boot, time asleep included */
	uint64_t namespaces[SDB_NAMESPACES]; /**< their inode numbers; 0: not known */
};

/** Called for each; an error that it returns ends the scan and is returned. */
typedef struct sdb_error *(*sdb_task_fn)(void *arg, const struct sdb_task *task);

/**
 * Every task of the system, idle tasks first, then by process as its list has them. Without stopping
 * the machine; with a layout that was looked up once, a few microseconds. CORRUPT, after what could be had: the
 * list cannot be followed, and where.
 */
struct sdb_error *sdb_target_scan_tasks(struct sdb_target *target, sdb_task_fn fn, void *arg);
/** What is known of one task. */
struct sdb_error *sdb_thread_task(struct sdb_thread *thread, struct sdb_task *task_ret);
/** The words of its command line, as /proc/PID/cmdline has them, each ended by 0; malloc'ed. Empty: a kernel thread. */
struct sdb_error *sdb_target_command_line(struct sdb_target *target, int64_t pid, char **words_ret, size_t *size_ret);

/** The system as a whole. Texts are owned by the target. */
struct sdb_system {
	const char *personality;   /**< who knows it, such as `linux` */
	const char *version;       /**< as /proc/version has it */
	const char *release;       /**< such as 6.1.0-53-cloud-amd64 */
	const char *command_line;  /**< of the kernel */
	const uint8_t *build_id;   /**< of the kernel; NULL: none was found */
	size_t build_id_length;    /**< in bytes */
	uint64_t base;             /**< where the kernel's code is */
	uint64_t bias;             /**< what was added to its addresses, modulo 2^64 */
	uint64_t physical_base;    /**< where it is in physical memory */
	uint64_t uptime;           /**< nanoseconds since the boot; 0: not known */
	uint64_t boot_time;        /**< nanoseconds since 1970; 0: not known */
	unsigned cpus;             /**< that are online */
};
/** What is known of the system in TARGET. Errors: UNSUPPORTED (nobody knows its system). */
struct sdb_error *sdb_target_system(struct sdb_target *target, struct sdb_system *system_ret);

/**
 * Asks the machine's CPUs whether the system that was found when TARGET was opened is what they run: what is left of
 * it in memory after a reset may look sound. CORRUPT: it was booted anew; open another target for it. A millisecond.
 */
struct sdb_error *sdb_target_check_system(struct sdb_target *target);

/** A module of the kernel. */
struct sdb_kernel_module {
	const char *name;         /**< as lsmod prints it */
	uint64_t address;         /**< of what the system keeps of it (struct module) */
	uint64_t base;            /**< of its code */
	uint64_t size;            /**< bytes in memory */
	int64_t references;       /**< users, as /proc/modules counts them */
	const char *users;        /**< names of the modules that use it, and `[permanent]`, with commas between; empty: none */
	const char *state;        /**< `Live`, `Loading`, `Unloading` */
	const uint8_t *build_id;  /**< NULL: none */
	size_t build_id_length;   /**< in bytes */
	const char *taints;       /**< letters; empty: none */
	struct sdb_module *module;/**< as a module of the target; NULL: not known as one */
};
/** Called for each; an error that it returns ends the walk and is returned. */
typedef struct sdb_error *(*sdb_kernel_module_fn)(void *arg, const struct sdb_kernel_module *module);
/** The modules of the kernel, newest first, as /proc/modules. */
struct sdb_error *sdb_target_kernel_modules(struct sdb_target *target, sdb_kernel_module_fn fn, void *arg);

/** A record of the kernel's log. */
struct sdb_log_record {
	uint64_t sequence;     /**< counts from the boot on */
	uint64_t time;         /**< nanoseconds since the boot */
	unsigned level;        /**< 0 (emergency) to 7 (debug) */
	unsigned facility;     /**< of syslog(3); 0: the kernel's own */
	const char *text;      /**< of LENGTH bytes, and a 0 behind them */
	size_t length;         /**< in bytes */
};
/** Called for each; an error that it returns ends the walk and is returned. */
typedef struct sdb_error *(*sdb_log_record_fn)(void *arg, const struct sdb_log_record *record);
/** The kernel's log from the oldest record on. */
struct sdb_error *sdb_target_kernel_log(struct sdb_target *target, sdb_log_record_fn fn, void *arg);

/** An entry of the system call table. */
struct sdb_system_call {
	unsigned number;      /**< its place in the table */
	uint64_t address;     /**< of the function that the table has */
	const char *symbol;   /**< of that; NULL: in no module */
	const char *name;     /**< of the call; NULL: not known */
	bool changed;         /**< it is not the function that the kernel was built with */
};
/** Called for each; an error that it returns ends the walk and is returned. */
typedef struct sdb_error *(*sdb_system_call_fn)(void *arg, const struct sdb_system_call *call);
/** Every entry of the table of system calls, by number. */
struct sdb_error *sdb_target_system_calls(struct sdb_target *target, sdb_system_call_fn fn, void *arg);

/**
 * What of a machine is kept current by probes on functions of its system, instead of being read anew each time (`-a`,
 * `active` of struct sdb_spec). They count from sdb_target_open() to sdb_target_close(), are in no list of the
 * program's, and stop the machine at each event, so sdb_target_poll() has to be called; what it has handled is what
 * is known. Begins and ends of tasks are told to probes of sdb_probe_events() (SDB_HIT_THREAD, SDB_HIT_PROGRAM,
 * SDB_HIT_THREAD_EXIT) as those of a process's threads are.
 */
enum sdb_active {
	SDB_ACTIVE_THREAD_ENTRY = 1 << 0, /**< tasks that begin, and programs that they execute */
	SDB_ACTIVE_THREAD_EXIT = 1 << 1, /**< tasks that end; with those that begin sdb_target_threads() reads no list any more */
	SDB_ACTIVE_MEMORY = 1 << 2, /**< address spaces: regions of a process are read again only when they have changed */
	SDB_ACTIVE_OTHER = 1 << 3, /**< modules of the kernel: the same of the machine's regions */
};

/**
 * Reads through the address space of THREAD: its program's memory as well as the kernel's. Of a machine's user addresses
 * sdb_target_read() reads those of the process that CPU 0 is in; expressions in a frame of a thread read by this.
 */
struct sdb_error *sdb_thread_read(struct sdb_thread *thread, uint64_t address, void *buffer, size_t size);
/** Writes so. Errors: NOT_FOUND (a page that is not in memory), those of sdb_target_write(). */
struct sdb_error *sdb_thread_write(struct sdb_thread *thread, uint64_t address, const void *buffer, size_t size);

/**
 * Of which CPU (at first 0) per-CPU variables are where nothing else says it: those of a module's context
 * (sdb_module_context()). In a frame they are those of the thread's CPU. NOT_FOUND: the machine does not have it.
 */
struct sdb_error *sdb_target_select_cpu(struct sdb_target *target, unsigned cpu);

/** The target that TARGET is laid over; NULL: none. */
struct sdb_target *sdb_target_base(const struct sdb_target *target);

#pragma GCC visibility pop

#endif
