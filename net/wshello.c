/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/wshello.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "net/httphead.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define SHA1_BYTES 20
#define KEY_CHARACTERS (PLAB_WS_KEY_LEN - 1)

/* ---- keys ---- */

void plab_wshello_key(const uint8_t nonce[16], char out[PLAB_WS_KEY_LEN]) {
    EVP_EncodeBlock((unsigned char *)out, nonce, 16);
}

void plab_wshello_accept(const char *key, char out[PLAB_WS_ACCEPT_LEN]) {
    char text[KEY_CHARACTERS + sizeof GUID];
    uint8_t digest[SHA1_BYTES] = {0};
    int len = snprintf(text, sizeof text, "%.*s" GUID, KEY_CHARACTERS, key);
    /* A library without SHA-1 gives a value that the other side will refuse. */
    (void)EVP_Digest(text, (size_t)len, digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)out, digest, SHA1_BYTES);
}

/* 16 bytes in base64: 22 characters, of which the last carries four bits only, and "==". */
static bool is_key(struct plab_http_text text) {
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (text.len != KEY_CHARACTERS || memcmp(text.at + 22, "==", 2) != 0) {
        return false;
    }
    for (size_t i = 0; i < 22; i++) {
        if (text.at[i] == '\0' || strchr(base64, text.at[i]) == NULL) {
            return false;
        }
    }
    return strchr("AQgw", text.at[21]) != NULL;
}

/* ---- the client's request ---- */

size_t plab_wshello_length(const char *bytes, size_t len) {
    return plab_http_head_length(bytes, len);
}

enum plab_wshello_progress plab_wshello_take(struct plab_wshello_head *head, const char *bytes,
                                             size_t len, size_t *used) {
    const size_t before = head->len, room = PLAB_WS_HELLO_MAX - before;
    *used = len < room ? len : room;
    if (head->bytes == NULL && (head->bytes = malloc(PLAB_WS_HELLO_MAX)) == NULL) {
        return PLAB_WSHELLO_NO_MEMORY;
    }
    memcpy(head->bytes + before, bytes, *used);
    head->len += *used;
    const size_t whole = plab_wshello_length(head->bytes, head->len);
    if (whole > 0) {
        *used = whole - before;
        head->len = whole;
        return PLAB_WSHELLO_WHOLE;
    }
    return head->len == PLAB_WS_HELLO_MAX ? PLAB_WSHELLO_ENDLESS : PLAB_WSHELLO_MORE;
}

void plab_wshello_drop(struct plab_wshello_head *head) {
    free(head->bytes);
    *head = (struct plab_wshello_head){.bytes = NULL};
}

PLAB_PRINTF(3, 4)
static size_t print(char *out, size_t cap, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(out, cap, fmt, args);
    va_end(args);
    return len > 0 && (size_t)len < cap ? (size_t)len : 0;
}

size_t plab_wshello_ask(char *out, size_t cap, const char *host, const char *origin,
                        const char *agent, const char *key) {
    char plain[512];
    size_t len = strlen(agent);
    if (len >= sizeof plain) {
        return 0;
    }
    for (size_t i = 0; i <= len; i++) {
        bool control = ((unsigned char)agent[i] < ' ' && agent[i] != '\0') || agent[i] == 0x7f;
        plain[i] = control ? '?' : agent[i];
    }
    return print(out, cap,
                 "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nPragma: no-cache\r\n"
                 "Cache-Control: no-cache\r\nUser-Agent: %s\r\nUpgrade: websocket\r\n"
                 "Origin: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
                 host, plain, origin, key);
}

/* ---- judging it ---- */

/* What the handshake looks at. */
struct hello {
    struct plab_http_text key, version, origin, agent;
    unsigned keys, versions, origins;
    bool upgrade, connection;
};

/* True when a list of tokens, separated by commas, has `word`. */
static bool lists(struct plab_http_text list, const char *word) {
    while (list.len > 0) {
        const char *comma = memchr(list.at, ',', list.len);
        struct plab_http_text item = {list.at,
                                      comma != NULL ? (size_t)(comma - list.at) : list.len};
        if (plab_http_word_is(plab_http_trim(item), word)) {
            return true;
        }
        size_t used = item.len + (comma != NULL);
        list.at += used;
        list.len -= used;
    }
    return false;
}

static void take_field(struct hello *hello, struct plab_http_text name,
                       struct plab_http_text value) {
    if (plab_http_word_is(name, "upgrade")) {
        hello->upgrade |= lists(value, "websocket");
    } else if (plab_http_word_is(name, "connection")) {
        hello->connection |= lists(value, "upgrade");
    } else if (plab_http_word_is(name, "sec-websocket-key")) {
        hello->key = value;
        hello->keys++;
    } else if (plab_http_word_is(name, "sec-websocket-version")) {
        hello->version = value;
        hello->versions++;
    } else if (plab_http_word_is(name, "origin")) {
        hello->origin = value;
        hello->origins++;
    } else if (plab_http_word_is(name, "user-agent")) {
        hello->agent = value;
    }
}

/* A page of the lab: "http://HOST[:PORT]" or https; "null" and files are nobody's. */
static bool is_lab_origin(struct plab_http_text origin) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i]);
        if (origin.len > len && memcmp(origin.at, schemes[i], len) == 0) {
            struct plab_http_text host = {origin.at + len, origin.len - len};
            return plab_http_host_is_lab(host);
        }
    }
    return false;
}

