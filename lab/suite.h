/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A suite: scenarios that are run one after the other, so that detectors can be judged over all of
 * them (configs/README.md). Read as strictly as scenarios are.
 */
#ifndef PLAB_LAB_SUITE_H
#define PLAB_LAB_SUITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "lab/scenario.h"

#define PLAB_SUITE_ITEMS_MAX 100
#define PLAB_SUITE_REPEAT_MAX 100

struct plab_suite_item {
    char *file;      /* path of a scenario */
    double scale;    /* above 0 */
    unsigned repeat; /* runs, 1 to PLAB_SUITE_REPEAT_MAX */
};

struct plab_suite {
    char name[PLAB_SCENARIO_NAME_MAX + 1];
    size_t count;
    struct plab_suite_item *items; /* owned */
};

/* Reads a suite. Scenarios stand beside the file unless their paths are absolute. PLAB_E_IO when
 * the file can't be read, PLAB_E_INPUT names file, line, column and key. */
PLAB_NODISCARD enum plab_status plab_suite_load(struct plab_suite *out, const char *path,
                                                struct plab_error *err);

/* The same from memory. */
PLAB_NODISCARD enum plab_status plab_suite_parse(struct plab_suite *out, const char *text,
                                                 size_t len, const char *path,
                                                 struct plab_error *err);
void plab_suite_free(struct plab_suite *suite);

/* True for a text with `scenarios` at its top: what tells a suite from a scenario. */
bool plab_suite_is(const char *text, size_t len);
/* The same of a file; false when it can't be read. */
bool plab_suite_is_file(const char *path);

#endif
