/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/packets.h"

#include <string.h>

#include "lab/flow_frame.h"
#include "tests/harness.h"

static void put16(uint8_t *at, size_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint8_t *put_v4(uint8_t *at, const struct plab_endpoint *src,
                       const struct plab_endpoint *dst, size_t transport_len) {
    at[0] = 0x45;
    put16(at + 2, 20 + transport_len);
    at[8] = 64;
    at[9] = PLAB_PROTOCOL_TCP;
    memcpy(at + 12, src->address, 4);
    memcpy(at + 16, dst->address, 4);
    return at + 20;
}

static uint8_t *put_v6(uint8_t *at, const struct plab_endpoint *src,
                       const struct plab_endpoint *dst, size_t transport_len) {
    at[0] = 0x60;
    put16(at + 4, transport_len);
    at[6] = PLAB_PROTOCOL_TCP;
    at[7] = 64;
    memcpy(at + 8, src->address, 16);
    memcpy(at + 24, dst->address, 16);
    return at + 40;
}

size_t packet_compose(const struct packet *packet, uint8_t out[PACKET_MAX]) {
    struct plab_endpoint src, dst;
    const char *payload = packet->payload != NULL ? packet->payload : "";
    size_t len = packet->payload_len != 0 ? packet->payload_len : strlen(payload);
    CHECK(plab_endpoint_parse(packet->src, &src) && plab_endpoint_parse(packet->dst, &dst));
    CHECK(len + 100 < PACKET_MAX);
    memset(out, 0, PACKET_MAX);
    put16(out + 12, src.version == 6 ? 0x86dd : 0x0800);
    uint8_t *at = src.version == 6 ? put_v6(out + 14, &src, &dst, 20 + len)
                                   : put_v4(out + 14, &src, &dst, 20 + len);
    put16(at, src.port);
    put16(at + 2, dst.port);
    put16(at + 4, packet->seq >> 16);
    put16(at + 6, packet->seq & 0xffff);
    at[12] = 5 << 4;
    at[13] = packet->flags;
    put16(at + 14, 512);
    memcpy(at + 20, payload, len);
    return (size_t)(at + 20 - out) + len;
}
