/* SPDX-License-Identifier: BSD-3-Clause */
/* The numbers of a record. */
#include <math.h>

#include "lab/flow_priv.h"

#define SECOND_NS UINT64_C(1000000000)
/* CICFlowMeter's: a flow is idle after so long, and a subflow or a bulk ends after a second. */
#define IDLE_AFTER_NS (5 * SECOND_NS)
#define BULK_PACKETS 4

void plab_moments_add(struct plab_moments *moments, double value) {
    double delta = value - moments->mean;
    moments->count++;
    moments->sum += value;
    moments->mean += delta / (double)moments->count;
    moments->m2 += delta * (value - moments->mean);
    moments->min = moments->count == 1 || value < moments->min ? value : moments->min;
    moments->max = moments->count == 1 || value > moments->max ? value : moments->max;
}

double plab_moments_sd(const struct plab_moments *moments) {
    return moments->count > 1 ? sqrt(moments->m2 / (double)(moments->count - 1)) : 0;
}

double plab_flow_burstiness(const struct plab_flow *flow) {
    double sd = plab_moments_sd(&flow->gap_s), mean = flow->gap_s.mean;
    return flow->gap_s.count > 1 && sd + mean > 0 ? (sd - mean) / (sd + mean) : NAN;
}

double plab_flow_fano(const struct plab_flow *flow) {
    double sd = plab_moments_sd(&flow->per_second);
    return flow->per_second.count > 1 && flow->per_second.mean > 0 ? sd * sd / flow->per_second.mean
                                                                   : NAN;
}

static double seconds(uint64_t ns) {
    return (double)ns * 1e-9;
}

/* Clocks of several interfaces may differ by a little; time doesn't go back here. */
static uint64_t since(uint64_t now_ns, uint64_t then_ns) {
    return now_ns > then_ns ? now_ns - then_ns : 0;
}

static size_t hist_bin(size_t payload_len) {
    size_t bin = 0;
    for (size_t limit = 16; bin < PLAB_FLOW_HIST_BINS - 1 && payload_len >= limit; limit *= 2) {
        bin++;
    }
    return bin;
}

static void add_item(struct plab_flow_items *items, uint64_t wall_ns,
                     const struct plab_frame *frame, bool backward) {
    if (items->count < PLAB_FLOW_FIRST) {
        items->items[items->count++] =
            (struct plab_flow_item){.wall_ns = wall_ns,
                                    .payload_len = (uint32_t)frame->payload_len,
                                    .flags = frame->flags,
                                    .backward = backward};
    }
}

/* ---- bulks ---- */

static void end_bulk(struct plab_flow_bulk *bulk) {
    if (bulk->run_packets >= BULK_PACKETS) {
        bulk->bulks++;
        bulk->packets += bulk->run_packets;
        bulk->bytes += bulk->run_bytes;
        bulk->duration_ns += since(bulk->run_last, bulk->run_ns);
    }
    bulk->run_packets = bulk->run_bytes = 0;
}

static void take_bulk(struct plab_flow_bulk *bulk, struct plab_flow_bulk *other, uint64_t wall_ns,
                      size_t payload_len) {
    if (payload_len == 0) {
        return;
    }
    end_bulk(other);
    if (bulk->run_packets > 0 && since(wall_ns, bulk->run_last) > SECOND_NS) {
        end_bulk(bulk);
    }
    if (bulk->run_packets++ == 0) {
        bulk->run_ns = wall_ns;
    }
    bulk->run_bytes += payload_len;
    bulk->run_last = wall_ns;
}

/* ---- a packet ---- */

static void take_way(struct plab_flow_way *way, uint64_t wall_ns, const struct plab_frame *frame) {
    if (way->packets++ == 0) {
        way->first_flags = frame->flags;
        way->first_window = frame->window;
        way->header_min = frame->transport_header_len;
    } else {
        plab_moments_add(&way->gap_s, seconds(since(wall_ns, way->last_ns)));
    }
    way->last_ns = wall_ns;
    way->bytes += frame->ip_len;
    way->payload_bytes += frame->payload_len;
    way->data += frame->payload_len > 0;
    way->header_bytes += frame->transport_header_len;
    if (frame->transport_header_len < way->header_min) {
        way->header_min = frame->transport_header_len;
    }
    way->all_flags |= frame->flags;
    for (unsigned bit = 0; bit < 8; bit++) {
        way->flag_count[bit] += frame->flags >> bit & 1;
    }
    way->hist[hist_bin(frame->payload_len)]++;
    plab_moments_add(&way->payload, (double)frame->payload_len);
}

static void begin_record(struct plab_flow *flow, uint64_t wall_ns) {
    flow->start_wall_ns = flow->end_wall_ns = flow->active_since_ns = wall_ns;
}

/* The gap before a packet. */
static void take_gap(struct plab_flow *flow, uint64_t wall_ns) {
    uint64_t gap = since(wall_ns, flow->end_wall_ns);
    plab_moments_add(&flow->gap_s, seconds(gap));
    flow->pauses += gap > SECOND_NS;
    if (gap > IDLE_AFTER_NS) {
        if (flow->end_wall_ns > flow->active_since_ns) {
            plab_moments_add(&flow->active_s, seconds(flow->end_wall_ns - flow->active_since_ns));
        }
        plab_moments_add(&flow->idle_s, seconds(gap));
        flow->active_since_ns = wall_ns;
    }
}

static void take_second(struct plab_flow *flow, uint64_t wall_ns) {
    uint64_t second = since(wall_ns, flow->start_wall_ns) / SECOND_NS;
    while (flow->second < second) {
        plab_moments_add(&flow->per_second, (double)flow->in_second);
        flow->in_second = 0;
        flow->second++;
    }
    flow->in_second++;
}

void plab_flow_take(struct plab_flow *flow, uint64_t wall_ns, const struct plab_frame *frame,
                    bool backward) {
    struct plab_flow_way *way = backward ? &flow->backward : &flow->forward;
    struct plab_flow_way *other = backward ? &flow->forward : &flow->backward;
    if (flow->forward.packets + flow->backward.packets == 0) {
        begin_record(flow, wall_ns);
    } else {
        take_gap(flow, wall_ns);
    }
    if (wall_ns > flow->end_wall_ns) {
        flow->end_wall_ns = wall_ns;
    }
    take_second(flow, wall_ns);
    take_way(way, wall_ns, frame);
    take_bulk(&way->bulk, &other->bulk, wall_ns, frame->payload_len);
    plab_moments_add(&flow->payload, (double)frame->payload_len);
    add_item(&flow->first, wall_ns, frame, backward);
    if (frame->payload_len > 0) {
        add_item(&flow->first_data, wall_ns, frame, backward);
    }
}

void plab_flow_close_record(struct plab_flow *flow) {
    plab_moments_add(&flow->per_second, (double)flow->in_second);
    if (flow->end_wall_ns > flow->active_since_ns) {
        plab_moments_add(&flow->active_s, seconds(flow->end_wall_ns - flow->active_since_ns));
    }
    end_bulk(&flow->forward.bulk);
    end_bulk(&flow->backward.bulk);
}
