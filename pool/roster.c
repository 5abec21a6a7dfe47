/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/roster.h"

#include <stdlib.h>
#include <string.h>

#include "pool/hostkey.h"

struct plab_host {
    struct plab_host *next; /* in its bucket */
    struct plab_host_key key;
    unsigned count, securing;
};

enum plab_status plab_roster_init(struct plab_roster *roster, size_t max, uint64_t key) {
    size_t buckets = 1;
    while (buckets < max) {
        buckets *= 2;
    }
    memset(roster, 0, sizeof *roster);
    roster->list = calloc(max, sizeof(struct plab_roster_entry *));
    roster->by_number = calloc(buckets, sizeof(struct plab_roster_entry *));
    roster->by_address = calloc(buckets, sizeof(struct plab_host *));
    if (roster->list == NULL || roster->by_number == NULL || roster->by_address == NULL) {
        plab_roster_free(roster);
        return PLAB_E_NOMEM;
    }
    roster->max = max;
    roster->mask = buckets - 1;
    roster->key = key;
    return PLAB_OK;
}

void plab_roster_free(struct plab_roster *roster) {
    free(roster->list);
    free(roster->by_number);
    free(roster->by_address);
    memset(roster, 0, sizeof *roster);
}

static struct plab_host **bucket_of(const struct plab_roster *roster,
                                    const struct plab_host_key *key) {
    return &roster->by_address[plab_host_key_hash(key, roster->key) & roster->mask];
}

static struct plab_host *find_host(const struct plab_roster *roster,
                                   const struct plab_host_key *key) {
    struct plab_host *host = *bucket_of(roster, key);
    while (host != NULL && !plab_host_key_equal(&host->key, key)) {
        host = host->next;
    }
    return host;
}

/* The host of that address, made when there is none yet; NULL without memory. */
static struct plab_host *get_host(struct plab_roster *roster, const struct sockaddr *peer) {
    struct plab_host_key key = plab_host_key(peer);
    struct plab_host *host = find_host(roster, &key);
    if (host == NULL) {
        host = calloc(1, sizeof *host);
        if (host != NULL) {
            struct plab_host **bucket = bucket_of(roster, &key);
            host->key = key;
            host->next = *bucket;
            *bucket = host;
        }
    }
    return host;
}

static void leave_host(struct plab_roster *roster, struct plab_host *host) {
    if (--host->count > 0) {
        return;
    }
    struct plab_host **at = bucket_of(roster, &host->key);
    while (*at != host) {
        at = &(*at)->next;
    }
    *at = host->next;
    free(host);
}

bool plab_roster_add(struct plab_roster *roster, struct plab_roster_entry *entry, void *owner,
                     const struct sockaddr *peer) {
    if (roster->count == roster->max) {
        return false;
    }
    entry->host = get_host(roster, peer);
    if (entry->host == NULL) {
        return false;
    }
    entry->host->count++;
    entry->owner = owner;
    entry->securing = false;
    entry->number = ++roster->last_number;
    struct plab_roster_entry **bucket = &roster->by_number[entry->number & roster->mask];
    entry->next = *bucket;
    *bucket = entry;
    entry->index = (uint32_t)roster->count;
    roster->list[roster->count++] = entry;
    return true;
}

void plab_roster_remove(struct plab_roster *roster, struct plab_roster_entry *entry) {
    struct plab_roster_entry **at = &roster->by_number[entry->number & roster->mask];
    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    struct plab_roster_entry *last = roster->list[--roster->count];
    roster->list[entry->index] = last;
    last->index = entry->index;
    plab_roster_set_securing(entry, false);
    leave_host(roster, entry->host);
    entry->host = NULL;
}

void *plab_roster_find(const struct plab_roster *roster, uint32_t number) {
    const struct plab_roster_entry *entry = roster->by_number[number & roster->mask];
    while (entry != NULL && entry->number != number) {
        entry = entry->next;
    }
    return entry != NULL ? entry->owner : NULL;
}

static const struct plab_host *host_of(const struct plab_roster *roster,
                                       const struct sockaddr *peer) {
    struct plab_host_key key = plab_host_key(peer);
    return find_host(roster, &key);
}

unsigned plab_roster_of_host(const struct plab_roster *roster, const struct sockaddr *peer) {
    const struct plab_host *host = host_of(roster, peer);
    return host != NULL ? host->count : 0;
}

void plab_roster_set_securing(struct plab_roster_entry *entry, bool securing) {
    entry->host->securing += securing;
    entry->host->securing -= entry->securing;
    entry->securing = securing;
}

unsigned plab_roster_securing_of_host(const struct plab_roster *roster,
                                      const struct sockaddr *peer) {
    const struct plab_host *host = host_of(roster, peer);
    return host != NULL ? host->securing : 0;
}
