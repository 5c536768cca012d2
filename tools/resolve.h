/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_RESOLVE_H
#define TOOLS_RESOLVE_H

/* From an address to its source locations, by the rules of binutils' addr2line. */

#include "session.h"

struct resolve_options {
	bool functions;
	bool inlines;
	bool basenames;
	bool demangle;
};

struct resolved {
	const char *function; /* empty: unknown. Valid until the next call */
	const char *file;     /* empty: unknown */
	uint32_t line;
	uint32_t discriminator;
};

struct resolver;
struct resolver *resolver_create(struct session *session, const struct resolve_options *options);
void resolver_destroy(struct resolver *resolver);

/* The locations of ADDRESS, innermost first; 0 when nothing is known. Fast for rising addresses. */
size_t resolve(struct resolver *resolver, uint64_t address, const struct resolved **chain_ret);

#endif
