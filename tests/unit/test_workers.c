/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers: real shares, disjoint nonces, prompt job changes, seeds, bounded queues, quick ends. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "arch/dispatch.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "host/workers.h"
#include "pow/hasher.h"
#include "tests/harness.h"
#include "tests/mini_algos.h"
#include "tests/vector_file.h"

#define MS UINT64_C(1000000)
#define END_NS (1000 * MS * MINI_SLOWNESS)
#define PATIENCE_NS (120000 * MS) /* only a hang takes that long */

/* ---- allocations, counted by wrapping them at link time (mk/tests.mk) ---- */

static atomic_bool counting;
static atomic_uint allocations;

static void count_allocation(void) {
    char name[16] = "";
    if (atomic_load(&counting) && prctl(PR_GET_NAME, name) == 0 &&
        strncmp(name, "powlab-w", 8) == 0) {
        atomic_fetch_add(&allocations, 1);
    }
}

#define WRAP(type, name, parameters, arguments) \
    type __real_##name parameters;              \
    type __wrap_##name parameters;              \
    type __wrap_##name parameters {             \
        count_allocation();                     \
        return __real_##name arguments;         \
    }
WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, (void *old, size_t size), (old, size))
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
WRAP(void *, mmap, (void *addr, size_t size, int prot, int flags, int fd, off_t offset),
     (addr, size, prot, flags, fd, offset))

static atomic_uint yields;

int __real_sched_yield(void);
int __wrap_sched_yield(void);
int __wrap_sched_yield(void) {
    atomic_fetch_add(&yields, 1);
    return __real_sched_yield();
}

/* ---- a set of workers and its owner ---- */

struct fixture {
    struct plab_kernels kernels;
    struct plab_pin_slot slots[3];
    struct plab_pin_plan plan;
    struct plab_workers_config config;
    struct plab_workers *workers;
    atomic_uint notified;
    atomic_uint progressed;
};

static void count_notification(void *cookie) {
    atomic_fetch_add((atomic_uint *)cookie, 1);
}

static void count_progress(void *cookie, const char *stage, double done, double elapsed_s) {
    (void)done;
    (void)elapsed_s;
    if (strcmp(stage, "dataset") == 0) {
        atomic_fetch_add((atomic_uint *)cookie, 1);
    }
}

/* Three threads, the first one pinned; change `config` and call start(). */
static void prepare(struct fixture *f) {
    memset(f, 0, sizeof *f);
    plab_kernels_select(&f->kernels, 0);
    for (unsigned i = 0; i < PLAB_ARRAY_LEN(f->slots); i++) {
        f->slots[i] = (struct plab_pin_slot){.cpu = i == 0 ? 0 : -1, .numa_node = -1};
    }
    f->plan = (struct plab_pin_plan){.threads = PLAB_ARRAY_LEN(f->slots), .slots = f->slots};
    f->config = (struct plab_workers_config){
        .plan = &f->plan,
        .kernels = &f->kernels,
        .pages = PLAB_PAGES_NEVER,
        .rx_mode = PLAB_RX_FAST,
        .duty_percent = 100,
        .notify = count_notification,
        .notify_cookie = &f->notified,
        .progress = count_progress,
        .progress_cookie = &f->progressed,
    };
}

static void start(struct fixture *f) {
    struct plab_error err = {""};
    CHECK_MSG(plab_workers_create(&f->workers, &f->config, &err) == PLAB_OK, "%s", err.text);
}

static void open_fixture(struct fixture *f) {
    prepare(f);
    start(f);
}

static void close_fixture(struct fixture *f) {
    uint64_t start_ns = plab_clock_process_cpu_ns(); /* a busy machine's waits are none of ours */
    plab_workers_destroy(&f->workers);
    CHECK(f->workers == NULL);
    CHECK_MSG(plab_clock_process_cpu_ns() - start_ns < END_NS, "the end took over a second");
    plab_workers_destroy(&f->workers);
}

