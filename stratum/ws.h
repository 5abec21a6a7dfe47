/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WebSocket frames of both sides, as pure functions of bytes; the opening handshake is
 * net/wshello.h's. Source: RFC 6455. Messages are texts: binary ones are refused, as are
 * extensions, whatever they mean.
 *
 * A reader takes bytes as they come, fails as soon as the bytes can't become good any more, and
 * tells with which code the connection is to be closed.
 */
#ifndef PLAB_STRATUM_WS_H
#define PLAB_STRATUM_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_WS_HEAD_MAX 14     /* bytes of a frame before its payload */
#define PLAB_WS_MASK 4          /* bytes of a mask */
#define PLAB_WS_CONTROL_MAX 125 /* payload of a control frame */
#define PLAB_WS_FRAMES_MAX 64   /* frames of one message */

enum plab_ws_opcode {
    PLAB_WS_MORE = 0, /* continues a message */
    PLAB_WS_TEXT = 1,
    PLAB_WS_BINARY = 2,
    PLAB_WS_CLOSE = 8,
    PLAB_WS_PING = 9,
    PLAB_WS_PONG = 10,
};

/* Why a connection is closed (section 7.4.1). */
enum plab_ws_code {
    PLAB_WS_NORMAL = 1000,
    PLAB_WS_LEAVING = 1001,
    PLAB_WS_PROTOCOL = 1002,
    PLAB_WS_NO_BINARY = 1003,
    PLAB_WS_NO_CODE = 1005, /* the peer gave none; on no wire */
    PLAB_WS_BAD_TEXT = 1007,
    PLAB_WS_POLICY = 1008,
    PLAB_WS_TOO_BIG = 1009,
    PLAB_WS_FAULT = 1011,
};

/* Writes one whole frame and returns its length, 0 when it doesn't fit `cap`. A client's frames
 * have a mask, chosen anew for each by an unpredictable source; a server's have none (NULL). */
size_t plab_ws_frame(uint8_t *out, size_t cap, enum plab_ws_opcode opcode, const void *payload,
                     size_t len, const uint8_t *mask);

/* A close frame with that code and, up to 123 bytes, `reason` (UTF-8, may be ""). */
size_t plab_ws_close_frame(uint8_t *out, size_t cap, unsigned code, const char *reason,
                           const uint8_t *mask);

/* UTF-8 that comes in pieces; zero-initialise. Valid so far as long as plab_ws_utf8_take() says so,
 * and whole when `left` is 0. */
struct plab_ws_utf8 {
    uint8_t left;        /* bytes of the character that are missing */
    uint8_t least, most; /* the next of them */
};
bool plab_ws_utf8_take(struct plab_ws_utf8 *text, const char *bytes, size_t len);

/* Reads one side's frames. Zero-initialise, then set the first two members. */
struct plab_ws_reader {
    bool masked;        /* the peer is a client: its frames must be masked; else they must not */
    size_t message_max; /* bytes of a message */

    uint8_t head[PLAB_WS_HEAD_MAX]; /* of the frame that comes */
    size_t head_len;                /* bytes of it that are there */
    uint64_t left;                  /* bytes of its payload that are missing */
    size_t mask_at;
    bool in_payload;
    char *message; /* owned; of the message that comes */
    size_t len, cap;
    unsigned frames; /* of it; 0: none comes */
    struct plab_ws_utf8 utf8;
    char control[PLAB_WS_CONTROL_MAX];
    size_t control_len;
    enum plab_status failure; /* of a call before; PLAB_OK: none */
    unsigned code; /* after a failure: what to close with; after a close frame: the peer's */
};

/* Called for each message (PLAB_WS_TEXT) and each control frame; `payload` is valid during the call
 * only. For PLAB_WS_CLOSE, `payload` is the reason. Return false to stop: the rest of the bytes is
 * dropped. */
typedef bool plab_ws_fn(void *cookie, enum plab_ws_opcode what, const char *payload, size_t len);

/* Takes `len` bytes. After PLAB_E_PROTOCOL `reader->code` tells how to close. PLAB_E_NOMEM. After
 * either nothing can be read any more: every further call fails likewise. The reader must not be
 * freed within the call. */
PLAB_NODISCARD enum plab_status plab_ws_feed(struct plab_ws_reader *reader, const void *bytes,
                                             size_t len, plab_ws_fn *on_event, void *cookie,
                                             struct plab_error *err);

/* True between the first byte of a frame or message and its last. */
bool plab_ws_is_amid(const struct plab_ws_reader *reader);

/* Frees the buffer and zeroes the reader. */
void plab_ws_free(struct plab_ws_reader *reader);

#endif
