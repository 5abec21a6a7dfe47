/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/asset.h"

#include <string.h>

const struct plab_asset *plab_asset_find(const struct plab_assets *assets, const char *path,
                                         size_t path_len) {
    for (size_t i = 0; i < assets->count; i++) {
        const struct plab_asset *asset = &assets->items[i];
        if (strlen(asset->path) == path_len && memcmp(asset->path, path, path_len) == 0) {
            return asset;
        }
    }
    return NULL;
}
