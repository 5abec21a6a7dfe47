/* SPDX-License-Identifier: BSD-3-Clause */
/* The three tables, one file each (flow_csv.c, flow_cesnet.c, flow_cic.c). */
#ifndef PLAB_LAB_FLOW_CSV_PRIV_H
#define PLAB_LAB_FLOW_CSV_PRIV_H

#include "lab/csv.h"
#include "lab/flow_csv.h"

/* Column names, as one line. */
extern const char *const plab_flow_cesnet_columns;
extern const char *const plab_flow_cic_columns;

PLAB_NODISCARD enum plab_status plab_flow_cesnet_row(struct plab_csv *csv,
                                                     const struct plab_flow *flow,
                                                     const struct plab_flow_label *label,
                                                     struct plab_error *err);

PLAB_NODISCARD enum plab_status plab_flow_cic_row(struct plab_csv *csv,
                                                  const struct plab_flow *flow,
                                                  const struct plab_flow_label *label,
                                                  struct plab_error *err);

/* Writes the first row. */
PLAB_NODISCARD enum plab_status plab_flow_columns(struct plab_csv *csv, const char *columns,
                                                  struct plab_error *err);

/* Duration in seconds. */
double plab_flow_duration_s(const struct plab_flow *flow);

#endif
