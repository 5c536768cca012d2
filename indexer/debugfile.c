/* SPDX-License-Identifier: MIT */
#include "debugfile.h"
#include "symdb/hex.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

/*
 * Where distributions put the other half of a module: by build-id, by debug link, or by the same path
 * under /usr/lib/debug. Every candidate is opened and its identity compared.
 */

#define DEBUG_DIRECTORY "/usr/lib/debug"

/* ---- paths --------------------------------------------------------------------- */

char *path_join(const char *format, ...)
{
	va_list arguments;
	char *path;
	va_start(arguments, format);
	if (vasprintf(&path, format, arguments) < 0)
		path = NULL;
	va_end(arguments);
	return path;
}

char *path_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

const char *path_basename(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

void format_build_id(const uint8_t *id, size_t length, char text_ret[129])
{
	hex_of_bytes(id, length < 64 ? length : 64, text_ret);
}

static bool ends_with(const char *text, size_t length, const char *end)
{
	size_t end_length = strlen(end);
	return length >= end_length && memcmp(text + length - end_length, end, end_length) == 0;
}

/* ---- what a file is -------------------------------------------------------------- */

bool elf_has_dwarf(const struct elf_file *file)
{
	return elf_find_debug_section(file, ".debug_info") ||
	       elf_find_debug_section(file, ".debug_types") ||
	       elf_find_debug_section(file, ".debug_line");
}

bool elf_lacks_code(const struct elf_file *file)
{
	for (size_t i = 1; i < file->section_count; i++) {
		const struct sdb_section *section = &file->sections[i];
		if ((section->flags & SHF_ALLOC) && (section->flags & SHF_EXECINSTR) &&
		    section->size && section->type == SHT_NOBITS)
			return true;
	}
	return false;
}

/* ---- trying candidates -------------------------------------------------------------- */

struct search {
	struct module *module;
	struct elf_file *of;     /* whose other half is sought */
	bool want_code;
	uint32_t crc;            /* of a debug link */
	bool has_crc;
	struct elf_file *found;
	struct sdb_error *error; /* out of memory */
};

static bool same_build_id(const struct elf_file *a, const struct elf_file *b)
{
	return a->build_id_length == b->build_id_length &&
	       memcmp(a->build_id, b->build_id, a->build_id_length) == 0;
}

static uint32_t file_crc(const struct elf_file *file)
{
	uLong crc = crc32(0, NULL, 0);
	for (size_t at = 0; at < file->size;) {
		size_t piece = file->size - at < (1u << 20) ? file->size - at : 1u << 20;
		crc = crc32(crc, file->data + at, (uInt)piece);
		if (file->mapped)
			section_release(file->data + at, piece);
		at += piece;
	}
	return (uint32_t)crc;
}

/* .gnu_debuglink: a file name, padded to four bytes, and the CRC of that file. */
static const char *debug_link(const struct elf_file *file, uint32_t *crc_ret)
{
	size_t size;
	const uint8_t *link = elf_raw_section(file, elf_find_section(file, ".gnu_debuglink"), &size);
	if (!link)
		return NULL;
	size_t length = strnlen((const char *)link, size);
	size_t at = (length + 4) & ~(size_t)3;
	if (length == 0 || length == size || at > size || size - at < 4)
		return NULL;
	*crc_ret = elf_u32(file, link + at);
	return (const char *)link;
}

static bool agrees(struct search *search, struct elf_file *candidate)
{
	const struct elf_file *of = search->of;
	if (of->build_id_length && candidate->build_id_length) {
		if (same_build_id(of, candidate))
			return true;
		char want[129], have[129];
		format_build_id(of->build_id, of->build_id_length, want);
		format_build_id(candidate->build_id, candidate->build_id_length, have);
		module_warn(search->module, "%s: build-id %s does not match %s of %s; not used",
			    candidate->path, have, want, of->path);
		return false;
	}
	/* The link is always in the file with the code, and speaks of the one with the debuginfo. */
	uint32_t crc = search->crc;
	if (search->want_code ? !debug_link(candidate, &crc) : !search->has_crc) {
		module_warn(search->module, "%s: cannot tell whether it belongs to %s: no build-id; not used",
			    candidate->path, of->path);
		return false;
	}
	if (file_crc(search->want_code ? of : candidate) == crc)
		return true;
	module_warn(search->module, "%s: checksum does not match the debug link of %s; not used",
		    candidate->path, of->path);
	return false;
}

/* Takes PATH over. True when the search is over. */
static bool try_path(struct search *search, char *path)
{
	struct elf_file *candidate = NULL;
	if (search->found || search->error) {
		free(path);
		return true;
	}
	if (!path) {
		search->error = sdb_error_new(SDB_ERROR_MEMORY, "no memory to look for debug files");
		return true;
	}
	struct sdb_error *error = elf_open(search->module, path, &candidate);
	if (error && sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
		module_warn(search->module, "%s", sdb_error_message(error));
	sdb_error_free(error);
	free(path);
	if (!candidate)
		return false;
	/* The same file found by another path is of no use, nor is another half of the same kind. */
	bool useful = search->want_code ? !elf_lacks_code(candidate)
					: elf_has_dwarf(candidate) ||
					  elf_find_section(candidate, ".symtab") != 0;
	if (candidate->machine == search->of->machine &&
	    candidate->elf_class == search->of->elf_class &&
	    candidate->elf_data == search->of->elf_data && useful && agrees(search, candidate))
		search->found = candidate;
	else
		elf_close(candidate);
	return search->found != NULL;
}

/* PATH under the root prefix, then as it is. */
static bool try_rooted(struct search *search, const char *path)
{
	if (search->module->root && try_path(search, path_join("%s%s", search->module->root, path)))
		return true;
	return try_path(search, strdup(path));
}

static bool try_build_id(struct search *search, const uint8_t *id, size_t length, const char *suffix)
{
	char text[129];
	if (length < 2)
		return false;
	format_build_id(id, length, text);
	char *path = path_join(DEBUG_DIRECTORY "/.build-id/%.2s/%s%s", text, text + 2, suffix);
	bool done = !path || try_rooted(search, path);
	free(path);
	return done;
}

/* Absolute path of FILE without the root prefix: what it is called in the system it comes from. */
static char *path_in_root(const struct module *module, const char *path)
{
	char *absolute = realpath(path, NULL);
	char *root = module->root ? realpath(module->root, NULL) : NULL;
	size_t length = root ? strlen(root) : 0;
	if (absolute && length > 1 && strncmp(absolute, root, length) == 0 && absolute[length] == '/')
		memmove(absolute, absolute + length, strlen(absolute + length) + 1);
	free(root);
	return absolute;
}

/* ---- the debug file of a module ----------------------------------------------------- */

static void try_debug_link(struct search *search)
{
	struct elf_file *file = search->of;
	const char *name = debug_link(file, &search->crc);
	/* A link is a name beside the file; one that leads elsewhere is not followed. */
	if (!name || strchr(name, '/'))
		return;
	search->has_crc = true;
	char *own = path_directory(file->path);
	char *inside = path_in_root(search->module, own ? own : "");
	if (own && strcmp(name, path_basename(file->path)) != 0)
		try_path(search, path_join("%s/%s", own, name));
	if (own)
		try_path(search, path_join("%s/.debug/%s", own, name));
	char *debug = inside ? path_join(DEBUG_DIRECTORY "%s/%s", inside, name) : NULL;
	if (debug)
		try_rooted(search, debug);
	free(debug);
	/* Where /lib leads to /usr/lib, packages may still say /lib. */
	if (inside && strncmp(inside, "/usr/", 5) == 0) {
		debug = path_join(DEBUG_DIRECTORY "%s/%s", inside + 4, name);
		if (debug)
			try_rooted(search, debug);
		free(debug);
	}
	free(inside);
	free(own);
	search->has_crc = false;
}

/*
 * The same path under the debug directory, of the root or of a whole tree that the file lies in
 * (DIR/lib/modules/… and DIR/usr/lib/debug/lib/modules/…). Kernel modules may be
 * compressed, their debug files are not.
 */
static void try_debug_path(struct search *search)
{
	static const char *const trees[] = { "/lib/modules/", "/usr/lib/modules/", "/boot/" };
	static const char *const endings[] = { ".xz", ".gz", ".zst" };
	char *path = path_in_root(search->module, search->of->path);
	if (!path)
		return;
	size_t length = strlen(path);
	for (size_t i = 0; i < 3; i++)
		if (ends_with(path, length, endings[i]))
			path[length -= strlen(endings[i])] = '\0';
	char *plain = path_join(DEBUG_DIRECTORY "%s", path);
	char *suffixed = path_join(DEBUG_DIRECTORY "%s.debug", path);
	if (plain && suffixed && !try_rooted(search, plain))
		try_rooted(search, suffixed);
	free(plain);
	free(suffixed);
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		const char *rest = strstr(path, trees[i]);
		if (!rest || strstr(path, DEBUG_DIRECTORY "/"))
			continue;
		/* With a merged /usr the debug files may still be under either name. */
		const char *other = i == 1 ? rest + 4 : rest;
		int prefix = (int)(rest - path);
		try_path(search, path_join("%.*s" DEBUG_DIRECTORY "%s", prefix, path, rest));
		try_path(search, path_join("%.*s" DEBUG_DIRECTORY "%s.debug", prefix, path, rest));
		try_path(search, path_join("%.*s" DEBUG_DIRECTORY "%s", prefix, path, other));
		try_path(search, path_join("%.*s" DEBUG_DIRECTORY "%s.debug", prefix, path, other));
		if (i == 0) {
			try_path(search, path_join("%.*s" DEBUG_DIRECTORY "/usr%s", prefix, path, rest));
			try_path(search, path_join("%.*s" DEBUG_DIRECTORY "/usr%s.debug", prefix, path,
						   rest));
		}
	}
	const char *base = path_basename(path);
	if (strncmp(base, "vmlinux-", 8) == 0) {
		char *image = path_join(DEBUG_DIRECTORY "/lib/modules/%s/vmlinux", base + 8);
		if (image)
			try_rooted(search, image);
		free(image);
	}
	free(path);
}

struct sdb_error *find_debug_file(struct module *module, struct elf_file *file,
				  struct elf_file **found_ret)
{
	struct search search = { .module = module, .of = file };
	if (!try_build_id(&search, file->build_id, file->build_id_length, ".debug"))
		try_debug_link(&search);
	/* Without a build-id nothing could show that a file found by path is the right one. */
	if (!search.found && !search.error && file->build_id_length)
		try_debug_path(&search);
	*found_ret = search.found;
	return search.error;
}

/* ---- the code of a debug file ---------------------------------------------------------- */

static void try_code_path(struct search *search)
{
	static const char *const endings[] = { "", ".xz", ".gz", ".zst" };
	char *path = realpath(search->of->path, NULL);
	if (!path)
		return;
	size_t length = strlen(path);
	if (ends_with(path, length, ".debug"))
		path[length -= 6] = '\0';
	char *rest = strstr(path, DEBUG_DIRECTORY "/");
	bool by_id = strstr(path, "/.build-id/") != NULL;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]) && !by_id; i++) {
		if (rest) {
			const char *inside = rest + strlen(DEBUG_DIRECTORY);
			try_path(search, path_join("%.*s%s%s", (int)(rest - path), path, inside,
						   endings[i]));
			if (search->module->root)
				try_path(search, path_join("%s%s%s", search->module->root, inside,
							   endings[i]));
		}
		try_path(search, path_join("%s%s", path, endings[i]));
	}
	char *directory = path_directory(path);
	size_t directory_length = directory ? strlen(directory) : 0;
	if (directory && ends_with(directory, directory_length, "/.debug")) {
		directory[directory_length - 7] = '\0';
		try_path(search, path_join("%s/%s", directory, path_basename(path)));
	}
	free(directory);
	free(path);
}

