/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/rx_program.h"

#include <assert.h>

#include "base/bytes.h"
#include "pow/rx_aes_keys.h"
#include "pow/rx_superscalar.h"

/* The instruction of each opcode. Source: [RXSPEC] tables 5.2.1 to 5.5.1, and the
 * variants' configurations. */
static const uint8_t base_opcodes[256] = {
    [0 ... 15] = PLAB_RX_IADD_RS,    [16 ... 22] = PLAB_RX_IADD_M,
    [23 ... 38] = PLAB_RX_ISUB_R,    [39 ... 45] = PLAB_RX_ISUB_M,
    [46 ... 61] = PLAB_RX_IMUL_R,    [62 ... 65] = PLAB_RX_IMUL_M,
    [66 ... 69] = PLAB_RX_IMULH_R,   [70] = PLAB_RX_IMULH_M,
    [71 ... 74] = PLAB_RX_ISMULH_R,  [75] = PLAB_RX_ISMULH_M,
    [76 ... 83] = PLAB_RX_IMUL_RCP,  [84 ... 85] = PLAB_RX_INEG_R,
    [86 ... 100] = PLAB_RX_IXOR_R,   [101 ... 105] = PLAB_RX_IXOR_M,
    [106 ... 113] = PLAB_RX_IROR_R,  [114 ... 115] = PLAB_RX_IROL_R,
    [116 ... 119] = PLAB_RX_ISWAP_R, [120 ... 123] = PLAB_RX_FSWAP_R,
    [124 ... 139] = PLAB_RX_FADD_R,  [140 ... 144] = PLAB_RX_FADD_M,
    [145 ... 160] = PLAB_RX_FSUB_R,  [161 ... 165] = PLAB_RX_FSUB_M,
    [166 ... 171] = PLAB_RX_FSCAL_R, [172 ... 203] = PLAB_RX_FMUL_R,
    [204 ... 207] = PLAB_RX_FDIV_M,  [208 ... 213] = PLAB_RX_FSQRT_R,
    [214 ... 238] = PLAB_RX_CBRANCH, [239] = PLAB_RX_CFROUND,
    [240 ... 255] = PLAB_RX_ISTORE,
};
static const uint8_t wow_opcodes[256] = {
    [0 ... 24] = PLAB_RX_IADD_RS,    [25 ... 31] = PLAB_RX_IADD_M,
    [32 ... 47] = PLAB_RX_ISUB_R,    [48 ... 54] = PLAB_RX_ISUB_M,
    [55 ... 70] = PLAB_RX_IMUL_R,    [71 ... 74] = PLAB_RX_IMUL_M,
    [75 ... 78] = PLAB_RX_IMULH_R,   [79] = PLAB_RX_IMULH_M,
    [80 ... 83] = PLAB_RX_ISMULH_R,  [84] = PLAB_RX_ISMULH_M,
    [85 ... 92] = PLAB_RX_IMUL_RCP,  [93 ... 94] = PLAB_RX_INEG_R,
    [95 ... 109] = PLAB_RX_IXOR_R,   [110 ... 114] = PLAB_RX_IXOR_M,
    [115 ... 124] = PLAB_RX_IROR_R,  [125 ... 128] = PLAB_RX_ISWAP_R,
    [129 ... 136] = PLAB_RX_FSWAP_R, [137 ... 156] = PLAB_RX_FADD_R,
    [157 ... 161] = PLAB_RX_FADD_M,  [162 ... 181] = PLAB_RX_FSUB_R,
    [182 ... 186] = PLAB_RX_FSUB_M,  [187 ... 192] = PLAB_RX_FSCAL_R,
    [193 ... 212] = PLAB_RX_FMUL_R,  [213 ... 216] = PLAB_RX_FDIV_M,
    [217 ... 222] = PLAB_RX_FSQRT_R, [223 ... 238] = PLAB_RX_CBRANCH,
    [239] = PLAB_RX_CFROUND,         [240 ... 255] = PLAB_RX_ISTORE,
};
static const uint8_t graft_opcodes[256] = {
    [0 ... 15] = PLAB_RX_IADD_RS,    [16 ... 22] = PLAB_RX_IADD_M,
    [23 ... 38] = PLAB_RX_ISUB_R,    [39 ... 45] = PLAB_RX_ISUB_M,
    [46 ... 61] = PLAB_RX_IMUL_R,    [62 ... 65] = PLAB_RX_IMUL_M,
    [66 ... 69] = PLAB_RX_IMULH_R,   [70] = PLAB_RX_IMULH_M,
    [71 ... 74] = PLAB_RX_ISMULH_R,  [75] = PLAB_RX_ISMULH_M,
    [76 ... 83] = PLAB_RX_IMUL_RCP,  [84 ... 85] = PLAB_RX_INEG_R,
    [86 ... 100] = PLAB_RX_IXOR_R,   [101 ... 105] = PLAB_RX_IXOR_M,
    [106 ... 112] = PLAB_RX_IROR_R,  [113 ... 115] = PLAB_RX_IROL_R,
    [116 ... 119] = PLAB_RX_ISWAP_R, [120 ... 123] = PLAB_RX_FSWAP_R,
    [124 ... 139] = PLAB_RX_FADD_R,  [140 ... 144] = PLAB_RX_FADD_M,
    [145 ... 160] = PLAB_RX_FSUB_R,  [161 ... 165] = PLAB_RX_FSUB_M,
    [166 ... 171] = PLAB_RX_FSCAL_R, [172 ... 203] = PLAB_RX_FMUL_R,
    [204 ... 207] = PLAB_RX_FDIV_M,  [208 ... 213] = PLAB_RX_FSQRT_R,
    [214 ... 238] = PLAB_RX_CBRANCH, [239] = PLAB_RX_CFROUND,
    [240 ... 255] = PLAB_RX_ISTORE,
};
static const uint8_t loki_opcodes[256] = {
    [0 ... 24] = PLAB_RX_IADD_RS,    [25 ... 31] = PLAB_RX_IADD_M,
    [32 ... 47] = PLAB_RX_ISUB_R,    [48 ... 54] = PLAB_RX_ISUB_M,
    [55 ... 70] = PLAB_RX_IMUL_R,    [71 ... 74] = PLAB_RX_IMUL_M,
    [75 ... 78] = PLAB_RX_IMULH_R,   [79] = PLAB_RX_IMULH_M,
    [80 ... 83] = PLAB_RX_ISMULH_R,  [84] = PLAB_RX_ISMULH_M,
    [85 ... 92] = PLAB_RX_IMUL_RCP,  [93 ... 94] = PLAB_RX_INEG_R,
    [95 ... 109] = PLAB_RX_IXOR_R,   [110 ... 114] = PLAB_RX_IXOR_M,
    [115 ... 122] = PLAB_RX_IROR_R,  [123 ... 124] = PLAB_RX_IROL_R,
    [125 ... 128] = PLAB_RX_ISWAP_R, [129 ... 132] = PLAB_RX_FSWAP_R,
    [133 ... 148] = PLAB_RX_FADD_R,  [149 ... 153] = PLAB_RX_FADD_M,
    [154 ... 169] = PLAB_RX_FSUB_R,  [170 ... 174] = PLAB_RX_FSUB_M,
    [175 ... 180] = PLAB_RX_FSCAL_R, [181 ... 212] = PLAB_RX_FMUL_R,
    [213 ... 216] = PLAB_RX_FDIV_M,  [217 ... 222] = PLAB_RX_FSQRT_R,
    [223 ... 238] = PLAB_RX_CBRANCH, [239] = PLAB_RX_CFROUND,
    [240 ... 255] = PLAB_RX_ISTORE,
};
static const uint8_t *const instruction_of[PLAB_RX_OPCODES_COUNT] = {
    [PLAB_RX_OPCODES_BASE] = base_opcodes,
    [PLAB_RX_OPCODES_WOW] = wow_opcodes,
    [PLAB_RX_OPCODES_GRAFT] = graft_opcodes,
    [PLAB_RX_OPCODES_LOKI] = loki_opcodes,
};

