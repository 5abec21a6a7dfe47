/* SPDX-License-Identifier: BSD-3-Clause */
/* Filling a dataset: right items in every copy, nothing beyond, each helper on its CPU. */
#include <sched.h>
#include <stdlib.h>

#include "host/dataset_fill.h"
#include "pow/rx_cache.h"
#include "tests/harness.h"
#include "tests/mini_algos.h"
#include "tests/rx_fixture.h"
#include "tests/vector_file.h"

#define GUARD_BYTES 4096

static void open_rx(struct plab_rx_fixture *rx) {
    plab_rx_fixture_open(rx, &mini_rx_params);
    plab_rx_fixture_set_key(rx, (const uint8_t *)"key", 3);
}

TEST(dataset_fill, every_copy_has_the_items_and_no_more) {
    static const uint64_t counts[] = {1, 255, 256, 1000};
    struct plab_rx_fixture rx;
    struct plab_error err = {""};
    open_rx(&rx);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(counts); i++) {
        size_t bytes = counts[i] * PLAB_RX_ITEM_BYTES;
        uint8_t *want = plab_test_alloc(bytes), *copies[3];
        plab_rx_dataset_fill(rx.cache, 0, counts[i], want);
        for (size_t k = 0; k < PLAB_ARRAY_LEN(copies); k++) {
            copies[k] = plab_test_alloc(bytes + GUARD_BYTES);
            memset(copies[k], 0xA5, bytes + GUARD_BYTES);
        }
        const struct plab_dataset_fill fill = {.cache = rx.cache,
                                               .items = counts[i],
                                               .copies = copies,
                                               .copy_count = PLAB_ARRAY_LEN(copies),
                                               .threads = 3};
        CHECK_MSG(plab_dataset_fill(&fill, &err) == PLAB_OK, "%s", err.text);
        for (size_t k = 0; k < PLAB_ARRAY_LEN(copies); k++) {
            CHECK_MEM(copies[k], want, bytes);
            for (size_t at = bytes; at < bytes + GUARD_BYTES; at++) {
                CHECK(copies[k][at] == 0xA5);
            }
            free(copies[k]);
        }
        free(want);
    }
    plab_rx_fixture_close(&rx);
}

/* What the thread that computes items is allowed to run on. */
static _Atomic int seen_cpus, seen_cpu, wrong_cpu;

static void look_where(const struct plab_rx_cache *cache, const uint64_t *numbers, size_t count,
                       uint8_t *out) {
    cpu_set_t set;
    (void)cache, (void)numbers;
    memset(out, 0, count * PLAB_RX_ITEM_BYTES);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        atomic_store(&seen_cpus, CPU_COUNT(&set));
        if (!CPU_ISSET((size_t)atomic_load(&seen_cpu), &set) || CPU_COUNT(&set) != 1) {
            atomic_store(&wrong_cpu, 1);
        }
    }
}

TEST(dataset_fill, helpers_run_on_the_given_cpus) {
    struct plab_rx_fixture rx;
    struct plab_error err = {""};
    cpu_set_t allowed;
    uint8_t *copy = plab_test_alloc(4096 * PLAB_RX_ITEM_BYTES);
    CHECK(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    open_rx(&rx);
    rx.cache->items = look_where;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET((size_t)cpu, &allowed)) {
            const int cpus[] = {cpu, cpu};
            const struct plab_dataset_fill fill = {.cache = rx.cache,
                                                   .items = 4096,
                                                   .copies = &copy,
                                                   .copy_count = 1,
                                                   .threads = 2,
                                                   .cpus = cpus};
            atomic_store(&seen_cpu, cpu);
            CHECK_MSG(plab_dataset_fill(&fill, &err) == PLAB_OK, "%s", err.text);
            CHECK(atomic_load(&seen_cpus) == 1 && atomic_load(&wrong_cpu) == 0);
        }
    }
    free(copy);
    plab_rx_fixture_close(&rx);
}
