/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_MACHINE_H
#define TESTS_FAKE_MACHINE_H

/*
 * A machine out of files: its RAM, and what its CPUs had in their registers when it was stopped. The
 * file that describes it has lines of
 *
 *     memory PATH                      the file with RAM; mapped privately
 *     ram ADDRESS SIZE OFFSET          a range of physical memory and where it is in that file
 *     cpu NAME=VALUE...                the next CPU: cr0 ... efer, idt, gdt, fs_base, and registers by name
 *     poke ADDRESS VALUE               eight bytes of physical memory are changed
 *     unmapped                         RAM is only read, never mapped, as with a bare stub
 *
 * with numbers in hexadecimal.
 */

#include "runtime/driver.h"

/* A target of SPEC that is the machine described in PATH. */
struct sdb_error *fake_machine_create(const struct sdb_spec *spec, const char *path, struct sdb_target **target_ret);

#endif
