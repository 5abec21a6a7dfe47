/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stratum as typed messages: bytes to messages and back, no I/O. The functions here speak the
 * CryptoNote dialect as XMRig has it; dialect.h has the other clients', voice.h the other pools'.
 *
 * One message is one JSON object on one line. Parsers check every type, length and range and never
 * trust the peer; builders write keys in a fixed order (that of XMRig 6.26 for client messages,
 * that of xmrig-proxy for pool messages), without spaces, ending in a line feed.
 *
 * Limits keep hostile input cheap: PLAB_STRATUM_LINE_MAX bytes a line, PLAB_STRATUM_DEPTH_MAX
 * levels, ids and names of at most PLAB_STRATUM_ID_MAX bytes without control characters. Duplicate
 * keys and escaped NULs are refused. A job's height is read up to 2^63 - 1, the JSON parser's
 * range.
 *
 * The nonce stands at byte 39 of the blob, as all miners of this dialect have it, whatever the
 * varints before it say.
 *
 * Error texts are safe to print and to send: bytes that the peer wrote are escaped in them.
 */
#ifndef PLAB_STRATUM_MSG_H
#define PLAB_STRATUM_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define PLAB_STRATUM_LINE_MAX 16384 /* bytes of a line without its LF */
#define PLAB_STRATUM_DEPTH_MAX 16
#define PLAB_STRATUM_ID_MAX 128   /* session ids, job ids, request ids given as strings */
#define PLAB_STRATUM_TEXT_MAX 256 /* login, pass, agent, rig id, error messages (longer: cut) */
#define PLAB_STRATUM_ALGO_MAX 64  /* names in a login's algorithm list; the rest is ignored */
#define PLAB_STRATUM_NAME_MAX 32  /* one algorithm name */
#define PLAB_STRATUM_BLOB_MIN 76  /* shortest hashing blob a Monero-style chain has */
#define PLAB_STRATUM_BLOB_MAX 407
#define PLAB_STRATUM_HASH 32

/* A request id, echoed verbatim: an integer or a string. */
struct plab_stratum_id {
    bool is_text;
    int64_t number;
    char text[PLAB_STRATUM_ID_MAX + 1];
};

enum plab_stratum_method {
    PLAB_METHOD_LOGIN,
    PLAB_METHOD_SUBMIT,
    PLAB_METHOD_KEEPALIVED,
    PLAB_METHOD_GETJOB,
    PLAB_METHOD_WORK,      /* getblocktemplate: work, and a login (`login`) if there was none */
    PLAB_METHOD_SUBSCRIBE, /* mining.subscribe, before the login; nothing in it but the id */
    PLAB_METHOD_EXTRA,     /* mining.extranonce.subscribe: to be said yes to */
    PLAB_METHOD_NOTE,      /* to be said nothing to */
    PLAB_METHOD_UNKNOWN,   /* well-formed, but not one of ours */
};

/* The family of messages that a request belongs to; it tells how it wants to be answered. */
enum plab_tongue {
    PLAB_TONGUE_CRYPTONOTE, /* login, submit, keepalived, getjob */
    PLAB_TONGUE_STRATUM1,   /* mining.* */
    PLAB_TONGUE_TEMPLATE,   /* getblocktemplate, submitblock */
    PLAB_TONGUE_COINHIVE,   /* auth, submit, of browser miners: in WebSocket texts only */
    PLAB_TONGUE_COUNT
};

struct plab_stratum_login {
    char login[PLAB_STRATUM_TEXT_MAX + 1];
    char pass[PLAB_STRATUM_TEXT_MAX + 1];
    char agent[PLAB_STRATUM_TEXT_MAX + 1];
    char rig_id[PLAB_STRATUM_TEXT_MAX + 1]; /* JSON name "rigid"; "" when absent */
    size_t algo_count;
    char algo[PLAB_STRATUM_ALGO_MAX][PLAB_STRATUM_NAME_MAX];
};

struct plab_stratum_submit {
    char session_id[PLAB_STRATUM_ID_MAX + 1];
    char job_id[PLAB_STRATUM_ID_MAX + 1];
    uint8_t nonce[4];                  /* as it stands in the blob */
    uint8_t result[PLAB_STRATUM_HASH]; /* value compared with the target: rx/2: the commitment */
    bool has_commitment;               /* rx/2 only; the field holds the raw RandomX hash */
    uint8_t commitment[PLAB_STRATUM_HASH];
    char algo[PLAB_STRATUM_NAME_MAX]; /* "" when absent */
    bool claims_nothing; /* the tongue has no place for a result: only hashing can tell */
    bool no_session;     /* nor for a session id: the connection's is meant */
};

/* What a pool receives. */
struct plab_stratum_request {
    struct plab_stratum_id id;
    enum plab_stratum_method method;
    enum plab_tongue tongue;                 /* CRYPTONOTE for an unknown method */
    char method_name[PLAB_STRATUM_NAME_MAX]; /* cut; for messages */
    union {
        struct plab_stratum_login login;
        struct plab_stratum_submit submit;
        char session_id[PLAB_STRATUM_ID_MAX + 1]; /* keepalived, getjob */
    };
};

