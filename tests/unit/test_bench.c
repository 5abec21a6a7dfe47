/* SPDX-License-Identifier: BSD-3-Clause */
/* Benchmark runs are real ones, most of them of a very small CryptoNight; no test looks at the size
 * of a rate. */
#include "bench/run.h"

#include <stdlib.h>

#include "arch/dispatch.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "bench/labels.h"
#include "bench/sysload.h"
#include "pow/hasher.h"
#include "pow/randomx.h"
#include "tests/harness.h"
#include "tests/mini_algos.h"
#include "tests/vector_file.h"

#define MS UINT64_C(1000000)

static struct plab_kernels kernels;
static struct plab_pin_slot slots[8];
static struct plab_pin_plan plan;
static struct plab_bench_sum mini_sums[] = {{1, 0}, {2, 0}, {16, 0}, {32, 0}, {64, 0}};

/* Sums of the small algorithm, one hash after the other, without any of bench/. */
static void compute_mini_sums(void) {
    struct plab_hasher *hasher;
    uint8_t blob[PLAB_BENCH_BLOB_BYTES] = {0}, hash[PLAB_HASH_BYTES];
    void *scratchpad = plab_test_alloc(mini_cn.scratchpad_bytes);
    uint64_t sum = 0;
    size_t at = 0;
    plab_kernels_select(&kernels, 0);
    CHECK(plab_hasher_create(&hasher, &mini_cn, &kernels, 1, scratchpad) == PLAB_OK);
    for (uint32_t nonce = 0; at < PLAB_ARRAY_LEN(mini_sums); nonce++) {
        if (nonce == mini_sums[at].hashes) {
            mini_sums[at++].sum = sum;
        }
        plab_store32_le(blob + PLAB_NONCE_OFFSET, nonce);
        plab_hasher_hash(hasher, blob, sizeof blob, hash);
        sum ^= plab_load64_le(hash + 24);
    }
    plab_hasher_destroy(&hasher);
    free(scratchpad);
}

static struct plab_bench_config config_of(const struct plab_algo *algo, unsigned threads,
                                          uint32_t features) {
    struct plab_bench_config config = {.samples = 3, .sample_ns = 10 * MS, .warmup_ns = MS};
    plab_kernels_select(&kernels, features);
    for (unsigned i = 0; i < threads; i++) {
        slots[i] = (struct plab_pin_slot){.cpu = -1, .numa_node = -1, .core = -1, .l3 = -1};
    }
    plan = (struct plab_pin_plan){.threads = threads, .slots = slots};
    config.algo = algo;
    config.kernels = &kernels;
    config.plan = &plan;
    config.rx_mode = PLAB_RX_LIGHT;
    return config;
}

static struct plab_bench_config real_config(const char *name, unsigned threads, uint32_t features) {
    const struct plab_algo *algo;
    CHECK(plab_algo_find(name, &algo, NULL) == PLAB_OK);
    struct plab_bench_config config = config_of(algo, threads, features);
    config.sums = plab_bench_sums(algo, &config.sum_count);
    return config;
}

static struct plab_bench_config mini_config(unsigned threads) {
    compute_mini_sums();
    struct plab_bench_config config = config_of(&mini_cn, threads, plab_cpu_detect());
    config.sums = mini_sums;
    config.sum_count = PLAB_ARRAY_LEN(mini_sums);
    return config;
}

static struct plab_bench_result run(const struct plab_bench_config *config) {
    struct plab_bench_result result;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_bench_run(&result, config, &err) == PLAB_OK, "%s", err.text);
    return result;
}

static uint64_t known(const struct plab_bench_config *config, uint32_t hashes) {
    for (size_t i = 0; i < config->sum_count; i++) {
        if (config->sums[i].hashes == hashes) {
            return config->sums[i].sum;
        }
    }
    CHECK_MSG(0, "no known sum of %u hashes", (unsigned)hashes);
    return 0;
}

TEST(bench, real_algorithms_have_their_known_sums) {
    static const char *const algos[] = {"cn/0", "cn/1", "cn/2", "cn/r"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(algos); i++) {
        for (unsigned threads = 1; threads <= 2; threads++) {
            struct plab_bench_config config =
                real_config(algos[i], threads, threads == 1 ? plab_cpu_detect() : 0);
            config.hashes = 2;
            struct plab_bench_result result = run(&config);
            CHECK_U64(result.checksum_hashes, 2);
            CHECK_U64(result.checksum, known(&config, 2));
            CHECK_U64(result.verdict.verified, 2);
            CHECK(plab_bench_verdict(&result, 0, true, NULL) == PLAB_OK);
            plab_bench_result_free(&result);
        }
    }
}

