/* SPDX-License-Identifier: MIT */
/*
 * The program stackdb-indexer, which is `stackdb index`: the only one that is linked with the
 * libraries that read ELF and DWARF. It works through many files with several processes at once.
 */
#include "index_inputs.h"
#include "index_job.h"
#include "index_part.h"
#include "index_report.h"
#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIG_FILE ((uint64_t)48 << 20) /* from here on a file gets all threads */
#define MAX_JOBS 256

struct index_command {
	struct sdb_index_options options;
	const char *output;
	bool output_is_directory;
	bool part;           /* see index_part() */
	char **names;
	int name_count;
	struct index_inputs inputs;
	size_t next;         /* input to start next */
	unsigned used;       /* threads in use */
	struct index_job *running[MAX_JOBS];
	struct index_report report;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

/* ---- arguments ----------------------------------------------------------------------------- */

enum { KEY_DETAIL = 0x1000, KEY_DEBUG_FILE, KEY_FORCE, KEY_JSON, KEY_STORE, KEY_UNPACKED, KEY_PART };

/* The processes that index have their own. */
static bool is_welcome(void *arg, const struct sdb_index_result *result)
{
	(void)arg, (void)result;
	return true;
}

static error_t parse_detail(struct argp_state *state, struct index_command *command, const char *arg)
{
	static const char *const names[] = { "symbols", "lines", "full" };
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(arg, names[i]) == 0) {
			command->options.detail = SDB_DETAIL_SYMBOLS + i;
			return 0;
		}
	argp_error(state, "--detail is symbols, lines or full, not %s", arg);
	return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct index_command *command = state->input;
	uint64_t number;
	switch (key) {
	case 'j':
		if (!tool_parse_number(arg, &number) || number == 0 || number > MAX_JOBS)
			argp_error(state, "-j takes a number from 1 to %d", MAX_JOBS);
		command->options.jobs = (unsigned)number;
		return 0;
	case 'o': command->output = arg; return 0;
	case 'R': command->options.root = arg; return 0;
	case 'q': command->report.quiet = true; return 0;
	case 'v': command->report.verbose = true; return 0;
	case KEY_DETAIL: return parse_detail(state, command, arg);
	case KEY_DEBUG_FILE: command->options.debug_file = arg; return 0;
	case KEY_FORCE: command->options.force = true; return 0;
	case KEY_JSON: command->report.json = true; return 0;
	case KEY_STORE: command->options.store = arg; return 0;
	case KEY_PART: command->part = true; return 0;
	case KEY_UNPACKED: command->options.unpacked = is_welcome; return 0;
	case ARGP_KEY_ARGS:
		command->names = state->argv + state->next;
		command->name_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which files?");
		return EINVAL;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "jobs", 'j', "N", 0, "Threads to use (default: one for each processor)", 0 },
	{ "output", 'o', "OUT", 0, "Write the database there; for several files a directory", 0 },
	{ "store", KEY_STORE, "DIR", 0, "Store to put databases in, by build-id", 0 },
	{ "detail", KEY_DETAIL, "LEVEL", 0,
		"symbols, lines (functions, lines, inlines) or full (default)", 0 },
	{ "root", 'R', "ROOT", 0, "Look for debug files below ROOT too", 0 },
	{ "debug-file", KEY_DEBUG_FILE, "FILE", 0, "The debug file of the one FILE given", 0 },
	{ "force", KEY_FORCE, NULL, 0, "Index even what is up to date", 0 },
	{ "unpacked", KEY_UNPACKED, NULL, 0,
		"End when there is a database that serves; in the store it is packed afterwards", 0 },
	{ "quiet", 'q', NULL, 0, "Print only errors", 0 },
	{ "verbose", 'v', NULL, 0, "Print warnings about damage that was survived", 0 },
	{ "part", KEY_PART, NULL, OPTION_HIDDEN, "For libstackdb, see sdb_indexing_start_part()", 0 },
	{ "json", KEY_JSON, NULL, 0, "Print JSON lines", 0 },
	{ 0 }
};
static const struct argp argp = {
	options, parse, "FILE|DIR...",
	"Make databases from ELF files and their debuginfo."
	"\vDirectories are searched for ELF files with a build-id. Without -o a database goes to the "
	"store: $STACKDB_STORE, else ~/.cache/stackdb.\n\nExamples:\n"
	"  stackdb index /lib/x86_64-linux-gnu/libc.so.6\n"
	"  stackdb index -o vmlinux.sdb /usr/lib/debug/boot/vmlinux-6.1.0-53-cloud-amd64\n"
	"  stackdb index -j2 /usr/lib/debug/lib/modules\n",
	NULL, NULL, NULL
};

/* ---- the files ------------------------------------------------------------------------------- */

