/* SPDX-License-Identifier: MIT */
/*
 * The psABI of x86-64, 3.2.3: of what has at most sixteen bytes each half is passed in a general
 * register when anything in it is an integer or a pointer, else in a vector register; all else lies on
 * the stack. On i386 all of it does.
 */
#include "structure_class.h"
#include "value.h"

#include <string.h>

#define LARGEST 16
#define MAX_DEPTH 16
#define MAX_VISITS 10000

struct classifier {
	const struct sdb_context *context;
	struct types *types;
	struct sdb_db *db;
	struct structure_class *class;
	unsigned visits;
};

static struct sdb_error *classify(struct classifier *classifier, sdb_type_id type, uint64_t offset,
				  unsigned depth);

static struct sdb_error *no_way(const char *what)
{
	return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s cannot be passed to functions or returned", what);
}

/* ---- objects of C++ -------------------------------------------------------------------------- */

struct copying {
	struct classifier *classifier;
	const struct sdb_type *type;
	bool found;
};

/* Whether FUNCTION, a member of the type, is a constructor that copies or moves, or the destructor. */
static struct sdb_error *is_copying(struct copying *copying, const struct sdb_function *function,
				    bool *copying_ret)
{
	struct classifier *classifier = copying->classifier;
	const struct sdb_type *parameter, *target = NULL;
	const char *name, *class;
	struct sdb_error *error = types_text(classifier->types, classifier->db, function->name, &name);
	if (!error)
		error = types_text(classifier->types, classifier->db, copying->type->name, &class);
	*copying_ret = !error && name[0] == '~';
	if (error || *copying_ret || function->parameter_count != 2
	    || strncmp(name, class, strcspn(class, "<")) != 0)
		return error;
	error = types_strip(classifier->types, classifier->db, function->parameters[1].type, &parameter);
	if (!error && types_is_reference(parameter->kind))
		error = types_strip(classifier->types, classifier->db, parameter->target, &target);
	*copying_ret = target && target->id == copying->type->id;
	return error;
}

static struct sdb_error *take_function(void *arg, struct sdb_entity entity)
{
	struct copying *copying = arg;
	struct sdb_function *function;
	bool copies = false;
	if (entity.kind != SDB_ENTITY_FUNCTION || copying->found)
		return NULL;
	struct sdb_error *error = sdb_function(copying->classifier->db, entity.id, false, &function);
	if (error)
		return error;
	/* What the compiler defines is as trivial as the members. */
	if (!(function->flags & (SDB_FUNCTION_ARTIFICIAL | SDB_FUNCTION_DEFAULTED)))
		error = is_copying(copying, function, &copies);
	copying->found = copies || function->flags & (SDB_FUNCTION_VIRTUAL | SDB_FUNCTION_PURE_VIRTUAL);
	sdb_function_free(function);
	return error;
}

/* Itanium C++ ABI, 3.1.2.3: such an object is passed by the address of a copy that a constructor makes. */
static struct sdb_error *refuse_copied(struct classifier *classifier, const struct sdb_type *type)
{
	struct copying copying = { .classifier = classifier, .type = type,
		.found = type->flags & SDB_TYPE_BY_REFERENCE };
	bool ask = !copying.found && !(type->flags & SDB_TYPE_BY_VALUE) && type->id && type->id < TYPES_OWN
		&& types_plain_tags(classifier->types, classifier->db);
	struct sdb_error *error = ask ? sdb_children(classifier->db, type->id, take_function, &copying)
		: NULL;
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	return error || !copying.found ? error : no_way("an object that a constructor copies");
}

/* ---- the halves ------------------------------------------------------------------------------ */

static void in_memory(struct classifier *classifier)
{
	classifier->class->class = CONTEXT_MEMORY;
}

/* SIZE bytes at OFFSET are of CLASS; integers prevail. */
static void mark(struct classifier *classifier, uint64_t offset, uint64_t size, enum context_class class)
{
	for (uint64_t half = offset / 8; half < 2 && half * 8 < offset + size; half++)
		if (classifier->class->halves[half] != CONTEXT_INTEGER)
			classifier->class->halves[half] = class;
	if (offset + size > LARGEST)
		in_memory(classifier);
}

