/* SPDX-License-Identifier: MIT */
/* The address space of a process: its tables, what is mapped in it, its command line. */

#include "mm.h"

#include <stdio.h>
#include <stdlib.h>

#define COMMAND_LINE_MAX (1u << 20)
#define PATH_ROOM 4096

#define AT(field) offsetof(struct linux_mm_layout, field)
static const struct linux_wanted wanted[] = {
	/* a list until v6.1, 763ecb035029 "mm: remove the vma linked list" */
	{ AT(map), "mm_struct", "mmap", true },
	{ AT(tree), "mm_struct", "mm_mt", true },
	{ AT(tree_root), "maple_tree", "ma_root", true },
	{ AT(pgd), "mm_struct", "pgd", false },
	{ AT(arg_start), "mm_struct", "arg_start", true },
	{ AT(arg_end), "mm_struct", "arg_end", true },
	{ AT(env_start), "mm_struct", "env_start", true },
	{ AT(env_end), "mm_struct", "env_end", true },
	{ AT(brk), "mm_struct", "brk", true },
	{ AT(start_brk), "mm_struct", "start_brk", true },
	{ AT(start_stack), "mm_struct", "start_stack", true },
	{ AT(area_size), "vm_area_struct", NULL, false },
	{ AT(start), "vm_area_struct", "vm_start", false },
	{ AT(end), "vm_area_struct", "vm_end", false },
	{ AT(next), "vm_area_struct", "vm_next", true },
	/* v6.3, bc292ab00f6c "mm: introduce vma->vm_flags wrapper functions" */
	{ AT(flags), "vm_area_struct", "vm_flags|__vm_flags", false },
	{ AT(offset), "vm_area_struct", "vm_pgoff", false },
	{ AT(file), "vm_area_struct", "vm_file", false },
	{ AT(ops), "vm_area_struct", "vm_ops", true },
	{ AT(private), "vm_area_struct", "vm_private_data", true },
	{ AT(special_name), "vm_special_mapping", "name", true },
	{ AT(file_path), "file", "f_path", true },
	{ AT(file_inode), "file", "f_inode", true },
	{ AT(file_mapping), "file", "f_mapping", true },
	{ AT(path_mnt), "path", "mnt", true },
	{ AT(path_dentry), "path", "dentry", true },
	{ AT(dentry_name), "dentry", "d_name|__d_name", true },
	{ AT(dentry_parent), "dentry", "d_parent", true },
	{ AT(dentry_hash), "dentry", "d_hash.pprev", true },
	{ AT(dentry_inode), "dentry", "d_inode", true },
	{ AT(name_text), "qstr", "name", true },
	{ AT(name_length), "qstr", "len", true },
	/* v3.3, 7d6fec45a5131 "vfs: start hiding vfsmount guts series"; before, all is in struct vfsmount */
	{ AT(mount_mnt), "mount", "mnt", true },
	{ AT(mount_parent), "mount", "mnt_parent", true },
	{ AT(mount_point), "mount", "mnt_mountpoint", true },
	{ AT(mnt_root), "vfsmount", "mnt_root", true },
	{ AT(inode_number), "inode", "i_ino", true },
	{ AT(inode_super), "inode", "i_sb", true },
	{ AT(super_device), "super_block", "s_dev", true },
	/* v4.17, b93b016313b3 "page cache: use xa_lock" */
	{ AT(pages), "address_space", "i_pages|page_tree", true },
	{ AT(pages_head), "xarray|radix_tree_root", "xa_head|rnode", true },
	{ AT(node_shift), "xa_node|radix_tree_node", "shift", true },
	{ AT(node_slots), "xa_node|radix_tree_node", "slots", true },
	{ AT(page_size), "page", NULL, true },
	{ AT(page_index), "page", "index|__folio_index", true },
	{ AT(page_flags), "page", "flags", true },
	{ AT(range_pivots), "maple_range_64", "pivot", true },
	{ AT(range_slots), "maple_range_64", "slot", true },
	{ AT(arange_pivots), "maple_arange_64", "pivot", true },
	{ AT(arange_slots), "maple_arange_64", "slot", true },
};

/* Where the array of struct page is: a variable with CONFIG_RANDOMIZE_MEMORY, else a constant. */
static uint64_t find_pages(struct linux_system *system)
{
	uint64_t base, variable = linux_symbol_or_0(system, "vmemmap_base");
	if (variable)
		return linux_u64(system, variable, &base) ? base : 0;
	return system->paging.levels == 5 ? 0xffd4000000000000ull : 0xffffea0000000000ull;
}

