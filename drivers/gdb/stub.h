/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_STUB_H
#define DRIVERS_GDB_STUB_H

/*
 * The gdb driver: processes and machines behind a gdb remote stub.
 *
 * The runtime lets each thread go on by itself; a stub stops all threads when one has something to tell.
 * So the driver knows of each thread whether it is wanted to run. After an event of one thread the others
 * count as running although they stand; when the last one that is wanted is resumed, or when
 * somebody waits, one request lets all of them go.
 *
 * A process stub (gdbserver) has threads with numbers of their own; a machine stub (QEMU) has CPUs, that are
 * numbered from 0. With QEMU's memory mapped the stub is not connected to before it is needed: that stops
 * the machine.
 *
 * Threads are kept here besides, since target->threads are tasks when a personality knows the machine.
 */

#include "features.h"
#include "runtime/space.h"
#include "runtime/target.h"

#include "qemu.h"

extern const struct driver driver_gdb, driver_gdb_process;

#define STUB_THREADS_MAX 16384
#define STUB_TIMEOUT_MS 10000
#define STUB_EVENTS_MAX 256

/* Numbers that gdb has for signals. */
enum { GDB_SIGNAL_0 = 0, GDB_SIGNAL_INT = 2, GDB_SIGNAL_TRAP = 5 };

struct stub_thread {
	struct sdb_thread *thread;
	uint64_t pid, tid;     /* as the stub has it; PID 0: it knows no processes */
	bool wanted;           /* the runtime wants it to run */
	bool queued;           /* it has an event that wait() has not given yet */
	bool exiting;          /* it has ended, and that was told */
	bool seen;             /* in the list that is being read */
	enum driver_step step;
	uint64_t step_pc;      /* where a step of a machine began */
	unsigned idle_steps;   /* how many in a row have not left it */
	bool have_pc;          /* `pc` came with the stop */
	uint64_t pc;
	uint8_t *raw;          /* g's reply; when `have_raw` of this stop */
	bool have_raw;
};

/* A breakpoint or watchpoint, by the type that Z has for it. */
struct stub_point {
	uint64_t address;
	uint32_t size;
	uint8_t type;
};

struct stub_guard;

struct stub {
	struct sdb_target *target;
	struct rsp *rsp;          /* NULL: not connected to */
	struct features features;
	bool broken;              /* the connection was lost and could not be made anew */
	bool machine;
	bool found_paused;        /* it stood when we came, and nobody let it go: it is left so */
	bool running;             /* physically: a request to go on has no reply yet */
	bool watched;             /* what happens is wanted to be known */
	bool halting;             /* it was asked to stop, and the answer is awaited */
	bool stale_interrupt;     /* it stopped for something else then: the answer may still come */
	bool foreign_stop;        /* somebody else has stopped the machine */
	bool ran;                 /* threads may have come and gone since their list was read */
	struct stub_thread **threads; /* by number */
	size_t thread_count, thread_room;
	struct stub_thread *general;  /* that g and m are about; NULL: unknown */
	struct driver_event events[STUB_EVENTS_MAX];
	size_t event_count;
	struct stub_thread *gone; /* whose end was told last: freed with the next wait */
	struct stub_point *points;
	size_t point_count, point_room;
	int wakeup, epoll;        /* eventfd, and what is polled from outside; -1 */
	struct stub_guard *guard;
	bool calls_reported;
	/* of a process */
	char *program;            /* its executable as the stub names it; NULL: not known */
	bool no_files;            /* the stub has no vFile */
	char **copies;            /* files that were fetched, to be removed */
	size_t copy_count;
	/* of a machine */
	struct qemu *qemu;        /* NULL: only the stub is there */
	uint64_t idt_base, gdt_base;
	int64_t tables_time;      /* when these were asked for */
};

static inline struct stub *stub_of(const struct sdb_target *target)
{
	return target->state;
}

static inline struct stub_thread *stub_thread_of(const struct sdb_thread *thread)
{
	return thread->state;
}

/* ---- open.c */
struct sdb_error *stub_open(struct sdb_target *target);
void stub_close(struct sdb_target *target);
struct sdb_error *stub_kill(struct sdb_target *target);
/* Connects if that was not needed so far; the machine stands then, or physically runs on as before. */
struct sdb_error *stub_need(struct stub *stub);
/* The same for who wants it to stand: a machine that had to be connected to stands, and *RAN_RET says that it ran. */
struct sdb_error *stub_reach(struct stub *stub, bool *ran_ret);
/* Connects anew after the connection was lost; breakpoints are put in again. The target stands then. */
struct sdb_error *stub_reconnect(struct stub *stub);

/* ---- threads.c */
/* Reads the list of threads: adds new ones, removes those that are gone. */
struct sdb_error *stub_list_threads(struct stub *stub);
struct sdb_error *stub_add_thread(struct stub *stub, uint64_t pid, uint64_t tid, struct stub_thread **thread_ret);
void stub_remove_thread(struct stub *stub, struct stub_thread *thread);
void stub_free_threads(struct stub *stub);
struct stub_thread *stub_find_thread(const struct stub *stub, uint64_t pid, uint64_t tid);
/* `pP.T` or `T`, from *AT on. */
bool stub_parse_id(const char **at, uint64_t *pid_ret, uint64_t *tid_ret);
#define STUB_ID_SIZE 48
/* How requests name THREAD. */
void stub_format_id(const struct stub *stub, const struct stub_thread *thread, char id[STUB_ID_SIZE]);
/* Has g and m be about THREAD. */
struct sdb_error *stub_select(struct stub *stub, struct stub_thread *thread);
struct sdb_error *stub_refresh(struct sdb_target *target);

