/* SPDX-License-Identifier: BSD-3-Clause */
/* Templates, jobs and found blocks. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "pool/pool_priv.h"
#include "pow/algo.h"
#include "stratum/target.h"

bool plab_work_is_current(const struct plab_pool *pool, const struct plab_template *tmpl) {
    const struct plab_template *tip =
        tmpl->fixed ? plab_upstream_tip(pool, tmpl->info.link) : pool->tmpl;
    return tip != NULL && memcmp(tmpl->blob + tmpl->block.prev_id_at,
                                 tip->blob + tip->block.prev_id_at, PLAB_BLOCK_ID_BYTES) == 0;
}

static const struct plab_pool_job *add_job(struct plab_session *session, struct plab_template *tmpl,
                                           uint64_t target) {
    uint64_t difficulty = plab_difficulty_from_target(target);
    if (!tmpl->fixed) {
        struct plab_pool_job *job = plab_jobs_add(&session->jobs, tmpl, difficulty, target);
        if (session->pool->config.nicehash) { /* never 0, by which miners know it */
            job->blob[PLAB_NONCE_OFFSET + 3] = (uint8_t)(1 + session->number % 255);
        }
        return job;
    }
    /* A top byte that upstream gave stays. */
    uint8_t given = tmpl->blob[tmpl->block.nonce_at + 3];
    return plab_jobs_add_fixed(&session->jobs, tmpl, given != 0 ? given : session->place.byte,
                               difficulty, target);
}

unsigned plab_work_make_job(struct plab_session *session, struct plab_stratum_job *wire) {
    struct plab_pool *pool = session->pool;
    struct plab_template *tmpl =
        pool->upstream != NULL ? plab_upstream_tip(pool, session->place.link) : pool->tmpl;
    const struct plab_template_info *info = &tmpl->info;
    char hex[17];
    uint64_t difficulty = session->vardiff.difficulty;
    if (difficulty > info->difficulty) {
        difficulty = info->difficulty; /* a block must never be too little for a share */
    }
    unsigned target_bytes = plab_target_bytes_for(difficulty);
    uint64_t target = plab_target_wire(difficulty, target_bytes, hex);
    if (target < info->target || difficulty == info->difficulty) {
        target = info->target > 0 ? info->target : target; /* never harder than upstream */
        target_bytes = info->target > 0 ? 8 : target_bytes;
    }
    const struct plab_pool_job *job = add_job(session, tmpl, target);
    memset(wire, 0, sizeof *wire);
    plab_jobs_id(&session->jobs, job->number, wire->job_id);
    memcpy(wire->blob, job->blob, job->blob_len);
    wire->blob_len = job->blob_len;
    wire->target = target;
    strncpy(wire->algo, pool->config.algo->name, sizeof wire->algo - 1);
    wire->has_height = true;
    wire->height = info->height;
    wire->has_seed = info->has_seed;
    memcpy(wire->seed_hash, info->seed, sizeof info->seed);
    wire->has_next_seed = info->has_next_seed;
    memcpy(wire->next_seed_hash, info->next_seed, sizeof info->next_seed);
    pool->stats.jobs++;
    struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_JOB,
                                    .session = session->number,
                                    .job_id = wire->job_id,
                                    .height = info->height,
                                    .difficulty = job->difficulty};
    plab_pool_emit(pool, &event);
    plab_fault_alter_job(session, wire, &target_bytes);
    return target_bytes;
}

void plab_work_send_job(struct plab_session *session) {
    struct plab_stratum_job wire;
    struct plab_pool *pool = session->pool;
    if (session->finishing || session->closing || session->voice->job == NULL) {
        return;
    }
    plab_fault_job(session);
    if (session->closing) {
        return;
    }
    unsigned target_bytes = plab_work_make_job(session, &wire);
    plab_session_say(session, pool->out, plab_session_build_job(session, &wire, target_bytes));
    plab_fault_sent_job(session, &wire, target_bytes);
}

static void broadcast(struct plab_pool *pool) {
    /* Backwards: a session that doesn't read is closed here, and the last takes its place. */
    for (size_t i = pool->roster.count; i-- > 0;) {
        struct plab_session *session = plab_session_at(pool, i);
        if (session->logged_in) {
            plab_work_send_job(session);
        }
    }
}

static void open_the_doors(struct plab_pool *pool) {
    pool->ready = true;
    struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_START, .text = pool->config.algo->name};
    plab_pool_emit(pool, &event);
    if (pool->config.on_ready != NULL) {
        struct plab_error err = {.text = ""};
        enum plab_status status = pool->config.on_ready(pool->config.ready_cookie, pool, &err);
        if (status != PLAB_OK) {
            plab_pool_end(pool, status, &err);
        }
    }
    plab_listeners_run(pool);
    plab_faults_open_doors(pool);
}

