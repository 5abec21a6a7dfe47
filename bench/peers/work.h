/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The work that both sides of `make bench-peers` are given: the same key, the same inputs.
 */
#ifndef PLAB_BENCH_PEERS_WORK_H
#define PLAB_BENCH_PEERS_WORK_H

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "pow/algo.h"

/* A hashing blob of zeros with a nonce at PLAB_NONCE_OFFSET. */
#define PLAB_PEERS_BLOB_BYTES 76

/* Hashes of a batch: shares that a pool verifies together. */
#define PLAB_PEERS_BATCH 8

/* How the hashes of nonces first .. first + count - 1 are asked for. */
enum plab_peers_style {
    PLAB_PEERS_STREAM,  /* all are known: as a miner works, pipelined where the side can */
    PLAB_PEERS_SINGLE,  /* the next one is only told when this one is done: one share verified */
    PLAB_PEERS_BATCHES, /* PLAB_PEERS_BATCH are known at a time */
};

static inline void plab_peers_input(uint8_t blob[PLAB_PEERS_BLOB_BYTES], uint32_t nonce) {
    memset(blob, 0, PLAB_PEERS_BLOB_BYTES);
    plab_store32_le(blob + PLAB_NONCE_OFFSET, nonce);
}

#endif
