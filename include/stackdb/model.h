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
	SDB_ENTITY_SYMBOL = 1, /**< an ELF symbol */
	SDB_ENTITY_FUNCTION,   /**< a function */
	SDB_ENTITY_VARIABLE,   /**< a variable with static storage */
	SDB_ENTITY_TYPE,       /**< a named type or a namespace */
	SDB_ENTITY_ENUMERATOR, /**< the id is that of the enumeration type */
};

/** A thing of the database: its kind and its number. */
struct sdb_entity {
	enum sdb_entity_kind kind; /**< which kind of number `id` is */
	uint32_t id;               /**< the number, of that kind */
};

/** Where a thing is declared; `file` 0 and `line` 0 when unknown. */
struct sdb_decl {
	sdb_file_id file; /**< the source file */
	uint32_t line;    /**< from 1 */
	uint32_t column;  /**< from 1; 0 when unknown */
};

/** A half-open range of addresses. */
struct sdb_range {
	uint64_t low;  /**< the first address */
	uint64_t high; /**< the first one behind it */
};

/** What a thing is declared inside of. */
enum sdb_scope_kind {
	SDB_SCOPE_UNIT = 0, /**< file level */
	SDB_SCOPE_TYPE,     /**< a namespace, class or struct; `id` is a type */
	SDB_SCOPE_FUNCTION, /**< a function; `id` is a function */
};

/** What a thing is declared inside of: a kind and a number. */
struct sdb_scope {
	enum sdb_scope_kind kind; /**< what `id` is a number of */
	uint32_t id;              /**< 0 at file level */
};

/* ---- sections, segments, symbols ------------------------------------- */

/** An ELF section header. */
struct sdb_section {
	uint32_t index;   /**< its place in the section table */
	const char *name; /**< owned by the database's handle */
	uint32_t type;    /**< SHT_* */
	uint64_t flags;   /**< SHF_* */
	uint64_t address; /**< as stated above for relocatable files */
	uint64_t offset;  /**< in the file */
	uint64_t size;    /**< in bytes */
	uint64_t alignment; /**< in bytes */
};

/** An ELF program header. */
struct sdb_segment {
	uint32_t type;  /**< PT_* */
	uint32_t flags; /**< PF_* */
	uint64_t offset; /**< in the file */
	uint64_t address; /**< virtual */
	uint64_t physical_address; /**< physical; of kernels it differs */
	uint64_t file_size; /**< bytes in the file */
	uint64_t memory_size; /**< bytes in memory */
	uint64_t alignment; /**< in bytes */
};

/** An ELF symbol. Values of `type`, `binding`, `visibility` are the ELF ones. */
struct sdb_symbol {
	uint64_t address; /**< for a TLS symbol its offset in the TLS image */
	uint64_t size;       /**< in bytes; 0 when not stated */
	sdb_name_id name;    /**< without its version */
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
	sdb_name_id name;      /**< the main source file, as the compiler was given it */
	sdb_name_id directory; /**< the compilation directory */
	sdb_name_id producer;  /**< the compiler with its version and options */
	uint16_t language;     /**< DW_LANG_* */
	uint16_t version;      /**< DWARF version; 0 for BTF */
	uint64_t low;          /**< lowest address of code, 0 when there is none */
};

