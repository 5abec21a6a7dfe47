/* SPDX-License-Identifier: BSD-3-Clause */
/* Composed packets into flow records. */
#include <math.h>
#include <stdlib.h>

#include "lab/flow.h"
#include "lab/flow_wire.h"
#include "lab/pcapng.h"
#include "tests/harness.h"
#include "tests/unit/packets.h"

#define CLIENT "127.0.0.1:50000"
#define SERVER "127.0.0.1:3333"
#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define START (1700000000 * SECOND)

struct records {
    size_t count;
    struct plab_flow flows[16];
    char heads[16][64];
};

static enum plab_status keep(void *cookie, const struct plab_flow *flow, struct plab_error *err) {
    struct records *records = cookie;
    (void)err;
    CHECK(records->count < 16);
    snprintf(records->heads[records->count], 64, "%.*s", (int)flow->head_len,
             (const char *)flow->head);
    records->flows[records->count++] = *flow;
    return PLAB_OK;
}

static struct plab_flows *begin(struct records *records) {
    struct plab_flows *flows;
    struct plab_error err;
    const struct plab_flows_config config = {
        .server_ports = {3333}, .server_count = 1, .sink = keep, .cookie = records};
    memset(records, 0, sizeof *records);
    CHECK(plab_flows_create(&flows, &config, &err) == PLAB_OK);
    return flows;
}

static void add(struct plab_flows *flows, uint64_t t_ns, struct packet packet) {
    uint8_t bytes[PACKET_MAX];
    struct plab_frame frame;
    struct plab_error err = {.text = ""};
    size_t len = packet_compose(&packet, bytes);
    CHECK(plab_frame_parse(&frame, PLAB_LINK_ETHERNET, bytes, len));
    CHECK_MSG(plab_flows_add(flows, START + t_ns, &frame, &err) == PLAB_OK, "%s", err.text);
}

static void end(struct plab_flows *flows) {
    struct plab_error err;
    CHECK(plab_flows_finish(flows, &err) == PLAB_OK);
    plab_flows_free(&flows);
}

static struct packet up(uint8_t flags, uint32_t seq, const char *payload) {
    return (struct packet){CLIENT, SERVER, flags, seq, payload, 0};
}

static struct packet down(uint8_t flags, uint32_t seq, const char *payload) {
    return (struct packet){SERVER, CLIENT, flags, seq, payload, 0};
}

#define S PLAB_TCP_SYN
#define A PLAB_TCP_ACK
#define P (PLAB_TCP_PSH | PLAB_TCP_ACK)
#define F (PLAB_TCP_FIN | PLAB_TCP_ACK)

TEST(flow, a_conversation) {
    struct records records;
    struct plab_flows *flows = begin(&records);
    add(flows, 0, up(S, 99, ""));
    add(flows, 1 * MS, down(S | A, 499, ""));
    add(flows, 2 * MS, up(A, 100, ""));
    add(flows, 10 * MS, up(P, 100, "{\"id\":1,"));
    add(flows, 11 * MS, up(P, 100, "{\"id\":1,")); /* sent again */
    add(flows, 20 * MS, up(P, 108, "\"x\":2}\n"));
    add(flows, 1500 * MS, down(P, 500, "a line of more than sixteen"));
    add(flows, 4000 * MS, up(F, 115, ""));
    add(flows, 4001 * MS, down(F, 527, ""));
    add(flows, 4002 * MS, up(A, 116, ""));
    end(flows);
    CHECK_U64(records.count, 1);
    const struct plab_flow *flow = &records.flows[0];
    CHECK_U64(flow->end, PLAB_FLOW_END_CLOSED);
    CHECK_U64(flow->client.port, 50000);
    CHECK_U64(flow->forward.packets, 7);
    CHECK_U64(flow->backward.packets, 3);
    CHECK_U64(flow->forward.bytes, 7 * 40 + 8 + 8 + 7);
    CHECK_U64(flow->forward.payload_bytes, 23);
    CHECK_U64(flow->forward.data, 3);
    CHECK_U64(flow->forward.flag_count[1], 1);
    CHECK_U64(flow->forward.flag_count[3], 3);
    CHECK_U64(flow->forward.flag_count[4], 6);
    CHECK_U64(flow->forward.first_flags, S);
    CHECK_U64(flow->backward.first_flags, S | A);
    CHECK_U64(flow->forward.hist[0], 7);
    CHECK_U64(flow->backward.hist[1], 1);
    CHECK_STR(records.heads[0], "{\"id\":1,\"x\":2}\n");
    CHECK(fabs(flow->forward.gap_s.min - 0.001) < 1e-9);
    CHECK(fabs(flow->forward.gap_s.max - 3.98) < 1e-9);
    CHECK(fabs(flow->forward.gap_s.mean - 4.002 / 6) < 1e-9);
    CHECK_U64(flow->first.count, 10);
    CHECK_U64(flow->first_data.count, 4);
    CHECK(flow->first_data.items[3].backward && flow->first_data.items[3].payload_len == 27);
    /* packets in seconds 0 to 4: 6 1 0 0 3, mean 2, variance of a sample (16+1+4+4+1)/4 = 6.5 */
    CHECK(fabs(plab_flow_fano(flow) - 3.25) < 1e-9);
    CHECK_U64(flow->pauses, 2);
}

