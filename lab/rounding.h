/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looks at the floating point rounding mode of another process's threads, some times in a row.
 *
 * RandomX changes the rounding mode while it computes (CFROUND), which next to nothing else does: a
 * thread that is seen in two or more modes other than the default is probably mining. It needs no
 * hardware counters and no root, only the right to trace the process. Source of the idea: tevador's
 * randomx-sniffer; the modes are bits 13 and 14 of MXCSR (Intel SDM 10.2.3), on AArch64 bits 22 and
 * 23 of FPCR, in another order: told as RandomX numbers them (0 nearest, 1 down, 2 up, 3 to zero).
 *
 * A look stops a thread for some tens of microseconds. A process that is traced by somebody else
 * can't be looked at.
 */
#ifndef PLAB_LAB_ROUNDING_H
#define PLAB_LAB_ROUNDING_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "lab/trace.h"

#define PLAB_ROUNDING_MODES 4

struct plab_rounding_thread {
    int tid;
    unsigned seen[PLAB_ROUNDING_MODES]; /* looks that found this mode */
};

struct plab_rounding {
    size_t thread_count;
    struct plab_rounding_thread threads[PLAB_TRACE_THREADS_MAX];
};

/* Looks at all threads of `pid` `looks` times, `interval_ms` apart. Blocks that long; see
 * lab/trace.h for where it may be called. PLAB_E_RESOURCE when tracing isn't permitted or the
 * process is gone, PLAB_E_UNSUPPORTED for a processor whose register isn't known. */
PLAB_NODISCARD enum plab_status plab_rounding_sample(struct plab_rounding *out, int pid,
                                                     unsigned looks, unsigned interval_ms,
                                                     struct plab_error *err);

/* How many different modes beside the default (nearest) the thread was seen in. */
unsigned plab_rounding_unusual(const struct plab_rounding_thread *thread);

#endif
