/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_PTRACE_PROCESS_H
#define DRIVERS_PTRACE_PROCESS_H

/*
 * The ptrace driver: Linux processes of this machine.
 *
 * A process is traced only while it is paused or watched: one that is traced and whose tracer does
 * not look stops at its next signal, and stays so. Everything that ptrace(2) does is done by the
 * thread that the target's user calls from; it has to be the same one each time.
 */

#include "runtime/space.h"
#include "runtime/target.h"

#include <signal.h>
#include <sys/types.h>

extern const struct driver driver_ptrace;

struct guard;

#define SCRATCH_MAX 16

/* What is known of a thread that is traced. */
struct tracee {
	struct sdb_thread *thread;
	struct tracee *next;  /* in the queue of those that have something to report */
	int status;           /* a wait status that was not reported yet, when `queued` */
	bool queued;
	bool seized;
	bool fresh;           /* created while we watched: its first stop is still to be reported */
	bool interrupting;    /* PTRACE_INTERRUPT was sent and its stop did not come yet */
	bool group_stopped;   /* by a stop signal */
	bool in_call;         /* between entry and exit of a system call */
	bool in_kernel;       /* stopped in the middle of a system call */
	bool borrowed;        /* a process made by vfork(), that runs in the target's memory for a while */
	pid_t child;          /* a process that it made, when that was dealt with before it is reported */
	enum driver_step step; /* how it went on last */
	bool stepped;         /* the kernel was told then to stop it behind an instruction */
	bool at_signal;       /* stopped for a signal that it is to get */
	bool call_interrupted; /* a system call has ended whose mask of signals may still be in use */
	/* mask.c */
	bool trap_deliverable; /* it does not block SIGTRAP, and has not had the opportunity to */
	bool trap_unblocked;  /* by us */
	bool trap_kept;       /* a SIGTRAP that it would not have got yet */
	unsigned mask_place;  /* in the guard's list */
};

struct process {
	struct sdb_target *target;
	struct process *next; /* in the list of all */
	pid_t tracer;         /* the thread that traces */
	int memory;           /* /proc/PID/mem; -1 */
	int pidfd;
	int wakeup;           /* eventfd: wait() is to look; -1 until somebody wants it */
	volatile bool woken;  /* wait() is to return */
	int epoll;            /* what is polled from outside; -1 until then */
	bool launched;
	bool watched;         /* traced while it runs, too */
	bool calls_reported;
	pid_t peek;           /* a thread that is stopped, to read a word through; 0: none is known */
	unsigned armed;       /* set of the debug registers that may fire */
	bool dirty_debug;     /* debug registers were written in some thread */
	struct tracee *first, *last; /* of the queue */
	struct tracee *gone;  /* whose end was the last event: removed with the next wait */
	struct guard *guard;
	uint64_t scratch[SCRATCH_MAX]; /* areas in the target for displaced instructions */
	unsigned scratch_count;
	bool scratch_in_use;  /* a signal handler may return into it: it stays */
	pid_t *children;      /* that are traced and wait, since nobody was told of them yet */
	size_t child_count, child_room;
	uint64_t handler;     /* where the target's memory has the action for SIGTRAP that we set; 0: none */
	bool trap_handled;    /* by a handler of the program's own, that was entered while we stepped */
	bool trap_ignored;    /* that was the action before */
};

static inline struct tracee *tracee_of(const struct sdb_thread *thread)
{
	return thread->state;
}

static inline struct process *process_of(const struct sdb_target *target)
{
	return target->state;
}

/* ---- open.c */
struct sdb_error *process_open(struct sdb_target *target);
void process_close(struct sdb_target *target);
struct sdb_error *process_signal(struct sdb_thread *thread, int number);
/* Opens what is bound to the program that runs: its memory. After exec, too. */
struct sdb_error *process_bind(struct process *process);

/* ---- kill.c */
struct sdb_error *process_kill(struct sdb_target *target);

/* ---- launch.c */
struct sdb_error *process_launch(struct process *process);

