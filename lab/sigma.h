/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sigma rules about starting processes (logsource category process_creation), judged natively.
 *
 * A subset of the Sigma specification (sigmahq.io, version 2): under `detection`, selections that
 * map FIELD, FIELD|contains, FIELD|startswith, FIELD|endswith to a text or a list of texts (any of
 * them; `|all`: all of them), a selection being true when each of its fields is; and a `condition`
 * of names with and, or, not, parentheses, "1 of them", "all of them", "1 of PREFIX*", "all of
 * PREFIX*". Texts are compared without regard to case. What else a rule has is ignored, an unknown
 * modifier or a condition of another form is an error.
 */
#ifndef PLAB_LAB_SIGMA_H
#define PLAB_LAB_SIGMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct plab_sigma;

/* A field of an event, e.g. {"CommandLine", "miner -o pool:3333"}. */
struct plab_sigma_field {
    const char *name, *value;
};

/* Reads a file with one rule. PLAB_E_IO, PLAB_E_INPUT (file, line, column). */
PLAB_NODISCARD enum plab_status plab_sigma_load(struct plab_sigma **out, const char *path,
                                                struct plab_error *err);
void plab_sigma_free(struct plab_sigma **rule);

const char *plab_sigma_title(const struct plab_sigma *rule);

/* True when the rule's condition holds for these fields; a field that isn't there matches nothing.
 */
bool plab_sigma_matches(const struct plab_sigma *rule, const struct plab_sigma_field *fields,
                        size_t count);

#endif
