/* SPDX-License-Identifier: BSD-3-Clause */
/* Work of another pool, for many workers: sessions with it (links), its jobs handed on with the
 * nonce space split, good shares handed in, its verdicts handed back. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pool/pool_priv.h"
#include "stratum/target.h"

#define ROOM_LOW 16 /* open another link when so few places are left */
#define FORWARDS_PER_S 1000.0
#define FORWARDS_BURST 5000.0

struct link {
    struct plab_upstream *upstream;
    unsigned index;
    struct plab_client *client; /* NULL: not open */
    bool online;
    struct plab_template *tmpl; /* its newest job; NULL: none yet */
};

/* A share on its way. */
struct forward {
    struct forward *next;
    uint64_t tag;
    void *share;
};

struct plab_upstream {
    struct plab_pool *pool;
    struct plab_client_config config;
    unsigned links_max, link_count;
    struct link links[PLAB_SPLIT_LINKS_MAX];
    struct plab_split split;
    struct forward *forwards;
    uint64_t last_tag;
};

/* ---- jobs ---- */

/* NULL when the job can be handed on, else why not. */
static const char *unfit(const struct plab_pool *pool, const struct plab_stratum_job *job) {
    const struct plab_algo *algo = pool->config.algo;
    if (job->algo[0] != '\0' && strcmp(job->algo, algo->name) != 0) {
        return "it is for another algorithm";
    }
    if (algo->needs_seed && !job->has_seed) {
        return "it names no seed";
    }
    return NULL;
}

static struct plab_template *make_template(const struct link *link,
                                           const struct plab_client_job *given,
                                           struct plab_error *err) {
    const struct plab_stratum_job *job = given->job;
    struct plab_template_info info = {.height = job->height,
                                      .difficulty = plab_difficulty_from_target(job->target),
                                      .has_seed = job->has_seed,
                                      .has_next_seed = job->has_next_seed,
                                      .target = job->target,
                                      .tag = given->number,
                                      .link = link->index};
    struct plab_template *tmpl = NULL;
    memcpy(info.seed, job->seed_hash, sizeof info.seed);
    memcpy(info.next_seed, job->next_seed_hash, sizeof info.next_seed);
    return plab_template_create_fixed(&tmpl, job->blob, job->blob_len, &info, err) == PLAB_OK
               ? tmpl
               : NULL;
}

static void hand_on(struct link *link) {
    struct plab_pool *pool = link->upstream->pool;
    /* Backwards: one that is closed leaves its place to the last. */
    for (size_t i = pool->roster.count; i-- > 0;) {
        struct plab_session *session = plab_session_at(pool, i);
        if (!session->place.taken || session->place.link != link->index) {
            continue;
        }
        if (session->logged_in) {
            plab_work_send_job(session);
        } else {
            plab_session_resume_login(session);
        }
    }
}

static void on_job(void *cookie, const struct plab_client_job *given) {
    struct link *link = cookie;
    struct plab_pool *pool = link->upstream->pool;
    struct plab_error err = {.text = ""};
    const char *why = unfit(pool, given->job);
    struct plab_template *tmpl = why == NULL ? make_template(link, given, &err) : NULL;
    if (tmpl == NULL) {
        plab_log_warn(pool->config.log, "upstream session %u: a job is not handed on: %s",
                      link->index + 1, why != NULL ? why : err.text);
        return;
    }
    if (given->extensions & PLAB_EXT_NICEHASH) {
        plab_split_narrow(&link->upstream->split, link->index);
    }
    plab_work_install(pool, plab_template_ref(tmpl)); /* compares it with the one before */
    plab_template_unref(&link->tmpl);
    link->tmpl = tmpl;
    hand_on(link);
}

struct plab_template *plab_upstream_tip(const struct plab_pool *pool, unsigned link) {
    return pool->upstream->links[link].tmpl;
}

/* ---- links ---- */

static void on_state(void *cookie, enum plab_client_state state, const char *text) {
    struct link *link = cookie;
    struct plab_pool *pool = link->upstream->pool;
    bool was_online = link->online;
    link->online = state == PLAB_CLIENT_ONLINE;
    if (state == PLAB_CLIENT_REFUSED) {
        struct plab_error err;
        enum plab_status status = plab_fail(&err, PLAB_E_REFUSED, "upstream: %s", text);
        plab_pool_end(pool, status, &err);
    } else if (link->online || was_online) {
        plab_log_info(pool->config.log, "upstream session %u: %s%s", link->index + 1,
                      link->online ? "logged in at " : "lost: ", text);
    } else {
        plab_log_debug(pool->config.log, "upstream session %u: %s", link->index + 1, text);
    }
    pool->stats.upstream_logins += link->online;
    pool->stats.upstream_losses += was_online && !link->online;
}

static void on_result(void *cookie, const struct plab_client_result *result);

static enum plab_status open_link(struct plab_upstream *upstream, struct plab_error *err) {
    struct link *link = &upstream->links[upstream->link_count];
    const struct plab_client_events events = {
        .on_job = on_job, .on_result = on_result, .on_state = on_state, .cookie = link};
    link->upstream = upstream;
    link->index = upstream->link_count;
    upstream->config.seed++;
    enum plab_status status =
        plab_client_create(&link->client, &upstream->pool->loop, &upstream->config, &events, err);
    if (status == PLAB_OK) {
        plab_split_open(&upstream->split, link->index);
        upstream->link_count++;
    }
    return status;
}

