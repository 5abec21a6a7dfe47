/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AES keys of RandomX, shared by the portable and the instruction-set kernels. Each row is 16 bytes
 * as two little-endian words, so that a row can be loaded as it stands. Source: [RXSPEC] 3.2
 * to 3.4; tests/core/test_rx_aes.c derives them from their labels.
 */
#ifndef PLAB_POW_RX_AES_KEYS_H
#define PLAB_POW_RX_AES_KEYS_H

#include <stdint.h>

/* How far ahead kernels of rx_turn_1r fetch. Measured on Sapphire Rapids: from 1 KiB on the pass is
 * bound by what the caches can move, nearer is slower. */
#define PLAB_RX_TURN_AHEAD_BYTES 2048

/* Hash512("RandomX AesGenerator1R keys"): one key a column. */
extern const uint64_t plab_rx_gen_1r_keys[4][2];

/* Hash512("RandomX AesGenerator4R keys 0-3"), Hash512("... keys 4-7"): columns 0, 1 and 2, 3. */
extern const uint64_t plab_rx_gen_4r_keys[8][2];

/* Hash512("RandomX AesGenerator4R keys"), twice: the keys before the columns got different ones, of
 * rx/wow. */
extern const uint64_t plab_rx_gen_4r_four_keys[8][2];

/* Hash512("RandomX AesHash1R state"): the first state. */
extern const uint64_t plab_rx_hash_1r_state[4][2];

/* Hash256("RandomX AesHash1R xkeys"): keys of the two closing rounds. */
extern const uint64_t plab_rx_hash_1r_extra_keys[2][2];

#endif