/* ---- attach.c */
struct sdb_error *attach_all(struct process *process);
struct sdb_error *attach_refresh(struct sdb_target *target);
struct sdb_error *attach_pause(struct sdb_target *target);
struct sdb_error *attach_detach(struct sdb_target *target);
/* Adds a thread that is traced already, or becomes so. */
struct sdb_error *attach_add(struct process *process, pid_t tid, struct tracee **tracee_ret);
void attach_remove(struct process *process, struct tracee *tracee);
/* Asks TRACEE to stop, unless it stands or was asked already. */
void attach_interrupt(struct tracee *tracee);
/* Waits for the stop that was asked for. False: the thread has ended, or cannot stop now. */
bool attach_await_stop(struct process *process, struct tracee *tracee);
/* Detaches. A thread that would not stop in time is waited for; one that ends is gone anyway. */
void attach_let_go(struct process *process, struct tracee *tracee);
#define TRACE_OPTIONS (PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC \
		       | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESYSGOOD)

/* ---- events.c */
struct sdb_error *events_resume(struct sdb_thread *thread, enum driver_step step);
struct sdb_error *events_wait(struct sdb_target *target, int timeout, struct driver_event *event_ret);
struct sdb_error *events_report_calls(struct sdb_target *target, bool on);
/* Appends TRACEE, that stopped with STATUS, to the queue. */
void events_queue(struct process *process, struct tracee *tracee, int status);
void events_unqueue(struct process *process, struct tracee *tracee);
bool event_is_stop(int status, int *signal_ret); /* PTRACE_EVENT_STOP */
/* Whether TRACEE has stopped or ended; with WAIT waits for that. */
bool events_look(struct tracee *tracee, bool wait, int *status_ret);
int events_status(const siginfo_t *info); /* as waitpid() would give it; of a stop only */

/* ---- report.c */
/* What STATUS of TRACEE means; false: nothing, it has been dealt with and goes on. */
struct sdb_error *report_status(struct process *process, struct tracee *tracee, int status,
				struct driver_event *event_ret, bool *reported_ret);
/*
 * Deals with what TRACEE made when STATUS says that it made something: a thread is added; another
 * process is let go, and *CHILD_RET is its number.
 */
struct sdb_error *report_creation(struct process *process, struct tracee *tracee, int status, pid_t *child_ret);
bool report_is_last(const struct process *process, const struct tracee *tracee);

/* ---- children.c: processes that a target makes */
/* CHILD is new: it is let go, or waits until children_continue(). */
void children_met(struct process *process, pid_t child);
/* CHILD, which ran in the target's memory, has replaced its program. False: it has ended. */
bool children_executed(struct process *process, pid_t child);
void children_continue(struct sdb_target *target, int64_t child);
/* Lets go of all that wait. */
void children_release(struct process *process);
/* The target was killed: lets go of children that it had no time to tell of. */
void children_orphaned(struct process *process);
/* Whether CHILD runs in the target's memory; VFORK: what to believe when the kernel does not say. */
bool children_share(const struct process *process, pid_t child, bool vfork);

/* ---- waiter.c: what waits for processes besides, so that a descriptor can be polled */
void waiter_enlist(struct process *process);
void waiter_delist(struct process *process);
struct sdb_error *waiter_descriptor(struct sdb_target *target, int *descriptor_ret);
/*
 * Waits at most TIMEOUT milliseconds for something to happen. FRUITLESS: the last time there was
 * nothing, so something of the host's is in the way.
 */
struct sdb_error *waiter_poll(struct process *process, int timeout, bool fruitless);
void waiter_wake(struct sdb_target *target);
/* The tracee with number TID of any process that this thread traces. */
struct tracee *waiter_find(pid_t tid, struct process **process_ret);
/* The target's parent, when that is a target of this thread, too; else NULL. */
const struct process *waiter_parent(const struct process *process);
/* Whether CHILD waits for its parent, one of these processes, to tell of it. */
bool waiter_waits(pid_t child);

