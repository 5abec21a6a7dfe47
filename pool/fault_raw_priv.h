/* SPDX-License-Identifier: BSD-3-Clause */
/* A script of faults as it was written: absent keys are NULL, nothing is checked but keys and
 * types. */
#ifndef PLAB_POOL_FAULT_RAW_PRIV_H
#define PLAB_POOL_FAULT_RAW_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct plab_raw_fault {
    char *kind, *when, *worker, *per, *at, *repeat, *after, *until;
    int64_t *session, *nth, *every, *times;
    double *probability;
    char *duration, *interval, *text, *then, *target, *algo, *host, *certificate;
    int64_t *bytes, *count, *port;
};

struct plab_raw_faults {
    char *name;
    int64_t *seed;
    bool *allow_bad_target;
    struct plab_raw_fault *faults;
    unsigned faults_count;
};

/* Returns owned in `*out`. PLAB_E_INPUT names path, line, column and key. */
PLAB_NODISCARD enum plab_status plab_raw_faults_load(struct plab_raw_faults **out, const char *text,
                                                     size_t len, const char *path,
                                                     struct plab_error *err);
void plab_raw_faults_free(struct plab_raw_faults *raw);

#endif
