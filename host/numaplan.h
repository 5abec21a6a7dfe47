/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a RandomX dataset and its caches go on a machine with several NUMA nodes: a pure function
 * of where the workers are and what the nodes have.
 *
 * A dataset is read at random by every worker, so each node on which workers run gets a copy of its
 * own if all of them have room for one; if not, one dataset is spread over all nodes, so that no
 * memory controller has to serve everybody. Workers that all run on one node get one copy there.
 * Caches are read by the builders of all nodes, so they are spread when workers are.
 */
#ifndef PLAB_HOST_NUMAPLAN_H
#define PLAB_HOST_NUMAPLAN_H

#include "host/pages.h"

enum plab_numa_policy {
    PLAB_NUMA_AUTO,       /* as above */
    PLAB_NUMA_INTERLEAVE, /* one dataset over all nodes, whatever the room */
    PLAB_NUMA_OFF,        /* wherever it falls */
};

/* Name of a policy as options spell it ("auto", "interleave", "off"). */
const char *plab_numa_policy_name(enum plab_numa_policy policy);

struct plab_numa_request {
    enum plab_numa_policy policy;
    const struct plab_memory_node *nodes; /* that have memory */
    size_t node_count;
    const int *worker_nodes; /* node of each worker, -1: it may run anywhere; NULL: all of them */
    unsigned workers;
    uint64_t dataset_bytes; /* of one copy; 0: light mode */
    uint64_t cache_bytes;   /* of all caches */
};

struct plab_numa_plan {
    unsigned copies;                 /* of the dataset, at least 1 */
    int node[PLAB_MEMORY_NODES_MAX]; /* of each copy: OS index, PLAB_NUMA_ANY or PLAB_NUMA_SPREAD */
    int cache_node;                  /* of the caches, likewise */
};

void plab_numa_plan_make(struct plab_numa_plan *out, const struct plab_numa_request *request);

#endif
