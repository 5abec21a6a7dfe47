/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/ws_peer.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/hex.h"
#include "stratum/dialect.h"
#include "tests/harness.h"

/* Takes exactly `len` bytes; false at the end of the connection. */
static bool take(struct lab_client *client, void *out, size_t len) {
    while (client->len < len) {
        char *to = client->buffer + client->len;
        size_t room = sizeof client->buffer - client->len;
        ssize_t got = client->ssl != NULL ? SSL_read(client->ssl, to, (int)room)
                                          : recv(client->fd, to, room, 0);
        if (got <= 0) {
            return false;
        }
        client->len += (size_t)got;
    }
    memcpy(out, client->buffer, len);
    client->len -= len;
    memmove(client->buffer, client->buffer + len, client->len);
    return true;
}

static void check_accept(const char *answer) {
    unsigned char digest[20], text[100], base64[29];
    int len = snprintf((char *)text, sizeof text, WS_KEY "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    CHECK(EVP_Digest(text, (size_t)len, digest, NULL, EVP_sha1(), NULL) == 1);
    EVP_EncodeBlock(base64, digest, 20);
    CHECK_MSG(strstr(answer, (const char *)base64) != NULL, "%s", answer);
    CHECK(strstr(answer, "\r\nUpgrade: websocket\r\n") != NULL);
    CHECK(strstr(answer, "\r\nConnection: Upgrade\r\n") != NULL);
}

unsigned ws_shake_hands(struct lab_client *client, const char *request) {
    char answer[1024] = "";
    size_t len = 0;
    client_send(client, request);
    while (len < 4 || memcmp(answer + len - 4, "\r\n\r\n", 4) != 0) {
        CHECK(len < sizeof answer - 1);
        if (!take(client, answer + len++, 1)) {
            return 0;
        }
    }
    CHECK_MSG(strncmp(answer, "HTTP/1.1 ", 9) == 0, "%s", answer);
    unsigned status = (unsigned)strtoul(answer + 9, NULL, 10);
    if (status == 101) {
        check_accept(answer);
    }
    return status;
}

size_t ws_put(char *out, unsigned first, const void *payload, size_t len) {
    static const char mask[4] = {0x11, 0x22, 0x33, 0x44};
    size_t at = 2;
    CHECK(len < 65536);
    out[0] = (char)first;
    out[1] = (char)(0x80 | (len < 126 ? len : 126));
    if (len >= 126) {
        out[at++] = (char)(len / 256);
        out[at++] = (char)(len % 256);
    }
    memcpy(out + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < len; i++) {
        out[at + i] = (char)(((const char *)payload)[i] ^ mask[i & 3]);
    }
    return at + len;
}

void ws_send(struct lab_client *client, const char *text) {
    static char frame[66000];
    client_send_bytes(client, frame, ws_put(frame, 0x81, text, strlen(text)));
}

int ws_next(struct lab_client *client, char *payload, size_t cap, size_t *len) {
    unsigned char head[2], more[2];
    if (!take(client, head, 2)) {
        return -1;
    }
    CHECK_MSG((head[0] & 0xF0) == 0x80 && head[1] <= 126, "%02x %02x", head[0], head[1]);
    *len = head[1];
    if (head[1] == 126) {
        if (!take(client, more, 2)) {
            return -1;
        }
        *len = (size_t)more[0] << 8 | more[1];
    }
    CHECK(*len < cap);
    if (!take(client, payload, *len)) {
        return -1;
    }
    payload[*len] = '\0';
    return head[0] & 0x0F;
}

/* True for a job, which becomes the client's. */
static bool take_job(struct lab_client *client, const char *text, size_t len) {
    const struct plab_dialect *dialect;
    struct plab_stratum_reply reply;
    struct plab_error err;
    CHECK(plab_dialect_find("ws-coinhive", &dialect, &err) == PLAB_OK);
    CHECK_MSG(dialect->parse_reply(text, len, &reply, &err) == PLAB_OK, "%s: %s", err.text, text);
    if (!reply.has_job) {
        return false;
    }
    client->job = reply.job;
    client->jobs++;
    return true;
}

const char *ws_story(struct lab_client *client, char *out, size_t cap) {
    static char payload[66000];
    size_t used = 0, len = 0;
    out[0] = '\0';
    for (;;) {
        int opcode = ws_next(client, payload, sizeof payload, &len);
        if (opcode == 1 && !take_job(client, payload, len)) {
            used += (size_t)snprintf(out + used, cap - used, "%s ", payload);
        } else if (opcode == 10) {
            used += (size_t)snprintf(out + used, cap - used, "pong(%s) ", payload);
        } else if (opcode == 8) {
            CHECK(len >= 2);
            snprintf(out + used, cap - used, "close(%u)",
                     (unsigned)((unsigned char)payload[0] << 8 | (unsigned char)payload[1]));
            return out;
        } else if (opcode == -1) {
            snprintf(out + used, cap - used, "end");
            return out;
        }
        if (opcode == 10 && strcmp(payload, "probe") == 0) {
            return out;
        }
        CHECK(used < cap);
    }
}

void ws_login(struct lab_client *client, const struct pool_lab *lab, size_t index, SSL_CTX *context,
              const char *site_key) {
    char text[1000], payload[4096];
    size_t len = 0;
    client_open_at(client, lab, index, context);
    CHECK((client->ssl != NULL) == (context != NULL));
    CHECK_U64(ws_shake_hands(client, WS_GOOD_HEAD), 101);
    snprintf(text, sizeof text,
             "{\"type\":\"auth\",\"params\":{\"site_key\":\"%s\",\"type\":\"anonymous\","
             "\"user\":null,\"goal\":0}}",
             site_key);
    ws_send(client, text);
    CHECK(ws_next(client, payload, sizeof payload, &len) == 1);
    CHECK_STR(payload, "{\"type\":\"authed\",\"params\":{\"token\":\"\",\"hashes\":0}}");
    CHECK(ws_next(client, payload, sizeof payload, &len) == 1);
    CHECK_MSG(take_job(client, payload, len), "%s", payload);
}

void ws_submit_text(const struct plab_stratum_submit *submit, char *out, size_t cap) {
    char nonce[9], result[65];
    plab_hex_encode(submit->nonce, 4, nonce);
    plab_hex_encode(submit->result, 32, result);
    snprintf(out, cap,
             "{\"type\":\"submit\",\"params\":{\"job_id\":\"%s\",\"nonce\":\"%s\","
             "\"result\":\"%s\"}}",
             submit->job_id, nonce, result);
}
