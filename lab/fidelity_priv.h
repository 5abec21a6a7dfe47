/* SPDX-License-Identifier: BSD-3-Clause */
/* What is taken from each of two runs (fidelity_side.c) to be compared (fidelity.c). */
#ifndef PLAB_LAB_FIDELITY_PRIV_H
#define PLAB_LAB_FIDELITY_PRIV_H

#include "lab/evidence.h"
#include "lab/fidelity.h"
#include "lab/speech.h"
#include "lab/syscalls.h"

enum plab_fidelity_ratio { /* of hardware counters */
                           PLAB_FIDELITY_IPC,
                           PLAB_FIDELITY_CACHE,
                           PLAB_FIDELITY_BRANCH,
                           PLAB_FIDELITY_RATIOS
};

enum plab_fidelity_list {
    PLAB_FIDELITY_UP, /* lengths of the first packets */
    PLAB_FIDELITY_DOWN,
    PLAB_FIDELITY_GAPS, /* between shares, by their mean */
    PLAB_FIDELITY_CPU,  /* of each second, as the next four */
    PLAB_FIDELITY_SWITCHES,
    PLAB_FIDELITY_FAULTS,
    PLAB_FIDELITY_RSS,
    PLAB_FIDELITY_HUGE,
    PLAB_FIDELITY_MAPS, /* bytes of large mappings */
    PLAB_FIDELITY_LISTS
};

struct plab_fidelity_values {
    size_t count;
    double *items; /* owned */
};

struct plab_fidelity_side {
    struct plab_evidence evidence;
    struct plab_fidelity_values lists[PLAB_FIDELITY_LISTS];
    double ratios[PLAB_FIDELITY_RATIOS]; /* NAN: not counted */
    double bytes_per_packet, packets_per_minute, watts;
    double modes[4];       /* shares of the looks at threads that hashed */
    int conditions;        /* of the miner's longest flow (lab/flow_score.h); -1: there is none */
    char ja3[64];          /* "": no TLS */
    char no_syscalls[120]; /* why there are none */
    struct plab_syscalls syscalls;
    struct plab_speech speech;
};

/* Takes all from a run's folder; to be freed in any case. PLAB_E_INPUT, PLAB_E_IO, PLAB_E_NOMEM. */
PLAB_NODISCARD enum plab_status plab_fidelity_side_take(struct plab_fidelity_side *side,
                                                        const char *folder, struct plab_error *err);
void plab_fidelity_side_free(struct plab_fidelity_side *side);

/* NAN for an empty list. */
double plab_fidelity_mean(const struct plab_fidelity_values *values);

#endif
