/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool with a script of faults, as its miners see it, and what it writes down of that. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "pool/fault_script.h"
#include "tests/harness.h"
#include "tests/unit/pool_lab.h"
#include "tests/unit/tls_peer.h"

static struct pool_lab lab;
static struct lab_client a, b;

/* ---- a pool and its record ---- */

#define NOTED_MAX 64
static struct {
    char kind[40], job_id[40];
    uint32_t session;
} noted[NOTED_MAX];
static size_t noted_count;

static enum plab_status note(void *cookie, const struct plab_pool_event *event,
                             struct plab_error *err) {
    (void)cookie;
    (void)err;
    if (event->kind == PLAB_POOL_EVENT_FAULT && noted_count < NOTED_MAX) {
        snprintf(noted[noted_count].kind, sizeof noted[0].kind, "%s", event->text);
        snprintf(noted[noted_count].job_id, sizeof noted[0].job_id, "%s",
                 event->job_id != NULL ? event->job_id : "");
        noted[noted_count++].session = event->session;
    }
    return PLAB_OK;
}

static struct plab_fault_script *script;

/* With `rules`, each beginning with "  - ". */
static void prepare(const struct plab_algo *algo, const char *rules) {
    char text[1000];
    struct plab_error err;
    snprintf(text, sizeof text, "allow_bad_target: true\nfaults:\n%s", rules);
    CHECK_MSG(plab_fault_script_parse(&script, text, strlen(text), "x", &err) == PLAB_OK, "%s",
              err.text);
    lab_init(&lab, algo);
    lab.config.faults = script;
    lab.config.on_event = note;
    noted_count = 0;
}

static void start(const char *rules) {
    prepare(&mini_cn, rules);
    lab_start(&lab);
}

static void stop(size_t faults, const char *kind) {
    lab_stop(&lab);
    CHECK(lab.status == PLAB_OK);
    CHECK_U64(lab.stats.faults, faults);
    CHECK_U64(noted_count, faults);
    for (size_t i = 0; i < noted_count; i++) {
        CHECK_STR(noted[i].kind, kind);
    }
    plab_fault_script_free(&script);
}

/* The bytes that come until there are `wanted`, or the end, or five seconds are over. */
static size_t listen_for(struct lab_client *client, char *out, size_t cap, size_t wanted,
                         bool *closed, bool *was_reset) {
    uint64_t until_ns = plab_clock_ns() + UINT64_C(5000000000);
    struct timeval patience = {.tv_usec = 10000};
    size_t len = client->len;
    *closed = *was_reset = false;
    memcpy(out, client->buffer, len);
    client->len = 0;
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while (plab_clock_ns() < until_ns && !*closed && len < wanted) {
        ssize_t got = recv(client->fd, out + len, cap - 1 - len, 0);
        *was_reset = got < 0 && errno == ECONNRESET;
        *closed = got == 0 || *was_reset;
        len += got > 0 ? (size_t)got : 0;
    }
    out[len] = '\0';
    patience = (struct timeval){.tv_sec = 5};
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return len;
}

static void ask_job(struct lab_client *client) {
    char line[300];
    snprintf(line, sizeof line, "{\"id\":9,\"method\":\"getjob\",\"params\":{\"id\":\"%s\"}}\n",
             client->session);
    client_send(client, line);
}

static void ask_keepalive(struct lab_client *client, int id) {
    char line[300];
    snprintf(line, sizeof line,
             "{\"id\":%d,\"method\":\"keepalived\",\"params\":{\"id\":\"%s\"}}\n", id,
             client->session);
    client_send(client, line);
}

/* ---- silence and slowness ---- */

TEST(pool_faults, stall) {
    struct plab_stratum_submit submit;
    start("  - {kind: stall, when: share, for: 400ms, worker: victim}\n");
    client_login(&a, &lab, "victim");
    client_login(&b, &lab, "bystander");
    client_mine(&b, &lab, 0, true, &submit);
    CHECK_STR(client_submit(&b, &submit), "");
    client_mine(&a, &lab, 0, true, &submit);
    uint64_t began_ns = plab_clock_ns();
    CHECK_STR(client_submit(&a, &submit), ""); /* late, but whole */
    CHECK(plab_clock_ns() - began_ns >= UINT64_C(400000000));
    ask_keepalive(&a, 5);
    CHECK(client_response(&a) && a.reply.ok); /* and everything as before */
    client_close(&a);
    client_close(&b);
    stop(1, "stall");
    CHECK_U64(noted[0].session, 1);
}

