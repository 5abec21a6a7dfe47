/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool through its front door: verdicts on shares, blocks, seeds, difficulty, start and end. */
#include <stdio.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "pow/hasher.h"
#include "stratum/target.h"
#include "tests/harness.h"
#include "tests/unit/pool_lab.h"

static struct pool_lab lab;
static struct lab_client a, b;

TEST(pool, good_share_then_duplicate) {
    struct plab_stratum_submit submit;
    lab_init(&lab, &mini_cn);
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    CHECK(a.reply.extensions == PLAB_EXT_KEEPALIVE);
    CHECK_STR(a.job.algo, "mini-cn");
    CHECK(a.job.has_height && a.job.height == 100000);
    CHECK_U64(plab_difficulty_from_target(a.job.target), 4);
    client_mine(&a, &lab, 0, true, &submit);
    CHECK_STR(client_submit(&a, &submit), "");
    CHECK_STR(a.reply.status, "OK");
    CHECK_STR(client_submit(&a, &submit), "Duplicate share");
    client_mine(&a, &lab, 1000, true, &submit);
    CHECK_STR(client_submit(&a, &submit), "");
    client_close(&a);
    lab_stop(&lab);
    CHECK(lab.status == PLAB_OK);
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_ACCEPTED], 2);
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_DUPLICATE], 1);
    CHECK_U64(lab.stats.rejected, 1);
    CHECK_U64(lab.stats.accepted_work, 8);
    CHECK_U64(lab.stats.verified_hashes, 2);
    CHECK_U64(lab.stats.logins, 1);
}

TEST(pool, low_and_invalid_shares) {
    struct plab_stratum_submit submit;
    lab_init(&lab, &mini_cn);
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    client_mine(&a, &lab, 0, false, &submit);
    CHECK_STR(client_submit(&a, &submit), "Low difficulty share");
    client_mine(&a, &lab, 100, false, &submit);
    memset(submit.result, 0, sizeof submit.result); /* claims the best hash there is */
    CHECK_STR(client_submit(&a, &submit), "Invalid share");
    client_mine(&a, &lab, 200, true, &submit);
    submit.result[0] ^= 1;
    CHECK_STR(client_submit(&a, &submit), "Invalid share");
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_LOW], 1);
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_INVALID], 2);
    /* The first was found out by its own claim. */
    CHECK_U64(lab.stats.verified_hashes, 2);
}

TEST(pool, sessions_do_not_share_work) {
    struct plab_stratum_submit submit, stolen;
    lab_init(&lab, &mini_cn);
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    client_login(&b, &lab, "worker2");
    CHECK(strcmp(a.session, b.session) != 0);
    CHECK(strcmp(a.job.job_id, b.job.job_id) != 0);
    CHECK(memcmp(a.job.blob, b.job.blob, 76) != 0);
    client_mine(&a, &lab, 0, true, &submit);
    stolen = submit;
    CHECK_STR(client_submit(&b, &stolen), "Unauthenticated"); /* a's session id */
    memcpy(stolen.session_id, b.session, sizeof stolen.session_id);
    CHECK_STR(client_submit(&b, &stolen), "Invalid job id"); /* a's job */
    memcpy(stolen.job_id, b.job.job_id, sizeof stolen.job_id);
    CHECK_STR(client_submit(&b, &stolen), "Invalid share"); /* a's hash */
    CHECK_STR(client_submit(&a, &submit), "");
    client_close(&a);
    client_close(&b);
    lab_stop(&lab);
}

TEST(pool, older_jobs_keep_their_target_until_forgotten) {
    struct plab_stratum_submit first, second;
    char line[300];
    lab_init(&lab, &mini_cn);
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    client_mine(&a, &lab, 0, true, &first);
    client_mine(&a, &lab, 500, true, &second);
    for (int i = 0; i < 9; i++) {
        snprintf(line, sizeof line,
                 "{\"id\":\"j%d\",\"method\":\"getjob\",\"params\":{\"id\":\"%s\"}}\n", i,
                 a.session);
        client_send(&a, line);
        CHECK(client_response(&a) && a.reply.ok && a.reply.id.is_text);
        CHECK(client_job(&a));
        if (i == 6) {
            CHECK_STR(client_submit(&a, &first), ""); /* the eighth-newest is still kept */
        }
    }
    CHECK_STR(client_submit(&a, &second), "Block expired");
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_STALE], 1);
}

