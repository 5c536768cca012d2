/* SPDX-License-Identifier: MIT */
#include "background.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOWEST 19 /* its niceness */

static void give_way(void)
{
	DIR *threads = opendir("/proc/self/task");
	for (struct dirent *entry; threads && (entry = readdir(threads)) != NULL;)
		if (entry->d_name[0] != '.')
			setpriority(PRIO_PROCESS, (id_t)atol(entry->d_name), LOWEST);
	if (threads)
		closedir(threads);
}

void background_enter(void)
{
	give_way();
	signal(SIGHUP, SIG_IGN);
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && nothing >= 0; fd++)
		dup2(nothing, fd);
	if (nothing > STDERR_FILENO)
		close(nothing);
}
