/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/ledger_server_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/netguard.h"
#include "net/addr.h"

#define PATIENCE_MAX_S 3600
#define SOCKET_FOLDER "/var/run/postgresql" /* where Debian's server has its own */

/* The value of a parameter; "" when it isn't given. */
static const char *given(const struct plab_ledger_server *server, const char *keyword) {
    for (const PQconninfoOption *option = server->options; option->keyword != NULL; option++) {
        if (strcmp(option->keyword, keyword) == 0) {
            return option->val != NULL ? option->val : "";
        }
    }
    return "";
}

static bool is_socket(const char *host) {
    return host[0] == '/' || host[0] == '@';
}

/* An address in the words of the URL, by the rule; in `address` as libpq is to take it. */
static enum plab_status check_address(struct plab_ledger_server *server, const char *host,
                                      const char *port, struct plab_error *err) {
    struct sockaddr_storage address;
    char text[128];
    const bool is_v6 = strchr(host, ':') != NULL;
    const int len = snprintf(text, sizeof text, is_v6 ? "[%s]:%s" : "%s:%s", host, port);
    if (len < 0 || len >= (int)sizeof text || !plab_addr_parse(text, &address)) {
        return plab_fail(
            err, PLAB_E_USAGE,
            "the ledger's server \"%.80s\" port \"%.16s\": give one numeric lab address"
            ", or a Unix socket: postgresql:///NAME?host=/FOLDER",
            host, port);
    }
    const enum plab_status status = plab_netguard_check((const struct sockaddr *)&address, err);
    const void *bytes = address.ss_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)&address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)&address)->sin_addr;
    inet_ntop(address.ss_family, bytes, server->address, sizeof server->address);
    return status;
}

/* What would lead libpq somewhere else. */
static enum plab_status check_detours(const struct plab_ledger_server *server,
                                      struct plab_error *err) {
    static const char *const variables[] = {"PGHOSTADDR", "PGSERVICE"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(variables); i++) {
        const char *value = getenv(variables[i]);
        if (value != NULL && value[0] != '\0') {
            return plab_fail(
                err, PLAB_E_USAGE,
                "%s is set, but only its URL says where a ledger's server is; unset it",
                variables[i]);
        }
    }
    return given(server, "service")[0] == '\0'
               ? PLAB_OK
               : plab_fail(err, PLAB_E_USAGE,
                           "a ledger's URL can't name a service; name the server itself");
}

static void set(struct plab_ledger_server *server, size_t *count, const char *keyword,
                const char *value) {
    if (value[0] != '\0' && *count + 1 < PLAB_LEDGER_PARAMETERS_MAX) {
        server->keywords[*count] = keyword;
        server->values[(*count)++] = value;
    }
}

static bool is_ours(const char *keyword) {
    return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 ||
           strcmp(keyword, "port") == 0;
}

static void set_parameters(struct plab_ledger_server *server, const char *host, const char *port) {
    size_t count = 0;
    for (const PQconninfoOption *option = server->options; option->keyword != NULL; option++) {
        if (!is_ours(option->keyword)) {
            set(server, &count, option->keyword, option->val != NULL ? option->val : "");
        }
    }
    set(server, &count, "host", host);
    set(server, &count, "hostaddr", server->address);
    set(server, &count, "port", port);
    set(server, &count, "fallback_application_name", "powlab");
    set(server, &count, "client_encoding", "UTF8");
}

static void set_name(struct plab_ledger_server *server, const char *host, const char *port) {
    const char *database = given(server, "dbname");
    if (server->address[0] == '\0') {
        (void)snprintf(server->name, sizeof server->name, "postgresql:///%.60s?host=%.120s",
                       database, host);
    } else {
        (void)snprintf(server->name, sizeof server->name, "postgresql://%s:%.8s/%.60s",
                       server->address, port, database);
    }
}

/* Of libpq's parameters the one that it leaves to those who connect without blocking. */
static enum plab_status take_patience(struct plab_ledger_server *server, struct plab_error *err) {
    const char *text = given(server, "connect_timeout");
    const size_t digits = strspn(text, "0123456789");
    const unsigned long seconds = strtoul(text, NULL, 10);
    if (text[0] != '\0' &&
        (text[digits] != '\0' || digits > 9 || seconds < 1 || seconds > PATIENCE_MAX_S)) {
        return plab_fail(err, PLAB_E_USAGE,
                         "connect_timeout=%.20s of the ledger's URL: give 1 to %d seconds", text,
                         PATIENCE_MAX_S);
    }
    server->patience_s = (unsigned)seconds;
    return PLAB_OK;
}

static enum plab_status find_server(struct plab_ledger_server *server, struct plab_error *err) {
    const char *port = given(server, "port")[0] != '\0' ? given(server, "port") : "5432";
    const char *host = given(server, "host")[0] != '\0' ? given(server, "host") : SOCKET_FOLDER;
    const char *numeric = given(server, "hostaddr");
    enum plab_status status = check_detours(server, err);
    if (status == PLAB_OK) {
        status = take_patience(server, err);
    }
    if (status == PLAB_OK && strchr(host, ',') != NULL) {
        status = plab_fail(err, PLAB_E_USAGE, "a ledger has one server, not \"%.80s\"", host);
    }
    if (status == PLAB_OK && (numeric[0] != '\0' || !is_socket(host))) {
        status = check_address(server, numeric[0] != '\0' ? numeric : host, port, err);
    }
    if (status == PLAB_OK) {
        set_name(server, host, port);
        set_parameters(server, host, port);
    }
    return status;
}

enum plab_status plab_ledger_server_parse(struct plab_ledger_server *out, const char *url,
                                          struct plab_error *err) {
    char *why = NULL;
    memset(out, 0, sizeof *out);
    out->options = PQconninfoParse(url, &why);
    if (out->options == NULL) {
        /* libpq's words may quote the URL, with its password. */
        PQfreemem(why);
        return plab_fail(err, PLAB_E_USAGE,
                         "the ledger's URL is not like postgresql://USER@127.0.0.1:5432/NAME");
    }
    const enum plab_status status = find_server(out, err);
    if (status != PLAB_OK) {
        plab_ledger_server_free(out);
    }
    return status;
}

void plab_ledger_server_free(struct plab_ledger_server *server) {
    PQconninfoFree(server->options);
    server->options = NULL;
}
