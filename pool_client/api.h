/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The miner's HTTP API, in the shape of XMRig's (6.26) so that monitors made for it work: summary
 * and backends, keys in the same order. A guest of the miner (miner.h).
 *
 * It only reads, whatever it is asked, as XMRig's does in restricted mode: configuration and
 * commands are 403. With a token, requests without one are 401, with another one 403. What XMRig
 * does and this doesn't: no "Access-Control-Allow-Origin: *", status phrases as the RFC has them,
 * a Host that isn't ours is refused, no identifier made from a MAC address.
 */
#ifndef PLAB_POOL_CLIENT_API_H
#define PLAB_POOL_CLIENT_API_H

#include "host/ident.h"
#include "pool_client/miner.h"

/* Facts about machine and program that a run doesn't know of itself. */
struct plab_api_facts {
    const char *version;   /* of powlab; borrowed, as all texts here */
    const char *worker_id; /* what the machine is called */
    size_t packages, cores, pus, nodes;
    uint64_t l2_bytes, l3_bytes; /* of all of a kind together as far as known; 0: unknown */
    uint32_t features;           /* usable ones, arch/cpu.h */
};

struct plab_api_config {
    const char *host;                      /* numeric lab address, or "localhost" */
    uint16_t port;                         /* 0: any free one */
    const char *token;                     /* NULL: none is needed */
    const char *port_file;                 /* the port is written there; NULL: isn't */
    const struct plab_miner_config *miner; /* borrowed */
    struct plab_api_facts facts;
};

struct plab_api;

/* Returns owned, or NULL without memory. */
struct plab_api *plab_api_new(const struct plab_api_config *config);

/* After the run; NULL is fine. */
void plab_api_free(struct plab_api *api);

/* The guest for the miner's configuration. Its errors: PLAB_E_USAGE (the host is no numeric
 * address), those of plab_httpd_open() and of the port's file. */
struct plab_miner_guest plab_api_guest(struct plab_api *api);

#endif
