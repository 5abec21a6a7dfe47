/* SPDX-License-Identifier: BSD-3-Clause */
/* The inner side of a child process of the laboratory: what `powlab lab exec` does. */
#ifndef PLAB_LAB_CHILD_H
#define PLAB_LAB_CHILD_H

#include "base/status.h"
#include "lab/enclose.h"

struct plab_child_exec {
    int parent; /* process that this one must be a child of */
    int nice;
    struct plab_enclosure enclosure;
};

/* Becomes the program argv[0] (looked up in PATH) with the words of `argv`, ended by NULL, at that
 * nice value and place, after arranging that it is killed when the parent ends in whatever way.
 * Only returns on failure. */
PLAB_NODISCARD enum plab_status plab_child_exec(const struct plab_child_exec *how,
                                                char *const *argv, struct plab_error *err);

#endif
