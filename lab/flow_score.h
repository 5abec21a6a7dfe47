/* SPDX-License-Identifier: BSD-3-Clause */
/* Published rules that tell miners from others by the numbers of a flow alone, which encryption
 * doesn't hide. Pure. */
#ifndef PLAB_LAB_FLOW_SCORE_H
#define PLAB_LAB_FLOW_SCORE_H

#include <stdbool.h>
#include <stddef.h>

struct plab_table;

/* What the rules ask of one flow, of the client's direction. */
struct plab_flow_figures {
    unsigned client_port, server_port;
    double end_s, duration_s, packets, bytes_per_packet, packets_per_minute;
    double plain, syn, rst, fin; /* shares of the packets, 0 to 1; plain: only ACK and PSH */
};

/* Reads a row of flows.csv; false when the flow has no ports, no packet of the client or no
 * duration. */
bool plab_flow_figures_read(struct plab_flow_figures *out, const struct plab_table *flows,
                            size_t row);

/* Which of nine conditions hold, the first in bit 0; a miner is who has eight of them. Vesely and
 * Zadnik, "How to detect cryptocurrency miners? By traffic forensics!", Digital Investigation,
 * 2019. */
#define PLAB_FLOW_CONDITIONS 9
unsigned plab_flow_conditions(const struct plab_flow_figures *flow);

/* The passive half of CESNET's miner_detector (NEMEA): points, 9 are enough. The active half, which
 * asks the server, is not done. */
int plab_flow_points(const struct plab_flow_figures *flow);

#endif
