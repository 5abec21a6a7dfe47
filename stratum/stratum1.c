/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The messages of Bitcoin's Stratum, both sides. The client writes as cpuminer-multi does, the pool
 * as the first Stratum server did (a blank after each comma and colon).
 *
 * Bitcoin's fields hold a CryptoNote job so that each has the type and length that it has there:
 *
 *   job id | prevhash | coinb1 | coinb2 | merkle branch | version | nbits | ntime | clean
 *
 * The hashing blob is coinb1, the nonce, coinb2. prevhash repeats the parent of the blob. The
 * branch holds RandomX's seed and the next one, if they are there. version is the blob's major
 * version, nbits the height, ntime the blob's time. mining.set_difficulty names the hashes that a
 * share takes on average; it counts for the jobs after it. A share has no result.
 */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "stratum/dialect_priv.h"
#include "stratum/json_priv.h"
#include "stratum/target.h"
#include "stratum/writer_priv.h"

#define NONCE_AT 39
#define NONCE_LEN 4
#define PREVIOUS_AT 7
#define EXTRA_NONCE "00000000" /* as long as the server said, and of no effect */

/* ---- the client's requests ---- */

size_t plab_stratum1_subscribe(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_format(&w, "{\"id\": %" PRId64, ask->id);
    plab_put_member(&w, ", \"method\": \"mining.subscribe\", \"params\": [", ask->login->agent);
    return plab_finish(&w, "]}");
}

size_t plab_stratum1_authorize(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_format(&w, "{\"id\": %" PRId64, ask->id);
    plab_put_member(&w, ", \"method\": \"mining.authorize\", \"params\": [", ask->login->login);
    plab_put_member(&w, ", ", ask->login->pass);
    return plab_finish(&w, "]}");
}

size_t plab_stratum1_extra(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_format(&w, "{\"id\": %" PRId64, ask->id);
    return plab_finish(&w, ", \"method\": \"mining.extranonce.subscribe\", \"params\": []}");
}

/* The blob's time: its third number, seven bits a byte. */
static uint32_t time_of(const struct plab_stratum_job *job) {
    uint64_t value = 0;
    size_t at = 0;
    for (unsigned number = 0; number < 3; number++) {
        value = 0;
        for (unsigned shift = 0; at < NONCE_AT && shift < 63; shift += 7) {
            value |= (uint64_t)(job->blob[at] & 0x7F) << shift;
            if ((job->blob[at++] & 0x80) == 0) {
                break;
            }
        }
    }
    return (uint32_t)value;
}

size_t plab_stratum1_submit(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_member(&w, "{\"method\": \"mining.submit\", \"params\": [", ask->login->login);
    plab_put_member(&w, ", ", ask->submit->job_id);
    plab_put_format(&w, ", \"" EXTRA_NONCE "\", \"%08" PRIx32 "\"", time_of(ask->job));
    plab_put_hex(&w, ", ", ask->submit->nonce, sizeof ask->submit->nonce);
    plab_put_format(&w, "], \"id\":%" PRId64, ask->id);
    return plab_finish(&w, "}");
}

/* ---- what the client hears ---- */

static bool take_half(const json_t *value, uint8_t *out, size_t min, size_t max, size_t *len) {
    size_t digits = json_is_string(value) ? json_string_length(value) : 0;
    return digits >= 2 * min && digits <= 2 * max &&
           plab_hex_decode(json_string_value(value), digits, out, max, len, NULL) == PLAB_OK;
}

static enum plab_status take_blob(const json_t *params, struct plab_stratum_job *out,
                                  struct plab_error *err) {
    const json_t *first = json_array_get(params, 2), *second = json_array_get(params, 3);
    size_t head = 0, tail = 0;
    const size_t behind = NONCE_AT + NONCE_LEN;
    if (!take_half(first, out->blob, NONCE_AT, NONCE_AT, &head)) {
        return plab_json_bad_field(err, "coinb1", first, "39 bytes in hex");
    }
    if (!take_half(second, out->blob + behind, PLAB_STRATUM_BLOB_MIN - behind,
                   PLAB_STRATUM_BLOB_MAX - behind, &tail)) {
        return plab_json_bad_field(err, "coinb2", second, "33 to 364 bytes in hex");
    }
    memset(out->blob + NONCE_AT, 0, NONCE_LEN);
    out->blob_len = behind + tail;
    return PLAB_OK;
}

