/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A simulated chain: block templates without a daemon, valid in form, equal for equal seeds.
 *
 * A template parses as a Monero block of the algorithm's era, with a random number of transaction
 * hashes. A block that a miner finds becomes the next template's parent, so heights, ids and
 * RandomX seeds move as on a real chain. Nothing here knows time or networks.
 */
#ifndef PLAB_POOL_CHAIN_H
#define PLAB_POOL_CHAIN_H

#include "base/prng.h"
#include "daemon/template.h"
#include "pow/algo.h"

struct plab_chain_config {
    const struct plab_algo *algo; /* borrowed */
    uint64_t prng_seed;
    uint64_t start_height;
    uint64_t difficulty;   /* a share that meets it is a block */
    uint64_t epoch_blocks; /* blocks between two RandomX seeds; 0: one seed for ever */
    unsigned tx_max;       /* most transaction hashes in a template */
    uint64_t instance;     /* of the pool, for extra nonces */
};

struct plab_chain {
    struct plab_chain_config config;
    struct plab_prng prng;
    uint64_t height; /* of the next block */
    uint8_t tip[PLAB_BLOCK_ID_BYTES];
    uint64_t epochs_skipped;
};

/* Starts a chain at `config->start_height`. */
void plab_chain_init(struct plab_chain *chain, const struct plab_chain_config *config);

/* A new template on the tip, with other transactions each time. `unix_s` is its time stamp. Returns
 * owned (one reference). PLAB_E_NOMEM; PLAB_E_INPUT for a time before 1978 or after 3058, whose
 * varint would move the nonce. */
PLAB_NODISCARD enum plab_status plab_chain_template(struct plab_chain *chain, uint64_t unix_s,
                                                    struct plab_template **out,
                                                    struct plab_error *err);

/* The tip becomes that block. */
void plab_chain_advance(struct plab_chain *chain, const uint8_t id[PLAB_BLOCK_ID_BYTES]);

/* From the next template on, the RandomX seed is the one that would have come after it. */
void plab_chain_next_seed(struct plab_chain *chain);

/* Number of seed changes before `height`. */
uint64_t plab_chain_epoch(const struct plab_chain_config *config, uint64_t height);

/* How many blocks ahead of a change the next seed is announced: a quarter of an epoch, 1 to 64. */
uint64_t plab_chain_lead(const struct plab_chain_config *config);

#endif
