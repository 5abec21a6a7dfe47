/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The verbs: one file cli/cmd_<verb>.c each. argv[0] is the verb. A verb returns the status that
 * becomes the exit code; main() prints `err->text` unless it is empty.
 */
#ifndef PLAB_CLI_VERBS_H
#define PLAB_CLI_VERBS_H

#include "base/status.h"

typedef enum plab_status plab_verb_fn(int argc, char **argv, struct plab_error *err);

plab_verb_fn plab_cmd_hash, plab_cmd_algos, plab_cmd_bench, plab_cmd_cpu, plab_cmd_topo,
    plab_cmd_pool, plab_cmd_mine, plab_cmd_lab, plab_cmd_report, plab_cmd_selftest, plab_cmd_swarm,
    plab_cmd_ledger, plab_cmd_version;

/* A verb below a verb. */
struct plab_subverb {
    const char *name;
    plab_verb_fn *run;
    const char *summary;
};

/* Runs the one of `count` that argv[1] names, of the verb argv[0]; or prints its help, which begins
 * with `about` and gives `example` as what is usually said. An unknown one is PLAB_E_USAGE, with
 * the nearest. */
enum plab_status plab_subverb_run(const struct plab_subverb *verbs, size_t count, const char *about,
                                  const char *example, int argc, char **argv,
                                  struct plab_error *err);

/* Below `lab`. */
plab_verb_fn plab_cmd_lab_fidelity, plab_cmd_lab_flows, plab_cmd_lab_sample, plab_cmd_lab_detect;

/* Below `ledger`. */
plab_verb_fn plab_cmd_ledger_export, plab_cmd_ledger_summary;

#endif
