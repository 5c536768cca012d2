/* SPDX-License-Identifier: MIT */
/*
 * Prints all that is known of the system in a machine, as lines that test_linux.py reads:
 *
 *     dump_system [--machine FILE] [--times N] WHAT... [-- TARGET ARGUMENTS]
 *
 * WHAT is system, tasks, threads, stacks, users, modules, maps, pages, words, log, calls, regions, or bench. Texts are
 * in hexadecimal where
 * they may have any character. Status 1: something failed, and is said in a line `error WHAT: ...`.
 */

#include "fake_machine.h"
#include "runtime/arch/x86.h"
#include "runtime/guest.h"
#include "runtime/personality.h"
#include "runtime/space.h"
#include <stackdb/expression.h>
#include <stackdb/frame.h>
#include <stackdb/spec.h>
#include <stackdb/system.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int status;

static void complain(const char *what, struct sdb_error *error)
{
	if (!error)
		return;
	printf("error %s: %s\n", what, sdb_error_message(error));
	sdb_error_free(error);
	status = 1;
}

static void hex(const void *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		printf("%02x", ((const uint8_t *)data)[i]);
	if (!length)
		printf("-");
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* ---- the system and its tasks ------------------------------------------------------------------------ */

static void dump_system(struct sdb_target *target)
{
	struct sdb_system system;
	struct sdb_error *error = sdb_target_system(target, &system);
	if (error) {
		complain("system", error);
		return;
	}
	printf("version %s\nrelease %s\n", system.version ? system.version : "?", system.release ? system.release : "?");
	printf("cmdline %s\nbuild-id ", system.command_line ? system.command_line : "?");
	hex(system.build_id, system.build_id_length);
	printf("\nbase %" PRIx64 " bias %" PRIx64 " physical %" PRIx64 "\n", system.base, system.bias, system.physical_base);
	printf("uptime %" PRIu64 " boot %" PRIu64 " cpus %u\n", system.uptime, system.boot_time, system.cpus);
}

static struct sdb_error *print_task(void *arg, const struct sdb_task *task)
{
	(void)arg;
	printf("task %" PRId64 " tgid %" PRId64 " ppid %" PRId64 " state %c kernel %d cpu %d on %d ids %u %u %u %u start %" PRIu64,
	       task->tid, task->tgid, task->ppid, task->letter, task->kernel, task->cpu, task->on_cpu, task->uid, task->euid,
	       task->gid, task->egid, task->start_time);
	printf(" ns");
	for (int i = 0; i < SDB_NAMESPACES; i++)
		printf(" %" PRIu64, task->namespaces[i]);
	printf(" at %" PRIx64 " mm %" PRIx64 " name ", task->address, task->memory);
	hex(task->name, strlen(task->name));
	printf("\n");
	return NULL;
}

static struct sdb_error *count_task(void *arg, const struct sdb_task *task)
{
	(void)task;
	++*(unsigned *)arg;
	return NULL;
}

static void bench(struct sdb_target *target)
{
	double best = 1e9;
	unsigned count = 0;
	for (int i = 0; i < 2000; i++) {
		count = 0;
		double begin = now();
		struct sdb_error *error = sdb_target_scan_tasks(target, count_task, &count);
		if (error) {
			complain("scan", error);
			return;
		}
		double took = now() - begin;
		best = took < best ? took : best;
	}
	printf("bench scan %u tasks %.2f us\n", count, best);
}

/* Where things are in physical memory, for those who want to damage them. */
static void print_place(struct sdb_target *target, const char *what, uint64_t address, uint64_t size)
{
	struct paging paging;
	struct translation there;
	if (guest_kernel_paging(target, &paging) && guest_translate(target, &paging, address, &there))
		printf("place %s %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", what, address, there.physical, size);
}

static struct sdb_error *print_task_places(void *arg, const struct sdb_task *task)
{
	struct paging paging;
	print_place(arg, "task", task->address, 4096);
	if (!task->memory)
		return NULL;
	print_place(arg, "mm", task->memory, 1024);
	struct sdb_error *error = ((struct sdb_target *)arg)->personality->process_paging(arg, task->tgid, &paging);
	if (!error)
		printf("place pgd 0 %" PRIx64 " 1000\n", paging.root);
	sdb_error_free(error);
	return NULL;
}

static struct sdb_error *print_module_place(void *arg, const struct sdb_kernel_module *module)
{
	print_place(arg, "module", module->address, 1024);
	return NULL;
}

static struct sdb_error *print_binding(void *arg, const struct sdb_binding *binding)
{
	print_place(arg, "variable", binding->address, 64);
	return NULL;
}

static void dump_places(struct sdb_target *target)
{
	static const char *const names[] = { "vmlinux:prb_data_*", "vmlinux:printk_rb_*", "vmlinux:modules", "vmlinux:__per_cpu_offset",
					     "vmlinux:init_task", "vmlinux:sys_call_table", "vmlinux:linux_banner", "vmlinux:page_offset_base",
					     "vmlinux:tk_core", "vmlinux:saved_command_line", "vmlinux:_printk_rb_static_descs" };
	complain("places", sdb_target_scan_tasks(target, print_task_places, target));
	complain("places", sdb_target_kernel_modules(target, print_module_place, target));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		sdb_error_free(sdb_target_bind(target, names[i], false, print_binding, target));
}

/* ---- stacks ------------------------------------------------------------------------------------------------ */

static void dump_stack(struct sdb_thread *thread)
{
	struct sdb_stack *stack = NULL;
	const struct sdb_frame *frame = NULL;
	const struct sdb_stack_options options = { .names = true, .lines = true, .inlines = true, .symbols = true };
	struct sdb_error *error = sdb_stack_open(thread, &options, &stack);
	printf("stack %" PRId64 "\n", sdb_thread_id(thread));
	if (error) {
		complain("stack", error);
		return;
	}
	while (!(error = sdb_stack_next(stack, &frame)) && frame)
		printf("frame %u kind %d source %d pc %" PRIx64 " sp %" PRIx64 " %s symbol %s+%" PRIx64 " in %s line %u\n",
		       frame->number, (int)frame->kind, (int)frame->source, frame->pc, frame->sp, frame->name ? frame->name : "?",
		       frame->symbol ? frame->symbol : "?", frame->offset, frame->module ? sdb_module_name(frame->module) : "?",
		       frame->line);
	complain("stack", error);
	printf("end %s\n", sdb_stack_end(stack) ? sdb_stack_end(stack) : "-");
	sdb_stack_close(stack);
}

static void dump_user(struct sdb_thread *thread)
{
	struct sdb_target *target = thread->target;
	struct x86_registers registers;
	memset(&registers, 0, sizeof(registers));
	if (!target->personality || !target->personality->read_user_registers)
		return;
	struct sdb_error *error = target->personality->read_user_registers(thread, REGISTERS_GENERAL, (uint8_t *)&registers);
	if (error)
		printf("user %" PRId64 " none: %s\n", thread->id, sdb_error_message(error));
	else
		printf("user %" PRId64 " pc %" PRIx64 " sp %" PRIx64 " call %" PRIx64 " arguments %" PRIx64 " %" PRIx64 " %" PRIx64
		       " %" PRIx64 " %" PRIx64 " %" PRIx64 " fs %" PRIx64 "\n", thread->id, registers.general.rip,
		       registers.general.rsp, registers.general.orig_rax, registers.general.rdi, registers.general.rsi,
		       registers.general.rdx, registers.general.r10, registers.general.r8, registers.general.r9,
		       registers.general.fs_base);
	sdb_error_free(error);
}

/* Per-CPU and other variables by expressions, in the frame of each thread. */
static void evaluate(struct sdb_thread *thread)
{
	static const char *const expressions[] = { "runqueues.cpu", "init_task.comm", "jiffies" };
	const struct sdb_context *context;
	const struct sdb_frame *frame;
	struct sdb_stack *stack = NULL;
	struct sdb_error *error = sdb_stack_open(thread, NULL, &stack);
	if (!error)
		error = sdb_stack_next(stack, &frame);
	if (!error)
		error = sdb_stack_context(stack, &context);
	for (size_t i = 0; !error && i < sizeof(expressions) / sizeof(expressions[0]); i++) {
		struct sdb_value *value = NULL;
		char *text;
		error = sdb_evaluate(context, NULL, expressions[i], 0, &value);
		if (!error)
			error = sdb_value_print(value, context, NULL, &text);
		if (!error)
			printf("value %" PRId64 " %s = %s\n", thread->id, expressions[i], text);
		if (!error)
			free(text);
		sdb_value_free(value);
	}
	if (error)
		printf("value %" PRId64 " none: %s\n", thread->id, sdb_error_message(error));
	sdb_error_free(error);
	sdb_stack_close(stack);
}

static void for_threads(struct sdb_target *target, void (*fn)(struct sdb_thread *thread))
{
	struct sdb_thread *const *threads;
	size_t count;
	struct sdb_error *error = sdb_target_pause(target);
	if (!error)
		error = sdb_target_threads(target, &threads, &count);
	for (size_t i = 0; !error && i < count; i++)
		fn(threads[i]);
	complain("threads", error);
}

static void print_thread(struct sdb_thread *thread)
{
	printf("thread %" PRId64 " key %" PRIx64 " cpu %" PRId64 "\n", thread->id, thread->key,
	       thread->cpu ? thread->cpu->id : INT64_C(-1));
}

/* ---- modules, log, calls -------------------------------------------------------------------------------------- */

static struct sdb_error *print_module(void *arg, const struct sdb_kernel_module *module)
{
	(void)arg;
	printf("module %s at %" PRIx64 " base %" PRIx64 " size %" PRIu64 " uses %" PRId64 " users %s state %s taints %s id ",
	       module->name, module->address, module->base, module->size, module->references,
	       *module->users ? module->users : "-", module->state, *module->taints ? module->taints : "-");
	hex(module->build_id, module->build_id_length);
	printf("\n");
	if (!module->module || !module->module->sections)
		return NULL;
	for (size_t i = 0; i < module->module->sections->count; i++)
		printf("section %s %s %" PRIx64 "\n", module->name, module->module->sections->places[i].name,
		       module->module->sections->places[i].target);
	return NULL;
}

static struct sdb_error *print_record(void *arg, const struct sdb_log_record *record)
{
	(void)arg;
	printf("log %" PRIu64 " time %" PRIu64 " level %u facility %u text ", record->sequence, record->time, record->level,
	       record->facility);
	hex(record->text, record->length);
	printf("\n");
	return NULL;
}

static struct sdb_error *print_call(void *arg, const struct sdb_system_call *call)
{
	(void)arg;
	printf("call %u at %" PRIx64 " symbol %s name %s changed %d\n", call->number, call->address,
	       call->symbol ? call->symbol : "?", call->name ? call->name : "?", call->changed);
	return NULL;
}

/* ---- regions ----------------------------------------------------------------------------------------------------- */

static void print_regions(const char *kind, int64_t pid, const struct sdb_region *regions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct sdb_region *region = &regions[i];
		printf("%s %" PRId64 " %" PRIx64 "-%" PRIx64 " %c%c%c%c %" PRIx64 " ", kind, pid, region->low, region->high,
		       region->flags & SDB_REGION_READ ? 'r' : '-', region->flags & SDB_REGION_WRITE ? 'w' : '-',
		       region->flags & SDB_REGION_EXECUTE ? 'x' : '-', region->flags & SDB_REGION_SHARED ? 's' : 'p', region->offset);
		hex(region->name, strlen(region->name));
		printf("%s\n", region->flags & SDB_REGION_DELETED ? " deleted" : "");
	}
}

