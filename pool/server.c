/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool as a whole: listeners, timers, signals, start and end. */
#include "pool/server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/http.h"
#include "pool/pool_priv.h"
#include "stratum/ws.h"

#define TICKS_PER_S (1000 / PLAB_POOL_TICK_MS)
#define TICK_VISITS_MIN 1024
#define DAEMON_POLL_MS 1000
#define DAEMON_DEADLINE_MS 10000
#define BAN_SCORE_MAX 20        /* a few misdeeds (conn.c) ... */
#define BAN_FORGIVEN_PER_S 0.05 /* ... of the last minutes */
#define BAN_HOSTS_MAX 4096
#define CHAIN_TX_MAX 24 /* most transaction hashes in a simulated block */

void plab_pool_config_init(struct plab_pool_config *config) {
    memset(config, 0, sizeof *config);
    config->vardiff_start = 100;
    config->vardiff_target_ms = 10000;
    config->vardiff_min = 1;
    config->vardiff_max = INT64_MAX;
    config->vardiff_window = 16;
    config->network_difficulty = 20000;
    config->start_height = 100000;
    config->chain_seed = 1;
    config->upstream_links_max = 4;
    config->job_interval_ms = 30000;
    config->verify_threads = 1;
    config->verify_queue = 1024;
    config->verify_percent = 100;
    config->handshake_deadline_ms = 10000;
    config->handshakes_per_host = 256;
    config->login_deadline_ms = 10000;
    config->idle_deadline_ms = 600000;
    config->sessions_max = 16384;
    config->sessions_per_host = 1024;
    config->bad_shares_max = 10;
    config->ban_ms = 600000;
    config->ws_ping_ms = 30000;
    config->submits_per_s = 50;
    config->submits_burst = 200;
}

void plab_pool_end(struct plab_pool *pool, enum plab_status status, const struct plab_error *err) {
    if (pool->stopping) {
        return;
    }
    pool->stopping = true;
    pool->status = status;
    if (err != NULL) {
        pool->error = *err;
    }
    uv_stop(&pool->loop);
}

/* A fault of the record. It is the outcome of a run that is ending already, unless that ends by
 * another fault. */
static void lose_record(struct plab_pool *pool, enum plab_status status,
                        const struct plab_error *err) {
    pool->unrecorded = true;
    if (pool->stopping && pool->error.text[0] == '\0') {
        pool->status = status;
        pool->error = *err;
    }
    plab_pool_end(pool, status, err);
}

bool plab_pool_emit(struct plab_pool *pool, struct plab_pool_event *event) {
    struct plab_error err = {.text = ""};
    if (pool->unrecorded) {
        return false; /* nothing is recorded behind a hole */
    }
    event->t_ns = plab_clock_ns();
    event->number = ++pool->events;
    plab_web_event(pool->web, event);
    if (pool->config.on_event == NULL) {
        return true;
    }
    enum plab_status status = pool->config.on_event(pool->config.event_cookie, event, &err);
    if (status != PLAB_OK) {
        lose_record(pool, status, &err);
    }
    return status == PLAB_OK;
}

bool plab_pool_is_behind(struct plab_pool *pool) {
    const struct plab_pool_durable *durable = pool->config.durable;
    const struct plab_log *log = pool->config.log;
    if (durable != NULL && durable->is_behind(durable->cookie)) {
        if (pool->refused++ == 0) {
            plab_log_warn(log, "the ledger is behind: shares are refused until it has caught up");
        }
        return true;
    }
    if (pool->refused > 0) {
        plab_log_warn(log,
                      "the ledger has caught up; it doesn't have %llu shares that were refused "
                      "meanwhile",
                      (unsigned long long)pool->refused);
        pool->refused = 0;
    }
    return false;
}

static void on_verified(uv_async_t *async) {
    plab_share_collect(async->data);
}

static void on_durable(uv_async_t *async) {
    plab_share_release(async->data);
}

static void on_stop(uv_async_t *async) {
    plab_pool_end(async->data, PLAB_OK, NULL);
}

static void on_duration(uv_timer_t *timer) {
    struct plab_pool *pool = timer->data;
    plab_log_info(pool->config.log, "the run's time is over");
    plab_pool_end(pool, PLAB_OK, NULL);
}

static void on_refresh(uv_timer_t *timer) {
    plab_work_renew(timer->data);
}

static void on_signal(uv_signal_t *handle, int number) {
    bool interrupt = number == SIGINT;
    plab_pool_end(handle->data, interrupt ? PLAB_E_INTERRUPTED : PLAB_E_TERMINATED, NULL);
}