/** What a type is. */
enum sdb_type_kind {
	SDB_TYPE_NONE = 0,    /**< no type: void */
	SDB_TYPE_BASE,        /**< DW_TAG_base_type: `encoding` says which */
	SDB_TYPE_POINTER,     /**< DW_TAG_pointer_type */
	SDB_TYPE_REFERENCE,   /**< DW_TAG_reference_type */
	SDB_TYPE_RVALUE_REFERENCE, /**< DW_TAG_rvalue_reference_type */
	SDB_TYPE_MEMBER_POINTER, /**< `containing` is the class */
	SDB_TYPE_CONST,       /**< DW_TAG_const_type */
	SDB_TYPE_VOLATILE,    /**< DW_TAG_volatile_type */
	SDB_TYPE_RESTRICT,    /**< DW_TAG_restrict_type */
	SDB_TYPE_ATOMIC,      /**< DW_TAG_atomic_type */
	SDB_TYPE_TYPEDEF,     /**< DW_TAG_typedef */
	SDB_TYPE_ARRAY,       /**< DW_TAG_array_type: `dimensions` of `target` */
	SDB_TYPE_STRUCT,      /**< DW_TAG_structure_type */
	SDB_TYPE_CLASS,       /**< DW_TAG_class_type */
	SDB_TYPE_UNION,       /**< DW_TAG_union_type */
	SDB_TYPE_ENUM,        /**< DW_TAG_enumeration_type; `target` is the underlying type */
	SDB_TYPE_FUNCTION,    /**< a subroutine type; `target` is what it returns */
	SDB_TYPE_UNSPECIFIED, /**< DW_TAG_unspecified_type, such as decltype(nullptr) */
	SDB_TYPE_SUBRANGE,    /**< DW_TAG_subrange_type that stands alone */
	SDB_TYPE_STRING,      /**< DW_TAG_string_type */
	SDB_TYPE_NAMESPACE,   /**< DW_TAG_namespace */
	SDB_TYPE_OTHER,       /**< a tag this version has no model for; see `dwarf_tag` */
	SDB_TYPE_KINDS /**< how many kinds there are */
};

/** What is true of a type. */
enum sdb_type_flags {
	SDB_TYPE_DECLARATION = 1 << 0,  /**< no definition anywhere in the module */
	SDB_TYPE_ARTIFICIAL = 1 << 1,   /**< made by the compiler */
	SDB_TYPE_ENUM_CLASS = 1 << 2,   /**< C++ `enum class` */
	SDB_TYPE_PROTOTYPED = 1 << 3,   /**< a function type with a prototype */
	SDB_TYPE_VARIADIC = 1 << 4,     /**< a function type that ends with `...` */
	SDB_TYPE_VECTOR = 1 << 5,       /**< DW_AT_GNU_vector */
	SDB_TYPE_SIZED = 1 << 6,        /**< `size` is given */
	SDB_TYPE_BIT_SIZED = 1 << 7,    /**< `size` counts bits (DW_AT_bit_size) */
	SDB_TYPE_EXPORT_SYMBOLS = 1 << 8, /**< inline namespace */
	SDB_TYPE_BIG_ENDIAN = 1 << 9,   /**< stored with the most significant byte first, on any machine */
	SDB_TYPE_LITTLE_ENDIAN = 1 << 10, /**< stored with the least significant byte first */
	SDB_TYPE_COLUMN_MAJOR = 1 << 11, /**< an array whose first subscript varies fastest */
	SDB_TYPE_BY_VALUE = 1 << 12,    /**< DW_AT_calling_convention pass_by_value */
	SDB_TYPE_BY_REFERENCE = 1 << 13, /**< DW_AT_calling_convention pass_by_reference */
	/**
	 * There is an earlier type that says the same, but units disagree about something that its
	 * members lead to (two structures of one name). Lookups by name give only the earlier one.
	 */
	SDB_TYPE_VARIANT = 1 << 14,
};

/** What a member of a structure is. */
enum sdb_member_kind {
	SDB_MEMBER_FIELD = 0, /**< a data member */
	SDB_MEMBER_BASE,    /**< an inherited class */
	SDB_MEMBER_VARIANT, /**< a field of a Rust variant; `variant` tells which */
	SDB_MEMBER_DISCRIMINANT, /**< the field that selects the variant */
};

/** What is true of a member. */
enum sdb_member_flags {
	SDB_MEMBER_PUBLIC = 1,    /**< access: the low two bits are DW_ACCESS_*, */
	SDB_MEMBER_PROTECTED = 2, /**< 0 when not stated */
	SDB_MEMBER_PRIVATE = 3,   /**< private */
	SDB_MEMBER_ACCESS = 3,    /**< the bits of the access */
	SDB_MEMBER_BITFIELD = 1 << 2, /**< a bit-field: `bit_size` counts */
	SDB_MEMBER_VIRTUAL = 1 << 3, /**< a virtual base; `location` finds it */
	SDB_MEMBER_ARTIFICIAL = 1 << 4, /**< made by the compiler */
	SDB_MEMBER_MUTABLE = 1 << 5, /**< C++ `mutable` */
	SDB_MEMBER_STATIC = 1 << 6,  /**< external or declaration: takes no space */
	SDB_MEMBER_CONST_VALUE = 1 << 7, /**< `value` is its constant */
	SDB_MEMBER_DEFAULT_VARIANT = 1 << 8, /**< of a variant: the one for all other values */
};