/* A job whose blob and seed follow from `cookie`. */
static struct plab_job make_job(const struct plab_algo *algo, uint64_t cookie) {
    struct plab_job job = {
        .algo = algo, .blob_len = 76, .target = UINT64_MAX, .cookie = cookie, .height = cookie};
    memset(job.blob, (int)(cookie * 37 + 1), job.blob_len);
    memset(job.seed, (int)cookie + 1, sizeof job.seed);
    return job;
}

/* Only the last `count` nonces, below a byte of the pool's. */
static void limit_nonces(struct plab_job *job, uint32_t count) {
    job->nicehash = true;
    job->blob[PLAB_NONCE_OFFSET + 3] = 0xC7;
    job->first_nonce = (UINT32_C(1) << 24) - count;
}

static void publish(struct fixture *f, const struct plab_job *job) {
    struct plab_error err = {""};
    CHECK_MSG(plab_workers_publish(f->workers, job, &err) == PLAB_OK, "%s", err.text);
}

static void wait_for_state(struct fixture *f, enum plab_workers_state state) {
    uint64_t start_ns = plab_clock_ns();
    while (plab_workers_state(f->workers) != state) {
        CHECK_MSG(plab_clock_ns() - start_ns < PATIENCE_NS, "state %d instead of %d",
                  (int)plab_workers_state(f->workers), (int)state);
        plab_clock_sleep_ns(MS);
    }
}

static uint64_t total_hashes(struct fixture *f) {
    struct plab_workers_stats stats;
    plab_workers_stats(f->workers, &stats);
    return stats.hashes;
}

static void wait_for_hashes(struct fixture *f, uint64_t count) {
    uint64_t start_ns = plab_clock_ns();
    while (total_hashes(f) < count) {
        CHECK_MSG(plab_clock_ns() - start_ns < PATIENCE_NS, "no hashes");
        plab_clock_sleep_ns(MS);
    }
}

static struct plab_share wait_for_share(struct fixture *f) {
    struct plab_share share;
    uint64_t start_ns = plab_clock_ns();
    while (!plab_workers_take_share(f->workers, &share)) {
        CHECK_MSG(plab_clock_ns() - start_ns < PATIENCE_NS, "no share");
        plab_clock_sleep_ns(MS);
    }
    return share;
}

static void wait_for_notifications(struct fixture *f, unsigned count) {
    uint64_t start_ns = plab_clock_ns();
    while (atomic_load(&f->notified) < count) {
        CHECK_MSG(plab_clock_ns() - start_ns < PATIENCE_NS, "not notified");
        plab_clock_sleep_ns(MS);
    }
}

/* ---- an independent check of shares ---- */

struct checker {
    struct plab_kernels kernels;
    const struct plab_algo *algo;
    void *pad, *cache_memory;
    struct plab_rx_cache *cache;
    struct plab_hasher *hasher;
};

static void open_checker(struct checker *c, const struct plab_algo *algo) {
    *c = (struct checker){.algo = algo};
    plab_kernels_select(&c->kernels, 0);
    c->pad = plab_test_alloc(algo->scratchpad_bytes);
    CHECK(plab_hasher_create(&c->hasher, algo, &c->kernels, 1, c->pad) == PLAB_OK);
    if (algo->needs_seed) {
        c->cache_memory = plab_test_alloc(plab_rx_cache_bytes(algo->rx));
        CHECK(plab_rx_cache_create(&c->cache, algo->rx, &c->kernels, c->cache_memory) == PLAB_OK);
    }
}

static void close_checker(struct checker *c) {
    plab_hasher_destroy(&c->hasher);
    if (c->cache != NULL) {
        plab_rx_cache_destroy(&c->cache);
    }
    free(c->cache_memory);
    free(c->pad);
}

/* Uses the job's seed, in light mode. */
static void set_checker_seed(struct checker *c, const struct plab_job *job) {
    CHECK(plab_rx_cache_build(c->cache, job->seed, sizeof job->seed, NULL, NULL) == PLAB_OK);
    plab_hasher_set_seed(c->hasher, c->cache, NULL, 0);
}

