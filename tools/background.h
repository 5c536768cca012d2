/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_BACKGROUND_H
#define TOOLS_BACKGROUND_H

/*
 * From here on nobody waits for this process: it uses no standard stream of others, and all its threads run only when
 * nobody else wants to.
 */
void background_enter(void);

#endif
