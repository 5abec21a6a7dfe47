/* SPDX-License-Identifier: BSD-3-Clause */
/* flows.csv, and the three tables together. */
#include "lab/flow_csv.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/flow_csv_priv.h"
#include "lab/flow_wire.h"

#define SEQUENCE_TEXT ((size_t)PLAB_FLOW_FIRST * 24 + 1)

static const char own_columns[] =
    "connection,part,end_reason,protocol,src_ip,src_port,dst_ip,dst_port,start_t_s,end_t_s,"
    "duration_s,packets_fwd,packets_bwd,bytes_fwd,bytes_bwd,payload_bytes_fwd,payload_bytes_bwd,"
    "data_packets_fwd,data_packets_bwd,fin_fwd,syn_fwd,rst_fwd,psh_fwd,ack_fwd,urg_fwd,fin_bwd,syn_"
    "bwd,rst_bwd,psh_bwd,ack_bwd,urg_bwd,gap_min_fwd_s,gap_mean_fwd_s,gap_max_fwd_s,gap_sd_fwd_s,"
    "gap_min_bwd_s,gap_mean_bwd_s,gap_max_bwd_s,gap_sd_bwd_s,burstiness,fano,payload_hist_fwd,"
    "payload_hist_bwd,first_lengths,first_directions,first_times_s,first_flags,kind,json_keys,"
    "method,sni,ja3,dialect_seen,dialect,truth,positive,label,run,scenario,phases,worker,login,"
    "agent";

struct plab_flow_tables {
    struct plab_csv *own, *cesnet, *cic;
};

double plab_flow_duration_s(const struct plab_flow *flow) {
    return (double)(flow->end_wall_ns - flow->start_wall_ns) * 1e-9;
}

enum plab_status plab_flow_columns(struct plab_csv *csv, const char *columns,
                                   struct plab_error *err) {
    char name[64];
    for (const char *at = columns; *at != '\0';) {
        size_t len = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)len, at);
        plab_csv_text(csv, name);
        at += len + (at[len] == ',');
    }
    return plab_csv_end(csv, err);
}

/* ---- flows.csv ---- */

static void put_endpoint(struct plab_csv *csv, const struct plab_endpoint *endpoint) {
    char text[PLAB_ENDPOINT_TEXT_LEN];
    plab_csv_text(csv, plab_endpoint_address(endpoint, text));
    plab_csv_integer(csv, endpoint->port);
}

static void put_flag_counts(struct plab_csv *csv, const struct plab_flow_way *way) {
    for (size_t bit = 0; bit < 6; bit++) {
        plab_csv_integer(csv, way->flag_count[bit]);
    }
}

static void put_gaps(struct plab_csv *csv, const struct plab_moments *gap) {
    bool any = gap->count > 0;
    plab_csv_number(csv, any ? gap->min : (double)NAN, 6);
    plab_csv_number(csv, any ? gap->mean : (double)NAN, 6);
    plab_csv_number(csv, any ? gap->max : (double)NAN, 6);
    plab_csv_number(csv, gap->count > 1 ? plab_moments_sd(gap) : (double)NAN, 6);
}

static void put_hist(struct plab_csv *csv, const struct plab_flow_way *way) {
    char text[PLAB_FLOW_HIST_BINS * 22] = "";
    size_t used = 0;
    for (size_t i = 0; i < PLAB_FLOW_HIST_BINS; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64, i > 0 ? "|" : "",
                                 way->hist[i]);
    }
    plab_csv_text(csv, text);
}

enum what { LENGTHS, DIRECTIONS, TIMES, FLAGS };

static void put_first(struct plab_csv *csv, const struct plab_flow *flow, enum what what) {
    char text[SEQUENCE_TEXT] = "";
    size_t used = 0;
    for (size_t i = 0; i < flow->first.count && used < sizeof text; i++) {
        const struct plab_flow_item *item = &flow->first.items[i];
        const char *bar = i > 0 ? "|" : "";
        char *at = text + used;
        size_t left = sizeof text - used;
        int n = 0;
        switch (what) {
        case LENGTHS:
            n = snprintf(at, left, "%s%u", bar, item->payload_len);
            break;
        case DIRECTIONS:
            n = snprintf(at, left, "%s%d", bar, item->backward ? -1 : 1);
            break;
        case TIMES:
            n = snprintf(at, left, "%s%.6f", bar,
                         (double)(item->wall_ns - flow->start_wall_ns) * 1e-9);
            break;
        case FLAGS:
            n = snprintf(at, left, "%s%u", bar, item->flags);
            break;
        }
        used += n > 0 ? (size_t)n : 0;
    }
    plab_csv_text(csv, text);
}