static void check_share(struct checker *c, const struct plab_job *job,
                        const struct plab_share *share) {
    uint8_t blob[PLAB_BLOB_MAX_BYTES], hash[PLAB_HASH_BYTES], value[PLAB_HASH_BYTES];
    memcpy(blob, job->blob, job->blob_len);
    plab_store32_le(blob + PLAB_NONCE_OFFSET, share->nonce);
    plab_hasher_set_height(c->hasher, job->height);
    plab_hasher_hash(c->hasher, blob, job->blob_len, hash);
    plab_algo_pow_value(c->algo, blob, job->blob_len, hash, value);
    CHECK_U64(share->cookie, job->cookie);
    CHECK_MEM(share->hash, hash, sizeof hash);
    CHECK_MEM(share->pow_value, value, sizeof value);
    CHECK(job->target == UINT64_MAX || plab_load64_le(value + 24) < job->target);
    CHECK(share->worker < 3 && share->found_ns > 0);
}

/* ---- tests ---- */

TEST(workers, shares_are_real_and_nonces_disjoint) {
    struct fixture f;
    struct checker c;
    struct plab_share share;
    bool seen[200] = {false};
    struct plab_job job = make_job(&mini_cn, 5);
    limit_nonces(&job, PLAB_ARRAY_LEN(seen));
    open_fixture(&f);
    open_checker(&c, &mini_cn);
    publish(&f, &job);
    wait_for_state(&f, PLAB_WORKERS_EXHAUSTED);
    CHECK_U64(total_hashes(&f), PLAB_ARRAY_LEN(seen));
    for (size_t i = 0; i < PLAB_ARRAY_LEN(seen); i++) {
        CHECK(plab_workers_take_share(f.workers, &share));
        check_share(&c, &job, &share);
        CHECK(share.nonce >> 24 == 0xC7);
        uint32_t at = (share.nonce & 0xFFFFFF) - job.first_nonce;
        CHECK(at < PLAB_ARRAY_LEN(seen) && !seen[at]);
        seen[at] = true;
    }
    CHECK(!plab_workers_take_share(f.workers, &share));
    wait_for_notifications(&f, PLAB_ARRAY_LEN(seen));
    close_checker(&c);
    close_fixture(&f);
}

TEST(workers, all_and_only_values_below_the_target_are_shares) {
    struct fixture f;
    struct checker c;
    struct plab_share share;
    unsigned want = 0, got = 0;
    struct plab_job job = make_job(&mini_cn, 9);
    limit_nonces(&job, 300);
    job.target = UINT64_MAX / 4;
    open_checker(&c, &mini_cn);
    for (uint32_t i = 0; i < 300; i++) {
        uint8_t hash[PLAB_HASH_BYTES];
        uint8_t blob[PLAB_BLOB_MAX_BYTES];
        memcpy(blob, job.blob, job.blob_len);
        plab_store32_le(blob + PLAB_NONCE_OFFSET, UINT32_C(0xC7000000) | (job.first_nonce + i));
        plab_hasher_hash(c.hasher, blob, job.blob_len, hash);
        want += plab_load64_le(hash + 24) < job.target;
    }
    open_fixture(&f);
    publish(&f, &job);
    wait_for_state(&f, PLAB_WORKERS_EXHAUSTED);
    for (; plab_workers_take_share(f.workers, &share); got++) {
        check_share(&c, &job, &share);
    }
    CHECK(want > 30 && want < 150);
    CHECK_U64(got, want);
    close_checker(&c);
    close_fixture(&f);
}

TEST(workers, exhausted_workers_take_the_next_job) {
    struct fixture f;
    open_fixture(&f);
    CHECK(plab_workers_state(f.workers) == PLAB_WORKERS_IDLE);
    for (uint64_t i = 1; i <= 5; i++) {
        struct plab_job job = make_job(&mini_cn, i);
        job.first_nonce = UINT32_MAX - 1; /* two are left */
        job.blob_len = PLAB_NONCE_OFFSET + PLAB_NONCE_BYTES;
        publish(&f, &job);
        wait_for_state(&f, PLAB_WORKERS_EXHAUSTED);
        CHECK_U64(total_hashes(&f), 2 * i);
        struct plab_share a = wait_for_share(&f), b = wait_for_share(&f);
        CHECK(a.cookie == i && b.cookie == i);
        CHECK_U64((uint64_t)a.nonce + b.nonce, (uint64_t)UINT32_MAX * 2 - 1);
    }
    close_fixture(&f);
}

