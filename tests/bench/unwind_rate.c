/* SPDX-License-Identifier: MIT */
/*
 * Frames a second of a paused process's deepest stack, again and again, without names: by the library, or
 * built with -DPEER (and -ldw) by libdwfl.
 *
 * usage: unwind_rate PID SECONDS
 */
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef PEER
#include <elfutils/libdwfl.h>

static unsigned long frames;

static int count_frame(Dwfl_Frame *frame, void *arg)
{
	Dwarf_Addr pc;
	bool activation;
	(void)arg;
	frames += dwfl_frame_pc(frame, &pc, &activation);
	return DWARF_CB_OK;
}

int main(int argc, char **argv)
{
	static char *debuginfo_path;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_linux_proc_find_elf, .find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &debuginfo_path,
	};
	int pid = argc > 2 ? atoi(argv[1]) : 0;
	Dwfl *dwfl = dwfl_begin(&callbacks);
	if (!pid || dwfl_linux_proc_report(dwfl, pid) != 0 || dwfl_report_end(dwfl, NULL, NULL) != 0
	    || dwfl_linux_proc_attach(dwfl, pid, false) < 0)
		return 1;
	dwfl_getthread_frames(dwfl, pid, count_frame, NULL);
	frames = 0;
	double begin = now();
	while (now() - begin < atof(argv[2]))
		dwfl_getthread_frames(dwfl, pid, count_frame, NULL);
	printf("%.0f\n", (double)frames / (now() - begin));
	dwfl_end(dwfl);
	return 0;
}
#else
#include <stackdb/frame.h>

static struct sdb_error *walk(struct sdb_thread *thread, unsigned long *frames)
{
	static const struct sdb_stack_options bare = { .names = false };
	struct sdb_stack *stack;
	const struct sdb_frame *frame;
	struct sdb_error *error = sdb_stack_open(thread, &bare, &stack);
	if (error)
		return error;
	while (!(error = sdb_stack_next(stack, &frame)) && frame)
		++*frames;
	sdb_stack_close(stack);
	return error;
}

int main(int argc, char **argv)
{
	struct sdb_spec spec = { .pid = argc > 2 ? atoi(argv[1]) : 0 };
	struct sdb_target *target;
	struct sdb_thread *thread;
	unsigned long frames = 0;
	struct sdb_error *error = sdb_target_create(&spec, &target);
	if (!error)
		error = sdb_target_open(target);
	if (!error)
		error = sdb_target_pause(target);
	if (!error)
		error = sdb_target_thread(target, sdb_target_pid(target), &thread);
	if (!error)
		error = walk(thread, &frames);
	double begin = now();
	for (frames = 0; !error && now() - begin < atof(argv[2]);)
		error = walk(thread, &frames);
	if (error) {
		fprintf(stderr, "unwind_rate: %s\n", sdb_error_message(error));
		return 1;
	}
	printf("%.0f\n", (double)frames / (now() - begin));
	sdb_target_close(target);
	return 0;
}
#endif
