/* SPDX-License-Identifier: BSD-3-Clause */
/* Proxy mode: a real pool behind a real pool, both here, and workers who see only the first. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "stratum/target.h"
#include "tests/harness.h"
#include "tests/unit/pool_lab.h"

#define UPSTREAM_DIFFICULTY 64
#define WORKER_DIFFICULTY 4

static struct pool_lab origin, proxy;
static struct plab_client_config upstream;
static struct plab_url url;
static struct lab_client a, b;

static void prepare_origin(const struct plab_algo *algo) {
    lab_init(&origin, algo);
    origin.config.difficulty = UPSTREAM_DIFFICULTY;
}

static void prepare_proxy(const struct plab_algo *algo, uint16_t port) {
    lab_init(&proxy, algo);
    plab_client_defaults(&upstream);
    memset(&url, 0, sizeof url); /* tests may share a process */
    snprintf(url.host, sizeof url.host, "127.0.0.1");
    url.port = port;
    upstream.pools = &url;
    upstream.pool_count = 1;
    upstream.retry_base_ms = upstream.retry_cap_ms = 50;
    snprintf(upstream.login.login, sizeof upstream.login.login, "farm");
    snprintf(upstream.login.pass, sizeof upstream.login.pass, "x");
    proxy.config.upstream = &upstream;
    proxy.config.difficulty = WORKER_DIFFICULTY;
}

static void start(const struct plab_algo *algo) {
    prepare_origin(algo);
    lab_start(&origin);
    prepare_proxy(algo, plab_pool_port(origin.pool, 0));
}

static uint8_t top_byte(const struct lab_client *client) {
    return client->job.blob[PLAB_NONCE_OFFSET + 3];
}

/* A share within the worker's part of the nonces that meets the upstream pool's target, or not. */
static uint32_t mine(struct lab_client *client, uint32_t from, bool for_upstream,
                     struct plab_stratum_submit *submit) {
    uint64_t target = plab_target_from_difficulty(UPSTREAM_DIFFICULTY);
    uint32_t nonce = (uint32_t)top_byte(client) << 24 | from;
    do {
        client_mine(client, &proxy, nonce, true, submit);
        memcpy(&nonce, submit->nonce, 4);
        nonce++;
    } while (plab_target_met(submit->result, target) != for_upstream);
    return nonce & 0xffffff;
}

TEST(pool_upstream, shares_that_are_good_enough_are_handed_in) {
    struct plab_stratum_submit submit;
    uint32_t at = 0;
    start(&mini_cn);
    lab_start(&proxy);
    client_login(&a, &proxy, "worker1");
    client_login(&b, &proxy, "worker2");
    CHECK((a.reply.extensions & PLAB_EXT_NICEHASH) != 0);
    CHECK(top_byte(&a) != top_byte(&b));
    CHECK_MEM(a.job.blob, b.job.blob, PLAB_NONCE_OFFSET); /* the same work ... */
    CHECK_U64(plab_difficulty_from_target(a.job.target), WORKER_DIFFICULTY);
    for (int i = 0; i < 3; i++) {
        at = mine(&a, at, false, &submit);
        CHECK_STR(client_submit(&a, &submit), "");
    }
    for (int i = 0; i < 2; i++) {
        at = mine(&a, at, true, &submit);
        CHECK_STR(client_submit(&a, &submit), "");
    }
    CHECK_STR(client_submit(&a, &submit), "Duplicate share"); /* not even asked */
    mine(&b, 0, true, &submit);
    CHECK_STR(client_submit(&b, &submit), "");
    client_close(&a);
    client_close(&b);
    lab_stop(&proxy);
    lab_stop(&origin);
    CHECK_U64(proxy.stats.verdicts[PLAB_VERDICT_ACCEPTED], 6);
    CHECK_U64(proxy.stats.accepted_work, 6 * WORKER_DIFFICULTY);
    CHECK_U64(proxy.stats.upstream_forwarded, 3);
    CHECK_U64(proxy.stats.upstream_accepted, 3);
    CHECK_U64(proxy.stats.verified_hashes, 6);
    CHECK_U64(origin.stats.verdicts[PLAB_VERDICT_ACCEPTED], 3);
    CHECK_U64(origin.stats.rejected, 0);
    CHECK_U64(origin.stats.logins, 1); /* many workers, one session */
}

