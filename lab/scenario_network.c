/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys of a scenario that concern network namespaces: `network`, and `command` of a worker. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/netguard.h"
#include "lab/scenario_priv.h"

#define KEY_MAX 96
#define RETURN_IF_BAD(call)                \
    do {                                   \
        enum plab_status status_ = (call); \
        if (status_ != PLAB_OK) {          \
            return status_;                \
        }                                  \
    } while (0)

/* ---- addresses ---- */

static uint32_t mask_of(unsigned prefix) {
    return UINT32_MAX << (32 - prefix);
}

static uint32_t number_of(const char *address) {
    struct in_addr in = {0};
    (void)inet_pton(AF_INET, address, &in); /* was read before */
    return ntohl(in.s_addr);
}

/* What may go over a cable: not the loopback, nor what a host gives itself. */
static enum plab_status get_address(const struct plab_yaml_source *r, const char *key,
                                    const char *raw, char out[PLAB_SCENARIO_ADDRESS_LEN]) {
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct plab_error why = {.text = ""};
    if (inet_pton(AF_INET, raw, &in.sin_addr) != 1) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key, "\"%s\" is no IPv4 address", raw);
    }
    enum plab_status status = plab_netguard_check((const struct sockaddr *)&in, &why);
    if (status != PLAB_OK) {
        return plab_yaml_bad(r, status, key, "%s", why.text);
    }
    uint32_t address = ntohl(in.sin_addr.s_addr);
    if (address >> 24 == 127 || address >> 16 == 0xA9FE) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key,
                             "%s goes over no cable; give a private address such as 10.20.0.2 or a "
                             "documentation one such as 203.0.113.7",
                             raw);
    }
    snprintf(out, PLAB_SCENARIO_ADDRESS_LEN, "%s", raw);
    return PLAB_OK;
}

/* "10.20.0.2/24": a host, and how long its network's prefix is. */
static enum plab_status get_host(const struct plab_yaml_source *r, const char *key, const char *raw,
                                 char address[PLAB_SCENARIO_ADDRESS_LEN], unsigned *prefix) {
    char text[32];
    size_t len = strcspn(raw, "/");
    const char *digits = raw + len + (raw[len] == '/');
    if (raw[len] != '/' || len >= sizeof text || strlen(digits) - 1 > 1 ||
        strspn(digits, "0123456789") != strlen(digits) || atoi(digits) < 8 || atoi(digits) > 30) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key,
                             "\"%s\" is not ADDRESS/PREFIX with a prefix of 8 to 30 bits, such as "
                             "10.20.0.2/24",
                             raw);
    }
    snprintf(text, sizeof text, "%.*s", (int)len, raw);
    *prefix = (unsigned)atoi(digits);
    RETURN_IF_BAD(get_address(r, key, text, address));
    uint32_t host = number_of(address) & ~mask_of(*prefix);
    if (host == 0 || host == ~mask_of(*prefix)) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key,
                             "%s is the address of the network itself; give that of a host in it",
                             raw);
    }
    return PLAB_OK;
}

static bool is_in(const char *address, const char *network, unsigned prefix) {
    return ((number_of(address) ^ number_of(network)) & mask_of(prefix)) == 0;
}

/* Routers answer names at the first address of their network, mostly. */
static enum plab_status take_resolver(const struct plab_yaml_source *r, const char *raw,
                                      struct plab_scenario_network *out) {
    char first[INET_ADDRSTRLEN] = "";
    struct in_addr in = {htonl((number_of(out->client) & mask_of(out->client_prefix)) | 1)};
    (void)inet_ntop(AF_INET, &in, first, sizeof first);
    RETURN_IF_BAD(get_address(r, "network.resolver", raw != NULL ? raw : first, out->resolver));
    if (!is_in(out->resolver, out->client, out->client_prefix) ||
        strcmp(out->resolver, out->client) == 0) {
        return plab_yaml_bad(r, PLAB_E_INPUT, "network.resolver",
                             "%s must be another address in the clients' network, %s/%u",
                             out->resolver, out->client, out->client_prefix);
    }
    return PLAB_OK;
}

