/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/tune.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "arch/dispatch.h"
#include "base/clock.h"
#include "host/tune_cache.h"
#include "host/tune_judge.h"
#include "host/tune_team.h"
#include "pow/hasher.h"
#include "pow/randomx.h"

/* ---- choices ---- */

void plab_tune_default(struct plab_tune_choice *out, const struct plab_algo *algo,
                       const struct plab_kernels *kernels, bool whole_dataset, unsigned lanes) {
    const unsigned most = plab_hasher_lanes_max(algo);
    *out = (struct plab_tune_choice){
        .lanes = lanes == 0     ? plab_hasher_lanes_default(algo, kernels, whole_dataset)
                 : lanes < most ? lanes
                                : most,
        .hints = kernels->hints,
        .loop_make = kernels->rx_loop_make,
        .loop_isa = kernels->isa[PLAB_KERNEL_rx_loop_make],
    };
}

void plab_tune_apply(const struct plab_tune_choice *choice, struct plab_kernels *kernels) {
    kernels->hints = choice->hints;
    kernels->rx_loop_make = choice->loop_make;
    kernels->isa[PLAB_KERNEL_rx_loop_make] = choice->loop_isa;
}

bool plab_tune_same(const struct plab_tune_choice *a, const struct plab_tune_choice *b) {
    return a->lanes == b->lanes && a->hints.item == b->hints.item &&
           a->hints.lines == b->hints.lines && a->loop_make == b->loop_make;
}

/* The candidate of that name among those that need no more than the default `kernels`; NULL if
 * there is none. */
static const struct plab_candidate *find_loop(const char *isa, const struct plab_kernels *kernels) {
    const struct plab_candidate *found = NULL, *preset = NULL;
    const char *preset_isa = kernels->isa[PLAB_KERNEL_rx_loop_make];
    for (const struct plab_candidate *c = plab_candidates(PLAB_KERNEL_rx_loop_make); c->isa != NULL;
         c++) {
        found = strcmp(c->isa, isa) == 0 ? c : found;
        preset = strcmp(c->isa, preset_isa) == 0 ? c : preset;
    }
    bool usable = found != NULL && preset != NULL && (found->features & ~preset->features) == 0;
    return usable ? found : NULL;
}

/* The best compiler but one; NULL if that makes no machine code. */
static const struct plab_candidate *second_loop(const struct plab_kernels *kernels) {
    const struct plab_candidate *before = NULL, *c = plab_candidates(PLAB_KERNEL_rx_loop_make) + 1;
    for (; c->isa != NULL && strcmp(c->isa, kernels->isa[PLAB_KERNEL_rx_loop_make]) != 0; c++) {
        before = c;
    }
    return before != NULL ? find_loop(before->isa, kernels) : NULL;
}

/* ---- stages ---- */

struct tuner {
    const struct plab_tune_config *config;
    struct plab_tuning *out;
    struct plab_tune_team *team;
    uint64_t start_ns;
    unsigned stages_done;
};

/* What is compared at a time; the first one is what there was before. */
struct stage {
    unsigned count;
    struct plab_tune_choice candidates[PLAB_TUNE_CANDIDATES_MAX];
    char names[PLAB_TUNE_CANDIDATES_MAX][sizeof((struct plab_tune_trial *)NULL)->name];
    double ratios[PLAB_TUNE_CANDIDATES_MAX][PLAB_TUNE_ROUNDS];
    unsigned rounds[PLAB_TUNE_CANDIDATES_MAX]; /* measured */
};

static struct plab_tune_choice *add(struct stage *stage, const char *kind, const char *value) {
    unsigned at = stage->count++;
    assert(at < PLAB_TUNE_CANDIDATES_MAX);
    stage->candidates[at] = stage->candidates[0];
    snprintf(stage->names[at], sizeof stage->names[at], "%s %s", kind, value);
    return &stage->candidates[at];
}

