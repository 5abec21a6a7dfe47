/* SPDX-License-Identifier: BSD-3-Clause */
/* Execution of superscalar programs; rx_superscalar_gen.c makes them. */
#include "pow/rx_superscalar.h"

#include "base/attr.h"
#include "base/bytes.h"

uint64_t plab_rx_reciprocal(uint32_t divisor) {
    /* x = 63 + bit length of the divisor, so 2^x does not fit 64 bits, but it fits 128. */
    unsigned bits = 32 - (unsigned)__builtin_clz(divisor);
    return (uint64_t)(((unsigned __int128)1 << (63 + bits)) / divisor);
}

/*
 * One instruction on `lanes` items. Inlined with a constant number of lanes: with one the loops
 * vanish, with many they become vector code and the cost of the switch is shared.
 */
static PLAB_ALWAYS_INLINE void step(const struct plab_rx_ss_instr *in, uint64_t *r, size_t lanes) {
    uint64_t *d = r + in->dst * lanes;
    const uint64_t *s = r + in->src * lanes;
    const uint64_t c = in->operand;
    const unsigned shift = in->mod >> 2 & 3, rotation = (unsigned)in->imm32 & 63;

/* d and s are the same row or different ones, never shifted against each other. */
#define EACH_LANE(statement)                        \
    PLAB_IVDEP for (size_t i = 0; i < lanes; i++) { \
        statement;                                  \
    }                                               \
    break
    switch ((enum plab_rx_ss_kind)in->kind) {
    case PLAB_RX_SS_ISUB_R:
        EACH_LANE(d[i] -= s[i]);
    case PLAB_RX_SS_IXOR_R:
        EACH_LANE(d[i] ^= s[i]);
    case PLAB_RX_SS_IADD_RS:
        EACH_LANE(d[i] += s[i] << shift);
    case PLAB_RX_SS_IMUL_R:
        EACH_LANE(d[i] *= s[i]);
    case PLAB_RX_SS_IROR_C:
        EACH_LANE(d[i] = plab_rotr64(d[i], rotation));
    case PLAB_RX_SS_IADD_C7:
    case PLAB_RX_SS_IADD_C8:
    case PLAB_RX_SS_IADD_C9:
        EACH_LANE(d[i] += c);
    case PLAB_RX_SS_IXOR_C7:
    case PLAB_RX_SS_IXOR_C8:
    case PLAB_RX_SS_IXOR_C9:
        EACH_LANE(d[i] ^= c);
    case PLAB_RX_SS_IMULH_R:
        EACH_LANE(d[i] = plab_mulh_u64(d[i], s[i]));
    case PLAB_RX_SS_ISMULH_R:
        EACH_LANE(d[i] = (uint64_t)plab_mulh_i64((int64_t)d[i], (int64_t)s[i]));
    case PLAB_RX_SS_IMUL_RCP:
        EACH_LANE(d[i] *= c);
    case PLAB_RX_SS_KIND_COUNT:
        __builtin_unreachable();
    }
#undef EACH_LANE
}

void plab_rx_ss_run(const struct plab_rx_ss_program *program, uint64_t r[8]) {
    for (uint32_t i = 0; i < program->size; i++) {
        step(&program->instr[i], r, 1);
    }
}

void plab_rx_ss_run_batch(const struct plab_rx_ss_program *program,
                          uint64_t r[8][PLAB_RX_SS_BATCH]) {
    for (uint32_t i = 0; i < program->size; i++) {
        step(&program->instr[i], r[0], PLAB_RX_SS_BATCH);
    }
}