/* The same gap again and again is -1, by definition. */
TEST(flow, regular_packets_are_not_bursty) {
    struct records records;
    struct plab_flows *flows = begin(&records);
    for (uint32_t i = 0; i < 50; i++) {
        add(flows, i * 500 * MS, up(P, i, "x"));
    }
    end(flows);
    CHECK(fabs(plab_flow_burstiness(&records.flows[0]) + 1) < 1e-9);
    CHECK_U64(records.flows[0].first.count, PLAB_FLOW_FIRST);
    CHECK(fabs(plab_flow_fano(&records.flows[0])) < 1e-9);
    CHECK_U64(records.flows[0].end, PLAB_FLOW_END_CAPTURE);
}

TEST(flow, records_end_after_thirty_seconds_of_silence) {
    struct records records;
    struct plab_flows *flows = begin(&records);
    add(flows, 0, up(P, 1, "{\"method\":\"login\"}"));
    add(flows, 30 * SECOND, down(P, 1, "job"));
    add(flows, 61 * SECOND, down(P, 4, "job")); /* the server speaks first in this record */
    end(flows);
    CHECK_U64(records.count, 2);
    CHECK_U64(records.flows[0].end, PLAB_FLOW_END_IDLE);
    CHECK_U64(records.flows[0].connection, 1);
    CHECK_U64(records.flows[1].connection, 1);
    CHECK_U64(records.flows[1].part, 1);
    CHECK_U64(records.flows[1].client.port, 50000);
    CHECK_U64(records.flows[1].backward.packets, 1);
    CHECK_STR(records.heads[1], "{\"method\":\"login\"}");
}

TEST(flow, records_end_after_five_minutes) {
    struct records records;
    struct plab_flows *flows = begin(&records);
    for (uint32_t i = 0; i <= 31; i++) {
        add(flows, i * 20 * SECOND, up(P, i, "x"));
    }
    end(flows);
    CHECK_U64(records.count, 3);
    CHECK_U64(records.flows[0].end, PLAB_FLOW_END_ACTIVE);
    CHECK_U64(records.flows[0].forward.packets, 15);
    CHECK_U64(records.flows[1].start_wall_ns, START + 300 * SECOND);
    CHECK_U64(records.flows[2].part, 2);
}

TEST(flow, ports_that_are_used_again_are_another_connection) {
    struct records records;
    struct plab_flows *flows = begin(&records);
    add(flows, 0, up(S, 1, ""));
    add(flows, 1 * MS, down(PLAB_TCP_RST | A, 0, ""));
    add(flows, 2 * MS, up(S, 7, ""));
    add(flows, 3 * MS, up(P, 8, "hello"));
    end(flows);
    CHECK_U64(records.count, 2);
    CHECK_U64(records.flows[0].end, PLAB_FLOW_END_CLOSED);
    CHECK_U64(records.flows[1].connection, 2);
    CHECK_U64(records.flows[1].part, 0);
    CHECK_STR(records.heads[1], "hello");
}

TEST(flow, both_families_are_told_apart) {
    struct records records;
    struct plab_flows *flows = begin(&records);
    add(flows, 0, (struct packet){"[::1]:50000", "[::1]:3333", P, 1, "six", 0});
    add(flows, 0, up(P, 1, "four"));
    end(flows);
    CHECK_U64(records.count, 2);
    char text[PLAB_ENDPOINT_TEXT_LEN];
    CHECK_STR(plab_endpoint_text(&records.flows[0].client, text), "[::1]:50000");
    CHECK_STR(plab_endpoint_text(&records.flows[1].server, text), SERVER);
}

