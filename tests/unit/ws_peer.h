/* SPDX-License-Identifier: BSD-3-Clause */
/* A browser for tests: WebSocket on a test client's connection, by code of its own (and OpenSSL's
 * SHA-1), so that it can be an oracle for stratum/ws.h and net/wshello.h, and break any rule. */
#ifndef PLAB_TESTS_WS_PEER_H
#define PLAB_TESTS_WS_PEER_H

#include "tests/unit/pool_lab.h"

#define WS_KEY "AQIDBAUGBwgJCgsMDQ4PEA=="
#define WS_GOOD_HEAD                                                                     \
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
    "Origin: http://localhost\r\nSec-WebSocket-Version: 13\r\n"                          \
    "Sec-WebSocket-Key: " WS_KEY "\r\nUser-Agent: test\r\n\r\n"

/* Sends the (last) bytes of a handshake and reads the answer; returns its status, 0 at the end of
 * the connection. Checks what a 101 must have, for the key WS_KEY. */
unsigned ws_shake_hands(struct lab_client *client, const char *request);

/* Writes a masked frame with that first byte (FIN, RSV, opcode); returns its length. */
size_t ws_put(char *out, unsigned first, const void *payload, size_t len);

/* Sends a masked text. */
void ws_send(struct lab_client *client, const char *text);

/* Reads the next frame; returns its opcode, -1 at the end of the connection. The payload gets a NUL
 * behind it. */
int ws_next(struct lab_client *client, char *payload, size_t cap, size_t *len);

/* Reads until a close frame, the end of the connection, or a pong to "probe", and writes down what
 * came, but for jobs and pings: `TEXT `, `pong(PAYLOAD) `, `close(CODE)`, `end`. A job becomes the
 * client's. Returns `out`. */
const char *ws_story(struct lab_client *client, char *out, size_t cap);

/* Opens listener `index`, shakes hands and logs in: the client has a job then. */
void ws_login(struct lab_client *client, const struct pool_lab *lab, size_t index, SSL_CTX *context,
              const char *site_key);

/* The text of a submit. */
void ws_submit_text(const struct plab_stratum_submit *submit, char *out, size_t cap);

#endif
