/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool_client/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/netguard.h"
#include "base/prng.h"
#include "pool_client/backoff.h"
#include "pool_client/link_priv.h"

#define JOBS_KEPT 16 /* shares for older ones count as stale */

/* A job that was handed out. */
struct given_job {
    uint64_t number;
    uint64_t session; /* number of the session it came from */
    struct plab_stratum_job job;
};

struct plab_client {
    uv_loop_t *loop;
    struct plab_client_config config;
    struct plab_client_events events;
    struct plab_url *pools;       /* owned */
    struct plab_tls_context *tls; /* NULL: no pool wants it */
    struct plab_link_events link_events;
    struct plab_prng prng;
    struct plab_bucket submits;

    struct plab_link *active; /* connecting or serving */
    struct plab_link *probe;  /* sees whether the first pool is back */
    uv_timer_t retry_timer, probe_timer;
    unsigned alive; /* links and timers that aren't closed yet */
    bool destroyed, refused;

    size_t pool;    /* index of the active one */
    bool has_moved; /* it is to be found at `moved` now */
    struct plab_url moved;
    bool redirecting; /* the session ends because the pool said so */
    unsigned refused_redirects;
    unsigned failures; /* of this pool, in a row */
    unsigned streak;   /* of all pools, in a row */
    unsigned probe_failures;
    uint64_t online_since_ms;
    bool online;
    uint64_t sequence; /* of request ids */
    struct given_job jobs[JOBS_KEPT];
    uint64_t job_count;
    struct plab_client_stats stats;
};

static void start_attempt(uv_timer_t *timer);
static void start_probe(uv_timer_t *timer);

void plab_client_defaults(struct plab_client_config *config) {
    memset(config, 0, sizeof *config);
    size_t count;
    config->dialect = plab_dialect_list(&count);
    config->retries = 5;
    config->retry_base_ms = 1000;
    config->retry_cap_ms = 30000;
    config->connect_timeout_ms = 20000;
    config->reply_timeout_ms = 20000;
    config->keepalive_ms = 60000;
    config->submits_per_s = 20;
    config->submit_burst = 100;
}

static void free_when_done(struct plab_client *client) {
    if (client->destroyed && client->alive == 0) {
        plab_tls_context_unref(&client->tls);
        free(client->pools);
        free(client);
    }
}

/* What happens often is logged the first, second, fourth, eighth ... time. */
static bool worth_a_line(unsigned *count) {
    ++*count;
    return (*count & (*count - 1)) == 0;
}

/* Where the active pool is. */
static const struct plab_url *place(const struct plab_client *client) {
    return client->has_moved ? &client->moved : &client->pools[client->pool];
}

static void tell_state(struct plab_client *client, enum plab_client_state state, const char *text) {
    if (!client->destroyed) {
        client->events.on_state(client->events.cookie, state, text);
    }
}

static void close_links(struct plab_client *client) {
    if (client->active != NULL) {
        plab_link_close(client->active);
        client->active = NULL;
    }
    if (client->probe != NULL) {
        plab_link_close(client->probe);
        client->probe = NULL;
    }
    client->online = false;
}

static uint64_t pause_ms(struct plab_client *client, unsigned failures) {
    return plab_backoff_ms(client->config.retry_base_ms, client->config.retry_cap_ms, failures,
                           plab_prng_next(&client->prng));
}

/* The lab-only rule ends everything: trying on would only knock at a door that stays shut. */
static void refuse(struct plab_client *client, const char *reason) {
    client->refused = true;
    uv_timer_stop(&client->retry_timer);
    uv_timer_stop(&client->probe_timer);
    close_links(client);
    tell_state(client, PLAB_CLIENT_REFUSED, reason);
}

/* ---- links ---- */

static void probe_later(struct plab_client *client) {
    if (client->pool != 0 && !client->refused) {
        client->probe_failures++;
        uv_timer_start(&client->probe_timer, start_probe, pause_ms(client, client->probe_failures),
                       0);
    }
}

static void note_tls(struct plab_client_stats *stats, const struct plab_link *link) {
    struct plab_tls_info tls = {.version = ""};
    (void)plab_link_describe_tls(link, &tls); /* stays empty for a plain one */
    snprintf(stats->tls_version, sizeof stats->tls_version, "%s", tls.version);
    memcpy(stats->tls_fingerprint, tls.peer, sizeof stats->tls_fingerprint);
}

