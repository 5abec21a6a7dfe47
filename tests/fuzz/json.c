/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON reader: what it takes is what the library behind it takes of one object within our
 * limits; printed and read again it is the same; the readers of members keep to their buffers.
 */
#include <stdlib.h>
#include <string.h>

#include "stratum/json_priv.h"
#include "tests/fuzz/fuzz.h"

static unsigned depth_of(const json_t *value) {
    unsigned deepest = 0;
    const char *key;
    json_t *child;
    size_t index;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, child) {
            unsigned depth = depth_of(child);
            deepest = depth > deepest ? depth : deepest;
        }
        return deepest + 1;
    }
    json_array_foreach(value, index, child) {
        unsigned depth = depth_of(child);
        deepest = depth > deepest ? depth : deepest;
    }
    return json_is_array(value) ? deepest + 1 : 0;
}

/* What a reader without limits makes of it; NULL when it should be refused. */
static json_t *oracle(const char *line, size_t len) {
    json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root) || len > PLAB_STRATUM_LINE_MAX ||
        depth_of(root) > PLAB_STRATUM_DEPTH_MAX) {
        json_decref(root);
        return NULL;
    }
    return root;
}

static void check_printed(const json_t *root) {
    struct plab_error err = {.text = ""};
    json_t *again = NULL;
    char *text = json_dumps(root, JSON_COMPACT);
    FUZZ_HOLDS(text != NULL);
    if (strlen(text) <= PLAB_STRATUM_LINE_MAX) {
        FUZZ_HOLDS(plab_json_load(text, strlen(text), &again, &err) == PLAB_OK);
        FUZZ_HOLDS(json_equal(root, again));
        json_decref(again);
    }
    free(text);
}

static bool has_control(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 127) {
            return true;
        }
    }
    return false;
}

static void check_cut(const char *text, size_t len, size_t cap) {
    char *out = malloc(cap); /* of exactly the size that is told */
    FUZZ_HOLDS(out != NULL);
    plab_json_copy_cut(out, cap, text, len);
    FUZZ_HOLDS(plab_fuzz_ends(out, cap));
    FUZZ_HOLDS(strncmp(text, out, strlen(out)) == 0 && plab_fuzz_is_utf8(out, strlen(out)));
    FUZZ_HOLDS(len >= cap ? strlen(out) + 4 >= cap : strlen(out) == len);
    free(out);
}

static bool is_hex(const json_t *value, size_t digits) {
    const char *text = json_string_value(value);
    return text != NULL && strlen(text) == digits &&
           strspn(text, "0123456789abcdefABCDEF") == digits;
}

static void check_value(const json_t *value) {
    char shown[PLAB_JSON_SHOWN_MAX], plain[17];
    struct plab_stratum_id id;
    uint8_t bytes[4];
    struct plab_error err = {.text = ""};
    (void)plab_json_bad_field(&err, "field", value, "what it should be");
    plab_fuzz_check_error(PLAB_E_INPUT, &err);
    FUZZ_HOLDS(plab_fuzz_ends(plab_json_describe(value, shown), sizeof shown));
    bool fits = json_is_string(value) && json_string_length(value) < sizeof plain &&
                !has_control(json_string_value(value));
    FUZZ_HOLDS(plab_json_plain(value, plain, sizeof plain) == fits);
    FUZZ_HOLDS(strcmp(plain, fits ? json_string_value(value) : "") == 0);
    FUZZ_HOLDS(plab_json_hex(value, bytes, sizeof bytes) == is_hex(value, 2 * sizeof bytes));
    if (plab_json_id(value, &id)) {
        FUZZ_HOLDS(id.is_text ? strcmp(id.text, json_string_value(value)) == 0
                              : id.number == json_integer_value(value));
    } else {
        FUZZ_HOLDS(id.text[0] == '\0');
    }
    if (json_is_string(value)) {
        for (size_t cap = 1; cap < 12; cap++) {
            check_cut(json_string_value(value), json_string_length(value), cap);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct plab_error err = {.text = ""};
    json_t *root = NULL;
    enum plab_status status = plab_json_load((const char *)data, size, &root, &err);
    json_t *want = oracle((const char *)data, size);
    plab_fuzz_check_error(status, &err);
    FUZZ_HOLDS(status == PLAB_OK || status == PLAB_E_PROTOCOL);
    FUZZ_HOLDS((status == PLAB_OK) == (want != NULL) && (status == PLAB_OK) == (root != NULL));
    if (root != NULL) {
        const char *key;
        json_t *value;
        FUZZ_HOLDS(json_equal(root, want));
        check_printed(root);
        check_value(NULL);
        json_object_foreach(root, key, value) {
            check_value(value);
        }
    }
    json_decref(root);
    json_decref(want);
    return 0;
}
