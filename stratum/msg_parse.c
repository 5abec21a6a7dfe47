/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "stratum/json_priv.h"
#include "stratum/target.h"

/* Replies and notifications, as a client receives them. */

enum plab_status plab_json_blob(const json_t *value, struct plab_stratum_job *out,
                                struct plab_error *err) {
    if (!json_is_string(value)) {
        return plab_json_bad_field(err, "blob", value, "a string of hex digits");
    }
    size_t digits = json_string_length(value);
    if (digits < 2 * PLAB_STRATUM_BLOB_MIN || digits > 2 * PLAB_STRATUM_BLOB_MAX) {
        return plab_fail(err, PLAB_E_INPUT, "blob has %zu hex digits, not %d to %d", digits,
                         2 * PLAB_STRATUM_BLOB_MIN, 2 * PLAB_STRATUM_BLOB_MAX);
    }
    struct plab_error why;
    if (plab_hex_decode(json_string_value(value), digits, out->blob, sizeof out->blob,
                        &out->blob_len, &why) != PLAB_OK) {
        return plab_fail(err, PLAB_E_INPUT, "blob: %s", why.text);
    }
    return PLAB_OK;
}

enum plab_status plab_json_seeds(const json_t *params, struct plab_stratum_job *out,
                                 struct plab_error *err) {
    const json_t *seed = json_object_get(params, "seed_hash");
    bool empty = json_is_null(seed) || (json_is_string(seed) && json_string_length(seed) == 0);
    if (seed != NULL && !empty) {
        out->has_seed = plab_json_hex(seed, out->seed_hash, sizeof out->seed_hash);
        if (!out->has_seed) {
            return plab_json_bad_field(err, "seed_hash", seed, "64 hex digits");
        }
    }
    /* Only a hint: a bad one is no reason to refuse the job. */
    out->has_next_seed = plab_json_hex(json_object_get(params, "next_seed_hash"),
                                       out->next_seed_hash, sizeof out->next_seed_hash);
    return PLAB_OK;
}

enum plab_status plab_json_job(const json_t *params, struct plab_stratum_job *out,
                               struct plab_error *err) {
    if (!json_is_object(params)) {
        return plab_json_bad_field(err, "job", params, "an object");
    }
    const json_t *job_id = json_object_get(params, "job_id");
    if (!plab_json_plain(job_id, out->job_id, sizeof out->job_id)) {
        return plab_json_bad_field(err, "job_id", job_id,
                                   "a string of at most 128 plain characters");
    }
    enum plab_status status = plab_json_blob(json_object_get(params, "blob"), out, err);
    if (status != PLAB_OK) {
        return status;
    }
    const json_t *target = json_object_get(params, "target");
    if (!json_is_string(target)) {
        return plab_json_bad_field(err, "target", target, "a string of 8 or 16 hex digits");
    }
    status =
        plab_target_parse(json_string_value(target), json_string_length(target), &out->target, err);
    if (status != PLAB_OK) {
        return status;
    }
    const json_t *algo = json_object_get(params, "algo");
    if (algo != NULL && !json_is_null(algo) &&
        (!plab_json_plain(algo, out->algo, sizeof out->algo) || out->algo[0] == '\0')) {
        return plab_json_bad_field(err, "algo", algo, "an algorithm's name");
    }
    const json_t *height = json_object_get(params, "height");
    if (json_is_integer(height) && json_integer_value(height) >= 0) {
        out->has_height = true;
        out->height = (uint64_t)json_integer_value(height);
    }
    return plab_json_seeds(params, out, err);
}

static unsigned parse_extensions(const json_t *list) {
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {
        {"algo", PLAB_EXT_ALGO},
        {"keepalive", PLAB_EXT_KEEPALIVE},
        {"nicehash", PLAB_EXT_NICEHASH},
    };
    unsigned extensions = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        for (size_t k = 0; name != NULL && k < PLAB_ARRAY_LEN(known); k++) {
            if (strcmp(name, known[k].name) == 0) {
                extensions |= known[k].bit;
            }
        }
    }
    return extensions;
}

/* What an "error" member says. Anything but null and absence is an error. */
void plab_json_error(const json_t *error, struct plab_stratum_reply *out) {
    const json_t *message = json_is_object(error) ? json_object_get(error, "message") : error;
    if (json_is_string(message) && json_string_length(message) > 0) {
        plab_json_copy_cut(out->error, sizeof out->error, json_string_value(message),
                           json_string_length(message));
    } else {
        snprintf(out->error, sizeof out->error, "error without a message");
    }
}

