/* SPDX-License-Identifier: BSD-3-Clause */
/* The course of a swarm: who connects when, which share is due, when it is over. */
#include "pool_client/swarm.h"

#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/netguard.h"
#include "pool_client/swarm_priv.h"

#define TICK_MS 1
#define SETTLING_MAX 512   /* fewer than a listener's backlog has room for */
#define SUBMITS_A_TICK 512 /* answers are to be read, too */
#define DRAIN_MS 10000
#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

void plab_swarm_defaults(struct plab_swarm_config *config) {
    *config = (struct plab_swarm_config){.login = {.login = "lab-swarm", .pass = "x"},
                                         .sessions = 100,
                                         .connect_per_s = 2000,
                                         .duration_ms = 10000,
                                         .patience_ms = 60000,
                                         .source_ports = PLAB_SWARM_SOURCE_PORTS};
}

/* ---- the end ---- */

static void on_handle(uv_handle_t *handle, void *cookie) {
    (void)cookie;
    /* Streams and the resolver look after their own. */
    if ((handle->type == UV_TIMER || handle->type == UV_SIGNAL) && !uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static uint32_t all_slots(const struct plab_swarm *swarm) {
    return swarm->config->sessions + (swarm->config->churn > 0 ? PLAB_SWARM_CHURNERS : 0);
}

/* Closes everything; the loop then ends by itself. The first outcome counts. */
static void finish(struct plab_swarm *swarm, enum plab_status status) {
    if (swarm->phase == PLAB_SWARM_PHASE_ENDED) {
        return;
    }
    swarm->phase = PLAB_SWARM_PHASE_ENDED;
    swarm->status = status;
    swarm->end_ns = swarm->end_ns != 0 ? swarm->end_ns : plab_clock_ns();
    if (swarm->resolve != NULL) {
        plab_resolve_abandon(swarm->resolve);
        swarm->resolve = NULL;
    }
    for (uint32_t i = 0; i < all_slots(swarm); i++) {
        struct plab_swarm_session *session = &swarm->sessions[i];
        plab_swarm_session_close(session, session->churns);
    }
    uv_walk(&swarm->loop, on_handle, NULL);
}

static void on_signal(uv_signal_t *handle, int number) {
    struct plab_swarm *swarm = handle->data;
    finish(swarm, number == SIGTERM ? PLAB_E_TERMINATED : PLAB_E_INTERRUPTED);
}

/* ---- logins ---- */

const struct sockaddr *plab_swarm_source(const struct plab_swarm *swarm, uint32_t index,
                                         struct sockaddr_storage *out) {
    const struct sockaddr_in *pool = (const struct sockaddr_in *)&swarm->pool;
    const uint32_t ports = swarm->config->source_ports;
    struct sockaddr_in *from = (struct sockaddr_in *)out;
    bool loopback =
        pool->sin_family == AF_INET && ntohl(pool->sin_addr.s_addr) >> 24 == INADDR_LOOPBACK >> 24;
    if (!loopback || all_slots(swarm) <= ports) {
        return NULL;
    }
    memset(out, 0, sizeof *out);
    from->sin_family = AF_INET;
    from->sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + index / ports);
    return (const struct sockaddr *)out;
}

/* How many of something there should have been by now. */
static uint64_t due(uint64_t per_s, uint64_t since_ns, uint64_t now_ns) {
    return (uint64_t)((double)(now_ns - since_ns) / (double)NS_PER_S * (double)per_s);
}

static void open_sessions(struct plab_swarm *swarm, uint64_t now_ns) {
    const struct plab_swarm_config *config = swarm->config;
    uint64_t wanted = due(config->connect_per_s, swarm->began_ns, now_ns) + 1;
    while (swarm->begun < config->sessions && swarm->begun < wanted &&
           swarm->settling < SETTLING_MAX) {
        struct plab_swarm_session *session = &swarm->sessions[swarm->begun++];
        session->swarm = swarm;
        session->logs_in = true;
        plab_swarm_session_open(session);
    }
}

/* Those that aren't in by now don't take part. */
static void give_up_late_ones(struct plab_swarm *swarm) {
    for (uint32_t i = 0; i < swarm->begun; i++) {
        if (swarm->sessions[i].state < PLAB_SWARM_ONLINE) {
            plab_swarm_session_close(&swarm->sessions[i], true);
        }
    }
    swarm->result->not_in += swarm->config->sessions - swarm->begun;
}

static void begin_load(struct plab_swarm *swarm, uint64_t now_ns) {
    const struct plab_swarm_config *config = swarm->config;
    swarm->phase = PLAB_SWARM_PHASE_LOAD;
    swarm->load_ns = now_ns;
    plab_swarm_waves_reset(&swarm->waves);
    if (config->sessions > 0) {
        plab_log_info(config->log, "%u of %u sessions logged in", swarm->result->logged_in,
                      config->sessions);
    }
}

static void tick_logins(struct plab_swarm *swarm, uint64_t now_ns) {
    const struct plab_swarm_config *config = swarm->config;
    open_sessions(swarm, now_ns);
    bool late = now_ns - swarm->began_ns >= config->patience_ms * NS_PER_MS;
    if (late) {
        give_up_late_ones(swarm);
    }
    if (late || (swarm->begun == config->sessions && swarm->settling == 0)) {
        begin_load(swarm, now_ns);
    }
}

/* ---- load ---- */

/* The time between two shares that are found by chance, on average 1 / rate. */
static double random_gap_s(struct plab_swarm *swarm) {
    const double chance = (double)((plab_prng_next(&swarm->chance) >> 11) + 1) * 0x1p-53;
    return -log(chance) / (double)swarm->config->submit_per_s;
}

/* How many shares there should have been by now. */
static uint64_t shares_due(struct plab_swarm *swarm, uint64_t now_ns) {
    const struct plab_swarm_config *config = swarm->config;
    if (!config->at_random || config->submit_per_s == 0) {
        return due(config->submit_per_s, swarm->load_ns, now_ns);
    }
    const double since_s = (double)(now_ns - swarm->load_ns) / (double)NS_PER_S;
    while (swarm->shares_at_s <= since_s) {
        swarm->shares_due += swarm->shares_at_s > 0; /* the first waits, too */
        swarm->shares_at_s += random_gap_s(swarm);
    }
    return swarm->shares_due;
}

/* Lets the next session that can hand in a share. */
static bool submit_one(struct plab_swarm *swarm, uint64_t now_ns) {
    for (uint32_t i = 0; i < swarm->begun && swarm->waiting < swarm->online; i++) {
        swarm->turn = swarm->turn + 1 < swarm->begun ? swarm->turn + 1 : 0;
        if (plab_swarm_session_submit(&swarm->sessions[swarm->turn], now_ns)) {
            return true;
        }
    }
    return false;
}

static void submit_due(struct plab_swarm *swarm, uint64_t now_ns) {
    const uint64_t wanted = shares_due(swarm, now_ns);
    for (int i = 0; i < SUBMITS_A_TICK && swarm->result->submits < wanted; i++) {
        if (!submit_one(swarm, plab_clock_ns())) {
            return;
        }
    }
}

static void open_churner(struct plab_swarm *swarm, struct plab_swarm_session *session) {
    uint64_t number = swarm->churn_begun++;
    *session =
        (struct plab_swarm_session){.swarm = swarm, .churns = true, .logs_in = number % 2 == 0};
    plab_swarm_session_open(session);
}

static void churn_due(struct plab_swarm *swarm, uint64_t now_ns) {
    const struct plab_swarm_config *config = swarm->config;
    uint64_t wanted = due(config->connect_per_s, swarm->load_ns, now_ns) + 1;
    wanted = wanted < config->churn ? wanted : config->churn;
    for (uint32_t i = 0; i < PLAB_SWARM_CHURNERS && swarm->churn_begun < wanted; i++) {
        struct plab_swarm_session *session = &swarm->sessions[config->sessions + i];
        if (session->state == PLAB_SWARM_IDLE) {
            open_churner(swarm, session);
        }
    }
}

/* Without sessions there is nothing to wait for after the last of the churn. */
static bool is_over(const struct plab_swarm *swarm, uint64_t now_ns) {
    const struct plab_swarm_result *result = swarm->result;
    bool churned = result->churned + result->churn_failed >= swarm->config->churn;
    return now_ns - swarm->load_ns >= swarm->config->duration_ms * NS_PER_MS ||
           (swarm->online == 0 && churned);
}

static void tick_load(struct plab_swarm *swarm, uint64_t now_ns) {
    if (swarm->config->churn > 0) {
        churn_due(swarm, now_ns);
    }
    submit_due(swarm, now_ns);
    if (is_over(swarm, now_ns)) {
        swarm->phase = PLAB_SWARM_PHASE_DRAIN;
        swarm->end_ns = now_ns;
    }
}

static void on_tick(uv_timer_t *timer) {
    struct plab_swarm *swarm = timer->data;
    uint64_t now_ns = plab_clock_ns();
    if (swarm->phase == PLAB_SWARM_PHASE_LOGINS) {
        tick_logins(swarm, now_ns);
    } else if (swarm->phase == PLAB_SWARM_PHASE_LOAD) {
        tick_load(swarm, now_ns);
    } else if (swarm->waiting == 0 || now_ns - swarm->end_ns >= DRAIN_MS * NS_PER_MS) {
        finish(swarm, PLAB_OK);
    }
}

/* ---- the beginning ---- */

/* One address outside the lab spoils the whole name. */
static enum plab_status choose(struct plab_swarm *swarm, const struct addrinfo *list) {
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
        enum plab_status status = plab_netguard_check(at->ai_addr, &swarm->error);
        if (status != PLAB_OK) {
            return status;
        }
    }
    memcpy(&swarm->pool, list->ai_addr, list->ai_addrlen);
    return PLAB_OK;
}

