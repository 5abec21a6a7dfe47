/* SPDX-License-Identifier: BSD-3-Clause */
/* Jobs on their way from the source to the workers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "pool_client/miner_priv.h"
#include "stratum/target.h"

#define PATIENCE_S 10      /* without nonces, before the session is renewed ... */
#define PATIENCE_MAX_S 300 /* ... doubled each time up to that */
#define LOOKS_PER_S (1000 / PLAB_MINER_WATCH_MS)

static const struct plab_algo *algo_of(struct plab_miner *miner, const struct plab_stratum_job *job,
                                       struct plab_error *err) {
    const struct plab_algo *algo = miner->config->algo;
    if (job->algo[0] == '\0' || strcmp(job->algo, algo->name) == 0) {
        return algo;
    }
    char name[3 * PLAB_STRATUM_NAME_MAX];
    plab_log_escape(job->algo, strlen(job->algo), name, sizeof name);
    enum plab_status status = plab_algo_find(name, &algo, err);
    if (status == PLAB_OK) {
        status = plab_algo_check_pool(algo, err);
    }
    return status == PLAB_OK ? algo : NULL;
}

/* Makes the workers' job of the pool's. */
static enum plab_status translate(struct plab_miner *miner, const struct plab_client_job *from,
                                  struct plab_job *out, struct plab_error *err) {
    const struct plab_stratum_job *job = from->job;
    *out = (struct plab_job){
        .algo = algo_of(miner, job, err),
        .blob_len = job->blob_len,
        .target = job->target,
        .height = job->height,
        .first_nonce = miner->config->first_nonce,
        .cookie = from->number,
    };
    if (out->algo == NULL) {
        return PLAB_E_UNSUPPORTED;
    }
    if (out->algo->needs_seed && !job->has_seed) {
        return plab_fail(err, PLAB_E_INPUT, "%s needs a seed_hash", out->algo->name);
    }
    if (out->algo->needs_height && !job->has_height) {
        return plab_fail(err, PLAB_E_INPUT, "%s needs a height", out->algo->name);
    }
    memcpy(out->blob, job->blob, job->blob_len);
    memcpy(out->seed, job->seed_hash, sizeof out->seed);
    out->has_next_seed = job->has_next_seed;
    memcpy(out->next_seed, job->next_seed_hash, sizeof out->next_seed);
    /* A nonce that isn't zero means that the pool shares the nonce space out, as XMRig has it. */
    out->nicehash = miner->config->nicehash || (from->extensions & PLAB_EXT_NICEHASH) != 0 ||
                    plab_load32_le(job->blob + out->algo->nonce_offset) != 0;
    return PLAB_OK;
}

static bool is_new_seed(const struct plab_miner *miner, const struct plab_job *job) {
    return job->algo->needs_seed && (!miner->knows_job || !miner->job.algo->needs_seed ||
                                     memcmp(miner->job.seed, job->seed, sizeof job->seed) != 0);
}

static void refuse_job(struct plab_miner *miner, const char *why) {
    uint64_t count = ++miner->result->jobs_refused;
    miner->has_job = false;
    plab_workers_pause(miner->workers);
    if ((count & (count - 1)) == 0) { /* a pool may send the like of it every second */
        plab_log_error(miner->log, "job refused: %s; waiting for another (%" PRIu64 ")", why,
                       count);
    }
}

/* Gives the workers the miner's job. */
static bool publish(struct plab_miner *miner) {
    struct plab_error why = {.text = ""};
    if (miner->paused || plab_workers_publish(miner->workers, &miner->job, &why) == PLAB_OK) {
        return true;
    }
    refuse_job(miner, why.text);
    return false;
}

static void take_up(struct plab_miner *miner, const struct plab_job *job) {
    miner->job = *job;
    miner->has_job = miner->knows_job = true;
    if (!publish(miner)) {
        return;
    }
    uint64_t difficulty = plab_difficulty_from_target(job->target);
    miner->taken[miner->result->jobs++ % PLAB_MINER_JOBS_KEPT] =
        (struct plab_taken_job){job->cookie, job->algo, difficulty};
    miner->result->algo = job->algo;
    char height[40] = "";
    if (job->height > 0) {
        snprintf(height, sizeof height, " height %" PRIu64, job->height);
    }
    plab_log_info(miner->log, "new job: algo %s diff %" PRIu64 "%s%s", job->algo->name, difficulty,
                  height, miner->paused ? " (paused)" : "");
}

