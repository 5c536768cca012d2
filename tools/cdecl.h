/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_CDECL_H
#define TOOLS_CDECL_H

/* Declarations in C syntax: `int (*handler)(struct pt_regs *, long)`. */

#include "session.h"

/*
 * Appends the declaration of NAME (NULL or empty: none) with type TYPE. WIDTH > 0 pads the part
 * in front of the name to that many columns.
 */
void cdecl_put(struct session *session, struct text *to, sdb_type_id type, const char *name,
	       unsigned width);
/* Appends the name of TYPE as it is said in a declaration, `struct list_head *`. */
void cdecl_type(struct session *session, struct text *to, sdb_type_id type);
/* Appends `struct task_struct`, `enum pid_type`, `ns::thing`: the head of a named type. */
void cdecl_head(struct session *session, struct text *to, const struct type_outline *type);
/* Appends the prototype of FUNCTION under NAME. */
void cdecl_prototype(struct session *session, struct text *to, const struct sdb_function *function,
		     const char *name);
/* Appends `<int, 3>`: template arguments; nothing when there are none. */
void cdecl_templates(struct session *session, struct text *to, const struct sdb_template *templates,
		     size_t count);

#endif
