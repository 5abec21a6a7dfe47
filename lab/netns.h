/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Network namespaces of a run: the pool's, the clients', and perhaps one for what is between them.
 *
 * They have no names; they exist as long as a process is in them or this one holds their
 * descriptors, so that nothing is left whatever ends the laboratory, SIGKILL included. The caller
 * itself stays in its own network. Making them needs CAP_SYS_ADMIN and CAP_NET_ADMIN. Without these
 * the process makes itself a user namespace first, in which it has them, if the system lets it: it
 * stays in there, as root of nothing but its own (as after `unshare -Ur`).
 */
#ifndef PLAB_LAB_NETNS_H
#define PLAB_LAB_NETNS_H

#include <stdbool.h>

#include "base/status.h"

/* Length of "/proc/4194304/fd/1048576" with its NUL. */
#define PLAB_NETNS_PATH_LEN 40

struct plab_netns {
    int pool, client;    /* descriptors; -1: none */
    int cable;           /* no host: the far ends of both hosts' cables, see lab/cable.h */
    bool user_namespace; /* one had to be made for them */
};

/* Makes two, or `with_cable` all three, empty. PLAB_E_RESOURCE with the reason and the remedy. */
PLAB_NODISCARD enum plab_status plab_netns_open(struct plab_netns *netns, bool with_cable,
                                                struct plab_error *err);

/* Kills what is still in the clients' namespace, whoever's child it has become, and lets go of
 * all. Also of what plab_netns_open() failed to make. */
void plab_netns_close(struct plab_netns *netns);

/* By what other processes of this user find a namespace while this process runs. Returns `out`. */
const char *plab_netns_path(int fd, char out[PLAB_NETNS_PATH_LEN]);

/* A UDP socket in a namespace, bound to an IPv4 lab address there; `*fd` is owned by the caller,
 * does not block and is closed on exec. PLAB_E_REFUSED, PLAB_E_RESOURCE. */
PLAB_NODISCARD enum plab_status plab_netns_udp(int netns, const char *address, unsigned port,
                                               int *fd, struct plab_error *err);

/* A packet socket that sends and receives whole frames at an interface of a namespace, but doesn't
 * see those that leave there; owned by the caller, as above. PLAB_E_UNSUPPORTED where the kernel
 * has no packet sockets, PLAB_E_RESOURCE. */
PLAB_NODISCARD enum plab_status plab_netns_packets(int netns, const char *interface, int *fd,
                                                   struct plab_error *err);

/* Takes from an interface what a network card does for others: frames leave it with their checksums
 * and as they go over a wire, one for each segment. PLAB_E_RESOURCE. */
PLAB_NODISCARD enum plab_status plab_netns_plain(int netns, const char *interface,
                                                 struct plab_error *err);

#endif
