/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/solo_msg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "daemon/rpc_json_priv.h"
#include "pow/algo.h"

char *plab_solo_build_get_template(int64_t id, const char *wallet,
                                   const uint8_t extra[PLAB_SOLO_EXTRA_BYTES]) {
    char hex[2 * PLAB_SOLO_EXTRA_BYTES + 1], *text = NULL;
    plab_hex_encode(extra, PLAB_SOLO_EXTRA_BYTES, hex);
    int len = asprintf(&text,
                       "{\"id\":%" PRId64 ",\"jsonrpc\":\"2.0\",\"method\":\"getblocktemplate\","
                       "\"params\":{\"wallet_address\":\"%s\",\"extra_nonce\":\"%s\"}}",
                       id, wallet, hex);
    return len < 0 ? NULL : text;
}

char *plab_solo_build_submit(int64_t id, const uint8_t *block, size_t len) {
    char *hex = malloc(2 * len + 1), *text = NULL;
    if (hex == NULL) {
        return NULL;
    }
    plab_hex_encode(block, len, hex);
    int written = asprintf(&text,
                           "{\"id\":%" PRId64
                           ",\"jsonrpc\":\"2.0\",\"method\":\"submitblock\",\"params\":[\"%s\"]}",
                           id, hex);
    free(hex);
    return written < 0 ? NULL : text;
}

/* Height and the hash under `key`. */
static enum plab_status tip_of(const json_t *object, const char *key, struct plab_solo_tip *out,
                               struct plab_error *err) {
    uint8_t hash[PLAB_BLOCK_ID_BYTES];
    if (!plab_rpc_get_u64(object, "height", &out->height)) {
        return plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer has no height");
    }
    if (!plab_rpc_get_hash(object, key, hash)) {
        return plab_fail(err, PLAB_E_UNSUPPORTED, "the daemon's answer has no %s", key);
    }
    plab_hex_encode(hash, sizeof hash, out->hash);
    return PLAB_OK;
}

enum plab_status plab_solo_parse_height(const char *body, size_t len, struct plab_solo_tip *out,
                                        struct plab_error *err) {
    json_t *root = plab_rpc_load(body, len);
    memset(out, 0, sizeof *out);
    enum plab_status status = tip_of(root, "hash", out, err);
    json_decref(root);
    return status;
}

enum plab_status plab_solo_parse_info(const char *body, size_t len, struct plab_solo_tip *out,
                                      struct plab_error *err) {
    json_t *root = plab_rpc_load(body, len);
    struct plab_rpc_info info = {.nettype = ""};
    memset(out, 0, sizeof *out);
    if (!json_is_object(root)) {
        json_decref(root);
        return plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer to getinfo makes no sense");
    }
    plab_rpc_copy_text(root, "nettype", info.nettype, sizeof info.nettype);
    enum plab_status status = plab_rpc_judge_network(root, &info, err);
    if (status == PLAB_OK) {
        status = tip_of(root, "top_block_hash", out, err);
    }
    json_decref(root);
    return status == PLAB_E_UNSUPPORTED ? PLAB_E_PROTOCOL : status;
}

/* ---- templates ---- */

static enum plab_status read_numbers(const json_t *result, struct plab_solo_template *out,
                                     uint64_t *reserved_at, struct plab_error *err) {
    uint8_t prev[PLAB_BLOCK_ID_BYTES];
    uint64_t top64 = 0;
    if (!plab_rpc_get_u64(result, "height", &out->height) ||
        !plab_rpc_get_u64(result, "difficulty", &out->difficulty) || out->difficulty == 0 ||
        !plab_rpc_get_u64(result, "reserved_offset", reserved_at) ||
        !plab_rpc_get_hash(result, "prev_hash", prev) ||
        !plab_rpc_get_hash(result, "seed_hash", out->seed)) {
        return plab_fail(err, PLAB_E_PROTOCOL,
                         "the daemon's template lacks height, difficulty, reserved_offset, "
                         "prev_hash or seed_hash");
    }
    if (plab_rpc_get_u64(result, "difficulty_top64", &top64) && top64 != 0) {
        out->difficulty = UINT64_MAX; /* no share of a lab meets that */
    }
    plab_hex_encode(prev, sizeof prev, out->prev_hash);
    out->has_next_seed = plab_rpc_get_hash(result, "next_seed_hash", out->next_seed);
    return PLAB_OK;
}

