/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_PROBE_H
#define STACKDB_PROBE_H

/**
 * @file
 * Probes: places and events of a target at which a handler of the program is called.
 *
 * Handlers run in sdb_target_poll() (or an sdb_loop), in the thread that calls it. The thread of the
 * target that met the probe is stopped meanwhile; its registers, its stack and the target's memory
 * can be read and changed. The other threads run on, and none of them passes the probe unseen.
 *
 * A handler may enable, disable and remove any probe, its own too.
 */

#include "loop.h"
#include "thread.h"

#pragma GCC visibility push(default)

struct sdb_probe;

/** What happened. */
enum sdb_hit_kind {
	SDB_HIT_ADDRESS = 1,   /**< an instruction is about to be executed */
	SDB_HIT_AFTER,         /**< it has been executed */
	SDB_HIT_RETURN,        /**< a function has returned: `value`, `entry` */
	SDB_HIT_WATCH,         /**< a variable was accessed: the instruction is done; `value`, `old_value` */
	SDB_HIT_CALL,          /**< entry of a system call: `number`, `arguments` */
	SDB_HIT_CALL_EXIT,     /**< its exit: `number`, `value` is the result */
	SDB_HIT_THREAD,        /**< a thread begins */
	SDB_HIT_THREAD_EXIT,   /**< a thread is about to end: `number` is its exit status */
	SDB_HIT_SIGNAL,        /**< `number` is about to be delivered; set it to 0 to suppress it */
	/**
	 * The target is another program now. Pending probes have been looked for in it already and are on
	 * when it runs; all other probes of places, and watchpoints, are off and have no place any more.
	 */
	SDB_HIT_EXEC,
	/**
	 * It made process `number`. With `follow_children` of its specification that one waits, so that a
	 * handler can open a target for it, and place probes, before it does anything.
	 */
	SDB_HIT_CHILD,
	SDB_HIT_LIBRARY,       /**< libraries were loaded or unloaded */
	SDB_HIT_EXIT,          /**< the target has ended: `number` is its wait status; no thread */
	SDB_HIT_STEP,          /**< an instruction was executed since a handler asked for `steps` */
	/** In a machine whose tasks are followed (SDB_ACTIVE_THREAD_ENTRY): a process executes another program from now on. */
	SDB_HIT_PROGRAM,
};

/** A hit, valid during the call of the handler. */
struct sdb_hit {
	enum sdb_hit_kind kind;    /**< what happened; it says which of the others count */
	struct sdb_probe *probe;   /**< that was met */
	struct sdb_target *target; /**< whose it is */
	struct sdb_thread *thread; /**< that met it */
	uint64_t address;          /**< of the probe; of a return: where it returns to */
	uint64_t entry;            /**< of a return: of the function */
	int64_t number;            /**< of a system call, a signal, a process, an exit status: see enum sdb_hit_kind */
	uint64_t value;            /**< what was returned, or the variable's value now */
	uint64_t old_value;        /**< of a watchpoint: the variable's value before */
	uint64_t arguments[6];     /**< of a system call */
	uint16_t machine;          /**< of a system call: EM_* of its numbers, EM_386 for int $0x80 in any program */
	/* Of a watchpoint, valid during the call. */
	const void *old_bytes;     /**< all that is watched, before */
	const void *bytes;         /**< and now */
	size_t size;               /**< how many bytes each is */
	/* What the handler wants; false and 0 at first. */
	bool pause;                /**< the target is to be paused then */
	bool abort;                /**< at a function's entry: return from it at once, with `abort_value` */
	uint64_t abort_value;      /**< what the function returns then */
	/**
	 * So many instructions of this thread are executed one by one, with a call of `before` (STEP) after
	 * each. In such a call it is how many are left, and may be changed.
	 */
	unsigned steps;
};

/** A handler; an error it returns ends sdb_target_poll() and is returned by it. */
typedef struct sdb_error *(*sdb_probe_fn)(void *arg, struct sdb_hit *hit);

/** A value that has to look like something. */
struct sdb_probe_match {
	const char *expression; /**< in C; evaluated where the thread is */
	const char *regex;      /**< POSIX extended; is looked for in the text of a string, or in the value as it is printed */
};

/**
 * Which hits count: those for which all of this holds; NULL and 0 ask for nothing. The others are not
 * told of and not counted. Of a function and of a system call the entry is judged, and what comes later
 * belongs to it: `after` is called of those calls whose entry passed. Of a probe on system calls that has
 * `after` alone the result is judged, where `$rax` is what the call returned. Copied when a probe is made.
 */
struct sdb_probe_filter {
	const char *condition;   /**< an expression in C that is not 0 (expression.h) */
	const struct sdb_probe_match *matches; /**< `match_count` of them */
	size_t match_count;      /**< how many `matches` */
	const char *thread_name; /**< POSIX extended regular expression, looked for in the thread's name */
	bool by_user;            /**< only threads whose effective user is `user` */
	uint32_t user;           /**< a user's number */
};

