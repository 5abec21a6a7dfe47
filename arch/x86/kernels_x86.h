/* SPDX-License-Identifier: BSD-3-Clause */
/* Kernels for x86-64, by suffix; arch/x86/README.md says which flags a suffix has. */
#ifndef PLAB_ARCH_X86_KERNELS_X86_H
#define PLAB_ARCH_X86_KERNELS_X86_H

#include "pow/kernel.h"

plab_cn_explode_fn plab_cn_explode_aesni;
plab_cn_implode_fn plab_cn_implode_aesni;
plab_cn_loop_fn plab_cn_loop_v0_aesni;
plab_cn_loop_fn plab_cn_loop_v1_aesni;
plab_cn_loop_fn plab_cn_loop_v2_aesni;
plab_cn_loop_fn plab_cn_loop_r_aesni;
plab_rx_fill_1r_fn plab_rx_fill_1r_aesni;
plab_rx_fill_4r_fn plab_rx_fill_4r_aesni;
plab_rx_hash_1r_fn plab_rx_hash_1r_aesni;
plab_rx_turn_1r_fn plab_rx_turn_1r_aesni;
plab_rx_turn_1r_fn plab_rx_turn_1r_vaes512;
plab_rx_mix_v2_fn plab_rx_mix_v2_aesni;
plab_rx_items_make_fn plab_rx_items_make_x64;
plab_rx_items_make_fn plab_rx_items_make_bmi2;
plab_rx_items_make_fn plab_rx_items_make_avx2;
plab_rx_items_make_fn plab_rx_items_make_avx512;
plab_rx_items_make_fn plab_rx_items_make_ifma;
plab_argon2_fill_fn plab_argon2_fill_avx2;
plab_argon2_fill_fn plab_argon2_fill_avx512;

/* Compilers: the suffix is the instruction set of the code that they make. */
plab_rx_step_make_fn plab_rx_step_make_x64, plab_rx_step_make_aesni, plab_rx_step_make_avx2,
    plab_rx_step_make_avx512;
plab_rx_loop_make_fn plab_rx_loop_make_x64, plab_rx_loop_make_aesni, plab_rx_loop_make_avx2,
    plab_rx_loop_make_avx512;

#endif