TEST(bench, sum_is_the_same_for_any_number_of_threads) {
    for (unsigned threads = 1; threads <= 8; threads++) {
        struct plab_bench_config config = mini_config(threads);
        config.hashes = 64;
        struct plab_bench_result result = run(&config);
        CHECK_U64(result.checksum, known(&config, 64));
        CHECK_U64(result.completed, 64);
        CHECK_U64(result.hashes, 64);
        CHECK_U64(result.verdict.verified, 64);
        plab_bench_result_free(&result);
    }
}

static void check_samples(const struct plab_bench_result *result) {
    uint64_t hashes = 0;
    for (size_t i = 0; i < result->sample_count; i++) {
        const struct plab_bench_sample *sample = &result->samples[i];
        CHECK(sample->hashes >= result->thread_count && sample->wall_ns > 0 &&
              sample->rate_hps > 0);
        hashes += sample->hashes;
    }
    CHECK_U64(hashes, result->hashes);
    CHECK_U64(result->threads[0].hashes + result->threads[1].hashes, hashes);
    CHECK(result->threads[0].rate_hps > 0 && result->threads[1].rate_hps > 0);
}

TEST(bench, timed_run_completes_its_set) {
    struct plab_bench_config config = mini_config(2);
    config.sample_ns = 1; /* less than a hash: the samples are made longer */
    struct plab_bench_result result = run(&config);
    CHECK_U64(result.sample_count, 3);
    CHECK_U64(result.stats.count, 3);
    CHECK_U64(result.checksum_hashes, PLAB_BENCH_SET_HASHES);
    CHECK_U64(result.checksum, known(&config, PLAB_BENCH_SET_HASHES));
    CHECK(result.completed >= PLAB_BENCH_SET_HASHES && result.completed >= result.hashes);
    CHECK(result.verdict.verified >= PLAB_BENCH_SET_HASHES);
    CHECK(result.sample_ns > config.sample_ns);
    check_samples(&result);
    CHECK(result.stats.min <= result.stats.median && result.stats.median <= result.stats.max);
    CHECK(result.elapsed_s > 0 && result.cpu_rate_hps > 0);
    CHECK(result.cpu_share > 0 && result.cpu_share < 1.01);
    CHECK_U64(result.pages.asked_bytes, 2 * mini_cn.scratchpad_bytes);
    plab_bench_result_free(&result);
}

TEST(bench, fixed_run_counts_each_hash_once) {
    struct plab_bench_config config = mini_config(2);
    config.hashes = 21; /* no known sum: 16 of them have one */
    struct plab_bench_result result = run(&config);
    CHECK_U64(result.completed, 21);
    CHECK_U64(result.hashes, 21);
    CHECK_U64(result.checksum_hashes, 21);
    CHECK_U64(result.verdict.verified, 16);
    CHECK(result.sample_count >= 1 && result.sample_count <= config.samples);
    plab_bench_result_free(&result);
}

TEST(bench, more_threads_than_hashes) {
    struct plab_bench_config config = mini_config(8);
    config.hashes = 2;
    struct plab_bench_result result = run(&config);
    CHECK_U64(result.hashes, 2);
    CHECK(result.sample_count >= 1 && result.sample_count <= 2);
    CHECK_U64(result.verdict.verified, 2);
    plab_bench_result_free(&result);
}

TEST(bench, wrong_sum_is_exit_code_4) {
    struct plab_bench_config config = mini_config(2);
    struct plab_error err = {.text = ""};
    mini_sums[1].sum ^= 1;
    config.hashes = 4;
    struct plab_bench_result result = run(&config);
    CHECK(result.verdict.wrong);
    CHECK_U64(result.verdict.wrong_hashes, 2);
    enum plab_status status = plab_bench_verdict(&result, 0, false, &err);
    CHECK_U64(plab_status_exit_code(status), 4);
    CHECK(strstr(err.text, "void") != NULL);
    result.interrupted = true; /* wrong stays wrong */
    CHECK(plab_bench_verdict(&result, 3, true, NULL) == PLAB_E_MISMATCH);
    plab_bench_result_free(&result);
}

TEST(bench, unverified_is_no_success) {
    struct plab_bench_result result = {.sample_count = 5};
    CHECK(plab_bench_verdict(&result, 0, false, NULL) == PLAB_E_FAILED);
    result.verdict.verified = 1;
    CHECK(plab_bench_verdict(&result, 0, true, NULL) == PLAB_OK);
    CHECK(plab_bench_verdict(&result, 1, false, NULL) == PLAB_OK);
    CHECK(plab_bench_verdict(&result, 1, true, NULL) == PLAB_E_UNTRUSTED);
    result.interrupted = true;
    CHECK(plab_bench_verdict(&result, 1, true, NULL) == PLAB_E_INTERRUPTED);
}

