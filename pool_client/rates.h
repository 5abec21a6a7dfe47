/* SPDX-License-Identifier: BSD-3-Clause */
/* Hash rates over the last seconds and minutes, from samples of a counter. */
#ifndef PLAB_POOL_CLIENT_RATES_H
#define PLAB_POOL_CLIENT_RATES_H

#include <stddef.h>
#include <stdint.h>

/* Enough for 15 minutes of a sample a second, with some to spare. */
#define PLAB_RATES_SAMPLES 1024

struct plab_rate_sample {
    uint64_t t_ns, hashes;
};

/* A ring of samples; zero-initialise. */
struct plab_rates {
    size_t count; /* taken so far */
    struct plab_rate_sample samples[PLAB_RATES_SAMPLES];
};

/* Takes a sample; times and counts must not go back. */
void plab_rates_add(struct plab_rates *rates, uint64_t t_ns, uint64_t hashes);

/* Hashes per second over (at least) the last `window_s` seconds before the newest sample; negative
 * while the samples don't reach back that far. */
double plab_rates_over(const struct plab_rates *rates, unsigned window_s);

/* "98.1", or "n/a" for a negative one. Returns `out`. */
#define PLAB_RATES_TEXT 24
const char *plab_rates_text(double rate_hps, char out[PLAB_RATES_TEXT]);

#endif
