/* SPDX-License-Identifier: MIT */

/*
 * Numbers everything in canonical order and hands it to the writer. Parts that do not depend on
 * each other are written by different threads.
 *
 * A declaration that has one definition elsewhere in the module is that definition.
 */

#include "gather.h"

struct writing {
	struct gather *gather;
	struct sdb_writer *writer;
	struct numbering numbering;
	uint32_t *functions;      /* provisional to final */
	uint32_t *variables;
	uint32_t *function_order; /* provisional numbers in final order */
	uint32_t *variable_order;
	size_t function_count, variable_count;
	const uint32_t *files;
	struct sdb_error *error;  /* the first of any thread */
	pthread_mutex_t lock;
	atomic_uint next;
};

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory while writing");
}

/* ---- numbers -------------------------------------------------------------------------- */

/* The head of an interned function or variable. */
struct head {
	uint8_t scope_kind;
	uint64_t scope_id;
	uint32_t name, linkage_name, file, line, column, flags;
};

static struct head head_of(const struct interned *item, struct cursor *from)
{
	*from = (struct cursor){ item->bytes, item->bytes + item->length, false };
	struct head head = { .scope_kind = get_u8(from) };
	head.scope_id = get_uleb(from);
	head.name = (uint32_t)get_uleb(from);
	head.linkage_name = (uint32_t)get_uleb(from);
	head.file = (uint32_t)get_uleb(from);
	head.line = (uint32_t)get_uleb(from);
	head.column = (uint32_t)get_uleb(from);
	head.flags = (uint32_t)get_uleb(from);
	return head;
}

struct ordered {
	place first;
	uint32_t number;
};

