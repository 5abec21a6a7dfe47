/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the first bytes of a client give away: TLS (server name, JA3) or a dialect, by the order of
 * keys and the blanks of its first JSON line. Bytes are a stranger's: anything may be in them.
 */
#ifndef PLAB_LAB_FLOW_WIRE_H
#define PLAB_LAB_FLOW_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAB_JA3_TEXT_MAX 1024

struct plab_flow_wire {
    const char *kind;    /* static: "json", "tls", "http", "other"; "" when nothing was said */
    const char *dialect; /* static: "xmrig", "xmr-stak", "cpuminer-multi", "stratum1", "gbt",
                            "jsonrpc", "websocket"; "" when unknown */
    char json_keys[128]; /* "id,jsonrpc,method,params"; a blank behind commas or colons: "+sp" */
    char method[48];     /* of the first line */
    char sni[256];
    char ja3[33];                     /* MD5 in hex; "" when there is none */
    char ja3_text[PLAB_JA3_TEXT_MAX]; /* what it is made of */
};

/* Reads the first bytes of a connection's client. */
void plab_flow_wire_read(const uint8_t *head, size_t len, struct plab_flow_wire *out);

/* The parts of it that TLS has (flow_tls.c): true for a whole ClientHello. */
bool plab_flow_tls_read(const uint8_t *head, size_t len, struct plab_flow_wire *out);

#endif
