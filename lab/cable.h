/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A long cable between two network interfaces, in user space: every packet that comes in at one end
 * goes out at the other, later, or is lost, by a seed (lab/cable_lane.h). Nothing else is connected
 * to it.
 *
 * The ends are packet sockets (lab/netns.h). A thread of its own carries packets, since the
 * laboratory's loop may stand still for longer than a delay. A packet's delay counts from when the
 * kernel had it at the end of the cable, so that it is never shorter than asked for; on a busy
 * machine it is longer by what the thread waits for a processor, which is measured: as root, where
 * it may come before others, some hundredths of a millisecond, else some tenths and at times
 * several milliseconds; more where the kernel itself holds a processor.
 *
 * ARP passes at once and unharmed: it belongs to a link, and a path of many links, which is what
 * has delay and loss, carries none.
 */
#ifndef PLAB_LAB_CABLE_H
#define PLAB_LAB_CABLE_H

#include <stdbool.h>

#include "lab/cable_lane.h"
#include "lab/flow_frame.h"

enum plab_cable_way { PLAB_CABLE_TO_POOL, PLAB_CABLE_TO_CLIENTS, PLAB_CABLE_WAYS };

/* "to_pool", "to_clients". */
const char *plab_cable_way_name(enum plab_cable_way way);

struct plab_cable_config {
    int ends[PLAB_CABLE_WAYS];    /* where packets of a way come in; taken, also on error. Sockets
                                     that neither block nor stay open in children */
    uint64_t delay_ns, jitter_ns; /* of each way */
    double loss_percent;
    uint64_t seed;
};

/* Why a packet didn't arrive. */
enum plab_cable_reason {
    PLAB_CABLE_LOSS,  /* so the seed wanted it */
    PLAB_CABLE_QUEUE, /* PLAB_LANE_LIMIT packets were under way */
    PLAB_CABLE_PORT,  /* the interface at the other end didn't take it */
};

/* "loss", "queue", "port". */
const char *plab_cable_reason_name(enum plab_cable_reason reason);

struct plab_cable_loss {
    enum plab_cable_way way;
    enum plab_cable_reason reason;
    uint64_t t_ns;    /* CLOCK_MONOTONIC: when it came, or should have gone out */
    uint64_t number;  /* of the packet on this way, from 0 */
    size_t bytes;     /* of its IP packet */
    uint8_t protocol; /* PLAB_PROTOCOL_...; 0: another one, and no endpoints */
    struct plab_endpoint src, dst;
};

/* packets = forwarded + lost + queue_drops + port_drops + those under way at the end. */
struct plab_cable_totals {
    uint64_t packets; /* that came in, ARP not counted */
    uint64_t forwarded, lost, queue_drops, port_drops;
    uint64_t missed;                   /* never seen: the thread was late, the socket full */
    uint64_t late_sum_ns, late_max_ns; /* of the forwarded: after they were due */
};

struct plab_cable_result {
    struct plab_cable_totals ways[PLAB_CABLE_WAYS];
    char failure[160]; /* why an end was no longer there; "": it was */
};

struct plab_cable;

/* Starts to carry. PLAB_E_NOMEM, PLAB_E_RESOURCE. */
PLAB_NODISCARD enum plab_status plab_cable_start(struct plab_cable **out,
                                                 const struct plab_cable_config *config,
                                                 struct plab_error *err);

/* Sees each packet that didn't arrive since the last call, in order: a borrowed one. Without memory
 * they are counted only. */
typedef void plab_cable_loss_fn(void *cookie, const struct plab_cable_loss *loss);
void plab_cable_losses(struct plab_cable *cable, plab_cable_loss_fn *each, void *cookie);

/* Stops to carry; what was under way is gone. Losses can still be asked for. */
void plab_cable_stop(struct plab_cable *cable, struct plab_cable_result *result);

/* Frees one that was stopped and sets `*cable` to NULL; NULL is fine. */
void plab_cable_free(struct plab_cable **cable);

#endif
