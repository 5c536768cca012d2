/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_MODEL_H
#define STACKDB_MODEL_H

/**
 * @file
 * The records of a database, as the indexer writes them and the reader returns
 * them. Plain data; docs/format.md says how each is stored.
 *
 * Identifiers are dense numbers per kind that start at 1; 0 is "none" (for a
 * type: void). Names are numbered by their rank in byte order; 0 is "no name".
 * Addresses are those of the ELF file. A relocatable file (a kernel module) has
 * its sections laid out one after the other at the addresses that `struct
 * sdb_section` gives (`.text` first, at 0), so that every address below is one
 * number; section and offset come from the section that contains it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t sdb_name_id;     /**< a string: identifier, producer, directory */
typedef uint32_t sdb_file_id;     /**< a source file */
typedef uint32_t sdb_unit_id;     /**< a compilation unit */
typedef uint32_t sdb_type_id;     /**< a type or a namespace */
typedef uint32_t sdb_function_id; /**< a function, with or without code */
typedef uint32_t sdb_variable_id; /**< a variable outside functions, or static in one */
typedef uint32_t sdb_symbol_id;   /**< an ELF symbol, numbered in address order */

/** The kinds of thing that a name can lead to. */
enum sdb_entity_kind {
	SDB_ENTITY_SYMBOL = 1,
	SDB_ENTITY_FUNCTION,
	SDB_ENTITY_VARIABLE,
	SDB_ENTITY_TYPE,       /**< a named type or a namespace */
	SDB_ENTITY_ENUMERATOR, /**< the id is that of the enumeration type */
};

/** A thing of the database: its kind and its number. */
struct sdb_entity {
	enum sdb_entity_kind kind;
	uint32_t id;
};

/** Where a thing is declared; `file` 0 and `line` 0 when unknown. */
struct sdb_decl {
	sdb_file_id file;
	uint32_t line;
	uint32_t column;
};

/** A half-open range of addresses. */
struct sdb_range {
	uint64_t low;
	uint64_t high;
};

/** What a thing is declared inside of. */
enum sdb_scope_kind {
	SDB_SCOPE_UNIT = 0, /**< file level */
	SDB_SCOPE_TYPE,     /**< a namespace, class or struct; `id` is a type */
	SDB_SCOPE_FUNCTION, /**< a function; `id` is a function */
};

struct sdb_scope {
	enum sdb_scope_kind kind;
	uint32_t id;
};

/* ---- sections, segments, symbols ------------------------------------- */

/** An ELF section header. */
struct sdb_section {
	uint32_t index;
	const char *name;
	uint32_t type;    /**< SHT_* */
	uint64_t flags;   /**< SHF_* */
	uint64_t address; /**< as stated above for relocatable files */
	uint64_t offset;
	uint64_t size;
	uint64_t alignment;
};

/** An ELF program header. */
struct sdb_segment {
	uint32_t type;  /**< PT_* */
	uint32_t flags; /**< PF_* */
	uint64_t offset;
	uint64_t address;
	uint64_t physical_address;
	uint64_t file_size;
	uint64_t memory_size;
	uint64_t alignment;
};

/** An ELF symbol. Values of `type`, `binding`, `visibility` are the ELF ones. */
struct sdb_symbol {
	uint64_t address; /**< for a TLS symbol its offset in the TLS image */
	uint64_t size;
	sdb_name_id name;
	sdb_name_id version; /**< of a dynamic symbol; 0 if none */
	uint16_t section;    /**< section index, or SHN_ABS, SHN_COMMON */
	uint8_t type;        /**< STT_* */
	uint8_t binding;     /**< STB_* */
	uint8_t visibility;  /**< STV_* */
	bool dynamic;        /**< in .dynsym */
	bool in_symtab;      /**< in .symtab (or in the mini-debuginfo's) */
	bool default_version;/**< `name@@version` rather than `name@version` */
};

/* ---- units and types -------------------------------------------------- */

/** A compilation unit. */
struct sdb_unit {
	sdb_name_id name;
	sdb_name_id directory; /**< the compilation directory */
	sdb_name_id producer;
	uint16_t language;     /**< DW_LANG_* */
	uint16_t version;      /**< DWARF version; 0 for BTF */
	uint64_t low;          /**< lowest address of code, 0 when there is none */
};

