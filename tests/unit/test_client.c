/* SPDX-License-Identifier: BSD-3-Clause */
/* The Stratum client against a pool that follows scripts: answers, timings, hang-ups, fail-over. */
#include <stdlib.h>

#include "base/attr.h"
#include "tests/harness.h"
#include "tests/unit/client_bench.h"

/* ---- the login's answer ---- */

enum after {
    STAYS,
    HANGS_UP,
    RESETS,
    DRIPS_AT_ONCE, /* one byte a segment */
    DRIPS_SLOWLY,
};

struct script {
    const char *name;
    const char *answer; /* to the login */
    enum after after;
    const char *failure; /* part of the reason; NULL: the client goes online and stays */
};

#define LONG_LINE_MARK "<20000 x>"

static void play_script(struct fake_conn *conn, const char *line) {
    const struct script *script = conn->pool->cookie;
    (void)line;
    if (conn->lines > 1) {
        return;
    }
    const char *answer = script->answer;
    if (strncmp(answer, LONG_LINE_MARK, strlen(LONG_LINE_MARK)) == 0) {
        char x[20000];
        memset(x, 'x', sizeof x);
        fake_say_raw(conn, x, sizeof x);
        answer += strlen(LONG_LINE_MARK);
    }
    if (script->after == DRIPS_AT_ONCE || script->after == DRIPS_SLOWLY) {
        fake_drip(conn, answer, script->after == DRIPS_SLOWLY ? 10 : 0);
        return;
    }
    fake_say(conn, "%s", answer);
    if (script->after == HANGS_UP) {
        fake_hang_up(conn);
    } else if (script->after == RESETS) {
        fake_reset(conn);
    }
}

static const struct script scripts[] = {
    {"good", LOGIN_OK(""), STAYS, NULL},
    {"one byte a segment", LOGIN_OK(""), DRIPS_AT_ONCE, NULL},
    {"blank lines and CR", "\n\r\n  \n" LOGIN_OK(""), STAYS, NULL},
    {"id as text", "{\"id\":\"1\",\"result\":{\"id\":\"s1\",\"job\":" JOB("j1") "}}\n", STAYS,
     NULL},
    {"answered twice", LOGIN_OK("") LOGIN_OK(""), STAYS, NULL},
    {"job first", NOTIFY(JOB("early")) LOGIN_OK(""), STAYS, NULL},
    {"other notifications", "{\"method\":\"mining.notify\",\"params\":[]}\n" LOGIN_OK(""), STAYS,
     NULL},
    {"redirect before",
     "{\"method\":\"client.reconnect\",\"params\":[\"192.0.2.1\",\"1\"]}\n" LOGIN_OK(""), STAYS,
     NULL},
    {"redirect after", LOGIN_OK("") "{\"method\":\"client.reconnect\",\"params\":[\"h\",1]}\n",
     STAYS, NULL},
    {"long line before", LONG_LINE_MARK "\n" LOGIN_OK(""), STAYS, NULL},
    {"some bad lines before", "x\n[]\n{}\n{\"id\":1,}\n" LOGIN_OK(""), STAYS, NULL},
    {"bad lines, but never many in a row", "x\nx\nx\nx\n{\"method\":\"m\"}\nx\nx\n" LOGIN_OK(""),
     STAYS, NULL},
    {"answers to nobody",
     "{\"id\":9,\"result\":{}}\n{\"id\":0,\"result\":{}}\n{\"id\":-1}\n"
     "{\"id\":9223372036854775807,\"result\":{}}\n" LOGIN_OK(""),
     STAYS, NULL},
    {"bad job after", LOGIN_OK("") NOTIFY("{\"job_id\":\"z\"}"), STAYS, NULL},
    {"odd extensions",
     "{\"id\":1,\"result\":{\"id\":\"s1\",\"extensions\":7,\"job\":" JOB("j1") "}}\n", STAYS, NULL},

    {"silent", "", STAYS, "no answer to a login"},
    {"slow drip", LOGIN_OK(""), DRIPS_SLOWLY, "no answer to a login"},
    {"no line end", LONG_LINE_MARK, STAYS, "no answer to a login"},
    {"wrong id", "{\"id\":7,\"result\":{\"id\":\"s1\",\"job\":" JOB("j1") "}}\n", STAYS,
     "no answer to a login"},
    {"refused", "{\"id\":1,\"error\":{\"code\":-1,\"message\":\"Invalid address\"}}\n", STAYS,
     "login refused: Invalid address"},
    {"refused without words", "{\"id\":1,\"error\":{}}\n", STAYS, "login refused: error without"},
    {"refused in colour", "{\"id\":1,\"error\":{\"message\":\"\\u001b[31m%n%s\\r\\n\"}}\n", STAYS,
     "login refused: \\x1b[31m%n%s\\x0d\\x0a"},
    {"null", "{\"id\":1,\"result\":null}\n", STAYS, "login refused: result is null"},
    {"no session", "{\"id\":1,\"result\":{\"job\":" JOB("j1") "}}\n", STAYS, "session id"},
    {"number as session", "{\"id\":1,\"result\":{\"id\":5,\"job\":" JOB("j1") "}}\n", STAYS,
     "session id"},
    {"no job", "{\"id\":1,\"result\":{\"id\":\"s1\"}}\n", STAYS, "no job"},
    {"array as job", "{\"id\":1,\"result\":{\"id\":\"s1\",\"job\":[]}}\n", STAYS, "bad job"},
    {"zero target",
     "{\"id\":1,\"result\":{\"id\":\"s1\",\"job\":{\"blob\":\"" BLOB
     "\",\"job_id\":\"1\",\"target\":\"00000000\"}}}\n",
     STAYS, "target is zero"},
    {"garbage", "\x01\x02\n\xff\n\x16\x03\x01\nx\n[]\n", STAYS, "bad lines"},
    {"HTTP",
     "HTTP/1.1 400 Bad Request\r\nServer: x\r\nContent-Length: 9\r\nConnection: close\r\n\r\n"
     "<html>bad\r\n",
     STAYS, "bad lines"},
    {"half a line, then FIN", "{\"id\":1,\"res", HANGS_UP, "closed the connection"},
    {"FIN", "", HANGS_UP, "closed the connection"},
    {"RST", "", RESETS, "connection"},
};

