/* SPDX-License-Identifier: BSD-3-Clause */
/* A captured packet taken apart: link layer, IPv4 or IPv6, TCP or UDP. */
#ifndef PLAB_LAB_FLOW_FRAME_H
#define PLAB_LAB_FLOW_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAB_TCP_FIN 0x01
#define PLAB_TCP_SYN 0x02
#define PLAB_TCP_RST 0x04
#define PLAB_TCP_PSH 0x08
#define PLAB_TCP_ACK 0x10
#define PLAB_TCP_URG 0x20
#define PLAB_TCP_ECE 0x40
#define PLAB_TCP_CWR 0x80

#define PLAB_PROTOCOL_TCP 6
#define PLAB_PROTOCOL_UDP 17

/* Length of an endpoint's text with its NUL: "[ffff:...:255.255.255.255]:65535". */
#define PLAB_ENDPOINT_TEXT_LEN 56

struct plab_endpoint {
    uint8_t version; /* of IP: 4 or 6 */
    uint8_t address[16];
    uint16_t port;
};

struct plab_frame {
    uint8_t protocol; /* PLAB_PROTOCOL_... */
    struct plab_endpoint src, dst;
    const uint8_t *ip, *transport, *payload; /* into the packet */
    size_t ip_len;                           /* of the whole IP packet, as its header says */
    size_t transport_header_len;
    size_t payload_len; /* as the headers say */
    size_t captured;    /* of the payload: less in a packet that was cut */
    uint8_t flags;      /* TCP's, else 0 */
    uint16_t window;    /* TCP's, as it stands in the header */
    uint32_t seq;       /* TCP's */
};

/* Takes a packet of a link type (lab/pcapng.h) apart. False: it isn't TCP or UDP over IP, or is a
 * fragment, or too short. */
bool plab_frame_parse(struct plab_frame *out, unsigned link, const uint8_t *bytes, size_t len);

bool plab_endpoint_equal(const struct plab_endpoint *a, const struct plab_endpoint *b);

/* "127.0.0.1:3333", "[::1]:3333": as the pool's records name peers. Returns `out`. */
const char *plab_endpoint_text(const struct plab_endpoint *endpoint,
                               char out[PLAB_ENDPOINT_TEXT_LEN]);

/* The address alone. Returns `out`. */
const char *plab_endpoint_address(const struct plab_endpoint *endpoint,
                                  char out[PLAB_ENDPOINT_TEXT_LEN]);

/* Reads what plab_endpoint_text() writes. */
bool plab_endpoint_parse(const char *text, struct plab_endpoint *out);

#endif
