/* SPDX-License-Identifier: MIT */
/*
 * Typed values of a live process, asked for by the public headers alone: usage `test_api PROGRAM`,
 * which programs/values.cc makes. What is expected stands in that file.
 */
#include <stackdb/expression.h>
#include <stackdb/frame.h>
#include <stackdb/probe.h>
#include <stackdb/value.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sdb_target *target;
static struct sdb_stack *stack;
static const struct sdb_context *context; /* of the frame of take() */
static unsigned checks, failed;

#define CHECK(condition) check(condition, #condition, __LINE__)

static void check(bool condition, const char *what, int line)
{
	checks++;
	if (condition)
		return;
	failed++;
	printf("not ok - line %d: %s\n", line, what);
}

#define MUST(call) must(call, #call, __LINE__)

static void must(struct sdb_error *error, const char *what, int line)
{
	if (!error)
		return;
	printf("not ok - line %d: %s: %s\n", line, what, sdb_error_message(error));
	exit(1);
}

/* Whether ERROR is one of that code; it is freed. */
static bool is_error(struct sdb_error *error, enum sdb_error_code code)
{
	bool is = error && sdb_error_code(error) == code;
	sdb_error_free(error);
	return is;
}

static struct sdb_value *evaluate(const char *text)
{
	struct sdb_value *value;
	must(sdb_evaluate(context, NULL, text, 0, &value), text, 0);
	return value;
}

static bool is_text(char *text, const char *expected)
{
	bool same = strcmp(text, expected) == 0;
	if (!same)
		printf("  %s\n", text);
	free(text);
	return same;
}

static bool prints(struct sdb_value *value, const struct sdb_print_options *options,
		   const char *expected)
{
	char *text;
	MUST(sdb_value_print(value, context, options, &text));
	return is_text(text, expected);
}

static bool prints_expression(const char *expression, const struct sdb_print_options *options,
			      const char *expected)
{
	struct sdb_value *value = evaluate(expression);
	bool same = prints(value, options, expected);
	sdb_value_free(value);
	return same;
}

static bool is_json(const char *expression, const struct sdb_print_options *options,
		    const char *expected)
{
	struct sdb_value *value = evaluate(expression);
	char *text;
	MUST(sdb_value_json(value, context, options, &text));
	sdb_value_free(value);
	return is_text(text, expected);
}

static int64_t number(struct sdb_value *value)
{
	int64_t found;
	MUST(sdb_value_signed(value, context, &found));
	return found;
}

/* The number at VALUE's address in the target. */
static uint64_t number_there(const struct sdb_value *value, unsigned size)
{
	uint64_t address, found;
	CHECK(sdb_value_address(value, &address));
	MUST(sdb_target_read_number(target, address, size, &found));
	return found;
}

/* ---- variables ------------------------------------------------------------------------------- */

static struct sdb_error *take_name(void *arg, struct sdb_value_local *local)
{
	strcat(strcat(arg, local->name), local->is_parameter ? "* " : " ");
	return local->line && local->file ? NULL
					  : sdb_error_new(SDB_ERROR_STOPPED, "no declaration");
}

static void test_locals(void)
{
	char names[200] = "";
	struct sdb_value *value;
	MUST(sdb_value_locals(context, SDB_VALUE_PARAMETERS | SDB_VALUE_LOCALS, take_name, names));
	CHECK(strcmp(names, "by_value* by_reference* by_pointer* small* sum alias ") == 0);
	CHECK(is_error(sdb_value_local(context, "nothing", &value), SDB_ERROR_NOT_FOUND));
	MUST(sdb_value_local(context, "sum", &value));
	CHECK(number(value) == 42); /* id of the copy, and twice 0 */
	CHECK(sdb_value_size(value) == 4 && sdb_value_kind(value) == SDB_TYPE_BASE);
	sdb_value_free(value);
}

static struct sdb_error *take_variable(void *arg, sdb_name_id name, const char *text,
				       struct sdb_entity entity)
{
	(void)name, (void)text;
	*(sdb_variable_id *)arg = entity.id;
	return NULL;
}

