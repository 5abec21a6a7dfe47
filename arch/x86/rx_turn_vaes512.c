/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The turn between two hashes with 512-bit AES. It has eight chains of rounds: columns 0 and 2 of
 * the hash and 1 and 3 of the generator encrypt, the others decrypt. One register has all that
 * encrypt, in lanes h0 h2 g1 g3, the other all that decrypt, g0 g2 h1 h3.
 *
 * Source: [RXSPEC] sections 3.2 and 3.4.
 */
#include <immintrin.h>

#include "arch/x86/kernels_x86.h"
#include "base/attr.h"
#include "pow/rx_aes_keys.h"

/* _mm512_shuffle_i64x2() of a and b: lanes a0 a2 b1 b3. */
#define EVEN_THEN_ODD 0xD8
/* Two halves of a register, in words. */
#define LOW_HALF 0x0F
#define HIGH_HALF 0xF0

struct chains {
    __m512i enc, dec;
};

/* From 64 bytes each of hash and generator. */
static PLAB_ALWAYS_INLINE struct chains weave(__m512i hash, __m512i generator) {
    return (struct chains){_mm512_shuffle_i64x2(hash, generator, EVEN_THEN_ODD),
                           _mm512_shuffle_i64x2(generator, hash, EVEN_THEN_ODD)};
}

/* The keys of a round: `line` for the hash, and the generator's from `keys`. */
static PLAB_ALWAYS_INLINE struct chains weave_line(__m512i line, struct chains keys) {
    return (struct chains){
        _mm512_mask_shuffle_i64x2(keys.enc, LOW_HALF, line, line, EVEN_THEN_ODD),
        _mm512_mask_shuffle_i64x2(keys.dec, HIGH_HALF, line, line, EVEN_THEN_ODD)};
}

/* Columns 0 and 2 from the low half of `even`, 1 and 3 from the high half of `odd`. */
static PLAB_ALWAYS_INLINE __m512i unweave(__m512i even, __m512i odd) {
    const __m512i words = _mm512_setr_epi64(0, 1, 12, 13, 2, 3, 14, 15);
    return _mm512_permutex2var_epi64(even, words, odd);
}

static PLAB_ALWAYS_INLINE struct chains round_of(struct chains s, struct chains keys) {
    return (struct chains){_mm512_aesenc_epi128(s.enc, keys.enc),
                           _mm512_aesdec_epi128(s.dec, keys.dec)};
}

static PLAB_ALWAYS_INLINE void close_hash(struct chains s, uint8_t out[64]) {
    for (int i = 0; i < 2; i++) {
        __m512i key =
            _mm512_broadcast_i64x2(_mm_loadu_si128((const void *)plab_rx_hash_1r_extra_keys[i]));
        s = round_of(s, (struct chains){key, key});
    }
    _mm512_storeu_si512(out, unweave(s.enc, s.dec));
}

void plab_rx_turn_1r_vaes512(struct plab_rx_turn *turns, unsigned count, size_t pad_bytes) {
    __m512i generator_keys = _mm512_loadu_si512(plab_rx_gen_1r_keys);
    struct chains keys = weave(_mm512_setzero_si512(), generator_keys);

    for (unsigned i = 0; i < count; i++) {
        uint8_t *pad = turns[i].pad;
        struct chains s =
            weave(_mm512_loadu_si512(plab_rx_hash_1r_state), _mm512_loadu_si512(turns[i].state));
        for (size_t at = 0; at < pad_bytes; at += 64) {
            __builtin_prefetch(pad + at + PLAB_RX_TURN_AHEAD_BYTES);
            s = round_of(s, weave_line(_mm512_load_si512(pad + at), keys));
            _mm512_store_si512(pad + at, unweave(s.dec, s.enc));
        }
        _mm512_storeu_si512(turns[i].state, unweave(s.dec, s.enc));
        close_hash(s, turns[i].hash);
    }
}
