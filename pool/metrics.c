/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/metrics.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
#define QUANTILE_WINDOW_NS (60 * SECOND_NS)
#define SLOT_NS (30 * SECOND_NS)

const unsigned plab_metrics_windows_s[PLAB_METRICS_WINDOWS] = {60, 600, 3600};

const double plab_metrics_bucket_s[PLAB_METRICS_BUCKETS - 1] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};

void plab_metrics_init(struct plab_metrics *metrics, uint64_t now_ns) {
    memset(metrics, 0, sizeof *metrics);
    metrics->began_ns = now_ns;
    plab_metrics_sample(metrics, now_ns, 0, 0);
}

void plab_metrics_free(struct plab_metrics *metrics) {
    for (size_t i = 0; i < PLAB_METRICS_WORKERS; i++) {
        while (metrics->workers[i] != NULL) {
            struct plab_metrics_worker *next = metrics->workers[i]->next;
            free(metrics->workers[i]);
            metrics->workers[i] = next;
        }
    }
    metrics->worker_count = 0;
}

/* ---- workers ---- */

static struct plab_metrics_worker **find(struct plab_metrics *metrics, uint32_t session) {
    struct plab_metrics_worker **link = &metrics->workers[session % PLAB_METRICS_WORKERS];
    while (*link != NULL && (*link)->session != session) {
        link = &(*link)->next;
    }
    return link;
}

