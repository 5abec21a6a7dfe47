/* SPDX-License-Identifier: BSD-3-Clause */
/* Pinning plans on synthetic, recorded and hand-made machines. */
#include <stdlib.h>

#include "host/pinplan.h"
#include "tests/harness.h"

#define MIB (UINT64_C(1) << 20)

static struct plab_topology load(const char *synthetic, const char *cpuset) {
    struct plab_topology topology;
    struct plab_error err = {""};
    CHECK_MSG(plab_topology_load(&topology, synthetic, cpuset, &err) == PLAB_OK, "%s", err.text);
    return topology;
}

/* The plan as text: "0 2 4+ 6+", a plus for a shared core, "-" for not pinned; or the error. */
static const char *plan_text(const struct plab_topology *topology, struct plab_pin_request request,
                             char *out, size_t out_cap) {
    struct plab_pin_plan plan;
    struct plab_error err;
    size_t at = 0;
    if (plab_pin_plan_make(&plan, topology, &request, &err) != PLAB_OK) {
        snprintf(out, out_cap, "error: %s", err.text);
        return out;
    }
    out[0] = '\0';
    for (unsigned i = 0; i < plan.threads && at < out_cap; i++) {
        const char *space = i == 0 ? "" : " ", *shared = plan.slots[i].smt_shared ? "+" : "";
        int wrote = plan.slots[i].cpu < 0 ? snprintf(out + at, out_cap - at, "%s-", space)
                                          : snprintf(out + at, out_cap - at, "%s%d%s", space,
                                                     plan.slots[i].cpu, shared);
        at += (size_t)wrote;
    }
    plab_pin_plan_free(&plan);
    return out;
}

#define CHECK_PLAN(topology, want, ...)                                          \
    do {                                                                         \
        char text_[1024];                                                        \
        struct plab_pin_request request_ = {__VA_ARGS__};                        \
        CHECK_STR(plan_text((topology), request_, text_, sizeof text_), (want)); \
    } while (0)

TEST(pinplan, one_thread_per_core_before_siblings) {
    struct plab_topology t = load("package:1 core:4 pu:2", NULL);
    CHECK_PLAN(&t, "0 2 4 6", .pin = true, .threads = 4);
    CHECK_PLAN(&t, "0+ 2+ 4 6 1+ 3+", .pin = true, .threads = 6);
    CHECK_PLAN(&t, "0+ 2+ 4+ 6+ 1+ 3+ 5+ 7+", .pin = true, .threads = 0);
    plab_topology_free(&t);
}

TEST(pinplan, threads_spread_over_l3_caches) {
    struct plab_topology t = load("package:1 l3:4(size=16MiB) core:2 pu:1", NULL);
    CHECK_PLAN(&t, "0 2 4 6", .pin = true, .threads = 4);
    CHECK_PLAN(&t, "0 2 4 6 1", .pin = true, .threads = 5);
    plab_topology_free(&t);
}

TEST(pinplan, as_many_threads_as_scratchpads_fit_into_l3) {
    struct plab_topology t = load("package:1 l3:2(size=6MiB) core:4 pu:2", NULL);
    CHECK_PLAN(&t, "0 8 2 10 4 12", .pin = true, .scratchpad_bytes = 2 * MIB);
    CHECK_PLAN(&t, "0 8", .pin = true, .scratchpad_bytes = 6 * MIB);
    /* Not one fits: still a thread. */
    CHECK_PLAN(&t, "0", .pin = true, .scratchpad_bytes = 8 * MIB);
    /* Asked for: given, also beyond the cache. */
    CHECK_PLAN(&t, "0 8 2", .pin = true, .scratchpad_bytes = 8 * MIB, .threads = 3);
    plab_topology_free(&t);
}

TEST(pinplan, siblings_are_used_when_the_cache_has_room) {
    struct plab_topology t = load("package:1 l3:1(size=6MiB) core:2 pu:2", NULL);
    CHECK_PLAN(&t, "0+ 2 1+", .pin = true, .scratchpad_bytes = 2 * MIB);
    plab_topology_free(&t);
}

