/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/hasher.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pow/cnr_program.h"
#include "pow/cryptonight.h"
#include "pow/randomx.h"

struct plab_hasher {
    const struct plab_algo *algo;
    struct plab_kernels kernels;
    unsigned lanes;
    void *scratchpad;
    struct plab_rx_vm *vm; /* RandomX only */
    size_t input_len;      /* of the CryptoNight input that is under way */
    uint8_t input[PLAB_INPUT_MAX_BYTES];
    bool seed_set;
    bool height_set;
    struct plab_cnr_program program; /* cn/r only */
};

unsigned plab_hasher_lanes_max(const struct plab_algo *algo) {
    return algo->family == PLAB_FAMILY_RANDOMX ? PLAB_RX_LANES_MAX : 1;
}

unsigned plab_hasher_lanes_default(const struct plab_algo *algo, const struct plab_kernels *kernels,
                                   bool whole_dataset) {
    if (algo->family != PLAB_FAMILY_RANDOMX || kernels->rx_step_make == plab_rx_step_make_c) {
        return 1;
    }
    if (!whole_dataset) {
        return algo->rx->v2 ? PLAB_RX_LANES_LOCKSTEP_V2 : PLAB_RX_LANES_LOCKSTEP_V1;
    }
    return algo->rx->v2 ? 2 : 3; /* measured: docs/performance.md */
}

enum plab_status plab_hasher_create(struct plab_hasher **out, const struct plab_algo *algo,
                                    const struct plab_kernels *kernels, unsigned lanes,
                                    void *scratchpads) {
    assert(lanes >= 1 && lanes <= plab_hasher_lanes_max(algo));
    struct plab_hasher *hasher = calloc(1, sizeof *hasher);
    *out = NULL;
    if (hasher == NULL) {
        return PLAB_E_NOMEM;
    }
    hasher->algo = algo;
    hasher->kernels = *kernels;
    hasher->lanes = lanes;
    hasher->scratchpad = scratchpads;
    if (algo->family == PLAB_FAMILY_RANDOMX) {
        enum plab_status status =
            plab_rx_vm_create(&hasher->vm, algo->rx, &hasher->kernels, lanes, scratchpads);
        if (status != PLAB_OK) {
            free(hasher);
            return status;
        }
    }
    *out = hasher;
    return PLAB_OK;
}

void plab_hasher_destroy(struct plab_hasher **hasher) {
    if (hasher == NULL || *hasher == NULL) {
        return;
    }
    if ((*hasher)->vm != NULL) {
        plab_rx_vm_destroy(&(*hasher)->vm);
    }
    free(*hasher);
    *hasher = NULL;
}

void plab_hasher_set_seed(struct plab_hasher *hasher, const struct plab_rx_cache *cache,
                          const uint8_t *dataset, uint64_t dataset_items) {
    if (hasher->vm != NULL) {
        plab_rx_vm_set_seed(hasher->vm, cache, dataset, dataset_items);
        hasher->seed_set = true;
    }
}

void plab_hasher_set_height(struct plab_hasher *hasher, uint64_t height) {
    bool same = hasher->height_set && hasher->program.height == height;
    if (hasher->algo->needs_height && !same) {
        plab_cnr_generate(&hasher->program, height);
        hasher->height_set = true;
    }
}

enum plab_status plab_hasher_check(const struct plab_hasher *hasher, size_t input_len,
                                   struct plab_error *err) {
    const struct plab_algo *algo = hasher->algo;
    if (input_len < algo->min_input_bytes) {
        return plab_fail(err, PLAB_E_INPUT, "%s needs an input of at least %u bytes, this has %zu",
                         algo->name, algo->min_input_bytes, input_len);
    }
    if (input_len > PLAB_INPUT_MAX_BYTES) {
        return plab_fail(err, PLAB_E_INPUT, "input of %zu bytes: at most %d can be hashed",
                         input_len, PLAB_INPUT_MAX_BYTES);
    }
    if (algo->needs_height && !hasher->height_set) {
        return plab_fail(err, PLAB_E_INPUT,
                         "%s needs the height of the block being mined, and none was given",
                         algo->name);
    }
    if (algo->needs_seed && !hasher->seed_set) {
        return plab_fail(err, PLAB_E_INPUT, "%s needs a seed (key), and none was given",
                         algo->name);
    }
    return PLAB_OK;
}

void plab_hasher_hash(struct plab_hasher *hasher, const uint8_t *input, size_t input_len,
                      uint8_t out[PLAB_HASH_BYTES]) {
    if (hasher->vm != NULL) {
        plab_rx_vm_hash(hasher->vm, input, input_len, out);
    } else {
        plab_cn_hash(hasher->algo->cn, &hasher->kernels, hasher->scratchpad, &hasher->program,
                     input, input_len, out);
    }
}

void plab_hasher_start(struct plab_hasher *hasher, const struct plab_hash_input *inputs,
                       unsigned count) {
    assert(count >= 1 && count <= hasher->lanes);
    if (hasher->vm != NULL) {
        plab_rx_vm_start(hasher->vm, inputs, count);
        return;
    }
    hasher->input_len = inputs[0].len;
    memcpy(hasher->input, inputs[0].data, inputs[0].len);
}

void plab_hasher_next(struct plab_hasher *hasher, const struct plab_hash_input *inputs,
                      uint8_t (*out)[PLAB_HASH_BYTES]) {
    if (hasher->vm != NULL) {
        plab_rx_vm_next(hasher->vm, inputs, out);
        return;
    }
    plab_hasher_hash(hasher, hasher->input, hasher->input_len, out[0]);
    if (inputs != NULL) {
        plab_hasher_start(hasher, inputs, 1);
    }
}

void plab_algo_pow_value(const struct plab_algo *algo, const uint8_t *input, size_t input_len,
                         const uint8_t hash[PLAB_HASH_BYTES], uint8_t out[PLAB_HASH_BYTES]) {
    if (algo->has_commitment) {
        plab_rx_commitment(input, input_len, hash, out);
    } else {
        memcpy(out, hash, PLAB_HASH_BYTES);
    }
}
