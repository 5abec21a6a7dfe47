/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool_client/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/netguard.h"

#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:%"

static enum plab_status bad_url(const char *text, const char *why, struct plab_error *err) {
    char shown[120];
    return plab_fail(err, PLAB_E_USAGE,
                     "pool address \"%s\" %s; write host:port, stratum+tcp://host:port or, for "
                     "TLS, stratum+ssl://host:port; ws:// and wss:// for WebSocket",
                     plab_log_escape(text, strlen(text), shown, sizeof shown), why);
}

static enum plab_status parse_port(const char *text, const char *digits, size_t len, uint16_t *out,
                                   struct plab_error *err) {
    unsigned long value = 0;
    for (size_t i = 0; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '9' || len > 5) {
            return bad_url(text, "has a port that is no number", err);
        }
        value = value * 10 + (unsigned long)(digits[i] - '0');
    }
    if (value == 0 || value > UINT16_MAX) {
        return bad_url(text, "has a port that is not 1 to 65535", err);
    }
    *out = (uint16_t)value;
    return PLAB_OK;
}

/* Splits "host:port" or "[v6]:port"; `*port` is NULL without one. False for stray brackets. */
static bool split(const char *at, size_t len, const char **host, size_t *host_len,
                  const char **port) {
    *port = NULL;
    if (len > 0 && at[0] == '[') {
        const char *close = memchr(at, ']', len);
        if (close == NULL) {
            return false;
        }
        *host = at + 1;
        *host_len = (size_t)(close - at) - 1;
        size_t rest = len - *host_len - 2;
        *port = rest > 0 ? close + 2 : NULL;
        return rest == 0 || close[1] == ':';
    }
    const char *colon = memchr(at, ':', len);
    *host = at;
    *host_len = colon != NULL ? (size_t)(colon - at) : len;
    *port = colon != NULL ? colon + 1 : NULL;
    return true;
}

/* Takes the scheme off. False for one that nobody knows. */
static bool take_scheme(const char **at, struct plab_url *out) {
    static const struct {
        const char *prefix;
        bool tls, websocket;
    } schemes[] = {{"stratum+tcp://", false, false},
                   {"tcp://", false, false},
                   {"stratum+ssl://", true, false},
                   {"stratum+tls://", true, false},
                   {"stratums://", true, false},
                   {"ssl://", true, false},
                   {"tls://", true, false},
                   {"ws://", false, true},
                   {"wss://", true, true}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i].prefix);
        if (strncmp(*at, schemes[i].prefix, len) == 0) {
            *at += len;
            out->tls = schemes[i].tls;
            out->websocket = schemes[i].websocket;
            return true;
        }
    }
    return strstr(*at, "://") == NULL;
}

enum plab_status plab_url_parse(const char *text, struct plab_url *out, struct plab_error *err) {
    const char *at = text, *host, *port;
    size_t host_len;
    memset(out, 0, sizeof *out);
    out->port = PLAB_URL_DEFAULT_PORT;
    if (!take_scheme(&at, out)) {
        return bad_url(text, "has a scheme that this build doesn't support", err);
    }
    size_t len = strlen(at);
    if (len > 0 && at[len - 1] == '/') {
        len--;
    }
    if (memchr(at, '@', len) != NULL) {
        return bad_url(text, "holds a user name, which belongs to --user", err);
    }
    if (!split(at, len, &host, &host_len, &port) || host_len == 0 || host_len > PLAB_URL_HOST_MAX) {
        return bad_url(text, "has no usable host", err);
    }
    memcpy(out->host, host, host_len);
    if (strspn(out->host, HOST_CHARACTERS) != host_len) {
        return bad_url(text, "has a host with characters that no host name has", err);
    }
    return port == NULL ? PLAB_OK
                        : parse_port(text, port, (size_t)(at + len - port), &out->port, err);
}

enum plab_status plab_url_move(const struct plab_url *from, const char *host, uint16_t port,
                               struct plab_url *out, struct plab_error *err) {
    char shown[120];
    struct sockaddr_storage addr = {0};
    const char *escaped = plab_log_escape(host, strlen(host), shown, sizeof shown);
    bool numeric = uv_ip4_addr(host, port, (struct sockaddr_in *)&addr) == 0 ||
                   uv_ip6_addr(host, port, (struct sockaddr_in6 *)&addr) == 0;
    if (strcasecmp(host, from->host) != 0 && !numeric) {
        return plab_fail(err, PLAB_E_REFUSED,
                         "client.reconnect to \"%s\": neither the pool's own host nor an address",
                         escaped);
    }
    if (numeric && plab_netguard_check((const struct sockaddr *)&addr, err) != PLAB_OK) {
        return PLAB_E_REFUSED;
    }
    if (strlen(host) > PLAB_URL_HOST_MAX || strspn(host, HOST_CHARACTERS) != strlen(host)) {
        return plab_fail(err, PLAB_E_REFUSED, "client.reconnect to \"%s\": no host name", escaped);
    }
    *out = *from;
    snprintf(out->host, sizeof out->host, "%s", host);
    out->port = port;
    return PLAB_OK;
}

const char *plab_url_name(const struct plab_url *url, char out[PLAB_URL_NAME_LEN]) {
    bool v6 = strchr(url->host, ':') != NULL;
    snprintf(out, PLAB_URL_NAME_LEN, "%s%s%s:%u", v6 ? "[" : "", url->host, v6 ? "]" : "",
             (unsigned)url->port);
    return out;
}
