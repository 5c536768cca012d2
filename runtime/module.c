/* SPDX-License-Identifier: MIT */
/* A module of a target: its file, its build-id, where it was loaded to, its database. */

#include "space.h"
#include "codes.h"
#include "symdb/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stackdb/indexing.h>
#include <stackdb/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_MODULE_MAX ((uint64_t)1 << 20) /* a vDSO has two pages */
#define AT_A_TIME 2

void module_free(struct sdb_module *module)
{
	if (module->temporary && module->file)
		unlink(module->file);
	names_destroy(module->names);
	codes_destroy(module->codes);
	part_destroy(module->part);
	free(module->context);
	sdb_db_close(module->db);
	sdb_error_free(module->trouble);
	free(module->sections);
	free(module->file);
	free(module->path);
	free(module);
}

/* ---- the file ------------------------------------------------------------------------------ */

static struct sdb_error *write_all(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t done = write(fd, data, size);
		if (done < 0 && errno != EINTR)
			return sdb_error_errno(errno, "cannot write the copy");
		if (done > 0) {
			data += done;
			size -= (size_t)done;
		}
	}
	return NULL;
}

/* A module that is only in memory: a copy of it in a file. */
static struct sdb_error *copy_memory(struct sdb_module *module)
{
	const char *directory = getenv("TMPDIR");
	size_t size = (size_t)(module->high - module->low);
	if (module->high - module->low > MEMORY_MODULE_MAX)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s has no file and is too large to copy", module->path);
	uint8_t *data = malloc(size);
	if (!data)
		return NO_MEMORY();
	struct sdb_error *error = sdb_target_read(module->target, module->low, data, size);
	int fd = -1;
	if (!error && asprintf(&module->file, "%s/stackdb-XXXXXX.so", directory && *directory ? directory : "/tmp") < 0) {
		module->file = NULL;
		error = NO_MEMORY();
	}
	if (!error && (fd = mkostemps(module->file, 3, O_CLOEXEC)) < 0) {
		error = sdb_error_errno(errno, "cannot create %s", module->file);
		free(module->file);
		module->file = NULL;
	}
	if (fd >= 0) {
		module->temporary = true;
		error = write_all(fd, data, size);
		close(fd);
	}
	free(data);
	return error;
}

static struct sdb_error *find_file(struct sdb_module *module)
{
	struct sdb_region region = {
		.low = module->probe_low, .high = module->probe_high, .offset = module->probe_offset,
		.flags = module->probe_flags, .name = module->path, .module = module,
	};
	struct sdb_target *target = module->target;
	struct sdb_error *error = NULL;
	if (target->driver->file_path)
		error = target->driver->file_path(target, &region, &module->file);
	return error || module->file ? error : copy_memory(module);
}

void module_examine(struct sdb_module *module)
{
	if (module->examined)
		return;
	module->examined = true;
	if (module->target->base && module->path[0] == '/') {
		module->trouble = module_read_memory(module);
		return;
	}
	struct sdb_error *error = find_file(module);
	if (!error)
		error = elf_image_read(module->file, &module->image);
	if (!error && !elf_image_bias(&module->image, module->probe_offset, module->probe_low, true, &module->bias))
		error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: no segment of it is what is mapped at %#llx",
				      module->path, (unsigned long long)module->probe_low);
	if (!error)
		error = sdb_build_id_of_file(module->file, module->build_id, &module->build_id_length);
	module->trouble = error;
}

struct sdb_error *module_give(struct sdb_target *target, const struct module_found *found, struct sdb_module **module_ret)
{
	struct sdb_module *module = calloc(1, sizeof(*module));
	if (!module)
		return NO_MEMORY();
	module->target = target;
	module->given = module->examined = true;
	module->device = found->key;
	module->bias = found->bias;
	module->path = strdup(found->name);
	module->file = found->file ? strdup(found->file) : NULL;
	module->db = found->db ? sdb_db_share(found->db) : NULL;
	module->build_id_length = found->build_id_length <= sizeof(module->build_id) ? found->build_id_length : 0;
	if (module->build_id_length)
		memcpy(module->build_id, found->build_id, module->build_id_length);
	if (found->section_count)
		module->sections = sections_create(found->section_count);
	if (!module->path || (found->file && !module->file) || (found->section_count && !module->sections)) {
		module_free(module);
		return NO_MEMORY();
	}
	for (size_t i = 0; i < found->section_count; i++)
		module->sections->places[i] = found->sections[i];
	*module_ret = module;
	return NULL;
}

