/* SPDX-License-Identifier: BSD-3-Clause */
/* Leaving a pool for the next one and coming back, whatever was wrong with it; client.reconnect. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/attr.h"
#include "tests/harness.h"
#include "tests/unit/client_bench.h"

/* ---- every way to fail leads to the next pool, and back ---- */

/* How the first pool behaves while it is `ill`. */
struct illness {
    const char *name;
    const char *answer; /* to the login; NULL: it says nothing */
    bool drips, hangs_up, resets;
    const char *reason; /* part of what is told */
};

static bool ill;

static void play_illness(struct fake_conn *conn, const char *line) {
    const struct illness *illness = conn->pool->cookie;
    (void)line;
    if (conn->lines > 1) {
        return;
    }
    if (!ill) {
        fake_say(conn, "%s", LOGIN_OK(""));
    } else if (illness->drips) {
        fake_drip(conn, illness->answer, 15);
    } else if (illness->answer != NULL) {
        fake_say(conn, "%s", illness->answer);
    }
    if (ill && illness->hangs_up) {
        fake_hang_up(conn);
    }
    if (ill && illness->resets) {
        fake_reset(conn);
    }
}

static const struct illness illnesses[] = {
    {"refuses", "{\"id\":1,\"error\":{\"code\":-1,\"message\":\"Invalid address\"}}\n", false,
     false, false, "login refused: Invalid address"},
    {"is silent", NULL, false, false, false, "no answer to a login"},
    {"drips", LOGIN_OK(""), true, false, false, "no answer to a login"},
    {"answers another request", "{\"id\":9,\"result\":{\"status\":\"OK\"}}\n", false, false, false,
     "no answer to a login"},
    {"hangs up", "", false, true, false, "closed the connection"},
    {"resets", "", false, false, true, "connection"},
    {"is a web server", "HTTP/1.1 400 Bad Request\r\nA: b\r\nC: d\r\nE: f\r\nG: h\r\n\r\n", false,
     false, false, "bad lines"},
    {"has a bad job", "{\"id\":1,\"result\":{\"id\":\"s\",\"job\":{\"job_id\":\"1\"}}}\n", false,
     false, false, "bad job"},
};

TEST(failover, from_every_illness_to_the_second_pool_and_back) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(illnesses); i++) {
        struct bench bench;
        struct plab_client_stats stats;
        const struct illness *illness = &illnesses[i];
        open_bench(&bench);
        bench.config.retries = 2;
        bench.config.reply_timeout_ms = 60;
        ill = true;
        fake_pool_start(&bench.pool[0], &bench.loop, 0, play_illness, (void *)(uintptr_t)illness);
        fake_pool_start(&bench.pool[1], &bench.loop, 0, only_login, NULL);
        start_client(&bench, 2);
        run_until(&bench, second_pool_serves, 5000);
        CHECK_MSG(bench.offline == 2, "%s: %u", illness->name, bench.offline);
        CHECK_MSG(strstr(bench.state_text, illness->reason) != NULL, "%s: %s", illness->name,
                  bench.state_text);
        ill = false;
        run_until(&bench, first_pool_serves, 5000);
        run_for(&bench, 20);
        CHECK_MSG(bench.offline == 2 && bench.pool[1].conns == NULL, "%s", illness->name);
        plab_client_stats(bench.client, &stats);
        CHECK(stats.pool == 0 && stats.pool_count == 2 && stats.logins == 2);
        CHECK(stats.tally[0].failures >= 2 && stats.tally[0].logins == 1);
        CHECK(stats.tally[0].attempts >= 3 && stats.tally[1].attempts == 1);
        CHECK(stats.tally[1].logins == 1 && stats.tally[1].failures == 0);
        close_bench(&bench);
    }
}

/* ---- and so does TLS that comes to nothing ---- */

static void say_nothing(struct fake_conn *conn, const char *line) {
    (void)conn, (void)line;
}

static void answer_in_plain(struct fake_conn *conn) {
    fake_say(conn, "{\"id\":1,\"jsonrpc\":\"2.0\",\"error\":{\"message\":\"what?\"}}\n");
}

