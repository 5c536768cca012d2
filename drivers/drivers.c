/* SPDX-License-Identifier: MIT */
/* The drivers that are part of the library. */

#include "runtime/driver.h"
#include "gdb/stub.h"
#include "process/guest_process.h"
#include "ptrace/process.h"

const struct driver *const drivers_builtin[] = { &driver_ptrace, &driver_gdb, &driver_process, NULL };
