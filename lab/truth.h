/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ground truth: what really happened in a run, one JSON object a line, on one monotonic clock.
 *
 * While a run goes on, the laboratory appends its own events to a file and the pool appends to its
 * ledger; merging puts both in order of time into truth.jsonl. Each line has "t_ns"
 * (CLOCK_MONOTONIC), "t_s" (seconds since the run's start), "source" ("lab", "pool", "pool-2") and
 * "event"; what else it has depends on the event (configs/README.md). The event "run_start" anchors
 * the clock to wall time.
 */
#ifndef PLAB_LAB_TRUTH_H
#define PLAB_LAB_TRUTH_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct json_t; /* jansson */
struct plab_truth;

/* Creates the file of the laboratory's own events. PLAB_E_IO names path and reason. */
PLAB_NODISCARD enum plab_status plab_truth_open(struct plab_truth **out, const char *path,
                                                struct plab_error *err);

/* Appends an event, at once. Takes the reference to `fields` (an object; NULL: none), also on
 * error. */
PLAB_NODISCARD enum plab_status plab_truth_add(struct plab_truth *truth, uint64_t t_ns,
                                               const char *event, struct json_t *fields,
                                               struct plab_error *err);

/* Closes it and sets `*truth` to NULL; NULL is fine. */
void plab_truth_close(struct plab_truth **truth);

/* Sees each merged event in order: a borrowed object. */
typedef void plab_truth_each_fn(void *cookie, const struct json_t *event);

struct plab_truth_merge {
    const char *lab_path;     /* the laboratory's events */
    const char *pool_path;    /* the pool's ledger; may not exist */
    const char *second_path;  /* that of a second pool, "pool-2"; NULL, or may not exist */
    const char *out_path;     /* written whole or not at all */
    uint64_t start_ns;        /* t_s counts from here */
    plab_truth_each_fn *each; /* may be NULL */
    void *cookie;
    size_t lab_events, pool_events, second_events; /* result */
    size_t damaged_lines; /* result: no JSON object with "t_ns" and "event", as a killed writer
                             leaves */
};

/* Merges the two by time; events of the same time keep their order, the laboratory's first.
 * PLAB_E_IO names path and reason. */
PLAB_NODISCARD enum plab_status plab_truth_merge_files(struct plab_truth_merge *merge,
                                                       struct plab_error *err);

#endif
