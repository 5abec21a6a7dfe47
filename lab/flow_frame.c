/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/flow_frame.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/pcapng.h"

#define ETHERTYPE_V4 0x0800
#define ETHERTYPE_V6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define FRAGMENT_MASK 0x3fff /* "more fragments" and the offset */

static unsigned load16(const uint8_t *at) {
    return (unsigned)at[0] << 8 | at[1];
}

static uint32_t load32(const uint8_t *at) {
    return (uint32_t)load16(at) << 16 | load16(at + 2);
}

/* ---- link layer ---- */

static size_t ethernet_header(const uint8_t *bytes, size_t len) {
    size_t at = 12;
    while (len >= at + 2 && load16(bytes + at) == ETHERTYPE_VLAN) {
        at += 4;
    }
    if (len < at + 2) {
        return SIZE_MAX;
    }
    unsigned type = load16(bytes + at);
    return type == ETHERTYPE_V4 || type == ETHERTYPE_V6 ? at + 2 : SIZE_MAX;
}

/* Where IP begins; SIZE_MAX: this is no IP. */
static size_t link_header(unsigned link, const uint8_t *bytes, size_t len) {
    switch (link) {
    case PLAB_LINK_ETHERNET:
        return ethernet_header(bytes, len);
    case PLAB_LINK_NULL:
        return 4;
    case PLAB_LINK_RAW:
        return 0;
    case PLAB_LINK_LINUX_SLL:
        return 16;
    case PLAB_LINK_LINUX_SLL2:
        return 20;
    default:
        return SIZE_MAX;
    }
}

/* ---- IP ---- */

/* Each returns the length of the IP header, 0 for what isn't wanted. */
static size_t parse_v4(struct plab_frame *out, size_t len) {
    const uint8_t *ip = out->ip;
    if (len < 20) {
        return 0;
    }
    size_t header = (size_t)(ip[0] & 15) * 4;
    out->ip_len = load16(ip + 2);
    if (header < 20 || out->ip_len < header || (load16(ip + 6) & FRAGMENT_MASK) != 0) {
        return 0;
    }
    out->protocol = ip[9];
    out->src.version = out->dst.version = 4;
    memcpy(out->src.address, ip + 12, 4);
    memcpy(out->dst.address, ip + 16, 4);
    return header;
}

/* Extension headers don't occur between two hosts of a lab. */
static size_t parse_v6(struct plab_frame *out, size_t len) {
    if (len < 40) {
        return 0;
    }
    out->ip_len = 40 + load16(out->ip + 4);
    out->protocol = out->ip[6];
    out->src.version = out->dst.version = 6;
    memcpy(out->src.address, out->ip + 8, 16);
    memcpy(out->dst.address, out->ip + 24, 16);
    return 40;
}

static bool parse_transport(struct plab_frame *out, size_t header, size_t len) {
    const uint8_t *at = out->ip + header;
    out->transport = at;
    if (len < header + 8 || out->ip_len < header + 8) {
        return false;
    }
    out->src.port = (uint16_t)load16(at);
    out->dst.port = (uint16_t)load16(at + 2);
    out->transport_header_len = 8;
    if (out->protocol == PLAB_PROTOCOL_TCP) {
        if (len < header + 20) {
            return false;
        }
        out->seq = load32(at + 4);
        out->transport_header_len = (size_t)(at[12] >> 4) * 4;
        out->flags = at[13];
        out->window = (uint16_t)load16(at + 14);
        if (out->transport_header_len < 20) {
            return false;
        }
    } else if (out->protocol != PLAB_PROTOCOL_UDP) {
        return false;
    }
    size_t headers = header + out->transport_header_len;
    if (headers > out->ip_len || headers > len) {
        return false;
    }
    out->payload = out->ip + headers;
    out->payload_len = out->ip_len - headers;
    out->captured = out->payload_len < len - headers ? out->payload_len : len - headers;
    return true;
}

bool plab_frame_parse(struct plab_frame *out, unsigned link, const uint8_t *bytes, size_t len) {
    size_t at = link_header(link, bytes, len), header;
    memset(out, 0, sizeof *out);
    if (at >= len) {
        return false;
    }
    out->ip = bytes + at;
    switch (out->ip[0] >> 4) {
    case 4:
        header = parse_v4(out, len - at);
        break;
    case 6:
        header = parse_v6(out, len - at);
        break;
    default:
        return false;
    }
    return header > 0 && parse_transport(out, header, len - at);
}

/* ---- endpoints ---- */

bool plab_endpoint_equal(const struct plab_endpoint *a, const struct plab_endpoint *b) {
    return a->version == b->version && a->port == b->port &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

const char *plab_endpoint_address(const struct plab_endpoint *endpoint,
                                  char out[PLAB_ENDPOINT_TEXT_LEN]) {
    inet_ntop(endpoint->version == 6 ? AF_INET6 : AF_INET, endpoint->address, out,
              PLAB_ENDPOINT_TEXT_LEN);
    return out;
}

const char *plab_endpoint_text(const struct plab_endpoint *endpoint,
                               char out[PLAB_ENDPOINT_TEXT_LEN]) {
    char address[PLAB_ENDPOINT_TEXT_LEN];
    plab_endpoint_address(endpoint, address);
    snprintf(out, PLAB_ENDPOINT_TEXT_LEN, endpoint->version == 6 ? "[%.45s]:%u" : "%.45s:%u",
             address, endpoint->port);
    return out;
}

bool plab_endpoint_parse(const char *text, struct plab_endpoint *out) {
    char address[PLAB_ENDPOINT_TEXT_LEN], *end;
    bool v6 = text[0] == '[';
    const char *begin = text + v6, *stop = v6 ? strchr(text, ']') : strrchr(text, ':');
    memset(out, 0, sizeof *out);
    if (stop == NULL || (size_t)(stop - begin) >= sizeof address || (v6 && stop[1] != ':')) {
        return false;
    }
    memcpy(address, begin, (size_t)(stop - begin));
    address[stop - begin] = '\0';
    const char *digits = stop + 1 + v6;
    unsigned long port = strtoul(digits, &end, 10);
    if (end == digits || *end != '\0' || port > UINT16_MAX) {
        return false;
    }
    out->version = v6 ? 6 : 4;
    out->port = (uint16_t)port;
    return inet_pton(v6 ? AF_INET6 : AF_INET, address, out->address) == 1;
}
