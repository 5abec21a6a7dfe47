/* SPDX-License-Identifier: BSD-3-Clause */
#include "arch/rx_aes_body.h"
#include "arch/x86/kernels_x86.h"

void plab_rx_fill_1r_aesni(uint8_t state[64], uint8_t *out, size_t out_bytes) {
    rx_fill_1r_body(state, out, out_bytes);
}

void plab_rx_fill_4r_aesni(const uint64_t keys[8][2], uint8_t state[64], uint8_t *out,
                           size_t out_bytes) {
    rx_fill_4r_body(keys, state, out, out_bytes);
}

void plab_rx_hash_1r_aesni(const uint8_t *in, size_t in_bytes, uint8_t out[64]) {
    rx_hash_1r_body(in, in_bytes, out);
}

void plab_rx_turn_1r_aesni(struct plab_rx_turn *turns, unsigned count, size_t pad_bytes) {
    rx_turn_1r_body(turns, count, pad_bytes);
}

void plab_rx_mix_v2_aesni(uint8_t f[64], const uint8_t e[64]) {
    rx_mix_v2_body(f, e);
}
