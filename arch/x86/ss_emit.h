/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Encodes the few x86-64 instructions that dataset items need.
 *
 * Registers are their hardware numbers: 0..15 (0 = rax ... 7 = rdi, 8 = r8 ...) or 0..31 for
 * vectors. Memory operands always have a 32-bit displacement: one form, never scaled.
 * Source: Intel SDM volume 2, chapter 2.
 */
#ifndef PLAB_ARCH_X86_SS_EMIT_H
#define PLAB_ARCH_X86_SS_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SS_RAX, SS_RCX, SS_RDX, SS_RBX, SS_RSP, SS_RBP, SS_RSI, SS_RDI, SS_R8, SS_R9 };

/* Where code goes. Nothing is written behind `end`: then `full` is set, and the code is useless. */
struct ss_emit {
    uint8_t *begin, *at, *end;
    bool full;
};

/* The operand of ModRM: a register, memory at a register + disp, or bytes of the code memory. */
struct ss_rm {
    enum { SS_IS_REG, SS_IS_MEM, SS_IS_DATA } is;
    unsigned reg;
    int32_t disp;
    const uint8_t *data; /* as written */
};

static inline struct ss_rm ss_reg(unsigned reg) {
    return (struct ss_rm){SS_IS_REG, reg, 0, NULL};
}

static inline struct ss_rm ss_mem(unsigned base, size_t disp) {
    return (struct ss_rm){SS_IS_MEM, base, (int32_t)disp, NULL};
}

static inline struct ss_rm ss_data(const uint8_t *data) {
    return (struct ss_rm){SS_IS_DATA, SS_RBP, 0, data};
}

static inline void ss_bytes(struct ss_emit *e, uint64_t value, unsigned bytes) {
    if ((size_t)(e->end - e->at) < bytes) {
        e->full = true;
        return;
    }
    memcpy(e->at, &value, bytes);
    e->at += bytes;
}

static inline void ss_align(struct ss_emit *e, size_t alignment) {
    while (((size_t)(e->at - e->begin) & (alignment - 1)) != 0 && !e->full) {
        ss_bytes(e, 0xCC, 1); /* int3 */
    }
}

/* ModRM and what follows it, except for `imm_bytes` bytes of immediate that the caller writes. */
static inline void ss_modrm(struct ss_emit *e, unsigned reg, struct ss_rm rm, unsigned imm_bytes) {
    unsigned low = (reg & 7) << 3 | (rm.reg & 7);
    switch (rm.is) {
    case SS_IS_REG:
        ss_bytes(e, 0xC0 | low, 1);
        break;
    case SS_IS_MEM: /* rsp and r12 would need a SIB byte; nobody uses them */
        ss_bytes(e, 0x80 | low, 1);
        ss_bytes(e, (uint32_t)rm.disp, 4);
        break;
    case SS_IS_DATA: /* relative to the end of the instruction */
        ss_bytes(e, low, 1);
        ss_bytes(e, (uint32_t)(rm.data - (e->at + 4 + imm_bytes)), 4);
        break;
    }
}

/* An instruction on 64-bit registers; `opcode` of one byte, or of two with 0F in front. */
static inline void ss_int(struct ss_emit *e, unsigned opcode, unsigned reg, struct ss_rm rm,
                          unsigned imm_bytes) {
    ss_bytes(e, 0x48 | (reg >> 3) << 2 | rm.reg >> 3, 1);
    if (opcode > 0xFF) {
        ss_bytes(e, opcode >> 8, 1);
    }
    ss_bytes(e, opcode & 0xFF, 1);
    ss_modrm(e, reg, rm, imm_bytes);
}

#define SS_MOV_LOAD 0x8B
#define SS_MOV_STORE 0x89
#define SS_XOR_LOAD 0x33
#define SS_ADD_STORE 0x01 /* the second operand is the destination, as in SUB and XOR */
#define SS_SUB_STORE 0x29
#define SS_XOR_STORE 0x31
#define SS_AND_STORE 0x21
#define SS_IMUL 0x0FAF
#define SS_PREFETCH 0x0F18
#define SS_NTA 0 /* what to prefetch for */
#define SS_T0 1
#define SS_GROUP_MUL 0xF7   /* /4 mul, /5 imul */
#define SS_GROUP_IMM 0x81   /* /0 add, /5 sub, /6 xor */
#define SS_GROUP_SHIFT 0xC1 /* /1 ror, /4 shl */

