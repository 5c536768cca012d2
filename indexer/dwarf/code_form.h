/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_DWARF_CODE_FORM_H
#define INDEXER_DWARF_CODE_FORM_H

/* The intermediate form of code instances: written by code.c, read by code_form.c. */

#include "gather.h"

enum item { ITEM_END = 0, ITEM_INLINED, ITEM_BLOCK, ITEM_VARIABLE, ITEM_CALL };

#endif