enum sdb_type_kind {
	SDB_TYPE_NONE = 0,
	SDB_TYPE_BASE,
	SDB_TYPE_POINTER,
	SDB_TYPE_REFERENCE,
	SDB_TYPE_RVALUE_REFERENCE,
	SDB_TYPE_MEMBER_POINTER, /**< `containing` is the class */
	SDB_TYPE_CONST,
	SDB_TYPE_VOLATILE,
	SDB_TYPE_RESTRICT,
	SDB_TYPE_ATOMIC,
	SDB_TYPE_TYPEDEF,
	SDB_TYPE_ARRAY,
	SDB_TYPE_STRUCT,
	SDB_TYPE_CLASS,
	SDB_TYPE_UNION,
	SDB_TYPE_ENUM,
	SDB_TYPE_FUNCTION,    /**< a subroutine type; `target` is what it returns */
	SDB_TYPE_UNSPECIFIED, /**< DW_TAG_unspecified_type, such as decltype(nullptr) */
	SDB_TYPE_SUBRANGE,
	SDB_TYPE_STRING,
	SDB_TYPE_NAMESPACE,
	SDB_TYPE_OTHER,       /**< a tag this version has no model for; see `dwarf_tag` */
	SDB_TYPE_KINDS
};

enum sdb_type_flags {
	SDB_TYPE_DECLARATION = 1 << 0,  /**< no definition anywhere in the module */
	SDB_TYPE_ARTIFICIAL = 1 << 1,
	SDB_TYPE_ENUM_CLASS = 1 << 2,
	SDB_TYPE_PROTOTYPED = 1 << 3,
	SDB_TYPE_VARIADIC = 1 << 4,
	SDB_TYPE_VECTOR = 1 << 5,       /**< DW_AT_GNU_vector */
	SDB_TYPE_SIZED = 1 << 6,        /**< `size` is given */
	SDB_TYPE_BIT_SIZED = 1 << 7,    /**< `size` counts bits (DW_AT_bit_size) */
	SDB_TYPE_EXPORT_SYMBOLS = 1 << 8, /**< inline namespace */
	SDB_TYPE_BIG_ENDIAN = 1 << 9,
	SDB_TYPE_LITTLE_ENDIAN = 1 << 10,
	SDB_TYPE_COLUMN_MAJOR = 1 << 11,
	SDB_TYPE_BY_VALUE = 1 << 12,    /**< DW_AT_calling_convention pass_by_value */
	SDB_TYPE_BY_REFERENCE = 1 << 13,
	/**
	 * There is an earlier type that says the same, but units disagree about something that its
	 * members lead to (two structures of one name). Lookups by name give only the earlier one.
	 */
	SDB_TYPE_VARIANT = 1 << 14,
};

enum sdb_member_kind {
	SDB_MEMBER_FIELD = 0,
	SDB_MEMBER_BASE,    /**< an inherited class */
	SDB_MEMBER_VARIANT, /**< a field of a Rust variant; `variant` tells which */
	SDB_MEMBER_DISCRIMINANT, /**< the field that selects the variant */
};

enum sdb_member_flags {
	SDB_MEMBER_PUBLIC = 1,    /**< access: the low two bits are DW_ACCESS_*, */
	SDB_MEMBER_PROTECTED = 2, /**< 0 when not stated */
	SDB_MEMBER_PRIVATE = 3,
	SDB_MEMBER_ACCESS = 3,
	SDB_MEMBER_BITFIELD = 1 << 2,
	SDB_MEMBER_VIRTUAL = 1 << 3, /**< a virtual base; `location` finds it */
	SDB_MEMBER_ARTIFICIAL = 1 << 4,
	SDB_MEMBER_MUTABLE = 1 << 5,
	SDB_MEMBER_STATIC = 1 << 6,  /**< external or declaration: takes no space */
	SDB_MEMBER_CONST_VALUE = 1 << 7, /**< `value` is its constant */
	SDB_MEMBER_DEFAULT_VARIANT = 1 << 8, /**< of a variant: the one for all other values */
};

/** A field, base class or static member of a struct, class or union. */
struct sdb_member {
	enum sdb_member_kind kind;
	uint32_t flags;
	sdb_name_id name; /**< 0 when anonymous */
	sdb_type_id type;
	uint64_t bit_offset; /**< from the start of the type, in bits; for a bit-field of a
			          little-endian target: of its least significant bit */
	uint32_t bit_size;   /**< of a bit-field, else 0 */
	uint32_t alignment;  /**< DW_AT_alignment in bytes, 0 when not stated */
	sdb_file_id file;    /**< declaration; usually that of the type */
	uint32_t line;
	uint32_t variant;    /**< number of the variant (from 1) for Rust enums */
	uint64_t value;      /**< constant of a static member; discriminant of a variant */
	const uint8_t *location; /**< DWARF expression of a virtual base, or NULL */
	uint32_t location_length;
};

