/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * getblocktemplate and submitblock as lines on a bare TCP connection, both sides. The client writes
 * as cpuminer-multi does. Sources of the fields: BIP 22 and 23.
 *
 * "data" is the hashing blob, "target" (big-endian) counts for the hash read as a little-endian
 * number, "workid" names the job. A share is the blob with its nonce; its result isn't sent.
 */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "stratum/dialect_priv.h"
#include "stratum/json_priv.h"
#include "stratum/writer_priv.h"

#define NONCE_AT 39
#define PREVIOUS_AT 7

/* ---- the client's requests ---- */

size_t plab_template_ask(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"method\": \"getblocktemplate\", \"params\": [{\"capabilities\": "
                 "[\"coinbasetxn\", \"coinbasevalue\", \"longpoll\", \"workid\"]}]");
    plab_put_format(&w, ", \"id\":%" PRId64, ask->id);
    return plab_finish(&w, "}\r");
}

size_t plab_template_submit(char *out, size_t cap, const struct plab_dialect_ask *ask) {
    struct plab_writer w = {.out = out, .cap = cap};
    uint8_t blob[PLAB_STRATUM_BLOB_MAX];
    memcpy(blob, ask->job->blob, ask->job->blob_len);
    memcpy(blob + NONCE_AT, ask->submit->nonce, sizeof ask->submit->nonce);
    plab_put_hex(&w, "{\"method\": \"submitblock\", \"params\": [", blob, ask->job->blob_len);
    plab_put_member(&w, ", {\"workid\": ", ask->submit->job_id);
    plab_put_format(&w, "}], \"id\":%" PRId64, ask->id);
    return plab_finish(&w, "}\r");
}

/* ---- what the client hears ---- */

static enum plab_status take_target(const json_t *value, struct plab_stratum_job *out,
                                    struct plab_error *err) {
    uint8_t bytes[PLAB_STRATUM_HASH];
    if (!plab_json_hex(value, bytes, sizeof bytes) || plab_load64_be(bytes) == 0) {
        return plab_json_bad_field(err, "target", value, "64 hex digits, the first 16 not all 0");
    }
    out->target = plab_load64_be(bytes);
    return PLAB_OK;
}

static enum plab_status take_template(const json_t *result, struct plab_stratum_reply *out,
                                      struct plab_error *err) {
    struct plab_stratum_job *job = &out->job;
    const json_t *id = json_object_get(result, "workid"), *algo = json_object_get(result, "algo");
    const json_t *height = json_object_get(result, "height");
    if (!plab_json_plain(id, job->job_id, sizeof job->job_id)) {
        return plab_json_bad_field(err, "workid", id, "a string of at most 128 plain characters");
    }
    if (algo != NULL && !plab_json_plain(algo, job->algo, sizeof job->algo)) {
        return plab_json_bad_field(err, "algo", algo, "an algorithm's name");
    }
    job->has_height = json_is_integer(height) && json_integer_value(height) >= 0;
    job->height = job->has_height ? (uint64_t)json_integer_value(height) : 0;
    enum plab_status status = plab_json_blob(json_object_get(result, "data"), job, err);
    if (status == PLAB_OK) {
        status = take_target(json_object_get(result, "target"), job, err);
    }
    if (status == PLAB_OK) {
        status = plab_json_seeds(result, job, err);
    }
    out->has_job = status == PLAB_OK;
    return status;
}

static enum plab_status take_result(const json_t *root, struct plab_stratum_reply *out,
                                    struct plab_error *err) {
    const json_t *result = json_object_get(root, "result"), *error = json_object_get(root, "error");
    bool failed = error != NULL && !json_is_null(error);
    out->event = PLAB_EVENT_RESPONSE;
    if (failed || json_is_string(result)) { /* why a block was refused stands in the result */
        plab_json_error(failed ? error : result, out);
        return PLAB_OK;
    }
    out->ok = result != NULL && (json_is_null(result) || json_is_object(result));
    if (!out->ok) {
        plab_json_error(NULL, out);
    }
    return json_is_object(result) ? take_template(result, out, err) : PLAB_OK;
}

enum plab_status plab_template_parse_reply(const char *line, size_t len,
                                           struct plab_stratum_reply *out, struct plab_error *err) {
    json_t *root = NULL;
    memset(out, 0, sizeof *out);
    out->event = PLAB_EVENT_NOTICE;
    enum plab_status status = plab_json_load(line, len, &root, err);
    if (status != PLAB_OK) {
        return status;
    }
    if (plab_json_id(json_object_get(root, "id"), &out->id)) {
        status = take_result(root, out, err);
    } else {
        status = plab_json_bad_field(err, "id", json_object_get(root, "id"),
                                     "an integer or a short string");
    }
    json_decref(root);
    return status;
}

/* ---- the pool's answers ---- */

static void put_target(struct plab_writer *w, uint64_t target) {
    uint8_t bytes[PLAB_STRATUM_HASH] = {0};
    plab_store64_be(bytes, target);
    plab_put_hex(w, ",\"target\":", bytes, sizeof bytes);
}

static size_t say_work(char *out, size_t cap, const struct plab_voice_work *work) {
    const struct plab_stratum_job *job = work->job;
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_format(&w, "{\"result\":{\"version\":%u", job->blob[0]);
    plab_put_hex(&w, ",\"previousblockhash\":", job->blob + PREVIOUS_AT, PLAB_STRATUM_HASH);
    plab_put_hex(&w, ",\"transactions\":[],\"data\":", job->blob, job->blob_len);
    put_target(&w, job->target);
    plab_put(&w, ",\"mutable\":[],\"noncerange\":\"00000000ffffffff\",\"height\":");
    plab_put_format(&w, "%" PRIu64, job->height);
    plab_put_member(&w, ",\"workid\":", job->job_id);
    plab_put_member(&w, ",\"algo\":", job->algo);
    if (job->has_seed) {
        plab_put_hex(&w, ",\"seed_hash\":", job->seed_hash, PLAB_STRATUM_HASH);
    }
    if (job->has_next_seed) {
        plab_put_hex(&w, ",\"next_seed_hash\":", job->next_seed_hash, PLAB_STRATUM_HASH);
    }
    plab_put(&w, "},\"error\":null,\"id\":");
    plab_put_id(&w, work->id);
    return plab_finish(&w, "}");
}

static size_t say_good(char *out, size_t cap, const struct plab_voice_answer *answer) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put(&w, "{\"result\":null,\"error\":null,\"id\":");
    plab_put_id(&w, answer->id);
    return plab_finish(&w, "}");
}

static size_t say_bad(char *out, size_t cap, const struct plab_voice_answer *answer) {
    struct plab_writer w = {.out = out, .cap = cap};
    plab_put_format(&w, "{\"result\":null,\"error\":{\"code\":%d", answer->code);
    plab_put_member(&w, ",\"message\":", answer->error);
    plab_put(&w, "},\"id\":");
    plab_put_id(&w, answer->id);
    return plab_finish(&w, "}");
}

const struct plab_voice plab_template_voice = {
    .welcome = say_work, .work = say_work, .good = say_good, .bad = say_bad};
