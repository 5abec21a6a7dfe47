/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pool's connections: TLS by OpenSSL on the other side, both on one port, handshakes that never
 * end, foreign protocols, no descriptors left, peers from outside. T, P and a number: the case in
 * the list of hostile input.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "pool/pool_priv.h"
#include "tests/harness.h"
#include "tests/unit/pool_lab.h"
#include "tests/unit/tls_peer.h"

enum { TLS, AUTO, PLAIN }; /* listeners */

static struct pool_lab lab;
static struct lab_client a, b, many[8];
static SSL_CTX *context;

static void set_up(void) {
    signal(SIGPIPE, SIG_IGN);
    lab_init(&lab, &mini_cn);
    lab.config.listen[TLS] = "tls://127.0.0.1:0";
    lab.config.listen[AUTO] = "auto://127.0.0.1:0";
    lab.config.listen[PLAIN] = "tcp://127.0.0.1:0";
    lab.config.listen_count = 3;
    lab_make_tls_dir(&lab);
    context = tls_peer_context(NULL, TLS1_2_VERSION, TLS1_3_VERSION);
}

static void tear_down(void) {
    lab_stop(&lab);
    SSL_CTX_free(context);
}

/* A session that works: login, a good share. */
static void check_service(size_t listener, SSL_CTX *tls) {
    struct plab_stratum_submit submit;
    client_open_at(&b, &lab, listener, tls);
    CHECK((b.ssl != NULL) == (tls != NULL));
    client_log_in(&b, "bystander");
    client_mine(&b, &lab, 0, true, &submit);
    CHECK_STR(client_submit(&b, &submit), "");
    client_close(&b);
}

TEST(pool_tls, serves_tls_and_both_on_one_port) {
    set_up();
    lab_start(&lab);
    check_service(TLS, context);
    check_service(AUTO, context);
    check_service(AUTO, NULL);
    check_service(PLAIN, NULL);
    tear_down();
    CHECK_U64(lab.stats.tls_sessions, 2);
    CHECK_U64(lab.stats.tls_failures, 0);
}

/* Every byte in a record of its own. */
TEST(pool_tls, puts_lines_together) {
    static const char login[] =
        "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"w\",\"pass\":\"x\"}}\n";
    set_up();
    lab_start(&lab);
    client_open_at(&a, &lab, TLS, context);
    for (size_t i = 0; i < sizeof login - 1; i++) {
        client_send_bytes(&a, login + i, 1);
    }
    CHECK(client_response(&a) && a.reply.ok);
    client_close(&a);
    tear_down();
}

/* The CA's file is what a client needs to trust the pool by name and by address. */
TEST(pool_tls, is_trusted_by_its_ca) {
    struct plab_pool_tls tls;
    set_up();
    lab_start(&lab);
    CHECK(plab_pool_tls(lab.pool, &tls));
    CHECK(SSL_CTX_load_verify_file(context, tls.ca_file) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(context), "127.0.0.1");
    check_service(TLS, context);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(context), "127.0.0.2");
    client_open_at(&a, &lab, TLS, context);
    CHECK(a.ssl == NULL);
    client_close(&a);
    tear_down();
    CHECK_U64(lab.stats.tls_failures, 1);
}

/* ---- the wrong protocol ---- */

TEST(pool_tls, T11_P9_foreign_protocols_are_hung_up_on) {
    static const struct {
        size_t listener;
        const char *bytes;
    } cases[] = {
        {TLS, "{\"id\":1,\"method\":\"login\"}\n"},
        {TLS, "GET / HTTP/1.1\r\n\r\n"},
        {TLS, "SSH-2.0-OpenSSH_9.2\r\n"},
        {TLS, "\x16 nothing like a hello"},
        {AUTO, "GET / HTTP/1.1\r\n\r\n"},
        {AUTO, "SSH-2.0-OpenSSH_9.2\r\n"},
        {AUTO, "\x16 nothing like a hello"},
        {PLAIN, "\x16\x03\x01 a hello, perhaps"},
        {PLAIN, "\xffSMBr"},
        {AUTO, "\xffSMBr"},
    };
    set_up();
    lab_start(&lab);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        client_open_at(&a, &lab, cases[i].listener, NULL);
        client_send(&a, cases[i].bytes);
        CHECK_MSG(client_is_hung_up(&a), "%s", cases[i].bytes);
        client_close(&a);
    }
    check_service(TLS, context);
    tear_down();
    CHECK_U64(lab.stats.protocol_errors, sizeof cases / sizeof *cases);
}

TEST(pool_tls, T7_old_versions_get_no_session) {
    set_up();
    lab_start(&lab);
    SSL_CTX *old = tls_peer_context(NULL, TLS1_VERSION, TLS1_1_VERSION);
    client_open_at(&a, &lab, TLS, old);
    CHECK(a.ssl == NULL);
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    SSL_CTX_free(old);
    tear_down();
    CHECK_U64(lab.stats.tls_failures, 1);
}

/* ---- deadlines and caps ---- */

