/* SPDX-License-Identifier: BSD-3-Clause */
/* The verifier by itself: seeds that come, wait and go, a full queue, an early end. */
#include <stdatomic.h>
#include <stdlib.h>

#include "arch/dispatch.h"
#include "base/clock.h"
#include "pool/verifier.h"
#include "tests/harness.h"
#include "tests/mini_algos.h"

static atomic_uint notified;
static struct plab_kernels kernels;

static void notify(void *cookie) {
    (void)cookie;
    atomic_fetch_add(&notified, 1);
}

static struct plab_verifier *create(const struct plab_algo *algo, unsigned threads,
                                    unsigned queue) {
    struct plab_verifier *verifier;
    struct plab_error err;
    plab_kernels_select(&kernels, 0);
    struct plab_verifier_config config = {.algo = algo,
                                          .kernels = &kernels,
                                          .threads = threads,
                                          .queue_max = queue,
                                          .seeds_rotate = true,
                                          .notify = notify};
    CHECK_MSG(plab_verifier_create(&verifier, &config, &err) == PLAB_OK, "%s", err.text);
    return verifier;
}

static void fill(struct plab_verify_task *task, uint8_t seed, uint32_t nonce) {
    memset(task, 0, sizeof *task);
    task->blob_len = 76;
    memcpy(task->blob + 39, &nonce, 4);
    memset(task->seed, seed, sizeof task->seed);
}

static struct plab_verify_task *wait_for_one(struct plab_verifier *verifier) {
    for (int i = 0; i < 5000; i++) {
        struct plab_verify_task *task = plab_verifier_take(verifier);
        if (task != NULL) {
            return task;
        }
        plab_clock_sleep_ns(1000000);
    }
    return NULL;
}

TEST(verifier, every_task_comes_back_once) {
    enum { COUNT = 500 };
    static struct plab_verify_task tasks[COUNT];
    struct plab_verifier *verifier = create(&mini_cn, 3, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        fill(&tasks[i], 0, i);
        CHECK(plab_verifier_submit(verifier, &tasks[i]));
    }
    unsigned seen[COUNT] = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        struct plab_verify_task *task = wait_for_one(verifier);
        CHECK(task != NULL && task->outcome == PLAB_VERIFY_HASHED);
        seen[task - tasks]++;
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK_U64(seen[i], 1);
    }
    CHECK(plab_verifier_take(verifier) == NULL);
    CHECK(atomic_load(&notified) > 0);
    struct plab_verifier_stats stats;
    plab_verifier_stats(verifier, &stats);
    CHECK_U64(stats.hashes, COUNT);
    plab_verifier_destroy(&verifier);
}

TEST(verifier, shares_wait_for_wanted_seeds_only) {
    static const uint8_t one[32] = {[0 ... 31] = 1}, two[32] = {[0 ... 31] = 2},
                         three[32] = {[0 ... 31] = 3};
    static struct plab_verify_task task, again;
    struct plab_verifier *verifier = create(&mini_rx, 1, 10);
    fill(&task, 1, 0);
    plab_verifier_want_seeds(verifier, one, two);
    CHECK(plab_verifier_submit(verifier, &task)); /* before its cache is there */
    CHECK(wait_for_one(verifier) == &task);
    CHECK(task.outcome == PLAB_VERIFY_HASHED);
    fill(&again, 9, 0);
    CHECK(plab_verifier_submit(verifier, &again));
    CHECK(wait_for_one(verifier) == &again);
    CHECK(again.outcome == PLAB_VERIFY_SEED_GONE);
    /* The next epoch: the first seed makes room for the third, and comes back after a
     * reorganisation. */
    plab_verifier_want_seeds(verifier, two, three);
    fill(&again, 3, 0);
    CHECK(plab_verifier_submit(verifier, &again));
    CHECK(wait_for_one(verifier) == &again && again.outcome == PLAB_VERIFY_HASHED);
    CHECK(memcmp(again.hash, task.hash, 32) != 0);
    plab_verifier_want_seeds(verifier, one, NULL);
    fill(&again, 1, 0);
    CHECK(plab_verifier_submit(verifier, &again));
    CHECK(wait_for_one(verifier) == &again && again.outcome == PLAB_VERIFY_HASHED);
    CHECK_MEM(again.hash, task.hash, 32);
    CHECK(plab_verifier_error(verifier, NULL) == PLAB_OK);
    plab_verifier_destroy(&verifier);
}

/* While the next cache is built (for minutes, here), shares of the current seed are still checked.
 */
TEST(verifier, building_does_not_stall_the_current_seed) {
    static const uint8_t one[32] = {[0 ... 31] = 1}, two[32] = {[0 ... 31] = 2};
    static struct plab_verify_task tasks[3];
    struct plab_rx_params params = mini_rx_params;
    struct plab_algo algo = mini_rx;
    algo.rx = &params;
    struct plab_verifier *verifier = create(&algo, 2, 10);
    plab_verifier_want_seeds(verifier, one, NULL);
    fill(&tasks[0], 1, 0);
    CHECK(plab_verifier_submit(verifier, &tasks[0]));
    CHECK(wait_for_one(verifier) == &tasks[0]);
    params.argon_passes = 100000;
    plab_verifier_want_seeds(verifier, one, two);
    fill(&tasks[1], 2, 0);
    fill(&tasks[2], 1, 1);
    CHECK(plab_verifier_submit(verifier, &tasks[1]) && plab_verifier_submit(verifier, &tasks[2]));
    CHECK(wait_for_one(verifier) == &tasks[2]);
    CHECK(tasks[2].outcome == PLAB_VERIFY_HASHED);
    uint64_t began_ns = plab_clock_ns();
    CHECK(plab_verifier_abandon(verifier) == &tasks[1]); /* given back, not hashed */
    plab_verifier_destroy(&verifier);
    CHECK(plab_clock_ns() - began_ns < UINT64_C(1000000000));
}

/* A seed that nobody wants any more is not built to the end. */
TEST(verifier, obsolete_build_is_cancelled) {
    static const uint8_t one[32] = {[0 ... 31] = 1}, two[32] = {[0 ... 31] = 2};
    static struct plab_verify_task task;
    struct plab_rx_params params = mini_rx_params;
    struct plab_algo algo = mini_rx;
    params.argon_passes = 100000;
    algo.rx = &params;
    struct plab_verifier *verifier = create(&algo, 1, 10);
    plab_verifier_want_seeds(verifier, one, NULL);
    fill(&task, 1, 0);
    CHECK(plab_verifier_submit(verifier, &task));
    plab_clock_sleep_ns(50000000);
    plab_verifier_want_seeds(verifier, two, NULL);
    CHECK(wait_for_one(verifier) == &task);
    CHECK(task.outcome == PLAB_VERIFY_SEED_GONE);
    plab_verifier_destroy(&verifier);
}

TEST(verifier, queue_is_bounded) {
    static struct plab_verify_task tasks[6];
    struct plab_cn_params params = mini_cn_params;
    struct plab_algo slow = mini_cn;
    params.iterations = 2000000;
    slow.cn = &params;
    struct plab_verifier *verifier = create(&slow, 1, 4);
    for (uint32_t i = 0; i < 6; i++) {
        fill(&tasks[i], 0, i);
        CHECK(plab_verifier_submit(verifier, &tasks[i]) == (i < 4));
    }
    unsigned count = 0;
    for (struct plab_verify_task *t = plab_verifier_abandon(verifier); t != NULL; t = t->next) {
        count++;
    }
    CHECK_U64(count, 4);
    CHECK(!plab_verifier_submit(verifier, &tasks[5]));
    plab_verifier_destroy(&verifier);
}
