/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the pool's web server share: web.c (routes), web_json.c, web_text.c (metrics).
 * Not for other folders. */
#ifndef PLAB_POOL_WEB_PRIV_H
#define PLAB_POOL_WEB_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "base/asset.h"
#include "pool/metrics.h"
#include "pool/web.h"

/* Points of a history at most. */
#define PLAB_WEB_HISTORY_POINTS 300

struct json_t;

/* Everything that answers are made from, at one moment. */
struct plab_web_view {
    const struct plab_metrics *metrics;
    const struct plab_web_facts *facts;
    struct plab_pool_stats stats;
    uint64_t now_ns, wall_ns;
};

/* Documents of docs/api.md; each returns owned, NULL without memory. Lists begin with the newest
 * (workers: with most work) and have at most `cap` entries. */
struct json_t *plab_web_summary(const struct plab_web_view *view);
struct json_t *plab_web_workers(const struct plab_web_view *view, size_t cap);
struct json_t *plab_web_jobs(const struct plab_web_view *view, size_t cap);
struct json_t *plab_web_shares(const struct plab_web_view *view, size_t cap);
struct json_t *plab_web_chain(const struct plab_web_view *view, size_t cap);
struct json_t *plab_web_history(const struct plab_web_view *view, size_t cap);
/* All of them but the history, short: what the page shows. */
struct json_t *plab_web_snapshot(const struct plab_web_view *view);

/* The OpenMetrics text; returns owned (free()), NULL without memory. */
char *plab_web_metrics(const struct plab_web_view *view, size_t *len);

/* The page's files, compiled in. */
extern const struct plab_assets plab_web_assets;

#endif