static void on_up(void *cookie, struct plab_link *link) {
    struct plab_client *client = cookie;
    char name[PLAB_URL_NAME_LEN];
    if (client->destroyed) {
        return;
    }
    if (link == client->probe) {
        if (client->active != NULL) {
            plab_link_close(client->active);
        }
        uv_timer_stop(&client->retry_timer);
        client->active = link;
        client->probe = NULL;
        client->pool = 0;
        client->has_moved = false;
        client->failures = client->streak = 0;
    }
    client->online = true;
    client->online_since_ms = uv_now(client->loop);
    client->stats.logins++;
    note_tls(&client->stats, link);
    plab_link_address(link, client->stats.address);
    client->stats.tally[client->pool].logins++;
    client->probe_failures = 0;
    probe_later(client);
    tell_state(client, PLAB_CLIENT_ONLINE, plab_url_name(place(client), name));
}

static void on_job(void *cookie, struct plab_link *link, const struct plab_stratum_job *job) {
    struct plab_client *client = cookie;
    if (client->destroyed) {
        return;
    }
    struct given_job *given = &client->jobs[client->job_count % JOBS_KEPT];
    given->number = ++client->job_count;
    given->session = client->stats.logins;
    given->job = *job;
    const struct plab_client_job handed = {
        .number = given->number,
        .extensions = plab_link_extensions(link),
        .job = &given->job,
    };
    client->events.on_job(client->events.cookie, &handed);
}

static void on_result(void *cookie, const struct plab_client_result *result) {
    struct plab_client *client = cookie;
    if (!client->destroyed) {
        client->events.on_result(client->events.cookie, result);
    }
}

/* A session that lasted proves that the pool works; one that ends at once doesn't, or a pool that
 * accepts logins and hangs up would be tried without a growing pause. */
static void count_failure(struct plab_client *client, enum plab_status status, const char *reason) {
    char name[PLAB_URL_NAME_LEN];
    uint64_t lasted_ms = uv_now(client->loop) - client->online_since_ms;
    if (client->online && lasted_ms >= client->config.retry_cap_ms) {
        client->failures = client->streak = 0;
    }
    client->online = false;
    client->failures += client->redirecting ? 0 : 1; /* no reason to leave the pool */
    client->streak++;
    client->stats.failures++;
    client->stats.tally[client->pool].failures++;
    client->stats.last_failure = status;
    snprintf(client->stats.last_reason, sizeof client->stats.last_reason, "%s: %s",
             plab_url_name(place(client), name), reason);
}

static void plan_retry(struct plab_client *client, const char *reason) {
    char name[PLAB_URL_NAME_LEN], text[PLAB_URL_NAME_LEN + 600];
    plab_url_name(place(client), name);
    uint64_t wait_ms = pause_ms(client, client->streak);
    bool moves = client->failures >= client->config.retries && client->config.pool_count > 1;
    if (moves) {
        client->failures = 0;
        client->has_moved = false;
        client->pool = (client->pool + 1) % client->config.pool_count;
        wait_ms = pause_ms(client, 1);
        if (client->pool == 0) { /* a whole round in vain */
            wait_ms = pause_ms(client, client->streak);
        }
    }
    char next[PLAB_URL_NAME_LEN];
    snprintf(text, sizeof text, "%s: %s; trying %s in %.1f s", name, reason,
             moves ? plab_url_name(place(client), next) : "again", (double)wait_ms / 1000);
    uv_timer_start(&client->retry_timer, start_attempt, wait_ms, 0);
    tell_state(client, PLAB_CLIENT_OFFLINE, text);
}

static void on_down(void *cookie, struct plab_link *link, enum plab_status status,
                    const char *reason) {
    struct plab_client *client = cookie;
    if (client->destroyed) {
        return;
    }
    bool was_probe = link == client->probe;
    bool was_online = client->online;
    if (was_probe) {
        client->probe = NULL;
        client->stats.tally[0].failures++;
    } else {
        client->active = NULL;
        count_failure(client, status, reason);
    }
    if (status == PLAB_E_REFUSED) {
        client->stats.last_failure = status;
        refuse(client, reason);
    } else if (was_probe) {
        plab_log_debug(client->config.log, "the first pool is not back yet: %s", reason);
        probe_later(client);
    } else {
        uv_timer_stop(&client->probe_timer);
        if (client->probe != NULL) {
            plab_link_close(client->probe);
            client->probe = NULL;
        }
        plan_retry(client, reason);
        client->has_moved &= was_online; /* else there is nobody at that place */
    }
}

