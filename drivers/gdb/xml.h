/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_XML_H
#define DRIVERS_GDB_XML_H

/*
 * Reads the XML that gdb stubs send: elements and their attributes; text between them is passed over. Strict: what
 * is not well-formed, or nested too deep, is an error. Nothing is expanded but the five named entities and
 * character references, so that a text never becomes longer than it is.
 */

#include <stackdb/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XML_DEPTH_MAX 32
#define XML_ATTRIBUTES_MAX 32

struct xml_attribute {
	const char *name, *value;
};

struct xml_element {
	const char *name;
	struct xml_attribute attributes[XML_ATTRIBUTES_MAX];
	size_t attribute_count;
	unsigned depth; /* 0: the root */
};

struct xml_handler {
	/* An element begins. An error ends the reading. What ELEMENT points to is valid during the call. */
	struct sdb_error *(*begin)(void *arg, const struct xml_element *element);
	/* An element without elements in it has ended; TEXT is what stood in it, with blanks. May be NULL. */
	struct sdb_error *(*text)(void *arg, const char *name, const char *text);
	void *arg;
};

/* TEXT is overwritten; there is a NUL behind its SIZE bytes. CORRUPT: it is not well-formed. */
struct sdb_error *xml_read(char *text, size_t size, const struct xml_handler *handler);

/* NULL: ELEMENT has none. */
const char *xml_attribute(const struct xml_element *element, const char *name);
/* The same as a number, decimal or 0x; false: it has none, or that is no number. */
bool xml_number(const struct xml_element *element, const char *name, uint64_t *number_ret);

#endif
