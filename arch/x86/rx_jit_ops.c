/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Machine code of single RandomX instructions, made without branches but for the rare ones.
 *
 * A RandomX program is random, so that a compiler that jumps to a case for each instruction waits
 * for a mispredicted branch 256 times a program. Here every instruction has a template of up to 32
 * bytes with three kinds of places: those of the registers, an immediate and an address mask. A
 * register field is three bits wide and no two overlap, so that filling in a register is a
 * multiplication by a constant that has a one at each of its places, and an addition. What can't be
 * written this way (branches, rounding modes, reciprocals, exchanges) is one instruction in seven.
 *
 * RandomX's register n is r8 + n, so that every encoding has the same REX bits, and the register's
 * number is that of its low three bits. Source: [RXSPEC] chapter 5; Intel SDM volume 2.
 */
#include <stddef.h>

#include "arch/x86/rx_jit.h"
#include "base/attr.h"
#include "base/bytes.h"
#include "pow/rx_superscalar.h"

#define OFFSET(member) ((uint32_t)offsetof(struct plab_rx_machine, member))
#define BYTE(value, position) ((uint64_t)(value) << (8 * (position)))
#define REG(n) ((uint64_t)(n) << 3)

typedef uint16_t u16x8 __attribute__((vector_size(16), may_alias));

/* ---- templates ---- */

/* Marks on a byte of a template: the destination's or the source's number is added there, in the
 * place of a ModRM byte's reg field (<< 3) or its r/m field. */
#define DST_REG 0x100
#define DST_RM 0x200
#define SRC_REG 0x400
#define SRC_RM 0x800

#define NOWHERE 32 /* place of an immediate or a mask that there isn't: behind the template */

/* What a template needs to know beside its bytes. */
enum {
    WRITES = 1,    /* the integer register dst, which matters to later branches */
    FLOAT_DST = 2, /* dst is one of four */
    FLOAT_SRC = 4, /* src is one of four */
    CONSTANT = 8,  /* the immediate is an address in L3 */
    STORE = 16,    /* ISTORE: the mask may be L3's */
    SCALED = 32,   /* IADD_RS: the fourth byte has a scale in its upper two bits */
    SPECIAL = 64,  /* not made from the template */
};

struct template {
    PLAB_ALIGNED(16) uint64_t bytes[4], dst[4], src[4];
    uint8_t length, imm_at, mask_at, flags;
};

#define PLACE(b, mark, bit) ((uint64_t)(((b) & (mark)) != 0) << (bit))
#define W_BYTES(a, b, c, d, e, f, g, h)                                              \
    (BYTE((a)&0xFF, 0) | BYTE((b)&0xFF, 1) | BYTE((c)&0xFF, 2) | BYTE((d)&0xFF, 3) | \
     BYTE((e)&0xFF, 4) | BYTE((f)&0xFF, 5) | BYTE((g)&0xFF, 6) | BYTE((h)&0xFF, 7))
#define PLACES(b, reg, rm, at) (PLACE(b, reg, 8 * (at) + 3) | PLACE(b, rm, 8 * (at)))
#define W_PLACES(reg, rm, a, b, c, d, e, f, g, h)                            \
    (PLACES(a, reg, rm, 0) | PLACES(b, reg, rm, 1) | PLACES(c, reg, rm, 2) | \
     PLACES(d, reg, rm, 3) | PLACES(e, reg, rm, 4) | PLACES(f, reg, rm, 5) | \
     PLACES(g, reg, rm, 6) | PLACES(h, reg, rm, 7))