TEST(pinplan, the_larger_l3_takes_more_threads) {
    /* One die with stacked cache, one without: 8 MiB and 4 MiB. */
    struct plab_pu pus[8];
    for (unsigned i = 0; i < 8; i++) {
        pus[i] = (struct plab_pu){.os_index = i,
                                  .core = (int)i,
                                  .l3 = i < 4 ? 0 : 1,
                                  .l3_bytes = i < 4 ? 4 * MIB : 8 * MIB,
                                  .allowed = true};
    }
    struct plab_topology t = {.pu_count = 8, .pus = pus, .core_count = 8, .l3_count = 2};
    CHECK_PLAN(&t, "4 0 5 6", .pin = true, .threads = 4);
    CHECK_PLAN(&t, "4 0 5 6 1 7", .pin = true, .scratchpad_bytes = 2 * MIB);
}

TEST(pinplan, slots_know_their_numa_node) {
    struct plab_topology t = load("numa:2 l3:1(size=8MiB) core:2 pu:1", NULL);
    struct plab_pin_plan plan;
    struct plab_pin_request request = {.pin = true, .threads = 3};
    CHECK(plab_pin_plan_make(&plan, &t, &request, NULL) == PLAB_OK);
    CHECK(plan.slots[0].numa_node == 0 && plan.slots[0].cpu == 0);
    CHECK(plan.slots[1].numa_node == 1 && plan.slots[1].cpu == 2);
    CHECK(plan.slots[2].numa_node == 0 && plan.slots[2].cpu == 1);
    CHECK(plan.slots[1].l3 == 1 && plan.slots[1].core == 2);
    plab_pin_plan_free(&plan);
    CHECK(plan.slots == NULL && plan.threads == 0);
    plab_topology_free(&t);
}

TEST(pinplan, fast_cores_first_and_slow_cores_before_their_siblings) {
    struct plab_topology t;
    struct plab_error err = {""};
    CHECK_MSG(plab_topology_load_xml(&t, "tests/topo/hybrid-2p4e.xml", NULL, &err) == PLAB_OK, "%s",
              err.text);
    /* CPUs 4-7 are two fast cores with two threads each, 0-3 four slow ones. */
    CHECK_PLAN(&t, "4 6", .pin = true, .threads = 2);
    CHECK_PLAN(&t, "4 6 0 1 2 3", .pin = true, .threads = 6);
    CHECK_PLAN(&t, "4+ 6+ 0 1 2 3 5+ 7+", .pin = true, .threads = 8);
    plab_topology_free(&t);
}

TEST(pinplan, a_container_gets_only_its_cpuset) {
    struct plab_topology t = load("package:1 l3:1(size=32MiB) core:4 pu:2", "1,4-6");
    CHECK_PLAN(&t, "1 4+ 6 5+", .pin = true, .scratchpad_bytes = 2 * MIB);
    CHECK_PLAN(&t, "1 4+ 6 5+", .pin = true, .threads = 0);
    CHECK_PLAN(&t,
               "error: CPU 2 is not allowed for this process (cpuset or affinity); see "
               "`powlab topo`",
               .cpus = "1,2");
    plab_topology_free(&t);
}

TEST(pinplan, explicit_lists_keep_their_order) {
    struct plab_topology t = load("package:1 core:4 pu:2", NULL);
    CHECK_PLAN(&t, "5+ 0 2 4+", .pin = true, .cpus = "5,0,2,4");
    CHECK_PLAN(&t, "5 0", .pin = true, .cpus = "5,0,2,4", .threads = 2);
    CHECK_PLAN(&t, "0 2 5", .pin = true, .cpus = "0x25");
    CHECK_PLAN(&t, "error: 5 threads asked for, but the CPU list \"0-3\" has only 4", .cpus = "0-3",
               .threads = 5);
    CHECK_PLAN(&t, "error: CPU 8 does not exist here; this machine has 8 CPUs", .cpus = "7-8");
    CHECK_PLAN(&t, "error: CPU 3 is listed twice", .cpus = "3,1,2-4");
    plab_topology_free(&t);
}

