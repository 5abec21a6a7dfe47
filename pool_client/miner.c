/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool_client/miner.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/bucket.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "pool_client/rates.h"
#include "stratum/target.h"

#define TICK_MS 1000
#define GRACE_MS 2000      /* for answers that are still to come at the end */
#define EXHAUSTED_MAX_S 30 /* without nonces and without a new job */
#define JOBS_KEPT 16       /* of which shares may still come */
#define SEED_BURST 3       /* new seeds at once ... */
#define SEED_PAUSE_S 10    /* ... and then one every so often */

/* What a share needs to know of its job. */
struct taken_job {
    uint64_t number;
    const struct plab_algo *algo;
    uint64_t difficulty;
};

struct miner {
    const struct plab_miner_config *config;
    const struct plab_log *log;
    struct plab_miner_result *result;
    struct plab_error *err;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t tick, end;
    uv_signal_t sigint, sigterm;
    struct plab_client *client;
    struct plab_workers *workers;
    FILE *stats;

    uint64_t start_ns;
    uint64_t hashing_since_ns; /* 0: not hashing */
    uint64_t ticks, exhausted_ticks;
    uint64_t open_shares; /* sent and not answered */
    uint64_t answers;
    double latency_sum_ms;
    struct plab_rates rates;

    struct plab_job job;  /* last published, if any */
    struct plab_job held; /* waits for its turn to change the seed, if any */
    struct plab_bucket seeds;
    struct taken_job taken[JOBS_KEPT];
    struct plab_tune_choice told_choice;
    uint64_t told_ahead; /* caches built ahead, when the log last spoke of a build */

    enum plab_status status;
    enum plab_workers_state state;
    atomic_uint progress_permille;        /* these are written by the builder's thread */
    _Atomic(const char *) progress_stage; /* a static string */
    _Atomic double progress_s;
    atomic_bool progress_news;
    bool stats_failed;
    bool has_job;
    bool holds;
    bool online;
    bool ending; /* waits for the last answers */
    bool ended;
};

static void finish(struct miner *miner, enum plab_status status);

/* ---- jobs: from the pool to the workers ---- */

static const struct plab_algo *algo_of(struct miner *miner, const struct plab_stratum_job *job,
                                       struct plab_error *err) {
    const struct plab_algo *algo = miner->config->algo;
    if (job->algo[0] == '\0') {
        return algo;
    }
    char name[3 * PLAB_STRATUM_NAME_MAX];
    plab_log_escape(job->algo, strlen(job->algo), name, sizeof name);
    enum plab_status status = plab_algo_find(name, &algo, err);
    if (status == PLAB_OK) {
        status = plab_algo_check_pool(algo, err);
    }
    return status == PLAB_OK ? algo : NULL;
}

/* Makes the workers' job of the pool's. */
static enum plab_status translate(struct miner *miner, const struct plab_client_job *from,
                                  struct plab_job *out, struct plab_error *err) {
    const struct plab_stratum_job *job = from->job;
    *out = (struct plab_job){
        .algo = algo_of(miner, job, err),
        .blob_len = job->blob_len,
        .target = job->target,
        .height = job->height,
        .cookie = from->number,
    };
    if (out->algo == NULL) {
        return PLAB_E_UNSUPPORTED;
    }
    if (out->algo->needs_seed && !job->has_seed) {
        return plab_fail(err, PLAB_E_INPUT, "%s needs a seed_hash", out->algo->name);
    }
    if (out->algo->needs_height && !job->has_height) {
        return plab_fail(err, PLAB_E_INPUT, "%s needs a height", out->algo->name);
    }
    memcpy(out->blob, job->blob, job->blob_len);
    memcpy(out->seed, job->seed_hash, sizeof out->seed);
    out->has_next_seed = job->has_next_seed;
    memcpy(out->next_seed, job->next_seed_hash, sizeof out->next_seed);
    /* A nonce that isn't zero means that the pool shares the nonce space out, as XMRig has it. */
    out->nicehash = (from->extensions & PLAB_EXT_NICEHASH) != 0 ||
                    plab_load32_le(job->blob + out->algo->nonce_offset) != 0;
    return PLAB_OK;
}

