/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>

#include "stratum/writer_priv.h"

static void put_request(struct plab_writer *w, int64_t id, const char *method) {
    plab_put_format(w, "{\"id\":%" PRId64 ",\"jsonrpc\":\"2.0\",\"method\":\"", id);
    plab_put(w, method);
    plab_put(w, "\",\"params\":{");
}

size_t plab_stratum_build_login(char *out, size_t cap, int64_t id,
                                const struct plab_stratum_login *login) {
    struct plab_writer w = {.out = out, .cap = cap};
    put_request(&w, id, "login");
    plab_put_member(&w, "\"login\":", login->login);
    plab_put_member(&w, ",\"pass\":", login->pass);
    plab_put_member(&w, ",\"agent\":", login->agent);
    if (login->rig_id[0] != '\0') {
        plab_put_member(&w, ",\"rigid\":", login->rig_id);
    }
    if (login->algo_count > 0) {
        for (size_t i = 0; i < login->algo_count; i++) {
            plab_put_member(&w, i == 0 ? ",\"algo\":[" : ",", login->algo[i]);
        }
        plab_put(&w, "]");
    }
    return plab_finish(&w, "}}");
}

size_t plab_stratum_build_submit(char *out, size_t cap, int64_t id,
                                 const struct plab_stratum_submit *submit) {
    struct plab_writer w = {.out = out, .cap = cap};
    put_request(&w, id, "submit");
    plab_put_member(&w, "\"id\":", submit->session_id);
    plab_put_member(&w, ",\"job_id\":", submit->job_id);
    plab_put_hex(&w, ",\"nonce\":", submit->nonce, sizeof submit->nonce);
    plab_put_hex(&w, ",\"result\":", submit->result, sizeof submit->result);
    if (submit->has_commitment) {
        plab_put_hex(&w, ",\"commitment\":", submit->commitment, sizeof submit->commitment);
    }
    if (submit->algo[0] != '\0') {
        plab_put_member(&w, ",\"algo\":", submit->algo);
    }
    return plab_finish(&w, "}}");
}

size_t plab_stratum_build_keepalived(char *out, size_t cap, int64_t id, const char *session_id) {
    struct plab_writer w = {.out = out, .cap = cap};
    put_request(&w, id, "keepalived");
    plab_put_member(&w, "\"id\":", session_id);
    return plab_finish(&w, "}}");
}

static void put_job(struct plab_writer *w, const struct plab_stratum_job *job,
                    unsigned target_bytes) {
    plab_put_hex(w, "{\"blob\":", job->blob, job->blob_len);
    plab_put_member(w, ",\"job_id\":", job->job_id);
    plab_put_target(w, ",\"target\":", job->target, target_bytes);
    if (job->algo[0] != '\0') {
        plab_put_member(w, ",\"algo\":", job->algo);
    }
    if (job->has_height) {
        plab_put_format(w, ",\"height\":%" PRIu64, job->height);
    }
    if (job->has_seed) {
        plab_put_hex(w, ",\"seed_hash\":", job->seed_hash, sizeof job->seed_hash);
    }
    if (job->has_next_seed) {
        plab_put_hex(w, ",\"next_seed_hash\":", job->next_seed_hash, sizeof job->next_seed_hash);
    }
    plab_put(w, "}");
}

static void put_extensions(struct plab_writer *w, unsigned extensions) {
    static const struct {
        unsigned bit;
        const char *name;
    } known[] = {
        {PLAB_EXT_ALGO, "algo"},
        {PLAB_EXT_NICEHASH, "nicehash"},
        {PLAB_EXT_KEEPALIVE, "keepalive"},
    };
    bool first = true;
    plab_put(w, ",\"extensions\":[");
    for (size_t i = 0; i < PLAB_ARRAY_LEN(known); i++) {
        if (extensions & known[i].bit) {
            plab_put_member(w, first ? "" : ",", known[i].name);
            first = false;
        }
    }
    plab_put(w, "]");
}

size_t plab_stratum_build_login_reply(char *out, size_t cap, const struct plab_stratum_id *id,
                                      const char *session_id, unsigned extensions,
                                      const struct plab_stratum_job *job, unsigned target_bytes) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"jsonrpc\":\"2.0\",\"id\":");
    plab_put_id(&w, id);
    plab_put_member(&w, ",\"error\":null,\"result\":{\"id\":", session_id);
    plab_put(&w, ",\"job\":");
    put_job(&w, job, target_bytes);
    put_extensions(&w, extensions);
    return plab_finish(&w, ",\"status\":\"OK\"}}");
}

size_t plab_stratum_build_job(char *out, size_t cap, const struct plab_stratum_job *job,
                              unsigned target_bytes) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"jsonrpc\":\"2.0\",\"method\":\"job\",\"params\":");
    put_job(&w, job, target_bytes);
    return plab_finish(&w, "}");
}

size_t plab_stratum_build_ok(char *out, size_t cap, const struct plab_stratum_id *id,
                             const char *status) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"id\":");
    plab_put_id(&w, id);
    plab_put_member(&w, ",\"jsonrpc\":\"2.0\",\"error\":null,\"result\":{\"status\":", status);
    return plab_finish(&w, "}}");
}

size_t plab_stratum_build_error(char *out, size_t cap, const struct plab_stratum_id *id,
                                const char *message) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"id\":");
    plab_put_id(&w, id);
    plab_put_member(&w, ",\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,\"message\":", message);
    return plab_finish(&w, "}}");
}
