/* SPDX-License-Identifier: BSD-3-Clause */
/* Client and workers together, against a scripted pool in a thread of its own. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hex.h"
#include "pow/hasher.h"
#include "tests/harness.h"
#include "tests/mini_algos.h"
#include "tests/unit/stage.h"

TEST(miner, ends_after_enough_shares_all_of_them_right) {
    struct stage *stage = new_stage();
    struct rig rig;
    open_stage(stage);
    prepare(&rig, stage, &mini_cn);
    rig.config.shares = 50;
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    CHECK(rig.result.accepted == 50 && rig.result.rejected == 0 && rig.result.stale == 0);
    CHECK(rig.result.hashes >= 50 && rig.result.logins == 1 && rig.result.algo == &mini_cn);
    CHECK(rig.result.hashing_s > 0 && rig.result.hashing_s <= rig.result.duration_s);
    CHECK(rig.result.latency_max_ms >= rig.result.latency_mean_ms);
    CHECK(stage->submits >= 50);
    check_submits(stage, &mini_cn);
    free(stage);
}

TEST(miner, the_same_blob_under_a_new_id_goes_on_where_it_was) {
    struct stage *stage = new_stage();
    struct rig rig;
    stage->job_every = 3;
    open_stage(stage);
    prepare(&rig, stage, &mini_cn);
    rig.config.shares = 40; /* so that at least 13 jobs were worked on */
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    CHECK_MSG(rig.result.jobs >= 13, "%u jobs", (unsigned)rig.result.jobs);
    check_submits(stage, &mini_cn);
    free(stage);
}

TEST(miner, the_pools_nonce_byte_is_kept) {
    struct stage *stage = new_stage();
    struct rig rig;
    stage->nonce = "000000aa";
    open_stage(stage);
    prepare(&rig, stage, &mini_cn);
    rig.config.shares = 20;
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    for (unsigned i = 0; i < kept_submits(stage); i++) {
        CHECK(stage->submit[i].nonce[3] == 0xaa);
    }
    check_submits(stage, &mini_cn);
    free(stage);
}

TEST(miner, commitments_go_by_xmrigs_names) {
    struct stage *stage = new_stage();
    struct rig rig;
    char text[153];
    uint8_t blob[76], value[PLAB_HASH_BYTES];
    size_t len;
    stage->with_seed = true;
    open_stage(stage);
    prepare(&rig, stage, &mini_rx_commitment);
    rig.config.shares = 5;
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    put_blob(stage, text);
    CHECK(plab_hex_decode(text, 152, blob, sizeof blob, &len, NULL) == PLAB_OK);
    for (unsigned i = 0; i < 5; i++) {
        const struct plab_stratum_submit *submit = &stage->submit[i];
        CHECK(submit->has_commitment);
        memcpy(blob + PLAB_NONCE_OFFSET, submit->nonce, PLAB_NONCE_BYTES);
        plab_algo_pow_value(&mini_rx_commitment, blob, sizeof blob, submit->commitment, value);
        CHECK_MEM(submit->result, value, sizeof value);
    }
    free(stage);
}

TEST(miner, a_rejected_share_is_a_failure_a_stale_one_is_not) {
    static const struct {
        const char *answer;
        enum plab_status want;
    } cases[] = {
        {"\"error\":{\"code\":-1,\"message\":\"Low difficulty share\"}", PLAB_E_FAILED},
        {"\"error\":{\"code\":-1,\"message\":\"Stale share\"}", PLAB_OK},
        {"\"result\":null", PLAB_E_FAILED},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        struct stage *stage = new_stage();
        struct rig rig;
        stage->submit_answer = cases[i].answer;
        open_stage(stage);
        prepare(&rig, stage, &mini_cn);
        rig.config.duration_ms = 400;
        CHECK_MSG(run(&rig, stage) == cases[i].want, "%s: %s", cases[i].answer, rig.err.text);
        CHECK(rig.result.accepted == 0);
        CHECK((cases[i].want == PLAB_OK ? rig.result.stale : rig.result.rejected) > 0);
        CHECK(rig.result.unanswered == 0); /* it waited for the last ones */
        free(stage);
    }
}