static void grow(struct plab_upstream *upstream) {
    struct plab_error err;
    if (plab_split_room(&upstream->split) < ROOM_LOW &&
        upstream->link_count < upstream->links_max && open_link(upstream, &err) != PLAB_OK) {
        plab_log_warn(upstream->pool->config.log, "upstream: %s", err.text);
    }
}

enum plab_upstream_join plab_upstream_join(struct plab_session *session) {
    struct plab_upstream *upstream = session->pool->upstream;
    bool placed = session->place.taken || plab_split_take(&upstream->split, &session->place);
    grow(upstream);
    if (!placed && !plab_split_take(&upstream->split, &session->place)) {
        return PLAB_UPSTREAM_FULL;
    }
    const struct link *link = &upstream->links[session->place.link];
    return link->tmpl != NULL && link->online ? PLAB_UPSTREAM_READY : PLAB_UPSTREAM_WAITS;
}

void plab_upstream_leave(struct plab_session *session) {
    if (session->pool->upstream != NULL) {
        plab_split_give_back(&session->pool->upstream->split, &session->place);
    }
}

/* ---- shares ---- */

static const enum plab_verdict meanings[] = {
    [PLAB_SHARE_ACCEPTED] = PLAB_VERDICT_ACCEPTED,
    [PLAB_SHARE_REJECTED] = PLAB_VERDICT_UPSTREAM,
    [PLAB_SHARE_STALE] = PLAB_VERDICT_STALE,
    [PLAB_SHARE_UNANSWERED] = PLAB_VERDICT_OFFLINE,
};

static void on_result(void *cookie, const struct plab_client_result *result) {
    struct plab_upstream *upstream = ((struct link *)cookie)->upstream;
    struct plab_pool *pool = upstream->pool;
    struct forward **at = &upstream->forwards;
    while (*at != NULL && (*at)->tag != result->tag) {
        at = &(*at)->next;
    }
    struct forward *forward = *at;
    if (forward == NULL) {
        return;
    }
    *at = forward->next;
    enum plab_verdict verdict = meanings[result->verdict];
    pool->stats.upstream_accepted += verdict == PLAB_VERDICT_ACCEPTED;
    pool->stats.upstream_rejected += verdict != PLAB_VERDICT_ACCEPTED;
    plab_share_returned(pool, forward->share, verdict,
                        verdict == PLAB_VERDICT_UPSTREAM ? result->reason : NULL);
    free(forward);
}

enum plab_verdict plab_upstream_forward(struct plab_pool *pool,
                                        const struct plab_template_info *info,
                                        struct plab_client_share *share, void *cookie) {
    struct plab_upstream *upstream = pool->upstream;
    struct link *link = &upstream->links[info->link];
    struct forward *forward = malloc(sizeof *forward);
    if (forward == NULL || !link->online) {
        free(forward);
        return PLAB_VERDICT_OFFLINE;
    }
    share->job_number = info->tag;
    share->tag = ++upstream->last_tag;
    /* Before it is sent: its result may come from within. */
    *forward = (struct forward){upstream->forwards, share->tag, cookie};
    upstream->forwards = forward;
    enum plab_client_submitted submitted = plab_client_submit(link->client, share);
    if (submitted == PLAB_SUBMIT_SENT) {
        pool->stats.upstream_forwarded++;
        return PLAB_VERDICT_ACCEPTED;
    }
    upstream->forwards = forward->next;
    free(forward);
    return submitted == PLAB_SUBMIT_STALE ? PLAB_VERDICT_STALE : PLAB_VERDICT_BUSY;
}

/* ---- from beginning to end ---- */

enum plab_status plab_upstream_create(struct plab_pool *pool, uint64_t seed,
                                      struct plab_error *err) {
    if (pool->config.upstream == NULL) {
        return PLAB_OK;
    }
    struct plab_upstream *upstream = calloc(1, sizeof *upstream);
    if (upstream == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the upstream pool");
    }
    pool->upstream = upstream;
    upstream->pool = pool;
    upstream->config = *pool->config.upstream;
    upstream->config.seed = seed;
    upstream->config.submits_per_s = FORWARDS_PER_S;
    upstream->config.submit_burst = FORWARDS_BURST;
    upstream->config.log = pool->config.log;
    upstream->links_max = pool->config.upstream_links_max;
    return open_link(upstream, err);
}

unsigned plab_upstream_links(const struct plab_pool *pool) {
    return pool->upstream != NULL ? pool->upstream->link_count : 0;
}

void plab_upstream_close(struct plab_pool *pool) {
    struct plab_upstream *upstream = pool->upstream;
    for (unsigned i = 0; upstream != NULL && i < upstream->link_count; i++) {
        plab_client_destroy(&upstream->links[i].client);
        plab_template_unref(&upstream->links[i].tmpl);
    }
    while (upstream != NULL && upstream->forwards != NULL) {
        struct forward *forward = upstream->forwards;
        upstream->forwards = forward->next;
        plab_share_drop(forward->share);
        free(forward);
    }
}

void plab_upstream_free(struct plab_pool *pool) {
    free(pool->upstream);
    pool->upstream = NULL;
}