#define TEMPLATE32(length_, imm_at_, mask_at_, flags_, a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, \
                   b3, b4, b5, b6, b7, c0, c1, c2, c3, c4, c5, c6, c7, d0, d1, d2, d3, d4, d5, d6, \
                   d7, ...)                                                                        \
    {                                                                                              \
        .bytes = {W_BYTES(a0, a1, a2, a3, a4, a5, a6, a7),                                         \
                  W_BYTES(b0, b1, b2, b3, b4, b5, b6, b7),                                         \
                  W_BYTES(c0, c1, c2, c3, c4, c5, c6, c7),                                         \
                  W_BYTES(d0, d1, d2, d3, d4, d5, d6, d7)},                                        \
        .dst = {W_PLACES(DST_REG, DST_RM, a0, a1, a2, a3, a4, a5, a6, a7),                         \
                W_PLACES(DST_REG, DST_RM, b0, b1, b2, b3, b4, b5, b6, b7),                         \
                W_PLACES(DST_REG, DST_RM, c0, c1, c2, c3, c4, c5, c6, c7),                         \
                W_PLACES(DST_REG, DST_RM, d0, d1, d2, d3, d4, d5, d6, d7)},                        \
        .src = {W_PLACES(SRC_REG, SRC_RM, a0, a1, a2, a3, a4, a5, a6, a7),                         \
                W_PLACES(SRC_REG, SRC_RM, b0, b1, b2, b3, b4, b5, b6, b7),                         \
                W_PLACES(SRC_REG, SRC_RM, c0, c1, c2, c3, c4, c5, c6, c7),                         \
                W_PLACES(SRC_REG, SRC_RM, d0, d1, d2, d3, d4, d5, d6, d7)},                        \
        .length = (length_), .imm_at = (imm_at_), .mask_at = (mask_at_), .flags = (flags_),        \
    }
#define ZEROS8 0, 0, 0, 0, 0, 0, 0, 0
/* Arguments that are macros are taken apart before they are counted. */
#define EXPANDED(macro, ...) macro(__VA_ARGS__)
#define TEMPLATE(length, imm_at, mask_at, flags, ...)                                         \
    EXPANDED(TEMPLATE32, length, imm_at, mask_at, flags, __VA_ARGS__, ZEROS8, ZEROS8, ZEROS8, \
             ZEROS8, 0)

/* lea eax or ecx, [r_src + imm]; and with the mask. */
#define ADDRESS_EAX 0x41, 0x8D, 0x84, 0x20 | SRC_RM, 0, 0, 0, 0, 0x25, 0, 0, 0, 0
#define ADDRESS_ECX 0x41, 0x8D, 0x8C, 0x20 | SRC_RM, 0, 0, 0, 0, 0x81, 0xE1, 0, 0, 0, 0
/* The same with r_dst. */
#define ADDRESS_DST 0x41, 0x8D, 0x84, 0x20 | DST_RM, 0, 0, 0, 0, 0x25, 0, 0, 0, 0
/* op r_dst, [rsi + rax], [rsi + constant] and r_src, for opcodes of one byte. */
#define MEMORY(op) TEMPLATE(17, 4, 9, WRITES, ADDRESS_EAX, 0x4C, op, 0x04 | DST_REG, 0x06)
#define MEMORY_CONSTANT(op) \
    TEMPLATE(7, 3, NOWHERE, WRITES | CONSTANT, 0x4C, op, 0x86 | DST_REG, 0, 0, 0, 0)
#define REGISTER(op) TEMPLATE(3, NOWHERE, NOWHERE, WRITES, 0x4D, op, 0xC0 | DST_REG | SRC_RM)
/* op r_dst, imm32; `modrm` has the opcode's extension. */
#define IMMEDIATE(modrm) TEMPLATE(7, 3, NOWHERE, WRITES, 0x49, 0x81, (modrm) | DST_RM, 0, 0, 0, 0)
/* mov rax, r_dst ... mov r_dst, rdx around a multiplication with 128 bits of result. */
#define RAX_IS_DST 0x4C, 0x89, 0xC0 | DST_REG
#define RDX_IS_DST 0x4C, 0x89, 0xC2 | DST_REG
#define DST_IS_RDX 0x49, 0x89, 0xD0 | DST_RM
/* op xmm_dst, xmm_(8 + src); xmm12 from memory. */
#define FLOAT(op, modrm)                                                       \
    TEMPLATE(5, NOWHERE, NOWHERE, FLOAT_DST | FLOAT_SRC, 0x66, 0x41, 0x0F, op, \
             (modrm) | DST_REG | SRC_RM)
#define LOAD_PAIR ADDRESS_EAX, 0xF3, 0x44, 0x0F, 0xE6, 0x24, 0x06
#define FLOAT_MEMORY(op) \
    TEMPLATE(24, 4, 9, FLOAT_DST, LOAD_PAIR, 0x66, 0x41, 0x0F, op, 0xC4 | DST_REG)