TEST(pool_tls, T12_half_open_handshakes_end_and_are_capped) {
    static const char hello[] = "\x16\x03\x01\x02";
    set_up();
    lab.config.handshake_deadline_ms = 600;
    lab.config.handshakes_per_host = 4;
    lab_start(&lab);
    for (size_t i = 0; i < 4; i++) { /* silent ones count as much as those that began */
        client_open_at(&many[i], &lab, i % 2 == 0 ? TLS : AUTO, NULL);
        client_send_bytes(&many[i], hello, i < 2 ? sizeof hello - 1 : 0);
    }
    client_open_at(&a, &lab, TLS, NULL);
    CHECK(client_is_hung_up(&a)); /* at once: one too many */
    client_close(&a);
    check_service(PLAIN, NULL);
    for (size_t i = 0; i < 4; i++) {
        CHECK(client_is_hung_up(&many[i]));
        client_close(&many[i]);
    }
    check_service(TLS, context);
    tear_down();
    CHECK_U64(lab.stats.refused_connections, 1);
    CHECK_U64(lab.stats.tls_failures, 4);
}

TEST(pool_tls, P1_a_handshake_is_no_login) {
    set_up();
    lab.config.login_deadline_ms = 300;
    lab_start(&lab);
    client_open_at(&a, &lab, TLS, context);
    CHECK(a.ssl != NULL && client_is_hung_up(&a));
    client_close(&a);
    tear_down();
    CHECK_U64(lab.stats.tls_failures, 0);
}

/* A record a byte: the deadline is for the whole login. */
TEST(pool_tls, P2_slow_records_do_not_extend_the_deadline) {
    set_up();
    lab.config.login_deadline_ms = 400;
    lab_start(&lab);
    client_open_at(&a, &lab, TLS, context);
    uint64_t began_ns = plab_clock_ns();
    while (SSL_write(a.ssl, "{", 1) == 1 && plab_clock_ns() - began_ns < UINT64_C(4000000000)) {
        plab_clock_sleep_ns(20000000);
    }
    CHECK(plab_clock_ns() - began_ns < UINT64_C(4000000000));
    client_close(&a);
    check_service(TLS, context);
    tear_down();
    CHECK_U64(lab.stats.logins, 1);
}

TEST(pool_tls, P4_long_line_within_tls) {
    static char line[100000];
    set_up();
    lab_start(&lab);
    client_open_at(&a, &lab, TLS, context);
    memset(line, ' ', sizeof line);
    line[0] = '{';
    client_send_bytes(&a, line, sizeof line);
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    check_service(TLS, context);
    tear_down();
}

