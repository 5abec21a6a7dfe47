/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The opening handshake of WebSocket, both sides, as pure functions of bytes; frames are
 * stratum/ws.h's. Source: RFC 6455, sections 4 and 10.2.
 *
 * A server takes GET / or /proxy (where browser miners connect) without a query, by HTTP/1.1 and
 * with no body, under the strict rules of net/httphead.h: Host must be "localhost" or a numeric lab
 * address. So must the host of Origin, which has to be there: only pages of the lab get in. No
 * subprotocol and no extension is agreed on.
 */
#ifndef PLAB_NET_WSHELLO_H
#define PLAB_NET_WSHELLO_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_WS_HELLO_MAX 8192 /* bytes of a head, of either side */
#define PLAB_WS_KEY_LEN 25     /* Sec-WebSocket-Key with its NUL */
#define PLAB_WS_ACCEPT_LEN 29  /* Sec-WebSocket-Accept with its NUL */

/* The text of a key of 16 random bytes. */
void plab_wshello_key(const uint8_t nonce[16], char out[PLAB_WS_KEY_LEN]);

/* What a server has to answer to that key. */
void plab_wshello_accept(const char *key, char out[PLAB_WS_ACCEPT_LEN]);

/* Length of the head at the beginning of `bytes`, its empty line included; 0: not complete yet. */
size_t plab_wshello_length(const char *bytes, size_t len);

/* A head that comes in pieces; starts zeroed. */
struct plab_wshello_head {
    char *bytes; /* owned; NULL: none came yet */
    size_t len;
};

enum plab_wshello_progress {
    PLAB_WSHELLO_MORE,  /* has to come */
    PLAB_WSHELLO_WHOLE, /* `bytes` and `len` are the head */
    PLAB_WSHELLO_ENDLESS,
    PLAB_WSHELLO_NO_MEMORY,
};

/* Takes bytes until the head is complete; `*used`: how many of them are its. Not to be called after
 * anything but PLAB_WSHELLO_MORE. */
enum plab_wshello_progress plab_wshello_take(struct plab_wshello_head *head, const char *bytes,
                                             size_t len, size_t *used);

/* Frees it and zeroes it. */
void plab_wshello_drop(struct plab_wshello_head *head);

/* A client's request, in the order of a browser's; returns its length, 0 when it doesn't fit.
 * `host` is "host:port"; `origin` is an URL's beginning, such as "http://127.0.0.1:3333"; control
 * characters in `agent` become '?'. */
size_t plab_wshello_ask(char *out, size_t cap, const char *host, const char *origin,
                        const char *agent, const char *key);

#define PLAB_WS_AGENT_LEN 257 /* with its NUL */

/* What a server gets to know from a good request. */
struct plab_wshello {
    char accept[PLAB_WS_ACCEPT_LEN]; /* what its key is to be answered with */
    char agent[PLAB_WS_AGENT_LEN];   /* User-Agent: ASCII, other characters are '?'; cut; or "" */
};

/* Judges a request's complete head. Returns 0, or the status to refuse it
 * with: those of net/httphead.h, 403 (Origin, query), 404 (path), 405 (method), 426 (no WebSocket,
 * or another version). */
PLAB_NODISCARD unsigned plab_wshello_judge(const char *bytes, size_t len, struct plab_wshello *out);

/* The server's answer: 101, or a refusal after which the connection ends. Returns the length, 0
 * when it doesn't fit (256 bytes are enough). */
size_t plab_wshello_agree(char *out, size_t cap, const char *accept);
size_t plab_wshello_refuse(char *out, size_t cap, unsigned status);

/* Judges the complete head of the answer to a client's request. PLAB_E_PROTOCOL names what is
 * wrong; PLAB_E_NETWORK when the server answered, but says no. */
PLAB_NODISCARD enum plab_status plab_wshello_check(const char *bytes, size_t len,
                                                   const char *accept, struct plab_error *err);

#endif
