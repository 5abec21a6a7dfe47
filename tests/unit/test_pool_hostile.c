/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pool among strangers: malformed, hostile and clumsy clients. Letters and numbers name the
 * kinds: P connections, L logins, S submits.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tests/harness.h"
#include "tests/unit/pool_lab.h"

static struct pool_lab lab;
static struct lab_client a, b;

static void start(void) {
    lab_init(&lab, &mini_cn);
    lab_start(&lab);
}

/* The pool still serves somebody else. */
static void check_alive(void) {
    static struct lab_client other;
    struct plab_stratum_submit submit;
    client_login(&other, &lab, "bystander");
    client_mine(&other, &lab, 0, true, &submit);
    CHECK_STR(client_submit(&other, &submit), "");
    client_close(&other);
}

TEST(pool_hostile, P1_silence) {
    lab_init(&lab, &mini_cn);
    lab.config.login_deadline_ms = 300;
    lab_start(&lab);
    client_open(&a, &lab);
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    check_alive();
    lab_stop(&lab);
}

TEST(pool_hostile, P2_slow_bytes_do_not_extend_the_deadline) {
    lab_init(&lab, &mini_cn);
    lab.config.login_deadline_ms = 500;
    lab_start(&lab);
    client_open(&a, &lab);
    uint64_t began_ns = plab_clock_ns();
    char byte;
    do {
        client_send(&a, began_ns == 0 ? "" : "{");
        plab_clock_sleep_ns(50000000);
    } while (recv(a.fd, &byte, 1, MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) &&
             plab_clock_ns() - began_ns < UINT64_C(4000000000));
    CHECK(plab_clock_ns() - began_ns < UINT64_C(2000000000));
    client_close(&a);
    lab_stop(&lab);
}

TEST(pool_hostile, P3_connections_of_one_host) {
    static struct lab_client many[5];
    lab_init(&lab, &mini_cn);
    lab.config.sessions_per_host = 4;
    lab_start(&lab);
    for (int i = 0; i < 4; i++) {
        client_login(&many[i], &lab, "worker");
    }
    client_open(&many[4], &lab);
    CHECK(client_is_hung_up(&many[4]));
    client_close(&many[4]);
    client_close(&many[0]);
    plab_clock_sleep_ns(200000000);
    client_login(&many[0], &lab, "worker"); /* there is room again */
    for (int i = 0; i < 4; i++) {
        client_close(&many[i]);
    }
    lab_stop(&lab);
    CHECK_U64(lab.stats.refused_connections, 1);
}

TEST(pool_hostile, P4_endless_line) {
    static char junk[65536];
    start();
    client_open(&a, &lab);
    memset(junk, ' ', sizeof junk);
    junk[0] = '{';
    client_send_bytes(&a, junk, sizeof junk);
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    check_alive();
    lab_stop(&lab);
    CHECK_U64(lab.stats.protocol_errors, 1);
}

TEST(pool_hostile, P5_requests_in_one_segment_and_in_single_bytes) {
    char text[600];
    start();
    client_login(&a, &lab, "worker1");
    int len = 0;
    for (int i = 0; i < 3; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len,
                        "{\"id\":%d,\"method\":\"keepalived\",\"params\":{\"id\":\"%s\"}}\r\n",
                        10 + i, a.session);
    }
    client_send(&a, text);
    for (int i = 0; i < 3; i++) {
        CHECK(client_response(&a) && a.reply.ok);
        CHECK_U64(a.reply.id.number, 10 + i);
    }
    for (int i = 0; i < len; i++) {
        client_send_bytes(&a, text + i, 1);
    }
    for (int i = 0; i < 3; i++) {
        CHECK(client_response(&a) && a.reply.ok);
    }
    client_close(&a);
    lab_stop(&lab);
}

