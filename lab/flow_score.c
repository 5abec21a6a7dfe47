/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/flow_score.h"

#include "base/attr.h"
#include "lab/table.h"

static bool is_port(double value) {
    return value >= 0 && value <= 65535;
}

bool plab_flow_figures_read(struct plab_flow_figures *out, const struct plab_table *flows,
                            size_t row) {
#define NUMBER(name) plab_table_number(flows, row, plab_table_column(flows, name))
    double client = NUMBER("src_port"), server = NUMBER("dst_port");
    out->packets = NUMBER("packets_fwd");
    out->duration_s = NUMBER("duration_s");
    out->end_s = NUMBER("end_t_s");
    out->bytes_per_packet = NUMBER("bytes_fwd") / out->packets;
    out->packets_per_minute = out->packets / out->duration_s * 60;
    out->syn = NUMBER("syn_fwd") / out->packets;
    out->rst = NUMBER("rst_fwd") / out->packets;
    out->fin = NUMBER("fin_fwd") / out->packets;
#undef NUMBER
    out->plain = 1 - out->syn - out->rst - out->fin;
    if (!is_port(client) || !is_port(server)) {
        return false;
    }
    out->client_port = (unsigned)client;
    out->server_port = (unsigned)server;
    return out->packets > 0 && out->duration_s > 0;
}

static bool within(double value, double low, double high) {
    return value >= low && value <= high;
}

unsigned plab_flow_conditions(const struct plab_flow_figures *flow) {
    const bool holds[PLAB_FLOW_CONDITIONS] = {
        within(flow->bytes_per_packet, 35, 80) || within(flow->bytes_per_packet, 105, 110),
        !within(flow->packets, 5, 40),
        within(flow->packets_per_minute, 2, 8) || within(flow->packets_per_minute, 40, 5300),
        flow->duration_s > 300,
        flow->plain > 0.9,
        flow->syn < 0.05,
        flow->rst < 0.01,
        flow->fin<0.05, flow->client_port> flow->server_port,
    };
    unsigned bits = 0;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(holds); i++) {
        bits |= (unsigned)holds[i] << i;
    }
    return bits;
}

int plab_flow_points(const struct plab_flow_figures *flow) {
    return (flow->plain >= 0.8 ? 2 : 0) + (within(flow->bytes_per_packet, 50, 130) ? 2 : 0) +
           (within(flow->packets, 10, 20) ? 0 : 1) +
           (within(flow->packets_per_minute, 8, 30) ? 2 : 0) +
           (flow->client_port > flow->server_port ? 3 : 0) + (flow->duration_s >= 300 ? 3 : 0);
}