static unsigned judge_fields(const struct plab_http_head *head, struct hello *hello) {
    struct plab_http_text rest = head->fields, name, value;
    while (plab_http_take_field(&rest, &name, &value) == 0 && name.len > 0) {
        take_field(hello, name, value);
    }
    if (!hello->upgrade || !hello->connection || hello->versions != 1 ||
        !plab_http_text_is(hello->version, "13")) {
        return 426;
    }
    if (hello->keys != 1 || !is_key(hello->key) || hello->origins > 1) {
        return 400;
    }
    return hello->origins == 1 && is_lab_origin(hello->origin) ? 0 : 403;
}

static void copy_agent(char out[PLAB_WS_AGENT_LEN], struct plab_http_text agent) {
    size_t len = agent.len < PLAB_WS_AGENT_LEN ? agent.len : PLAB_WS_AGENT_LEN - 1;
    for (size_t i = 0; i < len; i++) {
        out[i] = (char)(agent.at[i] >= ' ' && agent.at[i] <= '~' ? agent.at[i] : '?');
    }
    out[len] = '\0';
}

unsigned plab_wshello_judge(const char *bytes, size_t len, struct plab_wshello *out) {
    struct plab_http_head head;
    struct hello hello = {.keys = 0};
    char key[PLAB_WS_KEY_LEN] = "";
    unsigned status = plab_http_head_parse(bytes, len, &head);
    if (status != 0) {
        return status;
    }
    if (head.method != PLAB_HTTP_GET) {
        return 405;
    }
    if (head.minor == 0) {
        return 505;
    }
    if (!plab_http_text_is(head.path, "/") && !plab_http_text_is(head.path, "/proxy")) {
        return 404;
    }
    if (head.query.at != NULL) { /* nobody is sent to a pool of a page's choice */
        return 403;
    }
    status = head.has_body ? 400 : judge_fields(&head, &hello);
    if (status == 0) {
        memcpy(key, hello.key.at, KEY_CHARACTERS);
        plab_wshello_accept(key, out->accept);
        copy_agent(out->agent, hello.agent);
    }
    return status;
}

/* ---- the server's answer ---- */

size_t plab_wshello_agree(char *out, size_t cap, const char *accept) {
    return print(out, cap,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
}

static const char *reason_of(unsigned status) {
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {{403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {411, "Length Required"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {421, "Misdirected Request"},
                   {426, "Upgrade Required"},
                   {431, "Request Header Fields Too Large"},
                   {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Bad Request";
}

size_t plab_wshello_refuse(char *out, size_t cap, unsigned status) {
    const char *more = status == 405   ? "Allow: GET\r\n"
                       : status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                       : "";
    return print(out, cap, "HTTP/1.1 %u %s\r\n%sContent-Length: 0\r\nConnection: close%s\r\n\r\n",
                 status, reason_of(status), more, status == 426 ? ", Upgrade" : "");
}

/* ---- judging that ---- */

/* Takes the first line off. */
static enum plab_status check_line(struct plab_http_text *rest, struct plab_error *err) {
    static const char start[] = "HTTP/1.1 ";
    const size_t start_len = sizeof start - 1;
    char shown[80];
    const char *end = memchr(rest->at, '\r', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->at) : 0;
    if (len < start_len + 3 || memcmp(rest->at, start, start_len) != 0 || end[1] != '\n') {
        return plab_fail(err, PLAB_E_PROTOCOL, "the answer to the WebSocket handshake is no HTTP");
    }
    if (memcmp(rest->at + start_len, "101", 3) != 0) {
        return plab_fail(
            err, PLAB_E_NETWORK, "the WebSocket handshake was refused: %s",
            plab_log_escape(rest->at + start_len, len - start_len, shown, sizeof shown));
    }
    rest->at += len + 2;
    rest->len -= len + 2;
    return PLAB_OK;
}

/* What an answer says. */
struct answer {
    bool upgrade, connection;
    unsigned accepts, wrongs;
};

static void take_answer(struct answer *answer, struct plab_http_text name,
                        struct plab_http_text value, const char *accept) {
    if (plab_http_word_is(name, "upgrade")) {
        answer->upgrade |= plab_http_word_is(value, "websocket");
    } else if (plab_http_word_is(name, "connection")) {
        answer->connection |= lists(value, "upgrade");
    } else if (plab_http_word_is(name, "sec-websocket-accept")) {
        answer->accepts += plab_http_text_is(value, accept);
        answer->wrongs += !plab_http_text_is(value, accept);
    } else if (plab_http_word_is(name, "sec-websocket-extensions") ||
               plab_http_word_is(name, "sec-websocket-protocol")) {
        answer->wrongs++; /* nothing of the kind was asked for */
    }
}

enum plab_status plab_wshello_check(const char *bytes, size_t len, const char *accept,
                                    struct plab_error *err) {
    struct plab_http_text rest = {bytes, len}, name = {.len = 1}, value;
    struct answer answer = {.accepts = 0};
    enum plab_status status = check_line(&rest, err);
    if (status != PLAB_OK) {
        return status;
    }
    while (name.len > 0) {
        if (plab_http_take_field(&rest, &name, &value) != 0) {
            return plab_fail(err, PLAB_E_PROTOCOL,
                             "the answer to the WebSocket handshake is malformed");
        }
        take_answer(&answer, name, value, accept);
    }
    if (!answer.upgrade || !answer.connection || answer.accepts != 1 || answer.wrongs > 0) {
        return plab_fail(err, PLAB_E_PROTOCOL,
                         "the answer to the WebSocket handshake doesn't suit the request");
    }
    return PLAB_OK;
}
