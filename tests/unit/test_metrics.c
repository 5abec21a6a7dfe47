/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool in numbers: rates, quantiles, workers, history, and the texts made from them. */
#include <jansson.h>
#include <stdlib.h>

#include "pool/metrics.h"
#include "pool/web_priv.h"
#include "tests/harness.h"

#define S UINT64_C(1000000000)
#define START (1000000 * S)

static struct plab_metrics metrics;

static void login(uint32_t session, const char *name, uint64_t at_s) {
    const struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_LOGIN,
                                          .t_ns = START + at_s * S,
                                          .session = session,
                                          .login = name,
                                          .agent = "agent",
                                          .rig_id = "",
                                          .peer = "127.0.0.1:1",
                                          .difficulty = 10};
    plab_metrics_event(&metrics, &event);
}

static void share(uint32_t session, enum plab_verdict verdict, uint64_t difficulty, uint64_t at_s,
                  uint64_t latency_ms) {
    static const uint8_t nonce[4];
    const struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_SHARE,
                                          .t_ns = START + at_s * S,
                                          .session = session,
                                          .verdict = verdict,
                                          .job_id = "1",
                                          .nonce = nonce,
                                          .height = 7,
                                          .difficulty = difficulty,
                                          .share_difficulty =
                                              verdict == PLAB_VERDICT_ACCEPTED ? 2 * difficulty : 0,
                                          .latency_ns = latency_ms * 1000000};
    plab_metrics_event(&metrics, &event);
}

static void event_of(enum plab_pool_event_kind kind, uint32_t session, const char *text) {
    const struct plab_pool_event event = {
        .kind = kind, .t_ns = START, .session = session, .text = text, .job_id = text};
    plab_metrics_event(&metrics, &event);
}

TEST(metrics, rates_over_windows) {
    plab_metrics_init(&metrics, START);
    CHECK(plab_metrics_rate(&metrics, 60, START).rate_hps < 0);
    login(1, "a", 0);
    for (uint64_t t = 1; t <= 4000; t++) { /* 100 H/s, from the 3001st second on 300 H/s */
        share(1, PLAB_VERDICT_ACCEPTED, t <= 3000 ? 100 : 300, t, 5);
        plab_metrics_sample(&metrics, START + t * S, 1, 0);
        if (t == 30) {
            struct plab_metrics_rate young = plab_metrics_rate(&metrics, 60, START + 30 * S);
            CHECK(young.window_s == 30 && young.rate_hps == 100);
            CHECK_U64(young.shares, 30);
        }
    }
    const uint64_t now = START + 4000 * S;
    struct plab_metrics_rate minute = plab_metrics_rate(&metrics, 60, now);
    CHECK(minute.window_s == 60 && minute.rate_hps == 300);
    CHECK_U64(minute.shares, 60);
    struct plab_metrics_rate hour = plab_metrics_rate(&metrics, 3600, now);
    /* The ring ends at 3599 s back: 2599 s of 100 and 1000 s of 300. */
    CHECK(hour.window_s == 3599);
    CHECK(hour.rate_hps > 155.5 && hour.rate_hps < 155.6);
    plab_metrics_free(&metrics);
}

