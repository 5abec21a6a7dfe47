/* SPDX-License-Identifier: BSD-3-Clause */
/* The result of a run: report.json (schema "powlab-run/1"), a table for people, and the verdict. */
#ifndef PLAB_LAB_SUMMARY_H
#define PLAB_LAB_SUMMARY_H

#include <stdbool.h>

#include "base/status.h"
#include "lab/run.h"

struct json_t; /* jansson */

/* PLAB_OK when the scenario's expectations are met, else PLAB_E_FAILED with the first that isn't.
 */
PLAB_NODISCARD enum plab_status plab_summary_check(const struct plab_scenario *scenario,
                                                   const struct plab_run_record *record,
                                                   struct plab_error *err);

/* The report. `result` is what the run ends with. Returns owned, NULL without memory. */
struct json_t *plab_summary_json(const struct plab_run_config *config,
                                 const struct plab_run_record *record, enum plab_status result);

/* Writes it to `path`. PLAB_E_IO names path and reason. */
PLAB_NODISCARD enum plab_status plab_summary_write(const struct plab_run_config *config,
                                                   const struct plab_run_record *record,
                                                   enum plab_status result, const char *path,
                                                   struct plab_error *err);

/* Prints the table to stdout, 80 columns. */
void plab_summary_print(const struct plab_run_config *config, const struct plab_run_record *record,
                        enum plab_status result, bool colour);

#endif
