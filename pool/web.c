/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool's web server: routes, the second hand, and documents that are kept a moment. */
#include "pool/web.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/clock.h"
#include "net/addr.h"
#include "net/httpd.h"
#include "pool/web_priv.h"

#define SAMPLE_MS 1000
#define JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(9))
#define JSON_TYPE "application/json"
#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* A document that is made at most every PLAB_WEB_FRESH_MS, however often it is asked for. */
struct cached {
    char *text;
    size_t len;
    uint64_t made_ns;
};

struct plab_web;

struct route {
    const char *path;
    const char *type;
    char *(*make)(const struct plab_web_view *view, size_t *len);
};

static char *make_summary(const struct plab_web_view *view, size_t *len);
static char *make_workers(const struct plab_web_view *view, size_t *len);
static char *make_jobs(const struct plab_web_view *view, size_t *len);
static char *make_shares(const struct plab_web_view *view, size_t *len);
static char *make_chain(const struct plab_web_view *view, size_t *len);
static char *make_history(const struct plab_web_view *view, size_t *len);

static const struct route routes[] = {
    {"/api/v1/summary", JSON_TYPE, make_summary}, {"/api/v1/workers", JSON_TYPE, make_workers},
    {"/api/v1/jobs", JSON_TYPE, make_jobs},       {"/api/v1/shares", JSON_TYPE, make_shares},
    {"/api/v1/chain", JSON_TYPE, make_chain},     {"/api/v1/history", JSON_TYPE, make_history},
    {"/metrics", METRICS_TYPE, plab_web_metrics},
};

struct plab_web {
    struct plab_web_config config;
    struct plab_httpd *httpd;
    uv_timer_t timer;
    bool timer_open;
    struct cached cached[PLAB_ARRAY_LEN(routes)];
    struct plab_metrics metrics;
};

/* ---- documents ---- */

static void look(const struct plab_web *web, struct plab_web_view *view) {
    *view = (struct plab_web_view){.metrics = &web->metrics,
                                   .facts = web->config.facts,
                                   .now_ns = plab_clock_ns(),
                                   .wall_ns = plab_clock_wall_ns()};
    web->config.stats(web->config.cookie, &view->stats);
}

/* Takes the reference; NULL (a failed construction) gives NULL. */
static char *dump(json_t *document, size_t *len) {
    char *text = document != NULL ? json_dumps(document, JSON_FLAGS) : NULL;
    json_decref(document);
    *len = text != NULL ? strlen(text) : 0;
    return text;
}

static char *make_summary(const struct plab_web_view *view, size_t *len) {
    return dump(plab_web_summary(view), len);
}

static char *make_workers(const struct plab_web_view *view, size_t *len) {
    return dump(plab_web_workers(view, PLAB_METRICS_WORKERS), len);
}

static char *make_jobs(const struct plab_web_view *view, size_t *len) {
    return dump(plab_web_jobs(view, PLAB_METRICS_RECENT), len);
}

static char *make_shares(const struct plab_web_view *view, size_t *len) {
    return dump(plab_web_shares(view, PLAB_METRICS_RECENT), len);
}

static char *make_chain(const struct plab_web_view *view, size_t *len) {
    return dump(plab_web_chain(view, PLAB_METRICS_RECENT), len);
}

static char *make_history(const struct plab_web_view *view, size_t *len) {
    return dump(plab_web_history(view, PLAB_WEB_HISTORY_POINTS), len);
}

static void reply_route(struct plab_web *web, size_t index, struct plab_httpd_reply *reply) {
    struct cached *cached = &web->cached[index];
    const uint64_t now_ns = plab_clock_ns();
    if (cached->text == NULL || now_ns - cached->made_ns > PLAB_WEB_FRESH_MS * UINT64_C(1000000)) {
        struct plab_web_view view;
        look(web, &view);
        free(cached->text);
        cached->text = routes[index].make(&view, &cached->len);
        cached->made_ns = now_ns;
    }
    *reply = cached->text == NULL ? (struct plab_httpd_reply){.status = 500}
                                  : (struct plab_httpd_reply){.status = 200,
                                                              .type = routes[index].type,
                                                              .body = cached->text,
                                                              .body_len = cached->len};
}

/* "data: SNAPSHOT\n\n" as the first thing that a watcher hears. */
static void reply_events(struct plab_web *web, struct plab_httpd_reply *reply) {
    struct plab_web_view view;
    size_t len;
    look(web, &view);
    char *text = dump(plab_web_snapshot(&view), &len);
    char *event = text != NULL ? malloc(len + 16) : NULL;
    reply->status = 500;
    if (event != NULL) {
        const int event_len = snprintf(event, len + 16, "data: %s\n\n", text);
        *reply = (struct plab_httpd_reply){.status = 200,
                                           .type = "text/event-stream",
                                           .body = event,
                                           .body_len = (size_t)event_len,
                                           .owned = event,
                                           .events = true};
    }
    free(text);
}

