/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Dataset items, 8 at once: one in each 64-bit lane.
 *
 * zmm16..23 are the words of the first group, zmm24..31 those of the second, zmm12..14 constants,
 * zmm0..11 are free.
 */
#include <immintrin.h>

#include "arch/x86/kernels_x86.h"
#include "arch/x86/rx_items.h"

#define LANES 8
#define LOW_HALVES 12 /* zmm12: 2^32 - 1 */
#define BASE 13       /* zmm13, zmm14: as RX_ITEMS_BASE and RX_ITEMS_MASK */
#define MASK 14

/* ---- code of a group ---- */

#define WORD(group, reg) (16 + (group)*PLAB_RX_ITEM_WORDS + (reg))
#define STATE(group, reg) (((group)*PLAB_RX_ITEM_WORDS + (reg)) * 64)
#define LINE(group, lane) (((group)*LANES + (lane)) * sizeof(uint64_t *))

static void emit(struct ss_emit *e, unsigned op, unsigned d, unsigned a, unsigned b) {
    ss_evex(e, op, 0, d, a, ss_reg(b), 0);
}

static void emit_imm(struct ss_emit *e, unsigned op, unsigned d, unsigned a, unsigned b,
                     unsigned imm) {
    ss_evex(e, op, 0, d, a, ss_reg(b), 1);
    ss_bytes(e, imm, 1);
}

static void emit_srl(struct ss_emit *e, unsigned d, unsigned a, unsigned count) {
    emit_imm(e, SS_GROUP_VSHIFT, 2, d, a, count);
}

static void emit_sll(struct ss_emit *e, unsigned d, unsigned a, unsigned count) {
    emit_imm(e, SS_GROUP_VSHIFT, 6, d, a, count);
}

/* A signed product's high half is the unsigned one's, less each factor where the other one is
 * negative: here from `a` and `b`, whose sum is the unsigned one. */
static void emit_signs(struct ss_emit *e, unsigned d, unsigned s, unsigned a, unsigned b) {
    emit(e, SS_VPMOVQ2M, 1, 0, d);
    emit(e, SS_VPMOVQ2M, 2, 0, s);
    ss_evex(e, SS_VPSUBQ, 1, a, a, ss_reg(s), 0);
    ss_evex(e, SS_VPSUBQ, 2, b, b, ss_reg(d), 0);
}

/* By halves of 32 bits. The high ones come by shuffles, which have a port of their own. */
static void emit_mulh(struct ss_emit *e, unsigned d, unsigned s, bool sign) {
    emit_imm(e, SS_VPSHUFD, 0, 0, d, 0xF5);
    emit_imm(e, SS_VPSHUFD, 1, 0, s, 0xF5);
    emit(e, SS_VPMULUDQ, 2, d, s);
    emit(e, SS_VPMULUDQ, 3, 0, s);
    emit(e, SS_VPMULUDQ, 4, d, 1);
    emit(e, SS_VPMULUDQ, 0, 0, 1);
    emit_srl(e, 2, 2, 32);
    emit(e, SS_VPADDQ, 3, 3, 2);
    emit(e, SS_VPANDQ, 2, 3, LOW_HALVES);
    emit(e, SS_VPADDQ, 4, 4, 2);
    emit_srl(e, 3, 3, 32);
    emit(e, SS_VPADDQ, 0, 0, 3);
    emit_srl(e, 4, 4, 32);
    if (sign) {
        emit_signs(e, d, s, 0, 4);
    }
    emit(e, SS_VPADDQ, d, 0, 4);
}

/* By parts of 52 and 12 bits: x = x1 * 2^52 + x0. The product is high * 2^104 + low * 2^52 + rest
 * with low = hi(d0 s0) + lo(d1 s0) + lo(d0 s1), high = hi(d1 s0) + hi(d0 s1) + d1 s1. */
static void emit_mulh_ifma(struct ss_emit *e, unsigned d, unsigned s, bool sign) {
    emit_srl(e, 0, d, 52);
    emit_srl(e, 1, s, 52);
    ss_vex(e, SS_VPXORQ, false, 2, 2, ss_reg(2), 0); /* clears all 512 bits, without a port */
    ss_vex(e, SS_VPXORQ, false, 3, 3, ss_reg(3), 0);
    emit(e, SS_VPMADD52HUQ, 2, d, s);
    emit(e, SS_VPMADD52HUQ, 3, 0, s);
    emit(e, SS_VPMADD52LUQ, 2, 0, s);
    emit(e, SS_VPMADD52HUQ, 3, d, 1);
    emit(e, SS_VPMADD52LUQ, 2, d, 1);
    emit(e, SS_VPMADD52LUQ, 3, 0, 1);
    emit_srl(e, 2, 2, 12);
    emit_sll(e, 3, 3, 40);
    if (sign) {
        emit_signs(e, d, s, 2, 3);
    }
    emit(e, SS_VPADDQ, d, 2, 3);
}

