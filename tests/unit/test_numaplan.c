/* SPDX-License-Identifier: BSD-3-Clause */
/* Where datasets go, on machines that hwloc makes up. */
#include "host/numaplan.h"
#include "host/pinplan.h"
#include "tests/harness.h"

#define GIB (UINT64_C(1) << 30)
#define DATASET_BYTES (2 * GIB)
#define CACHE_BYTES (GIB / 4)

struct machine {
    struct plab_topology topology;
    struct plab_memory_node nodes[8];
    int worker_nodes[PLAB_TOPOLOGY_MAX_PUS];
    struct plab_numa_request request;
};

/* A machine all of whose nodes have `free_bytes`, with `threads` workers (0: the best number) on
 * `cpus` (NULL: all). */
static void make(struct machine *m, const char *synthetic, uint64_t free_bytes, const char *cpus) {
    struct plab_pin_plan plan;
    struct plab_error err = {""};
    memset(m, 0, sizeof *m);
    CHECK_MSG(plab_topology_load(&m->topology, synthetic, NULL, &err) == PLAB_OK, "%s", err.text);
    const struct plab_pin_request pin = {.cpus = cpus, .pin = true};
    CHECK_MSG(plab_pin_plan_make(&plan, &m->topology, &pin, &err) == PLAB_OK, "%s", err.text);
    CHECK(m->topology.numa_count <= PLAB_ARRAY_LEN(m->nodes));
    for (unsigned i = 0; i < plan.threads; i++) {
        m->worker_nodes[i] = plan.slots[i].numa_node;
    }
    for (size_t i = 0; i < m->topology.numa_count; i++) {
        m->nodes[i] = (struct plab_memory_node){(int)i, free_bytes};
    }
    m->request = (struct plab_numa_request){
        .nodes = m->nodes,
        .node_count = m->topology.numa_count,
        .worker_nodes = m->worker_nodes,
        .workers = plan.threads,
        .dataset_bytes = DATASET_BYTES,
        .cache_bytes = CACHE_BYTES,
    };
    plab_pin_plan_free(&plan);
    plab_topology_free(&m->topology);
}

static struct plab_numa_plan plan_of(const struct machine *m) {
    struct plab_numa_plan plan;
    plab_numa_plan_make(&plan, &m->request);
    return plan;
}

static bool is_one(const struct plab_numa_plan *plan, int node) {
    return plan->copies == 1 && plan->node[0] == node && plan->cache_node == node;
}

TEST(numaplan, one_node_needs_no_plan) {
    struct machine m;
    make(&m, "package:1 core:4 pu:2", 64 * GIB, NULL);
    struct plab_numa_plan plan = plan_of(&m);
    CHECK(is_one(&plan, PLAB_NUMA_ANY));
    m.request.node_count = 0; /* the system doesn't tell */
    m.request.policy = PLAB_NUMA_INTERLEAVE;
    plan = plan_of(&m);
    CHECK(is_one(&plan, PLAB_NUMA_ANY));
}

TEST(numaplan, a_copy_for_each_node_with_workers) {
    struct machine m;
    make(&m, "package:2 numa:2 core:4 pu:1", 8 * GIB, NULL);
    struct plab_numa_plan plan = plan_of(&m);
    CHECK(plan.copies == 4 && plan.cache_node == PLAB_NUMA_SPREAD);
    for (int node = 0; node < 4; node++) {
        bool found = false;
        for (unsigned i = 0; i < plan.copies; i++) {
            found |= plan.node[i] == node;
        }
        CHECK_MSG(found, "no copy for node %d", node);
    }
    make(&m, "package:2 numa:2 core:4 pu:1", 8 * GIB, "0,1,12"); /* nodes 0 and 3 */
    plan = plan_of(&m);
    CHECK(plan.copies == 2 && plan.node[0] == 0 && plan.node[1] == 3);
    CHECK(plan.cache_node == PLAB_NUMA_SPREAD);
}

TEST(numaplan, workers_of_one_node_stay_there) {
    struct machine m;
    make(&m, "package:2 numa:1 core:4 pu:1", 8 * GIB, "4-7");
    struct plab_numa_plan plan = plan_of(&m);
    CHECK(is_one(&plan, 1));
    m.nodes[1].free_bytes = DATASET_BYTES; /* none left for the caches */
    plan = plan_of(&m);
    CHECK(is_one(&plan, PLAB_NUMA_SPREAD));
}

TEST(numaplan, one_node_without_room_means_interleaving) {
    struct machine m;
    make(&m, "package:2 numa:1 core:2 pu:1", 8 * GIB, NULL);
    const uint64_t need = DATASET_BYTES + CACHE_BYTES / 2;
    m.nodes[1].free_bytes = need + need / 32;
    struct plab_numa_plan plan = plan_of(&m);
    CHECK(plan.copies == 2);
    m.nodes[1].free_bytes--;
    plan = plan_of(&m);
    CHECK(is_one(&plan, PLAB_NUMA_SPREAD));
    make(&m, "package:2 numa:1 core:2 pu:1", 8 * GIB, NULL);
    m.request.node_count = 2;
    m.nodes[1].node = 7; /* the second node of workers has no memory of its own */
    plan = plan_of(&m);
    CHECK(is_one(&plan, PLAB_NUMA_SPREAD));
}

TEST(numaplan, unpinned_workers_and_policies) {
    struct machine m;
    make(&m, "package:2 numa:1 core:2 pu:1", 8 * GIB, NULL);
    m.worker_nodes[3] = -1;
    struct plab_numa_plan plan = plan_of(&m);
    CHECK(is_one(&plan, PLAB_NUMA_SPREAD));
    m.request.worker_nodes = NULL;
    plan = plan_of(&m);
    CHECK(is_one(&plan, PLAB_NUMA_SPREAD));
    make(&m, "package:2 numa:1 core:2 pu:1", 8 * GIB, NULL);
    m.request.policy = PLAB_NUMA_INTERLEAVE;
    plan = plan_of(&m);
    CHECK(is_one(&plan, PLAB_NUMA_SPREAD));
    m.request.policy = PLAB_NUMA_OFF;
    plan = plan_of(&m);
    CHECK(is_one(&plan, PLAB_NUMA_ANY));
    CHECK_STR(plab_numa_policy_name(PLAB_NUMA_AUTO), "auto");
    CHECK_STR(plab_numa_policy_name(PLAB_NUMA_INTERLEAVE), "interleave");
    CHECK_STR(plab_numa_policy_name(PLAB_NUMA_OFF), "off");
}
