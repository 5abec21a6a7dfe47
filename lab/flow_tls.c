/* SPDX-License-Identifier: BSD-3-Clause */
/* A ClientHello: the name it asks for and its JA3 (Althouse, Atkinson, Atkins 2017). */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "lab/flow_wire.h"

#define EXT_SERVER_NAME 0
#define EXT_GROUPS 10
#define EXT_POINT_FORMATS 11

/* Bytes that are left; a read beyond them fails and stays failed. */
struct cursor {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static struct cursor take(struct cursor *from, size_t len) {
    if (from->failed || len > from->left) {
        from->failed = true;
        return (struct cursor){.failed = true};
    }
    struct cursor part = {.at = from->at, .left = len};
    from->at += len;
    from->left -= len;
    return part;
}

static unsigned take_number(struct cursor *from, size_t bytes) {
    struct cursor part = take(from, bytes);
    unsigned value = 0;
    for (size_t i = 0; !part.failed && i < bytes; i++) {
        value = value << 8 | part.at[i];
    }
    return value;
}

/* A vector with its length in front. */
static struct cursor take_vector(struct cursor *from, size_t length_bytes) {
    size_t len = take_number(from, length_bytes);
    return take(from, len);
}

/* Values that clients draw at random so that servers stay tolerant (RFC 8701); no JA3 has them. */
static bool is_grease(unsigned value) {
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

static void add_text(char out[PLAB_JA3_TEXT_MAX], const char *text) {
    size_t used = strlen(out);
    snprintf(out + used, PLAB_JA3_TEXT_MAX - used, "%s", text);
}

static void add_number(char out[PLAB_JA3_TEXT_MAX], unsigned value, bool first) {
    char text[16];
    snprintf(text, sizeof text, "%s%u", first ? "" : "-", value);
    add_text(out, text);
}

static void add_list(char out[PLAB_JA3_TEXT_MAX], struct cursor list, size_t bytes) {
    bool first = true;
    while (!list.failed && list.left >= bytes) {
        unsigned value = take_number(&list, bytes);
        if (bytes == 1 || !is_grease(value)) {
            add_number(out, value, first);
            first = false;
        }
    }
}

static void read_name(struct cursor extension, char sni[256]) {
    struct cursor names = take_vector(&extension, 2);
    unsigned type = take_number(&names, 1);
    struct cursor name = take_vector(&names, 2);
    if (name.failed || type != 0 || name.left > 255) {
        return;
    }
    for (size_t i = 0; i < name.left; i++) {
        sni[i] = name.at[i] > ' ' && name.at[i] < 127 ? (char)name.at[i] : '?';
    }
    sni[name.left] = '\0';
}

static void read_extensions(struct cursor all, struct plab_flow_wire *out) {
    struct cursor groups = {.left = 0}, formats = {.left = 0};
    bool first = true;
    while (!all.failed && all.left >= 4) {
        unsigned type = take_number(&all, 2);
        struct cursor one = take_vector(&all, 2);
        if (is_grease(type) || one.failed) {
            continue;
        }
        add_number(out->ja3_text, type, first);
        first = false;
        if (type == EXT_SERVER_NAME) {
            read_name(one, out->sni);
        } else if (type == EXT_GROUPS) {
            groups = take_vector(&one, 2);
        } else if (type == EXT_POINT_FORMATS) {
            formats = take_vector(&one, 1);
        }
    }
    add_text(out->ja3_text, ",");
    add_list(out->ja3_text, groups, 2);
    add_text(out->ja3_text, ",");
    add_list(out->ja3_text, formats, 1);
}

static void set_md5(struct plab_flow_wire *out) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    /* Fails where MD5 isn't allowed; then there is no JA3. */
    if (EVP_Digest(out->ja3_text, strlen(out->ja3_text), digest, &len, EVP_md5(), NULL) == 1 &&
        len == 16) {
        plab_hex_encode(digest, len, out->ja3);
    }
}

bool plab_flow_tls_read(const uint8_t *head, size_t len, struct plab_flow_wire *out) {
    struct cursor records = {.at = head, .left = len};
    (void)take(&records, 3);
    struct cursor record = take_vector(&records, 2); /* a hello in one record: every client's */
    unsigned type = take_number(&record, 1);
    struct cursor hello = take_vector(&record, 3);
    unsigned version = take_number(&hello, 2);
    (void)take(&hello, 32);
    (void)take_vector(&hello, 1);
    struct cursor ciphers = take_vector(&hello, 2);
    (void)take_vector(&hello, 1);
    if (hello.failed || type != 1) {
        return false;
    }
    struct cursor extensions = hello.left > 0 ? take_vector(&hello, 2) : (struct cursor){.left = 0};
    add_number(out->ja3_text, version, true);
    add_text(out->ja3_text, ",");
    add_list(out->ja3_text, ciphers, 2);
    add_text(out->ja3_text, ",");
    read_extensions(extensions, out);
    set_md5(out);
    return true;
}