/* ---- control.c: going on and standing still */
struct sdb_error *stub_pause(struct sdb_target *target);
struct sdb_error *stub_detach(struct sdb_target *target);
struct sdb_error *stub_resume(struct sdb_thread *thread, enum driver_step step);
/* All threads stand, physically; what else they tell is queued. */
struct sdb_error *stub_halt(struct stub *stub);
/* Lets those go that are wanted to, unless an event waits. */
struct sdb_error *stub_go(struct stub *stub);
/* Stands still for a request, and goes on behind it: *WAS_RUNNING is for stub_release(). */
struct sdb_error *stub_hold(struct stub *stub, bool *was_running);
struct sdb_error *stub_release(struct stub *stub, bool was_running, struct sdb_error *error);

/* ---- wait.c */
struct sdb_error *stub_wait(struct sdb_target *target, int timeout, struct driver_event *event_ret);
struct sdb_error *stub_descriptor(struct sdb_target *target, int *descriptor_ret);
void stub_wake(struct sdb_target *target);

/* ---- stop.c: stop replies */
/* What REPLY says is queued. *INTERRUPTED_RET: it is (also) the answer to an interrupt, and nothing else happened. */
struct sdb_error *stub_take_stop(struct stub *stub, const struct rsp_reply *reply, bool *interrupted_ret);

/* ---- signals.c: gdb's numbers for signals, and those of Linux */
int stub_signal_to_gdb(int number);
int stub_signal_from_gdb(unsigned number);

/* ---- registers.c */
struct sdb_error *stub_read_registers(struct sdb_thread *thread, enum register_group group, uint8_t *file);
struct sdb_error *stub_write_registers(struct sdb_thread *thread, enum register_group group, const uint8_t *file);
/* THREAD->raw is what the thread has now. */
struct sdb_error *stub_load(struct stub *stub, struct stub_thread *thread);
/* The program counter, of a stop that told it, or by loading. */
struct sdb_error *stub_thread_pc(struct stub *stub, struct stub_thread *thread, uint64_t *pc_ret);
/* The control registers among them. */
void stub_fill_cpu(const struct stub *stub, const struct stub_thread *thread, struct driver_cpu *cpu_ret);
void stub_forget_registers(struct stub *stub);

/* ---- memory.c */
/* Through the stub; of a machine by the tables of a CPU, or physical when that is switched on. */
struct sdb_error *stub_read_memory(struct sdb_target *target, uint64_t address, void *buffer, size_t size, size_t *done_ret);
struct sdb_error *stub_write_memory(struct sdb_target *target, uint64_t address, const void *buffer, size_t size);

/* ---- points.c */
struct sdb_error *stub_insert_breakpoint(struct sdb_target *target, uint64_t address);
struct sdb_error *stub_remove_breakpoint(struct sdb_target *target, uint64_t address);
struct sdb_error *stub_insert_watch(struct sdb_target *target, uint64_t address, unsigned size, bool reads);
struct sdb_error *stub_remove_watch(struct sdb_target *target, uint64_t address, unsigned size, bool reads);
bool stub_has_breakpoint(const struct stub *stub, uint64_t address);
/* Puts all of them in again, after a new connection. */
struct sdb_error *stub_insert_again(struct stub *stub);
void stub_forget_points(struct stub *stub);

/* ---- child.c: processes that a process makes */
struct sdb_error *stub_release_child(struct stub *stub, uint64_t pid, uint64_t tid);

/* ---- files.c: files of the machine that the stub is on */
/* Reads all of PATH, at most LIMIT bytes; malloc'ed, with a NUL. */
struct sdb_error *stub_read_file(struct stub *stub, const char *path, size_t limit, char **data_ret, size_t *size_ret);
/* A local file with what PATH has there; malloc'ed. Removed when the target is closed. */
struct sdb_error *stub_fetch_file(struct stub *stub, const char *path, char **copy_ret);
void stub_remove_copies(struct stub *stub);

/* ---- process.c */
struct sdb_error *stub_process_open(struct stub *stub);
struct sdb_error *stub_process_regions(struct sdb_target *target, struct space *space);
struct sdb_error *stub_process_file_path(struct sdb_target *target, const struct sdb_region *region, char **path_ret);
struct sdb_error *stub_thread_name(struct sdb_thread *thread, char **name_ret);

/* ---- machine.c */
struct sdb_error *stub_machine_open(struct stub *stub);
unsigned stub_cpus(struct sdb_target *target);
struct sdb_error *stub_machine_refresh(struct sdb_target *target);
bool stub_machine_halted(struct sdb_target *target);
struct sdb_error *stub_cpu_state(struct sdb_target *target, unsigned cpu, struct driver_cpu *cpu_ret);
const uint8_t *stub_map_physical(struct sdb_target *target, uint64_t address, size_t *size_ret);
struct sdb_error *stub_read_physical(struct sdb_target *target, uint64_t address, void *buffer, size_t size, size_t *done_ret);
struct sdb_error *stub_write_physical(struct sdb_target *target, uint64_t address, const void *buffer, size_t size);
bool stub_ram(struct sdb_target *target, unsigned index, uint64_t *low_ret, uint64_t *high_ret);
struct sdb_error *stub_read_virtual(struct sdb_target *target, uint64_t address, void *buffer, size_t size, size_t *done_ret);
struct sdb_error *stub_write_virtual(struct sdb_target *target, uint64_t address, const void *buffer, size_t size);

/* ---- guard.c: what is put right again when this program is killed */
/* Whether the target runs, and is to be let go, has changed; or the connection. */
void stub_guard_update(struct stub *stub);
/* Its breakpoints have. */
void stub_guard_points(struct stub *stub);
void stub_guard_close(struct stub *stub);

#endif
