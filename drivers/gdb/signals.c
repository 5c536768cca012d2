/* SPDX-License-Identifier: MIT */
#include "stub.h"

#include <signal.h>

/* gdb's include/gdb/signals.def, by Linux's numbers on x86. */
static const uint8_t standard[32] = {
	[SIGHUP] = 1, [SIGINT] = 2, [SIGQUIT] = 3, [SIGILL] = 4, [SIGTRAP] = 5, [SIGABRT] = 6, [SIGBUS] = 10, [SIGFPE] = 8,
	[SIGKILL] = 9, [SIGUSR1] = 30, [SIGSEGV] = 11, [SIGUSR2] = 31, [SIGPIPE] = 13, [SIGALRM] = 14, [SIGTERM] = 15,
	[SIGSTKFLT] = 143, [SIGCHLD] = 20, [SIGCONT] = 19, [SIGSTOP] = 17, [SIGTSTP] = 18, [SIGTTIN] = 21, [SIGTTOU] = 22,
	[SIGURG] = 16, [SIGXCPU] = 24, [SIGXFSZ] = 25, [SIGVTALRM] = 26, [SIGPROF] = 27, [SIGWINCH] = 28, [SIGIO] = 23,
	[SIGPWR] = 32, [SIGSYS] = 12,
};

enum { FIRST_REALTIME = 32, GDB_REALTIME_33 = 45, GDB_REALTIME_32 = 77, GDB_REALTIME_64 = 78, GDB_UNKNOWN = 143 };

int stub_signal_to_gdb(int number)
{
	if (number >= 0 && number < 32)
		return standard[number];
	if (number == FIRST_REALTIME)
		return GDB_REALTIME_32;
	if (number == 64)
		return GDB_REALTIME_64;
	return number > FIRST_REALTIME && number < 64 ? number - FIRST_REALTIME - 1 + GDB_REALTIME_33 : GDB_UNKNOWN;
}

int stub_signal_from_gdb(unsigned number)
{
	for (int i = 1; i < 32; i++)
		if (standard[i] == number)
			return i;
	if (number == GDB_REALTIME_32)
		return FIRST_REALTIME;
	if (number == GDB_REALTIME_64)
		return 64;
	if (number >= GDB_REALTIME_33 && number < GDB_REALTIME_33 + 31)
		return (int)number - GDB_REALTIME_33 + FIRST_REALTIME + 1;
	return 0;
}
