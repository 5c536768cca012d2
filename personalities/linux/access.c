/* SPDX-License-Identifier: MIT */
/* The kernel's memory: where this program has it mapped at once, else through the kernel's tables. */

#include "linux.h"

/* Its physical address, where no tables have to be asked for it. */
static bool is_fixed(const struct linux_system *system, uint64_t address, uint64_t *physical_ret)
{
	if (address - system->image_low < system->image_high - system->image_low) {
		*physical_ret = system->physical_base + (address - system->image_low);
		return true;
	}
	*physical_ret = address - system->direct;
	return system->have_direct && *physical_ret < system->ram_high;
}

static const struct linux_block *find_block(struct linux_system *system, uint64_t address)
{
	const uint64_t mask = (1u << LINUX_BLOCK_BITS) - 1;
	struct linux_block *block = &system->blocks[(address >> LINUX_BLOCK_BITS) & (LINUX_BLOCKS - 1)];
	uint64_t physical;
	size_t there;
	if (address - block->low < block->size)
		return block;
	/* From its begin on when the image has that, too. */
	uint64_t low = address & ~mask;
	if (!is_fixed(system, low, &physical)) {
		low = address;
		if (!is_fixed(system, low, &physical))
			return NULL;
	}
	const uint8_t *data = guest_map_physical(system->target, physical, &there);
	if (!data)
		return NULL;
	*block = (struct linux_block){ low, there < mask + 1 - (low & mask) ? there : mask + 1 - (low & mask), data };
	return address - low < block->size ? block : NULL;
}

const uint8_t *linux_at_block(struct linux_system *system, uint64_t address, size_t size)
{
	if (system->map_changes != system->target->map_changes) {
		memset(system->blocks, 0, sizeof(system->blocks));
		system->map_changes = system->target->map_changes;
	}
	const struct linux_block *block = find_block(system, address);
	if (!block)
		return NULL;
	uint64_t at = address - block->low;
	const uint8_t *data = block->data + at;
	/* The next ones may lie behind it here, too. */
	for (uint64_t have = block->size - at; have < size; have += block->size) {
		block = find_block(system, address + have);
		if (!block || block->data != data + have)
			return NULL;
	}
	return data;
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
