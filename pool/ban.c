/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/ban.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct plab_ban_host {
    struct plab_host_key key;
    double score; /* at `seen_ns` */
    uint64_t seen_ns, until_ns;
    uint32_t next;         /* in its bucket */
    uint32_t newer, older; /* by last misdeed */
};

enum plab_status plab_bans_init(struct plab_bans *bans, const struct plab_bans_config *config,
                                uint64_t secret) {
    uint32_t buckets = 1;
    while (buckets < config->hosts_max && buckets < UINT32_MAX / 4) {
        buckets *= 2;
    }
    memset(bans, 0, sizeof *bans);
    bans->hosts = calloc(config->hosts_max, sizeof *bans->hosts);
    bans->buckets = calloc(buckets, sizeof *bans->buckets);
    if (bans->hosts == NULL || bans->buckets == NULL) {
        plab_bans_free(bans);
        return PLAB_E_NOMEM;
    }
    memset(bans->buckets, 0xff, buckets * sizeof *bans->buckets); /* all NONE */
    bans->config = *config;
    bans->mask = buckets - 1;
    bans->newest = bans->oldest = NONE;
    bans->secret = secret;
    return PLAB_OK;
}

void plab_bans_free(struct plab_bans *bans) {
    free(bans->hosts);
    free(bans->buckets);
    memset(bans, 0, sizeof *bans);
}

static uint32_t *bucket_of(const struct plab_bans *bans, const struct plab_host_key *key) {
    return &bans->buckets[plab_host_key_hash(key, bans->secret) & bans->mask];
}

static uint32_t find(const struct plab_bans *bans, const struct plab_host_key *key) {
    uint32_t at = bans->count > 0 ? *bucket_of(bans, key) : NONE;
    while (at != NONE && !plab_host_key_equal(&bans->hosts[at].key, key)) {
        at = bans->hosts[at].next;
    }
    return at;
}

/* ---- the list by last misdeed ---- */

static void unlist(struct plab_bans *bans, uint32_t at) {
    const struct plab_ban_host *host = &bans->hosts[at];
    if (host->newer != NONE) {
        bans->hosts[host->newer].older = host->older;
    } else {
        bans->newest = host->older;
    }
    if (host->older != NONE) {
        bans->hosts[host->older].newer = host->newer;
    } else {
        bans->oldest = host->newer;
    }
}

static void list_as_newest(struct plab_bans *bans, uint32_t at) {
    struct plab_ban_host *host = &bans->hosts[at];
    host->newer = NONE;
    host->older = bans->newest;
    if (bans->newest != NONE) {
        bans->hosts[bans->newest].newer = at;
    } else {
        bans->oldest = at;
    }
    bans->newest = at;
}

/* ---- hosts ---- */

static void forget_oldest(struct plab_bans *bans) {
    uint32_t at = bans->oldest;
    uint32_t *link = bucket_of(bans, &bans->hosts[at].key);
    while (*link != at) {
        link = &bans->hosts[*link].next;
    }
    *link = bans->hosts[at].next;
    unlist(bans, at);
}

/* The place of a host in the table, made for it if need be; it is the newest then. */
static uint32_t enter(struct plab_bans *bans, const struct plab_host_key *key, uint64_t now_ns) {
    uint32_t at = find(bans, key);
    if (at != NONE) {
        unlist(bans, at);
        list_as_newest(bans, at);
        return at;
    }
    if (bans->count < bans->config.hosts_max) {
        at = bans->count++;
    } else {
        at = bans->oldest;
        forget_oldest(bans);
    }
    uint32_t *bucket = bucket_of(bans, key);
    bans->hosts[at] = (struct plab_ban_host){.key = *key, .seen_ns = now_ns, .next = *bucket};
    *bucket = at;
    list_as_newest(bans, at);
    return at;
}

static double score_now(const struct plab_bans *bans, const struct plab_ban_host *host,
                        uint64_t now_ns) {
    double passed_s = now_ns > host->seen_ns ? (double)(now_ns - host->seen_ns) / 1e9 : 0;
    double score = host->score - passed_s * bans->config.forgiven_per_s;
    return score > 0 ? score : 0;
}

bool plab_bans_blame(struct plab_bans *bans, const struct plab_host_key *key, double points,
                     uint64_t now_ns) {
    struct plab_ban_host *host = &bans->hosts[enter(bans, key, now_ns)];
    bool bannable = bans->config.ban_ms > 0 && now_ns >= host->until_ns &&
                    (bans->config.loopback || !plab_host_key_is_loopback(key));
    host->score = score_now(bans, host, now_ns) + points;
    host->seen_ns = now_ns > host->seen_ns ? now_ns : host->seen_ns;
    if (!bannable || host->score <= bans->config.score_max) {
        return false;
    }
    host->until_ns = now_ns + bans->config.ban_ms * 1000000;
    host->score = 0;
    bans->total++;
    return true;
}

double plab_bans_score(const struct plab_bans *bans, const struct plab_host_key *key,
                       uint64_t now_ns) {
    uint32_t at = find(bans, key);
    return at != NONE ? score_now(bans, &bans->hosts[at], now_ns) : 0;
}

uint64_t plab_bans_left_ns(const struct plab_bans *bans, const struct plab_host_key *key,
                           uint64_t now_ns) {
    uint32_t at = find(bans, key);
    uint64_t until_ns = at != NONE ? bans->hosts[at].until_ns : 0;
    return until_ns > now_ns ? until_ns - now_ns : 0;
}

size_t plab_bans_list(const struct plab_bans *bans, uint64_t now_ns, struct plab_ban *out,
                      size_t cap) {
    size_t count = 0;
    for (uint32_t at = bans->count > 0 ? bans->newest : NONE; at != NONE;
         at = bans->hosts[at].older) {
        const struct plab_ban_host *host = &bans->hosts[at];
        if (host->until_ns <= now_ns) {
            continue;
        }
        if (count < cap) {
            out[count] = (struct plab_ban){host->key, host->until_ns - now_ns};
        }
        count++;
    }
    return count;
}