struct sdb_error *linux_load_mm(struct linux_system *system)
{
	if (system->mm)
		return NULL;
	struct linux_mm_layout *layout = calloc(1, sizeof(*layout));
	struct linux_member xarray = { 0 };
	const struct linux_wanted node = { 0, "xa_node", NULL, true };
	int64_t bit = -1;
	struct sdb_error *error = layout ? linux_layout(system, wanted, sizeof(wanted) / sizeof(wanted[0]), layout) : NO_MEMORY();
	if (!error)
		error = linux_layout(system, &node, 1, &xarray);
	if (!error)
		error = linux_enumerator(system, "PG_uptodate", &bit);
	if (!error && !linux_has(&layout->map) && (!linux_has(&layout->tree) || !linux_has(&layout->tree_root)))
		error = sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: how this kernel keeps what a process has mapped is not known",
				      system->db_path);
	if (!error && layout->area_size.size > 1024)
		error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: struct vm_area_struct makes no sense", system->db_path);
	if (error) {
		free(layout);
		return error;
	}
	layout->up_to_date = bit >= 0 && bit < 64 ? (int)bit : -1;
	layout->radix = !linux_has(&xarray);
	layout->special_ops = linux_symbol_or_0(system, "special_mapping_vmops");
	layout->legacy_special_ops = linux_symbol_or_0(system, "legacy_special_mapping_vmops");
	layout->pages_at = find_pages(system);
	system->mm = layout;
	return NULL;
}

/* ---- tables ------------------------------------------------------------------------------------------- */

struct sdb_error *linux_mm_paging(struct linux_system *system, uint64_t mm, struct paging *paging_ret)
{
	uint64_t pgd;
	struct translation top;
	struct sdb_error *error = linux_load_mm(system);
	if (!error)
		error = linux_read_member(system, mm, &system->mm->pgd, &pgd);
	if (error)
		return error;
	/* With page-table isolation these have everything, too: the user's copy lies behind them. */
	if (!guest_translate(system->target, &system->paging, pgd, &top))
		return sdb_error_new(SDB_ERROR_CORRUPT, "the tables of the address space at %#llx would be at %#llx: nothing is there",
				     (unsigned long long)mm, (unsigned long long)pgd);
	*paging_ret = system->paging;
	paging_ret->root = top.physical & ~(uint64_t)4095;
	return NULL;
}

struct sdb_error *linux_process_paging(struct sdb_target *target, int64_t pid, struct paging *paging_ret)
{
	struct linux_system *system = linux_of(target);
	uint64_t task, mm;
	struct sdb_error *error = linux_process(system, pid, &task, &mm);
	return error ? error : linux_mm_paging(system, mm, paging_ret);
}

/* ---- regions --------------------------------------------------------------------------------------------- */

struct regions {
	struct linux_system *system;
	struct space *space;
	uint64_t brk, start_brk, start_stack;
	/* The file of the region before: a library is mapped in several. */
	uint64_t file, device, inode;
	bool deleted;
	char path[PATH_ROOM];
};

static uint64_t member_or_0(struct linux_system *system, uint64_t address, const struct linux_member *member)
{
	uint64_t value = 0;
	if (linux_has(member))
		sdb_error_free(linux_read_member(system, address, member, &value));
	return value;
}

/* As show_map_vma() in fs/proc/task_mmu.c names what has no file. */
static void name_area(struct regions *regions, const struct linux_area *area, char *name, size_t size, uint32_t *flags)
{
	struct linux_system *system = regions->system;
	const struct linux_mm_layout *layout = system->mm;
	uint64_t text;
	name[0] = '\0';
	if (area->ops && area->ops == layout->special_ops && linux_has(&layout->special_name)
	    && linux_u64(system, area->private + layout->special_name.at, &text)) {
		struct sdb_error *error = linux_read_text(system, text, name, size);
		if (error)
			name[0] = '\0';
		sdb_error_free(error);
	} else if (area->low <= regions->brk && area->high >= regions->start_brk && regions->start_brk) {
		snprintf(name, size, "[heap]");
		*flags |= SDB_REGION_HEAP;
	} else if (area->low <= regions->start_stack && area->high >= regions->start_stack) {
		snprintf(name, size, "[stack]");
		*flags |= SDB_REGION_STACK;
	}
}