const uint8_t *plab_rx_opcode_map(const struct plab_rx_params *params) {
    return instruction_of[params->opcodes];
}

#define IADD_RS_DISPLACED_REG 5
#define CBRANCH_OFFSET_BITS 8
#define ISTORE_L3_CONDITION 14
#define CFROUND_V2_GATE 60 /* bits 2..5 of the rotated value */

struct decoder {
    const struct plab_rx_params *params;
    struct plab_rx_program *out;
    uint32_t after_write[8]; /* operation after the last one that wrote the register */
};

/* An encoded instruction, fields reduced to what they select. */
struct word {
    enum plab_rx_instruction instruction;
    uint8_t dst, src; /* 0..7 */
    uint8_t mod;
    uint32_t imm32;
    uint64_t imm; /* sign-extended */
};

static struct word parse_word(const uint8_t *bytes, const uint8_t *instructions) {
    uint32_t imm32 = plab_load32_le(bytes + 4);
    return (struct word){
        .instruction = instructions[bytes[0]],
        .dst = bytes[1] & 7,
        .src = bytes[2] & 7,
        .mod = bytes[3],
        .imm32 = imm32,
        .imm = (uint64_t)(int64_t)(int32_t)imm32,
    };
}

static uint32_t level_mask(uint32_t level_bytes) {
    return (level_bytes - 1) & ~UINT32_C(7);
}

