/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool_client/rates.h"

#include <stdio.h>
#include <string.h>

void plab_rates_add(struct plab_rates *rates, uint64_t t_ns, uint64_t hashes) {
    struct plab_rate_sample *sample = &rates->samples[rates->count % PLAB_RATES_SAMPLES];
    sample->t_ns = t_ns;
    sample->hashes = hashes;
    rates->count++;
}

double plab_rates_over(const struct plab_rates *rates, unsigned window_s) {
    size_t kept = rates->count < PLAB_RATES_SAMPLES ? rates->count : PLAB_RATES_SAMPLES;
    if (kept == 0) {
        return -1;
    }
    const struct plab_rate_sample *newest =
        &rates->samples[(rates->count - 1) % PLAB_RATES_SAMPLES];
    uint64_t window_ns = (uint64_t)window_s * 1000000000u;
    for (size_t back = 1; back < kept; back++) {
        const struct plab_rate_sample *sample =
            &rates->samples[(rates->count - 1 - back) % PLAB_RATES_SAMPLES];
        uint64_t span_ns = newest->t_ns - sample->t_ns;
        if (span_ns >= window_ns) {
            return (double)(newest->hashes - sample->hashes) * 1e9 / (double)span_ns;
        }
    }
    return -1;
}

const char *plab_rates_text(double rate_hps, char out[PLAB_RATES_TEXT]) {
    if (rate_hps < 0) {
        return strcpy(out, "n/a");
    }
    snprintf(out, PLAB_RATES_TEXT, "%.1f", rate_hps);
    return out;
}