static enum plab_status take_addresses(const struct plab_yaml_source *r,
                                       const struct plab_raw_network *raw,
                                       struct plab_scenario_network *out) {
    RETURN_IF_BAD(get_host(r, "network.client", raw->client != NULL ? raw->client : "10.20.0.2/24",
                           out->client, &out->client_prefix));
    RETURN_IF_BAD(get_host(r, "network.pool", raw->pool != NULL ? raw->pool : "203.0.113.7/24",
                           out->pool, &out->pool_prefix));
    if (is_in(out->pool, out->client, out->client_prefix) ||
        is_in(out->client, out->pool, out->pool_prefix)) {
        return plab_yaml_bad(r, PLAB_E_INPUT, "network.pool",
                             "the networks of %s/%u and %s/%u overlap", out->client,
                             out->client_prefix, out->pool, out->pool_prefix);
    }
    return take_resolver(r, raw->resolver, out);
}

/* ---- names ---- */

/* Labels of letters, digits and hyphens, as host names are (RFC 1123); with a dot in it, so that
 * resolvers ask for it as it is. */
static bool is_host_name(const char *text) {
    size_t len = strlen(text), label = 0;
    bool dotted = false;
    for (size_t i = 0; i < len; i++) {
        bool dot = text[i] == '.';
        if (dot ? label == 0 || text[i - 1] == '-'
                : !isalnum((unsigned char)text[i]) && (text[i] != '-' || label == 0)) {
            return false;
        }
        dotted |= dot;
        label = dot ? 0 : label + 1;
    }
    return len <= PLAB_SCENARIO_HOST_MAX && label > 0 && text[len - 1] != '-' && dotted;
}

static enum plab_status take_name(const struct plab_yaml_source *r, const struct plab_raw_host *raw,
                                  size_t index, struct plab_scenario_network *out) {
    struct plab_scenario_host *host = &out->hosts[index];
    char key[KEY_MAX];
    uint64_t ttl_s;
    snprintf(key, sizeof key, "network.names[%zu].name", index);
    if (!is_host_name(raw->name)) {
        return plab_yaml_bad(r, PLAB_E_INPUT, key,
                             "\"%s\" is no host name with a dot in it and at most %d letters, "
                             "digits and -, such as pool.lab.example",
                             raw->name, PLAB_SCENARIO_HOST_MAX);
    }
    for (size_t i = 0; raw->name[i] != '\0'; i++) {
        host->name[i] = (char)tolower((unsigned char)raw->name[i]);
    }
    snprintf(key, sizeof key, "network.names[%zu].address", index);
    RETURN_IF_BAD(get_address(r, key, raw->address, host->address));
    snprintf(key, sizeof key, "network.names[%zu].ttl_seconds", index);
    RETURN_IF_BAD(plab_scenario_number(r, key, raw->ttl_seconds, 300, 0, 86400, &ttl_s));
    host->ttl_s = (unsigned)ttl_s;
    return PLAB_OK;
}

/* ---- what the cable does ---- */

static enum plab_status take_cable(const struct plab_yaml_source *r,
                                   const struct plab_raw_network *raw,
                                   struct plab_scenario_network *out) {
    uint64_t mtu, delay_ms, jitter_ms;
    RETURN_IF_BAD(plab_scenario_number(r, "network.mtu", raw->mtu, 1500, 128, 9000, &mtu));
    RETURN_IF_BAD(
        plab_scenario_number(r, "network.delay_ms", raw->delay_ms, 0, 0, 10000, &delay_ms));
    RETURN_IF_BAD(plab_scenario_number(r, "network.jitter_ms", raw->jitter_ms, 0, 0,
                                       (int64_t)delay_ms, &jitter_ms));
    out->mtu = (unsigned)mtu;
    out->delay_ms = (unsigned)delay_ms;
    out->jitter_ms = (unsigned)jitter_ms;
    out->loss_percent = raw->loss_percent != NULL ? *raw->loss_percent : 0;
    if (!(out->loss_percent >= 0 && out->loss_percent <= 50)) {
        return plab_yaml_bad(r, PLAB_E_INPUT, "network.loss_percent", "%g is not between 0 and 50",
                             out->loss_percent);
    }
    return PLAB_OK;
}

