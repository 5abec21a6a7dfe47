/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pow/tree_hash.h"

#define TAG_GENESIS_INPUT 0xff
#define TAG_KEY_OUTPUT 0x02
#define TAG_TAGGED_KEY_OUTPUT 0x03
#define EXTRA_PADDING 0x00
#define EXTRA_PUBLIC_KEY 0x01
#define EXTRA_NONCE 0x02
#define EXTRA_MERGE_MINING 0x03
#define EXTRA_ADDITIONAL_KEYS 0x04
#define KEY_BYTES 32

size_t plab_varint_write(uint64_t value, uint8_t out[10]) {
    size_t at = 0;
    while (value >= 0x80) {
        out[at++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[at++] = (uint8_t)value;
    return at;
}

enum plab_status plab_varint_read(const uint8_t *bytes, size_t len, size_t *used, uint64_t *value) {
    uint64_t sum = 0;
    for (size_t i = 0; i < len && i < 10; i++) {
        uint64_t part = bytes[i] & 0x7f;
        if ((i == 9 && part > 1) || (i > 0 && bytes[i] == 0)) {
            return PLAB_E_INPUT;
        }
        sum |= part << (7 * i);
        if ((bytes[i] & 0x80) == 0) {
            *used = i + 1;
            *value = sum;
            return PLAB_OK;
        }
    }
    return PLAB_E_INPUT;
}

/* A cursor over untrusted bytes: after a failure nothing moves any more, so that a parser may check
 * once at the end of each part. */
struct reader {
    const uint8_t *bytes;
    size_t len, at;
    const char *failed; /* what could not be read, or NULL */
};

static uint64_t read_varint(struct reader *r, const char *what) {
    size_t used = 0;
    uint64_t value = 0;
    if (r->failed != NULL) {
        return 0;
    }
    if (plab_varint_read(r->bytes + r->at, r->len - r->at, &used, &value) != PLAB_OK) {
        r->failed = what;
        return 0;
    }
    r->at += used;
    return value;
}

static uint8_t read_byte(struct reader *r, const char *what) {
    if (r->failed != NULL) {
        return 0;
    }
    if (r->at == r->len) {
        r->failed = what;
        return 0;
    }
    return r->bytes[r->at++];
}

static size_t skip(struct reader *r, uint64_t count, const char *what) {
    size_t start = r->at;
    if (r->failed == NULL && count > r->len - r->at) {
        r->failed = what;
    }
    if (r->failed == NULL) {
        r->at += (size_t)count;
    }
    return start;
}

static void expect_byte(struct reader *r, uint8_t want, const char *what) {
    if (read_byte(r, what) != want && r->failed == NULL) {
        r->failed = what;
    }
}

static void parse_header(struct reader *r, struct plab_block *out) {
    out->major = read_varint(r, "major version");
    out->minor = read_varint(r, "minor version");
    out->timestamp = read_varint(r, "timestamp");
    out->prev_id_at = skip(r, PLAB_BLOCK_ID_BYTES, "previous block id");
    out->nonce_at = skip(r, PLAB_BLOCK_NONCE_BYTES, "nonce");
    out->header_len = r->at;
}

static void parse_outputs(struct reader *r, struct plab_block *out) {
    uint64_t count = read_varint(r, "number of outputs");
    for (uint64_t i = 0; i < count && r->failed == NULL; i++) {
        read_varint(r, "output amount");
        uint8_t tag = read_byte(r, "output type");
        if (tag != TAG_KEY_OUTPUT && tag != TAG_TAGGED_KEY_OUTPUT && r->failed == NULL) {
            r->failed = "output type (neither key nor tagged key)";
        }
        skip(r, KEY_BYTES + (tag == TAG_TAGGED_KEY_OUTPUT ? 1u : 0u), "output key");
    }
    out->outputs = (size_t)count;
}

/* Looks for the first extra nonce. Extra is free-form: what can't be understood ends the search and
 * is no error. */
static void find_nonce_field(const uint8_t *blob, struct plab_block *out) {
    struct reader r = {.bytes = blob, .len = out->extra_at + out->extra_len, .at = out->extra_at};
    while (r.failed == NULL && r.at < r.len) {
        uint64_t field_len;
        switch (read_byte(&r, "tag")) {
        case EXTRA_PADDING:
            break;
        case EXTRA_PUBLIC_KEY:
            skip(&r, KEY_BYTES, "key");
            break;
        case EXTRA_NONCE:
            field_len = read_varint(&r, "length");
            out->nonce_field_at = skip(&r, field_len, "nonce");
            if (r.failed == NULL) {
                out->nonce_field_len = (size_t)field_len;
                return;
            }
            out->nonce_field_at = 0;
            return;
        case EXTRA_MERGE_MINING:
            field_len = read_varint(&r, "length");
            skip(&r, field_len, "merge mining");
            break;
        case EXTRA_ADDITIONAL_KEYS:
            field_len = read_varint(&r, "count");
            skip(&r, field_len <= r.len / KEY_BYTES ? field_len * KEY_BYTES : r.len, "keys");
            break;
        default:
            return;
        }
    }
}

static void parse_miner_tx(struct reader *r, struct plab_block *out) {
    out->miner_tx_at = r->at;
    out->miner_tx_version = read_varint(r, "transaction version");
    if (r->failed == NULL && (out->miner_tx_version < 1 || out->miner_tx_version > 2)) {
        r->failed = "transaction version (neither 1 nor 2)";
    }
    out->unlock_time = read_varint(r, "unlock time");
    expect_byte(r, 1, "number of inputs (not 1)");
    expect_byte(r, TAG_GENESIS_INPUT, "input type (not that of a miner transaction)");
    out->height = read_varint(r, "height");
    parse_outputs(r, out);
    out->extra_len = (size_t)read_varint(r, "length of extra");
    out->extra_at = skip(r, out->extra_len, "extra");
    if (out->miner_tx_version == 2) {
        expect_byte(r, 0, "signature type (not 0)");
    }
    out->miner_tx_len = r->at - out->miner_tx_at;
    if (r->failed == NULL) {
        find_nonce_field(r->bytes, out);
    }
}

static void parse_tx_hashes(struct reader *r, struct plab_block *out) {
    out->tx_count = read_varint(r, "number of transactions");
    out->tx_hashes_at = r->at;
    if (r->failed == NULL && out->tx_count > (r->len - r->at) / PLAB_BLOCK_ID_BYTES) {
        r->failed = "transaction hashes";
        return;
    }
    skip(r, out->tx_count * PLAB_BLOCK_ID_BYTES, "transaction hashes");
    if (r->failed == NULL && r->at != r->len) {
        r->failed = "end (there are more bytes)";
    }
}

enum plab_status plab_block_parse(const uint8_t *blob, size_t len, struct plab_block *out,
                                  struct plab_error *err) {
    struct reader r = {.bytes = blob, .len = len};
    memset(out, 0, sizeof *out);
    out->len = len;
    parse_header(&r, out);
    parse_miner_tx(&r, out);
    parse_tx_hashes(&r, out);
    if (r.failed != NULL) {
        memset(out, 0, sizeof *out);
        return plab_fail(err, PLAB_E_INPUT, "block template of %zu bytes: bad %s at offset %zu",
                         len, r.failed, r.at);
    }
    return PLAB_OK;
}

enum plab_status plab_block_check_reserved(const struct plab_block *block, size_t at, size_t len,
                                           struct plab_error *err) {
    size_t end = block->nonce_field_at + block->nonce_field_len;
    if (at < block->nonce_field_at || at > end || len > end - at) {
        return plab_fail(err, PLAB_E_INPUT,
                         "reserved offset %zu with %zu bytes is outside the extra nonce (%zu bytes "
                         "at %zu) of the miner transaction",
                         at, len, block->nonce_field_len, block->nonce_field_at);
    }
    return PLAB_OK;
}

/* Of the signatures of a transaction that has none, a zero byte: every miner transaction's, and
 * each job of each session needs it. */
#define NO_SIGNATURES_LEN 1
static const uint8_t no_signatures_hash[PLAB_BLOCK_ID_BYTES] = {
    0xbc, 0x36, 0x78, 0x9e, 0x7a, 0x1e, 0x28, 0x14, 0x36, 0x46, 0x42, 0x29, 0x82, 0x8f, 0x81, 0x7d,
    0x66, 0x12, 0xf7, 0xb4, 0x77, 0xd6, 0x65, 0x91, 0xff, 0x96, 0xa9, 0xe0, 0x64, 0xbc, 0xc9, 0x8a};

void plab_block_miner_tx_hash(const struct plab_block *block, const uint8_t *blob,
                              uint8_t out[PLAB_BLOCK_ID_BYTES]) {
    const uint8_t *tx = blob + block->miner_tx_at;
    if (block->miner_tx_version == 1) {
        plab_cn_fast_hash(tx, block->miner_tx_len, out);
        return;
    }
    uint8_t parts[3 * PLAB_BLOCK_ID_BYTES] = {0};
    plab_cn_fast_hash(tx, block->miner_tx_len - NO_SIGNATURES_LEN, parts);
    memcpy(parts + PLAB_BLOCK_ID_BYTES, no_signatures_hash, sizeof no_signatures_hash);
    plab_cn_fast_hash(parts, sizeof parts, out);
}

/* Largest power of two below `count`; `count` > 2. */
static size_t power_below(size_t count) {
    size_t power = 2;
    while (power * 2 < count) {
        power *= 2;
    }
    return power;
}

static void hash_pair(const uint8_t *pair, uint8_t *out) {
    uint8_t joined[2 * PLAB_BLOCK_ID_BYTES];
    memcpy(joined, pair, sizeof joined);
    plab_cn_fast_hash(joined, sizeof joined, out);
}

static void add_sibling(struct plab_block_branch *branch, const uint8_t *leaves) {
    assert(branch->depth < PLAB_BLOCK_BRANCH_MAX);
    memcpy(branch->hashes[branch->depth++], leaves + PLAB_BLOCK_ID_BYTES, PLAB_BLOCK_ID_BYTES);
}

/* Reduces `count` leaves in place and notes the second one of each level: the miner transaction is
 * the leftmost leaf, so its sibling always stands to its right. Its own hash never matters. */
static void reduce(uint8_t *leaves, size_t count, struct plab_block_branch *branch) {
    if (count > 2) {
        /* The first level is uneven: some leaves at the front rise by themselves. */
        size_t width = power_below(count);
        size_t kept = 2 * width - count;
        if (kept == 0) {
            add_sibling(branch, leaves);
        }
        for (size_t from = kept, to = kept; to < width; from += 2, to++) {
            hash_pair(leaves + from * PLAB_BLOCK_ID_BYTES, leaves + to * PLAB_BLOCK_ID_BYTES);
        }
        count = width;
    }
    while (count > 1) {
        add_sibling(branch, leaves);
        count /= 2;
        for (size_t i = 0; i < count; i++) {
            hash_pair(leaves + 2 * i * PLAB_BLOCK_ID_BYTES, leaves + i * PLAB_BLOCK_ID_BYTES);
        }
    }
}

enum plab_status plab_block_branch_make(const struct plab_block *block, const uint8_t *blob,
                                        struct plab_block_branch *out) {
    size_t hashes_len = (size_t)block->tx_count * PLAB_BLOCK_ID_BYTES;
    uint8_t *leaves = calloc(1, PLAB_BLOCK_ID_BYTES + hashes_len);
    out->depth = 0;
    if (leaves == NULL) {
        return PLAB_E_NOMEM;
    }
    memcpy(leaves + PLAB_BLOCK_ID_BYTES, blob + block->tx_hashes_at, hashes_len);
    reduce(leaves, (size_t)block->tx_count + 1, out);
    free(leaves);
    return PLAB_OK;
}

size_t plab_block_hashing_blob(const struct plab_block *block, const uint8_t *blob,
                               const struct plab_block_branch *branch,
                               uint8_t out[PLAB_BLOCK_HASHING_MAX]) {
    uint8_t pair[2 * PLAB_BLOCK_ID_BYTES];
    plab_block_miner_tx_hash(block, blob, pair);
    for (size_t i = 0; i < branch->depth; i++) {
        memcpy(pair + PLAB_BLOCK_ID_BYTES, branch->hashes[i], PLAB_BLOCK_ID_BYTES);
        plab_cn_fast_hash(pair, sizeof pair, pair);
    }
    size_t at = block->header_len;
    memcpy(out, blob, at);
    memcpy(out + at, pair, PLAB_BLOCK_ID_BYTES);
    at += PLAB_BLOCK_ID_BYTES;
    return at + plab_varint_write(block->tx_count + 1, out + at);
}

void plab_block_id(const uint8_t *hashing_blob, size_t len, uint8_t out[PLAB_BLOCK_ID_BYTES]) {
    uint8_t bytes[10 + PLAB_BLOCK_HASHING_MAX];
    assert(len <= PLAB_BLOCK_HASHING_MAX);
    size_t at = plab_varint_write(len, bytes);
    memcpy(bytes + at, hashing_blob, len);
    plab_cn_fast_hash(bytes, at + len, out);
}

bool plab_block_difficulty_met(const uint8_t hash[PLAB_BLOCK_ID_BYTES], uint64_t difficulty) {
    uint64_t carry = 0;
    for (size_t word = 0; word < 4; word++) {
        unsigned __int128 product =
            (unsigned __int128)plab_load64_le(hash + 8 * word) * difficulty + carry;
        carry = (uint64_t)(product >> 64);
    }
    return difficulty != 0 && carry == 0;
}
