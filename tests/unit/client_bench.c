/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/client_bench.h"

#include <stdio.h>

#include "tests/harness.h"

static void on_job(void *cookie, const struct plab_client_job *job) {
    struct bench *bench = cookie;
    bench->jobs++;
    CHECK(job->number > bench->last_job);
    bench->last_job = job->number;
    memcpy(bench->job_id, job->job->job_id, sizeof bench->job_id);
    if (bench->destroy_on_job) {
        plab_client_destroy(&bench->client);
    }
}

static void on_result(void *cookie, const struct plab_client_result *result) {
    struct bench *bench = cookie;
    bench->verdicts[result->verdict]++;
    bench->last_tag = result->tag;
    snprintf(bench->reason, sizeof bench->reason, "%s", result->reason);
    CHECK(result->latency_ms >= 0 && result->latency_ms < 10000);
}

static void on_state(void *cookie, enum plab_client_state state, const char *text) {
    struct bench *bench = cookie;
    bench->online += state == PLAB_CLIENT_ONLINE;
    bench->offline += state == PLAB_CLIENT_OFFLINE;
    bench->refused += state == PLAB_CLIENT_REFUSED;
    if (state == PLAB_CLIENT_OFFLINE || state == PLAB_CLIENT_REFUSED) {
        snprintf(bench->state_text, sizeof bench->state_text, "%s", text);
    } else if (state == PLAB_CLIENT_ONLINE) {
        snprintf(bench->online_text, sizeof bench->online_text, "%s", text);
    }
}

static void on_limit(uv_timer_t *timer) {
    struct bench *bench = timer->data;
    bench->timed_out = true;
}

void open_bench(struct bench *bench) {
    memset(bench, 0, sizeof *bench);
    CHECK(uv_loop_init(&bench->loop) == 0);
    uv_timer_init(&bench->loop, &bench->limit);
    bench->limit.data = bench;
    plab_client_defaults(&bench->config);
    strcpy(bench->config.login.login, "lab");
    strcpy(bench->config.login.pass, "x");
    strcpy(bench->config.login.agent, "test/1");
    bench->config.retry_base_ms = 5;
    bench->config.retry_cap_ms = 20;
    bench->config.connect_timeout_ms = 2000;
    bench->config.reply_timeout_ms = 5000; /* tests of deadlines have shorter ones */
    bench->config.keepalive_ms = 60000;
}

struct plab_url url_of(const struct fake_pool *pool) {
    struct plab_url url = {.host = "127.0.0.1", .port = pool->port, .tls = pool->tls != NULL};
    return url;
}

enum plab_status create_client(struct bench *bench, const struct plab_url *urls, size_t count,
                               struct plab_error *err) {
    const struct plab_client_events events = {on_job, on_result, on_state, bench};
    bench->config.pools = urls;
    bench->config.pool_count = count;
    return plab_client_create(&bench->client, &bench->loop, &bench->config, &events, err);
}

void start_client(struct bench *bench, size_t pools) {
    struct plab_url urls[2] = {url_of(&bench->pool[0]), url_of(&bench->pool[1])};
    struct plab_error err = {.text = ""};
    CHECK_MSG(create_client(bench, urls, pools, &err) == PLAB_OK, "%s", err.text);
}

void run_until(struct bench *bench, bool (*done)(const struct bench *), unsigned limit_ms) {
    bench->timed_out = false;
    uv_timer_start(&bench->limit, on_limit, limit_ms, 0);
    while (!done(bench) && !bench->timed_out) {
        uv_run(&bench->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&bench->limit);
    CHECK_MSG(!bench->timed_out, "nothing happened; online %u, offline %u \"%s\", jobs %u",
              bench->online, bench->offline, bench->state_text, bench->jobs);
}

void run_for(struct bench *bench, unsigned ms) {
    bench->timed_out = false;
    uv_timer_start(&bench->limit, on_limit, ms, 0);
    while (!bench->timed_out) {
        uv_run(&bench->loop, UV_RUN_ONCE);
    }
}

void close_bench(struct bench *bench) {
    plab_client_destroy(&bench->client);
    for (size_t i = 0; i < 2; i++) {
        if (bench->pool[i].loop != NULL) {
            fake_pool_stop(&bench->pool[i]);
        }
    }
    uv_close((uv_handle_t *)&bench->limit, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&bench->loop) == 0); /* nothing was forgotten */
}

bool is_online(const struct bench *bench) {
    return bench->online > 0 && bench->jobs > 0;
}

bool has_failed(const struct bench *bench) {
    return bench->offline > 0;
}

bool has_failed_three_times(const struct bench *bench) {
    return bench->offline >= 3;
}

bool is_refused(const struct bench *bench) {
    return bench->refused > 0;
}

bool has_verdict(const struct bench *bench) {
    return bench->verdicts[0] + bench->verdicts[1] + bench->verdicts[2] + bench->verdicts[3] > 0;
}

struct plab_client_share share_for(const struct bench *bench, uint64_t tag) {
    struct plab_client_share share = {.job_number = bench->last_job, .tag = tag, .nonce = {1}};
    memset(share.result, 0xab, sizeof share.result);
    return share;
}

void only_login(struct fake_conn *conn, const char *line) {
    (void)line;
    if (conn->lines == 1) {
        fake_say(conn, "%s", LOGIN_OK(""));
    }
}

bool second_pool_serves(const struct bench *bench) {
    char port[16];
    snprintf(port, sizeof port, ":%u", (unsigned)bench->pool[1].port);
    return strstr(bench->online_text, port) != NULL && bench->jobs > 0;
}

bool first_pool_serves(const struct bench *bench) {
    char port[16];
    snprintf(port, sizeof port, ":%u", (unsigned)bench->pool[0].port);
    return strstr(bench->online_text, port) != NULL && bench->jobs > 0;
}
