/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_RULES_H
#define TOOLS_RULES_H

/* Unwind rules in readelf's notation: `rsp+8`, `c-16`, `u`, `s`, `vexp`. */

#include "session.h"

const char *rules_source_name(enum sdb_unwind_source source);
const char *rules_orc_type_name(enum sdb_orc_type type);
void rules_put_register(struct session *session, struct text *to, uint64_t number);
/* The CFA of ROW: `rsp+8`, `[rsp+8]` when it is read from there, `exp: ...`. */
void rules_put_cfa(struct session *session, struct text *to, const struct sdb_unwind_row *row);
void rules_put_rule(struct session *session, struct text *to, const struct sdb_rule *rule);

#endif