/* A few sessions each time, so that nothing waits for ten thousand of them; each within a second.
 */
static void on_tick(uv_timer_t *timer) {
    struct plab_pool *pool = timer->data;
    struct plab_roster *roster = &pool->roster;
    uint64_t now_ns = plab_clock_ns();
    size_t share = (roster->count + TICKS_PER_S - 1) / TICKS_PER_S;
    size_t visits = share > TICK_VISITS_MIN ? share : TICK_VISITS_MIN;
    for (visits = visits < roster->count ? visits : roster->count; visits > 0; visits--) {
        if (pool->tick_at == 0 || pool->tick_at > roster->count) {
            pool->tick_at = roster->count;
        }
        if (pool->tick_at > 0) { /* backwards: one that is closed leaves its place to the last */
            plab_conn_tick(plab_session_at(pool, --pool->tick_at), now_ns);
        }
    }
}

static void notify_verified(void *cookie) {
    struct plab_pool *pool = cookie;
    uv_async_send(&pool->verified);
}

static void notify_durable(void *cookie) {
    struct plab_pool *pool = cookie;
    uv_async_send(&pool->durable);
}

/* Tells when records are durable; `notify` NULL: no more. */
static void watch_durable(struct plab_pool *pool, void (*notify)(void *cookie)) {
    const struct plab_pool_durable *durable = pool->config.durable;
    if (durable != NULL) {
        durable->watch(durable->cookie, notify, pool);
    }
}

/* Waits until all is durable. Its fault counts unless the run ended by another. */
static void flush(struct plab_pool *pool) {
    const struct plab_pool_durable *durable = pool->config.durable;
    struct plab_error err = {.text = ""};
    enum plab_status status = durable != NULL ? durable->flush(durable->cookie, &err) : PLAB_OK;
    if (status != PLAB_OK) {
        lose_record(pool, status, &err);
    }
}

static void open_handles(struct plab_pool *pool) {
    uv_async_init(&pool->loop, &pool->verified, on_verified);
    uv_async_init(&pool->loop, &pool->durable, on_durable);
    uv_async_init(&pool->loop, &pool->stop, on_stop);
    uv_timer_init(&pool->loop, &pool->tick);
    uv_timer_init(&pool->loop, &pool->refresh);
    uv_timer_init(&pool->loop, &pool->duration);
    uv_signal_init(&pool->loop, &pool->sigint);
    uv_signal_init(&pool->loop, &pool->sigterm);
    pool->verified.data = pool->durable.data = pool->stop.data = pool;
    pool->tick.data = pool->refresh.data = pool->duration.data = pool;
    pool->sigint.data = pool->sigterm.data = pool;
    pool->handles_open = true;
}

static enum plab_status create_verifier(struct plab_pool *pool, struct plab_error *err) {
    struct plab_verifier_config config = {
        .algo = pool->config.algo,
        .kernels = &pool->kernels,
        .threads = pool->config.verify_threads,
        .queue_max = pool->config.verify_queue,
        .seeds_rotate = pool->config.epoch_blocks > 0 ||
                        plab_faults_want(pool->config.faults, PLAB_FAULT_SEED_CHANGE) ||
                        pool->config.daemon_url != NULL || pool->config.upstream != NULL,
        .log = pool->config.log,
        .notify = notify_verified,
        .notify_cookie = pool};
    return plab_verifier_create(&pool->verifier, &config, err);
}

static enum plab_status create_source(struct plab_pool *pool, uint64_t instance,
                                      struct plab_error *err) {
    const struct plab_pool_config *config = &pool->config;
    if (config->upstream != NULL) {
        return plab_upstream_create(pool, instance, err);
    }
    if (config->daemon_url == NULL) {
        struct plab_chain_config chain = {.algo = config->algo,
                                          .prng_seed = config->chain_seed,
                                          .start_height = config->start_height,
                                          .difficulty = config->network_difficulty,
                                          .epoch_blocks = config->epoch_blocks,
                                          .tx_max = CHAIN_TX_MAX,
                                          .instance = instance};
        plab_chain_init(&pool->chain, &chain);
        return PLAB_OK;
    }
    if (strcmp(config->algo->name, "rx/0") != 0) {
        return plab_fail(err, PLAB_E_USAGE,
                         "a Monero daemon's blocks need algorithm rx/0, not %s; leave out --algo",
                         config->algo->name);
    }
    struct plab_daemon_config daemon = {.url = config->daemon_url,
                                        .wallet = config->wallet,
                                        .instance = instance,
                                        .poll_ms = DAEMON_POLL_MS,
                                        .refresh_ms = config->job_interval_ms,
                                        .deadline_ms = DAEMON_DEADLINE_MS,
                                        .log = config->log,
                                        .events = plab_work_daemon_events(pool)};
    return plab_daemon_init(&pool->daemon, &pool->loop, &daemon, err);
}

