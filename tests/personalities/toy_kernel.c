/* SPDX-License-Identifier: MIT */
/* A system for a personality of one's own: three tasks in a list, one of which runs. QEMU boots it as a multiboot image. */

#include "toy.h"

/* Nobody here reads them. */
volatile struct toy_system toy_system;
static volatile struct toy_task tasks[3];
static uint8_t stack[4096] __attribute__((used));

/* Multiboot 0.6.96, 3.1.1: magic, flags, checksum */
__attribute__((section(".text.begin"), used)) const uint32_t header[3] = { 0x1badb002, 0, -0x1badb002u };

static void name_it(volatile char *to, const char *name)
{
	while ((*to++ = *name++))
		;
}

static void wait_for_work(void)
{
	for (;;)
		__asm__ volatile("pause");
}

__attribute__((noreturn, used)) static void run(void)
{
	static const char *const names[3] = { "idle", "first", "second" };
	for (unsigned i = 0; i < 3; i++) {
		name_it(tasks[i].name, names[i]);
		tasks[i].number = 10 + i;
		tasks[i].user = 100 * i;
		tasks[i].next = i < 2 ? (uint32_t)&tasks[i + 1] : 0;
		tasks[i].pc = (uint32_t)wait_for_work + 1;
		tasks[i].sp = (uint32_t)stack + 256 * (i + 1);
	}
	toy_system.version = 1;
	toy_system.tasks = (uint32_t)&tasks[0];
	toy_system.current = (uint32_t)&tasks[1];
	name_it(toy_system.words, "toy: three tasks");
	name_it(toy_system.magic, TOY_MAGIC);
	for (;;)
		toy_system.ticks = toy_system.ticks + 1;
}

__asm__(".globl _start\n_start:\n\tmov $stack + 4096, %esp\n\tcall run\n");
