/* SPDX-License-Identifier: BSD-3-Clause */
/* What a swarm measures: times of answers, and how work spreads over the sessions. */
#include <string.h>

#include "pool_client/swarm_priv.h"

#define HEADER_BYTES 39 /* of a blob, before the nonce */

/* ---- times ---- */

/* Below 32 one class a value, above 32 classes for each power of two. */
static unsigned class_of(uint64_t us) {
    if (us < 32) {
        return (unsigned)us;
    }
    unsigned log2 = 63 - (unsigned)__builtin_clzll(us);
    unsigned index = 32 * (log2 - 4) + (unsigned)(us >> (log2 - 5)) - 32;
    return index < PLAB_SWARM_CLASSES ? index : PLAB_SWARM_CLASSES - 1;
}

static uint64_t class_end(unsigned index) {
    if (index < 32) {
        return index;
    }
    unsigned log2 = index / 32 + 4;
    return ((UINT64_C(1) + index % 32 + 32) << (log2 - 5)) - 1;
}

void plab_swarm_times_add(struct plab_swarm_times *times, uint64_t us) {
    times->classes[class_of(us)]++;
    times->count++;
    times->max_us = us > times->max_us ? us : times->max_us;
}

uint64_t plab_swarm_times_quantile(const struct plab_swarm_times *times, double q) {
    uint64_t seen = 0;
    for (unsigned i = 0; i < PLAB_SWARM_CLASSES && times->count > 0; i++) {
        seen += times->classes[i];
        if ((double)seen >= q * (double)times->count && seen > 0) {
            return class_end(i) < times->max_us ? class_end(i) : times->max_us;
        }
    }
    return times->max_us;
}

/* ---- work ---- */

uint64_t plab_swarm_wave_key(const struct plab_stratum_job *job) {
    uint64_t key = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < HEADER_BYTES && i < job->blob_len; i++) {
        key = (key ^ job->blob[i]) * UINT64_C(0x100000001b3);
    }
    return key != 0 ? key : 1;
}

static struct plab_swarm_wave *find(struct plab_swarm_waves *waves, uint64_t key, uint32_t online,
                                    uint64_t now_ns) {
    for (size_t i = 0; i < PLAB_SWARM_WAVES; i++) {
        if (waves->ring[i].key == key) {
            return &waves->ring[i];
        }
    }
    struct plab_swarm_wave *wave = &waves->ring[waves->begun++ % PLAB_SWARM_WAVES];
    *wave = (struct plab_swarm_wave){.key = key, .first_ns = now_ns, .expected = online};
    return wave;
}

void plab_swarm_waves_note(struct plab_swarm_waves *waves, uint64_t key, uint32_t online,
                           uint64_t now_ns) {
    struct plab_swarm_wave *wave = find(waves, key, online, now_ns);
    wave->last_ns = now_ns;
    if (++wave->reached == wave->expected) {
        uint64_t spread_ns = wave->last_ns - wave->first_ns;
        waves->whole++;
        waves->sum_ns += spread_ns;
        if (spread_ns >= waves->longest_ns) {
            waves->longest_ns = spread_ns;
            waves->longest_end_ns = now_ns;
        }
    }
}

void plab_swarm_waves_reset(struct plab_swarm_waves *waves) {
    for (size_t i = 0; i < PLAB_SWARM_WAVES; i++) {
        waves->ring[i].expected = 0; /* is never reached, but the key is known */
    }
    waves->begun = waves->whole = 0;
    waves->sum_ns = waves->longest_ns = waves->longest_end_ns = 0;
}
