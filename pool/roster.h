/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is connected: found by number, walked in order of nothing in particular, counted by host.
 * None of this takes longer when there are ten thousand.
 */
#ifndef PLAB_POOL_ROSTER_H
#define PLAB_POOL_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct sockaddr;
struct plab_host;

/* Lies in what is entered; its members are the roster's, but `owner` and `number` may be read. */
struct plab_roster_entry {
    void *owner;
    uint32_t number;
    uint32_t index;
    bool securing;
    struct plab_roster_entry *next; /* in its bucket */
    struct plab_host *host;
};

struct plab_roster {
    struct plab_roster_entry **list; /* `count` of them, filled from the front */
    size_t count, max;
    struct plab_roster_entry **by_number; /* buckets */
    struct plab_host **by_address;        /* buckets */
    size_t mask;
    uint64_t key; /* nobody outside can choose addresses that share a bucket */
    uint32_t last_number;
};

/* An empty roster with room for `max` (1 or more). PLAB_E_NOMEM leaves it zeroed. */
PLAB_NODISCARD enum plab_status plab_roster_init(struct plab_roster *roster, size_t max,
                                                 uint64_t key);

/* Gives the memory back; it must be empty. A zeroed one is fine. */
void plab_roster_free(struct plab_roster *roster);

/* Enters `entry` under the next number: from 1, never used twice. False when it is full or there
 * is no memory. `peer` is AF_INET or AF_INET6. */
bool plab_roster_add(struct plab_roster *roster, struct plab_roster_entry *entry, void *owner,
                     const struct sockaddr *peer);

/* Takes it out; the last of the list takes its place there. */
void plab_roster_remove(struct plab_roster *roster, struct plab_roster_entry *entry);

/* The owner of the entry of that number, or NULL. */
void *plab_roster_find(const struct plab_roster *roster, uint32_t number);

/* Entries of the same host, whatever the port; an IPv4-mapped IPv6 address is the IPv4 one. */
unsigned plab_roster_of_host(const struct plab_roster *roster, const struct sockaddr *peer);

/* Marks an entry whose TLS handshake is under way, or over. */
void plab_roster_set_securing(struct plab_roster_entry *entry, bool securing);

/* Entries of the same host with that mark. */
unsigned plab_roster_securing_of_host(const struct plab_roster *roster,
                                      const struct sockaddr *peer);

#endif
