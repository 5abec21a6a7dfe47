/* SPDX-License-Identifier: BSD-3-Clause */
#include "arch/arm/kernels_arm.h"
#include "arch/cn_loop_body.h"

void plab_cn_loop_v0_ce(const struct plab_cn_loop_args *args) {
    cn_loop_v0_v1_body(args, 0);
}

void plab_cn_loop_v1_ce(const struct plab_cn_loop_args *args) {
    cn_loop_v0_v1_body(args, 1);
}

void plab_cn_loop_v2_ce(const struct plab_cn_loop_args *args) {
    cn_loop_v2_body(args);
}

void plab_cn_loop_r_ce(const struct plab_cn_loop_args *args) {
    cn_loop_r_body(args);
}