static uint32_t address_mask(const struct plab_rx_params *params, uint8_t mod) {
    return level_mask((mod & 3) != 0 ? params->l1_bytes : params->l2_bytes);
}

static void emit(struct decoder *d, struct plab_rx_op op) {
    d->out->op[d->out->op_count++] = op;
}

/* Emits an operation that changes r[op.dst]. */
static void emit_write(struct decoder *d, struct plab_rx_op op) {
    emit(d, op);
    d->after_write[op.dst] = d->out->op_count;
}

/* Register form, or an immediate form where source and destination are the same. */
static void integer_register(struct decoder *d, const struct word *w, enum plab_rx_op_code code,
                             enum plab_rx_op_code immediate_code) {
    struct plab_rx_op op = {.code = (uint8_t)code, .dst = w->dst, .src = w->src, .imm = w->imm};
    if (w->src == w->dst) {
        op.code = (uint8_t)immediate_code;
    }
    emit_write(d, op);
}

/* Where source and destination are the same, the address is the immediate alone, in L3. */
static void integer_memory(struct decoder *d, const struct word *w, enum plab_rx_op_code code) {
    struct plab_rx_op op = {.code = (uint8_t)code, .dst = w->dst, .src = w->src, .imm = w->imm};
    op.mask = address_mask(d->params, w->mod);
    if (w->src == w->dst) {
        op.src = PLAB_RX_ZERO_REG;
        op.mask = level_mask(d->params->l3_bytes);
    }
    emit_write(d, op);
}

static void iadd_rs(struct decoder *d, const struct word *w) {
    emit_write(d, (struct plab_rx_op){.code = PLAB_RX_OP_IADD_RS,
                                      .dst = w->dst,
                                      .src = w->src,
                                      .shift = w->mod >> 2 & 3,
                                      .imm = w->dst == IADD_RS_DISPLACED_REG ? w->imm : 0});
}

static void imul_rcp(struct decoder *d, const struct word *w) {
    if ((w->imm32 & (w->imm32 - 1)) == 0) {
        return; /* zero or a power of two: no operation, and no write for PLAB_RX_CBRANCH */
    }
    emit_write(d, (struct plab_rx_op){.code = PLAB_RX_OP_IMUL_I,
                                      .dst = w->dst,
                                      .imm = plab_rx_reciprocal(w->imm32)});
}

static void rotate(struct decoder *d, const struct word *w, enum plab_rx_op_code code) {
    struct plab_rx_op op = {.code = (uint8_t)code, .dst = w->dst, .src = w->src};
    if (w->src == w->dst) {
        op.code = PLAB_RX_OP_IROR_I;
        op.shift = (code == PLAB_RX_OP_IROR_R ? w->imm32 : 0 - w->imm32) & 63;
    }
    emit_write(d, op);
}

static void iswap(struct decoder *d, const struct word *w) {
    if (w->src == w->dst) {
        return;
    }
    emit_write(d, (struct plab_rx_op){.code = PLAB_RX_OP_ISWAP_R, .dst = w->dst, .src = w->src});
    d->after_write[w->src] = d->out->op_count;
}

/* `first_reg` is 0 for the F registers, 4 for E. */
static void float_register(struct decoder *d, const struct word *w, enum plab_rx_op_code code,
                           uint8_t first_reg) {
    emit(d, (struct plab_rx_op){
                .code = (uint8_t)code, .dst = first_reg + (w->dst & 3), .src = w->src & 3});
}