static void on_redirect(void *cookie, struct plab_link *link, const char *host, uint16_t port) {
    struct plab_client *client = cookie;
    struct plab_error err;
    struct plab_url to;
    char name[PLAB_URL_NAME_LEN];
    if (client->destroyed || link != client->active) {
        return;
    }
    if (plab_url_move(place(client), host, port, &to, &err) != PLAB_OK) {
        if (worth_a_line(&client->refused_redirects)) {
            plab_log_warn(client->config.log, "not followed: %s (%u)", err.text,
                          client->refused_redirects);
        }
        return;
    }
    client->stats.redirects++;
    plab_url_name(&to, name);
    client->redirecting = true;
    plab_link_fail(link, PLAB_E_NETWORK, "the pool moved to %s", name);
    client->redirecting = false;
    client->moved = to;
    client->has_moved = true;
}

static void on_gone(void *cookie) {
    struct plab_client *client = cookie;
    client->alive--;
    free_when_done(client);
}

static struct plab_link *open_link(struct plab_client *client, size_t pool,
                                   const struct plab_url *url) {
    struct plab_link *link = plab_link_open(client->loop, &client->config, client->tls, url,
                                            &client->sequence, &client->link_events);
    client->alive += link != NULL ? 1 : 0;
    client->stats.tally[pool].attempts++;
    return link;
}

static void start_attempt(uv_timer_t *timer) {
    struct plab_client *client = timer->data;
    char name[PLAB_URL_NAME_LEN];
    client->active = open_link(client, client->pool, place(client));
    if (client->active == NULL) {
        count_failure(client, PLAB_E_NOMEM, "not enough memory");
        plan_retry(client, "not enough memory");
        return;
    }
    tell_state(client, PLAB_CLIENT_CONNECTING, plab_url_name(place(client), name));
}

static void start_probe(uv_timer_t *timer) {
    struct plab_client *client = timer->data;
    client->probe = open_link(client, 0, &client->pools[0]);
    if (client->probe == NULL) {
        probe_later(client);
    }
}

/* ---- the outside ---- */

/* What TLS needs, or NULL when no pool wants it. */
static enum plab_status make_tls(const struct plab_client_config *config,
                                 struct plab_tls_context **out, struct plab_error *err) {
    const struct plab_client_tls *wish = &config->tls;
    const struct plab_tls_client_config tls = {.ca_file = wish->ca_file,
                                               .pin = wish->has_pin ? wish->pin : NULL,
                                               .keylog_file = wish->keylog_file};
    *out = NULL;
    for (size_t i = 0; i < config->pool_count; i++) {
        if (config->pools[i].tls) {
            return plab_tls_client_context(out, &tls, err);
        }
    }
    return PLAB_OK;
}

/* WebSocket is what one dialect speaks, and no other. */
static enum plab_status check_transport(const struct plab_client_config *config,
                                        const struct plab_url *pool, struct plab_error *err) {
    char name[PLAB_URL_NAME_LEN];
    bool wanted = config->dialect != NULL && config->dialect->websocket;
    if (wanted == pool->websocket) {
        return PLAB_OK;
    }
    return wanted ? plab_fail(err, PLAB_E_USAGE,
                              "--dialect %s speaks WebSocket; write ws://%s or wss://%s",
                              config->dialect->name, plab_url_name(pool, name), name)
                  : plab_fail(err, PLAB_E_USAGE,
                              "pool %s: over WebSocket powlab speaks --dialect ws-coinhive only",
                              plab_url_name(pool, name));
}