TEST(pool_hostile, P6_client_that_never_reads) {
    char line[300];
    int small = 4096;
    lab_init(&lab, &mini_cn);
    lab.config.job_interval_ms = 2; /* a storm of jobs */
    lab_start(&lab);
    client_open(&a, &lab);
    setsockopt(a.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    client_send(&a,
                "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\",\"pass\":\"x\"}}\n");
    CHECK(client_response(&a) && a.reply.ok);
    memcpy(a.session, a.reply.session_id, sizeof a.session);
    snprintf(line, sizeof line, "{\"id\":2,\"method\":\"getjob\",\"params\":{\"id\":\"%s\"}}\n",
             a.session);
    /* Asking without reading the answers fills what the pool can't send. */
    for (int i = 0; i < 250; i++) {
        client_send(&a, line);
    }
    uint64_t began_ns = plab_clock_ns();
    bool closed = false;
    while (!closed && plab_clock_ns() - began_ns < UINT64_C(20000000000)) {
        closed = send(a.fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN;
        plab_clock_sleep_ns(20000000);
    }
    CHECK(closed);
    client_close(&a);
    lab_stop(&lab);
}

TEST(pool_hostile, P7_half_close_after_a_submit) {
    static char line[1000];
    struct plab_stratum_submit submit;
    start();
    client_login(&a, &lab, "worker1");
    client_mine(&a, &lab, 0, true, &submit);
    plab_stratum_build_submit(line, sizeof line, 9, &submit);
    client_send(&a, line);
    shutdown(a.fd, SHUT_WR);
    CHECK(client_response(&a) && a.reply.ok); /* what was asked is answered */
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_ACCEPTED], 1);
}

TEST(pool_hostile, P8_reset_while_shares_are_checked) {
    static char line[1000];
    struct linger reset = {.l_onoff = 1};
    struct plab_stratum_submit submit;
    struct plab_algo slow = mini_cn;
    struct plab_cn_params params = mini_cn_params;
    params.iterations = 200000; /* long enough to be gone before the verdict */
    slow.cn = &params;
    lab_init(&lab, &slow);
    lab.config.difficulty = 1;
    lab_start(&lab);
    for (int round = 0; round < 10; round++) {
        client_login(&a, &lab, "worker1");
        client_mine(&a, &lab, 0, true, &submit);
        plab_stratum_build_submit(line, sizeof line, 9, &submit);
        client_send(&a, line);
        setsockopt(a.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        plab_clock_sleep_ns((uint64_t)round * 1000000);
        client_close(&a);
    }
    client_login(&b, &lab, "bystander");
    client_mine(&b, &lab, 0, true, &submit);
    CHECK_STR(client_submit(&b, &submit), "");
    client_close(&b);
    lab_stop(&lab);
    CHECK(lab.stats.verdicts[PLAB_VERDICT_ACCEPTED] >= 2);
}

TEST(pool_hostile, P9_other_protocols) {
    static const struct {
        const char *bytes;
        size_t len;
    } hello[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11},
        {"SSH-2.0-OpenSSH_9\r\n", 19},
        {"\0\0\0\x85\xffSMB", 8},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 32},
        {"\r\n\r\n\0\r\nQUIT\n", 12},
        {"[]\n", 3},
        {"{}\n", 3},
        {"null\n", 5},
        {"{\"id\":1,\"method\":\"login\",}\n", 27},
        {"{\"id\":1}{\"id\":2}\n", 17},
        {"{\"id\":{},\"method\":\"login\",\"params\":{}}\n", 39},
        {"{\"method\":\"login\",\"params\":{\"login\":\"x\"}}\n", 42},
    };
    start();
    for (size_t i = 0; i < sizeof hello / sizeof *hello; i++) {
        client_open(&a, &lab);
        client_send_bytes(&a, hello[i].bytes, hello[i].len);
        CHECK_MSG(client_is_hung_up(&a), "case %zu", i);
        client_close(&a);
    }
    check_alive();
    lab_stop(&lab);
}

TEST(pool_hostile, J1_deep_nesting) {
    static char line[16000];
    start();
    client_open(&a, &lab);
    int head = snprintf(line, sizeof line, "{\"id\":1,\"method\":\"login\",\"params\":");
    memset(line + head, '[', sizeof line - (size_t)head - 2);
    line[sizeof line - 2] = '\n';
    client_send(&a, line);
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    check_alive();
    lab_stop(&lab);
}

TEST(pool_hostile, L1_everything_before_login) {
    static const char *const lines[] = {
        "{\"id\":1,\"method\":\"submit\",\"params\":{\"id\":\"0\",\"job_id\":\"0\",\"nonce\":"
        "\"00000000\",\"result\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"}}\n",
        "{\"id\":1,\"method\":\"submit\",\"params\":{}}\n",
        "{\"id\":1,\"method\":\"submit\",\"params\":{\"id\":\"\"}}\n",
        "{\"id\":1,\"method\":\"getjob\",\"params\":{\"id\":\"\"}}\n",
        "{\"id\":1,\"method\":\"getjob\",\"params\":{}}\n",
        "{\"id\":1,\"method\":\"keepalived\",\"params\":{\"id\":\"0\"}}\n",
    };
    start();
    client_open(&a, &lab);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        client_send(&a, lines[i]);
        CHECK(client_response(&a));
        CHECK_STR(a.reply.error, "Unauthenticated");
    }
    client_close(&a);
    lab_stop(&lab);
}

