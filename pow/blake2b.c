/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/blake2b.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "pow/blake_sigma.h"

/* Initial chaining value, shared with SHA-512. Source: RFC 7693 section 2.6. */
static const uint64_t iv[8] = {
    UINT64_C(0x6A09E667F3BCC908), UINT64_C(0xBB67AE8584CAA73B), UINT64_C(0x3C6EF372FE94F82B),
    UINT64_C(0xA54FF53A5F1D36F1), UINT64_C(0x510E527FADE682D1), UINT64_C(0x9B05688C2B3E6C1F),
    UINT64_C(0x1F83D9ABFB41BD6B), UINT64_C(0x5BE0CD19137E2179),
};

static inline void mix(uint64_t v[16], int a, int b, int c, int d, uint64_t x, uint64_t y) {
    v[a] += v[b] + x;
    v[d] = plab_rotr64(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = plab_rotr64(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = plab_rotr64(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = plab_rotr64(v[b] ^ v[c], 63);
}

static void compress(struct plab_blake2b *ctx, const uint8_t *block, uint64_t last_mask) {
    uint64_t m[16], v[16];
    for (int i = 0; i < 16; i++) {
        m[i] = plab_load64_le(block + 8 * i);
    }
    memcpy(v, ctx->h, sizeof ctx->h);
    memcpy(v + 8, iv, sizeof iv);
    v[12] ^= ctx->length;
    v[14] ^= last_mask;
    for (int round = 0; round < 12; round++) {
        const uint8_t *s = plab_blake_sigma[round % 10];
        mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
        mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
        mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
        mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
        mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
        mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
        mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
        mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (int i = 0; i < 8; i++) {
        ctx->h[i] ^= v[i] ^ v[i + 8];
    }
}

void plab_blake2b_init(struct plab_blake2b *ctx, size_t out_len, const uint8_t *key,
                       size_t key_len) {
    assert(out_len >= 1 && out_len <= PLAB_BLAKE2B_MAX_BYTES && key_len <= PLAB_BLAKE2B_MAX_BYTES);
    memset(ctx, 0, sizeof *ctx);
    memcpy(ctx->h, iv, sizeof iv);
    /* Parameter block word 0: digest length, key length, fan-out 1, depth 1. */
    ctx->h[0] ^= UINT64_C(0x01010000) ^ (uint64_t)key_len << 8 ^ (uint64_t)out_len;
    ctx->out_len = out_len;
    if (key_len > 0) {
        memcpy(ctx->block, key, key_len);
        ctx->fill = PLAB_BLAKE2B_BLOCK_BYTES;
    }
}

void plab_blake2b_update(struct plab_blake2b *ctx, const void *data, size_t len) {
    const uint8_t *p = data;
    while (len > 0) {
        /* A full block waits for more: the last one is compressed with another flag. */
        if (ctx->fill == sizeof ctx->block) {
            ctx->length += sizeof ctx->block;
            compress(ctx, ctx->block, 0);
            ctx->fill = 0;
        }
        size_t n = sizeof ctx->block - ctx->fill;
        n = len < n ? len : n;
        memcpy(ctx->block + ctx->fill, p, n);
        ctx->fill += n;
        p += n;
        len -= n;
    }
}

void plab_blake2b_final(struct plab_blake2b *ctx, uint8_t *out) {
    memset(ctx->block + ctx->fill, 0, sizeof ctx->block - ctx->fill);
    ctx->length += ctx->fill;
    compress(ctx, ctx->block, UINT64_MAX);
    memcpy(out, ctx->h, ctx->out_len); /* little-endian words, as the hash wants them */
}

void plab_blake2b_hash(uint8_t *out, size_t out_len, const void *data, size_t len) {
    struct plab_blake2b ctx;
    plab_blake2b_init(&ctx, out_len, NULL, 0);
    plab_blake2b_update(&ctx, data, len);
    plab_blake2b_final(&ctx, out);
}