void plab_work_install(struct plab_pool *pool, struct plab_template *tmpl) {
    const struct plab_template_info *info = &tmpl->info;
    bool moved = !plab_work_is_current(pool, tmpl);
    plab_template_unref(&pool->tmpl);
    pool->tmpl = tmpl;
    pool->handed_in = pool->handed_in && !moved;
    pool->stats.templates++;
    pool->stats.height = info->height;
    if (info->has_seed && !pool->config.upstream_trust) {
        plab_verifier_want_seeds(pool->verifier, info->seed,
                                 info->has_next_seed ? info->next_seed : NULL);
    }
    struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_TEMPLATE,
                                    .height = info->height,
                                    .difficulty = info->difficulty,
                                    .id = tmpl->blob + tmpl->block.prev_id_at,
                                    .seed = info->has_seed ? info->seed : NULL};
    plab_pool_emit(pool, &event);
    if (moved) {
        plab_log_info(pool->config.log, "height %llu, %s difficulty %llu",
                      (unsigned long long)info->height, tmpl->fixed ? "upstream" : "network",
                      (unsigned long long)info->difficulty);
    }
    if (!pool->ready) {
        open_the_doors(pool);
    }
    if (!tmpl->fixed) {
        broadcast(pool);
    }
}

void plab_work_renew(struct plab_pool *pool) {
    struct plab_template *tmpl;
    struct plab_error err;
    enum plab_status status =
        plab_chain_template(&pool->chain, plab_clock_wall_ns() / 1000000000u, &tmpl, &err);
    if (status != PLAB_OK) {
        plab_pool_end(pool, status, &err);
        return;
    }
    plab_work_install(pool, tmpl);
}

static void on_template(void *cookie, struct plab_template *tmpl) {
    plab_work_install(cookie, tmpl);
}

static void on_fatal(void *cookie, enum plab_status status, const struct plab_error *err) {
    plab_pool_end(cookie, status, err);
}

static void report_block(struct plab_pool *pool, uint32_t session, uint64_t height,
                         const uint8_t *id, bool accepted, const char *text) {
    char hex[2 * PLAB_BLOCK_ID_BYTES + 1];
    plab_hex_encode(id, PLAB_BLOCK_ID_BYTES, hex);
    struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_BLOCK,
                                    .session = session,
                                    .height = height,
                                    .id = id,
                                    .accepted = accepted,
                                    .text = text};
    pool->stats.blocks_accepted += accepted;
    plab_pool_emit(pool, &event);
    plab_log_line(pool->config.log, accepted ? PLAB_LOG_INFO : PLAB_LOG_WARN,
                  "block %s at height %llu %s%s%s", hex, (unsigned long long)height,
                  accepted ? "accepted" : "not accepted", text[0] != '\0' ? ": " : "", text);
}

static void on_submitted(void *cookie, uint64_t tag, enum plab_status status,
                         const struct plab_error *err) {
    struct plab_pool *pool = cookie;
    struct plab_found_block **link = &pool->found;
    while (*link != NULL && (*link)->tag != tag) {
        link = &(*link)->next;
    }
    struct plab_found_block *block = *link;
    if (block != NULL) {
        *link = block->next;
        pool->handed_in = pool->handed_in && status == PLAB_OK;
        report_block(pool, block->session, block->height, block->id, status == PLAB_OK,
                     status == PLAB_OK ? "" : err->text);
        free(block);
    }
}

void plab_work_start(struct plab_pool *pool) {
    if (pool->upstream != NULL) {
        return; /* its first job begins it all */
    }
    if (pool->config.daemon_url != NULL) {
        plab_daemon_start(&pool->daemon);
    } else {
        plab_work_renew(pool);
    }
}

static void hand_in(struct plab_pool *pool, uint32_t session, struct plab_template *tmpl,
                    uint64_t extra_nonce, const uint8_t nonce[PLAB_BLOCK_NONCE_BYTES],
                    const uint8_t id[PLAB_BLOCK_ID_BYTES]) {
    struct plab_found_block *block = calloc(1, sizeof *block);
    uint8_t *bytes = plab_template_block(tmpl, extra_nonce, nonce);
    if (block == NULL || bytes == NULL) {
        free(block);
        free(bytes);
        report_block(pool, session, tmpl->info.height, id, false, "no memory to hand it in");
        return;
    }
    block->tag = ++pool->last_tag;
    block->height = tmpl->info.height;
    block->session = session;
    memcpy(block->id, id, sizeof block->id);
    block->next = pool->found;
    pool->found = block;
    pool->handed_in = true;
    plab_daemon_submit(&pool->daemon, bytes, tmpl->block.len, block->tag);
    free(bytes);
}

void plab_work_found(struct plab_pool *pool, uint32_t session, struct plab_template *tmpl,
                     uint64_t extra_nonce, const uint8_t nonce[PLAB_BLOCK_NONCE_BYTES],
                     const uint8_t *hashing_blob, size_t len) {
    uint8_t id[PLAB_BLOCK_ID_BYTES];
    plab_block_id(hashing_blob, len, id);
    pool->stats.blocks_found++;
    if (!plab_work_is_current(pool, tmpl) || pool->handed_in) {
        report_block(pool, session, tmpl->info.height, id, false, "another block was first");
    } else if (pool->config.daemon_url != NULL) {
        hand_in(pool, session, tmpl, extra_nonce, nonce, id);
    } else {
        report_block(pool, session, tmpl->info.height, id, true, "");
        plab_chain_advance(&pool->chain, id);
        plab_work_renew(pool);
    }
}

struct plab_daemon_events plab_work_daemon_events(struct plab_pool *pool) {
    return (struct plab_daemon_events){.cookie = pool,
                                       .on_template = on_template,
                                       .on_submitted = on_submitted,
                                       .on_fatal = on_fatal};
}