/* Takes a job up now, or when its seed may come. */
static void offer(struct plab_miner *miner, const struct plab_job *job) {
    miner->holds = false;
    if (is_new_seed(miner, job) && !plab_bucket_take(&miner->seeds, plab_clock_ns())) {
        miner->held = *job;
        miner->holds = true;
        miner->has_job = false;
        plab_workers_pause(miner->workers);
        plab_log_warn(miner->log,
                      "the pool changes the seed too often; the newest waits up to %d s",
                      PLAB_MINER_SEED_PAUSE_S);
        return;
    }
    take_up(miner, job);
}

void plab_miner_on_job(void *cookie, const struct plab_client_job *from) {
    struct plab_miner *miner = cookie;
    struct plab_job job;
    struct plab_error why = {.text = ""};
    if (miner->ending) {
        return;
    }
    if (translate(miner, from, &job, &why) == PLAB_OK) {
        offer(miner, &job);
    } else {
        miner->holds = false;
        refuse_job(miner, why.text);
    }
}

void plab_miner_offer_held(struct plab_miner *miner) {
    if (miner->holds && miner->online && plab_bucket_take(&miner->seeds, plab_clock_ns())) {
        miner->holds = false;
        take_up(miner, &miner->held);
    }
}

void plab_miner_forget_jobs(struct plab_miner *miner) {
    miner->holds = miner->has_job = false;
    if (plab_workers_state(miner->workers) != PLAB_WORKERS_BUILDING) {
        plab_workers_pause(miner->workers);
    }
}

void plab_miner_pause(struct plab_miner *miner) {
    if (!miner->paused && !miner->ended) {
        miner->paused = true;
        plab_workers_pause(miner->workers);
        plab_log_info(miner->log, "paused: nothing is hashed, the session stays");
    }
}

void plab_miner_set_duty(struct plab_miner *miner, unsigned percent) {
    plab_workers_set_duty(miner->workers, percent);
    plab_log_info(miner->log, "hashing %u %% of the time", percent);
}

void plab_miner_resume(struct plab_miner *miner) {
    if (!miner->paused || miner->ended) {
        return;
    }
    miner->paused = false;
    plab_log_info(miner->log, "resumed");
    if (miner->has_job && !miner->ending) {
        publish(miner);
    }
}

/* ---- nonces that end ---- */

uint64_t plab_miner_first_patience(const struct plab_miner *miner) {
    return miner->config->patience_s > 0 ? miner->config->patience_s : PATIENCE_S;
}

/* A job with nonces of its own, and not one more under another name, ends the patience's growth. */
static void note_progress(struct plab_miner *miner, uint64_t hashes) {
    if (miner->state == PLAB_WORKERS_HASHING && hashes > miner->exhausted_hashes) {
        miner->exhausted_patience = plab_miner_first_patience(miner);
    }
}

void plab_miner_watch_exhaustion(struct plab_miner *miner) {
    struct plab_workers_stats stats;
    plab_workers_stats(miner->workers, &stats);
    if (miner->state != PLAB_WORKERS_EXHAUSTED) {
        miner->exhausted_looks = 0;
        note_progress(miner, stats.hashes);
        return;
    }
    miner->exhausted_hashes = stats.hashes;
    if (++miner->exhausted_looks == 1) {
        plab_log_warn(miner->log,
                      "the job's nonces are used up; without another one the session is renewed "
                      "in %" PRIu64 " s",
                      miner->exhausted_patience);
    } else if (miner->exhausted_looks > miner->exhausted_patience * LOOKS_PER_S) {
        miner->exhausted_looks = 0;
        miner->exhausted_patience = 2 * miner->exhausted_patience < PATIENCE_MAX_S
                                        ? 2 * miner->exhausted_patience
                                        : PATIENCE_MAX_S;
        miner->source.ops->renew(miner->source.self,
                                 "the job's nonces are used up and no other job came");
    }
}