static bool is_new_seed(const struct miner *miner, const struct plab_job *job) {
    return job->algo->needs_seed && (!miner->has_job || !miner->job.algo->needs_seed ||
                                     memcmp(miner->job.seed, job->seed, sizeof job->seed) != 0);
}

static void refuse_job(struct miner *miner, const char *why) {
    uint64_t count = ++miner->result->jobs_refused;
    plab_workers_pause(miner->workers);
    if ((count & (count - 1)) == 0) { /* a pool may send the like of it every second */
        plab_log_error(miner->log, "job refused: %s; waiting for another (%" PRIu64 ")", why,
                       count);
    }
}

static void publish(struct miner *miner, struct plab_job *job) {
    struct plab_error why = {.text = ""};
    if (plab_workers_publish(miner->workers, job, &why) != PLAB_OK) {
        refuse_job(miner, why.text);
        return;
    }
    uint64_t difficulty = plab_difficulty_from_target(job->target);
    miner->taken[miner->result->jobs++ % JOBS_KEPT] =
        (struct taken_job){job->cookie, job->algo, difficulty};
    miner->job = *job;
    miner->has_job = true;
    miner->result->algo = job->algo;
    char height[40] = "";
    if (job->height > 0) {
        snprintf(height, sizeof height, ", height %" PRIu64, job->height);
    }
    plab_log_info(miner->log, "new job: %s%s, difficulty %" PRIu64, job->algo->name, height,
                  difficulty);
}

/* Publishes a job now, or when its seed may come. */
static void offer(struct miner *miner, struct plab_job *job) {
    miner->holds = false;
    if (is_new_seed(miner, job) && !plab_bucket_take(&miner->seeds, plab_clock_ns())) {
        miner->held = *job;
        miner->holds = true;
        plab_workers_pause(miner->workers);
        plab_log_warn(miner->log,
                      "the pool changes the seed too often; the newest waits up to "
                      "%d s",
                      SEED_PAUSE_S);
        return;
    }
    publish(miner, job);
}

static void on_job(void *cookie, const struct plab_client_job *from) {
    struct miner *miner = cookie;
    struct plab_job job;
    struct plab_error why = {.text = ""};
    if (miner->ending) {
        return;
    }
    if (translate(miner, from, &job, &why) == PLAB_OK) {
        offer(miner, &job);
    } else {
        miner->holds = false;
        refuse_job(miner, why.text);
    }
}

/* ---- shares: from the workers to the pool ---- */

static const struct taken_job *find_taken(const struct miner *miner, uint64_t number) {
    for (size_t i = 0; i < JOBS_KEPT; i++) {
        if (miner->taken[i].number == number && miner->taken[i].algo != NULL) {
            return &miner->taken[i];
        }
    }
    return NULL;
}

static void send_share(struct miner *miner, const struct plab_share *share) {
    const struct taken_job *job = find_taken(miner, share->cookie);
    if (job == NULL || !miner->online) {
        miner->result->stale++;
        return;
    }
    struct plab_client_share out = {
        .job_number = share->cookie,
        .tag = job->difficulty,
        .has_commitment = job->algo->has_commitment,
    };
    plab_store32_le(out.nonce, share->nonce);
    /* The names on the wire are XMRig's: "result" is what meets the target, "commitment" the hash.
     */
    memcpy(out.result, share->pow_value, sizeof out.result);
    memcpy(out.commitment, share->hash, sizeof out.commitment);
    switch (plab_client_submit(miner->client, &out)) {
    case PLAB_SUBMIT_SENT:
        miner->open_shares++;
        break;
    case PLAB_SUBMIT_STALE:
        miner->result->stale++;
        break;
    case PLAB_SUBMIT_LIMITED: {
        uint64_t count = ++miner->result->not_sent;
        if ((count & (count - 1)) == 0) {
            plab_log_warn(miner->log,
                          "shares come faster than they are sent (%" PRIu64
                          " not sent); the pool's difficulty is too low",
                          count);
        }
        break;
    }
    }
}

static void drain_shares(struct miner *miner) {
    struct plab_share share;
    while (!miner->ended && plab_workers_take_share(miner->workers, &share)) {
        send_share(miner, &share);
    }
}