TEST(pool_hostile, L2_login_twice) {
    struct plab_stratum_submit submit;
    start();
    client_login(&a, &lab, "worker1");
    client_send(&a,
                "{\"id\":5,\"method\":\"login\",\"params\":{\"login\":\"w\",\"pass\":\"x\"}}\n");
    CHECK(client_response(&a) && !a.reply.ok);
    client_mine(&a, &lab, 0, true, &submit);
    CHECK_STR(client_submit(&a, &submit), ""); /* the session goes on */
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(lab.stats.logins, 1);
}

TEST(pool_hostile, L3_to_L7_logins_that_are_refused) {
    static const char *const params[] = {
        "{}",
        "null",
        "[]",
        "\"x\"",
        "{\"login\":7}",
        "{\"login\":null}",
        "{\"login\":\"w\",\"pass\":\"d=0\"}",
        "{\"login\":\"w\",\"pass\":\"d=-1\"}",
        "{\"login\":\"w\",\"pass\":\"d=99999999999999999999\"}",
        "{\"login\":\"w\",\"pass\":\"d=0x10\"}",
        "{\"login\":\"w+NaN\"}",
        "{\"login\":\"w+1e400\"}",
        "{\"login\":\"w+-5\"}",
        "{\"login\":\"w\",\"algo\":[\"rx/0\",\"cn/0\"]}",
        "{\"login\":\"w\",\"algo\":[\"mini-cnx\"]}",
    };
    static char line[1000];
    start();
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        client_open(&a, &lab);
        snprintf(line, sizeof line, "{\"id\":\"x\",\"method\":\"login\",\"params\":%s}\n",
                 params[i]);
        client_send(&a, line);
        CHECK_MSG(client_response(&a) && !a.reply.ok, "%s", params[i]);
        CHECK(a.reply.id.is_text);
        CHECK_STR(a.reply.id.text, "x");
        CHECK_MSG(client_is_hung_up(&a), "%s", params[i]);
        client_close(&a);
    }
    check_alive();
    lab_stop(&lab);
    CHECK_U64(lab.stats.refused_logins, sizeof params / sizeof *params);
}

TEST(pool_hostile, L6_L8_odd_but_harmless_logins) {
    static const char *const params[] = {
        "{\"login\":\"w\",\"agent\":{},\"rigid\":[1]}",
        "{\"login\":\"w\",\"agent\":\"xmr-node-proxy/1.0\",\"mode\":7}",
        "{\"login\":\"w\",\"algo\":[\"rx/0\",\"mini-cn\"],\"pass\":\"secret\"}",
        "{\"login\":\"w\",\"algo\":[],\"url\":\"xmrig.com\"}",
    };
    static char line[1000];
    start();
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        client_open(&a, &lab);
        snprintf(line, sizeof line, "{\"id\":-3,\"method\":\"login\",\"params\":%s}\n", params[i]);
        client_send(&a, line);
        CHECK_MSG(client_response(&a) && a.reply.ok, "%s: %s", params[i], a.reply.error);
        CHECK(a.reply.id.number == -3);
        CHECK(((a.reply.extensions & PLAB_EXT_ALGO) != 0) == (i == 2));
        client_close(&a);
    }
    lab_stop(&lab);
}

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* Sends a submit written by hand; returns the error text. */
static const char *raw_submit(const char *job_id, const char *nonce, const char *result) {
    static char line[80000];
    snprintf(line, sizeof line,
             "{\"id\":3,\"method\":\"submit\",\"params\":{\"id\":\"%s\",\"job_id\":%s,\"nonce\":%s,"
             "\"result\":%s}}\n",
             a.session, job_id, nonce, result);
    client_send(&a, line);
    CHECK_MSG(client_response(&a) && !a.reply.ok, "%s", line);
    return a.reply.error;
}

