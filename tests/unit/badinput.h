/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hostile input as tables: each row is what a pool says (bad_client_*) or what a client says
 * (bad_pool_*) and what must come of it. Every row is played four times: plain and within TLS,
 * whole and byte by byte. The cases have ids, which tests/badinput.md lists.
 */
#ifndef PLAB_TESTS_BADINPUT_H
#define PLAB_TESTS_BADINPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "pool_client/client.h"

/* A text in which FILL stands for `times` copies of `text`; in these, '#' is the copy's number. */
#define FILL "\x1a"
struct bad_bytes {
    const char *text;
    size_t len; /* 0: up to the NUL */
    struct {
        const char *text;
        size_t times;
    } fill;
};

/* With NULs in it. */
#define BYTES(literal) \
    { .text = (literal), .len = sizeof(literal) - 1 }
#define TEXT(literal) \
    { .text = (literal) }
#define FILLED(literal, copied, count)                             \
    {                                                              \
        .text = literal, .fill = {.text = copied, .times = count } \
    }

/* Returns owned. */
char *bad_bytes_make(const struct bad_bytes *bytes, size_t *len);

/* ---- what a pool says ---- */

enum bad_moment {
    BAD_ONLINE, /* after a good login */
    BAD_LOGIN,  /* as the answer to the login, request 1 */
    BAD_SUBMIT, /* after a good login, as the answer to a share, request 2 */
};

enum bad_after { BAD_STAYS, BAD_FIN, BAD_RST };

struct bad_reply {
    const char *id, *what;
    struct bad_bytes bytes;
    enum bad_moment moment;
    enum bad_after after;
    bool slowly;       /* byte by byte: so slowly that the deadline comes first */
    const char *ends;  /* part of the reason why the client leaves; NULL: it stays, and a share that
                          it sends then is accepted */
    const char *job;   /* that it has then; NULL: the login's, "j1" */
    unsigned jobs_max; /* handed out besides the login's; 0: none, or one if there is `job` */
    enum plab_client_verdict verdict; /* of the share (BAD_SUBMIT) */
    const char *reason;               /* that is told with it; NULL: any */
    const char *session;              /* as it is sent back, in JSON; NULL: "s1" */
};

/* Plays all rows; a test fails at the first that doesn't do as it should. */
void bad_client_play(const struct bad_reply *rows, size_t count);

/* ---- what a client says ---- */

/* In its text these stand for: */
#define SESSION "\x01"       /* its session's id */
#define JOB_ID "\x02"        /* its job */
#define NONCE "\x03"         /* of a good share, in hex */
#define RESULT "\x04"        /* of that share */
#define LOW_NONCE "\x05"     /* of a share that misses the target */
#define LOW_RESULT "\x06"    /* of that one */
#define OTHER_SESSION "\x0e" /* a neighbour's id */
#define OTHER_JOB "\x0f"     /* his job */
#define OTHER_NONCE "\x10"   /* of a good share of his, which was accepted */
#define OTHER_RESULT "\x11"

struct bad_request {
    const char *id, *what;
    struct bad_bytes bytes;
    bool fresh;      /* before its login, not after it */
    bool half_close; /* says nothing more, but listens */
    /* To requests 1, 2, ... in their order: "OK" or the error's text, with '|' between; "": none.
     * In front of a text, '~' means that it is a part only. */
    const char *answers;
    bool closes; /* the pool hangs up; else it answers a keepalived next */
};

/* Plays all rows against one pool, which must serve others all the while and afterwards. */
void bad_pool_play(const struct bad_request *rows, size_t count);

#endif