#define DIVIDE 0x66, 0x41, 0x0F, 0x5E, 0xE4 | DST_REG

enum form {
    F_SPECIAL,
    F_IADD_RS,
    F_IADD_RS_R5,
    F_IADD_M,
    F_IADD_C,
    F_ISUB_R,
    F_ISUB_I,
    F_ISUB_M,
    F_ISUB_C,
    F_IMUL_R,
    F_IMUL_I,
    F_IMUL_M,
    F_IMUL_C,
    F_IMULH_R,
    F_IMULH_M,
    F_IMULH_C,
    F_MULX_R,
    F_MULX_M,
    F_MULX_C,
    F_ISMULH_R,
    F_ISMULH_M,
    F_ISMULH_C,
    F_INEG_R,
    F_IXOR_R,
    F_IXOR_I,
    F_IXOR_M,
    F_IXOR_C,
    F_IROR_R,
    F_IROR_I,
    F_IROL_R,
    F_IROL_I,
    F_FSWAP_R,
    F_FADD_R,
    F_FADD_M,
    F_FSUB_R,
    F_FSUB_M,
    F_FSCAL_R,
    F_FMUL_R,
    F_FDIV_M,
    F_FDIV_M_TERNARY,
    F_FSQRT_R,
    F_ISTORE,
};

