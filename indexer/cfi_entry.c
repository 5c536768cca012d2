/* SPDX-License-Identifier: MIT */
/*
 * The entries of .eh_frame and .debug_frame: DWARF 5 section 6.4.1; the differences of .eh_frame
 * from the Linux Standard Base, Core, chapter 10.6.
 *
 * The section is walked once from start to end. A description entry may name an information entry
 * that only the walk knows: reading one at an arbitrary place would let a few bytes be
 * decoded over and over.
 */

#include "cfi.h"

#include <dwarf.h>
#include <elf.h>
#include <stdlib.h>

#define EH_PE_INDIRECT 0x80
#define EH_PE_APPLICATION 0x70
#define EH_PE_FORMAT 0x0f

void cfi_damage_note(struct cfi_damage *damage, size_t offset)
{
	if (damage->count++ == 0)
		damage->first = offset;
}

/* ---- pointers -------------------------------------------------------------- */

/*
 * DW_EH_PE_datarel counts from the global offset table, where i386 programs keep it in %ebx:
 * .got.plt if there is one.
 */
static void find_bases(const struct cfi_section *section)
{
	struct cfi_bases *bases = section->bases;
	const struct sdb_section *sections;
	size_t count = module_sections(section->module, &sections);
	bool is_plt = false;
	for (size_t i = 0; i < count; i++) {
		const char *name = sections[i].name ? sections[i].name : "";
		if (strcmp(name, ".got.plt") == 0 || (!is_plt && strcmp(name, ".got") == 0)) {
			bases->has_data = true;
			bases->data = sections[i].address;
			is_plt = strcmp(name, ".got.plt") == 0;
		} else if (strcmp(name, ".text") == 0 && !bases->has_text) {
			bases->has_text = true;
			bases->text = sections[i].address;
		}
	}
	bases->known = true;
}

static bool base_of(const struct cfi_section *section, uint8_t application, uint64_t *base_ret)
{
	if (!section->bases->known)
		find_bases(section);
	*base_ret = application == DW_EH_PE_datarel ? section->bases->data : section->bases->text;
	return application == DW_EH_PE_datarel ? section->bases->has_data : section->bases->has_text;
}

static bool holds(const struct section_data *data, uint64_t address)
{
	return data->data && address >= data->address && address - data->address < data->size;
}

/* Makes the section that has ADDRESS the latest one. */
static bool search(const struct cfi_section *section, uint64_t address)
{
	const struct sdb_section *sections;
	size_t count = module_sections(section->module, &sections);
	if (section->bases->searches++ >= CFI_MAX_SEARCHES)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct sdb_section *s = &sections[i];
		if (!(s->flags & SHF_ALLOC) || !s->name || address < s->address ||
		    address - s->address >= s->size)
			continue;
		struct sdb_error *error = module_code_section(section->module, s->name,
							      &section->bases->latest);
		if (error) {
			sdb_error_free(error);
			section->bases->latest.data = NULL;
		}
		if (holds(&section->bases->latest, address))
			return true;
	}
	return false;
}

/* The pointer that the program has at ADDRESS. */
static bool read_indirect(const struct cfi_section *section, uint64_t address, uint8_t size,
			  uint64_t *value_ret)
{
	const struct section_data *data = &section->bases->latest;
	if (!holds(data, address) && !search(section, address))
		return false;
	struct bytes from = { data->data + (address - data->address), data->data + data->size,
			      section->swap, false };
	*value_ret = bytes_unsigned(&from, size);
	return !from.failed;
}

static uint64_t read_format(struct bytes *from, uint8_t format, uint8_t address_size)
{
	switch (format) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_signed:
		return bytes_unsigned(from, address_size);
	case DW_EH_PE_uleb128:
		return bytes_uleb(from);
	case DW_EH_PE_sleb128:
		return (uint64_t)bytes_sleb(from);
	case DW_EH_PE_udata2:
		return bytes_u16(from);
	case DW_EH_PE_udata4:
		return bytes_u32(from);
	case DW_EH_PE_sdata2:
		return (uint64_t)(int16_t)bytes_u16(from);
	case DW_EH_PE_sdata4:
		return (uint64_t)(int32_t)bytes_u32(from);
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return bytes_u64(from);
	}
	from->failed = true;
	return 0;
}

bool cfi_read_pointer(const struct cfi_section *section, struct bytes *from, uint8_t encoding,
		      uint8_t address_size, uint64_t function, uint64_t *value_ret)
{
	uint64_t base = 0;
	uint8_t format = encoding & EH_PE_FORMAT;
	switch (encoding & EH_PE_APPLICATION) {
	case DW_EH_PE_absptr:
		break;
	case DW_EH_PE_pcrel:
		base = section->address + (uint64_t)(from->at - section->data);
		break;
	case DW_EH_PE_datarel:
	case DW_EH_PE_textrel:
		if (!base_of(section, encoding & EH_PE_APPLICATION, &base))
			return false;
		break;
	case DW_EH_PE_funcrel:
		base = function;
		break;
	case DW_EH_PE_aligned: {
		uint64_t at = section->address + (uint64_t)(from->at - section->data);
		bytes_take(from, -at & (uint64_t)(address_size - 1));
		format = DW_EH_PE_absptr;
		break;
	}
	default:
		return false;
	}
	uint64_t value = read_format(from, format, address_size) + base;
	if (address_size < 8)
		value &= (UINT64_C(1) << (8 * address_size)) - 1;
	if (from->failed)
		return false;
	if (encoding & EH_PE_INDIRECT)
		return read_indirect(section, value, address_size, value_ret);
	*value_ret = value;
	return true;
}

