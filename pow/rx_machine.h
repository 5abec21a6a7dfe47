/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One RandomX machine: the state that a program works on, and the interpreter that runs it.
 *
 * A program runs 2048 iterations (rx/0). Each is cut in two where it needs an item of the dataset:
 *
 *   step    scratchpad lines into r, f and e; the program; which item is needed now and which come
 *           next; f mixed with e
 *   finish  r mixed with the item; r and f back to the scratchpad; the lines of the next iteration
 *
 * Whoever has the whole dataset runs all iterations of one or several machines in one call
 * (plab_rx_loop_fn). Who hasn't (light mode, lockstep verification, a graded dataset) calls step
 * for each machine, gets the items of all of them together, and finishes.
 *
 * Source: [RXSPEC] section 4.6.2. Machine code of arch/ reads and writes these members by their
 * offsets.
 */
#ifndef PLAB_POW_RX_MACHINE_H
#define PLAB_POW_RX_MACHINE_H

#include "base/attr.h"
#include "base/codemem.h"
#include "pow/rx_program.h"

/* A pair of doubles: one F, E or A register, low half first. */
typedef double plab_f64x2 __attribute__((vector_size(16)));

/* Bytes of r0..r7, f0..f3, e0..e3, a0..a3, as they are hashed. */
#define PLAB_RX_REGISTER_FILE_BYTES 256

/* Machine code of one program takes at most this much: 384 instructions of 32 bytes at most, and
 * the rest of an iteration, which is far below the 8 KiB that are left. */
#define PLAB_RX_MACHINE_CODE_BYTES ((size_t)20 << 10)

struct plab_rx_machine {
    PLAB_ALIGNED(64) uint64_t r[16]; /* r0..r7, then PLAB_RX_ZERO_REG, then padding */
    plab_f64x2 fe[8];                /* f0..f3, e0..e3 */
    plab_f64x2 a[4];
    uint64_t e_mask[2];
    uint8_t *scratchpad; /* 64-byte aligned */
    uint32_t rounding;   /* 0..3, as the control word has it; see pow/rx_fpu.h */
    uint32_t ma, mx;     /* items of the next iteration and, v2, of the one after it */
    uint32_t read;       /* after a step: the item that finish needs; bytes, unmasked */
    uint32_t line[2];    /* byte offsets of the lines that this iteration reads: r, then f and e;
                            it writes f to the first and r to the second */
    uint32_t control[4]; /* the control word of each rounding mode, for machine code */
    struct plab_rx_program *program;     /* borrowed; the interpreter decodes it */
    const struct plab_rx_params *params; /* borrowed */
    struct plab_rx_hints hints;
    plab_rx_mix_v2_fn *mix_v2;
    plab_rx_step_fn *step; /* set by a plab_rx_step_make_fn */
};

/* Runs the operations of `program` once, from the first to the end. The control word must be set to
 * the machine's rounding mode and may have another one after. */
void plab_rx_machine_execute(struct plab_rx_machine *machine,
                             const struct plab_rx_program *program);

/* Number of the item that a value of ma, mx or read means. */
static inline uint64_t plab_rx_item_number(const struct plab_rx_machine *machine,
                                           uint32_t address) {
    uint64_t mask = machine->params->dataset_base_bytes - 1;
    return machine->program->dataset_offset + (address & mask) / PLAB_RX_ITEM_BYTES;
}

/* The second part of an iteration, with the 64 bytes of the item, 8-byte aligned. */
void plab_rx_machine_finish(struct plab_rx_machine *machine, const uint8_t *item);

/* Where the first iteration of a program starts: registers, constants, lines. `scratchpad`,
 * `rounding`, `params` and `mix_v2` must be set and stay. */
void plab_rx_machine_load(struct plab_rx_machine *machine, struct plab_rx_program *program);

#endif
