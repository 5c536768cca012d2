/* SPDX-License-Identifier: MIT */
/* The path of an open file, from the leaf up: prepend_path() of fs/d_path.c. */

#include "mm.h"

#include <sys/sysmacros.h>

#define COMPONENTS_MAX 256
#define NAME_MAX_LENGTH 255

/* Puts NAME of LENGTH bytes and a `/` in front of what begins at *AT; false: no room. */
static bool prepend(char *path, size_t *at, const char *name, size_t length)
{
	if (*at < length + 1)
		return false;
	*at -= length;
	memcpy(path + *at, name, length);
	path[--*at] = '/';
	return true;
}

static bool prepend_name(struct linux_system *system, uint64_t dentry, char *path, size_t *at)
{
	const struct linux_mm_layout *layout = system->mm;
	uint64_t text, length = 0;
	char name[NAME_MAX_LENGTH + 1];
	uint64_t qstr = dentry + layout->dentry_name.at;
	if (!linux_u64(system, qstr + layout->name_text.at, &text)
	    || !linux_copy(system, qstr + layout->name_length.at, &length, 4) || length > NAME_MAX_LENGTH
	    || !linux_copy(system, text, name, length))
		return false;
	return prepend(path, at, name, length);
}

static bool is_deleted(struct linux_system *system, uint64_t dentry)
{
	uint64_t hashed;
	const struct linux_member *hash = &system->mm->dentry_hash;
	return linux_has(hash) && linux_u64(system, dentry + hash->at, &hashed) && !hashed; /* d_unhashed() */
}

/* One step up: to the parent, or over the root of a mounted file system to where that is mounted. */
static bool climb(struct linux_system *system, uint64_t *dentry, uint64_t *mnt, char *path, size_t *at, bool *end)
{
	const struct linux_mm_layout *layout = system->mm;
	uint64_t root, parent, above;
	if (!linux_u64(system, *mnt + layout->mnt_root.at, &root))
		return false;
	if (*dentry == root) {
		uint64_t mount = *mnt - layout->mount_mnt.at;
		if (!linux_u64(system, mount + layout->mount_parent.at, &above) || !linux_u64(system, mount + layout->mount_point.at, dentry))
			return false;
		*end = above == mount;
		*mnt = above + layout->mount_mnt.at;
		return true;
	}
	if (!linux_u64(system, *dentry + layout->dentry_parent.at, &parent) || !prepend_name(system, *dentry, path, at))
		return false;
	*end = parent == *dentry; /* in no directory: memfd:NAME and the like */
	*dentry = parent;
	return true;
}

bool linux_file_path(struct linux_system *system, uint64_t file, char *path, size_t size, bool *deleted_ret)
{
	const struct linux_mm_layout *layout = system->mm;
	uint64_t dentry, mnt;
	size_t at = size - 1;
	bool end = false;
	*deleted_ret = false;
	if (!linux_has(&layout->file_path) || !linux_has(&layout->mount_mnt) || !linux_has(&layout->mount_parent)
	    || !linux_has(&layout->mount_point) || !linux_has(&layout->mnt_root)
	    || !linux_u64(system, file + layout->file_path.at + layout->path_dentry.at, &dentry)
	    || !linux_u64(system, file + layout->file_path.at + layout->path_mnt.at, &mnt))
		return false;
	*deleted_ret = is_deleted(system, dentry);
	path[at] = '\0';
	for (unsigned i = 0; !end; i++)
		if (i == COMPONENTS_MAX || !climb(system, &dentry, &mnt, path, &at, &end))
			return false;
	if (path[at] == '\0')
		path[--at] = '/';
	memmove(path, path + at, size - at);
	return true;
}

void linux_file_identity(struct linux_system *system, uint64_t file, uint64_t *device_ret, uint64_t *inode_ret)
{
	const struct linux_mm_layout *layout = system->mm;
	uint64_t inode, super, dentry;
	uint32_t device;
	*device_ret = *inode_ret = 0;
	/* f_inode since v3.9, dd37978c50bc "cache the value of file_inode() in struct file" */
	bool found = linux_has(&layout->file_inode) ? linux_u64(system, file + layout->file_inode.at, &inode)
		: linux_u64(system, file + layout->file_path.at + layout->path_dentry.at, &dentry)
		  && linux_u64(system, dentry + layout->dentry_inode.at, &inode);
	if (!found || !linux_u64(system, inode + layout->inode_number.at, inode_ret)
	    || !linux_u64(system, inode + layout->inode_super.at, &super)
	    || !linux_copy(system, super + layout->super_device.at, &device, 4))
		return;
	*device_ret = makedev(device >> 20, device & 0xfffff); /* include/linux/kdev_t.h */
}
