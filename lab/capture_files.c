/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/capture_files.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lab/flow_csv.h"
#include "lab/pcapng.h"
#include "lab/relabel.h"

/* All that is open while packets go by. */
struct maker {
    const struct plab_capture_files_config *config;
    struct plab_capture_files *result;
    struct plab_labels *labels;
    struct plab_flows *flows;
    struct plab_flow_tables *tables;
    struct plab_relabel *relabel;
    struct plab_pcapng_reader *reader;
    struct plab_pcapng_writer *relabelled;
    struct plab_label_span *spans;
    size_t span_count;
    uint8_t *frame;
};

static const char *path_in(const struct plab_capture_files_config *config, const char *name,
                           char out[PATH_MAX]) {
    snprintf(out, PATH_MAX, "%s/%s", config->folder, name);
    return out;
}

/* ---- records of flows ---- */

static enum plab_status add_span(struct maker *maker, double start_s, double end_s,
                                 struct plab_error *err) {
    if ((maker->span_count & (maker->span_count - 1)) == 0) {
        size_t cap = maker->span_count > 0 ? 2 * maker->span_count : 1;
        struct plab_label_span *larger = realloc(maker->spans, cap * sizeof *larger);
        if (larger == NULL) {
            return plab_fail(err, PLAB_E_NOMEM, "not enough memory for flows");
        }
        maker->spans = larger;
    }
    maker->spans[maker->span_count++] = (struct plab_label_span){start_s, end_s};
    return PLAB_OK;
}

static enum plab_status take_flow(void *cookie, const struct plab_flow *flow,
                                  struct plab_error *err) {
    struct maker *maker = cookie;
    struct plab_flow_label label;
    double start_s = plab_labels_seconds(maker->labels, flow->start_wall_ns);
    double end_s = plab_labels_seconds(maker->labels, flow->end_wall_ns);
    plab_labels_flow(maker->labels, flow, &label);
    maker->result->records++;
    maker->result->connections += flow->part == 0;
    maker->result->positive += label.truth[0] == 'p';
    maker->result->benign += label.truth[0] == 'b';
    enum plab_status status = add_span(maker, start_s, end_s, err);
    return status == PLAB_OK
               ? plab_flow_tables_add(maker->tables, flow, &label, start_s, end_s, err)
               : status;
}

/* ---- packets ---- */

static enum plab_status write_relabelled(struct maker *maker,
                                         const struct plab_pcapng_packet *packet,
                                         const struct plab_frame *frame, struct plab_error *err) {
    size_t len = plab_relabel_frame(maker->relabel, frame, packet->wall_ns, maker->frame);
    if (len == 0) {
        maker->result->left_out++;
        return PLAB_OK;
    }
    const struct plab_pcapng_packet anew = {
        .wall_ns = packet->wall_ns, .bytes = maker->frame, .len = len, .wire_len = len};
    maker->result->relabelled++;
    return plab_pcapng_add_packet(maker->relabelled, &anew, err);
}

static enum plab_status take_packet(struct maker *maker, const struct plab_pcapng_packet *packet,
                                    struct plab_error *err) {
    struct plab_capture_files *result = maker->result;
    struct plab_frame frame;
    double t_s = plab_labels_seconds(maker->labels, packet->wall_ns);
    result->packets++;
    result->first_s = isnan(result->first_s) ? t_s : result->first_s;
    result->last_s = t_s;
    if (!plab_frame_parse(&frame, packet->link, packet->bytes, packet->len)) {
        result->other++;
        result->left_out++;
        return PLAB_OK;
    }
    enum plab_status status = plab_flows_add(maker->flows, packet->wall_ns, &frame, err);
    return status == PLAB_OK ? write_relabelled(maker, packet, &frame, err) : status;
}

static enum plab_status take_packets(struct maker *maker, struct plab_error *err) {
    struct plab_pcapng_block block = {.kind = PLAB_PCAPNG_OTHER};
    enum plab_status status = PLAB_OK;
    while (status == PLAB_OK) {
        status = plab_pcapng_next(maker->reader, &block, err);
        if (status != PLAB_OK || block.kind == PLAB_PCAPNG_END) {
            break;
        }
        if (block.kind == PLAB_PCAPNG_PACKET) {
            status = take_packet(maker, &block.packet, err);
        } else if (block.kind == PLAB_PCAPNG_TLS_KEYS) {
            status = plab_pcapng_add_block(maker->relabelled, block.bytes, block.len, err);
        }
    }
    maker->result->cut = plab_pcapng_is_cut(maker->reader);
    return status;
}