static const struct template templates[] = {
    [F_SPECIAL] = TEMPLATE(0, NOWHERE, NOWHERE, SPECIAL, 0),
    /* lea r_dst, [r_dst + r_src * scale]; r13 as base must have a displacement */
    [F_IADD_RS] = TEMPLATE(4, NOWHERE, NOWHERE, WRITES | SCALED, 0x4F, 0x8D, 0x04 | DST_REG,
                           0x00 | SRC_REG | DST_RM),
    [F_IADD_RS_R5] = TEMPLATE(8, 4, NOWHERE, WRITES | SCALED, 0x4F, 0x8D, 0x84 | DST_REG,
                              0x00 | SRC_REG | DST_RM, 0, 0, 0, 0),
    [F_IADD_M] = MEMORY(0x03),
    [F_IADD_C] = MEMORY_CONSTANT(0x03),
    [F_ISUB_R] = REGISTER(0x2B),
    [F_ISUB_I] = IMMEDIATE(0xE8),
    [F_ISUB_M] = MEMORY(0x2B),
    [F_ISUB_C] = MEMORY_CONSTANT(0x2B),
    /* imul */
    [F_IMUL_R] = TEMPLATE(4, NOWHERE, NOWHERE, WRITES, 0x4D, 0x0F, 0xAF, 0xC0 | DST_REG | SRC_RM),
    [F_IMUL_I] = TEMPLATE(7, 3, NOWHERE, WRITES, 0x4D, 0x69, 0xC0 | DST_REG | DST_RM, 0, 0, 0, 0),
    [F_IMUL_M] = TEMPLATE(18, 4, 9, WRITES, ADDRESS_EAX, 0x4C, 0x0F, 0xAF, 0x04 | DST_REG, 0x06),
    [F_IMUL_C] =
        TEMPLATE(8, 4, NOWHERE, WRITES | CONSTANT, 0x4C, 0x0F, 0xAF, 0x86 | DST_REG, 0, 0, 0, 0),
    /* mul r_src; mul [rsi + rcx] */
    [F_IMULH_R] =
        TEMPLATE(9, NOWHERE, NOWHERE, WRITES, RAX_IS_DST, 0x49, 0xF7, 0xE0 | SRC_RM, DST_IS_RDX),
    [F_IMULH_M] =
        TEMPLATE(24, 4, 10, WRITES, ADDRESS_ECX, RAX_IS_DST, 0x48, 0xF7, 0x24, 0x0E, DST_IS_RDX),
    [F_IMULH_C] = TEMPLATE(15, 1, NOWHERE, WRITES | CONSTANT, 0xB9, 0, 0, 0, 0, RAX_IS_DST, 0x48,
                           0xF7, 0x24, 0x0E, DST_IS_RDX),
    /* mulx r_dst, rax, r_src; mulx r_dst, rax, [rsi + rcx] */
    [F_MULX_R] = TEMPLATE(8, NOWHERE, NOWHERE, WRITES, RDX_IS_DST, 0xC4, 0x42, 0xFB, 0xF6,
                          0xC0 | DST_REG | SRC_RM),
    [F_MULX_M] = TEMPLATE(23, 4, 10, WRITES, ADDRESS_ECX, RDX_IS_DST, 0xC4, 0x62, 0xFB, 0xF6,
                          0x04 | DST_REG, 0x0E),
    [F_MULX_C] = TEMPLATE(14, 1, NOWHERE, WRITES | CONSTANT, 0xB9, 0, 0, 0, 0, RDX_IS_DST, 0xC4,
                          0x62, 0xFB, 0xF6, 0x04 | DST_REG, 0x0E),
    /* imul r_src; imul [rsi + rcx] */
    [F_ISMULH_R] =
        TEMPLATE(9, NOWHERE, NOWHERE, WRITES, RAX_IS_DST, 0x49, 0xF7, 0xE8 | SRC_RM, DST_IS_RDX),
    [F_ISMULH_M] =
        TEMPLATE(24, 4, 10, WRITES, ADDRESS_ECX, RAX_IS_DST, 0x48, 0xF7, 0x2C, 0x0E, DST_IS_RDX),
    [F_ISMULH_C] = TEMPLATE(15, 1, NOWHERE, WRITES | CONSTANT, 0xB9, 0, 0, 0, 0, RAX_IS_DST, 0x48,
                            0xF7, 0x2C, 0x0E, DST_IS_RDX),
    [F_INEG_R] = TEMPLATE(3, NOWHERE, NOWHERE, WRITES, 0x49, 0xF7, 0xD8 | DST_RM), /* neg */
    [F_IXOR_R] = REGISTER(0x33),
    [F_IXOR_I] = IMMEDIATE(0xF0),
    [F_IXOR_M] = MEMORY(0x33),
    [F_IXOR_C] = MEMORY_CONSTANT(0x33),
    /* mov ecx, r_src; ror or rol r_dst, cl; with a constant, of which the CPU takes six bits */
    [F_IROR_R] = TEMPLATE(6, NOWHERE, NOWHERE, WRITES, 0x44, 0x89, 0xC1 | SRC_REG, 0x49, 0xD3,
                          0xC8 | DST_RM),
    [F_IROR_I] = TEMPLATE(4, 3, NOWHERE, WRITES, 0x49, 0xC1, 0xC8 | DST_RM, 0),
    [F_IROL_R] = TEMPLATE(6, NOWHERE, NOWHERE, WRITES, 0x44, 0x89, 0xC1 | SRC_REG, 0x49, 0xD3,
                          0xC0 | DST_RM),
    [F_IROL_I] = TEMPLATE(4, 3, NOWHERE, WRITES, 0x49, 0xC1, 0xC0 | DST_RM, 0),
    /* shufpd xmm_dst, xmm_dst, 1 */
    [F_FSWAP_R] = TEMPLATE(5, NOWHERE, NOWHERE, 0, 0x66, 0x0F, 0xC6, 0xC0 | DST_REG | DST_RM, 1),
    [F_FADD_R] = FLOAT(0x58, 0xC0),
    [F_FADD_M] = FLOAT_MEMORY(0x58),
    [F_FSUB_R] = FLOAT(0x5C, 0xC0),
    [F_FSUB_M] = FLOAT_MEMORY(0x5C),
    /* xorps xmm_dst, xmm15 */
    [F_FSCAL_R] = TEMPLATE(4, NOWHERE, NOWHERE, FLOAT_DST, 0x41, 0x0F, 0x57, 0xC7 | DST_REG),
    [F_FMUL_R] = FLOAT(0x59, 0xE0), /* xmm_(4 + dst) */
    /* andps xmm12, xmm13; orps xmm12, xmm14; divpd; the first two in one: vpternlogq */
    [F_FDIV_M] = TEMPLATE(32, 4, 9, FLOAT_DST, LOAD_PAIR, 0x45, 0x0F, 0x54, 0xE5, 0x45, 0x0F, 0x56,
                          0xE6, DIVIDE),
    [F_FDIV_M_TERNARY] =
        TEMPLATE(31, 4, 9, FLOAT_DST, LOAD_PAIR, 0x62, 0x53, 0x95, 0x08, 0x25, 0xE6, 0xEA, DIVIDE),
    /* sqrtpd xmm_(4 + dst), the same */
    [F_FSQRT_R] =
        TEMPLATE(4, NOWHERE, NOWHERE, FLOAT_DST, 0x66, 0x0F, 0x51, 0xE4 | DST_REG | DST_RM),
    /* mov [rsi + rax], r_src */
    [F_ISTORE] = TEMPLATE(17, 4, 9, STORE, ADDRESS_DST, 0x4C, 0x89, 0x04 | SRC_REG, 0x06),
};

