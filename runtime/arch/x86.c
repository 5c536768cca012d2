/* SPDX-License-Identifier: MIT */
/* Registers of x86-64 (psABI figure 3.36) and i386 (psABI table 2.14). */

#include "arch.h"
#include "x86.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AT(field) offsetof(struct x86_registers, field)
#define GENERAL(name, number, field) { name, number, AT(general.field), 8, REGISTERS_GENERAL, 0, 0 }
#define GENERAL32(name, number, field) { name, number, AT(general.field), 4, REGISTERS_GENERAL, 0, 0 }
#define XMM_AT(n) (AT(fxsave) + 160 + 16 * (n))
#define XMM(name, number, n) { name, number, XMM_AT(n), 16, REGISTERS_VECTOR, 0, 0 }
#define YMM(name, n) { name, -1, XMM_AT(n), 16, REGISTERS_VECTOR, 16, AT(ymm_high) + 16 * (n) }
#define ST(name, number, n) { name, number, AT(fxsave) + 32 + 16 * (n), 10, REGISTERS_VECTOR, 0, 0 }
#define MM(name, number, n) { name, number, AT(fxsave) + 32 + 16 * (n), 8, REGISTERS_VECTOR, 0, 0 }
#define DEBUG(name, n) { name, -1, AT(debug) + 8 * (n), 8, REGISTERS_DEBUG, 0, 0 }

static const struct register_entry registers64[] = {
	GENERAL("rax", 0, rax), GENERAL("rdx", 1, rdx), GENERAL("rcx", 2, rcx), GENERAL("rbx", 3, rbx),
	GENERAL("rsi", 4, rsi), GENERAL("rdi", 5, rdi), GENERAL("rbp", 6, rbp), GENERAL("rsp", 7, rsp),
	GENERAL("r8", 8, r8), GENERAL("r9", 9, r9), GENERAL("r10", 10, r10), GENERAL("r11", 11, r11),
	GENERAL("r12", 12, r12), GENERAL("r13", 13, r13), GENERAL("r14", 14, r14), GENERAL("r15", 15, r15),
	GENERAL("rip", 16, rip), GENERAL("rflags", 49, eflags), GENERAL32("es", 50, es),
	GENERAL32("cs", 51, cs), GENERAL32("ss", 52, ss), GENERAL32("ds", 53, ds), GENERAL32("fs", 54, fs),
	GENERAL32("gs", 55, gs), GENERAL("fs.base", 58, fs_base), GENERAL("gs.base", 59, gs_base),
	GENERAL("orig_rax", -1, orig_rax),
	XMM("xmm0", 17, 0), XMM("xmm1", 18, 1), XMM("xmm2", 19, 2), XMM("xmm3", 20, 3),
	XMM("xmm4", 21, 4), XMM("xmm5", 22, 5), XMM("xmm6", 23, 6), XMM("xmm7", 24, 7),
	XMM("xmm8", 25, 8), XMM("xmm9", 26, 9), XMM("xmm10", 27, 10), XMM("xmm11", 28, 11),
	XMM("xmm12", 29, 12), XMM("xmm13", 30, 13), XMM("xmm14", 31, 14), XMM("xmm15", 32, 15),
	ST("st0", 33, 0), ST("st1", 34, 1), ST("st2", 35, 2), ST("st3", 36, 3),
	ST("st4", 37, 4), ST("st5", 38, 5), ST("st6", 39, 6), ST("st7", 40, 7),
	MM("mm0", 41, 0), MM("mm1", 42, 1), MM("mm2", 43, 2), MM("mm3", 44, 3),
	MM("mm4", 45, 4), MM("mm5", 46, 5), MM("mm6", 47, 6), MM("mm7", 48, 7),
	{ "mxcsr", 64, AT(fxsave) + 24, 4, REGISTERS_VECTOR, 0, 0 },
	{ "fcw", 65, AT(fxsave), 2, REGISTERS_VECTOR, 0, 0 },
	{ "fsw", 66, AT(fxsave) + 2, 2, REGISTERS_VECTOR, 0, 0 },
	YMM("ymm0", 0), YMM("ymm1", 1), YMM("ymm2", 2), YMM("ymm3", 3), YMM("ymm4", 4), YMM("ymm5", 5),
	YMM("ymm6", 6), YMM("ymm7", 7), YMM("ymm8", 8), YMM("ymm9", 9), YMM("ymm10", 10), YMM("ymm11", 11),
	YMM("ymm12", 12), YMM("ymm13", 13), YMM("ymm14", 14), YMM("ymm15", 15),
	DEBUG("dr0", 0), DEBUG("dr1", 1), DEBUG("dr2", 2), DEBUG("dr3", 3), DEBUG("dr6", 6), DEBUG("dr7", 7),
};

