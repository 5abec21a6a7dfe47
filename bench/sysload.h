/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel counted for all CPUs together: who else ran while we measured. */
#ifndef PLAB_BENCH_SYSLOAD_H
#define PLAB_BENCH_SYSLOAD_H

#include <stdbool.h>
#include <stdint.h>

/* Ticks since boot, of all CPUs. Source: proc(5), /proc/stat. */
struct plab_sysload {
    uint64_t total; /* all states */
    uint64_t steal; /* the hypervisor ran somebody else */
};

/* Parses the text of /proc/stat; false (and zeroes) when it has no "cpu" line. A kernel that
 * doesn't count steal time gives 0. */
bool plab_sysload_parse(const char *text, struct plab_sysload *out);

/* Reads it now; zeroes when there is no /proc. */
void plab_sysload_read(struct plab_sysload *out);

/* Stolen part of the time between two readings, 0..1. */
double plab_sysload_steal_share(const struct plab_sysload *before,
                                const struct plab_sysload *after);

#endif