TEST(pool, a_block_moves_the_chain_for_everybody) {
    struct plab_stratum_submit block, late;
    lab_init(&lab, &mini_cn);
    lab.config.difficulty = 2;
    lab.config.network_difficulty = 2;
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    client_login(&b, &lab, "worker2");
    client_mine(&a, &lab, 0, true, &block);
    client_mine(&b, &lab, 0, true, &late);
    uint64_t height = a.job.height;
    uint8_t old_parent[32];
    memcpy(old_parent, a.job.blob + 7, 32);
    CHECK_STR(client_submit(&a, &block), "");
    CHECK(client_job(&a) && client_job(&b));
    CHECK_U64(a.job.height, height + 1);
    CHECK_U64(b.job.height, height + 1);
    CHECK(memcmp(a.job.blob + 7, old_parent, 32) != 0);
    CHECK_MEM(a.job.blob + 7, b.job.blob + 7, 32);
    CHECK_STR(client_submit(&b, &late), "Block expired");
    client_close(&a);
    client_close(&b);
    lab_stop(&lab);
    CHECK_U64(lab.stats.blocks_found, 1);
    CHECK_U64(lab.stats.blocks_accepted, 1);
    CHECK_U64(lab.stats.height, height + 1);
}

TEST(pool, seeds_rotate_without_a_lost_share) {
    struct plab_stratum_submit submit;
    uint8_t seed[32];
    unsigned changes = 0;
    lab_init(&lab, &mini_rx);
    lab.config.difficulty = 1;
    lab.config.network_difficulty = 1;
    lab.config.epoch_blocks = 3;
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    CHECK(a.job.has_seed);
    memcpy(seed, a.job.seed_hash, 32);
    for (int i = 0; i < 14; i++) {
        client_mine(&a, &lab, 0, true, &submit);
        bool announced = a.job.has_next_seed;
        CHECK(announced == (i % 3 == 2));
        CHECK_STR(client_submit(&a, &submit), "");
        CHECK(client_job(&a));
        changes += memcmp(seed, a.job.seed_hash, 32) != 0;
        memcpy(seed, a.job.seed_hash, 32);
    }
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(changes, 4);
    CHECK(lab.stats.seed_builds >= 5);
    CHECK_U64(lab.stats.blocks_accepted, 14);
    CHECK_U64(lab.stats.rejected, 0);
}

TEST(pool, commitments) {
    struct plab_stratum_submit submit, bad;
    lab_init(&lab, &mini_rx_commitment);
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    client_mine(&a, &lab, 0, true, &submit);
    bad = submit;
    bad.has_commitment = false;
    CHECK_STR(client_submit(&a, &bad), "Invalid share");
    client_mine(&a, &lab, 1000, true, &submit);
    bad = submit; /* the fields the way the specification names them */
    memcpy(bad.result, submit.commitment, 32);
    memcpy(bad.commitment, submit.result, 32);
    const char *text = client_submit(&a, &bad);
    CHECK(strcmp(text, "Invalid share") == 0 || strcmp(text, "Low difficulty share") == 0);
    client_mine(&a, &lab, 2000, true, &submit);
    CHECK_STR(client_submit(&a, &submit), "");
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(lab.stats.verified_hashes,
              1); /* the others were found out before the expensive hash */
}

TEST(pool, consistent_commitment_of_a_wrong_hash) {
    struct plab_stratum_submit submit;
    lab_init(&lab, &mini_rx_commitment);
    lab.config.difficulty = 1;
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    client_mine(&a, &lab, 0, true, &submit);
    submit.commitment[0] ^= 1; /* a raw hash that was never computed, and its true commitment */
    plab_algo_pow_value(&mini_rx_commitment, a.job.blob, a.job.blob_len, submit.commitment,
                        submit.result);
    CHECK_STR(client_submit(&a, &submit), "Invalid share");
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(lab.stats.verified_hashes, 1);
}