struct plab_stratum_job {
    char job_id[PLAB_STRATUM_ID_MAX + 1];
    uint8_t blob[PLAB_STRATUM_BLOB_MAX];
    size_t blob_len;
    uint64_t
        target; /* 64-bit: share when LE64(value[24..31]) < target; 0: told apart (EVENT_TARGET) */
    char algo[PLAB_STRATUM_NAME_MAX]; /* "" when the pool doesn't say */
    bool has_height;
    uint64_t height;
    bool has_seed;
    uint8_t seed_hash[PLAB_STRATUM_HASH];
    bool has_next_seed;
    uint8_t next_seed_hash[PLAB_STRATUM_HASH];
};

#define PLAB_EXT_ALGO 1u
#define PLAB_EXT_KEEPALIVE 2u
#define PLAB_EXT_NICEHASH 4u

enum plab_stratum_event {
    PLAB_EVENT_JOB,       /* notification "job" */
    PLAB_EVENT_RECONNECT, /* notification "client.reconnect" (host and port in the message) */
    PLAB_EVENT_TARGET,    /* notification of the target of the jobs to come (job.target) */
    PLAB_EVENT_NOTICE,    /* another notification: ignore */
    PLAB_EVENT_RESPONSE,  /* answer to a request */
};

/* What a client receives. Valid members depend on `event`. */
struct plab_stratum_reply {
    enum plab_stratum_event event;
    struct plab_stratum_id id; /* response */
    bool in_order;             /* response without an id: to the oldest request */
    bool ok;                   /* response: an object as result and no error */
    char
        error[PLAB_STRATUM_TEXT_MAX + 1]; /* response, !ok: the peer's words or ours; not escaped */
    bool has_session; /* response with a good id inside its result: that to a login */
    char session_id[PLAB_STRATUM_ID_MAX + 1];
    unsigned extensions; /* PLAB_EXT_* of a login response */
    char status[PLAB_STRATUM_NAME_MAX];
    bool has_job; /* event JOB, or a login/getjob response that carries one */
    struct plab_stratum_job job;
    char host[PLAB_STRATUM_TEXT_MAX + 1]; /* reconnect */
    uint16_t port;
};

/* Pool side: parses one line (no LF needed, not NUL-terminated). PLAB_E_PROTOCOL when it isn't one
 * well-formed object with a request id (the connection should be closed); PLAB_E_INPUT when the
 * request is understood but the method or a parameter is bad: then `out->id` and `out->method` are
 * set and `err` is the text to answer with. Texts that only people read (pass, agent, rig id) are
 * cut when too long and empty when they aren't strings; a keepalived or getjob without session id
 * has "". */
PLAB_NODISCARD enum plab_status plab_stratum_parse_request(const char *line, size_t len,
                                                           struct plab_stratum_request *out,
                                                           struct plab_error *err);

/* The same for one WebSocket text of a browser miner; there are no ids. */
PLAB_NODISCARD enum plab_status plab_coinhive_parse_request(const char *text, size_t len,
                                                            struct plab_stratum_request *out,
                                                            struct plab_error *err);

/* Client side: parses one line. PLAB_E_PROTOCOL when it isn't JSON or not an object; PLAB_E_INPUT
 * when a job or redirection in it can't be used (the text names field, value and rule; `out->event`
 * and, for a response, `out->id` are set) or when it is neither a notification nor a response. A
 * response counts as `ok` only when its result is an object and its error is null or absent. */
PLAB_NODISCARD enum plab_status plab_stratum_parse_reply(const char *line, size_t len,
                                                         struct plab_stratum_reply *out,
                                                         struct plab_error *err);

/* Builders. Each writes one line with LF and a NUL into `out` and returns its length without the
 * NUL, or 0 when it doesn't fit `cap`. */
size_t plab_stratum_build_login(char *out, size_t cap, int64_t id,
                                const struct plab_stratum_login *login);
size_t plab_stratum_build_submit(char *out, size_t cap, int64_t id,
                                 const struct plab_stratum_submit *submit);
size_t plab_stratum_build_keepalived(char *out, size_t cap, int64_t id, const char *session_id);

size_t plab_stratum_build_login_reply(char *out, size_t cap, const struct plab_stratum_id *id,
                                      const char *session_id, unsigned extensions,
                                      const struct plab_stratum_job *job, unsigned target_bytes);
size_t plab_stratum_build_job(char *out, size_t cap, const struct plab_stratum_job *job,
                              unsigned target_bytes);
/* `status` is "OK" or "KEEPALIVED". */
size_t plab_stratum_build_ok(char *out, size_t cap, const struct plab_stratum_id *id,
                             const char *status);
size_t plab_stratum_build_error(char *out, size_t cap, const struct plab_stratum_id *id,
                                const char *message);

#endif
