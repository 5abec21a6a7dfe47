/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The timeline of a run: timeline.csv, one row a second, units in the column names. What is missing
 * is an empty field, never zero. A first row names the columns; the per-process ones stand at the
 * end.
 */
#ifndef PLAB_LAB_TIMELINE_H
#define PLAB_LAB_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct plab_timeline;

/* Of one process of the run. NAN: missing. */
struct plab_timeline_process {
    double cpu_percent_of_one; /* 100: one CPU busy */
    double rss_bytes;
    double rate_hps; /* workers only */
};

/* NAN: missing. */
struct plab_timeline_row {
    uint64_t t_ns;     /* CLOCK_MONOTONIC */
    double t_s;        /* since the run's start */
    const char *phase; /* "" outside the phases */
    double load_percent;
    double workers_running;
    double rate_hps;                                     /* of all workers together */
    double hashes_total, accepted_total, rejected_total; /* as the workers count them */
    double host_busy_percent, host_steal_percent;        /* 100: all CPUs */
    double lab_cpu_percent_of_one;                       /* the recorder, its samples too */
    const struct plab_timeline_process *processes;       /* as many as names were given */
};

/* Creates the file and writes its first row. `names` (borrowed during the call): of the processes;
 * those from `first_worker` on are workers and have a rate. PLAB_E_IO names path and reason. */
PLAB_NODISCARD enum plab_status plab_timeline_open(struct plab_timeline **out, const char *path,
                                                   const char *const *names, size_t name_count,
                                                   size_t first_worker, struct plab_error *err);

/* Appends a row, at once. */
PLAB_NODISCARD enum plab_status plab_timeline_add(struct plab_timeline *timeline,
                                                  const struct plab_timeline_row *row,
                                                  struct plab_error *err);

/* Closes it and sets `*timeline` to NULL; NULL is fine. */
void plab_timeline_close(struct plab_timeline **timeline);

#endif