TEST(pool_upstream, RandomX_with_commitment) {
    struct plab_stratum_submit submit;
    start(&mini_rx_commitment);
    lab_start(&proxy);
    client_login(&a, &proxy, "worker1");
    mine(&a, 0, true, &submit);
    CHECK_STR(client_submit(&a, &submit), "");
    client_close(&a);
    lab_stop(&proxy);
    lab_stop(&origin);
    CHECK_U64(origin.stats.verdicts[PLAB_VERDICT_ACCEPTED], 1);
}

TEST(pool_upstream, difficulty_is_never_above_upstreams) {
    start(&mini_cn);
    lab_start(&proxy);
    client_login(&a, &proxy, "worker1+100000");
    CHECK_U64(plab_difficulty_from_target(a.job.target), UPSTREAM_DIFFICULTY);
    client_login(&b, &proxy, "worker1+7");
    CHECK_U64(plab_difficulty_from_target(b.job.target), 7);
    client_close(&a);
    client_close(&b);
    lab_stop(&proxy);
    lab_stop(&origin);
}

/* Checked here, a wrong hash never leaves the house. Trusted, it is upstream that refuses it. */
TEST(pool_upstream, wrong_hashes) {
    struct plab_stratum_submit submit;
    for (int trust = 0; trust < 2; trust++) {
        start(&mini_cn);
        proxy.config.upstream_trust = trust != 0;
        lab_start(&proxy);
        client_login(&a, &proxy, "worker1");
        mine(&a, 0, true, &submit);
        memset(submit.result, 0, sizeof submit.result);
        CHECK_STR(client_submit(&a, &submit), "Invalid share");
        client_close(&a);
        lab_stop(&proxy);
        lab_stop(&origin);
        CHECK_U64(proxy.stats.verdicts[trust ? PLAB_VERDICT_UPSTREAM : PLAB_VERDICT_INVALID], 1);
        CHECK_U64(proxy.stats.verified_hashes, trust ? 0 : 1);
        CHECK_U64(proxy.stats.upstream_rejected, trust ? 1 : 0);
        CHECK_U64(origin.stats.verdicts[PLAB_VERDICT_INVALID], trust ? 1 : 0);
    }
}

/* S11 */
TEST(pool_upstream, nonces_of_a_neighbour_are_refused) {
    struct plab_stratum_submit submit;
    start(&mini_cn);
    lab_start(&proxy);
    client_login(&a, &proxy, "worker1");
    client_mine(&a, &proxy, (uint32_t)(top_byte(&a) + 1u) << 24, true, &submit);
    CHECK_STR(client_submit(&a, &submit), "Invalid nonce; is miner not compatible with NiceHash?");
    client_close(&a);
    lab_stop(&proxy);
    lab_stop(&origin);
    CHECK_U64(proxy.stats.verdicts[PLAB_VERDICT_WRONG_NONCE], 1);
}

TEST(pool_upstream, new_blocks_are_handed_on) {
    struct plab_stratum_submit submit, late;
    prepare_origin(&mini_cn);
    origin.config.network_difficulty = UPSTREAM_DIFFICULTY;
    lab_start(&origin);
    prepare_proxy(&mini_cn, plab_pool_port(origin.pool, 0));
    lab_start(&proxy);
    client_login(&a, &proxy, "worker1");
    uint64_t height = a.job.height;
    mine(&a, 0, false, &late);
    for (unsigned i = 1; i <= 3; i++) {
        mine(&a, 0, true, &submit);
        CHECK_STR(client_submit(&a, &submit), "");
        while (a.job.height < height + i) {
            CHECK(client_job(&a));
        }
    }
    CHECK_STR(client_submit(&a, &late), "Block expired"); /* known here as well as there */
    client_close(&a);
    lab_stop(&proxy);
    lab_stop(&origin);
    CHECK_U64(origin.stats.blocks_accepted, 3);
    CHECK_U64(proxy.stats.blocks_found, 0); /* they aren't ours */
}