static void test_globals(void)
{
	struct sdb_value *value = evaluate("array"), *again, *copy;
	struct sdb_db *db = sdb_value_db(value);
	sdb_variable_id id = 0;
	uint64_t address, count;
	char *name;
	MUST(sdb_lookup(db, "array", SDB_MATCH_EXACT, 1u << SDB_ENTITY_VARIABLE, take_variable,
			&id));
	MUST(sdb_value_variable(context, id, &again));
	CHECK(sdb_value_address(value, &address) && address);
	CHECK(sdb_value_type(value) == sdb_value_type(again));
	MUST(sdb_value_type_name(value, &name));
	CHECK(is_text(name, "int [3]"));
	MUST(sdb_type_declaration(db, sdb_value_type(value), "them", &name));
	CHECK(is_text(name, "int them[3]"));
	MUST(sdb_value_count(value, &count));
	CHECK(count == 3);
	MUST(sdb_value_copy(value, &copy));
	CHECK(prints(copy, NULL, "{1, 2, 3}"));
	sdb_value_free(copy);
	sdb_value_free(again);
	MUST(sdb_value_at(context, db, sdb_value_type(value), address + 4, &again));
	MUST(sdb_value_element(again, context, 0, &copy));
	CHECK(number(copy) == 2);
	sdb_value_free(copy);
	MUST(sdb_value_element(value, context, -1, &copy)); /* as C does */
	sdb_value_free(copy);
	sdb_value_free(again);
	sdb_value_free(value);
}

/* ---- members, pointers ----------------------------------------------------------------------- */

static void test_members(void)
{
	struct sdb_value *shape = evaluate("shape"), *member, *element;
	uint32_t bits;
	long double real;
	size_t named = 0;
	MUST(sdb_value_member(shape, context, "narrow", &member));
	CHECK(number(member) == -2 && sdb_value_bit_field(member, &bits) && bits == 3);
	CHECK(is_error(sdb_value_address_of(member, context, &element), SDB_ERROR_INVALID));
	sdb_value_free(member);
	MUST(sdb_value_member(shape, context, "count", &member)); /* a static one */
	CHECK(number(member) == 7);
	sdb_value_free(member);
	MUST(sdb_value_member(shape, context, "sizes", &member));
	MUST(sdb_value_element(member, context, 2, &element));
	MUST(sdb_value_real(element, context, &real));
	CHECK(real == 0);
	sdb_value_free(element);
	sdb_value_free(member);
	CHECK(is_error(sdb_value_member(shape, context, "nothing", &member), SDB_ERROR_NOT_FOUND));
	for (size_t i = 0; i < sdb_value_member_count(shape); i++) {
		char *name;
		MUST(sdb_value_member_at(shape, context, i, &name, &member));
		named += strcmp(name, "id") == 0 && number(member) == 42;
		free(name);
		sdb_value_free(member);
	}
	CHECK(named == 1);
	CHECK(is_error(sdb_value_member_at(shape, context, 99, NULL, &member),
		       SDB_ERROR_NOT_FOUND));
	sdb_value_free(shape);
}

static void test_classes(void)
{
	struct sdb_value *pointer = evaluate("diamond_pointer"), *root, *member, *object, *back;
	struct sdb_db *db;
	sdb_type_id type;
	uint64_t derived, base;
	MUST(sdb_value_follow(pointer, context, &object));
	MUST(sdb_value_member(object, context, "root", &member)); /* of a virtual base */
	CHECK(number(member) == 1);
	sdb_value_free(member);
	MUST(sdb_value_address_of(object, context, &back));
	MUST(sdb_value_unsigned(back, context, &base));
	MUST(sdb_value_unsigned(pointer, context, &derived));
	CHECK(base == derived);
	sdb_value_free(back);
	root = evaluate("root_pointer");
	MUST(sdb_find_type(context, NULL, NULL, "Root", &db, &type));
	db = sdb_value_db(root);
	MUST(sdb_value_cast(pointer, context, db, sdb_value_type(root), &back));
	MUST(sdb_value_unsigned(back, context, &base));
	CHECK(base != derived && base == (uint64_t)number(root)); /* it moves */
	sdb_value_free(back);
	MUST(sdb_value_cast(root, context, sdb_value_db(pointer), sdb_value_type(pointer), &back));
	CHECK((uint64_t)number(back) == derived);
	sdb_value_free(back);
	sdb_value_free(root);
	sdb_value_free(object);
	sdb_value_free(pointer);
}

