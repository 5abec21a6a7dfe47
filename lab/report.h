/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The report of a run: one HTML file that opens without a network, made of what the run's folder
 * holds (report.json, verdicts.json, truth.jsonl, the tables). Everything is inlined: style,
 * script, charts (dygraphs), data.
 */
#ifndef PLAB_LAB_REPORT_H
#define PLAB_LAB_REPORT_H

#include "base/status.h"

/* Writes report.html into a run's folder. PLAB_E_INPUT when it is no run's, PLAB_E_IO,
 * PLAB_E_NOMEM.
 */
PLAB_NODISCARD enum plab_status plab_report_build(const char *folder, struct plab_error *err);

#endif