static int compare_ordered(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

#define SEVERAL UINT32_MAX

/* By what name other units refer to it; 0 when they cannot. */
static uint64_t linkage_key(const struct head *head, bool external)
{
	if (head->linkage_name)
		return hash_mix(1, head->linkage_name);
	if (external && head->scope_kind == SDB_SCOPE_UNIT)
		return hash_mix(2, head->name);
	return head->scope_kind == SDB_SCOPE_TYPE ? hash_mix(hash_mix(3, head->name), head->scope_id) : 0;
}

/*
 * Numbers interned things by first occurrence. Declarations are given the number of their definition
 * when there is just one. EXTERNAL and DECLARATION are the flags of the kind.
 */
static bool number_items(const struct intern *intern, uint32_t external, uint32_t declaration,
			 uint32_t **numbers_ret, uint32_t **order_ret, size_t *count_ret)
{
	uint32_t *numbers = calloc(intern->count + 1, sizeof(*numbers));
	uint32_t *order = calloc(intern->count + 1, sizeof(*order));
	struct ordered *all = malloc((intern->count + 1) * sizeof(*all));
	struct map definitions = { 0 };
	struct cursor from;
	size_t count = 0;
	bool good = numbers && order && all;

	*numbers_ret = numbers;
	*order_ret = order;
	for (uint32_t i = 1; good && i <= intern->count; i++) {
		struct head head = head_of(&intern->items[i - 1], &from);
		uint64_t key = linkage_key(&head, head.flags & external);
		uint32_t known;
		if (!(head.flags & declaration) && key)
			good = map_put(&definitions, key, map_get(&definitions, key, &known) ? SEVERAL : i);
	}
	for (uint32_t i = 1; good && i <= intern->count; i++) {
		struct head head = head_of(&intern->items[i - 1], &from);
		uint64_t key = linkage_key(&head, head.flags & external);
		uint32_t definition;
		if ((head.flags & declaration) && key && map_get(&definitions, key, &definition) &&
		    definition != SEVERAL)
			continue;
		all[count++] = (struct ordered){ intern->items[i - 1].first, i };
	}
	if (good)
		qsort(all, count, sizeof(*all), compare_ordered);
	for (size_t i = 0; good && i < count; i++) {
		order[i] = all[i].number;
		numbers[all[i].number] = (uint32_t)i + 1;
	}
	for (uint32_t i = 1; good && i <= intern->count; i++) {
		struct head head = head_of(&intern->items[i - 1], &from);
		uint32_t definition;
		if (!numbers[i] && map_get(&definitions, linkage_key(&head, head.flags & external), &definition))
			numbers[i] = numbers[definition];
	}
	*count_ret = count;
	map_deinit(&definitions);
	free(all);
	return good;
}

static int compare_paths(const void *a, const void *b, void *arg)
{
	const struct sdb_names *files = arg;

	return strcmp(sdb_names_text(files, *(const uint32_t *)a, NULL),
		      sdb_names_text(files, *(const uint32_t *)b, NULL));
}

struct sdb_error *files_number(struct gather *gather)
{
	struct sdb_names *files = gather->files;
	uint32_t bound = sdb_names_bound(files), count = 0;
	uint32_t *order = malloc((bound + 1) * sizeof(*order));

	gather->file_ids = calloc(bound + 1, sizeof(*gather->file_ids));
	gather->paths = malloc((bound + 1) * sizeof(*gather->paths));
	if (!order || !gather->paths || !gather->file_ids) {
		free(order);
		return no_memory();
	}
	for (uint32_t i = 1; i < bound; i++)
		if (sdb_names_text(files, i, NULL))
			order[count++] = i;
	qsort_r(order, count, sizeof(*order), compare_paths, files);
	for (uint32_t i = 0; i < count; i++) {
		gather->paths[i] = sdb_names_text(files, order[i], NULL);
		gather->file_ids[order[i]] = i + 1;
	}
	gather->path_count = count;
	free(order);
	return NULL;
}

/* ---- expressions worth sharing ------------------------------------------------------------ */

static int compare_uses(const void *a, const void *b)
{
	const struct interned *x = *(const struct interned *const *)a, *y = *(const struct interned *const *)b;

	if (x->uses != y->uses)
		return x->uses > y->uses ? -1 : 1;
	size_t shorter = x->length < y->length ? x->length : y->length;
	int order = memcmp(x->bytes, y->bytes, shorter);
	return order ? order : x->length < y->length ? -1 : x->length > y->length;
}

static struct sdb_error *write_expressions(struct writing *writing)
{
	const struct intern *intern = &writing->gather->expressions;
	const struct interned **order = malloc((intern->count + 1) * sizeof(*order));
	struct sdb_expression *shared = malloc((intern->count + 1) * sizeof(*shared));
	struct sdb_error *error = NULL;
	size_t count = 0;

	if (!order || !shared) {
		error = no_memory();
	} else {
		for (size_t i = 0; i < intern->count; i++)
			if (intern->items[i].uses > 3)
				order[count++] = &intern->items[i];
		qsort(order, count, sizeof(*order), compare_uses);
		for (size_t i = 0; i < count; i++)
			shared[i] = (struct sdb_expression){ order[i]->bytes, order[i]->length };
		error = sdb_writer_expressions(writing->writer, shared, count);
	}
	free(order);
	free(shared);
	return error;
}

/* ---- records -------------------------------------------------------------------------------- */

static struct sdb_error *write_units(struct writing *writing)
{
	struct gather *gather = writing->gather;
	struct sdb_error *error = NULL;

	for (uint32_t i = 0; i < gather->dwarf.unit_count && !error; i++) {
		const struct unit *unit = gather->dwarf.units[i];
		const char *texts[3] = { unit->name, unit->comp_dir, unit->producer };
		uint32_t ids[3];
		for (int t = 0; t < 3; t++)
			ids[t] = texts[t] && *texts[t] ? writing->numbering.names[
				sdb_names_intern(gather->names, texts[t], strlen(texts[t]))] : 0;
		struct sdb_unit record = { ids[0], ids[1], ids[2], unit->language, unit->version, unit->low_pc };
		error = sdb_writer_add_unit(writing->writer, &record);
	}
	return error;
}

static struct sdb_scope final_scope(const struct writing *writing, const struct head *head)
{
	struct sdb_scope scope = { head->scope_kind, (uint32_t)head->scope_id };

	if (scope.kind == SDB_SCOPE_FUNCTION)
		scope.id = writing->functions[scope.id];
	return scope;
}

static struct sdb_error *write_function(struct writing *writing, uint32_t number, sdb_function_id id)
{
	const struct interned *item = &writing->gather->functions.items[number - 1];
	const uint32_t *names = writing->numbering.names, *files = writing->files;
	struct cursor from;
	struct head head = head_of(item, &from);
	struct sdb_function function = { .id = id, .name = names[head.name],
		.linkage_name = names[head.linkage_name], .scope = final_scope(writing, &head),
		.unit = PLACE_UNIT(item->first) + 1,
		.decl = { files[head.file], head.line, head.column }, .flags = head.flags };

	function.alignment = (uint32_t)get_uleb(&from);
	function.type = (sdb_type_id)get_uleb(&from);
	function.virtual_index = (uint32_t)get_uleb(&from) - 1;
	function.containing = (sdb_type_id)get_uleb(&from);
	function.parameter_count = get_count(&from);
	function.parameters = calloc(function.parameter_count + 1, sizeof(*function.parameters));
	for (size_t i = 0; function.parameters && i < function.parameter_count; i++) {
		struct sdb_parameter *parameter = &function.parameters[i];
		parameter->name = names[get_uleb(&from)];
		parameter->type = (sdb_type_id)get_uleb(&from);
		parameter->file = files[get_uleb(&from)];
		parameter->line = (uint32_t)get_uleb(&from);
		parameter->flags = (uint32_t)get_uleb(&from);
	}
	function.template_count = get_count(&from);
	function.templates = calloc(function.template_count + 1, sizeof(*function.templates));
	for (size_t i = 0; function.templates && i < function.template_count; i++) {
		struct sdb_template *item_ret = &function.templates[i];
		uint8_t kind = get_u8(&from);
		item_ret->kind = kind & 3;
		item_ret->has_value = kind & 4;
		item_ret->is_default = kind & 8;
		item_ret->name = names[get_uleb(&from)];
		item_ret->type = (sdb_type_id)get_uleb(&from);
		item_ret->value = get_sleb(&from);
		item_ret->text = names[get_uleb(&from)];
	}
	function.local_count = get_count(&from);
	function.locals = calloc(function.local_count + 1, sizeof(*function.locals));
	for (size_t i = 0; function.locals && i < function.local_count; i++) {
		struct sdb_local *local = &function.locals[i];
		local->name = names[get_uleb(&from)];
		local->type = (sdb_type_id)get_uleb(&from);
		local->file = files[get_uleb(&from)];
		local->line = (uint32_t)get_uleb(&from);
		local->flags = (uint32_t)get_uleb(&from);
		local->column = (uint32_t)get_uleb(&from);
		local->alignment = (uint32_t)get_uleb(&from);
	}
	struct sdb_error *error = function.parameters && function.templates && function.locals ?
		sdb_writer_add_function(writing->writer, &function) : no_memory();
	free(function.parameters);
	free(function.templates);
	free(function.locals);
	return error;
}

static struct sdb_error *write_functions(struct writing *writing)
{
	struct sdb_error *error = NULL;

	for (size_t i = 0; i < writing->function_count && !error; i++)
		error = write_function(writing, writing->function_order[i], (sdb_function_id)i + 1);
	return error;
}

static struct sdb_error *write_variables(struct writing *writing)
{
	const uint32_t *names = writing->numbering.names;
	struct sdb_error *error = NULL;

	for (size_t i = 0; i < writing->variable_count && !error; i++) {
		const struct interned *item = &writing->gather->variables.items[writing->variable_order[i] - 1];
		struct cursor from;
		struct head head = head_of(item, &from);
		struct sdb_variable variable = { .id = (sdb_variable_id)i + 1, .name = names[head.name],
			.linkage_name = names[head.linkage_name], .scope = final_scope(writing, &head),
			.unit = PLACE_UNIT(item->first) + 1,
			.decl = { writing->files[head.file], head.line, head.column }, .flags = head.flags };
		variable.alignment = (uint32_t)get_uleb(&from);
		variable.type = (sdb_type_id)get_uleb(&from);
		if (!location_take(writing->gather, &from, 0, &variable.location))
			error = no_memory();
		else
			error = sdb_writer_add_variable(writing->writer, &variable);
		free(variable.location.entries);
	}
	return error;
}

static int compare_codes(const void *a, const void *b)
{
	const struct code_place *x = a, *y = b;

	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static struct sdb_error *write_codes(struct writing *writing)
{
	struct gather *gather = writing->gather;
	struct code_builder *builder = code_builder_create(gather, &writing->numbering);
	struct sdb_error *error = builder ? NULL : no_memory();

	if (gather->code_count > 1)
		qsort(gather->codes, gather->code_count, sizeof(*gather->codes), compare_codes);
	for (size_t i = 0; i < gather->code_count && !error; i++) {
		const struct code_place *found = &gather->codes[i];
		const struct sdb_code *code = code_build(builder, gather->units[found->unit].code.data + found->at,
							 found->length, found->unit + 1);
		error = code ? sdb_writer_add_code(writing->writer, code) : no_memory();
	}
	code_builder_destroy(builder);
	return error;
}

static struct sdb_error *write_types(struct writing *writing)
{
	return types_write(writing->gather, writing->writer, &writing->numbering);
}

/* ---- all of it --------------------------------------------------------------------------------- */

typedef struct sdb_error *(*task_fn)(struct writing *writing);
static const task_fn tasks[] = { write_codes, write_types, write_functions, write_variables, write_units };

static void *work(void *arg)
{
	struct writing *writing = arg;
	unsigned index;

	while ((index = atomic_fetch_add(&writing->next, 1)) < sizeof(tasks) / sizeof(*tasks)) {
		struct sdb_error *error = tasks[index](writing);
		pthread_mutex_lock(&writing->lock);
		if (!writing->error)
			writing->error = error;
		else
			sdb_error_free(error);
		pthread_mutex_unlock(&writing->lock);
	}
	return NULL;
}

struct sdb_error *gather_write(struct gather *gather, struct sdb_writer *writer, const uint32_t *names)
{
	struct writing writing = { .gather = gather, .writer = writer, .files = gather->file_ids };
	pthread_t threads[8];
	unsigned started = 0;
	struct sdb_error *error = NULL;

	gather->functions.frozen = gather->variables.frozen = gather->expressions.frozen = true;
	if (!number_items(&gather->functions, SDB_FUNCTION_EXTERNAL, SDB_FUNCTION_DECLARATION, &writing.functions,
			  &writing.function_order, &writing.function_count) ||
	    !number_items(&gather->variables, SDB_VARIABLE_EXTERNAL, SDB_VARIABLE_DECLARATION, &writing.variables,
			  &writing.variable_order, &writing.variable_count))
		error = no_memory();
	if (!error && !expressions_settle(gather, writing.variables))
		error = no_memory();
	if (!error)
		error = write_expressions(&writing);
	writing.numbering = (struct numbering){ names, writing.files, writing.functions, writing.variables };
	if (!error && pthread_mutex_init(&writing.lock, NULL) == 0) {
		while (started + 1 < gather->jobs && started < 8 &&
		       pthread_create(&threads[started], NULL, work, &writing) == 0)
			started++;
		work(&writing);
		while (started > 0)
			pthread_join(threads[--started], NULL);
		pthread_mutex_destroy(&writing.lock);
		error = writing.error;
	}
	free(writing.functions);
	free(writing.function_order);
	free(writing.variables);
	free(writing.variable_order);
	return error;
}
