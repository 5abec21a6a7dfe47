/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/rpc_msg.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/log.h"
#include "daemon/rpc_json_priv.h"

static char *build(const char *method, json_t *params) {
    json_t *root = json_pack("{s:s,s:s,s:s,s:o}", "jsonrpc", "2.0", "id", "0", "method", method,
                             "params", params);
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

char *plab_rpc_build_get_info(void) {
    return build("get_info", json_object());
}

char *plab_rpc_build_get_template(const char *wallet) {
    return build("get_block_template", json_pack("{s:s,s:i}", "wallet_address", wallet,
                                                 "reserve_size", PLAB_TEMPLATE_RESERVE_BYTES));
}

char *plab_rpc_build_submit(const uint8_t *block, size_t len) {
    char *hex = malloc(2 * len + 1);
    if (hex == NULL) {
        return NULL;
    }
    plab_hex_encode(block, len, hex);
    char *text = build("submit_block", json_pack("[s]", hex));
    free(hex);
    return text;
}

enum plab_status plab_rpc_check_wallet(const char *wallet, struct plab_error *err) {
    static const char base58[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    size_t len = strlen(wallet);
    if (len < 90 || len > PLAB_RPC_WALLET_MAX || strspn(wallet, base58) != len) {
        char shown[80];
        return plab_fail(err, PLAB_E_USAGE,
                         "wallet \"%s\" is not an address (base58, 95 characters)",
                         plab_log_escape(wallet, len, shown, sizeof shown));
    }
    return PLAB_OK;
}

enum plab_status plab_rpc_parse_info(const char *body, size_t len, struct plab_rpc_info *out,
                                     struct plab_error *err) {
    json_t *root, *result;
    memset(out, 0, sizeof *out);
    enum plab_status status = plab_rpc_open_answer("get_info", body, len, &root, &result, err);
    if (status != PLAB_OK) {
        return status;
    }
    plab_rpc_copy_text(result, "nettype", out->nettype, sizeof out->nettype);
    plab_rpc_copy_text(result, "top_block_hash", out->top, sizeof out->top);
    status = plab_rpc_judge_network(result, out, err);
    if (status == PLAB_OK && !plab_rpc_get_u64(result, "height", &out->height)) {
        status = plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer to get_info has no height");
    }
    json_decref(root);
    return status;
}

static enum plab_status get_info_of_template(const json_t *result, struct plab_template_info *info,
                                             struct plab_error *err) {
    uint64_t reserved_at = 0, top64 = 0;
    if (!plab_rpc_get_u64(result, "height", &info->height) ||
        !plab_rpc_get_u64(result, "difficulty", &info->difficulty) || info->difficulty == 0 ||
        !plab_rpc_get_u64(result, "reserved_offset", &reserved_at) ||
        !plab_rpc_get_hash(result, "seed_hash", info->seed)) {
        return plab_fail(err, PLAB_E_PROTOCOL,
                         "the daemon's template lacks height, difficulty, reserved_offset or "
                         "seed_hash");
    }
    if (plab_rpc_get_u64(result, "difficulty_top64", &top64) && top64 != 0) {
        info->difficulty = UINT64_MAX; /* no share of a lab meets that */
    }
    info->has_seed = true;
    info->reserved_at = (size_t)reserved_at;
    info->has_next_seed = plab_rpc_get_hash(result, "next_seed_hash", info->next_seed);
    return PLAB_OK;
}

/* The daemon says which hashing blob follows from its template as it stands; ours must be equal. */
static enum plab_status compare_hashing_blob(const json_t *result, const struct plab_template *tmpl,
                                             struct plab_error *err) {
    uint8_t ours[PLAB_BLOCK_HASHING_MAX];
    char hex[2 * PLAB_BLOCK_HASHING_MAX + 1];
    const char *theirs = json_string_value(json_object_get(result, "blockhashing_blob"));
    size_t len = plab_block_hashing_blob(&tmpl->block, tmpl->blob, &tmpl->branch, ours);
    plab_hex_encode(ours, len, hex);
    if (theirs == NULL || strcmp(theirs, hex) != 0) {
        return plab_fail(err, PLAB_E_MISMATCH,
                         "the daemon's blockhashing_blob does not follow from its template at "
                         "height %llu",
                         (unsigned long long)tmpl->info.height);
    }
    return PLAB_OK;
}

static enum plab_status template_of(const json_t *result, uint64_t instance,
                                    struct plab_template **out, struct plab_error *err) {
    struct plab_template_info info = {.instance = instance};
    const char *hex = json_string_value(json_object_get(result, "blocktemplate_blob"));
    size_t hex_len = hex != NULL ? strlen(hex) : 0, len = 0;
    enum plab_status status = get_info_of_template(result, &info, err);
    if (status != PLAB_OK) {
        return status;
    }
    uint8_t *blob = malloc(hex_len / 2 + 1);
    if (blob == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the daemon's template");
    }
    status = plab_hex_decode(hex != NULL ? hex : "", hex_len, blob, hex_len / 2, &len, err);
    if (status == PLAB_OK) {
        status = plab_template_create(out, blob, len, &info, err);
    }
    free(blob);
    if (status == PLAB_OK) {
        status = compare_hashing_blob(result, *out, err);
    }
    return status == PLAB_E_INPUT ? PLAB_E_PROTOCOL : status;
}

enum plab_status plab_rpc_parse_template(const char *body, size_t len, uint64_t instance,
                                         struct plab_template **out, struct plab_error *err) {
    json_t *root, *result;
    *out = NULL;
    enum plab_status status =
        plab_rpc_open_answer("get_block_template", body, len, &root, &result, err);
    if (status != PLAB_OK) {
        return status;
    }
    status = template_of(result, instance, out, err);
    if (status != PLAB_OK) {
        plab_template_unref(out);
    }
    json_decref(root);
    return status;
}

enum plab_status plab_rpc_parse_submit(const char *body, size_t len, struct plab_error *err) {
    json_t *root, *result;
    char words[100] = "";
    enum plab_status status = plab_rpc_open_result("submit_block", body, len, &root, &result, err);
    if (status != PLAB_OK) {
        return status;
    }
    plab_rpc_copy_text(result, "status", words, sizeof words);
    json_decref(root);
    if (strcmp(words, "OK") != 0) {
        return plab_fail(err, PLAB_E_FAILED, "the daemon did not take the block: status \"%s\"",
                         words);
    }
    return PLAB_OK;
}