TEST(pool, difficulty_follows_the_miner) {
    struct plab_stratum_submit submit;
    lab_init(&lab, &mini_cn);
    lab.config.difficulty = 0;
    lab.config.vardiff_start = 2;
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    for (uint32_t i = 0; a.jobs == 0 && i < 10; i++) {
        client_mine(&a, &lab, i * 1000, true, &submit);
        CHECK_STR(client_submit(&a, &submit), "");
        if (i == 3) {
            CHECK(client_job(&a)); /* four shares at once are evidence enough */
        }
    }
    CHECK_U64(plab_difficulty_from_target(a.job.target), 16);
    client_close(&a);
    lab_stop(&lab);
}

TEST(pool, difficulty_by_wish_and_never_above_the_networks) {
    lab_init(&lab, &mini_cn);
    lab.config.network_difficulty = 50;
    lab_start(&lab);
    client_login(&a, &lab, "worker1+9");
    CHECK_U64(plab_difficulty_from_target(a.job.target), 9);
    client_login(&b, &lab, "worker1+100000000");
    CHECK_U64(plab_difficulty_from_target(b.job.target), 50);
    client_close(&a);
    client_close(&b);
    lab_stop(&lab);
}

TEST(pool, jobs_are_renewed) {
    lab_init(&lab, &mini_cn);
    lab.config.job_interval_ms = 50;
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    uint64_t height = a.job.height;
    char id[PLAB_STRATUM_ID_MAX + 1];
    memcpy(id, a.job.job_id, sizeof id);
    CHECK(client_job(&a));
    CHECK_U64(a.job.height, height);
    CHECK(strcmp(a.job.job_id, id) != 0);
    client_close(&a);
    lab_stop(&lab);
}

TEST(pool, keepalive_and_unknown_methods) {
    char line[300];
    lab_init(&lab, &mini_cn);
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    snprintf(
        line, sizeof line,
        "{\"id\":77,\"jsonrpc\":\"2.0\",\"method\":\"keepalived\",\"params\":{\"id\":\"%s\"}}\n",
        a.session);
    client_send(&a, line);
    CHECK(client_response(&a) && a.reply.ok);
    CHECK_STR(a.reply.status, "KEEPALIVED");
    CHECK_U64(a.reply.id.number, 77);
    client_send(&a, "{\"id\":78,\"method\":\"keepalived\",\"params\":{\"id\":\"0\"}}\n");
    CHECK(client_response(&a));
    CHECK_STR(a.reply.error, "Unauthenticated");
    client_send(&a, "{\"id\":79,\"method\":\"__proto__\",\"params\":{}}\n");
    CHECK(client_response(&a) && !a.reply.ok);
    client_close(&a);
    lab_stop(&lab);
}

static enum plab_status try_listen(const char *where, char *text) {
    lab_init(&lab, &mini_cn);
    lab.config.listen[0] = where;
    struct plab_pool *pool;
    enum plab_status status = plab_pool_create(&pool, &lab.config, &lab.err);
    memcpy(text, lab.err.text, sizeof lab.err.text);
    plab_pool_destroy(&pool);
    return status;
}

TEST(pool, listens_on_lab_addresses_only) {
    char text[512];
    CHECK(try_listen("0.0.0.0:0", text) == PLAB_E_REFUSED);
    CHECK(try_listen("[::]:0", text) == PLAB_E_REFUSED);
    CHECK(try_listen("8.8.8.8:3333", text) == PLAB_E_REFUSED);
    CHECK(strstr(text, "8.8.8.8") != NULL);
    CHECK(try_listen("[::ffff:8.8.8.8]:3333", text) == PLAB_E_REFUSED);
    CHECK(try_listen("tls://8.8.8.8:3333", text) == PLAB_E_REFUSED);
    CHECK(try_listen("auto://0.0.0.0:3333", text) == PLAB_E_REFUSED);
    static const char *const bad[] = {"",
                                      "127.0.0.1",
                                      ":3333",
                                      "x:1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:1x",
                                      "127.0.0.1:-1",
                                      "::1:3333",
                                      "[127.0.0.1]:1",
                                      "127.0.0.1: 1",
                                      "[::1:3",
                                      "tls://",
                                      "tls:127.0.0.1:0",
                                      "http://127.0.0.1:0",
                                      "tls://tls://127.0.0.1:0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_MSG(try_listen(bad[i], text) == PLAB_E_USAGE, "%s", bad[i]);
    }
}

