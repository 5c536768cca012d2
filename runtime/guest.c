/* SPDX-License-Identifier: MIT */
/* Memory of machines: physical, and through the tables of their CPUs. */

#include "guest.h"
#include "arch/paging.h"

#include <stdlib.h>
#include <string.h>

#define UPPER_HALF (1ull << 63)

struct guest {
	struct paging kernel;
	bool have_kernel;
	struct paging cpus[1]; /* of CPU 0, while nothing changes */
	bool have_cpu;
};

struct guest *guest_get(struct sdb_target *target)
{
	if (!target->guest && target->driver->cpu_state)
		target->guest = calloc(1, sizeof(*target->guest));
	return target->guest;
}

void guest_destroy(struct guest *guest)
{
	free(guest);
}

void guest_forget(struct sdb_target *target)
{
	if (target->guest)
		target->guest->have_cpu = false;
}

void guest_set_kernel_paging(struct sdb_target *target, const struct paging *paging)
{
	struct guest *guest = guest_get(target);
	if (!guest)
		return;
	guest->kernel = *paging;
	guest->have_kernel = true;
}

bool guest_kernel_paging(struct sdb_target *target, struct paging *paging_ret)
{
	struct guest *guest = guest_get(target);
	if (!guest || !guest->have_kernel)
		return false;
	*paging_ret = guest->kernel;
	return true;
}

struct sdb_error *guest_cpu_paging(struct sdb_target *target, unsigned cpu, struct paging *paging_ret)
{
	struct driver_cpu state;
	if (!target->driver->cpu_state)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s is no machine", target->name);
	struct sdb_error *error = target->driver->cpu_state(target, cpu, &state);
	if (!error)
		*paging_ret = paging_of_cpu(&state);
	return error;
}

bool guest_translate(struct sdb_target *target, const struct paging *paging, uint64_t address,
		     struct translation *translation_ret)
{
	return paging_walk(target, paging, address, translation_ret);
}

/* ---- physical ------------------------------------------------------------------------------------- */

const uint8_t *guest_map_physical(struct sdb_target *target, uint64_t address, size_t *size_ret)
{
	return target->driver->map_physical ? target->driver->map_physical(target, address, size_ret) : NULL;
}

struct sdb_error *guest_read_physical(struct sdb_target *target, uint64_t address, void *buffer, size_t size,
				      size_t *done_ret)
{
	*done_ret = 0;
	while (*done_ret < size) {
		size_t there;
		const uint8_t *mapped = guest_map_physical(target, address + *done_ret, &there);
		if (!mapped)
			break;
		if (there > size - *done_ret)
			there = size - *done_ret;
		memcpy((uint8_t *)buffer + *done_ret, mapped, there);
		*done_ret += there;
	}
	if (*done_ret == size || !target->driver->read_physical)
		return NULL;
	size_t more;
	struct sdb_error *error = target->driver->read_physical(target, address + *done_ret, (uint8_t *)buffer + *done_ret,
								size - *done_ret, &more);
	if (!error)
		*done_ret += more;
	return error;
}

struct sdb_error *guest_write_physical(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	if (!target->driver->write_physical)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "the memory of %s cannot be written", target->name);
	return target->driver->write_physical(target, address, buffer, size);
}

/* ---- through tables ---------------------------------------------------------------------------------- */

const uint8_t *guest_map(struct sdb_target *target, const struct paging *paging, uint64_t address, size_t *size_ret)
{
	struct translation translation;
	if (!guest_translate(target, paging, address, &translation))
		return NULL;
	const uint8_t *mapped = guest_map_physical(target, translation.physical, size_ret);
	if (mapped && *size_ret > translation.left)
		*size_ret = (size_t)translation.left;
	return mapped;
}

struct sdb_error *guest_read(struct sdb_target *target, const struct paging *paging, uint64_t address, void *buffer,
			     size_t size, size_t *done_ret)
{
	*done_ret = 0;
	while (*done_ret < size) {
		struct translation translation;
		size_t want = size - *done_ret, got;
		if (!guest_translate(target, paging, address + *done_ret, &translation))
			return NULL;
		if (want > translation.left)
			want = (size_t)translation.left;
		struct sdb_error *error = guest_read_physical(target, translation.physical, (uint8_t *)buffer + *done_ret,
							      want, &got);
		if (error)
			return error;
		*done_ret += got;
		if (got < want)
			return NULL;
	}
	return NULL;
}

struct sdb_error *guest_write(struct sdb_target *target, const struct paging *paging, uint64_t address,
			      const void *buffer, size_t size)
{
	size_t done = 0;
	while (done < size) {
		struct translation translation;
		size_t want = size - done;
		if (!guest_translate(target, paging, address + done, &translation))
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "cannot write %#llx: it is not mapped",
					     (unsigned long long)(address + done));
		if (want > translation.left)
			want = (size_t)translation.left;
		struct sdb_error *error = guest_write_physical(target, translation.physical,
							       (const uint8_t *)buffer + done, want);
		if (error)
			return error;
		done += want;
	}
	return NULL;
}

/* ---- as a driver's memory -------------------------------------------------------------------------------- */

/* The tables for ADDRESS. */
static struct sdb_error *choose(struct sdb_target *target, uint64_t address, struct paging *paging_ret)
{
	struct guest *guest = guest_get(target);
	if (!guest)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s is no machine", target->name);
	if (address & UPPER_HALF && guest->have_kernel) {
		*paging_ret = guest->kernel;
		return NULL;
	}
	if (!guest->have_cpu) {
		struct sdb_error *error = guest_cpu_paging(target, 0, &guest->cpus[0]);
		if (error)
			return error;
		guest->have_cpu = true;
	}
	*paging_ret = guest->cpus[0];
	return NULL;
}

struct sdb_error *guest_read_memory(struct sdb_target *target, uint64_t address, void *buffer, size_t size,
				    size_t *done_ret)
{
	struct paging paging;
	*done_ret = 0;
	struct sdb_error *error = choose(target, address, &paging);
	return error ? error : guest_read(target, &paging, address, buffer, size, done_ret);
}

struct sdb_error *guest_write_memory(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	struct paging paging;
	struct sdb_error *error = choose(target, address, &paging);
	return error ? error : guest_write(target, &paging, address, buffer, size);
}
