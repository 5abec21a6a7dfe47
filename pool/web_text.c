/* SPDX-License-Identifier: BSD-3-Clause */
/* The OpenMetrics 1.0 text of /metrics. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pool/web_priv.h"

#define PREFIX "powlab_pool_"

static void family(FILE *out, const char *name, const char *type, const char *unit,
                   const char *help) {
    fprintf(out, "# TYPE " PREFIX "%s %s\n", name, type);
    if (unit != NULL) {
        fprintf(out, "# UNIT " PREFIX "%s %s\n", name, unit);
    }
    fprintf(out, "# HELP " PREFIX "%s %s\n", name, help);
}

/* A counter or a gauge without labels. */
struct scalar {
    const char *name, *type, *unit;
    double value;
    const char *help;
};

static void write_scalars(FILE *out, const struct scalar *scalars, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct scalar *scalar = &scalars[i];
        family(out, scalar->name, scalar->type, scalar->unit, scalar->help);
        fprintf(out, PREFIX "%s%s %.17g\n", scalar->name, scalar->type[0] == 'c' ? "_total" : "",
                scalar->value);
    }
}

static void write_info(FILE *out, const struct plab_web_view *view) {
    family(out, "configuration", "info", NULL, "What the pool serves.");
    /* Names of ours: nothing in them needs escaping. */
    fprintf(out, PREFIX "configuration_info{algo=\"%s\",source=\"%s\"} 1\n", view->facts->algo,
            view->facts->source);
}

static void write_sessions(FILE *out, const struct plab_web_view *view) {
    const struct plab_pool_stats *s = &view->stats;
    const struct scalar scalars[] = {
        {"uptime_seconds", "gauge", "seconds",
         (double)(view->now_ns - view->metrics->began_ns) / 1e9, "Time since the pool began."},
        {"sessions", "gauge", NULL, (double)s->sessions_now, "Connections that are open."},
        {"workers", "gauge", NULL, (double)view->metrics->worker_count,
         "Sessions that are logged in and followed one by one."},
        {"connections", "counter", NULL, (double)s->connections, "Connections taken."},
        {"refused_connections", "counter", NULL, (double)s->refused_connections,
         "Connections that were hung up on at once."},
        {"logins", "counter", NULL, (double)s->logins, "Good logins."},
        {"refused_logins", "counter", NULL, (double)s->refused_logins, "Logins that were refused."},
        {"protocol_errors", "counter", NULL, (double)s->protocol_errors,
         "Sessions that broke the protocol."},
        {"tls_sessions", "counter", NULL, (double)s->tls_sessions,
         "TLS handshakes that succeeded."},
        {"tls_failures", "counter", NULL, (double)s->tls_failures, "TLS handshakes that didn't."},
        {"accept_waits", "counter", NULL, (double)s->accept_waits,
         "Times that accepting waited for want of file descriptors."},
        {"jobs", "counter", NULL, (double)s->jobs, "Jobs sent."},
    };
    write_scalars(out, scalars, PLAB_ARRAY_LEN(scalars));
}

static void write_chain(FILE *out, const struct plab_web_view *view) {
    const struct plab_pool_stats *s = &view->stats;
    const struct scalar scalars[] = {
        {"chain_height", "gauge", NULL, (double)view->metrics->height,
         "Height of the block that is mined."},
        {"network_difficulty", "gauge", NULL, (double)view->metrics->network_difficulty,
         "Difficulty that a block must meet, in hashes on average."},
        {"templates", "counter", NULL, (double)s->templates, "Block templates taken up."},
        {"found_blocks", "counter", NULL, (double)s->blocks_found,
         "Shares that met the network difficulty."},
        {"accepted_blocks", "counter", NULL, (double)s->blocks_accepted,
         "Of them, blocks that the chain took."},
    };
    write_scalars(out, scalars, PLAB_ARRAY_LEN(scalars));
}

