/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RandomX for tests: memory, a cache and a machine, all with portable kernels. Failures fail the
 * running test.
 */
#ifndef PLAB_TESTS_RX_FIXTURE_H
#define PLAB_TESTS_RX_FIXTURE_H

#include "pow/randomx.h"

struct plab_rx_fixture {
    const struct plab_rx_params *params;
    struct plab_kernels kernels; /* those that RandomX calls; the others are NULL */
    uint64_t *cache_memory;
    struct plab_rx_cache *cache;
    void *scratchpad;
};

/* A set of kernels with the portable ones of RandomX. */
void plab_rx_test_kernels(struct plab_kernels *out);

/* Allocates everything; no cache is built. */
void plab_rx_fixture_open(struct plab_rx_fixture *fixture, const struct plab_rx_params *params);
void plab_rx_fixture_close(struct plab_rx_fixture *fixture);

/* Builds the cache for a key. */
void plab_rx_fixture_set_key(struct plab_rx_fixture *fixture, const uint8_t *key, size_t key_len);

/* A hash by a fresh machine with `params` (which may differ from the fixture's, if the cache is the
 * same), over the first `dataset_items` items in `dataset` (0: light mode). */
void plab_rx_fixture_hash(struct plab_rx_fixture *fixture, const struct plab_rx_params *params,
                          const uint8_t *dataset, uint64_t dataset_items, const uint8_t *input,
                          size_t input_len, uint8_t out[PLAB_HASH_BYTES]);

/* True if PLAB_TEST_QUICK=1 asks for a small part of the heavy tests (for emulators); says so. */
bool plab_test_quick(const char *what_is_left_out);

/* Seed of a random test: from PLAB_TEST_SEED or the clock. Printed, so that a failure can be
 * repeated. */
uint64_t plab_test_seed(const char *test);

#endif
