/* SPDX-License-Identifier: MIT */
/*
 * The kernel's log: a ring of descriptors and one of text (kernel/printk/printk_ringbuffer.h, since v5.10,
 * 896fbe20b4e2 "printk: use the lockless ringbuffer"), or records one behind the other in log_buf (since v3.5,
 * 7ff9554bb578 "printk: convert byte-buffer to variable-length record buffer").
 */

#include "linux.h"

#include <stdlib.h>

#define TEXT_MAX 65536u /* a length has 16 bits */
#define STATE_SHIFT 62
#define STATE_FINALIZED 2u /* enum desc_state: complete, and nothing is added to it */

struct linux_log_layout {
	struct linux_member count_bits, descs, infos, head, tail, data_bits, data;
	struct linux_member desc_size, desc_state, desc_begin, desc_next;
	struct linux_member info_size, sequence, time, length, facility, level;
	struct linux_member old_size, old_time, old_total, old_length, old_facility, old_level;
	uint64_t ring;       /* 0: the older log */
	uint64_t buffer, buffer_size, first, next, first_sequence;
};

#define AT(field) offsetof(struct linux_log_layout, field)
static const struct linux_wanted wanted[] = {
	{ AT(count_bits), "printk_ringbuffer", "desc_ring.count_bits", true },
	{ AT(descs), "printk_ringbuffer", "desc_ring.descs", true },
	{ AT(infos), "printk_ringbuffer", "desc_ring.infos", true },
	{ AT(head), "printk_ringbuffer", "desc_ring.head_id", true },
	{ AT(tail), "printk_ringbuffer", "desc_ring.tail_id", true },
	{ AT(data_bits), "printk_ringbuffer", "text_data_ring.size_bits", true },
	{ AT(data), "printk_ringbuffer", "text_data_ring.data", true },
	{ AT(desc_size), "prb_desc", NULL, true },
	{ AT(desc_state), "prb_desc", "state_var", true },
	{ AT(desc_begin), "prb_desc", "text_blk_lpos.begin", true },
	{ AT(desc_next), "prb_desc", "text_blk_lpos.next", true },
	{ AT(info_size), "printk_info", NULL, true },
	{ AT(sequence), "printk_info", "seq", true },
	{ AT(time), "printk_info", "ts_nsec", true },
	{ AT(length), "printk_info", "text_len", true },
	{ AT(facility), "printk_info", "facility", true },
	{ AT(level), "printk_info", "level", true },
	{ AT(old_size), "printk_log|log", NULL, true },
	{ AT(old_time), "printk_log|log", "ts_nsec", true },
	{ AT(old_total), "printk_log|log", "len", true },
	{ AT(old_length), "printk_log|log", "text_len", true },
	{ AT(old_facility), "printk_log|log", "facility", true },
	{ AT(old_level), "printk_log|log", "level", true },
};

static struct sdb_error *load(struct linux_system *system)
{
	if (system->log)
		return NULL;
	struct linux_log_layout *layout = calloc(1, sizeof(*layout));
	struct sdb_error *error = layout ? linux_layout(system, wanted, sizeof(wanted) / sizeof(wanted[0]), layout) : NO_MEMORY();
	if (!error) {
		layout->ring = linux_has(&layout->count_bits) && linux_has(&layout->infos) ? linux_symbol_or_0(system, "prb") : 0;
		layout->buffer = linux_symbol_or_0(system, "log_buf");
		layout->buffer_size = linux_symbol_or_0(system, "log_buf_len");
		layout->first = linux_symbol_or_0(system, "log_first_idx");
		layout->next = linux_symbol_or_0(system, "log_next_idx");
		layout->first_sequence = linux_symbol_or_0(system, "log_first_seq");
		bool old = linux_has(&layout->old_size) && layout->old_size.size <= 64 && layout->buffer && layout->first && layout->next;
		if (!layout->ring && !old)
			error = sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: how this kernel keeps its log is not known", system->db_path);
		else if (layout->ring && (layout->desc_size.size > 256 || layout->info_size.size > 512))
			error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: the log's structures make no sense", system->db_path);
	}
	if (error)
		free(layout);
	else
		system->log = layout;
	return error;
}