TEST(bench, refuses_the_impossible) {
    struct plab_bench_config config = mini_config(1);
    struct plab_bench_result result;
    config.samples = 0;
    CHECK(plab_bench_run(&result, &config, NULL) == PLAB_E_INPUT);
    plab_bench_result_free(&result);
    config.samples = 1;
    config.hashes = (uint64_t)PLAB_BENCH_HASHES_MAX + 1;
    CHECK(plab_bench_run(&result, &config, NULL) == PLAB_E_INPUT);
    plab_bench_result_free(&result);
}

/* ---- stages and interruption ---- */

struct script {
    atomic_bool cancel;
    enum plab_bench_stage cancel_at;
    size_t cancel_after; /* samples */
    uint64_t cancelled_ns;
    unsigned seen; /* a bit a stage */
};

static void follow(void *cookie, const struct plab_bench_progress *progress) {
    struct script *script = cookie;
    script->seen |= 1u << progress->stage;
    CHECK(progress->done >= 0 && progress->done <= 1);
    if (progress->stage == script->cancel_at && progress->samples_done >= script->cancel_after &&
        !atomic_load(&script->cancel)) {
        script->cancelled_ns = plab_clock_ns();
        atomic_store(&script->cancel, true);
    }
}

TEST(bench, interrupted_run_keeps_its_samples) {
    struct script script = {.cancel_at = PLAB_BENCH_SAMPLES, .cancel_after = 1};
    struct plab_bench_config config = mini_config(2);
    struct plab_bench_result result;
    config.samples = 1000;
    config.cancel = &script.cancel;
    config.progress = follow;
    config.progress_cookie = &script;
    CHECK(plab_bench_run(&result, &config, NULL) == PLAB_E_INTERRUPTED);
    CHECK(plab_clock_ns() - script.cancelled_ns < 2000 * MS);
    CHECK(result.interrupted && result.sample_count >= 1 && result.sample_count < 1000);
    CHECK_U64(result.stats.count, result.sample_count);
    CHECK(result.verdict.verified > 0); /* every nonce that was taken was hashed */
    CHECK(plab_bench_verdict(&result, 0, false, NULL) == PLAB_E_INTERRUPTED);
    CHECK((script.seen & 1u << PLAB_BENCH_WARMUP) != 0);
    plab_bench_result_free(&result);
}

TEST(bench, interrupted_before_it_begins) {
    atomic_bool cancel = true;
    struct plab_bench_config config = mini_config(2);
    struct plab_bench_result result;
    config.cancel = &cancel;
    CHECK(plab_bench_run(&result, &config, NULL) == PLAB_E_INTERRUPTED);
    CHECK(result.sample_count == 0 && result.completed == 0 && !result.verdict.wrong);
    plab_bench_result_free(&result);
}

/* Sum of two commitments, without any of bench/. */
static uint64_t commitments_of_two(void) {
    static const uint8_t key[PLAB_BENCH_SEED_BYTES];
    struct plab_rx_cache *cache;
    struct plab_hasher *hasher;
    uint8_t blob[PLAB_BENCH_BLOB_BYTES] = {0}, hash[PLAB_HASH_BYTES], value[PLAB_HASH_BYTES];
    uint64_t sum = 0;
    void *memory = plab_test_alloc(plab_rx_cache_bytes(mini_rx_commitment.rx));
    void *scratchpad = plab_test_alloc(mini_rx_commitment.scratchpad_bytes);
    plab_kernels_select(&kernels, 0);
    CHECK(plab_rx_cache_create(&cache, mini_rx_commitment.rx, &kernels, memory) == PLAB_OK);
    CHECK(plab_rx_cache_build(cache, key, sizeof key, NULL, NULL) == PLAB_OK);
    CHECK(plab_hasher_create(&hasher, &mini_rx_commitment, &kernels, 1, scratchpad) == PLAB_OK);
    plab_hasher_set_seed(hasher, cache, NULL, 0);
    for (uint8_t nonce = 0; nonce < 2; nonce++) {
        blob[PLAB_NONCE_OFFSET] = nonce;
        plab_hasher_hash(hasher, blob, sizeof blob, hash);
        plab_algo_pow_value(&mini_rx_commitment, blob, sizeof blob, hash, value);
        sum ^= plab_load64_le(value + 24);
    }
    plab_hasher_destroy(&hasher);
    plab_rx_cache_destroy(&cache);
    free(scratchpad);
    free(memory);
    return sum;
}

