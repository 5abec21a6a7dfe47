/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of a share. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hex.h"
#include "pool/pool_priv.h"
#include "pow/hasher.h"
#include "stratum/target.h"

/* A share on its way through the verifier. Knows its session by number only: it may be gone when
 * the verdict comes. */
struct pending {
    struct plab_verify_task task; /* first: the verifier gives it back */
    uint32_t session, job;
    struct plab_stratum_id id;
    char job_id[PLAB_JOB_ID_LEN];
    struct plab_template *tmpl; /* owned reference */
    uint64_t extra_nonce, difficulty, target;
    struct plab_stratum_submit submit;
    uint64_t received_ns;
    bool believed; /* not hashed: its claim is taken for its value */
};

/* Everything a verdict's record needs. */
struct outcome {
    enum plab_verdict verdict;
    const char *job_id;
    const uint8_t *nonce;
    uint64_t height, difficulty, share_difficulty, received_ns, verify_ns;
    bool unverified;
};

/* False: it isn't recorded, so that it must not be answered. */
static bool record(struct plab_pool *pool, uint32_t session, const struct outcome *outcome) {
    struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_SHARE,
                                    .session = session,
                                    .verdict = outcome->verdict,
                                    .job_id = outcome->job_id,
                                    .nonce = outcome->nonce,
                                    .height = outcome->height,
                                    .difficulty = outcome->difficulty,
                                    .share_difficulty = outcome->share_difficulty,
                                    .latency_ns = plab_clock_ns() - outcome->received_ns,
                                    .verify_ns = outcome->verify_ns,
                                    .unverified = outcome->unverified};
    if (!plab_pool_emit(pool, &event)) {
        return false;
    }
    pool->stats.verdicts[outcome->verdict]++;
    if (outcome->verdict == PLAB_VERDICT_ACCEPTED) {
        pool->stats.accepted_work += outcome->difficulty;
        pool->stats.unverified += outcome->unverified;
    } else {
        pool->stats.rejected++;
    }
    return true;
}

/* Shares that an honest miner with sound memory doesn't send. */
static bool is_bad(enum plab_verdict verdict) {
    return verdict == PLAB_VERDICT_INVALID || verdict == PLAB_VERDICT_LOW ||
           verdict == PLAB_VERDICT_DUPLICATE || verdict == PLAB_VERDICT_MALFORMED ||
           verdict == PLAB_VERDICT_UNKNOWN_JOB || verdict == PLAB_VERDICT_THROTTLED ||
           verdict == PLAB_VERDICT_WRONG_ALGO || verdict == PLAB_VERDICT_WRONG_NONCE;
}

static void keep_score(struct plab_session *session, enum plab_verdict verdict) {
    if (verdict == PLAB_VERDICT_ACCEPTED && session->bad_score > 0) {
        session->bad_score--;
    }
    if (is_bad(verdict) && ++session->bad_score > (int)session->pool->config.bad_shares_max) {
        plab_conn_blame(session, PLAB_BLAME_SHARES, "too many bad shares");
        plab_session_finish(session, "too many bad shares");
    }
}

/* What a share is answered. It waits while its record isn't durable, if it is accepted, or while an
 * answer before it waits. Knows its session by number only. */
struct plab_held_answer {
    struct plab_held_answer *next;
    uint64_t event; /* number of its record */
    uint32_t session, job;
    struct plab_stratum_id id;
    uint64_t difficulty;
    enum plab_verdict verdict;
    const char *text; /* NULL: the verdict's own words */
    char copy[];      /* of it, in the queue */
};

/* A new difficulty, or a job whose nonces are all noted, asks for a new job. */
static void follow_up(struct plab_session *session, uint32_t number, uint64_t difficulty) {
    uint64_t now_ns = plab_clock_ns();
    bool changed = plab_vardiff_share(&session->vardiff, difficulty, now_ns);
    const struct plab_pool_job *job = plab_jobs_by_number(&session->jobs, number);
    bool full =
        job != NULL && job->number == session->jobs.last && job->nonce_count == PLAB_JOB_NONCES_MAX;
    if (changed || full) {
        plab_work_send_job(session);
    }
}

