/* SPDX-License-Identifier: MIT */
#include "maps.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* The kernel writes a newline in a name as \012. */
static void unescape(char *name)
{
	char *to = name;
	for (const char *from = name; *from; from++) {
		if (strncmp(from, "\\012", 4) == 0) {
			*to++ = '\n';
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

static uint32_t region_flags(const char *permissions, char *name)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(name), suffix = sizeof(deleted) - 1;
	uint32_t flags = (permissions[0] == 'r' ? SDB_REGION_READ : 0u) | (permissions[1] == 'w' ? SDB_REGION_WRITE : 0u)
		| (permissions[2] == 'x' ? SDB_REGION_EXECUTE : 0u) | (permissions[3] == 's' ? SDB_REGION_SHARED : 0u);
	if (strcmp(name, "[stack]") == 0)
		flags |= SDB_REGION_STACK;
	if (strcmp(name, "[heap]") == 0)
		flags |= SDB_REGION_HEAP;
	if (name[0] == '/' && length > suffix && strcmp(name + length - suffix, deleted) == 0) {
		name[length - suffix] = '\0';
		flags |= SDB_REGION_DELETED;
	}
	return flags;
}

static bool parse_hex(const char **at, uint64_t *value_ret)
{
	uint64_t value = 0;
	const char *begin = *at;
	for (;; (*at)++) {
		unsigned c = (unsigned char)**at, digit = c - '0' < 10 ? c - '0' : c - 'a' < 6 ? c - 'a' + 10 : 16;
		if (digit > 15)
			break;
		value = value << 4 | digit;
	}
	*value_ret = value;
	return *at != begin;
}

/* `low-high perms offset major:minor inode   name` */
static bool parse_map(char *line, struct region_found *found)
{
	const char *at = line;
	uint64_t major_number, minor_number;
	if (!parse_hex(&at, &found->low) || *at++ != '-' || !parse_hex(&at, &found->high) || *at++ != ' ')
		return false;
	const char *permissions = at;
	if (strlen(at) < 5)
		return false;
	at += 5;
	if (!parse_hex(&at, &found->offset) || *at++ != ' ' || !parse_hex(&at, &major_number) || *at++ != ':'
	    || !parse_hex(&at, &minor_number) || *at++ != ' ')
		return false;
	char *end;
	found->inode = strtoull(at, &end, 10);
	char *name = end + strspn(end, " ");
	unescape(name);
	found->device = makedev((unsigned)major_number, (unsigned)minor_number);
	found->flags = region_flags(permissions, name);
	found->name = name;
	return found->low < found->high;
}

struct sdb_error *maps_add_line(struct space *space, char *line)
{
	struct region_found found = { 0 };
	if (!parse_map(line, &found) || strcmp(found.name, "[vsyscall]") == 0)
		return NULL;
	return space_add(space, &found);
}
