/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_TARGET_H
#define RUNTIME_TARGET_H

/* A target and its threads from the inside: for the runtime and the drivers. */

#include "driver.h"

struct page_cache;
struct unwind_cache;
struct probes;
struct guest;
struct personality;
struct external;
struct overlay;
struct types;

struct sdb_thread {
	struct sdb_target *target;
	int64_t id;
	bool stopped;         /* its registers may be asked for */
	bool trapped;         /* it met a breakpoint, and wait() has not told of that yet */
	bool foreign;         /* not one of the target's, but in its memory for a while (vfork) */
	bool held;            /* not let go by sdb_target_resume(): somebody steps another one */
	int signal;           /* to deliver when it goes on; 0: none */
	uint8_t valid, dirty; /* sets of register groups in `file` */
	uint8_t *file;        /* the register file; NULL before it is first asked for */
	struct sdb_thread *cpu; /* of a task: the CPU that it is on; NULL: none */
	uint64_t key;         /* of a task: what the system knows it by */
	bool seen;            /* in the refresh that is under way */
	uint32_t known;       /* of a task on no CPU: set of DWARF numbers of registers that are known */
	void *probing;        /* what the probes know of it */
	void *state;          /* the driver's; freed by the driver */
};

struct sdb_target {
	int id;
	char *name;
	struct sdb_spec spec;    /* with copies of what it points to */
	void *spec_memory;
	const struct driver *driver;
	void *state;             /* the driver's */
	const struct architecture *architecture;
	enum sdb_target_status status;
	int64_t pid;
	int exit_status;
	int terminal;
	struct sdb_thread **threads; /* by id */
	size_t thread_count, thread_capacity;
	struct space *space;     /* regions, modules; NULL before they are asked for */
	bool space_stale;        /* it has run since */
	struct page_cache *pages;
	unsigned page_changes;   /* how often something in `pages` made room for something else */
	unsigned map_changes;    /* how often the driver let go of what it had mapped, see driver.map_physical */
	struct unwind_cache *unwinding;
	struct probes *probes;
	struct guest *guest;  /* translations; NULL before they are asked for */
	const struct personality *personality; /* NULL: nobody knows the system in it, or there is none */
	void *system;            /* the personality's */
	struct external *personality_library; /* that it was loaded from; NULL: it is linked in */
	struct sdb_error *personality_trouble; /* why there is none */
	/* With a personality `threads` are tasks, and these the driver's threads. */
	struct sdb_thread **cpus;
	size_t cpu_count;
	unsigned selected_cpu;   /* whose per-CPU variables are meant where nothing else says it */
	bool tasks_current;      /* `threads` has all tasks, and it has not run since */
	struct sdb_target *base; /* that this is laid over */
	struct overlay *overlays;/* laid over this */
	unsigned holds;          /* by those that are laid over it: it is paused for them */
	bool paused_itself;      /* and by the program, or not */
	bool lost;               /* a driver met a thread or a process that has ended, and wait() has not told of that yet */
	bool prepares;           /* databases of parts will do for its stacks, see prepare.c */
	struct types *types;     /* decoded types, for its values */
};

/* ---- for drivers: threads ------------------------------------------------------ */

/* Adds a thread; the caller fills in `state`. */
struct sdb_error *target_add_thread(struct sdb_target *target, int64_t id, struct sdb_thread **thread_ret);
/* Removes and frees it. */
void target_remove_thread(struct sdb_target *target, struct sdb_thread *thread);
/* NULL: there is none. */
struct sdb_thread *target_find_thread(const struct sdb_target *target, int64_t id);
/* The thread stops, or goes on: what is cached of it is void. */
void thread_forget(struct sdb_thread *thread);
/* Everything that is cached of the target is void, since it runs or was changed. */
void target_forget(struct sdb_target *target);
/* It became another program: modules are void, too. */
void target_replaced(struct sdb_target *target);

/* ---- registers --------------------------------------------------------------------- */

/* Makes the group's part of thread->file valid. */
struct sdb_error *thread_load(struct sdb_thread *thread, enum register_group group);
/* Writes what was changed; before it goes on. */
struct sdb_error *thread_flush(struct sdb_thread *thread);
/* A register of up to 8 bytes by its index in the table; general ones after thread_load(). */
uint64_t thread_get(const struct sdb_thread *thread, int index);
void thread_put(struct sdb_thread *thread, int index, uint64_t value);
/* By the names that the architecture gives them; loads. */
struct sdb_error *thread_pc(struct sdb_thread *thread, uint64_t *pc_ret);
struct sdb_error *thread_set_pc(struct sdb_thread *thread, uint64_t pc);

/* Lets all threads of a paused target go on; unwatched when nobody looks for anything. */
struct sdb_error *target_go(struct sdb_target *target);
/* Lets one thread go on: writes its registers, voids caches. */
struct sdb_error *thread_resume(struct sdb_thread *thread, enum driver_step step);

/* ---- memory -------------------------------------------------------------------------- */

struct page_cache *page_cache_create(size_t size);
void page_cache_destroy(struct page_cache *cache);
void page_cache_clear(struct page_cache *cache);

/*
 * Bytes of a paused target, from the cache: *DATA_RET points into it, *SIZE_RET says how many bytes
 * from ADDRESS on are there (up to the end of what was read at once). Valid while target->page_changes stays.
 */
struct sdb_error *memory_window(struct sdb_target *target, uint64_t address, const uint8_t **data_ret,
				size_t *size_ret);

/* ---- messages ---------------------------------------------------------------------------- */

void target_log(const struct sdb_target *target, enum sdb_log_area area, int level, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void log_to(const struct sdb_log *log, enum sdb_log_area area, int level, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define NO_MEMORY() sdb_error_new(SDB_ERROR_MEMORY, "out of memory")

#endif