static void emit_step(struct ss_emit *e, unsigned group, const struct plab_rx_ss_instr *in,
                      const uint8_t *constant, bool ifma) {
    unsigned d = WORD(group, in->dst), s = WORD(group, in->src), shift = in->mod >> 2 & 3;
    switch ((enum plab_rx_ss_kind)in->kind) {
    case PLAB_RX_SS_ISUB_R:
        emit(e, SS_VPSUBQ, d, d, s);
        break;
    case PLAB_RX_SS_IXOR_R:
        emit(e, SS_VPXORQ, d, d, s);
        break;
    case PLAB_RX_SS_IADD_RS:
        if (shift != 0) {
            emit_sll(e, 0, s, shift);
            s = 0;
        }
        emit(e, SS_VPADDQ, d, d, s);
        break;
    case PLAB_RX_SS_IMUL_R:
        emit(e, SS_VPMULLQ, d, d, s);
        break;
    case PLAB_RX_SS_IROR_C:
        emit_imm(e, SS_GROUP_VROTATE, 0, d, d, in->imm32 & 63);
        break;
    case PLAB_RX_SS_IADD_C7:
    case PLAB_RX_SS_IADD_C8:
    case PLAB_RX_SS_IADD_C9:
        ss_evex(e, SS_VPADDQ, 0, d, d, ss_data(constant), 0);
        break;
    case PLAB_RX_SS_IXOR_C7:
    case PLAB_RX_SS_IXOR_C8:
    case PLAB_RX_SS_IXOR_C9:
        ss_evex(e, SS_VPXORQ, 0, d, d, ss_data(constant), 0);
        break;
    case PLAB_RX_SS_IMULH_R:
    case PLAB_RX_SS_ISMULH_R:
        (ifma ? emit_mulh_ifma : emit_mulh)(e, d, s, in->kind == PLAB_RX_SS_ISMULH_R);
        break;
    case PLAB_RX_SS_IMUL_RCP:
        ss_evex(e, SS_VPMULLQ, 0, d, d, ss_data(constant), 0);
        break;
    case PLAB_RX_SS_KIND_COUNT:
        __builtin_unreachable();
    }
}

static void step_avx512(struct ss_emit *e, unsigned group, const struct plab_rx_ss_instr *in,
                        const uint8_t *constant) {
    emit_step(e, group, in, constant, false);
}

static void step_ifma(struct ss_emit *e, unsigned group, const struct plab_rx_ss_instr *in,
                      const uint8_t *constant) {
    emit_step(e, group, in, constant, true);
}

static void emit_constant(struct ss_emit *e, const struct plab_rx_ss_instr *in) {
    ss_bytes(e, in->operand, 8);
}

static void emit_enter(struct ss_emit *e) {
    ss_bytes(e, 0xFFFFFFFFB8, 5); /* mov eax, 2^32 - 1 */
    emit(e, SS_VPBROADCASTQ_R, LOW_HALVES, 0, SS_RAX);
    emit(e, SS_VPBROADCASTQ_R, BASE, 0, RX_ITEMS_BASE);
    emit(e, SS_VPBROADCASTQ_R, MASK, 0, RX_ITEMS_MASK);
}

static void emit_load(struct ss_emit *e, unsigned group) {
    for (unsigned reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
        ss_evex(e, SS_VMOVDQU64_LOAD, 0, WORD(group, reg), 0,
                ss_mem(RX_ITEMS_STATE, STATE(group, reg)), 0);
    }
}

/* Half of a transposition: from four registers with pairs of lines, even words of both (or `odd`
 * ones), to words of all lanes, which are mixed. zmm0, 2, 4, 6 and 8..11 are lost. */
static void emit_mix_half(struct ss_emit *e, unsigned group, const unsigned pair[4], unsigned odd) {
    for (unsigned i = 0; i < 4; i++) { /* zmm0: words 0 and 4 of lines 0..3, zmm2: words 2 and 6 */
        emit_imm(e, SS_VSHUFI64X2, 2 * i, pair[i & 2], pair[i | 1], (i & 1) == 0 ? 0x88 : 0xDD);
    }
    for (unsigned i = 0; i < 4; i++) {
        unsigned d = WORD(group, 2 * i + odd), from = (i & 1) * 2;
        emit_imm(e, SS_VSHUFI64X2, 8 + i, from, from + 4, i < 2 ? 0x88 : 0xDD);
        emit(e, SS_VPXORQ, d, d, 8 + i);
    }
}

static void emit_next_lines(struct ss_emit *e, unsigned group, unsigned next) {
    emit_sll(e, 0, WORD(group, next), 6);
    emit(e, SS_VPANDQ, 0, 0, MASK);
    emit(e, SS_VPADDQ, 0, 0, BASE);
    ss_evex(e, SS_VMOVDQU64_STORE, 0, 0, 0, ss_mem(RX_ITEMS_LINES, LINE(group, 0)), 0);
}

