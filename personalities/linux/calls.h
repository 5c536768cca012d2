/* SPDX-License-Identifier: MIT */
#ifndef PERSONALITIES_LINUX_CALLS_H
#define PERSONALITIES_LINUX_CALLS_H

/*
 * System calls of x86-64 by number: arch/x86/entry/syscalls/syscall_64.tbl. FUNCTION is what the kernel calls
 * its function, without a prefix, where that differs; NULL elsewhere. Numbers never change their meaning.
 */
struct linux_call {
	const char *name, *function;
};

#define LINUX_CALLS 512
extern const struct linux_call linux_calls[LINUX_CALLS];

#endif