TEST(workers, shares_never_mix_jobs) {
    struct fixture f;
    struct checker c;
    struct plab_share share;
    unsigned checked = 0;
    open_fixture(&f);
    open_checker(&c, &mini_cn);
    uint64_t start_ns = plab_clock_ns();
    for (uint64_t cookie = 1; cookie <= 150 || checked <= 50; cookie++) {
        CHECK_MSG(plab_clock_ns() - start_ns < PATIENCE_NS, "%u shares only", checked);
        struct plab_job job = make_job(&mini_cn, cookie);
        job.target = UINT64_MAX / 2;
        publish(&f, &job);
        plab_clock_sleep_ns(MS / 2);
        for (unsigned i = 0; i < 30 && plab_workers_take_share(f.workers, &share); i++) {
            struct plab_job its_job = make_job(&mini_cn, share.cookie);
            its_job.target = UINT64_MAX / 2;
            check_share(&c, &its_job, &share);
            checked++;
        }
    }
    close_checker(&c);
    close_fixture(&f);
}

TEST(workers, a_new_job_is_seen_after_one_hash) {
    struct fixture f;
    struct plab_share share;
    struct plab_job first = make_job(&mini_cn, 1), second = make_job(&mini_cn, 2);
    first.target = second.target = UINT64_MAX / 64;
    open_fixture(&f);
    publish(&f, &first);
    wait_for_hashes(&f, 500);
    publish(&f, &second);
    while (plab_workers_take_share(f.workers, &share)) {
    }
    unsigned late = 0;
    for (unsigned i = 0; i < 20; i++) {
        share = wait_for_share(&f);
        late += share.cookie == first.cookie;
    }
    CHECK_MSG(late <= f.plan.threads, "%u shares of the old job after the new one", late);
    close_fixture(&f);
}

TEST(workers, pause_stops_hashing) {
    struct fixture f;
    struct plab_job job = make_job(&mini_cn, 1);
    open_fixture(&f);
    publish(&f, &job);
    wait_for_hashes(&f, 10);
    plab_workers_pause(f.workers);
    CHECK(plab_workers_state(f.workers) == PLAB_WORKERS_IDLE);
    uint64_t before = total_hashes(&f);
    plab_clock_sleep_ns(100 * MS);
    CHECK(total_hashes(&f) <= before + f.plan.threads); /* those that were under way */
    publish(&f, &job);
    wait_for_hashes(&f, before + 10);
    close_fixture(&f);
}

TEST(workers, a_full_queue_drops_and_counts) {
    struct fixture f;
    struct plab_workers_stats stats;
    struct plab_share share;
    unsigned taken = 0;
    struct plab_job job = make_job(&mini_cn, 1);
    limit_nonces(&job, PLAB_WORKERS_QUEUE_SHARES + 44);
    open_fixture(&f);
    publish(&f, &job);
    wait_for_state(&f, PLAB_WORKERS_EXHAUSTED);
    plab_workers_stats(f.workers, &stats);
    CHECK_U64(stats.shares_dropped, 44);
    while (plab_workers_take_share(f.workers, &share)) {
        taken++;
    }
    CHECK_U64(taken, PLAB_WORKERS_QUEUE_SHARES);
    close_fixture(&f);
}