static void send_answer(struct plab_session *session, const struct plab_held_answer *answer) {
    const struct plab_log *log = session->pool->config.log;
    bool accepted = answer->verdict == PLAB_VERDICT_ACCEPTED;
    session->accepted += accepted ? answer->difficulty : 0;
    const char *words =
        plab_session_send_verdict(session, &answer->id, answer->verdict, answer->text);
    if (!accepted) {
        plab_log_warn(log, "session %u: share %s: %s", session->number,
                      plab_verdict_name(answer->verdict), words);
    }
}

/* What is owed to the miner of an accepted share once it is answered. */
static void after_acceptance(struct plab_session *session, const struct plab_held_answer *answer) {
    keep_score(session, PLAB_VERDICT_ACCEPTED);
    if (!session->closing && !session->ending) {
        follow_up(session, answer->job, answer->difficulty);
    }
}

/* Queues a copy of an answer behind the session's others. */
static void hold(struct plab_session *session, const struct plab_held_answer *answer) {
    struct plab_held_answers *queue = &session->pool->held;
    size_t text_size = answer->text != NULL ? strlen(answer->text) + 1 : 0;
    struct plab_held_answer *held = malloc(sizeof *held + text_size);
    if (held == NULL) {
        plab_session_close(session, "no memory");
        return;
    }
    *held = *answer;
    held->text = text_size > 0 ? memcpy(held->copy, answer->text, text_size) : NULL;
    held->event = session->pool->events;
    if (queue->last != NULL) {
        queue->last->next = held;
    } else {
        queue->first = held;
    }
    queue->last = held;
    session->held_answers++;
    session->pending++;
}

/* A share that isn't good: records first, answers then. `text` is NULL for the verdict's own words.
 */
static void reject(struct plab_session *session, const struct plab_stratum_id *id,
                   const struct outcome *outcome, const char *text) {
    struct plab_held_answer answer = {
        .session = session->number, .id = *id, .verdict = outcome->verdict, .text = text};
    if (!record(session->pool, session->number, outcome)) {
        return;
    }
    if (session->held_answers > 0) {
        hold(session, &answer);
    } else {
        send_answer(session, &answer);
    }
    keep_score(session, outcome->verdict);
}

/* A record that is behind has no room for what anybody may send any number of. The answer doesn't
 * wait behind others, since it would have to be remembered. */
static bool is_refused_unrecorded(struct plab_session *session, const struct plab_stratum_id *id) {
    struct plab_pool *pool = session->pool;
    if (!plab_pool_is_behind(pool)) {
        return false;
    }
    pool->stats.verdicts[PLAB_VERDICT_BUSY]++;
    pool->stats.rejected++;
    (void)plab_session_send_verdict(session, id, PLAB_VERDICT_BUSY, NULL);
    return true;
}

void plab_share_malformed(struct plab_session *session, const struct plab_stratum_id *id,
                          const struct plab_error *err, uint64_t now_ns) {
    struct outcome outcome = {.verdict = PLAB_VERDICT_MALFORMED, .received_ns = now_ns};
    if (is_refused_unrecorded(session, id)) {
        return;
    }
    reject(session, id, &outcome, err->text);
}

static enum plab_verdict look_up(struct plab_session *session, const char *job_id,
                                 struct plab_pool_job **job) {
    switch (plab_jobs_find(&session->jobs, job_id, job)) {
    case PLAB_JOB_FOUND:
        return plab_work_is_current(session->pool, (*job)->tmpl) ? PLAB_VERDICT_ACCEPTED
                                                                 : PLAB_VERDICT_STALE;
    case PLAB_JOB_EXPIRED:
        return PLAB_VERDICT_STALE;
    default:
        return PLAB_VERDICT_UNKNOWN_JOB;
    }
}

/* rx/2: the commitment is a cheap hash of blob and raw hash, so a made-up share is found out before
 * the expensive one. `result` carries the commitment and `commitment` the raw hash. */
static bool commitment_holds(const struct plab_algo *algo, const uint8_t *blob, size_t len,
                             const struct plab_stratum_submit *submit) {
    uint8_t value[PLAB_HASH_BYTES];
    if (!algo->has_commitment || submit->claims_nothing) {
        return true;
    }
    if (!submit->has_commitment) {
        return false;
    }
    plab_algo_pow_value(algo, blob, len, submit->commitment, value);
    return memcmp(value, submit->result, sizeof value) == 0;
}