/* Passes over a pointer whose value is of no interest (the personality routine). */
static void skip_pointer(const struct cfi_section *section, struct bytes *from, uint8_t encoding,
			 uint8_t address_size)
{
	uint8_t format = encoding & EH_PE_FORMAT;
	if (encoding == DW_EH_PE_omit)
		return;
	if ((encoding & EH_PE_APPLICATION) == DW_EH_PE_aligned) {
		uint64_t at = section->address + (uint64_t)(from->at - section->data);
		bytes_take(from, -at & (uint64_t)(address_size - 1));
		format = DW_EH_PE_absptr;
	}
	read_format(from, format, address_size);
}

/* ---- common information entries ---------------------------------------------- */

/* The letters after 'z', each of which may have data. An unknown one hides those after it. */
static bool read_augmentation(const struct cfi_section *section, struct cfi_cie *cie,
			      const char *letters, struct bytes *from)
{
	for (; *letters; letters++) {
		switch (*letters) {
		case 'L':
			bytes_u8(from);
			break;
		case 'P':
			skip_pointer(section, from, bytes_u8(from), cie->address_size);
			break;
		case 'R':
			cie->encoding = bytes_u8(from);
			break;
		case 'S':
			cie->signal_frame = true;
			break;
		case 'B': /* AArch64: return addresses are signed with key B */
		case 'G': /* AArch64: the frame's memory is tagged */
			break;
		default:
			return !from->failed;
		}
	}
	return !from->failed;
}

/* FROM is after the identifier. Leaves CIE unusable when something is not understood. */
static void read_cie(const struct cfi_section *section, struct cfi_cie *cie, struct bytes from)
{
	uint8_t version = bytes_u8(&from);
	const char *augmentation = bytes_text(&from);
	if (!augmentation || version == 0 || version == 2 || version > 4)
		return;
	cie->address_size = section->address_size;
	if (version == 4) {
		cie->address_size = bytes_u8(&from);
		cie->segment_size = bytes_u8(&from);
		if (cie->address_size != 2 && cie->address_size != 4 && cie->address_size != 8)
			return;
	}
	if (strcmp(augmentation, "eh") == 0) /* of g++ 2: a pointer to the exception table */
		bytes_take(&from, cie->address_size);
	cie->code_alignment = bytes_uleb(&from);
	cie->data_alignment = bytes_sleb(&from);
	uint64_t column = version == 1 ? bytes_u8(&from) : bytes_uleb(&from);
	if (from.failed || column > UINT16_MAX)
		return;
	cie->return_column = (uint32_t)column;
	cie->encoding = DW_EH_PE_absptr;
	if (augmentation[0] == 'z') {
		cie->has_augmentation_data = true;
		uint64_t length = bytes_uleb(&from);
		const uint8_t *start = bytes_take(&from, length);
		if (!start)
			return;
		struct bytes data = { start, start + length, section->swap, false };
		if (!read_augmentation(section, cie, augmentation + 1, &data))
			return;
	} else if (augmentation[0] && strcmp(augmentation, "eh") != 0 &&
		   strcmp(augmentation, "armcc+") != 0) {
		return; /* data of unknown length follows */
	}
	cie->program = from.at;
	cie->program_end = from.end;
	cie->usable = !from.failed;
}

/* ---- frame description entries ------------------------------------------------- */

/* FROM is after the pointer to the information entry CIE. */
static bool read_fde(const struct cfi_section *section, const struct cfi_cie *cie,
		     struct cfi_fde *fde, struct bytes from)
{
	uint64_t size;
	bytes_take(&from, cie->segment_size);
	if (!cfi_read_pointer(section, &from, cie->encoding, cie->address_size, 0, &fde->low))
		return false;
	/* The length has the format of the address and is relative to nothing. */
	uint8_t format = cie->encoding & EH_PE_FORMAT;
	if ((cie->encoding & EH_PE_APPLICATION) == DW_EH_PE_aligned)
		format = DW_EH_PE_absptr;
	size = read_format(&from, format, cie->address_size);
	if (cie->address_size < 8)
		size &= (UINT64_C(1) << (8 * cie->address_size)) - 1;
	if (cie->has_augmentation_data)
		bytes_take(&from, bytes_uleb(&from));
	if (from.failed || __builtin_add_overflow(fde->low, size, &fde->high))
		return false;
	fde->program = from.at;
	fde->program_end = from.end;
	return true;
}

/* ---- the walk ------------------------------------------------------------------ */