static struct sdb_error *classify_member(struct classifier *classifier, const struct sdb_member *member,
					 uint64_t offset, unsigned depth)
{
	if (member->flags & (SDB_MEMBER_STATIC | SDB_MEMBER_CONST_VALUE))
		return NULL;
	if (member->flags & SDB_MEMBER_VIRTUAL)
		return no_way("an object with a virtual base");
	if (member->bit_size || member->flags & SDB_MEMBER_BITFIELD) {
		if (member->bit_size)
			mark(classifier, offset + member->bit_offset / 8,
			     1 + (member->bit_size - 1) / 8, CONTEXT_INTEGER);
		return NULL;
	}
	return classify(classifier, member->type, offset + member->bit_offset / 8, depth + 1);
}

static struct sdb_error *classify_array(struct classifier *classifier, const struct sdb_type *array,
					uint64_t size, uint64_t offset, unsigned depth)
{
	uint64_t element;
	bool known;
	struct sdb_error *error = types_size(classifier->types, classifier->db, array->target, &element,
					     &known);
	/* Behind what can be in registers all elements are alike. */
	for (uint64_t at = 0; !error && known && element && at < size
	     && (at == 0 || offset + at < LARGEST); at += element)
		error = classify(classifier, array->target, offset + at, depth + 1);
	return error;
}

static struct sdb_error *classify_scalar(struct classifier *classifier, const struct sdb_value *value,
					 uint64_t offset)
{
	enum value_class class;
	enum number_format format;
	bool is_signed;
	uint64_t size = value->size, alignment;
	struct sdb_error *error = value_class(value, &class, &is_signed, &format);
	if (error)
		return error;
	bool real = class == VALUE_REAL || (class == VALUE_COMPLEX && format);
	bool integer = class == VALUE_INTEGER || class == VALUE_BOOLEAN || class == VALUE_POINTER
		|| value->kind == SDB_TYPE_MEMBER_POINTER;
	if (real && format == NUMBER_EXTENDED) {
		classifier->class->wide = classifier->class->extended = true;
		in_memory(classifier);
	} else if ((!real && !integer) || (real && format != NUMBER_SINGLE && format != NUMBER_DOUBLE)) {
		return no_way("a structure with such numbers");
	}
	alignment = class == VALUE_COMPLEX ? size / 2 : value->kind == SDB_TYPE_MEMBER_POINTER ? 8 : size;
	classifier->class->wide |= alignment == 16;
	if (alignment && offset % alignment)
		in_memory(classifier);
	mark(classifier, offset, size, real ? CONTEXT_REAL : CONTEXT_INTEGER);
	return NULL;
}

static struct sdb_error *classify(struct classifier *classifier, sdb_type_id id, uint64_t offset,
				  unsigned depth)
{
	struct sdb_value value;
	const struct sdb_type *type;
	if (depth > MAX_DEPTH || classifier->visits++ > MAX_VISITS)
		return no_way("a structure of so many parts");
	struct sdb_error *error = value_init(&value, classifier->context, classifier->types,
					     classifier->db, id);
	if (!error)
		error = value_stripped(&value, &type);
	if (error)
		return error;
	if (types_is_structure(value.kind)) {
		error = refuse_copied(classifier, type);
		for (size_t i = 0; !error && i < type->member_count; i++)
			error = classify_member(classifier, &type->members[i], offset, depth);
	} else if (value.kind == SDB_TYPE_ARRAY) {
		error = classify_array(classifier, type, value.size, offset, depth);
	} else {
		error = classify_scalar(classifier, &value, offset);
	}
	value_deinit(&value);
	return error;
}

struct sdb_error *structure_class(const struct sdb_context *context, struct types *types, struct sdb_db *db,
				  sdb_type_id id, struct structure_class *class_ret)
{
	struct classifier classifier = { .context = context, .types = types, .db = db, .class = class_ret };
	const struct sdb_type *type;
	uint64_t size;
	bool known;
	*class_ret = (struct structure_class){
		.class = CONTEXT_STRUCTURE, .halves = { CONTEXT_NOTHING, CONTEXT_NOTHING },
	};
	struct sdb_error *error = types_strip(types, db, id, &type);
	if (!error)
		error = types_size(types, db, id, &size, &known);
	if (error)
		return error;
	if (!known || !size)
		return no_way("a structure without a size");
	error = classify(&classifier, id, 0, 0);
	if (!error && class_ret->halves[0] == CONTEXT_NOTHING && class_ret->class != CONTEXT_MEMORY)
		error = no_way("a structure without content");
	if (size > LARGEST || types_address_size(db) == 4)
		class_ret->class = CONTEXT_MEMORY;
	return error;
}
