/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Machine code of single RandomX operations. RandomX's register n is r8 + n, so that every encoding
 * has the same REX bits, and the register's number is that of its low three bits.
 *
 * Source: [RXSPEC] chapter 5; Intel SDM volume 2.
 */
#include <stddef.h>

#include "arch/x86/rx_jit.h"

/* Operands [rsi + rax] and [rsi + rcx] as SIB bytes. */
#define SIB_RSI_RAX 0x06
#define SIB_RSI_RCX 0x0E

#define OFFSET(member) ((uint32_t)offsetof(struct plab_rx_machine, member))

/* Fields of a ModRM byte; the other bits are part of the constants below. */
#define REG(n) ((uint64_t)(n) << 3)
#define BYTE(value, position) ((uint64_t)(value) << (8 * (position)))

/* op r_dst, r_src for one-byte opcodes of the form "register, register or memory". */
static void register_register(struct rx_jit *jit, unsigned opcode, unsigned dst, unsigned src) {
    plab_emit(&jit->at, 0x4D | BYTE(opcode, 1) | BYTE(0xC0 | REG(dst) | src, 2), 3);
}

/* One operand and a sign-extended 32-bit immediate: `modrm` is 0xC0 | extension << 3. */
static void register_immediate(struct rx_jit *jit, unsigned opcode, unsigned modrm, unsigned dst,
                               uint64_t imm) {
    plab_emit(&jit->at, 0x49 | BYTE(opcode, 1) | BYTE(modrm | dst, 2), 3);
    plab_emit32(&jit->at, (uint32_t)imm);
}

/* lea eax, [r_base + imm]; and eax, mask. `ecx`: that register instead of eax. */
static void address(struct rx_jit *jit, unsigned base, uint64_t imm, uint32_t mask, bool ecx) {
    unsigned modrm = 0x80 | (ecx ? 8 : 0) | base;
    if (base == 4) { /* r12 needs a SIB byte */
        plab_emit(&jit->at, 0x8D41 | BYTE(modrm, 2) | BYTE(0x24, 3), 4);
    } else {
        plab_emit(&jit->at, 0x8D41 | BYTE(modrm, 2), 3);
    }
    plab_emit32(&jit->at, (uint32_t)imm);
    if (ecx) {
        plab_emit(&jit->at, 0xE181, 2);
    } else {
        plab_emit(&jit->at, 0x25, 1);
    }
    plab_emit32(&jit->at, mask);
}

/* op r_dst, [scratchpad]; `opcode` of one byte, or two in the order of memory. */
static void register_memory(struct rx_jit *jit, uint64_t opcode, unsigned opcode_bytes,
                            const struct plab_rx_op *op) {
    if (op->src == PLAB_RX_ZERO_REG) { /* [rsi + constant] */
        plab_emit(&jit->at, 0x4C | BYTE(opcode, 1) | BYTE(0x86 | REG(op->dst), 1 + opcode_bytes),
                  2 + opcode_bytes);
        plab_emit32(&jit->at, (uint32_t)op->imm & op->mask);
        return;
    }
    address(jit, op->src, op->imm, op->mask, false);
    plab_emit(&jit->at,
              0x4C | BYTE(opcode, 1) | BYTE(0x04 | REG(op->dst), 1 + opcode_bytes) |
                  BYTE(SIB_RSI_RAX, 2 + opcode_bytes),
              3 + opcode_bytes);
}

static void multiply_immediate(struct rx_jit *jit, const struct plab_rx_op *op) {
    unsigned dst = op->dst;
    if (op->imm == (uint64_t)(int64_t)(int32_t)op->imm) { /* imul dst, dst, imm32 */
        plab_emit(&jit->at, 0x694D | BYTE(0xC0 | REG(dst) | dst, 2), 3);
        plab_emit32(&jit->at, (uint32_t)op->imm);
        return;
    }
    plab_emit(&jit->at, 0xB848, 2); /* mov rax, imm64 */
    plab_emit64(&jit->at, op->imm);
    plab_emit(&jit->at, 0xAF0F4C | BYTE(0xC0 | REG(dst), 3), 4); /* imul dst, rax */
}