static void add_lanes(struct stage *stage, const struct plab_tune_config *config) {
    const unsigned preset = stage->candidates[0].lanes;
    for (unsigned lanes = 1; config->lanes == 0 && lanes <= PLAB_RX_LOOP_LANES_MAX; lanes++) {
        if (lanes != preset) {
            char text[4];
            snprintf(text, sizeof text, "%u", lanes);
            add(stage, "lanes", text)->lanes = lanes;
        }
    }
}

static void add_items(struct stage *stage, const struct plab_tune_config *config) {
    static const enum plab_prefetch all[] = {PLAB_PREFETCH_NTA, PLAB_PREFETCH_T0, PLAB_PREFETCH_T1,
                                             PLAB_PREFETCH_OFF};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(all); i++) {
        if (all[i] != config->kernels->hints.item) {
            add(stage, "item", plab_prefetch_name(all[i]))->hints.item = (uint8_t)all[i];
        }
    }
}

static void add_lines(struct stage *stage, const struct plab_tune_config *config) {
    static const enum plab_prefetch all[] = {PLAB_PREFETCH_T0, PLAB_PREFETCH_NTA,
                                             PLAB_PREFETCH_OFF};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(all); i++) {
        if (all[i] != config->kernels->hints.lines) {
            add(stage, "lines", plab_prefetch_name(all[i]))->hints.lines = (uint8_t)all[i];
        }
    }
}

static void add_loops(struct stage *stage, const struct plab_tune_config *config) {
    const struct plab_candidate *second = second_loop(config->kernels);
    if (second != NULL) {
        struct plab_tune_choice *choice = add(stage, "loop", second->isa);
        choice->loop_make = (plab_rx_loop_make_fn *)second->fn;
        choice->loop_isa = second->isa;
    }
}

static void (*const stage_makers[])(struct stage *, const struct plab_tune_config *) = {
    add_lanes, add_items, add_lines, add_loops};

static bool is_cancelled(const struct plab_tune_config *config) {
    /* Relaxed: only the flag itself matters, no data comes with it. */
    return config->cancel != NULL && atomic_load_explicit(config->cancel, memory_order_relaxed);
}

static double since_s(uint64_t start_ns) {
    return (double)(plab_clock_ns() - start_ns) / 1e9;
}

static void tell(const struct tuner *tuner, double stage_done) {
    const struct plab_tune_config *config = tuner->config;
    const size_t stages = PLAB_ARRAY_LEN(stage_makers);
    if (config->progress != NULL) {
        config->progress(config->progress_cookie, "tuning",
                         (tuner->stages_done + stage_done) / (double)stages,
                         since_s(tuner->start_ns));
    }
}

/* Measures the candidates that still have a chance. False when none has. */
static bool run_round(const struct tuner *tuner, struct stage *stage, unsigned round) {
    double rates[PLAB_TUNE_CANDIDATES_MAX] = {0};
    bool open[PLAB_TUNE_CANDIDATES_MAX] = {false};
    for (unsigned i = 1; i < stage->count; i++) {
        open[i] = !plab_tune_hopeless(stage->ratios[i], stage->rounds[i]);
        open[0] |= open[i];
    }
    for (unsigned i = 0; i < stage->count && open[0]; i++) {
        /* There and back again, so that what drifts favours nobody. */
        unsigned at = round % 2 == 0 ? i : stage->count - 1 - i;
        rates[at] = open[at] ? plab_tune_team_slice(tuner->team, at, round) : 0;
        tell(tuner, (round + (double)i / stage->count) / PLAB_TUNE_ROUNDS);
    }
    for (unsigned i = 1; i < stage->count && rates[0] > 0; i++) {
        if (rates[i] > 0) {
            stage->ratios[i][stage->rounds[i]++] = rates[i] / rates[0];
        }
    }
    return open[0];
}

static void conclude(struct plab_tuning *out, const struct stage *stage) {
    struct plab_tune_trial *best = NULL;
    unsigned best_at = 0;
    for (unsigned i = 1; i < stage->count; i++) {
        struct plab_tune_verdict verdict = plab_tune_judge(stage->ratios[i], stage->rounds[i]);
        struct plab_tune_trial *trial = &out->trials[out->trial_count++];
        *trial = (struct plab_tune_trial){
            .ratio = verdict.ratio, .wins = verdict.wins, .rounds = verdict.rounds};
        memcpy(trial->name, stage->names[i], sizeof trial->name);
        if (verdict.better && (best == NULL || trial->ratio > best->ratio)) {
            best = trial;
            best_at = i;
        }
    }
    if (best != NULL) {
        best->taken = true;
        out->ratio *= best->ratio;
        out->choice = stage->candidates[best_at];
    }
}

