/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static const struct {
    const char *word;
    const char *colour;
} level_style[] = {
    [PLAB_LOG_ERROR] = {"error: ", "\033[31m"},
    [PLAB_LOG_WARN] = {"warning: ", "\033[33m"},
    [PLAB_LOG_INFO] = {"", ""},
    [PLAB_LOG_DEBUG] = {"debug: ", "\033[2m"},
};

void plab_log_line(const struct plab_log *log, enum plab_log_level level, const char *fmt, ...) {
    if (log == NULL || level > log->level) {
        return;
    }
    char line[1200];
    time_t now = (time_t)(plab_clock_wall_ns() / 1000000000u);
    struct tm tm;
    localtime_r(&now, &tm);
    bool paint = log->colour && level_style[level].colour[0] != '\0';
    int used = snprintf(line, sizeof line, "%s%02d:%02d:%02d %s%s%s%s%s",
                        log->clears_line ? "\r\033[K" : "", tm.tm_hour, tm.tm_min, tm.tm_sec,
                        log->tag != NULL ? log->tag : "", log->tag != NULL ? "  " : "",
                        paint ? level_style[level].colour : "", level_style[level].word,
                        paint ? "\033[0m" : "");
    size_t room = sizeof line - 1;
    size_t at = (size_t)used < room ? (size_t)used : room;
    va_list args;
    va_start(args, fmt);
    int added = vsnprintf(line + at, room - at, fmt, args);
    va_end(args);
    if (added > 0) {
        at += (size_t)added < room - at ? (size_t)added : room - at - 1;
    }
    line[at++] = '\n';
    /* One write keeps lines of several threads whole; a lost log line is not worth an error. */
    ssize_t written = write(STDERR_FILENO, line, at);
    (void)written;
}

const char *plab_log_escape(const char *text, size_t text_len, char *out, size_t out_cap) {
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < text_len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = c >= 32 && c < 127 && c != '\\';
        size_t need = plain ? 1 : 4;
        if (at + need + 4 > out_cap) {
            memcpy(out + at, "...", 4);
            return out;
        }
        if (plain) {
            out[at++] = (char)c;
        } else {
            out[at++] = '\\';
            out[at++] = 'x';
            out[at++] = digits[c >> 4];
            out[at++] = digits[c & 15];
        }
    }
    out[at] = '\0';
    return out;
}
