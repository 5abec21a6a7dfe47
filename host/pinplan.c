/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/pinplan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- CPU lists ---- */

struct cpu_list {
    unsigned *cpus;
    size_t cap, count;
    const char *text; /* for messages */
};

static enum plab_status list_add(struct cpu_list *list, unsigned cpu, struct plab_error *err) {
    if (list->count == list->cap) {
        return plab_fail(err, PLAB_E_USAGE, "CPU list \"%.100s\" names more than %zu CPUs",
                         list->text, list->cap);
    }
    list->cpus[list->count++] = cpu;
    return PLAB_OK;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum plab_status parse_mask(const char *digits, struct cpu_list *list,
                                   struct plab_error *err) {
    size_t length = strlen(digits);
    if (length == 0 || length > PLAB_CPU_INDEX_LIMIT / 4) {
        return plab_fail(err, PLAB_E_USAGE, "CPU mask \"%.100s\" needs 1 to %u hex digits",
                         list->text, PLAB_CPU_INDEX_LIMIT / 4);
    }
    for (size_t i = 0; i < length; i++) {
        int value = hex_digit(digits[length - 1 - i]);
        if (value < 0) {
            return plab_fail(err, PLAB_E_USAGE, "CPU mask \"%.100s\": '%c' is no hex digit",
                             list->text, digits[length - 1 - i]);
        }
        for (unsigned bit = 0; bit < 4; bit++) {
            enum plab_status status = PLAB_OK;
            if (((unsigned)value >> bit & 1) != 0) {
                status = list_add(list, (unsigned)i * 4 + bit, err);
            }
            if (status != PLAB_OK) {
                return status;
            }
        }
    }
    return list->count > 0
               ? PLAB_OK
               : plab_fail(err, PLAB_E_USAGE, "CPU mask \"%.100s\" names no CPU", list->text);
}

/* Reads a decimal index at `*at` and moves on; false if there is none or it is too large. */
static bool parse_index(const char **at, unsigned *value) {
    unsigned v = 0;
    const char *p = *at;
    while (isdigit((unsigned char)*p) && v < PLAB_CPU_INDEX_LIMIT) {
        v = v * 10 + (unsigned)(*p++ - '0');
    }
    bool good = p != *at && v < PLAB_CPU_INDEX_LIMIT;
    *at = p;
    *value = v;
    return good;
}

static enum plab_status parse_range(const char **at, struct cpu_list *list,
                                    struct plab_error *err) {
    unsigned first, last;
    const char *start = *at;
    if (!parse_index(at, &first)) {
        return plab_fail(err, PLAB_E_USAGE,
                         "CPU list \"%.100s\": expected a CPU number below %u at \"%.20s\"",
                         list->text, PLAB_CPU_INDEX_LIMIT, start);
    }
    last = first;
    if (**at == '-') {
        start = ++*at;
        if (!parse_index(at, &last) || last < first) {
            return plab_fail(
                err, PLAB_E_USAGE,
                "CPU list \"%.100s\": a range must end at %u or above, not at \"%.20s\"",
                list->text, first, start);
        }
    }
    for (unsigned cpu = first; cpu <= last; cpu++) {
        enum plab_status status = list_add(list, cpu, err);
        if (status != PLAB_OK) {
            return status;
        }
    }
    return PLAB_OK;
}

static enum plab_status parse_list(const char *at, struct cpu_list *list, struct plab_error *err) {
    for (;;) {
        enum plab_status status = parse_range(&at, list, err);
        if (status != PLAB_OK || *at == '\0') {
            return status;
        }
        if (*at != ',') {
            return plab_fail(err, PLAB_E_USAGE,
                             "CPU list \"%.100s\": unexpected '%c'; write it as 0,2-3 or 0xd",
                             list->text, isprint((unsigned char)*at) ? *at : '?');
        }
        at++;
    }
}

enum plab_status plab_cpu_list_parse(const char *text, unsigned *cpus, size_t cap, size_t *count,
                                     struct plab_error *err) {
    struct cpu_list list = {.cpus = cpus, .cap = cap, .text = text};
    bool mask = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    enum plab_status status =
        mask ? parse_mask(text + 2, &list, err) : parse_list(text, &list, err);
    *count = status == PLAB_OK ? list.count : 0;
    return status;
}

/* ---- the order in which CPUs are taken ---- */

/* An allowed PU on its way to a slot. */
struct candidate {
    const struct plab_pu *pu;
    unsigned smt_rank; /* 0: first allowed PU of its core */
    bool taken;
};

/* State of the choice; `l3_used` has one counter per L3, and one more for PUs without. */
struct chooser {
    const struct plab_topology *topology;
    struct candidate *candidates;
    size_t count;
    unsigned *l3_used;
    uint64_t scratchpad_bytes; /* 0: caches don't limit */
};

static unsigned *l3_counter(const struct chooser *chooser, const struct plab_pu *pu) {
    size_t l3 = pu->l3 >= 0 ? (size_t)pu->l3 : chooser->topology->l3_count;
    return &chooser->l3_used[l3];
}

static bool fits_l3(const struct chooser *chooser, const struct plab_pu *pu) {
    if (chooser->scratchpad_bytes == 0 || pu->l3_bytes == 0) {
        return true;
    }
    return (*l3_counter(chooser, pu) + UINT64_C(1)) <= pu->l3_bytes / chooser->scratchpad_bytes;
}

/* True if `a` goes before `b`; equal ones keep their order. */
static bool better(const struct chooser *chooser, const struct candidate *a,
                   const struct candidate *b) {
    if (a->smt_rank != b->smt_rank) {
        return a->smt_rank < b->smt_rank;
    }
    if (a->pu->efficiency != b->pu->efficiency) {
        return a->pu->efficiency > b->pu->efficiency;
    }
    /* Share of cache that a further thread would have; where sizes are unknown, the emptier one. */
    uint64_t a_used = *l3_counter(chooser, a->pu) + UINT64_C(1);
    uint64_t b_used = *l3_counter(chooser, b->pu) + UINT64_C(1);
    if (a->pu->l3_bytes == 0 || b->pu->l3_bytes == 0) {
        return a_used < b_used;
    }
    return a->pu->l3_bytes / a_used > b->pu->l3_bytes / b_used;
}

/* The best candidate that is left, or NULL; `within_cache` leaves out full L3s. */
static struct candidate *choose_next(const struct chooser *chooser, bool within_cache) {
    struct candidate *best = NULL;
    for (size_t i = 0; i < chooser->count; i++) {
        struct candidate *candidate = &chooser->candidates[i];
        if (candidate->taken || (within_cache && !fits_l3(chooser, candidate->pu))) {
            continue;
        }
        if (best == NULL || better(chooser, candidate, best)) {
            best = candidate;
        }
    }
    return best;
}

static unsigned rank_in_core(const struct candidate *candidates, size_t count, int core) {
    unsigned rank = 0;
    for (size_t i = 0; core >= 0 && i < count; i++) {
        rank += candidates[i].pu->core == core;
    }
    return rank;
}

static bool chooser_init(struct chooser *chooser, const struct plab_topology *topology,
                         uint64_t scratchpad_bytes) {
    *chooser = (struct chooser){.topology = topology, .scratchpad_bytes = scratchpad_bytes};
    chooser->candidates = calloc(topology->pu_count + 1, sizeof *chooser->candidates);
    chooser->l3_used = calloc(topology->l3_count + 1, sizeof *chooser->l3_used);
    if (chooser->candidates == NULL || chooser->l3_used == NULL) {
        return false;
    }
    for (size_t i = 0; i < topology->pu_count; i++) {
        const struct plab_pu *pu = &topology->pus[i];
        if (pu->allowed) {
            chooser->candidates[chooser->count] = (struct candidate){
                .pu = pu,
                .smt_rank = rank_in_core(chooser->candidates, chooser->count, pu->core),
            };
            chooser->count++;
        }
    }
    return true;
}

static void chooser_free(struct chooser *chooser) {
    free(chooser->candidates);
    free(chooser->l3_used);
}

/* ---- plans ---- */

static enum plab_status plan_alloc(struct plab_pin_plan *plan, size_t threads,
                                   struct plab_error *err) {
    if (threads == 0 || threads > PLAB_PIN_MAX_THREADS) {
        return plab_fail(err, PLAB_E_USAGE, "%zu threads are not possible; 1 to %d are", threads,
                         PLAB_PIN_MAX_THREADS);
    }
    plan->slots = calloc(threads, sizeof *plan->slots);
    if (plan->slots == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a plan of %zu threads", threads);
    }
    plan->threads = (unsigned)threads;
    return PLAB_OK;
}

static void set_slot(struct plab_pin_slot *slot, const struct plab_pu *pu) {
    *slot = (struct plab_pin_slot){
        .cpu = (int)pu->os_index,
        .numa_node = pu->numa_node,
        .core = pu->core,
        .l3 = pu->l3,
    };
}

static void mark_smt_shared(struct plab_pin_plan *plan) {
    for (unsigned i = 0; i < plan->threads; i++) {
        for (unsigned j = 0; j < plan->threads; j++) {
            const struct plab_pin_slot *a = &plan->slots[i], *b = &plan->slots[j];
            plan->slots[i].smt_shared |=
                i != j && (a->cpu == b->cpu || (a->core >= 0 && a->core == b->core));
        }
    }
}

static void unpin(struct plab_pin_plan *plan) {
    for (unsigned i = 0; i < plan->threads; i++) {
        plan->slots[i] = (struct plab_pin_slot){.cpu = -1, .numa_node = -1, .core = -1, .l3 = -1};
    }
}

static const struct plab_pu *find_pu(const struct plab_topology *topology, unsigned os_index) {
    for (size_t i = 0; i < topology->pu_count; i++) {
        if (topology->pus[i].os_index == os_index) {
            return &topology->pus[i];
        }
    }
    return NULL;
}

static enum plab_status check_explicit(const struct plab_topology *topology, const unsigned *cpus,
                                       size_t at, struct plab_error *err) {
    const struct plab_pu *pu = find_pu(topology, cpus[at]);
    if (pu == NULL) {
        return plab_fail(err, PLAB_E_USAGE, "CPU %u does not exist here; this machine has %zu CPUs",
                         cpus[at], topology->pu_count);
    }
    if (!pu->allowed) {
        return plab_fail(err, PLAB_E_USAGE,
                         "CPU %u is not allowed for this process (cpuset or affinity); see "
                         "`powlab topo`",
                         cpus[at]);
    }
    for (size_t i = 0; i < at; i++) {
        if (cpus[i] == cpus[at]) {
            return plab_fail(err, PLAB_E_USAGE, "CPU %u is listed twice", cpus[at]);
        }
    }
    return PLAB_OK;
}

static enum plab_status plan_explicit(struct plab_pin_plan *plan,
                                      const struct plab_topology *topology,
                                      const struct plab_pin_request *request, unsigned *cpus,
                                      struct plab_error *err) {
    size_t count;
    enum plab_status status =
        plab_cpu_list_parse(request->cpus, cpus, PLAB_CPU_INDEX_LIMIT, &count, err);
    for (size_t i = 0; status == PLAB_OK && i < count; i++) {
        status = check_explicit(topology, cpus, i, err);
    }
    if (status == PLAB_OK && request->threads > count) {
        status = plab_fail(err, PLAB_E_USAGE,
                           "%u threads asked for, but the CPU list \"%.100s\" has only %zu",
                           request->threads, request->cpus, count);
    }
    size_t threads = request->threads != 0 ? request->threads : count;
    if (status == PLAB_OK) {
        status = plan_alloc(plan, threads, err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    for (size_t i = 0; i < threads; i++) {
        set_slot(&plan->slots[i], find_pu(topology, cpus[i]));
    }
    snprintf(plan->reason, sizeof plan->reason, "%zu of the %zu listed CPUs, in the given order",
             threads, count);
    return PLAB_OK;
}

/* Takes the candidates in order of preference until there are `wanted` (0: until the caches are
 * full), and returns how many were taken. */
static size_t fill_slots(struct chooser *chooser, struct plab_pin_slot *slots, size_t wanted) {
    size_t filled = 0;
    while (wanted == 0 || filled < wanted) {
        struct candidate *next = choose_next(chooser, wanted == 0);
        if (next == NULL && filled == 0) {
            next = choose_next(chooser, false); /* not even one scratchpad fits: still one thread */
        }
        if (next == NULL) {
            break;
        }
        next->taken = true;
        ++*l3_counter(chooser, next->pu);
        set_slot(&slots[filled++], next->pu);
    }
    return filled;
}

static void explain(struct plab_pin_plan *plan, const struct chooser *chooser, unsigned asked) {
    unsigned shared = 0;
    for (unsigned i = 0; i < plan->threads; i++) {
        shared += plan->slots[i].smt_shared;
    }
    char sharing[48] = "one per core";
    if (shared > 0) {
        snprintf(sharing, sizeof sharing, "%u of them share a core", shared);
    }
    if (asked > chooser->count) {
        snprintf(plan->reason, sizeof plan->reason,
                 "%u threads asked for on %zu allowed CPUs: they wrap around and share", asked,
                 chooser->count);
    } else if (asked > 0) {
        snprintf(plan->reason, sizeof plan->reason, "%u threads asked for, %s", asked, sharing);
    } else if (plan->threads < chooser->count) {
        snprintf(plan->reason, sizeof plan->reason,
                 "%u of %zu allowed CPUs: as %.4g MiB scratchpads fit into L3, %s", plan->threads,
                 chooser->count, (double)chooser->scratchpad_bytes / (1024.0 * 1024.0), sharing);
    } else {
        snprintf(plan->reason, sizeof plan->reason, "all %zu allowed CPUs, %s", chooser->count,
                 sharing);
    }
}

static enum plab_status plan_chosen(struct plab_pin_plan *plan, struct chooser *chooser,
                                    const struct plab_pin_request *request,
                                    struct plab_error *err) {
    if (chooser->count == 0) {
        return plab_fail(err, PLAB_E_USAGE, "no CPU is allowed for this process");
    }
    size_t room = request->threads != 0 ? request->threads : chooser->count;
    enum plab_status status = plan_alloc(plan, room, err);
    if (status != PLAB_OK) {
        return status;
    }
    size_t filled = fill_slots(chooser, plan->slots, request->threads);
    for (size_t i = filled; i < request->threads; i++) {
        plan->slots[i] = plan->slots[i - filled];
    }
    plan->threads = request->threads != 0 ? request->threads : (unsigned)filled;
    mark_smt_shared(plan);
    explain(plan, chooser, request->threads);
    return PLAB_OK;
}

static enum plab_status plan_make(struct plab_pin_plan *plan, const struct plab_topology *topology,
                                  const struct plab_pin_request *request, struct plab_error *err) {
    enum plab_status status;
    if (request->cpus != NULL) {
        unsigned *cpus = calloc(PLAB_CPU_INDEX_LIMIT, sizeof *cpus);
        status = cpus != NULL ? plan_explicit(plan, topology, request, cpus, err)
                              : plab_fail(err, PLAB_E_NOMEM, "no memory for a CPU list");
        free(cpus);
        if (status == PLAB_OK) {
            mark_smt_shared(plan);
        }
        return status;
    }
    struct chooser chooser;
    status = chooser_init(&chooser, topology, request->scratchpad_bytes)
                 ? plan_chosen(plan, &chooser, request, err)
                 : plab_fail(err, PLAB_E_NOMEM, "no memory for a pinning plan");
    chooser_free(&chooser);
    return status;
}

enum plab_status plab_pin_plan_make(struct plab_pin_plan *out, const struct plab_topology *topology,
                                    const struct plab_pin_request *request,
                                    struct plab_error *err) {
    *out = (struct plab_pin_plan){0};
    enum plab_status status = plan_make(out, topology, request, err);
    if (status != PLAB_OK) {
        plab_pin_plan_free(out);
        return status;
    }
    if (!request->pin) {
        unpin(out);
    }
    return PLAB_OK;
}

void plab_pin_plan_free(struct plab_pin_plan *plan) {
    free(plan->slots);
    *plan = (struct plab_pin_plan){0};
}