static void test_kinds(void)
{
	struct sdb_value *value = evaluate("variant.real"), *followed;
	long double real;
	enum sdb_absence absence;
	const char *why;
	MUST(sdb_value_real(value, context, &real));
	CHECK(fabsl(real - 3.14159274L) < 1e-6L);
	sdb_value_free(value);
	CHECK(prints_expression(
		"variant", NULL,
		"{number = 1078530011, real = 3.14159274, text = \"\\333\\017I@\"}"));
	CHECK(prints_expression("colour", NULL, "Colour::Green")
	      && prints_expression("neither", NULL, "(unknown: 0x8)"));
	CHECK(prints_expression("*(Shape *)8", NULL,
				"<error: Cannot access memory at address 0x8>"));
	value = evaluate("*(Shape *)8");
	MUST(sdb_value_absence(value, context, &absence, NULL, &why));
	CHECK(absence == SDB_ABSENT_MEMORY && strstr(why, "0x8"));
	CHECK(is_error(sdb_value_signed(value, context, &(int64_t){ 0 }), SDB_ERROR_INVALID));
	sdb_value_free(value);
	value = evaluate("shape_reference");
	MUST(sdb_value_follow(value, context, &followed));
	CHECK(sdb_value_kind(value) == SDB_TYPE_REFERENCE && sdb_value_size(followed) == 40);
	sdb_value_free(followed);
	sdb_value_free(value);
}