static const struct register_entry registers32[] = {
	GENERAL32("eax", 0, rax), GENERAL32("ecx", 1, rcx), GENERAL32("edx", 2, rdx),
	GENERAL32("ebx", 3, rbx), GENERAL32("esp", 4, rsp), GENERAL32("ebp", 5, rbp),
	GENERAL32("esi", 6, rsi), GENERAL32("edi", 7, rdi), GENERAL32("eip", 8, rip),
	GENERAL32("eflags", 9, eflags), GENERAL32("es", 40, es), GENERAL32("cs", 41, cs),
	GENERAL32("ss", 42, ss), GENERAL32("ds", 43, ds), GENERAL32("fs", 44, fs), GENERAL32("gs", 45, gs),
	GENERAL32("orig_eax", -1, orig_rax),
	ST("st0", 11, 0), ST("st1", 12, 1), ST("st2", 13, 2), ST("st3", 14, 3),
	ST("st4", 15, 4), ST("st5", 16, 5), ST("st6", 17, 6), ST("st7", 18, 7),
	XMM("xmm0", 21, 0), XMM("xmm1", 22, 1), XMM("xmm2", 23, 2), XMM("xmm3", 24, 3),
	XMM("xmm4", 25, 4), XMM("xmm5", 26, 5), XMM("xmm6", 27, 6), XMM("xmm7", 28, 7),
	MM("mm0", 29, 0), MM("mm1", 30, 1), MM("mm2", 31, 2), MM("mm3", 32, 3),
	MM("mm4", 33, 4), MM("mm5", 34, 5), MM("mm6", 35, 6), MM("mm7", 36, 7),
	{ "fcw", 37, AT(fxsave), 2, REGISTERS_VECTOR, 0, 0 },
	{ "fsw", 38, AT(fxsave) + 2, 2, REGISTERS_VECTOR, 0, 0 },
	{ "mxcsr", 39, AT(fxsave) + 24, 4, REGISTERS_VECTOR, 0, 0 },
	DEBUG("dr0", 0), DEBUG("dr1", 1), DEBUG("dr2", 2), DEBUG("dr3", 3), DEBUG("dr6", 6), DEBUG("dr7", 7),
};

#define X86_GROUPS { \
	[REGISTERS_GENERAL] = { AT(general), sizeof(struct x86_general) }, \
	[REGISTERS_VECTOR] = { AT(fxsave), 512 + 256 }, \
	[REGISTERS_DEBUG] = { AT(debug), 64 }, \
}

static const int8_t arguments64[] = { 5, 4, 1, 2, 8, 9, -1 }; /* psABI 3.2.3 */
static const int8_t arguments32[] = { -1 };
static const int8_t vectors64[] = { 17, 18, 19, 20, 21, 22, 23, 24, -1 };
static const int8_t vectors32[] = { -1 };

const struct architecture architecture_x86_64 = {
	.machine = 62, .name = "x86-64", .address_size = 8, .file_size = sizeof(struct x86_registers),
	.groups = X86_GROUPS, .registers = registers64, .register_count = COUNT(registers64),
	.unwind_columns = 17, .pc = 16, .sp = 7, .fp = 6,
	.preserved = 1u << 3 | 1u << 6 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 15,
	.arguments = arguments64, .return_value = 0,
	.calls = { .vectors = vectors64, .high = 1, .real = 17, .extended = 33, .vector_count = 0, .flags = "rflags",
		   .flags_cleared = X86_FLAG_TRAP | X86_FLAG_DIRECTION, .restart = "orig_rax", .red_zone = 128 },
	.syscall_number = "orig_rax", .syscall_result = "rax",
	.syscall_arguments = { "rdi", "rsi", "rdx", "r10", "r8", "r9" },
};

const struct architecture architecture_i386 = {
	.machine = 3, .name = "i386", .address_size = 4, .file_size = sizeof(struct x86_registers),
	.groups = X86_GROUPS, .registers = registers32, .register_count = COUNT(registers32),
	.unwind_columns = 9, .pc = 8, .sp = 4, .fp = 5,
	.preserved = 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7,
	.arguments = arguments32, .return_value = 0,
	.calls = { .vectors = vectors32, .high = 2, .real = 11, .extended = 11, .real_is_extended = true,
		   .vector_count = -1, .flags = "eflags", .flags_cleared = X86_FLAG_TRAP | X86_FLAG_DIRECTION,
		   .restart = "orig_eax" },
	.syscall_number = "orig_eax", .syscall_result = "eax",
	.syscall_arguments = { "ebx", "ecx", "edx", "esi", "edi", "ebp" },
};
