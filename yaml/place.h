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

#endif
