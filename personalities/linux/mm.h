/* SPDX-License-Identifier: MIT */
#ifndef PERSONALITIES_LINUX_MM_H
#define PERSONALITIES_LINUX_MM_H

#include "linux.h"

struct linux_mm_layout {
	struct linux_member map, tree, tree_root, pgd, arg_start, arg_end, env_start, env_end, brk, start_brk, start_stack;
	struct linux_member area_size, start, end, next, flags, offset, file, ops, private, special_name;
	struct linux_member file_path, file_inode, file_mapping, path_mnt, path_dentry;
	struct linux_member dentry_name, dentry_parent, dentry_hash, dentry_inode, name_text, name_length;
	struct linux_member mount_mnt, mount_parent, mount_point, mnt_root;
	struct linux_member inode_number, inode_super, super_device;
	struct linux_member pages, pages_head, node_shift, node_slots, page_size, page_index, page_flags;
	struct linux_member range_pivots, range_slots, arange_pivots, arange_slots;
	uint64_t special_ops, legacy_special_ops;
	uint64_t pages_at;       /* where the structs of pages begin; 0: not known */
	int up_to_date;          /* bit of page_flags; -1: not known */
	bool radix;              /* the page cache is a radix tree, with other marks on its pointers */
};

/* A mapped area of a process. */
struct linux_area {
	uint64_t address;        /* of its struct vm_area_struct */
	uint64_t low, high, flags, page_offset, file, ops, private;
};

#define LINUX_VM_READ 0x1u
#define LINUX_VM_WRITE 0x2u
#define LINUX_VM_EXEC 0x4u
#define LINUX_VM_MAYSHARE 0x80u

struct sdb_error *linux_load_mm(struct linux_system *system);

/* ---- areas.c --------------------------------------------------------------------------------------- */

typedef struct sdb_error *(*linux_area_fn)(void *arg, const struct linux_area *area);
/* Each area of the address space MM, by address; CORRUPT after what could be had. */
struct sdb_error *linux_each_area(struct linux_system *system, uint64_t mm, linux_area_fn fn, void *arg);

/* ---- path.c ------------------------------------------------------------------------------------------ */

/* The path of the open file FILE from the root of all, as /proc/PID/maps has it. False: not to be followed. */
bool linux_file_path(struct linux_system *system, uint64_t file, char *path, size_t size, bool *deleted_ret);
void linux_file_identity(struct linux_system *system, uint64_t file, uint64_t *device_ret, uint64_t *inode_ret);

/* ---- mm.c, pagecache.c --------------------------------------------------------------------------------- */

struct sdb_error *linux_mm_paging(struct linux_system *system, uint64_t mm, struct paging *paging_ret);
struct sdb_error *linux_process_paging(struct sdb_target *target, int64_t pid, struct paging *paging_ret);
struct sdb_error *linux_process_regions(struct sdb_target *target, int64_t pid, struct space *space);
struct sdb_error *linux_command_line(struct sdb_target *target, int64_t pid, char **words_ret, size_t *size_ret);
struct sdb_error *linux_read_absent(struct sdb_target *target, int64_t pid, uint64_t address, void *buffer, size_t size,
				    size_t *done_ret);
/* The same of an address space whose tables are PAGING. */
struct sdb_error *linux_read_cached(struct linux_system *system, uint64_t mm, const struct paging *paging,
				    uint64_t address, void *buffer, size_t size, size_t *done_ret);

#endif
