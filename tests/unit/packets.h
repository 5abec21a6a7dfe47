/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames composed for tests, as a loopback capture has them: checksums are left at zero, as
 * checksum offloading leaves them. */
#ifndef PLAB_TESTS_UNIT_PACKETS_H
#define PLAB_TESTS_UNIT_PACKETS_H

#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX 2048

struct packet {
    const char *src, *dst; /* "127.0.0.1:5555" or "[::1]:5555" */
    uint8_t flags;
    uint32_t seq;
    const char *payload;
    size_t payload_len; /* 0: of the text */
};

/* Composes an Ethernet frame with TCP; returns its length. */
size_t packet_compose(const struct packet *packet, uint8_t out[PACKET_MAX]);

#endif
