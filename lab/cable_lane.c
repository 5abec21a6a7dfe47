/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/cable_lane.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LOSS_STEPS UINT64_C(1000000000) /* of one: a percent has ten million */

enum plab_status plab_lane_init(struct plab_lane *lane, const struct plab_lane_config *config,
                                struct plab_error *err) {
    assert(config->jitter_ns <= config->delay_ns && config->limit > 0);
    *lane = (struct plab_lane){
        .config = *config,
        .prng =
            plab_prng_stream(config->seed ^ UINT64_C(0x6361626c65), config->number), /* "cable" */
    };
    lane->ring = calloc(config->limit, sizeof(struct plab_lane_packet *));
    return lane->ring != NULL ? PLAB_OK
                              : plab_fail(err, PLAB_E_NOMEM, "not enough memory for a cable");
}

void plab_lane_free(struct plab_lane *lane) {
    while (lane->count > 0) {
        plab_lane_pop(lane);
    }
    free(lane->ring);
    lane->ring = NULL;
}

static bool add(struct plab_lane *lane, uint64_t due_ns, const uint8_t *bytes, size_t len) {
    struct plab_lane_packet *packet =
        lane->count < lane->config.limit ? malloc(sizeof *packet + len) : NULL;
    if (packet == NULL) {
        return false;
    }
    packet->number = lane->packets - 1;
    packet->due_ns = due_ns;
    packet->len = len;
    memcpy(packet->bytes, bytes, len);
    lane->ring[(lane->head + lane->count++) % lane->config.limit] = packet;
    return true;
}

enum plab_lane_fate plab_lane_put(struct plab_lane *lane, uint64_t now_ns, const uint8_t *bytes,
                                  size_t len) {
    const struct plab_lane_config *config = &lane->config;
    bool lost = (double)plab_prng_below(&lane->prng, LOSS_STEPS) <
                config->loss_percent / 100 * (double)LOSS_STEPS;
    uint64_t shift_ns = plab_prng_below(&lane->prng, 2 * config->jitter_ns + 1);
    uint64_t due_ns = now_ns + config->delay_ns - config->jitter_ns + shift_ns;
    lane->packets++;
    if (lost) {
        lane->lost++;
        return PLAB_LANE_LOST;
    }
    if (due_ns < lane->last_due_ns) {
        due_ns = lane->last_due_ns;
    }
    if (!add(lane, due_ns, bytes, len)) {
        lane->full++;
        return PLAB_LANE_FULL;
    }
    lane->last_due_ns = due_ns;
    return PLAB_LANE_UNDER_WAY;
}

const struct plab_lane_packet *plab_lane_first(const struct plab_lane *lane) {
    return lane->count > 0 ? lane->ring[lane->head] : NULL;
}

void plab_lane_pop(struct plab_lane *lane) {
    assert(lane->count > 0);
    free(lane->ring[lane->head]);
    lane->ring[lane->head] = NULL;
    lane->head = (lane->head + 1) % lane->config.limit;
    lane->count--;
}
