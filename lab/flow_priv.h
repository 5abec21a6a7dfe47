/* SPDX-License-Identifier: BSD-3-Clause */
/* The numbers of a record while it grows (flow_stats.c), for the table (flow.c). */
#ifndef PLAB_LAB_FLOW_PRIV_H
#define PLAB_LAB_FLOW_PRIV_H

#include "lab/flow.h"

/* Counts a packet in. */
void plab_flow_take(struct plab_flow *flow, uint64_t wall_ns, const struct plab_frame *frame,
                    bool backward);

/* Counts in what is still open when a record ends. */
void plab_flow_close_record(struct plab_flow *flow);

#endif
