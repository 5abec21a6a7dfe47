/* SPDX-License-Identifier: BSD-3-Clause */
/* Unaligned little- and big-endian loads and stores, and rotations. All inline. */
#ifndef PLAB_BASE_BYTES_H
#define PLAB_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "powlab's kernels read scratchpads in place and need a little-endian machine"
#endif

static inline uint32_t plab_load32_le(const void *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t plab_load64_le(const void *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void plab_store32_le(void *p, uint32_t v) {
    memcpy(p, &v, sizeof v);
}

static inline void plab_store64_le(void *p, uint64_t v) {
    memcpy(p, &v, sizeof v);
}

static inline uint16_t plab_load16_be(const void *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

static inline void plab_store16_be(void *p, uint16_t v) {
    v = __builtin_bswap16(v);
    memcpy(p, &v, sizeof v);
}

static inline uint32_t plab_load32_be(const void *p) {
    return __builtin_bswap32(plab_load32_le(p));
}

static inline uint64_t plab_load64_be(const void *p) {
    return __builtin_bswap64(plab_load64_le(p));
}

static inline void plab_store32_be(void *p, uint32_t v) {
    plab_store32_le(p, __builtin_bswap32(v));
}

static inline void plab_store64_be(void *p, uint64_t v) {
    plab_store64_le(p, __builtin_bswap64(v));
}

/* Rotations by any amount; the count is taken modulo the width, so 0 is safe. */
static inline uint32_t plab_rotl32(uint32_t v, unsigned n) {
    return (v << (n & 31)) | (v >> (-n & 31));
}

static inline uint32_t plab_rotr32(uint32_t v, unsigned n) {
    return (v >> (n & 31)) | (v << (-n & 31));
}

static inline uint64_t plab_rotl64(uint64_t v, unsigned n) {
    return (v << (n & 63)) | (v >> (-n & 63));
}

static inline uint64_t plab_rotr64(uint64_t v, unsigned n) {
    return (v >> (n & 63)) | (v << (-n & 63));
}

/* High 64 bits of the unsigned and of the signed 128-bit product. */
static inline uint64_t plab_mulh_u64(uint64_t a, uint64_t b) {
    return (uint64_t)(((unsigned __int128)a * b) >> 64);
}

static inline int64_t plab_mulh_i64(int64_t a, int64_t b) {
    return (int64_t)(((__int128)a * b) >> 64);
}

#endif
