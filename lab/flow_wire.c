/* SPDX-License-Identifier: BSD-3-Clause */
/* Plain text: the first line a client says. */
#include "lab/flow_wire.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct scan {
    const char *at, *end;
};

/* The string that begins at a quote, cut to `cap`; the scan goes behind it. False: there is no end.
 */
static bool take_string(struct scan *scan, char *out, size_t cap) {
    size_t used = 0;
    scan->at++;
    while (scan->at < scan->end && *scan->at != '"') {
        scan->at += *scan->at == '\\' && scan->end - scan->at > 1;
        if (used + 1 < cap) {
            out[used++] = isprint((unsigned char)*scan->at) ? *scan->at : '?';
        }
        scan->at++;
    }
    out[used] = '\0';
    if (scan->at >= scan->end) {
        return false;
    }
    scan->at++;
    return true;
}

static void add_key(struct plab_flow_wire *out, const char *key) {
    size_t used = strlen(out->json_keys);
    int n = snprintf(out->json_keys + used, sizeof out->json_keys - used, "%s%s",
                     used > 0 ? "," : "", key);
    if (n < 0 || (size_t)n >= sizeof out->json_keys - used) {
        out->json_keys[used] = '\0'; /* what doesn't fit whole isn't there */
    }
}

/* Keys of the outermost object, in their order. A string is a key when a colon follows. */
static void read_keys(struct plab_flow_wire *out, struct scan scan) {
    char text[64], key[64] = "";
    int depth = 0;
    bool blanks = false, cut = false;
    while (scan.at < scan.end && *scan.at != '\n' && !cut) {
        char c = *scan.at;
        if (c == '"') {
            bool is_method = strcmp(key, "method") == 0;
            cut = !take_string(&scan, text, sizeof text);
            while (scan.at < scan.end && *scan.at == ' ') {
                scan.at++;
            }
            if (depth == 1 && !cut && scan.at < scan.end && *scan.at == ':') {
                add_key(out, text);
                memcpy(key, text, sizeof key);
            } else if (depth == 1 && is_method) {
                snprintf(out->method, sizeof out->method, "%.47s", text);
                key[0] = '\0';
            }
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        blanks = blanks || ((c == ':' || c == ',') && scan.end - scan.at > 1 && scan.at[1] == ' ');
        scan.at++;
    }
    size_t used = strlen(out->json_keys);
    if (blanks && used + 4 < sizeof out->json_keys) {
        memcpy(out->json_keys + used, "+sp", 4);
    }
}

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* By method and order of keys; what is none of them is plain JSON-RPC. */
static const char *dialect_of(const struct plab_flow_wire *wire) {
    static const struct {
        const char *keys, *dialect;
    } logins[] = {
        {"id,jsonrpc,method,params", "xmrig"},
        {"method,params,id", "xmr-stak"},
        {"method,params,id+sp", "cpuminer-multi"},
    };
    if (begins(wire->method, "mining.")) {
        return "stratum1";
    }
    if (begins(wire->method, "getblocktemplate")) {
        return "gbt";
    }
    for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
        if (strcmp(wire->method, "login") == 0 && strcmp(wire->json_keys, logins[i].keys) == 0) {
            return logins[i].dialect;
        }
    }
    return wire->method[0] != '\0' ? "jsonrpc" : "";
}

static bool holds(const uint8_t *head, size_t len, const char *what) {
    return memmem(head, len, what, strlen(what)) != NULL;
}

static bool is_http(const uint8_t *head, size_t len) {
    static const char *const methods[] = {"GET ", "POST ", "PUT ", "HEAD ", "OPTIONS ", "CONNECT "};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        size_t n = strlen(methods[i]);
        if (len >= n && memcmp(head, methods[i], n) == 0) {
            return true;
        }
    }
    return false;
}

void plab_flow_wire_read(const uint8_t *head, size_t len, struct plab_flow_wire *out) {
    memset(out, 0, sizeof *out);
    out->kind = out->dialect = "";
    if (len == 0) {
        return;
    }
    out->kind = "other";
    if (len >= 3 && head[0] == 22 && head[1] == 3) {
        out->kind = "tls";
        (void)plab_flow_tls_read(head, len, out);
    } else if (is_http(head, len)) {
        out->kind = "http";
        out->dialect = holds(head, len, "Sec-WebSocket-Key:") ? "websocket" : "";
        if (holds(head, len, "\"getblocktemplate\"") || holds(head, len, "/getblocktemplate")) {
            out->dialect = "gbt";
        }
    } else if (head[0] == '{') {
        const char *text = (const char *)head;
        out->kind = "json";
        read_keys(out, (struct scan){text, text + len});
        out->dialect = dialect_of(out);
    }
}
