/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The same conversation with other addresses: most network rules look from HOME_NET to EXTERNAL_NET
 * and never at loopback, so a run's packets are written again with clients in 10.0.0.0/24 and the
 * pool in 203.0.113.0/24 (RFC 5737, documentation). Nothing is sent.
 *
 * Each worker gets an address of its own, a second pool one behind the first's. Payloads, ports,
 * sequence numbers and times stay; link layer (Ethernet with addresses made of the IP ones), IP
 * addresses and checksums are new; IPv6 becomes IPv4. Resolvers (port 53) become 10.0.0.53.
 */
#ifndef PLAB_LAB_RELABEL_H
#define PLAB_LAB_RELABEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "lab/flow_frame.h"
#include "lab/label.h"
#include "lab/pcapng.h"

#define PLAB_RELABEL_CLIENTS "10.0.0.0"
#define PLAB_RELABEL_POOL "203.0.113.10"
/* Longest frame: Ethernet and an IPv4 packet. */
#define PLAB_RELABEL_FRAME_MAX (14 + 65535)

struct plab_relabel;

/* `clients`: IPv4 network of 256, whose hosts from .1 on are given out; `pool`: IPv4 address, those
 * behind it go to other servers. Both may be NULL: the defaults. `labels` (borrowed) name workers;
 * NULL: clients are told apart by their addresses alone. PLAB_E_USAGE for what is no address or no
 * lab address (base/netguard.h), PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_relabel_create(struct plab_relabel **out, const char *clients,
                                                    const char *pool,
                                                    const struct plab_labels *labels,
                                                    struct plab_error *err);
void plab_relabel_free(struct plab_relabel **relabel);

/* Writes the frame anew into `out` (PLAB_RELABEL_FRAME_MAX bytes). Returns its length, 0 for one
 * that can't be: cut by the capture, too long for IPv4, or no address is left. */
size_t plab_relabel_frame(struct plab_relabel *relabel, const struct plab_frame *frame,
                          uint64_t wall_ns, uint8_t *out);

#endif
