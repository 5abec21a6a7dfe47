/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The columns of CICFlowMeter (github.com/ahlashkari/CICFlowMeter, 84 with the label), computed by
 * its definitions: lengths are payload bytes, times microseconds, deviations those of a sample, a
 * flow is idle after 5 s, a subflow ends after 1 s. Our truth follows behind.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lab/flow_csv_priv.h"

const char *const plab_flow_cic_columns =
    "Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Total Fwd "
    "Packet,Total Bwd packets,Total Length of Fwd Packet,Total Length of Bwd Packet,Fwd Packet "
    "Length Max,Fwd Packet Length Min,Fwd Packet Length Mean,Fwd Packet Length Std,Bwd Packet "
    "Length Max,Bwd Packet Length Min,Bwd Packet Length Mean,Bwd Packet Length Std,Flow "
    "Bytes/s,Flow Packets/s,Flow IAT Mean,Flow IAT Std,Flow IAT Max,Flow IAT Min,Fwd IAT Total,Fwd "
    "IAT Mean,Fwd IAT Std,Fwd IAT Max,Fwd IAT Min,Bwd IAT Total,Bwd IAT Mean,Bwd IAT Std,Bwd IAT "
    "Max,Bwd IAT Min,Fwd PSH Flags,Bwd PSH Flags,Fwd URG Flags,Bwd URG Flags,Fwd Header Length,Bwd "
    "Header Length,Fwd Packets/s,Bwd Packets/s,Packet Length Min,Packet Length Max,Packet Length "
    "Mean,Packet Length Std,Packet Length Variance,FIN Flag Count,SYN Flag Count,RST Flag "
    "Count,PSH Flag Count,ACK Flag Count,URG Flag Count,CWE Flag Count,ECE Flag Count,Down/Up "
    "Ratio,Average Packet Size,Fwd Segment Size Avg,Bwd Segment Size Avg,Fwd Bytes/Bulk Avg,Fwd "
    "Packet/Bulk Avg,Fwd Bulk Rate Avg,Bwd Bytes/Bulk Avg,Bwd Packet/Bulk Avg,Bwd Bulk Rate "
    "Avg,Subflow Fwd Packets,Subflow Fwd Bytes,Subflow Bwd Packets,Subflow Bwd Bytes,FWD Init Win "
    "Bytes,Bwd Init Win Bytes,Fwd Act Data Pkts,Fwd Seg Size Min,Active Mean,Active Std,Active "
    "Max,Active Min,Idle Mean,Idle Std,Idle Max,Idle Min,Label,Truth,Scenario,Worker,Dialect,"
    "Phases";

/* A quotient; empty where there is nothing to divide by. */
static void put_ratio(struct plab_csv *csv, double value, double by) {
    plab_csv_number(csv, by > 0 ? value / by : (double)NAN, 6);
}

/* The first columns: who with whom, when, how long. */
static void put_identity(struct plab_csv *csv, const struct plab_flow *flow) {
    char src[PLAB_ENDPOINT_TEXT_LEN], dst[PLAB_ENDPOINT_TEXT_LEN], stamp[40];
    time_t seconds = (time_t)(flow->start_wall_ns / 1000000000);
    struct tm utc;
    plab_endpoint_address(&flow->client, src);
    plab_endpoint_address(&flow->server, dst);
    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof stamp, "%d/%m/%Y %I:%M:%S %p", &utc);
    plab_csv_format(csv, "%s-%s-%u-%u-%u", src, dst, flow->client.port, flow->server.port,
                    flow->protocol);
    plab_csv_text(csv, src);
    plab_csv_integer(csv, flow->client.port);
    plab_csv_text(csv, dst);
    plab_csv_integer(csv, flow->server.port);
    plab_csv_integer(csv, flow->protocol);
    plab_csv_text(csv, stamp);
    plab_csv_integer(csv, (flow->end_wall_ns - flow->start_wall_ns) / 1000);
}

static void put_lengths(struct plab_csv *csv, const struct plab_moments *payload) {
    plab_csv_number(csv, payload->max, 1);
    plab_csv_number(csv, payload->min, 1);
    plab_csv_number(csv, payload->mean, 6);
    plab_csv_number(csv, plab_moments_sd(payload), 6);
}

/* Mean, deviation, maximum, minimum of times, in microseconds. */
static void put_times(struct plab_csv *csv, const struct plab_moments *times) {
    plab_csv_number(csv, times->mean * 1e6, 3);
    plab_csv_number(csv, plab_moments_sd(times) * 1e6, 3);
    plab_csv_number(csv, times->max * 1e6, 3);
    plab_csv_number(csv, times->min * 1e6, 3);
}

