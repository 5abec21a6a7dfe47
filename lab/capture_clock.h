/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Times of packets on a run's clock. The kernel stamps with its wall clock, which may be set while
 * a run goes on; the run counts CLOCK_MONOTONIC from an anchor. How far the two are apart is looked
 * at again and again, each stamp is moved by it.
 */
#ifndef PLAB_LAB_CAPTURE_CLOCK_H
#define PLAB_LAB_CAPTURE_CLOCK_H

#include <stdint.h>

struct plab_capture_clock {
    uint64_t anchor_ns, anchor_wall_ns;
    int64_t apart_ns; /* wall minus monotonic, as last seen */
};

void plab_capture_clock_init(struct plab_capture_clock *clock, uint64_t anchor_ns,
                             uint64_t anchor_wall_ns);

/* Takes a reading of both clocks, made together. Differences below 50 us are of the reading, not of
 * the clocks, and change nothing, so that times of neighbouring packets stay in order. */
void plab_capture_clock_look(struct plab_capture_clock *clock, uint64_t now_ns,
                             uint64_t now_wall_ns);

/* The anchor's wall time plus the run's monotonic time of a packet that the kernel has stamped. */
uint64_t plab_capture_clock_on_run(const struct plab_capture_clock *clock, uint64_t kernel_wall_ns);

#endif