TEST(failover, from_handshakes_that_fail) {
    static const struct {
        void (*on_connect)(struct fake_conn *conn);
        const char *reason;
    } cases[] = {{answer_in_plain, "TLS"}, {NULL, "no end of the TLS handshake"}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        struct bench bench;
        open_bench(&bench);
        bench.config.retries = 2;
        bench.config.connect_timeout_ms = 100; /* the handshake's deadline too */
        fake_pool_start(&bench.pool[0], &bench.loop, 0, say_nothing, NULL);
        fake_pool_start(&bench.pool[1], &bench.loop, 0, only_login, NULL);
        bench.pool[0].on_connect = cases[i].on_connect;
        struct plab_url urls[2] = {url_of(&bench.pool[0]), url_of(&bench.pool[1])};
        urls[0].tls = true;
        CHECK(create_client(&bench, urls, 2, NULL) == PLAB_OK);
        run_until(&bench, second_pool_serves, 5000);
        CHECK(bench.offline == 2);
        CHECK_MSG(strstr(bench.state_text, cases[i].reason) != NULL, "%s", bench.state_text);
        close_bench(&bench);
    }
}

/* ---- errors ---- */

/* R11: XMRig leaves the second pool of its list at any error; here it is only a rejected share. */
static void login_then_errors(struct fake_conn *conn, const char *line) {
    int id = 0;
    if (conn->lines == 1) {
        fake_say(conn, "%s", LOGIN_OK(""));
        return;
    }
    CHECK(sscanf(line, "{\"id\":%d,", &id) == 1);
    fake_say(conn, "{\"id\":%d,\"error\":{\"code\":-1,\"message\":\"Duplicate share\"}}\n", id);
}

TEST(failover, an_error_on_the_second_pool_is_only_that_requests) {
    struct bench bench;
    open_bench(&bench);
    bench.config.retries = 1;
    ill = true;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, play_illness, (void *)(uintptr_t)&illnesses[0]);
    fake_pool_start(&bench.pool[1], &bench.loop, 0, login_then_errors, NULL);
    start_client(&bench, 2);
    run_until(&bench, second_pool_serves, 3000);
    struct plab_client_share share = share_for(&bench, 3);
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
    run_until(&bench, has_verdict, 2000);
    CHECK(bench.verdicts[PLAB_SHARE_REJECTED] == 1);
    run_for(&bench, 20);
    CHECK(bench.pool[1].connections == 1 && bench.pool[1].conns != NULL && bench.offline == 1);
    close_bench(&bench);
}

/* ---- a pool that doesn't read ---- */

static void login_and_stop_reading(struct fake_conn *conn, const char *line) {
    (void)line;
    if (conn->lines == 1) {
        fake_say(conn, "%s", LOGIN_OK(""));
        uv_read_stop((uv_stream_t *)&conn->tcp);
    }
}

TEST(failover, a_pool_that_never_reads_is_left) {
    struct bench bench;
    open_bench(&bench);
    bench.config.retries = 1;
    bench.config.reply_timeout_ms = 100;
    bench.config.submit_burst = 1e9;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, login_and_stop_reading, NULL);
    fake_pool_start(&bench.pool[1], &bench.loop, 0, only_login, NULL);
    start_client(&bench, 2);
    run_until(&bench, is_online, 2000);
    struct plab_client_share share = share_for(&bench, 0);
    unsigned sent = 0;
    while (plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT) {
        CHECK(++sent < 10000); /* what is unanswered is bounded, and so is what waits */
    }
    run_until(&bench, second_pool_serves, 2000);
    CHECK(bench.verdicts[PLAB_SHARE_UNANSWERED] == sent);
    close_bench(&bench);
}

/* ---- client.reconnect ---- */

struct redirection {
    const char *params; /* of the notice; "%u" is the other pool's port */
    unsigned port;      /* for it */
    unsigned notices;   /* how many */
};