static void put_traffic(struct plab_csv *csv, const struct plab_flow *flow) {
    const struct plab_flow_way *forward = &flow->forward, *backward = &flow->backward;
    double seconds = plab_flow_duration_s(flow);
    plab_csv_integer(csv, forward->packets);
    plab_csv_integer(csv, backward->packets);
    plab_csv_integer(csv, forward->payload_bytes);
    plab_csv_integer(csv, backward->payload_bytes);
    put_lengths(csv, &forward->payload);
    put_lengths(csv, &backward->payload);
    put_ratio(csv, flow->payload.sum, seconds);
    put_ratio(csv, (double)flow->payload.count, seconds);
    put_times(csv, &flow->gap_s);
    plab_csv_number(csv, forward->gap_s.sum * 1e6, 3);
    put_times(csv, &forward->gap_s);
    plab_csv_number(csv, backward->gap_s.sum * 1e6, 3);
    put_times(csv, &backward->gap_s);
}

static void put_flags(struct plab_csv *csv, const struct plab_flow *flow) {
    static const unsigned order[] = {0, 1, 2, 3, 4, 5, 7, 6}; /* FIN SYN RST PSH ACK URG CWR ECE */
    for (size_t i = 0; i < PLAB_ARRAY_LEN(order); i++) {
        plab_csv_integer(csv,
                         flow->forward.flag_count[order[i]] + flow->backward.flag_count[order[i]]);
    }
}

static void put_headers_and_flags(struct plab_csv *csv, const struct plab_flow *flow) {
    const struct plab_flow_way *forward = &flow->forward, *backward = &flow->backward;
    double seconds = plab_flow_duration_s(flow), sd = plab_moments_sd(&flow->payload);
    plab_csv_integer(csv, forward->flag_count[3]);
    plab_csv_integer(csv, backward->flag_count[3]);
    plab_csv_integer(csv, forward->flag_count[5]);
    plab_csv_integer(csv, backward->flag_count[5]);
    plab_csv_integer(csv, forward->header_bytes);
    plab_csv_integer(csv, backward->header_bytes);
    put_ratio(csv, (double)forward->packets, seconds);
    put_ratio(csv, (double)backward->packets, seconds);
    plab_csv_number(csv, flow->payload.min, 1);
    plab_csv_number(csv, flow->payload.max, 1);
    plab_csv_number(csv, flow->payload.mean, 6);
    plab_csv_number(csv, sd, 6);
    plab_csv_number(csv, sd * sd, 6);
    put_flags(csv, flow);
    plab_csv_integer(csv, forward->packets > 0 ? backward->packets / forward->packets : 0);
    plab_csv_number(csv, flow->payload.mean, 6);
    plab_csv_number(csv, forward->payload.mean, 6);
    plab_csv_number(csv, backward->payload.mean, 6);
}

static void put_bulk(struct plab_csv *csv, const struct plab_flow_bulk *bulk) {
    plab_csv_integer(csv, bulk->bulks > 0 ? bulk->bytes / bulk->bulks : 0);
    plab_csv_integer(csv, bulk->bulks > 0 ? bulk->packets / bulk->bulks : 0);
    plab_csv_number(
        csv, bulk->duration_ns > 0 ? (double)bulk->bytes * 1e9 / (double)bulk->duration_ns : 0, 0);
}

static void put_rest(struct plab_csv *csv, const struct plab_flow *flow) {
    const struct plab_flow_way *forward = &flow->forward, *backward = &flow->backward;
    uint64_t subflows = flow->pauses > 0 ? flow->pauses : 1;
    put_bulk(csv, &forward->bulk);
    put_bulk(csv, &backward->bulk);
    plab_csv_integer(csv, forward->packets / subflows);
    plab_csv_integer(csv, forward->payload_bytes / subflows);
    plab_csv_integer(csv, backward->packets / subflows);
    plab_csv_integer(csv, backward->payload_bytes / subflows);
    plab_csv_integer(csv, forward->first_window);
    plab_csv_integer(csv, backward->first_window);
    plab_csv_integer(csv, forward->data);
    plab_csv_integer(csv, forward->header_min);
    put_times(csv, &flow->active_s);
    put_times(csv, &flow->idle_s);
}

enum plab_status plab_flow_cic_row(struct plab_csv *csv, const struct plab_flow *flow,
                                   const struct plab_flow_label *label, struct plab_error *err) {
    put_identity(csv, flow);
    put_traffic(csv, flow);
    put_headers_and_flags(csv, flow);
    put_rest(csv, flow);
    plab_csv_text(csv, strcmp(label->truth, "positive") == 0 ? "Miner"
                       : strcmp(label->truth, "benign") == 0 ? "BENIGN"
                                                             : "Unknown");
    plab_csv_text(csv, label->truth);
    plab_csv_text(csv, label->scenario);
    plab_csv_text(csv, label->worker);
    plab_csv_text(csv, label->dialect);
    plab_csv_text(csv, label->phases);
    return plab_csv_end(csv, err);
}
