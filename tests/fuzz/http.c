/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Heads of HTTP requests: the end is found at the same place however few bytes there are; what was
 * understood lies within the bytes, and a plain request made of it is understood alike.
 *
 * Input: bytes of a connection.
 */
#include "net/httphead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static void check_length(const char *bytes, size_t size, size_t len) {
    for (size_t have = 0; have < size && have < 600; have++) {
        size_t early = plab_http_head_length(bytes, have);
        FUZZ_HOLDS(early == (len > 0 && have >= len ? len : 0));
    }
    FUZZ_HOLDS(len <= size && (len == 0 || bytes[len - 1] == '\n'));
}

static bool within(struct plab_http_text text, const char *bytes, size_t len) {
    return text.at == NULL ? text.len == 0
                           : text.at >= bytes && text.at <= bytes + len &&
                                 text.len <= (size_t)(bytes + len - text.at);
}

static bool same(struct plab_http_text a, struct plab_http_text b) {
    return (a.at == NULL) == (b.at == NULL) && a.len == b.len &&
           (a.at == NULL || memcmp(a.at, b.at, a.len) == 0);
}

/* Method, target, Host and Authorization only. */
static void check_plain(const struct plab_http_head *head) {
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "POST"};
    static char text[PLAB_HTTP_HEAD_MAX + 128];
    struct plab_http_head again;
    int len = snprintf(
        text, sizeof text, "%s %.*s%s%.*s HTTP/1.%u\r\nHost: [::1]:80\r\n%s%.*s%s\r\n",
        methods[head->method], (int)head->path.len, head->path.at,
        head->query.at != NULL ? "?" : "", (int)head->query.len,
        head->query.at != NULL ? head->query.at : "", head->minor,
        head->authorization.at != NULL ? "authorization:" : "", (int)head->authorization.len,
        head->authorization.at != NULL ? head->authorization.at : "",
        head->authorization.at != NULL ? "\r\n" : "");
    FUZZ_HOLDS(len > 0 && plab_http_head_length(text, (size_t)len) == (size_t)len);
    FUZZ_HOLDS(plab_http_head_parse(text, (size_t)len, &again) == 0);
    FUZZ_HOLDS(again.method == head->method && again.minor == head->minor && !again.has_body);
    FUZZ_HOLDS(same(again.path, head->path) && same(again.query, head->query));
    FUZZ_HOLDS(same(again.authorization, head->authorization));
}

static void check_fields(const struct plab_http_head *head) {
    struct plab_http_text rest = head->fields, name = {.len = 1}, value;
    size_t count = 0;
    while (name.len > 0) {
        FUZZ_HOLDS(plab_http_take_field(&rest, &name, &value) == 0);
        FUZZ_HOLDS(within(name, head->fields.at, head->fields.len));
        FUZZ_HOLDS(within(value, head->fields.at, head->fields.len));
        count++;
    }
    FUZZ_HOLDS(rest.len == 0 && count >= 2 && count <= PLAB_HTTP_FIELDS_MAX + 1);
}

static void parse(const char *bytes, size_t len) {
    static const unsigned known[] = {0, 400, 411, 413, 421, 431, 505};
    struct plab_http_head head;
    bool is_known = false;
    unsigned status = plab_http_head_parse(bytes, len, &head);
    for (size_t i = 0; i < PLAB_ARRAY_LEN(known); i++) {
        is_known = is_known || status == known[i];
    }
    FUZZ_HOLDS(is_known);
    if (status != 0) {
        return;
    }
    FUZZ_HOLDS(within(head.path, bytes, len) && head.path.len > 0 && head.path.at[0] == '/');
    FUZZ_HOLDS(within(head.query, bytes, len) && within(head.authorization, bytes, len));
    FUZZ_HOLDS(within(head.fields, bytes, len) && head.minor <= 1);
    FUZZ_HOLDS(!head.has_body || head.method == PLAB_HTTP_OTHER);
    check_fields(&head);
    check_plain(&head);
    (void)plab_http_bearer_is(head.authorization, "token");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t len = plab_http_head_length((const char *)data, size);
    check_length((const char *)data, size, len);
    if (len > 0 && len <= PLAB_HTTP_HEAD_MAX) {
        char *head = malloc(len); /* of exactly the head's size */
        FUZZ_HOLDS(head != NULL);
        memcpy(head, data, len);
        parse(head, len);
        free(head);
    }
    unsigned over = plab_http_head_overflow((const char *)data, size);
    FUZZ_HOLDS(over == 414 || over == 431);
    return 0;
}
