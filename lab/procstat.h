/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CPU time and memory of the host and of processes, from /proc.
 *
 * Every reader takes the root of the tree ("/proc"), so that tests use recorded trees. Values are
 * counters; the shares of a period come from two readings. Source: proc(5), /proc/stat and
 * /proc/PID/stat.
 */
#ifndef PLAB_LAB_PROCSTAT_H
#define PLAB_LAB_PROCSTAT_H

#include <stdint.h>

#include "base/status.h"

/* Sums over all CPUs, in clock ticks. */
struct plab_host_cpu {
    uint64_t busy;  /* user, nice, system, irq, softirq */
    uint64_t steal; /* taken by the hypervisor for others */
    uint64_t total; /* busy, steal, idle, iowait */
};

struct plab_process_cpu {
    uint64_t ticks;       /* user and system time of all its threads, in clock ticks */
    uint64_t rss_bytes;   /* resident memory; the kernel's own approximate count */
    uint64_t start_ticks; /* since boot: tells a reused process id */
    uint64_t minor_faults, major_faults;
};

/* PLAB_E_IO when the file can't be read, PLAB_E_INPUT when its form is unknown. */
PLAB_NODISCARD enum plab_status plab_procstat_host(const char *root, struct plab_host_cpu *out,
                                                   struct plab_error *err);

/* PLAB_E_IO also when there is no such process. */
PLAB_NODISCARD enum plab_status plab_procstat_process(const char *root, int pid,
                                                      struct plab_process_cpu *out,
                                                      struct plab_error *err);

/* The same of one thread of a process (its memory is the process's). */
PLAB_NODISCARD enum plab_status plab_procstat_thread(const char *root, int pid, int tid,
                                                     struct plab_process_cpu *out,
                                                     struct plab_error *err);

/* Share of all CPUs' time between two readings that was spent working, or given to others, in
 * percent (100: every CPU busy). NAN when no time passed or a counter went back. */
double plab_procstat_busy_percent(const struct plab_host_cpu *before,
                                  const struct plab_host_cpu *after);
double plab_procstat_steal_percent(const struct plab_host_cpu *before,
                                   const struct plab_host_cpu *after);

/* CPU time between two readings of one process, in percent of one CPU (two busy threads: 200). NAN
 * as above, or when the readings are of different processes. `ticks_per_s`: sysconf(_SC_CLK_TCK).
 */
double plab_procstat_process_percent(const struct plab_process_cpu *before,
                                     const struct plab_process_cpu *after, uint64_t elapsed_ns,
                                     long ticks_per_s);

#endif
