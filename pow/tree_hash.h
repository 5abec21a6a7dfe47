/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CryptoNote's hash of data, and of the transactions of a block.
 * Source: CryptoNote standard 003 and "CryptoNote v2.0" section on tree hash; Monero's tree-hash.c
 * decides where they differ.
 */
#ifndef PLAB_POW_TREE_HASH_H
#define PLAB_POW_TREE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* cn_fast_hash: Keccak-256 with the original padding. `out` may overlap `data`. */
void plab_cn_fast_hash(const uint8_t *data, size_t len, uint8_t out[32]);

/* Root of the tree over `count` hashes (1 or more). `hashes` is used as work space: its content is
 * lost. `out` may not overlap it. */
void plab_tree_hash(uint8_t (*hashes)[32], size_t count, uint8_t out[32]);

#endif
