/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/rx_fixture.h"

#include <stdlib.h>

#include "base/clock.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

void plab_rx_test_kernels(struct plab_kernels *out) {
    *out = (struct plab_kernels){.rx_fill_1r = plab_rx_fill_1r_c,
                                 .rx_fill_4r = plab_rx_fill_4r_c,
                                 .rx_hash_1r = plab_rx_hash_1r_c,
                                 .rx_turn_1r = plab_rx_turn_1r_c,
                                 .rx_mix_v2 = plab_rx_mix_v2_c,
                                 .rx_items_make = plab_rx_items_make_c,
                                 .rx_step_make = plab_rx_step_make_c,
                                 .rx_loop_make = plab_rx_loop_make_c,
                                 .argon2_fill = plab_argon2_fill_c};
}

void plab_rx_fixture_open(struct plab_rx_fixture *fixture, const struct plab_rx_params *params) {
    fixture->params = params;
    plab_rx_test_kernels(&fixture->kernels);
    fixture->cache_memory = plab_test_alloc(plab_rx_cache_bytes(params));
    fixture->scratchpad = plab_test_alloc(params->l3_bytes);
    CHECK(plab_rx_cache_create(&fixture->cache, params, &fixture->kernels, fixture->cache_memory) ==
          PLAB_OK);
}

void plab_rx_fixture_close(struct plab_rx_fixture *fixture) {
    plab_rx_cache_destroy(&fixture->cache);
    free(fixture->cache_memory);
    free(fixture->scratchpad);
}

void plab_rx_fixture_set_key(struct plab_rx_fixture *fixture, const uint8_t *key, size_t key_len) {
    struct plab_error err = {""};
    enum plab_status status = plab_rx_cache_build(fixture->cache, key, key_len, NULL, &err);
    CHECK_MSG(status == PLAB_OK, "%s", err.text);
}

void plab_rx_fixture_hash(struct plab_rx_fixture *fixture, const struct plab_rx_params *params,
                          const uint8_t *dataset, uint64_t dataset_items, const uint8_t *input,
                          size_t input_len, uint8_t out[PLAB_HASH_BYTES]) {
    struct plab_rx_vm *vm;
    CHECK(plab_rx_vm_create(&vm, params, &fixture->kernels, 1, fixture->scratchpad) == PLAB_OK);
    plab_rx_vm_set_seed(vm, fixture->cache, dataset, dataset_items);
    plab_rx_vm_hash(vm, input, input_len, out);
    plab_rx_vm_destroy(&vm);
}

bool plab_test_quick(const char *what_is_left_out) {
    const char *quick = getenv("PLAB_TEST_QUICK");
    if (quick == NULL || strcmp(quick, "1") != 0) {
        return false;
    }
    fprintf(stderr, "PLAB_TEST_QUICK=1: left out: %s\n", what_is_left_out);
    return true;
}

uint64_t plab_test_seed(const char *test) {
    const char *text = getenv("PLAB_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : plab_clock_wall_ns();
    fprintf(stderr, "%s: PLAB_TEST_SEED=%llu\n", test, (unsigned long long)seed);
    return seed;
}
