/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the lab's resolver answers, as a pure function (RFC 1035, UDP only).
 *
 * It knows the names of a scenario and nothing else: their IPv4 addresses; that they have no
 * records of other types; and that all other names don't exist. It never asks anybody.
 */
#ifndef PLAB_LAB_DNS_H
#define PLAB_LAB_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "lab/scenario.h"

#define PLAB_DNS_PORT 53
#define PLAB_DNS_MESSAGE_MAX 512 /* longest over UDP without extensions */
#define PLAB_DNS_NAME_LEN 256    /* of a name's text with its NUL */
#define PLAB_DNS_TYPE_A 1
#define PLAB_DNS_TYPE_AAAA 28

enum plab_dns_verdict {
    PLAB_DNS_IGNORED,   /* no query; nothing is answered */
    PLAB_DNS_MALFORMED, /* answered so */
    PLAB_DNS_UNKNOWN,   /* an opcode or a class that it doesn't do; answered so */
    PLAB_DNS_NO_NAME,   /* NXDOMAIN */
    PLAB_DNS_NO_DATA,   /* the name is there, a record of this type isn't */
    PLAB_DNS_ANSWERED,  /* with an address */
};

/* Word for reports: "NXDOMAIN" ... */
const char *plab_dns_verdict_name(enum plab_dns_verdict verdict);

/* What was asked, as far as it could be read. */
struct plab_dns_question {
    char name[PLAB_DNS_NAME_LEN];          /* lower case; bytes that aren't plain are "?" */
    unsigned type;                         /* PLAB_DNS_TYPE_... */
    const struct plab_scenario_host *host; /* that it names; NULL: none */
};

/* Answers a query from the network's names: writes PLAB_DNS_MESSAGE_MAX bytes at most to `out` and
 * their number to `*out_len` (0: ignored). */
enum plab_dns_verdict plab_dns_answer(const struct plab_scenario_network *network,
                                      const uint8_t *query, size_t len,
                                      struct plab_dns_question *question,
                                      uint8_t out[PLAB_DNS_MESSAGE_MAX], size_t *out_len);

#endif