/* Cut anywhere: nothing is read beyond the end (AddressSanitizer watches). */
TEST(flow, cut_frames) {
    uint8_t bytes[PACKET_MAX];
    struct plab_frame frame;
    const struct packet packets[] = {up(P, 1, "payload"),
                                     {"[::1]:50000", "[::1]:3333", P, 1, "payload", 0}};
    for (size_t i = 0; i < 2; i++) {
        size_t len = packet_compose(&packets[i], bytes);
        for (size_t n = 0; n < len; n++) {
            uint8_t *exact = malloc(n + 1);
            CHECK(exact != NULL);
            memcpy(exact, bytes, n);
            bool good = plab_frame_parse(&frame, PLAB_LINK_ETHERNET, exact, n);
            CHECK(!good || frame.captured < frame.payload_len);
            free(exact);
        }
    }
    size_t len = packet_compose(&packets[0], bytes);
    bytes[14 + 6] = 0x20; /* more fragments */
    CHECK(!plab_frame_parse(&frame, PLAB_LINK_ETHERNET, bytes, len));
}

TEST(flow, endpoints) {
    struct plab_endpoint endpoint;
    static const char *const bad[] = {"",          "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                                      "[::1]3333", "[::1",      "::1:x",      "localhost:1",
                                      "1.2.3:4"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(bad); i++) {
        CHECK_MSG(!plab_endpoint_parse(bad[i], &endpoint), "%s", bad[i]);
    }
    CHECK(plab_endpoint_parse("[fd00::1]:1", &endpoint) && endpoint.version == 6);
}

/* ---- what the first bytes say ---- */

static void check_wire(const char *head, const char *kind, const char *dialect, const char *keys) {
    struct plab_flow_wire wire;
    plab_flow_wire_read((const uint8_t *)head, strlen(head), &wire);
    CHECK_STR(wire.kind, kind);
    CHECK_STR(wire.dialect, dialect);
    CHECK_STR(wire.json_keys, keys);
}

TEST(flow_wire, dialects) {
    check_wire("", "", "", "");
    check_wire("{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"x\"}}\n",
               "json", "xmrig", "id,jsonrpc,method,params");
    check_wire("{\"method\":\"login\",\"params\":{\"login\":\"x\",\"pass\":\"y\"},\"id\":1}\n",
               "json", "xmr-stak", "method,params,id");
    check_wire("{\"method\": \"login\", \"params\": {\"login\": \"x\"}, \"id\": 1}\n", "json",
               "cpuminer-multi", "method,params,id+sp");
    check_wire("{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}\n", "json",
               "stratum1", "id,method,params+sp");
    check_wire("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sum\",\"params\":[1,2]}\n", "json",
               "jsonrpc", "jsonrpc,id,method,params");
    check_wire("{\"level\":\"info\"}\n", "json", "", "level");
    check_wire("{\"a\\\"b\":1,\"c", "json", "", "a\"b");
    check_wire("GET / HTTP/1.1\r\nSec-WebSocket-Key: x\r\n\r\n", "http", "websocket", "");
    check_wire("SSH-2.0-x\r\n", "other", "", "");
}

/* A ClientHello of TLS 1.2 composed by hand. JA3 by its definition: version, suites, extensions,
 * groups, point formats, GREASE left out; the digest is md5sum's. */
static const uint8_t hello[] = {
    22, 3,  1,    0,    88,   1,    0, 0,    84, 3,   3, /* record, handshake, version */
    1,  2,  3,    4,    5,    6,    7, 8,    9,  10,  11,  12,  13,  14,  15,  16,  1,
    2,  3,  4,    5,    6,    7,    8, 9,    10, 11,  12,  13,  14,  15,  16,  0, /* random, no
                                                                                     session */
    0,  6,  0x1a, 0x1a, 0xc0, 0x2f, 0, 0x9c, /* suites: GREASE, 49199, 156 */
    1,  0,                                   /* compression */
    0,  37, 0x2a, 0x2a, 0,    0,             /* extensions, one GREASE */
    0,  0,  0,    13,   0,    11,   0, 0,    8,  'p', 'o', 'o', 'l', '.', 'l', 'a', 'b',
    0,  10, 0,    6,    0,    4,    0, 29,   0,  23, /* groups 29, 23 */
    0,  11, 0,    2,    1,    0,                     /* point formats: 0 */
};

TEST(flow_wire, tls) {
    struct plab_flow_wire wire;
    plab_flow_wire_read(hello, sizeof hello, &wire);
    CHECK_STR(wire.kind, "tls");
    CHECK_STR(wire.ja3_text, "771,49199-156,0-10-11,29-23,0");
    CHECK_STR(wire.ja3, "dc336eb4921310a0c3ce26ac48660d89");
    CHECK_STR(wire.sni, "pool.lab");
    for (size_t n = 0; n < sizeof hello; n++) {
        uint8_t *exact = malloc(n + 1);
        CHECK(exact != NULL);
        memcpy(exact, hello, n);
        plab_flow_wire_read(exact, n, &wire);
        free(exact);
    }
}