/** What a probe is to do. */
struct sdb_probe_options {
	sdb_probe_fn before;   /**< before the instruction; for events: the handler */
	sdb_probe_fn after;    /**< after the instruction, or when the function has returned; may be NULL */
	void *arg;             /**< passed to the handlers */
	int64_t thread;        /**< only of the thread with this number; 0: of all */
	bool hardware;         /**< use a debug register, and do not change the target's memory */
	bool inlined;          /**< of functions: where they were inlined, too */
	bool body;             /**< of functions: behind their prologue, where arguments have their places */
	/**
	 * Of patterns: also in libraries that are loaded later, and in the program that the target executes
	 * instead of its own (an address only as long as that is not another one); to find nothing now is no
	 * error.
	 */
	bool pending;
	bool disabled;         /**< begins disabled */
	bool software;         /**< of watchpoints: single-step instead of a debug register, see sdb_probe_watch() */
	const struct sdb_probe_filter *filter; /**< NULL: all hits count */
};

/** At ADDRESS. NOT_FOUND: nothing is mapped there. */
struct sdb_error *sdb_probe_address(struct sdb_target *target, uint64_t address,
				    const struct sdb_probe_options *options, struct sdb_probe **probe_ret);
/**
 * At everything that PATTERN names, as sdb_target_bind() has it: every instance of a function, a
 * line, an address. NOT_FOUND.
 */
struct sdb_error *sdb_probe_pattern(struct sdb_target *target, const char *pattern,
				    const struct sdb_probe_options *options, struct sdb_probe **probe_ret);
/**
 * At the functions that PATTERN names: `before` when one is called, `after` when it returns, with what it
 * returned in `value`. A call that ends by longjmp or an exception has no return.
 */
struct sdb_error *sdb_probe_function(struct sdb_target *target, const char *pattern,
				     const struct sdb_probe_options *options, struct sdb_probe **probe_ret);

/** Which accesses a watchpoint notices. */
enum sdb_watch {
	SDB_WATCH_WRITE = 1,  /**< writing */
	SDB_WATCH_ACCESS = 2, /**< reading, too */
	SDB_WATCH_CHANGE = 3, /**< writes that change the value */
};
/**
 * Watches SIZE (1, 2, 4, 8) bytes at ADDRESS, a multiple of SIZE, by a debug register. MEMORY: there
 * are no more of them (x86 has four).
 *
 * With `software` in OPTIONS any number of bytes (up to 64 MiB) at any address, and as many probes as are wanted:
 * every thread is stepped instruction by instruction, one at a time, and the bytes are compared after
 * each. So the target is thousands of times slower, its threads do not run side by side, and what is
 * noticed is a change: ACCESS has to be SDB_WATCH_CHANGE. What the kernel writes during a system call is
 * noticed when that returns, or when another thread has executed its next instruction. NOT_FOUND: the
 * bytes cannot be read.
 */
struct sdb_error *sdb_probe_watch(struct sdb_target *target, uint64_t address, unsigned size,
				  enum sdb_watch access, const struct sdb_probe_options *options,
				  struct sdb_probe **probe_ret);
/**
 * System calls: all, or the one with number NUMBER of the target's machine (-1: all, also those that a 64-bit
 * program makes the 32-bit way). `before` at entry, `after` at exit, of a call whose entry was told of; with `after`
 * alone of every call that returns.
 */
struct sdb_error *sdb_probe_calls(struct sdb_target *target, int64_t number,
				  const struct sdb_probe_options *options, struct sdb_probe **probe_ret);
/** Events: KINDS is a set of `1 << enum sdb_hit_kind`, from THREAD on. `before` is called. */
struct sdb_error *sdb_probe_events(struct sdb_target *target, unsigned kinds,
				   const struct sdb_probe_options *options, struct sdb_probe **probe_ret);

/** Takes effect at once; what has stopped for a probe already is still reported. */
struct sdb_error *sdb_probe_enable(struct sdb_probe *probe);
/** As sdb_probe_enable(): from now on it is not reported. */
struct sdb_error *sdb_probe_disable(struct sdb_probe *probe);
/** Whether PROBE is enabled. */
bool sdb_probe_enabled(const struct sdb_probe *probe);
/** Frees PROBE; from inside of a handler when that has returned. */
struct sdb_error *sdb_probe_remove(struct sdb_probe *probe);

/** How often it was met: for functions, calls. */
uint64_t sdb_probe_hits(const struct sdb_probe *probe);
/** Why its filter could not be evaluated the last time that it could not; NULL: it always could. Owned by PROBE. */
const char *sdb_probe_filter_failure(const struct sdb_probe *probe);
/** In how many places it is. */
size_t sdb_probe_places(const struct sdb_probe *probe);
/** The target that PROBE is in. */
struct sdb_target *sdb_probe_target(const struct sdb_probe *probe);

#pragma GCC visibility pop

#endif
