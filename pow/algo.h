/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The algorithms powlab knows, as data: one row each, found by the field's names.
 */
#ifndef PLAB_POW_ALGO_H
#define PLAB_POW_ALGO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/status.h"

#define PLAB_HASH_BYTES 32

/* Largest hashing blob a hasher takes: pools stay under 408 bytes; this leaves room for tests. */
#define PLAB_INPUT_MAX_BYTES 4096

/* Byte offset and size of the nonce in a Monero-style hashing blob; PLAB_NONCE_OFFSET_MAX is the
 * largest offset of any algorithm. */
#define PLAB_NONCE_OFFSET 39
#define PLAB_NONCE_OFFSET_MAX 147
#define PLAB_NONCE_BYTES 4

/* Longest RandomX key (seed): longer ones would be cut by the superscalar generator, so they are
 * refused. Source: [RXSPEC] section 2. */
#define PLAB_RX_KEY_MAX_BYTES 60

enum plab_family {
    PLAB_FAMILY_CRYPTONIGHT,
    PLAB_FAMILY_RANDOMX,
};

struct plab_cn_params; /* pow/cryptonight.h */
struct plab_rx_params; /* pow/randomx.h */

struct plab_algo {
    const char *name; /* "cn/r", "rx/0" */
    const char *note; /* where it was or is used, a few words */
    enum plab_family family;
    size_t scratchpad_bytes;  /* per hash in flight */
    uint32_t min_input_bytes; /* shorter input is an error (cn/1: 43) */
    uint32_t nonce_offset;    /* in the blob: PLAB_NONCE_OFFSET, but for rx/yada */
    bool needs_height;        /* cn/r: the program depends on the block height */
    bool needs_seed;          /* RandomX: cache and dataset depend on a key */
    bool has_commitment;      /* rx/2: the value compared with the target is the commitment */
    bool no_pool; /* rx/yada: its pools and blobs differ from the others' in more than the nonce */
    const struct plab_cn_params *cn; /* NULL unless PLAB_FAMILY_CRYPTONIGHT */
    const struct plab_rx_params *rx; /* NULL unless PLAB_FAMILY_RANDOMX */
};

/* All algorithms, `*count` of them, in the order in which they are listed to people. */
const struct plab_algo *plab_algo_list(size_t *count);

/* The algorithm of that exact name, or PLAB_E_USAGE with a text that suggests the nearest one. */
PLAB_NODISCARD enum plab_status plab_algo_find(const char *name, const struct plab_algo **out,
                                               struct plab_error *err);

/* PLAB_E_USAGE, with the reason, for an algorithm that powlab can't mine or serve jobs for. */
PLAB_NODISCARD enum plab_status plab_algo_check_pool(const struct plab_algo *algo,
                                                     struct plab_error *err);

#endif