static void dump_regions(struct sdb_target *target)
{
	const struct sdb_region *regions;
	size_t count;
	struct sdb_error *error = sdb_target_regions(target, &regions, &count);
	if (!error)
		print_regions("region", 0, regions, count);
	complain("regions", error);
}

static struct sdb_error *print_maps(void *arg, const struct sdb_task *task)
{
	struct sdb_target *target = arg;
	if (task->tid != task->tgid || task->kernel || !target->personality->process_regions)
		return NULL;
	struct space *space = calloc(1, sizeof(*space));
	if (!space)
		return NO_MEMORY();
	space->target = target;
	struct sdb_error *error = target->personality->process_regions(target, task->tgid, space);
	printf("maps %" PRId64 "\n", task->tgid);
	print_regions("map", task->tgid, space->regions, space->count);
	space_destroy(space);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND && !task->memory) {
		sdb_error_free(error);
		error = NULL;
	}
	complain("maps", error);
	return NULL;
}

static struct sdb_error *print_words(void *arg, const struct sdb_task *task)
{
	char *words = NULL;
	size_t size = 0;
	if (task->tid != task->tgid || task->tid <= 0)
		return NULL;
	struct sdb_error *error = sdb_target_command_line(arg, task->tgid, &words, &size);
	printf("words %" PRId64 " ", task->tgid);
	if (error)
		printf("error %s", sdb_error_message(error));
	else
		hex(words, size);
	printf("\n");
	free(error ? NULL : words);
	sdb_error_free(error);
	return NULL;
}