/* ---- together ---- */

static enum plab_status open_flows(struct maker *maker, struct plab_error *err) {
    const char *const pools[] = {plab_labels_pool(maker->labels),
                                 plab_labels_second_pool(maker->labels)};
    struct plab_flows_config config = {.active_ns = maker->config->active_ns,
                                       .idle_ns = maker->config->idle_ns,
                                       .sink = take_flow,
                                       .cookie = maker};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(pools); i++) {
        struct plab_endpoint pool;
        if (plab_endpoint_parse(pools[i], &pool)) {
            config.server_ports[config.server_count++] = pool.port;
        }
    }
    enum plab_status status = plab_flows_create(&maker->flows, &config, err);
    return status == PLAB_OK ? plab_flow_tables_open(&maker->tables, maker->config->folder, err)
                             : status;
}

static enum plab_status open_relabelled(struct maker *maker, struct plab_error *err) {
    char path[PATH_MAX], comment[256];
    maker->frame = malloc(PLAB_RELABEL_FRAME_MAX);
    if (maker->frame == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to relabel packets");
    }
    enum plab_status status = plab_relabel_create(&maker->relabel, maker->config->clients,
                                                  maker->config->pool, maker->labels, err);
    if (status != PLAB_OK) {
        return status;
    }
    snprintf(comment, sizeof comment,
             "powlab run %s, relabelled: the packets of run.pcapng with other addresses; none of "
             "these went over a network",
             plab_labels_run(maker->labels));
    status = plab_pcapng_create(&maker->relabelled,
                                path_in(maker->config, "run-relabelled.pcapng", path), err);
    if (status == PLAB_OK) {
        status = plab_pcapng_add_section(maker->relabelled, comment, err);
    }
    return status == PLAB_OK
               ? plab_pcapng_add_interface(maker->relabelled, "relabelled", PLAB_LINK_ETHERNET,
                                           PLAB_RELABEL_FRAME_MAX, NULL, err)
               : status;
}

static enum plab_status make_from_packets(struct maker *maker, struct plab_error *err) {
    enum plab_status status = open_flows(maker, err);
    if (status == PLAB_OK) {
        status = open_relabelled(maker, err);
    }
    if (status == PLAB_OK) {
        status = take_packets(maker, err);
    }
    if (status == PLAB_OK) {
        status = plab_flows_finish(maker->flows, err);
    }
    struct plab_error why;
    enum plab_status closing = plab_pcapng_close(&maker->relabelled, &why);
    if (status == PLAB_OK && closing != PLAB_OK) {
        *err = why;
        status = closing;
    }
    return status;
}

static void free_all(struct maker *maker) {
    plab_flow_tables_close(&maker->tables);
    plab_flows_free(&maker->flows);
    plab_relabel_free(&maker->relabel);
    plab_pcapng_done(&maker->reader);
    plab_labels_free(&maker->labels);
    free(maker->spans);
    free(maker->frame);
}

enum plab_status plab_capture_files_make(const struct plab_capture_files_config *config,
                                         struct plab_capture_files *result,
                                         struct plab_error *err) {
    struct maker maker = {.config = config, .result = result};
    char path[PATH_MAX];
    *result = (struct plab_capture_files){.first_s = NAN, .last_s = NAN};
    enum plab_status status =
        plab_labels_load(&maker.labels, path_in(config, "truth.jsonl", path), err);
    result->has_packets = access(path_in(config, "run.pcapng", path), F_OK) == 0;
    if (status == PLAB_OK && result->has_packets) {
        status = plab_pcapng_open(&maker.reader, path, err);
        if (status == PLAB_OK) {
            status = make_from_packets(&maker, err);
        }
    }
    if (status == PLAB_OK) {
        /* Without packets nobody knows of flows: no pointer. With none of them, there are zero. */
        static const struct plab_label_span none;
        const struct plab_label_span *spans = maker.spans != NULL ? maker.spans : &none;
        status =
            plab_labels_write_seconds(maker.labels, result->has_packets ? spans : NULL,
                                      maker.span_count, path_in(config, "labels.csv", path), err);
    }
    free_all(&maker);
    return status;
}
