/* SPDX-License-Identifier: BSD-3-Clause */
/* A miner's life: start, events, time, end. */
#include "pool_client/miner.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pool_client/miner_priv.h"

#define GRACE_MS 2000 /* for answers that are still to come at the end */

static void on_state(void *cookie, enum plab_client_state state, const char *text) {
    struct plab_miner *miner = cookie;
    const bool solo = miner->config->solo != NULL;
    miner->online = state == PLAB_CLIENT_ONLINE;
    switch (state) {
    case PLAB_CLIENT_CONNECTING:
        plab_log_debug(miner->log, "connecting to %s", text);
        break;
    case PLAB_CLIENT_ONLINE:
        plab_log_info(miner->log, "%s %s", solo ? "taking templates from" : "logged in at", text);
        break;
    case PLAB_CLIENT_OFFLINE:
        plab_log_warn(miner->log, "%s %s", solo ? "daemon" : "pool", text);
        plab_miner_forget_jobs(miner);
        break;
    case PLAB_CLIENT_REFUSED:
        plab_fail(miner->err, PLAB_E_REFUSED, "%s", text);
        plab_miner_finish(miner, PLAB_E_REFUSED);
        break;
    }
}

/* From any thread. */
static void on_notify(void *cookie) {
    struct plab_miner *miner = cookie;
    uv_async_send(&miner->wake);
}

static void on_wake(uv_async_t *async) {
    struct plab_miner *miner = async->data;
    if (miner->ended) {
        return;
    }
    plab_miner_drain_shares(miner);
    if (miner->ended) { /* a failed link can end everything */
        return;
    }
    plab_miner_tell_progress(miner);
    enum plab_workers_state state = plab_workers_state(miner->workers);
    plab_miner_note_state(miner, state);
    if (state == PLAB_WORKERS_FAILED) {
        enum plab_status status = plab_workers_error(miner->workers, miner->err);
        if (status != PLAB_OK) {
            plab_miner_finish(miner, status);
        }
    } else if (state == PLAB_WORKERS_HASHING &&
               (!miner->online || miner->ending || miner->paused)) {
        plab_workers_pause(miner->workers);
    }
}

static void on_tick(uv_timer_t *timer) {
    struct plab_miner *miner = timer->data;
    plab_miner_sample(miner);
    uint64_t per_report = miner->config->report_ms / PLAB_MINER_TICK_MS;
    if (++miner->ticks % (per_report > 0 ? per_report : 1) == 0) {
        plab_miner_tell_rates(miner);
    }
}

static void on_watch(uv_timer_t *timer) {
    plab_miner_offer_held(timer->data);
    plab_miner_watch_exhaustion(timer->data);
}

static void on_grace_over(uv_timer_t *timer) {
    plab_miner_finish(timer->data, PLAB_OK);
}

/* No more hashing, but answers that are on their way still count. */
void plab_miner_stop(struct plab_miner *miner) {
    if (miner->ending || miner->ended) {
        return;
    }
    miner->ending = true;
    plab_workers_pause(miner->workers);
    plab_miner_drain_shares(miner);
    if (miner->ended) {
        return;
    }
    if (miner->open_shares == 0) {
        plab_miner_finish(miner, PLAB_OK);
    } else {
        uv_timer_start(&miner->end, on_grace_over, GRACE_MS, 0);
    }
}

static void on_end(uv_timer_t *timer) {
    plab_miner_stop(timer->data);
}

static void on_signal(uv_signal_t *handle, int number) {
    struct plab_miner *miner = handle->data;
    miner->result->interrupted = true;
    plab_fail(miner->err, PLAB_E_INTERRUPTED, "%s",
              number == SIGINT ? "interrupted" : "terminated by a signal");
    plab_miner_finish(miner, number == SIGINT ? PLAB_E_INTERRUPTED : PLAB_E_TERMINATED);
}

/* ---- the run ---- */

static void collect(struct plab_miner *miner) {
    struct plab_miner_result *result = miner->result;
    struct plab_miner_snapshot last;
    plab_workers_pause(miner->workers);
    plab_miner_note_state(miner, PLAB_WORKERS_IDLE);
    plab_miner_sample(miner);
    plab_miner_snapshot(miner, &last);
    last.counts.unanswered += miner->open_shares;
    last.counts.interrupted = result->interrupted;
    *result = last.counts;
}