TEST(pool_faults, half_line_and_the_other_half) {
    start("  - {kind: half_line, when: job, nth: 2, for: 300ms}\n");
    client_login(&a, &lab, "w");
    uint64_t began_ns = plab_clock_ns();
    ask_job(&a);
    CHECK(client_response(&a) && client_job(&a));
    CHECK(plab_clock_ns() - began_ns >= UINT64_C(300000000));
    client_close(&a);
    stop(1, "half_line");
}

TEST(pool_faults, half_line_and_the_end) {
    static char text[4096];
    bool closed, was_reset;
    start("  - {kind: half_line, when: job, nth: 2, for: 100ms, then: fin, session: 1}\n"
          "  - {kind: half_line, when: job, nth: 2, for: 100ms, then: rst, session: 2}\n");
    for (int round = 0; round < 2; round++) {
        client_login(&a, &lab, "w");
        ask_job(&a);
        CHECK(client_response(&a));
        size_t len = listen_for(&a, text, sizeof text, sizeof text - 1, &closed, &was_reset);
        CHECK(closed && was_reset == (round == 1));
        CHECK(len > 50 && strchr(text, '\n') == NULL);
        CHECK(strncmp(text, "{\"jsonrpc\":\"2.0\",\"method\":\"job\"", 31) == 0);
        client_close(&a);
    }
    stop(2, "half_line");
}

TEST(pool_faults, slow_bytes) {
    start("  - {kind: slow_bytes, when: login, bytes: 8, interval: 5ms}\n");
    uint64_t began_ns = plab_clock_ns();
    client_login(&a, &lab, "w"); /* some 450 bytes */
    CHECK(plab_clock_ns() - began_ns >= UINT64_C(100000000));
    client_close(&a);
    stop(1, "slow_bytes");
}

/* ---- ends ---- */

TEST(pool_faults, rst_and_fin) {
    static char text[4096];
    bool closed, was_reset;
    start("  - {kind: rst, when: login, nth: 1}\n"
          "  - {kind: fin, when: connect, nth: 2}\n");
    client_open(&a, &lab);
    client_send(&a, "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\"}}\n");
    CHECK_U64(listen_for(&a, text, sizeof text, sizeof text - 1, &closed, &was_reset), 0);
    CHECK(closed && was_reset);
    client_close(&a);
    client_open(&a, &lab);
    CHECK_U64(listen_for(&a, text, sizeof text, sizeof text - 1, &closed, &was_reset), 0);
    CHECK(closed && !was_reset);
    client_close(&a);
    client_login(&a, &lab, "w"); /* all others are served */
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(noted_count, 2);
    CHECK_STR(noted[0].kind, "rst");
    CHECK_STR(noted[1].kind, "fin");
    plab_fault_script_free(&script);
}

/* ---- what isn't Stratum ---- */

TEST(pool_faults, garbage_has_a_seed) {
    static char text[2][4096];
    size_t len[2];
    bool closed, was_reset;
    for (int round = 0; round < 2; round++) {
        start("  - {kind: garbage, when: connect, bytes: 100}\n");
        client_open(&a, &lab);
        len[round] = listen_for(&a, text[round], sizeof text[0], 100, &closed, &was_reset);
        client_close(&a);
        stop(1, "garbage");
    }
    CHECK_U64(len[0], 100);
    CHECK_U64(len[1], 100);
    CHECK_MEM(text[0], text[1], 100);
    start("  - {kind: garbage, when: connect, text: \"<html>\\n\"}\n");
    client_open(&a, &lab);
    listen_for(&a, text[0], sizeof text[0], 7, &closed, &was_reset);
    CHECK_STR(text[0], "<html>\n");
    client_close(&a);
    stop(1, "garbage");
}