/* As zlib has it. */
static uint32_t crc32(const uint8_t *data, size_t size)
{
	uint32_t sum = ~0u;
	for (size_t i = 0; i < size; i++) {
		sum ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
	}
	return ~sum;
}

/* A page of a file. */
static void print_page(int64_t pid, uint64_t at, const struct sdb_region *region, const uint8_t *page, const char *where)
{
	if (region->name[0] != '/')
		return;
	printf("page %" PRId64 " %" PRIx64 " %" PRIx64 " ", pid, at, region->offset + (at - region->low));
	hex(region->name, strlen(region->name));
	printf(" %08x %s%s%s\n", crc32(page, 4096), where, region->flags & SDB_REGION_WRITE ? "-w" : "",
	       region->flags & SDB_REGION_EXECUTE ? "-x" : "");
}

/* Each page of the regions of every process that can be read in any way: of files their sums, of the others how many. */
static struct sdb_error *read_pages(void *arg, const struct sdb_task *task)
{
	struct sdb_target *target = arg;
	const struct personality *personality = target->personality;
	struct paging paging;
	if (task->tid != task->tgid || !task->memory)
		return NULL;
	struct space *space = calloc(1, sizeof(*space));
	struct sdb_error *error = space ? personality->process_paging(target, task->tgid, &paging) : NO_MEMORY();
	if (space)
		space->target = target;
	if (!error)
		error = personality->process_regions(target, task->tgid, space);
	for (size_t i = 0; !error && i < space->count && i < 64; i++) {
		unsigned present = 0, cached = 0, absent = 0;
		for (uint64_t at = space->regions[i].low; !error && at < space->regions[i].high && present + cached + absent < 512; at += 4096) {
			uint8_t page[4096];
			size_t done;
			bool here;
			error = guest_read(target, &paging, at, page, sizeof(page), &done);
			here = !error && done;
			if (!error && !here)
				error = personality->read_absent(target, task->tgid, at, page, sizeof(page), &done);
			present += here;
			cached += !here && done;
			absent += !done;
			if (!error && done == sizeof(page))
				print_page(task->tgid, at, &space->regions[i], page, here ? "present" : "cached");
		}
		printf("pages %" PRId64 " %" PRIx64 " present %u cached %u absent %u\n", task->tgid, space->regions[i].low, present,
		       cached, absent);
	}
	if (space)
		space_destroy(space);
	complain("pages", error);
	return NULL;
}

