/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of connections: which packet belongs to which record, and when records end. */
#include "lab/flow.h"

#include <stdlib.h>
#include <string.h>

#include "lab/flow_priv.h"

#define BUCKETS 4096

/* A connection outlives its records, so that a later part knows its client and its first words. */
struct connection {
    struct connection *next_in_bucket;
    struct connection *newer, *older; /* in the list of those with a record, by last packet */
    bool open;                        /* has a record */
    bool client_fin, server_fin, closed;
    uint32_t next_seq; /* of the client's head */
    bool has_seq;
    struct plab_flow flow;
    uint8_t head[PLAB_FLOW_HEAD];
};

struct plab_flows {
    struct plab_flows_config config;
    uint64_t connections;
    struct connection *buckets[BUCKETS];
    struct connection *newest, *oldest;
};

static const char *const end_names[] = {
    [PLAB_FLOW_END_IDLE] = "idle",
    [PLAB_FLOW_END_ACTIVE] = "active",
    [PLAB_FLOW_END_CLOSED] = "closed",
    [PLAB_FLOW_END_CAPTURE] = "capture_end",
};

const char *plab_flow_end_name(enum plab_flow_end end) {
    return end_names[end];
}

enum plab_status plab_flows_create(struct plab_flows **out, const struct plab_flows_config *config,
                                   struct plab_error *err) {
    struct plab_flows *flows = calloc(1, sizeof *flows);
    *out = flows;
    if (flows == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for flows");
    }
    flows->config = *config;
    if (flows->config.active_ns == 0) {
        flows->config.active_ns = PLAB_FLOW_ACTIVE_NS;
    }
    if (flows->config.idle_ns == 0) {
        flows->config.idle_ns = PLAB_FLOW_IDLE_NS;
    }
    return PLAB_OK;
}

void plab_flows_free(struct plab_flows **flows) {
    for (size_t i = 0; *flows != NULL && i < BUCKETS; i++) {
        struct connection *next;
        for (struct connection *one = (*flows)->buckets[i]; one != NULL; one = next) {
            next = one->next_in_bucket;
            free(one);
        }
    }
    free(*flows);
    *flows = NULL;
}

/* ---- finding ---- */

static uint32_t hash_endpoint(const struct plab_endpoint *endpoint) {
    uint32_t hash = UINT32_C(2166136261) ^ endpoint->port;
    for (size_t i = 0; i < sizeof endpoint->address; i++) {
        hash = (hash ^ endpoint->address[i]) * UINT32_C(16777619);
    }
    return (hash ^ endpoint->port) * UINT32_C(16777619);
}

/* The same for both directions. */
static struct connection **bucket_of(struct plab_flows *flows, const struct plab_frame *frame) {
    uint32_t sum = hash_endpoint(&frame->src) + hash_endpoint(&frame->dst) + frame->protocol;
    return &flows->buckets[(sum ^ sum >> 16) % BUCKETS];
}

static bool belongs(const struct connection *one, const struct plab_frame *frame) {
    const struct plab_flow *flow = &one->flow;
    return flow->protocol == frame->protocol &&
           ((plab_endpoint_equal(&flow->client, &frame->src) &&
             plab_endpoint_equal(&flow->server, &frame->dst)) ||
            (plab_endpoint_equal(&flow->client, &frame->dst) &&
             plab_endpoint_equal(&flow->server, &frame->src)));
}

static bool is_server_port(const struct plab_flows *flows, uint16_t port) {
    for (size_t i = 0; i < flows->config.server_count; i++) {
        if (flows->config.server_ports[i] == port) {
            return true;
        }
    }
    return false;
}

static bool is_from_client(const struct plab_flows *flows, const struct plab_frame *frame) {
    if ((frame->flags & PLAB_TCP_SYN) != 0) {
        return (frame->flags & PLAB_TCP_ACK) == 0;
    }
    bool to_server = is_server_port(flows, frame->dst.port);
    if (to_server != is_server_port(flows, frame->src.port)) {
        return to_server;
    }
    return frame->src.port >= frame->dst.port;
}

/* The connection of a packet, made when there is none; a new opening of a closed one is another.
 * NULL without memory. */
static struct connection *find(struct plab_flows *flows, const struct plab_frame *frame) {
    struct connection **bucket = bucket_of(flows, frame), *one = *bucket;
    while (one != NULL && !belongs(one, frame)) {
        one = one->next_in_bucket;
    }
    if (one != NULL) {
        return one;
    }
    one = calloc(1, sizeof *one);
    if (one != NULL) {
        bool forward = is_from_client(flows, frame);
        one->next_in_bucket = *bucket;
        *bucket = one;
        one->flow.protocol = frame->protocol;
        one->flow.client = forward ? frame->src : frame->dst;
        one->flow.server = forward ? frame->dst : frame->src;
        one->flow.connection = ++flows->connections;
    }
    return one;
}

/* ---- the list of those with a record ---- */

static void unlink_one(struct plab_flows *flows, struct connection *one) {
    *(one->newer != NULL ? &one->newer->older : &flows->newest) = one->older;
    *(one->older != NULL ? &one->older->newer : &flows->oldest) = one->newer;
    one->newer = one->older = NULL;
}