/* What a run that came to its end is worth. */
static enum plab_status judge(struct plab_miner *miner) {
    const struct plab_miner_result *result = miner->result;
    const struct plab_client_stats *client = &result->client;
    if (result->logins == 0) {
        enum plab_status status =
            client->last_failure != PLAB_OK ? client->last_failure : PLAB_E_NETWORK;
        return plab_fail(miner->err, status, "no %s gave a session during the whole run; %s",
                         miner->config->solo != NULL ? "daemon" : "pool",
                         client->last_reason[0] != '\0' ? client->last_reason
                                                        : "none answered yet");
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
static void close_all(struct plab_miner *miner) {
    for (size_t i = 0; i < miner->guests_begun; i++) {
        miner->config->guests[i].end(miner->config->guests[i].cookie);
    }
    plab_source_close(&miner->source);
    plab_workers_destroy(&miner->workers);
    uv_close((uv_handle_t *)&miner->wake, NULL);
    uv_close((uv_handle_t *)&miner->tick, NULL);
    uv_close((uv_handle_t *)&miner->watch, NULL);
    uv_close((uv_handle_t *)&miner->end, NULL);
    uv_close((uv_handle_t *)&miner->sigint, NULL);
    uv_close((uv_handle_t *)&miner->sigterm, NULL);
}

/* Ends the run. */
void plab_miner_finish(struct plab_miner *miner, enum plab_status status) {
    if (miner->ended) {
        return;
    }
    miner->ended = true;
    collect(miner);
    miner->status = status == PLAB_OK ? judge(miner) : status;
    close_all(miner);
}

static void init_handles(struct plab_miner *miner) {
    uv_async_init(&miner->loop, &miner->wake, on_wake);
    uv_timer_init(&miner->loop, &miner->tick);
    uv_timer_init(&miner->loop, &miner->watch);
    uv_timer_init(&miner->loop, &miner->end);
    uv_signal_init(&miner->loop, &miner->sigint);
    uv_signal_init(&miner->loop, &miner->sigterm);
    miner->wake.data = miner->tick.data = miner->watch.data = miner->end.data = miner;
    miner->sigint.data = miner->sigterm.data = miner;
    uv_signal_start(&miner->sigint, on_signal, SIGINT);
    uv_signal_start(&miner->sigterm, on_signal, SIGTERM);
    uv_timer_start(&miner->tick, on_tick, PLAB_MINER_TICK_MS, PLAB_MINER_TICK_MS);
    uv_timer_start(&miner->watch, on_watch, PLAB_MINER_WATCH_MS / 2, PLAB_MINER_WATCH_MS);
    uv_timer_start(&miner->end, on_end, miner->config->duration_ms, 0);
}

static enum plab_status open_source(struct plab_miner *miner, struct plab_error *err) {
    const struct plab_miner_config *config = miner->config;
    const struct plab_client_events events = {plab_miner_on_job, plab_miner_on_result, on_state,
                                              miner};
    return config->solo != NULL
               ? plab_source_daemon(&miner->source, &miner->loop, config->solo, &events, err)
               : plab_source_pools(&miner->source, &miner->loop, &config->client, &events, err);
}

static enum plab_status start(struct plab_miner *miner, struct plab_error *err) {
    struct plab_workers_config workers = miner->config->workers;
    workers.notify = on_notify;
    workers.progress = miner->config->progress != NULL ? plab_miner_on_progress : NULL;
    workers.notify_cookie = workers.progress_cookie = miner;
    enum plab_status status = open_source(miner, err);
    if (status == PLAB_OK) {
        status = plab_workers_create(&miner->workers, &workers, err);
    }
    while (miner->guests_begun < miner->config->guest_count && status == PLAB_OK) {
        const struct plab_miner_guest *guest = &miner->config->guests[miner->guests_begun++];
        status = guest->begin(guest->cookie, miner, &miner->loop, err);
    }
    return status;
}

static void live(struct plab_miner *miner) {
    plab_bucket_init(&miner->seeds, 1.0 / PLAB_MINER_SEED_PAUSE_S, PLAB_MINER_SEED_BURST,
                     miner->start_ns);
    miner->exhausted_patience = plab_miner_first_patience(miner);
    init_handles(miner);
    miner->status = start(miner, miner->err);
    if (miner->status != PLAB_OK) {
        miner->ended = true;
        close_all(miner);
    }
    uv_run(&miner->loop, UV_RUN_DEFAULT);
    uv_loop_close(&miner->loop);
}

enum plab_status plab_miner_run(const struct plab_miner_config *config,
                                struct plab_miner_result *result, struct plab_error *err) {
    struct plab_miner miner = {
        .config = config,
        .progress_stage = "cache",
        .log = config->client.log,
        .result = result,
        .err = err,
        .start_ns = plab_clock_ns(),
        .thread_rates = calloc(config->workers.plan->threads, sizeof *miner.thread_rates),
        .rate_max_hps = -1,
    };
    memset(result, 0, sizeof *result);
    enum plab_status status = plab_miner_open_stats(&miner, err);
    if (status == PLAB_OK && uv_loop_init(&miner.loop) != 0) {
        status = plab_fail(err, PLAB_E_RESOURCE, "can't make an event loop");
    }
    if (status == PLAB_OK) {
        live(&miner);
        status = miner.status;
    }
    if (miner.stats != NULL) {
        fclose(miner.stats);
    }
    free(miner.thread_rates);
    return status;
}