static void run_script(const struct script *script) {
    struct bench bench;
    open_bench(&bench);
    if (script->failure != NULL && strstr(script->failure, "no answer") != NULL) {
        bench.config.reply_timeout_ms = 100;
    }
    fake_pool_start(&bench.pool[0], &bench.loop, 0, play_script, (void *)(uintptr_t)script);
    start_client(&bench, 1);
    if (script->failure == NULL) {
        run_until(&bench, is_online, 3000);
        run_for(&bench, 30);
        CHECK_MSG(bench.online == 1 && bench.offline == 0 && bench.jobs == 1, "%s: %s",
                  script->name, bench.state_text);
        CHECK_STR(bench.job_id, "j1");
    } else {
        run_until(&bench, has_failed_three_times, 5000);
        CHECK_MSG(bench.online == 0 && bench.jobs == 0, "%s", script->name);
        CHECK_MSG(strstr(bench.state_text, script->failure) != NULL, "%s: %s", script->name,
                  bench.state_text);
        CHECK(bench.pool[0].connections >= 3); /* it goes on trying */
    }
    close_bench(&bench);
}

TEST(client, login_scripts) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(scripts); i++) {
        run_script(&scripts[i]);
    }
}

/* ---- shares ---- */

struct submit_script {
    const char *answer; /* %s: the request's id */
    enum plab_client_verdict verdict;
    const char *reason;
};

static void answer_submit(struct fake_conn *conn, const char *line) {
    const struct submit_script *script = conn->pool->cookie;
    if (conn->lines == 1) {
        fake_say(conn, "%s", LOGIN_OK("\"algo\""));
        return;
    }
    static const char begin[] = "{\"id\":2,\"jsonrpc\":\"2.0\",\"method\":\"submit\",\"params\":{"
                                "\"id\":\"s1\",\"job_id\":\"j1\",\"nonce\":\"01000000\","
                                "\"result\":\"abab";
    CHECK_MSG(strncmp(line, begin, sizeof begin - 1) == 0, "%s", line);
    fake_say(conn, "%s\n", script->answer);
}

