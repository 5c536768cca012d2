/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_MAPS_H
#define DRIVERS_MAPS_H

/* /proc/PID/maps, for those drivers whose targets are processes of a Linux: read here or through something. */

#include "runtime/space.h"

/*
 * Adds what LINE (without its newline; it is changed) says to SPACE. A line that makes no sense, and
 * [vsyscall], which is of the kernel, are passed over.
 */
struct sdb_error *maps_add_line(struct space *space, char *line);

#endif
