/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log lines for people, always on stderr (stdout carries results only).
 *
 * A logger is a value handed to whoever may speak; pow/ and arch/ never log. Text that came
 * from a peer must be passed through plab_log_escape() first, so that it cannot move a cursor.
 */
#ifndef PLAB_BASE_LOG_H
#define PLAB_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum plab_log_level {
    PLAB_LOG_ERROR,
    PLAB_LOG_WARN,
    PLAB_LOG_INFO,
    PLAB_LOG_DEBUG,
};

struct plab_log {
    enum plab_log_level level; /* lines above this level are dropped */
    bool colour;               /* level words coloured; words carry the meaning without it */
    bool clears_line;          /* stderr is a terminal on which a progress line may stand */
    const char *tag;           /* borrowed; component in front of each line, e.g. "pool" */
};

/* Writes one line "HH:MM:SS tag  text". `log` may be NULL (silence). Thread-safe: one write(2). */
void plab_log_line(const struct plab_log *log, enum plab_log_level level, const char *fmt, ...)
    PLAB_PRINTF(3, 4);

#define plab_log_error(log, ...) plab_log_line((log), PLAB_LOG_ERROR, __VA_ARGS__)
#define plab_log_warn(log, ...) plab_log_line((log), PLAB_LOG_WARN, __VA_ARGS__)
#define plab_log_info(log, ...) plab_log_line((log), PLAB_LOG_INFO, __VA_ARGS__)
#define plab_log_debug(log, ...) plab_log_line((log), PLAB_LOG_DEBUG, __VA_ARGS__)

/* Copies at most `text_len` bytes of a peer's text to `out`, with control characters and bytes
 * above 126 written as \xNN; always terminated, cut with "..." when it does not fit `out_cap`
 * (at least 8). Returns `out`. */
const char *plab_log_escape(const char *text, size_t text_len, char *out, size_t out_cap);

#endif