/** A field, base class or static member of a struct, class or union. */
struct sdb_member {
	enum sdb_member_kind kind; /**< what it is */
	uint32_t flags;      /**< enum sdb_member_flags */
	sdb_name_id name; /**< 0 when anonymous */
	sdb_type_id type;    /**< of a base: the class */
	uint64_t bit_offset; /**< from the start of the type, in bits; for a bit-field of a
			          little-endian target: of its least significant bit */
	uint32_t bit_size;   /**< of a bit-field, else 0 */
	uint32_t alignment;  /**< DW_AT_alignment in bytes, 0 when not stated */
	sdb_file_id file;    /**< declaration; usually that of the type */
	uint32_t line;       /**< declaration; 0 when unknown */
	uint32_t variant;    /**< number of the variant (from 1) for Rust enums */
	uint64_t value;      /**< constant of a static member; discriminant of a variant */
	const uint8_t *location; /**< DWARF expression of a virtual base, or NULL */
	uint32_t location_length; /**< in bytes */
};

/** A name of an enumeration, with its number. */
struct sdb_enumerator {
	sdb_name_id name; /**< without the enumeration's */
	int64_t value; /**< to be read as unsigned if `SDB_ENUM_UNSIGNED` values are meant */
	bool is_unsigned; /**< the debuginfo gave it as an unsigned number */
};

/** How the length of a dimension is known. */
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
/** What the number of an OUTER reference is to be divided by. */
#define SDB_REFERENCE_LEVELS 16

/**
 * One dimension of an array, outermost first; a subrange type has one. A LOCAL that holds a bound is
 * one of the function whose variables have the type: no other function's variables do.
 */
struct sdb_dimension {
	enum sdb_dimension_kind kind; /**< how its length is known */
	bool is_count; /**< of EXPRESSION and DYNAMIC: it gives how many elements there are (DW_AT_count) */
	int64_t lower; /**< the first subscript */
	uint64_t count; /**< of COUNT: how many elements */
	sdb_type_id index_type; /**< of the subscripts; 0 when not stated */
	const uint8_t *expression; /**< of EXPRESSION */
	uint32_t expression_length; /**< in bytes */
	enum sdb_reference_kind reference_kind; /**< of DYNAMIC */
	uint32_t reference; /**< of DYNAMIC: number of that kind */
};

/** A parameter of a function type or of a function. */
struct sdb_parameter {
	sdb_name_id name; /**< 0 when it has none */
	sdb_type_id type; /**< as declared */
	sdb_file_id file; /**< declaration; 0 when unknown */
	uint32_t line;  /**< declaration; 0 when unknown */
	uint32_t flags; /**< enum sdb_local_flags */
};

/** What stands for a parameter of a template. */
enum sdb_template_kind {
	SDB_TEMPLATE_TYPE = 0, /**< a type: `type` */
	SDB_TEMPLATE_VALUE,    /**< `value`, of type `type` */
	SDB_TEMPLATE_TEMPLATE, /**< `text` names a template */
	SDB_TEMPLATE_PACK,     /**< begins a pack: the next `value` entries belong to it */
};

/** An argument of a template. */
struct sdb_template {
	enum sdb_template_kind kind; /**< what stands for the parameter */
	sdb_name_id name;  /**< of the parameter */
	sdb_type_id type;  /**< of TYPE: the type; of VALUE: the value's */
	int64_t value;     /**< of VALUE: the constant; of PACK: how many */
	bool has_value;    /**< a value that was given as a constant */
	bool is_default;   /**< DW_AT_default_value */
	sdb_name_id text;  /**< of TEMPLATE: its name; else 0 */
};