static enum plab_status create_bans(struct plab_pool *pool, uint64_t secret) {
    const struct plab_bans_config config = {.score_max = BAN_SCORE_MAX,
                                            .forgiven_per_s = BAN_FORGIVEN_PER_S,
                                            .ban_ms = pool->config.ban_ms,
                                            .loopback = pool->config.ban_loopback,
                                            .hosts_max = BAN_HOSTS_MAX};
    return plab_bans_init(&pool->bans, &config, secret);
}

static void web_stats(void *cookie, struct plab_pool_stats *out) {
    plab_pool_stats(cookie, out);
}

static enum plab_status open_web(struct plab_pool *pool, struct plab_error *err) {
    const struct plab_pool_config *config = &pool->config;
    pool->web_facts = (struct plab_web_facts){
        .algo = config->algo->name,
        .source = config->daemon_url != NULL ? "daemon" : "simulated",
        .verify_threads = config->verify_threads,
        .verify_queue = config->verify_queue,
    };
    const struct plab_web_config web = {.loop = &pool->loop,
                                        .listen = config->web_listen,
                                        .facts = &pool->web_facts,
                                        .stats = web_stats,
                                        .cookie = pool,
                                        .log = config->log};
    return config->web_listen != NULL ? plab_web_open(&pool->web, &web, err) : PLAB_OK;
}

static enum plab_status set_up(struct plab_pool *pool, struct plab_error *err) {
    struct plab_prng entropy = {plab_clock_wall_ns() ^ (uint64_t)(uintptr_t)pool};
    if (uv_loop_init(&pool->loop) != 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot create an event loop");
    }
    pool->loop_open = true;
    open_handles(pool);
    pool->home = (struct plab_stream_home){&pool->loop, pool->in, sizeof pool->in};
    pool->id_key = plab_prng_next(&entropy);
    pool->sample.state = plab_prng_next(&entropy);
    if (plab_roster_init(&pool->roster, pool->config.sessions_max, plab_prng_next(&entropy)) !=
        PLAB_OK) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for %u sessions", pool->config.sessions_max);
    }
    if (create_bans(pool, plab_prng_next(&entropy)) != PLAB_OK) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the list of bans");
    }
    /* Cheap and likely faults first; the verifier takes hundreds of MiB. */
    enum plab_status status = create_source(pool, plab_prng_next(&entropy), err);
    if (status == PLAB_OK) {
        status = plab_listeners_open(pool, err);
    }
    if (status == PLAB_OK) {
        status = open_web(pool, err);
    }
    if (status == PLAB_OK) {
        status = plab_faults_create(pool, err);
    }
    if (status == PLAB_OK) {
        status = create_verifier(pool, err);
    }
    return status;
}

enum plab_status plab_pool_create(struct plab_pool **out, const struct plab_pool_config *config,
                                  struct plab_error *err) {
    struct plab_pool *pool = calloc(1, sizeof *pool);
    *out = NULL;
    if (pool == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the pool");
    }
    pool->config = *config;
    pool->kernels = *config->kernels;
    pool->config.kernels = &pool->kernels;
    enum plab_status status = plab_personality_find(config->personality, &pool->personality, err);
    if (status == PLAB_OK) {
        status = set_up(pool, err);
    }
    if (status != PLAB_OK) {
        plab_pool_destroy(&pool);
        return status;
    }
    *out = pool;
    return PLAB_OK;
}

static void start(struct plab_pool *pool) {
    const struct plab_pool_config *config = &pool->config;
    uv_update_time(&pool->loop); /* timers count from now, not from the loop's creation */
    uv_timer_start(&pool->tick, on_tick, PLAB_POOL_TICK_MS, PLAB_POOL_TICK_MS);
    if (config->daemon_url == NULL && config->upstream == NULL) {
        uv_timer_start(&pool->refresh, on_refresh, config->job_interval_ms,
                       config->job_interval_ms);
    }
    if (config->duration_ms > 0) {
        uv_timer_start(&pool->duration, on_duration, config->duration_ms, 0);
    }
    if (config->handle_signals) {
        uv_signal_start(&pool->sigint, on_signal, SIGINT);
        uv_signal_start(&pool->sigterm, on_signal, SIGTERM);
    }
    watch_durable(pool, notify_durable);
    plab_work_start(pool);
}

