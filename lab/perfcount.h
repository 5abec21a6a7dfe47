/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hardware counters of one process and the threads it makes later: cycles, instructions, cache and
 * branches, by perf_event_open(2).
 *
 * Most virtual machines have no such counters, and a kernel may keep them for root: then they are
 * absent, with the reason. Counts are scaled up where the kernel had to share the counters out.
 */
#ifndef PLAB_LAB_PERFCOUNT_H
#define PLAB_LAB_PERFCOUNT_H

#include <stdbool.h>
#include <stddef.h>

/* X(enumerator, column, perf's event) */
#define PLAB_PERF_LIST(X)                                                   \
    X(CYCLES, "cycles_per_s", PERF_COUNT_HW_CPU_CYCLES)                     \
    X(INSTRUCTIONS, "instructions_per_s", PERF_COUNT_HW_INSTRUCTIONS)       \
    X(CACHE_REFS, "cache_references_per_s", PERF_COUNT_HW_CACHE_REFERENCES) \
    X(CACHE_MISSES, "cache_misses_per_s", PERF_COUNT_HW_CACHE_MISSES)       \
    X(BRANCHES, "branches_per_s", PERF_COUNT_HW_BRANCH_INSTRUCTIONS)        \
    X(BRANCH_MISSES, "branch_misses_per_s", PERF_COUNT_HW_BRANCH_MISSES)

enum plab_perf {
#define PLAB_PERF_ENUM(kind, column, event) PLAB_PERF_##kind,
    PLAB_PERF_LIST(PLAB_PERF_ENUM)
#undef PLAB_PERF_ENUM
        PLAB_PERF_COUNT
};

struct plab_perfcount {
    int fds[PLAB_PERF_COUNT]; /* -1: absent */
};

/* Column names, units included. */
const char *plab_perfcount_column(enum plab_perf which);

/* Begins to count a process that has one thread so far. True when at least one counter counts; else
 * `reason` says why there is none. */
bool plab_perfcount_open(struct plab_perfcount *count, int pid, char *reason, size_t reason_cap);

/* Counts since the start; NAN for one that is absent or never ran. */
void plab_perfcount_read(const struct plab_perfcount *count, double values[PLAB_PERF_COUNT]);

void plab_perfcount_close(struct plab_perfcount *count);

#endif
