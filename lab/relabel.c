/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/relabel.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/netguard.h"

#define HOSTS_MAX 512
#define CLIENTS_MAX 250
#define SERVERS_MAX 40
#define RESOLVER_PORT 53
#define RESOLVER_HOST 53
#define ETHERNET_BYTES 14

/* Who got which address. Clients are known by a name, servers by address and port. */
struct host {
    char key[PLAB_ENDPOINT_TEXT_LEN + 8];
    uint8_t address[4];
};

struct plab_relabel {
    const struct plab_labels *labels;
    struct plab_endpoint pool, second; /* as they were; version 0: unknown, or none */
    uint8_t clients_net[4], pool_address[4];
    unsigned clients, servers;
    size_t host_count;
    struct host hosts[HOSTS_MAX];
};

static enum plab_status read_address(const char *text, uint8_t out[4], struct plab_error *err) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
        return plab_fail(err, PLAB_E_USAGE, "\"%s\" is no IPv4 address", text);
    }
    if (!plab_netguard_is_lab((const struct sockaddr *)&address)) {
        return plab_fail(err, PLAB_E_USAGE,
                         "%s is no lab address; take a private or a documentation one", text);
    }
    memcpy(out, &address.sin_addr, 4);
    return PLAB_OK;
}

static void take_endpoint(const char *text, struct plab_endpoint *out) {
    if (!plab_endpoint_parse(text, out)) {
        out->version = 0;
    }
}

enum plab_status plab_relabel_create(struct plab_relabel **out, const char *clients,
                                     const char *pool, const struct plab_labels *labels,
                                     struct plab_error *err) {
    struct plab_relabel *relabel = calloc(1, sizeof *relabel);
    *out = NULL;
    if (relabel == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to relabel packets");
    }
    relabel->labels = labels;
    if (labels != NULL) {
        take_endpoint(plab_labels_pool(labels), &relabel->pool);
        take_endpoint(plab_labels_second_pool(labels), &relabel->second);
    }
    enum plab_status status =
        read_address(clients != NULL ? clients : PLAB_RELABEL_CLIENTS, relabel->clients_net, err);
    if (status == PLAB_OK) {
        status = read_address(pool != NULL ? pool : PLAB_RELABEL_POOL, relabel->pool_address, err);
    }
    if (status != PLAB_OK) {
        plab_relabel_free(&relabel);
    }
    *out = relabel;
    return status;
}

void plab_relabel_free(struct plab_relabel **relabel) {
    free(*relabel);
    *relabel = NULL;
}

/* ---- addresses ---- */

static bool is_at(const struct plab_endpoint *pool, const struct plab_endpoint *endpoint) {
    static const uint8_t any[16];
    return pool->version != 0 && endpoint->port == pool->port &&
           (memcmp(pool->address, any, sizeof any) == 0 ||
            plab_endpoint_equal(endpoint, pool)); /* a pool on all addresses has its port only */
}

static bool is_pool(const struct plab_relabel *relabel, const struct plab_endpoint *endpoint) {
    return is_at(&relabel->pool, endpoint);
}

/* The same for both directions of a conversation. Between the pools the second one is the server,
 * by whatever ports: the first may be its proxy. */
static bool is_server(const struct plab_relabel *relabel, const struct plab_endpoint *one,
                      const struct plab_endpoint *other) {
    bool pool = is_at(&relabel->second, one);
    if (pool != is_at(&relabel->second, other)) {
        return pool;
    }
    pool = is_pool(relabel, one);
    return pool != is_pool(relabel, other) ? pool : one->port < other->port;
}

static bool next_address(struct plab_relabel *relabel, bool server, uint16_t port, uint8_t out[4]) {
    if (server && port != RESOLVER_PORT) {
        memcpy(out, relabel->pool_address, 4);
        out[3] = (uint8_t)(out[3] + ++relabel->servers);
        return relabel->servers < SERVERS_MAX;
    }
    memcpy(out, relabel->clients_net, 4);
    if (server) {
        out[3] = RESOLVER_HOST;
        return true;
    }
    relabel->clients += relabel->clients + 1 == RESOLVER_HOST ? 2 : 1;
    out[3] = (uint8_t)relabel->clients;
    return relabel->clients <= CLIENTS_MAX;
}

/* The address of a name, given now if it has none. */
static bool address_of(struct plab_relabel *relabel, const char *key, bool server, uint16_t port,
                       uint8_t out[4]) {
    for (size_t i = 0; i < relabel->host_count; i++) {
        if (strcmp(relabel->hosts[i].key, key) == 0) {
            memcpy(out, relabel->hosts[i].address, 4);
            return true;
        }
    }
    if (relabel->host_count == HOSTS_MAX || !next_address(relabel, server, port, out)) {
        return false;
    }
    struct host *host = &relabel->hosts[relabel->host_count++];
    snprintf(host->key, sizeof host->key, "%s", key);
    memcpy(host->address, out, 4);
    return true;
}

