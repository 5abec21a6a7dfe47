/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool_client/solo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/prng.h"
#include "daemon/rpc.h"
#include "daemon/solo_msg.h"
#include "pool_client/backoff.h"
#include "stratum/target.h"

#define TEMPLATES_KEPT 4 /* of which blocks may still come */
#define SUBMITS_MAX 16   /* unanswered ones */

/* A template that was handed out as a job. */
struct given {
    uint64_t number; /* of the job; 0: none */
    uint64_t session;
    struct plab_solo_template tmpl; /* owned */
};

/* A block that was handed in. */
struct handed_in {
    bool open;
    uint64_t job_number, tag, sent_ns;
    char prev_hash[2 * PLAB_BLOCK_ID_BYTES + 1];
};

struct solo {
    struct plab_solo_config config;
    struct plab_client_events events;
    struct plab_rpc rpc;
    struct plab_prng prng;
    uv_timer_t timer;
    bool destroyed, refused, online;
    bool asking;        /* a call that isn't a block is under way */
    bool wants_info;    /* the daemon has no hash in /getheight */
    bool wants_network; /* its network must be seen before the next template */
    bool wants_template;
    int64_t next_id;
    unsigned failures; /* in a row */
    uint64_t job_count;
    uint64_t template_ns; /* when the newest came */
    uint64_t online_since_ms;
    struct plab_solo_tip tip;                /* as seen last */
    char spent[2 * PLAB_BLOCK_ID_BYTES + 1]; /* a block on top of this one was taken */
    struct given given[TEMPLATES_KEPT];
    struct handed_in handed_in[SUBMITS_MAX];
    struct plab_client_stats stats;
};

static void ask(struct solo *solo);

/* ---- the session's state ---- */

static void tell_state(struct solo *solo, enum plab_client_state state, const char *text) {
    if (!solo->destroyed) {
        solo->events.on_state(solo->events.cookie, state, text);
    }
}

static void on_timer(uv_timer_t *timer) {
    ask(timer->data);
}

static void ask_after(struct solo *solo, uint64_t ms) {
    if (!solo->destroyed && !solo->refused) {
        uv_timer_start(&solo->timer, on_timer, ms, 0);
    }
}

/* The session is over; the next one begins after a pause. */
static void stumble(struct solo *solo, enum plab_status status, const char *reason) {
    char text[PLAB_URL_NAME_LEN + 600];
    const char *name = solo->stats.tally[0].name;
    solo->online = solo->asking = false;
    solo->wants_network = solo->wants_template = true;
    solo->stats.failures++;
    solo->stats.tally[0].failures++;
    solo->stats.last_failure = status;
    snprintf(solo->stats.last_reason, sizeof solo->stats.last_reason, "%s: %s", name, reason);
    if (status == PLAB_E_REFUSED) {
        solo->refused = true;
        uv_timer_stop(&solo->timer);
        tell_state(solo, PLAB_CLIENT_REFUSED, reason);
        return;
    }
    uint64_t wait_ms = plab_backoff_ms(solo->config.retry_base_ms, solo->config.retry_cap_ms,
                                       ++solo->failures, plab_prng_next(&solo->prng));
    snprintf(text, sizeof text, "%s: %s; trying again in %.1f s", name, reason,
             (double)wait_ms / 1000);
    ask_after(solo, wait_ms);
    tell_state(solo, PLAB_CLIENT_OFFLINE, text);
}

static void go_online(struct solo *solo) {
    solo->online = true;
    solo->failures = 0;
    solo->online_since_ms = uv_now(solo->timer.loop);
    solo->stats.logins++;
    solo->stats.tally[0].logins++;
    plab_netguard_name((const struct sockaddr *)&solo->rpc.addr, solo->stats.address);
    tell_state(solo, PLAB_CLIENT_ONLINE, solo->stats.tally[0].name);
}

/* ---- requests ---- */

static enum plab_status send_request(struct solo *solo, const char *path, const char *body,
                                     const char *difficulty, plab_rpc_fn *done, uint64_t tag,
                                     struct plab_error *err) {
    const struct plab_http_request request = {.path = path,
                                              .body = body,
                                              .agent = solo->config.agent,
                                              .difficulty = difficulty,
                                              .bare_host = true};
    return plab_rpc_send(&solo->rpc, &request, done, solo, tag, err);
}

/* There must have been one. */
static const struct given *newest(const struct solo *solo) {
    return &solo->given[(solo->job_count - 1) % TEMPLATES_KEPT];
}