enum plab_status plab_client_check(const struct plab_client_config *config,
                                   struct plab_error *err) {
    if (config->pool_count > PLAB_CLIENT_POOLS_MAX) {
        return plab_fail(err, PLAB_E_USAGE, "a list of %zu pools is too long; at most %d",
                         config->pool_count, PLAB_CLIENT_POOLS_MAX);
    }
    for (size_t i = 0; i < config->pool_count; i++) {
        struct sockaddr_storage addr;
        enum plab_status status = check_transport(config, &config->pools[i], err);
        if (status == PLAB_OK && plab_link_numeric(&config->pools[i], &addr)) {
            status = plab_netguard_check((const struct sockaddr *)&addr, err);
        }
        if (status != PLAB_OK) {
            return status;
        }
    }
    struct plab_tls_context *tls;
    enum plab_status status = make_tls(config, &tls, err);
    plab_tls_context_unref(&tls);
    return status;
}

static void start_timers(struct plab_client *client) {
    uv_timer_init(client->loop, &client->retry_timer);
    uv_timer_init(client->loop, &client->probe_timer);
    client->retry_timer.data = client->probe_timer.data = client;
    client->alive = 2;
    uv_timer_start(&client->retry_timer, start_attempt, 0, 0);
}

enum plab_status plab_client_create(struct plab_client **out, struct uv_loop_s *loop,
                                    const struct plab_client_config *config,
                                    const struct plab_client_events *events,
                                    struct plab_error *err) {
    enum plab_status status = plab_client_check(config, err);
    if (status != PLAB_OK) {
        return status;
    }
    struct plab_client *client = calloc(1, sizeof *client);
    struct plab_url *pools = calloc(config->pool_count, sizeof *pools);
    if (client == NULL || pools == NULL) {
        free(client);
        free(pools);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for a Stratum client");
    }
    memcpy(pools, config->pools, config->pool_count * sizeof *pools);
    client->stats.pool_count = config->pool_count;
    for (size_t i = 0; i < config->pool_count; i++) {
        plab_url_name(&pools[i], client->stats.tally[i].name);
    }
    client->loop = loop;
    client->config = *config;
    if (client->config.dialect == NULL) {
        size_t count;
        client->config.dialect = plab_dialect_list(&count);
    }
    client->config.pools = client->pools = pools;
    client->events = *events;
    client->link_events = (struct plab_link_events){
        .up = on_up,
        .job = on_job,
        .result = on_result,
        .redirect = on_redirect,
        .down = on_down,
        .gone = on_gone,
        .cookie = client,
    };
    client->prng.state = config->seed;
    plab_bucket_init(&client->submits, config->submits_per_s, config->submit_burst,
                     plab_clock_ns());
    status = make_tls(config, &client->tls, err);
    if (status != PLAB_OK) {
        free(pools);
        free(client);
        return status;
    }
    start_timers(client);
    *out = client;
    return PLAB_OK;
}

static void on_timer_closed(uv_handle_t *handle) {
    struct plab_client *client = handle->data;
    client->alive--;
    free_when_done(client);
}

void plab_client_destroy(struct plab_client **client) {
    if (*client == NULL) {
        return;
    }
    (*client)->destroyed = true;
    close_links(*client);
    uv_close((uv_handle_t *)&(*client)->retry_timer, on_timer_closed);
    uv_close((uv_handle_t *)&(*client)->probe_timer, on_timer_closed);
    *client = NULL;
}

enum plab_client_submitted plab_client_submit(struct plab_client *client,
                                              const struct plab_client_share *share) {
    if (share->job_number == 0 || share->job_number > client->job_count) {
        return PLAB_SUBMIT_STALE;
    }
    const struct given_job *given = &client->jobs[(share->job_number - 1) % JOBS_KEPT];
    if (given->number != share->job_number || given->session != client->stats.logins ||
        !client->online) {
        return PLAB_SUBMIT_STALE;
    }
    if (!plab_bucket_take(&client->submits, plab_clock_ns()) ||
        !plab_link_submit(client->active, share, &given->job)) {
        return PLAB_SUBMIT_LIMITED;
    }
    return PLAB_SUBMIT_SENT;
}

void plab_client_renew(struct plab_client *client, const char *reason) {
    if (client->online) {
        plab_link_fail(client->active, PLAB_E_NETWORK, "%s", reason);
    }
}

void plab_client_stats(const struct plab_client *client, struct plab_client_stats *stats) {
    *stats = client->stats;
    stats->online = client->online;
    stats->pool = client->pool;
    if (client->online) {
        stats->online_s = (double)(uv_now(client->loop) - client->online_since_ms) / 1000;
    }
}
