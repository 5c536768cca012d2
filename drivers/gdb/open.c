/* SPDX-License-Identifier: MIT */
/* Connecting to a stub, finding out what is behind it, and letting go of it. */

#include "stub.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECONNECTS = 5, RECONNECT_US = 200000 };

/* ---- the connection --------------------------------------------------------------------------- */

static struct sdb_error *find_address(struct stub *stub, struct transport_address *address)
{
	const struct sdb_spec *spec = &stub->target->spec;
	*address = (struct transport_address){ .socket = spec->gdb_socket, .host = spec->gdb_host, .port = spec->gdb_port,
					       .udp = spec->gdb_udp };
	if (spec->gdb_socket || spec->gdb_port)
		return NULL;
	if (stub->qemu)
		return qemu_stub_address(stub->qemu, &address->socket, &address->host, &address->port);
	return sdb_error_new(SDB_ERROR_INVALID, "where is the gdb stub? give --gdb-port or --gdb-sockfile");
}

/*
 * QEMU stops the machine when somebody connects, and says so if it ran: that is there before it answers the first
 * request. A process behind gdbserver stands anyhow.
 */
static void take_first_stops(struct stub *stub, bool *ran_ret)
{
	struct rsp *rsp = stub->rsp;
	*ran_ret = false;
	for (size_t i = 0; i < rsp->stop_count; i++) {
		*ran_ret |= rsp->stops[i].data[0] == 'T' || rsp->stops[i].data[0] == 'S';
		free(rsp->stops[i].data);
	}
	rsp->stop_count = 0;
}

static struct sdb_error *ask_status(struct stub *stub)
{
	struct rsp_reply reply;
	struct sdb_error *error = rsp_askf(stub->rsp, &reply, "?");
	if (!error && (reply.data[0] == 'W' || reply.data[0] == 'X'))
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: the process behind the gdb stub has ended", stub->rsp->name);
	return error;
}

/* A stub that can read physical memory is told to: addresses are translated here. */
static struct sdb_error *ask_physical(struct stub *stub)
{
	struct sdb_error *error = rsp_order(stub->rsp, "Qqemu.PhyMemMode:1");
	if (error && sdb_error_code(error) == SDB_ERROR_SYSTEM)
		return error;
	stub->features.physical_mode = !error;
	sdb_error_free(error);
	return NULL;
}

/* *RAN_RET: the machine ran before. It stands now. */
static struct sdb_error *connect_to(struct stub *stub, bool *ran_ret)
{
	struct transport_address address;
	struct sdb_error *error = find_address(stub, &address);
	if (!error)
		error = rsp_open(&address, STUB_TIMEOUT_MS, &stub->rsp);
	if (!error)
		error = features_negotiate(stub->rsp, &stub->features);
	if (error)
		return error;
	take_first_stops(stub, ran_ret);
	stub->running = false;
	stub->general = NULL;
	error = ask_status(stub);
	if (!error && (stub->features.control || stub->target->spec.qemu))
		error = ask_physical(stub);
	return error;
}

static void disconnect(struct stub *stub)
{
	rsp_close(stub->rsp);
	stub->rsp = NULL;
	features_deinit(&stub->features);
	stub_forget_registers(stub);
	for (size_t i = 0; i < stub->thread_count; i++) {
		free(stub->threads[i]->raw);
		stub->threads[i]->raw = NULL;
	}
	stub->general = NULL;
	stub->running = false;
}

/* The threads of a machine that is known already are those of the stub, in its order. */
static struct sdb_error *number_cpus(struct stub *stub)
{
	size_t known = stub->thread_count;
	for (size_t i = 0; i < known; i++)
		stub->threads[i]->tid = UINT64_MAX - i;
	struct rsp_reply reply;
	size_t next = 0;
	struct sdb_error *error = rsp_askf(stub->rsp, &reply, "qfThreadInfo");
	while (!error && reply.data[0] == 'm' && next <= known) {
		for (const char *at = reply.data + 1; *at && next <= known && !error; next++) {
			uint64_t pid, tid;
			if (!stub_parse_id(&at, &pid, &tid) || (*at && *at++ != ','))
				error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub's list of CPUs makes no sense", stub->rsp->name);
			else if (next < known) {
				stub->threads[next]->pid = pid;
				stub->threads[next]->tid = tid;
			}
		}
		if (!error)
			error = rsp_askf(stub->rsp, &reply, "qsThreadInfo");
	}
	if (!error && next != known)
		error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub has another number of CPUs than the %zu of %s",
				      stub->rsp->name, known, stub->target->name);
	return error;
}

