/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/netplan.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>

#define POOL PLAB_NETPLAN_POOL_PORT
#define CLIENT PLAB_NETPLAN_CLIENT_PORT

#define IPV6_MTU_MIN 1280 /* with less, an interface has no IPv6 (RFC 8200, 5) */

struct plan {
    struct plab_netplan_command *commands;
    size_t count;
};

static struct plab_netplan_command *add(struct plan *plan, bool client, const char *fmt, ...)
    PLAB_PRINTF(3, 4);

static struct plab_netplan_command *add(struct plan *plan, bool client, const char *fmt, ...) {
    assert(plan->count < PLAB_NETPLAN_MAX);
    struct plab_netplan_command *command = &plan->commands[plan->count++];
    va_list args;
    va_start(args, fmt);
    vsnprintf(command->text, sizeof command->text, fmt, args);
    va_end(args);
    command->client = client;
    command->shapes = false;
    return command;
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

/* Segments are cut before the cable, as on a real one: else a capture shows packets that no network
 * carries. */
static void set_up_port(struct plan *plan, bool client, bool ipv6) {
    const char *port = client ? CLIENT : POOL;
    add(plan, client, "ip link set dev lo up");
    add(plan, client, "ip link set dev %s gso_max_segs 1%s", port, ipv6 ? " addrgenmode none" : "");
}

static void add_shape(struct plan *plan, bool client, const struct plab_scenario_network *network) {
    char delay[48] = "", jitter[24] = "", loss[48] = "";
    if (network->jitter_ms > 0) {
        snprintf(jitter, sizeof jitter, " %ums", network->jitter_ms);
    }
    if (network->delay_ms > 0) {
        snprintf(delay, sizeof delay, " delay %ums%s", network->delay_ms, jitter);
    }
    if (network->loss_percent > 0) {
        snprintf(loss, sizeof loss, " loss %.6g%%", network->loss_percent);
    }
    if (network->delay_ms > 0 || network->loss_percent > 0) {
        add(plan, client, "tc qdisc add dev %s root netem limit 10000%s%s", client ? CLIENT : POOL,
            delay, loss)
            ->shapes = true;
    }
}

size_t plab_netplan_make(const struct plab_scenario_network *network, const char *client_path,
                         bool ipv6, struct plab_netplan_command out[PLAB_NETPLAN_MAX]) {
    struct plan plan = {.commands = out};
    char pool_mac[18], client_mac[18], net[24];
    ipv6 &= network->mtu >= IPV6_MTU_MIN;
    add(&plan, false,
        "ip link add name " POOL " mtu %u address %s type veth peer name " CLIENT
        " mtu %u address %s netns %s",
        network->mtu, hardware_of(network->pool, pool_mac), network->mtu,
        hardware_of(network->client, client_mac), client_path);
    set_up_port(&plan, false, ipv6);
    add(&plan, false, "ip address add %s/%u dev " POOL, network->pool, network->pool_prefix);
    add(&plan, false, "ip address add %s/32 dev " POOL, network->resolver);
    add(&plan, false, "ip link set dev " POOL " up");
    add(&plan, false, "ip route add %s dev " POOL " src %s",
        network_of(network->client, network->client_prefix, net), network->pool);
    set_up_port(&plan, true, ipv6);
    add(&plan, true, "ip address add %s/%u dev " CLIENT, network->client, network->client_prefix);
    add(&plan, true, "ip link set dev " CLIENT " up");
    add(&plan, true, "ip route add %s dev " CLIENT " src %s",
        network_of(network->pool, network->pool_prefix, net), network->client);
    add_shape(&plan, false, network);
    add_shape(&plan, true, network);
    return plan.count;
}