static enum plab_status parse_response(const json_t *root, struct plab_stratum_reply *out,
                                       struct plab_error *err) {
    const json_t *error = json_object_get(root, "error");
    const json_t *result = json_object_get(root, "result");
    if (error != NULL && !json_is_null(error)) {
        plab_json_error(error, out);
        return PLAB_OK;
    }
    if (!json_is_object(result)) {
        char shown[PLAB_JSON_SHOWN_MAX];
        snprintf(out->error, sizeof out->error, "result is %s, not an object",
                 plab_json_describe(result, shown));
        return PLAB_OK;
    }
    out->ok = true;
    const json_t *session = json_object_get(result, "id");
    out->has_session = plab_json_plain(session, out->session_id, sizeof out->session_id) &&
                       out->session_id[0] != '\0';
    out->extensions = parse_extensions(json_object_get(result, "extensions"));
    plab_json_text(result, "status", out->status, sizeof out->status);
    const json_t *job = json_object_get(result, "job");
    if (job == NULL && json_object_get(result, "blob") != NULL) {
        job = result; /* the answer to getjob is the job itself */
    }
    if (job == NULL) {
        return PLAB_OK;
    }
    enum plab_status status = plab_json_job(job, &out->job, err);
    out->has_job = status == PLAB_OK;
    return status;
}

static enum plab_status parse_reconnect(const json_t *params, struct plab_stratum_reply *out,
                                        struct plab_error *err) {
    const json_t *host = json_array_get(params, 0);
    const json_t *port = json_array_get(params, 1);
    char text[6];
    unsigned value = 0;
    int used = 0;
    if (json_array_size(params) != 2 || !plab_json_plain(host, out->host, sizeof out->host) ||
        out->host[0] == '\0' || !plab_json_plain(port, text, sizeof text) ||
        strspn(text, "0123456789") != strlen(text) || sscanf(text, "%5u%n", &value, &used) != 1 ||
        value == 0 || value > UINT16_MAX) {
        out->host[0] = '\0';
        return plab_fail(err, PLAB_E_INPUT,
                         "client.reconnect needs two strings, a host and a port of 1 to 65535");
    }
    out->port = (uint16_t)value;
    return PLAB_OK;
}

static enum plab_status parse_notification(const json_t *root, struct plab_stratum_reply *out,
                                           struct plab_error *err) {
    const char *method = json_string_value(json_object_get(root, "method"));
    const json_t *params = json_object_get(root, "params");
    if (method != NULL && strcmp(method, "job") == 0) {
        out->event = PLAB_EVENT_JOB;
        enum plab_status status = plab_json_job(params, &out->job, err);
        out->has_job = status == PLAB_OK;
        return status;
    }
    if (method != NULL && strcmp(method, "client.reconnect") == 0) {
        out->event = PLAB_EVENT_RECONNECT;
        return parse_reconnect(params, out, err);
    }
    out->event = PLAB_EVENT_NOTICE;
    return PLAB_OK;
}

static enum plab_status parse_reply_object(const json_t *root, struct plab_stratum_reply *out,
                                           struct plab_error *err) {
    if (json_object_get(root, "method") != NULL) {
        return parse_notification(root, out, err);
    }
    const json_t *id = json_object_get(root, "id");
    if (!plab_json_id(id, &out->id)) {
        out->event = PLAB_EVENT_NOTICE;
        char shown[PLAB_JSON_SHOWN_MAX];
        return plab_fail(err, PLAB_E_INPUT,
                         "no method, and the id is %s, not an integer or a short string",
                         plab_json_describe(id, shown));
    }
    out->event = PLAB_EVENT_RESPONSE;
    return parse_response(root, out, err);
}

enum plab_status plab_stratum_parse_reply(const char *line, size_t len,
                                          struct plab_stratum_reply *out, struct plab_error *err) {
    json_t *root = NULL;
    memset(out, 0, sizeof *out);
    out->event = PLAB_EVENT_NOTICE;
    enum plab_status status = plab_json_load(line, len, &root, err);
    if (status == PLAB_OK) {
        status = parse_reply_object(root, out, err);
        json_decref(root);
    }
    return status;
}
