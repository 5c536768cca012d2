/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_INDEX_REPORT_H
#define TOOLS_INDEX_REPORT_H

/* What `stackdb index` tells: a line a file, a bar of progress on a terminal, the total. */

#include "index_inputs.h"
#include "index_job.h"
#include "text.h"

struct index_report {
	bool quiet, verbose, json;
	/* private */
	bool bar;                /* standard error is a terminal */
	struct text out;
	double started;
	size_t files, done, failed, up_to_date;
	uint64_t total_size, done_size; /* bytes of input, for the bar */
	uint64_t debug_size, output_size;
	const struct index_inputs *inputs;
	char **failures;         /* said again at the end when there were many files */
	size_t failure_count;
};

void index_report_init(struct index_report *report);
void index_report_begin(struct index_report *report, const struct index_inputs *inputs);
void index_report_failure(struct index_report *report, const char *path, const char *why);
void index_report_job(struct index_report *report, const struct index_job *job);
void index_report_progress(struct index_report *report, struct index_job *const *jobs, size_t count);
/* Prints the total; returns the exit status. */
int index_report_finish(struct index_report *report, bool interrupted);

#endif
