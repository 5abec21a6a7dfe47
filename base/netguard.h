/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lab-only rule: powlab connects to and listens on lab addresses only.
 *
 * Every connect() and every bind() in the tree passes plab_netguard_check() with the resolved
 * address, at connect time; the peer of an accepted connection is checked too. There is no option,
 * variable or configuration key that turns it off. The function is pure, so that the rule can be
 * tested without sending a packet.
 *
 * Allowed: loopback 127.0.0.0/8 and ::1 · private RFC 1918 · link-local RFC 3927 and fe80::/10 ·
 * unique local RFC 4193 · shared RFC 6598 · documentation RFC 5737 and RFC 3849 · benchmarking
 * RFC 2544. An IPv4-mapped IPv6 address is judged by its IPv4 part. All else is refused, the
 * unspecified addresses 0.0.0.0 and :: included.
 */
#ifndef PLAB_BASE_NETGUARD_H
#define PLAB_BASE_NETGUARD_H

#include <stdbool.h>

#include "base/status.h"

struct sockaddr;

/* Length of "[address%scope]:port" with its NUL. */
#define PLAB_NETGUARD_NAME_LEN 96

/* True if `addr` (AF_INET or AF_INET6) is a lab address. */
bool plab_netguard_is_lab(const struct sockaddr *addr);

/* PLAB_OK for a lab address, else PLAB_E_REFUSED with a text that names the address and what would
 * be accepted. */
PLAB_NODISCARD enum plab_status plab_netguard_check(const struct sockaddr *addr,
                                                    struct plab_error *err);

/* Formats "127.0.0.1:3333" or "[::1]:3333"; any other family as "(unknown address)". Returns `out`.
 */
const char *plab_netguard_name(const struct sockaddr *addr, char out[PLAB_NETGUARD_NAME_LEN]);

#endif
