/* SPDX-License-Identifier: BSD-3-Clause */
#include "stratum/voice.h"

#include <inttypes.h>

#include "stratum/dialect_priv.h"
#include "stratum/writer_priv.h"

#define VERSION "\"jsonrpc\":\"2.0\""

static void put_seed(struct plab_writer *w, const char *key, bool has, const uint8_t *seed) {
    if (has) {
        plab_put_hex(w, key, seed, PLAB_STRATUM_HASH);
    }
}

static void put_height(struct plab_writer *w, const char *key, const struct plab_stratum_job *job) {
    if (job->has_height) {
        plab_put(w, key);
        plab_put_format(w, "%" PRIu64, job->height);
    }
}

/* ---- what several of them have ---- */

static size_t build_status(char *out, size_t cap, const struct plab_voice_answer *answer) {
    return plab_stratum_build_ok(out, cap, answer->id, answer->status);
}

static size_t build_error(char *out, size_t cap, const struct plab_voice_answer *answer) {
    return plab_stratum_build_error(out, cap, answer->id, answer->error);
}

/* ---- xmrig-proxy ---- */

static size_t proxy_welcome(char *out, size_t cap, const struct plab_voice_work *work) {
    return plab_stratum_build_login_reply(out, cap, work->id, work->session_id, work->extensions,
                                          work->job, work->target_bytes);
}

static size_t proxy_job(char *out, size_t cap, const struct plab_voice_work *work) {
    return plab_stratum_build_job(out, cap, work->job, work->target_bytes);
}

const struct plab_voice plab_voice_xmrig_proxy = {
    .welcome = proxy_welcome, .job = proxy_job, .good = build_status, .bad = build_error};

/* ---- monero-pool: no algorithm, no extensions; both seeds always, the next one mostly empty ----
 */

static void monero_put_job(struct plab_writer *w, const char *key,
                           const struct plab_voice_work *work) {
    const struct plab_stratum_job *job = work->job;
    plab_put_hex(w, key, job->blob, job->blob_len);
    plab_put_member(w, ",\"job_id\":", job->job_id);
    plab_put_target(w, ",\"target\":", job->target, work->target_bytes);
    put_height(w, ",\"height\":", job);
    put_seed(w, ",\"seed_hash\":", job->has_seed, job->seed_hash);
    if (job->has_next_seed) {
        put_seed(w, ",\"next_seed_hash\":", true, job->next_seed_hash);
    } else {
        plab_put(w, ",\"next_seed_hash\":\"\"");
    }
}

static size_t monero_welcome(char *out, size_t cap, const struct plab_voice_work *work) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"id\":");
    plab_put_id(&w, work->id);
    plab_put_member(&w, "," VERSION ",\"error\":null,\"result\":{\"id\":", work->session_id);
    monero_put_job(&w, ",\"job\":{\"blob\":", work);
    return plab_finish(&w, "},\"status\":\"OK\"}}");
}

static size_t monero_job(char *out, size_t cap, const struct plab_voice_work *work) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_member(&w, "{" VERSION ",\"method\":\"job\",\"params\":{\"id\":", work->session_id);
    monero_put_job(&w, ",\"blob\":", work);
    return plab_finish(&w, "}}");
}

/* With a blank after the comma. */
static size_t monero_error(char *out, size_t cap, const struct plab_voice_answer *answer) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"id\":");
    plab_put_id(&w, answer->id);
    plab_put_member(&w, "," VERSION ",\"error\":{\"code\":-1, \"message\":", answer->error);
    return plab_finish(&w, "}}");
}

const struct plab_voice plab_voice_monero_pool = {
    .welcome = monero_welcome, .job = monero_job, .good = build_status, .bad = monero_error};

/* ---- p2pool: no "error" when there is none, no code when there is one ---- */

static void p2pool_put_job(struct plab_writer *w, const char *key,
                           const struct plab_voice_work *work) {
    const struct plab_stratum_job *job = work->job;
    plab_put_hex(w, key, job->blob, job->blob_len);
    plab_put_member(w, ",\"job_id\":", job->job_id);
    plab_put_target(w, ",\"target\":", job->target, work->target_bytes);
    plab_put_member(w, ",\"algo\":", job->algo);
    put_height(w, ",\"height\":", job);
    put_seed(w, ",\"seed_hash\":", job->has_seed, job->seed_hash);
}

