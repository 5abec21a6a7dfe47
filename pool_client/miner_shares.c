/* SPDX-License-Identifier: BSD-3-Clause */
/* Shares on their way from the workers to the source, and what became of them. */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "pool_client/miner_priv.h"
#include "stratum/target.h"

static const struct plab_taken_job *find_taken(const struct plab_miner *miner, uint64_t number) {
    for (size_t i = 0; i < PLAB_MINER_JOBS_KEPT; i++) {
        if (miner->taken[i].number == number && miner->taken[i].algo != NULL) {
            return &miner->taken[i];
        }
    }
    return NULL;
}

static void note_best(struct plab_miner *miner, uint64_t difficulty) {
    uint64_t *best = miner->best.difficulty;
    size_t at = PLAB_MINER_BEST;
    while (at > 0 && best[at - 1] < difficulty) {
        if (at < PLAB_MINER_BEST) {
            best[at] = best[at - 1];
        }
        at--;
    }
    if (at < PLAB_MINER_BEST) {
        best[at] = difficulty;
    }
}

static void send_share(struct plab_miner *miner, const struct plab_share *share) {
    const struct plab_taken_job *job = find_taken(miner, share->cookie);
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
    note_best(miner, plab_difficulty_of_value(share->pow_value));
    switch (miner->source.ops->submit(miner->source.self, &out)) {
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

void plab_miner_drain_shares(struct plab_miner *miner) {
    struct plab_share share;
    while (!miner->ended && plab_workers_take_share(miner->workers, &share)) {
        send_share(miner, &share);
    }
}

static void note_latency(struct plab_miner *miner, double ms) {
    miner->answers++;
    miner->latency_sum_ms += ms;
    if (ms > miner->result->latency_max_ms) {
        miner->result->latency_max_ms = ms;
    }
}

void plab_miner_on_result(void *cookie, const struct plab_client_result *result) {
    struct plab_miner *miner = cookie;
    struct plab_miner_result *sum = miner->result;
    miner->open_shares--;
    if (result->verdict != PLAB_SHARE_UNANSWERED) {
        note_latency(miner, result->latency_ms);
    }
    switch (result->verdict) {
    case PLAB_SHARE_ACCEPTED:
        sum->accepted++;
        sum->accepted_difficulty += result->tag;
        plab_log_info(miner->log, "accepted (%" PRIu64 "/%" PRIu64 ") diff %" PRIu64 " (%.0f ms)",
                      sum->accepted, sum->rejected, result->tag, result->latency_ms);
        break;
    case PLAB_SHARE_REJECTED:
        sum->rejected++;
        plab_log_error(
            miner->log, "rejected (%" PRIu64 "/%" PRIu64 ") diff %" PRIu64 " \"%s\" (%.0f ms)",
            sum->accepted, sum->rejected, result->tag, result->reason, result->latency_ms);
        break;
    case PLAB_SHARE_STALE:
        sum->stale++;
        plab_log_warn(miner->log, "stale (%" PRIu64 ") diff %" PRIu64 " \"%s\" (%.0f ms)",
                      sum->stale, result->tag, result->reason, result->latency_ms);
        break;
    case PLAB_SHARE_UNANSWERED:
        sum->unanswered++;
        break;
    }
    bool enough = miner->config->shares > 0 && sum->accepted >= miner->config->shares;
    if (enough || (miner->ending && miner->open_shares == 0)) {
        plab_miner_finish(miner, PLAB_OK);
    }
}
