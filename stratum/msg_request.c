/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests, as a pool receives them on lines, in whatever tongue. */
#include <stdio.h>
#include <string.h>

#include "stratum/json_priv.h"

#define NONCE_AT 39

static void parse_algo_list(const json_t *list, struct plab_stratum_login *out) {
    size_t count = json_array_size(list); /* 0 for anything but an array */
    for (size_t i = 0; i < count && out->algo_count < PLAB_STRATUM_ALGO_MAX; i++) {
        if (plab_json_plain(json_array_get(list, i), out->algo[out->algo_count],
                            PLAB_STRATUM_NAME_MAX)) {
            out->algo_count++;
        }
    }
}

bool plab_json_login(const json_t *name, struct plab_stratum_login *out, struct plab_error *err) {
    if (!plab_json_plain(name, out->login, sizeof out->login) || out->login[0] == '\0') {
        (void)plab_json_bad_field(err, "login", name, "a name of 1 to 256 plain characters");
        return false;
    }
    return true;
}

static enum plab_status take_login(const json_t *params, struct plab_stratum_request *request,
                                   struct plab_error *err) {
    struct plab_stratum_login *out = &request->login;
    if (!plab_json_login(json_object_get(params, "login"), out, err)) {
        return PLAB_E_INPUT;
    }
    plab_json_text(params, "pass", out->pass, sizeof out->pass);
    plab_json_text(params, "agent", out->agent, sizeof out->agent);
    plab_json_text(params, "rigid", out->rig_id, sizeof out->rig_id);
    parse_algo_list(json_object_get(params, "algo"), out);
    return PLAB_OK;
}

enum plab_status plab_json_share(const json_t *params, struct plab_stratum_submit *out,
                                 struct plab_error *err) {
    const json_t *job_id = json_object_get(params, "job_id");
    const json_t *nonce = json_object_get(params, "nonce");
    const json_t *result = json_object_get(params, "result");
    const json_t *commitment = json_object_get(params, "commitment");
    const json_t *algo = json_object_get(params, "algo");
    if (!plab_json_plain(job_id, out->job_id, sizeof out->job_id)) {
        return plab_json_bad_field(err, "job_id", job_id, "a job id");
    }
    if (!plab_json_hex(nonce, out->nonce, sizeof out->nonce)) {
        return plab_json_bad_field(err, "nonce", nonce, "8 hex digits");
    }
    if (!plab_json_hex(result, out->result, sizeof out->result)) {
        return plab_json_bad_field(err, "result", result, "64 hex digits");
    }
    out->has_commitment = commitment != NULL;
    if (out->has_commitment &&
        !plab_json_hex(commitment, out->commitment, sizeof out->commitment)) {
        return plab_json_bad_field(err, "commitment", commitment, "64 hex digits");
    }
    if (algo != NULL && !plab_json_plain(algo, out->algo, sizeof out->algo)) {
        return plab_json_bad_field(err, "algo", algo, "an algorithm's name");
    }
    return PLAB_OK;
}

static enum plab_status take_submit(const json_t *params, struct plab_stratum_request *request,
                                    struct plab_error *err) {
    const json_t *session = json_object_get(params, "id");
    struct plab_stratum_submit *out = &request->submit;
    if (!plab_json_plain(session, out->session_id, sizeof out->session_id)) {
        return plab_json_bad_field(err, "id", session, "a session id");
    }
    return plab_json_share(params, out, err);
}

static enum plab_status take_session(const json_t *params, struct plab_stratum_request *request,
                                     struct plab_error *err) {
    (void)err;
    (void)plab_json_plain(json_object_get(params, "id"), request->session_id,
                          sizeof request->session_id);
    return PLAB_OK;
}

/* The agent is known before the name; the login hasn't it any more. */
static enum plab_status take_nothing(const json_t *params, struct plab_stratum_request *request,
                                     struct plab_error *err) {
    (void)params;
    (void)request;
    (void)err;
    return PLAB_OK;
}

static enum plab_status take_authorize(const json_t *params, struct plab_stratum_request *request,
                                       struct plab_error *err) {
    const json_t *pass = json_array_get(params, 1);
    if (!plab_json_login(json_array_get(params, 0), &request->login, err)) {
        return PLAB_E_INPUT;
    }
    if (json_is_string(pass)) {
        plab_json_copy_cut(request->login.pass, sizeof request->login.pass, json_string_value(pass),
                           json_string_length(pass));
    }
    return PLAB_OK;
}

/* [user, job id, extra nonce, time, nonce] */
static enum plab_status take_mining_submit(const json_t *params,
                                           struct plab_stratum_request *request,
                                           struct plab_error *err) {
    struct plab_stratum_submit *out = &request->submit;
    const json_t *job_id = json_array_get(params, 1), *nonce = json_array_get(params, 4);
    out->claims_nothing = out->no_session = true;
    if (!plab_json_plain(job_id, out->job_id, sizeof out->job_id)) {
        return plab_json_bad_field(err, "job id", job_id, "a job id");
    }
    if (!plab_json_hex(nonce, out->nonce, sizeof out->nonce)) {
        return plab_json_bad_field(err, "nonce", nonce, "8 hex digits");
    }
    return PLAB_OK;
}

