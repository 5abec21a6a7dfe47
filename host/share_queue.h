/* SPDX-License-Identifier: BSD-3-Clause */
/* A bounded queue of shares: any thread puts, one takes. Shares are rare, so a lock is cheap. */
#ifndef PLAB_HOST_SHARE_QUEUE_H
#define PLAB_HOST_SHARE_QUEUE_H

#include <pthread.h>

#include "host/workers.h"

struct plab_share_queue {
    pthread_mutex_t lock;
    struct plab_share shares[PLAB_WORKERS_QUEUE_SHARES];
    size_t first, count;
    uint64_t dropped;
};

void plab_share_queue_init(struct plab_share_queue *queue);
void plab_share_queue_free(struct plab_share_queue *queue);

/* Adds a share; a full queue counts it as dropped. */
void plab_share_queue_put(struct plab_share_queue *queue, const struct plab_share *share);

/* Takes the oldest; false if there is none. */
bool plab_share_queue_take(struct plab_share_queue *queue, struct plab_share *share);

/* How many were dropped since the start. */
uint64_t plab_share_queue_dropped(struct plab_share_queue *queue);

#endif