TEST(pool, port_in_use_is_said_clearly) {
    static struct pool_lab other;
    char where[40], text[512];
    lab_init(&other, &mini_cn);
    lab_start(&other);
    snprintf(where, sizeof where, "127.0.0.1:%u", plab_pool_port(other.pool, 0));
    CHECK(try_listen(where, text) == PLAB_E_RESOURCE);
    CHECK_MSG(strstr(text, where) != NULL && strstr(text, "in use") != NULL, "%s", text);
    lab_stop(&other);
}

TEST(pool, several_listeners) {
    lab_init(&lab, &mini_cn);
    lab.config.listen[1] = "localhost:0";
    lab.config.listen_count = 2;
    lab_start(&lab);
    CHECK(plab_pool_port(lab.pool, 0) != plab_pool_port(lab.pool, 1));
    CHECK(plab_pool_port(lab.pool, 1) != 0);
    lab_stop(&lab);
}

static enum plab_status full_disk(void *cookie, const struct plab_pool_event *event,
                                  struct plab_error *err) {
    (void)cookie;
    return event->kind == PLAB_POOL_EVENT_LOGIN ? plab_fail(err, PLAB_E_IO, "disk full") : PLAB_OK;
}

TEST(pool, a_record_that_cannot_be_kept_ends_the_run) {
    lab_init(&lab, &mini_cn);
    lab.config.on_event = full_disk;
    lab_start(&lab);
    client_open(&a, &lab);
    client_send(&a,
                "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\",\"pass\":\"x\"}}\n");
    lab_wait(&lab);
    CHECK(lab.status == PLAB_E_IO);
    CHECK_STR(lab.err.text, "disk full");
    client_close(&a);
}

TEST(pool, ends_by_itself) {
    lab_init(&lab, &mini_cn);
    lab.config.duration_ms = 100;
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    lab_wait(&lab);
    CHECK(lab.status == PLAB_OK);
    CHECK(client_is_hung_up(&a));
    CHECK(lab.stats.duration_s >= 0.09 && lab.stats.duration_s < 2);
    client_close(&a);
}

/* A build of minutes must not hold up the end. */
TEST(pool, stops_at_once_while_a_cache_is_built) {
    struct plab_algo huge = mini_rx;
    struct plab_rx_params params = mini_rx_params;
    params.argon_passes = 4000;
    huge.rx = &params;
    lab_init(&lab, &huge);
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    uint64_t began_ns = plab_clock_ns();
    lab_stop(&lab);
    CHECK(plab_clock_ns() - began_ns < UINT64_C(1000000000));
    client_close(&a);
}

TEST(pool, a_sample_is_hashed_and_the_rest_is_believed) {
    struct plab_stratum_submit submit;
    lab_init(&lab, &mini_cn);
    lab.config.verify_percent = 0;
    lab.config.network_difficulty = 8;
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    client_mine(&a, &lab, 0, false, &submit);
    CHECK_STR(client_submit(&a, &submit), "Low difficulty share"); /* claims are still looked at */
    client_mine(&a, &lab, 100, false, &submit);
    memset(submit.result, 0, sizeof submit.result);
    CHECK_STR(client_submit(&a, &submit), "");
    CHECK_STR(client_submit(&a, &submit), "Duplicate share");
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_ACCEPTED], 1);
    CHECK_U64(lab.stats.unverified, 1);
    CHECK_U64(lab.stats.verified_hashes, 0);
    /* It claims to be a block, too, which nobody believes. */
    CHECK_U64(lab.stats.blocks_found, 0);
}

TEST(pool, a_sample_finds_lies) {
    struct plab_stratum_submit submit;
    lab_init(&lab, &mini_cn);
    lab.config.verify_percent = 50;
    lab.config.bad_shares_max = 1000;
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    client_mine(&a, &lab, 0, false, &submit);
    memset(submit.result, 0, sizeof submit.result);
    for (uint32_t i = 0; i < 64; i++) {
        plab_store32_le(submit.nonce, 0x1000000 + i);
        client_submit(&a, &submit);
    }
    client_close(&a);
    lab_stop(&lab);
    /* Beyond these bounds in one of 10^9 runs. */
    CHECK(lab.stats.unverified > 8 && lab.stats.unverified < 56);
    CHECK_U64(lab.stats.verified_hashes, 64 - lab.stats.unverified);
    CHECK(lab.stats.verdicts[PLAB_VERDICT_INVALID] > 0);
}
