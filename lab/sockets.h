/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP connections of a process and of those that it started, as /proc tells them: sockets among its
 * descriptors, looked up in its own network namespace's tables.
 *
 * Source: proc(5), Documentation/networking/proc_net_tcp.rst.
 */
#ifndef PLAB_LAB_SOCKETS_H
#define PLAB_LAB_SOCKETS_H

#include <stddef.h>
#include <stdint.h>

#include "lab/flow_frame.h"

#define PLAB_SOCKETS_MAX 64

struct plab_socket {
    uint64_t inode; /* tells sockets apart while they live */
    struct plab_endpoint local, remote;
};

/* Fills `out` with the connections (not with what listens) of process `pid` and of all in the
 * process group that it leads. Returns their number; further ones are left out, and so is what may
 * not be looked at. */
size_t plab_sockets_find(struct plab_socket out[PLAB_SOCKETS_MAX], const char *proc_root, int pid);

#endif
