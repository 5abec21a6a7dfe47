/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/capture_clock.h"

#define READING_NS 50000

void plab_capture_clock_init(struct plab_capture_clock *clock, uint64_t anchor_ns,
                             uint64_t anchor_wall_ns) {
    *clock = (struct plab_capture_clock){.anchor_ns = anchor_ns,
                                         .anchor_wall_ns = anchor_wall_ns,
                                         .apart_ns = (int64_t)(anchor_wall_ns - anchor_ns)};
}

void plab_capture_clock_look(struct plab_capture_clock *clock, uint64_t now_ns,
                             uint64_t now_wall_ns) {
    int64_t apart = (int64_t)(now_wall_ns - now_ns), moved = apart - clock->apart_ns;
    if (moved > READING_NS || moved < -READING_NS) {
        clock->apart_ns = apart;
    }
}

uint64_t plab_capture_clock_on_run(const struct plab_capture_clock *clock,
                                   uint64_t kernel_wall_ns) {
    uint64_t monotonic = kernel_wall_ns - (uint64_t)clock->apart_ns;
    return clock->anchor_wall_ns + (monotonic - clock->anchor_ns);
}