/* mov rax, r_dst; mul or imul operand; mov r_dst, rdx. `operand` has `operand_bytes` bytes. */
static void multiply_high(struct rx_jit *jit, unsigned dst, uint64_t operand,
                          unsigned operand_bytes) {
    plab_emit(&jit->at, 0x894C | BYTE(0xC0 | REG(dst), 2), 3);
    plab_emit(&jit->at, operand, operand_bytes);
    plab_emit(&jit->at, 0x8949 | BYTE(0xD0 | dst, 2), 3);
}

/* mov rdx, r_dst; mulx r_dst, rax, operand. */
static void multiply_high_mulx(struct rx_jit *jit, unsigned dst, uint64_t operand,
                               unsigned operand_bytes) {
    plab_emit(&jit->at, 0x894C | BYTE(0xC2 | REG(dst), 2), 3);
    plab_emit(&jit->at, operand, operand_bytes);
}

/* [scratchpad] of a high multiplication: address in rcx, or constant. */
static void high_memory(struct rx_jit *jit, const struct plab_rx_op *op, bool is_signed) {
    if (op->src == PLAB_RX_ZERO_REG) { /* mov ecx, constant */
        plab_emit(&jit->at, 0xB9, 1);
        plab_emit32(&jit->at, (uint32_t)op->imm & op->mask);
    } else {
        address(jit, op->src, op->imm, op->mask, true);
    }
    if (is_signed) { /* imul qword [rsi + rcx] */
        multiply_high(jit, op->dst, 0xF748 | BYTE(0x2C, 2) | BYTE(SIB_RSI_RCX, 3), 4);
    } else if ((jit->isa & RX_JIT_BMI2) != 0) {
        multiply_high_mulx(
            jit, op->dst,
            UINT64_C(0xF6FB62C4) | BYTE(0x04 | REG(op->dst), 4) | BYTE(SIB_RSI_RCX, 5), 6);
    } else { /* mul qword [rsi + rcx] */
        multiply_high(jit, op->dst, 0xF748 | BYTE(0x24, 2) | BYTE(SIB_RSI_RCX, 3), 4);
    }
}

static void high_register(struct rx_jit *jit, const struct plab_rx_op *op, bool is_signed) {
    if (is_signed) { /* imul r_src */
        multiply_high(jit, op->dst, 0xF749 | BYTE(0xE8 | op->src, 2), 3);
    } else if ((jit->isa & RX_JIT_BMI2) != 0) {
        multiply_high_mulx(jit, op->dst,
                           UINT64_C(0xF6FB42C4) | BYTE(0xC0 | REG(op->dst) | op->src, 4), 5);
    } else { /* mul r_src */
        multiply_high(jit, op->dst, 0xF749 | BYTE(0xE0 | op->src, 2), 3);
    }
}

/* lea r_dst, [r_dst + r_src * scale]; with r13 as base there is always a displacement. */
static void add_scaled(struct rx_jit *jit, const struct plab_rx_op *op) {
    uint64_t sib = (uint64_t)op->shift << 6 | REG(op->src) | op->dst;
    if (op->imm != 0 || op->dst == 5) {
        plab_emit(&jit->at, 0x8D4F | BYTE(0x84 | REG(op->dst), 2) | BYTE(sib, 3), 4);
        plab_emit32(&jit->at, (uint32_t)op->imm);
    } else {
        plab_emit(&jit->at, 0x8D4F | BYTE(0x04 | REG(op->dst), 2) | BYTE(sib, 3), 4);
    }
}

/* mov ecx, r_src; then D3 /0 (rol) or D3 /1 (ror) with cl. */
static void rotate(struct rx_jit *jit, const struct plab_rx_op *op, unsigned modrm) {
    plab_emit(&jit->at, 0x8944 | BYTE(0xC1 | REG(op->src), 2), 3);
    plab_emit(&jit->at, 0xD349 | BYTE(modrm | op->dst, 2), 3);
}

/* op xmm_dst, xmm_(8 + src): `opcode` of a packed double operation. */
static void float_register(struct rx_jit *jit, unsigned opcode, unsigned dst, unsigned src) {
    plab_emit(&jit->at, 0x0F4166 | BYTE(opcode, 3) | BYTE(0xC0 | REG(dst) | src, 4), 5);
}