static void float_memory(struct decoder *d, const struct word *w, enum plab_rx_op_code code,
                         uint8_t first_reg) {
    emit(d, (struct plab_rx_op){.code = (uint8_t)code,
                                .dst = first_reg + (w->dst & 3),
                                .src = w->src,
                                .mask = address_mask(d->params, w->mod),
                                .imm = w->imm});
}

static void cbranch(struct decoder *d, const struct word *w) {
    unsigned bit = CBRANCH_OFFSET_BITS + (w->mod >> 4);
    uint64_t imm = (w->imm | UINT64_C(1) << bit) & ~(UINT64_C(1) << (bit - 1));
    emit(d, (struct plab_rx_op){.code = PLAB_RX_OP_CBRANCH,
                                .dst = w->dst,
                                .shift = (uint8_t)bit,
                                .target = d->after_write[w->dst],
                                .imm = imm});
    for (int i = 0; i < 8; i++) {
        d->after_write[i] = d->out->op_count; /* nobody jumps over a branch */
    }
}

static void cfround(struct decoder *d, const struct word *w) {
    emit(d, (struct plab_rx_op){.code = PLAB_RX_OP_CFROUND,
                                .src = w->src,
                                .shift = w->imm32 & 63,
                                .mask = d->params->v2 ? CFROUND_V2_GATE : 0});
}

static void istore(struct decoder *d, const struct word *w) {
    bool l3 = w->mod >> 4 >= ISTORE_L3_CONDITION;
    emit(d, (struct plab_rx_op){.code = PLAB_RX_OP_ISTORE,
                                .dst = w->dst,
                                .src = w->src,
                                .mask = l3 ? level_mask(d->params->l3_bytes)
                                           : address_mask(d->params, w->mod),
                                .imm = w->imm});
}

static void decode_word(struct decoder *d, const struct word *w) {
    switch (w->instruction) {
    case PLAB_RX_IADD_RS:
        iadd_rs(d, w);
        break;
    case PLAB_RX_IADD_M:
        integer_memory(d, w, PLAB_RX_OP_IADD_M);
        break;
    case PLAB_RX_ISUB_R:
        integer_register(d, w, PLAB_RX_OP_ISUB_R, PLAB_RX_OP_ISUB_I);
        break;
    case PLAB_RX_ISUB_M:
        integer_memory(d, w, PLAB_RX_OP_ISUB_M);
        break;
    case PLAB_RX_IMUL_R:
        integer_register(d, w, PLAB_RX_OP_IMUL_R, PLAB_RX_OP_IMUL_I);
        break;
    case PLAB_RX_IMUL_M:
        integer_memory(d, w, PLAB_RX_OP_IMUL_M);
        break;
    case PLAB_RX_IMULH_R: /* src = dst squares */
        integer_register(d, w, PLAB_RX_OP_IMULH_R, PLAB_RX_OP_IMULH_R);
        break;
    case PLAB_RX_IMULH_M:
        integer_memory(d, w, PLAB_RX_OP_IMULH_M);
        break;
    case PLAB_RX_ISMULH_R:
        integer_register(d, w, PLAB_RX_OP_ISMULH_R, PLAB_RX_OP_ISMULH_R);
        break;
    case PLAB_RX_ISMULH_M:
        integer_memory(d, w, PLAB_RX_OP_ISMULH_M);
        break;
    case PLAB_RX_IMUL_RCP:
        imul_rcp(d, w);
        break;
    case PLAB_RX_INEG_R:
        integer_register(d, w, PLAB_RX_OP_INEG_R, PLAB_RX_OP_INEG_R);
        break;
    case PLAB_RX_IXOR_R:
        integer_register(d, w, PLAB_RX_OP_IXOR_R, PLAB_RX_OP_IXOR_I);
        break;
    case PLAB_RX_IXOR_M:
        integer_memory(d, w, PLAB_RX_OP_IXOR_M);
        break;
    case PLAB_RX_IROR_R:
        rotate(d, w, PLAB_RX_OP_IROR_R);
        break;
    case PLAB_RX_IROL_R:
        rotate(d, w, PLAB_RX_OP_IROL_R);
        break;
    case PLAB_RX_ISWAP_R:
        iswap(d, w);
        break;
    case PLAB_RX_FSWAP_R:
        emit(d, (struct plab_rx_op){.code = PLAB_RX_OP_FSWAP_R, .dst = w->dst});
        break;
    case PLAB_RX_FADD_R:
        float_register(d, w, PLAB_RX_OP_FADD_R, 0);
        break;
    case PLAB_RX_FADD_M:
        float_memory(d, w, PLAB_RX_OP_FADD_M, 0);
        break;
    case PLAB_RX_FSUB_R:
        float_register(d, w, PLAB_RX_OP_FSUB_R, 0);
        break;
    case PLAB_RX_FSUB_M:
        float_memory(d, w, PLAB_RX_OP_FSUB_M, 0);
        break;
    case PLAB_RX_FSCAL_R:
        float_register(d, w, PLAB_RX_OP_FSCAL_R, 0);
        break;
    case PLAB_RX_FMUL_R:
        float_register(d, w, PLAB_RX_OP_FMUL_R, 4);
        break;
    case PLAB_RX_FDIV_M:
        float_memory(d, w, PLAB_RX_OP_FDIV_M, 4);
        break;
    case PLAB_RX_FSQRT_R:
        float_register(d, w, PLAB_RX_OP_FSQRT_R, 4);
        break;
    case PLAB_RX_CBRANCH:
        cbranch(d, w);
        break;
    case PLAB_RX_CFROUND:
        cfround(d, w);
        break;
    case PLAB_RX_ISTORE:
        istore(d, w);
        break;
    }
}

