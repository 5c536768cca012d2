/* SPDX-License-Identifier: MIT */
#include "background.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

static void give_way(void)
{
	const struct sched_param none = { 0 };
	DIR *threads = opendir("/proc/self/task");
	for (struct dirent *entry; threads && (entry = readdir(threads)) != NULL;)
		if (entry->d_name[0] != '.')
			sched_setscheduler((pid_t)atol(entry->d_name), SCHED_IDLE, &none);
	if (threads)
		closedir(threads);
}

void background_enter(void)
{
	give_way();
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && nothing >= 0; fd++)
		dup2(nothing, fd);
	if (nothing > STDERR_FILENO)
		close(nothing);
}