TEST(miner, too_few_shares_in_time_is_a_failure) {
    struct stage *stage = new_stage();
    struct rig rig;
    open_stage(stage);
    prepare(&rig, stage, &mini_cn);
    rig.config.duration_ms = 200;
    rig.config.shares = UINT64_MAX;
    CHECK(run(&rig, stage) == PLAB_E_FAILED);
    CHECK(strstr(rig.err.text, "time is up") != NULL);
    free(stage);
}

/* B18, B25 */
TEST(miner, jobs_that_cannot_be_done_are_refused_calmly) {
    static const struct {
        const char *algo;
        const struct plab_algo *fallback;
    } cases[] = {
        {"rx/nosuch", &mini_cn}, {"\\u001b[31m", &mini_cn}, {NULL, &mini_rx}, {"cn/r", &mini_cn}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        struct stage *stage = new_stage();
        struct rig rig;
        stage->algo = cases[i].algo;
        stage->job_ms = 50;
        open_stage(stage);
        prepare(&rig, stage, cases[i].fallback);
        rig.config.duration_ms = 300;
        enum plab_status status = run(&rig, stage);
        if (i == 1) { /* a name with control characters is refused by the codec, with the login */
            CHECK(status == PLAB_E_PROTOCOL && rig.result.logins == 0);
        } else {
            CHECK_MSG(status == PLAB_E_UNSUPPORTED, "%zu: %s", i, rig.err.text);
            CHECK(rig.result.jobs_refused >= 1 && rig.result.jobs == 0);
            CHECK(stage->pool.connections == 1);
        }
        CHECK(rig.result.hashes == 0);
        free(stage);
    }
}

/* B16 */
TEST(miner, fast_changing_seeds_are_taken_up_slowly) {
    struct stage *stage = new_stage();
    struct rig rig;
    stage->with_seed = stage->new_seeds = true;
    stage->job_ms = 20;
    open_stage(stage);
    prepare(&rig, stage, &mini_rx);
    rig.config.duration_ms = 1000;
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    CHECK(stage->jobs > 15);
    CHECK_MSG(rig.result.jobs >= 1 && rig.result.jobs <= 4, "%u jobs", (unsigned)rig.result.jobs);
    free(stage);
}

/* CryptoNight and RandomX in turns: one scratchpad a thread and one cache, whatever was before. */
/* B19 */
TEST(miner, algorithms_in_turns_need_bounded_memory) {
    struct stage *stage = new_stage();
    struct rig rig;
    stage->with_seed = true;
    stage->other_algo = "cn/0";
    stage->job_ms = 30;
    open_stage(stage);
    prepare(&rig, stage, &mini_rx);
    rig.config.duration_ms = 1200;
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    CHECK_MSG(rig.result.jobs >= 6 && rig.result.jobs_refused == 0, "%u jobs",
              (unsigned)rig.result.jobs);
    size_t most = 2 * ((size_t)2 << 20) + ((size_t)256 << 10) + ((size_t)4 << 20);
    CHECK_MSG(rig.result.pages.asked_bytes <= most, "%zu bytes", rig.result.pages.asked_bytes);
    CHECK(rig.result.workers.seed_builds == 1); /* the seed stayed the same all the time */
    free(stage);
}

TEST(miner, announced_seeds_are_built_ahead) {
    struct stage *stage = new_stage();
    struct rig rig;
    stage->with_seed = stage->new_seeds = stage->announces = true;
    stage->job_ms = 300;
    open_stage(stage);
    prepare(&rig, stage, &mini_rx);
    rig.config.duration_ms = 1200;
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    const struct plab_workers_stats *stats = &rig.result.workers;
    CHECK(stats->seed_builds >= 2);
    CHECK_MSG(stats->caches_ahead >= 1 && stats->caches_ahead < stats->seed_builds, "%u of %u",
              (unsigned)stats->caches_ahead, (unsigned)stats->seed_builds);
    free(stage);
}

