/* SPDX-License-Identifier: BSD-3-Clause */
#include "stratum/writer_priv.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hex.h"

void plab_put_bytes(struct plab_writer *w, const char *text, size_t len) {
    if (w->full || w->cap - w->len <= len) {
        w->full = true;
        return;
    }
    memcpy(w->out + w->len, text, len);
    w->len += len;
}

void plab_put(struct plab_writer *w, const char *text) {
    plab_put_bytes(w, text, strlen(text));
}

void plab_put_format(struct plab_writer *w, const char *fmt, ...) {
    char text[64];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    plab_put_bytes(w, text, len > 0 && (size_t)len < sizeof text ? (size_t)len : 0);
}

/* A JSON string; UTF-8 passes as it is, as RapidJSON (XMRig's writer) does. */
void plab_put_string(struct plab_writer *w, const char *text) {
    static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    plab_put(w, "\"");
    for (const char *p = text; *p != '\0'; p++) {
        const char *name = NULL;
        for (size_t i = 0; i < sizeof named - 1; i += 2) {
            name = *p == named[i] ? &named[i + 1] : name;
        }
        if (name != NULL) {
            plab_put_format(w, "\\%c", *name);
        } else if ((unsigned char)*p < 32) {
            plab_put_format(w, "\\u%04X", (unsigned)(unsigned char)*p);
        } else {
            plab_put_bytes(w, p, 1);
        }
    }
    plab_put(w, "\"");
}

/* `key` with its punctuation, e.g. ",\"pass\":". */
void plab_put_member(struct plab_writer *w, const char *key, const char *text) {
    plab_put(w, key);
    plab_put_string(w, text);
}

void plab_put_hex(struct plab_writer *w, const char *key, const uint8_t *bytes, size_t len) {
    char hex[2 * PLAB_STRATUM_BLOB_MAX + 1];
    plab_hex_encode(bytes, len, hex);
    plab_put_member(w, key, hex);
}

size_t plab_finish(struct plab_writer *w, const char *tail) {
    plab_put(w, tail);
    plab_put(w, "\n");
    if (w->full) {
        if (w->cap > 0) {
            w->out[0] = '\0';
        }
        return 0;
    }
    w->out[w->len] = '\0';
    return w->len;
}

void plab_put_target(struct plab_writer *w, const char *key, uint64_t target,
                     unsigned target_bytes) {
    uint8_t bytes[8];
    plab_store64_le(bytes, target);
    if (target_bytes == 8) {
        plab_put_hex(w, key, bytes, 8);
    } else {
        plab_put_hex(w, key, bytes + 4, 4); /* the upper half */
    }
}

void plab_put_id(struct plab_writer *w, const struct plab_stratum_id *id) {
    if (id->is_text) {
        plab_put_string(w, id->text);
    } else {
        plab_put_format(w, "%" PRId64, id->number);
    }
}