static void gather_inputs(struct index_command *command)
{
	for (int i = 0; i < command->name_count; i++) {
		const char *name = command->names[i];
		struct stat state;
		if (stat(name, &state) == 0 && S_ISDIR(state.st_mode)) {
			size_t before = command->inputs.count;
			if (!index_inputs_add_directory(&command->inputs, name))
				index_report_failure(&command->report, name, strerror(errno));
			else if (command->inputs.count == before)
				index_report_failure(&command->report, name,
						     "no ELF file with a build-id in it");
		} else {
			index_inputs_add_file(&command->inputs, name);
		}
	}
}

/* Where the database of INPUT goes when -o was given; for free(). */
static char *output_of(struct index_command *command, const struct index_input *input)
{
	if (!command->output || !command->output_is_directory)
		return command->output ? tool_strdup(command->output) : NULL;
	const char *slash = strrchr(input->path, '/');
	struct text path = TEXT_EMPTY;
	text_format(&path, "%s/%s.sdb", command->output, slash ? slash + 1 : input->path);
	text_string(&path);
	return path.data;
}

static bool check_output(struct index_command *command)
{
	struct stat state;
	command->output_is_directory = command->output && stat(command->output, &state) == 0
		&& S_ISDIR(state.st_mode);
	if (command->output && !command->output_is_directory && command->inputs.count > 1) {
		tool_complain(command->output, "-o must be an existing directory for several files");
		return false;
	}
	if (command->options.debug_file && command->inputs.count > 1) {
		tool_complain(command->options.debug_file, "--debug-file goes with one file only");
		return false;
	}
	return true;
}

/* ---- working through them ----------------------------------------------------------------------- */

/* Threads for the next input, 0 when it has to wait for others to finish. */
static unsigned threads_for_next(const struct index_command *command)
{
	unsigned all = command->options.jobs;
	size_t left = command->inputs.count - command->next;
	if (command->inputs.items[command->next].size >= BIG_FILE || (command->used == 0 && left == 1))
		return command->used == 0 ? all : 0;
	unsigned one = left < all ? all / (unsigned)left : 1;
	return command->used + one <= all ? one : command->used < all ? all - command->used : 0;
}

static void start_next(struct index_command *command, unsigned threads)
{
	const struct index_input *input = &command->inputs.items[command->next++];
	struct sdb_index_options job_options = command->options;
	char *output = output_of(command, input);
	job_options.jobs = threads;
	job_options.output = output;
	if (input->debug_path)
		job_options.debug_file = input->debug_path;
	struct index_job *job = tool_alloc(sizeof(*job));
	struct sdb_error *error = index_job_start(job, input->path, &job_options);
	free(output); /* the process has its own copy */
	if (error) {
		index_report_failure(&command->report, input->path, sdb_error_message(error));
		sdb_error_free(error);
		free(job);
		return;
	}
	for (unsigned i = 0; i < MAX_JOBS; i++)
		if (!command->running[i]) {
			command->running[i] = job;
			break;
		}
	command->used += threads;
}

/* Waits for news of the running jobs and takes it. */
static void wait_for_jobs(struct index_command *command)
{
	struct pollfd fds[MAX_JOBS];
	unsigned slots[MAX_JOBS];
	nfds_t count = 0;
	for (unsigned i = 0; i < MAX_JOBS; i++)
		if (command->running[i]) {
			fds[count] = (struct pollfd){ command->running[i]->fd, POLLIN, 0 };
			slots[count++] = i;
		}
	if (poll(fds, count, -1) < 0)
		return;
	for (nfds_t i = 0; i < count; i++) {
		struct index_job *job = command->running[slots[i]];
		if (!fds[i].revents || !index_job_read(job))
			continue;
		command->running[slots[i]] = NULL;
		command->used -= job->jobs;
		index_report_job(&command->report, job);
		index_job_deinit(job);
		free(job);
	}
}

static void run(struct index_command *command)
{
	while (!interrupted && (command->next < command->inputs.count || command->used)) {
		while (command->next < command->inputs.count) {
			unsigned threads = threads_for_next(command);
			if (!threads)
				break;
			start_next(command, threads);
		}
		index_report_progress(&command->report, command->running, MAX_JOBS);
		if (command->used)
			wait_for_jobs(command);
	}
	for (unsigned i = 0; i < MAX_JOBS; i++)
		if (command->running[i]) {
			index_job_deinit(command->running[i]);
			free(command->running[i]);
		}
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	struct index_command command = { 0 };
	argp_err_exit_status = STATUS_USAGE;
	tool_set_command("stackdb index");
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	if (!command.options.jobs) {
		long processors = sysconf(_SC_NPROCESSORS_ONLN);
		command.options.jobs = processors < 1 ? 1 : processors > MAX_JOBS ? MAX_JOBS
			: (unsigned)processors;
	}
	if (command.part)
		return index_part(command.names[0], &command.options);
	index_report_init(&command.report);
	gather_inputs(&command);
	if (!check_output(&command)) {
		index_inputs_deinit(&command.inputs);
		return STATUS_USAGE;
	}
	catch_signals();
	index_report_begin(&command.report, &command.inputs);
	run(&command);
	int status = index_report_finish(&command.report, interrupted);
	index_inputs_deinit(&command.inputs);
	return interrupted ? 128 + interrupted : status;
}
