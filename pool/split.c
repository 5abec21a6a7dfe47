/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/split.h"

#include <string.h>

void plab_split_open(struct plab_split *split, unsigned link) {
    memset(&split->links[link], 0, sizeof split->links[link]);
    split->links[link].open = true;
    split->links[link].room = PLAB_SPLIT_BYTES;
}

void plab_split_narrow(struct plab_split *split, unsigned link) {
    split->links[link].room = 1;
}

/* The first free byte from `from` on, cyclically; there is one. */
static unsigned next_free(const uint64_t taken[PLAB_SPLIT_BYTES / 64], unsigned from) {
    unsigned byte = from % PLAB_SPLIT_BYTES;
    while ((taken[byte / 64] >> byte % 64 & 1) != 0) {
        byte = (byte + 1) % PLAB_SPLIT_BYTES;
    }
    return byte;
}

bool plab_split_take(struct plab_split *split, struct plab_split_place *place) {
    for (unsigned i = 0; i < PLAB_SPLIT_LINKS_MAX; i++) {
        if (split->links[i].open && split->links[i].count < split->links[i].room) {
            unsigned byte = next_free(split->links[i].taken, split->links[i].next);
            split->links[i].taken[byte / 64] |= UINT64_C(1) << byte % 64;
            split->links[i].count++;
            split->links[i].next = byte + 1;
            *place = (struct plab_split_place){true, (uint8_t)i, (uint8_t)byte};
            return true;
        }
    }
    return false;
}

void plab_split_give_back(struct plab_split *split, struct plab_split_place *place) {
    if (place->taken) {
        split->links[place->link].taken[place->byte / 64] &= ~(UINT64_C(1) << place->byte % 64);
        split->links[place->link].count--;
        place->taken = false;
    }
}

unsigned plab_split_room(const struct plab_split *split) {
    unsigned room = 0;
    for (unsigned i = 0; i < PLAB_SPLIT_LINKS_MAX; i++) {
        if (split->links[i].open && split->links[i].room > split->links[i].count) {
            room += split->links[i].room - split->links[i].count;
        }
    }
    return room;
}
