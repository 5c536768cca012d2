/* SPDX-License-Identifier: MIT */
/* Calls of functions: arguments as C passes them, and the value that comes back. */
#include "expr.h"
#include "structure_class.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ARGUMENTS 32

struct call {
	struct parser *parser;
	const struct sdb_type *type;  /* of the function */
	struct sdb_db *db;
	struct sdb_value *values[MAX_ARGUMENTS]; /* as they were written */
	struct sdb_value *made[MAX_ARGUMENTS];   /* as they are passed: converted */
	struct context_argument arguments[MAX_ARGUMENTS + 1];
	size_t count;                 /* of `values` */
	size_t passed;                /* of `arguments` */
};

static void deinit(struct call *call)
{
	for (size_t i = 0; i < MAX_ARGUMENTS; i++) {
		sdb_value_free(call->values[i]);
		sdb_value_free(call->made[i]);
	}
}

static struct sdb_error *read_arguments(struct call *call)
{
	struct parser *parser = call->parser;
	unsigned choosing = parser->choosing;
	struct sdb_value *value;
	struct sdb_error *error = NULL;
	if (expr_take(parser, ")"))
		return NULL;
	parser->choosing = 0;
	do {
		if (call->count == MAX_ARGUMENTS)
			error = expr_error(parser, "too many arguments");
		else
			error = expr_assignment(parser, &value);
		if (!error)
			call->values[call->count++] = value;
	} while (!error && expr_take(parser, ","));
	parser->choosing = choosing;
	if (!error && !expr_take(parser, ")"))
		error = expr_error(parser, "a ) is missing");
	return error;
}

/* ---- one argument ---------------------------------------------------------------------------- */

/* How a value of a type is passed; INVALID for what takes more than registers. */
static struct sdb_error *class_of(struct parser *parser, const struct sdb_value *value,
				  enum context_class *class_ret)
{
	enum value_class class;
	enum number_format format;
	bool is_signed;
	unsigned word = types_address_size(value->db);
	struct sdb_error *error = value_class(value, &class, &is_signed, &format);
	if (error)
		return error;
	*class_ret = class != VALUE_REAL    ? CONTEXT_INTEGER
		: format == NUMBER_EXTENDED ? CONTEXT_EXTENDED
					    : CONTEXT_REAL;
	bool real = class == VALUE_REAL && (format == NUMBER_SINGLE || format == NUMBER_DOUBLE
					    || format == NUMBER_EXTENDED);
	bool integer = class == VALUE_INTEGER || class == VALUE_BOOLEAN || class == VALUE_POINTER;
	if (real || (integer && (value->size <= word || (word == 4 && value->size == 8))))
		return NULL;
	return expr_error(parser, "numbers that are so large are not passed to functions");
}

/* A structure by value. */
static struct sdb_error *pass_structure(struct call *call, struct sdb_value *value)
{
	struct context_argument *argument = &call->arguments[call->passed++];
	const struct sdb_context *context = call->parser->context;
	struct structure_class class;
	struct sdb_error *error = structure_class(context, call->parser->types, value->db,
						  value->stripped, &class);
	if (!error)
		error = value_need(value, context);
	if (error)
		return error;
	argument->class = class.class;
	argument->wide = class.wide;
	memcpy(argument->halves, class.halves, sizeof(argument->halves));
	if (class.class == CONTEXT_MEMORY) {
		argument->copied = value->bytes;
		argument->copied_size = (size_t)value->size;
	} else {
		argument->size = (unsigned)value->size;
		memcpy(argument->bytes, value->bytes, argument->size);
	}
	return NULL;
}

/* VALUE, a scalar, extended as it would be in a register. */
static struct sdb_error *pass_scalar(struct call *call, struct sdb_value *value)
{
	struct context_argument *argument = &call->arguments[call->passed++];
	const struct sdb_context *context = call->parser->context;
	number_signed number;
	unsigned word = types_address_size(call->db);
	struct sdb_error *error = class_of(call->parser, value, &argument->class);
	if (error)
		return error;
	if (argument->class == CONTEXT_INTEGER) {
		error = value_integer(value, context, &number);
		argument->size = value->size > word ? (unsigned)value->size : word;
		if (!error)
			number_put(argument->bytes, argument->size, types_big_endian(value->db),
				   (number_bits)number);
		return error;
	}
	error = value_need(value, context);
	argument->size = (unsigned)value->size;
	if (!error)
		memcpy(argument->bytes, value->bytes, argument->size);
	return error;
}

static struct sdb_error *pass_address(struct call *call, uint64_t address)
{
	struct context_argument *argument = &call->arguments[call->passed++];
	argument->class = CONTEXT_INTEGER;
	argument->size = types_address_size(call->db);
	number_put(argument->bytes, argument->size, types_big_endian(call->db), address);
	return NULL;
}