static void on_resolved(void *cookie, const struct addrinfo *list, const char *reason) {
    struct plab_swarm *swarm = cookie;
    swarm->resolve = NULL;
    enum plab_status status =
        list != NULL ? choose(swarm, list)
                     : plab_fail(&swarm->error, PLAB_E_NETWORK, "can't resolve the name \"%s\": %s",
                                 swarm->config->pool.host, reason);
    if (status != PLAB_OK) {
        finish(swarm, status);
        return;
    }
    swarm->began_ns = plab_clock_ns();
    uv_timer_start(&swarm->timer, on_tick, 0, TICK_MS);
}

static void catch_signal(struct plab_swarm *swarm, uv_signal_t *handle, int number) {
    uv_signal_init(&swarm->loop, handle);
    handle->data = swarm;
    uv_signal_start(handle, on_signal, number);
}

static enum plab_status create(struct plab_swarm **out, const struct plab_swarm_config *config,
                               struct plab_swarm_result *result, struct plab_error *err) {
    struct plab_swarm *swarm = calloc(1, sizeof *swarm);
    if (swarm != NULL) {
        swarm->config = config;
        swarm->result = result;
        swarm->chance.state = 1; /* every run has the same moments */
        swarm->sessions = calloc(all_slots(swarm) + 1, sizeof *swarm->sessions);
    }
    if (swarm == NULL || swarm->sessions == NULL || uv_loop_init(&swarm->loop) != 0) {
        free(swarm != NULL ? swarm->sessions : NULL);
        free(swarm);
        return plab_fail(err, PLAB_E_NOMEM, "no memory for %u sessions", config->sessions);
    }
    swarm->home = (struct plab_stream_home){&swarm->loop, swarm->in, sizeof swarm->in};
    uv_timer_init(&swarm->loop, &swarm->timer);
    swarm->timer.data = swarm;
    if (config->handle_signals) {
        catch_signal(swarm, &swarm->sigint, SIGINT);
        catch_signal(swarm, &swarm->sigterm, SIGTERM);
    }
    *out = swarm;
    return PLAB_OK;
}

