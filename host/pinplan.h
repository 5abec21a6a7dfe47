/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which thread goes to which logical CPU: a pure function of topology and request.
 *
 * Order of preference: one thread per physical core before SMT siblings; within that, faster kinds
 * of cores first; within that, the L3 cache that leaves each of its threads the largest share;
 * within that, by index. (A slow core still beats the second thread of a fast one, which has to
 * share all its caches and units.) Where the L3 is known, no more threads per L3 than scratchpads
 * that fit into it, unless more are asked for.
 */
#ifndef PLAB_HOST_PINPLAN_H
#define PLAB_HOST_PINPLAN_H

#include "host/topology.h"

struct plab_pin_request {
    unsigned threads;          /* 0: as many as the plan thinks best */
    uint64_t scratchpad_bytes; /* per thread; 0: don't limit by cache */
    const char *cpus;          /* explicit list "0,2-3" (OS indices, order kept) or mask, or NULL */
    bool pin;                  /* false: choose the number only; cpu, node, core, l3 are -1 */
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

#define PLAB_PIN_MAX_THREADS 4096

/* Makes the plan. PLAB_E_USAGE for a bad list, a CPU that doesn't exist, isn't allowed or is listed
 * twice (named), more threads than explicit CPUs or than PLAB_PIN_MAX_THREADS. More threads than
 * CPUs without a list wrap around and share. */
PLAB_NODISCARD enum plab_status plab_pin_plan_make(struct plab_pin_plan *out,
                                                   const struct plab_topology *topology,
                                                   const struct plab_pin_request *request,
                                                   struct plab_error *err);
/* Frees the slots and zeroes the plan; a zeroed one is fine. */
void plab_pin_plan_free(struct plab_pin_plan *plan);

/* Parses a CPU list "0,2-3" (or an affinity mask "0x5") into at most `cap` indices, in order.
 * Indices are below PLAB_CPU_INDEX_LIMIT. PLAB_E_USAGE names what is wrong. */
#define PLAB_CPU_INDEX_LIMIT 8192u
PLAB_NODISCARD enum plab_status plab_cpu_list_parse(const char *text, unsigned *cpus, size_t cap,
                                                    size_t *count, struct plab_error *err);

#endif