/** A type. The reader owns the arrays until sdb_type_free(). */
struct sdb_type {
	sdb_type_id id;           /**< its number */
	enum sdb_type_kind kind;  /**< what it is */
	uint32_t flags;           /**< enum sdb_type_flags */
	sdb_name_id name;         /**< without its scope; 0 when it has none */
	sdb_name_id linkage_name; /**< DW_AT_linkage_name/signature identifier, rare */
	struct sdb_scope scope;   /**< what it is declared inside of */
	struct sdb_decl decl;     /**< where it is declared */
	uint64_t size;            /**< bytes (bits with BIT_SIZED) */
	uint32_t alignment;       /**< DW_AT_alignment; 0 when not stated */
	uint16_t encoding;        /**< DW_ATE_* of a base type */
	uint16_t dwarf_tag;       /**< of SDB_TYPE_OTHER */
	uint32_t bit_offset;      /**< DW_AT_data_bit_offset of a base type */
	sdb_type_id target;       /**< pointed to, qualified, element, returned, underlying */
	sdb_type_id containing;   /**< class of a member pointer; vtable holder of a class */
	size_t member_count;      /**< of structures, classes and unions */
	struct sdb_member *members; /**< bases first, then as they are declared */
	size_t enumerator_count;  /**< of enumerations */
	struct sdb_enumerator *enumerators; /**< as they are declared */
	size_t dimension_count;   /**< of arrays; 1 for a subrange */
	struct sdb_dimension *dimensions; /**< outermost first */
	size_t parameter_count;   /**< of a function type */
	struct sdb_parameter *parameters; /**< of a function type */
	size_t template_count;    /**< template arguments */
	struct sdb_template *templates; /**< as they are declared */
};

/* ---- functions and variables ------------------------------------------ */

/** What is true of a parameter or a local. */
enum sdb_local_flags {
	SDB_LOCAL_ARTIFICIAL = 1 << 0,     /**< made by the compiler */
	SDB_LOCAL_OBJECT_POINTER = 1 << 1, /**< C++ `this` */
	SDB_LOCAL_VARIABLE_PARAMETER = 1 << 2, /**< DW_AT_variable_parameter */
	SDB_LOCAL_OPTIONAL = 1 << 3,       /**< DW_AT_is_optional */
	SDB_LOCAL_EXTERNAL = 1 << 4,       /**< an extern declaration inside a block */
	SDB_LOCAL_DECLARATION = 1 << 5,    /**< a declaration: defined elsewhere */
	SDB_LOCAL_LABEL = 1 << 6,          /**< DW_TAG_label: type 0, its location an address */
};

/** A local variable or a label of a function, said once for all its instances. */
struct sdb_local {
	sdb_name_id name;   /**< 0 when it has none */
	sdb_type_id type;   /**< as declared */
	sdb_file_id file;   /**< declaration; 0 when unknown */
	uint32_t line;      /**< declaration; 0 when unknown */
	uint32_t column;    /**< declaration; 0 when unknown */
	uint32_t flags;     /**< enum sdb_local_flags */
	uint32_t alignment; /**< DW_AT_alignment in bytes, 0 when not stated */
};

/** What is true of a function. */
enum sdb_function_flags {
	SDB_FUNCTION_ACCESS = 3,           /**< DW_ACCESS_*, 0 when not stated */
	SDB_FUNCTION_EXTERNAL = 1 << 2,    /**< visible outside of its unit */
	SDB_FUNCTION_DECLARATION = 1 << 3, /**< only declared in this module */
	SDB_FUNCTION_DECLARED_INLINE = 1 << 4, /**< DW_INL_declared_* */
	SDB_FUNCTION_INLINED = 1 << 5,     /**< DW_INL_*inlined: the compiler inlined it */
	SDB_FUNCTION_NORETURN = 1 << 6,    /**< does not return */
	SDB_FUNCTION_PROTOTYPED = 1 << 7,  /**< declared with a prototype */
	SDB_FUNCTION_VARIADIC = 1 << 8,    /**< ends with `...` */
	SDB_FUNCTION_ARTIFICIAL = 1 << 9,  /**< made by the compiler */
	SDB_FUNCTION_EXPLICIT = 1 << 10,   /**< C++ `explicit` */
	SDB_FUNCTION_VIRTUAL = 1 << 11,    /**< C++ `virtual` */
	SDB_FUNCTION_PURE_VIRTUAL = 1 << 12, /**< C++ `= 0` */
	SDB_FUNCTION_DELETED = 1 << 13,    /**< C++ `= delete` */
	SDB_FUNCTION_DEFAULTED = 1 << 14,  /**< C++ `= default` */
	SDB_FUNCTION_CONSTEXPR = 1 << 15,  /**< C++ `constexpr` */
	SDB_FUNCTION_MAIN = 1 << 16,       /**< DW_AT_main_subprogram */
	SDB_FUNCTION_REFERENCE = 1 << 17,  /**< & qualified */
	SDB_FUNCTION_RVALUE_REFERENCE = 1 << 18, /**< && qualified */
	SDB_FUNCTION_STATIC_MEMBER = 1 << 19, /**< in a class, without an object pointer */
	SDB_FUNCTION_PURE = 1 << 20,       /**< DW_AT_pure */
	SDB_FUNCTION_ELEMENTAL = 1 << 21,  /**< DW_AT_elemental */
	SDB_FUNCTION_RECURSIVE = 1 << 22,  /**< DW_AT_recursive */
};

