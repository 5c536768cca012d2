/* SPDX-License-Identifier: MIT */
/* The BTF of a module, and the base that it continues. */

#include "btf_types.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Far above any kernel's BTF. */
#define MAX_FILE (UINT64_C(1) << 30)

/* /sys/kernel/btf/vmlinux cannot be mapped by older kernels: it is read. */
static struct sdb_error *read_file(const char *path, uint8_t **data_ret, size_t *size_ret)
{
	struct stat status;
	struct sdb_error *error = NULL;
	uint8_t *data = NULL;
	size_t size = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0)
		error = sdb_error_errno(errno, "%s", path);
	else if ((uint64_t)status.st_size > MAX_FILE)
		error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: too large for BTF", path);
	else if (!(data = malloc((size_t)status.st_size + 1)))
		error = sdb_error_new(SDB_ERROR_MEMORY, "%s: out of memory", path);
	while (!error && size < (size_t)status.st_size) {
		ssize_t got = read(fd, data + size, (size_t)status.st_size - size);
		if (got > 0)
			size += (size_t)got;
		else if (got < 0 && errno != EINTR)
			error = sdb_error_errno(errno, "%s", path);
		else if (got == 0)
			break;
	}
	if (fd >= 0)
		close(fd);
	if (error) {
		free(data);
		return error;
	}
	*data_ret = data;
	*size_ret = size;
	return NULL;
}

static void ignore_warning(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

/* A copy of the .BTF of an ELF file. */
static struct sdb_error *read_elf(const char *path, uint8_t **data_ret, size_t *size_ret)
{
	struct module_options options = { .warn = ignore_warning };
	struct module *module;
	struct section_data section;
	struct sdb_error *error = module_open(path, &options, &module);
	if (error)
		return error;
	error = module_code_section(module, ".BTF", &section);
	if (!error && !section.data)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: has no section .BTF", path);
	if (!error) {
		*data_ret = malloc(section.size + 1);
		*size_ret = section.size;
		if (*data_ret)
			memcpy(*data_ret, section.data, section.size);
		else
			error = sdb_error_new(SDB_ERROR_MEMORY, "%s: out of memory", path);
	}
	module_close(module);
	return error;
}

static bool is_elf(const char *path)
{
	char magic[4] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool elf = fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
		   memcmp(magic, "\177ELF", sizeof(magic)) == 0;
	if (fd >= 0)
		close(fd);
	return elf;
}

static struct sdb_error *open_base_file(const char *path, struct btf **base_ret)
{
	uint8_t *data = NULL;
	size_t size = 0;
	struct sdb_error *error = is_elf(path) ? read_elf(path, &data, &size)
					       : read_file(path, &data, &size);
	if (error)
		return error;
	error = btf_open(data, size, NULL, base_ret);
	if (error) {
		free(data);
		return sdb_error_prefix(error, "%s", path);
	}
	(*base_ret)->own_data = data;
	return NULL;
}

/* *BASE_RET is NULL when there is none. */
static struct sdb_error *open_base(struct module *module, const char *path, struct btf **base_ret)
{
	struct section_data section;
	struct sdb_error *error = module_code_section(module, ".BTF.base", &section);
	*base_ret = NULL;
	if (error)
		return error;
	if (section.data)
		return btf_open(section.data, section.size, NULL, base_ret);
	return path ? open_base_file(path, base_ret) : NULL;
}

struct sdb_error *btf_load(struct module *module, const char *base_path, struct btf **btf_ret)
{
	struct section_data section;
	struct btf *base = NULL;
	*btf_ret = NULL;
	struct sdb_error *error = module_code_section(module, ".BTF", &section);
	if (!error && !section.data)
		error = module_debug_section(module, ".BTF", &section);
	if (error || !section.data)
		return error;
	error = open_base(module, base_path, &base);
	if (error) { /* go on without it */
		module_warn(module, "the base of .BTF: %s", sdb_error_message(error));
		sdb_error_free(error);
	}
	error = btf_open(section.data, section.size, base, btf_ret);
	if (error) {
		btf_close(base);
		if (sdb_error_code(error) == SDB_ERROR_MEMORY)
			return error;
		module_warn(module, "%s; its types are left out", sdb_error_message(error));
		sdb_error_free(error);
		return NULL;
	}
	(*btf_ret)->own_base = base;
	if (btf_is_partial(*btf_ret))
		module_warn(module, ".BTF continues that of the kernel (vmlinux), which was not given: "
			    "types that only the kernel has are missing");
	return NULL;
}
