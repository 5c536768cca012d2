/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_INDEX_JOB_H
#define TOOLS_INDEX_JOB_H

/*
 * Indexing one file in a process of its own: its memory goes back to the system when it is
 * done, and a file that brings the indexer down costs only itself. Progress, warnings and the
 * result come back through a pipe.
 */

#include <stackdb/indexer.h>
#include <sys/types.h>

struct index_job {
	const char *name;  /* of the file */
	unsigned jobs;     /* threads */
	char *destination; /* of its database, or NULL */
	pid_t pid;         /* 0: not running */
	int fd;            /* to poll */
	double share;      /* done, 0 to 1 */
	bool finished;     /* the result below is there */
	bool alone;        /* the process goes on to pack what it made, and nobody waits for it */
	char *error;       /* what went wrong, or NULL */
	struct sdb_index_result result;
	char **warnings;
	size_t warning_count;
	/* private */
	uint8_t *buffer;
	size_t size, capacity;
};

/*
 * Starts indexing PATH with OPTIONS. Its callbacks are not used: when it has `unpacked`, the job is
 * finished as soon as the database is there, and what goes to the store is packed when it is over.
 */
struct sdb_error *index_job_start(struct index_job *job, const char *path,
				  const struct sdb_index_options *options);
/* Takes what the process has sent; true when the job is finished. */
bool index_job_read(struct index_job *job);
/* Stops the process and removes what it had begun to write. */
void index_job_stop(struct index_job *job);
void index_job_deinit(struct index_job *job);

#endif
