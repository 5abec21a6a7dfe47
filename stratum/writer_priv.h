/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes messages byte by byte: no white space but what is asked for. Private to stratum/. */
#ifndef PLAB_STRATUM_WRITER_PRIV_H
#define PLAB_STRATUM_WRITER_PRIV_H

#include "base/attr.h"
#include "stratum/msg.h"

/* Text being written; once something didn't fit, it stays full. */
struct plab_writer {
    char *out;
    size_t cap, len;
    bool full;
};

void plab_put_bytes(struct plab_writer *w, const char *text, size_t len);
void plab_put(struct plab_writer *w, const char *text);
/* At most 63 characters. */
void plab_put_format(struct plab_writer *w, const char *fmt, ...) PLAB_PRINTF(2, 3);

/* A JSON string; UTF-8 passes as it is, as RapidJSON (XMRig's writer) does. */
void plab_put_string(struct plab_writer *w, const char *text);

/* `key` with its punctuation, e.g. ",\"pass\":", and a string. */
void plab_put_member(struct plab_writer *w, const char *key, const char *text);

/* The same with up to PLAB_STRATUM_BLOB_MAX bytes in hex. */
void plab_put_hex(struct plab_writer *w, const char *key, const uint8_t *bytes, size_t len);
void plab_put_target(struct plab_writer *w, const char *key, uint64_t target,
                     unsigned target_bytes);

void plab_put_id(struct plab_writer *w, const struct plab_stratum_id *id);

/* Writes `tail`, LF and NUL. Returns the length without the NUL; 0 and an empty text when
 * something didn't fit. */
size_t plab_finish(struct plab_writer *w, const char *tail);

#endif
