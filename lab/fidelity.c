/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/fidelity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/fidelity_priv.h"
#include "lab/flow_score.h"

typedef struct plab_fidelity_side side;

static void put(struct plab_fidelity *out, const char *name, const char *statistic, double distance,
                double target, const char *why_absent) {
    struct plab_fidelity_channel *channel = &out->channels[out->count++];
    *channel = (struct plab_fidelity_channel){name, statistic, distance, target, ""};
    if (isnan(distance)) {
        snprintf(channel->reason, sizeof channel->reason, "%s", why_absent);
    }
}

/* ---- statistics of lists ---- */

static double sd_of(const struct plab_fidelity_values *values) {
    double mean = plab_fidelity_mean(values), sum = 0;
    for (size_t i = 0; i < values->count; i++) {
        sum += (values->items[i] - mean) * (values->items[i] - mean);
    }
    return values->count > 1 ? sqrt(sum / (double)(values->count - 1)) : NAN;
}

static double median_of(struct plab_fidelity_values *values) {
    double zero = 0;
    (void)plab_fidelity_ks(values->items, values->count, &zero, 1); /* sorts */
    return values->count > 0 ? values->items[values->count / 2] : NAN;
}

static double means(const side *a, const side *b, enum plab_fidelity_list list) {
    return plab_fidelity_relative(plab_fidelity_mean(&a->lists[list]),
                                  plab_fidelity_mean(&b->lists[list]));
}

static double medians(side *a, side *b, enum plab_fidelity_list list) {
    return plab_fidelity_relative(median_of(&a->lists[list]), median_of(&b->lists[list]));
}

static double wasserstein(side *a, side *b, enum plab_fidelity_list list) {
    struct plab_fidelity_values *x = &a->lists[list], *y = &b->lists[list];
    double mean = (plab_fidelity_mean(x) + plab_fidelity_mean(y)) / 2;
    return plab_fidelity_wasserstein(x->items, x->count, y->items, y->count) / mean;
}

/* ---- the vector ---- */

/* Verdicts are the same when the conditions are. */
static double differing_conditions(const side *a, const side *b) {
    if (a->conditions < 0 || b->conditions < 0) {
        return NAN;
    }
    unsigned differ = (unsigned)a->conditions ^ (unsigned)b->conditions;
    return (double)__builtin_popcount(differ) / PLAB_FLOW_CONDITIONS;
}

static double pauses_apart(const side *a, const side *b) {
    double sums[2] = {0, 0};
    const struct plab_speech *both[2] = {&a->speech, &b->speech};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < both[i]->pause_count; j++) {
            sums[i] += both[i]->pauses_s[j] / (double)both[i]->pause_count;
        }
    }
    return a->speech.pause_count > 0 && b->speech.pause_count > 0 ? fabs(sums[0] - sums[1]) : NAN;
}

static void compare_network(struct plab_fidelity *out, side *a, side *b) {
    static const char why[] = "no flow of a miner in one of the runs";
    put(out, "payload", "Jaccard", plab_speech_distance(&a->speech, &b->speech), 0,
        "no message in clear text in one of the runs");
    put(out, "sizes up", "1-Wasserstein / mean", wasserstein(a, b, PLAB_FIDELITY_UP), 0.05, why);
    put(out, "sizes down", "1-Wasserstein / mean", wasserstein(a, b, PLAB_FIDELITY_DOWN), 0.05,
        why);
    put(out, "flow size", "relative difference",
        plab_fidelity_relative(a->bytes_per_packet, b->bytes_per_packet), 0.1, why);
    put(out, "flow rate", "relative difference",
        plab_fidelity_relative(a->packets_per_minute, b->packets_per_minute), NAN, why);
    put(out, "flow score", "share of 9 conditions", differing_conditions(a, b), 0, why);
    put(out, "tls", "0 same, 1 not",
        a->ja3[0] == '\0' || b->ja3[0] == '\0' ? NAN : strcmp(a->ja3, b->ja3) != 0, 0,
        "no TLS in one of the runs");
    put(out, "keepalive", "seconds apart", pauses_apart(a, b), 1,
        "no keepalived in clear text in one of the runs");
}

static double to_exponential(side *one) {
    struct plab_fidelity_values *gaps = &one->lists[PLAB_FIDELITY_GAPS];
    return plab_fidelity_ks_exponential(gaps->items, gaps->count);
}

/* Below that, exponential gaps are 95 % of the time, for large samples (Stephens, "EDF Statistics
 * for Goodness of Fit and Some Comparisons", 1974: the mean is the sample's own). */
static double exponential_bound(const side *one) {
    return 1.094 / sqrt((double)one->lists[PLAB_FIDELITY_GAPS].count);
}

