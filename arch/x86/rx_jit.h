/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RandomX compiler for x86-64, inside.
 *
 * Registers while a program runs:
 *
 *   r8..r15        r0..r7                    xmm0..xmm3    f0..f3
 *   rax, rcx, rdx  temporaries               xmm4..xmm7    e0..e3
 *   rsi            scratchpad                xmm8..xmm11   a0..a3
 *   rdi            dataset                   xmm12         temporary
 *   rbp            struct plab_rx_machine[]  xmm13         bits of an E value that are kept
 *   rbx            iterations left           xmm14, xmm15  E mask; FSCAL's mask
 */
#ifndef PLAB_ARCH_X86_RX_JIT_H
#define PLAB_ARCH_X86_RX_JIT_H

#include <stdbool.h>

#include "arch/x86/emit.h"
#include "pow/rx_machine.h"

/* What the compiler may use beyond SSE2. */
enum rx_jit_isa {
    RX_JIT_AES = 1,   /* AESENC and AESDEC */
    RX_JIT_BMI2 = 2,  /* MULX, RORX; and AVX, so that upper halves need clearing */
    RX_JIT_AVX512 = 4 /* VPTERNLOGQ on xmm registers */
};

/* One program being compiled. */
struct rx_jit {
    uint8_t *at;      /* where the next byte goes */
    unsigned isa;     /* enum rx_jit_isa */
    uint32_t machine; /* offset of the machine from rbp */
    const struct plab_rx_machine *m;
};

/* The machine's program, from the first instruction to the last. */
void plab_rx_jit_program(struct rx_jit *jit);

/* Bits kept, then the E mask of the machine or-ed onto xmm`reg`, 4..7. */
void plab_rx_jit_mask_e(struct rx_jit *jit, unsigned reg);

#endif
