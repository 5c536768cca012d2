/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_ARCH_X86_H
#define RUNTIME_ARCH_X86_H

/* The register file of x86, of 64 and 32 bits, that drivers fill in. */

#include <stdint.h>

struct x86_general {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t orig_rax, rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};

struct x86_registers {
	struct x86_general general;
	uint64_t unused[5];
	/* As FXSAVE writes it: Intel SDM volume 1, table 10-2. */
	uint8_t fxsave[512];
	uint8_t ymm_high[16][16];
	uint64_t debug[8];
};

#define X86_FLAG_TRAP 0x100u
#define X86_FLAG_DIRECTION 0x400u

#endif