struct sdb_error *stub_reach(struct stub *stub, bool *ran_ret)
{
	*ran_ret = false;
	if (stub->rsp && stub->rsp->lost && stub->thread_count && stub->target->status)
		return stub_reconnect(stub);
	if (stub->rsp)
		return NULL;
	if (stub->broken)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: there is no connection to the gdb stub any more", stub->target->name);
	/* Of a machine that stands at somebody else's breakpoint the stub tells as if it had just stopped. */
	bool stood = stub->qemu && qemu_has_monitor(stub->qemu) && qemu_halted(stub->qemu);
	struct sdb_error *error = connect_to(stub, ran_ret);
	if (!error)
		error = number_cpus(stub);
	if (error) {
		disconnect(stub);
		return error;
	}
	*ran_ret &= !stood;
	if (*ran_ret)
		stub->found_paused = false;
	stub_guard_update(stub);
	return NULL;
}

struct sdb_error *stub_need(struct stub *stub)
{
	bool ran;
	struct sdb_error *error = stub_reach(stub, &ran);
	return !error && ran ? stub_go(stub) : error;
}

struct sdb_error *stub_reconnect(struct stub *stub)
{
	bool ran, paused = stub->found_paused;
	struct sdb_error *error = NULL;
	for (int i = 0; i < RECONNECTS; i++) {
		if (i)
			usleep(RECONNECT_US);
		sdb_error_free(error);
		disconnect(stub);
		error = connect_to(stub, &ran);
		if (!error)
			break;
	}
	if (!error && stub->machine)
		error = number_cpus(stub);
	else if (!error)
		error = stub_list_threads(stub);
	if (!error)
		error = stub_insert_again(stub);
	stub->found_paused = paused;
	if (error)
		disconnect(stub);
	stub->broken = error != NULL;
	stub_guard_update(stub);
	return error;
}

/* ---- opening ------------------------------------------------------------------------------------- */

static struct sdb_error *open_connected(struct stub *stub)
{
	struct sdb_target *target = stub->target;
	bool ran;
	struct sdb_error *error = connect_to(stub, &ran);
	if (error)
		return error;
	stub->machine = stub->features.control || target->spec.qemu;
	stub->found_paused = !ran;
	target->status = SDB_TARGET_PAUSED;
	error = stub_list_threads(stub);
	if (!error && !stub->features.register_count)
		error = stub_load(stub, stub->threads[0]);
	if (error)
		return error;
	target->architecture = stub->features.architecture;
	target->driver = stub->machine ? &driver_gdb : &driver_gdb_process;
	stub_guard_update(stub);
	error = stub->machine ? stub_machine_open(stub) : stub_process_open(stub);
	if (!error && ran)
		error = stub_detach(target);
	return error;
}

/* CPUs are known without the stub: it is left alone. */
static struct sdb_error *open_unconnected(struct stub *stub)
{
	struct sdb_target *target = stub->target;
	unsigned cpus = qemu_cpus(stub->qemu);
	bool running = qemu_running(stub->qemu);
	struct sdb_error *error = NULL;
	stub->machine = true;
	stub->found_paused = !running;
	target->driver = &driver_gdb;
	target->status = running ? SDB_TARGET_RUNNING : SDB_TARGET_PAUSED;
	for (unsigned i = 0; i < cpus && !error; i++) {
		struct stub_thread *thread;
		error = stub_add_thread(stub, 0, i + 1, &thread);
	}
	return error ? error : stub_machine_open(stub);
}

struct sdb_error *stub_open(struct sdb_target *target)
{
	struct stub *stub = calloc(1, sizeof(*stub));
	if (!stub)
		return NO_MEMORY();
	stub->target = target;
	stub->wakeup = stub->epoll = -1;
	stub->features.pc = stub->features.sp = -1;
	target->state = stub;
	if (target->spec.pid || target->spec.program)
		return sdb_error_new(SDB_ERROR_INVALID, "a gdb stub has its process or machine already: give no other one");
	struct sdb_error *error = qemu_open(target, &stub->qemu);
	if (error)
		return error;
	if (stub->qemu && qemu_has_monitor(stub->qemu) && qemu_cpus(stub->qemu))
		return open_unconnected(stub);
	return open_connected(stub);
}