static void link_newest(struct plab_flows *flows, struct connection *one) {
    one->older = flows->newest;
    *(flows->newest != NULL ? &flows->newest->newer : &flows->oldest) = one;
    flows->newest = one;
}

/* ---- records ---- */

static enum plab_status end_record(struct plab_flows *flows, struct connection *one,
                                   enum plab_flow_end end, struct plab_error *err) {
    struct plab_flow *flow = &one->flow;
    unlink_one(flows, one);
    one->open = false;
    flow->end = end;
    flow->head = one->head;
    plab_flow_close_record(flow);
    enum plab_status status = flows->config.sink(flows->config.cookie, flow, err);
    struct plab_flow next = {.connection = flow->connection,
                             .part = flow->part + 1,
                             .protocol = flow->protocol,
                             .client = flow->client,
                             .server = flow->server,
                             .head_len = flow->head_len};
    *flow = next;
    return status;
}

static enum plab_status end_idle(struct plab_flows *flows, uint64_t now_ns,
                                 struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    while (status == PLAB_OK && flows->oldest != NULL &&
           flows->oldest->flow.end_wall_ns + flows->config.idle_ns < now_ns) {
        status = end_record(flows, flows->oldest,
                            flows->oldest->closed ? PLAB_FLOW_END_CLOSED : PLAB_FLOW_END_IDLE, err);
    }
    return status;
}

/* The same addresses and ports, opened anew. */
static void reopen(struct plab_flows *flows, struct connection *one,
                   const struct plab_frame *frame) {
    struct plab_flow *flow = &one->flow;
    one->client_fin = one->server_fin = one->closed = one->has_seq = false;
    memset(flow, 0, sizeof *flow);
    flow->protocol = frame->protocol;
    flow->client = frame->src;
    flow->server = frame->dst;
    flow->connection = ++flows->connections;
}

/* What the client says first, in order; what is sent again or out of order is left out. */
static void take_head(struct connection *one, const struct plab_frame *frame) {
    bool tcp = frame->protocol == PLAB_PROTOCOL_TCP;
    bool syn = tcp && (frame->flags & PLAB_TCP_SYN) != 0;
    if (syn || !one->has_seq) {
        one->next_seq = frame->seq + syn;
        one->has_seq = true;
    }
    size_t left = PLAB_FLOW_HEAD - one->flow.head_len;
    size_t take = frame->captured < left ? frame->captured : left;
    if (take == 0 || (tcp && frame->seq != one->next_seq)) {
        return;
    }
    memcpy(one->head + one->flow.head_len, frame->payload, take);
    one->flow.head_len += take;
    one->next_seq += (uint32_t)frame->payload_len;
}

static void note_closing(struct connection *one, const struct plab_frame *frame, bool backward) {
    if ((frame->flags & PLAB_TCP_FIN) != 0) {
        *(backward ? &one->server_fin : &one->client_fin) = true;
    }
    if ((frame->flags & PLAB_TCP_RST) != 0 || (one->client_fin && one->server_fin)) {
        one->closed = true;
    }
}

static enum plab_status end_what_is_over(struct plab_flows *flows, struct connection *one,
                                         uint64_t wall_ns, const struct plab_frame *frame,
                                         struct plab_error *err) {
    bool opening = (frame->flags & (PLAB_TCP_SYN | PLAB_TCP_ACK)) == PLAB_TCP_SYN;
    enum plab_status status = PLAB_OK;
    if (one->closed && opening) {
        if (one->open) {
            status = end_record(flows, one, PLAB_FLOW_END_CLOSED, err);
        }
        reopen(flows, one, frame);
    } else if (one->open && wall_ns >= one->flow.start_wall_ns + flows->config.active_ns) {
        status = end_record(flows, one, PLAB_FLOW_END_ACTIVE, err);
    }
    return status;
}

enum plab_status plab_flows_add(struct plab_flows *flows, uint64_t wall_ns,
                                const struct plab_frame *frame, struct plab_error *err) {
    enum plab_status status = end_idle(flows, wall_ns, err);
    struct connection *one = find(flows, frame);
    if (status != PLAB_OK || one == NULL) {
        return status != PLAB_OK ? status
                                 : plab_fail(err, PLAB_E_NOMEM, "not enough memory for flows");
    }
    status = end_what_is_over(flows, one, wall_ns, frame, err);
    if (status != PLAB_OK) {
        return status;
    }
    bool backward = !plab_endpoint_equal(&one->flow.client, &frame->src);
    if (one->open) {
        unlink_one(flows, one);
    }
    link_newest(flows, one);
    one->open = true;
    plab_flow_take(&one->flow, wall_ns, frame, backward);
    if (!backward) {
        take_head(one, frame);
    }
    note_closing(one, frame, backward);
    return PLAB_OK;
}

enum plab_status plab_flows_finish(struct plab_flows *flows, struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    while (status == PLAB_OK && flows->oldest != NULL) {
        status =
            end_record(flows, flows->oldest,
                       flows->oldest->closed ? PLAB_FLOW_END_CLOSED : PLAB_FLOW_END_CAPTURE, err);
    }
    return status;
}
