/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which rules of a script are due: counts events, keeps to windows and limits, draws chances.
 *
 * The same script, seed and order of events give the same faults: each rule has random numbers of
 * its own and takes one for each event that passed everything else. A pure state machine: times are
 * handed in, in milliseconds since the pool opened its doors.
 */
#ifndef PLAB_POOL_FAULT_PLAN_H
#define PLAB_POOL_FAULT_PLAN_H

#include "base/prng.h"
#include "pool/fault_script.h"

/* State of one rule. */
struct plab_fault_state {
    struct plab_prng prng;
    uint64_t seen; /* events, counted in the pool */
    uint64_t happened;
    uint64_t next_ms; /* of time; UINT64_MAX: never again */
};

struct plab_fault_plan {
    const struct plab_fault_script *script; /* borrowed */
    struct plab_fault_state states[PLAB_FAULT_RULES_MAX];
};

/* To whom an event happens. */
struct plab_fault_whom {
    uint32_t session;
    const char *login; /* "" before it is known */
    uint64_t *seen;    /* of the session: a counter for each rule, zero at first */
};

void plab_fault_plan_init(struct plab_fault_plan *plan, const struct plab_fault_script *script);

/* An event happened. True when rule `index` strikes. */
bool plab_fault_plan_event(struct plab_fault_plan *plan, size_t index,
                           enum plab_fault_trigger event, const struct plab_fault_whom *whom,
                           uint64_t now_ms);

/* True when rule `index` is one of time and its time has come; the next one is planned. */
bool plab_fault_plan_due(struct plab_fault_plan *plan, size_t index, uint64_t now_ms);

/* True when a rule whose time has come strikes that session. */
bool plab_fault_plan_picks(struct plab_fault_plan *plan, size_t index,
                           const struct plab_fault_whom *whom);

/* When the next rule of time is due; UINT64_MAX: none any more. */
uint64_t plab_fault_plan_next_ms(const struct plab_fault_plan *plan);

#endif