/* The cheap checks, in order: session, rate, job, algorithm, duplicate, claimed value, commitment.
 * PLAB_VERDICT_ACCEPTED means: worth hashing. Fills in `blob` with the nonce. */
static enum plab_verdict judge_claim(struct plab_session *session,
                                     const struct plab_stratum_submit *submit, uint64_t now_ns,
                                     struct plab_pool_job **job,
                                     uint8_t blob[PLAB_BLOCK_HASHING_MAX]) {
    const struct plab_algo *algo = session->pool->config.algo;
    if (!session->logged_in ||
        (!submit->no_session && strcmp(submit->session_id, session->id) != 0)) {
        return PLAB_VERDICT_UNAUTHENTICATED;
    }
    if (submit->claims_nothing && session->pool->config.upstream_trust) {
        return PLAB_VERDICT_MALFORMED; /* nothing to trust in */
    }
    if (!plab_bucket_take(&session->submits, now_ns)) {
        return PLAB_VERDICT_THROTTLED;
    }
    enum plab_verdict verdict = look_up(session, submit->job_id, job);
    if (verdict != PLAB_VERDICT_ACCEPTED) {
        return verdict;
    }
    bool kept = (*job)->tmpl->fixed || session->pool->config.nicehash;
    if (kept && submit->nonce[3] != (*job)->blob[algo->nonce_offset + 3]) {
        return PLAB_VERDICT_WRONG_NONCE; /* a neighbour's share of the work */
    }
    if (submit->algo[0] != '\0' && strcmp(submit->algo, algo->name) != 0) {
        return PLAB_VERDICT_WRONG_ALGO;
    }
    switch (plab_job_claim_nonce(*job, plab_load32_le(submit->nonce))) {
    case PLAB_NONCE_NEW:
        break;
    case PLAB_NONCE_DUPLICATE:
        return PLAB_VERDICT_DUPLICATE;
    case PLAB_NONCE_FULL:
        return PLAB_VERDICT_THROTTLED;
    }
    if (!submit->claims_nothing && !plab_target_met(submit->result, (*job)->target)) {
        return PLAB_VERDICT_LOW;
    }
    memcpy(blob, (*job)->blob, (*job)->blob_len);
    memcpy(blob + algo->nonce_offset, submit->nonce, PLAB_NONCE_BYTES);
    return commitment_holds(algo, blob, (*job)->blob_len, submit) ? PLAB_VERDICT_ACCEPTED
                                                                  : PLAB_VERDICT_INVALID;
}

static struct pending *make_pending(struct plab_session *session, const struct plab_stratum_id *id,
                                    const struct plab_stratum_submit *submit,
                                    const struct plab_pool_job *job, const uint8_t *blob,
                                    uint64_t now_ns) {
    struct pending *pending = calloc(1, sizeof *pending);
    if (pending == NULL) {
        return NULL;
    }
    memcpy(pending->task.blob, blob, job->blob_len);
    pending->task.blob_len = job->blob_len;
    pending->task.height = job->tmpl->info.height;
    memcpy(pending->task.seed, job->tmpl->info.seed, sizeof pending->task.seed);
    pending->session = session->number;
    pending->job = job->number;
    pending->id = *id;
    plab_jobs_id(&session->jobs, job->number, pending->job_id);
    pending->tmpl = plab_template_ref(job->tmpl);
    pending->extra_nonce = job->extra_nonce;
    pending->difficulty = job->difficulty;
    pending->target = job->target;
    pending->submit = *submit;
    pending->received_ns = now_ns;
    return pending;
}

static void free_pending(struct pending *pending) {
    plab_template_unref(&pending->tmpl);
    free(pending);
}

static void conclude(struct plab_pool *pool, struct pending *pending);

/* What claims nothing can only be hashed. */
static bool is_believed(struct plab_pool *pool, const struct plab_stratum_submit *submit) {
    unsigned percent = pool->config.verify_percent;
    return pool->config.upstream_trust || (percent < 100 && !submit->claims_nothing &&
                                           plab_prng_below(&pool->sample, 100) >= percent);
}

/* Hands a share to the verifier, or believes it where that was wished. False when the queue is
 * full. */
