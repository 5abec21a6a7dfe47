/* SPDX-License-Identifier: BSD-3-Clause */
#include "arch/cn_aes_body.h"
#include "arch/x86/kernels_x86.h"

void plab_cn_explode_aesni(const uint64_t state[25], uint8_t *pad, size_t pad_bytes) {
    cn_explode_body(state, pad, pad_bytes);
}

void plab_cn_implode_aesni(uint64_t state[25], const uint8_t *pad, size_t pad_bytes) {
    cn_implode_body(state, pad, pad_bytes);
}