/* cvtdq2pd xmm12, [scratchpad]. */
static void load_pair(struct rx_jit *jit, const struct plab_rx_op *op) {
    address(jit, op->src, op->imm, op->mask, false);
    plab_emit(&jit->at, UINT64_C(0xE60F44F3) | BYTE(0x24, 4) | BYTE(SIB_RSI_RAX, 5), 6);
}

void plab_rx_jit_mask_e(struct rx_jit *jit, unsigned reg) {
    const unsigned low = reg & 7, high = reg >> 3;
    if ((jit->isa & RX_JIT_AVX512) != 0) {
        /* vpternlogq reg, xmm13, xmm14, (reg & xmm13) | xmm14 */
        plab_emit(&jit->at, UINT64_C(0x2508950062) | BYTE(high ? 0x53 : 0xD3, 1), 5);
        plab_emit(&jit->at, 0xC6 | REG(low) | BYTE(0xEA, 1), 2);
        return;
    }
    /* andps reg, xmm13; orps reg, xmm14 */
    const uint64_t rex = 0x41 | (high ? 4 : 0);
    plab_emit(&jit->at, rex | BYTE(0x540F, 1) | BYTE(0xC5 | REG(low), 3), 4);
    plab_emit(&jit->at, rex | BYTE(0x560F, 1) | BYTE(0xC6 | REG(low), 3), 4);
}

static void branch(struct rx_jit *jit, const struct plab_rx_op *op, const uint8_t *target) {
    register_immediate(jit, 0x81, 0xC0, op->dst, op->imm);                     /* add */
    register_immediate(jit, 0xF7, 0xC0, op->dst, UINT64_C(0xFF) << op->shift); /* test */
    plab_emit(&jit->at, 0x840F, 2);                                            /* jz */
    plab_emit32(&jit->at, plab_emit_distance(jit->at, target));
}

static void change_rounding(struct rx_jit *jit, const struct plab_rx_op *op) {
    uint8_t *skip = NULL;
    if ((jit->isa & RX_JIT_BMI2) != 0) { /* rorx rax, r_src, shift */
        plab_emit(&jit->at, UINT64_C(0xF0FBC3C4) | BYTE(0xC0 | op->src, 4) | BYTE(op->shift, 5), 6);
    } else { /* mov rax, r_src; ror rax, shift */
        plab_emit(&jit->at, 0x894C | BYTE(0xC0 | REG(op->src), 2), 3);
        plab_emit(&jit->at, 0xC8C148 | BYTE(op->shift, 3), 4);
    }
    if (op->mask != 0) { /* test al, mask; jnz behind */
        plab_emit(&jit->at, 0xA8 | BYTE(op->mask, 1) | BYTE(0x75, 2), 4);
        skip = jit->at;
    }
    plab_emit(&jit->at, 0x03E083 | BYTE(0x8589, 3), 5); /* and eax, 3; mov [rounding], eax */
    plab_emit32(&jit->at, jit->machine + OFFSET(rounding));
    plab_emit(&jit->at, UINT64_C(0x8594AE0F), 4); /* ldmxcsr [rbp + rax * 4 + control] */
    plab_emit32(&jit->at, jit->machine + OFFSET(control));
    if (skip != NULL) {
        skip[-1] = (uint8_t)(jit->at - skip);
    }
}

static void store(struct rx_jit *jit, const struct plab_rx_op *op) {
    address(jit, op->dst, op->imm, op->mask, false);
    plab_emit(&jit->at, 0x894C | BYTE(0x04 | REG(op->src), 2) | BYTE(SIB_RSI_RAX, 3), 4);
}

