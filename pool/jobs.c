/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/jobs.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plab_jobs_init(struct plab_jobs *jobs, uint32_t session) {
    memset(jobs, 0, sizeof *jobs);
    jobs->session = session;
}

static void forget(struct plab_pool_job *job) {
    plab_template_unref(&job->tmpl);
    free(job->nonces);
    memset(job, 0, sizeof *job);
}

void plab_jobs_clear(struct plab_jobs *jobs) {
    for (size_t i = 0; i < PLAB_JOBS_KEPT; i++) {
        forget(&jobs->ring[i]);
    }
}

/* Zero is no number, and after the last comes the first again. */
static uint32_t next_number(struct plab_jobs *jobs) {
    if (++jobs->last == 0) {
        jobs->last = 1;
        jobs->wrapped = true;
    }
    return jobs->last;
}

static struct plab_pool_job *add(struct plab_jobs *jobs, struct plab_template *tmpl,
                                 uint64_t extra_nonce, uint64_t difficulty, uint64_t target) {
    uint32_t number = next_number(jobs);
    struct plab_pool_job *job = &jobs->ring[number % PLAB_JOBS_KEPT];
    /* Before the old one is forgotten: it may hold the last reference to the same template. */
    struct plab_template *held = plab_template_ref(tmpl);
    forget(job);
    job->number = number;
    job->tmpl = held;
    job->extra_nonce = extra_nonce;
    job->difficulty = difficulty;
    job->target = target;
    job->blob_len = plab_template_hashing_blob(tmpl, job->extra_nonce, job->blob);
    return job;
}

struct plab_pool_job *plab_jobs_add(struct plab_jobs *jobs, struct plab_template *tmpl,
                                    uint64_t difficulty, uint64_t target) {
    return add(jobs, tmpl, tmpl->next_extra_nonce++, difficulty, target);
}

struct plab_pool_job *plab_jobs_add_fixed(struct plab_jobs *jobs, struct plab_template *tmpl,
                                          uint8_t top_byte, uint64_t difficulty, uint64_t target) {
    return add(jobs, tmpl, top_byte, difficulty, target);
}

/* ---- ids ---- */

#define MIX64 UINT64_C(0x9E3779B97F4A7C15) /* odd, so that multiplying can be undone */
#define MIX32 0x9E3779B1u
#define SESSION_SHIFT 20

/* The inverse of an odd number modulo 2^64, by Newton's method: each step doubles the good bits. */
static uint64_t inverse(uint64_t odd) {
    uint64_t x = odd;
    for (int i = 0; i < 6; i++) {
        x *= 2 - odd * x;
    }
    return x;
}

static uint64_t key_of(const struct plab_jobs *jobs, uint32_t number) {
    return (uint64_t)jobs->session << 32 | number;
}

static uint32_t session_mix(const struct plab_jobs *jobs) {
    return jobs->session * 0x85EBCA6Bu;
}

void plab_jobs_id(const struct plab_jobs *jobs, uint32_t number, char out[PLAB_JOB_ID_LEN]) {
    uint64_t key = key_of(jobs, number);
    switch (jobs->form) {
    case PLAB_JOB_ID_32_HEX:
        snprintf(out, PLAB_JOB_ID_LEN, "%016" PRIx64 "%016" PRIx64, key * MIX64,
                 (key ^ MIX64) * MIX64 * MIX64);
        break;
    case PLAB_JOB_ID_8_HEX:
        snprintf(out, PLAB_JOB_ID_LEN, "%08x", (unsigned)(number * MIX32 ^ session_mix(jobs)));
        break;
    case PLAB_JOB_ID_COUNTER:
        snprintf(out, PLAB_JOB_ID_LEN, "%x", (unsigned)number);
        break;
    case PLAB_JOB_ID_DECIMAL:
        snprintf(out, PLAB_JOB_ID_LEN, "%llu",
                 ((unsigned long long)jobs->session << SESSION_SHIFT) + number);
        break;
    default:
        snprintf(out, PLAB_JOB_ID_LEN, "%016llx", (unsigned long long)key);
        break;
    }
}

/* The job number that an id would have; the caller makes sure by writing it again. */
static uint32_t number_of(const struct plab_jobs *jobs, const char *id) {
    char head[17] = "";
    memcpy(head, id, strnlen(id, sizeof head - 1));
    uint64_t value = strtoull(head, NULL, jobs->form == PLAB_JOB_ID_DECIMAL ? 10 : 16);
    switch (jobs->form) {
    case PLAB_JOB_ID_32_HEX:
        return (uint32_t)(value * inverse(MIX64));
    case PLAB_JOB_ID_8_HEX:
        return ((uint32_t)value ^ session_mix(jobs)) * (uint32_t)inverse(MIX32);
    case PLAB_JOB_ID_DECIMAL:
        return (uint32_t)(value - ((uint64_t)jobs->session << SESSION_SHIFT));
    default:
        return (uint32_t)value;
    }
}

struct plab_pool_job *plab_jobs_by_number(struct plab_jobs *jobs, uint32_t number) {
    struct plab_pool_job *job = &jobs->ring[number % PLAB_JOBS_KEPT];
    return number != 0 && job->number == number ? job : NULL;
}

enum plab_job_lookup plab_jobs_find(struct plab_jobs *jobs, const char *id,
                                    struct plab_pool_job **job) {
    char canonical[PLAB_JOB_ID_LEN];
    *job = NULL;
    uint32_t number = number_of(jobs, id);
    plab_jobs_id(jobs, number, canonical);
    bool given = number != 0 && (number <= jobs->last || jobs->wrapped);
    if (strcmp(canonical, id) != 0 || !given) {
        return PLAB_JOB_UNKNOWN;
    }
    *job = plab_jobs_by_number(jobs, number);
    return *job != NULL ? PLAB_JOB_FOUND : PLAB_JOB_EXPIRED;
}

/* Index of the first noted nonce that isn't below `nonce`. */
static size_t lower_bound(const struct plab_pool_job *job, uint32_t nonce) {
    size_t low = 0, high = job->nonce_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (job->nonces[middle] < nonce) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool noted(const struct plab_pool_job *job, size_t index, uint32_t nonce) {
    return index < job->nonce_count && job->nonces[index] == nonce;
}

enum plab_nonce_claim plab_job_claim_nonce(struct plab_pool_job *job, uint32_t nonce) {
    size_t at = lower_bound(job, nonce);
    if (noted(job, at, nonce)) {
        return PLAB_NONCE_DUPLICATE;
    }
    if (job->nonce_count == PLAB_JOB_NONCES_MAX) {
        return PLAB_NONCE_FULL;
    }
    if (job->nonce_count == job->nonce_cap) {
        size_t cap = job->nonce_cap > 0 ? 2 * job->nonce_cap : 16;
        uint32_t *grown = realloc(job->nonces, cap * sizeof *grown);
        if (grown == NULL) {
            return PLAB_NONCE_FULL;
        }
        job->nonces = grown;
        job->nonce_cap = cap;
    }
    memmove(job->nonces + at + 1, job->nonces + at, (job->nonce_count - at) * sizeof *job->nonces);
    job->nonces[at] = nonce;
    job->nonce_count++;
    return PLAB_NONCE_NEW;
}

void plab_job_unclaim_nonce(struct plab_pool_job *job, uint32_t nonce) {
    size_t at = lower_bound(job, nonce);
    if (noted(job, at, nonce)) {
        job->nonce_count--;
        memmove(job->nonces + at, job->nonces + at + 1,
                (job->nonce_count - at) * sizeof *job->nonces);
    }
}
