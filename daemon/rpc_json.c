/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/hex.h"
#include "base/log.h"
#include "daemon/rpc_json_priv.h"

#define DEPTH_MAX 32 /* arrays and objects inside each other, before the parser recurses */

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

json_t *plab_rpc_load(const char *body, size_t len) {
    return body != NULL && shallow(body, len) ? json_loadb(body, len, 0, NULL) : NULL;
}

enum plab_status plab_rpc_open_result(const char *method, const char *body, size_t len,
                                      json_t **root, json_t **result, struct plab_error *err) {
    *root = plab_rpc_load(body, len);
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

enum plab_status plab_rpc_open_answer(const char *method, const char *body, size_t len,
                                      json_t **root, json_t **result, struct plab_error *err) {
    enum plab_status status = plab_rpc_open_result(method, body, len, root, result, err);
    return status == PLAB_E_FAILED ? PLAB_E_PROTOCOL : status;
}

bool plab_rpc_get_u64(const json_t *object, const char *key, uint64_t *out) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *out = (uint64_t)json_integer_value(value);
    return true;
}

void plab_rpc_copy_text(const json_t *object, const char *key, char *out, size_t cap) {
    const char *text = json_string_value(json_object_get(object, key));
    if (text != NULL) {
        plab_log_escape(text, strlen(text), out, cap);
    }
}

enum plab_status plab_rpc_judge_network(const json_t *result, const struct plab_rpc_info *info,
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

bool plab_rpc_get_hash(const json_t *object, const char *key, uint8_t out[PLAB_BLOCK_ID_BYTES]) {
    const char *text = json_string_value(json_object_get(object, key));
    size_t len;
    return text != NULL &&
           plab_hex_decode(text, strlen(text), out, PLAB_BLOCK_ID_BYTES, &len, NULL) == PLAB_OK &&
           len == PLAB_BLOCK_ID_BYTES;
}