static bool new_address(struct plab_relabel *relabel, const struct plab_endpoint *endpoint,
                        bool server, uint64_t wall_ns, uint8_t out[4]) {
    char text[PLAB_ENDPOINT_TEXT_LEN], key[PLAB_ENDPOINT_TEXT_LEN + 8];
    if (is_pool(relabel, endpoint)) {
        memcpy(out, relabel->pool_address, 4);
        return true;
    }
    if (server) {
        snprintf(key, sizeof key, "server %s", plab_endpoint_text(endpoint, text));
    } else {
        const char *name =
            relabel->labels != NULL ? plab_labels_client(relabel->labels, endpoint, wall_ns) : "";
        snprintf(key, sizeof key, "client %.55s",
                 name[0] != '\0' ? name : plab_endpoint_address(endpoint, text));
    }
    return address_of(relabel, key, server, endpoint->port, out);
}

/* ---- the new frame ---- */

static void store16(uint8_t *at, size_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint64_t add_words(uint64_t sum, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i + 1 < len; i += 2) {
        sum += (uint64_t)bytes[i] << 8 | bytes[i + 1];
    }
    return len % 2 != 0 ? sum + ((uint64_t)bytes[len - 1] << 8) : sum;
}

/* RFC 1071. */
static uint16_t checksum(uint64_t sum) {
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static void write_ethernet(uint8_t *out, const uint8_t src[4], const uint8_t dst[4]) {
    static const uint8_t local[2] = {0x02, 0x00}; /* locally administered */
    memcpy(out, local, 2);
    memcpy(out + 2, dst, 4);
    memcpy(out + 6, local, 2);
    memcpy(out + 8, src, 4);
    store16(out + 12, 0x0800);
}

/* The IPv4 header; returns its length. What the old one said of service, lifetime and options
 * stays. */
static size_t write_ip(const struct plab_frame *frame, uint8_t *ip, size_t transport_len,
                       const uint8_t src[4], const uint8_t dst[4]) {
    size_t header = 20;
    if (frame->src.version == 4) {
        header = (size_t)(frame->transport - frame->ip);
        memcpy(ip, frame->ip, header);
    } else {
        memset(ip, 0, header);
        ip[0] = 0x45;
        ip[6] = 0x40; /* don't fragment, as IPv6 doesn't */
        ip[8] = frame->ip[7];
        ip[9] = frame->protocol;
    }
    store16(ip + 2, header + transport_len);
    memcpy(ip + 12, src, 4);
    memcpy(ip + 16, dst, 4);
    store16(ip + 10, 0);
    store16(ip + 10, checksum(add_words(0, ip, header)));
    return header;
}

static void write_checksum(const struct plab_frame *frame, const uint8_t *ip, uint8_t *transport,
                           size_t len) {
    uint8_t *at = transport + (frame->protocol == PLAB_PROTOCOL_TCP ? 16 : 6);
    uint64_t sum = add_words((uint64_t)frame->protocol + len, ip + 12, 8);
    store16(at, 0);
    uint16_t value = checksum(add_words(sum, transport, len));
    if (value == 0 && frame->protocol == PLAB_PROTOCOL_UDP) {
        value = 0xffff; /* zero would mean that there is none */
    }
    store16(at, value);
}

size_t plab_relabel_frame(struct plab_relabel *relabel, const struct plab_frame *frame,
                          uint64_t wall_ns, uint8_t *out) {
    uint8_t src[4], dst[4];
    size_t transport_len = frame->transport_header_len + frame->payload_len;
    size_t old_header = frame->src.version == 4 ? (size_t)(frame->transport - frame->ip) : 20;
    bool from_server = is_server(relabel, &frame->src, &frame->dst);
    if (frame->captured < frame->payload_len || old_header + transport_len > UINT16_MAX ||
        !new_address(relabel, &frame->src, from_server, wall_ns, src) ||
        !new_address(relabel, &frame->dst, !from_server, wall_ns, dst)) {
        return 0;
    }
    write_ethernet(out, src, dst);
    uint8_t *ip = out + ETHERNET_BYTES;
    uint8_t *transport = ip + write_ip(frame, ip, transport_len, src, dst);
    memcpy(transport, frame->transport, transport_len);
    write_checksum(frame, ip, transport, transport_len);
    return (size_t)(transport - out) + transport_len;
}
