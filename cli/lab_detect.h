/* SPDX-License-Identifier: BSD-3-Clause */
/* Detection at the end of a run, as `lab detect` and `lab run` both do it. */
#ifndef PLAB_CLI_LAB_DETECT_H
#define PLAB_CLI_LAB_DETECT_H

#include "cli/opt.h"
#include "lab/detector.h"
#include "lab/scenario.h"

struct plab_lab_detect {
    const struct plab_detector_file *files;
    size_t count;
    const struct plab_scenario_expect *expect; /* NULL: nothing is expected, and the verdicts are
                                                  the result, for --json too */
};

/* Runs the detectors over a run's folder, writes the verdicts there and prints them. PLAB_E_FAILED
 * when a detector did something else than expected. */
PLAB_NODISCARD enum plab_status plab_lab_detect(const struct plab_lab_detect *what,
                                                const char *folder, const struct plab_cli *cli,
                                                struct plab_error *err);

#endif
