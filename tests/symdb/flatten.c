/* SPDX-License-Identifier: MIT */
#include "flatten.h"

static void expression(struct buffer *to, const uint8_t *bytes, uint32_t length)
{
	put_uleb(to, length);
	put_bytes(to, bytes, length);
}

static void decl(struct buffer *to, const struct sdb_decl *from)
{
	put_uleb(to, from->file);
	put_uleb(to, from->line);
	put_uleb(to, from->column);
}

static void scope(struct buffer *to, const struct sdb_scope *from)
{
	put_uleb(to, from->kind);
	put_uleb(to, from->id);
}

static void parameters(struct buffer *to, const struct sdb_parameter *from, size_t count)
{
	put_uleb(to, count);
	for (size_t i = 0; i < count; i++) {
		put_uleb(to, from[i].name);
		put_uleb(to, from[i].type);
		put_uleb(to, from[i].file);
		put_uleb(to, from[i].line);
		put_uleb(to, from[i].flags);
	}
}

static void templates(struct buffer *to, const struct sdb_template *from, size_t count)
{
	put_uleb(to, count);
	for (size_t i = 0; i < count; i++) {
		put_uleb(to, from[i].kind);
		put_uleb(to, from[i].name);
		put_uleb(to, from[i].type);
		put_sleb(to, from[i].value);
		put_uleb(to, from[i].has_value);
		put_uleb(to, from[i].is_default);
		put_uleb(to, from[i].text);
	}
}

static void member(struct buffer *to, const struct sdb_member *from)
{
	put_uleb(to, from->kind);
	put_uleb(to, from->flags);
	put_uleb(to, from->name);
	put_uleb(to, from->type);
	put_uleb(to, from->bit_offset);
	put_uleb(to, from->bit_size);
	put_uleb(to, from->alignment);
	put_uleb(to, from->file);
	put_uleb(to, from->line);
	put_uleb(to, from->variant);
	put_uleb(to, from->value);
	expression(to, from->location, from->location_length);
}

void flatten_type(struct buffer *to, const struct sdb_type *type)
{
	put_uleb(to, type->id);
	put_uleb(to, type->kind);
	put_uleb(to, type->flags);
	put_uleb(to, type->name);
	put_uleb(to, type->linkage_name);
	scope(to, &type->scope);
	decl(to, &type->decl);
	put_uleb(to, type->size);
	put_uleb(to, type->alignment);
	put_uleb(to, type->encoding);
	put_uleb(to, type->dwarf_tag);
	put_uleb(to, type->bit_offset);
	put_uleb(to, type->target);
	put_uleb(to, type->containing);
	put_uleb(to, type->member_count);
	for (size_t i = 0; i < type->member_count; i++)
		member(to, &type->members[i]);
	put_uleb(to, type->enumerator_count);
	for (size_t i = 0; i < type->enumerator_count; i++) {
		put_uleb(to, type->enumerators[i].name);
		put_sleb(to, type->enumerators[i].value);
		put_uleb(to, type->enumerators[i].is_unsigned);
	}
	put_uleb(to, type->dimension_count);
	for (size_t i = 0; i < type->dimension_count; i++) {
		const struct sdb_dimension *dimension = &type->dimensions[i];
		put_uleb(to, dimension->kind);
		put_sleb(to, dimension->lower);
		put_uleb(to, dimension->count);
		put_uleb(to, dimension->index_type);
		put_uleb(to, dimension->is_count);
		expression(to, dimension->expression, dimension->expression_length);
		put_uleb(to, dimension->reference_kind);
		put_uleb(to, dimension->reference);
	}
	parameters(to, type->parameters, type->parameter_count);
	templates(to, type->templates, type->template_count);
}

static void local(struct buffer *to, const struct sdb_local *from)
{
	put_uleb(to, from->name);
	put_uleb(to, from->type);
	put_uleb(to, from->file);
	put_uleb(to, from->line);
	put_uleb(to, from->column);
	put_uleb(to, from->flags);
	put_uleb(to, from->alignment);
}

