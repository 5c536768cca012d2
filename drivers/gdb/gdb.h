/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_GDB_H
#define DRIVERS_GDB_GDB_H

#include "runtime/driver.h"

extern const struct driver driver_gdb;

#endif
