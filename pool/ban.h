/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts that misbehaved: a score for each, bans that expire.
 *
 * Misdeeds add points, time takes them away at a steady rate; a host that reaches the limit is
 * banned for a while and begins at zero afterwards. Whole addresses are judged, not networks:
 * everybody in a lab shares one. The loopback address gets points, which slow down a guesser of
 * passwords, but is banned only on demand, since all miners of a one-machine lab share it.
 *
 * The table has a fixed size; who misbehaved longest ago is forgotten first. A pure state machine:
 * time is handed in, and one that goes back counts as standing still.
 */
#ifndef PLAB_POOL_BAN_H
#define PLAB_POOL_BAN_H

#include <stddef.h>

#include "base/status.h"
#include "pool/hostkey.h"

struct plab_bans_config {
    double score_max;      /* points that a host may have; above: banned */
    double forgiven_per_s; /* points that a second takes away */
    uint64_t ban_ms;       /* 0: nobody is ever banned */
    bool loopback;         /* may be banned, too */
    uint32_t hosts_max;    /* 1 or more */
};

struct plab_ban_host;

struct plab_bans {
    struct plab_bans_config config;
    struct plab_ban_host *hosts; /* owned, `hosts_max` of them */
    uint32_t *buckets;           /* owned */
    uint32_t mask;
    uint32_t count;
    uint32_t newest, oldest; /* of the list by last misdeed */
    uint64_t secret;
    uint64_t total; /* bans so far */
};

/* An empty table. PLAB_E_NOMEM leaves it zeroed. */
PLAB_NODISCARD enum plab_status
plab_bans_init(struct plab_bans *bans, const struct plab_bans_config *config, uint64_t secret);

/* Gives the memory back. A zeroed one is fine. */
void plab_bans_free(struct plab_bans *bans);

/* Adds points for a misdeed. True when this is what got the host banned. */
bool plab_bans_blame(struct plab_bans *bans, const struct plab_host_key *key, double points,
                     uint64_t now_ns);

/* Points that a host has now. */
double plab_bans_score(const struct plab_bans *bans, const struct plab_host_key *key,
                       uint64_t now_ns);

/* Nanoseconds until the host may come again; 0: it isn't banned. */
uint64_t plab_bans_left_ns(const struct plab_bans *bans, const struct plab_host_key *key,
                           uint64_t now_ns);

/* One that is banned. */
struct plab_ban {
    struct plab_host_key key;
    uint64_t left_ns;
};

/* Lists those who are banned now, the newest misdeed first: up to `cap` of them into `out` (may be
 * NULL with 0). Returns how many there are. */
size_t plab_bans_list(const struct plab_bans *bans, uint64_t now_ns, struct plab_ban *out,
                      size_t cap);

#endif
