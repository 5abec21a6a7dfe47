/* SPDX-License-Identifier: BSD-3-Clause */
#include "pow/selftest.h"

#include <stdlib.h>

#include "arch/dispatch.h"
#include "pow/randomx.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

#define MEMBER(kernel, type) .kernel = plab_##kernel##_c,
static const struct plab_kernels portable = {PLAB_KERNEL_LIST(MEMBER)};
#undef MEMBER

struct tally {
    unsigned count[PLAB_SELFTEST_LEFT_OUT + 1];
    const char *last_failed;
};

static void count_result(void *user, const char *name, enum plab_selftest_result result) {
    struct tally *tally = user;
    tally->count[result]++;
    if (result == PLAB_SELFTEST_FAILED) {
        tally->last_failed = name;
    }
}

static void check_passes(const struct plab_kernels *kernels) {
    struct plab_selftest_memory memory = {plab_test_alloc(PLAB_SELFTEST_SCRATCHPAD_BYTES),
                                          plab_test_alloc(plab_rx_cache_bytes(&plab_rx_params_0))};
    struct tally tally = {{0}, NULL};
    struct plab_error err = {""};
    enum plab_status status = plab_selftest_run(kernels, &memory, count_result, &tally, &err);
    CHECK_STR(err.text, "");
    CHECK(status == PLAB_OK);
    CHECK_U64(tally.count[PLAB_SELFTEST_PASSED], 17);
    CHECK_U64(tally.count[PLAB_SELFTEST_FAILED], 0);
    CHECK_U64(tally.count[PLAB_SELFTEST_LEFT_OUT], 0);
    free(memory.scratchpad);
    free(memory.rx_cache);
}

TEST(selftest, passes_with_portable_kernels) {
    check_passes(&portable);
}

TEST(selftest, passes_with_the_kernels_of_this_machine) {
    struct plab_kernels kernels;
    plab_kernels_select(&kernels, plab_cpu_detect());
    check_passes(&kernels);
}

static void broken_loop(const struct plab_cn_loop_args *args) {
    plab_cn_loop_v1_c(args);
    args->pad[args->mask] ^= 1; /* the last block: one bit in 2 MiB */
}

TEST(selftest, names_a_broken_kernel_and_goes_on) {
    struct plab_selftest_memory memory = {plab_test_alloc(PLAB_SELFTEST_SCRATCHPAD_BYTES), NULL};
    struct plab_kernels kernels = portable;
    struct tally tally = {{0}, NULL};
    struct plab_error err = {""};
    kernels.cn_loop_v1 = broken_loop;
    CHECK(plab_selftest_run(&kernels, &memory, count_result, &tally, &err) == PLAB_E_MISMATCH);
    CHECK_U64(tally.count[PLAB_SELFTEST_PASSED], 13);
    CHECK_U64(tally.count[PLAB_SELFTEST_FAILED], 1);
    CHECK_U64(tally.count[PLAB_SELFTEST_LEFT_OUT], 3);
    CHECK_STR(tally.last_failed, "cn/1");
    CHECK(strncmp(err.text, "self-test of cn/1: got ", 23) == 0);
    CHECK(plab_selftest_run(&kernels, &memory, NULL, NULL, NULL) == PLAB_E_MISMATCH);
    free(memory.scratchpad);
}
