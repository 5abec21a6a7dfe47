/* SPDX-License-Identifier: BSD-3-Clause */
/* What a miner tells: log lines, statistics, the numbers of the moment. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "pool_client/miner_priv.h"
#include "stratum/target.h"

const unsigned plab_miner_windows_s[PLAB_MINER_WINDOWS] = {10, 60, 900};

/* ---- what the workers do ---- */

void plab_miner_on_progress(void *cookie, const char *stage, double done, double elapsed_s) {
    struct plab_miner *miner = cookie;
    /* Relaxed: numbers for a line of text. */
    atomic_store_explicit(&miner->progress_s, elapsed_s, memory_order_relaxed);
    atomic_store_explicit(&miner->progress_permille, (unsigned)(done * 1000), memory_order_relaxed);
    atomic_store_explicit(&miner->progress_stage, stage, memory_order_relaxed);
    if (!atomic_exchange_explicit(&miner->progress_news, true, memory_order_relaxed)) {
        uv_async_send(&miner->wake);
    }
}

void plab_miner_tell_progress(struct plab_miner *miner) {
    const struct plab_miner_config *config = miner->config;
    if (!atomic_exchange_explicit(&miner->progress_news, false, memory_order_relaxed)) {
        return;
    }
    const char *stage = atomic_load_explicit(&miner->progress_stage, memory_order_relaxed);
    unsigned permille = atomic_load_explicit(&miner->progress_permille, memory_order_relaxed);
    config->progress(config->progress_cookie, stage, permille / 1e3,
                     atomic_load_explicit(&miner->progress_s, memory_order_relaxed));
}

static void tell_tuning(struct plab_miner *miner, const struct plab_tuning *tuning) {
    char text[PLAB_TUNING_TEXT];
    if (!plab_tune_same(&miner->told_choice, &tuning->choice)) {
        plab_log_info(miner->log, "%s", plab_tuning_describe(tuning, text, sizeof text));
    }
    miner->told_choice = tuning->choice;
}

void plab_miner_note_state(struct plab_miner *miner, enum plab_workers_state state) {
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
        miner->told_pages = false;
        tell_tuning(miner, &stats.tuning);
    }
    if (state == PLAB_WORKERS_BUILDING && miner->state != PLAB_WORKERS_BUILDING) {
        plab_log_info(miner->log, "new RandomX seed: the workers wait for what is built from it");
    }
    miner->state = state;
}

/* ---- rates and shares ---- */

static void rates_over(const struct plab_rates *rates, double out[PLAB_MINER_WINDOWS]) {
    for (size_t i = 0; i < PLAB_MINER_WINDOWS; i++) {
        out[i] = plab_rates_over(rates, plab_miner_windows_s[i]);
    }
}

void plab_miner_tell_rates(struct plab_miner *miner) {
    char text[PLAB_MINER_WINDOWS][PLAB_RATES_TEXT], max[PLAB_RATES_TEXT];
    const struct plab_miner_result *sum = miner->result;
    double rates[PLAB_MINER_WINDOWS];
    rates_over(&miner->rates, rates);
    for (size_t i = 0; i < PLAB_MINER_WINDOWS; i++) {
        plab_rates_text(rates[i], text[i]);
    }
    plab_log_info(miner->log, "speed 10s/60s/15m %s %s %s H/s max %s H/s", text[0], text[1],
                  text[2], plab_rates_text(miner->rate_max_hps, max));
    plab_log_info(miner->log,
                  "shares %" PRIu64 " accepted, %" PRIu64 " rejected, %" PRIu64 " stale%s",
                  sum->accepted, sum->rejected, sum->stale, miner->paused ? "; paused" : "");
}

void plab_miner_tell(struct plab_miner *miner) {
    plab_miner_tell_rates(miner);
}

static void write_stats(struct plab_miner *miner, uint64_t now_ns, uint64_t hashes) {
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

/* Scratchpads are taken by the workers with their first job: a tick later they are there. */
static void tell_pages(struct plab_miner *miner, uint64_t hashes) {
    struct plab_pages_report pages = {0};
    char text[64];
    if (!miner->told_pages && hashes > 0 && miner->state == PLAB_WORKERS_HASHING) {
        miner->told_pages = true;
        plab_workers_pages(miner->workers, &pages);
        plab_log_info(miner->log, "memory: %.0f MiB obtained on pages of %s",
                      (double)pages.asked_bytes / 0x1p20,
                      plab_pages_describe(&pages, text, sizeof text));
    }
}

void plab_miner_sample(struct plab_miner *miner) {
    uint64_t now = plab_clock_ns(), hashes = 0;
    for (unsigned i = 0; i < miner->config->workers.plan->threads; i++) {
        uint64_t count = plab_workers_thread_hashes(miner->workers, i);
        hashes += count;
        if (miner->thread_rates != NULL) {
            plab_rates_add(&miner->thread_rates[i], now, count);
        }
    }
    plab_rates_add(&miner->rates, now, hashes);
    double rate = plab_rates_over(&miner->rates, plab_miner_windows_s[0]);
    if (rate > miner->rate_max_hps) {
        miner->rate_max_hps = rate;
    }
    tell_pages(miner, hashes);
    write_stats(miner, now, hashes);
}

enum plab_status plab_miner_open_stats(struct plab_miner *miner, struct plab_error *err) {
    const char *path = miner->config->stats_path;
    if (path == NULL) {
        return PLAB_OK;
    }
    miner->stats = fopen(path, "ae");
    return miner->stats != NULL
               ? PLAB_OK
               : plab_fail(err, PLAB_E_IO, "can't open %s: %s", path, strerror(errno));
}

/* ---- for guests ---- */

static void count(const struct plab_miner *miner, struct plab_miner_result *out) {
    *out = *miner->result;
    plab_workers_stats(miner->workers, &out->workers);
    plab_workers_pages(miner->workers, &out->pages);
    miner->source.ops->stats(miner->source.self, &out->client);
    out->logins = out->client.logins;
    out->hashes = out->workers.hashes;
    out->not_sent += out->workers.shares_dropped;
    out->duration_s = (double)(plab_clock_ns() - miner->start_ns) / 1e9;
    out->latency_mean_ms = miner->answers > 0 ? miner->latency_sum_ms / (double)miner->answers : 0;
    out->rate_max_hps = miner->rate_max_hps;
    if (miner->hashing_since_ns != 0) {
        out->hashing_s += (double)(plab_clock_ns() - miner->hashing_since_ns) / 1e9;
    }
}

void plab_miner_snapshot(const struct plab_miner *miner, struct plab_miner_snapshot *out) {
    memset(out, 0, sizeof *out);
    count(miner, &out->counts);
    out->uptime_s = out->counts.duration_s;
    rates_over(&miner->rates, out->rate_hps);
    out->rate_max_hps = miner->rate_max_hps;
    out->state = plab_workers_state(miner->workers);
    out->paused = miner->paused;
    out->best = miner->best;
    if (miner->knows_job) {
        out->algo = miner->job.algo;
        out->difficulty = plab_difficulty_from_target(miner->job.target);
        out->height = miner->job.height;
    }
}

void plab_miner_thread_rates(const struct plab_miner *miner, unsigned thread,
                             double out[PLAB_MINER_WINDOWS]) {
    if (miner->thread_rates != NULL && thread < miner->config->workers.plan->threads) {
        rates_over(&miner->thread_rates[thread], out);
        return;
    }
    for (size_t i = 0; i < PLAB_MINER_WINDOWS; i++) {
        out[i] = -1;
    }
}
