/* SPDX-License-Identifier: BSD-3-Clause */
/* Options about the memory of RandomX and of scratchpads, which several verbs have. */
#ifndef PLAB_CLI_MEMOPT_H
#define PLAB_CLI_MEMOPT_H

#include "cli/opt.h"
#include "host/seedstore.h"

struct plab_mem_options {
    int rx_mode;          /* enum plab_rx_mode, or -1: not given */
    uint64_t dataset_mem; /* UINT64_MAX: not given */
    int pages;            /* enum plab_page_policy */
    int numa;             /* enum plab_numa_policy */
};
#define PLAB_MEM_OPTIONS_INIT \
    { -1, UINT64_MAX, PLAB_PAGES_AUTO, PLAB_NUMA_AUTO }

/* Names in the order of the enums, ended by NULL. */
extern const char *const plab_rx_mode_choices[], *const plab_page_choices[],
                                                     *const plab_numa_choices[];

/* Rows for a table of options; `mode_help` names the verb's default mode. */
#define PLAB_MEM_OPTS(options, mode_help)                                                         \
    {0, "randomx-mode",      PLAB_OPT_CHOICE, &(options)->rx_mode, "MODE", mode_help, 0,          \
     0, plab_rx_mode_choices},                                                                    \
        {0,                                                                                       \
         "dataset-mem",                                                                           \
         PLAB_OPT_BYTES,                                                                          \
         &(options)->dataset_mem,                                                                 \
         "SIZE",                                                                                  \
         "precompute that much of the RandomX dataset: 1GiB",                                     \
         0,                                                                                       \
         0,                                                                                       \
         NULL},                                                                                   \
        {0,                                                                                       \
         "huge-pages",                                                                            \
         PLAB_OPT_CHOICE,                                                                         \
         &(options)->pages,                                                                       \
         "WHEN",                                                                                  \
         "auto (default), required, never or 1g",                                                 \
         0,                                                                                       \
         0,                                                                                       \
         plab_page_choices},                                                                      \
    {                                                                                             \
        0, "numa", PLAB_OPT_CHOICE, &(options)->numa, "HOW", "auto (default), interleave or off", \
            0, 0, plab_numa_choices                                                               \
    }

/* The mode that was asked for: `preset` unless one was given. PLAB_E_USAGE when both a mode and
 * --dataset-mem, which is a mode by itself, were given. */
PLAB_NODISCARD enum plab_status plab_mem_options_mode(const struct plab_mem_options *options,
                                                      enum plab_rx_mode preset,
                                                      enum plab_rx_mode *out,
                                                      struct plab_error *err);

#endif