/* Says so in the note. */
static bool time_is_up(const struct tuner *tuner) {
    const uint64_t asked_ns = tuner->config->setup->limit_ns;
    const double limit_s = (double)(asked_ns > 0 ? asked_ns : PLAB_TUNE_LIMIT_NS) / 1e9;
    bool up = since_s(tuner->start_ns) > limit_s;
    if (up) {
        snprintf(tuner->out->note, sizeof tuner->out->note, "stopped after %.0f s", limit_s);
    }
    return up;
}

static enum plab_status run_stage(struct tuner *tuner, struct stage *stage) {
    enum plab_status status = plab_tune_team_load(tuner->team, stage->candidates, stage->count);
    for (unsigned round = 0; round < PLAB_TUNE_ROUNDS && status == PLAB_OK; round++) {
        if (time_is_up(tuner)) {
            break;
        }
        bool open = run_round(tuner, stage, round);
        if (is_cancelled(tuner->config)) {
            status = PLAB_E_INTERRUPTED;
        } else if (!open) {
            break;
        }
    }
    if (status == PLAB_OK) {
        conclude(tuner->out, stage);
    }
    return status;
}

static enum plab_status run_stages(struct tuner *tuner) {
    enum plab_status status = PLAB_OK;
    for (size_t i = 0; i < PLAB_ARRAY_LEN(stage_makers) && status == PLAB_OK; i++) {
        struct stage stage = {.count = 1, .candidates = {tuner->out->choice}};
        stage_makers[i](&stage, tuner->config);
        if (stage.count > 1) {
            status = run_stage(tuner, &stage);
        }
        tuner->stages_done++;
        tell(tuner, 0);
    }
    return status;
}

static enum plab_status measure(struct plab_tuning *out, const struct plab_tune_config *config,
                                struct plab_error *err) {
    struct tuner tuner = {.config = config, .out = out, .start_ns = plab_clock_ns()};
    const unsigned lanes = config->lanes > 0 ? out->choice.lanes : PLAB_RX_LOOP_LANES_MAX;
    enum plab_status status = plab_tune_team_create(&tuner.team, config, lanes, err);
    if (status == PLAB_OK) {
        status = run_stages(&tuner);
        if (status != PLAB_OK) {
            plab_fail(err, status, "no memory for hashers");
        }
    }
    plab_tune_team_destroy(&tuner.team);
    out->seconds = since_s(tuner.start_ns);
    return status;
}

/* ---- all of it ---- */

static bool is_whole(const struct plab_tune_config *config) {
    return config->algo->rx != NULL && config->seed != NULL &&
           config->seed->dataset_items >= plab_rx_dataset_items(config->algo->rx);
}

/* Why there is nothing to measure; NULL if there is. */
static const char *obstacle(const struct plab_tune_config *config) {
    return config->algo->family != PLAB_FAMILY_RANDOMX ? "only RandomX is tuned"
           : !is_whole(config)                         ? "only a whole dataset is tuned for"
           : config->kernels->rx_loop_make == plab_rx_loop_make_c
               ? "no machine code on this machine"
           : config->setup->mode == PLAB_TUNE_OFF ? "tuning is switched off"
                                                  : NULL;
}