TEST(bench, randomx_sums_commitments_in_both_modes) {
    const struct plab_bench_sum sums[] = {{2, commitments_of_two()}};
    for (int fast = 0; fast <= 1; fast++) {
        struct script script = {.cancel_after = SIZE_MAX};
        struct plab_bench_config config = config_of(&mini_rx_commitment, 2, plab_cpu_detect());
        config.rx_mode = fast ? PLAB_RX_FAST : PLAB_RX_LIGHT;
        config.sums = sums;
        config.sum_count = 1;
        config.hashes = 2;
        config.progress = follow;
        config.progress_cookie = &script;
        struct plab_bench_result result = run(&config);
        CHECK_U64(result.checksum, sums[0].sum);
        CHECK_U64(result.verdict.verified, 2);
        CHECK(result.rx_mode == config.rx_mode);
        CHECK(result.cache_s > 0 && (result.dataset_s > 0) == (fast != 0));
        CHECK((script.seen & 1u << PLAB_BENCH_CACHE) != 0);
        CHECK(((script.seen & 1u << PLAB_BENCH_DATASET) != 0) == (fast != 0));
        plab_bench_result_free(&result);
    }
}

TEST(bench, interrupted_while_building) {
    struct script script = {.cancel_at = PLAB_BENCH_DATASET};
    struct plab_bench_config config = config_of(&slow_rx, 2, plab_cpu_detect());
    struct plab_bench_result result;
    config.rx_mode = PLAB_RX_FAST;
    config.cancel = &script.cancel;
    config.progress = follow;
    config.progress_cookie = &script;
    CHECK(plab_bench_run(&result, &config, NULL) == PLAB_E_INTERRUPTED);
    CHECK(plab_clock_ns() - script.cancelled_ns < 2000 * MS);
    CHECK(result.interrupted && result.sample_count == 0);
    plab_bench_result_free(&result);
}

/* ---- labels ---- */

static const struct plab_bench_facts good_facts = {.build = "release", .allowed_cpus = 4};

static struct plab_bench_result good_result(void) {
    return (struct plab_bench_result){
        .thread_count = 4,
        .pinned = 4,
        .sample_count = 10,
        .cpu_share = 0.999,
        .pages = {.asked_bytes = 8u << 20, .huge_bytes = 8u << 20},
        .stats = {.count = 10, .median = 100, .cv = 0.004},
    };
}

/* The names of all labels, each followed by a blank. */
static const char *names(const struct plab_bench_result *result,
                         const struct plab_bench_facts *facts) {
    static char text[256];
    struct plab_label labels[PLAB_LABELS_MAX];
    size_t count = plab_bench_labels(result, facts, labels);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        CHECK(labels[i].reason[0] != '\0' && labels[i].remedy[0] != '\0');
        strcat(text, labels[i].name);
        strcat(text, " ");
    }
    return text;
}

TEST(labels, none_for_a_good_run) {
    struct plab_bench_result result = good_result();
    CHECK_STR(names(&result, &good_facts), "");
}

TEST(labels, all_that_can_come_together) {
    struct plab_bench_result result = good_result();
    const struct plab_bench_facts facts = {.build = "asan", .emulated = true, .allowed_cpus = 2};
    result.interrupted = true;
    result.pinned = 3;
    result.steal_share = 0.001;
    result.pages.huge_bytes = 0;
    result.sample_count = 4;
    result.stats.cv = 0.021;
    result.stats.drift = -0.03;
    result.stats.slope = -1;
    result.stats.slope_stderr = 0.3;
    CHECK_STR(names(&result, &facts), "interrupted debug-build emulated unpinned oversubscribed "
                                      "shared-host no-huge-pages few-samples noisy drifting ");
}

TEST(labels, limits) {
    struct plab_bench_result result = good_result();
    result.stats.cv = 0.02;
    result.cpu_share = 0.98;
    result.stats.drift = 0.05;
    result.stats.slope = 1;
    result.stats.slope_stderr = 0.5; /* a drift, but not a proven one */
    CHECK_STR(names(&result, &good_facts), "");
    result.cpu_share = 0.9;
    CHECK_STR(names(&result, &good_facts), "shared-host ");
    /* Then the threads share with each other, which has its own name. */
    result.thread_count = result.pinned = 5;
    CHECK_STR(names(&result, &good_facts), "oversubscribed ");
}

TEST(sysload, parses_proc_stat) {
    struct plab_sysload before, after;
    CHECK(plab_sysload_parse("cpu  100 1 50 1000 10 0 5 20 7 0\ncpu0 1 2 3\n", &before));
    CHECK_U64(before.total, 1186); /* guest time is part of user time */
    CHECK_U64(before.steal, 20);
    CHECK(plab_sysload_parse("cpu  140 1 50 1050 10 0 5 30 7 0\n", &after));
    CHECK(plab_sysload_steal_share(&before, &after) == 0.1);
    CHECK(plab_sysload_steal_share(&after, &before) == 0);
    CHECK(plab_sysload_parse("cpu  1 2 3 4\n", &after)); /* an old kernel */
    CHECK_U64(after.steal, 0);
    CHECK(!plab_sysload_parse("intr 5", &after));
    CHECK_U64(after.total, 0);
}