TEST(workers, nothing_is_allocated_while_hashing) {
    struct fixture f;
    struct plab_job job = make_job(&mini_rx, 1), next = make_job(&mini_rx, 1);
    next.cookie = 2;
    open_fixture(&f);
    atomic_store(&counting, true);
    atomic_store(&allocations, 0);
    publish(&f, &job);
    wait_for_hashes(&f, 50);
    for (unsigned i = 0; i < f.plan.threads; i++) {
        while (plab_workers_thread_hashes(f.workers, i) == 0) {
            plab_clock_sleep_ns(MS);
        }
    }
    CHECK_MSG(atomic_load(&allocations) >= 2 * f.plan.threads, "the counter doesn't count");
    atomic_store(&allocations, 0);
    publish(&f, &next); /* the same algorithm: not even then */
    wait_for_hashes(&f, total_hashes(&f) + 2000);
    CHECK_U64(atomic_load(&allocations), 0);
    atomic_store(&counting, false);
    close_fixture(&f);
}

TEST(workers, duty_cycle_leaves_the_processor_alone) {
    struct fixture f;
    struct plab_job job = make_job(&mini_cn, 1);
    job.target = 0;
    prepare(&f);
    f.config.duty_percent = 10;
    start(&f);
    publish(&f, &job);
    wait_for_hashes(&f, 1);
    uint64_t cpu_ns = plab_clock_process_cpu_ns(), wall_ns = plab_clock_ns();
    plab_clock_sleep_ns(600 * MS);
    cpu_ns = plab_clock_process_cpu_ns() - cpu_ns;
    wall_ns = plab_clock_ns() - wall_ns;
    /* Three threads at a tenth each, and windows that are cut at either end. */
    CHECK_MSG(cpu_ns < wall_ns / 2, "%llu of %llu ms", (unsigned long long)(cpu_ns / MS),
              (unsigned long long)(wall_ns / MS));
    wait_for_hashes(&f, 4);
    close_fixture(&f);
}

/* How often workers yield until there are 100 hashes. */
static unsigned yields_of(bool wanted) {
    struct fixture f;
    struct plab_job job = make_job(&mini_cn, 1);
    job.target = 0;
    prepare(&f);
    f.config.yields = wanted;
    atomic_store(&yields, 0);
    start(&f);
    publish(&f, &job);
    wait_for_hashes(&f, 100);
    close_fixture(&f);
    return atomic_load(&yields);
}

TEST(workers, yield_after_each_hash_only_on_wish) {
    const unsigned without = yields_of(false), with = yields_of(true);
    CHECK_U64(without, 0);
    /* Of a worker whose job ends with the test the last one may be left out. */
    CHECK_MSG(with >= 100 - PLAB_ARRAY_LEN(((struct fixture *)0)->slots), "%u yields", with);
}

TEST(workers, bad_jobs_are_refused_and_the_old_one_goes_on) {
    struct fixture f;
    struct plab_error err;
    const struct plab_algo *v1;
    struct plab_job job = make_job(&mini_cn, 1);
    open_fixture(&f);
    publish(&f, &job);
    struct plab_job bad = make_job(&mini_cn, 2);
    bad.blob_len = 42;
    CHECK(plab_workers_publish(f.workers, &bad, &err) == PLAB_E_INPUT);
    CHECK_STR(err.text, "a blob for mini-cn has 43 to 408 bytes, this has 42");
    bad.blob_len = PLAB_BLOB_MAX_BYTES + 1;
    CHECK(plab_workers_publish(f.workers, &bad, &err) == PLAB_E_INPUT);
    bad.blob_len = 76;
    bad.nicehash = true;
    bad.first_nonce = 1 << 24;
    CHECK(plab_workers_publish(f.workers, &bad, &err) == PLAB_E_INPUT);
    CHECK(plab_algo_find("cn/1", &v1, NULL) == PLAB_OK);
    bad = make_job(v1, 2);
    bad.blob_len = 42;
    CHECK(plab_workers_publish(f.workers, &bad, &err) == PLAB_E_INPUT);
    CHECK(plab_workers_state(f.workers) == PLAB_WORKERS_HASHING);
    wait_for_hashes(&f, total_hashes(&f) + 10);
    CHECK(plab_workers_error(f.workers, NULL) == PLAB_OK);
    close_fixture(&f);
}

