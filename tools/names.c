/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *machine_name(uint16_t machine)
{
	switch (machine) {
	case 2: return "sparc";
	case 3: return "i386";
	case 8: return "mips";
	case 20: return "ppc";
	case 21: return "ppc64";
	case 22: return "s390";
	case 40: return "arm";
	case 43: return "sparc64";
	case 62: return "x86-64";
	case 183: return "aarch64";
	case 243: return "riscv";
	case 258: return "loongarch";
	default: return "?";
	}
}

const char *language_name(uint16_t language)
{
	/* DWARF 5 table 7.17 and what was assigned later. */
	static const char *const names[] = {
		[0x01] = "C89", [0x02] = "C", [0x03] = "Ada83", [0x04] = "C++", [0x05] = "Cobol74",
		[0x06] = "Cobol85", [0x07] = "Fortran77", [0x08] = "Fortran90", [0x09] = "Pascal83",
		[0x0a] = "Modula2", [0x0b] = "Java", [0x0c] = "C99", [0x0d] = "Ada95", [0x0e] = "Fortran95",
		[0x0f] = "PLI", [0x10] = "ObjC", [0x11] = "ObjC++", [0x12] = "UPC", [0x13] = "D",
		[0x14] = "Python", [0x15] = "OpenCL", [0x16] = "Go", [0x17] = "Modula3", [0x18] = "Haskell",
		[0x19] = "C++03", [0x1a] = "C++11", [0x1b] = "OCaml", [0x1c] = "Rust", [0x1d] = "C11",
		[0x1e] = "Swift", [0x1f] = "Julia", [0x20] = "Dylan", [0x21] = "C++14", [0x22] = "Fortran03",
		[0x23] = "Fortran08", [0x24] = "RenderScript", [0x25] = "BLISS", [0x26] = "Kotlin",
		[0x27] = "Zig", [0x28] = "Crystal", [0x2b] = "C++17", [0x2c] = "C17", [0x3a] = "C++20",
	};
	if (language == 0x8001)
		return "assembler";
	return language < COUNT(names) && names[language] ? names[language] : "?";
}

const char *symbol_type_name(uint8_t type)
{
	static const char *const names[] = { "NOTYPE", "OBJECT", "FUNC", "SECTION", "FILE", "COMMON", "TLS",
					     [10] = "IFUNC" };
	return type < COUNT(names) && names[type] ? names[type] : "?";
}

const char *symbol_binding_name(uint8_t binding)
{
	return binding == 0 ? "LOCAL" : binding == 1 ? "GLOBAL" : binding == 2 ? "WEAK"
		: binding == 10 ? "UNIQUE" : "?";
}

const char *symbol_visibility_name(uint8_t visibility)
{
	static const char *const names[] = { "DEFAULT", "INTERNAL", "HIDDEN", "PROTECTED" };
	return names[visibility & 3];
}

/* x86-64 psABI, figure 3.36. */
static const char *const x86_64_names[] = {
	"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
	"r14", "r15", "rip", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
	"xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st0", "st1", "st2", "st3", "st4",
	"st5", "st6", "st7", "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7", "rflags", "es", "cs",
	"ss", "ds", "fs", "gs", NULL, NULL, "fs.base", "gs.base", NULL, NULL, "tr", "ldtr", "mxcsr", "fcw",
	"fsw", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",
	"xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", [118] = "k0", "k1", "k2", "k3", "k4", "k5",
	"k6", "k7",
};

/* i386 psABI, table 2.14. */
static const char *const i386_names[] = {
	"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags", NULL, "st0", "st1", "st2",
	"st3", "st4", "st5", "st6", "st7", NULL, NULL, "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
	"xmm6", "xmm7", "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7", "fcw", "fsw", "mxcsr",
	"es", "cs", "ss", "ds", "fs", "gs",
};

/* DWARF for the Arm 64-bit architecture, section 4.1. */
static const char *const aarch64_names[] = {
	"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
	"x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28",
	"x29", "x30", "sp", "pc", "elr", "ra_sign_state", [64] = "v0", "v1", "v2", "v3", "v4", "v5", "v6",
	"v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20",
	"v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31",
};

/* RISC-V psABI, DWARF register numbers. */
static const char *const riscv_names[] = {
	"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
	"a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

const char *register_name(uint16_t machine, uint64_t number)
{
	const char *const *names = machine == 62 ? x86_64_names : machine == 3 ? i386_names
		: machine == 183 ? aarch64_names : machine == 243 ? riscv_names : NULL;
	size_t count = machine == 62 ? COUNT(x86_64_names) : machine == 3 ? COUNT(i386_names)
		: machine == 183 ? COUNT(aarch64_names) : machine == 243 ? COUNT(riscv_names) : 0;
	return number < count ? names[number] : NULL;
}