TEST(pool_upstream, loss_of_upstream_costs_no_session) {
    struct plab_stratum_submit submit, old;
    char listen[40];
    start(&mini_cn);
    lab_start(&proxy);
    uint16_t port = plab_pool_port(origin.pool, 0);
    client_login(&a, &proxy, "worker1");
    uint32_t at = mine(&a, 0, true, &old);
    at = mine(&a, at, true, &submit);
    lab_stop(&origin);
    const char *text = client_submit(&a, &submit);
    CHECK_MSG(strstr(text, "upstream pool is not connected") != NULL, "%s", text);
    mine(&a, at, false, &submit);
    CHECK_STR(client_submit(&a, &submit), ""); /* what concerns nobody else is as before */
    prepare_origin(&mini_cn);
    snprintf(listen, sizeof listen, "127.0.0.1:%u", (unsigned)port);
    origin.config.listen[0] = listen;
    origin.config.start_height = 200000;
    lab_start(&origin);
    CHECK(client_job(&a));
    CHECK_U64(a.job.height, 200000);
    CHECK_STR(client_submit(&a, &old), "Block expired"); /* its session is gone */
    mine(&a, 0, true, &submit);
    CHECK_STR(client_submit(&a, &submit), "");
    client_close(&a);
    lab_stop(&proxy);
    lab_stop(&origin);
    CHECK_U64(proxy.stats.logins, 1);
    CHECK_U64(proxy.stats.verdicts[PLAB_VERDICT_OFFLINE], 1);
    CHECK_U64(proxy.stats.upstream_logins, 2);
    CHECK_U64(proxy.stats.upstream_losses, 1);
    CHECK_U64(origin.stats.verdicts[PLAB_VERDICT_ACCEPTED], 1);
}

#define MANY 300
static struct lab_client many[MANY];

TEST(pool_upstream, more_than_256_workers_take_more_sessions) {
    static uint8_t seen[MANY][PLAB_STRATUM_BLOB_MAX];
    start(&mini_cn);
    lab_start(&proxy);
    for (int i = 0; i < MANY; i++) {
        client_login(&many[i], &proxy, "worker");
        memcpy(seen[i], many[i].job.blob, many[i].job.blob_len);
        for (int k = 0; k < i; k++) {
            CHECK_MSG(memcmp(seen[i], seen[k], many[i].job.blob_len) != 0, "%d and %d", i, k);
        }
    }
    for (int i = 0; i < MANY; i++) {
        client_close(&many[i]);
    }
    lab_stop(&proxy);
    lab_stop(&origin);
    CHECK_U64(proxy.stats.upstream_links, 2);
    CHECK_U64(origin.stats.logins, 2);
}

TEST(pool_upstream, a_full_proxy_says_so) {
    start(&mini_cn);
    proxy.config.upstream_links_max = 1;
    lab_start(&proxy);
    for (int i = 0; i < 256; i++) {
        client_login(&many[i], &proxy, "worker");
    }
    client_open(&a, &proxy);
    client_send(&a, "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\"}}\n");
    CHECK(client_response(&a) && !a.reply.ok);
    CHECK_STR(a.reply.error, "No place left, try again later");
    client_close(&a);
    client_close(&many[100]); /* its place is free when the proxy has seen that */
    bool good = false;
    for (int i = 0; i < 100 && !good; i++) {
        client_open(&a, &proxy);
        client_send(&a, "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\"}}\n");
        good = client_response(&a) && a.reply.ok;
        client_close(&a);
    }
    CHECK(good);
    CHECK_U64(a.job.blob[PLAB_NONCE_OFFSET + 3], many[100].job.blob[PLAB_NONCE_OFFSET + 3]);
    for (int i = 0; i < 256; i++) {
        if (i != 100) {
            client_close(&many[i]);
        }
    }
    lab_stop(&proxy);
    lab_stop(&origin);
}

