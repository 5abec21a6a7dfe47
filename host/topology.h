/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine as plain data: which logical CPUs there are, what they share, which we may use.
 * hwloc reads it; nothing of hwloc shows here, so that plans can be made and tested without it.
 */
#ifndef PLAB_HOST_TOPOLOGY_H
#define PLAB_HOST_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_TOPOLOGY_MAX_PUS 1024

/* One logical CPU ("processing unit"). Indices count from 0 within the machine, in hwloc's logical
 * order; -1 where the machine doesn't say. */
struct plab_pu {
    unsigned os_index; /* what sched_setaffinity() takes */
    int core;          /* physical core; PUs with equal core are SMT siblings */
    int l2, l3;        /* cache the PU belongs to */
    uint64_t l3_bytes; /* size of that L3 (they may differ in one machine); 0 unknown */
    int numa_node;     /* OS index of the NUMA node */
    int package;
    int efficiency; /* kind of core: larger is faster; all 0 where cores are alike */
    bool allowed;   /* in the cpuset and the affinity (taskset) of this process */
};

struct plab_topology {
    size_t pu_count;
    struct plab_pu *pus; /* owned */
    size_t core_count, l3_count, numa_count, package_count;
    uint64_t l1d_bytes;          /* of one core; 0 unknown */
    uint64_t l2_bytes, l3_bytes; /* of one cache, the smallest; 0 unknown */
    bool cpuset_restricted;      /* some PUs are not allowed */
    bool synthetic;              /* a description, not this machine: can't be bound to */
};

/* Reads this machine (`synthetic` NULL) or an hwloc synthetic description such as
 * "package:2 l3:2 core:8 pu:2". `cpuset` (a list like "0-3,8" or a mask like "0xf", or NULL for
 * all) allows only these of the PUs, as a container would. PLAB_E_USAGE for a bad description or
 * list, or a list that leaves no PU; PLAB_E_RESOURCE when this machine can't be read. */
PLAB_NODISCARD enum plab_status plab_topology_load(struct plab_topology *out, const char *synthetic,
                                                   const char *cpuset, struct plab_error *err);

/* Reads a machine recorded by `lstopo machine.xml`; its allowed PUs, kinds of cores and caches are
 * kept. `cpuset` as above. PLAB_E_INPUT for a file that hwloc can't read. */
PLAB_NODISCARD enum plab_status plab_topology_load_xml(struct plab_topology *out, const char *path,
                                                       const char *cpuset, struct plab_error *err);

/* Frees what a load allocated and zeroes it; a zeroed one is fine. */
void plab_topology_free(struct plab_topology *topology);

/* Binds the calling thread to one logical CPU. PLAB_E_RESOURCE when the system refuses. */
PLAB_NODISCARD enum plab_status plab_topology_bind_thread(unsigned os_index,
                                                          struct plab_error *err);

#endif
