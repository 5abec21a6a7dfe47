/* SPDX-License-Identifier: BSD-3-Clause */
/* Results as JSON documents: helpers that every verb shares. */
#ifndef PLAB_CLI_JSONOUT_H
#define PLAB_CLI_JSONOUT_H

#include <stdint.h>

#include "base/status.h"
#include "pow/kernel.h"

struct json_t; /* jansson */
struct plab_pages_report;
struct plab_dataset_report;
struct plab_algo;

/* Writes a document, indented, to a file (whole or not at all) or with "-" to stdout. Takes the
 * reference to `root`, also on error; NULL (a failed construction) is PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_json_emit(struct json_t *root, const char *target,
                                               struct plab_error *err);

/* {"keccak_f1600": "c", ...} of the kernels that `algo` uses, all with NULL. Returns owned. */
struct json_t *plab_json_kernels(const struct plab_kernels *kernels, const struct plab_algo *algo);

/* {"asked_bytes": .., "huge_bytes": .., "giant_bytes": .., "giant_pages": .., "hugetlb": ..,
 * "kind": "2 MiB 100 % (hugetlb)"}. Returns owned. */
struct json_t *plab_json_pages(const struct plab_pages_report *report);

/* {"full_bytes": .., "precomputed_bytes": .., "percent": .., "copies": .., "placement": ..}, where
 * the placement is "copies" (one a NUMA node), "interleaved", "node", "any", or null in light mode.
 * Returns owned. */
struct json_t *plab_json_dataset(const struct plab_dataset_report *report);

#endif
