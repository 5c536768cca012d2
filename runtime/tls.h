/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_TLS_H
#define RUNTIME_TLS_H

#include "space.h"

/*
 * The address of OFFSET in the thread-local storage that THREAD has of MODULE, by the ABI of
 * glibc on x86 (Drepper, "ELF Handling For Thread-Local Storage", variant II).
 */
struct sdb_error *tls_address(struct sdb_thread *thread, struct sdb_module *module, uint64_t offset,
			      uint64_t *address_ret);

#endif
