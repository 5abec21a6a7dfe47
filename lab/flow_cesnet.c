/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The columns of CESNET-MINER22 (Plny, Hynek, Cejka: doi 10.5281/zenodo.7189293), as ipfixprobe
 * writes them, with its arrays "[a|b|c]" of the first 30 packets that carry something. Its two
 * labels are kept; ours follow behind, so that a reader of the dataset's columns by name sees no
 * difference.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lab/flow_csv_priv.h"
#include "lab/flow_wire.h"

#define TIME_TEXT 32

const char *const plab_flow_cesnet_columns =
    "BYTES,BYTES_REV,DST_PORT,LABEL,PACKETS,PACKETS_REV,PPI_PKT_DIRECTIONS,PPI_PKT_FLAGS,"
    "PPI_PKT_LENGTHS,PPI_PKT_TIMES,PROTOCOL,SRC_PORT,TCP_FLAGS,TCP_FLAGS_REV,TIME_FIRST,TIME_LAST,"
    "TLS_SNI,SRC_IP,DST_IP,TRUTH,SCENARIO,WORKER,DIALECT,PHASES";

/* 2026-01-31T23:59:59.123456, UTC. */
static const char *time_text(uint64_t wall_ns, char out[TIME_TEXT]) {
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t used = strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + used, TIME_TEXT - used, ".%06" PRIu64, wall_ns / 1000 % 1000000);
    return out;
}

enum what { DIRECTIONS, FLAGS, LENGTHS, TIMES };

static void item_text(const struct plab_flow_item *item, enum what what, char out[TIME_TEXT]) {
    switch (what) {
    case DIRECTIONS:
        snprintf(out, TIME_TEXT, "%d", item->backward ? -1 : 1);
        break;
    case FLAGS:
        snprintf(out, TIME_TEXT, "%u", item->flags);
        break;
    case LENGTHS:
        snprintf(out, TIME_TEXT, "%u", item->payload_len);
        break;
    case TIMES:
        time_text(item->wall_ns, out);
        break;
    }
}

static void put_array(struct plab_csv *csv, const struct plab_flow_items *items, enum what what) {
    char text[PLAB_FLOW_FIRST * (TIME_TEXT + 1) + 3] = "[", one[TIME_TEXT];
    size_t used = 1;
    for (size_t i = 0; i < items->count; i++) {
        item_text(&items->items[i], what, one);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.31s", i > 0 ? "|" : "", one);
    }
    snprintf(text + used, sizeof text - used, "]");
    plab_csv_text(csv, text);
}

static void put_label(struct plab_csv *csv, const struct plab_flow *flow,
                      const struct plab_flow_label *label) {
    char address[PLAB_ENDPOINT_TEXT_LEN];
    plab_csv_text(csv, plab_endpoint_address(&flow->client, address));
    plab_csv_text(csv, plab_endpoint_address(&flow->server, address));
    plab_csv_text(csv, label->truth);
    plab_csv_text(csv, label->scenario);
    plab_csv_text(csv, label->worker);
    plab_csv_text(csv, label->dialect);
    plab_csv_text(csv, label->phases);
}

enum plab_status plab_flow_cesnet_row(struct plab_csv *csv, const struct plab_flow *flow,
                                      const struct plab_flow_label *label, struct plab_error *err) {
    struct plab_flow_wire wire;
    char time[TIME_TEXT];
    plab_flow_wire_read(flow->head, flow->head_len, &wire);
    plab_csv_integer(csv, flow->forward.bytes);
    plab_csv_integer(csv, flow->backward.bytes);
    plab_csv_integer(csv, flow->server.port);
    plab_csv_text(csv, strcmp(label->truth, "positive") == 0 ? "Miner" : "Other");
    plab_csv_integer(csv, flow->forward.packets);
    plab_csv_integer(csv, flow->backward.packets);
    for (enum what what = DIRECTIONS; what <= TIMES; what++) {
        put_array(csv, &flow->first_data, what);
    }
    plab_csv_integer(csv, flow->protocol);
    plab_csv_integer(csv, flow->client.port);
    plab_csv_integer(csv, flow->forward.first_flags);
    plab_csv_integer(csv, flow->backward.first_flags);
    plab_csv_text(csv, time_text(flow->start_wall_ns, time));
    plab_csv_text(csv, time_text(flow->end_wall_ns, time));
    plab_csv_text(csv, wire.sni);
    put_label(csv, flow, label);
    return plab_csv_end(csv, err);
}
