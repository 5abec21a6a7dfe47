/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * YAML texts into structs by a schema of libcyaml's, with complaints that people can act on: file,
 * line, column, key, and what is wrong there.
 *
 * A schema stands in the .c file of whoever needs it; it says which keys there are and of which
 * type. Ranges and units are better checked afterwards (place.h finds the line).
 */
#ifndef PLAB_YAML_LOAD_H
#define PLAB_YAML_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct cyaml_schema_value; /* libcyaml */

/* Reads one document. Returns owned in `*out`, what the schema's top value points to. `path` is for
 * messages. PLAB_E_INPUT names path, line, column and key; PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_yaml_load(void **out, const struct cyaml_schema_value *schema,
                                               const char *text, size_t len, const char *path,
                                               struct plab_error *err);

/* Milliseconds of "500ms", "45s", "2m" or "1.5h": a unit is asked for, so that nobody has to guess
 * it. False for anything else. */
bool plab_yaml_duration(const char *text, uint64_t *ms);

/* Frees what plab_yaml_load() returned, by the same schema; NULL is fine. */
void plab_yaml_free(const struct cyaml_schema_value *schema, void *data);

#endif