static bool reply_asset(const struct plab_http_head *request, struct plab_httpd_reply *reply) {
    const struct plab_asset *asset =
        plab_asset_find(&plab_web_assets, request->path.at, request->path.len);
    if (asset == NULL) {
        return false;
    }
    *reply = (struct plab_httpd_reply){.status = 200,
                                       .type = asset->type,
                                       .body = (const char *)asset->bytes,
                                       .body_len = asset->len};
    return true;
}

static bool find_route(const struct plab_http_head *request, size_t *index) {
    for (*index = 0; *index < PLAB_ARRAY_LEN(routes); (*index)++) {
        if (plab_http_text_is(request->path, routes[*index].path)) {
            return true;
        }
    }
    return false;
}

static void on_request(void *cookie, const struct plab_http_head *request,
                       struct plab_httpd_reply *reply) {
    static const char healthy[] = "{\"status\":\"ok\"}\n";
    static const char allow[] = "Allow: GET, HEAD, OPTIONS\r\n";
    struct plab_web *web = cookie;
    size_t index;
    if (request->method == PLAB_HTTP_OTHER) {
        *reply = (struct plab_httpd_reply){.status = 405, .fields = allow};
    } else if (request->method == PLAB_HTTP_OPTIONS) {
        *reply = (struct plab_httpd_reply){.status = 200, .type = "text/plain", .fields = allow};
    } else if (find_route(request, &index)) {
        reply_route(web, index, reply);
    } else if (plab_http_text_is(request->path, "/api/v1/events")) {
        reply_events(web, reply);
    } else if (plab_http_text_is(request->path, "/healthz")) {
        *reply = (struct plab_httpd_reply){
            .status = 200, .type = JSON_TYPE, .body = healthy, .body_len = sizeof healthy - 1};
    } else if (!reply_asset(request, reply)) {
        reply->status = 404;
    }
}

/* ---- time ---- */

static void on_second(uv_timer_t *timer) {
    struct plab_web *web = timer->data;
    struct plab_web_view view;
    size_t len;
    look(web, &view);
    plab_metrics_sample(&web->metrics, view.now_ns, view.stats.sessions_now,
                        view.stats.verify_queue_now);
    if (plab_httpd_streams(web->httpd) == 0) {
        return;
    }
    char *text = dump(plab_web_snapshot(&view), &len);
    if (text != NULL) {
        plab_httpd_publish(web->httpd, text, len);
        free(text);
    }
}

void plab_web_event(struct plab_web *web, const struct plab_pool_event *event) {
    if (web != NULL) {
        plab_metrics_event(&web->metrics, event);
    }
}

/* ---- life ---- */

static enum plab_status serve(struct plab_web *web, struct plab_error *err) {
    struct sockaddr_storage addr = {0};
    struct plab_httpd_config httpd;
    char shown[80], local[32];
    const char *listen = web->config.listen;
    /* A port alone is one of this machine only. */
    snprintf(local, sizeof local, "127.0.0.1:%s", listen);
    if (!plab_addr_parse(strchr(listen, ':') != NULL ? listen : local, &addr)) {
        return plab_fail(
            err, PLAB_E_USAGE,
            "\"%s\" is no address for the web page; expected ADDR:PORT or PORT, such as "
            "127.0.0.1:8080 or [::1]:8080 (port 0: any free one)",
            plab_log_escape(listen, strlen(listen), shown, sizeof shown));
    }
    plab_httpd_defaults(&httpd);
    httpd.loop = web->config.loop;
    httpd.addr = (const struct sockaddr *)&addr;
    httpd.handler = on_request;
    httpd.cookie = web;
    httpd.log = web->config.log;
    return plab_httpd_open(&web->httpd, &httpd, err);
}

enum plab_status plab_web_open(struct plab_web **out, const struct plab_web_config *config,
                               struct plab_error *err) {
    struct plab_web *web = calloc(1, sizeof *web);
    *out = NULL;
    if (web == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for the web page");
    }
    web->config = *config;
    plab_metrics_init(&web->metrics, plab_clock_ns());
    enum plab_status status = serve(web, err);
    if (status != PLAB_OK) {
        free(web);
        return status;
    }
    uv_timer_init(config->loop, &web->timer);
    web->timer.data = web;
    web->timer_open = true;
    uv_timer_start(&web->timer, on_second, SAMPLE_MS, SAMPLE_MS);
    *out = web;
    return PLAB_OK;
}

uint16_t plab_web_port(const struct plab_web *web) {
    return web != NULL ? plab_httpd_port(web->httpd) : 0;
}

void plab_web_close(struct plab_web *web) {
    if (web == NULL || !web->timer_open) {
        return;
    }
    web->timer_open = false;
    uv_close((uv_handle_t *)&web->timer, NULL);
    plab_httpd_close(web->httpd);
}

void plab_web_free(struct plab_web **web) {
    struct plab_web *last = *web;
    *web = NULL;
    if (last == NULL) {
        return;
    }
    plab_httpd_free(&last->httpd);
    plab_metrics_free(&last->metrics);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(last->cached); i++) {
        free(last->cached[i].text);
    }
    free(last);
}
