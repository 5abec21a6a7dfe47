/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    int exit_code;
    const char *text;
} status_table[PLAB_STATUS_COUNT] = {
#define PLAB_STATUS_ROW(name, code, text) [PLAB_##name] = {code, text},
    PLAB_STATUS_MAP(PLAB_STATUS_ROW)
#undef PLAB_STATUS_ROW
};

const char *plab_status_text(enum plab_status status) {
    return (unsigned)status < PLAB_STATUS_COUNT ? status_table[status].text : "unknown status";
}

int plab_status_exit_code(enum plab_status status) {
    return (unsigned)status < PLAB_STATUS_COUNT ? status_table[status].exit_code : 1;
}

enum plab_status plab_fail(struct plab_error *err, enum plab_status status, const char *fmt, ...) {
    if (err != NULL) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, args);
        va_end(args);
    }
    return status;
}
