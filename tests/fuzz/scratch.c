/* SPDX-License-Identifier: MIT */

/* Files for a fuzz target's input: in memory, so that syncing them costs nothing. */

#include "ask.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char directory[64];

static void remove_directory(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (system(command) != 0)
		perror(directory);
}

const char *scratch_directory(void)
{
	if (directory[0] != '\0')
		return directory;
	snprintf(directory, sizeof(directory), "%s/stackdb-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(directory) == NULL) {
		perror(directory);
		exit(1);
	}
	atexit(remove_directory);
	return directory;
}

const char *scratch_file(const char *name, const void *data, size_t size)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", scratch_directory(), name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
		perror(path);
		exit(1);
	}
	close(fd);
	return path;
}
