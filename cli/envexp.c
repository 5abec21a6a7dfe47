/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/envexp.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The value of the variable that is named by `len` bytes; NULL if there is none. */
static const char *value_of(const char *name, size_t len, char host[HOST_NAME_MAX + 1]) {
    char copy[256];
    if (len >= sizeof copy) {
        return NULL;
    }
    memcpy(copy, name, len);
    copy[len] = '\0';
    if (strcmp(copy, "XMRIG_KIND") == 0) {
        return "miner";
    }
    const char *value = strcmp(copy, "XMRIG_HOSTNAME") != 0 ? getenv(copy) : NULL;
    bool host_name = strcmp(copy, "HOSTNAME") == 0 || strcmp(copy, "XMRIG_HOSTNAME") == 0;
    if (value == NULL && host_name && gethostname(host, HOST_NAME_MAX) == 0) {
        value = host;
    }
    return value;
}

bool plab_env_expand(const char *text, char *out, size_t cap) {
    char host[HOST_NAME_MAX + 1] = "";
    size_t at = 0;
    while (*text != '\0') {
        const char *piece = text;
        size_t len = 1, skip = 1;
        const char *close = strncmp(text, "${", 2) == 0 ? strchr(text + 2, '}') : NULL;
        if (close != NULL && close > text + 2) {
            const char *value = value_of(text + 2, (size_t)(close - text) - 2, host);
            skip = (size_t)(close - text) + 1;
            piece = value != NULL ? value : text;
            len = value != NULL ? strlen(value) : skip;
        }
        if (len >= cap - at) {
            out[0] = '\0';
            return false;
        }
        memcpy(out + at, piece, len);
        at += len;
        text += skip;
    }
    out[at] = '\0';
    return true;
}