void flatten_function(struct buffer *to, const struct sdb_function *function)
{
	put_uleb(to, function->id);
	put_uleb(to, function->name);
	put_uleb(to, function->linkage_name);
	scope(to, &function->scope);
	put_uleb(to, function->unit);
	decl(to, &function->decl);
	put_uleb(to, function->flags);
	put_uleb(to, function->alignment);
	put_uleb(to, function->type);
	put_uleb(to, function->virtual_index);
	put_uleb(to, function->containing);
	parameters(to, function->parameters, function->parameter_count);
	templates(to, function->templates, function->template_count);
	put_uleb(to, function->local_count);
	for (size_t i = 0; i < function->local_count; i++)
		local(to, &function->locals[i]);
}

static void location(struct buffer *to, const struct sdb_location *from)
{
	put_uleb(to, from->kind);
	put_uleb(to, from->address);
	expression(to, from->expression.bytes, from->expression.length);
	put_uleb(to, from->entry_count);
	for (size_t i = 0; i < from->entry_count; i++) {
		put_uleb(to, from->entries[i].low);
		put_uleb(to, from->entries[i].high);
		put_uleb(to, from->entries[i].is_default);
		expression(to, from->entries[i].expression.bytes, from->entries[i].expression.length);
	}
}

void flatten_variable(struct buffer *to, const struct sdb_variable *variable)
{
	put_uleb(to, variable->id);
	put_uleb(to, variable->name);
	put_uleb(to, variable->linkage_name);
	scope(to, &variable->scope);
	put_uleb(to, variable->unit);
	decl(to, &variable->decl);
	put_uleb(to, variable->flags);
	put_uleb(to, variable->alignment);
	put_uleb(to, variable->type);
	location(to, &variable->location);
}

static void code_scope(struct buffer *to, const struct sdb_code_scope *from)
{
	put_uleb(to, from->kind);
	put_uleb(to, from->parent);
	put_uleb(to, from->function);
	put_uleb(to, from->call_file);
	put_uleb(to, from->call_line);
	put_uleb(to, from->call_column);
	put_uleb(to, from->call_discriminator);
	put_uleb(to, from->entry);
	put_uleb(to, from->range_count);
	for (size_t i = 0; i < from->range_count; i++) {
		put_uleb(to, from->ranges[i].low);
		put_uleb(to, from->ranges[i].high);
	}
}

static void call(struct buffer *to, const struct sdb_call_site *from)
{
	put_uleb(to, from->address);
	put_uleb(to, from->flags);
	put_uleb(to, from->function);
	expression(to, from->target.bytes, from->target.length);
	put_uleb(to, from->parameter_count);
	for (size_t i = 0; i < from->parameter_count; i++) {
		const struct sdb_call_parameter *parameter = &from->parameters[i];
		expression(to, parameter->location.bytes, parameter->location.length);
		expression(to, parameter->value.bytes, parameter->value.length);
		expression(to, parameter->data_value.bytes, parameter->data_value.length);
	}
}

void flatten_code(struct buffer *to, const struct sdb_code *code)
{
	put_uleb(to, code->flags);
	put_uleb(to, code->unit);
	put_uleb(to, code->linkage_name);
	expression(to, code->frame_base.bytes, code->frame_base.length);
	location(to, &code->frame_base_list);
	put_uleb(to, code->scope_count);
	for (size_t i = 0; i < code->scope_count; i++)
		code_scope(to, &code->scopes[i]);
	put_uleb(to, code->variable_count);
	for (size_t i = 0; i < code->variable_count; i++) {
		const struct sdb_scope_variable *variable = &code->variables[i];
		put_uleb(to, variable->scope);
		put_uleb(to, variable->local);
		local(to, &variable->own);
		put_uleb(to, variable->own_is_parameter);
		location(to, &variable->location);
	}
	put_uleb(to, code->call_site_count);
	for (size_t i = 0; i < code->call_site_count; i++)
		call(to, &code->call_sites[i]);
}