static void test_strings(void)
{
	struct sdb_value *value = evaluate("referring.constant");
	const uint8_t *bytes;
	char *text;
	size_t length;
	bool cut;
	MUST(sdb_value_string(value, context, 0, &text, &length, &cut));
	CHECK(length == 8 && !cut && is_text(text, "constant"));
	MUST(sdb_value_string(value, context, 5, &text, &length, &cut));
	CHECK(length == 5 && cut && is_text(text, "const"));
	sdb_value_free(value);
	value = evaluate("referring.text");
	MUST(sdb_value_string(value, context, 0, &text, NULL, NULL));
	CHECK(is_text(text, "abc"));
	MUST(sdb_value_bytes(value, context, &bytes));
	CHECK(memcmp(bytes, "abc", 4) == 0);
	sdb_value_free(value);
	value = evaluate("number");
	CHECK(is_error(sdb_value_string(value, context, 0, &text, NULL, NULL), SDB_ERROR_INVALID));
	sdb_value_free(value);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void test_options(void)
{
	struct sdb_print_options options = { .elements = 2 };
	CHECK(prints_expression("array", &options, "{1, 2...}"));
	CHECK(prints_expression("referring.constant[0]@8", &options, "\"co\"..."));
	options = (struct sdb_print_options){ .repeats = 2,
					      .no_statics = true,
					      .no_symbols = true };
	CHECK(prints_expression("secret.variant.text", &options, "\"\\005\\000\\000\""));
	options = (struct sdb_print_options){ .depth = 1 };
	CHECK(prints_expression("boxes", &options, "{items = {...}}"));
	options = (struct sdb_print_options){ .hexadecimal = true };
	CHECK(prints_expression("array", &options, "{0x1, 0x2, 0x3}"));
	options = (struct sdb_print_options){ .no_symbols = true, .no_strings = true, .top = true };
	struct sdb_value *value = evaluate("referring.constant");
	char expected[64];
	snprintf(expected, sizeof(expected), "0x%llx", (unsigned long long)number(value));
	CHECK(prints(value, &options, expected));
	sdb_value_free(value);
	options.top = true;
	value = evaluate("&shape.id");
	snprintf(expected, sizeof(expected), "(int *) 0x%llx", (unsigned long long)number(value));
	CHECK(prints(value, &options, expected));
	sdb_value_free(value);
}

static void test_json(void)
{
	struct sdb_print_options plain = { .no_symbols = true, .no_statics = true };
	char expected[200];
	CHECK(is_json("array", NULL, "[1,2,3]"));
	CHECK(is_json("boxes", NULL, "{\"items\":[{\"items\":[0,0]},{\"items\":[0,0]}]}"));
	CHECK(is_json("colour", NULL, "{\"number\":2,\"enum\":\"Colour::Green\"}"));
	CHECK(is_json("truth", NULL, "true") && is_json("number / 2.0", NULL, "2.5"));
	CHECK(is_json("4611686018427387905", NULL, "\"4611686018427387905\""));
	CHECK(is_json("1.5i", NULL, "[0,1.5]"));
	struct sdb_value *value = evaluate("referring.constant");
	snprintf(expected, sizeof(expected), "{\"pointer\":\"0x%llx\",\"string\":\"constant\"}",
		 (unsigned long long)number(value));
	CHECK(is_json("referring.constant", &plain, expected));
	sdb_value_free(value);
	CHECK(is_json("unnamed", NULL,
		      "{\"before\":1,\"<1>\":{\"either\":2,\"other\":2.80259693e-45},\"named\":{"
		      "\"inner\":3}}"));
	CHECK(is_json("*(int *)8", &plain,
		      "{\"absent\":\"memory not readable\",\"why\":\"cannot read 0x8: nothing "
		      "readable is mapped there\"}"));
	plain.elements = 2;
	CHECK(is_json("array", &plain, "[1,2,{\"absent\":\"more elements\"}]"));
}

/* ---- change ---------------------------------------------------------------------------------- */

static struct sdb_error *take_path(void *arg, const char *path, struct sdb_value *before,
				   struct sdb_value *after)
{
	char *a, *b;
	MUST(sdb_value_print(before, context, NULL, &a));
	MUST(sdb_value_print(after, context, NULL, &b));
	sprintf((char *)arg + strlen(arg), "%s %s->%s;", path, a, b);
	free(a);
	free(b);
	return NULL;
}

/* By somebody else: the target's memory is written past the value. */
static void test_refresh(void)
{
	struct sdb_value *value = evaluate("boxes"), *before, *part;
	uint64_t address;
	size_t count;
	bool changed;
	char paths[200] = "";
	int16_t other[] = { 5, 6 };
	MUST(sdb_value_copy(value, &before));
	MUST(sdb_value_refresh(value, context, &changed));
	MUST(sdb_value_refresh(value, context, &changed));
	CHECK(!changed);
	CHECK(sdb_value_address(value, &address));
	MUST(sdb_target_write(target, address + 2, other, sizeof(other)));
	MUST(sdb_value_member(value, context, "items", &part));
	CHECK(prints(part, NULL, "{{items = {0, 0}}, {items = {0, 0}}}")); /* as it was read */
	sdb_value_free(part);
	MUST(sdb_value_refresh(before, context, NULL));
	MUST(sdb_value_refresh(before, context, NULL));
	sdb_value_free(before);
	MUST(sdb_value_copy(value, &before));
	MUST(sdb_value_refresh(value, context, &changed));
	CHECK(changed);
	MUST(sdb_value_diff(before, value, context, 0, take_path, paths, &count));
	CHECK(count == 2 && strcmp(paths, ".items[0].items[1] 0->5;.items[1].items[0] 0->6;") == 0);
	paths[0] = '\0';
	MUST(sdb_value_diff(before, value, context, 1, take_path, paths, &count));
	CHECK(count == 2 && strcmp(paths, ".items[0].items[1] 0->5;") == 0);
	part = evaluate("array");
	CHECK(is_error(sdb_value_diff(part, value, context, 0, NULL, NULL, NULL),
		       SDB_ERROR_INVALID));
	sdb_value_free(part);
	sdb_value_free(before);
	sdb_value_free(value);
}

static void assign(const char *to, const char *from)
{
	struct sdb_value *left = evaluate(to), *right = evaluate(from);
	must(sdb_value_assign(left, context, right), to, __LINE__);
	sdb_value_free(left);
	sdb_value_free(right);
}

static void test_assign(void)
{
	struct sdb_value *value = evaluate("number"), *other = evaluate("shape"), *left;
	assign("number", "2.75");
	CHECK(number_there(value, 4) == 2);
	CHECK(is_error(sdb_value_assign(value, context, other), SDB_ERROR_INVALID));
	sdb_value_free(other);
	CHECK(is_error(sdb_value_store(value, context, "12345678", 8), SDB_ERROR_INVALID));
	MUST(sdb_value_store(value, context, &(int32_t){ -9 }, 4));
	CHECK(number(value) == -9 && (int32_t)number_there(value, 4) == -9);
	sdb_value_free(value);
	assign("shape.wide", "9");
	CHECK(prints_expression("shape.wide", NULL, "9")
	      && prints_expression("shape.narrow", NULL, "-2")
	      && prints_expression("shape.id", NULL, "42"));
	assign("colour", "Colour::Red");
	assign("shape_pointer", "(Shape *)diamond_pointer");
	assign("variant.real", "1.5f");
	assign("truth", "0");
	assign("wide_character", "'z'");
	CHECK(prints_expression("colour", NULL, "Colour::Red")
	      && prints_expression("truth", NULL, "false"));
	CHECK(prints_expression("variant.number", NULL, "1069547520"));
	CHECK(prints_expression("wide_character", NULL, "122 L'z'"));
	value = evaluate("boxes.items[0]");
	left = evaluate("boxes.items[1]");
	MUST(sdb_value_assign(left, context, value)); /* a whole structure */
	CHECK(prints_expression("boxes", NULL, "{items = {{items = {0, 5}}, {items = {0, 5}}}}"));
	sdb_value_free(left);
	sdb_value_free(value);
	value = evaluate("1 + 1");
	left = evaluate("(int)number");
	CHECK(is_error(sdb_value_assign(value, context, left), SDB_ERROR_INVALID));
	sdb_value_free(left);
	sdb_value_free(value);
	MUST(sdb_value_local(context, "sum", &value)); /* a local, seen in its frame again */
	other = evaluate("1000");
	MUST(sdb_value_assign(value, context, other));
	CHECK(number(value) == 1000);
	sdb_value_free(other);
	sdb_value_free(value);
	CHECK(prints_expression("sum", NULL, "1000"));
}

/* ---- a program that has been stopped in take() ----------------------------------------------- */

static struct sdb_error *on_call(void *arg, struct sdb_hit *hit)
{
	*(struct sdb_thread **)arg = hit->thread;
	hit->pause = true;
	return NULL;
}

/* Until it calls FUNCTION, behind its prologue. */
static struct sdb_thread *run_to(const char *function)
{
	struct sdb_thread *thread = NULL;
	struct sdb_probe_options options = { .before = on_call, .arg = &thread, .body = true };
	struct sdb_probe *probe;
	MUST(sdb_probe_function(target, function, &options, &probe));
	MUST(sdb_target_resume(target));
	while (!thread && sdb_target_status(target) == SDB_TARGET_RUNNING)
		MUST(sdb_target_poll(target, -1, NULL));
	MUST(sdb_probe_remove(probe));
	return thread;
}

int main(int argc, char **argv)
{
	struct sdb_spec spec = { .program = argv[1], .output = "/dev/null" };
	const struct sdb_frame *frame;
	if (argc != 2)
		return 2;
	MUST(sdb_target_create(&spec, &target));
	MUST(sdb_target_open(target));
	MUST(sdb_stack_open(run_to("consume"), NULL, &stack));
	do
		MUST(sdb_stack_next(stack, &frame));
	while (frame && strncmp(frame->name, "take", 4) != 0);
	if (!frame)
		return 1;
	MUST(sdb_stack_context(stack, &context));
	test_locals();
	test_globals();
	test_members();
	test_classes();
	test_kinds();
	test_strings();
	test_options();
	test_json();
	test_refresh();
	test_assign();
	sdb_stack_close(stack);
	MUST(sdb_target_kill(target));
	sdb_target_close(target);
	printf("%u checks, %u failed\n", checks, failed);
	return failed != 0;
}