static enum plab_status take_branch(const json_t *branch, struct plab_stratum_job *out,
                                    struct plab_error *err) {
    const json_t *seed = json_array_get(branch, 0), *next = json_array_get(branch, 1);
    out->has_seed = plab_json_hex(seed, out->seed_hash, sizeof out->seed_hash);
    out->has_next_seed = plab_json_hex(next, out->next_seed_hash, sizeof out->next_seed_hash);
    if (!json_is_array(branch) || (seed != NULL && !out->has_seed)) {
        return plab_json_bad_field(err, "merkle branch", json_is_array(branch) ? seed : branch,
                                   "an array of hashes");
    }
    return PLAB_OK;
}

static enum plab_status take_notify(const json_t *params, struct plab_stratum_reply *out,
                                    struct plab_error *err) {
    struct plab_stratum_job *job = &out->job;
    const json_t *id = json_array_get(params, 0), *height = json_array_get(params, 6);
    uint8_t bits[4];
    out->event = PLAB_EVENT_JOB;
    if (!plab_json_plain(id, job->job_id, sizeof job->job_id)) {
        return plab_json_bad_field(err, "job id", id, "a string of at most 128 plain characters");
    }
    if (!plab_json_hex(height, bits, sizeof bits)) {
        return plab_json_bad_field(err, "nbits", height, "8 hex digits");
    }
    job->has_height = true;
    job->height = plab_load32_be(bits);
    enum plab_status status = take_blob(params, job, err);
    if (status == PLAB_OK) {
        status = take_branch(json_array_get(params, 4), job, err);
    }
    out->has_job = status == PLAB_OK;
    return status;
}

/* Integers are taken as they are: a double would round those above 2^53. */
static bool read_difficulty(const json_t *value, uint64_t *out) {
    if (json_is_integer(value)) {
        *out = json_integer_value(value) >= 1 ? (uint64_t)json_integer_value(value) : 0;
    } else {
        double number = json_number_value(value); /* 0 for anything else */
        *out = number >= 1 && number < 9223372036854775808.0 ? (uint64_t)number : 0;
    }
    return *out > 0;
}

static enum plab_status take_difficulty(const json_t *params, struct plab_stratum_reply *out,
                                        struct plab_error *err) {
    const json_t *value = json_array_get(params, 0);
    uint64_t difficulty;
    if (!read_difficulty(value, &difficulty)) {
        return plab_json_bad_field(err, "difficulty", value, "a number from 1 to 2^63 - 1");
    }
    out->event = PLAB_EVENT_TARGET;
    out->job.target = plab_target_from_difficulty(difficulty);
    return PLAB_OK;
}

/* The session's id, if it is the answer to a subscription: [[.., id] or [[..], ..], xn1, size]. */
static void take_result(const json_t *result, struct plab_stratum_reply *out) {
    out->ok = json_is_array(result) || json_is_true(result);
    if (!out->ok) {
        plab_json_copy_cut(out->error, sizeof out->error, "refused", strlen("refused"));
    }
}

/* An error is [code, text, trace]; some servers send an object. */
static void take_error(const json_t *error, struct plab_stratum_reply *out) {
    plab_json_error(json_is_array(error) ? json_array_get(error, 1) : error, out);
}

static enum plab_status take_notice(const char *method, const json_t *params,
                                    struct plab_stratum_reply *out, struct plab_error *err) {
    if (strcmp(method, "mining.notify") == 0) {
        return take_notify(params, out, err);
    }
    if (strcmp(method, "mining.set_difficulty") == 0) {
        return take_difficulty(params, out, err);
    }
    return PLAB_OK;
}

enum plab_status plab_stratum1_parse_reply(const char *line, size_t len,
                                           struct plab_stratum_reply *out, struct plab_error *err) {
    json_t *root = NULL;
    memset(out, 0, sizeof *out);
    out->event = PLAB_EVENT_NOTICE;
    enum plab_status status = plab_json_load(line, len, &root, err);
    if (status != PLAB_OK) {
        return status;
    }
    const json_t *method = json_object_get(root, "method"), *error = json_object_get(root, "error");
    if (json_is_string(method)) {
        status = take_notice(json_string_value(method), json_object_get(root, "params"), out, err);
    } else if (!plab_json_id(json_object_get(root, "id"), &out->id)) {
        status = plab_json_bad_field(err, "id", json_object_get(root, "id"),
                                     "an integer or a short string");
    } else {
        out->event = PLAB_EVENT_RESPONSE;
        take_result(json_object_get(root, "result"), out);
        if (error != NULL && !json_is_null(error)) {
            out->ok = false;
            take_error(error, out);
        }
    }
    json_decref(root);
    return status;
}

