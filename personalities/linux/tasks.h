/* SPDX-License-Identifier: MIT */
#ifndef PERSONALITIES_LINUX_TASKS_H
#define PERSONALITIES_LINUX_TASKS_H

#include "linux.h"

#define LINUX_CURRENT_KEPT 64 /* CPUs whose task is read once for all */

/* What several tasks lead to is read once: the last one of a kind is remembered for as long as a list is read. */
struct linux_reader {
	struct linux_system *system;
	uint64_t current[LINUX_CURRENT_KEPT];
	uint64_t parent, parent_tgid;
	uint64_t cred;
	uint32_t ids[4];
	uint64_t user_space, user_inum;
	uint64_t proxy, namespaces[SDB_NAMESPACES];
	uint64_t pid_space, pid_inum;
	/* What could not be believed: the first such thing. */
	uint64_t bad_task, bad_address;
	const char *bad_what;
};

struct sdb_error *linux_reader_init(struct linux_reader *reader, struct linux_system *system);
/* From the task at ADDRESS, of which DATA is a copy or the thing itself; what leads nowhere is noted. */
void linux_fill_task(struct linux_reader *reader, const uint8_t *data, uint64_t address, struct sdb_task *task);
/* CORRUPT when something was noted; else NULL. */
struct sdb_error *linux_reader_trouble(const struct linux_reader *reader);

/* Finds circles in a list that is followed: Brent's algorithm. */
struct linux_circle {
	uint64_t mark;
	uint32_t steps, power;
};

/* True: ADDRESS was met before. */
static inline bool linux_circle_closes(struct linux_circle *circle, uint64_t address)
{
	if (address == circle->mark)
		return true;
	if (circle->steps++ >= circle->power) {
		circle->mark = address;
		circle->power = circle->power ? 2 * circle->power : 2;
		circle->steps = 0;
	}
	return false;
}

#endif
