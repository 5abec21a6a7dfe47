/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How different pools answer, byte for byte: key order, what is said and what is left out. A pool
 * works with typed messages and a row of these.
 *
 * - xmrig-proxy (powlab's own pool speaks like it), monero-pool, p2pool, nodejs-pool: answers to
 *   login, submit, keepalived. Sources: xmrig-proxy 6.26, monero-pool db16e73, p2pool 14b6a63,
 *   nodejs-pool 7c94599.
 * - answers in the other tongues: stratum1.c, template.c, coinhive.c.
 */
#ifndef PLAB_STRATUM_VOICE_H
#define PLAB_STRATUM_VOICE_H

#include "stratum/msg.h"

/* A job on its way to a client; all borrowed. */
struct plab_voice_work {
    const struct plab_stratum_id *id; /* of the request; not looked at in a notification */
    const char *session_id;
    unsigned extensions; /* PLAB_EXT_* */
    const struct plab_stratum_job *job;
    unsigned target_bytes; /* 4 or 8, where the voice has a choice */
    bool same_target;      /* as in the job before */
};

/* A verdict on its way. */
struct plab_voice_answer {
    const struct plab_stratum_id *id;
    const char *status; /* when it is good: "OK", "KEEPALIVED" */
    uint64_t hashes;    /* of the miner's good shares so far */
    int code;           /* when it isn't */
    const char *error;
};

/* Builders write one or more lines, each with LF, and a NUL; they return the length without the
 * NUL, 0 when it doesn't fit. */
typedef size_t plab_voice_work_fn(char *out, size_t cap, const struct plab_voice_work *work);
typedef size_t plab_voice_answer_fn(char *out, size_t cap, const struct plab_voice_answer *answer);

struct plab_voice {
    plab_voice_work_fn *subscribed; /* answer to mining.subscribe; NULL: there is none */
    plab_voice_work_fn *welcome;    /* answer to a good login, with its first job */
    plab_voice_work_fn *job;        /* a new one; NULL: jobs are asked for */
    plab_voice_work_fn *work;       /* answer to a request for a job; NULL: OK, then the job */
    plab_voice_answer_fn *good, *bad;
    plab_voice_answer_fn *banned; /* says so, and reads no answer (NULL); NULL: says nothing */
};

extern const struct plab_voice plab_voice_xmrig_proxy, plab_voice_monero_pool, plab_voice_p2pool,
    plab_voice_nodejs_pool;

/* The answers of a tongue; NULL for CryptoNote, which the four above speak. */
const struct plab_voice *plab_voice_of(enum plab_tongue tongue);

#endif