/* ---- the pool's answers ---- */

static size_t say_subscribed(char *out, size_t cap, const struct plab_voice_work *work) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"id\": ");
    plab_put_id(&w, work->id);
    plab_put_member(&w, ", \"result\": [[[\"mining.set_difficulty\", ", work->session_id);
    plab_put_member(&w, "], [\"mining.notify\", ", work->session_id);
    plab_put_format(&w, "]], \"%.8s\", 4], \"error\": null", work->session_id);
    return plab_finish(&w, "}");
}

static void put_difficulty(struct plab_writer *w, const struct plab_voice_work *work) {
    if (!work->same_target) {
        plab_put(w, "{\"id\": null, \"method\": \"mining.set_difficulty\", \"params\": [");
        plab_put_format(w, "%" PRIu64, plab_difficulty_from_target(work->job->target));
        plab_put(w, "]}\n");
    }
}

static void put_branch(struct plab_writer *w, const struct plab_stratum_job *job) {
    plab_put(w, ", [");
    if (job->has_seed) {
        plab_put_hex(w, "", job->seed_hash, PLAB_STRATUM_HASH);
    }
    if (job->has_seed && job->has_next_seed) {
        plab_put_hex(w, ", ", job->next_seed_hash, PLAB_STRATUM_HASH);
    }
    plab_put(w, "]");
}

static void put_notify(struct plab_writer *w, const struct plab_voice_work *work) {
    const struct plab_stratum_job *job = work->job;
    const size_t behind = NONCE_AT + NONCE_LEN;
    plab_put_member(w, "{\"id\": null, \"method\": \"mining.notify\", \"params\": [", job->job_id);
    plab_put_hex(w, ", ", job->blob + PREVIOUS_AT, PLAB_STRATUM_HASH);
    plab_put_hex(w, ", ", job->blob, NONCE_AT);
    plab_put_hex(w, ", ", job->blob + behind, job->blob_len - behind);
    put_branch(w, job);
    plab_put_format(w, ", \"%08x\", \"%08" PRIx32 "\", \"%08" PRIx32 "\", true", job->blob[0],
                    (uint32_t)job->height, time_of(job));
}

static size_t say_job(char *out, size_t cap, const struct plab_voice_work *work) {
    struct plab_writer w = {.out = out, .cap = cap};
    put_difficulty(&w, work);
    put_notify(&w, work);
    return plab_finish(&w, "]}");
}

static void put_true(struct plab_writer *w, const struct plab_stratum_id *id) {
    plab_put(w, "{\"id\": ");
    plab_put_id(w, id);
    plab_put(w, ", \"result\": true, \"error\": null");
}

static size_t say_welcome(char *out, size_t cap, const struct plab_voice_work *work) {
    struct plab_writer w = {.out = out, .cap = cap};
    put_true(&w, work->id);
    plab_put(&w, "}\n");
    put_difficulty(&w, work);
    put_notify(&w, work);
    return plab_finish(&w, "]}");
}

static size_t say_good(char *out, size_t cap, const struct plab_voice_answer *answer) {
    struct plab_writer w = {.out = out, .cap = cap};
    put_true(&w, answer->id);
    return plab_finish(&w, "}");
}

static size_t say_bad(char *out, size_t cap, const struct plab_voice_answer *answer) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"id\": ");
    plab_put_id(&w, answer->id);
    plab_put_format(&w, ", \"result\": null, \"error\": [%d", answer->code);
    plab_put_member(&w, ", ", answer->error);
    return plab_finish(&w, ", null]}");
}

const struct plab_voice plab_stratum1_voice = {.subscribed = say_subscribed,
                                               .welcome = say_welcome,
                                               .job = say_job,
                                               .good = say_good,
                                               .bad = say_bad};