/* Keeps as much of a peer's UTF-8 as fits, and no half of a character. */
static void keep_text(char out[PLAB_METRICS_TEXT], const char *text) {
    size_t len = text != NULL ? strnlen(text, PLAB_METRICS_TEXT) : 0;
    if (len >= PLAB_METRICS_TEXT) {
        len = PLAB_METRICS_TEXT - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    if (len > 0) {
        memcpy(out, text, len);
    }
    out[len] = '\0';
}

static void on_login(struct plab_metrics *metrics, const struct plab_pool_event *event) {
    struct plab_metrics_worker **link = find(metrics, event->session);
    struct plab_metrics_worker *worker = *link;
    if (event->text != NULL && event->text[0] != '\0') {
        return; /* refused */
    }
    if (worker == NULL) {
        worker = metrics->worker_count < PLAB_METRICS_WORKERS ? calloc(1, sizeof *worker) : NULL;
        if (worker == NULL) {
            metrics->workers_missed++;
            return;
        }
        *link = worker;
        metrics->worker_count++;
    }
    worker->session = event->session;
    worker->since_ns = event->t_ns;
    worker->difficulty = event->difficulty;
    keep_text(worker->login, event->login);
    keep_text(worker->agent, event->agent);
    keep_text(worker->rig_id, event->rig_id);
    keep_text(worker->peer, event->peer);
}

static void on_disconnect(struct plab_metrics *metrics, uint32_t session) {
    struct plab_metrics_worker **link = find(metrics, session);
    struct plab_metrics_worker *worker = *link;
    if (worker != NULL) {
        *link = worker->next;
        free(worker);
        metrics->worker_count--;
    }
}

/* Empties the slots that time has passed by. */
static void turn_slots(struct plab_metrics_worker *worker, uint64_t now_ns) {
    const uint64_t now = now_ns / SLOT_NS;
    uint64_t gone = now - worker->slot;
    if (gone > PLAB_METRICS_WORKER_SLOTS) {
        gone = PLAB_METRICS_WORKER_SLOTS;
    }
    for (uint64_t i = 0; i < gone; i++) {
        worker->slot_work[(now - i) % PLAB_METRICS_WORKER_SLOTS] = 0;
    }
    worker->slot = now;
}

static void note_worker_share(struct plab_metrics_worker *worker,
                              const struct plab_pool_event *event) {
    worker->last_share_ns = event->t_ns;
    if (event->verdict != PLAB_VERDICT_ACCEPTED) {
        worker->rejected++;
        return;
    }
    turn_slots(worker, event->t_ns);
    worker->accepted++;
    worker->work += event->difficulty;
    worker->slot_work[worker->slot % PLAB_METRICS_WORKER_SLOTS] += event->difficulty;
}

double plab_metrics_worker_rate(const struct plab_metrics_worker *worker, uint64_t now_ns) {
    const uint64_t now = now_ns / SLOT_NS;
    const uint64_t oldest =
        now + 1 > PLAB_METRICS_WORKER_SLOTS ? now + 1 - PLAB_METRICS_WORKER_SLOTS : 0;
    uint64_t work = 0, from_ns = oldest * SLOT_NS;
    for (uint64_t slot = oldest; slot <= worker->slot; slot++) {
        work += worker->slot_work[slot % PLAB_METRICS_WORKER_SLOTS];
    }
    from_ns = from_ns > worker->since_ns ? from_ns : worker->since_ns;
    if (now_ns < from_ns + SECOND_NS) {
        return -1;
    }
    return (double)work * 1e9 / (double)(now_ns - from_ns);
}

static int by_work(const void *a, const void *b) {
    const struct plab_metrics_worker *x = *(struct plab_metrics_worker *const *)a;
    const struct plab_metrics_worker *y = *(struct plab_metrics_worker *const *)b;
    if (x->work != y->work) {
        return x->work < y->work ? 1 : -1;
    }
    return x->session < y->session ? -1 : x->session > y->session;
}

size_t plab_metrics_workers(const struct plab_metrics *metrics,
                            const struct plab_metrics_worker **out, size_t cap) {
    const struct plab_metrics_worker *all[PLAB_METRICS_WORKERS];
    size_t count = 0;
    for (size_t i = 0; i < PLAB_METRICS_WORKERS; i++) {
        for (const struct plab_metrics_worker *worker = metrics->workers[i]; worker != NULL;
             worker = worker->next) {
            all[count++] = worker;
        }
    }
    qsort(all, count, sizeof(struct plab_metrics_worker *), by_work);
    count = count < cap ? count : cap;
    memcpy(out, all, count * sizeof(struct plab_metrics_worker *));
    return count;
}

/* ---- events ---- */

static void note_latency(struct plab_metrics *metrics, const struct plab_pool_event *event) {
    size_t bucket = 0;
    while (bucket < PLAB_METRICS_BUCKETS - 1 &&
           (double)event->latency_ns / 1e9 > plab_metrics_bucket_s[bucket]) {
        bucket++;
    }
    metrics->latency_count[bucket]++;
    metrics->latency_sum_ns += event->latency_ns;
    metrics->latency[metrics->latencies++ % PLAB_METRICS_LATENCIES] =
        (struct plab_metrics_latency){event->t_ns, event->latency_ns};
}

static void on_share(struct plab_metrics *metrics, const struct plab_pool_event *event) {
    struct plab_metrics_recent *recent = &metrics->recent;
    struct plab_metrics_worker *worker = *find(metrics, event->session);
    struct plab_metrics_share *share = &recent->share[recent->shares++ % PLAB_METRICS_RECENT];
    if (event->verdict == PLAB_VERDICT_ACCEPTED) {
        metrics->accepted++;
        metrics->work += event->difficulty;
    } else {
        metrics->rejected++;
    }
    if (event->share_difficulty > 0) {
        note_latency(metrics, event);
    }
    *share = (struct plab_metrics_share){.t_ns = event->t_ns,
                                         .session = event->session,
                                         .verdict = event->verdict,
                                         .height = event->height,
                                         .difficulty = event->difficulty,
                                         .share_difficulty = event->share_difficulty,
                                         .latency_ns = event->latency_ns};
    if (worker != NULL) {
        note_worker_share(worker, event);
        memcpy(share->login, worker->login, sizeof share->login);
    }
}

static void on_job(struct plab_metrics *metrics, const struct plab_pool_event *event) {
    struct plab_metrics_recent *recent = &metrics->recent;
    struct plab_metrics_worker *worker = *find(metrics, event->session);
    struct plab_metrics_job *job = &recent->job[recent->jobs++ % PLAB_METRICS_RECENT];
    *job = (struct plab_metrics_job){.t_ns = event->t_ns,
                                     .session = event->session,
                                     .height = event->height,
                                     .difficulty = event->difficulty};
    strncpy(job->job_id, event->job_id, sizeof job->job_id - 1);
    if (worker != NULL) {
        worker->difficulty = event->difficulty;
    }
}

static void on_block(struct plab_metrics *metrics, const struct plab_pool_event *event) {
    struct plab_metrics_recent *recent = &metrics->recent;
    struct plab_metrics_block *block = &recent->block[recent->blocks++ % PLAB_METRICS_RECENT];
    *block = (struct plab_metrics_block){.t_ns = event->t_ns,
                                         .session = event->session,
                                         .height = event->height,
                                         .accepted = event->accepted};
    memcpy(block->id, event->id, sizeof block->id);
}

static void on_template(struct plab_metrics *metrics, const struct plab_pool_event *event) {
    metrics->has_template = true;
    metrics->height = event->height;
    metrics->network_difficulty = event->difficulty;
    memcpy(metrics->tip, event->id, sizeof metrics->tip);
    metrics->has_seed = event->seed != NULL;
    if (event->seed != NULL) {
        memcpy(metrics->seed, event->seed, sizeof metrics->seed);
    }
}

void plab_metrics_event(struct plab_metrics *metrics, const struct plab_pool_event *event) {
    switch (event->kind) {
    case PLAB_POOL_EVENT_LOGIN:
        on_login(metrics, event);
        break;
    case PLAB_POOL_EVENT_DISCONNECT:
        on_disconnect(metrics, event->session);
        break;
    case PLAB_POOL_EVENT_SHARE:
        on_share(metrics, event);
        break;
    case PLAB_POOL_EVENT_JOB:
        on_job(metrics, event);
        break;
    case PLAB_POOL_EVENT_BLOCK:
        on_block(metrics, event);
        break;
    case PLAB_POOL_EVENT_TEMPLATE:
        on_template(metrics, event);
        break;
    default:
        break;
    }
}

/* ---- what follows from them ---- */

static int by_size(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The value that `part` of them don't exceed (nearest rank). */
static double quantile(const uint64_t *sorted, size_t count, double part) {
    size_t rank = (size_t)(part * (double)count + 0.999999);
    return (double)sorted[rank > 0 ? rank - 1 : 0] / 1e9;
}

struct plab_metrics_quantiles plab_metrics_latency(const struct plab_metrics *metrics,
                                                   uint64_t now_ns) {
    uint64_t sorted[PLAB_METRICS_LATENCIES];
    struct plab_metrics_quantiles out = {0};
    const uint64_t since_ns = now_ns > QUANTILE_WINDOW_NS ? now_ns - QUANTILE_WINDOW_NS : 0;
    const uint64_t kept =
        metrics->latencies < PLAB_METRICS_LATENCIES ? metrics->latencies : PLAB_METRICS_LATENCIES;
    for (uint64_t i = metrics->latencies - kept; i < metrics->latencies; i++) {
        const struct plab_metrics_latency *entry = &metrics->latency[i % PLAB_METRICS_LATENCIES];
        if (entry->t_ns >= since_ns) {
            sorted[out.count++] = entry->latency_ns;
        }
    }
    if (out.count > 0) {
        qsort(sorted, out.count, sizeof sorted[0], by_size);
        out.median_s = quantile(sorted, out.count, 0.5);
        out.p99_s = quantile(sorted, out.count, 0.99);
        out.max_s = quantile(sorted, out.count, 1);
    }
    return out;
}

void plab_metrics_sample(struct plab_metrics *metrics, uint64_t now_ns, uint64_t sessions,
                         uint64_t queue) {
    const struct plab_metrics_quantiles latency = plab_metrics_latency(metrics, now_ns);
    struct plab_metrics_point *point = &metrics->point[metrics->points++ % PLAB_METRICS_HISTORY];
    *point = (struct plab_metrics_point){
        .t_ns = now_ns,
        .work = metrics->work,
        .accepted = metrics->accepted,
        .rejected = metrics->rejected,
        .sessions = (uint32_t)sessions,
        .queue = (uint32_t)queue,
        .latency_median_s = latency.count > 0 ? (float)latency.median_s : -1,
        .latency_p99_s = latency.count > 0 ? (float)latency.p99_s : -1,
    };
}

static uint64_t first_point(const struct plab_metrics *metrics) {
    return metrics->points > PLAB_METRICS_HISTORY ? metrics->points - PLAB_METRICS_HISTORY : 0;
}

static const struct plab_metrics_point *point_at(const struct plab_metrics *metrics,
                                                 uint64_t number) {
    return &metrics->point[number % PLAB_METRICS_HISTORY];
}

struct plab_metrics_rate plab_metrics_rate(const struct plab_metrics *metrics, unsigned window_s,
                                           uint64_t now_ns) {
    const uint64_t window_ns = window_s * SECOND_NS;
    uint64_t low = first_point(metrics), high = metrics->points - 1;
    /* The newest sample that is at least as old as the window, or the oldest there is. */
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        if (point_at(metrics, middle)->t_ns + window_ns <= now_ns) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    const struct plab_metrics_point *from = point_at(metrics, low);
    const uint64_t span_ns = now_ns > from->t_ns ? now_ns - from->t_ns : 0;
    struct plab_metrics_rate out = {(double)span_ns / 1e9, -1, metrics->accepted - from->accepted};
    if (span_ns >= SECOND_NS) {
        out.rate_hps = (double)(metrics->work - from->work) / out.window_s;
    }
    return out;
}

size_t plab_metrics_history(const struct plab_metrics *metrics, struct plab_metrics_point *out,
                            size_t cap) {
    const uint64_t first = first_point(metrics), kept = metrics->points - first;
    const uint64_t step = (kept + cap - 1) / cap;
    size_t count = 0;
    /* Multiples of the step: points stay the same from one call to the next. */
    for (uint64_t number = (first + step - 1) / step * step;
         number < metrics->points && count < cap; number += step) {
        out[count++] = *point_at(metrics, number);
    }
    return count;
}
