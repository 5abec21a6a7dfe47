/* SPDX-License-Identifier: BSD-3-Clause */
#include "arch/cn_loop_body.h"
#include "arch/x86/kernels_x86.h"

void plab_cn_loop_v0_aesni(const struct plab_cn_loop_args *args) {
    cn_loop_v0_v1_body(args, 0);
}

void plab_cn_loop_v1_aesni(const struct plab_cn_loop_args *args) {
    cn_loop_v0_v1_body(args, 1);
}

void plab_cn_loop_v2_aesni(const struct plab_cn_loop_args *args) {
    cn_loop_v2_body(args);
}

void plab_cn_loop_r_aesni(const struct plab_cn_loop_args *args) {
    cn_loop_r_body(args);
}
