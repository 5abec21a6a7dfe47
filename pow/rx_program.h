/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RandomX programs: from the bytes of the generator to a configuration and, for the interpreter, a
 * list of operations with everything resolved that can be resolved before the run.
 *
 * Source: [RXSPEC] sections 4.5 and 5; RandomX v2 design for the gated CFROUND.
 */
#ifndef PLAB_POW_RX_PROGRAM_H
#define PLAB_POW_RX_PROGRAM_H

#include "pow/randomx.h"

#define PLAB_RX_PROGRAM_MAX 384
#define PLAB_RX_CONFIG_BYTES 128

/* Bytes of generator output that make a program of `size` instructions. */
#define PLAB_RX_PROGRAM_BYTES(size) (PLAB_RX_CONFIG_BYTES + 8 * (size_t)(size))

/* Index of a register that is always 0, beside r0..r7. */
#define PLAB_RX_ZERO_REG 8

/* Instructions as they are encoded, in the order of their opcodes. */
enum plab_rx_instruction {
    PLAB_RX_IADD_RS,
    PLAB_RX_IADD_M,
    PLAB_RX_ISUB_R,
    PLAB_RX_ISUB_M,
    PLAB_RX_IMUL_R,
    PLAB_RX_IMUL_M,
    PLAB_RX_IMULH_R,
    PLAB_RX_IMULH_M,
    PLAB_RX_ISMULH_R,
    PLAB_RX_ISMULH_M,
    PLAB_RX_IMUL_RCP,
    PLAB_RX_INEG_R,
    PLAB_RX_IXOR_R,
    PLAB_RX_IXOR_M,
    PLAB_RX_IROR_R,
    PLAB_RX_IROL_R,
    PLAB_RX_ISWAP_R,
    PLAB_RX_FSWAP_R,
    PLAB_RX_FADD_R,
    PLAB_RX_FADD_M,
    PLAB_RX_FSUB_R,
    PLAB_RX_FSUB_M,
    PLAB_RX_FSCAL_R,
    PLAB_RX_FMUL_R,
    PLAB_RX_FDIV_M,
    PLAB_RX_FSQRT_R,
    PLAB_RX_CBRANCH,
    PLAB_RX_CFROUND,
    PLAB_RX_ISTORE,
};
#define PLAB_RX_INSTRUCTION_COUNT (PLAB_RX_ISTORE + 1)

/* The instruction (enum plab_rx_instruction) of each of the 256 opcodes of a variant. */
const uint8_t *plab_rx_opcode_map(const struct plab_rx_params *params);

/* X(operation): instructions after decoding. _I has an immediate where the _R form has a register;
 * _M reads memory at (r[src] + imm) & mask. */
#define PLAB_RX_OP_LIST(X)                                                               \
    X(IADD_RS) /* r[dst] += (r[src] << shift) + imm */                                   \
    X(IADD_M)                                                                            \
    X(ISUB_R)                                                                            \
    X(ISUB_I)                                                                            \
    X(ISUB_M)                                                                            \
    X(IMUL_R)                                                                            \
    X(IMUL_I) /* IMUL_RCP too */                                                         \
    X(IMUL_M)                                                                            \
    X(IMULH_R)                                                                           \
    X(IMULH_M)                                                                           \
    X(ISMULH_R)                                                                          \
    X(ISMULH_M)                                                                          \
    X(INEG_R)                                                                            \
    X(IXOR_R)                                                                            \
    X(IXOR_I)                                                                            \
    X(IXOR_M)                                                                            \
    X(IROR_R)                                                                            \
    X(IROR_I) /* by shift; IROL_R with an immediate too */                               \
    X(IROL_R)                                                                            \
    X(ISWAP_R)                                                                           \
    X(FSWAP_R) /* fe[dst] */                                                             \
    X(FADD_R)  /* fe[dst], a[src] */                                                     \
    X(FADD_M)                                                                            \
    X(FSUB_R)                                                                            \
    X(FSUB_M)                                                                            \
    X(FSCAL_R)                                                                           \
    X(FMUL_R) /* fe[dst], dst is 4..7 */                                                 \
    X(FDIV_M)                                                                            \
    X(FSQRT_R)                                                                           \
    X(CBRANCH) /* r[dst] += imm; to `target` if its 8 bits from `shift` on are 0 */      \
    X(CFROUND) /* r[src] rotated right by shift; `mask`: bits that must be 0 (v2: 60) */ \
    X(ISTORE)  /* memory at (r[dst] + imm) & mask = r[src] */                            \
    X(END)     /* after the last operation */

enum plab_rx_op_code {
#define PLAB_RX_OP_ENUM(name) PLAB_RX_OP_##name,
    PLAB_RX_OP_LIST(PLAB_RX_OP_ENUM)
#undef PLAB_RX_OP_ENUM
};

struct plab_rx_op {
    uint8_t code; /* enum plab_rx_op_code */
    uint8_t dst, src;
    uint8_t shift;
    union {
        uint32_t mask;   /* of a scratchpad address, 8-byte aligned */
        uint32_t target; /* CBRANCH: index of the next operation */
    };
    uint64_t imm;
};

/* A program: its configuration, where its instructions are, and the operations that they mean once
 * they have been decoded, which compilers don't need. */
struct plab_rx_program {
    uint64_t a[4][2];        /* registers a0..a3 as bits of doubles, low half first */
    uint64_t e_mask[2];      /* OR-ed onto the halves of loaded E values */
    uint64_t dataset_offset; /* in items */
    uint32_t ma, mx;
    uint8_t read_reg[4];
    const uint8_t *words; /* params->program_size instructions of 8 bytes; borrowed */
    uint32_t op_count;    /* without the end */
    struct plab_rx_op op[PLAB_RX_PROGRAM_MAX + 1];
};

/* The eight keys of AesGenerator4R that the variant's programs are made with; static. */
const uint64_t (*plab_rx_program_keys(const struct plab_rx_params *params))[2];

/* Takes the configuration out of PLAB_RX_PROGRAM_BYTES(params->program_size) bytes, which are
 * borrowed as long as the program is used. Every byte string is a program. */
void plab_rx_program_load(struct plab_rx_program *out, const struct plab_rx_params *params,
                          const uint8_t *bytes);

/* Decodes the instructions of a loaded program into operations. */
void plab_rx_program_decode(struct plab_rx_program *program, const struct plab_rx_params *params);

#endif
