/* SPDX-License-Identifier: MIT */
/*
 * Memory of the process: through its tables, and where these have nothing from what the system keeps of
 * files. What is nowhere in the machine's memory (swapped out, never read) is not there.
 */

#include "guest_process.h"
#include "runtime/space.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The tables: the same as long as the machine is held. */
static struct sdb_error *find_paging(struct guest_process *process, struct paging *paging_ret)
{
	struct sdb_target *base = process->base;
	if (process->ended)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "process %lld has ended", (long long)process->target->pid);
	if (!process->have_paging) {
		struct sdb_error *error = base->personality->process_paging(base, process->target->pid, &process->paging);
		if (error)
			return error;
		process->have_paging = base->status == SDB_TARGET_PAUSED;
	}
	*paging_ret = process->paging;
	return NULL;
}

struct sdb_error *guest_process_read(struct sdb_target *target, uint64_t address, void *buffer, size_t size,
				     size_t *done_ret)
{
	struct guest_process *process = guest_process_of(target);
	struct sdb_target *base = process->base;
	struct paging paging;
	*done_ret = 0;
	struct sdb_error *error = find_paging(process, &paging);
	while (!error && *done_ret < size) {
		uint8_t *to = (uint8_t *)buffer + *done_ret;
		size_t got = 0, left = size - *done_ret;
		error = guest_read(base, &paging, address + *done_ret, to, left, &got);
		if (!error && !got && base->personality->read_absent)
			error = base->personality->read_absent(base, target->pid, address + *done_ret, to, left, &got);
		if (error || !got)
			break;
		*done_ret += got > left ? left : got;
	}
	if (error && *done_ret) { /* what there is is there */
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}

struct sdb_error *guest_process_write(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	struct guest_process *process = guest_process_of(target);
	struct paging paging;
	struct sdb_error *error = find_paging(process, &paging);
	return error ? error : guest_write(process->base, &paging, address, buffer, size);
}

struct sdb_error *guest_process_regions(struct sdb_target *target, struct space *space)
{
	struct sdb_target *base = target->base;
	return base->personality->process_regions(base, target->pid, space);
}

/* Its files are the guest's: here only where somebody says under which directory. */
struct sdb_error *guest_process_file_path(struct sdb_target *target, const struct sdb_region *region, char **path_ret)
{
	*path_ret = NULL;
	if (!target->spec.root || region->name[0] != '/')
		return NULL;
	if (asprintf(path_ret, "%s%s", target->spec.root, region->name) < 0) {
		*path_ret = NULL;
		return NO_MEMORY();
	}
	if (access(*path_ret, R_OK) != 0) {
		free(*path_ret);
		*path_ret = NULL;
	}
	return NULL;
}
