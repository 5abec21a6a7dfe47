/* SPDX-License-Identifier: BSD-3-Clause */
/* Where things stand in a YAML text: for messages that name line and column. */
#ifndef PLAB_YAML_PLACE_H
#define PLAB_YAML_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Both count from 1. */
struct plab_yaml_mark {
    size_t line, column;
};

/* Reads the text as YAML: PLAB_E_INPUT, with `*mark` at the problem, when it isn't, or when it
 * holds none or more than one document. */
PLAB_NODISCARD enum plab_status
plab_yaml_check(const char *text, size_t len, struct plab_yaml_mark *mark, struct plab_error *err);

/* Finds what a path such as "phases[2].duration" names and stores where its key begins (for an
 * element of a sequence: the element). With a path that isn't there, `*mark` is at the deepest part
 * that is, and false is returned. */
bool plab_yaml_locate(const char *text, size_t len, const char *path, struct plab_yaml_mark *mark);

/* A text that is being checked, for complaints about it. All members are borrowed. */
struct plab_yaml_source {
    const char *text;
    size_t len;
    const char *path;
    struct plab_error *err;
};

/* Fails with "file:line:column: key: what is wrong"; the place is that of the key if it is there,
 * else of its parent. Returns `status`. */
enum plab_status plab_yaml_bad(const struct plab_yaml_source *source, enum plab_status status,
                               const char *key, const char *fmt, ...) PLAB_PRINTF(4, 5);

#endif