/* ---- the ring ------------------------------------------------------------------------------------------- */

struct ring {
	struct linux_system *system;
	uint64_t descs, infos, head, tail, data;
	uint64_t count, size; /* powers of two */
	char *text;
};

static struct sdb_error *read_ring(struct ring *ring)
{
	struct linux_system *system = ring->system;
	const struct linux_log_layout *layout = system->log;
	uint64_t at, count_bits, size_bits;
	struct sdb_error *error = linux_read_u64(system, layout->ring, &at);
	if (!error)
		error = linux_read_member(system, at, &layout->count_bits, &count_bits);
	if (!error)
		error = linux_read_member(system, at, &layout->data_bits, &size_bits);
	if (!error)
		error = linux_read_member(system, at, &layout->descs, &ring->descs);
	if (!error)
		error = linux_read_member(system, at, &layout->infos, &ring->infos);
	if (!error)
		error = linux_read_member(system, at, &layout->data, &ring->data);
	if (!error)
		error = linux_read_member(system, at, &layout->head, &ring->head);
	if (!error)
		error = linux_read_member(system, at, &layout->tail, &ring->tail);
	if (error)
		return error;
	/* LOG_BUF_LEN_MAX is 2^31. */
	if (count_bits > 26 || size_bits > 31)
		return sdb_error_new(SDB_ERROR_CORRUPT, "the log has 2^%llu records in 2^%llu bytes: that cannot be",
				     (unsigned long long)count_bits, (unsigned long long)size_bits);
	ring->count = 1ull << count_bits;
	ring->size = 1ull << size_bits;
	return NULL;
}

/* Where the text of a descriptor begins and how many bytes it may have: get_data() of printk_ringbuffer.c. */
static bool find_text(const struct ring *ring, uint64_t begin, uint64_t next, uint64_t *at_ret, uint64_t *size_ret)
{
	uint64_t mask = ring->size - 1;
	*size_ret = 0;
	if (begin & 1 && next & 1) /* none: it was empty, or there was no room */
		return true;
	if ((begin & ~mask) == (next & ~mask) && begin < next) {
		*at_ret = begin & mask;
		*size_ret = next - begin;
	} else if (begin + ring->size - ((begin + ring->size) & mask) == (next & ~mask)) {
		*at_ret = 0; /* it did not fit at the end */
		*size_ret = next & mask;
	} else {
		return false;
	}
	/* In front of the text is the number of its descriptor. */
	if (*size_ret < 8)
		return false;
	*at_ret += 8;
	*size_ret -= 8;
	return true;
}

static struct sdb_error *tell_descriptor(struct ring *ring, uint64_t id, sdb_log_record_fn fn, void *arg)
{
	struct linux_system *system = ring->system;
	const struct linux_log_layout *layout = system->log;
	uint8_t desc[256], info[512];
	uint64_t index = id & (ring->count - 1), at = 0, room;
	if (!linux_copy(system, ring->descs + index * layout->desc_size.size, desc, layout->desc_size.size)
	    || !linux_copy(system, ring->infos + index * layout->info_size.size, info, layout->info_size.size))
		return sdb_error_new(SDB_ERROR_CORRUPT, "record %llu of the log cannot be read", (unsigned long long)id);
	uint64_t state = linux_member_of(desc, &layout->desc_state);
	if (state >> STATE_SHIFT != STATE_FINALIZED || (state & ((1ull << STATE_SHIFT) - 1)) != id)
		return NULL; /* it is being written, or was given to another one meanwhile */
	if (!find_text(ring, linux_member_of(desc, &layout->desc_begin), linux_member_of(desc, &layout->desc_next), &at, &room))
		return sdb_error_new(SDB_ERROR_CORRUPT, "the text of record %llu of the log is nowhere", (unsigned long long)id);
	struct sdb_log_record record = {
		.sequence = linux_member_of(info, &layout->sequence), .time = linux_member_of(info, &layout->time),
		.level = (unsigned)linux_member_of(info, &layout->level), .facility = (unsigned)linux_member_of(info, &layout->facility),
		.text = ring->text,
	};
	uint64_t length = linux_member_of(info, &layout->length);
	record.length = (size_t)(length < room ? length : room);
	if (record.length > TEXT_MAX)
		record.length = TEXT_MAX;
	if (!linux_copy(system, ring->data + at, ring->text, record.length))
		return sdb_error_new(SDB_ERROR_CORRUPT, "the text of record %llu of the log cannot be read", (unsigned long long)id);
	ring->text[record.length] = '\0';
	return fn(arg, &record);
}