static void put_counts(struct plab_csv *csv, const struct plab_flow *flow) {
    const struct plab_flow_way *forward = &flow->forward, *backward = &flow->backward;
    plab_csv_integer(csv, forward->packets);
    plab_csv_integer(csv, backward->packets);
    plab_csv_integer(csv, forward->bytes);
    plab_csv_integer(csv, backward->bytes);
    plab_csv_integer(csv, forward->payload_bytes);
    plab_csv_integer(csv, backward->payload_bytes);
    plab_csv_integer(csv, forward->data);
    plab_csv_integer(csv, backward->data);
    put_flag_counts(csv, forward);
    put_flag_counts(csv, backward);
    put_gaps(csv, &forward->gap_s);
    put_gaps(csv, &backward->gap_s);
    plab_csv_number(csv, plab_flow_burstiness(flow), 6);
    plab_csv_number(csv, plab_flow_fano(flow), 6);
    put_hist(csv, forward);
    put_hist(csv, backward);
}

static void put_wire(struct plab_csv *csv, const struct plab_flow *flow) {
    struct plab_flow_wire wire;
    plab_flow_wire_read(flow->head, flow->head_len, &wire);
    plab_csv_text(csv, wire.kind);
    plab_csv_text(csv, wire.json_keys);
    plab_csv_text(csv, wire.method);
    plab_csv_text(csv, wire.sni);
    plab_csv_text(csv, wire.ja3);
    plab_csv_text(csv, wire.dialect);
}

static void put_label(struct plab_csv *csv, const struct plab_flow_label *label) {
    plab_csv_text(csv, label->dialect);
    plab_csv_text(csv, label->truth);
    plab_csv_text(csv, label->truth[0] == 'p' ? "1" : label->truth[0] == 'b' ? "0" : "");
    plab_csv_text(csv, label->label);
    plab_csv_text(csv, label->run);
    plab_csv_text(csv, label->scenario);
    plab_csv_text(csv, label->phases);
    plab_csv_text(csv, label->worker);
    plab_csv_text(csv, label->login);
    plab_csv_text(csv, label->agent);
}

static enum plab_status own_row(struct plab_csv *csv, const struct plab_flow *flow,
                                const struct plab_flow_label *label, double start_s, double end_s,
                                struct plab_error *err) {
    plab_csv_integer(csv, flow->connection);
    plab_csv_integer(csv, flow->part);
    plab_csv_text(csv, plab_flow_end_name(flow->end));
    plab_csv_integer(csv, flow->protocol);
    put_endpoint(csv, &flow->client);
    put_endpoint(csv, &flow->server);
    plab_csv_number(csv, start_s, 6);
    plab_csv_number(csv, end_s, 6);
    plab_csv_number(csv, plab_flow_duration_s(flow), 6);
    put_counts(csv, flow);
    for (enum what what = LENGTHS; what <= FLAGS; what++) {
        put_first(csv, flow, what);
    }
    put_wire(csv, flow);
    put_label(csv, label);
    return plab_csv_end(csv, err);
}

/* ---- all three ---- */

static enum plab_status open_one(struct plab_csv **out, const char *folder, const char *name,
                                 const char *columns, struct plab_error *err) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    enum plab_status status = plab_csv_open(out, path, err);
    return status == PLAB_OK ? plab_flow_columns(*out, columns, err) : status;
}

enum plab_status plab_flow_tables_open(struct plab_flow_tables **out, const char *folder,
                                       struct plab_error *err) {
    struct plab_flow_tables *tables = calloc(1, sizeof *tables);
    *out = NULL;
    if (tables == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for tables of flows");
    }
    enum plab_status status = open_one(&tables->own, folder, "flows.csv", own_columns, err);
    if (status == PLAB_OK) {
        status =
            open_one(&tables->cesnet, folder, "flows-cesnet.csv", plab_flow_cesnet_columns, err);
    }
    if (status == PLAB_OK) {
        status = open_one(&tables->cic, folder, "flows-cic.csv", plab_flow_cic_columns, err);
    }
    if (status != PLAB_OK) {
        plab_flow_tables_close(&tables);
    }
    *out = tables;
    return status;
}

enum plab_status plab_flow_tables_add(struct plab_flow_tables *tables, const struct plab_flow *flow,
                                      const struct plab_flow_label *label, double start_s,
                                      double end_s, struct plab_error *err) {
    enum plab_status status = own_row(tables->own, flow, label, start_s, end_s, err);
    if (status == PLAB_OK) {
        status = plab_flow_cesnet_row(tables->cesnet, flow, label, err);
    }
    if (status == PLAB_OK) {
        status = plab_flow_cic_row(tables->cic, flow, label, err);
    }
    return status;
}

void plab_flow_tables_close(struct plab_flow_tables **tables) {
    if (*tables != NULL) {
        plab_csv_close(&(*tables)->own);
        plab_csv_close(&(*tables)->cesnet);
        plab_csv_close(&(*tables)->cic);
        free(*tables);
        *tables = NULL;
    }
}
