/* SPDX-License-Identifier: BSD-3-Clause */
/* Kernels for AArch64, by suffix; arch/arm/README.md says which flags a suffix has. */
#ifndef PLAB_ARCH_ARM_KERNELS_ARM_H
#define PLAB_ARCH_ARM_KERNELS_ARM_H

#include "pow/kernel.h"

plab_cn_explode_fn plab_cn_explode_ce;
plab_cn_implode_fn plab_cn_implode_ce;
plab_cn_loop_fn plab_cn_loop_v0_ce;
plab_cn_loop_fn plab_cn_loop_v1_ce;
plab_cn_loop_fn plab_cn_loop_v2_ce;
plab_cn_loop_fn plab_cn_loop_r_ce;
plab_rx_fill_1r_fn plab_rx_fill_1r_ce;
plab_rx_fill_4r_fn plab_rx_fill_4r_ce;
plab_rx_hash_1r_fn plab_rx_hash_1r_ce;
plab_rx_turn_1r_fn plab_rx_turn_1r_ce;
plab_rx_mix_v2_fn plab_rx_mix_v2_ce;

#endif
