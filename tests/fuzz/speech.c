/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The masks of what clients said: whatever Jansson takes as an object is taken, its method is the
 * one that Jansson finds, and exactly as much room is needed as the text is long.
 */
#include "lab/speech.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* Jansson's view of the method, where it is plain: no escapes, not cut, named once. */
static void check_method(const json_t *object, const char *line, size_t len, const char *method) {
    const char *want = json_string_value(json_object_get(object, "method"));
    size_t named = 0;
    for (size_t i = 0; i + 8 <= len; i++) {
        named += memcmp(line + i, "\"method\"", 8) == 0;
    }
    if (want != NULL && named == 1 && strlen(want) < 32 && memchr(line, '\\', len) == NULL &&
        memchr(line, '\t', len) == NULL && memchr(line, '\r', len) == NULL) {
        FUZZ_HOLDS(strcmp(method, want) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *line = (const char *)data;
    char method[32], again_method[32];
    if (memchr(data, '\n', size) != NULL) {
        return 0; /* a line has none */
    }
    size_t cap = 3 * size + 1; /* a value grows by two bytes, and has two quotes */
    char *out = malloc(cap);
    FUZZ_HOLDS(out != NULL);
    bool taken = plab_speech_mask(line, size, out, cap, method);
    FUZZ_HOLDS(plab_fuzz_ends(method, sizeof method));
    json_t *json = json_loadb(line, size, 0, NULL);
    if (json_is_object(json) && line[0] == '{') {
        FUZZ_HOLDS(taken);
        check_method(json, line, size, method);
    }
    json_decref(json);
    if (taken && memchr(data, '\0', size) == NULL) {
        size_t need = strlen(out) + 1;
        char *again = malloc(need);
        FUZZ_HOLDS(again != NULL);
        FUZZ_HOLDS(plab_speech_mask(line, size, again, need, again_method));
        FUZZ_HOLDS(memcmp(out, again, need) == 0 && strcmp(method, again_method) == 0);
        FUZZ_HOLDS(!plab_speech_mask(line, size, again, need - 1, again_method));
        free(again);
    }
    free(out);
    return 0;
}