/* ---- the database -------------------------------------------------------------------------- */

/* A database of another build would give wrong answers. */
static struct sdb_error *check_identity(const struct sdb_module *module, struct sdb_db *db, const char *path)
{
	const struct sdb_db_info *info = sdb_db_info(db);
	char ours[129], theirs[129];
	if (info->build_id_length == module->build_id_length
	    && memcmp(info->build_id, module->build_id, module->build_id_length) == 0)
		return NULL;
	hex_of_bytes(module->build_id, module->build_id_length, ours);
	hex_of_bytes(info->build_id, info->build_id_length, theirs);
	return sdb_error_new(SDB_ERROR_CORRUPT, "the database %s is of build-id %s, %s has %s", path,
			     *theirs ? theirs : "(none)", module->path, *ours ? ours : "none");
}

static void tell_first_use(void *arg, const char *file)
{
	const struct sdb_module *module = arg;
	(void)file;
	target_log(module->target, SDB_LOG_MODULE, SDB_LOG_INFO, "indexing %s, which is used for the first time",
		   module->path);
}

/* The path of the database of a module that was given: by its build-id, else made of its file. */
static struct sdb_error *find_given(struct sdb_module *module, const struct sdb_database_options *options,
				    char **path_ret, bool *temporary_ret)
{
	char id[129];
	*temporary_ret = false;
	if (module->build_id_length) {
		struct sdb_error *error = sdb_store_find(module->build_id, module->build_id_length, path_ret);
		bool missing = error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND;
		/* One of another version of the program is made again, as far as it can be. */
		bool stale = !error && module->file && !options->no_index && !sdb_database_is_sound(*path_ret);
		if (stale)
			free(*path_ret);
		if ((missing || stale) && module->file) {
			sdb_error_free(error);
			return sdb_database_for(module->file, options, path_ret, temporary_ret);
		}
		if (!missing)
			return error;
		sdb_error_free(error);
	} else if (module->file) {
		return sdb_database_for(module->file, options, path_ret, temporary_ret);
	}
	hex_of_bytes(module->build_id, module->build_id_length, id);
	if (!*id)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "it has no build-id that could be read");
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "no database for build-id %s: index its debuginfo with `stackdb index FILE`, "
			     "or name a directory that has it with -R", id);
}

struct sdb_error *module_open(struct sdb_module *module, const char *path, struct sdb_db **db_ret)
{
	const struct sdb_open_options options = { .cache_size = module->target->spec.database_cache };
	*db_ret = NULL;
	struct sdb_error *error = sdb_db_open(path, &options, db_ret);
	if (!error)
		error = check_identity(module, *db_ret, path);
	if (error && *db_ret) {
		sdb_db_close(*db_ret);
		*db_ret = NULL;
	}
	return error;
}

static struct sdb_error *open_database(struct sdb_module *module)
{
	const struct sdb_spec *spec = &module->target->spec;
	const struct sdb_database_options options = {
		.root = spec->root, .no_index = spec->no_index, .first_use = tell_first_use, .arg = module,
	};
	char *path;
	bool temporary;
	struct sdb_error *error = module->given || module->from_memory ? find_given(module, &options, &path, &temporary)
		: sdb_database_for(module->file, &options, &path, &temporary);
	if (error)
		return sdb_error_prefix(error, "%s", module->path);
	error = module_open(module, path, &module->db);
	if (!error && module->sections)
		error = sections_bind(module->sections, module->db);
	if (error && module->db) {
		sdb_db_close(module->db);
		module->db = NULL;
	}
	if (temporary)
		unlink(path);
	free(path);
	return error;
}

struct sdb_error *sdb_module_database(struct sdb_module *module, struct sdb_db **db_ret)
{
	module_examine(module);
	if (!module->trouble && !module->db) {
		module->trouble = open_database(module);
		if (module->trouble)
			target_log(module->target, SDB_LOG_MODULE, SDB_LOG_WARNING, "no symbols of %s: %s",
				   module->path, sdb_error_message(module->trouble));
		if (module->temporary) { /* its copy has served */
			unlink(module->file);
			module->temporary = false;
		}
	}
	*db_ret = module->db;
	if (!module->trouble)
		return NULL;
	return sdb_error_new(sdb_error_code(module->trouble), "%s", sdb_error_message(module->trouble));
}

