/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pool's web server: a live page, a JSON API, OpenMetrics, a health check (docs/api.md). Only
 * reads; runs on the pool's loop; listens on a lab address.
 *
 * Cheap for the pool: events are counted (pool/metrics.h), once a second a sample is taken and, if
 * somebody watches, one snapshot is made for all of them; a document that is asked for again within
 * PLAB_WEB_FRESH_MS is not made again.
 */
#ifndef PLAB_POOL_WEB_H
#define PLAB_POOL_WEB_H

#include "base/log.h"
#include "pool/event.h"
#include "pool/server.h"

#define PLAB_WEB_FRESH_MS 250

struct uv_loop_s; /* uv_loop_t */
struct plab_web;

/* What doesn't change during a run; borrowed. */
struct plab_web_facts {
    const char *algo, *source; /* the latter "simulated" or "daemon" */
    unsigned verify_threads, verify_queue;
};

struct plab_web_config {
    struct uv_loop_s *loop;
    const char *listen; /* "127.0.0.1:8080", or "8080" for it; 0: any free one */
    const struct plab_web_facts *facts;
    void (*stats)(void *cookie, struct plab_pool_stats *out); /* counters now */
    void *cookie;
    const struct plab_log *log; /* borrowed; may be NULL */
};

/* Binds and serves. Errors: PLAB_E_USAGE (the address can't be read), those of plab_httpd_open().
 * After an error the loop must run once more. */
PLAB_NODISCARD enum plab_status
plab_web_open(struct plab_web **out, const struct plab_web_config *config, struct plab_error *err);

/* Takes an event of the pool; `web` may be NULL. */
void plab_web_event(struct plab_web *web, const struct plab_pool_event *event);

/* Port that it got; 0 for NULL. */
uint16_t plab_web_port(const struct plab_web *web);

/* Hangs up on everybody; NULL is fine. The loop must run until it is empty, then comes
 * plab_web_free(). */
void plab_web_close(struct plab_web *web);

/* Frees a closed one and sets `*web` to NULL; NULL is fine. */
void plab_web_free(struct plab_web **web);

#endif
