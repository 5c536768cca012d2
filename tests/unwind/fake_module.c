/* SPDX-License-Identifier: MIT */
#include "fake_module.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fake_module_init(struct module *module)
{
	*module = (struct module){ .info = { .elf_machine = EM_X86_64, .elf_class = ELFCLASS64,
					     .elf_data = ELFDATA2LSB, .elf_type = ET_EXEC } };
}

void fake_module_add(struct module *module, const char *name, const void *data, size_t size,
		     uint64_t address, uint64_t flags)
{
	size_t i = module->section_count++;
	module->sections[i] = (struct sdb_section){ .index = (uint32_t)i + 1, .name = name,
						    .type = SHT_PROGBITS, .flags = flags,
						    .address = address, .size = size };
	module->data[i] = (struct section_data){ .data = data, .size = size, .address = address };
}

struct sdb_error *module_open(const char *path, const struct module_options *options,
			      struct module **module_ret)
{
	(void)options;
	*module_ret = NULL;
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: no files in this test", path);
}

void module_close(struct module *module)
{
	(void)module;
}

const struct sdb_db_info *module_info(const struct module *module)
{
	return &module->info;
}

size_t module_sections(const struct module *module, const struct sdb_section **sections_ret)
{
	*sections_ret = module->sections;
	return module->section_count;
}

struct sdb_error *module_code_section(struct module *module, const char *name,
				      struct section_data *data_ret)
{
	*data_ret = (struct section_data){ 0 };
	for (size_t i = 0; i < module->section_count; i++) {
		if (strcmp(module->sections[i].name, name) == 0)
			*data_ret = module->data[i];
	}
	return NULL;
}

struct sdb_error *module_debug_section(struct module *module, const char *name,
				       struct section_data *data_ret)
{
	return module_code_section(module, name, data_ret);
}

void section_release(const void *data, size_t size)
{
	(void)data;
	(void)size;
}

void module_warn(struct module *module, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vsnprintf(module->last_warning, sizeof(module->last_warning), format, list);
	va_end(list);
	module->warnings++;
}