/** A function as the source declares it, independent of where its code is. */
struct sdb_function {
	sdb_function_id id;       /**< its number */
	sdb_name_id name;         /**< without its scope */
	sdb_name_id linkage_name; /**< 0 when it is that of the source */
	struct sdb_scope scope;   /**< what it is declared inside of */
	sdb_unit_id unit;         /**< of the definition, else of its first declaration */
	struct sdb_decl decl;     /**< where it is declared */
	uint32_t flags;           /**< enum sdb_function_flags */
	uint32_t alignment;       /**< DW_AT_alignment in bytes, 0 when not stated */
	sdb_type_id type;         /**< returned */
	uint32_t virtual_index;   /**< DW_AT_vtable_elem_location when a constant; else ~0 */
	sdb_type_id containing;   /**< DW_AT_containing_type of a virtual function */
	size_t parameter_count;   /**< how many `parameters` */
	struct sdb_parameter *parameters; /**< as they are declared */
	size_t template_count;    /**< template arguments */
	struct sdb_template *templates; /**< as they are declared */
	size_t local_count;       /**< read by sdb_function() when it is asked for */
	struct sdb_local *locals; /**< variables and labels of all its instances */
};

/** How it is said where a variable is. */
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
	const uint8_t *bytes; /**< the operations */
	uint32_t length;      /**< in bytes */
};

/** What holds in a range of addresses. */
struct sdb_location_entry {
	uint64_t low;    /**< the first address */
	uint64_t high;   /**< the first one behind it */
	bool is_default; /**< DW_LLE_default_location: where no other entry matches */
	struct sdb_expression expression; /**< where it is there; length 0: optimized out */
};

/** Where a variable is. */
struct sdb_location {
	enum sdb_location_kind kind;        /**< which of the others counts */
	uint64_t address;                   /**< of ADDRESS and CONSTANT */
	struct sdb_expression expression;   /**< of EXPRESSION and BYTES */
	size_t entry_count;                 /**< of LIST */
	struct sdb_location_entry *entries; /**< of LIST: the first that holds an address counts */
};

/** What is true of a variable. */
enum sdb_variable_flags {
	SDB_VARIABLE_ACCESS = 3,       /**< DW_ACCESS_*, 0 when not stated */
	SDB_VARIABLE_EXTERNAL = 1 << 2, /**< visible outside of its unit */
	SDB_VARIABLE_DECLARATION = 1 << 3, /**< only declared in this module */
	SDB_VARIABLE_ARTIFICIAL = 1 << 4, /**< made by the compiler */
	SDB_VARIABLE_TLS = 1 << 5,     /**< the location is an offset in the TLS block */
	SDB_VARIABLE_PERCPU = 1 << 6,  /**< the address is relative to a CPU's area */
	SDB_VARIABLE_CONSTEXPR = 1 << 7, /**< C++ `constexpr` */
	SDB_VARIABLE_STATIC_MEMBER = 1 << 8, /**< a static member of a class */
	SDB_VARIABLE_INLINE = 1 << 9,  /**< C++ `inline` */
};

/** A variable with static storage. For TLS `location.address` is the offset. */
struct sdb_variable {
	sdb_variable_id id;           /**< its number */
	sdb_name_id name;             /**< without its scope */
	sdb_name_id linkage_name;     /**< 0 when it is that of the source */
	struct sdb_scope scope;       /**< what it is declared inside of */
	sdb_unit_id unit;             /**< of the definition */
	struct sdb_decl decl;         /**< where it is declared */
	uint32_t flags;               /**< enum sdb_variable_flags */
	uint32_t alignment;           /**< DW_AT_alignment in bytes, 0 when not stated */
	sdb_type_id type;             /**< as declared */
	struct sdb_location location; /**< where it is */
};