static bool is_outdated(const struct solo *solo) {
    const struct plab_solo_template *tmpl = &newest(solo)->tmpl;
    uint64_t age_ms = (plab_clock_ns() - solo->template_ns) / 1000000;
    return tmpl->height != solo->tip.height || strcmp(tmpl->prev_hash, solo->tip.hash) != 0 ||
           age_ms >= solo->config.job_timeout_ms;
}

/* A job of a template, in the form that pools send. */
static void hand_out(struct solo *solo, struct given *given) {
    const struct plab_solo_template *tmpl = &given->tmpl;
    struct plab_stratum_job job = {
        .blob_len = tmpl->hashing_len,
        .target = plab_target_from_difficulty(tmpl->difficulty),
        .has_height = true,
        .height = tmpl->height,
        .has_seed = true,
        .has_next_seed = tmpl->has_next_seed,
    };
    snprintf(job.job_id, sizeof job.job_id, "%08" PRIx32, (uint32_t)plab_prng_next(&solo->prng));
    memcpy(job.blob, tmpl->hashing, tmpl->hashing_len);
    memcpy(job.seed_hash, tmpl->seed, sizeof tmpl->seed);
    memcpy(job.next_seed_hash, tmpl->next_seed, sizeof tmpl->next_seed);
    const struct plab_client_job handed = {.number = given->number, .job = &job};
    solo->events.on_job(solo->events.cookie, &handed);
}

static void on_template(void *cookie, uint64_t tag, enum plab_status status, const char *body,
                        size_t body_len, const struct plab_error *call_err) {
    struct solo *solo = cookie;
    struct plab_solo_template tmpl;
    struct plab_error err = *call_err;
    (void)tag;
    if (status == PLAB_OK) {
        status = plab_solo_parse_template(body, body_len, &tmpl, &err);
    }
    if (status != PLAB_OK) {
        stumble(solo, status, err.text);
        return;
    }
    solo->asking = solo->wants_template = false;
    solo->template_ns = plab_clock_ns();
    solo->tip.height = tmpl.height;
    memcpy(solo->tip.hash, tmpl.prev_hash, sizeof solo->tip.hash);
    if (!solo->online) {
        go_online(solo);
    }
    struct given *given = &solo->given[solo->job_count % TEMPLATES_KEPT];
    plab_solo_template_free(&given->tmpl);
    *given =
        (struct given){.number = ++solo->job_count, .session = solo->stats.logins, .tmpl = tmpl};
    ask_after(solo, solo->config.poll_ms);
    if (!solo->destroyed) {
        hand_out(solo, given);
    }
}

static enum plab_status ask_template(struct solo *solo, struct plab_error *err) {
    uint8_t extra[PLAB_SOLO_EXTRA_BYTES];
    plab_store64_le(extra, plab_prng_next(&solo->prng));
    char *body = plab_solo_build_get_template(solo->next_id++, solo->config.wallet, extra);
    if (body == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a call to the daemon");
    }
    enum plab_status status = send_request(solo, "/json_rpc", body, NULL, on_template, 0, err);
    free(body);
    return status;
}

/* More than a block at once is another chain, perhaps: who is there is asked again. */
static void note_tip(struct solo *solo, const struct plab_solo_tip *tip, bool network_known) {
    uint64_t before = solo->tip.height;
    solo->wants_network = !network_known && (tip->height < before || tip->height > before + 1);
    solo->tip = *tip;
    solo->wants_template |= is_outdated(solo);
    if (solo->wants_template) {
        ask(solo);
    } else {
        ask_after(solo, solo->config.poll_ms);
    }
}

static void on_height(void *cookie, uint64_t tag, enum plab_status status, const char *body,
                      size_t body_len, const struct plab_error *call_err) {
    struct solo *solo = cookie;
    struct plab_solo_tip tip;
    struct plab_error err = *call_err;
    (void)tag;
    solo->asking = false;
    if (status == PLAB_OK) {
        status = plab_solo_parse_height(body, body_len, &tip, &err);
    }
    if (status == PLAB_OK) {
        note_tip(solo, &tip, false);
    } else if (status == PLAB_E_UNSUPPORTED) {
        solo->wants_info = true;
        ask(solo);
    } else {
        stumble(solo, status, err.text);
    }
}

static void on_info(void *cookie, uint64_t tag, enum plab_status status, const char *body,
                    size_t body_len, const struct plab_error *call_err) {
    struct solo *solo = cookie;
    struct plab_solo_tip tip;
    struct plab_error err = *call_err;
    (void)tag;
    solo->asking = false;
    if (status == PLAB_OK) {
        status = plab_solo_parse_info(body, body_len, &tip, &err);
    }
    if (status != PLAB_OK) {
        stumble(solo, status, err.text);
        return;
    }
    solo->wants_network = false;
    if (solo->wants_template) {
        ask(solo);
    } else {
        note_tip(solo, &tip, true);
    }
}

