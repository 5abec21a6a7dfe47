/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledger's verbs: the way to cmd_ledger_<name>.c. */
#include "base/attr.h"
#include "cli/verbs.h"

static const struct plab_subverb verbs[] = {
    {"export", plab_cmd_ledger_export, "a table of a pool's ledger as CSV or JSON lines"},
    {"summary", plab_cmd_ledger_summary, "what is in a pool's ledger: runs, shares, workers"},
};

enum plab_status plab_cmd_ledger(int argc, char **argv, struct plab_error *err) {
    return plab_subverb_run(verbs, PLAB_ARRAY_LEN(verbs),
                            "what a pool recorded in a database (pool --ledger)", "summary LEDGER",
                            argc, argv, err);
}
