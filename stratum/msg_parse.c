/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/log.h"
#include "stratum/msg.h"
#include "stratum/target.h"

/* Characters of a peer's value that an error text repeats. */
#define SHOWN_MAX 48

/* What went wrong with a value, for texts: its type, or its escaped beginning. */
static const char *describe(const json_t *value, char out[SHOWN_MAX]) {
    static const char *const type_name[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number",  [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    if (value == NULL) {
        return "missing";
    }
    if (!json_is_string(value)) {
        return type_name[json_typeof(value)];
    }
    out[0] = '"';
    plab_log_escape(json_string_value(value), json_string_length(value), out + 1, SHOWN_MAX - 2);
    size_t end = strlen(out);
    out[end] = '"';
    out[end + 1] = '\0';
    return out;
}

static enum plab_status bad_field(struct plab_error *err, const char *field, const json_t *value,
                                  const char *rule) {
    char shown[SHOWN_MAX];
    return plab_fail(err, PLAB_E_INPUT, "%s is %s, not %s", field, describe(value, shown), rule);
}

/* True if brackets nest at most PLAB_STRATUM_DEPTH_MAX deep. The parser behind us recurses, so this
 * comes first; whether the brackets match is the parser's business. */
static bool depth_is_sane(const char *line, size_t len) {
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (line[i] == '\\') {
                i++;
            } else if (line[i] == '"') {
                in_string = false;
            }
        } else if (line[i] == '"') {
            in_string = true;
        } else if (line[i] == '{' || line[i] == '[') {
            if (++depth > PLAB_STRATUM_DEPTH_MAX) {
                return false;
            }
        } else if ((line[i] == '}' || line[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

/* Loads one object; the caller owns `*out`. */
static enum plab_status load_object(const char *line, size_t len, json_t **out,
                                    struct plab_error *err) {
    if (len > PLAB_STRATUM_LINE_MAX) {
        return plab_fail(err, PLAB_E_PROTOCOL, "line of %zu bytes is longer than %d", len,
                         PLAB_STRATUM_LINE_MAX);
    }
    if (!depth_is_sane(line, len)) {
        return plab_fail(err, PLAB_E_PROTOCOL, "JSON nests deeper than %d levels",
                         PLAB_STRATUM_DEPTH_MAX);
    }
    json_error_t json_err;
    json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &json_err);
    if (root == NULL) {
        char shown[160]; /* the parser quotes the peer's bytes */
        return plab_fail(
            err, PLAB_E_PROTOCOL, "not JSON: %s",
            plab_log_escape(json_err.text, strlen(json_err.text), shown, sizeof shown));
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return plab_fail(err, PLAB_E_PROTOCOL, "JSON is an array, not an object");
    }
    *out = root;
    return PLAB_OK;
}

/* Copies a string, cut at `cap` - 1 bytes, never inside a UTF-8 sequence. */
static void copy_cut(char *out, size_t cap, const char *text, size_t len) {
    if (len > cap - 1) {
        len = cap - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

/* An optional text: cut when too long, "" when it is anything but a string. */
static void take_text(const json_t *object, const char *key, char *out, size_t cap) {
    const json_t *value = json_object_get(object, key);
    out[0] = '\0';
    if (json_is_string(value)) {
        copy_cut(out, cap, json_string_value(value), json_string_length(value));
    }
}

/* A name or id: a string that fits whole and has no control characters. */
static bool is_plain(const json_t *value, size_t cap) {
    if (!json_is_string(value) || json_string_length(value) >= cap) {
        return false;
    }
    for (const char *p = json_string_value(value); *p != '\0'; p++) {
        if ((unsigned char)*p < 32 || *p == 127) {
            return false;
        }
    }
    return true;
}

static bool take_plain(const json_t *value, char *out, size_t cap) {
    out[0] = '\0';
    if (!is_plain(value, cap)) {
        return false;
    }
    memcpy(out, json_string_value(value), json_string_length(value) + 1);
    return true;
}

/* A string of exactly 2 * `len` hex digits. */
static bool take_hex(const json_t *value, uint8_t *out, size_t len) {
    size_t got = 0;
    return json_is_string(value) && json_string_length(value) == 2 * len &&
           plab_hex_decode(json_string_value(value), 2 * len, out, len, &got, NULL) == PLAB_OK;
}

static bool take_id(const json_t *value, struct plab_stratum_id *out) {
    memset(out, 0, sizeof *out);
    if (json_is_integer(value)) {
        out->number = json_integer_value(value);
        return true;
    }
    out->is_text = true;
    return take_plain(value, out->text, sizeof out->text);
}

/* Requests, as a pool receives them. */

static void parse_algo_list(const json_t *list, struct plab_stratum_login *out) {
    size_t count = json_array_size(list); /* 0 for anything but an array */
    for (size_t i = 0; i < count && out->algo_count < PLAB_STRATUM_ALGO_MAX; i++) {
        if (take_plain(json_array_get(list, i), out->algo[out->algo_count],
                       PLAB_STRATUM_NAME_MAX)) {
            out->algo_count++;
        }
    }
}

static enum plab_status parse_login(const json_t *params, struct plab_stratum_login *out,
                                    struct plab_error *err) {
    const json_t *login = json_object_get(params, "login");
    if (!take_plain(login, out->login, sizeof out->login) || out->login[0] == '\0') {
        return bad_field(err, "login", login, "a name of 1 to 256 plain characters");
    }
    take_text(params, "pass", out->pass, sizeof out->pass);
    take_text(params, "agent", out->agent, sizeof out->agent);
    take_text(params, "rigid", out->rig_id, sizeof out->rig_id);
    parse_algo_list(json_object_get(params, "algo"), out);
    return PLAB_OK;
}

static enum plab_status parse_submit(const json_t *params, struct plab_stratum_submit *out,
                                     struct plab_error *err) {
    const json_t *session = json_object_get(params, "id");
    const json_t *job_id = json_object_get(params, "job_id");
    const json_t *nonce = json_object_get(params, "nonce");
    const json_t *result = json_object_get(params, "result");
    const json_t *commitment = json_object_get(params, "commitment");
    const json_t *algo = json_object_get(params, "algo");
    if (!take_plain(session, out->session_id, sizeof out->session_id)) {
        return bad_field(err, "id", session, "a session id");
    }
    if (!take_plain(job_id, out->job_id, sizeof out->job_id)) {
        return bad_field(err, "job_id", job_id, "a job id");
    }
    if (!take_hex(nonce, out->nonce, sizeof out->nonce)) {
        return bad_field(err, "nonce", nonce, "8 hex digits");
    }
    if (!take_hex(result, out->result, sizeof out->result)) {
        return bad_field(err, "result", result, "64 hex digits");
    }
    out->has_commitment = commitment != NULL;
    if (out->has_commitment && !take_hex(commitment, out->commitment, sizeof out->commitment)) {
        return bad_field(err, "commitment", commitment, "64 hex digits");
    }
    if (algo != NULL && !take_plain(algo, out->algo, sizeof out->algo)) {
        return bad_field(err, "algo", algo, "an algorithm's name");
    }
    return PLAB_OK;
}

static enum plab_stratum_method method_of(const char *name) {
    static const struct {
        const char *name;
        enum plab_stratum_method method;
    } known[] = {
        {"login", PLAB_METHOD_LOGIN},
        {"submit", PLAB_METHOD_SUBMIT},
        {"keepalived", PLAB_METHOD_KEEPALIVED},
        {"getjob", PLAB_METHOD_GETJOB},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(known); i++) {
        if (strcmp(name, known[i].name) == 0) {
            return known[i].method;
        }
    }
    return PLAB_METHOD_UNKNOWN;
}

static enum plab_status parse_params(const json_t *params, struct plab_stratum_request *out,
                                     struct plab_error *err) {
    if (out->method == PLAB_METHOD_UNKNOWN) {
        return PLAB_OK;
    }
    if (!json_is_object(params)) {
        return bad_field(err, "params", params, "an object");
    }
    switch (out->method) {
    case PLAB_METHOD_LOGIN:
        return parse_login(params, &out->login, err);
    case PLAB_METHOD_SUBMIT:
        return parse_submit(params, &out->submit, err);
    default:
        (void)take_plain(json_object_get(params, "id"), out->session_id, sizeof out->session_id);
        return PLAB_OK;
    }
}

static enum plab_status parse_request_object(const json_t *root, struct plab_stratum_request *out,
                                             struct plab_error *err) {
    const json_t *id = json_object_get(root, "id");
    if (!take_id(id, &out->id)) {
        char shown[SHOWN_MAX];
        return plab_fail(err, PLAB_E_PROTOCOL, "request id is %s, not an integer or a short string",
                         describe(id, shown));
    }
    const json_t *method = json_object_get(root, "method");
    if (!json_is_string(method)) {
        return bad_field(err, "method", method, "a string");
    }
    take_text(root, "method", out->method_name, sizeof out->method_name);
    out->method = method_of(json_string_value(method));
    return parse_params(json_object_get(root, "params"), out, err);
}

enum plab_status plab_stratum_parse_request(const char *line, size_t len,
                                            struct plab_stratum_request *out,
                                            struct plab_error *err) {
    json_t *root = NULL;
    memset(out, 0, sizeof *out);
    out->method = PLAB_METHOD_UNKNOWN;
    enum plab_status status = load_object(line, len, &root, err);
    if (status == PLAB_OK) {
        status = parse_request_object(root, out, err);
        json_decref(root);
    }
    return status;
}

/* Replies and notifications, as a client receives them. */

static enum plab_status parse_blob(const json_t *value, struct plab_stratum_job *out,
                                   struct plab_error *err) {
    if (!json_is_string(value)) {
        return bad_field(err, "blob", value, "a string of hex digits");
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

static enum plab_status parse_seeds(const json_t *params, struct plab_stratum_job *out,
                                    struct plab_error *err) {
    const json_t *seed = json_object_get(params, "seed_hash");
    bool empty = json_is_null(seed) || (json_is_string(seed) && json_string_length(seed) == 0);
    if (seed != NULL && !empty) {
        out->has_seed = take_hex(seed, out->seed_hash, sizeof out->seed_hash);
        if (!out->has_seed) {
            return bad_field(err, "seed_hash", seed, "64 hex digits");
        }
    }
    /* Only a hint: a bad one is no reason to refuse the job. */
    out->has_next_seed = take_hex(json_object_get(params, "next_seed_hash"), out->next_seed_hash,
                                  sizeof out->next_seed_hash);
    return PLAB_OK;
}

static enum plab_status parse_job(const json_t *params, struct plab_stratum_job *out,
                                  struct plab_error *err) {
    if (!json_is_object(params)) {
        return bad_field(err, "job", params, "an object");
    }
    const json_t *job_id = json_object_get(params, "job_id");
    if (!take_plain(job_id, out->job_id, sizeof out->job_id)) {
        return bad_field(err, "job_id", job_id, "a string of at most 128 plain characters");
    }
    enum plab_status status = parse_blob(json_object_get(params, "blob"), out, err);
    if (status != PLAB_OK) {
        return status;
    }
    const json_t *target = json_object_get(params, "target");
    if (!json_is_string(target)) {
        return bad_field(err, "target", target, "a string of 8 or 16 hex digits");
    }
    status =
        plab_target_parse(json_string_value(target), json_string_length(target), &out->target, err);
    if (status != PLAB_OK) {
        return status;
    }
    const json_t *algo = json_object_get(params, "algo");
    if (algo != NULL && !json_is_null(algo) &&
        (!take_plain(algo, out->algo, sizeof out->algo) || out->algo[0] == '\0')) {
        return bad_field(err, "algo", algo, "an algorithm's name");
    }
    const json_t *height = json_object_get(params, "height");
    if (json_is_integer(height) && json_integer_value(height) >= 0) {
        out->has_height = true;
        out->height = (uint64_t)json_integer_value(height);
    }
    return parse_seeds(params, out, err);
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
static void parse_error(const json_t *error, struct plab_stratum_reply *out) {
    const json_t *message = json_is_object(error) ? json_object_get(error, "message") : error;
    if (json_is_string(message) && json_string_length(message) > 0) {
        copy_cut(out->error, sizeof out->error, json_string_value(message),
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
        parse_error(error, out);
        return PLAB_OK;
    }
    if (!json_is_object(result)) {
        char shown[SHOWN_MAX];
        snprintf(out->error, sizeof out->error, "result is %s, not an object",
                 describe(result, shown));
        return PLAB_OK;
    }
    out->ok = true;
    const json_t *session = json_object_get(result, "id");
    out->has_session =
        take_plain(session, out->session_id, sizeof out->session_id) && out->session_id[0] != '\0';
    out->extensions = parse_extensions(json_object_get(result, "extensions"));
    take_text(result, "status", out->status, sizeof out->status);
    const json_t *job = json_object_get(result, "job");
    if (job == NULL && json_object_get(result, "blob") != NULL) {
        job = result; /* the answer to getjob is the job itself */
    }
    if (job == NULL) {
        return PLAB_OK;
    }
    enum plab_status status = parse_job(job, &out->job, err);
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
    if (json_array_size(params) != 2 || !take_plain(host, out->host, sizeof out->host) ||
        out->host[0] == '\0' || !take_plain(port, text, sizeof text) ||
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
        enum plab_status status = parse_job(params, &out->job, err);
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
    if (!take_id(id, &out->id)) {
        out->event = PLAB_EVENT_NOTICE;
        char shown[SHOWN_MAX];
        return plab_fail(err, PLAB_E_INPUT,
                         "no method, and the id is %s, not an integer or a short string",
                         describe(id, shown));
    }
    out->event = PLAB_EVENT_RESPONSE;
    return parse_response(root, out, err);
}

enum plab_status plab_stratum_parse_reply(const char *line, size_t len,
                                          struct plab_stratum_reply *out, struct plab_error *err) {
    json_t *root = NULL;
    memset(out, 0, sizeof *out);
    out->event = PLAB_EVENT_NOTICE;
    enum plab_status status = load_object(line, len, &root, err);
    if (status == PLAB_OK) {
        status = parse_reply_object(root, out, err);
        json_decref(root);
    }
    return status;
}