static void note_latency(struct miner *miner, double ms) {
    miner->answers++;
    miner->latency_sum_ms += ms;
    if (ms > miner->result->latency_max_ms) {
        miner->result->latency_max_ms = ms;
    }
}

static void on_result(void *cookie, const struct plab_client_result *result) {
    struct miner *miner = cookie;
    struct plab_miner_result *sum = miner->result;
    miner->open_shares--;
    if (result->verdict != PLAB_SHARE_UNANSWERED) {
        note_latency(miner, result->latency_ms);
    }
    switch (result->verdict) {
    case PLAB_SHARE_ACCEPTED:
        sum->accepted++;
        plab_log_info(miner->log, "share accepted (%" PRIu64 "), difficulty %" PRIu64 ", %.1f ms",
                      sum->accepted, result->tag, result->latency_ms);
        break;
    case PLAB_SHARE_REJECTED:
        sum->rejected++;
        plab_log_error(miner->log,
                       "share rejected (%" PRIu64 "): %s; difficulty %" PRIu64 ", %.1f ms",
                       sum->rejected, result->reason, result->tag, result->latency_ms);
        break;
    case PLAB_SHARE_STALE:
        sum->stale++;
        plab_log_warn(miner->log, "share came too late: %s; %.1f ms", result->reason,
                      result->latency_ms);
        break;
    case PLAB_SHARE_UNANSWERED:
        sum->unanswered++;
        break;
    }
    bool enough = miner->config->shares > 0 && sum->accepted >= miner->config->shares;
    if (enough || (miner->ending && miner->open_shares == 0)) {
        finish(miner, PLAB_OK);
    }
}

/* ---- the session ---- */

static void rest(struct miner *miner) {
    if (plab_workers_state(miner->workers) != PLAB_WORKERS_BUILDING) {
        plab_workers_pause(miner->workers);
    }
}

static void on_state(void *cookie, enum plab_client_state state, const char *text) {
    struct miner *miner = cookie;
    miner->online = state == PLAB_CLIENT_ONLINE;
    switch (state) {
    case PLAB_CLIENT_CONNECTING:
        plab_log_debug(miner->log, "connecting to %s", text);
        break;
    case PLAB_CLIENT_ONLINE:
        plab_log_info(miner->log, "logged in at %s", text);
        break;
    case PLAB_CLIENT_OFFLINE:
        plab_log_warn(miner->log, "pool %s", text);
        miner->holds = false;
        rest(miner);
        break;
    case PLAB_CLIENT_REFUSED:
        plab_fail(miner->err, PLAB_E_REFUSED, "%s", text);
        finish(miner, PLAB_E_REFUSED);
        break;
    }
}

/* ---- the workers' news ---- */

/* From any thread. */
static void on_notify(void *cookie) {
    struct miner *miner = cookie;
    uv_async_send(&miner->wake);
}

/* From the builder's thread. */
static void on_progress(void *cookie, const char *stage, double done, double elapsed_s) {
    struct miner *miner = cookie;
    /* Relaxed: numbers for a line of text. */
    atomic_store_explicit(&miner->progress_s, elapsed_s, memory_order_relaxed);
    atomic_store_explicit(&miner->progress_permille, (unsigned)(done * 1000), memory_order_relaxed);
    atomic_store_explicit(&miner->progress_stage, stage, memory_order_relaxed);
    if (!atomic_exchange_explicit(&miner->progress_news, true, memory_order_relaxed)) {
        uv_async_send(&miner->wake);
    }
}

static void tell_progress(struct miner *miner) {
    const struct plab_miner_config *config = miner->config;
    if (!atomic_exchange_explicit(&miner->progress_news, false, memory_order_relaxed)) {
        return;
    }
    const char *stage = atomic_load_explicit(&miner->progress_stage, memory_order_relaxed);
    unsigned permille = atomic_load_explicit(&miner->progress_permille, memory_order_relaxed);
    config->progress(config->progress_cookie, stage, permille / 1e3,
                     atomic_load_explicit(&miner->progress_s, memory_order_relaxed));
}