static void close_handles(struct plab_pool *pool) {
    uv_handle_t *handles[] = {(uv_handle_t *)&pool->verified, (uv_handle_t *)&pool->stop,
                              (uv_handle_t *)&pool->tick,     (uv_handle_t *)&pool->refresh,
                              (uv_handle_t *)&pool->duration, (uv_handle_t *)&pool->sigint,
                              (uv_handle_t *)&pool->sigterm,  (uv_handle_t *)&pool->durable};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(handles) && pool->handles_open; i++) {
        uv_close(handles[i], NULL);
    }
    pool->handles_open = false;
    plab_listeners_close(pool);
    plab_faults_close(pool);
}

/* Gives everything back that the loop knows of; safe at any stage, and twice. */
static void shut_down(struct plab_pool *pool) {
    pool->stopping = true;
    if (!pool->loop_open) {
        return;
    }
    while (pool->roster.count > 0) {
        struct plab_session *session = plab_session_at(pool, pool->roster.count - 1);
        plab_ws_part(session, PLAB_WS_LEAVING, "");
        plab_session_close(session, "the pool stops");
    }
    if (pool->verifier != NULL) {
        plab_share_drop_all(plab_verifier_abandon(pool->verifier));
    }
    if (pool->config.daemon_url != NULL) {
        plab_daemon_close(&pool->daemon);
    }
    plab_share_drop_held(pool);
    plab_upstream_close(pool);
    close_handles(pool);
    plab_web_close(pool->web);
    uv_run(&pool->loop, UV_RUN_DEFAULT);
    plab_web_free(&pool->web);
    uv_loop_close(&pool->loop);
    pool->loop_open = false;
}

enum plab_status plab_pool_run(struct plab_pool *pool, struct plab_error *err) {
    pool->began_ns = plab_clock_ns();
    pool->running = true;
    start(pool);
    if (!pool->stopping) {
        uv_run(&pool->loop, UV_RUN_DEFAULT);
    }
    struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_STOP,
                                    .text = plab_status_text(pool->status)};
    flush(pool);
    plab_share_release(pool);
    watch_durable(pool, NULL);
    shut_down(pool);
    plab_pool_emit(pool, &event);
    flush(pool);
    pool->stats.duration_s = (double)(plab_clock_ns() - pool->began_ns) / 1e9;
    if (pool->status != PLAB_OK && err != NULL) {
        *err = pool->error;
    }
    return pool->status;
}

void plab_pool_stop(struct plab_pool *pool) {
    uv_async_send(&pool->stop);
}

uint16_t plab_pool_web_port(const struct plab_pool *pool) {
    return plab_web_port(pool->web);
}

uint16_t plab_pool_port(const struct plab_pool *pool, size_t index) {
    return pool->listeners[index].port;
}

void plab_pool_stats(const struct plab_pool *pool, struct plab_pool_stats *stats) {
    struct plab_verifier_stats verifier;
    plab_verifier_stats(pool->verifier, &verifier);
    *stats = pool->stats;
    stats->sessions_now = pool->roster.count;
    stats->upstream_links = plab_upstream_links(pool);
    stats->accept_waits = plab_listeners_waits(pool);
    stats->bans = pool->bans.total;
    stats->verified_hashes = verifier.hashes;
    stats->verify_ns = verifier.hash_ns;
    stats->seed_builds = verifier.seed_builds;
    stats->verify_queue_now = verifier.queue_now;
    stats->verify_queue_peak = verifier.queue_peak;
}

size_t plab_pool_bans(const struct plab_pool *pool, struct plab_ban *out, size_t cap) {
    return plab_bans_list(&pool->bans, plab_clock_ns(), out, cap);
}

void plab_pool_destroy(struct plab_pool **pool) {
    struct plab_pool *last = *pool;
    *pool = NULL;
    if (last == NULL) {
        return;
    }
    shut_down(last);
    plab_verifier_destroy(&last->verifier);
    while (last->found != NULL) {
        struct plab_found_block *next = last->found->next;
        free(last->found);
        last->found = next;
    }
    plab_template_unref(&last->tmpl);
    plab_roster_free(&last->roster);
    plab_certs_close(last);
    plab_bans_free(&last->bans);
    plab_upstream_free(last);
    plab_faults_free(last);
    free(last);
}