/* Makes the call that is due, unless one is under way. */
static void ask(struct solo *solo) {
    struct plab_error err = {.text = ""};
    enum plab_status status;
    if (solo->destroyed || solo->refused || solo->asking) {
        return;
    }
    solo->asking = true;
    uv_timer_stop(&solo->timer);
    if (!solo->online && solo->wants_network) {
        solo->stats.tally[0].attempts++;
        tell_state(solo, PLAB_CLIENT_CONNECTING, solo->stats.tally[0].name);
    }
    if (solo->wants_network || (solo->wants_info && !solo->wants_template)) {
        status = send_request(solo, "/getinfo", NULL, NULL, on_info, 0, &err);
    } else if (solo->wants_template) {
        status = ask_template(solo, &err);
    } else {
        status = send_request(solo, "/getheight", NULL, NULL, on_height, 0, &err);
    }
    if (status != PLAB_OK) {
        stumble(solo, status, err.text);
    }
}

/* ---- blocks ---- */

static void tell_result(struct solo *solo, const struct handed_in *block,
                        enum plab_client_verdict verdict, const char *reason) {
    const struct plab_client_result result = {
        .verdict = verdict,
        .job_number = block->job_number,
        .tag = block->tag,
        .latency_ms = (double)(plab_clock_ns() - block->sent_ns) / 1e6,
        .reason = reason,
    };
    if (!solo->destroyed) {
        solo->events.on_result(solo->events.cookie, &result);
    }
}

/* No block on top of that one can be the next any more. */
static bool is_spent(const struct solo *solo, const char *prev_hash) {
    return strcmp(prev_hash, solo->spent) == 0 || strcmp(prev_hash, solo->tip.hash) != 0;
}

static void on_submitted(void *cookie, uint64_t tag, enum plab_status status, const char *body,
                         size_t body_len, const struct plab_error *call_err) {
    struct solo *solo = cookie;
    struct handed_in block = solo->handed_in[tag];
    struct plab_error err = *call_err;
    solo->handed_in[tag].open = false;
    bool answered = status == PLAB_OK;
    if (answered) {
        status = plab_rpc_parse_submit(body, body_len, &err);
    }
    if (status == PLAB_OK && strcmp(solo->spent, block.prev_hash) == 0) {
        /* The daemon keeps it as an alternative, but it isn't part of the chain. */
        tell_result(solo, &block, PLAB_SHARE_STALE, "another block for this height was first");
    } else if (status == PLAB_OK) {
        memcpy(solo->spent, block.prev_hash, sizeof solo->spent);
        tell_result(solo, &block, PLAB_SHARE_ACCEPTED, "");
    } else if (!answered || status == PLAB_E_PROTOCOL) {
        tell_result(solo, &block, PLAB_SHARE_UNANSWERED, err.text);
        plab_log_warn(solo->config.log, "a block's fate is unknown: %s", err.text);
    } else {
        tell_result(solo, &block,
                    is_spent(solo, block.prev_hash) ? PLAB_SHARE_STALE : PLAB_SHARE_REJECTED,
                    err.text);
    }
    if (solo->online && strcmp(newest(solo)->tmpl.prev_hash, block.prev_hash) == 0) {
        solo->wants_template = true;
        ask(solo);
    }
}

static struct given *find_given(struct solo *solo, uint64_t number) {
    for (size_t i = 0; i < TEMPLATES_KEPT; i++) {
        if (solo->given[i].number == number && solo->given[i].session == solo->stats.logins) {
            return &solo->given[i];
        }
    }
    return NULL;
}

/* The template with the nonce in its place, sent; false without memory or socket. */
static bool send_block(struct solo *solo, struct given *given,
                       const struct plab_client_share *share, size_t slot) {
    char difficulty[24];
    struct plab_error err;
    struct plab_solo_template *tmpl = &given->tmpl;
    memcpy(tmpl->blob + tmpl->block.nonce_at, share->nonce, sizeof share->nonce);
    char *body = plab_solo_build_submit(solo->next_id++, tmpl->blob, tmpl->block.len);
    snprintf(difficulty, sizeof difficulty, "%" PRIu64, plab_difficulty_of_value(share->result));
    enum plab_status status =
        body == NULL ? PLAB_E_NOMEM
                     : send_request(solo, "/json_rpc", body, difficulty, on_submitted, slot, &err);
    free(body);
    return status == PLAB_OK;
}