static const struct submit_script submit_scripts[] = {
    {"{\"id\":2,\"error\":null,\"result\":{\"status\":\"OK\"}}", PLAB_SHARE_ACCEPTED, ""},
    {"{\"id\":\"2\",\"result\":{}}", PLAB_SHARE_ACCEPTED, ""},
    {"{\"id\":2,\"error\":{\"code\":-1,\"message\":\"Low difficulty share\"}}", PLAB_SHARE_REJECTED,
     "Low difficulty share"},
    {"{\"id\":2,\"error\":{\"code\":-1},\"result\":{\"status\":\"OK\"}}", PLAB_SHARE_REJECTED,
     "error without a message"},
    {"{\"id\":2,\"error\":\"text\",\"result\":{}}", PLAB_SHARE_REJECTED, "text"},
    {"{\"id\":2,\"error\":{\"message\":\"\\u001b\"}}", PLAB_SHARE_REJECTED, "\\x1b"},
    {"{\"id\":2,\"result\":null}", PLAB_SHARE_REJECTED, "result is null, not an object"},
    {"{\"id\":2,\"result\":true}", PLAB_SHARE_REJECTED, "result is true, not an object"},
    {"{\"id\":2,\"error\":{\"message\":\"Invalid job id\"}}", PLAB_SHARE_STALE, "Invalid job id"},
    {"{\"id\":2,\"error\":{\"message\":\"Stale share\"}}", PLAB_SHARE_STALE, "Stale share"},
    {"{\"id\":2,\"error\":{\"message\":\"block expired\"}}", PLAB_SHARE_STALE, "block expired"},
};

TEST(client, submit_scripts) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(submit_scripts); i++) {
        const struct submit_script *script = &submit_scripts[i];
        struct bench bench;
        open_bench(&bench);
        fake_pool_start(&bench.pool[0], &bench.loop, 0, answer_submit, (void *)(uintptr_t)script);
        start_client(&bench, 1);
        run_until(&bench, is_online, 2000);
        struct plab_client_share share = share_for(&bench, 77);
        CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
        run_until(&bench, has_verdict, 2000);
        CHECK_MSG(bench.verdicts[script->verdict] == 1, "%s", script->answer);
        CHECK_STR(bench.reason, script->reason);
        CHECK_U64(bench.last_tag, 77);
        run_for(&bench, 20);
        CHECK(bench.offline == 0); /* one share is no reason to part */
        close_bench(&bench);
    }
}

TEST(client, a_session_that_the_pool_ended_is_renewed) {
    static const struct submit_script script = {
        "{\"id\":2,\"error\":{\"message\":\"Unauthenticated\"}}", PLAB_SHARE_REJECTED, ""};
    struct bench bench;
    open_bench(&bench);
    fake_pool_start(&bench.pool[0], &bench.loop, 0, answer_submit, (void *)(uintptr_t)&script);
    start_client(&bench, 1);
    run_until(&bench, is_online, 2000);
    struct plab_client_share share = share_for(&bench, 1);
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
    run_until(&bench, has_failed, 2000);
    CHECK(bench.verdicts[PLAB_SHARE_REJECTED] == 1);
    CHECK(strstr(bench.state_text, "Unauthenticated") != NULL);
    close_bench(&bench);
}

TEST(client, unanswered_shares_are_told_when_the_deadline_ends_the_session) {
    struct bench bench;
    open_bench(&bench);
    bench.config.reply_timeout_ms = 100;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, only_login, NULL);
    start_client(&bench, 1);
    run_until(&bench, is_online, 2000);
    struct plab_client_share share = share_for(&bench, 5);
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
    run_until(&bench, has_failed, 2000);
    CHECK(bench.verdicts[PLAB_SHARE_UNANSWERED] == 2);
    CHECK(strstr(bench.state_text, "no answer to a share") != NULL);
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_STALE);
    close_bench(&bench);
}

