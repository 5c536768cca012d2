/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_SPEC_H
#define RUNTIME_SPEC_H

#include <stackdb/spec.h>

/* Memory of a specification: pieces that are freed together. */
struct spec_memory;

/* A copy of TEXT that lives as long as *MEMORY; NULL for NULL. Sets *FAILED when memory is short. */
char *spec_keep(struct spec_memory **memory, const char *text, bool *failed);
/* The same of a NULL-terminated list. */
char **spec_keep_list(struct spec_memory **memory, char *const *list, bool *failed);
void spec_memory_free(struct spec_memory *memory);

/* Copies SPEC with everything it points to. */
struct sdb_error *spec_copy(const struct sdb_spec *spec, struct sdb_spec *copy_ret, struct spec_memory **memory_ret);

#endif