TEST(workers, seeds_are_built_and_kept) {
    struct fixture f;
    struct checker c;
    struct plab_workers_stats stats;
    struct plab_job job = make_job(&mini_rx, 1);
    open_fixture(&f);
    open_checker(&c, &mini_rx);
    plab_workers_stats(f.workers, &stats);
    CHECK(stats.rx_mode == PLAB_RX_AUTO && stats.seed_builds == 0);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        job = make_job(&mini_rx, seed);
        limit_nonces(&job, 20);
        publish(&f, &job);
        wait_for_state(&f, PLAB_WORKERS_EXHAUSTED);
        set_checker_seed(&c, &job);
        for (unsigned i = 0; i < 20; i++) {
            struct plab_share share = wait_for_share(&f);
            check_share(&c, &job, &share);
        }
    }
    job.cookie = 33; /* the same seed again */
    publish(&f, &job);
    wait_for_state(&f, PLAB_WORKERS_EXHAUSTED);
    plab_workers_stats(f.workers, &stats);
    CHECK(stats.rx_mode == PLAB_RX_FAST);
    CHECK_U64(stats.seed_builds, 3);
    CHECK(stats.last_build_s > 0 && atomic_load(&f.progressed) >= 3);
    CHECK(stats.caches_ahead == 0);
    struct plab_pages_report report = {0};
    plab_workers_pages(f.workers, &report);
    CHECK_U64(report.asked_bytes, 3 * mini_rx.scratchpad_bytes +
                                      plab_rx_cache_bytes(&mini_rx_params) +
                                      plab_rx_dataset_bytes(&mini_rx_params));
    close_checker(&c);
    close_fixture(&f);
}

TEST(workers, algorithms_can_change_and_share_a_dataset) {
    struct fixture f;
    struct checker c;
    struct plab_workers_stats stats;
    const struct plab_algo *const algos[] = {&mini_rx, &mini_cn, &mini_rx_commitment, &mini_rx};
    open_fixture(&f);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(algos); i++) {
        struct plab_job job = make_job(algos[i], 4);
        job.cookie = 100 + i;
        limit_nonces(&job, 12);
        job.target = UINT64_MAX - 1;
        publish(&f, &job);
        wait_for_state(&f, PLAB_WORKERS_EXHAUSTED);
        open_checker(&c, algos[i]);
        if (algos[i]->needs_seed) {
            set_checker_seed(&c, &job);
        }
        for (unsigned n = 0; n < 12; n++) {
            struct plab_share share = wait_for_share(&f);
            check_share(&c, &job, &share);
            CHECK((memcmp(share.hash, share.pow_value, PLAB_HASH_BYTES) != 0) ==
                  algos[i]->has_commitment);
        }
        close_checker(&c);
    }
    plab_workers_stats(f.workers, &stats);
    CHECK_U64(stats.seed_builds, 1);
    close_fixture(&f);
}

static void wait_for_builds_ahead(struct fixture *f, uint64_t count) {
    uint64_t start_ns = plab_clock_ns();
    struct plab_workers_stats stats;
    do {
        CHECK_MSG(plab_clock_ns() - start_ns < PATIENCE_NS, "no cache was built ahead");
        plab_clock_sleep_ns(MS);
        plab_workers_stats(f->workers, &stats);
    } while (stats.ahead_builds < count);
}

/* Light mode: a change of seed that was announced builds nothing, and the hashes are right. */
TEST(workers, announced_seeds_are_built_ahead) {
    struct fixture f;
    struct checker c;
    struct plab_workers_stats stats;
    prepare(&f);
    f.config.rx_mode = PLAB_RX_LIGHT;
    start(&f);
    open_checker(&c, &mini_rx);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct plab_job job = make_job(&mini_rx, seed), next = make_job(&mini_rx, seed + 1);
        job.has_next_seed = true;
        memcpy(job.next_seed, next.seed, sizeof job.next_seed);
        limit_nonces(&job, 8);
        publish(&f, &job);
        wait_for_state(&f, PLAB_WORKERS_EXHAUSTED);
        set_checker_seed(&c, &job);
        for (unsigned i = 0; i < 8; i++) {
            struct plab_share share = wait_for_share(&f);
            check_share(&c, &job, &share);
        }
        wait_for_builds_ahead(&f, seed);
        plab_workers_stats(f.workers, &stats);
        CHECK_U64(stats.seed_builds, seed);
        CHECK_U64(stats.caches_ahead, seed - 1);
    }
    CHECK(atomic_load(&f.progressed) == 0);
    struct plab_pages_report report = {0};
    plab_workers_pages(f.workers, &report);
    CHECK_U64(report.asked_bytes,
              3 * mini_rx.scratchpad_bytes + 2 * plab_rx_cache_bytes(&mini_rx_params));
    close_checker(&c);
    close_fixture(&f);
}