TEST(client, shares_are_limited) {
    struct bench bench;
    open_bench(&bench);
    bench.config.submit_burst = 3;
    bench.config.submits_per_s = 0.001;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, only_login, NULL);
    start_client(&bench, 1);
    run_until(&bench, is_online, 2000);
    struct plab_client_share share = share_for(&bench, 5);
    for (int i = 0; i < 3; i++) {
        CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
    }
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_LIMITED);
    close_bench(&bench);
}

TEST(client, unanswered_requests_are_bounded) {
    struct bench bench;
    open_bench(&bench);
    bench.config.submit_burst = 1e9;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, only_login, NULL);
    start_client(&bench, 1);
    run_until(&bench, is_online, 2000);
    struct plab_client_share share = share_for(&bench, 5);
    unsigned sent = 0;
    while (plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT) {
        CHECK(++sent < 100000);
    }
    CHECK(sent >= 100);
    close_bench(&bench);
}

/* ---- jobs ---- */

static void many_jobs(struct fake_conn *conn, const char *line) {
    (void)line;
    if (conn->lines > 1) {
        return;
    }
    fake_say(conn, "%s", LOGIN_OK(""));
    fake_say(conn, "%s%s", NOTIFY(JOB("j1")), NOTIFY(JOB("j1"))); /* repeated: no reason to part */
    for (int i = 0; i < 2000; i++) {
        fake_say(conn,
                 "{\"method\":\"job\",\"params\":{\"blob\":\"" BLOB
                 "\",\"job_id\":\"n%d\",\"target\":\"ffffff00\"}}\n",
                 i);
    }
}

static bool has_last_job(const struct bench *bench) {
    return strcmp(bench->job_id, "n1999") == 0;
}

TEST(client, of_a_burst_of_jobs_only_the_newest_counts) {
    struct bench bench;
    open_bench(&bench);
    fake_pool_start(&bench.pool[0], &bench.loop, 0, many_jobs, NULL);
    start_client(&bench, 1);
    run_until(&bench, has_last_job, 5000);
    CHECK_MSG(bench.jobs < 200, "%u jobs were handed out", bench.jobs);
    CHECK(bench.offline == 0);
    close_bench(&bench);
}

static void same_id_other_blob(struct fake_conn *conn, const char *line) {
    (void)line;
    if (conn->lines == 1) {
        fake_say(conn, "%s", LOGIN_OK(""));
    } else {
        fake_say(conn, "{\"method\":\"job\",\"params\":{\"blob\":\"" BLOB
                       "ff\",\"job_id\":\"j1\",\"target\":\"ffffff00\"}}\n");
        fake_say(conn, "%s", NOTIFY(JOB("j1")));
    }
}

static bool has_more_jobs(const struct bench *bench) {
    return bench->jobs >= 2;
}

TEST(client, a_job_is_told_apart_by_more_than_its_id) {
    struct bench bench;
    open_bench(&bench);
    fake_pool_start(&bench.pool[0], &bench.loop, 0, same_id_other_blob, NULL);
    start_client(&bench, 1);
    run_until(&bench, is_online, 2000);
    struct plab_client_share share = share_for(&bench, 0);
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
    run_until(&bench, has_more_jobs, 2000);
    /* The first job's shares can still be sent, under its id. */
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
    share.job_number = 99;
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_STALE);
    share.job_number = 0;
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_STALE);
    close_bench(&bench);
}

TEST(client, may_be_destroyed_from_a_callback) {
    struct bench bench;
    open_bench(&bench);
    bench.destroy_on_job = true;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, many_jobs, NULL);
    start_client(&bench, 1);
    run_until(&bench, is_online, 2000);
    run_for(&bench, 20);
    CHECK(bench.client == NULL && bench.jobs == 1 && bench.offline == 0);
    close_bench(&bench);
}

/* ---- the wire ---- */