/* ---- letting go ------------------------------------------------------------------------------------- */

static void take_points_out(struct stub *stub)
{
	while (stub->point_count && !stub->rsp->lost) {
		struct stub_point point = stub->points[stub->point_count - 1];
		if (point.type == 0)
			sdb_error_free(stub_remove_breakpoint(stub->target, point.address));
		else
			sdb_error_free(stub_remove_watch(stub->target, point.address, point.size, point.type == 4));
	}
}

/* The signal that was to stop it a while ago is taken here, so that it does not end the process. */
static void await_stale_interrupt(struct stub *stub)
{
	struct rsp_reply reply;
	bool interrupted;
	if (!stub->stale_interrupt || stub->running || stub->event_count)
		return;
	sdb_error_free(stub_go(stub));
	while (stub->running && stub->stale_interrupt) {
		struct sdb_error *error = rsp_await_stop(stub->rsp, transport_now() + 200, &reply);
		if (!error && reply.data)
			error = stub_take_stop(stub, &reply, &interrupted);
		if (error || !reply.data) {
			sdb_error_free(error);
			return;
		}
	}
}

/* QEMU keeps what it was told for the next who connects, who means addresses of the guest. */
static void leave_physical(struct stub *stub)
{
	if (stub->features.physical_mode)
		sdb_error_free(rsp_order(stub->rsp, "Qqemu.PhyMemMode:0"));
}

/* As it was found: a machine or process that stood, and was never let go, stands on. */
static void let_go(struct stub *stub)
{
	struct rsp_reply reply;
	bool stand = stub->found_paused || stub->foreign_stop;
	struct sdb_error *error = stub_halt(stub);
	if (!error)
		take_points_out(stub);
	if (!error && stand)
		leave_physical(stub);
	if (!error && !stand) {
		for (size_t i = 0; i < stub->thread_count; i++)
			stub->threads[i]->wanted = true;
		await_stale_interrupt(stub);
		error = stub_halt(stub);
		if (!error)
			leave_physical(stub);
		if (!error && stub->features.multiprocess && stub->threads[0]->pid)
			error = rsp_askf(stub->rsp, &reply, "D;%" PRIx64, stub->threads[0]->pid);
		else if (!error)
			error = rsp_askf(stub->rsp, &reply, "D");
	}
	if (error)
		target_log(stub->target, SDB_LOG_DRIVER, SDB_LOG_WARNING, "%s", sdb_error_message(error));
	sdb_error_free(error);
}

void stub_close(struct sdb_target *target)
{
	struct stub *stub = stub_of(target);
	if (!stub)
		return;
	if (stub->rsp && !stub->rsp->lost && stub->thread_count && target->status != SDB_TARGET_EXITED)
		let_go(stub);
	stub_guard_close(stub);
	qemu_close(stub->qemu);
	stub_free_threads(stub);
	stub_remove_copies(stub);
	rsp_close(stub->rsp);
	features_deinit(&stub->features);
	if (stub->wakeup >= 0)
		close(stub->wakeup);
	if (stub->epoll >= 0)
		close(stub->epoll);
	free(stub->points);
	free(stub->program);
	free(stub);
	target->state = NULL;
	target->driver = &driver_gdb;
}

struct sdb_error *stub_kill(struct sdb_target *target)
{
	struct stub *stub = stub_of(target);
	struct rsp_reply reply;
	if (stub->qemu && qemu_has_monitor(stub->qemu)) {
		struct sdb_error *error = qemu_quit(stub->qemu);
		if (!error)
			target->status = SDB_TARGET_EXITED;
		return error;
	}
	struct sdb_error *error = stub_need(stub);
	if (!error)
		error = stub_halt(stub);
	/* `k` has no reply: what closes the connection has obeyed. */
	if (!error && stub->machine)
		error = rsp_send(stub->rsp, "k", 1);
	else if (!error)
		error = rsp_askf(stub->rsp, &reply, "vKill;%llx", (unsigned long long)target->pid);
	if (error)
		return error;
	stub->rsp->lost = true;
	target->status = SDB_TARGET_EXITED;
	target->exit_status = stub->machine ? -1 : 9;
	return NULL;
}
