/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/netplan.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>

#define POOL PLAB_NETPLAN_POOL_PORT
#define CLIENT PLAB_NETPLAN_CLIENT_PORT
#define POOL_FAR PLAB_NETPLAN_POOL_FAR
#define CLIENT_FAR PLAB_NETPLAN_CLIENT_FAR

#define IPV6_MTU_MIN 1280 /* with less, an interface has no IPv6 (RFC 8200, 5) */

struct plan {
    struct plab_netplan_command *commands;
    size_t count;
};

const char *plab_netplan_place_name(enum plab_netplan_place place) {
    static const char *const names[] = {[PLAB_NETPLAN_POOL] = "pool",
                                        [PLAB_NETPLAN_CLIENT] = "clients",
                                        [PLAB_NETPLAN_CABLE] = "cable"};
    return names[place];
}

bool plab_netplan_has_cable(const struct plab_scenario_network *network) {
    return network->delay_ms > 0 || network->loss_percent > 0;
}

static void add(struct plan *plan, enum plab_netplan_place place, const char *fmt, ...)
    PLAB_PRINTF(3, 4);

static void add(struct plan *plan, enum plab_netplan_place place, const char *fmt, ...) {
    assert(plan->count < PLAB_NETPLAN_MAX);
    struct plab_netplan_command *command = &plan->commands[plan->count++];
    va_list args;
    va_start(args, fmt);
    vsnprintf(command->text, sizeof command->text, fmt, args);
    va_end(args);
    command->place = place;
}

static uint32_t number_of(const char *address) {
    struct in_addr in = {0};
    (void)inet_pton(AF_INET, address, &in); /* was read before */
    return ntohl(in.s_addr);
}

/* "10.20.0.0/24" of a host in it. */
static const char *network_of(const char *address, unsigned prefix, char out[24]) {
    struct in_addr in = {htonl(number_of(address) & (UINT32_MAX << (32 - prefix)))};
    char text[INET_ADDRSTRLEN] = "";
    (void)inet_ntop(AF_INET, &in, text, sizeof text);
    snprintf(out, 24, "%s/%u", text, prefix);
    return out;
}

/* Locally administered, made of the IPv4 address, as in relabelled packets. */
static const char *hardware_of(const char *address, char out[18]) {
    uint32_t n = number_of(address);
    snprintf(out, 18, "02:00:%02x:%02x:%02x:%02x", n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255);
    return out;
}

static void link_directly(struct plan *plan, const struct plab_scenario_network *network,
                          const char *client_path) {
    char pool_mac[18], client_mac[18];
    add(plan, PLAB_NETPLAN_POOL,
        "ip link add name " POOL " mtu %u address %s type veth peer name " CLIENT
        " mtu %u address %s netns %s",
        network->mtu, hardware_of(network->pool, pool_mac), network->mtu,
        hardware_of(network->client, client_mac), client_path);
}

/* The far ends carry frames and are nobody: no addresses, not even for the link. */
static void link_by_cable(struct plan *plan, const struct plab_scenario_network *network,
                          const char *cable_path, bool ipv6) {
    static const struct {
        enum plab_netplan_place place;
        const char *port, *far;
    } ends[] = {{PLAB_NETPLAN_POOL, POOL, POOL_FAR}, {PLAB_NETPLAN_CLIENT, CLIENT, CLIENT_FAR}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(ends); i++) {
        bool pool = ends[i].place == PLAB_NETPLAN_POOL;
        char mac[18];
        add(plan, ends[i].place,
            "ip link add name %s mtu %u address %s type veth peer name %s mtu %u netns %s",
            ends[i].port, network->mtu, hardware_of(pool ? network->pool : network->client, mac),
            ends[i].far, network->mtu, cable_path);
        add(plan, PLAB_NETPLAN_CABLE, "ip link set dev %s arp off%s up", ends[i].far,
            ipv6 ? " addrgenmode none" : "");
    }
}

/* Segments are cut before the cable, as on a real one: else a capture shows packets that no network
 * carries. */
static void set_up_port(struct plan *plan, enum plab_netplan_place place, const char *port,
                        bool ipv6) {
    add(plan, place, "ip link set dev lo up");
    add(plan, place, "ip link set dev %s gso_max_segs 1%s", port, ipv6 ? " addrgenmode none" : "");
}

size_t plab_netplan_make(const struct plab_scenario_network *network, const char *client_path,
                         const char *cable_path, bool ipv6,
                         struct plab_netplan_command out[PLAB_NETPLAN_MAX]) {
    const enum plab_netplan_place pool = PLAB_NETPLAN_POOL, client = PLAB_NETPLAN_CLIENT;
    struct plan plan = {.commands = out};
    char net[24];
    ipv6 &= network->mtu >= IPV6_MTU_MIN;
    if (plab_netplan_has_cable(network)) {
        link_by_cable(&plan, network, cable_path, ipv6);
    } else {
        link_directly(&plan, network, client_path);
    }
    set_up_port(&plan, pool, POOL, ipv6);
    add(&plan, pool, "ip address add %s/%u dev " POOL, network->pool, network->pool_prefix);
    add(&plan, pool, "ip address add %s/32 dev " POOL, network->resolver);
    add(&plan, pool, "ip link set dev " POOL " up");
    add(&plan, pool, "ip route add %s dev " POOL " src %s",
        network_of(network->client, network->client_prefix, net), network->pool);
    set_up_port(&plan, client, CLIENT, ipv6);
    add(&plan, client, "ip address add %s/%u dev " CLIENT, network->client, network->client_prefix);
    add(&plan, client, "ip link set dev " CLIENT " up");
    add(&plan, client, "ip route add %s dev " CLIENT " src %s",
        network_of(network->pool, network->pool_prefix, net), network->client);
    return plan.count;
}