/* A proxy behind a proxy has a top byte given, and so room for one worker a session. */
TEST(pool_upstream, a_proxy_behind_a_proxy) {
    static struct pool_lab outer;
    struct plab_stratum_submit submit;
    start(&mini_cn);
    lab_start(&proxy);
    client_login(&b, &proxy, "neighbour"); /* so that the next byte isn't zero */
    static struct plab_client_config through;
    static struct plab_url inner;
    inner = url;
    inner.port = plab_pool_port(proxy.pool, 0);
    through = upstream;
    through.pools = &inner;
    lab_init(&outer, &mini_cn);
    outer.config.upstream = &through;
    outer.config.difficulty = 2;
    lab_start(&outer);
    client_login(&a, &outer, "worker1");
    CHECK_U64(top_byte(&a), 1);
    client_login(&many[0], &outer, "worker2"); /* waits for a session of its own */
    CHECK_U64(top_byte(&many[0]), 2);
    client_close(&many[0]);
    mine(&a, 0, true, &submit);
    CHECK_STR(client_submit(&a, &submit), "");
    client_close(&a);
    client_close(&b);
    lab_stop(&outer);
    lab_stop(&proxy);
    lab_stop(&origin);
    CHECK_U64(outer.stats.upstream_accepted, 1);
    CHECK(outer.stats.upstream_links >= 2);
    CHECK_U64(proxy.stats.upstream_accepted, 1);
    CHECK_U64(origin.stats.verdicts[PLAB_VERDICT_ACCEPTED], 1);
}

/* P8 for shares that are on their way to upstream; the last ones are when the proxy stops. */
TEST(pool_upstream, workers_who_leave_before_the_verdict) {
    static char line[1000];
    struct plab_stratum_submit submit;
    struct linger reset = {.l_onoff = 1};
    start(&mini_cn);
    lab_start(&proxy);
    for (int round = 0; round < 20; round++) {
        client_login(&a, &proxy, "worker1");
        mine(&a, 0, true, &submit);
        CHECK(plab_stratum_build_submit(line, sizeof line, 9, &submit) > 0);
        client_send(&a, line);
        setsockopt(a.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        plab_clock_sleep_ns((uint64_t)round * 100000);
        client_close(&a);
    }
    lab_stop(&proxy);
    lab_stop(&origin);
    CHECK(proxy.stats.upstream_accepted <= proxy.stats.upstream_forwarded);
    CHECK(origin.stats.verdicts[PLAB_VERDICT_ACCEPTED] >= proxy.stats.upstream_accepted);
    CHECK_U64(origin.stats.rejected, 0);
}

TEST(pool_upstream, by_tls) {
    struct plab_stratum_submit submit;
    struct plab_pool_tls tls;
    prepare_origin(&mini_cn);
    origin.config.listen[0] = "tls://127.0.0.1:0";
    lab_make_tls_dir(&origin);
    lab_start(&origin);
    CHECK(plab_pool_tls(origin.pool, &tls));
    prepare_proxy(&mini_cn, plab_pool_port(origin.pool, 0));
    url.tls = true;
    upstream.tls.ca_file = tls.ca_file;
    lab_start(&proxy);
    client_login(&a, &proxy, "worker1");
    mine(&a, 0, true, &submit);
    CHECK_STR(client_submit(&a, &submit), "");
    client_close(&a);
    lab_stop(&proxy);
    lab_stop(&origin);
    CHECK_U64(origin.stats.verdicts[PLAB_VERDICT_ACCEPTED], 1);
    CHECK_U64(origin.stats.tls_sessions, 1);
}

TEST(pool_upstream, stays_in_the_lab) {
    struct plab_pool *pool;
    prepare_proxy(&mini_cn, 3333);
    snprintf(url.host, sizeof url.host, "8.8.8.8");
    CHECK(plab_pool_create(&pool, &proxy.config, &proxy.err) == PLAB_E_REFUSED);
    CHECK(strstr(proxy.err.text, "8.8.8.8") != NULL);
}

TEST(pool_upstream, waits_for_a_pool_that_is_not_there_yet) {
    prepare_origin(&mini_cn);
    lab_start(&origin);
    uint16_t port = plab_pool_port(origin.pool, 0);
    lab_stop(&origin);
    prepare_proxy(&mini_cn, port);
    lab_start(&proxy); /* nobody is let in before there is work */
    char listen[40];
    snprintf(listen, sizeof listen, "127.0.0.1:%u", (unsigned)port);
    prepare_origin(&mini_cn);
    origin.config.listen[0] = listen;
    lab_start(&origin);
    client_login(&a, &proxy, "worker1");
    client_close(&a);
    lab_stop(&proxy);
    lab_stop(&origin);
}
