/* SPDX-License-Identifier: BSD-3-Clause */
/* A miner with two threads and a scripted pool in a thread of its own, for tests of both. */
#ifndef PLAB_TESTS_STAGE_H
#define PLAB_TESTS_STAGE_H

#include <pthread.h>

#include "pool_client/miner.h"
#include "tests/unit/fake_pool.h"

#define SUBMITS_MAX 4000

/* What the pool saw; read by the test after the pool's thread has ended. */
struct stage {
    const char *submit_answer; /* what follows {"id":N, */
    const char *algo;          /* of jobs; NULL: not named */
    const char *other_algo;    /* of every second job; NULL: the same */
    const char *nonce;         /* in the blob */
    unsigned job_every; /* submits of the newest job, then there is another one, and what comes
                           for older ones is stale; 0: one job only */
    unsigned job_ms;    /* milliseconds between jobs; 0: none by time */
    bool new_seeds;     /* each job has another seed */
    bool announces;     /* and tells the next one's */
    bool with_seed;
    int signal; /* raised at the first submit */
    bool deaf;  /* doesn't listen at all */

    uv_loop_t loop;
    uv_async_t stop;
    uv_timer_t timer;
    struct fake_pool pool;
    struct fake_conn *conn;
    pthread_t thread;
    unsigned jobs, submits, of_this_job;
    struct plab_stratum_submit submit[SUBMITS_MAX];
};

/* A miner with two threads that aren't pinned, fast hashes, short pauses. */
struct rig {
    struct plab_pin_slot slots[2];
    struct plab_pin_plan plan;
    struct plab_kernels kernels;
    struct plab_url url;
    struct plab_miner_config config;
    struct plab_miner_result result;
    struct plab_error err;
};

/* A stage that accepts everything; change it, then open it. Owned: free() it after the run. */
struct stage *new_stage(void);
void open_stage(struct stage *stage);
void close_stage(struct stage *stage);

/* The blob of the stage's jobs, in hex. */
void put_blob(const struct stage *stage, char blob[153]);

/* Makes the rig ready to mine `algo` at the stage (after open_stage(), unless deaf). */
void prepare(struct rig *rig, const struct stage *stage, const struct plab_algo *algo);

/* Mines, then closes the stage. */
enum plab_status run(struct rig *rig, struct stage *stage);

unsigned kept_submits(const struct stage *stage);

/* Every submit is what its nonce hashes to, and no nonce comes twice. */
void check_submits(const struct stage *stage, const struct plab_algo *algo);

#endif