static void tell_tuning(struct miner *miner, const struct plab_tuning *tuning) {
    char text[PLAB_TUNING_TEXT];
    if (!plab_tune_same(&miner->told_choice, &tuning->choice)) {
        plab_log_info(miner->log, "%s", plab_tuning_describe(tuning, text, sizeof text));
    }
    miner->told_choice = tuning->choice;
}

static void note_state(struct miner *miner, enum plab_workers_state state) {
    uint64_t now = plab_clock_ns();
    if (state == PLAB_WORKERS_HASHING && miner->hashing_since_ns == 0) {
        miner->hashing_since_ns = now;
    } else if (state != PLAB_WORKERS_HASHING && miner->hashing_since_ns != 0) {
        miner->result->hashing_s += (double)(now - miner->hashing_since_ns) / 1e9;
        miner->hashing_since_ns = 0;
    }
    if (miner->state == PLAB_WORKERS_BUILDING && state == PLAB_WORKERS_HASHING) {
        struct plab_workers_stats stats;
        plab_workers_stats(miner->workers, &stats);
        bool ahead = stats.caches_ahead > miner->told_ahead;
        plab_log_info(miner->log, "RandomX %s ready after %.1f s%s",
                      stats.rx_mode == PLAB_RX_FAST     ? "dataset"
                      : stats.rx_mode == PLAB_RX_GRADED ? "dataset (a part of it)"
                                                        : "cache (light mode)",
                      stats.last_build_s, ahead ? ", its cache was built ahead" : "");
        miner->told_ahead = stats.caches_ahead;
        tell_tuning(miner, &stats.tuning);
    }
    if (state == PLAB_WORKERS_BUILDING && miner->state != PLAB_WORKERS_BUILDING) {
        plab_log_info(miner->log, "new RandomX seed: the workers wait for what is built from it");
    }
    miner->state = state;
}

static void on_wake(uv_async_t *async) {
    struct miner *miner = async->data;
    if (miner->ended) {
        return;
    }
    drain_shares(miner);
    if (miner->ended) { /* a failed link can end everything */
        return;
    }
    tell_progress(miner);
    enum plab_workers_state state = plab_workers_state(miner->workers);
    note_state(miner, state);
    if (state == PLAB_WORKERS_FAILED) {
        enum plab_status status = plab_workers_error(miner->workers, miner->err);
        if (status != PLAB_OK) {
            finish(miner, status);
        }
    } else if (state == PLAB_WORKERS_HASHING && (!miner->online || miner->ending)) {
        plab_workers_pause(miner->workers);
    }
}

/* ---- time ---- */

static const char *rate_text(const struct plab_rates *rates, unsigned window_s, char out[24]) {
    double rate = plab_rates_over(rates, window_s);
    if (rate < 0) {
        return "n/a";
    }
    snprintf(out, 24, "%.1f", rate);
    return out;
}

static void tell_rates(struct miner *miner) {
    char text[3][24];
    plab_log_info(miner->log,
                  "H/s over 10 s, 60 s, 15 min: %s, %s, %s; accepted %" PRIu64 ", rejected %" PRIu64
                  ", stale %" PRIu64,
                  rate_text(&miner->rates, 10, text[0]), rate_text(&miner->rates, 60, text[1]),
                  rate_text(&miner->rates, 900, text[2]), miner->result->accepted,
                  miner->result->rejected, miner->result->stale);
}

static void write_stats(struct miner *miner, uint64_t now_ns, uint64_t hashes) {
    if (miner->stats == NULL || miner->stats_failed) {
        return;
    }
    fprintf(miner->stats,
            "{\"t_ns\":%" PRIu64 ",\"hashes\":%" PRIu64 ",\"accepted\":%" PRIu64
            ",\"rejected\":%" PRIu64 "}\n",
            now_ns, hashes, miner->result->accepted, miner->result->rejected);
    if (fflush(miner->stats) != 0) {
        miner->stats_failed = true;
        plab_log_error(miner->log, "can't write %s: %s; no more statistics",
                       miner->config->stats_path, strerror(errno));
    }
}