/* Opcodes of VEX and EVEX: map (1 = 0F, 2 = 0F38, 3 = 0F3A), prefix (1 = 66, 2 = F3, 3 = F2), W. */
#define SS_OP(map, prefix, w, opcode) ((map) << 12 | (prefix) << 10 | (w) << 8 | (opcode))
#define SS_OP_MAP(op) ((op) >> 12)
#define SS_OP_PREFIX(op) ((op) >> 10 & 3)
#define SS_OP_W(op) ((op) >> 8 & 1)

#define SS_RORX SS_OP(3, 3, 1, 0xF0)
#define SS_MULX SS_OP(2, 3, 1, 0xF6)
#define SS_VPADDQ SS_OP(1, 1, 1, 0xD4)
#define SS_VPSUBQ SS_OP(1, 1, 1, 0xFB)
#define SS_VPXORQ SS_OP(1, 1, 1, 0xEF) /* with VEX W is ignored: vpxor, vpand, vpor */
#define SS_VPANDQ SS_OP(1, 1, 1, 0xDB)
#define SS_VPORQ SS_OP(1, 1, 1, 0xEB)
#define SS_VPMULUDQ SS_OP(1, 1, 1, 0xF4)
#define SS_VPMULLQ SS_OP(2, 1, 1, 0x40)
#define SS_VPMADD52LUQ SS_OP(2, 1, 1, 0xB4)
#define SS_VPMADD52HUQ SS_OP(2, 1, 1, 0xB5)
#define SS_VPCMPGTQ SS_OP(2, 1, 0, 0x37)
#define SS_VPMOVQ2M SS_OP(2, 2, 1, 0x39)
#define SS_VPBROADCASTQ_R SS_OP(2, 1, 1, 0x7C)
#define SS_VPSHUFD SS_OP(1, 1, 0, 0x70)
#define SS_VPUNPCKLQDQ SS_OP(1, 1, 1, 0x6C)
#define SS_VPUNPCKHQDQ SS_OP(1, 1, 1, 0x6D)
#define SS_VSHUFI64X2 SS_OP(3, 1, 1, 0x43)
#define SS_VPBLENDD SS_OP(3, 1, 0, 0x02)       /* VEX */
#define SS_VINSERTI128 SS_OP(3, 1, 0, 0x38)    /* VEX */
#define SS_VMOVDQU64_LOAD SS_OP(1, 2, 1, 0x6F) /* with VEX: vmovdqu */
#define SS_VMOVDQU64_STORE SS_OP(1, 2, 1, 0x7F)
#define SS_GROUP_VSHIFT SS_OP(1, 1, 1, 0x73)  /* /2 vpsrlq, /6 vpsllq */
#define SS_GROUP_VROTATE SS_OP(1, 1, 1, 0x72) /* /0 vprorq */

/* VEX; `wide` for 256 bits, not for general registers. */
static inline void ss_vex(struct ss_emit *e, unsigned op, bool wide, unsigned reg, unsigned vvvv,
                          struct ss_rm rm, unsigned imm_bytes) {
    ss_bytes(e, 0xC4, 1);
    ss_bytes(e, (~reg & 8) << 4 | 0x40 | (~rm.reg & 8) << 2 | SS_OP_MAP(op), 1);
    ss_bytes(e, SS_OP_W(op) << 7 | (~vvvv & 15) << 3 | (wide ? 4 : 0) | SS_OP_PREFIX(op), 1);
    ss_bytes(e, op & 0xFF, 1);
    ss_modrm(e, reg, rm, imm_bytes);
}

/* EVEX, 512 bits, masked by k`mask` (merging) unless that is 0. Bytes of the code memory are one
 * word for all lanes. */
static inline void ss_evex(struct ss_emit *e, unsigned op, unsigned mask, unsigned reg,
                           unsigned vvvv, struct ss_rm rm, unsigned imm_bytes) {
    ss_bytes(e, 0x62, 1);
    ss_bytes(
        e, (~reg & 8) << 4 | (~rm.reg & 16) << 2 | (~rm.reg & 8) << 2 | (~reg & 16) | SS_OP_MAP(op),
        1);
    ss_bytes(e, SS_OP_W(op) << 7 | (~vvvv & 15) << 3 | 4 | SS_OP_PREFIX(op), 1);
    ss_bytes(e, 0x40 | (rm.is == SS_IS_DATA ? 0x10 : 0) | (~vvvv & 16) >> 1 | mask, 1);
    ss_bytes(e, op & 0xFF, 1);
    ss_modrm(e, reg, rm, imm_bytes);
}

#endif