static struct sdb_error *tell_ring(struct linux_system *system, char *text, sdb_log_record_fn fn, void *arg)
{
	struct ring ring = { .system = system, .text = text };
	struct sdb_error *error = read_ring(&ring), *first = NULL;
	uint64_t mask = (1ull << STATE_SHIFT) - 1; /* numbers wrap below the bits of the state */
	if (error)
		return error;
	uint64_t id = ring.tail & mask, last = ring.head & mask;
	for (uint64_t i = 0; i < ring.count; i++, id = (id + 1) & mask) {
		error = tell_descriptor(&ring, id, fn, arg);
		/* What is wrong with one record costs only that. */
		if (error && sdb_error_code(error) == SDB_ERROR_CORRUPT && !first)
			first = error;
		else if (error && sdb_error_code(error) == SDB_ERROR_CORRUPT)
			sdb_error_free(error);
		else if (error) {
			sdb_error_free(first);
			return error;
		}
		if (id == last)
			break;
	}
	return first;
}

/* ---- the older buffer -------------------------------------------------------------------------------------- */

static struct sdb_error *tell_buffer(struct linux_system *system, char *text, sdb_log_record_fn fn, void *arg)
{
	const struct linux_log_layout *layout = system->log;
	uint64_t buffer, sequence = 0;
	uint32_t size = 0, at, end;
	uint8_t head[64];
	struct sdb_error *error = linux_read_u64(system, layout->buffer, &buffer);
	if (!error && layout->buffer_size)
		error = linux_read_u32(system, layout->buffer_size, &size);
	if (!error)
		error = linux_read_u32(system, layout->first, &at);
	if (!error)
		error = linux_read_u32(system, layout->next, &end);
	if (!error && layout->first_sequence)
		error = linux_read_u64(system, layout->first_sequence, &sequence);
	/* Each step goes on by a header at least, and wraps once. */
	for (uint64_t steps = 0; !error && at != end; sequence++) {
		if (at >= size || ++steps > size / layout->old_size.size + 1)
			return sdb_error_new(SDB_ERROR_CORRUPT, "the log goes on at %u of %u bytes", at, size);
		error = linux_read(system, buffer + at, head, layout->old_size.size);
		if (error)
			break;
		uint32_t total = (uint32_t)linux_member_of(head, &layout->old_total);
		uint32_t length = (uint32_t)linux_member_of(head, &layout->old_length);
		if (!total) { /* the rest of the buffer was too small */
			if (!at)
				return sdb_error_new(SDB_ERROR_CORRUPT, "the log has a record without a length");
			at = 0;
			sequence--;
			continue;
		}
		if (total < layout->old_size.size || length > total - layout->old_size.size)
			return sdb_error_new(SDB_ERROR_CORRUPT, "the record at %u of the log has %u bytes of text in %u", at, length, total);
		error = linux_read(system, buffer + at + layout->old_size.size, text, length);
		if (error)
			break;
		text[length] = '\0';
		const struct sdb_log_record record = {
			.sequence = sequence, .time = linux_member_of(head, &layout->old_time),
			.level = (unsigned)linux_member_of(head, &layout->old_level),
			.facility = (unsigned)linux_member_of(head, &layout->old_facility), .text = text, .length = length,
		};
		error = fn(arg, &record);
		at += total;
	}
	return error;
}

struct sdb_error *linux_log(struct sdb_target *target, sdb_log_record_fn fn, void *arg)
{
	struct linux_system *system = linux_of(target);
	struct sdb_error *error = load(system);
	if (error)
		return error;
	char *text = malloc(TEXT_MAX + 1);
	if (!text)
		return NO_MEMORY();
	error = system->log->ring ? tell_ring(system, text, fn, arg) : tell_buffer(system, text, fn, arg);
	free(text);
	return error;
}
