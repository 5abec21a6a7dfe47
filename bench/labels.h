/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reasons not to trust a measurement, each with what it rests on and what to do about it. A pure
 * function of the result and of what is known about machine and build.
 */
#ifndef PLAB_BENCH_LABELS_H
#define PLAB_BENCH_LABELS_H

#include "bench/run.h"

#define PLAB_LABELS_MAX 12

/* Limits, as parts of one. */
#define PLAB_LABEL_NOISY_CV 0.02
#define PLAB_LABEL_DRIFT 0.02
#define PLAB_LABEL_CPU_SHARE 0.98
#define PLAB_LABEL_HUGE_PAGES 0.9
#define PLAB_LABEL_FEW_SAMPLES 5

struct plab_label {
    const char *name; /* one word of the list below, static */
    char reason[120];
    const char *remedy; /* static */
};

/* What the result itself doesn't know. */
struct plab_bench_facts {
    const char *build;   /* "release" or another flavour */
    bool emulated;       /* an emulated processor was seen */
    size_t allowed_cpus; /* logical CPUs that the process may use */
};

/* Writes the labels that apply to `out`, in this order, and returns their number:
 *   interrupted    cancelled before its end
 *   debug-build    not a release build
 *   emulated       the processor is software
 *   unpinned       some thread was not bound to a CPU
 *   oversubscribed more threads than CPUs
 *   shared-host    the hypervisor took time, or other programs ran on our CPUs
 *   no-huge-pages  memory stands on 4 KiB pages
 *   few-samples    too few for a spread
 *   noisy          coefficient of variation over 2 %
 *   drifting       the rate changes steadily, by more than 2 % and three standard errors */
size_t plab_bench_labels(const struct plab_bench_result *result,
                         const struct plab_bench_facts *facts,
                         struct plab_label out[PLAB_LABELS_MAX]);

#endif
