/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The jobs that one session was given: the last few, each with its own target and the nonces seen.
 *
 * A job id is made of session number and job number, so that it tells an old job of ours from one
 * that never was. Its form is a matter of whom the pool resembles; but for the counter, ids of one
 * session are not another's.
 */
#ifndef PLAB_POOL_JOBS_H
#define PLAB_POOL_JOBS_H

#include "daemon/template.h"

#define PLAB_JOBS_KEPT 8
#define PLAB_JOB_ID_LEN 33       /* with its NUL */
#define PLAB_JOB_NONCES_MAX 4096 /* shares of one job; then the miner needs a new one */

struct plab_pool_job {
    uint32_t number;            /* within the session, from 1; 0: unused */
    struct plab_template *tmpl; /* owned reference */
    uint64_t extra_nonce;
    uint64_t difficulty, target; /* of shares; as the miner sees it */
    uint8_t blob[PLAB_BLOCK_HASHING_MAX];
    size_t blob_len;
    uint32_t *nonces; /* owned, sorted */
    size_t nonce_count, nonce_cap;
};

enum plab_job_id_form {
    PLAB_JOB_ID_16_HEX,  /* session and job number */
    PLAB_JOB_ID_32_HEX,  /* looks random */
    PLAB_JOB_ID_8_HEX,   /* looks random; alike in few sessions */
    PLAB_JOB_ID_COUNTER, /* job number in hex, without leading zeros */
    PLAB_JOB_ID_DECIMAL, /* one number of both */
    PLAB_JOB_ID_FORMS
};

struct plab_jobs {
    enum plab_job_id_form form; /* may be set before the first job */
    uint32_t session;           /* number of the session */
    uint32_t last;              /* number of the newest job, 0: none yet */
    bool wrapped;               /* all 2^32 - 1 numbers were given out once */
    struct plab_pool_job ring[PLAB_JOBS_KEPT];
};

enum plab_job_lookup {
    PLAB_JOB_FOUND,
    PLAB_JOB_EXPIRED, /* was ours, but is no longer kept */
    PLAB_JOB_UNKNOWN, /* not one that the miner was given */
};

void plab_jobs_init(struct plab_jobs *jobs, uint32_t session);

/* Forgets all jobs. */
void plab_jobs_clear(struct plab_jobs *jobs);

/* Makes a job of a template (takes a reference of its own), with an extra nonce that no other job
 * has. The oldest kept job is forgotten. `target` is what the miner compares with, `difficulty` the
 * difficulty that goes with it. Borrowed until PLAB_JOBS_KEPT newer ones were added. */
struct plab_pool_job *plab_jobs_add(struct plab_jobs *jobs, struct plab_template *tmpl,
                                    uint64_t difficulty, uint64_t target);

/* The same of a fixed template, with that top byte of the nonce. */
struct plab_pool_job *plab_jobs_add_fixed(struct plab_jobs *jobs, struct plab_template *tmpl,
                                          uint8_t top_byte, uint64_t difficulty, uint64_t target);

/* Writes a job's id. */
void plab_jobs_id(const struct plab_jobs *jobs, uint32_t number, char out[PLAB_JOB_ID_LEN]);

/* Looks a job up by the id that a miner sent, byte by byte: no aliases. `*job` is set when found.
 */
enum plab_job_lookup plab_jobs_find(struct plab_jobs *jobs, const char *id,
                                    struct plab_pool_job **job);

/* The job of that number, or NULL when it is no longer kept. */
struct plab_pool_job *plab_jobs_by_number(struct plab_jobs *jobs, uint32_t number);

enum plab_nonce_claim {
    PLAB_NONCE_NEW,
    PLAB_NONCE_DUPLICATE,
    PLAB_NONCE_FULL, /* too many shares of this job, or no memory */
};

/* Notes a nonce as used. */
enum plab_nonce_claim plab_job_claim_nonce(struct plab_pool_job *job, uint32_t nonce);

/* Takes a note back: the share was never checked. */
void plab_job_unclaim_nonce(struct plab_pool_job *job, uint32_t nonce);

#endif
