/* SPDX-License-Identifier: MIT */
#include <stackdb/language.h>

bool sdb_language_plain_tags(uint16_t language)
{
	switch (language) {
	case 0x0004: case 0x001a: case 0x0021: case 0x002b: case 0x003a: /* C++ */
	case 0x0011: case 0x0019: /* Objective-C++, OpenCL C++ is close enough */
	case 0x001c: case 0x0016: case 0x0013: case 0x001e: /* Rust, Go, D, Swift */
	case 0x000b: case 0x0020: /* Java, Julia */
		return true;
	}
	return false;
}

const char *sdb_type_qualifier(enum sdb_type_kind kind)
{
	switch (kind) {
	case SDB_TYPE_CONST: return "const";
	case SDB_TYPE_VOLATILE: return "volatile";
	case SDB_TYPE_RESTRICT: return "restrict";
	case SDB_TYPE_ATOMIC: return "_Atomic";
	default: return NULL;
	}
}

const char *sdb_type_tag(enum sdb_type_kind kind)
{
	switch (kind) {
	case SDB_TYPE_STRUCT: return "struct";
	case SDB_TYPE_CLASS: return "class";
	case SDB_TYPE_UNION: return "union";
	case SDB_TYPE_ENUM: return "enum";
	default: return NULL;
	}
}
