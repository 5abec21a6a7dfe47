/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/agent.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "cli/version.h"

const char *plab_agent(char out[PLAB_STRATUM_TEXT_MAX]) {
    char compiler[64];
    snprintf(compiler, sizeof compiler, "%s", plab_compiler);
    char *blank = strchr(compiler, ' ');
    if (blank != NULL) {
        *blank = '/';
    }
    snprintf(out, PLAB_STRATUM_TEXT_MAX, "powlab/%s (Linux %s) libuv/%s %s", plab_version,
             plab_target, uv_version_string(), compiler);
    return out;
}
