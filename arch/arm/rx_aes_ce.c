/* SPDX-License-Identifier: BSD-3-Clause */
#include "arch/arm/kernels_arm.h"
#include "arch/rx_aes_body.h"

void plab_rx_fill_1r_ce(uint8_t state[64], uint8_t *out, size_t out_bytes) {
    rx_fill_1r_body(state, out, out_bytes);
}

void plab_rx_fill_4r_ce(const uint64_t keys[8][2], uint8_t state[64], uint8_t *out,
                        size_t out_bytes) {
    rx_fill_4r_body(keys, state, out, out_bytes);
}

void plab_rx_hash_1r_ce(const uint8_t *in, size_t in_bytes, uint8_t out[64]) {
    rx_hash_1r_body(in, in_bytes, out);
}

void plab_rx_turn_1r_ce(struct plab_rx_turn *turns, unsigned count, size_t pad_bytes) {
    rx_turn_1r_body(turns, count, pad_bytes);
}

void plab_rx_mix_v2_ce(uint8_t f[64], const uint8_t e[64]) {
    rx_mix_v2_body(f, e);
}
