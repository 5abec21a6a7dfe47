/* SPDX-License-Identifier: BSD-3-Clause */
/* The documents of the JSON API. Units are in the names; what isn't known is null. */
#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "pool/web_priv.h"

#define SNAPSHOT_WORKERS 50
#define SNAPSHOT_ROWS 12
#define RATE_NS UINT64_C(10000000000)

static json_t *number(uint64_t value) {
    return json_integer(value <= INT64_MAX ? (json_int_t)value : INT64_MAX);
}

static json_t *known(double value) {
    return value >= 0 ? json_real(value) : json_null();
}

/* A peer's text; one that isn't UTF-8 (none should get here) with its bytes escaped. */
static json_t *text(const char *bytes) {
    char escaped[4 * PLAB_METRICS_TEXT];
    json_t *out = json_string(bytes);
    return out != NULL
               ? out
               : json_string(plab_log_escape(bytes, strlen(bytes), escaped, sizeof escaped));
}

static json_t *id_text(const uint8_t *id, bool there) {
    char hex[2 * PLAB_BLOCK_ID_BYTES + 1];
    if (!there) {
        return json_null();
    }
    plab_hex_encode(id, PLAB_BLOCK_ID_BYTES, hex);
    return json_string(hex);
}

/* Wall time of a moment on the monotonic clock. */
static json_t *when(const struct plab_web_view *view, uint64_t t_ns) {
    char iso[PLAB_CLOCK_ISO_LEN];
    if (t_ns == 0) {
        return json_null();
    }
    plab_clock_iso(view->wall_ns - (view->now_ns - t_ns), iso);
    return json_string(iso);
}

static json_t *verdicts(const struct plab_pool_stats *stats) {
    json_t *out = json_object();
    for (int i = 0; i < PLAB_VERDICT_COUNT; i++) {
        json_object_set_new(out, plab_verdict_name((enum plab_verdict)i),
                            number(stats->verdicts[i]));
    }
    return out;
}

static json_t *rates(const struct plab_web_view *view) {
    json_t *out = json_array();
    for (size_t i = 0; i < PLAB_METRICS_WINDOWS; i++) {
        const unsigned window_s = plab_metrics_windows_s[i];
        struct plab_metrics_rate rate = plab_metrics_rate(view->metrics, window_s, view->now_ns);
        json_array_append_new(out, json_pack("{s:i, s:f, s:o, s:o}", "window_s", (int)window_s,
                                             "covered_s", rate.window_s, "rate_hps",
                                             known(rate.rate_hps), "shares", number(rate.shares)));
    }
    return out;
}

static json_t *latency(const struct plab_web_view *view) {
    const struct plab_metrics_quantiles now = plab_metrics_latency(view->metrics, view->now_ns);
    const bool any = now.count > 0;
    return json_pack("{s:i, s:o, s:o, s:o}", "shares", (int)now.count, "median_ms",
                     known(any ? now.median_s * 1e3 : -1), "p99_ms",
                     known(any ? now.p99_s * 1e3 : -1), "max_ms",
                     known(any ? now.max_s * 1e3 : -1));
}

static json_t *verification(const struct plab_web_view *view) {
    const struct plab_pool_stats *stats = &view->stats;
    const double mean_ms = stats->verified_hashes > 0
                               ? (double)stats->verify_ns / 1e6 / (double)stats->verified_hashes
                               : -1;
    return json_pack("{s:i, s:o, s:i, s:o, s:o, s:o, s:o}", "threads",
                     (int)view->facts->verify_threads, "queue", number(stats->verify_queue_now),
                     "queue_max", (int)view->facts->verify_queue, "queue_peak",
                     number(stats->verify_queue_peak), "hashes", number(stats->verified_hashes),
                     "hash_mean_ms", known(mean_ms), "seed_builds", number(stats->seed_builds));
}

static json_t *chain_now(const struct plab_web_view *view) {
    const struct plab_metrics *metrics = view->metrics;
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "source", view->facts->source, "height",
        number(metrics->height), "network_difficulty", number(metrics->network_difficulty), "tip",
        id_text(metrics->tip, metrics->has_template), "seed",
        id_text(metrics->seed, metrics->has_seed), "templates", number(view->stats.templates),
        "blocks_found", number(view->stats.blocks_found), "blocks_accepted",
        number(view->stats.blocks_accepted));
}

static json_t *shares_now(const struct plab_web_view *view) {
    const struct plab_pool_stats *stats = &view->stats;
    return json_pack("{s:o, s:o, s:o, s:o}", "accepted",
                     number(stats->verdicts[PLAB_VERDICT_ACCEPTED]), "rejected",
                     number(stats->rejected), "accepted_work", number(stats->accepted_work),
                     "verdicts", verdicts(stats));
}