/* Counts keepalives and answers them unless told not to (`cookie` not NULL). */
static unsigned keepalives;
static void count_keepalives(struct fake_conn *conn, const char *line) {
    if (conn->lines == 1) {
        keepalives = 0;
        fake_say(conn, "%s", conn->pool->cookie == NULL ? LOGIN_OK("\"keepalive\"") : LOGIN_OK(""));
        return;
    }
    CHECK(strstr(line, "\"method\":\"keepalived\",\"params\":{\"id\":\"s1\"}}") != NULL);
    keepalives++;
    if (conn->pool->cookie == NULL) {
        fake_say(conn, "{\"id\":%u,\"error\":null,\"result\":{\"status\":\"KEEPALIVED\"}}\n",
                 1 + keepalives);
    }
}

TEST(client, keepalive_follows_the_extension) {
    struct bench bench;
    open_bench(&bench);
    bench.config.keepalive_ms = 30;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, count_keepalives, NULL);
    start_client(&bench, 1);
    run_for(&bench, 250);
    CHECK_MSG(keepalives >= 2 && keepalives <= 9, "%u", keepalives);
    CHECK(bench.offline == 0);
    close_bench(&bench);
}

TEST(client, keepalive_not_announced_may_stay_unanswered) {
    static int silent;
    for (int forced = 0; forced < 2; forced++) {
        struct bench bench;
        open_bench(&bench);
        bench.config.keepalive_ms = 250; /* an answer would be late before the next one is sent */
        bench.config.reply_timeout_ms = 150;
        bench.config.keepalive = forced;
        fake_pool_start(&bench.pool[0], &bench.loop, 0, count_keepalives, &silent);
        start_client(&bench, 1);
        run_for(&bench, 700);
        CHECK_MSG(forced ? keepalives >= 2 : keepalives == 0, "%u", keepalives);
        CHECK(bench.offline == 0 && bench.online == 1);
        close_bench(&bench);
    }
}

/* Says a job now and then and counts what comes; shares are answered. */
static void jobs_and_answers(struct fake_conn *conn, const char *line) {
    int id = 0;
    if (conn->lines == 1) {
        keepalives = 0;
        fake_say(conn, "%s", LOGIN_OK("\"keepalive\""));
    } else if (sscanf(line, "{\"id\":%d,", &id) == 1) {
        keepalives += strstr(line, "keepalived") != NULL;
        fake_say(conn, "{\"id\":%d,\"error\":null,\"result\":{\"status\":\"OK\"}}\n", id);
    }
}

TEST(client, keepalive_counts_from_the_last_line_sent) {
    struct bench bench;
    open_bench(&bench);
    bench.config.keepalive_ms = 200;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, jobs_and_answers, NULL);
    start_client(&bench, 1);
    run_until(&bench, is_online, 2000);
    for (int i = 0; i < 25; i++) { /* a share every 20 ms: no need for one */
        struct plab_client_share share = share_for(&bench, 0);
        CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
        run_for(&bench, 20);
    }
    CHECK_MSG(keepalives == 0, "%u", keepalives);
    for (int i = 0; i < 30; i++) { /* jobs don't count */
        fake_say(bench.pool[0].conns,
                 "{\"method\":\"job\",\"params\":{\"blob\":\"" BLOB
                 "\",\"job_id\":\"n%d\",\"target\":\"ffffff00\"}}\n",
                 i);
        run_for(&bench, 20);
    }
    CHECK_MSG(keepalives >= 1, "%u", keepalives);
    close_bench(&bench);
}

static char wire[4][4096];
static unsigned wire_count;
static void record(struct fake_conn *conn, const char *line) {
    snprintf(wire[wire_count++ % 4], sizeof wire[0], "%s", line);
    if (conn->lines == 1) {
        fake_say(conn, "%s", LOGIN_OK(""));
    }
}

static bool wire_has_two(const struct bench *bench) {
    (void)bench;
    return wire_count == 2;
}

static bool wire_has_four(const struct bench *bench) {
    (void)bench;
    return wire_count == 4;
}

