/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "stratum/msg.h"

/* Text being written; once something didn't fit, it stays full. */
struct writer {
    char *out;
    size_t cap, len;
    bool full;
};

static void put_bytes(struct writer *w, const char *text, size_t len) {
    if (w->full || w->cap - w->len <= len) {
        w->full = true;
        return;
    }
    memcpy(w->out + w->len, text, len);
    w->len += len;
}

static void put(struct writer *w, const char *text) {
    put_bytes(w, text, strlen(text));
}

static void put_format(struct writer *w, const char *fmt, ...) PLAB_PRINTF(2, 3);
static void put_format(struct writer *w, const char *fmt, ...) {
    char text[64];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    put_bytes(w, text, len > 0 && (size_t)len < sizeof text ? (size_t)len : 0);
}

/* A JSON string; UTF-8 passes as it is, as RapidJSON (XMRig's writer) does. */
static void put_string(struct writer *w, const char *text) {
    static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    put(w, "\"");
    for (const char *p = text; *p != '\0'; p++) {
        const char *name = NULL;
        for (size_t i = 0; i < sizeof named - 1; i += 2) {
            name = *p == named[i] ? &named[i + 1] : name;
        }
        if (name != NULL) {
            put_format(w, "\\%c", *name);
        } else if ((unsigned char)*p < 32) {
            put_format(w, "\\u%04X", (unsigned)(unsigned char)*p);
        } else {
            put_bytes(w, p, 1);
        }
    }
    put(w, "\"");
}

/* `key` with its punctuation, e.g. ",\"pass\":". */
static void put_member(struct writer *w, const char *key, const char *text) {
    put(w, key);
    put_string(w, text);
}

static void put_hex(struct writer *w, const char *key, const uint8_t *bytes, size_t len) {
    char hex[2 * PLAB_STRATUM_BLOB_MAX + 1];
    plab_hex_encode(bytes, len, hex);
    put_member(w, key, hex);
}

static size_t finish(struct writer *w, const char *tail) {
    put(w, tail);
    put(w, "\n");
    if (w->full) {
        if (w->cap > 0) {
            w->out[0] = '\0';
        }
        return 0;
    }
    w->out[w->len] = '\0';
    return w->len;
}

static void put_request(struct writer *w, int64_t id, const char *method) {
    put_format(w, "{\"id\":%" PRId64 ",\"jsonrpc\":\"2.0\",\"method\":\"", id);
    put(w, method);
    put(w, "\",\"params\":{");
}

size_t plab_stratum_build_login(char *out, size_t cap, int64_t id,
                                const struct plab_stratum_login *login) {
    struct writer w = {.out = out, .cap = cap};
    put_request(&w, id, "login");
    put_member(&w, "\"login\":", login->login);
    put_member(&w, ",\"pass\":", login->pass);
    put_member(&w, ",\"agent\":", login->agent);
    if (login->rig_id[0] != '\0') {
        put_member(&w, ",\"rigid\":", login->rig_id);
    }
    if (login->algo_count > 0) {
        for (size_t i = 0; i < login->algo_count; i++) {
            put_member(&w, i == 0 ? ",\"algo\":[" : ",", login->algo[i]);
        }
        put(&w, "]");
    }
    return finish(&w, "}}");
}

size_t plab_stratum_build_submit(char *out, size_t cap, int64_t id,
                                 const struct plab_stratum_submit *submit) {
    struct writer w = {.out = out, .cap = cap};
    put_request(&w, id, "submit");
    put_member(&w, "\"id\":", submit->session_id);
    put_member(&w, ",\"job_id\":", submit->job_id);
    put_hex(&w, ",\"nonce\":", submit->nonce, sizeof submit->nonce);
    put_hex(&w, ",\"result\":", submit->result, sizeof submit->result);
    if (submit->has_commitment) {
        put_hex(&w, ",\"commitment\":", submit->commitment, sizeof submit->commitment);
    }
    if (submit->algo[0] != '\0') {
        put_member(&w, ",\"algo\":", submit->algo);
    }
    return finish(&w, "}}");
}