/* Something that is not in memory, such as "text", is put there for the time of the call. */
static struct sdb_error *pass_copy(struct call *call, struct sdb_value *value)
{
	struct context_argument *argument = &call->arguments[call->passed++];
	struct sdb_error *error = value_need(value, call->parser->context);
	if (!error && (!value->bytes || !value->size))
		error = expr_error(call->parser, "an argument that is nowhere");
	argument->copied = value->bytes;
	argument->copied_size = (size_t)value->size;
	return error;
}

static struct sdb_error *pass_reference(struct call *call, struct sdb_value *value,
					sdb_type_id target, struct sdb_value **made_ret)
{
	const struct sdb_type *type;
	uint64_t address;
	struct parser *parser = call->parser;
	struct sdb_error *error = types_strip(parser->types, call->db, target, &type);
	if (error)
		return error;
	bool same = value->db == call->db && value->stripped == type->id;
	if (types_is_structure(type->kind) && types_is_structure(value->kind)) {
		error = sdb_value_cast(value, parser->context, call->db, target, made_ret);
		return error ? error
			: sdb_value_address(*made_ret, &address)
			? pass_address(call, address)
			: expr_error(parser, "an object without an address");
	}
	if (same && sdb_value_address(value, &address))
		return pass_address(call, address);
	error = sdb_value_cast(value, parser->context, call->db, target, made_ret);
	return error ? error : pass_copy(call, *made_ret);
}

/* What C11, 6.5.2.2 makes of arguments that no parameter is declared for. */
static struct sdb_error *promote(struct call *call, struct sdb_value *value,
				 struct sdb_value **made_ret)
{
	enum value_class class;
	enum number_format format;
	bool is_signed;
	struct parser *parser = call->parser;
	struct sdb_error *error = value_class(value, &class, &is_signed, &format);
	if (error)
		return error;
	if (class == VALUE_REAL && value->size < 8)
		return sdb_value_cast(value, parser->context, call->db, TYPES_DOUBLE, made_ret);
	return sdb_value_copy(value, made_ret);
}

/* ARGUMENT for a parameter of type TYPE; 0: for none that is declared. */
static struct sdb_error *pass(struct call *call, struct sdb_value *given, sdb_type_id type,
			      struct sdb_value **made_ret)
{
	struct parser *parser = call->parser;
	const struct sdb_type *stripped = NULL;
	struct sdb_value *followed = NULL, *value = given;
	uint64_t address;
	struct sdb_error *error = NULL;
	if (types_is_reference(value->kind)) {
		error = sdb_value_follow(value, parser->context, &followed);
		value = followed;
	}
	if (!error && type)
		error = types_strip(parser->types, call->db, type, &stripped);
	bool pointer = !type || (stripped && stripped->kind == SDB_TYPE_POINTER);
	if (error) {
		sdb_value_free(followed);
		return error;
	}
	if (types_is_structure(value->kind) && stripped && !types_is_structure(stripped->kind)
	    && !types_is_reference(stripped->kind))
		error = expr_error(parser, "a structure where a number or a pointer is wanted");
	else if (stripped && types_is_structure(stripped->kind)
		 && (value->db != call->db || value->stripped != stripped->id))
		error = expr_error(parser, "something else where a structure is wanted");
	else if (types_is_structure(value->kind) && (!stripped || types_is_structure(stripped->kind)))
		error = pass_structure(call, value);
	else if (stripped && types_is_reference(stripped->kind))
		error = pass_reference(call, value, stripped->target, made_ret);
	else if (pointer && (value->kind == SDB_TYPE_ARRAY || value->kind == SDB_TYPE_FUNCTION))
		error = sdb_value_address(value, &address) ? pass_address(call, address)
							   : pass_copy(call, value);
	else {
		error = type ? sdb_value_cast(value, parser->context, call->db, type, made_ret)
			: promote(call, value, made_ret);
		if (!error)
			error = pass_scalar(call, *made_ret);
	}
	/* A copy is made of its bytes: they have to stay. */
	if (!*made_ret)
		*made_ret = followed;
	else
		sdb_value_free(followed);
	return error;
}

static struct sdb_error *pass_all(struct call *call, const struct sdb_value *function)
{
	const struct sdb_type *type = call->type;
	bool method = type->parameter_count && type->parameters[0].flags & SDB_LOCAL_ARTIFICIAL;
	bool open = type->flags & SDB_TYPE_VARIADIC
		|| (!type->parameter_count && !(type->flags & SDB_TYPE_PROTOTYPED)
		    && !types_plain_tags(call->parser->types, call->db));
	size_t first = 0;
	struct sdb_error *error = NULL;
	if (method && function->bound) {
		error = pass_address(call, function->object);
		first = 1;
	}
	if (call->count < type->parameter_count - first
	    || (!open && call->count > type->parameter_count - first))
		return expr_error(call->parser,
				  "another number of arguments than the function takes");
	for (size_t i = 0; i < call->count && !error; i++)
		error = pass(call, call->values[i], i + first < type->parameter_count
			     ? type->parameters[i + first].type : 0, &call->made[i]);
	return error;
}