TEST(pool_faults, extra_and_reconnect) {
    static char text[4096];
    char expected[300];
    bool closed, was_reset;
    start("  - {kind: extra, when: login, text: '{\"method\":\"x\"}'}\n"
          "  - {kind: reconnect_notice, when: login}\n"
          "  - {kind: reconnect_notice, when: login, host: 10.0.0.5, port: 3334}\n");
    client_open(&a, &lab);
    client_send(&a, "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\"}}\n");
    snprintf(expected, sizeof expected,
             "{\"method\":\"x\"}\n"
             "{\"jsonrpc\":\"2.0\",\"method\":\"client.reconnect\",\"params\":[\"127.0.0.1\","
             "\"%u\"]}\n"
             "{\"jsonrpc\":\"2.0\",\"method\":\"client.reconnect\",\"params\":[\"10.0.0.5\","
             "\"3334\"]}\n{",
             plab_pool_port(lab.pool, 0));
    listen_for(&a, text, sizeof text, strlen(expected), &closed, &was_reset);
    CHECK_MSG(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(noted_count, 3);
    plab_fault_script_free(&script);
}

/* ---- jobs ---- */

TEST(pool_faults, job_storm) {
    start("  - {kind: job_storm, when: answer, nth: 2, count: 50, interval: 1ms}\n");
    client_login(&a, &lab, "w");
    ask_keepalive(&a, 2);
    CHECK(client_response(&a));
    for (int i = 0; i < 50; i++) {
        CHECK(client_job(&a));
    }
    ask_keepalive(&a, 3);
    CHECK(client_response(&a));
    CHECK_U64(a.jobs, 50);
    client_close(&a);
    stop(1, "job_storm");
    CHECK_U64(lab.stats.jobs, 51);
}

TEST(pool_faults, duplicate_job) {
    char id[PLAB_STRATUM_ID_MAX + 1];
    struct plab_stratum_submit submit;
    start("  - {kind: duplicate_job, nth: 2}\n");
    client_login(&a, &lab, "w");
    ask_job(&a);
    CHECK(client_response(&a) && client_job(&a));
    memcpy(id, a.job.job_id, sizeof id);
    CHECK(client_job(&a));
    CHECK_STR(a.job.job_id, id);
    client_mine(&a, &lab, 0, true, &submit);
    CHECK_STR(client_submit(&a, &submit), "");
    client_close(&a);
    stop(1, "duplicate_job");
}

TEST(pool_faults, spoilt_jobs) {
    static char line[4096];
    bool closed, was_reset;
    uint8_t seed[32];
    prepare(&mini_rx, "  - {kind: stale_seed, nth: 2}\n"
                      "  - {kind: wrong_algo, nth: 3, algo: rx/else}\n"
                      "  - {kind: bad_target, nth: 4}\n");
    lab_start(&lab);
    client_login(&a, &lab, "w");
    memcpy(seed, a.job.seed_hash, 32);
    ask_job(&a);
    CHECK(client_response(&a) && client_job(&a));
    CHECK(memcmp(a.job.seed_hash, seed, 32) != 0);
    CHECK_STR(noted[0].kind, "stale_seed");
    CHECK_STR(noted[0].job_id, a.job.job_id);
    ask_job(&a);
    CHECK(client_response(&a) && client_job(&a));
    CHECK_STR(a.job.algo, "rx/else");
    CHECK_MEM(a.job.seed_hash, seed, 32);
    ask_job(&a);
    CHECK(client_response(&a));
    listen_for(&a, line, sizeof line, 200, &closed, &was_reset);
    CHECK_MSG(strstr(line, "\"target\":\"00000000\"") != NULL, "%s", line);
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(noted_count, 3);
    CHECK_STR(noted[1].kind, "wrong_algo");
    CHECK_STR(noted[2].kind, "bad_target");
    plab_fault_script_free(&script);
}

TEST(pool_faults, seed_change_is_a_real_one) {
    struct plab_stratum_submit submit;
    uint8_t seed[32];
    prepare(&mini_rx, "  - {kind: seed_change, when: share, nth: 1}\n");
    lab.config.difficulty = 1;
    lab_start(&lab);
    client_login(&a, &lab, "w");
    memcpy(seed, a.job.seed_hash, 32);
    client_mine(&a, &lab, 0, true, &submit);
    const char *text = client_submit(&a, &submit); /* late, when the change was quicker */
    CHECK_MSG(text[0] == '\0' || strcmp(text, "Block expired") == 0, "%s", text);
    while (memcmp(a.job.seed_hash, seed, 32) == 0) {
        CHECK(client_job(&a));
    }
    client_mine(&a, &lab, 0, true, &submit);
    CHECK_STR(client_submit(&a, &submit), "");
    client_close(&a);
    stop(1, "seed_change");
    CHECK(lab.stats.verdicts[PLAB_VERDICT_ACCEPTED] >= 1);
}

/* ---- answers ---- */

TEST(pool_faults, lost_answers) {
    unsigned answered = 0;
    start("  - {kind: drop_answers, probability: 0.5, after: 0s}\n");
    client_open(&a, &lab);
    do { /* even the login's may be lost */
        client_send(&a, "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\"}}\n");
        struct timeval patience = {.tv_usec = 200000};
        setsockopt(a.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    } while (!client_response(&a));
    memcpy(a.session, a.reply.session_id, sizeof a.session);
    struct timeval longer = {.tv_sec = 1};
    setsockopt(a.fd, SOL_SOCKET, SO_RCVTIMEO, &longer, sizeof longer);
    for (int i = 0; i < 40; i++) {
        ask_keepalive(&a, 100 + i);
    }
    while (client_response(&a)) {
        answered++;
    }
    CHECK_MSG(answered > 5 && answered < 35, "%u of 40", answered);
    client_close(&a);
    lab_stop(&lab);
    CHECK(noted_count >= 40 - answered);
    plab_fault_script_free(&script);
}

TEST(pool_faults, refused_logins) {
    start("  - {kind: refuse_login, times: 1, text: under maintenance}\n");
    client_open(&a, &lab);
    client_send(&a, "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\"}}\n");
    CHECK(client_response(&a) && !a.reply.ok);
    CHECK_STR(a.reply.error, "under maintenance");
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    client_login(&a, &lab, "w");
    client_close(&a);
    stop(1, "refuse_login");
    CHECK_U64(lab.stats.refused_logins, 1);
}

/* ---- certificates ---- */

/* OpenSSL's own opinion of the certificate that a new connection sees. */
static bool is_trusted(void) {
    struct plab_pool_tls tls;
    SSL_CTX *context = tls_peer_context(NULL, TLS1_2_VERSION, TLS1_3_VERSION);
    CHECK(plab_pool_tls(lab.pool, &tls));
    CHECK(SSL_CTX_load_verify_file(context, tls.ca_file) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    client_open_at(&b, &lab, 0, context);
    bool trusted = b.ssl != NULL;
    client_close(&b);
    SSL_CTX_free(context);
    return trusted;
}

TEST(pool_faults, certificate_change) {
    signal(SIGPIPE, SIG_IGN);
    prepare(&mini_cn, "  - {kind: tls_cert_change, when: login, nth: 1, certificate: self_signed}\n"
                      "  - {kind: tls_cert_change, when: login, nth: 2}\n");
    lab.config.listen[0] = "tls://127.0.0.1:0";
    lab.config.listen[1] = "tcp://127.0.0.1:0";
    lab.config.listen_count = 2;
    lab_make_tls_dir(&lab);
    lab_start(&lab);
    CHECK(is_trusted());
    client_open_at(&a, &lab, 1, NULL);
    client_log_in(&a, "first");
    client_close(&a);
    CHECK(!is_trusted());
    client_open_at(&a, &lab, 1, NULL);
    client_log_in(&a, "second");
    client_close(&a);
    CHECK(is_trusted());
    stop(2, "tls_cert_change");
}

/* ---- by time ---- */

TEST(pool_faults, by_time) {
    start("  - {kind: extra, at: 0s, repeat: 50ms, text: '{\"method\":\"tick\"}', times: 4,\n"
          "     worker: \"w*\"}\n");
    client_login(&a, &lab, "w1");
    struct plab_stratum_reply reply;
    struct plab_error err;
    char line[200];
    for (int i = 0; i < 4; i++) {
        size_t len = 0;
        while (len == 0 || line[len - 1] != '\n') {
            if (a.len > 0) {
                line[len++] = a.buffer[0];
                memmove(a.buffer, a.buffer + 1, --a.len);
            } else {
                CHECK(recv(a.fd, line + len, 1, 0) == 1);
                len++;
            }
        }
        CHECK(plab_stratum_parse_reply(line, len - 1, &reply, &err) == PLAB_OK);
        CHECK(reply.event == PLAB_EVENT_NOTICE);
    }
    client_close(&a);
    stop(4, "extra");
}

/* ---- scripts that don't suit the pool ---- */

static const char *refusal(const char *rules) {
    struct plab_pool *pool;
    prepare(&mini_cn, rules);
    CHECK(plab_pool_create(&pool, &lab.config, &lab.err) == PLAB_E_USAGE);
    plab_fault_script_free(&script);
    return lab.err.text;
}

TEST(pool_faults, scripts_that_do_not_suit) {
    CHECK(strstr(refusal("  - {kind: seed_change, at: 1s}\n"), "RandomX") != NULL);
    CHECK(strstr(refusal("  - {kind: tls_cert_change, at: 1s}\n"), "tls://") != NULL);
}