static void dump(struct sdb_target *target, const char *what)
{
	if (strcmp(what, "system") == 0)
		dump_system(target);
	else if (strcmp(what, "tasks") == 0)
		complain("tasks", sdb_target_scan_tasks(target, print_task, NULL));
	else if (strcmp(what, "threads") == 0)
		for_threads(target, print_thread);
	else if (strcmp(what, "stacks") == 0)
		for_threads(target, dump_stack);
	else if (strcmp(what, "users") == 0)
		for_threads(target, dump_user);
	else if (strcmp(what, "places") == 0)
		dump_places(target);
	else if (strcmp(what, "values") == 0)
		for_threads(target, evaluate);
	else if (strcmp(what, "modules") == 0)
		complain("modules", sdb_target_kernel_modules(target, print_module, NULL));
	else if (strcmp(what, "log") == 0)
		complain("log", sdb_target_kernel_log(target, print_record, NULL));
	else if (strcmp(what, "calls") == 0)
		complain("calls", sdb_target_system_calls(target, print_call, NULL));
	else if (strcmp(what, "regions") == 0)
		dump_regions(target);
	else if (strcmp(what, "maps") == 0)
		complain("maps", sdb_target_scan_tasks(target, print_maps, target));
	else if (strcmp(what, "pages") == 0)
		complain("pages", sdb_target_scan_tasks(target, read_pages, target));
	else if (strcmp(what, "words") == 0)
		complain("words", sdb_target_scan_tasks(target, print_words, target));
	else if (strcmp(what, "bench") == 0)
		bench(target);
	else
		fprintf(stderr, "dump_system: what is '%s'?\n", what);
}

