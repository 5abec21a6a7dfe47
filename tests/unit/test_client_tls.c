/* SPDX-License-Identifier: BSD-3-Clause */
/* The client over TLS, against a scripted pool whose TLS is OpenSSL's own. T and a number: the case
 * in the list of hostile input. */
#include "tests/harness.h"
#include "tests/unit/client_bench.h"

static struct bench bench;
static SSL_CTX *server;

static void say_welcome(struct fake_conn *conn, const char *line) {
    (void)line;
    if (conn->lines == 1) {
        fake_say(conn, "%s", LOGIN_OK(""));
    }
}

static void drip_welcome(struct fake_conn *conn, const char *line) {
    (void)line;
    fake_drip(conn, LOGIN_OK(""), 0);
}

static void ignore(struct fake_conn *conn, const char *line) {
    (void)conn, (void)line;
}

static void open_tls_bench(fake_line_fn *on_line) {
    open_bench(&bench);
    bench.config.retries = 2;
    server = tls_peer_context(tls_lab_server(), TLS1_2_VERSION, TLS1_3_VERSION);
    fake_pool_start(&bench.pool[0], &bench.loop, 0, on_line, NULL);
    bench.pool[0].tls = server;
}

static void close_tls_bench(void) {
    close_bench(&bench);
    SSL_CTX_free(server);
}

/* A client that trusts the test's CA mines away; every byte in a record of its own is fine, too. */
TEST(client_tls, serves) {
    static fake_line_fn *const scripts[] = {say_welcome, drip_welcome};
    char digits[65];
    plab_identity_fingerprint(tls_lab_server(), digits);
    for (size_t i = 0; i < 2; i++) {
        open_tls_bench(scripts[i]);
        bench.config.tls.ca_file = tls_lab_ca_file();
        start_client(&bench, 1);
        run_until(&bench, is_online, 5000);
        struct plab_client_stats stats;
        plab_client_stats(bench.client, &stats);
        CHECK_STR(stats.tls_version, "TLSv1.3");
        CHECK_STR(stats.tls_fingerprint, digits);
        close_tls_bench();
    }
}

/* Whatever is checked, a failure counts as one of the pool, and the next pool takes over. */
static void check_fail_over(const char *reason) {
    fake_pool_start(&bench.pool[1], &bench.loop, 0, say_welcome, NULL); /* plain */
    start_client(&bench, 2);
    run_until(&bench, has_failed, 5000);
    CHECK_MSG(strstr(bench.state_text, reason) != NULL, "%s", bench.state_text);
    run_until(&bench, second_pool_serves, 5000);
    CHECK_U64(bench.pool[0].connections >= 2, 1);
    close_tls_bench();
}

TEST(client_tls, T6_wrong_pin_fails_over) {
    open_tls_bench(say_welcome);
    bench.config.tls.has_pin = true;
    check_fail_over("its certificate's fingerprint is");
}

TEST(client_tls, T5_unknown_ca_fails_over) {
    struct plab_tls_identity *self;
    const struct plab_certificate_wish wish = {
        .common_name = "127.0.0.1", .from_s = -60, .to_s = 3600};
    CHECK(plab_identity_make(&self, &wish, NULL, NULL) == PLAB_OK);
    open_tls_bench(say_welcome);
    SSL_CTX_free(server);
    server = bench.pool[0].tls = tls_peer_context(self, TLS1_2_VERSION, TLS1_3_VERSION);
    plab_identity_free(&self);
    bench.config.tls.ca_file = tls_lab_ca_file();
    check_fail_over("self-signed certificate");
}

TEST(client_tls, T7_old_version_fails_over) {
    open_tls_bench(say_welcome);
    SSL_CTX_free(server);
    server = bench.pool[0].tls = tls_peer_context(tls_lab_server(), TLS1_VERSION, TLS1_1_VERSION);
    check_fail_over("TLS handshake failed: tlsv1 alert protocol version");
}

/* ---- the name that is asked for ---- */

static int note_sni(SSL *ssl, int *alert, void *cookie) {
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    snprintf(cookie, 64, "%s", name != NULL ? name : "none");
    return SSL_TLSEXT_ERR_OK;
}

