/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One 128-bit vector with AES rounds, under the same names on x86-64 (SSE4.1 + AES-NI) and AArch64
 * (NEON + crypto extensions), so that a kernel's body is written once and compiled for both.
 *
 * Only files whose suffix switches the instructions on (_aesni, _ce) may include this header. All
 * is inline: nothing here can leak into a portable object. "aligned" pointers are 16-byte aligned.
 *
 * Sources: Intel SDM volume 2, AESENC, AESDEC, AESKEYGENASSIST; Arm ARM, AESE, AESMC, AESD, AESIMC.
 */
#ifndef PLAB_ARCH_V128_H
#define PLAB_ARCH_V128_H

#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"

#if defined(__x86_64__)

#include <immintrin.h>

typedef __m128i v128;

static PLAB_ALWAYS_INLINE v128 v128_load(const void *aligned) {
    return _mm_load_si128(aligned);
}

static PLAB_ALWAYS_INLINE v128 v128_loadu(const void *p) {
    return _mm_loadu_si128(p);
}

static PLAB_ALWAYS_INLINE void v128_store(void *aligned, v128 x) {
    _mm_store_si128(aligned, x);
}

static PLAB_ALWAYS_INLINE void v128_storeu(void *p, v128 x) {
    _mm_storeu_si128(p, x);
}

static PLAB_ALWAYS_INLINE v128 v128_set(uint64_t lo, uint64_t hi) {
    return _mm_set_epi64x((long long)hi, (long long)lo);
}

static PLAB_ALWAYS_INLINE uint64_t v128_lo(v128 x) {
    return (uint64_t)_mm_cvtsi128_si64(x);
}

static PLAB_ALWAYS_INLINE uint64_t v128_hi(v128 x) {
    return (uint64_t)_mm_extract_epi64(x, 1);
}

static PLAB_ALWAYS_INLINE v128 v128_xor(v128 a, v128 b) {
    return _mm_xor_si128(a, b);
}

static PLAB_ALWAYS_INLINE v128 v128_add64(v128 a, v128 b) {
    return _mm_add_epi64(a, b);
}

/* One AES encryption round: ShiftRows, SubBytes, MixColumns, xor `key`. */
static PLAB_ALWAYS_INLINE v128 v128_aesenc(v128 x, v128 key) {
    return _mm_aesenc_si128(x, key);
}

/* Rounds in a chain. On Arm the key of a round is owed to the value until the next round, whose
 * instruction xors it in for nothing: v128_settle() makes the true value of one that owes a key, or
 * the other way round. On x86 a round pays at once. `key` is what the result owes. */
static PLAB_ALWAYS_INLINE v128 v128_settle(v128 x, v128 owed) {
    (void)owed;
    return x;
}

static PLAB_ALWAYS_INLINE v128 v128_enc_next(v128 x, v128 owed, v128 key) {
    (void)owed;
    return _mm_aesenc_si128(x, key);
}

static PLAB_ALWAYS_INLINE v128 v128_dec_next(v128 x, v128 owed, v128 key) {
    (void)owed;
    return _mm_aesdec_si128(x, key);
}

/* AES S-box on each of the four bytes. AESKEYGENASSIST substitutes word 1 into word 0. */
static PLAB_ALWAYS_INLINE uint32_t v128_sub_word(uint32_t word) {
    v128 in_word1 = _mm_cvtsi64_si128((long long)((uint64_t)word << 32));
    return (uint32_t)_mm_cvtsi128_si32(_mm_aeskeygenassist_si128(in_word1, 0));
}

#elif defined(__aarch64__)

#include <arm_neon.h>

typedef uint8x16_t v128;

static PLAB_ALWAYS_INLINE v128 v128_loadu(const void *p) {
    return vld1q_u8(p);
}

static PLAB_ALWAYS_INLINE void v128_storeu(void *p, v128 x) {
    vst1q_u8(p, x);
}

/* NEON's loads and stores are the same for any alignment. */
static PLAB_ALWAYS_INLINE v128 v128_load(const void *aligned) {
    return v128_loadu(aligned);
}

static PLAB_ALWAYS_INLINE void v128_store(void *aligned, v128 x) {
    v128_storeu(aligned, x);
}

static PLAB_ALWAYS_INLINE v128 v128_set(uint64_t lo, uint64_t hi) {
    return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(lo), vcreate_u64(hi)));
}

static PLAB_ALWAYS_INLINE uint64_t v128_lo(v128 x) {
    return vgetq_lane_u64(vreinterpretq_u64_u8(x), 0);
}

static PLAB_ALWAYS_INLINE uint64_t v128_hi(v128 x) {
    return vgetq_lane_u64(vreinterpretq_u64_u8(x), 1);
}

static PLAB_ALWAYS_INLINE v128 v128_xor(v128 a, v128 b) {
    return veorq_u8(a, b);
}

static PLAB_ALWAYS_INLINE v128 v128_add64(v128 a, v128 b) {
    return vreinterpretq_u8_u64(vaddq_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
}

/* AESE xors its key first and has no MixColumns: a zero key, AESMC and a late xor make the x86
 * round. In a chain of rounds the compiler folds the xor into the next AESE. */
static PLAB_ALWAYS_INLINE v128 v128_aesenc(v128 x, v128 key) {
    return veorq_u8(vaesmcq_u8(vaeseq_u8(x, vdupq_n_u8(0))), key);
}

static PLAB_ALWAYS_INLINE v128 v128_settle(v128 x, v128 owed) {
    return veorq_u8(x, owed);
}

static PLAB_ALWAYS_INLINE v128 v128_enc_next(v128 x, v128 owed, v128 key) {
    (void)key;
    return vaesmcq_u8(vaeseq_u8(x, owed));
}

static PLAB_ALWAYS_INLINE v128 v128_dec_next(v128 x, v128 owed, v128 key) {
    (void)key;
    return vaesimcq_u8(vaesdq_u8(x, owed));
}

/* With four equal columns ShiftRows moves nothing, so AESE is the S-box alone. */
static PLAB_ALWAYS_INLINE uint32_t v128_sub_word(uint32_t word) {
    v128 columns = vreinterpretq_u8_u32(vdupq_n_u32(word));
    return vgetq_lane_u32(vreinterpretq_u32_u8(vaeseq_u8(columns, vdupq_n_u8(0))), 0);
}

#else
#error "arch/v128.h has no vectors for this architecture"
#endif

#endif
