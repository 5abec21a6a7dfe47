/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of the page, by path. tools/embed.sh makes the table. */
#include <string.h>

#include "pool/web_priv.h"

const struct plab_web_asset *plab_web_asset(const char *path, size_t path_len) {
    for (size_t i = 0; i < plab_web_asset_count; i++) {
        const struct plab_web_asset *asset = &plab_web_assets[i];
        if (strlen(asset->path) == path_len && memcmp(asset->path, path, path_len) == 0) {
            return asset;
        }
    }
    return NULL;
}
