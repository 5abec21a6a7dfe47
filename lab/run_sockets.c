/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose connections the controls' are: looked for once a second, told once each. One that is
 * shorter than that may be missed. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "lab/run_priv.h"
#include "lab/sockets.h"

/* A ring is enough: what was pushed out long ago is closed, or told a second time. */
static bool is_new(struct plab_run_slot *slot, const struct plab_socket *socket) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(slot->sockets_told); i++) {
        if (slot->sockets_told[i] == socket->inode) {
            return false;
        }
    }
    slot->sockets_told[slot->sockets_next++ % PLAB_ARRAY_LEN(slot->sockets_told)] = socket->inode;
    return true;
}

static void tell(const struct plab_run_slot *slot, const struct plab_socket *socket,
                 uint64_t now_ns) {
    char local[PLAB_ENDPOINT_TEXT_LEN], remote[PLAB_ENDPOINT_TEXT_LEN];
    plab_run_add_event(slot->run, now_ns, "socket",
                       json_pack("{s:s, s:s, s:s}", "process", slot->name, "local",
                                 plab_endpoint_text(&socket->local, local), "remote",
                                 plab_endpoint_text(&socket->remote, remote)));
}

void plab_run_sockets_tick(struct plab_run *run, uint64_t now_ns) {
    for (size_t i = 0; i < run->slot_count; i++) {
        struct plab_run_slot *slot = &run->slots[i];
        struct plab_socket sockets[PLAB_SOCKETS_MAX];
        size_t count = slot->control != NULL && slot->child.running
                           ? plab_sockets_find(sockets, run->config->proc_root, slot->child.pid)
                           : 0;
        for (size_t k = 0; k < count; k++) {
            bool known = slot->control->port != 0 && sockets[k].local.port == slot->control->port;
            if (!known && is_new(slot, &sockets[k])) { /* a port of its own was told at the start */
                tell(slot, &sockets[k], now_ns);
            }
        }
    }
}
