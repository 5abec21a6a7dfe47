/* SPDX-License-Identifier: BSD-3-Clause */
#include "stratum/json_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/log.h"

/* What went wrong with a value, for texts: its type, or its escaped beginning. */
const char *plab_json_describe(const json_t *value, char out[PLAB_JSON_SHOWN_MAX]) {
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
    plab_log_escape(json_string_value(value), json_string_length(value), out + 1,
                    PLAB_JSON_SHOWN_MAX - 2);
    size_t end = strlen(out);
    out[end] = '"';
    out[end + 1] = '\0';
    return out;
}

enum plab_status plab_json_bad_field(struct plab_error *err, const char *field, const json_t *value,
                                     const char *rule) {
    char shown[PLAB_JSON_SHOWN_MAX];
    return plab_fail(err, PLAB_E_INPUT, "%s is %s, not %s", field, plab_json_describe(value, shown),
                     rule);
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
enum plab_status plab_json_load(const char *line, size_t len, json_t **out,
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
void plab_json_copy_cut(char *out, size_t cap, const char *text, size_t len) {
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
void plab_json_text(const json_t *object, const char *key, char *out, size_t cap) {
    const json_t *value = json_object_get(object, key);
    out[0] = '\0';
    if (json_is_string(value)) {
        plab_json_copy_cut(out, cap, json_string_value(value), json_string_length(value));
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

bool plab_json_plain(const json_t *value, char *out, size_t cap) {
    out[0] = '\0';
    if (!is_plain(value, cap)) {
        return false;
    }
    memcpy(out, json_string_value(value), json_string_length(value) + 1);
    return true;
}

/* A string of exactly 2 * `len` hex digits. */
bool plab_json_hex(const json_t *value, uint8_t *out, size_t len) {
    size_t got = 0;
    return json_is_string(value) && json_string_length(value) == 2 * len &&
           plab_hex_decode(json_string_value(value), 2 * len, out, len, &got, NULL) == PLAB_OK;
}

bool plab_json_id(const json_t *value, struct plab_stratum_id *out) {
    memset(out, 0, sizeof *out);
    if (json_is_integer(value)) {
        out->number = json_integer_value(value);
        return true;
    }
    out->is_text = true;
    return plab_json_plain(value, out->text, sizeof out->text);
}