static void sample(struct miner *miner) {
    struct plab_workers_stats stats;
    uint64_t now = plab_clock_ns();
    plab_workers_stats(miner->workers, &stats);
    plab_rates_add(&miner->rates, now, stats.hashes);
    write_stats(miner, now, stats.hashes);
}

static void watch_exhaustion(struct miner *miner) {
    miner->exhausted_ticks =
        miner->state == PLAB_WORKERS_EXHAUSTED ? miner->exhausted_ticks + 1 : 0;
    if (miner->exhausted_ticks == 1) {
        plab_log_warn(miner->log, "the job's nonces are used up; waiting for another");
    } else if (miner->exhausted_ticks > EXHAUSTED_MAX_S) {
        miner->exhausted_ticks = 0;
        plab_client_renew(miner->client, "the job's nonces are used up and no other job came");
    }
}

static void on_tick(uv_timer_t *timer) {
    struct miner *miner = timer->data;
    sample(miner);
    uint64_t per_report = miner->config->report_ms / TICK_MS;
    if (++miner->ticks % (per_report > 0 ? per_report : 1) == 0) {
        tell_rates(miner);
    }
    if (miner->holds && miner->online && plab_bucket_take(&miner->seeds, plab_clock_ns())) {
        miner->holds = false;
        publish(miner, &miner->held);
    }
    watch_exhaustion(miner);
}

static void on_grace_over(uv_timer_t *timer) {
    finish(timer->data, PLAB_OK);
}

/* Time is up: no more hashing, but answers that are on their way still count. */
static void on_end(uv_timer_t *timer) {
    struct miner *miner = timer->data;
    miner->ending = true;
    plab_workers_pause(miner->workers);
    drain_shares(miner);
    if (miner->ended) {
        return;
    }
    if (miner->open_shares == 0) {
        finish(miner, PLAB_OK);
    } else {
        uv_timer_start(&miner->end, on_grace_over, GRACE_MS, 0);
    }
}

static void on_signal(uv_signal_t *handle, int number) {
    struct miner *miner = handle->data;
    miner->result->interrupted = true;
    plab_fail(miner->err, PLAB_E_INTERRUPTED, "%s",
              number == SIGINT ? "interrupted" : "terminated by a signal");
    finish(miner, number == SIGINT ? PLAB_E_INTERRUPTED : PLAB_E_TERMINATED);
}

/* ---- the run ---- */

static void collect(struct miner *miner) {
    struct plab_miner_result *result = miner->result;
    struct plab_client_stats client;
    plab_workers_pause(miner->workers);
    note_state(miner, PLAB_WORKERS_IDLE);
    sample(miner);
    plab_workers_stats(miner->workers, &result->workers);
    plab_workers_pages(miner->workers, &result->pages);
    plab_client_stats(miner->client, &client);
    result->logins = client.logins;
    result->hashes = result->workers.hashes;
    result->not_sent += result->workers.shares_dropped;
    result->unanswered += miner->open_shares;
    result->duration_s = (double)(plab_clock_ns() - miner->start_ns) / 1e9;
    result->latency_mean_ms =
        miner->answers > 0 ? miner->latency_sum_ms / (double)miner->answers : 0;
}

/* What a run that came to its end is worth. */
static enum plab_status judge(struct miner *miner) {
    const struct plab_miner_result *result = miner->result;
    struct plab_client_stats client;
    plab_client_stats(miner->client, &client);
    if (result->logins == 0) {
        enum plab_status status =
            client.last_failure != PLAB_OK ? client.last_failure : PLAB_E_NETWORK;
        return plab_fail(miner->err, status, "no pool gave a session during the whole run; %s",
                         client.last_reason[0] != '\0' ? client.last_reason : "none answered yet");
    }
    if (result->rejected > 0) {
        return plab_fail(miner->err, PLAB_E_FAILED, "%" PRIu64 " of %" PRIu64 " shares rejected",
                         result->rejected, result->rejected + result->accepted);
    }
    if (result->jobs == 0 && result->jobs_refused > 0) {
        return plab_fail(miner->err, PLAB_E_UNSUPPORTED,
                         "none of the pool's %" PRIu64 " jobs could be taken up",
                         result->jobs_refused);
    }
    if (result->accepted < miner->config->shares) {
        return plab_fail(miner->err, PLAB_E_FAILED,
                         "time is up with %" PRIu64 " of %" PRIu64 " shares accepted",
                         result->accepted, miner->config->shares);
    }
    return PLAB_OK;
}

