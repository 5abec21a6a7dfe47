/* SPDX-License-Identifier: BSD-3-Clause */
/* A scenario's run from its file to its report, as `lab run` does it alone and within a suite. */
#ifndef PLAB_CLI_LAB_RUN_H
#define PLAB_CLI_LAB_RUN_H

#include <limits.h>

#include "cli/opt.h"
#include "lab/scenario.h"

struct plab_lab_run {
    const char *scenario;  /* path */
    const char *out;       /* folder; NULL: runs/<UTC time>-<name> */
    const char *detectors; /* folder, "none", NULL: ../detectors beside the scenario */
    double scale;
    bool dry_run; /* print the plan, touch nothing */
    bool silent;  /* nothing on stdout, and no JSON */
};

/* A --scale: a factor above 0, exactly as written; NULL is 1. */
PLAB_NODISCARD enum plab_status plab_lab_scale(const char *text, double *out,
                                               struct plab_error *err);

/* Reads the scenario and scales it. */
PLAB_NODISCARD enum plab_status plab_lab_load(const struct plab_lab_run *what,
                                              struct plab_scenario *out, struct plab_error *err);

/* Runs it, then the detectors, and builds the report. `folder` is the run's, "" when there is none;
 * verdicts.json is in it. Errors as of plab_run_scenario(), and PLAB_E_FAILED when a detector did
 * something else than expected. */
PLAB_NODISCARD enum plab_status plab_lab_run(const struct plab_lab_run *what,
                                             const struct plab_cli *cli, char folder[PATH_MAX],
                                             struct plab_error *err);

/* Runs a suite (lab/suite.h), or prints its plan. `scale` goes on top of each scenario's own. */
PLAB_NODISCARD enum plab_status plab_lab_run_suite(const struct plab_lab_run *what,
                                                   const struct plab_cli *cli,
                                                   struct plab_error *err);

#endif
