/* SPDX-License-Identifier: MIT */
#include "index_part.h"
#include "background.h"
#include "text.h"
#include "tool.h"

#include <stackdb/store.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static size_t read_addresses(uint64_t **addresses_ret)
{
	uint64_t *addresses = NULL;
	size_t count = 0, capacity = 0;
	unsigned long long address;
	while (scanf("%llx", &address) == 1) {
		if (count == capacity) {
			capacity = capacity ? 2 * capacity : 256;
			addresses = tool_realloc(addresses, capacity, sizeof(*addresses));
		}
		addresses[count++] = address;
	}
	*addresses_ret = addresses;
	return count;
}

/* Of several that are made aside one is at work at a time. The lock ends with the process. */
static void wait_for_turn(const char *path)
{
	char *store = tool_strdup(path);
	int fd = open(dirname(dirname(store)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		flock(fd, LOCK_EX);
	free(store);
}

static _Noreturn void make_whole(const char *file, const char *path, const struct sdb_index_options *given)
{
	struct sdb_index_options options = *given;
	struct sdb_index_result result;
	setsid();
	background_enter();
	close_range(STDERR_FILENO + 1, ~0u, 0); /* whoever waits for the end of what is open does not mean this process */
	wait_for_turn(path);
	options.jobs = 1;
	options.output = path;
	sdb_error_free(sdb_index_file(file, &options, &result));
	_exit(0);
}

/* A part is used once: it is good as it is. */
static bool lasts(void *arg, const struct sdb_index_result *result)
{
	(void)arg;
	return !result->partial;
}

static struct sdb_error *make_part(const char *file, const struct sdb_index_options *given, char **whole_ret, bool *partial_ret)
{
	struct sdb_index_options options = *given;
	struct sdb_index_result result = { 0 };
	uint8_t id[64];
	size_t length;
	uint64_t *addresses;
	char *part = NULL;
	struct sdb_error *error = sdb_build_id_of_file(file, id, &length);
	if (!error && !length)
		error = sdb_error_new(SDB_ERROR_INVALID, "%s: it has no build-id to file it under", file);
	if (!error)
		error = sdb_store_path(NULL, id, length, whole_ret);
	if (!error)
		error = sdb_store_make_parents(*whole_ret);
	if (!error)
		error = sdb_store_part_path(id, length, (long)getpid(), &part);
	options.address_count = read_addresses(&addresses);
	options.addresses = addresses;
	options.output = part;
	options.unpacked = lasts;
	if (!error)
		error = sdb_index_file(file, &options, &result);
	*partial_ret = result.partial;
	if (!error && !result.partial && rename(part, *whole_ret) != 0)
		error = sdb_error_errno(errno, "cannot rename %s", part);
	sdb_index_result_free(&result);
	free(addresses);
	free(part);
	return error;
}

int index_part(const char *file, const struct sdb_index_options *options)
{
	char *whole = NULL;
	bool partial = false;
	struct sdb_error *error = make_part(file, options, &whole, &partial);
	int status = error ? tool_fail(file, error) : 0;
	if (partial && !error && fork() == 0)
		make_whole(file, whole, options);
	free(whole);
	return status;
}