/* Nothing of a load is worth protecting: certificates aren't looked at. */
static enum plab_status open_tls(struct plab_swarm *swarm) {
    static const struct plab_tls_client_config any = {.ca_file = NULL};
    return swarm->config->pool.tls ? plab_tls_client_context(&swarm->tls, &any, &swarm->error)
                                   : PLAB_OK;
}

/* ---- the result ---- */

static double seconds(uint64_t from_ns, uint64_t to_ns) {
    return from_ns > 0 && to_ns > from_ns ? (double)(to_ns - from_ns) / (double)NS_PER_S : 0;
}

static void sum_up(const struct plab_swarm *swarm) {
    struct plab_swarm_result *result = swarm->result;
    const struct plab_swarm_waves *waves = &swarm->waves;
    const struct plab_swarm_times *answers = &swarm->answers;
    result->logins_s = seconds(swarm->began_ns, swarm->last_login_ns);
    result->load_s = seconds(swarm->load_ns, swarm->end_ns);
    result->churn_s = seconds(swarm->load_ns, swarm->churn_end_ns);
    result->pushes = waves->whole;
    result->pushes_part = waves->begun - waves->whole;
    result->push_spread_s = (double)waves->longest_ns / (double)NS_PER_S;
    result->push_last_ns = waves->longest_end_ns;
    result->push_first_ns = waves->longest_end_ns - waves->longest_ns;
    result->push_typical_s =
        waves->whole > 0 ? (double)waves->sum_ns / waves->whole / (double)NS_PER_S : 0;
    result->submits_per_s =
        result->load_s > 0 ? (double)(result->accepted + result->rejected) / result->load_s : 0;
    result->answer_p50_s = (double)plab_swarm_times_quantile(answers, 0.50) / 1e6;
    result->answer_p99_s = (double)plab_swarm_times_quantile(answers, 0.99) / 1e6;
    result->answer_max_s = (double)answers->max_us / 1e6;
}

