/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mining without a pool: templates from a Monero daemon of a lab chain, blocks back to it. A source
 * of jobs as the Stratum client is, with XMRig's requests and its timing.
 *
 * A session begins with GET /getinfo, which must say that the chain is not the main one: a daemon
 * of the main network, or one that doesn't say, ends the source for good (PLAB_CLIENT_REFUSED). The
 * network is asked for again after each fault and whenever the height moves by more than one. Then
 * a template is taken, and GET /getheight (GET /getinfo with daemons whose answer to that has no
 * hash) asked each `poll_ms`. A new template is taken when the tip moved, when the last one is
 * older than `job_timeout_ms`, after each block that was handed in, and when its nonces are used
 * up. Every fault (no connection, no answer in time, an answer that makes no sense, a template that
 * contradicts itself) ends the session; the next one begins after a growing, jittered pause.
 *
 * A block is made of the template that its job came from, however many came since. One for a tip
 * that has moved on is stale.
 */
#ifndef PLAB_POOL_CLIENT_SOLO_H
#define PLAB_POOL_CLIENT_SOLO_H

#include "pool_client/source.h"

/* All text is borrowed as long as the source lives. */
struct plab_solo_config {
    const char *url;    /* http://HOST:PORT */
    const char *wallet; /* address that is paid; see daemon/rpc_msg.h */
    const char *agent;  /* User-Agent of the requests */
    uint64_t poll_ms;
    uint64_t job_timeout_ms;
    uint64_t deadline_ms; /* for a whole call */
    uint64_t retry_base_ms, retry_cap_ms;
    uint64_t seed; /* of extra nonces, job ids and the jitter */
    const struct plab_log *log;
};

/* Times as the field has them: 1 s, 15 s, 20 s; pauses of 1 s to 30 s; the lab wallet. */
void plab_solo_defaults(struct plab_solo_config *config);

/* What can be said before anything begins: PLAB_E_USAGE for a bad URL or wallet, PLAB_E_REFUSED for
 * a URL whose host is an address, but not a lab one. */
PLAB_NODISCARD enum plab_status plab_solo_check(const struct plab_solo_config *config,
                                                struct plab_error *err);

/* Begins to mine at a daemon as soon as the loop runs. Waits for DNS when the URL has a name.
 * Errors: PLAB_E_USAGE (URL, wallet), PLAB_E_NETWORK (a name that doesn't resolve), PLAB_E_REFUSED
 * (not a lab address), PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_source_daemon(struct plab_source *out, struct uv_loop_s *loop,
                                                   const struct plab_solo_config *config,
                                                   const struct plab_client_events *events,
                                                   struct plab_error *err);

#endif