/* Takes a choice from the cache if it is one that this machine can do. */
static bool take_cached(struct plab_tuning *out, const struct plab_tune_config *config,
                        const char *key) {
    struct plab_tune_entry entry;
    if (config->setup->cache_path == NULL ||
        !plab_tune_cache_find(config->setup->cache_path, key, &entry)) {
        return false;
    }
    const struct plab_candidate *loop = find_loop(entry.loop_isa, config->kernels);
    bool fits = config->lanes == 0 ? entry.lanes <= PLAB_RX_LOOP_LANES_MAX
                                   : entry.lanes == out->choice.lanes;
    if (loop == NULL || !fits) {
        return false;
    }
    out->choice = (struct plab_tune_choice){
        .lanes = entry.lanes,
        .hints = {.item = (uint8_t)entry.item, .lines = (uint8_t)entry.lines},
        .loop_make = (plab_rx_loop_make_fn *)loop->fn,
        .loop_isa = loop->isa,
    };
    out->source = PLAB_TUNING_CACHED;
    out->ratio = entry.ratio;
    return true;
}

static void keep(const struct plab_tuning *tuning, const struct plab_tune_config *config,
                 const char *key) {
    struct plab_tune_entry entry = {
        .lanes = tuning->choice.lanes,
        .item = (enum plab_prefetch)tuning->choice.hints.item,
        .lines = (enum plab_prefetch)tuning->choice.hints.lines,
        .ratio = tuning->ratio,
    };
    snprintf(entry.key, sizeof entry.key, "%s", key);
    snprintf(entry.loop_isa, sizeof entry.loop_isa, "%s", tuning->choice.loop_isa);
    if (config->setup->cache_path != NULL) {
        /* Failed: measured again the next time. */
        enum plab_status ignored = plab_tune_cache_store(config->setup->cache_path, &entry);
        (void)ignored;
    }
}

static void set_default(struct plab_tuning *out, const struct plab_tune_config *config,
                        const char *note) {
    *out = (struct plab_tuning){.source = PLAB_TUNING_DEFAULT, .ratio = 1};
    plab_tune_default(&out->choice, config->algo, config->kernels, is_whole(config), config->lanes);
    snprintf(out->note, sizeof out->note, "%s", note);
}

enum plab_status plab_tune_run(struct plab_tuning *out, const struct plab_tune_config *config) {
    char key[PLAB_TUNE_KEY_LEN];
    struct plab_ident ident;
    struct plab_error err = {""};
    const char *note = obstacle(config);
    set_default(out, config, note != NULL ? note : "");
    if (note != NULL) {
        return PLAB_OK;
    }
    plab_ident_read(&ident);
    plab_tune_key(key, &ident, config);
    if (take_cached(out, config, key)) {
        return PLAB_OK;
    }
    enum plab_status status = measure(out, config, &err);
    if (status == PLAB_OK) {
        out->source = PLAB_TUNING_MEASURED;
        if (out->note[0] == '\0') {
            keep(out, config, key);
        }
        return PLAB_OK;
    }
    set_default(out, config, status == PLAB_E_INTERRUPTED ? "interrupted" : err.text);
    return status == PLAB_E_INTERRUPTED ? status : PLAB_OK;
}

/* ---- telling ---- */

const char *plab_tuning_source_name(enum plab_tuning_source source) {
    static const char *const names[] = {"default", "measured", "cached"};
    return names[source];
}

const char *plab_tuning_describe(const struct plab_tuning *tuning, char *out, size_t out_cap) {
    const struct plab_tune_choice *choice = &tuning->choice;
    char from[200];
    if (tuning->source == PLAB_TUNING_DEFAULT) {
        snprintf(from, sizeof from, "default (%s)", tuning->note);
    } else if (tuning->source == PLAB_TUNING_CACHED) {
        snprintf(from, sizeof from, "as measured before: %.2f x the default", tuning->ratio);
    } else {
        bool partly = tuning->note[0] != '\0';
        snprintf(from, sizeof from, "measured in %.1f s: %.2f x the default%s%s", tuning->seconds,
                 tuning->ratio, partly ? ", " : "", tuning->note);
    }
    snprintf(out, out_cap, "%u hash%s a thread, items %s, lines %s, loop %s; %s", choice->lanes,
             choice->lanes == 1 ? "" : "es",
             plab_prefetch_name((enum plab_prefetch)choice->hints.item),
             plab_prefetch_name((enum plab_prefetch)choice->hints.lines), choice->loop_isa, from);
    return out;
}