static struct sdb_error *add_area(void *arg, const struct linux_area *area)
{
	struct regions *regions = arg;
	char name[64];
	struct region_found found = { .low = area->low, .high = area->high, .offset = area->page_offset << 12, .name = name };
	found.flags = (area->flags & LINUX_VM_READ ? SDB_REGION_READ : 0) | (area->flags & LINUX_VM_WRITE ? SDB_REGION_WRITE : 0)
		| (area->flags & LINUX_VM_EXEC ? SDB_REGION_EXECUTE : 0) | (area->flags & LINUX_VM_MAYSHARE ? SDB_REGION_SHARED : 0);
	if (area->file) {
		if (area->file != regions->file) {
			regions->file = area->file;
			if (!linux_file_path(regions->system, area->file, regions->path, sizeof(regions->path), &regions->deleted))
				regions->path[0] = '\0';
			linux_file_identity(regions->system, area->file, &regions->device, &regions->inode);
		}
		found.name = regions->path;
		found.device = regions->device;
		found.inode = regions->inode;
		found.flags |= regions->deleted ? SDB_REGION_DELETED : 0;
	} else {
		found.offset = 0; /* it counts from address 0, which says nothing */
		name_area(regions, area, name, sizeof(name), &found.flags);
	}
	return space_add(regions->space, &found);
}

struct sdb_error *linux_process_regions(struct sdb_target *target, int64_t pid, struct space *space)
{
	struct linux_system *system = linux_of(target);
	uint64_t task, mm;
	struct sdb_error *error = linux_process(system, pid, &task, &mm);
	if (!error)
		error = linux_load_mm(system);
	struct regions *regions = error ? NULL : calloc(1, sizeof(*regions));
	if (!regions)
		return error ? error : NO_MEMORY();
	regions->system = system;
	regions->space = space;
	regions->brk = member_or_0(system, mm, &system->mm->brk);
	regions->start_brk = member_or_0(system, mm, &system->mm->start_brk);
	regions->start_stack = member_or_0(system, mm, &system->mm->start_stack);
	error = linux_each_area(system, mm, add_area, regions);
	free(regions);
	if (error && sdb_error_code(error) == SDB_ERROR_CORRUPT) {
		target_log(target, SDB_LOG_MODULE, SDB_LOG_WARNING, "not all of process %lld is known: %s", (long long)pid,
			   sdb_error_message(error));
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}

/* ---- the command line -------------------------------------------------------------------------------------- */

/* Bytes of the process, from its tables or the page cache; as many as there are. */
static struct sdb_error *read_user(struct linux_system *system, uint64_t mm, const struct paging *paging, uint64_t address,
				   char *buffer, size_t size, size_t *done_ret)
{
	struct sdb_error *error = NULL;
	*done_ret = 0;
	while (!error && *done_ret < size) {
		size_t got;
		error = guest_read(system->target, paging, address + *done_ret, buffer + *done_ret, size - *done_ret, &got);
		if (!error && !got)
			error = linux_read_cached(system, mm, paging, address + *done_ret, buffer + *done_ret, size - *done_ret, &got);
		if (!error && !got)
			break;
		*done_ret += error ? 0 : got;
	}
	return error;
}

/*
 * As get_mm_cmdline() in fs/proc/base.c: a program that wrote over the end of its arguments, into its
 * environment, is taken at its word up to the next 0.
 */
struct sdb_error *linux_command_line(struct sdb_target *target, int64_t pid, char **words_ret, size_t *size_ret)
{
	struct linux_system *system = linux_of(target);
	uint64_t task = 0, mm, start, end, env_end;
	struct paging paging;
	*words_ret = calloc(1, 1);
	*size_ret = 0;
	struct sdb_error *error = *words_ret ? linux_process(system, pid, &task, &mm) : NO_MEMORY();
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND && (pid <= 0 || task)) {
		sdb_error_free(error); /* the kernel's, or it has ended */
		return NULL;
	}
	if (!error)
		error = linux_mm_paging(system, mm, &paging);
	if (!error) {
		start = member_or_0(system, mm, &system->mm->arg_start);
		end = member_or_0(system, mm, &system->mm->arg_end);
		env_end = member_or_0(system, mm, &system->mm->env_end);
		size_t size = end > start && end - start <= COMMAND_LINE_MAX ? (size_t)(end - start) : 0;
		size_t room = size && member_or_0(system, mm, &system->mm->env_start) == end && env_end > end && env_end - end < COMMAND_LINE_MAX
			? size + (size_t)(env_end - end) : size, done = 0;
		char *words = realloc(*words_ret, room + 1);
		if (!words)
			error = NO_MEMORY();
		else
			error = read_user(system, mm, &paging, start, *words_ret = words, size, &done);
		if (!error && size && done == size && words[size - 1]) {
			size_t more;
			error = read_user(system, mm, &paging, end, words + size, room - size, &more);
			done = strnlen(words, size + more);
			done += done < size + more; /* with its 0 */
		}
		*size_ret = done;
	}
	if (error) {
		free(*words_ret);
		*words_ret = NULL;
	}
	return error;
}
