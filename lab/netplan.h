/* SPDX-License-Identifier: BSD-3-Clause */
/* What is done to the network namespaces of a run (lab/netns.h), as commands of iproute2: a cable
 * between pool and clients, addresses, a route to each other's network and none to anywhere else.
 * The cable is one veth pair; or, when it shall delay packets or lose some, one from each of the
 * two to a third namespace, where the laboratory carries packets from one to the other
 * (lab/cable.h). Nothing is run here. */
#ifndef PLAB_LAB_NETPLAN_H
#define PLAB_LAB_NETPLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/scenario.h"

#define PLAB_NETPLAN_POOL_PORT "pool0" /* interfaces: the ends of the cable */
#define PLAB_NETPLAN_CLIENT_PORT "client0"
#define PLAB_NETPLAN_POOL_FAR "pool1" /* and where these lead to, when that isn't each other */
#define PLAB_NETPLAN_CLIENT_FAR "client1"
#define PLAB_NETPLAN_MAX 16

enum plab_netplan_place { PLAB_NETPLAN_POOL, PLAB_NETPLAN_CLIENT, PLAB_NETPLAN_CABLE };

/* "pool", "clients", "cable". */
const char *plab_netplan_place_name(enum plab_netplan_place place);

struct plab_netplan_command {
    enum plab_netplan_place place; /* the namespace to run it in */
    char text[240];                /* words with single blanks between them */
};

/* True when packets shall be delayed or lost, so that there is a third namespace. */
bool plab_netplan_has_cable(const struct plab_scenario_network *network);

/* `client_path`, `cable_path`: of these namespaces. `ipv6`: the system has it, so that it must be
 * told not to speak it by itself. Returns the number of commands, in their order. */
size_t plab_netplan_make(const struct plab_scenario_network *network, const char *client_path,
                         const char *cable_path, bool ipv6,
                         struct plab_netplan_command out[PLAB_NETPLAN_MAX]);

#endif
