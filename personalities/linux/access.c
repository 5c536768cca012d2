/* SPDX-License-Identifier: MIT */
/* The kernel's memory: where this program has it mapped at once, else through the kernel's tables. */

#include "linux.h"

static void add_window(struct linux_system *system, uint64_t low, uint64_t physical, uint64_t size)
{
	while (size && system->window_count < sizeof(system->windows) / sizeof(system->windows[0])) {
		size_t there;
		const uint8_t *data = guest_map_physical(system->target, physical, &there);
		if (!data)
			return;
		if (there > size)
			there = (size_t)size;
		system->windows[system->window_count++] = (struct linux_window){ low, there, data };
		low += there;
		physical += there;
		size -= there;
	}
}

void linux_map_windows(struct linux_system *system)
{
	const struct driver *driver = system->target->driver;
	uint64_t low, high;
	struct translation first, last;
	system->window_count = 0;
	/* Of the RAM the largest pieces first: most of the kernel's data is there. */
	for (unsigned i = 0; system->have_direct && driver->ram && i < 64 && driver->ram(system->target, i, &low, &high); i++)
		if (high - low >= (1u << 20))
			add_window(system, system->direct + low, low, high - low);
	uint64_t size = system->image_high - system->image_low;
	if (size && system->window_count < sizeof(system->windows) / sizeof(system->windows[0])
	    && guest_translate(system->target, &system->paging, system->image_low, &first)
	    && guest_translate(system->target, &system->paging, system->image_high - 1, &last)
	    && last.physical - first.physical == size - 1)
		add_window(system, system->image_low, first.physical, size);
}

bool linux_copy_slowly(struct linux_system *system, uint64_t address, void *buffer, size_t size)
{
	size_t done;
	if (!(address & LINUX_UPPER_HALF))
		return false;
	/* What a driver fails with is said by linux_read(), that those call who have to know. */
	struct sdb_error *error = guest_read(system->target, &system->paging, address, buffer, size, &done);
	bool read = !error && done == size;
	sdb_error_free(error);
	return read;
}

struct sdb_error *linux_read(struct linux_system *system, uint64_t address, void *buffer, size_t size)
{
	size_t done = 0;
	const uint8_t *data = linux_at(system, address, size);
	if (data) {
		memcpy(buffer, data, size);
		return NULL;
	}
	struct sdb_error *error = NULL;
	if (address & LINUX_UPPER_HALF)
		error = guest_read(system->target, &system->paging, address, buffer, size, &done);
	if (error || done == size)
		return error;
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "nothing is mapped at %#llx of the kernel",
			     (unsigned long long)(address + done));
}

struct sdb_error *linux_read_u64(struct linux_system *system, uint64_t address, uint64_t *value_ret)
{
	return linux_read(system, address, value_ret, sizeof(*value_ret));
}

struct sdb_error *linux_read_u32(struct linux_system *system, uint64_t address, uint32_t *value_ret)
{
	return linux_read(system, address, value_ret, sizeof(*value_ret));
}

struct sdb_error *linux_read_member(struct linux_system *system, uint64_t address, const struct linux_member *member,
				    uint64_t *value_ret)
{
	uint8_t bytes[8];
	struct linux_member first = *member;
	if (member->size == 0 || member->size > sizeof(bytes))
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a member of %u bytes is no number", member->size);
	struct sdb_error *error = linux_read(system, address + member->at, bytes, member->size);
	first.at = 0;
	if (!error)
		*value_ret = linux_member_of(bytes, &first);
	return error;
}

struct sdb_error *linux_read_text(struct linux_system *system, uint64_t address, char *text, size_t size)
{
	size_t done = 0;
	text[0] = '\0';
	while (done + 1 < size) {
		/* No further than this page: the end may lie on it, and the next not be there. */
		size_t want = 4096 - (size_t)((address + done) & 4095);
		if (want > size - 1 - done)
			want = size - 1 - done;
		struct sdb_error *error = linux_read(system, address + done, text + done, want);
		if (error) {
			text[done] = '\0';
			if (!done)
				return error;
			sdb_error_free(error);
			return NULL;
		}
		if (memchr(text + done, 0, want))
			return NULL;
		done += want;
	}
	text[done] = '\0';
	return NULL;
}