TEST(miner, no_pool_at_all) {
    struct stage *stage = new_stage();
    struct rig rig;
    stage->deaf = true;
    prepare(&rig, stage, &mini_cn);
    rig.config.duration_ms = 300;
    CHECK(run(&rig, stage) == PLAB_E_NETWORK);
    CHECK_MSG(strstr(rig.err.text, "connection refused") != NULL, "%s", rig.err.text);
    CHECK(rig.result.hashes == 0);
    free(stage);
}

TEST(miner, public_addresses_never_start) {
    struct stage *stage = new_stage();
    struct rig rig;
    stage->deaf = true;
    prepare(&rig, stage, &mini_cn);
    strcpy(rig.url.host, "8.8.8.8");
    CHECK(run(&rig, stage) == PLAB_E_REFUSED);
    CHECK(rig.result.duration_s <= 0);
    prepare(&rig, stage, &mini_cn);
    strcpy(rig.url.host, "134744072"); /* resolves to it, without a name server */
    CHECK(run(&rig, stage) == PLAB_E_REFUSED);
    CHECK(strstr(rig.err.text, "8.8.8.8") != NULL);
    free(stage);
}

TEST(miner, signals_end_it_with_what_there_is) {
    static const struct {
        int number;
        enum plab_status want;
    } cases[] = {{SIGINT, PLAB_E_INTERRUPTED}, {SIGTERM, PLAB_E_TERMINATED}};
    for (size_t i = 0; i < 2; i++) {
        struct stage *stage = new_stage();
        struct rig rig;
        stage->signal = cases[i].number;
        open_stage(stage);
        prepare(&rig, stage, &mini_cn);
        CHECK(run(&rig, stage) == cases[i].want);
        CHECK(rig.result.interrupted && rig.result.duration_s < 10 && rig.result.hashes > 0);
        free(stage);
    }
}

TEST(miner, a_signal_cancels_a_build) {
    struct stage *stage = new_stage();
    struct rig rig;
    stage->with_seed = true;
    open_stage(stage);
    prepare(&rig, stage, &slow_rx);
    rig.config.workers.rx_mode = PLAB_RX_FAST;
    rig.config.duration_ms = 1500; /* the end of time is no other than a signal */
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    CHECK(rig.result.duration_s < 1.5 + 2.0 * MINI_SLOWNESS && rig.result.hashes == 0);
    free(stage);
}

TEST(miner, statistics_are_lines_of_json) {
    struct stage *stage = new_stage();
    struct rig rig;
    char path[] = "/tmp/plab-stats-XXXXXX", line[200];
    unsigned long long t_ns, hashes, accepted, rejected, last_hashes = 0;
    unsigned lines = 0;
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    open_stage(stage);
    prepare(&rig, stage, &mini_cn);
    rig.config.stats_path = path;
    rig.config.duration_ms = 1300;
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    FILE *file = fdopen(fd, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        CHECK_MSG(sscanf(line,
                         "{\"t_ns\":%llu,\"hashes\":%llu,\"accepted\":%llu,\"rejected\":%llu}\n",
                         &t_ns, &hashes, &accepted, &rejected) == 4,
                  "%s", line);
        CHECK(hashes >= last_hashes && rejected == 0);
        last_hashes = hashes;
        lines++;
    }
    CHECK_MSG(lines >= 2 && lines <= 3, "%u lines", lines); /* one a second, and the last word */
    CHECK(last_hashes == rig.result.hashes);
    fclose(file);
    unlink(path);
    free(stage);
}

TEST(miner, statistics_that_cannot_be_opened) {
    struct stage *stage = new_stage();
    struct rig rig;
    stage->deaf = true;
    prepare(&rig, stage, &mini_cn);
    rig.config.stats_path = "/nonexistent/stats";
    CHECK(run(&rig, stage) == PLAB_E_IO);
    CHECK(strstr(rig.err.text, "/nonexistent/stats") != NULL);
    free(stage);
}