/* The loop stops when all is closed. Nobody wakes us once the workers are gone. */
static void close_all(struct miner *miner) {
    plab_client_destroy(&miner->client);
    plab_workers_destroy(&miner->workers);
    uv_close((uv_handle_t *)&miner->wake, NULL);
    uv_close((uv_handle_t *)&miner->tick, NULL);
    uv_close((uv_handle_t *)&miner->end, NULL);
    uv_close((uv_handle_t *)&miner->sigint, NULL);
    uv_close((uv_handle_t *)&miner->sigterm, NULL);
}

/* Ends the run. */
static void finish(struct miner *miner, enum plab_status status) {
    if (miner->ended) {
        return;
    }
    miner->ended = true;
    collect(miner);
    miner->status = status == PLAB_OK ? judge(miner) : status;
    close_all(miner);
}

static void init_handles(struct miner *miner) {
    uv_async_init(&miner->loop, &miner->wake, on_wake);
    uv_timer_init(&miner->loop, &miner->tick);
    uv_timer_init(&miner->loop, &miner->end);
    uv_signal_init(&miner->loop, &miner->sigint);
    uv_signal_init(&miner->loop, &miner->sigterm);
    miner->wake.data = miner->tick.data = miner->end.data = miner;
    miner->sigint.data = miner->sigterm.data = miner;
    uv_signal_start(&miner->sigint, on_signal, SIGINT);
    uv_signal_start(&miner->sigterm, on_signal, SIGTERM);
    uv_timer_start(&miner->tick, on_tick, TICK_MS, TICK_MS);
    uv_timer_start(&miner->end, on_end, miner->config->duration_ms, 0);
}

static enum plab_status start(struct miner *miner, struct plab_error *err) {
    const struct plab_client_events events = {on_job, on_result, on_state, miner};
    struct plab_workers_config workers = miner->config->workers;
    workers.notify = on_notify;
    workers.progress = miner->config->progress != NULL ? on_progress : NULL;
    workers.notify_cookie = workers.progress_cookie = miner;
    enum plab_status status =
        plab_client_create(&miner->client, &miner->loop, &miner->config->client, &events, err);
    if (status == PLAB_OK) {
        status = plab_workers_create(&miner->workers, &workers, err);
    }
    return status;
}

static enum plab_status open_stats(struct miner *miner, struct plab_error *err) {
    const char *path = miner->config->stats_path;
    if (path == NULL) {
        return PLAB_OK;
    }
    miner->stats = fopen(path, "ae");
    return miner->stats != NULL
               ? PLAB_OK
               : plab_fail(err, PLAB_E_IO, "can't open %s: %s", path, strerror(errno));
}

enum plab_status plab_miner_run(const struct plab_miner_config *config,
                                struct plab_miner_result *result, struct plab_error *err) {
    struct miner miner = {
        .config = config,
        .progress_stage = "cache",
        .log = config->client.log,
        .result = result,
        .err = err,
        .start_ns = plab_clock_ns(),
    };
    memset(result, 0, sizeof *result);
    enum plab_status status = open_stats(&miner, err);
    if (status != PLAB_OK) {
        return status;
    }
    if (uv_loop_init(&miner.loop) != 0) {
        status = plab_fail(err, PLAB_E_RESOURCE, "can't make an event loop");
    } else {
        plab_bucket_init(&miner.seeds, 1.0 / SEED_PAUSE_S, SEED_BURST, miner.start_ns);
        init_handles(&miner);
        miner.status = start(&miner, err);
        if (miner.status != PLAB_OK) {
            miner.ended = true;
            close_all(&miner);
        }
        uv_run(&miner.loop, UV_RUN_DEFAULT);
        uv_loop_close(&miner.loop);
        status = miner.status;
    }
    if (miner.stats != NULL) {
        fclose(miner.stats);
    }
    return status;
}