/* A double in [1, 2^32). Source: [RXSPEC] section 4.5.2. */
static uint64_t a_register_bits(uint64_t quadword) {
    uint64_t fraction = quadword & ((UINT64_C(1) << 52) - 1);
    uint64_t exponent = 1023 + (quadword >> 59);
    return exponent << 52 | fraction;
}

/* Fraction's low 22 bits, and exponent 011 EEEE 0000. Source: [RXSPEC] sections 4.3.2, 4.5.6. */
static uint64_t e_register_mask(uint64_t quadword) {
    uint64_t fraction = quadword & ((UINT64_C(1) << 22) - 1);
    uint64_t exponent = 0x300 | quadword >> 60 << 4;
    return exponent << 52 | fraction;
}

static void decode_config(struct plab_rx_program *out, const struct plab_rx_params *params,
                          const uint8_t *bytes) {
    uint64_t q[PLAB_RX_CONFIG_BYTES / 8];
    memcpy(q, bytes, sizeof q);
    for (int i = 0; i < 4; i++) {
        out->a[i][0] = a_register_bits(q[2 * i]);
        out->a[i][1] = a_register_bits(q[2 * i + 1]);
        out->read_reg[i] = (uint8_t)(2 * i + (int)(q[12] >> i & 1));
    }
    out->ma = (uint32_t)q[8];
    out->mx = (uint32_t)q[10];
    out->dataset_offset = q[13] % (params->dataset_extra_bytes / PLAB_RX_ITEM_BYTES + 1);
    out->e_mask[0] = e_register_mask(q[14]);
    out->e_mask[1] = e_register_mask(q[15]);
}

const uint64_t (*plab_rx_program_keys(const struct plab_rx_params *params))[2] {
    return params->four_keys ? plab_rx_gen_4r_four_keys : plab_rx_gen_4r_keys;
}

void plab_rx_program_load(struct plab_rx_program *out, const struct plab_rx_params *params,
                          const uint8_t *bytes) {
    assert(params->program_size <= PLAB_RX_PROGRAM_MAX);
    decode_config(out, params, bytes);
    out->words = bytes + PLAB_RX_CONFIG_BYTES;
    out->op_count = 0;
}

void plab_rx_program_decode(struct plab_rx_program *program, const struct plab_rx_params *params) {
    struct decoder d = {.params = params, .out = program};
    const uint8_t *instructions = plab_rx_opcode_map(params);
    program->op_count = 0;
    for (uint32_t i = 0; i < params->program_size; i++) {
        struct word w = parse_word(program->words + 8 * i, instructions);
        decode_word(&d, &w);
    }
    program->op[program->op_count] = (struct plab_rx_op){.code = PLAB_RX_OP_END};
}
