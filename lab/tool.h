/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs another program to its end and keeps what it says: detectors are run as the programs they
 * are. */
#ifndef PLAB_LAB_TOOL_H
#define PLAB_LAB_TOOL_H

#include <stddef.h>

#include "base/status.h"

#define PLAB_TOOL_OUTPUT_MAX (64u << 20)

struct plab_tool_result {
    char *output; /* owned, NUL-terminated: standard output */
    size_t len;
    int exit_code;   /* 128 + number after a signal */
    char error[200]; /* last line of standard error */
};

/* Runs argv (ended by NULL, argv[0] looked up in PATH) in folder `cwd` with nothing to read.
 * PLAB_E_UNSUPPORTED when there is no such program, PLAB_E_FAILED when it took longer than
 * `timeout_ms` or said more than PLAB_TOOL_OUTPUT_MAX (it is killed then), PLAB_E_RESOURCE. An exit
 * code isn't judged. `result` is owned by the caller on PLAB_OK. */
PLAB_NODISCARD enum plab_status plab_tool_run(struct plab_tool_result *result, char *const *argv,
                                              const char *cwd, unsigned timeout_ms,
                                              struct plab_error *err);
void plab_tool_free(struct plab_tool_result *result);

#endif