TEST(client_tls, asks_for_names_but_not_for_addresses) {
    static const struct {
        const char *host, *sni, *heard;
    } cases[] = {{"127.0.0.1", NULL, "none"},
                 {"localhost", NULL, "localhost"},
                 {"localhost", "", "none"},
                 {"127.0.0.1", "pool.lab.test", "pool.lab.test"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char heard[64] = "";
        struct plab_error err;
        open_tls_bench(say_welcome);
        SSL_CTX_set_tlsext_servername_callback(server, note_sni);
        SSL_CTX_set_tlsext_servername_arg(server, heard);
        bench.config.tls.sni = cases[i].sni;
        bench.config.tls.ca_file = tls_lab_ca_file(); /* the certificate is for both */
        struct plab_url url = url_of(&bench.pool[0]);
        strcpy(url.host, cases[i].host);
        CHECK(create_client(&bench, &url, 1, &err) == PLAB_OK);
        run_until(&bench, is_online, 5000);
        CHECK_STR(heard, cases[i].heard);
        close_tls_bench();
    }
}

/* ---- peers that don't play along ---- */

/* The client speaks TLS, the pool's side doesn't. */
static void start_against_plain(void (*on_connect)(struct fake_conn *conn)) {
    struct plab_error err;
    open_bench(&bench);
    fake_pool_start(&bench.pool[0], &bench.loop, 0, ignore, NULL);
    bench.pool[0].on_connect = on_connect;
    bench.config.connect_timeout_ms = 200;
    struct plab_url url = url_of(&bench.pool[0]);
    url.tls = true;
    CHECK(create_client(&bench, &url, 1, &err) == PLAB_OK);
}

static void check_failure(const char *reason) {
    run_until(&bench, has_failed_three_times, 5000);
    CHECK_MSG(strstr(bench.state_text, reason) != NULL, "%s", bench.state_text);
    CHECK(bench.online == 0);
    close_bench(&bench);
}

static void answer_plainly(struct fake_conn *conn) {
    fake_say(conn, "{\"id\":1,\"error\":{\"message\":\"no TLS here\"}}\n");
}

TEST(client_tls, T1_plain_answer) {
    start_against_plain(answer_plainly);
    check_failure("the peer doesn't speak TLS (its first byte is 0x7b)");
}

TEST(client_tls, T2_handshake_without_end) {
    start_against_plain(NULL);
    check_failure("no end of the TLS handshake for 0.2 s");
}

static void drip_a_record(struct fake_conn *conn) {
    fake_drip(conn, "\x16\x03\x03\x02\x02", 60); /* a byte now and then doesn't help */
}

TEST(client_tls, T2_handshake_in_drips) {
    start_against_plain(drip_a_record);
    check_failure("no end of the TLS handshake for 0.2 s");
}

TEST(client_tls, hang_up_in_the_handshake) {
    start_against_plain(fake_hang_up);
    check_failure("closed by the peer during the TLS handshake");
}

static void say_garbage(struct fake_conn *conn, const char *line) {
    static const char record[] = "\x17\x03\x03\x00\x14 not what you expected";
    (void)line;
    fake_say_wire(conn, record, sizeof record - 1);
}

static void say_goodbye(struct fake_conn *conn, const char *line) {
    (void)line;
    fake_close_notify(conn);
}

static void check_script(fake_line_fn *script, const char *reason) {
    open_tls_bench(script);
    start_client(&bench, 1);
    run_until(&bench, has_failed_three_times, 5000);
    CHECK_MSG(strstr(bench.state_text, reason) != NULL, "%s", bench.state_text);
    close_tls_bench();
}

TEST(client_tls, T3_garbage_record) {
    check_script(say_garbage, "TLS failed: ");
}

TEST(client_tls, T4_close_notify_without_fin) {
    check_script(say_goodbye, "the pool closed the connection before it answered the login");
}

/* The key log of the client's side, and a CA file that is none: known before anything is sent. */
TEST(client_tls, bad_files_are_usage_errors) {
    struct plab_error err = {.text = ""};
    open_tls_bench(ignore);
    struct plab_url url = url_of(&bench.pool[0]);
    bench.config.pools = &url;
    bench.config.pool_count = 1;
    bench.config.tls.ca_file = "/nonexistent/ca.pem";
    CHECK(plab_client_check(&bench.config, &err) == PLAB_E_USAGE);
    CHECK_MSG(strstr(err.text, "/nonexistent/ca.pem") != NULL, "%s", err.text);
    url.tls = false; /* nobody needs it then */
    CHECK(plab_client_check(&bench.config, &err) == PLAB_OK);
    close_tls_bench();
}
