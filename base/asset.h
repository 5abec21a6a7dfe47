/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are compiled into the program, as tables that tools/embed.sh makes. */
#ifndef PLAB_BASE_ASSET_H
#define PLAB_BASE_ASSET_H

#include <stddef.h>

struct plab_asset {
    const char *path; /* "/" and the file's name; "/" alone: index.html */
    const char *type; /* MIME type */
    const unsigned char *bytes;
    size_t len;
};

struct plab_assets {
    const struct plab_asset *items;
    size_t count;
};

/* The file of a path, NULL when there is none. */
const struct plab_asset *plab_asset_find(const struct plab_assets *assets, const char *path,
                                         size_t path_len);

#endif
