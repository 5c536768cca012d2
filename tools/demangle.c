/* SPDX-License-Identifier: MIT */
#include "demangle.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

typedef char *(*demangle_fn)(const char *name, char *buffer, size_t *length, int *status);

char *demangle(const char *name)
{
	static demangle_fn function;
	static bool tried;
	if (name[0] != '_' || name[1] != 'Z')
		return NULL;
	if (!tried) {
		void *library = dlopen("libstdc++.so.6", RTLD_LAZY);
		tried = true;
		if (library)
			*(void **)&function = dlsym(library, "__cxa_demangle");
	}
	int status;
	return function ? function(name, NULL, NULL, &status) : NULL;
}