static enum plab_client_submitted solo_submit(void *self, const struct plab_client_share *share) {
    struct solo *solo = self;
    struct given *given = find_given(solo, share->job_number);
    if (given == NULL || !solo->online || is_spent(solo, given->tmpl.prev_hash)) {
        return PLAB_SUBMIT_STALE;
    }
    for (size_t i = 0; i < SUBMITS_MAX; i++) {
        struct handed_in *slot = &solo->handed_in[i];
        if (!slot->open) {
            slot->open = send_block(solo, given, share, i);
            slot->job_number = share->job_number;
            slot->tag = share->tag;
            slot->sent_ns = plab_clock_ns();
            memcpy(slot->prev_hash, given->tmpl.prev_hash, sizeof slot->prev_hash);
            return slot->open ? PLAB_SUBMIT_SENT : PLAB_SUBMIT_LIMITED;
        }
    }
    return PLAB_SUBMIT_LIMITED;
}

/* ---- life ---- */

static void solo_renew(void *self, const char *reason) {
    struct solo *solo = self;
    if (solo->online) { /* another extra nonce is another nonce space */
        plab_log_info(solo->config.log, "%s; taking a new template", reason);
        solo->wants_template = true;
        ask(solo);
    }
}

static void solo_stats(const void *self, struct plab_client_stats *stats) {
    const struct solo *solo = self;
    *stats = solo->stats;
    stats->online = solo->online;
    if (solo->online) {
        stats->online_s = (double)(uv_now(solo->timer.loop) - solo->online_since_ms) / 1000;
    }
}

static void on_timer_closed(uv_handle_t *handle) {
    struct solo *solo = handle->data;
    for (size_t i = 0; i < TEMPLATES_KEPT; i++) {
        plab_solo_template_free(&solo->given[i].tmpl);
    }
    free(solo);
}

static void solo_destroy(void *self) {
    struct solo *solo = self;
    solo->destroyed = true;
    plab_rpc_close(&solo->rpc);
    uv_close((uv_handle_t *)&solo->timer, on_timer_closed);
}

static const struct plab_source_ops solo_ops = {solo_destroy, solo_submit, solo_renew, solo_stats};

void plab_solo_defaults(struct plab_solo_config *config) {
    *config = (struct plab_solo_config){
        .wallet = PLAB_RPC_LAB_WALLET,
        .poll_ms = 1000,
        .job_timeout_ms = 15000,
        .deadline_ms = 20000,
        .retry_base_ms = 1000,
        .retry_cap_ms = 30000,
    };
}

static void set_up(struct solo *solo, struct uv_loop_s *loop, const struct plab_solo_config *config,
                   const struct plab_client_events *events) {
    const char *host = solo->rpc.url.host;
    const bool v6 = strchr(host, ':') != NULL;
    solo->config = *config;
    solo->events = *events;
    solo->prng.state = config->seed;
    solo->next_id = 1;
    solo->wants_network = solo->wants_template = true;
    solo->stats.pool_count = 1;
    snprintf(solo->stats.tally[0].name, sizeof solo->stats.tally[0].name, "%s%s%s:%u",
             v6 ? "[" : "", host, v6 ? "]" : "", (unsigned)solo->rpc.url.port);
    uv_timer_init(loop, &solo->timer);
    solo->timer.data = solo;
    uv_timer_start(&solo->timer, on_timer, 0, 0);
}

enum plab_status plab_solo_check(const struct plab_solo_config *config, struct plab_error *err) {
    struct plab_http_url url;
    struct sockaddr_storage addr = {0};
    enum plab_status status = plab_rpc_check_wallet(config->wallet, err);
    if (status == PLAB_OK) {
        status = plab_http_url_parse(config->url, PLAB_RPC_PORT, &url, err);
    }
    if (status == PLAB_OK && (uv_ip4_addr(url.host, url.port, (struct sockaddr_in *)&addr) == 0 ||
                              uv_ip6_addr(url.host, url.port, (struct sockaddr_in6 *)&addr) == 0)) {
        status = plab_netguard_check((const struct sockaddr *)&addr, err);
    }
    return status;
}

enum plab_status plab_source_daemon(struct plab_source *out, struct uv_loop_s *loop,
                                    const struct plab_solo_config *config,
                                    const struct plab_client_events *events,
                                    struct plab_error *err) {
    *out = (struct plab_source){0};
    enum plab_status status = plab_solo_check(config, err);
    if (status != PLAB_OK) {
        return status;
    }
    struct solo *solo = calloc(1, sizeof *solo);
    if (solo == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to mine at a daemon");
    }
    status = plab_rpc_init(&solo->rpc, loop, config->url, config->deadline_ms, err);
    if (status != PLAB_OK) {
        free(solo);
        return status;
    }
    set_up(solo, loop, config, events);
    *out = (struct plab_source){&solo_ops, solo};
    return PLAB_OK;
}
