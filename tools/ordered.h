/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_ORDERED_H
#define TOOLS_ORDERED_H

/*
 * Output that several threads make in pieces and that is written in the order of the pieces. What
 * waits for its turn is bounded: a piece that grows long is written while it is made, as soon as
 * all before it are out, and nobody gets far ahead.
 */

#include "text.h"

/* What makes the pieces; the functions get what ordered_run() was given. */
struct ordered_maker {
	/* Says what the next piece is: PIECE_RET has room for `piece_size` bytes. False: that was all. One at a time. */
	bool (*next)(void *arg, void *piece_ret);
	/* Makes PIECE into TO, on a thread of its own for each WORKER. False: nothing behind it is to be written. */
	bool (*make)(void *worker, const void *piece, struct text *to);
	size_t piece_size;
};

/*
 * Writes all pieces to FD, made by COUNT workers; the caller's thread is one of them. *FAILED_RET is
 * the worker that made the first piece that failed, or COUNT.
 */
void ordered_run(int fd, const struct ordered_maker *maker, void *arg, void *const *workers, size_t count,
		 size_t *failed_ret);

#endif
