/* SPDX-License-Identifier: MIT */
/* Specifications: copies of them, and splitting words. Their arguments are in spec_arguments.c. */

#include "spec.h"

#include <stdlib.h>
#include <string.h>

struct spec_memory {
	struct spec_memory *next;
	char data[];
};

static void *take(struct spec_memory **memory, size_t size, bool *failed)
{
	struct spec_memory *piece = malloc(sizeof(*piece) + size);
	if (!piece) {
		*failed = true;
		return NULL;
	}
	piece->next = *memory;
	*memory = piece;
	return piece->data;
}

char *spec_keep(struct spec_memory **memory, const char *text, bool *failed)
{
	size_t size = text ? strlen(text) + 1 : 0;
	char *copy = text ? take(memory, size, failed) : NULL;
	return copy ? memcpy(copy, text, size) : NULL;
}

char **spec_keep_list(struct spec_memory **memory, char *const *list, bool *failed)
{
	size_t count = 0;
	while (list && list[count])
		count++;
	char **copy = list ? take(memory, (count + 1) * sizeof(*copy), failed) : NULL;
	if (!copy)
		return NULL;
	for (size_t i = 0; i < count; i++)
		copy[i] = spec_keep(memory, list[i], failed);
	copy[count] = NULL;
	return copy;
}

void spec_memory_free(struct spec_memory *memory)
{
	while (memory) {
		struct spec_memory *next = memory->next;
		free(memory);
		memory = next;
	}
}

struct sdb_error *spec_copy(const struct sdb_spec *spec, struct sdb_spec *copy_ret, struct spec_memory **memory_ret)
{
	struct spec_memory *memory = NULL;
	bool failed = false;
	*copy_ret = *spec;
	const char **texts[] = { &copy_ret->type, &copy_ret->program, &copy_ret->input, &copy_ret->output,
				 &copy_ret->error, &copy_ret->main_file, &copy_ret->root, &copy_ret->gdb_host,
				 &copy_ret->gdb_socket, &copy_ret->qemu_memory, &copy_ret->qmp_host,
				 &copy_ret->qmp_socket, &copy_ret->domain, &copy_ret->libvirt_uri,
				 &copy_ret->personality, &copy_ret->personality_library, &copy_ret->kernel,
				 &copy_ret->overlay };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = spec_keep(&memory, *texts[i], &failed);
	copy_ret->arguments = spec_keep_list(&memory, spec->arguments, &failed);
	copy_ret->environment = spec_keep_list(&memory, spec->environment, &failed);
	if (failed) {
		spec_memory_free(memory);
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	*memory_ret = memory;
	return NULL;
}

/* ---- words ------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Copies one word from *AT to TO, unquoted; NULL when a quote is not closed. */
static char *copy_word(const char **at, char *to)
{
	char quote = '\0';
	const char *from = *at;
	for (; *from && (quote || !is_blank(*from)); from++) {
		if (quote ? *from == quote : *from == '\'' || *from == '"')
			quote = quote ? '\0' : *from;
		else if (*from == '\\' && quote != '\'' && from[1])
			*to++ = *++from;
		else
			*to++ = *from;
	}
	*to++ = '\0';
	*at = from;
	return quote ? NULL : to;
}

struct sdb_error *sdb_split_words(const char *text, char ***words_ret, size_t *count_ret)
{
	size_t length = strlen(text), most = length / 2 + 2, count = 0;
	char **words = malloc((most + 1) * sizeof(*words) + length + most);
	if (!words)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	char *to = (char *)(words + most + 1);
	for (const char *at = text;;) {
		while (is_blank(*at))
			at++;
		if (!*at)
			break;
		words[count++] = to;
		to = copy_word(&at, to);
		if (!to) {
			free(words);
			return sdb_error_new(SDB_ERROR_INVALID, "'%s': a quote is not closed", text);
		}
	}
	words[count] = NULL;
	*words_ret = words;
	*count_ret = count;
	return NULL;
}
