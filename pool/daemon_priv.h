/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bridge to a Monero daemon of a lab chain: watches its tip, takes templates, hands blocks in.
 *
 * Asks for the daemon's network with each poll and refuses the main one at any time. Before the
 * first template every fault is final; later ones are logged once an outage, and polling goes on.
 */
#ifndef PLAB_POOL_DAEMON_PRIV_H
#define PLAB_POOL_DAEMON_PRIV_H

#include <uv.h>

#include "base/log.h"
#include "daemon/rpc.h"
#include "daemon/rpc_msg.h"

/* Callbacks, from the loop. */
struct plab_daemon_events {
    void *cookie;
    /* A template; the reference is the receiver's. */
    void (*on_template)(void *cookie, struct plab_template *tmpl);
    /* What the daemon said to the block of that tag. PLAB_OK: it took it. */
    void (*on_submitted)(void *cookie, uint64_t tag, enum plab_status status,
                         const struct plab_error *err);
    /* The bridge can't work: the pool must end. Called once. */
    void (*on_fatal)(void *cookie, enum plab_status status, const struct plab_error *err);
};

struct plab_daemon_config {
    const char *url;      /* borrowed during plab_daemon_init() */
    const char *wallet;   /* borrowed for good; address that is paid */
    uint64_t instance;    /* of the pool, for extra nonces */
    uint64_t poll_ms;     /* between looks at the tip */
    uint64_t refresh_ms;  /* age at which a template is renewed on the same tip */
    uint64_t deadline_ms; /* for a call */
    const struct plab_log *log;
    struct plab_daemon_events events;
};

struct plab_daemon {
    struct plab_daemon_config config;
    struct plab_rpc rpc;
    uv_timer_t timer;
    bool timer_open;
    bool polling; /* a get_info or get_block_template is under way */
    bool had_template;
    bool outage; /* already logged */
    bool fatal;
    uint64_t template_ns;       /* when the last one came */
    struct plab_rpc_info info;  /* last seen */
    struct plab_rpc_info taken; /* to which the last template belongs */
};

/* Checks URL and wallet, resolves the host. Errors as plab_rpc_init() and plab_rpc_check_wallet().
 */
PLAB_NODISCARD enum plab_status plab_daemon_init(struct plab_daemon *daemon, uv_loop_t *loop,
                                                 const struct plab_daemon_config *config,
                                                 struct plab_error *err);

/* Starts polling; the first template follows by callback. */
void plab_daemon_start(struct plab_daemon *daemon);

/* Hands a block in; the outcome comes by callback with `tag`, also when the call can't be made. */
void plab_daemon_submit(struct plab_daemon *daemon, const uint8_t *block, size_t len, uint64_t tag);

/* Ends polling and drops all calls; no callback comes any more. The loop must run until the handles
 * are closed. Fine to call twice, or after a failed init. */
void plab_daemon_close(struct plab_daemon *daemon);

#endif
