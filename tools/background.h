/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_BACKGROUND_H
#define TOOLS_BACKGROUND_H

/*
 * From here on nobody waits for this process: it uses no standard stream of others, and all its threads have the lowest
 * priority.
 */
void background_enter(void);

#endif