struct sdb_enumerator {
	sdb_name_id name;
	int64_t value; /**< to be read as unsigned if `SDB_ENUM_UNSIGNED` values are meant */
	bool is_unsigned; /**< the debuginfo gave it as an unsigned number */
};

enum sdb_dimension_kind {
	SDB_DIMENSION_COUNT = 0, /**< `count` elements */
	SDB_DIMENSION_UNBOUNDED, /**< flexible array, or extern without a size */
	SDB_DIMENSION_EXPRESSION,/**< variable length: `expression` gives the upper bound */
	SDB_DIMENSION_DYNAMIC,   /**< variable length: the upper bound is the value of `reference` */
};

/** What a reference to a debugging entry leads to: in a rewritten expression, or of a dimension. */
enum sdb_reference_kind {
	SDB_REFERENCE_UNKNOWN = 0, /**< number 0: nothing in the model stands for it */
	SDB_REFERENCE_LOCAL,       /**< the local (see sdb_scope_variable.local) of the same scope's function */
	SDB_REFERENCE_VARIABLE,    /**< an sdb_variable_id */
	SDB_REFERENCE_FUNCTION,    /**< an sdb_function_id */
	/**
	 * In an inlined function, a local of a function around it: the number is that local times
	 * SDB_REFERENCE_LEVELS, plus how many inlined functions further out it is (1: the next).
	 */
	SDB_REFERENCE_OUTER,
};
#define SDB_REFERENCE_LEVELS 16

/**
 * One dimension of an array, outermost first; a subrange type has one. A LOCAL that holds a bound is
 * one of the function whose variables have the type: no other function's variables do.
 */
struct sdb_dimension {
	enum sdb_dimension_kind kind;
	bool is_count; /**< of EXPRESSION and DYNAMIC: it gives how many elements there are (DW_AT_count) */
	int64_t lower;
	uint64_t count;
	sdb_type_id index_type;
	const uint8_t *expression;
	uint32_t expression_length;
	enum sdb_reference_kind reference_kind; /**< of DYNAMIC */
	uint32_t reference;
};

/** A parameter of a function type or of a function. */
struct sdb_parameter {
	sdb_name_id name;
	sdb_type_id type;
	sdb_file_id file;
	uint32_t line;
	uint32_t flags; /**< enum sdb_local_flags */
};

enum sdb_template_kind {
	SDB_TEMPLATE_TYPE = 0,
	SDB_TEMPLATE_VALUE,    /**< `value`, of type `type` */
	SDB_TEMPLATE_TEMPLATE, /**< `text` names a template */
	SDB_TEMPLATE_PACK,     /**< begins a pack: the next `value` entries belong to it */
};

struct sdb_template {
	enum sdb_template_kind kind;
	sdb_name_id name;
	sdb_type_id type;
	int64_t value;
	bool has_value;    /**< a value that was given as a constant */
	bool is_default;   /**< DW_AT_default_value */
	sdb_name_id text;
};

/** A type. The reader owns the arrays until sdb_type_free(). */
struct sdb_type {
	sdb_type_id id;
	enum sdb_type_kind kind;
	uint32_t flags;
	sdb_name_id name;
	sdb_name_id linkage_name; /**< DW_AT_linkage_name/signature identifier, rare */
	struct sdb_scope scope;
	struct sdb_decl decl;
	uint64_t size;            /**< bytes (bits with BIT_SIZED) */
	uint32_t alignment;       /**< DW_AT_alignment; 0 when not stated */
	uint16_t encoding;        /**< DW_ATE_* of a base type */
	uint16_t dwarf_tag;       /**< of SDB_TYPE_OTHER */
	uint32_t bit_offset;      /**< DW_AT_data_bit_offset of a base type */
	sdb_type_id target;       /**< pointed to, qualified, element, returned, underlying */
	sdb_type_id containing;   /**< class of a member pointer; vtable holder of a class */
	size_t member_count;
	struct sdb_member *members;
	size_t enumerator_count;
	struct sdb_enumerator *enumerators;
	size_t dimension_count;
	struct sdb_dimension *dimensions;
	size_t parameter_count;
	struct sdb_parameter *parameters; /**< of a function type */
	size_t template_count;
	struct sdb_template *templates;
};

