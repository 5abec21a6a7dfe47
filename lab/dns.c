/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/dns.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

/* RFC 1035, 4.1.1. */
#define HEADER_BYTES 12
#define FLAG_RESPONSE 0x8000
#define FLAG_OPCODE 0x7800
#define FLAG_AUTHORITATIVE 0x0400
#define FLAG_WISH_RECURSION 0x0100
#define FLAG_HAS_RECURSION 0x0080
#define CLASS_IN 1
#define LABEL_MAX 63
#define NAME_POINTER 0xC000 /* to a name that stands earlier in the message (4.1.4) */
#define ADDRESS_RECORD_BYTES 16

const char *plab_dns_verdict_name(enum plab_dns_verdict verdict) {
    static const char *const names[] = {
        [PLAB_DNS_IGNORED] = "ignored", [PLAB_DNS_MALFORMED] = "FORMERR",
        [PLAB_DNS_UNKNOWN] = "NOTIMP",  [PLAB_DNS_NO_NAME] = "NXDOMAIN",
        [PLAB_DNS_NO_DATA] = "NODATA",  [PLAB_DNS_ANSWERED] = "NOERROR",
    };
    return names[verdict];
}

static unsigned response_code(enum plab_dns_verdict verdict) {
    static const unsigned codes[] = {
        [PLAB_DNS_MALFORMED] = 1, [PLAB_DNS_UNKNOWN] = 4, [PLAB_DNS_NO_NAME] = 3};
    return verdict < PLAB_ARRAY_LEN(codes) ? codes[verdict] : 0;
}

/* Reads a name's labels from query[at] on. Returns where it ends, 0 when it isn't whole. Pointers
 * have nothing to point to in a query. */
static size_t read_name(const uint8_t *query, size_t len, size_t at, char name[PLAB_DNS_NAME_LEN]) {
    size_t used = 0;
    while (at < len && query[at] != 0) {
        size_t label = query[at++];
        if (label > LABEL_MAX || label > len - at || used + label + 2 > PLAB_DNS_NAME_LEN) {
            return 0;
        }
        if (used > 0) {
            name[used++] = '.';
        }
        for (size_t i = 0; i < label; i++) {
            int c = tolower(query[at++]);
            name[used++] = (char)(isalnum(c) || c == '-' || c == '_' ? c : '?');
        }
    }
    name[used] = '\0';
    return at < len ? at + 1 : 0;
}

static const struct plab_scenario_host *host_of(const struct plab_scenario_network *network,
                                                const char *name) {
    for (size_t i = 0; i < network->host_count; i++) {
        if (strcmp(network->hosts[i].name, name) == 0) {
            return &network->hosts[i];
        }
    }
    return NULL;
}

/* Reads the question. `*end` is behind it. */
static enum plab_dns_verdict judge(const struct plab_scenario_network *network,
                                   const uint8_t *query, size_t len,
                                   struct plab_dns_question *question, size_t *end) {
    *end = HEADER_BYTES;
    if ((plab_load16_be(query + 2) & FLAG_OPCODE) != 0) {
        return PLAB_DNS_UNKNOWN;
    }
    size_t at =
        plab_load16_be(query + 4) == 1 ? read_name(query, len, HEADER_BYTES, question->name) : 0;
    if (at == 0 || len - at < 4) {
        return PLAB_DNS_MALFORMED;
    }
    *end = at + 4;
    question->type = plab_load16_be(query + at);
    question->host = host_of(network, question->name);
    if (plab_load16_be(query + at + 2) != CLASS_IN) {
        return PLAB_DNS_UNKNOWN;
    }
    if (question->host == NULL) {
        return PLAB_DNS_NO_NAME;
    }
    return question->type == PLAB_DNS_TYPE_A ? PLAB_DNS_ANSWERED : PLAB_DNS_NO_DATA;
}

static void write_address(const struct plab_scenario_host *host, uint8_t *out) {
    struct in_addr in = {0};
    (void)inet_pton(AF_INET, host->address, &in); /* was read before */
    plab_store16_be(out, NAME_POINTER | HEADER_BYTES);
    plab_store16_be(out + 2, PLAB_DNS_TYPE_A);
    plab_store16_be(out + 4, CLASS_IN);
    plab_store32_be(out + 6, host->ttl_s);
    plab_store16_be(out + 10, sizeof in);
    memcpy(out + 12, &in, sizeof in);
}

enum plab_dns_verdict plab_dns_answer(const struct plab_scenario_network *network,
                                      const uint8_t *query, size_t len,
                                      struct plab_dns_question *question,
                                      uint8_t out[PLAB_DNS_MESSAGE_MAX], size_t *out_len) {
    size_t end;
    *out_len = 0;
    memset(question, 0, sizeof *question);
    if (len < HEADER_BYTES || (plab_load16_be(query + 2) & FLAG_RESPONSE) != 0) {
        return PLAB_DNS_IGNORED; /* whoever answers answers starts a quarrel */
    }
    enum plab_dns_verdict verdict = judge(network, query, len, question, &end);
    unsigned asked = plab_load16_be(query + 2);
    memcpy(out, query, end); /* with a name of 255 bytes at most it fits */
    plab_store16_be(out + 2, (uint16_t)(FLAG_RESPONSE | (asked & FLAG_OPCODE) | FLAG_AUTHORITATIVE |
                                        (asked & FLAG_WISH_RECURSION) | FLAG_HAS_RECURSION |
                                        response_code(verdict)));
    plab_store16_be(out + 4, end > HEADER_BYTES);
    plab_store16_be(out + 6, verdict == PLAB_DNS_ANSWERED);
    memset(out + 8, 0, 4);
    *out_len = end;
    if (verdict == PLAB_DNS_ANSWERED) {
        write_address(question->host, out + end);
        *out_len += ADDRESS_RECORD_BYTES;
    }
    return verdict;
}
