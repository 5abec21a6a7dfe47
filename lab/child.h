/* SPDX-License-Identifier: BSD-3-Clause */
/* The inner side of a child process of the laboratory: what `powlab lab exec` does. */
#ifndef PLAB_LAB_CHILD_H
#define PLAB_LAB_CHILD_H

#include "base/status.h"

/* Becomes the program argv[0] (looked up in PATH) with the words of `argv`, ended by NULL, at that
 * nice value, after arranging that it is killed when the process `parent`, which must be this one's
 * parent, ends in whatever way. Only returns on failure. */
PLAB_NODISCARD enum plab_status plab_child_exec(int parent, int nice, char *const *argv,
                                                struct plab_error *err);

#endif
