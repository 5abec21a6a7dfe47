/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The messages of browser miners, both sides: {"type":..,"params":{..}}, one a WebSocket text. The
 * site key is the login, the user of an account its rig. Jobs name their algorithm, height and seed
 * beyond what the original had, so that any algorithm can be mined. Source: the Coinhive script's
 * messages, deepMiner.
 *
 * Nothing has an id: an answer belongs to the oldest request.
 */
#include <inttypes.h>
#include <string.h>

#include "stratum/dialect_priv.h"
#include "stratum/json_priv.h"
#include "stratum/writer_priv.h"

/* ---- the client's requests ---- */

size_t plab_coinhive_auth(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_member(&w, "{\"type\":\"auth\",\"params\":{\"site_key\":", ask->login->login);
    return plab_finish(&w, ",\"type\":\"anonymous\",\"user\":null,\"goal\":0}}");
}

size_t plab_coinhive_submit(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    const struct plab_stratum_submit *submit = ask->submit;
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_member(&w, "{\"type\":\"submit\",\"params\":{\"job_id\":", submit->job_id);
    plab_put_hex(&w, ",\"nonce\":", submit->nonce, sizeof submit->nonce);
    plab_put_hex(&w, ",\"result\":", submit->result, sizeof submit->result);
    if (submit->has_commitment) {
        plab_put_hex(&w, ",\"commitment\":", submit->commitment, sizeof submit->commitment);
    }
    return plab_finish(&w, "}}");
}

/* ---- what the client hears ---- */

static enum plab_status take_ok(const json_t *params, struct plab_stratum_reply *out,
                                struct plab_error *err) {
    (void)params;
    (void)err;
    out->event = PLAB_EVENT_RESPONSE;
    out->in_order = out->ok = true;
    return PLAB_OK;
}

static enum plab_status take_error(const json_t *params, struct plab_stratum_reply *out,
                                   struct plab_error *err) {
    (void)err;
    out->event = PLAB_EVENT_RESPONSE;
    out->in_order = true;
    plab_json_error(json_object_get(params, "error"), out);
    return PLAB_OK;
}

static enum plab_status take_banned(const json_t *params, struct plab_stratum_reply *out,
                                    struct plab_error *err) {
    static const char words[] = "your IP is banned";
    (void)params;
    (void)err;
    out->event = PLAB_EVENT_RESPONSE;
    out->in_order = true;
    plab_json_copy_cut(out->error, sizeof out->error, words, sizeof words - 1);
    return PLAB_OK;
}

static enum plab_status take_job(const json_t *params, struct plab_stratum_reply *out,
                                 struct plab_error *err) {
    out->event = PLAB_EVENT_JOB;
    enum plab_status status = plab_json_job(params, &out->job, err);
    out->has_job = status == PLAB_OK;
    return status;
}

static const struct {
    const char *type;
    enum plab_status (*take)(const json_t *params, struct plab_stratum_reply *out,
                             struct plab_error *err);
} heard[] = {{"authed", take_ok},
             {"hash_accepted", take_ok},
             {"job", take_job},
             {"error", take_error},
             {"banned", take_banned}};

/* Others, "verify" above all, are notices that may be ignored. */
enum plab_status plab_coinhive_parse_reply(const char *line, size_t len,
                                           struct plab_stratum_reply *out, struct plab_error *err) {
    json_t *root = NULL;
    memset(out, 0, sizeof *out);
    out->event = PLAB_EVENT_NOTICE;
    enum plab_status status = plab_json_load(line, len, &root, err);
    if (status != PLAB_OK) {
        return status;
    }
    const char *type = json_string_value(json_object_get(root, "type"));
    if (type == NULL) {
        status = plab_json_bad_field(err, "type", json_object_get(root, "type"), "a string");
    }
    for (size_t i = 0; type != NULL && i < PLAB_ARRAY_LEN(heard); i++) {
        if (strcmp(type, heard[i].type) == 0) {
            status = heard[i].take(json_object_get(root, "params"), out, err);
        }
    }
    json_decref(root);
    return status;
}

/* ---- what the pool hears ---- */

static enum plab_status take_auth(const json_t *params, struct plab_stratum_request *out,
                                  struct plab_error *err) {
    if (!plab_json_login(json_object_get(params, "site_key"), &out->login, NULL)) {
        return plab_fail(err, PLAB_E_INPUT, "invalid_site_key"); /* the word that scripts know */
    }
    plab_json_text(params, "user", out->login.rig_id, sizeof out->login.rig_id);
    return PLAB_OK;
}