static size_t p2pool_welcome(char *out, size_t cap, const struct plab_voice_work *work) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"id\":");
    plab_put_id(&w, work->id);
    plab_put_member(&w, "," VERSION ",\"result\":{\"id\":", work->session_id);
    p2pool_put_job(&w, ",\"job\":{\"blob\":", work);
    return plab_finish(&w, "},\"extensions\":[\"algo\"],\"status\":\"OK\"}}");
}

static size_t p2pool_job(char *out, size_t cap, const struct plab_voice_work *work) {
    struct plab_writer w = {.out = out, .cap = cap};
    p2pool_put_job(&w, "{" VERSION ",\"method\":\"job\",\"params\":{\"blob\":", work);
    return plab_finish(&w, "}}");
}

static size_t p2pool_error(char *out, size_t cap, const struct plab_voice_answer *answer) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"id\":");
    plab_put_id(&w, answer->id);
    plab_put_member(&w, "," VERSION ",\"error\":{\"message\":", answer->error);
    return plab_finish(&w, "}}");
}

const struct plab_voice plab_voice_p2pool = {
    .welcome = p2pool_welcome, .job = p2pool_job, .good = build_status, .bad = p2pool_error};

/* ---- nodejs-pool: objects in the order in which JavaScript made them ---- */

static void nodejs_begin(struct plab_writer *w, const struct plab_stratum_id *id) {
    plab_put(w, "{" VERSION ",\"id\":");
    plab_put_id(w, id);
}

static void nodejs_put_job(struct plab_writer *w, const char *key,
                           const struct plab_voice_work *work) {
    const struct plab_stratum_job *job = work->job;
    plab_put_hex(w, key, job->blob, job->blob_len);
    plab_put_member(w, ",\"algo\":", job->algo);
    put_height(w, ",\"height\":", job);
    put_seed(w, ",\"seed_hash\":", job->has_seed, job->seed_hash);
    plab_put_member(w, ",\"job_id\":", job->job_id);
    plab_put_target(w, ",\"target\":", job->target, work->target_bytes);
    plab_put_member(w, ",\"id\":", work->session_id);
    plab_put(w, "}");
}

static size_t nodejs_welcome(char *out, size_t cap, const struct plab_voice_work *work) {
    struct plab_writer w = {.out = out, .cap = cap};
    nodejs_begin(&w, work->id);
    plab_put_member(&w, ",\"error\":null,\"result\":{\"id\":", work->session_id);
    nodejs_put_job(&w, ",\"job\":{\"blob\":", work);
    return plab_finish(&w, ",\"status\":\"OK\"}}");
}

static size_t nodejs_job(char *out, size_t cap, const struct plab_voice_work *work) {
    struct plab_writer w = {.out = out, .cap = cap};
    nodejs_put_job(&w, "{\"method\":\"job\",\"params\":{\"blob\":", work);
    return plab_finish(&w, "," VERSION "}");
}

static size_t nodejs_status(char *out, size_t cap, const struct plab_voice_answer *answer) {
    struct plab_writer w = {.out = out, .cap = cap};
    nodejs_begin(&w, answer->id);
    plab_put_member(&w, ",\"error\":null,\"result\":{\"status\":", answer->status);
    return plab_finish(&w, "}}");
}

static size_t nodejs_error(char *out, size_t cap, const struct plab_voice_answer *answer) {
    struct plab_writer w = {.out = out, .cap = cap};
    nodejs_begin(&w, answer->id);
    plab_put_member(&w, ",\"error\":{\"code\":-1,\"message\":", answer->error);
    return plab_finish(&w, "}}");
}

const struct plab_voice plab_voice_nodejs_pool = {
    .welcome = nodejs_welcome, .job = nodejs_job, .good = nodejs_status, .bad = nodejs_error};

const struct plab_voice *plab_voice_of(enum plab_tongue tongue) {
    static const struct plab_voice *const voices[PLAB_TONGUE_COUNT] = {
        [PLAB_TONGUE_STRATUM1] = &plab_stratum1_voice,
        [PLAB_TONGUE_TEMPLATE] = &plab_template_voice,
        [PLAB_TONGUE_COINHIVE] = &plab_coinhive_voice};
    return voices[tongue];
}