TEST(client, request_ids_go_on_over_sessions) {
    struct bench bench;
    open_bench(&bench);
    wire_count = 0;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, record, NULL);
    start_client(&bench, 1);
    run_until(&bench, is_online, 2000);
    struct plab_client_share share = share_for(&bench, 0);
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
    run_until(&bench, wire_has_two, 2000);
    plab_client_renew(bench.client, "the nonces are used up");
    CHECK(strstr(bench.state_text, "the nonces are used up") != NULL);
    bench.online = 0;
    bench.jobs = 0;
    run_until(&bench, is_online, 2000);
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_STALE); /* of the old session */
    share = share_for(&bench, 0);
    CHECK(plab_client_submit(bench.client, &share) == PLAB_SUBMIT_SENT);
    run_until(&bench, wire_has_four, 2000);
    CHECK_STR(wire[0], "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":"
                       "\"lab\",\"pass\":\"x\",\"agent\":\"test/1\"}}");
    CHECK(strncmp(wire[1], "{\"id\":2,", 8) == 0);
    CHECK_STR(wire[2], wire[0]);
    CHECK(strncmp(wire[3], "{\"id\":4,", 8) == 0);
    close_bench(&bench);
}

static void endless_line(struct fake_conn *conn, const char *line) {
    (void)line;
    fake_say(conn, "%s", LOGIN_OK(""));
    fake_drip(conn, "{\"method\":\"job\",\"params\":{\"blob\":\"0000000000000000000000000000", 15);
}

TEST(client, a_line_has_a_deadline_too) {
    struct bench bench;
    open_bench(&bench);
    bench.config.reply_timeout_ms = 100;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, endless_line, NULL);
    start_client(&bench, 1);
    run_until(&bench, has_failed, 2000);
    CHECK_MSG(strstr(bench.state_text, "a line without end") != NULL, "%s", bench.state_text);
    close_bench(&bench);
}

/* ---- away and back, fail-over ---- */

TEST(client, goes_on_when_the_pool_is_back) {
    struct bench bench;
    open_bench(&bench);
    fake_pool_start(&bench.pool[0], &bench.loop, 0, only_login, NULL);
    uint16_t port = bench.pool[0].port;
    start_client(&bench, 1);
    run_until(&bench, is_online, 2000);
    fake_pool_stop(&bench.pool[0]);
    run_until(&bench, has_failed_three_times, 3000);
    CHECK_MSG(strstr(bench.state_text, "connection refused") != NULL, "%s", bench.state_text);
    CHECK(bench.pool[0].conns == NULL);
    bench.online = bench.jobs = 0;
    fake_pool_start(&bench.pool[0], &bench.loop, port, only_login, NULL);
    run_until(&bench, is_online, 3000);
    struct plab_client_stats stats;
    plab_client_stats(bench.client, &stats);
    CHECK(stats.logins == 2 && stats.failures >= 3 && stats.online);
    CHECK(stats.last_failure == PLAB_E_NETWORK);
    close_bench(&bench);
}

static bool refuse_logins;
static void login_or_refuse(struct fake_conn *conn, const char *line) {
    (void)line;
    fake_say(conn, "%s",
             refuse_logins ? "{\"id\":1,\"error\":{\"message\":\"no\"}}\n" : LOGIN_OK(""));
}

TEST(client, fails_over_and_comes_back) {
    struct bench bench;
    open_bench(&bench);
    bench.config.retries = 2;
    refuse_logins = true;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, login_or_refuse, NULL);
    fake_pool_start(&bench.pool[1], &bench.loop, 0, only_login, NULL);
    start_client(&bench, 2);
    run_until(&bench, second_pool_serves, 3000);
    CHECK(bench.offline == 2 && bench.pool[1].connections == 1);
    run_for(&bench, 100);
    CHECK(bench.pool[0].connections > 3); /* asks whether it is back */
    CHECK(bench.offline == 2);            /* without a word */
    refuse_logins = false;
    run_until(&bench, first_pool_serves, 3000);
    run_for(&bench, 30);
    CHECK(bench.pool[1].conns == NULL && bench.offline == 2);
    close_bench(&bench);
}

