/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeded random numbers for tests, simulated chains and jitter. Never for secrets. */
#ifndef PLAB_BASE_PRNG_H
#define PLAB_BASE_PRNG_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
 * OOPSLA 2014. Any seed is good; equal seeds give equal streams on every machine. */
struct plab_prng {
    uint64_t state;
};

static inline uint64_t plab_prng_next(struct plab_prng *rng) {
    uint64_t z = (rng->state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Stream number `number` of a seed. States that are one step apart give one stream, shifted by a
 * number, so the number goes through the generator first. */
static inline struct plab_prng plab_prng_stream(uint64_t seed, uint64_t number) {
    struct plab_prng numbers = {seed + number * UINT64_C(0x9E3779B97F4A7C15)};
    struct plab_prng stream = {plab_prng_next(&numbers)};
    return stream;
}

/* Uniform in [0, bound); bound > 0. The bias is below 2^-32 for bounds under 2^32. */
static inline uint64_t plab_prng_below(struct plab_prng *rng, uint64_t bound) {
    return (uint64_t)(((unsigned __int128)plab_prng_next(rng) * bound) >> 64);
}

static inline void plab_prng_fill(struct plab_prng *rng, void *out, size_t len) {
    uint8_t *p = out;
    while (len > 0) {
        uint64_t v = plab_prng_next(rng);
        size_t n = len < sizeof v ? len : sizeof v;
        memcpy(p, &v, n);
        p += n;
        len -= n;
    }
}

#endif