/* One record of the section. */
struct record {
	size_t offset;
	uint64_t id;         /* CIE: as is; FDE: offset of its CIE */
	bool is_cie;
	struct bytes body;   /* after the id */
};

/* *END_RET is set when no further record can be found. False: nothing at this place. */
static bool read_record(const struct cfi_section *section, struct bytes *from, struct record *record,
			bool *truncated_ret)
{
	record->offset = (size_t)(from->at - section->data);
	uint64_t length = bytes_u32(from);
	bool is_64 = length == UINT32_MAX;
	if (is_64)
		length = bytes_u64(from);
	if (from->failed || length > bytes_left(from)) {
		*truncated_ret = true;
		return false;
	}
	if (length == 0)
		return false; /* a terminator; the linker may have put more behind it */
	const uint8_t *start = bytes_take(from, length);
	record->body = (struct bytes){ start, start + length, section->swap, false };
	/* In .eh_frame the identifier has 4 bytes whatever the length field (LSB 10.6.1). */
	bool wide = is_64 && !section->is_eh;
	uint64_t id = wide ? bytes_u64(&record->body) : bytes_u32(&record->body);
	if (record->body.failed)
		return false;
	if (section->is_eh) {
		record->is_cie = id == 0;
		record->id = (uint64_t)(start - section->data) - id;
	} else {
		record->is_cie = id == (wide ? UINT64_MAX : UINT32_MAX);
		record->id = id;
	}
	return true;
}

/* Room for one more element of SIZE in ARRAY, which has COUNT of them. */
static void *grown(void *array, size_t count, size_t size)
{
	if (count < 16 ? count != 0 : (count & (count - 1)) != 0)
		return array;
	size_t capacity = count < 16 ? 16 : 2 * count;
	return reallocarray(array, capacity, size);
}

static ssize_t find_cie(const struct cfi_entries *entries, uint64_t offset)
{
	size_t low = 0, high = entries->cie_count;
	/* Nearly always the latest one. */
	if (high && entries->cies[high - 1].offset == offset)
		return (ssize_t)high - 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (entries->cies[middle].offset == offset)
			return (ssize_t)middle;
		if (entries->cies[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static struct sdb_error *add_cie(const struct cfi_section *section, struct cfi_entries *entries,
				 const struct record *record)
{
	void *cies = grown(entries->cies, entries->cie_count, sizeof(*entries->cies));
	if (!cies)
		return sdb_error_new(SDB_ERROR_MEMORY, "%s: out of memory", section->name);
	entries->cies = cies;
	struct cfi_cie *cie = &entries->cies[entries->cie_count++];
	*cie = (struct cfi_cie){ .offset = record->offset };
	read_cie(section, cie, record->body);
	return NULL;
}

static struct sdb_error *add_fde(const struct cfi_section *section, struct cfi_entries *entries,
				 const struct record *record)
{
	ssize_t cie = find_cie(entries, record->id);
	if (cie < 0) {
		cfi_damage_note(&entries->orphans, record->offset);
		return NULL;
	}
	struct cfi_fde fde = { .offset = record->offset, .cie = (uint32_t)cie };
	if (!entries->cies[cie].usable || !read_fde(section, &entries->cies[cie], &fde, record->body)) {
		cfi_damage_note(&entries->unreadable, record->offset);
		return NULL;
	}
	if (fde.low == fde.high) {
		cfi_damage_note(&entries->empty, record->offset);
		return NULL;
	}
	void *fdes = grown(entries->fdes, entries->fde_count, sizeof(*entries->fdes));
	if (!fdes)
		return sdb_error_new(SDB_ERROR_MEMORY, "%s: out of memory", section->name);
	entries->fdes = fdes;
	entries->fdes[entries->fde_count++] = fde;
	return NULL;
}

/* CIES: the first pass; else the entries that refer to them, wherever those stand. */
static struct sdb_error *walk(const struct cfi_section *section, struct cfi_entries *entries, bool cies)
{
	struct bytes from = { section->data, section->data + section->size, section->swap, false };
	struct record record;
	while (from.at < from.end) {
		bool truncated = false;
		if (!read_record(section, &from, &record, &truncated)) {
			if (!truncated)
				continue;
			if (cies)
				cfi_damage_note(&entries->truncated, record.offset);
			break;
		}
		if (record.is_cie != cies)
			continue;
		struct sdb_error *error = cies ? add_cie(section, entries, &record)
					       : add_fde(section, entries, &record);
		if (error)
			return error;
	}
	return NULL;
}

struct sdb_error *cfi_entries_read(const struct cfi_section *section, struct cfi_entries *entries_ret)
{
	*entries_ret = (struct cfi_entries){ 0 };
	struct sdb_error *error = walk(section, entries_ret, true);
	if (!error)
		error = walk(section, entries_ret, false);
	if (error)
		cfi_entries_deinit(entries_ret);
	return error;
}

void cfi_entries_deinit(struct cfi_entries *entries)
{
	for (size_t i = 0; i < entries->cie_count; i++)
		free(entries->cies[i].initial);
	free(entries->cies);
	free(entries->fdes);
	*entries = (struct cfi_entries){ 0 };
}
