/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WebSocket's opening handshake: a request that a server takes is one of ours to a stricter eye,
 * and its answer is what the client waits for; whatever a client calls itself, it is taken.
 *
 * Input: a head, which is judged as a request and as an answer; up to the first LF also a name.
 */
#include "net/wshello.h"

#include <stdlib.h>
#include <string.h>

#include "net/httphead.h"
#include "tests/fuzz/fuzz.h"

#define LAB "127.0.0.1:3333"
#define ANSWER_MAX 256

static void check_answer(const char *accept) {
    char text[ANSWER_MAX];
    struct plab_error err = {.text = ""};
    size_t len = plab_wshello_agree(text, sizeof text, accept);
    FUZZ_HOLDS(len > 0 && plab_http_head_length(text, len) == len);
    FUZZ_HOLDS(plab_wshello_check(text, len, accept, &err) == PLAB_OK);
    text[strlen("HTTP/1.1 101 Switching Protocols\r\n")] ^= 1;
    FUZZ_HOLDS(plab_wshello_check(text, len, accept, &err) == PLAB_E_PROTOCOL);
}

static void check_refusal(unsigned status) {
    static const unsigned known[] = {400, 403, 404, 405, 411, 413, 421, 426, 431, 505};
    char text[ANSWER_MAX];
    struct plab_error err = {.text = ""};
    bool is_known = false;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(known); i++) {
        is_known = is_known || status == known[i];
    }
    size_t len = plab_wshello_refuse(text, sizeof text, status);
    FUZZ_HOLDS(is_known && len > 0 && plab_http_head_length(text, len) == len);
    FUZZ_HOLDS(plab_wshello_check(text, len, "", &err) == PLAB_E_NETWORK);
    plab_fuzz_check_error(PLAB_E_NETWORK, &err);
}

static void check_agent(const struct plab_wshello *hello) {
    FUZZ_HOLDS(plab_fuzz_ends(hello->agent, sizeof hello->agent));
    for (const char *p = hello->agent; *p != '\0'; p++) {
        FUZZ_HOLDS(*p >= ' ' && *p <= '~');
    }
}

static void judge(const char *head, size_t len) {
    struct plab_wshello hello = {.accept = ""};
    struct plab_http_head parsed;
    unsigned status = plab_wshello_judge(head, len, &hello);
    check_agent(&hello);
    if (status != 0) {
        FUZZ_HOLDS(hello.accept[0] == '\0');
        check_refusal(status);
        return;
    }
    FUZZ_HOLDS(plab_http_head_parse(head, len, &parsed) == 0 && !parsed.has_body);
    FUZZ_HOLDS(parsed.method == PLAB_HTTP_GET && parsed.minor == 1 && parsed.query.at == NULL);
    FUZZ_HOLDS(strlen(hello.accept) == PLAB_WS_ACCEPT_LEN - 1);
    check_answer(hello.accept);
}

static void answered(const char *head, size_t len) {
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_wshello_check(head, len, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", &err);
    FUZZ_HOLDS(status == PLAB_OK || status == PLAB_E_PROTOCOL || status == PLAB_E_NETWORK);
    plab_fuzz_check_error(status, &err);
}

/* Any agent, and a key of any bytes. */
static void ask(const uint8_t *data, size_t size) {
    char name[300], request[2048], key[PLAB_WS_KEY_LEN], want[PLAB_WS_ACCEPT_LEN];
    struct plab_wshello hello;
    const uint8_t *lf = memchr(data, '\n', size);
    uint8_t nonce[16] = {0};
    size_t len = lf != NULL ? (size_t)(lf - data) : size;
    len = len < sizeof name ? len : sizeof name - 1;
    memcpy(name, data, len);
    name[len] = '\0';
    memcpy(nonce, data, size < sizeof nonce ? size : sizeof nonce);
    plab_wshello_key(nonce, key);
    len = plab_wshello_ask(request, sizeof request, LAB, "http://" LAB, name, key);
    FUZZ_HOLDS(len > 0 && plab_http_head_length(request, len) == len);
    FUZZ_HOLDS(plab_wshello_judge(request, len, &hello) == 0);
    check_agent(&hello);
    plab_wshello_accept(key, want);
    FUZZ_HOLDS(strcmp(hello.accept, want) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t len = plab_http_head_length((const char *)data, size);
    if (len > 0 && len <= PLAB_HTTP_HEAD_MAX) {
        char *head = malloc(len); /* of exactly the head's size */
        FUZZ_HOLDS(head != NULL);
        memcpy(head, data, len);
        judge(head, len);
        answered(head, len);
        free(head);
    }
    ask(data, size);
    return 0;
}