/* ---- the call -------------------------------------------------------------------------------- */

/* A float of i386 comes back as an x87 register has it. */
static struct sdb_error *take_real(struct call *call, const struct context_call *made,
				   struct sdb_value **value_ret)
{
	number_bits bits = number_get(made->result, 10, false);
	return value_of_real(call->parser->context, call->parser->types, call->db,
			     call->type->target, number_to_real(bits, NUMBER_EXTENDED), value_ret);
}

static struct sdb_error *take_result(struct call *call, const struct context_call *made,
				     struct sdb_value **value_ret)
{
	struct parser *parser = call->parser;
	if (made->result_size && made->result_class == CONTEXT_EXTENDED)
		return take_real(call, made, value_ret);
	return value_of_bytes(parser->context, parser->types, call->db, call->type->target,
			      made->memory ? made->memory : made->result, made->result_size, value_ret);
}

/* How what SHAPE is like is returned. */
static struct sdb_error *prepare_result(struct parser *parser, const struct sdb_value *shape,
					struct context_call *made)
{
	struct structure_class class;
	if (shape->kind == SDB_TYPE_NONE)
		return NULL;
	made->result_size = (unsigned)shape->size;
	if (!types_is_structure(shape->kind))
		return class_of(parser, shape, &made->result_class);
	if (shape->size > VALUE_MAX_SIZE)
		return expr_error(parser, "what the function returns is too large");
	struct sdb_error *error = structure_class(parser->context, parser->types, shape->db,
						  shape->stripped, &class);
	if (error)
		return error;
	if (class.extended && shape->size <= 16 && types_address_size(shape->db) == 8)
		return expr_error(parser, "a structure with a long double is not returned");
	made->result_class = class.class;
	memcpy(made->result_halves, class.halves, sizeof(made->result_halves));
	if (class.class == CONTEXT_MEMORY && !(made->memory = malloc((size_t)shape->size)))
		return value_no_memory();
	return NULL;
}

static struct sdb_error *make_call(struct call *call, const struct sdb_value *function,
				   struct sdb_value **value_ret)
{
	struct parser *parser = call->parser;
	const struct sdb_context *context = parser->context;
	struct context_call made = { .arguments = call->arguments };
	struct sdb_value shape;
	if (!sdb_value_address(function, &made.function))
		return expr_error(parser, "a function without an address");
	struct sdb_error *error = value_init(&shape, context, parser->types, call->db,
					     call->type->target);
	if (error)
		return error;
	error = prepare_result(parser, &shape, &made);
	value_deinit(&shape);
	if (!error)
		error = pass_all(call, function);
	made.argument_count = call->passed;
	if (!error && !context->ops->call)
		error = sdb_error_new(SDB_ERROR_UNSUPPORTED,
				      "there is no thread here that could call a function");
	if (!error)
		error = context->ops->call(context->arg, &made);
	if (!error)
		error = take_result(call, &made, value_ret);
	free(made.memory);
	return error;
}

/* The function that VALUE is, points or refers to. */
static struct sdb_error *function_of(struct parser *parser, const struct sdb_value *value,
				     struct sdb_value **function_ret)
{
	struct sdb_error *error = sdb_value_copy(value, function_ret);
	for (unsigned i = 0; !error && i < 3 && (*function_ret)->kind != SDB_TYPE_FUNCTION; i++) {
		struct sdb_value *pointer = *function_ret;
		error = sdb_value_follow(pointer, parser->context, function_ret);
		sdb_value_free(pointer);
	}
	if (error || (*function_ret)->kind == SDB_TYPE_FUNCTION)
		return error;
	sdb_value_free(*function_ret);
	return expr_error(parser, "what is called is no function");
}

struct sdb_error *expr_call(struct parser *parser, const struct sdb_value *value,
			    struct sdb_value **value_ret)
{
	struct call call = { .parser = parser };
	struct sdb_value *function;
	if (!(parser->flags & SDB_EVALUATE_CALL))
		return expr_error(parser, "functions cannot be called here");
	struct sdb_error *error = read_arguments(&call);
	if (error || parser->skipping) {
		deinit(&call);
		return error ? error : expr_dummy(parser, value_ret);
	}
	error = function_of(parser, value, &function);
	if (!error) {
		call.db = function->db;
		error = value_stripped(function, &call.type);
		if (!error)
			error = make_call(&call, function, value_ret);
		sdb_value_free(function);
	}
	deinit(&call);
	return error;
}
