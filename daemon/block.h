/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A Monero block template as bytes: where its parts are, its hashing blob, its id.
 *
 * Layout: header (varint major, varint minor, varint timestamp, prev id, nonce), miner transaction,
 * varint number of further transactions, their hashes. Nothing is copied: a struct plab_block holds
 * offsets into the blob that it was parsed from, all proven to lie inside.
 *
 * Source: monero@0aa9c51b:src/cryptonote_basic/cryptonote_basic.h (block, transaction),
 * cryptonote_format_utils.cpp (hashes), src/common/varint.h.
 */
#ifndef PLAB_DAEMON_BLOCK_H
#define PLAB_DAEMON_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_BLOCK_ID_BYTES 32
#define PLAB_BLOCK_NONCE_BYTES 4

/* Longest hashing blob: three varints of at most 10 bytes, prev id, nonce, root, varint count. */
#define PLAB_BLOCK_HASHING_MAX 108

/* Enough levels for any number of transactions whose hashes fit a blob. */
#define PLAB_BLOCK_BRANCH_MAX 32

struct plab_block {
    size_t len; /* of the whole blob */
    uint64_t major, minor, timestamp;
    size_t prev_id_at; /* 32 bytes */
    size_t nonce_at;   /* 4 bytes */
    size_t header_len; /* up to and including the nonce */
    size_t miner_tx_at, miner_tx_len;
    uint64_t miner_tx_version, unlock_time, height;
    size_t outputs;
    size_t extra_at, extra_len;             /* contents, without the length */
    size_t nonce_field_at, nonce_field_len; /* contents of extra's first tag 02; 0, 0 if none */
    uint64_t tx_count;                      /* without the miner transaction */
    size_t tx_hashes_at;
};

/* The siblings on the way from the miner transaction to the tree's root, leaf first. */
struct plab_block_branch {
    size_t depth;
    uint8_t hashes[PLAB_BLOCK_BRANCH_MAX][PLAB_BLOCK_ID_BYTES];
};

/* Parses a whole block: every byte must be accounted for. Accepts miner transactions of version 1
 * and 2 with outputs to a key (tag 02) or a tagged key (tag 03). PLAB_E_INPUT names what is wrong
 * and where. */
PLAB_NODISCARD enum plab_status plab_block_parse(const uint8_t *blob, size_t len,
                                                 struct plab_block *out, struct plab_error *err);

/* PLAB_OK when `len` bytes at offset `at` lie within the extra nonce (tag 02) of the miner
 * transaction, so that they may be overwritten; else PLAB_E_INPUT. */
PLAB_NODISCARD enum plab_status plab_block_check_reserved(const struct plab_block *block, size_t at,
                                                          size_t len, struct plab_error *err);

/* Hash of the miner transaction as it stands in `blob`: keccak of all of it (version 1), or of the
 * three hashes of prefix, empty signatures and nothing (version 2). */
void plab_block_miner_tx_hash(const struct plab_block *block, const uint8_t *blob,
                              uint8_t out[PLAB_BLOCK_ID_BYTES]);

/* Computes the miner transaction's branch once, so that a new extra nonce costs a few hashes
 * however many transactions the block has. PLAB_E_NOMEM only. */
PLAB_NODISCARD enum plab_status plab_block_branch_make(const struct plab_block *block,
                                                       const uint8_t *blob,
                                                       struct plab_block_branch *out);

/* Writes the hashing blob (header, tree root, varint number of transactions with the miner's) of
 * `blob` as it stands and returns its length, 76 bytes for a usual block. */
size_t plab_block_hashing_blob(const struct plab_block *block, const uint8_t *blob,
                               const struct plab_block_branch *branch,
                               uint8_t out[PLAB_BLOCK_HASHING_MAX]);

/* Block id of a hashing blob: keccak(varint length || hashing blob). */
void plab_block_id(const uint8_t *hashing_blob, size_t len, uint8_t out[PLAB_BLOCK_ID_BYTES]);

/* True when hash * difficulty < 2^256, the network's rule. Difficulty 0 is met by nothing.
 * Source: monero@0aa9c51b:src/cryptonote_basic/difficulty.cpp, check_hash. */
bool plab_block_difficulty_met(const uint8_t hash[PLAB_BLOCK_ID_BYTES], uint64_t difficulty);

/* Writes `value` as a varint (7 bits a byte, lowest first, at most 10 bytes); returns the length.
 */
size_t plab_varint_write(uint64_t value, uint8_t out[10]);

/* Reads a varint; PLAB_E_INPUT when it is cut off, longer than needed or above 2^64 - 1. */
PLAB_NODISCARD enum plab_status plab_varint_read(const uint8_t *bytes, size_t len, size_t *used,
                                                 uint64_t *value);

#endif
