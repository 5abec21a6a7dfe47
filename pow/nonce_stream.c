/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/nonce_stream.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

void plab_nonce_stream_init(struct plab_nonce_stream *stream, const struct plab_algo *algo,
                            struct plab_hasher *hasher, unsigned lanes, const uint8_t *blob,
                            size_t blob_len) {
    assert(blob_len <= PLAB_STREAM_BLOB_MAX && lanes <= PLAB_RX_LANES_MAX);
    stream->algo = algo;
    stream->hasher = hasher;
    stream->lanes = lanes;
    stream->blob_len = blob_len;
    stream->count = 0;
    for (unsigned i = 0; i < lanes; i++) {
        memcpy(stream->blob[i], blob, blob_len);
    }
}

static void set_nonce(struct plab_nonce_stream *stream, unsigned lane, uint32_t nonce) {
    plab_store32_le(stream->blob[lane] + stream->algo->nonce_offset, nonce);
}

/* Inputs with these nonces. */
static void make_inputs(struct plab_nonce_stream *stream, const uint32_t *nonces, unsigned count,
                        struct plab_hash_input *inputs) {
    for (unsigned i = 0; i < count; i++) {
        set_nonce(stream, i, nonces[i]);
        inputs[i] = (struct plab_hash_input){stream->blob[i], stream->blob_len};
    }
}

static void begin(struct plab_nonce_stream *stream, const uint32_t *nonces, unsigned count) {
    struct plab_hash_input inputs[PLAB_RX_LANES_MAX];
    make_inputs(stream, nonces, count, inputs);
    plab_hasher_start(stream->hasher, inputs, count);
    memcpy(stream->nonce, nonces, count * sizeof *nonces);
    stream->count = count;
}

unsigned plab_nonce_stream_next(struct plab_nonce_stream *stream, plab_nonces_fn *take,
                                void *cookie, struct plab_stream_hash *out) {
    uint32_t next[PLAB_RX_LANES_MAX];
    uint8_t hashes[PLAB_RX_LANES_MAX][PLAB_HASH_BYTES];
    struct plab_hash_input inputs[PLAB_RX_LANES_MAX];
    if (stream->count == 0) {
        unsigned first = take(cookie, next, stream->lanes);
        if (first == 0) {
            return 0;
        }
        begin(stream, next, first);
    }
    const unsigned count = stream->count;
    const unsigned taken = take(cookie, next, count);
    make_inputs(stream, next, taken, inputs);
    plab_hasher_next(stream->hasher, taken == count ? inputs : NULL, hashes);
    for (unsigned i = 0; i < count; i++) {
        out[i].nonce = stream->nonce[i];
        memcpy(out[i].hash, hashes[i], PLAB_HASH_BYTES);
        set_nonce(stream, i, out[i].nonce);
        plab_algo_pow_value(stream->algo, stream->blob[i], stream->blob_len, out[i].hash,
                            out[i].pow_value);
    }
    memcpy(stream->nonce, next, taken * sizeof *next);
    stream->count = taken;
    if (taken > 0 && taken < count) {
        begin(stream, next, taken); /* the last group, smaller than the others */
    }
    return count;
}