/* Takes the blob and looks whether it is the block that the numbers speak of. */
static enum plab_status read_blob(const json_t *result, uint64_t reserved_at,
                                  struct plab_solo_template *out, struct plab_error *err) {
    const char *hex = json_string_value(json_object_get(result, "blocktemplate_blob"));
    size_t hex_len = hex != NULL ? strlen(hex) : 0, len = 0;
    char prev[2 * PLAB_BLOCK_ID_BYTES + 1];
    out->blob = malloc(hex_len / 2 + 1);
    if (out->blob == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the daemon's template");
    }
    enum plab_status status =
        plab_hex_decode(hex != NULL ? hex : "", hex_len, out->blob, hex_len / 2, &len, err);
    if (status == PLAB_OK) {
        status = plab_block_parse(out->blob, len, &out->block, err);
    }
    if (status == PLAB_OK) {
        status = reserved_at <= len ? plab_block_check_reserved(&out->block, (size_t)reserved_at,
                                                                PLAB_SOLO_EXTRA_BYTES, err)
                                    : plab_fail(err, PLAB_E_INPUT,
                                                "the reserved bytes lie behind the template's end");
    }
    if (status != PLAB_OK) {
        return status;
    }
    plab_hex_encode(out->blob + out->block.prev_id_at, PLAB_BLOCK_ID_BYTES, prev);
    if (out->block.height != out->height || strcmp(prev, out->prev_hash) != 0 ||
        out->block.nonce_at != PLAB_NONCE_OFFSET) {
        return plab_fail(err, PLAB_E_INPUT,
                         "the daemon's template is not for the height and block that it tells, or "
                         "has its nonce elsewhere than miners look for it");
    }
    return PLAB_OK;
}

/* The hashing blob that follows from the template must be the daemon's. */
static enum plab_status make_hashing_blob(const json_t *result, struct plab_solo_template *out,
                                          struct plab_error *err) {
    struct plab_block_branch branch;
    char hex[2 * PLAB_BLOCK_HASHING_MAX + 1];
    const char *theirs = json_string_value(json_object_get(result, "blockhashing_blob"));
    enum plab_status status = plab_block_branch_make(&out->block, out->blob, &branch);
    if (status != PLAB_OK) {
        return plab_fail(err, status, "no memory for the daemon's template");
    }
    out->hashing_len = plab_block_hashing_blob(&out->block, out->blob, &branch, out->hashing);
    plab_hex_encode(out->hashing, out->hashing_len, hex);
    if (theirs == NULL || strcmp(theirs, hex) != 0) {
        return plab_fail(err, PLAB_E_MISMATCH,
                         "the daemon's blockhashing_blob does not follow from its template at "
                         "height %" PRIu64,
                         out->height);
    }
    return PLAB_OK;
}

enum plab_status plab_solo_parse_template(const char *body, size_t len,
                                          struct plab_solo_template *out, struct plab_error *err) {
    json_t *root, *result;
    uint64_t reserved_at = 0;
    memset(out, 0, sizeof *out);
    enum plab_status status =
        plab_rpc_open_answer("getblocktemplate", body, len, &root, &result, err);
    if (status != PLAB_OK) {
        return status;
    }
    status = read_numbers(result, out, &reserved_at, err);
    if (status == PLAB_OK) {
        status = read_blob(result, reserved_at, out, err);
    }
    if (status == PLAB_OK) {
        status = make_hashing_blob(result, out, err);
    }
    json_decref(root);
    if (status != PLAB_OK) {
        plab_solo_template_free(out);
    }
    return status == PLAB_E_INPUT ? PLAB_E_PROTOCOL : status;
}

void plab_solo_template_free(struct plab_solo_template *tmpl) {
    free(tmpl->blob);
    memset(tmpl, 0, sizeof *tmpl);
}
