/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/rpc_msg.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/log.h"

#define DEPTH_MAX 32 /* arrays and objects inside each other, before the parser recurses */

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

/* True when brackets outside strings nest at most DEPTH_MAX deep: jansson's parser recurses. */
static bool shallow(const char *body, size_t len) {
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        char c = body[i];
        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '[' || c == '{') && ++depth > DEPTH_MAX) {
            return false;
        } else if (!quoted && (c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

/* The "result" of an answer. On success `*root` is owned and holds it. PLAB_E_FAILED with the
 * daemon's words for an error answer. */
static enum plab_status open_result(const char *method, const char *body, size_t len, json_t **root,
                                    json_t **result, struct plab_error *err) {
    *root = body != NULL && shallow(body, len) ? json_loadb(body, len, 0, NULL) : NULL;
    const char *words =
        json_string_value(json_object_get(json_object_get(*root, "error"), "message"));
    bool failed = json_is_object(json_object_get(*root, "error"));
    *result = json_object_get(*root, "result");
    if (!failed && json_is_object(*result)) {
        return PLAB_OK;
    }
    char shown[200] = "no reason given";
    if (words != NULL) {
        plab_log_escape(words, strlen(words), shown, sizeof shown);
    }
    json_decref(*root);
    *root = NULL;
    return failed ? plab_fail(err, PLAB_E_FAILED, "the daemon refused %s: %s", method, shown)
                  : plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer to %s makes no sense",
                              method);
}

/* As open_result(), where a refusal is a fault of the peer, not an outcome. */
static enum plab_status open_answer(const char *method, const char *body, size_t len, json_t **root,
                                    json_t **result, struct plab_error *err) {
    enum plab_status status = open_result(method, body, len, root, result, err);
    return status == PLAB_E_FAILED ? PLAB_E_PROTOCOL : status;
}

static bool get_u64(const json_t *object, const char *key, uint64_t *out) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static void copy_text(const json_t *object, const char *key, char *out, size_t cap) {
    const char *text = json_string_value(json_object_get(object, key));
    if (text != NULL) {
        plab_log_escape(text, strlen(text), out, cap);
    }
}

static enum plab_status judge_network(const json_t *result, const struct plab_rpc_info *info,
                                      struct plab_error *err) {
    static const char *const lab[] = {"fakechain", "testnet", "stagenet"};
    bool named = false;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(lab); i++) {
        named = named || strcmp(info->nettype, lab[i]) == 0;
    }
    if (!named || !json_is_false(json_object_get(result, "mainnet"))) {
        return plab_fail(
            err, PLAB_E_REFUSED,
            "the daemon is on network \"%s\"; powlab mines on lab networks only: start "
            "monerod with --regtest, --testnet or --stagenet",
            info->nettype[0] != '\0' ? info->nettype : "unknown");
    }
    return PLAB_OK;
}

enum plab_status plab_rpc_parse_info(const char *body, size_t len, struct plab_rpc_info *out,
                                     struct plab_error *err) {
    json_t *root, *result;
    memset(out, 0, sizeof *out);
    enum plab_status status = open_answer("get_info", body, len, &root, &result, err);
    if (status != PLAB_OK) {
        return status;
    }
    copy_text(result, "nettype", out->nettype, sizeof out->nettype);
    copy_text(result, "top_block_hash", out->top, sizeof out->top);
    status = judge_network(result, out, err);
    if (status == PLAB_OK && !get_u64(result, "height", &out->height)) {
        status = plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer to get_info has no height");
    }
    json_decref(root);
    return status;
}

static bool get_hash(const json_t *object, const char *key, uint8_t out[PLAB_BLOCK_ID_BYTES]) {
    const char *text = json_string_value(json_object_get(object, key));
    size_t len;
    return text != NULL &&
           plab_hex_decode(text, strlen(text), out, PLAB_BLOCK_ID_BYTES, &len, NULL) == PLAB_OK &&
           len == PLAB_BLOCK_ID_BYTES;
}

static enum plab_status get_info_of_template(const json_t *result, struct plab_template_info *info,
                                             struct plab_error *err) {
    uint64_t reserved_at = 0, top64 = 0;
    if (!get_u64(result, "height", &info->height) ||
        !get_u64(result, "difficulty", &info->difficulty) || info->difficulty == 0 ||
        !get_u64(result, "reserved_offset", &reserved_at) ||
        !get_hash(result, "seed_hash", info->seed)) {
        return plab_fail(err, PLAB_E_PROTOCOL,
                         "the daemon's template lacks height, difficulty, reserved_offset or "
                         "seed_hash");
    }
    if (get_u64(result, "difficulty_top64", &top64) && top64 != 0) {
        info->difficulty = UINT64_MAX; /* no share of a lab meets that */
    }
    info->has_seed = true;
    info->reserved_at = (size_t)reserved_at;
    info->has_next_seed = get_hash(result, "next_seed_hash", info->next_seed);
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
    enum plab_status status = open_answer("get_block_template", body, len, &root, &result, err);
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
    enum plab_status status = open_result("submit_block", body, len, &root, &result, err);
    if (status != PLAB_OK) {
        return status;
    }
    copy_text(result, "status", words, sizeof words);
    json_decref(root);
    if (strcmp(words, "OK") != 0) {
        return plab_fail(err, PLAB_E_FAILED, "the daemon did not take the block: status \"%s\"",
                         words);
    }
    return PLAB_OK;
}