/* Each announcement replaces the one before; none of them stops the work or the end. */
TEST(workers, announcements_that_change_are_harmless) {
    struct fixture f;
    struct plab_workers_stats stats;
    struct plab_job job = make_job(&mini_rx, 1);
    prepare(&f);
    f.config.rx_mode = PLAB_RX_LIGHT;
    start(&f);
    for (uint64_t i = 0; i < 60; i++) {
        job.cookie = i;
        job.has_next_seed = i % 5 != 0;
        memset(job.next_seed, (int)(i / 3), sizeof job.next_seed);
        publish(&f, &job);
        plab_clock_sleep_ns(MS * (i % 4) / 2);
    }
    while (wait_for_share(&f).cookie != job.cookie) {
    }
    plab_workers_stats(f.workers, &stats);
    CHECK_U64(stats.seed_builds, 1);
    struct plab_job other = make_job(&mini_rx, 77); /* none of those */
    publish(&f, &other);
    while (wait_for_share(&f).cookie != other.cookie) {
    }
    close_fixture(&f);
}

static void wait_for_dataset(struct fixture *f) {
    uint64_t start_ns = plab_clock_ns();
    while (atomic_load(&f->progressed) == 0) {
        CHECK_MSG(plab_clock_ns() - start_ns < PATIENCE_NS, "no dataset is being built");
        plab_clock_sleep_ns(MS);
    }
}

TEST(workers, destroy_during_a_build_is_quick) {
    struct fixture f;
    struct plab_job job = make_job(&slow_rx, 1);
    open_fixture(&f);
    publish(&f, &job);
    wait_for_dataset(&f);
    CHECK(plab_workers_state(f.workers) == PLAB_WORKERS_BUILDING);
    close_fixture(&f);
}

TEST(workers, a_newer_seed_cancels_a_build) {
    struct fixture f;
    struct plab_workers_stats stats;
    struct plab_job slow = make_job(&slow_rx, 1), other = make_job(&slow_rx, 2);
    struct plab_job quick = make_job(&mini_rx, 3);
    open_fixture(&f);
    publish(&f, &slow);
    wait_for_dataset(&f);
    publish(&f, &other);
    CHECK(plab_workers_state(f.workers) == PLAB_WORKERS_BUILDING);
    uint64_t start_ns = plab_clock_ns();
    publish(&f, &quick); /* needs other memory as well */
    CHECK_U64(wait_for_share(&f).cookie, 3);
    CHECK_MSG(plab_clock_ns() - start_ns < 5 * END_NS, "waited for a build that nobody needs");
    plab_workers_stats(f.workers, &stats);
    CHECK_U64(stats.seed_builds, 1);
    close_fixture(&f);
}

TEST(workers, work_without_a_seed_does_not_wait_for_a_build) {
    struct fixture f;
    struct plab_job slow = make_job(&slow_rx, 1), plain = make_job(&mini_cn, 2);
    open_fixture(&f);
    publish(&f, &slow);
    wait_for_dataset(&f);
    publish(&f, &plain);
    CHECK(plab_workers_state(f.workers) == PLAB_WORKERS_HASHING);
    CHECK_U64(wait_for_share(&f).cookie, 2);
    publish(&f, &slow);
    plab_workers_pause(f.workers);
    CHECK(plab_workers_state(f.workers) == PLAB_WORKERS_IDLE);
    close_fixture(&f);
}