/* ---- code: instances of functions, their inlined parts and variables --- */

/** What a scope of code is. */
enum sdb_code_scope_kind {
	SDB_CODE_FUNCTION = 0, /**< the instance itself; always scope 0 */
	SDB_CODE_INLINED,      /**< an inlined function */
	SDB_CODE_BLOCK,        /**< a lexical block */
};

/** A scope of a code instance; scopes stand in pre-order, parents first. */
struct sdb_code_scope {
	enum sdb_code_scope_kind kind; /**< what it is */
	uint32_t parent;          /**< index of the enclosing scope; 0 for scope 0 */
	sdb_function_id function; /**< of FUNCTION and INLINED */
	sdb_file_id call_file;    /**< of INLINED */
	uint32_t call_line;       /**< of INLINED */
	uint32_t call_column;     /**< of INLINED; 0 when unknown */
	uint32_t call_discriminator; /**< of INLINED: DW_AT_GNU_discriminator */
	uint64_t entry;           /**< DW_AT_entry_pc; else the lowest address */
	size_t range_count;       /**< how many `ranges` */
	struct sdb_range *ranges; /**< its code; those of scope 0 begin with the entry's */
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
	struct sdb_local own; /**< of SDB_LOCAL_OWN */
	bool own_is_parameter; /**< of SDB_LOCAL_OWN: a parameter */
	struct sdb_location location; /**< where it is in this scope */
};
/** A variable that `own` describes. */
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

/** What is true of a call site. */
enum sdb_call_flags {
	SDB_CALL_TAIL = 1 << 0, /**< a jump that takes the place of a call and a return */
	SDB_CALL_PC = 1 << 1, /**< `address` is the call's, not the return address */
	SDB_CALL_TARGET_CLOBBERED = 1 << 2, /**< `target` may not be evaluated after the call */
};

/** A call: where it returns to, what it calls, what it passes. */
struct sdb_call_site {
	uint64_t address;         /**< DW_AT_call_return_pc */
	uint32_t flags;           /**< enum sdb_call_flags */
	sdb_function_id function; /**< called; 0 when indirect or unknown */
	struct sdb_expression target; /**< of an indirect call; length 0 when absent */
	size_t parameter_count;   /**< how many `parameters` */
	struct sdb_call_parameter *parameters; /**< those whose values are told */
};

/** What is true of an instance. */
enum sdb_code_flags {
	SDB_CODE_ALL_CALLS = 1 << 0,      /**< DW_AT_call_all_calls */
	SDB_CODE_ALL_TAIL_CALLS = 1 << 1, /**< DW_AT_call_all_tail_calls */
	SDB_CODE_ALL_SOURCE_CALLS = 1 << 2, /**< DW_AT_call_all_source_calls */
	SDB_CODE_TRAMPOLINE = 1 << 3,     /**< DW_AT_trampoline */
};

/** An instance of a function: machine code and what lies in it. */
struct sdb_code {
	uint32_t flags;                       /**< enum sdb_code_flags */
	sdb_unit_id unit;                     /**< of the definition */
	sdb_name_id linkage_name; /**< when it differs from the function's: a variant of a constructor; else 0 */
	struct sdb_expression frame_base; /**< length 0 when absent */
	struct sdb_location frame_base_list; /**< when it is a list, else kind NONE */
	size_t scope_count;                   /**< at least 1 */
	struct sdb_code_scope *scopes; /**< scopes[0].ranges[0] holds the entry */
	size_t variable_count;                /**< how many `variables` */
	struct sdb_scope_variable *variables; /**< in the order of their scopes */
	size_t call_site_count;               /**< how many `call_sites` */
	struct sdb_call_site *call_sites;     /**< by address */
};

/* ---- lines -------------------------------------------------------------- */

/** What is true of a row of the line table. */
enum sdb_line_flags {
	SDB_LINE_STATEMENT = 1 << 0,      /**< a statement begins: DWARF 5 section 6.2.2, is_stmt */
	SDB_LINE_BASIC_BLOCK = 1 << 1,    /**< a basic block begins */
	SDB_LINE_END_SEQUENCE = 1 << 2,   /**< the first address behind a sequence */
	SDB_LINE_PROLOGUE_END = 1 << 3,   /**< where a breakpoint of the function belongs */
	SDB_LINE_EPILOGUE_BEGIN = 1 << 4, /**< where a breakpoint at its end belongs */
};

