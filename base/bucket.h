/* SPDX-License-Identifier: BSD-3-Clause */
/* A token bucket: a steady rate with bursts. Starts full. Time is handed in; one that goes back
 * counts as standing still. */
#ifndef PLAB_BASE_BUCKET_H
#define PLAB_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct plab_bucket {
    double tokens, burst;
    double rate_per_s;
    uint64_t filled_ns;
};

static inline void plab_bucket_init(struct plab_bucket *bucket, double rate_per_s, double burst,
                                    uint64_t now_ns) {
    bucket->tokens = burst;
    bucket->burst = burst;
    bucket->rate_per_s = rate_per_s;
    bucket->filled_ns = now_ns;
}

/* Takes one token; false when there is none. */
static inline bool plab_bucket_take(struct plab_bucket *bucket, uint64_t now_ns) {
    if (now_ns > bucket->filled_ns) {
        bucket->tokens += (double)(now_ns - bucket->filled_ns) / 1e9 * bucket->rate_per_s;
        bucket->filled_ns = now_ns;
    }
    if (bucket->tokens > bucket->burst) {
        bucket->tokens = bucket->burst;
    }
    if (bucket->tokens < 1) {
        return false;
    }
    bucket->tokens -= 1;
    return true;
}

#endif
