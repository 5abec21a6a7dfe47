/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SuperscalarHash: programs made for a reference processor that keeps all its ports busy, and their
 * execution. Source: [RXSPEC] section 6.
 */
#ifndef PLAB_POW_RX_SUPERSCALAR_H
#define PLAB_POW_RX_SUPERSCALAR_H

#include <stddef.h>
#include <stdint.h>

/* A program ends at 3 * latency + 2 instructions; 170 is the largest latency there is. */
#define PLAB_RX_SS_LATENCY_MAX 170
#define PLAB_RX_SS_SIZE_MAX (3 * PLAB_RX_SS_LATENCY_MAX + 2)

/* Items that plab_rx_ss_run_batch() works on at once. */
#define PLAB_RX_SS_BATCH 16

/* Instruction kinds; the numbers are those of program digests. */
enum plab_rx_ss_kind {
    PLAB_RX_SS_ISUB_R,
    PLAB_RX_SS_IXOR_R,
    PLAB_RX_SS_IADD_RS,
    PLAB_RX_SS_IMUL_R,
    PLAB_RX_SS_IROR_C,
    PLAB_RX_SS_IADD_C7,
    PLAB_RX_SS_IXOR_C7,
    PLAB_RX_SS_IADD_C8,
    PLAB_RX_SS_IXOR_C8,
    PLAB_RX_SS_IADD_C9,
    PLAB_RX_SS_IXOR_C9,
    PLAB_RX_SS_IMULH_R,
    PLAB_RX_SS_ISMULH_R,
    PLAB_RX_SS_IMUL_RCP,
    PLAB_RX_SS_KIND_COUNT
};

struct plab_rx_ss_instr {
    uint8_t kind; /* enum plab_rx_ss_kind */
    uint8_t dst;
    uint8_t src; /* = dst where the kind has no source */
    uint8_t mod; /* IADD_RS: shift is bits 2 and 3 */
    uint32_t imm32;
    uint64_t operand; /* sign-extended constant, or the reciprocal of imm32 for IMUL_RCP */
};

struct plab_rx_ss_program {
    uint32_t size;
    uint8_t address_reg; /* register that chooses the next cache line */
    struct plab_rx_ss_instr instr[PLAB_RX_SS_SIZE_MAX];
};

/* BlakeGenerator: a stream of bytes from a seed. Source: [RXSPEC] section 3.5. */
struct plab_rx_blake_gen {
    uint8_t block[64];
    size_t at; /* bytes of `block` used */
};

/* Starts the generator from a key of at most 60 bytes (PLAB_RX_KEY_MAX_BYTES). `key` may be
 * NULL if it is empty. */
void plab_rx_blake_gen_init(struct plab_rx_blake_gen *gen, const uint8_t *key, size_t key_len);

/* Generates the next program. `latency` is at most PLAB_RX_SS_LATENCY_MAX cycles. */
void plab_rx_ss_generate(struct plab_rx_ss_program *out, struct plab_rx_blake_gen *gen,
                         uint32_t latency);

/* Runs a program on the registers of one item. */
void plab_rx_ss_run(const struct plab_rx_ss_program *program, uint64_t r[8]);

/* The same for several items: r[register][item]. */
void plab_rx_ss_run_batch(const struct plab_rx_ss_program *program,
                          uint64_t r[8][PLAB_RX_SS_BATCH]);

/* floor(2^x / divisor) with the largest x for which it is below 2^64. `divisor` is neither 0 nor a
 * power of two. Source: [RXSPEC] section 5.2.5. */
uint64_t plab_rx_reciprocal(uint32_t divisor);

#endif
