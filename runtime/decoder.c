/* SPDX-License-Identifier: MIT */
#include "decoder.h"

#include <dlfcn.h>
#include <pthread.h>

static struct {
	ZyanStatus (*init)(ZydisDecoder *, ZydisMachineMode, ZydisStackWidth);
	ZyanStatus (*decode)(const ZydisDecoder *, ZydisDecoderContext *, const void *, ZyanUSize,
			     ZydisDecodedInstruction *);
	ZyanStatus (*operands)(const ZydisDecoder *, const ZydisDecoderContext *, const ZydisDecodedInstruction *,
			       ZydisDecodedOperand *, ZyanU8);
} zydis; /* set once */

static void load(void)
{
	void *library = dlopen(ZYDIS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return;
	void *init = dlsym(library, "ZydisDecoderInit"), *decode = dlsym(library, "ZydisDecoderDecodeInstruction");
	void *operands = dlsym(library, "ZydisDecoderDecodeOperands");
	if (!init || !decode || !operands)
		return;
	*(void **)&zydis.operands = operands;
	*(void **)&zydis.init = init; /* as POSIX has it for functions */
	*(void **)&zydis.decode = decode;
}

struct sdb_error *decoder_load(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, load);
	if (!zydis.decode)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "breakpoints need %s, which decodes instructions: "
				     "install Zydis", ZYDIS_LIBRARY);
	return NULL;
}

static bool decode(bool wide, const uint8_t *bytes, size_t size, ZydisDecodedInstruction *instruction_ret,
		   ZydisDecodedOperand *operands, uint8_t count)
{
	ZydisDecoder decoder;
	ZydisDecoderContext context;
	struct sdb_error *error = decoder_load();
	if (error) {
		sdb_error_free(error);
		return false;
	}
	zydis.init(&decoder, wide ? ZYDIS_MACHINE_MODE_LONG_64 : ZYDIS_MACHINE_MODE_LEGACY_32,
		   wide ? ZYDIS_STACK_WIDTH_64 : ZYDIS_STACK_WIDTH_32);
	if (!ZYAN_SUCCESS(zydis.decode(&decoder, operands ? &context : NULL, bytes, size, instruction_ret)))
		return false;
	if (operands && instruction_ret->operand_count < count)
		count = instruction_ret->operand_count;
	return !operands || ZYAN_SUCCESS(zydis.operands(&decoder, &context, instruction_ret, operands, count));
}

bool decoder_decode(bool wide, const uint8_t *bytes, size_t size, ZydisDecodedInstruction *instruction_ret)
{
	return decode(wide, bytes, size, instruction_ret, NULL, 0);
}

bool decoder_decode_operands(bool wide, const uint8_t *bytes, size_t size, ZydisDecodedInstruction *instruction_ret,
			     ZydisDecodedOperand *operands, uint8_t count)
{
	return decode(wide, bytes, size, instruction_ret, operands, count);
}
