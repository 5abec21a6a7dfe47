/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One TCP connection on a libuv loop, plain or TLS, of either side: what the client's link and the
 * pool's sessions have in common.
 *
 * A stream is made by connecting (the address passes the lab-only rule before, and the peer that
 * the system really reached passes it after) or by adopting a socket that net/acceptor.h accepted
 * (its peer passes the rule again). From then on it tells its owner what happens, always from the
 * loop and never from within a call of the owner. It has no timers: deadlines are the owner's.
 *
 * Memory: a stream has no read buffer of its own, all of a loop share one. What the socket doesn't
 * take at once is copied and kept, up to a limit.
 *
 * Everything runs on the loop's thread. From within an event every function below may be called.
 */
#ifndef PLAB_NET_STREAM_H
#define PLAB_NET_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "net/tls.h"

struct uv_loop_s; /* uv_loop_t */
struct sockaddr;
struct plab_stream;

/* What all streams of a loop share. Borrowed until the last of them is gone, that is, until the
 * loop has run after plab_stream_close(). */
struct plab_stream_home {
    struct uv_loop_s *loop;
    char *in; /* for bytes as they come; its contents are nobody's between two events */
    size_t in_cap;
};

/* What a stream tells its owner. Members may be NULL. */
struct plab_stream_events {
    /* Bytes may be sent and will come: connected, the TLS handshake is over, an accepted client has
     * shown what it speaks. Not for an adopted plain socket, which is open already. */
    void (*opened)(void *cookie);
    /* `bytes` are valid during the call. */
    void (*bytes)(void *cookie, const char *bytes, size_t len);
    /* The last byte that had to wait was taken by the kernel. */
    void (*drained)(void *cookie);
    /* Bytes won't come any more. PLAB_OK: the peer closed its side in order; ours still works.
     * Anything else: the connection is of no use any more (PLAB_E_NETWORK; PLAB_E_PROTOCOL: TLS
     * says no; PLAB_E_REFUSED: the peer is not a lab address; PLAB_E_NOMEM). Each kind comes once
     * at most, nothing after the second. `reason` is valid during the call. */
    void (*ended)(void *cookie, enum plab_status status, const char *reason);
    /* What plab_stream_finish() began is done: all is with the kernel, the end included. */
    void (*finished)(void *cookie);
    /* After plab_stream_close(), as the very last: the loop has let go of it. */
    void (*closed)(void *cookie);
};

enum plab_stream_security {
    PLAB_STREAM_PLAIN,
    PLAB_STREAM_TLS,
    PLAB_STREAM_AUTO, /* adopted ones: TLS when the first byte is that of a handshake record (22) */
};

struct plab_stream_config {
    const struct plab_stream_home *home;     /* borrowed */
    const struct plab_stream_events *events; /* borrowed */
    void *cookie;
    size_t unsent_max;    /* bytes that may wait for the peer to read */
    unsigned keepalive_s; /* TCP keep-alive after so much silence; 0: none */
    int send_buffer;      /* bytes that the kernel is asked to hold for the peer; 0: its default */
    enum plab_stream_security security;
    struct plab_tls_context *tls; /* unless plain; a reference of its own is taken */
    const char *tls_host;         /* connecting: as plab_tls_create() has it, as is the next */
    const char *tls_sni;
    const struct sockaddr *from; /* connecting: our address, port 0 for any; NULL: the system's
                                    choice. Borrowed during the call. */
};

/* Begins to connect to `addr`. Errors: PLAB_E_REFUSED, PLAB_E_NETWORK, PLAB_E_NOMEM, those of
 * plab_tls_create(); then no event comes, `closed` included. */
PLAB_NODISCARD enum plab_status plab_stream_connect(struct plab_stream **out,
                                                    const struct plab_stream_config *config,
                                                    const struct sockaddr *addr,
                                                    struct plab_error *err);

/* Takes the connected socket `fd`, also when it fails (then closed). Errors as above. */
PLAB_NODISCARD enum plab_status plab_stream_adopt(struct plab_stream **out,
                                                  const struct plab_stream_config *config, int fd,
                                                  struct plab_error *err);

/* True from `opened` on. */
bool plab_stream_is_open(const struct plab_stream *stream);

/* True once TCP itself is connected. */
bool plab_stream_is_connected(const struct plab_stream *stream);

/* Describes the TLS session; false when there is none, or not yet. */
bool plab_stream_describe_tls(const struct plab_stream *stream, struct plab_tls_info *out);

/* Sends, after `opened`; `bytes` may be reused at once. Errors, after which the owner can only
 * close: PLAB_E_RESOURCE when the peer leaves too much unread, PLAB_E_NETWORK, PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_stream_send(struct plab_stream *stream, const void *bytes,
                                                 size_t len, struct plab_error *err);

/* Bytes that wait for the peer to read, as they go over the wire. */
size_t plab_stream_unsent(const struct plab_stream *stream);

/* Since when (uv_now(), ms) bytes wait without any progress; UINT64_MAX: none wait. */
uint64_t plab_stream_waiting_since_ms(const struct plab_stream *stream);

/* Stops and resumes reading: what the peer sends then waits in its own buffers. What was taken from
 * the socket before may still come. */
void plab_stream_read(struct plab_stream *stream, bool on);

/* Sends what waits, then the end of the stream (with TLS, its own before TCP's). Nothing can be
 * sent after it. False when that is impossible; the owner can only close. */
PLAB_NODISCARD bool plab_stream_finish(struct plab_stream *stream);

/* Closes and sets `*stream` to NULL; no event but `closed` comes any more. What waits is thrown
 * away, with `reset` also what is in the kernel, and the peer gets an RST. NULL is fine. */
void plab_stream_close(struct plab_stream **stream, bool reset);

#endif
