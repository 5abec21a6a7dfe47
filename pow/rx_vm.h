/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the RandomX machine: what runs a decoded program, on its own for tests. */
#ifndef PLAB_POW_RX_VM_H
#define PLAB_POW_RX_VM_H

#include "base/attr.h"
#include "pow/rx_program.h"

/* A pair of doubles: one F, E or A register, low half first. */
typedef double plab_f64x2 __attribute__((vector_size(16)));

/* Bytes of r0..r7, f0..f3, e0..e3, a0..a3, as they are hashed. */
#define PLAB_RX_REGISTER_FILE_BYTES 256

struct plab_rx_machine {
    PLAB_ALIGNED(64) uint64_t r[16]; /* r0..r7, then PLAB_RX_ZERO_REG, then padding */
    plab_f64x2 fe[8];                /* f0..f3, e0..e3 */
    plab_f64x2 a[4];
    uint64_t e_mask[2];
    uint8_t *scratchpad; /* 64-byte aligned */
    unsigned rounding;   /* 0..3, as the control word has it; see pow/rx_fpu.h */
};

/* Runs the operations of `program` once, from the first to the end. The control word must be set to
 * the machine's rounding mode and may have another one after. */
void plab_rx_machine_execute(struct plab_rx_machine *machine,
                             const struct plab_rx_program *program);

#endif