TEST(pool_hostile, S2_S6_S10_malformed_submits) {
    static char job[200], result[200], longer[300];
    static const char *const nonces[] = {
        "\"0x000000\"", "\"0000000\"", "\"000000000\"", "\"+0000000\"", "\" 0000000\"",
        "\"0000000g\"", "0",           "null",          "\"\""};
    static const char *const results[] = {"\"00\"", "0", "null", "\"\""};
    lab_init(&lab, &mini_cn);
    lab.config.bad_shares_max = 1000;
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    snprintf(job, sizeof job, "\"%s\"", a.job.job_id);
    snprintf(result, sizeof result, "\"%s\"", zeros);
    for (size_t i = 0; i < sizeof nonces / sizeof *nonces; i++) {
        raw_submit(job, nonces[i], result);
    }
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        raw_submit(job, "\"00000000\"", results[i]);
    }
    snprintf(longer, sizeof longer, "\"%s0\"", zeros);
    raw_submit(job, "\"00000000\"", longer);
    CHECK_STR(raw_submit("\"1\"", "\"00000000\"", result), "Invalid job id");
    CHECK_STR(raw_submit("\"\"", "\"00000000\"", result), "Invalid job id");
    raw_submit("7", "\"00000000\"", result);
    client_close(&a);
    lab_stop(&lab);
    CHECK_U64(lab.stats.verified_hashes, 0);
    CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_ACCEPTED], 0);
}

TEST(pool_hostile, S2_hex_case_is_no_new_nonce) {
    static char line[1000];
    struct plab_stratum_submit submit;
    start();
    client_login(&a, &lab, "worker1");
    client_mine(&a, &lab, 0xabcdef01, true, &submit);
    CHECK_STR(client_submit(&a, &submit), "");
    plab_stratum_build_submit(line, sizeof line, 50, &submit);
    char *nonce = strstr(line, "\"nonce\":\"") + 9;
    for (int i = 0; i < 8; i++) {
        nonce[i] = (char)(nonce[i] >= 'a' ? nonce[i] - 32 : nonce[i]);
    }
    client_send(&a, line);
    CHECK(client_response(&a));
    CHECK_STR(a.reply.error, "Duplicate share");
    client_close(&a);
    lab_stop(&lab);
}

TEST(pool_hostile, S14_flood_of_claims) {
    static char line[1000];
    struct plab_stratum_submit submit;
    lab_init(&lab, &mini_cn);
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    client_mine(&a, &lab, 0, true, &submit);
    memset(submit.result, 0, sizeof submit.result);
    for (uint32_t i = 0; i < 1000; i++) {
        memcpy(submit.nonce, &i, 4);
        plab_stratum_build_submit(line, sizeof line, 50, &submit);
        client_send(&a, line);
    }
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    check_alive();
    lab_stop(&lab);
    CHECK(lab.stats.verified_hashes < 400);
}

TEST(pool_hostile, S14_full_queue_says_so) {
    static char line[1000];
    struct plab_stratum_submit submit;
    struct plab_algo slow = mini_cn;
    struct plab_cn_params params = mini_cn_params;
    unsigned busy = 0;
    params.iterations = 2000000;
    slow.cn = &params;
    lab_init(&lab, &slow);
    lab.config.difficulty = 1;
    lab.config.verify_queue = 1;
    lab_start(&lab);
    client_login(&a, &lab, "worker1");
    client_mine(&a, &lab, 0, true, &submit);
    for (uint32_t i = 0; i < 3; i++) {
        plab_stratum_build_submit(line, sizeof line, 50 + i, &submit);
        client_send(&a, line);
        submit.nonce[3]++;
    }
    for (int i = 0; i < 3; i++) {
        CHECK(client_response(&a));
        busy += strstr(a.reply.error, "queue is full") != NULL;
    }
    /* One place in the queue, and one share in work if the verifier was quick to take the first. */
    CHECK_MSG(busy == 1 || busy == 2, "busy: %u of 3", busy);
    client_close(&a);
    lab_stop(&lab);
}

TEST(pool_hostile, Y10_many_short_connections) {
    lab_init(&lab, &mini_cn);
    lab.config.sessions_max = lab.config.sessions_per_host = 4000;
    lab_start(&lab);
    for (int i = 0; i < 2000; i++) {
        client_open(&a, &lab);
        if (i % 3 == 0) {
            client_send(&a, "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\"}}\n");
        }
        client_close(&a);
    }
    check_alive();
    lab_stop(&lab);
    CHECK(lab.stats.connections + lab.stats.refused_connections >= 2000);
    CHECK_U64(lab.stats.sessions_now, 0);
}