/* ---- mask.c: threads that block SIGTRAP are not stepped so */
/* Before a step, with *SIGNAL, which may be put off. False: it cannot be stepped now, and goes on to the next system call. */
bool mask_allows_step(struct process *process, struct tracee *tracee, int *signal);
/* Before it goes on otherwise: at once, or NOW false, when it enters a system call. *SIGNAL may be delivered with that. */
void mask_give_back(struct process *process, struct tracee *tracee, int *signal, bool now);

/* ---- memory.c */
struct sdb_error *memory_read(struct sdb_target *target, uint64_t address, void *buffer, size_t size, size_t *done_ret);
struct sdb_error *memory_write(struct sdb_target *target, uint64_t address, const void *buffer, size_t size);

/* ---- registers.c */
struct sdb_error *registers_read(struct sdb_thread *thread, enum register_group group, uint8_t *file);
struct sdb_error *registers_write(struct sdb_thread *thread, enum register_group group, const uint8_t *file);
/* No debug register of thread TID fires any more. */
void registers_disarm(pid_t tid);

/* ---- procfs.c */
struct sdb_error *procfs_regions(struct sdb_target *target, struct space *space);
struct sdb_error *procfs_file_path(struct sdb_target *target, const struct sdb_region *region, char **path_ret);
struct sdb_error *procfs_thread_name(struct sdb_thread *thread, char **name_ret);
struct sdb_error *procfs_thread_state(struct sdb_thread *thread, char **state_ret);
struct sdb_error *procfs_thread_user(struct sdb_thread *thread, uint32_t *user_ret);
/* The number behind `FIELD:` in the status file of TID; -1: no such thread or field. */
int64_t procfs_status(pid_t tid, const char *field);
/* Whether TID has ended, and nobody has waited for it. */
/* The set of signals behind `FIELD:` there: the bit for signal 1 is the lowest. */
uint64_t procfs_signals(pid_t tid, const char *field);
bool procfs_is_zombie(pid_t tid);
bool procfs_is_kernel_thread(pid_t tid);
/* Calls FN with each thread of PID until it returns an error. */
struct sdb_error *procfs_tasks(pid_t pid, struct sdb_error *(*fn)(void *arg, pid_t tid), void *arg);
/* The first line of /proc/TID/NAME; malloc'ed. NULL: it cannot be read. */
char *procfs_line(pid_t tid, const char *name);
/* Who traces TID, as text for a message: `, which gdb (123) traces`; empty: nobody. */
void procfs_tracer(pid_t tid, char *text, size_t size);

/* ---- guard.c: what is put right again when this program is killed */
struct sdb_error *guard_keep(struct sdb_target *target, uint64_t address, const void *bytes, size_t size);
void guard_forget(struct sdb_target *target, uint64_t address);
/* TRACEE has MASK for a while instead of one that blocks SIGTRAP, too. */
void guard_keep_mask(struct process *process, struct tracee *tracee, uint64_t mask);
void guard_forget_mask(struct process *process, struct tracee *tracee);
void guard_close(struct process *process);
/* Puts what is kept back into the memory of CHILD, a copy of the target. */
void guard_restore_child(struct process *process, pid_t child);

/* ---- scratch.c: memory in the target for instructions that breakpoints displace */
struct sdb_error *scratch_find(struct sdb_target *target, uint64_t near, struct driver_scratch *scratch_ret);
void scratch_release(struct process *process);
/* A handler that a signal calls in thread TID may return to where the thread is. */
void scratch_note_signal(struct process *process, pid_t tid);

/* ---- alone.c */
struct sdb_error *alone_save(struct sdb_thread *thread, struct driver_saved **saved_ret);
struct sdb_error *alone_run(struct sdb_thread *thread, int timeout, struct driver_event *event_ret);
struct sdb_error *alone_restore(struct sdb_thread *thread, struct driver_saved *saved);

/* ---- call.c */
struct sdb_error *call_system(struct sdb_thread *thread, int64_t number, const uint64_t arguments[6],
			      int64_t *result_ret);

#endif