/* Jobs for somebody who doesn't read: what waits is bounded, and then the connection is reset. */
TEST(pool_tls, P6_unread_records) {
    int small = 4096;
    set_up();
    lab.config.job_interval_ms = 1;
    lab_start(&lab);
    client_open_at(&a, &lab, TLS, context);
    setsockopt(a.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    client_log_in(&a, "deaf");
    uint64_t began_ns = plab_clock_ns();
    bool closed = false;
    while (!closed && plab_clock_ns() - began_ns < UINT64_C(20000000000)) {
        closed = SSL_write(a.ssl, "\n", 1) <= 0; /* an RST can't be waited for: no window for it */
        plab_clock_sleep_ns(20000000);
    }
    CHECK(closed);
    client_close(&a);
    client_open_at(&b, &lab, PLAIN, NULL);
    client_log_in(&b, "bystander");
    client_close(&b);
    tear_down();
}

TEST(pool_tls, T4_close_notify_after_a_submit_gets_its_answer) {
    static char line[4096];
    struct plab_stratum_submit submit;
    set_up();
    lab_start(&lab);
    client_open_at(&a, &lab, TLS, context);
    client_log_in(&a, "brief");
    client_mine(&a, &lab, 0, true, &submit);
    CHECK(plab_stratum_build_submit(line, sizeof line, a.next_id++, &submit) > 0);
    client_send(&a, line);
    SSL_shutdown(a.ssl);
    CHECK(client_response(&a) && a.reply.ok);
    CHECK(client_is_hung_up(&a));
    CHECK(SSL_get_shutdown(a.ssl) & SSL_RECEIVED_SHUTDOWN); /* a proper end, not a cut */
    client_close(&a);
    tear_down();
}

/* The verdict of a share comes after the RST that took its TLS session away. */
TEST(pool_tls, P8_reset_while_shares_are_checked) {
    static char line[4096];
    struct linger reset = {.l_onoff = 1};
    struct plab_stratum_submit submit;
    struct plab_algo slow = mini_cn;
    struct plab_cn_params params = mini_cn_params;
    params.iterations = 200000;
    slow.cn = &params;
    set_up();
    lab.config.algo = &slow;
    lab.config.difficulty = 1;
    lab_start(&lab);
    for (unsigned round = 0; round < 6; round++) {
        client_open_at(&a, &lab, TLS, context);
        client_log_in(&a, "brief");
        client_mine(&a, &lab, 0, true, &submit);
        CHECK(plab_stratum_build_submit(line, sizeof line, 9, &submit) > 0);
        client_send(&a, line);
        setsockopt(a.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        plab_clock_sleep_ns(round * UINT64_C(1000000));
        client_close(&a);
    }
    check_service(TLS, context);
    tear_down();
}

TEST(pool_tls, S14_flood_of_claims_within_tls) {
    static char line[4096];
    struct plab_stratum_submit submit;
    set_up();
    lab_start(&lab);
    client_open_at(&a, &lab, TLS, context);
    client_log_in(&a, "flood");
    client_mine(&a, &lab, 0, true, &submit);
    memset(submit.result, 0, sizeof submit.result);
    for (uint32_t i = 0; i < 1000; i++) {
        memcpy(submit.nonce, &i, sizeof i);
        CHECK(plab_stratum_build_submit(line, sizeof line, 50, &submit) > 0);
        client_send(&a, line);
    }
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    check_service(TLS, context);
    tear_down();
    CHECK(lab.stats.verified_hashes < 400);
}

/* ---- another certificate while the pool runs ---- */

static enum plab_status change_at_second(void *cookie, const struct plab_pool_event *event,
                                         struct plab_error *err) {
    struct pool_lab *self = cookie;
    if (event->kind == PLAB_POOL_EVENT_DISCONNECT && event->session == 1) {
        return plab_certs_change(self->pool, PLAB_LABCA_SELF_SIGNED, err);
    }
    return PLAB_OK;
}

static void shown_fingerprint(const struct lab_client *client, unsigned char out[32]) {
    X509 *shown = SSL_get1_peer_certificate(client->ssl);
    CHECK(shown != NULL && X509_digest(shown, EVP_sha256(), out, NULL) == 1);
    X509_free(shown);
}

TEST(pool_tls, certificate_changes_for_new_connections_only) {
    unsigned char first[32], second[32], third[32];
    set_up();
    lab.config.on_event = change_at_second;
    lab.config.event_cookie = &lab;
    lab_start(&lab);
    client_open_at(&a, &lab, TLS, context);
    client_open_at(&b, &lab, TLS, context);
    shown_fingerprint(&a, first);
    shown_fingerprint(&b, second);
    CHECK_MEM(first, second, sizeof first);
    client_close(&a);
    do { /* until the pool has seen that */
        client_open_at(&a, &lab, TLS, context);
        shown_fingerprint(&a, third);
        client_close(&a);
    } while (memcmp(third, first, sizeof first) == 0);
    client_log_in(&b, "stays"); /* the old session goes on */
    client_close(&b);
    check_service(TLS, context);
    tear_down();
}

/* ---- sockets ---- */

/* P3: with no descriptors left, connections wait instead of being cut off, and nothing spins. */
TEST(pool_tls, P3_no_descriptors_left) {
    struct rlimit old, tight;
    int fillers[256];
    size_t count = 0;
    char byte;
    set_up();
    lab_start(&lab);
    check_service(PLAIN, NULL);
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(plab_pool_port(lab.pool, PLAIN)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(&a, 0, sizeof a);
    a.next_id = 1;
    a.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(a.fd >= 0 && getrlimit(RLIMIT_NOFILE, &old) == 0);
    tight = old;
    tight.rlim_cur = (rlim_t)a.fd + 100;
    CHECK(setrlimit(RLIMIT_NOFILE, &tight) == 0);
    while (count < 256 && (fillers[count] = dup(0)) >= 0) {
        count++;
    }
    CHECK(count < 256 && connect(a.fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    plab_clock_sleep_ns(300000000);
    CHECK(recv(a.fd, &byte, 1, MSG_DONTWAIT) < 0); /* neither served nor cut off */
    while (count > 0) {
        close(fillers[--count]);
    }
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    client_log_in(&a, "patient");
    client_close(&a);
    tear_down();
    CHECK(lab.stats.accept_waits >= 1 && lab.stats.accept_waits < 10);
    CHECK_U64(lab.stats.refused_connections, 0);
}

/* Gives this process a network of its own with an address that is no lab address. False where that
 * isn't permitted. */
static bool make_network(const char *outside) {
    struct ifreq request = {.ifr_name = "lo:1"};
    struct sockaddr_in addr = {.sin_family = AF_INET};
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        return false;
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, outside, &addr.sin_addr);
    memcpy(&request.ifr_addr, &addr, sizeof addr);
    bool good = fd >= 0 && ioctl(fd, SIOCSIFADDR, &request) == 0;
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
    good = good && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    return good;
}

/* A peer from outside the lab that reached us somehow: a wrong route, a forwarded port. */
TEST(pool_tls, P11_peers_from_outside_are_refused) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    if (!make_network("8.8.8.8")) {
        fprintf(stderr, "skipped: no network namespace to be had\n");
        return;
    }
    set_up();
    lab_start(&lab);
    check_service(PLAIN, NULL);
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(plab_pool_port(lab.pool, PLAIN)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(&a, 0, sizeof a);
    a.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "8.8.8.8", &from.sin_addr);
    CHECK(bind(a.fd, (struct sockaddr *)&from, sizeof from) == 0);
    CHECK(connect(a.fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    CHECK(client_is_hung_up(&a));
    client_close(&a);
    tear_down();
    CHECK_U64(lab.stats.refused_connections, 1);
    CHECK_U64(lab.stats.connections, 1);
}