/* ---- together ---- */

static enum plab_status check_loopback(const struct plab_yaml_source *r,
                                       const struct plab_raw_network *raw) {
    const struct {
        const char *key;
        bool given;
    } keys[] = {
        {"network.client", raw->client != NULL},
        {"network.pool", raw->pool != NULL},
        {"network.resolver", raw->resolver != NULL},
        {"network.mtu", raw->mtu != NULL},
        {"network.delay_ms", raw->delay_ms != NULL},
        {"network.jitter_ms", raw->jitter_ms != NULL},
        {"network.loss_percent", raw->loss_percent != NULL},
        {"network.names", raw->names_count > 0},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(keys); i++) {
        if (keys[i].given) {
            return plab_yaml_bad(r, PLAB_E_INPUT, keys[i].key, "goes only with mode: namespaces");
        }
    }
    return PLAB_OK;
}

enum plab_status plab_scenario_take_network(const struct plab_yaml_source *reader,
                                            const struct plab_raw_network *raw,
                                            struct plab_scenario_network *out) {
    if (raw == NULL) {
        return PLAB_OK;
    }
    out->namespaces = strcmp(raw->mode, "namespaces") == 0;
    if (!out->namespaces && strcmp(raw->mode, "loopback") != 0) {
        return plab_yaml_bad(reader, PLAB_E_INPUT, "network.mode",
                             "\"%s\" is none of loopback, namespaces", raw->mode);
    }
    if (!out->namespaces) {
        return check_loopback(reader, raw);
    }
    RETURN_IF_BAD(take_addresses(reader, raw, out));
    RETURN_IF_BAD(take_cable(reader, raw, out));
    out->host_count = raw->names_count;
    for (size_t i = 0; i < raw->names_count; i++) {
        RETURN_IF_BAD(take_name(reader, &raw->names[i], i, out));
    }
    return PLAB_OK;
}

/* ---- another miner ---- */

enum plab_status plab_scenario_check_command(const struct plab_yaml_source *reader,
                                             const struct plab_raw_worker *raw, size_t index,
                                             const struct plab_scenario *scenario) {
    const struct {
        const char *key;
        bool given;
    } keys[] = {
        {"algo", raw->algo != NULL},
        {"threads", raw->threads != NULL},
        {"randomx_mode", raw->randomx_mode != NULL},
        {"dataset_mem", raw->dataset_mem != NULL},
        {"cpus", raw->cpus != NULL},
        {"duty_percent", raw->duty_percent != NULL},
        {"load_by", raw->load_by != NULL},
        {"dialect", raw->dialect != NULL},
        {"agent", raw->agent != NULL},
        {"scheme", raw->scheme != NULL},
        {"args", raw->args_count > 0},
    };
    char key[KEY_MAX];
    if (raw->command_count == 0) {
        return PLAB_OK;
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(keys); i++) {
        if (keys[i].given) {
            snprintf(key, sizeof key, "workers[%zu].%s", index, keys[i].key);
            return plab_yaml_bad(reader, PLAB_E_INPUT, key,
                                 "means nothing to another program; say it in the command's words");
        }
    }
    if (!scenario->network.namespaces) {
        snprintf(key, sizeof key, "workers[%zu].command", index);
        return plab_yaml_bad(reader, PLAB_E_REFUSED, key,
                             "%s doesn't know the lab-only rule, so it runs only where there is no "
                             "way out; add network: {mode: namespaces}",
                             raw->command[0]);
    }
    return PLAB_OK;
}