static error_t give_specs(int key, char *text, struct argp_state *state)
{
	(void)text;
	if (key == ARGP_KEY_INIT)
		state->child_inputs[0] = state->input;
	return key == ARGP_KEY_INIT ? 0 : ARGP_ERR_UNKNOWN;
}

int main(int argc, char **argv)
{
	struct sdb_spec spec = { .id = 1, .pid = 1 };
	const char *machine = NULL;
	int at = 1;
	double begin = now();
	for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
		if (strcmp(argv[at], "--machine") == 0)
			machine = argv[at + 1];
		else if (strcmp(argv[at], "-K") == 0)
			spec.kernel = argv[at + 1];
		else if (strcmp(argv[at], "-R") == 0)
			spec.root = argv[at + 1];
	}
	int words = at;
	while (words < argc && strcmp(argv[words], "--") != 0)
		words++;
	if (at == words || (!machine && words == argc)) {
		fprintf(stderr, "usage: dump_system [--machine FILE] [-K KERNEL] [-R ROOT] WHAT... [-- TARGET ARGUMENTS]\n");
		return 2;
	}
	struct sdb_specs specs = { 0 };
	if (!machine) {
		const struct argp_child children[] = { { .argp = &sdb_specs_argp }, { 0 } };
		const struct argp argp = { .parser = give_specs, .children = children };
		if (argp_parse(&argp, argc - words, argv + words, 0, NULL, &specs) || specs.count != 1)
			return 2;
		spec = specs.items[0];
		spec.id = 1;
	}
	spec.no_index = true;
	spec.personality = "linux";
	struct sdb_target *target = NULL;
	struct sdb_error *error = machine ? fake_machine_create(&spec, machine, &target) : sdb_target_create(&spec, &target);
	if (!error)
		error = sdb_target_open(target);
	if (error) {
		complain("open", error);
		sdb_target_close(target);
		return 1;
	}
	if (strcmp(argv[at], "bench") == 0)
		printf("bench open %.1f us\n", now() - begin);
	for (; at < words; at++)
		dump(target, argv[at]);
	sdb_target_close(target);
	sdb_specs_deinit(&specs);
	return status;
}