size_t plab_stratum_build_keepalived(char *out, size_t cap, int64_t id, const char *session_id) {
    struct writer w = {.out = out, .cap = cap};
    put_request(&w, id, "keepalived");
    put_member(&w, "\"id\":", session_id);
    return finish(&w, "}}");
}

static void put_target(struct writer *w, uint64_t target, unsigned target_bytes) {
    uint8_t bytes[8];
    plab_store64_le(bytes, target);
    if (target_bytes == 8) {
        put_hex(w, ",\"target\":", bytes, 8);
    } else {
        put_hex(w, ",\"target\":", bytes + 4, 4); /* the upper half */
    }
}

static void put_job(struct writer *w, const struct plab_stratum_job *job, unsigned target_bytes) {
    put_hex(w, "{\"blob\":", job->blob, job->blob_len);
    put_member(w, ",\"job_id\":", job->job_id);
    put_target(w, job->target, target_bytes);
    if (job->algo[0] != '\0') {
        put_member(w, ",\"algo\":", job->algo);
    }
    if (job->has_height) {
        put_format(w, ",\"height\":%" PRIu64, job->height);
    }
    if (job->has_seed) {
        put_hex(w, ",\"seed_hash\":", job->seed_hash, sizeof job->seed_hash);
    }
    if (job->has_next_seed) {
        put_hex(w, ",\"next_seed_hash\":", job->next_seed_hash, sizeof job->next_seed_hash);
    }
    put(w, "}");
}

static void put_id(struct writer *w, const struct plab_stratum_id *id) {
    if (id->is_text) {
        put_string(w, id->text);
    } else {
        put_format(w, "%" PRId64, id->number);
    }
}

static void put_extensions(struct writer *w, unsigned extensions) {
    static const struct {
        unsigned bit;
        const char *name;
    } known[] = {
        {PLAB_EXT_ALGO, "algo"},
        {PLAB_EXT_NICEHASH, "nicehash"},
        {PLAB_EXT_KEEPALIVE, "keepalive"},
    };
    bool first = true;
    put(w, ",\"extensions\":[");
    for (size_t i = 0; i < PLAB_ARRAY_LEN(known); i++) {
        if (extensions & known[i].bit) {
            put_member(w, first ? "" : ",", known[i].name);
            first = false;
        }
    }
    put(w, "]");
}

size_t plab_stratum_build_login_reply(char *out, size_t cap, const struct plab_stratum_id *id,
                                      const char *session_id, unsigned extensions,
                                      const struct plab_stratum_job *job, unsigned target_bytes) {
    struct writer w = {.out = out, .cap = cap};
    put(&w, "{\"jsonrpc\":\"2.0\",\"id\":");
    put_id(&w, id);
    put_member(&w, ",\"error\":null,\"result\":{\"id\":", session_id);
    put(&w, ",\"job\":");
    put_job(&w, job, target_bytes);
    put_extensions(&w, extensions);
    return finish(&w, ",\"status\":\"OK\"}}");
}

size_t plab_stratum_build_job(char *out, size_t cap, const struct plab_stratum_job *job,
                              unsigned target_bytes) {
    struct writer w = {.out = out, .cap = cap};
    put(&w, "{\"jsonrpc\":\"2.0\",\"method\":\"job\",\"params\":");
    put_job(&w, job, target_bytes);
    return finish(&w, "}");
}

size_t plab_stratum_build_ok(char *out, size_t cap, const struct plab_stratum_id *id,
                             const char *status) {
    struct writer w = {.out = out, .cap = cap};
    put(&w, "{\"id\":");
    put_id(&w, id);
    put_member(&w, ",\"jsonrpc\":\"2.0\",\"error\":null,\"result\":{\"status\":", status);
    return finish(&w, "}}");
}

size_t plab_stratum_build_error(char *out, size_t cap, const struct plab_stratum_id *id,
                                const char *message) {
    struct writer w = {.out = out, .cap = cap};
    put(&w, "{\"id\":");
    put_id(&w, id);
    put_member(&w, ",\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,\"message\":", message);
    return finish(&w, "}}");
}
