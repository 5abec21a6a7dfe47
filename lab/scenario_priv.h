/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of a scenario's reading share. */
#ifndef PLAB_LAB_SCENARIO_PRIV_H
#define PLAB_LAB_SCENARIO_PRIV_H

#include <stdint.h>

#include "lab/scenario.h"
#include "lab/scenario_raw_priv.h"
#include "yaml/place.h"

/* A number that may be left out (NULL: `fallback`); PLAB_E_INPUT when it isn't between min and max.
 */
PLAB_NODISCARD enum plab_status plab_scenario_number(const struct plab_yaml_source *reader,
                                                     const char *key, const int64_t *raw,
                                                     uint64_t fallback, int64_t min, int64_t max,
                                                     uint64_t *out);

/* The key `network`; `raw` NULL: loopback. */
PLAB_NODISCARD enum plab_status plab_scenario_take_network(const struct plab_yaml_source *reader,
                                                           const struct plab_raw_network *raw,
                                                           struct plab_scenario_network *out);

/* The key `command` of workers[index]: which keys it excludes, where it may run. */
PLAB_NODISCARD enum plab_status plab_scenario_check_command(const struct plab_yaml_source *reader,
                                                            const struct plab_raw_worker *raw,
                                                            size_t index,
                                                            const struct plab_scenario *scenario);

#endif