static void redirect(struct fake_conn *conn, const char *line) {
    const struct redirection *redirection = conn->pool->cookie;
    (void)line;
    if (conn->lines > 1) {
        return;
    }
    fake_say(conn, "%s", LOGIN_OK(""));
    for (unsigned i = 0; i < redirection->notices; i++) {
        fake_say(conn, "{\"jsonrpc\":\"2.0\",\"method\":\"client.reconnect\",\"params\":");
        if (strstr(redirection->params, "PORT") != NULL) {
            const char *at = strstr(redirection->params, "PORT");
            fake_say(conn, "%.*s%u%s", (int)(at - redirection->params), redirection->params,
                     redirection->port, at + 4);
        } else {
            fake_say(conn, "%s", redirection->params);
        }
        fake_say(conn, "}\n");
    }
}

static void open_redirected(struct bench *bench, struct redirection *redirection, bool allowed) {
    open_bench(bench);
    bench->config.allow_reconnect = allowed;
    fake_pool_start(&bench->pool[0], &bench->loop, 0, redirect, redirection);
    fake_pool_start(&bench->pool[1], &bench->loop, 0, only_login, NULL);
    redirection->port = bench->pool[1].port;
    start_client(bench, 1);
}

TEST(failover, reconnect_is_followed_within_the_lab_when_allowed) {
    static const char *const notices[] = {"[\"127.0.0.1\",\"PORT\"]",
                                          "[\"::ffff:127.0.0.1\",\"PORT\"]"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(notices); i++) {
        struct bench bench;
        struct plab_client_stats stats;
        struct redirection redirection = {notices[i], 0, 1};
        open_redirected(&bench, &redirection, true);
        run_until(&bench, second_pool_serves, 3000);
        run_for(&bench, 20);
        CHECK(bench.pool[0].connections == 1 && bench.pool[0].conns == NULL); /* old one closed */
        CHECK(bench.pool[1].connections == 1 && bench.offline == 1);
        CHECK_MSG(strstr(bench.state_text, "the pool moved to") != NULL, "%s", bench.state_text);
        plab_client_stats(bench.client, &stats);
        CHECK(stats.redirects == 1 && stats.pool == 0 && stats.tally[0].logins == 2);
        close_bench(&bench);
    }
}

TEST(failover, reconnect_by_the_pools_own_name) {
    struct bench bench;
    struct redirection redirection = {"[\"LOCALHOST\",\"PORT\"]", 0, 1};
    open_bench(&bench);
    bench.config.allow_reconnect = true;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, redirect, &redirection);
    fake_pool_start(&bench.pool[1], &bench.loop, 0, only_login, NULL);
    redirection.port = bench.pool[1].port;
    struct plab_url url = {.host = "localhost", .port = bench.pool[0].port};
    CHECK(create_client(&bench, &url, 1, NULL) == PLAB_OK);
    run_until(&bench, second_pool_serves, 3000);
    close_bench(&bench);
}

TEST(failover, reconnect_elsewhere_or_in_bad_words_is_not_followed) {
    static const char *const notices[] = {
        "[\"8.8.8.8\",\"3333\"]",
        "[\"::ffff:8.8.8.8\",\"3333\"]",
        "[\"0.0.0.0\",\"PORT\"]",
        "[\"0\",\"PORT\"]",
        "[\"134744072\",\"3333\"]", /* a form of 8.8.8.8 */
        "[\"pool.example.org\",\"3333\"]",
        "[\"localhost\",\"PORT\"]", /* not the name that was given */
        "[\"127.0.0.1\",PORT]",
        "[\"127.0.0.1\"]",
        "[\"127.0.0.1\",\"PORT\",\"x\"]",
        "[\"\",\"PORT\"]",
        "[\"127.0.0.1\",\"0\"]",
        "[\"127.0.0.1\",\"99999\"]",
        "[\"127.0.0.1\",\"-1\"]",
        "[\"127.0.0.1 \",\"PORT\"]",
        "[\"127.0.0.1\\u0000\",\"PORT\"]",
        "[\"127.0.0.1\\n\",\"PORT\"]",
        "{\"host\":\"127.0.0.1\",\"port\":\"PORT\"}",
        "null",
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(notices); i++) {
        struct bench bench;
        struct redirection redirection = {notices[i], 0, 2};
        open_redirected(&bench, &redirection, true);
        run_until(&bench, is_online, 2000);
        run_for(&bench, 20);
        CHECK_MSG(bench.online == 1 && bench.offline == 0 && bench.refused == 0, "%s: %s",
                  notices[i], bench.state_text);
        CHECK(bench.pool[1].connections == 0);
        close_bench(&bench);
    }
}

