/* SPDX-License-Identifier: MIT */
#include "stub.h"

void stub_guard_update(struct stub *stub)
{
	(void)stub;
}

void stub_guard_close(struct stub *stub)
{
	(void)stub;
}
