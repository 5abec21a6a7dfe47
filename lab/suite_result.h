/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What came out of a suite: each run's end and verdicts, and of each detector a confusion matrix
 * over all runs. Units (flows, processes, hosts) of runs in which a detector couldn't be judged
 * count nowhere.
 */
#ifndef PLAB_LAB_SUITE_RESULT_H
#define PLAB_LAB_SUITE_RESULT_H

#include <limits.h>
#include <stddef.h>

#include "base/status.h"
#include "lab/detector.h"

struct json_t; /* jansson */

struct plab_suite_run {
    char scenario[PATH_MAX]; /* name, or path of one that couldn't be run */
    char folder[PATH_MAX];
    enum plab_status status; /* of the run, its expectations included */
    struct plab_error problem;
    double seconds;          /* that it took, detection included */
    struct json_t *verdicts; /* owned: verdicts.json; NULL: there are none */
};

struct plab_suite_result {
    size_t count;
    struct plab_suite_run *runs; /* owned */
};

/* One detector over all runs. Texts are borrowed from the verdicts. */
struct plab_suite_row {
    const char *detector, *layer, *unit;
    unsigned tp, fp, fn, tn; /* units */
    unsigned ran;            /* runs in which it could be judged */
    double median_s;         /* time to detect, of runs in which it found somebody; else NAN */
};

/* Adds a run; NULL without memory. Valid until the next one is added. */
struct plab_suite_run *plab_suite_result_add(struct plab_suite_result *result, const char *scenario,
                                             const char *folder);
void plab_suite_result_free(struct plab_suite_result *result);

/* Reads verdicts.json of the run's folder, if there is one. */
void plab_suite_run_read(struct plab_suite_run *run);

/* Runs that failed, or whose expectations weren't met. */
size_t plab_suite_failures(const struct plab_suite_result *result);

/* Fills in a row for each detector, in the order of the runs' verdicts; returns their number. */
size_t plab_suite_rows(const struct plab_suite_result *result,
                       struct plab_suite_row rows[PLAB_DETECTORS_MAX]);

/* Schema "powlab-suite/1" (configs/schema/suite-result.schema.json). Returns owned, NULL without
 * memory. */
struct json_t *plab_suite_result_json(const struct plab_suite_result *result, const char *suite);

/* The matrix, and of each run who fired, for people. */
void plab_suite_print(const struct plab_suite_result *result, const char *suite);

#endif
