/* SPDX-License-Identifier: MIT */
#include "fake_context.h"

#include <stdlib.h>
#include <string.h>

/* Pages that are there; one in four is not. */
static bool is_mapped(uint64_t address)
{
	return address >> 12 & 3;
}

static struct sdb_error *read_memory(void *arg, uint64_t address, void *buffer, size_t size)
{
	uint8_t *bytes = buffer;
	(void)arg;
	for (size_t i = 0; i < size; i++, address++) {
		if (!is_mapped(address))
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "nothing at 0x%llx",
					     (unsigned long long)address);
		/* Small numbers, so that some pointers lead somewhere. */
		bytes[i] = address % 8 < 2 ? (uint8_t)(address * 37 >> 3) : 0;
	}
	return NULL;
}

static struct sdb_error *write_memory(void *arg, uint64_t address, const void *buffer, size_t size)
{
	(void)arg, (void)buffer, (void)size;
	return is_mapped(address) ? NULL : sdb_error_new(SDB_ERROR_NOT_FOUND, "nothing there");
}

static struct sdb_error *read_register(void *arg, uint32_t number, void *buffer, size_t *size_ret)
{
	(void)arg;
	if (number % 5 == 4)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "register %u was not saved", number);
	memset(buffer, 0, CONTEXT_REGISTER_SIZE);
	memcpy(buffer, &number, sizeof(number));
	((uint8_t *)buffer)[1] = 0x10;
	*size_ret = number < 17 ? 8 : number < 33 ? 16 : 10;
	return NULL;
}

static struct sdb_error *write_register(void *arg, uint32_t number, const void *buffer, size_t size)
{
	(void)arg, (void)number, (void)buffer, (void)size;
	return NULL;
}

static struct sdb_error *cfa(void *arg, uint64_t *cfa_ret)
{
	(void)arg;
	*cfa_ret = 0x2000;
	return NULL;
}

static struct sdb_error *tls_address(void *arg, uint64_t offset, uint64_t *address_ret)
{
	(void)arg;
	*address_ret = 0x3000 + offset;
	return NULL;
}

/* Every frame is its own caller. */
static struct sdb_error *caller(void *arg, const struct sdb_context **caller_ret,
				const struct sdb_call_site **site_ret)
{
	const struct sdb_context *context = arg;
	*caller_ret = context;
	*site_ret = context->code && context->code->call_site_count ? context->code->call_sites : NULL;
	return NULL;
}

static struct sdb_error *symbol(void *arg, uint64_t address, char **name_ret, uint64_t *offset_ret)
{
	(void)arg;
	if (address % 3)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "no symbol");
	*offset_ret = address % 16;
	*name_ret = strdup("symbol");
	return *name_ret ? NULL : sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

static struct sdb_error *call(void *arg, struct context_call *made)
{
	(void)arg;
	if (made->function % 7 == 6)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "it did not return");
	memset(made->result, (int)made->argument_count, sizeof(made->result));
	return NULL;
}

const struct sdb_context_ops fake_ops = {
	.read_memory = read_memory, .write_memory = write_memory, .read_register = read_register,
	.write_register = write_register, .cfa = cfa, .tls_address = tls_address, .caller = caller,
	.symbol = symbol, .call = call,
};
