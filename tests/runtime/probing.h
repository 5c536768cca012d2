/* SPDX-License-Identifier: MIT */
#ifndef TESTS_RUNTIME_PROBING_H
#define TESTS_RUNTIME_PROBING_H

/* What the tests of probes share: a program whose calls are counted (tests/programs/target.c), and handlers that count. */

#include <stackdb/probe.h>
#include <stackdb/space.h>

#include <stdio.h>
#include <sys/types.h>

extern const char *program; /* the path of that program */
extern unsigned failed;

#define CHECK(condition, ...) do { \
	if (!(condition)) { \
		failed++; \
		printf("not ok - %s:%d: %s: ", __func__, __LINE__, #condition); \
		printf(__VA_ARGS__); \
		putchar('\n'); \
	} \
} while (0)

/* Ends the test when there is an ERROR. */
void must(struct sdb_error *error, const char *what);

/* ---- a target */
struct started {
	pid_t pid;
	int input, output;
};

/* The program in MODE, where it waits for go(). */
struct started start(const char *mode, const char *number, const char *threads);
struct sdb_target *attach(pid_t pid);
void go(const struct started *started);
void poll_to_end(struct sdb_target *target);
/* What the program printed, and how it ended. */
void finish(const struct started *started, char *text, size_t size, int *status_ret);

/* ---- handlers, whose argument is a struct counts */
struct counts {
	unsigned long entries, returns, wrong, after;
};

struct sdb_error *count_entry(void *arg, struct sdb_hit *hit);
struct sdb_error *count_after(void *arg, struct sdb_hit *hit);
struct sdb_error *count_call(void *arg, struct sdb_hit *hit);
/* Values are wrong that are not one more each time than the time before. */
struct sdb_error *count_watch(void *arg, struct sdb_hit *hit);

/* For sdb_target_bind(): the argument is a uint64_t. */
struct sdb_error *take_address(void *arg, const struct sdb_binding *binding);

/* Reads the program's path, and limits the time. */
void begin(int argc, char **argv);

#endif