/* ---- functions and variables ------------------------------------------ */

enum sdb_local_flags {
	SDB_LOCAL_ARTIFICIAL = 1 << 0,
	SDB_LOCAL_OBJECT_POINTER = 1 << 1, /**< C++ `this` */
	SDB_LOCAL_VARIABLE_PARAMETER = 1 << 2, /**< DW_AT_variable_parameter */
	SDB_LOCAL_OPTIONAL = 1 << 3,       /**< DW_AT_is_optional */
	SDB_LOCAL_EXTERNAL = 1 << 4,       /**< an extern declaration inside a block */
	SDB_LOCAL_DECLARATION = 1 << 5,
	SDB_LOCAL_LABEL = 1 << 6,          /**< DW_TAG_label: type 0, its location an address */
};

/** A local variable or a label of a function, said once for all its instances. */
struct sdb_local {
	sdb_name_id name;
	sdb_type_id type;
	sdb_file_id file;
	uint32_t line;
	uint32_t column;
	uint32_t flags;
	uint32_t alignment;
};

enum sdb_function_flags {
	SDB_FUNCTION_ACCESS = 3,           /**< DW_ACCESS_*, 0 when not stated */
	SDB_FUNCTION_EXTERNAL = 1 << 2,
	SDB_FUNCTION_DECLARATION = 1 << 3, /**< only declared in this module */
	SDB_FUNCTION_DECLARED_INLINE = 1 << 4, /**< DW_INL_declared_* */
	SDB_FUNCTION_INLINED = 1 << 5,     /**< DW_INL_*inlined: the compiler inlined it */
	SDB_FUNCTION_NORETURN = 1 << 6,
	SDB_FUNCTION_PROTOTYPED = 1 << 7,
	SDB_FUNCTION_VARIADIC = 1 << 8,
	SDB_FUNCTION_ARTIFICIAL = 1 << 9,
	SDB_FUNCTION_EXPLICIT = 1 << 10,
	SDB_FUNCTION_VIRTUAL = 1 << 11,
	SDB_FUNCTION_PURE_VIRTUAL = 1 << 12,
	SDB_FUNCTION_DELETED = 1 << 13,
	SDB_FUNCTION_DEFAULTED = 1 << 14,
	SDB_FUNCTION_CONSTEXPR = 1 << 15,
	SDB_FUNCTION_MAIN = 1 << 16,
	SDB_FUNCTION_REFERENCE = 1 << 17,  /**< & qualified */
	SDB_FUNCTION_RVALUE_REFERENCE = 1 << 18,
	SDB_FUNCTION_STATIC_MEMBER = 1 << 19, /**< in a class, without an object pointer */
	SDB_FUNCTION_PURE = 1 << 20,
	SDB_FUNCTION_ELEMENTAL = 1 << 21,
	SDB_FUNCTION_RECURSIVE = 1 << 22,
};

/** A function as the source declares it, independent of where its code is. */
struct sdb_function {
	sdb_function_id id;
	sdb_name_id name;
	sdb_name_id linkage_name; /**< 0 when it is that of the source */
	struct sdb_scope scope;
	sdb_unit_id unit;         /**< of the definition, else of its first declaration */
	struct sdb_decl decl;
	uint32_t flags;
	uint32_t alignment;
	sdb_type_id type;         /**< returned */
	uint32_t virtual_index;   /**< DW_AT_vtable_elem_location when a constant; else ~0 */
	sdb_type_id containing;   /**< DW_AT_containing_type of a virtual function */
	size_t parameter_count;
	struct sdb_parameter *parameters;
	size_t template_count;
	struct sdb_template *templates;
	size_t local_count;       /**< read by sdb_function() when it is asked for */
	struct sdb_local *locals;
};

enum sdb_location_kind {
	SDB_LOCATION_NONE = 0,   /**< optimized out */
	SDB_LOCATION_ADDRESS,    /**< at `address` */
	SDB_LOCATION_EXPRESSION, /**< one expression, valid over the whole scope */
	SDB_LOCATION_LIST,       /**< `entries`: expressions by address */
	SDB_LOCATION_CONSTANT,   /**< `address` is the value itself (sign-extended) */
	SDB_LOCATION_BYTES,      /**< `expression` is the value's bytes (DW_AT_const_value) */
};

