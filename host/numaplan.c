/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/numaplan.h"

const char *plab_numa_policy_name(enum plab_numa_policy policy) {
    static const char *const names[] = {"auto", "interleave", "off"};
    return (unsigned)policy < PLAB_ARRAY_LEN(names) ? names[policy] : "unknown";
}

static void one_copy(struct plab_numa_plan *plan, int node) {
    plan->copies = 1;
    plan->node[0] = node;
    plan->cache_node = node;
}

static bool has_node(const struct plab_numa_plan *plan, int node) {
    for (unsigned i = 0; i < plan->copies; i++) {
        if (plan->node[i] == node) {
            return true;
        }
    }
    return false;
}

/* Makes a copy for each node that has workers; false if that can't be told. */
static bool collect_nodes(struct plab_numa_plan *plan, const struct plab_numa_request *request) {
    plan->copies = 0;
    for (unsigned i = 0; request->worker_nodes != NULL && i < request->workers; i++) {
        int node = request->worker_nodes[i];
        if (node < 0) {
            return false;
        }
        if (!has_node(plan, node)) {
            if (plan->copies == PLAB_MEMORY_NODES_MAX) {
                return false;
            }
            plan->node[plan->copies++] = node;
        }
    }
    return plan->copies > 0;
}

/* True if the node can take `bytes` and keep a little for others. */
static bool has_room(const struct plab_numa_request *request, int node, uint64_t bytes) {
    for (size_t i = 0; i < request->node_count; i++) {
        if (request->nodes[i].node == node) {
            return request->nodes[i].free_bytes >= bytes + bytes / 32;
        }
    }
    return false; /* a node of CPUs only */
}

void plab_numa_plan_make(struct plab_numa_plan *out, const struct plab_numa_request *request) {
    *out = (struct plab_numa_plan){.copies = 0};
    if (request->node_count < 2 || request->policy == PLAB_NUMA_OFF) {
        one_copy(out, PLAB_NUMA_ANY);
        return;
    }
    if (request->policy == PLAB_NUMA_INTERLEAVE || !collect_nodes(out, request)) {
        one_copy(out, PLAB_NUMA_SPREAD);
        return;
    }
    bool together = out->copies == 1;
    uint64_t caches = together ? request->cache_bytes : request->cache_bytes / request->node_count;
    for (unsigned i = 0; i < out->copies; i++) {
        if (!has_room(request, out->node[i], request->dataset_bytes + caches)) {
            one_copy(out, PLAB_NUMA_SPREAD);
            return;
        }
    }
    out->cache_node = together ? out->node[0] : PLAB_NUMA_SPREAD;
}
