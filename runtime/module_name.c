/* SPDX-License-Identifier: MIT */
#include "module_name.h"

#include <string.h>

/* The kernel calls a module with underscores whatever its file is called. */
static bool is_kernel_module(const char *name, const char *prefix)
{
	for (; *prefix; name++, prefix++)
		if (*name != *prefix && !(*name == '-' && *prefix == '_'))
			return false;
	return strncmp(name, ".ko", 3) == 0;
}

bool module_name_matches(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);
	if (!length)
		return false;
	if (is_kernel_module(name, prefix))
		return true;
	if (strncmp(name, prefix, length) != 0)
		return false;
	return !name[length] || strncmp(name + length, ".so", 3) == 0 || (name[length] == '-' && strstr(name, ".so"));
}
