/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The nonce space of upstream sessions, split among workers: each is given one value of the nonce's
 * top byte, so that a session has room for 256, and nobody tries a nonce of a neighbour's.
 */
#ifndef PLAB_POOL_SPLIT_H
#define PLAB_POOL_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#define PLAB_SPLIT_LINKS_MAX 64
#define PLAB_SPLIT_BYTES 256

/* A worker's place. */
struct plab_split_place {
    bool taken;
    uint8_t link;
    uint8_t byte;
};

/* Zero-initialised, nothing is open. */
struct plab_split {
    struct {
        bool open;
        unsigned room; /* workers that it can have: 256, or 1 when its own top byte is given */
        unsigned count;
        unsigned next; /* where the search for a free byte begins */
        uint64_t taken[PLAB_SPLIT_BYTES / 64];
    } links[PLAB_SPLIT_LINKS_MAX];
};

/* Opens a link for workers. */
void plab_split_open(struct plab_split *split, unsigned link);

/* The link's own top byte is given by its pool, so that it has no room but for one. Workers who are
 * there stay. */
void plab_split_narrow(struct plab_split *split, unsigned link);

/* Gives a place on the first open link that has one; false: all are full. A byte that was given
 * back is given again as late as possible: on the same job, its nonces would be duplicates. */
bool plab_split_take(struct plab_split *split, struct plab_split_place *place);

/* Gives the place back; one that isn't taken is fine. */
void plab_split_give_back(struct plab_split *split, struct plab_split_place *place);

/* Workers for whom open links have room. */
unsigned plab_split_room(const struct plab_split *split);

#endif
