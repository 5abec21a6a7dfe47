/* SPDX-License-Identifier: BSD-3-Clause */
/* Splits a byte stream into lines, whatever the segments; a line that is too long is skipped whole.
 */
#ifndef PLAB_STRATUM_FRAME_H
#define PLAB_STRATUM_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "stratum/msg.h"

/* A line assembler; zero-initialise. Grows its buffer up to PLAB_STRATUM_LINE_MAX, so that an idle
 * session costs nothing. */
struct plab_frame {
    char *buffer; /* owned */
    size_t len, cap;
    bool skipping; /* inside a line that is too long */
};

enum plab_frame_event {
    PLAB_FRAME_LINE,     /* a line, without LF and a CR before it; blank lines are not reported */
    PLAB_FRAME_TOO_LONG, /* a line was cut off and dropped, reported once, when it begins to
                            overflow */
};

/* Called for each event; `line` is valid during the call only, and NULL for PLAB_FRAME_TOO_LONG.
 * Return false to stop: the rest of the data is dropped and plab_frame_feed() returns PLAB_OK at
 * once (the owner is closing). */
typedef bool plab_frame_fn(void *cookie, enum plab_frame_event event, const char *line, size_t len);

/* Takes `len` bytes as they came. PLAB_E_NOMEM only. */
PLAB_NODISCARD enum plab_status plab_frame_feed(struct plab_frame *frame, const char *data,
                                                size_t len, plab_frame_fn *on_event, void *cookie);

/* Frees the buffer and zeroes the assembler. Not to be called from within `on_event`. */
void plab_frame_free(struct plab_frame *frame);

#endif