static void write_verification(FILE *out, const struct plab_web_view *view) {
    const struct plab_pool_stats *s = &view->stats;
    const struct scalar scalars[] = {
        {"verification_threads", "gauge", NULL, (double)view->facts->verify_threads,
         "Threads that hash shares."},
        {"verification_queue_shares", "gauge", "shares", (double)s->verify_queue_now,
         "Shares that wait for their hash, or are being hashed."},
        {"verification_queue_limit_shares", "gauge", "shares", (double)view->facts->verify_queue,
         "Shares that may wait."},
        {"verification_queue_peak_shares", "gauge", "shares", (double)s->verify_queue_peak,
         "Most shares that ever waited."},
        {"unverified_shares", "counter", NULL, (double)s->unverified,
         "Shares accepted without a hash (--verify-sample, --upstream-trust)."},
        {"verified_hashes", "counter", "hashes", (double)s->verified_hashes, "Hashes computed."},
        {"verification_seconds", "counter", "seconds", (double)s->verify_ns / 1e9,
         "Time that hashing took, summed over threads."},
        {"seed_builds", "counter", NULL, (double)s->seed_builds, "RandomX caches built."},
    };
    write_scalars(out, scalars, PLAB_ARRAY_LEN(scalars));
}

static void write_shares(FILE *out, const struct plab_web_view *view) {
    const struct plab_pool_stats *s = &view->stats;
    family(out, "shares", "counter", NULL, "Shares by verdict.");
    for (int i = 0; i < PLAB_VERDICT_COUNT; i++) {
        fprintf(out, PREFIX "shares_total{verdict=\"%s\"} %" PRIu64 "\n",
                plab_verdict_name((enum plab_verdict)i), s->verdicts[i]);
    }
    family(out, "accepted_work_hashes", "counter", "hashes",
           "Sum of the difficulties of accepted shares.");
    fprintf(out, PREFIX "accepted_work_hashes_total %" PRIu64 "\n", s->accepted_work);
    family(out, "hashrate_hashes_per_second", "gauge", "hashes_per_second",
           "Hash rate of all workers, estimated from accepted work.");
    for (size_t i = 0; i < PLAB_METRICS_WINDOWS; i++) {
        const unsigned window_s = plab_metrics_windows_s[i];
        struct plab_metrics_rate rate = plab_metrics_rate(view->metrics, window_s, view->now_ns);
        if (rate.rate_hps >= 0) {
            fprintf(out, PREFIX "hashrate_hashes_per_second{window_seconds=\"%u\"} %.17g\n",
                    window_s, rate.rate_hps);
        }
    }
}

/* "0.5" and "1.0": OpenMetrics wants the point. */
static const char *bound_text(double bound, char out[32]) {
    snprintf(out, 32, bound == (double)(long)bound ? "%.1f" : "%g", bound);
    return out;
}

static void write_latency(FILE *out, const struct plab_web_view *view) {
    const struct plab_metrics *metrics = view->metrics;
    uint64_t sum = 0;
    char bound[32];
    family(out, "share_latency_seconds", "histogram", "seconds",
           "From a share's arrival to its verdict, of shares that were hashed.");
    for (size_t i = 0; i < PLAB_METRICS_BUCKETS; i++) {
        sum += metrics->latency_count[i];
        fprintf(out, PREFIX "share_latency_seconds_bucket{le=\"%s\"} %" PRIu64 "\n",
                i + 1 < PLAB_METRICS_BUCKETS ? bound_text(plab_metrics_bucket_s[i], bound) : "+Inf",
                sum);
    }
    fprintf(out, PREFIX "share_latency_seconds_count %" PRIu64 "\n", sum);
    fprintf(out, PREFIX "share_latency_seconds_sum %.9f\n", (double)metrics->latency_sum_ns / 1e9);
}

char *plab_web_metrics(const struct plab_web_view *view, size_t *len) {
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (out == NULL) {
        return NULL;
    }
    write_info(out, view);
    write_sessions(out, view);
    write_shares(out, view);
    write_latency(out, view);
    write_chain(out, view);
    write_verification(out, view);
    fprintf(out, "# EOF\n");
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
