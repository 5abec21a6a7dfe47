/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/share_queue.h"

void plab_share_queue_init(struct plab_share_queue *queue) {
    pthread_mutex_init(&queue->lock, NULL);
    queue->first = queue->count = 0;
    queue->dropped = 0;
}

void plab_share_queue_free(struct plab_share_queue *queue) {
    pthread_mutex_destroy(&queue->lock);
}

void plab_share_queue_put(struct plab_share_queue *queue, const struct plab_share *share) {
    pthread_mutex_lock(&queue->lock);
    if (queue->count < PLAB_WORKERS_QUEUE_SHARES) {
        queue->shares[(queue->first + queue->count) % PLAB_WORKERS_QUEUE_SHARES] = *share;
        queue->count++;
    } else {
        queue->dropped++;
    }
    pthread_mutex_unlock(&queue->lock);
}

bool plab_share_queue_take(struct plab_share_queue *queue, struct plab_share *share) {
    pthread_mutex_lock(&queue->lock);
    bool some = queue->count > 0;
    if (some) {
        *share = queue->shares[queue->first];
        queue->first = (queue->first + 1) % PLAB_WORKERS_QUEUE_SHARES;
        queue->count--;
    }
    pthread_mutex_unlock(&queue->lock);
    return some;
}

uint64_t plab_share_queue_dropped(struct plab_share_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    uint64_t dropped = queue->dropped;
    pthread_mutex_unlock(&queue->lock);
    return dropped;
}