static enum plab_status take_submit(const json_t *params, struct plab_stratum_request *out,
                                    struct plab_error *err) {
    out->submit.no_session = true;
    return plab_json_share(params, &out->submit, err);
}

/* The verdict on somebody else's share; nobody was asked for one. */
static enum plab_status take_verified(const json_t *params, struct plab_stratum_request *out,
                                      struct plab_error *err) {
    (void)params;
    (void)out;
    (void)err;
    return PLAB_OK;
}

static const struct {
    const char *type;
    enum plab_stratum_method method;
    enum plab_status (*take)(const json_t *params, struct plab_stratum_request *out,
                             struct plab_error *err);
} asked[] = {{"auth", PLAB_METHOD_LOGIN, take_auth},
             {"submit", PLAB_METHOD_SUBMIT, take_submit},
             {"verified", PLAB_METHOD_NOTE, take_verified}};

static enum plab_status parse_object(const json_t *root, struct plab_stratum_request *out,
                                     struct plab_error *err) {
    const json_t *type = json_object_get(root, "type"), *params = json_object_get(root, "params");
    if (!json_is_string(type)) {
        return plab_json_bad_field(err, "type", type, "a string");
    }
    plab_json_text(root, "type", out->method_name, sizeof out->method_name);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(asked); i++) {
        if (strcmp(json_string_value(type), asked[i].type) == 0) {
            out->method = asked[i].method;
            return json_is_object(params) ? asked[i].take(params, out, err)
                                          : plab_json_bad_field(err, "params", params, "an object");
        }
    }
    return PLAB_OK;
}

enum plab_status plab_coinhive_parse_request(const char *text, size_t len,
                                             struct plab_stratum_request *out,
                                             struct plab_error *err) {
    json_t *root = NULL;
    memset(out, 0, sizeof *out);
    out->method = PLAB_METHOD_UNKNOWN;
    out->tongue = PLAB_TONGUE_COINHIVE;
    enum plab_status status = plab_json_load(text, len, &root, err);
    if (status != PLAB_OK) {
        return status;
    }
    status = parse_object(root, out, err);
    json_decref(root);
    return status;
}

/* ---- the pool's answers ---- */

static void put_job(struct plab_writer *w, const struct plab_voice_work *work) {
    const struct plab_stratum_job *job = work->job;
    plab_put_member(w, "{\"type\":\"job\",\"params\":{\"job_id\":", job->job_id);
    plab_put_hex(w, ",\"blob\":", job->blob, job->blob_len);
    plab_put_target(w, ",\"target\":", job->target, work->target_bytes);
    plab_put_member(w, ",\"algo\":", job->algo);
    if (job->has_height) {
        plab_put_format(w, ",\"height\":%" PRIu64, job->height);
    }
    if (job->has_seed) {
        plab_put_hex(w, ",\"seed_hash\":", job->seed_hash, PLAB_STRATUM_HASH);
    }
    if (job->has_next_seed) {
        plab_put_hex(w, ",\"next_seed_hash\":", job->next_seed_hash, PLAB_STRATUM_HASH);
    }
}

static size_t say_job(char *out, size_t cap, const struct plab_voice_work *work) {
    struct plab_writer w = {.out = out, .cap = cap};
    put_job(&w, work);
    return plab_finish(&w, "}}");
}

static size_t say_welcome(char *out, size_t cap, const struct plab_voice_work *work) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"type\":\"authed\",\"params\":{\"token\":\"\",\"hashes\":0}}\n");
    put_job(&w, work);
    return plab_finish(&w, "}}");
}

static size_t say_good(char *out, size_t cap, const struct plab_voice_answer *answer) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"type\":\"hash_accepted\",\"params\":{\"hashes\":");
    plab_put_format(&w, "%" PRIu64, answer->hashes);
    return plab_finish(&w, "}}");
}

static size_t say_bad(char *out, size_t cap, const struct plab_voice_answer *answer) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_member(&w, "{\"type\":\"error\",\"params\":{\"error\":", answer->error);
    return plab_finish(&w, "}}");
}

static size_t say_banned(char *out, size_t cap, const struct plab_voice_answer *answer) {
    struct plab_writer w = {.out = out, .cap = cap};
    (void)answer;
    return plab_finish(&w, "{\"type\":\"banned\",\"params\":{\"banned\":true}}");
}

const struct plab_voice plab_coinhive_voice = {
    .welcome = say_welcome, .job = say_job, .good = say_good, .bad = say_bad, .banned = say_banned};