/** A row of the line table, in the order of the line program. */
struct sdb_line {
	uint64_t address;       /**< of the first instruction */
	sdb_file_id file;       /**< the source file */
	uint32_t line;          /**< from 1; 0: no line of the source */
	uint32_t column;        /**< from 1; 0: the whole line */
	uint32_t discriminator; /**< tells blocks of one line apart */
	uint16_t isa;           /**< instruction set */
	uint8_t op_index;       /**< of the operation in a VLIW instruction */
	uint8_t flags;          /**< enum sdb_line_flags */
};

/* ---- unwinding ------------------------------------------------------------ */

/** Which table an unwind row is from. */
enum sdb_unwind_source {
	SDB_UNWIND_EH_FRAME = 1,    /**< `.eh_frame` */
	SDB_UNWIND_DEBUG_FRAME = 2, /**< `.debug_frame` */
	SDB_UNWIND_ORC = 3,         /**< the kernel's `.orc_unwind` */
};

/** How a register of the caller is found. */
enum sdb_rule_kind {
	SDB_RULE_UNDEFINED = 0,  /**< cannot be recovered */
	SDB_RULE_SAME_VALUE,     /**< is what it was */
	SDB_RULE_OFFSET,         /**< saved at CFA + offset */
	SDB_RULE_VALUE_OFFSET,   /**< is CFA + offset */
	SDB_RULE_REGISTER,       /**< in register `reg` */
	SDB_RULE_EXPRESSION,     /**< saved at the expression's address */
	SDB_RULE_VALUE_EXPRESSION, /**< is the expression's value */
	SDB_RULE_REGISTER_OFFSET,/**< CFA: reg + offset; ORC: saved at reg + offset */
	SDB_RULE_INDIRECT,       /**< CFA (ORC *_INDIRECT): read at reg + offset */
	SDB_RULE_ARCHITECTURE,   /**< CFI vendor rule, such as AArch64 return-address signing */
};

/** How to find one register (or the CFA) of the caller. */
struct sdb_rule {
	uint16_t column;  /**< the DWARF register it recovers */
	uint8_t kind;     /**< enum sdb_rule_kind */
	uint16_t reg;     /**< of REGISTER, REGISTER_OFFSET and INDIRECT: its DWARF number */
	int64_t offset;   /**< in bytes */
	struct sdb_expression expression; /**< of EXPRESSION and VALUE_EXPRESSION */
};

/** What an ORC row says beyond rules. */
enum sdb_orc_type {
	SDB_ORC_UNDEFINED = 0, /**< no unwinding from here */
	SDB_ORC_END_OF_STACK,  /**< nobody called this */
	SDB_ORC_CALL,          /**< a call: the return address lies below the CFA */
	SDB_ORC_REGS,          /**< a full pt_regs at the CFA */
	SDB_ORC_REGS_PARTIAL,  /**< the hardware part of pt_regs */
};

/** What is true of an unwind row. */
enum sdb_unwind_flags {
	SDB_UNWIND_SIGNAL_FRAME = 1 << 0, /**< of a signal handler's return: its address is not a return address */
	SDB_UNWIND_FDE_START = 1 << 1,  /**< first row of a frame description entry */
	SDB_UNWIND_ORC_SIGNAL = 1 << 2, /**< the ORC entry's signal/end bit */
	SDB_UNWIND_GAP = 1 << 3,        /**< no rules from here (end of a description entry) */
};

/** The rules from `low` up to `high`. Columns absent from `rules` follow the ABI. */
struct sdb_unwind_row {
	uint64_t low;                 /**< the first address */
	uint64_t high;                /**< the first one behind it */
	enum sdb_unwind_source source; /**< which table it is from */
	uint32_t flags;               /**< enum sdb_unwind_flags */
	uint16_t return_column;       /**< CFI */
	enum sdb_orc_type orc_type;   /**< ORC */
	struct sdb_rule cfa;          /**< `column` is unused */
	size_t rule_count;            /**< how many `rules` */
	struct sdb_rule *rules;       /**< by column */
};

#endif
