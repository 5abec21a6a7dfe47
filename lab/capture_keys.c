/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS keys into a finished capture. */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/capture_files.h"
#include "lab/pcapng.h"

#define KEYS_MAX ((size_t)16 * 1024 * 1024)

/* Adds a file to `keys`; one that can't be read or is too long is an error. */
static enum plab_status add_log(const char *path, char *keys, size_t *len, struct plab_error *err) {
    size_t n;
    enum plab_status status = plab_file_read(path, keys + *len, KEYS_MAX - *len, &n, err);
    if (status == PLAB_OK) {
        *len += n;
    }
    return status;
}

static enum plab_status read_logs(const char *folder, const char *names, char *keys, size_t *len,
                                  struct plab_error *err) {
    char pattern[PATH_MAX];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/raw/%s", folder, names);
    enum plab_status status = PLAB_OK;
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; status == PLAB_OK && i < found.gl_pathc; i++) {
            status = add_log(found.gl_pathv[i], keys, len, err);
        }
        globfree(&found);
    }
    return status;
}

/* Keys go behind the interfaces, since they must come before the first packet. */
static enum plab_status copy_with_keys(struct plab_pcapng_reader *reader,
                                       struct plab_pcapng_writer *writer, const char *keys,
                                       size_t len, struct plab_error *err) {
    struct plab_pcapng_block block;
    bool done = false;
    enum plab_status status = PLAB_OK;
    while (status == PLAB_OK) {
        status = plab_pcapng_next(reader, &block, err);
        if (status != PLAB_OK) {
            break;
        }
        if (!done && block.kind != PLAB_PCAPNG_SECTION && block.kind != PLAB_PCAPNG_INTERFACE) {
            status = plab_pcapng_add_tls_keys(writer, keys, len, err);
            done = true;
        }
        if (block.kind == PLAB_PCAPNG_END) {
            break;
        }
        if (status == PLAB_OK && block.kind != PLAB_PCAPNG_TLS_KEYS) {
            status = plab_pcapng_add_block(writer, block.bytes, block.len, err);
        }
    }
    return status;
}

static enum plab_status rewrite(const char *path, const char *keys, size_t len,
                                struct plab_error *err) {
    char part[PATH_MAX + 8];
    struct plab_pcapng_reader *reader;
    struct plab_pcapng_writer *writer;
    struct plab_error why;
    snprintf(part, sizeof part, "%s.part", path);
    enum plab_status status = plab_pcapng_open(&reader, path, err);
    if (status != PLAB_OK) {
        return status;
    }
    status = plab_pcapng_create(&writer, part, err);
    if (status == PLAB_OK) {
        status = copy_with_keys(reader, writer, keys, len, err);
        enum plab_status closing = plab_pcapng_close(&writer, &why);
        if (status == PLAB_OK && closing != PLAB_OK) {
            *err = why;
            status = closing;
        }
    }
    plab_pcapng_done(&reader);
    if (status == PLAB_OK && rename(part, path) != 0) {
        status = plab_fail(err, PLAB_E_IO, "cannot write %s: %s", path, strerror(errno));
    }
    if (status != PLAB_OK) {
        unlink(part);
    }
    return status;
}

enum plab_status plab_capture_files_embed_keys(const char *folder, uint64_t *bytes,
                                               struct plab_error *err) {
    char path[PATH_MAX], *keys = malloc(KEYS_MAX);
    size_t len = 0;
    *bytes = 0;
    if (keys == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for TLS keys");
    }
    enum plab_status status = read_logs(folder, "?*.keylog", keys, &len, err);
    if (status == PLAB_OK) {
        status = read_logs(folder, "tls-keys.log", keys, &len, err);
    }
    snprintf(path, sizeof path, "%s/run.pcapng", folder);
    if (status == PLAB_OK && len > 0) {
        status = rewrite(path, keys, len, err);
        *bytes = status == PLAB_OK ? len : 0;
    }
    free(keys);
    return status;
}
