/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool_client/api.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/prng.h"
#include "net/addr.h"
#include "net/httpd.h"
#include "pool_client/api_priv.h"

#define JSON_FLAGS (JSON_INDENT(4) | JSON_REAL_PRECISION(12))
#define ALLOW "Allow: GET, HEAD, OPTIONS\r\n"

struct plab_api {
    struct plab_api_config config;
    struct plab_ident ident;
    char id[17];
    struct plab_miner *miner;
    struct plab_httpd *httpd;
};

enum document { SUMMARY_1, SUMMARY_2, BACKENDS };

/* Paths that XMRig has. Those that would change something, or show passwords, are refused to all.
 */
static const struct route {
    const char *path;
    bool forbidden;
    enum document document;
} routes[] = {
    {"/1/summary", false, SUMMARY_1}, {"/2/summary", false, SUMMARY_2},
    {"/api.json", false, SUMMARY_1},  {"/2/backends", false, BACKENDS},
    {"/1/config", true, SUMMARY_1},   {"/2/config", true, SUMMARY_1},
    {"/json_rpc", true, SUMMARY_1},
};

static const struct route *find_route(const struct plab_http_head *request) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(routes); i++) {
        if (plab_http_text_is(request->path, routes[i].path)) {
            return &routes[i];
        }
    }
    return NULL;
}

/* 0, or the status that says why not. Without a token configured, one that is sent is a mistake. */
static unsigned refuse(const struct plab_api *api, const struct plab_http_head *request) {
    const char *token = api->config.token;
    if (token == NULL) {
        return request->authorization.at != NULL ? 401 : 0;
    }
    if (request->authorization.at == NULL) {
        return 401;
    }
    return plab_http_bearer_is(request->authorization, token) ? 0 : 403;
}

static void reply_document(const struct plab_api *api, enum document document,
                           struct plab_httpd_reply *reply) {
    struct plab_api_view view = {
        .miner = api->miner, .config = &api->config, .ident = &api->ident, .id = api->id};
    plab_miner_snapshot(api->miner, &view.now);
    json_t *root = document == BACKENDS ? plab_api_backends(&view)
                                        : plab_api_summary(&view, document == SUMMARY_1 ? 1 : 2);
    char *text = root != NULL ? json_dumps(root, JSON_FLAGS) : NULL;
    json_decref(root);
    reply->status = 500;
    if (text != NULL) {
        *reply = (struct plab_httpd_reply){.status = 200,
                                           .type = "application/json",
                                           .body = text,
                                           .body_len = strlen(text),
                                           .owned = text};
    }
}

static void on_request(void *cookie, const struct plab_http_head *request,
                       struct plab_httpd_reply *reply) {
    const struct plab_api *api = cookie;
    const struct route *route = find_route(request);
    const unsigned refused = refuse(api, request);
    if (request->method == PLAB_HTTP_OPTIONS) {
        *reply = (struct plab_httpd_reply){.status = 200, .type = "text/plain", .fields = ALLOW};
    } else if (refused != 0) {
        reply->status = refused;
        reply->fields = refused == 401 ? "WWW-Authenticate: Bearer\r\n" : NULL;
    } else if (route == NULL) {
        reply->status = 404;
    } else if (route->forbidden) {
        reply->status = 403;
    } else if (request->method == PLAB_HTTP_OTHER) {
        *reply = (struct plab_httpd_reply){.status = 405, .fields = ALLOW};
    } else {
        reply_document(api, route->document, reply);
    }
}

static enum plab_status parse_address(const struct plab_api *api, struct sockaddr_storage *addr,
                                      struct plab_error *err) {
    char text[80], shown[80];
    const char *host = api->config.host;
    const bool v6 = strchr(host, ':') != NULL && host[0] != '[';
    const int len =
        snprintf(text, sizeof text, v6 ? "[%s]:%u" : "%s:%u", host, (unsigned)api->config.port);
    if (len >= (int)sizeof text || !plab_addr_parse(text, addr)) {
        return plab_fail(err, PLAB_E_USAGE,
                         "--http-host \"%s\" is no numeric address, such as 127.0.0.1 or ::1",
                         plab_log_escape(host, strlen(host), shown, sizeof shown));
    }
    return PLAB_OK;
}

static enum plab_status tell_port(const struct plab_api *api, struct plab_error *err) {
    char text[16];
    const char *file = api->config.port_file;
    const int len = snprintf(text, sizeof text, "%u\n", (unsigned)plab_httpd_port(api->httpd));
    plab_log_info(api->config.miner->client.log, "HTTP API at http://%s/2/summary, %s",
                  plab_httpd_name(api->httpd),
                  api->config.token != NULL ? "with a token" : "without a token");
    return file != NULL ? plab_file_write(file, text, (size_t)len, err) : PLAB_OK;
}

static enum plab_status begin(void *cookie, struct plab_miner *miner, struct uv_loop_s *loop,
                              struct plab_error *err) {
    struct plab_api *api = cookie;
    struct sockaddr_storage addr = {0};
    struct plab_httpd_config httpd;
    api->miner = miner;
    enum plab_status status = parse_address(api, &addr, err);
    if (status != PLAB_OK) {
        return status;
    }
    plab_httpd_defaults(&httpd);
    httpd.loop = loop;
    httpd.addr = (const struct sockaddr *)&addr;
    httpd.handler = on_request;
    httpd.cookie = api;
    httpd.log = api->config.miner->client.log;
    status = plab_httpd_open(&api->httpd, &httpd, err);
    return status == PLAB_OK ? tell_port(api, err) : status;
}

static void end(void *cookie) {
    struct plab_api *api = cookie;
    plab_httpd_close(api->httpd);
}

struct plab_api *plab_api_new(const struct plab_api_config *config) {
    struct plab_api *api = calloc(1, sizeof *api);
    if (api != NULL) {
        struct plab_prng random = {plab_clock_wall_ns() ^ (uint64_t)(uintptr_t)api};
        api->config = *config;
        plab_ident_read(&api->ident);
        snprintf(api->id, sizeof api->id, "%016llx", (unsigned long long)plab_prng_next(&random));
    }
    return api;
}

void plab_api_free(struct plab_api *api) {
    if (api != NULL) {
        plab_httpd_free(&api->httpd);
        free(api);
    }
}

struct plab_miner_guest plab_api_guest(struct plab_api *api) {
    return (struct plab_miner_guest){begin, end, api};
}
