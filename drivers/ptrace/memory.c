/* SPDX-License-Identifier: MIT */
/* Memory of a process, in bulk. */

#include "process.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

/* process_vm_readv() takes these as signed. */
#define ADDRESS_MAX ((uint64_t)INT64_MAX)

static struct sdb_error *ended(struct sdb_target *target)
{
	target->lost = true;
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "process %lld has ended", (long long)target->pid);
}

struct sdb_error *memory_read(struct sdb_target *target, uint64_t address, void *buffer, size_t size, size_t *done_ret)
{
	*done_ret = 0;
	if (address > ADDRESS_MAX || size == 0)
		return NULL; /* vsyscall and the kernel: nothing that can be read */
	/* A word is read faster through a thread that stands still than by pinning its page. */
	pid_t peek = process_of(target)->peek;
	if (peek && size <= sizeof(long) && (address & 4095) <= 4096 - sizeof(long)) {
		errno = 0;
		long word = ptrace(PTRACE_PEEKDATA, peek, address, 0);
		if (!errno) {
			memcpy(buffer, &word, size);
			*done_ret = size;
			return NULL;
		}
	}
	if (size > ADDRESS_MAX - address)
		size = (size_t)(ADDRESS_MAX - address);
	while (*done_ret < size) {
		struct iovec to = { (uint8_t *)buffer + *done_ret, size - *done_ret };
		struct iovec from = { (void *)(uintptr_t)(address + *done_ret), size - *done_ret };
		ssize_t got = process_vm_readv((pid_t)target->pid, &to, 1, &from, 1, 0);
		int reason = errno;
		/* Pages without read permission, of devices, or a system without that call. */
		if (got < 0 && reason != ESRCH)
			got = pread(process_of(target)->memory, to.iov_base, to.iov_len,
				    (off_t)(address + *done_ret));
		if (got < 0 && (reason == ESRCH || errno == ESRCH))
			return *done_ret ? NULL : ended(target);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return NULL;
		*done_ret += (size_t)got;
	}
	return NULL;
}

struct sdb_error *memory_write(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	for (size_t done = 0; done < size;) {
		/* This file writes to what is mapped read-only, too: a private copy of the page then. */
		ssize_t put = address > ADDRESS_MAX ? -1 : pwrite(process_of(target)->memory,
			(const uint8_t *)buffer + done, size - done, (off_t)(address + done));
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno != EIO && errno != EFAULT && address <= ADDRESS_MAX)
			return sdb_error_errno(errno, "cannot write %#llx", (unsigned long long)(address + done));
		if (put == 0) /* it has no memory any more (mem_rw() of fs/proc/base.c) */
			return ended(target);
		if (put < 0)
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "cannot write %#llx: nothing is mapped there",
					     (unsigned long long)(address + done));
		done += (size_t)put;
	}
	return NULL;
}