/* The form of an instruction by two facts: dst is src (1), dst is r5 (2). */
#define ANY(form) \
    { form, form, form, form }
#define BY_SAME(form, same) \
    { form, same, form, same }

/* All forms, with those of high multiplication and of division to be chosen. IMULH_R and ISMULH_R
 * square where both registers are the same. */
#define FORMS(high, divide)                                                                        \
    {                                                                                              \
        [PLAB_RX_IADD_RS] = {F_IADD_RS, F_IADD_RS, F_IADD_RS_R5, F_IADD_RS_R5},                    \
        [PLAB_RX_IADD_M] = BY_SAME(F_IADD_M, F_IADD_C),                                            \
        [PLAB_RX_ISUB_R] = BY_SAME(F_ISUB_R, F_ISUB_I),                                            \
        [PLAB_RX_ISUB_M] = BY_SAME(F_ISUB_M, F_ISUB_C),                                            \
        [PLAB_RX_IMUL_R] = BY_SAME(F_IMUL_R, F_IMUL_I),                                            \
        [PLAB_RX_IMUL_M] = BY_SAME(F_IMUL_M, F_IMUL_C), [PLAB_RX_IMULH_R] = ANY(high##_R),         \
        [PLAB_RX_IMULH_M] = BY_SAME(high##_M, high##_C), [PLAB_RX_ISMULH_R] = ANY(F_ISMULH_R),     \
        [PLAB_RX_ISMULH_M] = BY_SAME(F_ISMULH_M, F_ISMULH_C), [PLAB_RX_IMUL_RCP] = ANY(F_SPECIAL), \
        [PLAB_RX_INEG_R] = ANY(F_INEG_R), [PLAB_RX_IXOR_R] = BY_SAME(F_IXOR_R, F_IXOR_I),          \
        [PLAB_RX_IXOR_M] = BY_SAME(F_IXOR_M, F_IXOR_C),                                            \
        [PLAB_RX_IROR_R] = BY_SAME(F_IROR_R, F_IROR_I),                                            \
        [PLAB_RX_IROL_R] = BY_SAME(F_IROL_R, F_IROL_I), [PLAB_RX_ISWAP_R] = ANY(F_SPECIAL),        \
        [PLAB_RX_FSWAP_R] = ANY(F_FSWAP_R), [PLAB_RX_FADD_R] = ANY(F_FADD_R),                      \
        [PLAB_RX_FADD_M] = ANY(F_FADD_M), [PLAB_RX_FSUB_R] = ANY(F_FSUB_R),                        \
        [PLAB_RX_FSUB_M] = ANY(F_FSUB_M), [PLAB_RX_FSCAL_R] = ANY(F_FSCAL_R),                      \
        [PLAB_RX_FMUL_R] = ANY(F_FMUL_R), [PLAB_RX_FDIV_M] = ANY(divide),                          \
        [PLAB_RX_FSQRT_R] = ANY(F_FSQRT_R), [PLAB_RX_CBRANCH] = ANY(F_SPECIAL),                    \
        [PLAB_RX_CFROUND] = ANY(F_SPECIAL), [PLAB_RX_ISTORE] = ANY(F_ISTORE)                       \
    }

/* Forms by instruction sets: none, BMI2, BMI2 and AVX-512. */
static const uint8_t forms[3][PLAB_RX_INSTRUCTION_COUNT][4] = {
    FORMS(F_IMULH, F_FDIV_M),
    FORMS(F_MULX, F_FDIV_M),
    FORMS(F_MULX, F_FDIV_M_TERNARY),
};

static unsigned forms_of(unsigned isa) {
    return (isa & RX_JIT_AVX512) != 0 ? 2 : (isa & RX_JIT_BMI2) != 0 ? 1 : 0;
}

/* ---- the rare ones ---- */

/* An instruction word; see [RXSPEC] table 5.1.1. */
struct word {
    unsigned opcode, dst, src, mod;
    uint32_t imm;
};

static struct word parse(const uint8_t *bytes) {
    uint64_t w = plab_load64_le(bytes);
    return (struct word){(unsigned)w & 0xFF, (unsigned)(w >> 8) & 7, (unsigned)(w >> 16) & 7,
                         (unsigned)(w >> 24) & 0xFF, (uint32_t)(w >> 32)};
}

/* Where a branch on each register goes: behind the last instruction that changed it. The ninth is
 * for instructions that change none. */
struct targets {
    uint8_t *after[9];
};

#define CBRANCH_OFFSET_BITS 8
#define CFROUND_V2_GATE 60 /* bits 2..5 of the rotated value must be 0 */

static void branch(struct rx_jit *jit, const struct word *w, struct targets *targets) {
    const unsigned bit = CBRANCH_OFFSET_BITS + (w->mod >> 4);
    const uint32_t imm = (w->imm | UINT32_C(1) << bit) & ~(UINT32_C(1) << (bit - 1));
    plab_emit(&jit->at, 0x8149 | BYTE(0xC0 | w->dst, 2), 3); /* add r_dst, imm */
    plab_emit32(&jit->at, imm);
    plab_emit(&jit->at, 0xF749 | BYTE(0xC0 | w->dst, 2), 3); /* test r_dst, 255 << bit */
    plab_emit32(&jit->at, UINT32_C(0xFF) << bit);
    plab_emit(&jit->at, 0x840F, 2); /* jz */
    plab_emit32(&jit->at, plab_emit_distance(jit->at, targets->after[w->dst]));
    for (unsigned i = 0; i < 8; i++) {
        targets->after[i] = jit->at; /* nobody jumps over a branch */
    }
}

static void change_rounding(struct rx_jit *jit, const struct word *w) {
    const unsigned shift = w->imm & 63;
    uint8_t *skip = NULL;
    if ((jit->isa & RX_JIT_BMI2) != 0) { /* rorx rax, r_src, shift */
        plab_emit(&jit->at, UINT64_C(0xF0FBC3C4) | BYTE(0xC0 | w->src, 4) | BYTE(shift, 5), 6);
    } else { /* mov rax, r_src; ror rax, shift */
        plab_emit(&jit->at, 0x894C | BYTE(0xC0 | REG(w->src), 2), 3);
        plab_emit(&jit->at, 0xC8C148 | BYTE(shift, 3), 4);
    }
    if (jit->m->params->v2) { /* test al, gate; jnz behind */
        plab_emit(&jit->at, 0xA8 | BYTE(CFROUND_V2_GATE, 1) | BYTE(0x75, 2), 4);
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

static void multiply_reciprocal(struct rx_jit *jit, const struct word *w, struct targets *targets) {
    if ((w->imm & (w->imm - 1)) == 0) {
        return; /* zero or a power of two: nothing is done, and nothing changed */
    }
    plab_emit(&jit->at, 0xB848, 2); /* mov rax, reciprocal */
    plab_emit64(&jit->at, plab_rx_reciprocal(w->imm));
    plab_emit(&jit->at, 0xAF0F4C | BYTE(0xC0 | REG(w->dst), 3), 4); /* imul r_dst, rax */
    targets->after[w->dst] = jit->at;
}

static void exchange(struct rx_jit *jit, const struct word *w, struct targets *targets) {
    if (w->dst == w->src) {
        return;
    }
    plab_emit(&jit->at, 0x874D | BYTE(0xC0 | REG(w->src) | w->dst, 2), 3); /* xchg */
    targets->after[w->dst] = targets->after[w->src] = jit->at;
}

static void special(struct rx_jit *jit, const struct word *w, unsigned instruction,
                    struct targets *targets) {
    switch (instruction) {
    case PLAB_RX_CBRANCH:
        branch(jit, w, targets);
        break;
    case PLAB_RX_IMUL_RCP:
        multiply_reciprocal(jit, w, targets);
        break;
    case PLAB_RX_ISWAP_R:
        exchange(jit, w, targets);
        break;
    default:
        change_rounding(jit, w);
        break;
    }
}

/* ---- all of them ---- */

/* Address masks: L1, L2 (mod bits 0 and 1 are 0), L3. */
struct masks {
    uint32_t level[3];
};

#define ISTORE_L3_MOD 0xE0 /* condition 14 or 15 */

static void fill_template(struct rx_jit *jit, const struct template *t, const struct word *w,
                          const struct masks *masks, struct targets *targets) {
    const uint16_t dst = (uint16_t)((t->flags & FLOAT_DST) != 0 ? w->dst & 3 : w->dst);
    const uint16_t src = (uint16_t)((t->flags & FLOAT_SRC) != 0 ? w->src & 3 : w->src);
    const unsigned near = (w->mod & 3) == 0;
    const unsigned level = (t->flags & STORE) != 0 && w->mod >= ISTORE_L3_MOD ? 2 : near;
    const uint32_t imm = w->imm & ((t->flags & CONSTANT) != 0 ? masks->level[2] : UINT32_MAX);
    const unsigned scale = (t->flags & SCALED) != 0 ? w->mod << 4 & 0xC0 : 0;
    const u16x8 *bytes = (const void *)t->bytes;
    const u16x8 *dst_places = (const void *)t->dst, *src_places = (const void *)t->src;
    for (unsigned i = 0; i < 2; i++) { /* no field crosses the border of a byte */
        const u16x8 code = bytes[i] + dst_places[i] * dst + src_places[i] * src;
        memcpy(jit->at + 16 * i, &code, sizeof code);
    }
    jit->at[3] |= (uint8_t)scale;
    memcpy(jit->at + t->imm_at, &imm, 4);
    memcpy(jit->at + t->mask_at, &masks->level[level], 4);
    jit->at += t->length;
    targets->after[(t->flags & WRITES) != 0 ? w->dst : 8] = jit->at;
}

static uint32_t level_mask(uint32_t level_bytes) {
    return (level_bytes - 1) & ~UINT32_C(7);
}

void plab_rx_jit_program(struct rx_jit *jit) {
    const struct plab_rx_params *params = jit->m->params;
    const uint8_t *words = jit->m->program->words;
    const uint8_t *instruction_of = plab_rx_opcode_map(params);
    const uint8_t(*form_of)[4] = forms[forms_of(jit->isa)];
    const struct masks masks = {
        {level_mask(params->l1_bytes), level_mask(params->l2_bytes), level_mask(params->l3_bytes)}};
    struct targets targets;
    for (unsigned i = 0; i < 9; i++) {
        targets.after[i] = jit->at;
    }
    for (uint32_t i = 0; i < params->program_size; i++) {
        const struct word w = parse(words + 8 * (size_t)i);
        const unsigned instruction = instruction_of[w.opcode];
        const unsigned facts = (unsigned)(w.dst == w.src) | (unsigned)(w.dst == 5) << 1;
        const struct template *t = &templates[form_of[instruction][facts]];
        if ((t->flags & SPECIAL) != 0) {
            special(jit, &w, instruction, &targets);
        } else {
            fill_template(jit, t, &w, &masks, &targets);
        }
    }
}

void plab_rx_jit_mask_e(struct rx_jit *jit, unsigned reg) {
    if ((jit->isa & RX_JIT_AVX512) != 0) {
        /* vpternlogq reg, xmm13, xmm14: (reg & xmm13) | xmm14 */
        plab_emit(&jit->at, UINT64_C(0x250895D362), 5);
        plab_emit(&jit->at, 0xC6 | REG(reg) | BYTE(0xEA, 1), 2);
        return;
    }
    plab_emit(&jit->at, 0x540F41 | BYTE(0xC5 | REG(reg), 3), 4); /* andps reg, xmm13 */
    plab_emit(&jit->at, 0x560F41 | BYTE(0xC6 | REG(reg), 3), 4); /* orps reg, xmm14 */
}
