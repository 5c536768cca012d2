/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_NAMES_H
#define TOOLS_NAMES_H

/* Names of the numbers in ELF and DWARF. All are constants; `?` for unknown ones. */

#include <stdint.h>

const char *machine_name(uint16_t machine);         /* EM_* */
const char *language_name(uint16_t language);       /* DW_LANG_* */
const char *symbol_type_name(uint8_t type);         /* STT_*, as readelf: FUNC */
const char *symbol_binding_name(uint8_t binding);   /* STB_* */
const char *symbol_visibility_name(uint8_t visibility);
/* DWARF register NUMBER of MACHINE by its psABI: `rdi`; NULL when it has none. */
const char *register_name(uint16_t machine, uint64_t number);

#endif