TEST(client, a_list_of_dead_pools_is_tried_in_turn) {
    struct bench bench;
    open_bench(&bench);
    bench.config.retries = 1;
    refuse_logins = true;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, login_or_refuse, NULL);
    fake_pool_start(&bench.pool[1], &bench.loop, 0, login_or_refuse, NULL);
    start_client(&bench, 2);
    run_for(&bench, 300);
    CHECK(bench.pool[0].connections >= 3 && bench.pool[1].connections >= 3);
    CHECK_MSG(bench.offline < 100, "%u tries in 0.3 s", bench.offline);
    close_bench(&bench);
}

/* A pool that takes the login and hangs up must not be hammered. */
static void login_and_hang_up(struct fake_conn *conn, const char *line) {
    (void)line;
    fake_say(conn, "%s", LOGIN_OK(""));
    fake_hang_up(conn);
}

TEST(client, pauses_grow_even_if_logins_succeed) {
    struct bench bench;
    open_bench(&bench);
    bench.config.retry_base_ms = 5;
    bench.config.retry_cap_ms = 1000;
    fake_pool_start(&bench.pool[0], &bench.loop, 0, login_and_hang_up, NULL);
    start_client(&bench, 1);
    run_for(&bench, 400);
    CHECK_MSG(bench.pool[0].connections >= 3 && bench.pool[0].connections <= 9, "%u",
              bench.pool[0].connections);
    close_bench(&bench);
}

/* ---- lab only ---- */

TEST(client, public_addresses_are_refused_before_anything_starts) {
    static const char *const hosts[] = {"8.8.8.8", "0.0.0.0", "::ffff:8.8.8.8", "2606:4700::1111"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(hosts); i++) {
        struct bench bench;
        open_bench(&bench);
        struct plab_url urls[2] = {{.host = "127.0.0.1", .port = 1}, {.port = 3333}};
        snprintf(urls[1].host, sizeof urls[1].host, "%s", hosts[i]);
        struct plab_error err = {.text = ""};
        CHECK(create_client(&bench, urls, 2, &err) == PLAB_E_REFUSED);
        CHECK(strstr(err.text, "lab address") != NULL && bench.client == NULL);
        close_bench(&bench);
    }
}

/* Names are judged by what they resolve to. These resolve without any name server: inet_aton()'s
 * forms of 8.8.8.8 and 0.0.0.0. */
TEST(client, resolved_addresses_are_refused_for_good) {
    static const char *const hosts[] = {"134744072", "0x8.0x8.0x8.0x8", "0"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(hosts); i++) {
        struct bench bench;
        open_bench(&bench);
        struct plab_url url = {.port = 9};
        snprintf(url.host, sizeof url.host, "%s", hosts[i]);
        CHECK(create_client(&bench, &url, 1, NULL) == PLAB_OK);
        run_until(&bench, is_refused, 3000);
        run_for(&bench, 50);
        CHECK(bench.refused == 1 && bench.offline == 0 && bench.online == 0);
        struct plab_client_stats stats;
        plab_client_stats(bench.client, &stats);
        CHECK(stats.last_failure == PLAB_E_REFUSED && stats.failures == 1);
        close_bench(&bench);
    }
}

TEST(client, names_of_this_machine_resolve) {
    struct bench bench;
    open_bench(&bench);
    fake_pool_start(&bench.pool[0], &bench.loop, 0, only_login, NULL);
    struct plab_url url = {.host = "localhost", .port = bench.pool[0].port};
    CHECK(create_client(&bench, &url, 1, NULL) == PLAB_OK);
    run_until(&bench, is_online, 3000); /* ::1 may come first, and nobody listens there */
    close_bench(&bench);
}

TEST(client, can_be_destroyed_at_any_moment) {
    for (unsigned ms = 0; ms < 40; ms++) {
        struct bench bench;
        open_bench(&bench);
        fake_pool_start(&bench.pool[0], &bench.loop, 0, many_jobs, NULL);
        struct plab_url url = {.host = "localhost", .port = bench.pool[0].port};
        CHECK(create_client(&bench, &url, 1, NULL) == PLAB_OK);
        for (unsigned i = 0; i < ms; i++) {
            uv_run(&bench.loop, UV_RUN_NOWAIT);
        }
        close_bench(&bench);
    }
}
