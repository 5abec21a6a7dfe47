/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a daemon answers, as HTTP: the same status, body and verdict whatever the segments, and any
 * body told plainly arrives as it is.
 *
 * Input: bytes of a connection until it is closed, and such a body.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http.h"
#include "tests/fuzz/fuzz.h"

enum step { WHOLE, BYTES, PIECES };

/* Returns the verdict; the response stays with the caller, to be freed. */
static enum plab_status feed(const uint8_t *bytes, size_t len, enum step step,
                             struct plab_http_response *response) {
    struct plab_error err = {.text = ""};
    enum plab_status status = PLAB_OK;
    uint32_t salt = (uint32_t)len;
    memset(response, 0, sizeof *response);
    for (size_t at = 0; at < len && status == PLAB_OK;) {
        size_t piece = step == WHOLE ? len : step == BYTES ? 1 : plab_fuzz_piece(&salt, len - at);
        char *copy = malloc(piece);
        FUZZ_HOLDS(copy != NULL);
        memcpy(copy, bytes + at, piece);
        status = plab_http_response_feed(response, copy, piece, &err);
        free(copy);
        at += piece;
    }
    if (status == PLAB_OK) {
        status = plab_http_response_end(response, &err);
    }
    plab_fuzz_check_error(status, &err);
    FUZZ_HOLDS(status == PLAB_OK || status == PLAB_E_PROTOCOL);
    return status;
}

static void check_body(const struct plab_http_response *response) {
    FUZZ_HOLDS(response->part == PLAB_HTTP_DONE && response->status >= 100);
    FUZZ_HOLDS(response->body_len == 0 || response->body[response->body_len] == '\0');
    FUZZ_HOLDS(response->body_len <= PLAB_HTTP_BODY_MAX);
}

/* The body in one answer with a length. */
static void check_plain(const char *body, size_t body_len) {
    struct plab_http_response again;
    size_t cap = body_len + 128;
    char *text = malloc(cap);
    FUZZ_HOLDS(text != NULL);
    int head = snprintf(text, cap, "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n", body_len);
    if (body_len > 0) {
        memcpy(text + head, body, body_len);
    }
    FUZZ_HOLDS(feed((const uint8_t *)text, (size_t)head + body_len, PIECES, &again) == PLAB_OK);
    FUZZ_HOLDS(again.status == 200 && again.body_len == body_len);
    FUZZ_HOLDS(body_len == 0 || memcmp(again.body, body, body_len) == 0);
    plab_http_response_free(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct plab_http_response whole, other;
    enum plab_status status = feed(data, size, WHOLE, &whole);
    for (enum step step = BYTES; step <= PIECES; step++) {
        FUZZ_HOLDS(feed(data, size, step, &other) == status);
        FUZZ_HOLDS(status != PLAB_OK || other.status == whole.status);
        FUZZ_HOLDS(status != PLAB_OK || other.body_len == whole.body_len);
        FUZZ_HOLDS(status != PLAB_OK || whole.body_len == 0 ||
                   memcmp(other.body, whole.body, whole.body_len) == 0);
        plab_http_response_free(&other);
    }
    if (status == PLAB_OK) {
        check_body(&whole);
    }
    plab_http_response_free(&whole);
    check_plain((const char *)data, size);
    return 0;
}