/**
 * A DWARF expression. Operands that point to debugging entries are rewritten:
 * a type (DW_OP_convert, regval_type, deref_type, const_type, reinterpret) to
 * ULEB128 sdb_type_id, an entry (implicit_pointer, call2/call4/call_ref,
 * parameter_ref, variable_value) to ULEB128 `enum sdb_reference_kind` and
 * ULEB128 number. DW_OP_addrx and constx are resolved to addr and const8u.
 */
struct sdb_expression {
	const uint8_t *bytes;
	uint32_t length;
};

struct sdb_location_entry {
	uint64_t low;
	uint64_t high;
	bool is_default; /**< DW_LLE_default_location: where no other entry matches */
	struct sdb_expression expression;
};

struct sdb_location {
	enum sdb_location_kind kind;
	uint64_t address;
	struct sdb_expression expression;
	size_t entry_count;
	struct sdb_location_entry *entries;
};

enum sdb_variable_flags {
	SDB_VARIABLE_ACCESS = 3,
	SDB_VARIABLE_EXTERNAL = 1 << 2,
	SDB_VARIABLE_DECLARATION = 1 << 3,
	SDB_VARIABLE_ARTIFICIAL = 1 << 4,
	SDB_VARIABLE_TLS = 1 << 5,     /**< the location is an offset in the TLS block */
	SDB_VARIABLE_PERCPU = 1 << 6,  /**< the address is relative to a CPU's area */
	SDB_VARIABLE_CONSTEXPR = 1 << 7,
	SDB_VARIABLE_STATIC_MEMBER = 1 << 8,
	SDB_VARIABLE_INLINE = 1 << 9,
};

/** A variable with static storage. For TLS `location.address` is the offset. */
struct sdb_variable {
	sdb_variable_id id;
	sdb_name_id name;
	sdb_name_id linkage_name;
	struct sdb_scope scope;
	sdb_unit_id unit;
	struct sdb_decl decl;
	uint32_t flags;
	uint32_t alignment;
	sdb_type_id type;
	struct sdb_location location;
};

/* ---- code: instances of functions, their inlined parts and variables --- */

enum sdb_code_scope_kind {
	SDB_CODE_FUNCTION = 0, /**< the instance itself; always scope 0 */
	SDB_CODE_INLINED,      /**< an inlined function */
	SDB_CODE_BLOCK,        /**< a lexical block */
};

/** A scope of a code instance; scopes stand in pre-order, parents first. */
struct sdb_code_scope {
	enum sdb_code_scope_kind kind;
	uint32_t parent;          /**< index of the enclosing scope; 0 for scope 0 */
	sdb_function_id function; /**< of FUNCTION and INLINED */
	sdb_file_id call_file;    /**< of INLINED */
	uint32_t call_line;
	uint32_t call_column;
	uint32_t call_discriminator;
	uint64_t entry;           /**< DW_AT_entry_pc; else the lowest address */
	size_t range_count;
	struct sdb_range *ranges;
};

/** A variable of a scope. */
struct sdb_scope_variable {
	uint32_t scope; /**< index of the scope that holds it */
	/**
	 * Which one: counts first the parameters, then the locals of the function of
	 * the nearest FUNCTION or INLINED scope. SDB_LOCAL_OWN: it is described by `own`
	 * because only this instance has it.
	 */
	uint32_t local;
	struct sdb_local own;
	bool own_is_parameter;
	struct sdb_location location;
};
#define SDB_LOCAL_OWN UINT32_MAX

/** A parameter as the caller passes it at a call site. */
struct sdb_call_parameter {
	/**
	 * Where the callee finds it: one register; or `GNU_parameter_ref LOCAL n`, parameter n of the
	 * called function, which the compiler does not pass any more.
	 */
	struct sdb_expression location;
	struct sdb_expression value;      /**< DW_AT_call_value; length 0 when absent */
	struct sdb_expression data_value; /**< DW_AT_call_data_value (what it points to) */
};

enum sdb_call_flags {
	SDB_CALL_TAIL = 1 << 0,
	SDB_CALL_PC = 1 << 1, /**< `address` is the call's, not the return address */
	SDB_CALL_TARGET_CLOBBERED = 1 << 2, /**< `target` may not be evaluated after the call */
};

struct sdb_call_site {
	uint64_t address;         /**< DW_AT_call_return_pc */
	uint32_t flags;
	sdb_function_id function; /**< called; 0 when indirect or unknown */
	struct sdb_expression target; /**< of an indirect call; length 0 when absent */
	size_t parameter_count;
	struct sdb_call_parameter *parameters;
};