static json_t *sessions_now(const struct plab_web_view *view) {
    const struct plab_pool_stats *stats = &view->stats;
    return json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "connected",
                     number(stats->sessions_now), "workers", (int)view->metrics->worker_count,
                     "logins", number(stats->logins), "refused_logins",
                     number(stats->refused_logins), "connections", number(stats->connections),
                     "refused_connections", number(stats->refused_connections), "protocol_errors",
                     number(stats->protocol_errors));
}

json_t *plab_web_summary(const struct plab_web_view *view) {
    return json_pack("{s:s, s:o, s:f, s:s, s:o, s:o, s:o, s:o, s:{s:o}, s:o, s:o}", "schema",
                     "powlab-api-summary/1", "time", when(view, view->now_ns), "uptime_s",
                     (double)(view->now_ns - view->metrics->began_ns) / 1e9, "algo",
                     view->facts->algo, "hashrate", rates(view), "shares", shares_now(view),
                     "latency", latency(view), "sessions", sessions_now(view), "jobs", "sent",
                     number(view->stats.jobs), "chain", chain_now(view), "verification",
                     verification(view));
}

static json_t *worker_json(const struct plab_web_view *view,
                           const struct plab_metrics_worker *worker) {
    return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "session",
                     (int)worker->session, "login", text(worker->login), "rig_id",
                     text(worker->rig_id), "agent", text(worker->agent), "peer", text(worker->peer),
                     "since", when(view, worker->since_ns), "difficulty",
                     number(worker->difficulty), "accepted", number(worker->accepted), "rejected",
                     number(worker->rejected), "work", number(worker->work), "rate_hps",
                     known(plab_metrics_worker_rate(worker, view->now_ns)), "last_share",
                     when(view, worker->last_share_ns));
}

static json_t *worker_list(const struct plab_web_view *view, size_t cap) {
    const struct plab_metrics_worker *workers[PLAB_METRICS_WORKERS];
    json_t *out = json_array();
    cap = cap < PLAB_METRICS_WORKERS ? cap : PLAB_METRICS_WORKERS;
    const size_t count = plab_metrics_workers(view->metrics, workers, cap);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(out, worker_json(view, workers[i]));
    }
    return out;
}

json_t *plab_web_workers(const struct plab_web_view *view, size_t cap) {
    return json_pack("{s:s, s:i, s:i, s:o}", "schema", "powlab-api-workers/1", "count",
                     (int)view->metrics->worker_count, "not_followed",
                     (int)view->metrics->workers_missed, "workers", worker_list(view, cap));
}

/* How many of a ring of recent things there are to show. */
static size_t rows(uint64_t so_far, size_t cap) {
    const size_t kept = so_far < PLAB_METRICS_RECENT ? (size_t)so_far : PLAB_METRICS_RECENT;
    return kept < cap ? kept : cap;
}

static json_t *job_list(const struct plab_web_view *view, size_t cap) {
    const struct plab_metrics_recent *recent = &view->metrics->recent;
    json_t *out = json_array();
    for (size_t i = 0; i < rows(recent->jobs, cap); i++) {
        const struct plab_metrics_job *job =
            &recent->job[(recent->jobs - 1 - i) % PLAB_METRICS_RECENT];
        json_array_append_new(out, json_pack("{s:o, s:i, s:s, s:o, s:o}", "time",
                                             when(view, job->t_ns), "session", (int)job->session,
                                             "job_id", job->job_id, "height", number(job->height),
                                             "difficulty", number(job->difficulty)));
    }
    return out;
}

json_t *plab_web_jobs(const struct plab_web_view *view, size_t cap) {
    return json_pack("{s:s, s:o, s:o}", "schema", "powlab-api-jobs/1", "sent",
                     number(view->stats.jobs), "jobs", job_list(view, cap));
}

static json_t *share_json(const struct plab_web_view *view,
                          const struct plab_metrics_share *share) {
    return json_pack("{s:o, s:i, s:o, s:s, s:o, s:o, s:o, s:f}", "time", when(view, share->t_ns),
                     "session", (int)share->session, "login", text(share->login), "verdict",
                     plab_verdict_name(share->verdict), "height", number(share->height),
                     "difficulty", number(share->difficulty), "share_difficulty",
                     share->share_difficulty > 0 ? number(share->share_difficulty) : json_null(),
                     "latency_ms", (double)share->latency_ns / 1e6);
}

