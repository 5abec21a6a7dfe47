/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/memopt.h"

const char *const plab_rx_mode_choices[] = {"auto", "fast", "light", NULL};
const char *const plab_page_choices[] = {"auto", "required", "never", "1g", NULL};
const char *const plab_numa_choices[] = {"auto", "interleave", "off", NULL};

enum plab_status plab_mem_options_mode(const struct plab_mem_options *options,
                                       enum plab_rx_mode preset, enum plab_rx_mode *out,
                                       struct plab_error *err) {
    bool sized = options->dataset_mem != UINT64_MAX, named = options->rx_mode >= 0;
    if (sized && named) {
        return plab_fail(err, PLAB_E_USAGE,
                         "--dataset-mem and --randomx-mode exclude each other: a part of the "
                         "dataset is a mode of its own");
    }
    *out = sized ? PLAB_RX_GRADED : named ? (enum plab_rx_mode)options->rx_mode : preset;
    return PLAB_OK;
}
