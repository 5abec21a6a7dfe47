/* SPDX-License-Identifier: BSD-3-Clause */
/* Topologies: synthetic, recorded, and this machine's. */
#include <sched.h>
#include <unistd.h>

#include "host/topology.h"
#include "tests/harness.h"

#define MIB (UINT64_C(1) << 20)

TEST(topology, synthetic_machine) {
    struct plab_topology t;
    CHECK(plab_topology_load(&t, "package:2 numa:1 l3:2(size=32MiB) l2:4(size=1MiB) core:1 pu:2",
                             NULL, NULL) == PLAB_OK);
    CHECK_U64(t.pu_count, 32);
    CHECK(t.core_count == 16 && t.l3_count == 4 && t.numa_count == 2 && t.package_count == 2);
    CHECK_U64(t.l3_bytes, 32 * MIB);
    CHECK_U64(t.l2_bytes, MIB);
    CHECK(t.synthetic && !t.cpuset_restricted);
    const struct plab_pu *pu = &t.pus[19];
    CHECK(pu->os_index == 19 && pu->core == 9 && pu->l2 == 9 && pu->l3 == 2);
    CHECK(pu->l3_bytes == 32 * MIB && pu->numa_node == 1 && pu->package == 1);
    CHECK(pu->efficiency == 0 && pu->allowed);
    plab_topology_free(&t);
    CHECK(t.pus == NULL && t.pu_count == 0);
}

TEST(topology, cpuset_marks_what_a_container_may_use) {
    struct plab_topology t;
    CHECK(plab_topology_load(&t, "core:4 pu:2", "2-4", NULL) == PLAB_OK);
    CHECK(t.pu_count == 8 && t.cpuset_restricted);
    for (unsigned i = 0; i < 8; i++) {
        CHECK(t.pus[i].allowed == (i >= 2 && i <= 4));
    }
    plab_topology_free(&t);
}

TEST(topology, bad_descriptions_are_usage_errors) {
    struct plab_topology t;
    struct plab_error err;
    CHECK(plab_topology_load(&t, "package:0 nonsense", NULL, &err) == PLAB_E_USAGE);
    CHECK(strstr(err.text, "\"package:0 nonsense\"") != NULL);
    CHECK(t.pus == NULL);
    CHECK(plab_topology_load(&t, "core:4 pu:2", "9-12", &err) == PLAB_E_USAGE);
    CHECK_STR(err.text, "cpuset \"9-12\" leaves no CPU of this machine");
    CHECK(plab_topology_load(&t, "core:4 pu:2", "1-x", &err) == PLAB_E_USAGE);
    CHECK(plab_topology_load(&t, "core:2048 pu:2", NULL, &err) == PLAB_E_USAGE);
    CHECK_STR(err.text, "topology has 4096 logical CPUs; 1 to 1024 are supported");
    CHECK(plab_topology_load_xml(&t, "tests/topo/missing.xml", NULL, &err) == PLAB_E_INPUT);
    CHECK(plab_topology_load_xml(&t, "tests/harness.h", NULL, &err) == PLAB_E_INPUT);
}

TEST(topology, recorded_hybrid_machine) {
    struct plab_topology t;
    struct plab_error err = {""};
    CHECK_MSG(plab_topology_load_xml(&t, "tests/topo/hybrid-2p4e.xml", NULL, &err) == PLAB_OK, "%s",
              err.text);
    CHECK(t.pu_count == 8 && t.core_count == 6 && t.l3_count == 1 && t.synthetic);
    for (unsigned i = 0; i < 8; i++) {
        CHECK(t.pus[i].os_index == i);
        CHECK(t.pus[i].core == (int)(i < 4 ? i : 4 + (i - 4) / 2));
        CHECK((t.pus[i].efficiency > 0) == (i >= 4));
    }
    plab_topology_free(&t);
}

TEST(topology, recorded_container_keeps_its_cpuset) {
    struct plab_topology t;
    struct plab_error err = {""};
    CHECK_MSG(plab_topology_load_xml(&t, "tests/topo/container-3of8.xml", NULL, &err) == PLAB_OK,
              "%s", err.text);
    CHECK(t.pu_count == 8 && t.cpuset_restricted);
    for (unsigned i = 0; i < 8; i++) {
        CHECK(t.pus[i].allowed == (i == 1 || i == 2 || i == 5));
    }
    plab_topology_free(&t);
}

TEST(topology, this_machine_follows_affinity) {
    struct plab_topology t;
    cpu_set_t before, one;
    CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
    CHECK(plab_topology_load(&t, NULL, NULL, NULL) == PLAB_OK);
    CHECK(!t.synthetic && t.pu_count > 0);
    unsigned last = 0;
    for (size_t i = 0; i < t.pu_count; i++) {
        CHECK(t.pus[i].allowed == (CPU_ISSET(t.pus[i].os_index, &before) != 0));
        last = t.pus[i].allowed ? t.pus[i].os_index : last;
    }
    plab_topology_free(&t);
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    CHECK(sched_setaffinity(getpid(), sizeof one, &one) == 0);
    enum plab_status status = plab_topology_load(&t, NULL, NULL, NULL);
    CHECK(sched_setaffinity(getpid(), sizeof before, &before) == 0);
    CHECK(status == PLAB_OK);
    for (size_t i = 0; i < t.pu_count; i++) {
        CHECK(t.pus[i].allowed == (t.pus[i].os_index == last));
    }
    plab_topology_free(&t);
}

TEST(topology, bind_thread) {
    struct plab_error err;
    cpu_set_t before, now;
    CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
    unsigned cpu = 0;
    while (!CPU_ISSET(cpu, &before)) {
        cpu++;
    }
    CHECK(plab_topology_bind_thread(cpu, &err) == PLAB_OK);
    CHECK(sched_getaffinity(0, sizeof now, &now) == 0);
    CHECK(CPU_COUNT(&now) == 1 && CPU_ISSET(cpu, &now));
    CHECK(sched_setaffinity(0, sizeof before, &before) == 0);
    CHECK(plab_topology_bind_thread(8191, &err) == PLAB_E_RESOURCE);
    CHECK(strstr(err.text, "CPU 8191") != NULL);
}