TEST(metrics, latency_of_hashed_shares_of_the_last_minute) {
    plab_metrics_init(&metrics, START);
    CHECK_U64(plab_metrics_latency(&metrics, START).count, 0);
    share(1, PLAB_VERDICT_ACCEPTED, 1, 1, 100000); /* too old in the end */
    for (uint64_t i = 1; i <= 100; i++) {
        share(1, PLAB_VERDICT_ACCEPTED, 1, 100, i);
        share(1, PLAB_VERDICT_DUPLICATE, 1, 100, 0); /* not hashed */
    }
    struct plab_metrics_quantiles q = plab_metrics_latency(&metrics, START + 110 * S);
    CHECK_U64(q.count, 100);
    CHECK(q.median_s == 0.05 && q.p99_s == 0.099 && q.max_s == 0.1);
    CHECK_U64(metrics.accepted, 101);
    CHECK_U64(metrics.rejected, 100);
    CHECK_U64(metrics.latency_count[0], 1); /* up to 1 ms */
    CHECK_U64(metrics.latency_count[PLAB_METRICS_BUCKETS - 1], 1);
    for (uint64_t i = 0; i < 3 * PLAB_METRICS_LATENCIES; i++) {
        share(1, PLAB_VERDICT_ACCEPTED, 1, 111, 7);
    }
    q = plab_metrics_latency(&metrics, START + 111 * S);
    CHECK_U64(q.count, PLAB_METRICS_LATENCIES);
    CHECK(q.max_s == 0.007);
    plab_metrics_free(&metrics);
}

TEST(metrics, workers_come_and_go) {
    const struct plab_metrics_worker *list[4];
    plab_metrics_init(&metrics, START);
    login(1, "small", 0);
    login(2, "big", 0);
    login(2 + PLAB_METRICS_WORKERS, "same bucket", 0);
    event_of(PLAB_POOL_EVENT_LOGIN, 9, "refused");
    share(1, PLAB_VERDICT_ACCEPTED, 10, 5, 1);
    share(2, PLAB_VERDICT_ACCEPTED, 600, 10, 1);
    share(2, PLAB_VERDICT_STALE, 600, 11, 1);
    CHECK_U64(plab_metrics_workers(&metrics, list, 4), 3);
    CHECK_STR(list[0]->login, "big");
    CHECK_STR(list[1]->login, "small");
    CHECK_U64(list[0]->accepted, 1);
    CHECK_U64(list[0]->rejected, 1);
    CHECK(plab_metrics_worker_rate(list[0], START + 20 * S) == 30);
    CHECK(plab_metrics_worker_rate(list[0], START + 3600 * S) == 0);
    CHECK(plab_metrics_worker_rate(list[0], START) < 0);
    event_of(PLAB_POOL_EVENT_DISCONNECT, 2, "gone");
    CHECK_U64(plab_metrics_workers(&metrics, list, 1), 1);
    CHECK_STR(list[0]->login, "small");
    CHECK_U64(metrics.worker_count, 2);
    plab_metrics_free(&metrics);
}

TEST(metrics, bounded) {
    static const struct plab_metrics_worker *list[2 * PLAB_METRICS_WORKERS];
    static char text[200];
    static struct plab_metrics_point points[PLAB_WEB_HISTORY_POINTS];
    plab_metrics_init(&metrics, START);
    memset(text, 'x', sizeof text - 1);
    memcpy(text + PLAB_METRICS_TEXT - 2, "\xc3\xa4", 2); /* a letter across the end */
    for (uint32_t i = 1; i <= 3000; i++) {
        login(i, text, 0);
        event_of(PLAB_POOL_EVENT_JOB, i, "job");
    }
    CHECK_U64(plab_metrics_workers(&metrics, list, 2 * PLAB_METRICS_WORKERS), PLAB_METRICS_WORKERS);
    CHECK_U64(metrics.workers_missed, 3000 - PLAB_METRICS_WORKERS);
    CHECK_U64(strlen(list[0]->login), PLAB_METRICS_TEXT - 2);
    CHECK_U64(metrics.recent.jobs, 3000);
    for (uint64_t t = 1; t < 10000; t++) {
        plab_metrics_sample(&metrics, START + t * S, t, 0);
        if (t == 10) {
            CHECK_U64(plab_metrics_history(&metrics, points, PLAB_WEB_HISTORY_POINTS), 11);
            CHECK_U64(points[10].sessions, 10);
        }
    }
    const size_t count = plab_metrics_history(&metrics, points, PLAB_WEB_HISTORY_POINTS);
    CHECK(count > 250 && count <= PLAB_WEB_HISTORY_POINTS);
    for (size_t i = 1; i < count; i++) {
        CHECK_U64(points[i].t_ns - points[i - 1].t_ns, points[1].t_ns - points[0].t_ns);
    }
    CHECK(points[count - 1].t_ns > START + 9980 * S);
    plab_metrics_free(&metrics);
}

