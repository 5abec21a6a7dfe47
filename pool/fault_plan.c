/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/fault_plan.h"

#include <fnmatch.h>
#include <string.h>

void plab_fault_plan_init(struct plab_fault_plan *plan, const struct plab_fault_script *script) {
    struct plab_prng seeds = {script->seed};
    memset(plan, 0, sizeof *plan);
    plan->script = script;
    for (size_t i = 0; i < script->rule_count; i++) {
        const struct plab_fault_rule *rule = &script->rules[i];
        plan->states[i].prng.state = plab_prng_next(&seeds);
        plan->states[i].next_ms = rule->trigger == PLAB_FAULT_ON_TIME ? rule->from_ms : UINT64_MAX;
    }
}

static bool concerns(const struct plab_fault_rule *rule, const struct plab_fault_whom *whom) {
    return (rule->session == 0 || rule->session == whom->session) &&
           (rule->worker == NULL || fnmatch(rule->worker, whom->login, 0) == 0);
}

/* The rule's turn at the `seen`th event? */
static bool is_turn(const struct plab_fault_rule *rule, uint64_t seen) {
    if (rule->every == 0) {
        return rule->nth == 0 || seen == rule->nth;
    }
    uint64_t first = rule->nth > 0 ? rule->nth : rule->every;
    return seen >= first && (seen - first) % rule->every == 0;
}

/* Limit and chance, the last questions. */
static bool strikes(const struct plab_fault_rule *rule, struct plab_fault_state *state) {
    if (rule->times > 0 && state->happened >= rule->times) {
        return false;
    }
    double drawn = (double)(plab_prng_next(&state->prng) >> 11) * 0x1p-53;
    if (drawn >= rule->probability) {
        return false;
    }
    state->happened++;
    return true;
}

bool plab_fault_plan_event(struct plab_fault_plan *plan, size_t index,
                           enum plab_fault_trigger event, const struct plab_fault_whom *whom,
                           uint64_t now_ms) {
    const struct plab_fault_rule *rule = &plan->script->rules[index];
    struct plab_fault_state *state = &plan->states[index];
    if (rule->trigger != event || now_ms < rule->from_ms || now_ms >= rule->until_ms ||
        !concerns(rule, whom)) {
        return false;
    }
    uint64_t seen = rule->of_pool ? ++state->seen : ++whom->seen[index];
    return is_turn(rule, seen) && strikes(rule, state);
}

bool plab_fault_plan_due(struct plab_fault_plan *plan, size_t index, uint64_t now_ms) {
    const struct plab_fault_rule *rule = &plan->script->rules[index];
    struct plab_fault_state *state = &plan->states[index];
    if (now_ms < state->next_ms || state->next_ms == UINT64_MAX) {
        return false;
    }
    /* Times that were slept through happen once. */
    uint64_t missed = rule->repeat_ms > 0 ? (now_ms - state->next_ms) / rule->repeat_ms : 0;
    state->next_ms =
        rule->repeat_ms > 0 ? state->next_ms + (missed + 1) * rule->repeat_ms : UINT64_MAX;
    if (state->next_ms >= rule->until_ms) {
        state->next_ms = UINT64_MAX;
    }
    return true;
}

bool plab_fault_plan_picks(struct plab_fault_plan *plan, size_t index,
                           const struct plab_fault_whom *whom) {
    const struct plab_fault_rule *rule = &plan->script->rules[index];
    return concerns(rule, whom) && strikes(rule, &plan->states[index]);
}

uint64_t plab_fault_plan_next_ms(const struct plab_fault_plan *plan) {
    uint64_t next_ms = UINT64_MAX;
    for (size_t i = 0; i < plan->script->rule_count; i++) {
        next_ms = plan->states[i].next_ms < next_ms ? plan->states[i].next_ms : next_ms;
    }
    return next_ms;
}
