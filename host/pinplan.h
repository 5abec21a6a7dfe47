/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which thread goes to which logical CPU: a pure function of topology and request.
 *
 * Order of preference: faster kinds of cores first; one thread per physical core before SMT
 * siblings; spread over L3 caches so that each thread keeps the largest share of cache; within
 * that, by index. With a known L3, no more threads than scratchpads that fit (unless asked for).
 */
#ifndef PLAB_HOST_PINPLAN_H
#define PLAB_HOST_PINPLAN_H

#include "host/topology.h"

struct plab_pin_request {
    unsigned threads;          /* 0: as many as the plan thinks best */
    uint64_t scratchpad_bytes; /* per thread; 0: don't limit by cache */
    const char *cpus;          /* explicit list "0,2-3" (OS indices, order kept), or NULL */
    bool pin;                  /* false: choose the number only, every cpu is -1 */
};

struct plab_pin_slot {
    int cpu;       /* OS index, or -1: not pinned */
    int numa_node; /* OS index, or -1 */
    int core, l3;
    bool smt_shared; /* another slot runs on the same core */
};

struct plab_pin_plan {
    unsigned threads;
    struct plab_pin_slot *slots; /* owned, `threads` of them */
    char reason[160];            /* why this many, one line for people */
};

/* Makes the plan. PLAB_E_USAGE for a bad list, a CPU that doesn't exist or isn't allowed (named),
 * or more threads than explicit CPUs. More threads than CPUs without a list wrap around and share.
 */
PLAB_NODISCARD enum plab_status plab_pin_plan_make(struct plab_pin_plan *out,
                                                   const struct plab_topology *topology,
                                                   const struct plab_pin_request *request,
                                                   struct plab_error *err);
void plab_pin_plan_free(struct plab_pin_plan *plan);

/* Parses a CPU list "0,2-3" (or an affinity mask "0x5") into at most `cap` indices, in order.
 * PLAB_E_USAGE names what is wrong. */
PLAB_NODISCARD enum plab_status plab_cpu_list_parse(const char *text, unsigned *cpus, size_t cap,
                                                    size_t *count, struct plab_error *err);

#endif