static bool accept_for_check(struct plab_session *session, struct pending *pending) {
    struct plab_pool *pool = session->pool;
    if (!is_believed(pool, &pending->submit)) {
        bool queued = plab_verifier_submit(pool->verifier, &pending->task);
        session->pending += queued;
        return queued;
    }
    struct plab_verify_task *task = &pending->task;
    pending->believed = true;
    task->outcome = PLAB_VERIFY_HASHED;
    memcpy(task->pow_value, pending->submit.result, sizeof task->pow_value);
    memcpy(task->hash, pending->submit.commitment, sizeof task->hash);
    session->pending++;
    conclude(pool, pending);
    return true;
}

void plab_share_submit(struct plab_session *session, const struct plab_stratum_id *id,
                       const struct plab_stratum_submit *submit, uint64_t now_ns) {
    plab_fault_share(session);
    if (session->closing || is_refused_unrecorded(session, id)) {
        return;
    }
    struct plab_pool_job *job = NULL;
    uint8_t blob[PLAB_BLOCK_HASHING_MAX];
    struct outcome outcome = {
        .job_id = submit->job_id, .nonce = submit->nonce, .received_ns = now_ns};
    outcome.verdict = judge_claim(session, submit, now_ns, &job, blob);
    if (job != NULL) {
        outcome.height = job->tmpl->info.height;
        outcome.difficulty = job->difficulty;
    }
    if (outcome.verdict == PLAB_VERDICT_ACCEPTED) {
        struct pending *pending = make_pending(session, id, submit, job, blob, now_ns);
        if (pending != NULL && accept_for_check(session, pending)) {
            return;
        }
        if (pending != NULL) {
            free_pending(pending);
        }
        plab_job_unclaim_nonce(job, plab_load32_le(submit->nonce));
        outcome.verdict = PLAB_VERDICT_BUSY;
    }
    reject(session, id, &outcome, NULL);
}

static enum plab_verdict judge_hash(struct pending *pending) {
    const struct plab_verify_task *task = &pending->task;
    struct plab_stratum_submit *submit = &pending->submit;
    if (task->outcome == PLAB_VERIFY_SEED_GONE) {
        return PLAB_VERDICT_STALE;
    }
    if (task->outcome == PLAB_VERIFY_FAILED) {
        return PLAB_VERDICT_BUSY;
    }
    if (submit->claims_nothing) {
        memcpy(submit->result, task->pow_value, sizeof submit->result);
        memcpy(submit->commitment, task->hash, sizeof submit->commitment);
    }
    if (memcmp(task->pow_value, submit->result, sizeof task->pow_value) != 0 ||
        (submit->has_commitment &&
         memcmp(task->hash, submit->commitment, sizeof task->hash) != 0)) {
        return PLAB_VERDICT_INVALID;
    }
    return plab_target_met(task->pow_value, pending->target) ? PLAB_VERDICT_ACCEPTED
                                                             : PLAB_VERDICT_LOW;
}

/* A good share: records first, and answers when the record is durable. */
static void acknowledge(struct plab_session *session, const struct pending *pending,
                        const struct outcome *outcome) {
    const struct plab_pool *pool = session->pool;
    const struct plab_held_answer answer = {.session = session->number,
                                            .job = pending->job,
                                            .id = pending->id,
                                            .difficulty = outcome->difficulty,
                                            .verdict = PLAB_VERDICT_ACCEPTED};
    if (!record(session->pool, session->number, outcome)) {
        return;
    }
    plab_log_debug(pool->config.log, "session %u: share of difficulty %llu accepted",
                   session->number, (unsigned long long)outcome->share_difficulty);
    if (pool->config.durable != NULL) {
        hold(session, &answer);
    } else {
        send_answer(session, &answer);
        plab_session_settle(session);
        after_acceptance(session, &answer);
    }
}

static struct plab_held_answer *take_held(struct plab_pool *pool) {
    struct plab_held_answer *held = pool->held.first;
    pool->held.first = held->next;
    if (held->next == NULL) {
        pool->held.last = NULL;
    }
    return held;
}

static void release(struct plab_session *session, const struct plab_held_answer *held) {
    session->pending--;
    session->held_answers--;
    send_answer(session, held);
    plab_session_settle(session);
    if (held->verdict == PLAB_VERDICT_ACCEPTED) {
        after_acceptance(session, held);
    }
}