TEST(pinplan, more_threads_than_cpus_wrap_around) {
    struct plab_topology t = load("package:1 core:2 pu:1", NULL);
    CHECK_PLAN(&t, "0+ 1+ 0+ 1+ 0+", .pin = true, .threads = 5);
    CHECK_PLAN(&t, "error: 5000 threads are not possible; 1 to 4096 are", .threads = 5000);
    plab_topology_free(&t);
}

TEST(pinplan, unknown_caches_and_cores_limit_nothing) {
    struct plab_pu pus[3];
    for (unsigned i = 0; i < 3; i++) {
        pus[i] = (struct plab_pu){.os_index = i, .core = -1, .l3 = -1, .allowed = true};
    }
    struct plab_topology t = {.pu_count = 3, .pus = pus};
    CHECK_PLAN(&t, "0 1 2", .pin = true, .scratchpad_bytes = 2 * MIB);
    CHECK_PLAN(&t, "- -", .threads = 2, .pin = false);
}

TEST(pinplan, the_reason_says_what_decided) {
    struct plab_topology t = load("package:1 l3:1(size=6MiB) core:4 pu:2", NULL);
    struct plab_pin_plan plan;
    struct plab_pin_request request = {.pin = true, .scratchpad_bytes = 2 * MIB};
    CHECK(plab_pin_plan_make(&plan, &t, &request, NULL) == PLAB_OK);
    CHECK_STR(plan.reason, "3 of 8 allowed CPUs: as 2 MiB scratchpads fit into L3, "
                           "one per core");
    plab_pin_plan_free(&plan);
    request.threads = 5;
    CHECK(plab_pin_plan_make(&plan, &t, &request, NULL) == PLAB_OK);
    CHECK_STR(plan.reason, "5 threads asked for, 2 of them share a core");
    plab_pin_plan_free(&plan);
    plab_topology_free(&t);
}

static const char *list_text(const char *list, char *out, size_t out_cap) {
    unsigned cpus[6];
    size_t count, at = 0;
    struct plab_error err;
    if (plab_cpu_list_parse(list, cpus, PLAB_ARRAY_LEN(cpus), &count, &err) != PLAB_OK) {
        snprintf(out, out_cap, "%s", err.text);
        return out;
    }
    for (size_t i = 0; i < count; i++) {
        at += (size_t)snprintf(out + at, out_cap - at, "%s%u", i == 0 ? "" : " ", cpus[i]);
    }
    return out;
}

TEST(pinplan, cpu_lists) {
    static const struct {
        const char *list, *want;
    } cases[] = {
        {"0", "0"},
        {"3,1", "3 1"},
        {"0,2-4,8191", "0 2 3 4 8191"},
        {"0x5", "0 2"},
        {"0X100000000000000000", "68"},
        {"", "CPU list \"\": expected a CPU number below 8192 at \"\""},
        {"1,", "CPU list \"1,\": expected a CPU number below 8192 at \"\""},
        {"a", "CPU list \"a\": expected a CPU number below 8192 at \"a\""},
        {"-1", "CPU list \"-1\": expected a CPU number below 8192 at \"-1\""},
        {"8192", "CPU list \"8192\": expected a CPU number below 8192 at \"8192\""},
        {"99999999999",
         "CPU list \"99999999999\": expected a CPU number below 8192 at \"99999999999\""},
        {"3-1", "CPU list \"3-1\": a range must end at 3 or above, not at \"1\""},
        {"3-", "CPU list \"3-\": a range must end at 3 or above, not at \"\""},
        {"1;2", "CPU list \"1;2\": unexpected ';'; write it as 0,2-3 or 0xd"},
        {"0-6", "CPU list \"0-6\" names more than 6 CPUs"},
        {"0xfff", "CPU list \"0xfff\" names more than 6 CPUs"},
        {"0x", "CPU mask \"0x\" needs 1 to 2048 hex digits"},
        {"0x0", "CPU mask \"0x0\" names no CPU"},
        {"0x1g", "CPU mask \"0x1g\": 'g' is no hex digit"},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        char got[512];
        CHECK_STR(list_text(cases[i].list, got, sizeof got), cases[i].want);
    }
}
