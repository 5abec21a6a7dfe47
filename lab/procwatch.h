/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one process does, second by second: CPU, faults, context switches, memory by page size,
 * hardware counters; and the CPU time of each of its threads.
 *
 * Context switches are sums over the threads that live: the kernel counts them by thread
 * (/proc/PID/task/TID/status). Page sizes are read every half minute (/proc/PID/smaps_rollup),
 * since the kernel walks all of a process's memory for it.
 */
#ifndef PLAB_LAB_PROCWATCH_H
#define PLAB_LAB_PROCWATCH_H

#include "lab/perfcount.h"
#include "lab/procstat.h"

/* A process may have more threads; the first are told one by one. */
#define PLAB_PROCWATCH_THREADS_MAX 256

struct plab_thread_sample {
    int tid;
    double cpu_percent_of_one;
};

/* NAN: missing. */
struct plab_process_sample {
    double cpu_percent_of_one, rss_bytes;
    double minor_faults_per_s, major_faults_per_s;
    double voluntary_switches_per_s, involuntary_switches_per_s;
    double anon_huge_bytes, hugetlb_bytes; /* of the latest look at the page sizes */
    double counters_per_s[PLAB_PERF_COUNT];
    size_t thread_count;
    struct plab_thread_sample threads[PLAB_PROCWATCH_THREADS_MAX];
};

struct plab_procwatch;

/* Begins to watch a process that was just started. `root` ("/proc") is borrowed. NULL without
 * memory. `no_counters` receives why there are no hardware counters, "" if there are. */
struct plab_procwatch *plab_procwatch_open(const char *root, int pid, char *no_counters,
                                           size_t no_counters_cap);

/* Reads it; false when the process is gone. */
bool plab_procwatch_read(struct plab_procwatch *watch, uint64_t now_ns,
                         struct plab_process_sample *out);

/* Frees it and sets `*watch` to NULL; NULL is fine. */
void plab_procwatch_close(struct plab_procwatch **watch);

#endif
