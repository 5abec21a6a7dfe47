/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One direction of a cable that delays packets and loses some: what becomes of each and when it is
 * due, by a seed and the times that it is told. No clock, no sockets: lab/cable.h has those.
 *
 * A packet is due after `delay_ns`, give or take up to `jitter_ns` (uniform), but never before the
 * one ahead of it: a lane is a queue. Packets of one TCP connection take one path and seldom
 * overtake each other; a jitter that reorders them would make up duplicate acknowledgements and
 * spurious retransmissions, which a capture of a far pool doesn't have.
 *
 * Whether packet number i of a lane is lost, and what jitter it gets, depends on the seed, the lane
 * and i alone: each packet takes two numbers of the lane's generator, whatever becomes of it.
 */
#ifndef PLAB_LAB_CABLE_LANE_H
#define PLAB_LAB_CABLE_LANE_H

#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "base/status.h"

#define PLAB_LANE_LIMIT 10000 /* packets under way; more are dropped at its entrance */

struct plab_lane_config {
    uint64_t delay_ns, jitter_ns; /* jitter: at most the delay */
    double loss_percent;          /* 0 to 100 */
    uint64_t seed;
    unsigned number; /* of the lane: others get other numbers from the same seed */
    size_t limit;    /* PLAB_LANE_LIMIT */
};

enum plab_lane_fate {
    PLAB_LANE_UNDER_WAY,
    PLAB_LANE_LOST, /* by the seed */
    PLAB_LANE_FULL, /* too many were under way, or no memory */
};

struct plab_lane_packet {
    uint64_t number, due_ns;
    size_t len;
    uint8_t bytes[];
};

struct plab_lane {
    struct plab_lane_config config;
    struct plab_prng prng;
    struct plab_lane_packet **ring; /* owned, as are its packets */
    size_t head, count;             /* under way */
    uint64_t last_due_ns;           /* of the latest that was taken in */
    uint64_t packets;               /* that came: the number of the next */
    uint64_t lost, full;            /* of these */
};

/* PLAB_E_NOMEM; plab_lane_free() is allowed then, too. */
PLAB_NODISCARD enum plab_status plab_lane_init(struct plab_lane *lane,
                                               const struct plab_lane_config *config,
                                               struct plab_error *err);
void plab_lane_free(struct plab_lane *lane);

/* Takes a copy of the next packet, that came at `now_ns`. */
enum plab_lane_fate plab_lane_put(struct plab_lane *lane, uint64_t now_ns, const uint8_t *bytes,
                                  size_t len);

/* The packet that is due next, NULL when none is under way. Borrowed until it is taken out. */
const struct plab_lane_packet *plab_lane_first(const struct plab_lane *lane);

/* Takes it out; there is one. */
void plab_lane_pop(struct plab_lane *lane);

#endif
