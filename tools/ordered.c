/* SPDX-License-Identifier: MIT */
#include "ordered.h"

#include <pthread.h>
#include <stdlib.h>

#define AHEAD 4 /* pieces that may be ready before their turn */
#define PIECE_LIMIT ((size_t)48 << 10) /* bytes of a piece that wait for its turn */

struct run {
	const struct ordered_maker *maker;
	void *arg;
	int fd;
	pthread_mutex_t mutex;
	pthread_cond_t moved; /* `turn` went on */
	uint64_t taken;       /* pieces that somebody makes or has made */
	uint64_t turn;        /* the piece that may be written */
	uint64_t failed;      /* the first that failed */
	size_t failed_worker;
	struct text ready[AHEAD]; /* by number, those ahead of their turn */
	bool is_ready[AHEAD];
	struct text spare[AHEAD]; /* empty ones, to be used again */
	size_t spare_count;
};

/* A thread with the piece in its hands. */
struct worker {
	struct run *run;
	void *arg;
	size_t index;
	uint64_t number;
	struct text text;
	void *piece;
};

/* Called when the text is full: waits for the piece's turn. */
static void wait_for_turn(void *arg)
{
	struct worker *worker = arg;
	struct run *run = worker->run;
	pthread_mutex_lock(&run->mutex);
	while (run->turn != worker->number)
		pthread_cond_wait(&run->moved, &run->mutex);
	/* What comes after a failure is not to be seen. */
	bool unwanted = run->failed < worker->number;
	pthread_mutex_unlock(&run->mutex);
	if (unwanted)
		worker->text.size = 0;
}

/* With the mutex held: an empty text for the worker's next piece. */
static void renew_text(struct worker *worker)
{
	struct run *run = worker->run;
	worker->text = run->spare_count ? run->spare[--run->spare_count] : text_to(run->fd);
	worker->text.limit = PIECE_LIMIT;
	worker->text.full = wait_for_turn;
	worker->text.arg = worker;
}

/* With the mutex held, by whoever has written the piece whose turn it was: lets the next ones go. */
static void go_on(struct run *run)
{
	run->turn++;
	while (run->is_ready[run->turn % AHEAD]) {
		struct text text = run->ready[run->turn % AHEAD];
		if (run->turn > run->failed)
			text.size = 0;
		text.full = NULL;
		run->is_ready[run->turn % AHEAD] = false;
		pthread_mutex_unlock(&run->mutex);
		text_flush(&text);
		pthread_mutex_lock(&run->mutex);
		run->spare[run->spare_count++] = text;
		run->turn++;
	}
	pthread_cond_broadcast(&run->moved);
}

/* Hands the finished piece over, or writes it when it is its turn. */
static void finish(struct worker *worker)
{
	struct run *run = worker->run;
	pthread_mutex_lock(&run->mutex);
	while (run->turn != worker->number && worker->number - run->turn >= AHEAD)
		pthread_cond_wait(&run->moved, &run->mutex);
	if (run->turn != worker->number) {
		run->ready[worker->number % AHEAD] = worker->text;
		run->is_ready[worker->number % AHEAD] = true;
		renew_text(worker);
		pthread_mutex_unlock(&run->mutex);
		return;
	}
	pthread_mutex_unlock(&run->mutex);
	text_flush(&worker->text);
	pthread_mutex_lock(&run->mutex);
	go_on(run);
	pthread_mutex_unlock(&run->mutex);
}

static bool take(struct worker *worker)
{
	struct run *run = worker->run;
	pthread_mutex_lock(&run->mutex);
	bool more = run->failed == UINT64_MAX && run->maker->next(run->arg, worker->piece);
	if (more)
		worker->number = run->taken++;
	pthread_mutex_unlock(&run->mutex);
	return more;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct run *run = worker->run;
	worker->piece = tool_alloc(run->maker->piece_size);
	worker->text = text_to(run->fd);
	worker->text.limit = PIECE_LIMIT;
	worker->text.full = wait_for_turn;
	worker->text.arg = worker;
	while (take(worker)) {
		bool made = run->maker->make(worker->arg, worker->piece, &worker->text);
		if (!made) {
			pthread_mutex_lock(&run->mutex);
			if (worker->number < run->failed) {
				run->failed = worker->number;
				run->failed_worker = worker->index;
			}
			pthread_mutex_unlock(&run->mutex);
		}
		finish(worker);
		if (!made)
			break;
	}
	text_deinit(&worker->text);
	free(worker->piece);
	return NULL;
}

void ordered_run(int fd, const struct ordered_maker *maker, void *arg, void *const *workers, size_t count,
		 size_t *failed_ret)
{
	struct run run = { .maker = maker, .arg = arg, .fd = fd, .failed = UINT64_MAX, .failed_worker = count };
	struct worker *all = tool_alloc(count * sizeof(*all));
	pthread_t *threads = tool_alloc(count * sizeof(*threads));
	size_t started = 1;
	pthread_mutex_init(&run.mutex, NULL);
	pthread_cond_init(&run.moved, NULL);
	for (size_t i = 0; i < count; i++)
		all[i] = (struct worker){ .run = &run, .arg = workers[i], .index = i };
	while (started < count && pthread_create(&threads[started], NULL, work, &all[started]) == 0)
		started++;
	work(&all[0]);
	for (size_t i = 1; i < started; i++)
		pthread_join(threads[i], NULL);
	while (run.spare_count)
		text_deinit(&run.spare[--run.spare_count]);
	pthread_cond_destroy(&run.moved);
	pthread_mutex_destroy(&run.mutex);
	free(threads);
	free(all);
	*failed_ret = run.failed_worker;
}