/* Nothing at all came of it? */
static enum plab_status outcome(struct plab_swarm *swarm, struct plab_error *err) {
    const struct plab_swarm_config *config = swarm->config;
    const struct plab_swarm_result *result = swarm->result;
    char name[PLAB_URL_NAME_LEN];
    if (swarm->status != PLAB_OK) {
        *err = swarm->error;
        return swarm->status;
    }
    if ((config->sessions > 0 && result->logged_in == 0) ||
        (config->sessions == 0 && config->churn > 0 && result->churned == 0)) {
        return plab_fail(err, PLAB_E_NETWORK, "not a single session at %s: %s",
                         plab_url_name(&config->pool, name), result->trouble);
    }
    return PLAB_OK;
}

enum plab_status plab_swarm_run(const struct plab_swarm_config *config,
                                struct plab_swarm_result *out, struct plab_error *err) {
    struct plab_swarm *swarm = NULL;
    memset(out, 0, sizeof *out);
    enum plab_status status = create(&swarm, config, out, err);
    if (status != PLAB_OK || swarm == NULL) {
        return status;
    }
    status = open_tls(swarm);
    if (status == PLAB_OK) {
        swarm->resolve =
            plab_resolve_start(&swarm->loop, &config->pool, on_resolved, swarm, &swarm->error);
        status = swarm->resolve != NULL ? PLAB_OK : PLAB_E_RESOURCE;
    }
    if (status != PLAB_OK) {
        finish(swarm, status);
    }
    uv_run(&swarm->loop, UV_RUN_DEFAULT);
    sum_up(swarm);
    status = outcome(swarm, err);
    uv_loop_close(&swarm->loop);
    plab_tls_context_unref(&swarm->tls);
    free(swarm->sessions);
    free(swarm);
    return status;
}
