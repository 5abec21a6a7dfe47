/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How different mining clients speak, byte for byte: key order, white space, ids, line ends, what
 * waits for what. A client (pool_client/) works with typed messages and a row of this table.
 *
 * - xmrig: XMRig 6.26.
 * - xmr-stak, xmr-stak-cpu: method first, no jsonrpc, every id 1, a request waits for the answer to
 *   the one before. Source: xmr-stak 2.10.8 and xmr-stak-cpu 1.3.0.
 * - cpuminer-multi: spaces, login id 1, submit id 4, an empty line after each submit. Source:
 *   cpuminer-multi 1.3.7.
 * - stratum1: the messages of Bitcoin's Stratum, as cpuminer-multi writes them. How a CryptoNote
 *   job travels in them stands in stratum1.c.
 * - getblocktemplate: JSON-RPC on bare TCP, asked for again every five seconds (template.c).
 * - ws-coinhive: a browser's, in WebSocket texts (coinhive.c). A share goes out when it is found,
 *   as the script in a page has it, though answers don't tell which share they answer: one is taken
 *   for the oldest's, and a pool that answers out of order gets two shares' verdicts exchanged.
 */
#ifndef PLAB_STRATUM_DIALECT_H
#define PLAB_STRATUM_DIALECT_H

#include "stratum/msg.h"

/* What a client asks for. */
enum plab_ask {
    PLAB_ASK_LOGIN,
    PLAB_ASK_LOGIN_MORE, /* second half of the login, after a good answer to the first */
    PLAB_ASK_EXTRA,      /* sent after the login; nothing depends on the answer */
    PLAB_ASK_SUBMIT,
    PLAB_ASK_KEEPALIVE,
    PLAB_ASK_WORK, /* now and then, for new jobs */
    PLAB_ASK_COUNT
};

/* What a request may be made of; all borrowed. Members that an ask doesn't need may be NULL. */
struct plab_dialect_ask {
    int64_t id; /* written as it is */
    const struct plab_stratum_login *login;
    const char *session_id;
    const struct plab_stratum_submit *submit;
    const struct plab_stratum_job *job; /* that the submit is for */
};

/* Writes one line with LF and a NUL and returns its length without the NUL, 0 when it doesn't fit.
 */
typedef size_t plab_dialect_build_fn(char *out, size_t cap, const struct plab_dialect_ask *ask);

/* As plab_stratum_parse_reply(). */
typedef enum plab_status plab_dialect_parse_fn(const char *line, size_t len,
                                               struct plab_stratum_reply *out,
                                               struct plab_error *err);

#define PLAB_ID_COUNTED (-1) /* the client counts its requests */

struct plab_dialect {
    const char *name, *summary;
    bool lockstep;     /* one request at a time */
    bool job_in_login; /* the login's answer carries the first job; else it comes by itself */
    bool session_id;   /* the login's answer names the session */
    bool websocket;    /* each line, without LF, is a WebSocket text */
    unsigned work_ms;  /* between two PLAB_ASK_WORK; 0: jobs are pushed */
    struct {
        plab_dialect_build_fn *build; /* NULL: this dialect doesn't have it */
        int64_t id;                   /* fixed, or PLAB_ID_COUNTED */
    } ask[PLAB_ASK_COUNT];
    plab_dialect_parse_fn *parse_reply;
};

/* All of them; the first is XMRig's, the default. Constant, never freed. */
const struct plab_dialect *plab_dialect_list(size_t *count);

/* PLAB_E_USAGE lists the names. */
PLAB_NODISCARD enum plab_status plab_dialect_find(const char *name, const struct plab_dialect **out,
                                                  struct plab_error *err);

/* Names that `login->algo` gets when a list is spelled `text`: names separated by commas, or the
 * keyword "xmrig" for the 31 of a CPU-only XMRig 6.26. With the keyword, `first` (if it isn't NULL)
 * is swapped with the first of them, as XMRig does with the configured algorithm; a name that isn't
 * among them changes nothing. "" lists none. PLAB_E_USAGE names what is wrong. */
PLAB_NODISCARD enum plab_status plab_dialect_algo_list(struct plab_stratum_login *login,
                                                       const char *text, const char *first,
                                                       struct plab_error *err);

#endif
