/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_DWARF_CONSTANTS_H
#define INDEXER_DWARF_CONSTANTS_H

/*
 * DWARF's numbers come from libdw's <dwarf.h>, which has those of DWARF 2 to 5 and the
 * vendors'. Here stand the few that some of its versions lack.
 */

#include <dwarf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>

#ifndef DW_FORM_strp_sup
#define DW_FORM_strp_sup 0x1d
#endif
#ifndef DW_FORM_ref_sup4
#define DW_FORM_ref_sup4 0x1c
#endif
#ifndef DW_FORM_ref_sup8
#define DW_FORM_ref_sup8 0x24
#endif
#ifndef DW_FORM_GNU_ref_alt
#define DW_FORM_GNU_ref_alt 0x1f20
#define DW_FORM_GNU_strp_alt 0x1f21
#endif
#ifndef DW_FORM_GNU_addr_index
#define DW_FORM_GNU_addr_index 0x1f01
#define DW_FORM_GNU_str_index 0x1f02
#endif
#ifndef DW_AT_GNU_dwo_name
#define DW_AT_GNU_dwo_name 0x2130
#define DW_AT_GNU_dwo_id 0x2131
#define DW_AT_GNU_ranges_base 0x2132
#define DW_AT_GNU_addr_base 0x2133
#endif
#ifndef DW_AT_GNU_discriminator
#define DW_AT_GNU_discriminator 0x2136
#endif
#define DW_OP_GNU_addr_index_ 0xfb
#define DW_OP_GNU_const_index_ 0xfc

#endif