static void emit_mix(struct ss_emit *e, unsigned group, unsigned next) {
    static const unsigned even[4] = {8, 9, 10, 11}, odd[4] = {1, 3, 5, 7};
    for (unsigned lane = 0; lane < LANES; lane++) {
        ss_int(e, SS_MOV_LOAD, SS_RAX, ss_mem(RX_ITEMS_LINES, LINE(group, lane)), 0);
        ss_evex(e, SS_VMOVDQU64_LOAD, 0, lane, 0, ss_mem(SS_RAX, 0), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        emit(e, SS_VPUNPCKLQDQ, even[i], 2 * i, 2 * i + 1);
        emit(e, SS_VPUNPCKHQDQ, odd[i], 2 * i, 2 * i + 1);
    }
    emit_mix_half(e, group, even, 0);
    emit_mix_half(e, group, odd, 1);
    if (next != RX_ITEMS_NO_NEXT) {
        emit_next_lines(e, group, next);
    }
}

static void emit_save(struct ss_emit *e, unsigned group) {
    for (unsigned reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
        ss_evex(e, SS_VMOVDQU64_STORE, 0, WORD(group, reg), 0,
                ss_mem(RX_ITEMS_STATE, STATE(group, reg)), 0);
    }
}

static const struct rx_items_vector vector_avx512 = {
    LANES, emit_constant, emit_enter, emit_load, step_avx512, emit_mix, emit_save};
static const struct rx_items_vector vector_ifma = {LANES,     emit_constant, emit_enter, emit_load,
                                                   step_ifma, emit_mix,      emit_save};

/* ---- the lists ---- */

static PLAB_ALWAYS_INLINE void start_group(const struct plab_rx_cache *cache,
                                           const uint64_t *numbers, uint64_t *state,
                                           const uint64_t **lines) {
    __m512i number = _mm512_loadu_si512(numbers);
    __m512i line = _mm512_slli_epi64(
        _mm512_and_si512(number, _mm512_set1_epi64((long long)cache->line_mask)), 6);
    _mm512_storeu_si512(lines, _mm512_add_epi64(line, _mm512_set1_epi64((long long)cache->memory)));
    __m512i first = _mm512_mullo_epi64(_mm512_add_epi64(number, _mm512_set1_epi64(1)),
                                       _mm512_set1_epi64(PLAB_RX_ITEM_MULTIPLIER));
    for (int reg = 0; reg < PLAB_RX_ITEM_WORDS; reg++) {
        __m512i mix = _mm512_set1_epi64((long long)plab_rx_item_xor[reg]);
        _mm512_storeu_si512(state + reg * LANES, _mm512_xor_si512(first, mix));
    }
}

/* Past the caches, which items of a long list don't come back to, where the alignment allows it. */
static PLAB_ALWAYS_INLINE void put_item(uint64_t *out, __m512i item, bool stream) {
    if (stream) {
        _mm512_stream_si512((void *)out, item);
    } else {
        _mm512_storeu_si512(out, item);
    }
}

/* From words of all lanes to items; `out` may be `state`. */
static PLAB_ALWAYS_INLINE void end_group(uint64_t *out, const uint64_t *state, bool stream) {
    __m512i in[LANES], pair[LANES], quad[LANES];
    for (int i = 0; i < LANES; i++) {
        in[i] = _mm512_loadu_si512(state + i * 8);
    }
    for (int i = 0; i < LANES; i += 2) {
        pair[i] = _mm512_unpacklo_epi64(in[i], in[i + 1]);
        pair[i + 1] = _mm512_unpackhi_epi64(in[i], in[i + 1]);
    }
    for (int i = 0; i < 2; i++) { /* even or odd items */
        for (int j = 0; j < 2; j++) {
            quad[i + 4 * j] = _mm512_shuffle_i64x2(pair[i + 4 * j], pair[i + 4 * j + 2], 0x88);
            quad[i + 4 * j + 2] = _mm512_shuffle_i64x2(pair[i + 4 * j], pair[i + 4 * j + 2], 0xDD);
        }
    }
    for (int i = 0; i < 4; i++) {
        put_item(out + i * 8, _mm512_shuffle_i64x2(quad[i], quad[i + 4], 0x88), stream);
        put_item(out + (i + 4) * 8, _mm512_shuffle_i64x2(quad[i], quad[i + 4], 0xDD), stream);
    }
}

#define LARGE_GROUPS 2
#define LARGE_SCALARS 4 /* on the ports that vectors leave free: docs/performance.md */
#define HAS_GROUPS 1

#include "arch/x86/rx_items_body.h"

plab_rx_items_fn *plab_rx_items_make_avx512(const struct plab_rx_ss_program *program,
                                            uint32_t programs, struct plab_codemem *code) {
    return make(&vector_avx512, program, programs, code);
}

plab_rx_items_fn *plab_rx_items_make_ifma(const struct plab_rx_ss_program *program,
                                          uint32_t programs, struct plab_codemem *code) {
    return make(&vector_ifma, program, programs, code);
}