/* Whoever asks for a template is nobody in particular. */
static enum plab_status take_work(const json_t *params, struct plab_stratum_request *request,
                                  struct plab_error *err) {
    (void)params;
    (void)err;
    snprintf(request->login.login, sizeof request->login.login, "getblocktemplate");
    return PLAB_OK;
}

/* [blob, {"workid": job id}] */
static enum plab_status take_submitblock(const json_t *params, struct plab_stratum_request *request,
                                         struct plab_error *err) {
    struct plab_stratum_submit *out = &request->submit;
    struct plab_stratum_job seen;
    const json_t *work = json_object_get(json_array_get(params, 1), "workid");
    out->claims_nothing = out->no_session = true;
    if (!plab_json_plain(work, out->job_id, sizeof out->job_id)) {
        return plab_json_bad_field(err, "workid", work, "a job id");
    }
    enum plab_status status = plab_json_blob(json_array_get(params, 0), &seen, err);
    if (status == PLAB_OK) {
        memcpy(out->nonce, seen.blob + NONCE_AT, sizeof out->nonce);
    }
    return status;
}

struct method {
    const char *name;
    enum plab_stratum_method method;
    enum plab_tongue tongue;
    json_type params;
    enum plab_status (*take)(const json_t *params, struct plab_stratum_request *request,
                             struct plab_error *err);
};

static const struct method methods[] = {
    {"login", PLAB_METHOD_LOGIN, PLAB_TONGUE_CRYPTONOTE, JSON_OBJECT, take_login},
    {"submit", PLAB_METHOD_SUBMIT, PLAB_TONGUE_CRYPTONOTE, JSON_OBJECT, take_submit},
    {"keepalived", PLAB_METHOD_KEEPALIVED, PLAB_TONGUE_CRYPTONOTE, JSON_OBJECT, take_session},
    {"getjob", PLAB_METHOD_GETJOB, PLAB_TONGUE_CRYPTONOTE, JSON_OBJECT, take_session},
    {"mining.subscribe", PLAB_METHOD_SUBSCRIBE, PLAB_TONGUE_STRATUM1, JSON_ARRAY, take_nothing},
    {"mining.authorize", PLAB_METHOD_LOGIN, PLAB_TONGUE_STRATUM1, JSON_ARRAY, take_authorize},
    {"mining.extranonce.subscribe", PLAB_METHOD_EXTRA, PLAB_TONGUE_STRATUM1, JSON_ARRAY,
     take_nothing},
    {"mining.submit", PLAB_METHOD_SUBMIT, PLAB_TONGUE_STRATUM1, JSON_ARRAY, take_mining_submit},
    {"getblocktemplate", PLAB_METHOD_WORK, PLAB_TONGUE_TEMPLATE, JSON_ARRAY, take_work},
    {"submitblock", PLAB_METHOD_SUBMIT, PLAB_TONGUE_TEMPLATE, JSON_ARRAY, take_submitblock},
};

static enum plab_status take_params(const struct method *method, const json_t *params,
                                    struct plab_stratum_request *out, struct plab_error *err) {
    if (params == NULL || json_typeof(params) != method->params) {
        return plab_json_bad_field(err, "params", params,
                                   method->params == JSON_OBJECT ? "an object" : "an array");
    }
    return method->take(params, out, err);
}

static enum plab_status parse_request_object(const json_t *root, struct plab_stratum_request *out,
                                             struct plab_error *err) {
    const json_t *id = json_object_get(root, "id");
    const json_t *method = json_object_get(root, "method");
    if (!plab_json_id(id, &out->id)) {
        char shown[PLAB_JSON_SHOWN_MAX];
        return plab_fail(err, PLAB_E_PROTOCOL, "request id is %s, not an integer or a short string",
                         plab_json_describe(id, shown));
    }
    if (!json_is_string(method)) {
        return plab_json_bad_field(err, "method", method, "a string");
    }
    plab_json_text(root, "method", out->method_name, sizeof out->method_name);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(methods); i++) {
        if (strcmp(json_string_value(method), methods[i].name) == 0) {
            out->method = methods[i].method;
            out->tongue = methods[i].tongue;
            return take_params(&methods[i], json_object_get(root, "params"), out, err);
        }
    }
    return PLAB_OK;
}

enum plab_status plab_stratum_parse_request(const char *line, size_t len,
                                            struct plab_stratum_request *out,
                                            struct plab_error *err) {
    json_t *root = NULL;
    memset(out, 0, sizeof *out);
    out->method = PLAB_METHOD_UNKNOWN;
    enum plab_status status = plab_json_load(line, len, &root, err);
    if (status == PLAB_OK) {
        status = parse_request_object(root, out, err);
        json_decref(root);
    }
    return status;
}