struct sdb_error *find_code_file(struct module *module, struct elf_file *file,
				 struct elf_file **found_ret)
{
	struct search search = { .module = module, .of = file, .want_code = true };
	if (file->build_id_length && !try_build_id(&search, file->build_id, file->build_id_length, "")) {
		char text[129];
		format_build_id(file->build_id, file->build_id_length, text);
		/* Fedora links from here to the file itself. */
		char *path = path_join("/usr/lib/.build-id/%.2s/%s", text, text + 2);
		if (path && file->build_id_length >= 2)
			try_rooted(&search, path);
		free(path);
	}
	try_code_path(&search);
	*found_ret = search.found;
	return search.error;
}

/* ---- the supplementary file of dwz ------------------------------------------------------ */

/* Takes PATH over; true when it is the one. */
static bool try_alt(struct search *search, char *path, const uint8_t *id, size_t id_length)
{
	struct elf_file *candidate = NULL;
	if (!path || search->found)
		return free(path), search->found != NULL;
	struct sdb_error *error = elf_open(search->module, path, &candidate);
	if (error && sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
		module_warn(search->module, "%s", sdb_error_message(error));
	sdb_error_free(error);
	free(path);
	if (!candidate)
		return false;
	if (candidate->build_id_length == id_length &&
	    memcmp(candidate->build_id, id, id_length) == 0) {
		search->found = candidate;
		return true;
	}
	char want[129], have[129];
	format_build_id(id, id_length, want);
	format_build_id(candidate->build_id, candidate->build_id_length, have);
	module_warn(search->module, "%s: build-id %s is not the %s that %s wants; not used",
		    candidate->path, have, want, search->of->path);
	elf_close(candidate);
	return false;
}

static void search_alt(struct search *search, const char *name, const uint8_t *id, size_t id_length)
{
	struct module *module = search->module;
	char text[129];
	format_build_id(id, id_length, text);
	if (name[0] == '/') {
		if (module->root)
			try_alt(search, path_join("%s%s", module->root, name), id, id_length);
		try_alt(search, strdup(name), id, id_length);
	} else {
		char *real = realpath(search->of->path, NULL);
		char *directory = path_directory(search->of->path);
		char *real_directory = real ? path_directory(real) : NULL;
		if (directory)
			try_alt(search, path_join("%s/%s", directory, name), id, id_length);
		if (real_directory)
			try_alt(search, path_join("%s/%s", real_directory, name), id, id_length);
		free(real_directory);
		free(directory);
		free(real);
	}
	const char *roots[2] = { module->root, "" };
	for (int i = module->root ? 0 : 1; i < 2; i++) {
		try_alt(search, path_join("%s" DEBUG_DIRECTORY "/.build-id/%.2s/%s.debug", roots[i],
					  text, text + 2), id, id_length);
		try_alt(search, path_join("%s" DEBUG_DIRECTORY "/.dwz/%s", roots[i],
					  path_basename(name)), id, id_length);
	}
}

struct sdb_error *find_alt_file(struct module *module, struct elf_file *file,
				struct elf_file **found_ret)
{
	struct search search = { .module = module, .of = file };
	size_t size;
	*found_ret = NULL;
	const uint8_t *link = elf_raw_section(file, elf_find_section(file, ".gnu_debugaltlink"),
					      &size);
	if (!link)
		return NULL;
	size_t length = strnlen((const char *)link, size);
	size_t id_length = size - length - (length < size);
	if (length == 0 || length >= 4096 || id_length < 2 || id_length > 64) {
		module_warn(module, "%s: .gnu_debugaltlink is damaged", file->path);
		return NULL;
	}
	search_alt(&search, (const char *)link, link + length + 1, id_length);
	if (!search.found)
		module_warn(module, "%s: supplementary file %s was not found; what it holds will be missing",
			    file->path, (const char *)link);
	*found_ret = search.found;
	return NULL;
}
