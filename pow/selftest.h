/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Embedded known answers: short published vectors of every algorithm and of the functions they are
 * made of, run with the kernels that a program is about to use. Seconds in all; the whole set of
 * vectors is in tests/.
 */
#ifndef PLAB_POW_SELFTEST_H
#define PLAB_POW_SELFTEST_H

#include "base/status.h"
#include "pow/kernel.h"

/* Largest scratchpad of any algorithm. */
#define PLAB_SELFTEST_SCRATCHPAD_BYTES ((size_t)2 << 20)

/* Memory to work in, 64-byte aligned; borrowed during the call, its content is lost. */
struct plab_selftest_memory {
    void *scratchpad; /* PLAB_SELFTEST_SCRATCHPAD_BYTES */
    void *rx_cache;   /* plab_rx_cache_bytes(&plab_rx_params_0), or NULL to leave RandomX out */
};

enum plab_selftest_result {
    PLAB_SELFTEST_PASSED,
    PLAB_SELFTEST_FAILED,
    PLAB_SELFTEST_LEFT_OUT, /* needs memory that was not given */
};

/* Called after each check, on the calling thread. `name` says what was checked, e.g. "cn/1". */
typedef void plab_selftest_report_fn(void *user, const char *name,
                                     enum plab_selftest_result result);

/* Runs every check, also after a failed one. `report` may be NULL; `user` is handed through to it.
 * Returns PLAB_E_MISMATCH with the first wrong value in `err`, PLAB_E_NOMEM, or PLAB_OK. */
PLAB_NODISCARD enum plab_status plab_selftest_run(const struct plab_kernels *kernels,
                                                  const struct plab_selftest_memory *memory,
                                                  plab_selftest_report_fn *report, void *user,
                                                  struct plab_error *err);

#endif
