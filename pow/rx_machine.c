/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RandomX machine, interpreted. Compiled with -frounding-math (mk/config.mk).
 *
 * Floating-point operands and results always live in memory, in struct plab_rx_machine, between two
 * operations; with the memory barrier in pow/rx_fpu.h no compiler can move an operation past a
 * change of the rounding mode. Source: [RXSPEC] sections 4.6 and 5.
 */
#include "pow/rx_machine.h"

#include <string.h>

#include "base/bytes.h"
#include "pow/rx_fpu.h"

typedef uint64_t u64x2 __attribute__((vector_size(16)));
typedef int32_t i32x2 __attribute__((vector_size(8)));

/* 52 bits of fraction and the low 4 of the exponent survive in an E value. */
#define E_KEEP_MASK UINT64_C(0x00FFFFFFFFFFFFFF)
#define FSCAL_MASK UINT64_C(0x80F0000000000000)

/* Two 32-bit integers as doubles; exact. */
static inline plab_f64x2 load_f(const uint8_t *p) {
    i32x2 pair;
    memcpy(&pair, p, sizeof pair);
    return __builtin_convertvector(pair, plab_f64x2);
}

static inline plab_f64x2 load_e(const uint8_t *p, const uint64_t e_mask[2]) {
    u64x2 bits = (u64x2)load_f(p);
    bits = (bits & E_KEEP_MASK) | (u64x2){e_mask[0], e_mask[1]};
    return (plab_f64x2)bits;
}

static inline plab_f64x2 sqrt_pair(plab_f64x2 x) {
    return (plab_f64x2){__builtin_sqrt(x[0]), __builtin_sqrt(x[1])};
}

static void change_rounding(struct plab_rx_machine *m, const struct plab_rx_op *op) {
    uint64_t value = plab_rotr64(m->r[op->src], op->shift);
    unsigned mode = value & 3;
    if ((value & op->mask) == 0 && mode != m->rounding) {
        m->rounding = mode;
        plab_rx_fpu_set_rounding(mode);
    }
}

/* NOLINTNEXTLINE(readability-function-size): one short case an operation reads best in one place */
void plab_rx_machine_execute(struct plab_rx_machine *m, const struct plab_rx_program *program) {
    uint64_t *const r = m->r;
    plab_f64x2 *const fe = m->fe;
    uint8_t *const pad = m->scratchpad;
    const struct plab_rx_op *op = program->op;

#define DST r[op->dst]
#define SRC r[op->src]
#define SRC_ADDRESS (pad + ((SRC + op->imm) & op->mask))
#define MEM plab_load64_le(SRC_ADDRESS)
    for (;;) {
        switch ((enum plab_rx_op_code)op->code) {
        case PLAB_RX_OP_IADD_RS:
            DST += (SRC << op->shift) + op->imm;
            break;
        case PLAB_RX_OP_IADD_M:
            DST += MEM;
            break;
        case PLAB_RX_OP_ISUB_R:
            DST -= SRC;
            break;
        case PLAB_RX_OP_ISUB_I:
            DST -= op->imm;
            break;
        case PLAB_RX_OP_ISUB_M:
            DST -= MEM;
            break;
        case PLAB_RX_OP_IMUL_R:
            DST *= SRC;
            break;
        case PLAB_RX_OP_IMUL_I:
            DST *= op->imm;
            break;
        case PLAB_RX_OP_IMUL_M:
            DST *= MEM;
            break;
        case PLAB_RX_OP_IMULH_R:
            DST = plab_mulh_u64(DST, SRC);
            break;
        case PLAB_RX_OP_IMULH_M:
            DST = plab_mulh_u64(DST, MEM);
            break;
        case PLAB_RX_OP_ISMULH_R:
            DST = (uint64_t)plab_mulh_i64((int64_t)DST, (int64_t)SRC);
            break;
        case PLAB_RX_OP_ISMULH_M:
            DST = (uint64_t)plab_mulh_i64((int64_t)DST, (int64_t)MEM);
            break;
        case PLAB_RX_OP_INEG_R:
            DST = 0 - DST;
            break;
        case PLAB_RX_OP_IXOR_R:
            DST ^= SRC;
            break;
        case PLAB_RX_OP_IXOR_I:
            DST ^= op->imm;
            break;
        case PLAB_RX_OP_IXOR_M:
            DST ^= MEM;
            break;
        case PLAB_RX_OP_IROR_R:
            DST = plab_rotr64(DST, SRC & 63);
            break;
        case PLAB_RX_OP_IROR_I:
            DST = plab_rotr64(DST, op->shift);
            break;
        case PLAB_RX_OP_IROL_R:
            DST = plab_rotl64(DST, SRC & 63);
            break;
        case PLAB_RX_OP_ISWAP_R: {
            uint64_t dst = DST;
            DST = SRC;
            SRC = dst;
            break;
        }
        case PLAB_RX_OP_FSWAP_R:
            fe[op->dst] = (plab_f64x2){fe[op->dst][1], fe[op->dst][0]};
            break;
        case PLAB_RX_OP_FADD_R:
            fe[op->dst] += m->a[op->src];
            break;
        case PLAB_RX_OP_FADD_M:
            fe[op->dst] += load_f(SRC_ADDRESS);
            break;
        case PLAB_RX_OP_FSUB_R:
            fe[op->dst] -= m->a[op->src];
            break;
        case PLAB_RX_OP_FSUB_M:
            fe[op->dst] -= load_f(SRC_ADDRESS);
            break;
        case PLAB_RX_OP_FSCAL_R:
            fe[op->dst] = (plab_f64x2)((u64x2)fe[op->dst] ^ FSCAL_MASK);
            break;
        case PLAB_RX_OP_FMUL_R:
            fe[op->dst] *= m->a[op->src];
            break;
        case PLAB_RX_OP_FDIV_M:
            fe[op->dst] /= load_e(SRC_ADDRESS, m->e_mask);
            break;
        case PLAB_RX_OP_FSQRT_R:
            fe[op->dst] = sqrt_pair(fe[op->dst]);
            break;
        case PLAB_RX_OP_CBRANCH:
            DST += op->imm;
            if ((DST >> op->shift & 0xFF) == 0) {
                op = program->op + op->target;
                continue;
            }
            break;
        case PLAB_RX_OP_CFROUND:
            change_rounding(m, op);
            break;
        case PLAB_RX_OP_ISTORE:
            plab_store64_le(pad + ((DST + op->imm) & op->mask), SRC);
            break;
        case PLAB_RX_OP_END:
            return;
        }
        op++;
    }
#undef DST
#undef SRC
#undef SRC_ADDRESS
#undef MEM
}

