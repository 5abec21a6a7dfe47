/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flow records as tables, each row labelled from truth:
 *
 *     flows.csv          everything this project knows of a flow
 *     flows-cesnet.csv   the columns of CESNET-MINER22 (ipfixprobe's)
 *     flows-cic.csv      the columns of CICFlowMeter
 *
 * docs/datasets.md explains the columns and where they come from.
 */
#ifndef PLAB_LAB_FLOW_CSV_H
#define PLAB_LAB_FLOW_CSV_H

#include "base/status.h"
#include "lab/flow.h"
#include "lab/label.h"

struct plab_flow_tables;

/* Creates the three files in a folder. PLAB_E_IO names path and reason. */
PLAB_NODISCARD enum plab_status plab_flow_tables_open(struct plab_flow_tables **out,
                                                      const char *folder, struct plab_error *err);

/* Writes a row into each. `start_s`, `end_s`: on the run's clock. */
PLAB_NODISCARD enum plab_status plab_flow_tables_add(struct plab_flow_tables *tables,
                                                     const struct plab_flow *flow,
                                                     const struct plab_flow_label *label,
                                                     double start_s, double end_s,
                                                     struct plab_error *err);

/* Closes them and sets `*tables` to NULL; NULL is fine. */
void plab_flow_tables_close(struct plab_flow_tables **tables);

#endif