TEST(workers, a_failed_build_is_told_and_left_behind) {
    struct fixture f;
    struct plab_error err = {""};
    struct plab_job giant = make_job(&giant_rx, 1), plain = make_job(&mini_cn, 2);
    open_fixture(&f);
    publish(&f, &giant);
    wait_for_state(&f, PLAB_WORKERS_FAILED);
    wait_for_notifications(&f, 2); /* BUILDING and FAILED; told right after it can be seen */
    CHECK(plab_workers_error(f.workers, &err) == PLAB_E_NOMEM);
    CHECK_MSG(strstr(err.text, "in fast mode needs") != NULL, "%s", err.text);
    publish(&f, &plain);
    CHECK(plab_workers_error(f.workers, &err) == PLAB_OK);
    CHECK_U64(wait_for_share(&f).cookie, 2);
    close_fixture(&f);
}

TEST(workers, a_worker_that_gets_no_memory_fails_the_job) {
    static const struct plab_algo hungry = {.name = "hungry",
                                            .family = PLAB_FAMILY_CRYPTONIGHT,
                                            .scratchpad_bytes = (size_t)1 << 45,
                                            .cn = &mini_cn_params};
    struct fixture f;
    struct plab_error err = {""};
    struct plab_job job = make_job(&hungry, 1);
    open_fixture(&f);
    publish(&f, &job);
    wait_for_state(&f, PLAB_WORKERS_FAILED);
    CHECK(plab_workers_error(f.workers, &err) == PLAB_E_NOMEM);
    close_fixture(&f);
}

TEST(workers, pinned_threads_are_counted) {
    struct fixture f;
    struct plab_workers_stats stats;
    prepare(&f);
    f.slots[2].cpu = 8191; /* can't be bound to: runs all the same */
    start(&f);
    plab_workers_stats(f.workers, &stats);
    CHECK(stats.threads == 3 && stats.pinned == 1);
    close_fixture(&f);
}

#ifndef __SANITIZE_THREAD__ /* takes minutes there, and its threads do nothing that the others \
                               don't */
/* The one test that builds a real cache (256 MiB): a published hash comes out of the workers. */
TEST(workers, known_answer_of_rx_2) {
    struct plab_vector_file file;
    struct fixture f;
    struct plab_job job = {.target = UINT64_MAX, .cookie = 7};
    uint8_t hash[PLAB_HASH_BYTES], commitment[PLAB_HASH_BYTES];
    plab_vector_open(&file, "tests/vectors/rx_hash.txt");
    while (plab_vector_next(&file)) {
        if (strcmp(plab_vector_text(&file, 0), "rx/2") == 0 &&
            strlen(plab_vector_text(&file, 1)) == 2 * PLAB_SEED_BYTES &&
            strlen(plab_vector_text(&file, 2)) >= 2 * 43) {
            CHECK(plab_vector_hex(&file, 1, job.seed, sizeof job.seed) == sizeof job.seed);
            job.blob_len = plab_vector_hex(&file, 2, job.blob, sizeof job.blob);
            plab_vector_hex(&file, 3, hash, sizeof hash);
            plab_vector_hex(&file, 4, commitment, sizeof commitment);
        }
    }
    plab_vector_close(&file);
    CHECK(job.blob_len >= 43);
    CHECK(plab_algo_find("rx/2", &job.algo, NULL) == PLAB_OK);
    job.first_nonce = plab_load32_le(job.blob + PLAB_NONCE_OFFSET);
    prepare(&f);
    f.plan.threads = 1;
    f.config.rx_mode = PLAB_RX_LIGHT;
    f.config.pages = PLAB_PAGES_AUTO;
    plab_kernels_select(&f.kernels, plab_cpu_detect());
    start(&f);
    publish(&f, &job);
    struct plab_share share = wait_for_share(&f);
    CHECK(share.cookie == 7 && share.nonce == job.first_nonce);
    CHECK_MEM(share.hash, hash, sizeof hash);
    CHECK_MEM(share.pow_value, commitment, sizeof commitment);
    plab_workers_destroy(&f.workers); /* not timed: a light hash on a busy machine takes long */
}
#endif