TEST(failover, reconnect_is_ignored_unless_allowed) {
    struct bench bench;
    struct redirection redirection = {"[\"127.0.0.1\",\"PORT\"]", 0, 1};
    open_redirected(&bench, &redirection, false);
    run_until(&bench, is_online, 2000);
    run_for(&bench, 20);
    CHECK(bench.offline == 0 && bench.pool[1].connections == 0);
    close_bench(&bench);
}

/* A pool that sends the client to itself, a hundred times in a breath, again and again. */
TEST(failover, reconnects_are_slowed_down) {
    struct bench bench;
    struct redirection redirection = {"[\"127.0.0.1\",\"PORT\"]", 0, 100};
    open_redirected(&bench, &redirection, true);
    redirection.port = bench.pool[0].port;
    run_for(&bench, 400);
    CHECK_MSG(bench.pool[0].connections >= 3 && bench.pool[0].connections < 80, "%u",
              bench.pool[0].connections);
    CHECK(bench.offline + 1 >= bench.pool[0].connections); /* one a session, not one a notice */
    CHECK(bench.offline <= bench.pool[0].connections);
    close_bench(&bench);
}

TEST(failover, a_place_where_nobody_is_leads_back_to_the_list) {
    struct bench bench;
    struct redirection redirection = {"[\"127.0.0.1\",\"PORT\"]", 0, 1};
    open_bench(&bench);
    bench.config.allow_reconnect = true;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, redirect, &redirection);
    redirection.port = 1; /* nobody listens there */
    start_client(&bench, 1);
    run_until(&bench, has_failed_three_times, 3000);
    bench.online = 0;
    redirection.notices = 0;
    run_until(&bench, is_online, 3000);
    CHECK(bench.pool[0].connections >= 2);
    CHECK(first_pool_serves(&bench));
    close_bench(&bench);
}

/* ---- K5: names that lie ---- */

/* Resolves "mixed.lab" to a lab address and a public one, "turns.lab" to a lab address the first
 * time and a public one from then on. */
int __real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
static unsigned look_ups;

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list) {
    if (node == NULL || strstr(node, ".lab") == NULL) {
        return __real_getaddrinfo(node, service, hints, list);
    }
    if (strcmp(node, "turns.lab") == 0) {
        return __real_getaddrinfo(look_ups++ == 0 ? "127.0.0.1" : "8.8.8.8", service, hints, list);
    }
    int status = __real_getaddrinfo("127.0.0.1", service, hints, list);
    return status != 0 ? status : __real_getaddrinfo("8.8.8.8", service, hints, &(*list)->ai_next);
}

TEST(failover, one_public_record_spoils_a_name) {
    struct bench bench;
    open_bench(&bench);
    fake_pool_start(&bench.pool[0], &bench.loop, 0, only_login, NULL);
    struct plab_url url = {.host = "mixed.lab", .port = bench.pool[0].port};
    CHECK(create_client(&bench, &url, 1, NULL) == PLAB_OK);
    run_until(&bench, is_refused, 3000);
    CHECK(strstr(bench.state_text, "8.8.8.8") != NULL && bench.pool[0].connections == 0);
    close_bench(&bench);
}

/* The answer is judged at each connect, not once. */
TEST(failover, a_name_that_turns_public_is_refused) {
    struct bench bench;
    open_bench(&bench);
    look_ups = 0;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, only_login, NULL);
    struct plab_url url = {.host = "turns.lab", .port = bench.pool[0].port};
    CHECK(create_client(&bench, &url, 1, NULL) == PLAB_OK);
    run_until(&bench, is_online, 3000);
    plab_client_renew(bench.client, "a test");
    run_until(&bench, is_refused, 3000);
    CHECK(strstr(bench.state_text, "8.8.8.8") != NULL && bench.pool[0].connections == 1);
    close_bench(&bench);
}
