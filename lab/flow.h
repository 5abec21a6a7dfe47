/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets into bidirectional flows, as flow exporters make them: a record ends after 300 s
 * (active timeout) or after 30 s without a packet (inactive timeout), which are ipfixprobe's
 * defaults; a connection that goes on gets a further record, its next part. "Forward" is from the
 * client: who opened the connection, else who isn't at a known server port, else the higher port.
 *
 * Pure: packets are handed in with their times, nothing is read or written.
 */
#ifndef PLAB_LAB_FLOW_H
#define PLAB_LAB_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "lab/flow_frame.h"

#define PLAB_FLOW_ACTIVE_NS UINT64_C(300000000000)
#define PLAB_FLOW_IDLE_NS UINT64_C(30000000000)
#define PLAB_FLOW_FIRST 30    /* packets that are recorded one by one */
#define PLAB_FLOW_HEAD 2048   /* bytes of what the client said first */
#define PLAB_FLOW_SERVERS 32  /* known server ports */
#define PLAB_FLOW_HIST_BINS 8 /* payloads up to 15, 31, 63, 127, 255, 511, 1023 bytes, longer */

/* Statistics of a value that is seen again and again. */
struct plab_moments {
    uint64_t count;
    double mean, m2, min, max, sum;
};

void plab_moments_add(struct plab_moments *moments, double value);
/* Standard deviation of a sample; 0 for fewer than two values. */
double plab_moments_sd(const struct plab_moments *moments);

/* One of the first packets. */
struct plab_flow_item {
    uint64_t wall_ns;
    uint32_t payload_len;
    uint8_t flags;
    bool backward;
};

struct plab_flow_items {
    size_t count;
    struct plab_flow_item items[PLAB_FLOW_FIRST];
};

/* Data that comes in bulk: at least four packets with payload in one direction, none further apart
 * than a second and none of the other direction between them (CICFlowMeter's definition). */
struct plab_flow_bulk {
    uint64_t bulks, packets, bytes, duration_ns;       /* of all */
    uint64_t run_packets, run_bytes, run_ns, run_last; /* of the one that may become one */
};

/* One direction. */
struct plab_flow_way {
    uint64_t packets, bytes;           /* of IP */
    uint64_t payload_bytes, data;      /* data: packets with payload */
    uint64_t header_bytes, header_min; /* of TCP or UDP */
    uint64_t last_ns;
    uint64_t flag_count[8]; /* by bit, FIN first */
    uint64_t hist[PLAB_FLOW_HIST_BINS];
    uint16_t first_window;
    uint8_t first_flags, all_flags;
    struct plab_moments gap_s, payload;
    struct plab_flow_bulk bulk;
};

enum plab_flow_end {
    PLAB_FLOW_END_IDLE,
    PLAB_FLOW_END_ACTIVE,
    PLAB_FLOW_END_CLOSED, /* by FIN from both or RST */
    PLAB_FLOW_END_CAPTURE /* the capture ended */
};

const char *plab_flow_end_name(enum plab_flow_end end);

struct plab_flow {
    uint64_t connection; /* number, from 1 in the order of first packets */
    uint64_t part;       /* of its records, from 0 */
    uint8_t protocol;
    struct plab_endpoint client, server;
    uint64_t start_wall_ns, end_wall_ns;
    enum plab_flow_end end;
    struct plab_flow_way forward, backward;
    struct plab_flow_items first;      /* with packets that carry nothing */
    struct plab_flow_items first_data; /* without them, as ipfixprobe has it */
    struct plab_moments gap_s, payload;
    struct plab_moments active_s, idle_s; /* CICFlowMeter's, with its 5 s */
    uint64_t active_since_ns, pauses;     /* pauses: gaps of more than a second */
    /* Packets in each second since the start; seconds without one count. */
    struct plab_moments per_second;
    uint64_t second, in_second;
    /* What the client said first on this connection, of whatever part. */
    const uint8_t *head;
    size_t head_len;
};

/* Burstiness (s - m) / (s + m) of the gaps between packets, -1 (regular) to 1: Goh and Barabasi
 * 2008. NAN with fewer than two gaps. */
double plab_flow_burstiness(const struct plab_flow *flow);

/* Fano factor, variance / mean of the packets in a second. NAN with fewer than two seconds. */
double plab_flow_fano(const struct plab_flow *flow);

/* Takes a finished record, in order of their ends. */
typedef enum plab_status plab_flow_sink_fn(void *cookie, const struct plab_flow *flow,
                                           struct plab_error *err);

struct plab_flows;
struct plab_flows_config {
    uint64_t active_ns, idle_ns; /* 0: the defaults */
    uint16_t server_ports[PLAB_FLOW_SERVERS];
    size_t server_count;
    plab_flow_sink_fn *sink;
    void *cookie;
};

/* PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_flows_create(struct plab_flows **out,
                                                  const struct plab_flows_config *config,
                                                  struct plab_error *err);

/* Takes the next packet. Errors: PLAB_E_NOMEM, the sink's. */
PLAB_NODISCARD enum plab_status plab_flows_add(struct plab_flows *flows, uint64_t wall_ns,
                                               const struct plab_frame *frame,
                                               struct plab_error *err);

/* Ends what is still going on. */
PLAB_NODISCARD enum plab_status plab_flows_finish(struct plab_flows *flows, struct plab_error *err);

void plab_flows_free(struct plab_flows **flows);

#endif