/* Steps 1 to 3 of an iteration: registers from the scratchpad. */
static void load_registers(struct plab_rx_machine *m) {
    const uint8_t *integers = m->scratchpad + m->line[0];
    const uint8_t *floats = m->scratchpad + m->line[1];
    for (int i = 0; i < 8; i++) {
        m->r[i] ^= plab_load64_le(integers + 8 * i);
    }
    for (int i = 0; i < 4; i++) {
        m->fe[i] = load_f(floats + 8 * i);
        m->fe[4 + i] = load_e(floats + 32 + 8 * i, m->e_mask);
    }
}

/* First part of step 5: which item is read now, and a new one for later. v1 chooses the next
 * iteration's (mx becomes ma by the swap), v2 the one after that (the new ma becomes mx first). */
static void choose_items(struct plab_rx_machine *m) {
    const uint8_t *reg = m->program->read_reg;
    uint32_t *later = m->params->v2 ? &m->ma : &m->mx;
    m->read = m->ma;
    *later ^= (uint32_t)(m->r[reg[2]] ^ m->r[reg[3]]);
    uint32_t ma = m->ma;
    m->ma = m->mx;
    m->mx = ma;
}

static void mix_f_and_e(struct plab_rx_machine *m) {
    if (m->params->v2) {
        m->mix_v2((uint8_t *)m->fe, (const uint8_t *)(m->fe + 4));
        return;
    }
    for (int i = 0; i < 4; i++) {
        m->fe[i] = (plab_f64x2)((u64x2)m->fe[i] ^ (u64x2)m->fe[4 + i]);
    }
}

static void step(struct plab_rx_machine *m) {
    load_registers(m);
    plab_rx_fpu_set_rounding(m->rounding);
    plab_rx_machine_execute(m, m->program);
    choose_items(m);
    mix_f_and_e(m);
}

static void decode_programs(struct plab_rx_machine *machines, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        plab_rx_program_decode(machines[i].program, machines[i].params);
    }
}

bool plab_rx_step_make_c(struct plab_rx_machine *machines, unsigned count,
                         struct plab_codemem *code) {
    (void)code;
    decode_programs(machines, count);
    for (unsigned i = 0; i < count; i++) {
        machines[i].step = step;
    }
    return true;
}

static void run_all(struct plab_rx_machine *machines, unsigned count, const uint8_t *dataset) {
    for (unsigned k = 0; k < count; k++) {
        struct plab_rx_machine *m = &machines[k];
        for (uint32_t i = 0; i < m->params->program_iterations; i++) {
            step(m);
            __builtin_prefetch(dataset +
                               plab_rx_item_number(m, m->params->v2 ? m->mx : m->ma) * 64);
            plab_rx_machine_finish(m, dataset + plab_rx_item_number(m, m->read) * 64);
        }
    }
}

plab_rx_loop_fn *plab_rx_loop_make_c(struct plab_rx_machine *machines, unsigned count,
                                     struct plab_codemem *code) {
    (void)code;
    decode_programs(machines, count);
    return run_all;
}

void plab_rx_machine_finish(struct plab_rx_machine *m, const uint8_t *item) {
    const uint8_t *reg = m->program->read_reg;
    const uint32_t mask = (m->params->l3_bytes - 1) & ~UINT32_C(63);
    for (int i = 0; i < 8; i++) {
        m->r[i] ^= plab_load64_le(item + 8 * i);
    }
    /* Where both lines are the same, F wins. */
    memcpy(m->scratchpad + m->line[1], m->r, 64);
    memcpy(m->scratchpad + m->line[0], m->fe, 64);
    uint64_t mix = m->r[reg[0]] ^ m->r[reg[1]];
    m->line[0] = (uint32_t)mix & mask;
    m->line[1] = (uint32_t)(mix >> 32) & mask;
    __builtin_prefetch(m->scratchpad + m->line[0]);
    __builtin_prefetch(m->scratchpad + m->line[1]);
}

void plab_rx_machine_load(struct plab_rx_machine *m, struct plab_rx_program *program) {
    const uint32_t mask = (m->params->l3_bytes - 1) & ~UINT32_C(63);
    m->program = program;
    memset(m->r, 0, sizeof m->r);
    memcpy(m->a, program->a, sizeof m->a);
    memcpy(m->e_mask, program->e_mask, sizeof m->e_mask);
    m->ma = program->ma;
    m->mx = program->mx;
    m->line[0] = m->mx & mask;
    m->line[1] = m->ma & mask;
}