void plab_share_release(struct plab_pool *pool) {
    const struct plab_pool_durable *durable = pool->config.durable;
    struct plab_error err = {.text = ""};
    uint64_t number = 0;
    if (durable == NULL) {
        return;
    }
    enum plab_status status = durable->number(durable->cookie, &number, &err);
    while (pool->held.first != NULL && pool->held.first->event <= number) {
        struct plab_held_answer *held = take_held(pool);
        struct plab_session *session = plab_session_find(pool, held->session);
        if (session != NULL) {
            release(session, held);
        }
        free(held);
    }
    if (status != PLAB_OK) {
        plab_pool_end(pool, status, &err);
    }
}

void plab_share_drop_held(struct plab_pool *pool) {
    while (pool->held.first != NULL) {
        free(take_held(pool));
    }
}

/* Records and answers with what was found out; frees `pending`. */
static void finish(struct plab_pool *pool, struct pending *pending, enum plab_verdict verdict,
                   const char *text) {
    const struct plab_verify_task *task = &pending->task;
    struct plab_session *session = plab_session_find(pool, pending->session);
    struct outcome outcome = {.verdict = verdict,
                              .job_id = pending->job_id,
                              .nonce = pending->submit.nonce,
                              .height = pending->tmpl->info.height,
                              .difficulty = pending->difficulty,
                              .received_ns = pending->received_ns,
                              .verify_ns = task->verify_ns};
    outcome.unverified = pending->believed && verdict == PLAB_VERDICT_ACCEPTED;
    if (task->outcome == PLAB_VERIFY_HASHED && !pending->believed) {
        outcome.share_difficulty = plab_difficulty_of_value(task->pow_value);
    }
    if (session == NULL) {
        (void)record(pool, pending->session, &outcome);
    } else {
        session->pending--;
        if (verdict == PLAB_VERDICT_ACCEPTED) {
            acknowledge(session, pending, &outcome);
        } else {
            reject(session, &pending->id, &outcome, text);
            plab_session_settle(session);
        }
    }
    if (verdict == PLAB_VERDICT_ACCEPTED && !pending->tmpl->fixed && !pending->believed &&
        plab_block_difficulty_met(task->pow_value, pending->tmpl->info.difficulty)) {
        plab_work_found(pool, pending->session, pending->tmpl, pending->extra_nonce,
                        pending->submit.nonce, task->blob, task->blob_len);
    }
    free_pending(pending);
}

/* A share that is good enough for the upstream pool waits for its verdict. True when it does; else
 * `*verdict` says why not. */
static bool forward(struct plab_pool *pool, struct pending *pending, enum plab_verdict *verdict) {
    const struct plab_template_info *info = &pending->tmpl->info;
    struct plab_client_share share = {.has_commitment = pool->config.algo->has_commitment};
    if (!pending->tmpl->fixed || *verdict != PLAB_VERDICT_ACCEPTED ||
        !plab_target_met(pending->task.pow_value, info->target)) {
        return false;
    }
    memcpy(share.nonce, pending->submit.nonce, sizeof share.nonce);
    memcpy(share.result, pending->submit.result, sizeof share.result);
    memcpy(share.commitment, pending->submit.commitment, sizeof share.commitment);
    *verdict = plab_upstream_forward(pool, info, &share, pending);
    return *verdict == PLAB_VERDICT_ACCEPTED;
}

static void conclude(struct plab_pool *pool, struct pending *pending) {
    enum plab_verdict verdict = judge_hash(pending);
    if (!forward(pool, pending, &verdict)) {
        finish(pool, pending, verdict, NULL);
    }
}

void plab_share_returned(struct plab_pool *pool, void *share, enum plab_verdict verdict,
                         const char *text) {
    struct pending *pending = share;
    pending->believed = false; /* that pool has looked */
    finish(pool, pending, verdict, text);
}

void plab_share_drop(void *share) {
    free_pending(share);
}

void plab_share_collect(struct plab_pool *pool) {
    struct plab_verify_task *task;
    struct plab_error err;
    enum plab_status status = plab_verifier_error(pool->verifier, &err);
    if (status != PLAB_OK) {
        plab_pool_end(pool, status, &err);
    }
    while ((task = plab_verifier_take(pool->verifier)) != NULL) {
        conclude(pool, (struct pending *)task);
    }
}

void plab_share_drop_all(struct plab_verify_task *list) {
    while (list != NULL) {
        struct plab_verify_task *next = list->next;
        free_pending((struct pending *)list);
        list = next;
    }
}
