/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's own account while it works: the file that `powlab mine --stats FILE` appends to, once
 * a second one object {"t_ns":..,"hashes":..,"accepted":..,"rejected":..} with counts since its
 * start.
 */
#ifndef PLAB_LAB_FOLLOW_H
#define PLAB_LAB_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plab_worker_sample {
    uint64_t t_ns; /* CLOCK_MONOTONIC */
    uint64_t hashes, accepted, rejected;
};

struct plab_follow {
    char path[512];
    uint64_t offset; /* read so far, whole lines only */
    uint64_t damaged_lines;
};

/* Starts at the beginning of a file, which may appear later. */
void plab_follow_init(struct plab_follow *follow, const char *path);

/* Gives the next complete line's sample; false when there is none yet. Lines that aren't samples
 * are counted and passed over. */
bool plab_follow_next(struct plab_follow *follow, struct plab_worker_sample *sample);

#endif
