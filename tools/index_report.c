/* SPDX-License-Identifier: MIT */
#include "index_report.h"
#include "json.h"
#include "tool.h"

#include <stackdb/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH 30
#define ERASE_LINE "\r\033[K"

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

void index_report_init(struct index_report *report)
{
	report->bar = isatty(STDERR_FILENO) && !report->quiet;
	report->out = text_to(STDOUT_FILENO);
	report->started = now();
}

void index_report_begin(struct index_report *report, const struct index_inputs *inputs)
{
	report->inputs = inputs;
	report->files = inputs->count;
	for (size_t i = 0; i < inputs->count; i++)
		report->total_size += inputs->items[i].size;
}

static void erase_bar(struct index_report *report)
{
	if (report->bar)
		fputs(ERASE_LINE, stderr);
}

void index_report_failure(struct index_report *report, const char *path, const char *why)
{
	erase_bar(report);
	tool_complain_once(path, why);
	report->failed++;
	report->failures = tool_realloc(report->failures, report->failure_count + 1, sizeof(char *));
	report->failures[report->failure_count++] = tool_strdup(path);
	if (report->json) {
		struct json json;
		json_begin(&json, &report->out);
		json_string(&json, "file", path);
		json_string(&json, "status", "failed");
		json_string(&json, "error", why);
		json_end(&json);
		text_flush(&report->out);
	}
}

static void print_json(struct index_report *report, const struct index_job *job)
{
	const struct sdb_index_result *result = &job->result;
	struct json json;
	json_begin(&json, &report->out);
	json_string(&json, "file", job->name);
	json_string(&json, "status", result->up_to_date ? "up to date" : "indexed");
	json_string(&json, "database", result->path);
	json_number(&json, "input_size", result->input_size);
	json_number(&json, "debug_size", result->debug_size);
	json_number(&json, "output_size", result->output_size);
	json_number(&json, "types", result->types);
	json_number(&json, "functions", result->functions);
	json_number(&json, "symbols", result->symbols);
	json_number(&json, "lines", result->lines);
	json_number(&json, "unwind_rows", result->unwind_rows);
	json_number(&json, "warnings", result->warnings);
	json_real(&json, "seconds", result->seconds);
	json_end(&json);
}

/* The first digits of the build-id, taken from the place in the store. */
static void put_build_id(struct text *out, const char *file)
{
	uint8_t id[64];
	size_t length = 0;
	sdb_error_free(sdb_build_id_of_file(file, id, &length));
	text_hex_bytes(out, id, length < 6 ? length : 6);
	if (!length)
		text_add(out, "no build-id ");
}

static void put_count(struct text *out, uint64_t count, const char *what)
{
	text_add(out, ", ");
	text_grouped(out, count);
	text_char(out, ' ');
	text_add(out, what);
}

static void print_line(struct index_report *report, const struct index_job *job)
{
	const struct sdb_index_result *result = &job->result;
	struct text *out = &report->out;
	text_format(out, "%-28s ", base_name(job->name));
	put_build_id(out, job->name);
	text_add(out, "  ");
	if (result->up_to_date) {
		text_add(out, "up to date, ");
		text_size(out, result->output_size);
	} else {
		text_size(out, result->input_size);
		if (result->debug_size) {
			text_add(out, " (debug ");
			text_size(out, result->debug_size);
			text_char(out, ')');
		}
		text_add(out, " -> ");
		text_size(out, result->output_size);
		put_count(out, result->types, "types");
		put_count(out, result->functions, "functions");
		put_count(out, result->symbols, "symbols");
		put_count(out, result->lines, "lines");
		put_count(out, result->unwind_rows, "unwind rows");
		if (result->warnings)
			put_count(out, result->warnings, result->warnings == 1 ? "warning" : "warnings");
		text_format(out, ", %.2f s", result->seconds);
	}
	text_char(out, '\n');
}

static uint64_t size_of(const struct index_report *report, const char *path)
{
	for (size_t i = 0; report->inputs && i < report->inputs->count; i++)
		if (report->inputs->items[i].path == path)
			return report->inputs->items[i].size;
	return 0;
}

void index_report_job(struct index_report *report, const struct index_job *job)
{
	report->done++;
	report->done_size += size_of(report, job->name);
	erase_bar(report);
	if (report->verbose)
		for (size_t i = 0; i < job->warning_count; i++)
			tool_complain(job->name, "warning: %s", job->warnings[i]);
	if (job->error) {
		index_report_failure(report, job->name, job->error);
		return;
	}
	report->up_to_date += job->result.up_to_date;
	report->debug_size += job->result.debug_size;
	report->output_size += job->result.output_size;
	if (report->json)
		print_json(report, job);
	else if (!report->quiet)
		print_line(report, job);
	text_flush(&report->out);
}

void index_report_progress(struct index_report *report, struct index_job *const *jobs, size_t count)
{
	if (!report->bar)
		return;
	double done = (double)report->done_size;
	const char *name = "";
	for (size_t i = 0; i < count; i++)
		if (jobs[i]) {
			done += jobs[i]->share * (double)size_of(report, jobs[i]->name);
			name = base_name(jobs[i]->name);
		}
	double share = report->total_size ? done / (double)report->total_size : 0;
	share = share < 0 ? 0 : share > 1 ? 1 : share;
	char bar[BAR_WIDTH + 1];
	for (unsigned i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < (unsigned)(share * BAR_WIDTH) ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, ERASE_LINE "[%s] %3u%%  %zu/%zu files  %.0f s  %.32s", bar, (unsigned)(share * 100),
		report->done, report->files, now() - report->started, name);
	fflush(stderr);
}

int index_report_finish(struct index_report *report, bool interrupted)
{
	erase_bar(report);
	size_t indexed = report->done - report->up_to_date - (report->failed < report->done ? report->failed : report->done);
	if (!report->quiet && !report->json && (report->files > 1 || report->failed)) {
		struct text *out = &report->out;
		text_format(out, "total: %zu indexed, %zu up to date, %zu failed; debuginfo ", indexed,
			    report->up_to_date, report->failed);
		text_size(out, report->debug_size);
		text_add(out, " -> ");
		text_size(out, report->output_size);
		text_format(out, " in %.1f s\n", now() - report->started);
		if (report->inputs->without_build_id)
			text_format(out, "passed over: %zu ELF files without a build-id\n",
				    report->inputs->without_build_id);
	}
	text_deinit(&report->out);
	if (interrupted)
		tool_complain(NULL, "interrupted; what was finished is complete");
	else if (report->failure_count && report->files > 1)
		for (size_t i = 0; i < report->failure_count; i++)
			fprintf(stderr, "failed: %s\n", report->failures[i]);
	for (size_t i = 0; i < report->failure_count; i++)
		free(report->failures[i]);
	free(report->failures);
	return report->failed ? STATUS_NOT_FOUND : STATUS_DONE;
}