/* NOLINTNEXTLINE(readability-function-size): one line an operation reads best in one place */
static void operation(struct rx_jit *jit, const struct plab_rx_op *op, uint8_t *const *offset) {
    const unsigned dst = op->dst, src = op->src;
    switch ((enum plab_rx_op_code)op->code) {
    case PLAB_RX_OP_IADD_RS:
        add_scaled(jit, op);
        break;
    case PLAB_RX_OP_IADD_M:
        register_memory(jit, 0x03, 1, op);
        break;
    case PLAB_RX_OP_ISUB_R:
        register_register(jit, 0x2B, dst, src);
        break;
    case PLAB_RX_OP_ISUB_I:
        register_immediate(jit, 0x81, 0xE8, dst, op->imm);
        break;
    case PLAB_RX_OP_ISUB_M:
        register_memory(jit, 0x2B, 1, op);
        break;
    case PLAB_RX_OP_IMUL_R: /* imul r_dst, r_src */
        plab_emit(&jit->at, 0xAF0F4D | BYTE(0xC0 | REG(dst) | src, 3), 4);
        break;
    case PLAB_RX_OP_IMUL_I:
        multiply_immediate(jit, op);
        break;
    case PLAB_RX_OP_IMUL_M:
        register_memory(jit, 0xAF0F, 2, op);
        break;
    case PLAB_RX_OP_IMULH_R:
        high_register(jit, op, false);
        break;
    case PLAB_RX_OP_IMULH_M:
        high_memory(jit, op, false);
        break;
    case PLAB_RX_OP_ISMULH_R:
        high_register(jit, op, true);
        break;
    case PLAB_RX_OP_ISMULH_M:
        high_memory(jit, op, true);
        break;
    case PLAB_RX_OP_INEG_R: /* neg r_dst */
        plab_emit(&jit->at, 0xF749 | BYTE(0xD8 | dst, 2), 3);
        break;
    case PLAB_RX_OP_IXOR_R:
        register_register(jit, 0x33, dst, src);
        break;
    case PLAB_RX_OP_IXOR_I:
        register_immediate(jit, 0x81, 0xF0, dst, op->imm);
        break;
    case PLAB_RX_OP_IXOR_M:
        register_memory(jit, 0x33, 1, op);
        break;
    case PLAB_RX_OP_IROR_R:
        rotate(jit, op, 0xC8);
        break;
    case PLAB_RX_OP_IROR_I: /* ror r_dst, imm8 */
        plab_emit(&jit->at, 0xC149 | BYTE(0xC8 | dst, 2) | BYTE(op->shift, 3), 4);
        break;
    case PLAB_RX_OP_IROL_R:
        rotate(jit, op, 0xC0);
        break;
    case PLAB_RX_OP_ISWAP_R: /* xchg */
        register_register(jit, 0x87, src, dst);
        break;
    case PLAB_RX_OP_FSWAP_R: /* shufpd xmm, xmm, 1 */
        plab_emit(&jit->at, 0xC60F66 | BYTE(0xC0 | REG(dst) | dst, 3) | BYTE(1, 4), 5);
        break;
    case PLAB_RX_OP_FADD_R: /* addpd */
        float_register(jit, 0x58, dst, src);
        break;
    case PLAB_RX_OP_FADD_M:
        load_pair(jit, op);
        float_register(jit, 0x58, dst, 4);
        break;
    case PLAB_RX_OP_FSUB_R: /* subpd */
        float_register(jit, 0x5C, dst, src);
        break;
    case PLAB_RX_OP_FSUB_M:
        load_pair(jit, op);
        float_register(jit, 0x5C, dst, 4);
        break;
    case PLAB_RX_OP_FSCAL_R: /* xorps xmm_dst, xmm15 */
        plab_emit(&jit->at, 0x570F41 | BYTE(0xC7 | REG(dst), 3), 4);
        break;
    case PLAB_RX_OP_FMUL_R: /* mulpd */
        float_register(jit, 0x59, dst, src);
        break;
    case PLAB_RX_OP_FDIV_M: /* divpd */
        load_pair(jit, op);
        plab_rx_jit_mask_e(jit, 12);
        float_register(jit, 0x5E, dst, 4);
        break;
    case PLAB_RX_OP_FSQRT_R: /* sqrtpd xmm_dst, xmm_dst */
        plab_emit(&jit->at, 0x510F66 | BYTE(0xC0 | REG(dst) | dst, 3), 4);
        break;
    case PLAB_RX_OP_CBRANCH:
        branch(jit, op, offset[op->target]);
        break;
    case PLAB_RX_OP_CFROUND:
        change_rounding(jit, op);
        break;
    case PLAB_RX_OP_ISTORE:
        store(jit, op);
        break;
    case PLAB_RX_OP_END:
        break;
    }
}

void plab_rx_jit_operations(struct rx_jit *jit) {
    const struct plab_rx_program *program = jit->m->program;
    uint8_t *start[PLAB_RX_PROGRAM_MAX];
    for (uint32_t i = 0; i < program->op_count; i++) {
        start[i] = jit->at;
        operation(jit, &program->op[i], start);
    }
}