enum sdb_code_flags {
	SDB_CODE_ALL_CALLS = 1 << 0,      /**< DW_AT_call_all_calls */
	SDB_CODE_ALL_TAIL_CALLS = 1 << 1, /**< DW_AT_call_all_tail_calls */
	SDB_CODE_ALL_SOURCE_CALLS = 1 << 2,
	SDB_CODE_TRAMPOLINE = 1 << 3,
};

/** An instance of a function: machine code and what lies in it. */
struct sdb_code {
	uint32_t flags;
	sdb_unit_id unit;
	sdb_name_id linkage_name; /**< when it differs from the function's: a variant of a constructor; else 0 */
	struct sdb_expression frame_base; /**< length 0 when absent */
	struct sdb_location frame_base_list; /**< when it is a list, else kind NONE */
	size_t scope_count;
	struct sdb_code_scope *scopes; /**< scopes[0].ranges[0] holds the entry */
	size_t variable_count;
	struct sdb_scope_variable *variables; /**< in the order of their scopes */
	size_t call_site_count;
	struct sdb_call_site *call_sites;     /**< by address */
};

/* ---- lines -------------------------------------------------------------- */

enum sdb_line_flags {
	SDB_LINE_STATEMENT = 1 << 0,
	SDB_LINE_BASIC_BLOCK = 1 << 1,
	SDB_LINE_END_SEQUENCE = 1 << 2,
	SDB_LINE_PROLOGUE_END = 1 << 3,
	SDB_LINE_EPILOGUE_BEGIN = 1 << 4,
};

/** A row of the line table, in the order of the line program. */
struct sdb_line {
	uint64_t address;
	sdb_file_id file;
	uint32_t line;
	uint32_t column;
	uint32_t discriminator;
	uint16_t isa;
	uint8_t op_index;
	uint8_t flags;
};

/* ---- unwinding ------------------------------------------------------------ */

enum sdb_unwind_source {
	SDB_UNWIND_EH_FRAME = 1,
	SDB_UNWIND_DEBUG_FRAME = 2,
	SDB_UNWIND_ORC = 3,
};

enum sdb_rule_kind {
	SDB_RULE_UNDEFINED = 0,
	SDB_RULE_SAME_VALUE,
	SDB_RULE_OFFSET,         /**< saved at CFA + offset */
	SDB_RULE_VALUE_OFFSET,   /**< is CFA + offset */
	SDB_RULE_REGISTER,       /**< in register `reg` */
	SDB_RULE_EXPRESSION,     /**< saved at the expression's address */
	SDB_RULE_VALUE_EXPRESSION,
	SDB_RULE_REGISTER_OFFSET,/**< CFA: reg + offset; ORC: saved at reg + offset */
	SDB_RULE_INDIRECT,       /**< CFA (ORC *_INDIRECT): read at reg + offset */
	SDB_RULE_ARCHITECTURE,   /**< CFI vendor rule, such as AArch64 return-address signing */
};

/** How to find one register (or the CFA) of the caller. */
struct sdb_rule {
	uint16_t column;  /**< the DWARF register it recovers */
	uint8_t kind;     /**< enum sdb_rule_kind */
	uint16_t reg;
	int64_t offset;
	struct sdb_expression expression;
};

/** What an ORC row says beyond rules. */
enum sdb_orc_type {
	SDB_ORC_UNDEFINED = 0, /**< no unwinding from here */
	SDB_ORC_END_OF_STACK,
	SDB_ORC_CALL,
	SDB_ORC_REGS,          /**< a full pt_regs at the CFA */
	SDB_ORC_REGS_PARTIAL,  /**< the hardware part of pt_regs */
};

enum sdb_unwind_flags {
	SDB_UNWIND_SIGNAL_FRAME = 1 << 0,
	SDB_UNWIND_FDE_START = 1 << 1,  /**< first row of a frame description entry */
	SDB_UNWIND_ORC_SIGNAL = 1 << 2, /**< the ORC entry's signal/end bit */
	SDB_UNWIND_GAP = 1 << 3,        /**< no rules from here (end of a description entry) */
};

/** The rules from `low` up to `high`. Columns absent from `rules` follow the ABI. */
struct sdb_unwind_row {
	uint64_t low;
	uint64_t high;
	enum sdb_unwind_source source;
	uint32_t flags;
	uint16_t return_column;       /**< CFI */
	enum sdb_orc_type orc_type;   /**< ORC */
	struct sdb_rule cfa;          /**< `column` is unused */
	size_t rule_count;
	struct sdb_rule *rules;       /**< by column */
};

#endif