static void compare_shares(struct plab_fidelity *out, side *a, side *b) {
    static const char why[] = "no shares in one of the runs";
    struct plab_fidelity_values *x = &a->lists[PLAB_FIDELITY_GAPS];
    struct plab_fidelity_values *y = &b->lists[PLAB_FIDELITY_GAPS];
    put(out, "share gaps", "Kolmogorov-Smirnov",
        plab_fidelity_ks(x->items, x->count, y->items, y->count), NAN, why);
    put(out, "poisson A", "Kolmogorov-Smirnov", to_exponential(a), exponential_bound(a), why);
    put(out, "poisson B", "Kolmogorov-Smirnov", to_exponential(b), exponential_bound(b), why);
}

static void compare_load(struct plab_fidelity *out, side *a, side *b) {
    static const char why[] = "no miner was seen past ten seconds in one of the runs";
    put(out, "cpu mean", "relative difference", means(a, b, PLAB_FIDELITY_CPU), 0.1, why);
    put(out, "cpu sd", "relative difference",
        plab_fidelity_relative(sd_of(&a->lists[PLAB_FIDELITY_CPU]),
                               sd_of(&b->lists[PLAB_FIDELITY_CPU])),
        NAN, why);
    put(out, "switches", "relative difference", means(a, b, PLAB_FIDELITY_SWITCHES), 0.1, why);
    put(out, "faults", "relative difference", means(a, b, PLAB_FIDELITY_FAULTS), 0.1, why);
    put(out, "power", "relative difference", plab_fidelity_relative(a->watts, b->watts), 0.1,
        "no power of the processor's packages in one of the runs");
}

static void compare_memory(struct plab_fidelity *out, side *a, side *b) {
    static const char why[] = "no miner was seen past ten seconds in one of the runs";
    struct plab_fidelity_values *x = &a->lists[PLAB_FIDELITY_MAPS];
    struct plab_fidelity_values *y = &b->lists[PLAB_FIDELITY_MAPS];
    put(out, "memory", "relative difference", medians(a, b, PLAB_FIDELITY_RSS), 0.1, why);
    put(out, "huge pages", "relative difference", medians(a, b, PLAB_FIDELITY_HUGE), 0.1, why);
    put(out, "mappings", "bytes not in common",
        plab_fidelity_apart(x->items, x->count, y->items, y->count), 0.01,
        "no large mapping of a miner in one of the runs");
}

static void compare_instructions(struct plab_fidelity *out, const side *a, const side *b) {
    static const char *const names[PLAB_FIDELITY_RATIOS] = {
        [PLAB_FIDELITY_IPC] = "ipc",
        [PLAB_FIDELITY_CACHE] = "cache",
        [PLAB_FIDELITY_BRANCH] = "branch",
    };
    double variation = 0;
    for (size_t mode = 0; mode < 4; mode++) {
        variation += fabs(a->modes[mode] - b->modes[mode]) / 2;
    }
    put(out, "rounding", "total variation", variation, 0.1,
        "no thread in an unusual mode in one of the runs");
    for (size_t i = 0; i < PLAB_FIDELITY_RATIOS; i++) {
        put(out, names[i], "relative difference",
            plab_fidelity_relative(a->ratios[i], b->ratios[i]), 0.15,
            "no such hardware counters in one of the runs");
    }
}

static void compare_syscalls(struct plab_fidelity *out, const side *a, const side *b) {
    const char *why = a->syscalls.calls > 0 ? b->no_syscalls : a->no_syscalls;
    put(out, "syscalls", "cosine", plab_syscalls_distance(&a->syscalls, &b->syscalls), 0.05, why);
    put(out, "sequences", "Jaccard", plab_syscalls_gram_distance(&a->syscalls, &b->syscalls), NAN,
        "no sequence of five system calls in one of the runs");
}

enum plab_status plab_fidelity_compare(struct plab_fidelity *out, const char *run_a,
                                       const char *run_b, struct plab_error *err) {
    side *sides = calloc(2, sizeof *sides);
    memset(out, 0, sizeof *out);
    if (sides == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to compare runs");
    }
    enum plab_status status = plab_fidelity_side_take(&sides[0], run_a, err);
    if (status == PLAB_OK) {
        status = plab_fidelity_side_take(&sides[1], run_b, err);
    }
    if (status == PLAB_OK) {
        compare_network(out, &sides[0], &sides[1]);
        compare_shares(out, &sides[0], &sides[1]);
        compare_load(out, &sides[0], &sides[1]);
        compare_memory(out, &sides[0], &sides[1]);
        compare_instructions(out, &sides[0], &sides[1]);
        compare_syscalls(out, &sides[0], &sides[1]);
    }
    plab_fidelity_side_free(&sides[0]);
    plab_fidelity_side_free(&sides[1]);
    free(sides);
    return status;
}
