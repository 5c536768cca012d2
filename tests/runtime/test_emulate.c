/* SPDX-License-Identifier: MIT */
/*
 * Instructions that are emulated, against the processor: a program is stepped from its first instruction on, and
 * each one that emulate() knows has to leave the registers and the stack as the step does. Usage: test_emulate PROGRAM
 */
#include "runtime/arch/x86.h"
#include "runtime/decoder.h"
#include "runtime/emulate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 150000, STEPS_MIN = 20000, FLAG_ADJUST = 0x10, LEAST_PERCENT = 60 };

static void must(struct sdb_error *error, const char *what)
{
	if (!error)
		return;
	printf("not ok - %s: %s\n", what, sdb_error_message(error));
	exit(1);
}

/* After these the adjust flag is undefined (SDM volume 2). */
static bool is_logical(const uint8_t *bytes, size_t size)
{
	ZydisDecodedInstruction instruction;
	if (!decoder_decode(true, bytes, size, &instruction))
		return false;
	return instruction.mnemonic == ZYDIS_MNEMONIC_AND || instruction.mnemonic == ZYDIS_MNEMONIC_OR
		|| instruction.mnemonic == ZYDIS_MNEMONIC_XOR || instruction.mnemonic == ZYDIS_MNEMONIC_TEST;
}

/* False: it was the last one. */
static bool step(struct sdb_target *target, struct sdb_thread *thread)
{
	struct driver_event event;
	must(thread_resume(thread, DRIVER_STEP), "step");
	do
		must(target->driver->wait(target, 10000, &event), "wait");
	while (event.kind == DRIVER_NOTHING);
	if (event.kind == DRIVER_EXITING)
		return false;
	if (event.kind != DRIVER_STEPPED) {
		printf("not ok - event %d instead of a step\n", (int)event.kind);
		exit(1);
	}
	target_forget(target);
	return true;
}

/* What the emulation made of the registers, and put on the stack; the thread is as before. */
static bool try(struct sdb_target *target, struct sdb_thread *thread, const uint8_t *bytes, size_t size,
		struct x86_general *after, uint64_t stack[4])
{
	struct x86_registers *file = (void *)thread->file;
	struct x86_general before = file->general;
	bool done;
	size_t got;
	must(emulate(thread, bytes, size, &done), "emulate");
	*after = file->general;
	if (!done && memcmp(after, &before, sizeof(before)) != 0) {
		printf("not ok - registers changed though nothing was done\n");
		exit(1);
	}
	file->general = before;
	thread->dirty = 0;
	memset(stack, 0, 4 * sizeof(*stack));
	must(target->driver->read_memory(target, after->rsp, stack, 4 * sizeof(*stack), &got), "stack");
	return done;
}

static bool same(const struct x86_general *a, const struct x86_general *b, bool logical)
{
	struct x86_general one = *a, other = *b;
	one.orig_rax = other.orig_rax = 0;
	if (logical)
		one.eflags = (one.eflags & ~(uint64_t)FLAG_ADJUST) | (other.eflags & FLAG_ADJUST);
	/* The resume flag is the debugger's. */
	one.eflags &= ~UINT64_C(0x10000);
	other.eflags &= ~UINT64_C(0x10000);
	return memcmp(&one, &other, sizeof(one)) == 0;
}

static void show(const char *what, const struct x86_general *g)
{
	printf("  %s rip %llx flags %llx rsp %llx rax %llx rcx %llx rdx %llx rbx %llx rsi %llx rdi %llx\n", what,
	       (unsigned long long)g->rip, (unsigned long long)g->eflags, (unsigned long long)g->rsp, (unsigned long long)g->rax,
	       (unsigned long long)g->rcx, (unsigned long long)g->rdx, (unsigned long long)g->rbx, (unsigned long long)g->rsi,
	       (unsigned long long)g->rdi);
}

int main(int argc, char **argv)
{
	struct sdb_spec spec = { .program = argv[argc > 1], .output = "/dev/null", .input = "/dev/null" };
	struct sdb_target *target;
	unsigned emulated = 0, wrong = 0;
	must(sdb_target_create(&spec, &target), "create");
	must(sdb_target_open(target), "open");
	must(decoder_load(), "decoder");
	struct sdb_thread *thread = target->threads[0];
	unsigned steps = 0;
	for (; steps < STEPS_MAX && wrong < 10; steps++) {
		uint64_t pc, stack[4], real[4] = { 0 };
		uint8_t bytes[16];
		size_t size, got;
		struct x86_general after;
		must(thread_pc(thread, &pc), "pc");
		must(target->driver->read_memory(target, pc, bytes, 15, &size), "code");
		bool done = try(target, thread, bytes, size, &after, stack);
		if (!step(target, thread))
			break;
		if (!done)
			continue;
		emulated++;
		must(thread_load(thread, REGISTERS_GENERAL), "registers");
		const struct x86_registers *file = (const void *)thread->file;
		must(target->driver->read_memory(target, file->general.rsp, real, sizeof(real), &got), "stack");
		if (same(&after, &file->general, is_logical(bytes, size)) && memcmp(stack, real, sizeof(real)) == 0)
			continue;
		wrong++;
		printf("not ok - at %llx:", (unsigned long long)pc);
		for (size_t k = 0; k < 8; k++)
			printf(" %02x", bytes[k]);
		putchar('\n');
		show("emulated", &after);
		show("real    ", &file->general);
	}
	sdb_error_free(sdb_target_kill(target));
	sdb_target_close(target);
	printf("%u instructions, %u of them emulated, %u wrong\n", steps, emulated, wrong);
	return wrong || steps < STEPS_MIN || emulated < steps / 100 * LEAST_PERCENT;
}
