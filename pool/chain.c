/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/chain.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pow/tree_hash.h"

#define UNLOCK_BLOCKS 60 /* a miner's reward is locked for that many blocks */
#define TAGGED_KEYS_SINCE 15
#define REWARD_ATOMIC UINT64_C(600000000000)
#define FIXED_PART_MAX 256 /* bytes of a template without its transaction hashes */

/* Block version in which the network used an algorithm, so that miners that go by the version agree
 * with those that go by name. Source: monero@0aa9c51b:src/hardforks/hardforks.cpp. */
static uint8_t major_version(const struct plab_algo *algo) {
    static const struct {
        const char *name;
        uint8_t major;
    } eras[] = {{"cn/0", 6}, {"cn/1", 7}, {"cn/2", 8}, {"cn/r", 10}, {"rx/0", 16}, {"rx/2", 17}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(eras); i++) {
        if (strcmp(algo->name, eras[i].name) == 0) {
            return eras[i].major;
        }
    }
    return algo->family == PLAB_FAMILY_RANDOMX ? 16 : 7;
}

/* A 32-byte value that depends on the chain's seed, a purpose and a number only. */
static void derive(const struct plab_chain_config *config, const char purpose[8], uint64_t number,
                   uint8_t out[PLAB_BLOCK_ID_BYTES]) {
    uint8_t bytes[24];
    memcpy(bytes, purpose, 8);
    plab_store64_le(bytes + 8, config->prng_seed);
    plab_store64_le(bytes + 16, number);
    plab_cn_fast_hash(bytes, sizeof bytes, out);
}

void plab_chain_init(struct plab_chain *chain, const struct plab_chain_config *config) {
    memset(chain, 0, sizeof *chain);
    chain->config = *config;
    chain->prng.state = config->prng_seed;
    chain->height = config->start_height;
    derive(config, "genesis", config->start_height, chain->tip);
}

uint64_t plab_chain_epoch(const struct plab_chain_config *config, uint64_t height) {
    return config->epoch_blocks > 0 ? (height - config->start_height) / config->epoch_blocks : 0;
}

uint64_t plab_chain_lead(const struct plab_chain_config *config) {
    uint64_t lead = config->epoch_blocks / 4;
    return lead < 1 ? 1 : lead > 64 ? 64 : lead;
}

static void describe(const struct plab_chain *chain, struct plab_template_info *info) {
    const struct plab_chain_config *config = &chain->config;
    memset(info, 0, sizeof *info);
    info->height = chain->height;
    info->difficulty = config->difficulty;
    info->instance = config->instance;
    if (!config->algo->needs_seed) {
        return;
    }
    uint64_t epoch = plab_chain_epoch(config, chain->height);
    info->has_seed = true;
    uint64_t shown = epoch + chain->epochs_skipped;
    derive(config, "rx seed", shown, info->seed);
    if (plab_chain_epoch(config, chain->height + plab_chain_lead(config)) > epoch) {
        info->has_next_seed = true;
        derive(config, "rx seed", shown + 1, info->next_seed);
    }
}

struct writer {
    uint8_t *bytes;
    size_t at;
};

static void put_byte(struct writer *w, uint8_t value) {
    w->bytes[w->at++] = value;
}

static void put_varint(struct writer *w, uint64_t value) {
    w->at += plab_varint_write(value, w->bytes + w->at);
}

static void put_random(struct writer *w, struct plab_prng *prng, size_t len) {
    plab_prng_fill(prng, w->bytes + w->at, len);
    w->at += len;
}

/* Returns the offset of the reserved bytes. */
static size_t put_miner_tx(struct writer *w, struct plab_chain *chain, uint8_t major) {
    put_varint(w, 2); /* transaction version */
    put_varint(w, chain->height + UNLOCK_BLOCKS);
    put_byte(w, 1);
    put_byte(w, 0xff); /* the one input: newly made coins */
    put_varint(w, chain->height);
    put_byte(w, 1);
    put_varint(w, REWARD_ATOMIC + plab_prng_below(&chain->prng, REWARD_ATOMIC / 100));
    put_byte(w, major >= TAGGED_KEYS_SINCE ? 3 : 2);
    put_random(w, &chain->prng, major >= TAGGED_KEYS_SINCE ? 33 : 32);
    put_varint(w, 1 + 32 + 2 + PLAB_TEMPLATE_RESERVE_BYTES);
    put_byte(w, 1); /* the transaction's public key */
    put_random(w, &chain->prng, 32);
    put_byte(w, 2); /* extra nonce */
    put_byte(w, PLAB_TEMPLATE_RESERVE_BYTES);
    size_t reserved_at = w->at;
    memset(w->bytes + w->at, 0, PLAB_TEMPLATE_RESERVE_BYTES);
    w->at += PLAB_TEMPLATE_RESERVE_BYTES;
    put_byte(w, 0); /* no signatures */
    return reserved_at;
}

enum plab_status plab_chain_template(struct plab_chain *chain, uint64_t unix_s,
                                     struct plab_template **out, struct plab_error *err) {
    struct plab_template_info info;
    uint8_t major = major_version(chain->config.algo);
    uint64_t txs = plab_prng_below(&chain->prng, (uint64_t)chain->config.tx_max + 1);
    struct writer w = {.bytes = malloc(FIXED_PART_MAX + (size_t)txs * PLAB_BLOCK_ID_BYTES)};
    *out = NULL;
    if (w.bytes == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a block template");
    }
    describe(chain, &info);
    put_byte(&w, major);
    put_byte(&w, major);
    put_varint(&w, unix_s);
    memcpy(w.bytes + w.at, chain->tip, PLAB_BLOCK_ID_BYTES);
    w.at += PLAB_BLOCK_ID_BYTES;
    memset(w.bytes + w.at, 0, PLAB_BLOCK_NONCE_BYTES);
    w.at += PLAB_BLOCK_NONCE_BYTES;
    info.reserved_at = put_miner_tx(&w, chain, major);
    put_varint(&w, txs);
    put_random(&w, &chain->prng, (size_t)txs * PLAB_BLOCK_ID_BYTES);
    enum plab_status status = plab_template_create(out, w.bytes, w.at, &info, err);
    free(w.bytes);
    return status;
}

void plab_chain_advance(struct plab_chain *chain, const uint8_t id[PLAB_BLOCK_ID_BYTES]) {
    memcpy(chain->tip, id, PLAB_BLOCK_ID_BYTES);
    chain->height++;
}

void plab_chain_next_seed(struct plab_chain *chain) {
    chain->epochs_skipped++;
}