static struct plab_web_view make_view(const struct plab_web_facts *facts) {
    struct plab_web_view view = {.metrics = &metrics,
                                 .facts = facts,
                                 .now_ns = START + 100 * S,
                                 .wall_ns = UINT64_C(1700000000) * S};
    view.stats.verdicts[PLAB_VERDICT_ACCEPTED] = 3;
    view.stats.accepted_work = UINT64_MAX; /* larger than JSON's integers here */
    return view;
}

TEST(metrics, texts_of_anything_are_documents) {
    static const struct plab_web_facts facts = {"rx/0", "simulated", 2, 1024};
    static const uint8_t id[PLAB_BLOCK_ID_BYTES] = {0xab};
    plab_metrics_init(&metrics, START);
    login(1, "not \xff utf-8 \"<script>\"\n", 1);
    share(1, PLAB_VERDICT_ACCEPTED, UINT64_MAX / 2, 2, 3);
    const struct plab_pool_event block = {
        .kind = PLAB_POOL_EVENT_BLOCK, .t_ns = START + S, .height = 7, .id = id, .accepted = true};
    plab_metrics_event(&metrics, &block);
    plab_metrics_sample(&metrics, START + 50 * S, 1, 0);
    const struct plab_web_view view = make_view(&facts);
    json_t *documents[] = {plab_web_summary(&view),  plab_web_workers(&view, 9),
                           plab_web_jobs(&view, 9),  plab_web_shares(&view, 9),
                           plab_web_chain(&view, 9), plab_web_history(&view, 300),
                           plab_web_snapshot(&view)};
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        char *text = documents[i] != NULL ? json_dumps(documents[i], 0) : NULL;
        CHECK_MSG(text != NULL, "document %zu", i);
        free(text);
    }
    const char *name = json_string_value(
        json_object_get(json_array_get(json_object_get(documents[1], "workers"), 0), "login"));
    CHECK_STR(name, "not \\xff utf-8 \"<script>\"\\x0a");
    CHECK_STR(json_string_value(json_object_get(documents[0], "time")), "2023-11-14T22:13:20.000Z");
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        json_decref(documents[i]);
    }
    plab_metrics_free(&metrics);
}

/* The form; tests/integration/web.sh gives the real one to an independent parser. */
TEST(metrics, openmetrics) {
    static const struct plab_web_facts facts = {"rx/0", "simulated", 2, 1024};
    size_t len;
    plab_metrics_init(&metrics, START);
    share(1, PLAB_VERDICT_ACCEPTED, 10, 2, 30);
    share(1, PLAB_VERDICT_ACCEPTED, 10, 3, 20000);
    const struct plab_web_view view = make_view(&facts);
    char *text = plab_web_metrics(&view, &len);
    CHECK(text != NULL && len == strlen(text));
    CHECK(strstr(text, "# TYPE powlab_pool_shares counter\n"
                       "# HELP powlab_pool_shares Shares by verdict.\n"
                       "powlab_pool_shares_total{verdict=\"accepted\"} 3\n") != NULL);
    CHECK(strstr(text, "_bucket{le=\"0.025\"} 0\n") != NULL);
    CHECK(strstr(text, "_bucket{le=\"0.05\"} 1\n") != NULL);
    CHECK(strstr(text, "_bucket{le=\"10.0\"} 1\n") != NULL);
    CHECK(strstr(text, "_bucket{le=\"+Inf\"} 2\n") != NULL);
    CHECK(strstr(text, "share_latency_seconds_sum 20.030000000\n") != NULL);
    CHECK_STR(text + len - 6, "# EOF\n");
    free(text);
    plab_metrics_free(&metrics);
}
