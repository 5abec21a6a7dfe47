/* SPDX-License-Identifier: BSD-3-Clause */
/* What is done to the two network namespaces of a run (lab/netns.h), as commands of iproute2: one
 * cable between them, addresses, a route to each other's network and none to anywhere else, and
 * what the cable does to packets. Nothing is run here. */
#ifndef PLAB_LAB_NETPLAN_H
#define PLAB_LAB_NETPLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/scenario.h"

#define PLAB_NETPLAN_POOL_PORT "pool0" /* interfaces: the ends of the cable */
#define PLAB_NETPLAN_CLIENT_PORT "client0"
#define PLAB_NETPLAN_MAX 16

struct plab_netplan_command {
    bool client;    /* in the clients' namespace; else in the pool's */
    bool shapes;    /* `tc`, for delay_ms, jitter_ms, loss_percent */
    char text[240]; /* words with single blanks between them */
};

/* `client_path`: of the clients' namespace. `ipv6`: the system has it, so that it must be told not
 * to speak it by itself. Returns the number of commands, in their order. */
size_t plab_netplan_make(const struct plab_scenario_network *network, const char *client_path,
                         bool ipv6, struct plab_netplan_command out[PLAB_NETPLAN_MAX]);

#endif
