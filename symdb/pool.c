/* SPDX-License-Identifier: MIT */
/* The threads that compress. */

#include "pool.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
	MAX_THREADS = 64,
	QUEUE = 256, /* jobs that may wait; with blocks of 16 KiB that is 4 MiB */
};

struct job {
	pool_fn fn;
	void *arg;
};

struct pool {
	pthread_mutex_t mutex;
	pthread_cond_t work; /* a job was queued, or the end */
	pthread_cond_t idle; /* the last running job ended */
	struct job queue[QUEUE];
	unsigned head, count, running, waiting;
	bool stop;
	pool_free_fn free_scratch;
	unsigned thread_count;
	pthread_t threads[MAX_THREADS];
};

/* With the mutex held, which is given up while the job runs. */
static void run_next(struct pool *pool, void **scratch)
{
	struct job job = pool->queue[pool->head];
	pool->head = (pool->head + 1) % QUEUE;
	pool->count--;
	pool->running++;
	pthread_mutex_unlock(&pool->mutex);
	job.fn(job.arg, scratch);
	pthread_mutex_lock(&pool->mutex);
	pool->running--;
	if (pool->running == 0 && pool->count == 0)
		pthread_cond_broadcast(&pool->idle);
}

static void *work(void *arg)
{
	struct pool *pool = arg;
	void *scratch = NULL;
	pthread_mutex_lock(&pool->mutex);
	for (;;) {
		if (pool->count > 0) {
			run_next(pool, &scratch);
		} else if (pool->stop) {
			break;
		} else {
			pool->waiting++;
			pthread_cond_wait(&pool->work, &pool->mutex);
			pool->waiting--;
		}
	}
	pthread_mutex_unlock(&pool->mutex);
	pool->free_scratch(scratch);
	return NULL;
}

struct pool *pool_create(unsigned threads, pool_free_fn free_scratch)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	pool->free_scratch = free_scratch;
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->idle, NULL);
	if (threads > MAX_THREADS)
		threads = MAX_THREADS;
	while (pool->thread_count < threads &&
	       pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) == 0)
		pool->thread_count++;
	return pool;
}

void pool_destroy(struct pool *pool)
{
	if (!pool)
		return;
	void *scratch = NULL;
	pool_wait(pool, &scratch);
	pool->free_scratch(scratch);
	pthread_mutex_lock(&pool->mutex);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->mutex);
	for (unsigned i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->idle);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}

void pool_run(struct pool *pool, pool_fn fn, void *arg, void **scratch)
{
	pthread_mutex_lock(&pool->mutex);
	bool queued = pool->count < QUEUE;
	if (queued) {
		unsigned tail = (pool->head + pool->count) % QUEUE;
		pool->queue[tail] = (struct job){ fn, arg };
		pool->count++;
		if (pool->waiting > 0)
			pthread_cond_signal(&pool->work);
	}
	pthread_mutex_unlock(&pool->mutex);
	if (!queued)
		fn(arg, scratch);
}

void pool_wait(struct pool *pool, void **scratch)
{
	pthread_mutex_lock(&pool->mutex);
	while (pool->count > 0 || pool->running > 0) {
		if (pool->count > 0)
			run_next(pool, scratch);
		else
			pthread_cond_wait(&pool->idle, &pool->mutex);
	}
	pthread_mutex_unlock(&pool->mutex);
}