/* What the store says of the module's database; NOT_FOUND: it has none. */
static struct sdb_error *ask_store(struct sdb_module *module)
{
	char *path;
	struct sdb_error *error = sdb_store_find(module->build_id, module->build_id_length, &path);
	if (!error)
		free(path);
	return error;
}

bool module_has_database(struct sdb_module *module)
{
	if (module->db || module->part)
		return true;
	module_examine(module);
	if (module->trouble || !module->build_id_length)
		return false;
	struct sdb_error *error = ask_store(module);
	sdb_error_free(error);
	return !error;
}

bool module_needs_indexing(struct sdb_module *module)
{
	if (module->db || module->target->spec.no_index)
		return false;
	module_examine(module);
	if (module->trouble || !module->build_id_length || !module->file)
		return false;
	struct sdb_error *error = ask_store(module);
	bool missing = error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND;
	sdb_error_free(error);
	return missing;
}

bool module_lacks_database(struct sdb_module *module)
{
	return !module->part && module_needs_indexing(module);
}

struct missing {
	const struct module_wanted *wanted;
	off_t size; /* of its file: an idea of how long it takes */
};

struct running {
	const struct module_wanted *wanted;
	struct sdb_indexing *indexing;
};

static int larger_first(const void *a, const void *b)
{
	off_t first = ((const struct missing *)a)->size, second = ((const struct missing *)b)->size;
	return first > second ? -1 : first < second;
}

/* The place of one that has ended, or of none; waits for it. */
static struct running *free_place(struct running running[AT_A_TIME])
{
	for (;;) {
		for (size_t i = 0; i < AT_A_TIME; i++)
			if (!running[i].indexing || sdb_indexing_ended(running[i].indexing))
				return &running[i];
		nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
	}
}

/* What fails here is tried again, and reported, when the database is asked for. */
static void finish(struct running *running)
{
	if (running->indexing && running->wanted->addresses)
		part_take(running->wanted->module, running->indexing, running->wanted->addresses, running->wanted->count);
	else if (running->indexing)
		sdb_error_free(sdb_indexing_wait(running->indexing));
	running->indexing = NULL;
}

static struct sdb_error *begin(const struct module_wanted *wanted, struct sdb_indexing **indexing_ret)
{
	struct sdb_module *module = wanted->module;
	const char *root = module->target->spec.root;
	tell_first_use(module, module->file);
	if (wanted->addresses)
		return sdb_indexing_start_part(module->file, root, wanted->addresses, wanted->count, indexing_ret);
	return sdb_indexing_start(module->file, NULL, root, false, indexing_ret);
}

void modules_prepare(const struct module_wanted *wanted, size_t count)
{
	struct running running[AT_A_TIME] = { { NULL, NULL } };
	struct missing *missing = calloc(count + 1, sizeof(*missing));
	size_t missing_count = 0;
	for (size_t i = 0; missing && i < count; i++) {
		struct stat file;
		if (module_needs_indexing(wanted[i].module))
			missing[missing_count++] = (struct missing){
				&wanted[i], stat(wanted[i].module->file, &file) ? 0 : file.st_size };
	}
	/* Those that take long begin first: then none of them is waited for alone at the end. */
	if (missing_count)
		qsort(missing, missing_count, sizeof(*missing), larger_first);
	for (size_t i = 0; i < missing_count; i++) {
		struct running *place = free_place(running);
		finish(place);
		place->wanted = missing[i].wanted;
		sdb_error_free(begin(place->wanted, &place->indexing));
	}
	for (size_t i = 0; i < AT_A_TIME; i++)
		finish(&running[i]);
	free(missing);
}

/* ---- public -------------------------------------------------------------------------------- */

const char *sdb_module_path(const struct sdb_module *module)
{
	return module->path;
}

const char *sdb_module_name(const struct sdb_module *module)
{
	const char *slash = strrchr(module->path, '/');
	return slash ? slash + 1 : module->path;
}

uint64_t sdb_module_bias(const struct sdb_module *module)
{
	module_examine((struct sdb_module *)module);
	return module->bias;
}

uint64_t sdb_module_low(const struct sdb_module *module)
{
	return module->low;
}

uint64_t sdb_module_high(const struct sdb_module *module)
{
	return module->high;
}

const uint8_t *sdb_module_build_id(struct sdb_module *module, size_t *length_ret)
{
	module_examine(module);
	*length_ret = module->build_id_length;
	return module->build_id;
}