static json_t *share_list(const struct plab_web_view *view, size_t cap) {
    const struct plab_metrics_recent *recent = &view->metrics->recent;
    json_t *out = json_array();
    for (size_t i = 0; i < rows(recent->shares, cap); i++) {
        json_array_append_new(
            out, share_json(view, &recent->share[(recent->shares - 1 - i) % PLAB_METRICS_RECENT]));
    }
    return out;
}

json_t *plab_web_shares(const struct plab_web_view *view, size_t cap) {
    return json_pack("{s:s, s:o, s:o}", "schema", "powlab-api-shares/1", "totals", shares_now(view),
                     "shares", share_list(view, cap));
}

static json_t *block_list(const struct plab_web_view *view, size_t cap) {
    const struct plab_metrics_recent *recent = &view->metrics->recent;
    json_t *out = json_array();
    for (size_t i = 0; i < rows(recent->blocks, cap); i++) {
        const struct plab_metrics_block *block =
            &recent->block[(recent->blocks - 1 - i) % PLAB_METRICS_RECENT];
        json_array_append_new(
            out, json_pack("{s:o, s:i, s:o, s:o, s:b}", "time", when(view, block->t_ns), "session",
                           (int)block->session, "height", number(block->height), "id",
                           id_text(block->id, true), "accepted", (int)block->accepted));
    }
    return out;
}

json_t *plab_web_chain(const struct plab_web_view *view, size_t cap) {
    return json_pack("{s:s, s:s, s:o, s:o}", "schema", "powlab-api-chain/1", "algo",
                     view->facts->algo, "chain", chain_now(view), "blocks", block_list(view, cap));
}

json_t *plab_web_snapshot(const struct plab_web_view *view) {
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "schema", "powlab-api-snapshot/1", "summary",
                     plab_web_summary(view), "workers", plab_web_workers(view, SNAPSHOT_WORKERS),
                     "jobs", job_list(view, SNAPSHOT_ROWS), "shares",
                     share_list(view, SNAPSHOT_ROWS), "blocks", block_list(view, SNAPSHOT_ROWS));
}

/* ---- the history ---- */

/* Columns of numbers, not a list of objects: a chart's data is mostly names otherwise. */
struct columns {
    json_t *age_s, *rate_hps, *accepted, *rejected, *sessions, *queue, *median_ms, *p99_ms;
};

/* The rate at point `i`: over RATE_NS or more, because single shares make it jump. */
static double rate_at(const struct plab_metrics_point *points, size_t i) {
    size_t from = i;
    while (from > 0 && points[i].t_ns - points[from].t_ns < RATE_NS) {
        from--;
    }
    const uint64_t span_ns = points[i].t_ns - points[from].t_ns;
    return span_ns >= RATE_NS ? (double)(points[i].work - points[from].work) * 1e9 / (double)span_ns
                              : -1;
}

static void add_point(const struct columns *columns, const struct plab_web_view *view,
                      const struct plab_metrics_point *points, size_t i) {
    const struct plab_metrics_point *from = &points[i - 1], *to = &points[i];
    json_array_append_new(columns->age_s, json_real((double)(view->now_ns - to->t_ns) / 1e9));
    json_array_append_new(columns->rate_hps, known(rate_at(points, i)));
    json_array_append_new(columns->accepted, number(to->accepted - from->accepted));
    json_array_append_new(columns->rejected, number(to->rejected - from->rejected));
    json_array_append_new(columns->sessions, number(to->sessions));
    json_array_append_new(columns->queue, number(to->queue));
    json_array_append_new(columns->median_ms, known((double)to->latency_median_s * 1e3));
    json_array_append_new(columns->p99_ms, known((double)to->latency_p99_s * 1e3));
}

json_t *plab_web_history(const struct plab_web_view *view, size_t cap) {
    struct plab_metrics_point points[PLAB_WEB_HISTORY_POINTS];
    const struct columns columns = {json_array(), json_array(), json_array(), json_array(),
                                    json_array(), json_array(), json_array(), json_array()};
    cap = cap < PLAB_WEB_HISTORY_POINTS ? cap : PLAB_WEB_HISTORY_POINTS;
    const size_t count = plab_metrics_history(view->metrics, points, cap);
    for (size_t i = 1; i < count; i++) {
        add_point(&columns, view, points, i);
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
                     "powlab-api-history/1", "time", when(view, view->now_ns), "age_s",
                     columns.age_s, "rate_hps", columns.rate_hps, "accepted", columns.accepted,
                     "rejected", columns.rejected, "sessions", columns.sessions, "queue",
                     columns.queue, "latency_median_ms", columns.median_ms, "latency_p99_ms",
                     columns.p99_ms);
}
