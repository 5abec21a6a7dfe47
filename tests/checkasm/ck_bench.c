/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paired timing: reference and candidate take turns, A B A B, so that a change of clock speed or a
 * busy neighbour hits both. CPU time and medians of short samples, because on a shared machine the
 * mean of a few disturbed ones says nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/checkasm/checkasm.h"

#define PAIRS 31
#define SAMPLE_NS 1000000

struct sample {
    double ns, cycles; /* of one call */
};

static struct sample time_calls(const struct ck_kernel *kernel, plab_any_fn *fn,
                                const struct ck_call *call, unsigned calls) {
    uint64_t ns = plab_clock_thread_cpu_ns(), cycles = ck_cycles();
    for (unsigned i = 0; i < calls; i++) {
        kernel->invoke(fn, call);
    }
    cycles = ck_cycles() - cycles;
    ns = plab_clock_thread_cpu_ns() - ns;
    return (struct sample){(double)ns / calls, (double)cycles / calls};
}

/* How many calls make a sample of SAMPLE_NS; warms up on the way. */
static unsigned calibrate(const struct ck_kernel *kernel, plab_any_fn *fn,
                          const struct ck_call *call) {
    unsigned calls = 1;
    while (calls < 1u << 24 && time_calls(kernel, fn, call, calls).ns * calls < SAMPLE_NS) {
        calls *= 2;
    }
    return calls;
}

static int compare_doubles(const void *a, const void *b) {
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static double median(double values[PAIRS]) {
    qsort(values, PAIRS, sizeof values[0], compare_doubles);
    return values[PAIRS / 2];
}

static void prepare(struct ck_call *call, const struct ck_kernel *kernel, uint64_t seed) {
    struct plab_prng rng = {seed};
    memset(call, 0, sizeof *call);
    kernel->shape(call, &rng, true);
    for (unsigned i = 0; i < call->count; i++) {
        size_t bytes = (call->buffer[i].bytes + 63) / 64 * 64;
        call->at[i] = aligned_alloc(64, bytes);
        if (call->at[i] == NULL) {
            perror("checkasm");
            exit(2);
        }
        plab_prng_fill(&rng, call->at[i], bytes);
    }
}

void ck_bench_head(void) {
    printf("%-24s %14s %14s %9s   per call; medians of %d pairs\n", "", "ns", ck_cycles_unit(),
           "vs c", PAIRS);
}

void ck_bench(const struct ck_kernel *kernel, plab_any_fn *reference, plab_any_fn *fn,
              const char *name, uint64_t seed) {
    double ns[PAIRS], cycles[PAIRS], ratio[PAIRS];
    struct ck_call call;

    prepare(&call, kernel, seed);
    unsigned reference_calls = calibrate(kernel, reference, &call);
    unsigned calls = calibrate(kernel, fn, &call);
    for (int i = 0; i < PAIRS; i++) {
        struct sample a = time_calls(kernel, reference, &call, reference_calls);
        struct sample b = time_calls(kernel, fn, &call, calls);
        ns[i] = b.ns;
        cycles[i] = b.cycles;
        ratio[i] = a.ns / b.ns;
    }
    printf("%-24s %14.1f %14.1f %8.2fx\n", name, median(ns), median(cycles), median(ratio));
    fflush(stdout);
    for (unsigned i = 0; i < call.count; i++) {
        free(call.at[i]);
    }
}
