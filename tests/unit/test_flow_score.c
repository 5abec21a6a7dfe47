/* SPDX-License-Identifier: BSD-3-Clause */
/* Published rules for flows, at their limits. */
#include "lab/flow_score.h"
#include "lab/table.h"
#include "tests/harness.h"

/* All nine conditions hold; XMRig's figures at a share a minute are about these. */
static const struct plab_flow_figures miner = {
    .client_port = 40000,
    .server_port = 3333,
    .duration_s = 600,
    .packets = 60,
    .bytes_per_packet = 75,
    .packets_per_minute = 6,
    .plain = 0.97,
    .syn = 0.01,
};

TEST(flow_score, nine_conditions) {
    struct plab_flow_figures flow = miner;
    CHECK_U64(plab_flow_conditions(&flow), 0x1ff);
/* With one figure changed, this condition alone fails. */
#define FAILS(figure, value, condition) \
    flow = miner;                       \
    flow.figure = (value);              \
    CHECK_U64(plab_flow_conditions(&flow), 0x1ff & ~(1U << (condition)))
#define HOLDS(figure, value) \
    flow = miner;            \
    flow.figure = (value);   \
    CHECK_U64(plab_flow_conditions(&flow), 0x1ff)
    FAILS(bytes_per_packet, 34.9, 0);
    FAILS(bytes_per_packet, 80.1, 0);
    FAILS(bytes_per_packet, 110.1, 0);
    HOLDS(bytes_per_packet, 35);
    HOLDS(bytes_per_packet, 107);
    FAILS(packets, 5, 1);
    FAILS(packets, 40, 1);
    HOLDS(packets, 4);
    HOLDS(packets, 41);
    FAILS(packets_per_minute, 1.9, 2);
    FAILS(packets_per_minute, 8.1, 2);
    FAILS(packets_per_minute, 5301, 2);
    HOLDS(packets_per_minute, 40);
    FAILS(duration_s, 300, 3);
    FAILS(plain, 0.9, 4);
    FAILS(syn, 0.05, 5);
    FAILS(rst, 0.01, 6);
    FAILS(fin, 0.05, 7);
    FAILS(client_port, 3333, 8);
#undef FAILS
#undef HOLDS
}

TEST(flow_score, points) {
    struct plab_flow_figures flow = miner;
    flow.packets_per_minute = 10;
    CHECK_U64(plab_flow_points(&flow), 13); /* all there are */
    flow.duration_s = 299;
    CHECK_U64(plab_flow_points(&flow), 10);
    flow.packets = 15;
    CHECK_U64(plab_flow_points(&flow), 9);
    flow.bytes_per_packet = 131;
    CHECK_U64(plab_flow_points(&flow), 7);
    flow.packets_per_minute = 31;
    CHECK_U64(plab_flow_points(&flow), 5);
    flow.client_port = 80;
    CHECK_U64(plab_flow_points(&flow), 2);
    flow.plain = 0.79;
    CHECK_U64(plab_flow_points(&flow), 0);
}

TEST(flow_score, figures_of_a_table) {
    static const char text[] = "src_port,dst_port,packets_fwd,bytes_fwd,duration_s,end_t_s,syn_fwd,"
                               "rst_fwd,fin_fwd\n40000,3333,10,600,120,130,1,0,2\n"
                               "40000,3333,0,0,0,1,0,0,0\n,3333,10,600,120,130,1,0,2\n"
                               "70000,3333,10,600,120,130,1,0,2\n";
    struct plab_table table;
    struct plab_flow_figures flow;
    char *copy = strdup(text);
    CHECK(copy != NULL && plab_table_parse(&table, copy, "flows.csv", NULL) == PLAB_OK);
    CHECK(plab_flow_figures_read(&flow, &table, 0));
    CHECK(flow.client_port == 40000 && flow.server_port == 3333 && flow.end_s == 130);
    CHECK(flow.bytes_per_packet == 60 && flow.packets_per_minute == 5);
    CHECK(flow.syn == 0.1 && flow.rst == 0 && flow.fin == 0.2 && flow.plain == 0.7);
    CHECK(!plab_flow_figures_read(&flow, &table, 1)); /* nothing of the client */
    CHECK(!plab_flow_figures_read(&flow, &table, 2)); /* no port */
    CHECK(!plab_flow_figures_read(&flow, &table, 3)); /* not a port */
    plab_table_free(&table);
}
