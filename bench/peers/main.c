/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench-peers: powlab and librandomx in turns, on the same CPUs and pages, with every result
 * compared; prints the ratios. Built and run by `make bench-peers`; not part of powlab.
 */
#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peers/contest.h"
#include "bench/peers/team.h"
#include "cli/jsonout.h"
#include "cli/opt.h"
#include "cli/tuneopt.h"
#include "host/topology.h"
#include "pow/randomx.h"

#define ROWS_MAX 16
#define PAIRS 15
#define TURN_MS 500
#define QUICK_PAIRS 3
#define QUICK_TURN_MS 50
#define MIB ((size_t)1 << 20)

static const struct plab_verb verb = {
    .name = "bench-peers",
    .summary = "powlab against librandomx, in turns, results compared bit for bit",
    .usage = "[options]",
    .examples =
        "  make bench-peers\n"
        "  make bench-peers BENCH_PEERS_ARGS='--only fast --pairs 31'\n"
        "  make bench-peers RANDOMX_DIR=/opt/randomx     another librandomx than Debian's\n",
    .notes = "Ratios are powlab over the peer: 2.00 is twice as fast. Exit 4: results differ.\n",
    .has_json = true,
    .has_kernels = true,
    .standalone = true,
};

static const char *const algo_names[] = {"all", "rx/0", "rx/2", NULL};
static const char *const row_kinds[] = {"all", "cache", "dataset", "fast", "light", "batch", NULL};

struct options {
    uint64_t pairs, turn_ms, threads;
    struct plab_tune_options tune;
    bool quick, cpu_time;
    const char *only; /* NULL: all */
    const char *algo; /* NULL: all */
    const char *peer; /* what to call the other side */
};

struct bench {
    struct plab_cli cli;
    struct options options;
    const struct plab_algo *v1, *v2;
    struct plab_topology topology;
    struct plab_pin_plan plan;
    struct plab_tune_setup tune_setup;
    struct plab_contest contest;
    struct plab_peers_row *rows; /* ROWS_MAX */
    size_t row_count;
};

/* ---- what was asked for ---- */

static bool wanted(const struct bench *b, const char *what) {
    return b->options.only == NULL || strcmp(b->options.only, what) == 0;
}

static bool fast_wanted(const struct bench *b) {
    return !b->options.quick && wanted(b, "fast");
}

/* ---- output ---- */

static bool json_on_stdout(const struct bench *b) {
    return b->cli.json != NULL && strcmp(b->cli.json, "-") == 0;
}

static void print_head(const struct bench *b) {
    if (!json_on_stdout(b)) {
        printf("%-30s %7s %12s %12s   %s\n", "", "threads", "powlab", b->options.peer,
               "ratio: median (min .. max of pairs)");
    }
}

/* Rates of a cache are the inverse of seconds; people want the seconds. */
static void print_row(const struct bench *b, const struct plab_peers_row *row) {
    if (json_on_stdout(b)) {
        return;
    }
    char rates[PLAB_SIDE_COUNT][24];
    for (size_t side = 0; side < PLAB_SIDE_COUNT; side++) {
        double rate = row->rate[side].median;
        if (rate >= 1e5) {
            snprintf(rates[side], sizeof rates[side], "%.2f M/s", rate / 1e6);
        } else if (strcmp(row->unit, "1/s") == 0) {
            snprintf(rates[side], sizeof rates[side], "%.3f s", 1 / rate);
        } else {
            snprintf(rates[side], sizeof rates[side], "%.1f %s", rate, row->unit);
        }
    }
    printf("%-30s %7u %12s %12s   %5.2f (%.2f .. %.2f of %zu)\n", row->name, row->threads,
           rates[PLAB_SIDE_OURS], rates[PLAB_SIDE_THEIRS], row->ratio.median, row->ratio.min,
           row->ratio.max, row->pairs);
    fflush(stdout);
}

/* How powlab hashed in fast mode, and the pages where they are others than in the row before. */
static void print_notes(const struct bench *b) {
    char ours[64], theirs[64], tuning[PLAB_TUNING_TEXT], pages[256], previous[256] = "";
    if (json_on_stdout(b)) {
        return;
    }
    assert(b->rows != NULL);
    for (size_t i = 0; i < b->row_count; i++) {
        const struct plab_peers_row *row = &b->rows[i];
        if (row->fast) {
            printf("%s, %u threads: %s\n", row->name, row->threads,
                   plab_tuning_describe(&row->tuning, tuning, sizeof tuning));
        }
        if (row->pages[PLAB_SIDE_OURS].asked_bytes == 0) {
            continue;
        }
        snprintf(pages, sizeof pages, "powlab %s, %s %s",
                 plab_pages_describe(&row->pages[PLAB_SIDE_OURS], ours, sizeof ours),
                 b->options.peer,
                 plab_pages_describe(&row->pages[PLAB_SIDE_THEIRS], theirs, sizeof theirs));
        if (strcmp(pages, previous) != 0) {
            printf("pages from \"%s\", %u threads, on: %s\n", row->name, row->threads, pages);
            snprintf(previous, sizeof previous, "%s", pages);
        }
    }
    printf("%sAll results were equal.\n",
           fast_wanted(b) ? "In fast mode both read the same dataset. " : "");
}

static json_t *stats_json(const struct plab_stats *stats) {
    return json_pack("{s:f, s:f, s:f, s:f, s:f}", "median", stats->median, "min", stats->min, "max",
                     stats->max, "ci_low", stats->ci_low, "ci_high", stats->ci_high);
}

static json_t *row_json(const struct plab_peers_row *row) {
    json_t *ratios = json_array();
    for (size_t i = 0; i < row->pairs; i++) {
        json_array_append_new(ratios, json_real(row->ratios[i]));
    }
    json_t *object =
        json_pack("{s:s, s:s, s:i, s:I, s:I, s:o, s:o, s:o, s:o}", "name", row->name, "unit",
                  row->unit, "threads", (int)row->threads, "work", (json_int_t)row->work, "pairs",
                  (json_int_t)row->pairs, "ratio", stats_json(&row->ratio), "powlab",
                  stats_json(&row->rate[PLAB_SIDE_OURS]), "peer",
                  stats_json(&row->rate[PLAB_SIDE_THEIRS]), "ratios", ratios);
    if (object != NULL && row->pages[PLAB_SIDE_OURS].asked_bytes > 0) {
        json_object_set_new(object, "pages_powlab", plab_json_pages(&row->pages[PLAB_SIDE_OURS]));
        json_object_set_new(object, "pages_peer", plab_json_pages(&row->pages[PLAB_SIDE_THEIRS]));
    }
    if (object != NULL && row->fast) {
        json_object_set_new(object, "tuning", plab_json_tuning(&row->tuning));
    }
    return object;
}

static enum plab_status emit_json(const struct bench *b, struct plab_error *err) {
    json_t *rows = json_array(), *cpus = json_array();
    assert(b->rows != NULL);
    for (size_t i = 0; i < b->row_count; i++) {
        json_array_append_new(rows, row_json(&b->rows[i]));
    }
    for (unsigned i = 0; i < b->plan.threads; i++) {
        json_array_append_new(cpus, json_integer(b->plan.slots[i].cpu));
    }
    json_t *kernels = plab_json_kernels(&b->cli.kernels, b->v1);
    return plab_json_emit(json_pack("{s:s, s:s, s:b, s:s, s:o, s:o, s:o}", "schema",
                                    "powlab-bench-peers/1", "peer", b->options.peer, "peer_has_v2",
                                    (int)plab_theirs_have_v2(), "clock",
                                    b->options.cpu_time ? "cpu" : "wall", "cpus", cpus, "kernels",
                                    kernels, "rows", rows),
                          b->cli.json, err);
}

/* ---- the course of things ---- */

static struct plab_peers_row *next_row(struct bench *b) {
    return &b->rows[b->row_count];
}

static enum plab_status finish_row(struct bench *b, enum plab_status status) {
    if (status == PLAB_OK) {
        print_row(b, next_row(b));
        b->row_count++;
    }
    return status;
}

static enum plab_status hashes(struct bench *b, const struct plab_algo *algo, bool fast,
                               enum plab_peers_style style, unsigned threads,
                               struct plab_error *err) {
    return finish_row(
        b, plab_contest_hashes(&b->contest, algo, fast, style, threads, next_row(b), err));
}

static enum plab_status hashes_of(struct bench *b, const struct plab_algo *algo,
                                  struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    if (b->options.algo != NULL && strcmp(b->options.algo, algo->name) != 0) {
        return PLAB_OK;
    }
    if (fast_wanted(b)) {
        status = hashes(b, algo, true, PLAB_PEERS_STREAM, 1, err);
        if (status == PLAB_OK && b->plan.threads > 1) {
            status = hashes(b, algo, true, PLAB_PEERS_STREAM, b->plan.threads, err);
        }
    }
    if (status == PLAB_OK && wanted(b, "light")) {
        status = hashes(b, algo, false, PLAB_PEERS_SINGLE, 1, err);
    }
    if (status == PLAB_OK && wanted(b, "batch")) {
        status = hashes(b, algo, false, PLAB_PEERS_BATCHES, 1, err);
    }
    return status;
}

static enum plab_status caches(struct bench *b, struct plab_error *err) {
    if (!wanted(b, "cache")) {
        return plab_contest_build_caches(&b->contest, err);
    }
    enum plab_status status = PLAB_OK;
    if (plab_theirs_have_argon2(b->contest.theirs)) {
        status = finish_row(b, plab_contest_cache(&b->contest, true, next_row(b), err));
    }
    return status != PLAB_OK
               ? status
               : finish_row(b, plab_contest_cache(&b->contest, false, next_row(b), err));
}

static enum plab_status cache_and_dataset(struct bench *b, uint64_t window_items,
                                          struct plab_error *err) {
    uint64_t done = 0;
    enum plab_status status = caches(b, err);
    if (status == PLAB_OK && wanted(b, "dataset")) {
        status = finish_row(b, plab_contest_dataset(&b->contest, window_items, next_row(b), err));
        done = window_items * b->contest.pairs;
    }
    if (status == PLAB_OK && fast_wanted(b)) {
        status = plab_contest_complete_dataset(&b->contest, done, err);
    }
    return status;
}

/* A part of the dataset that leaves each pair its own. */
static uint64_t window_of(const struct bench *b) {
    uint64_t parts = b->options.quick ? 1024 : 64;
    if (parts < b->contest.pairs) {
        parts = b->contest.pairs;
    }
    return plab_rx_dataset_items(b->v1->rx) / parts;
}

static enum plab_status measure(struct bench *b, struct plab_error *err) {
    uint64_t window_items = window_of(b);
    enum plab_status status =
        plab_ours_create(&b->contest.ours, b->v1->rx, &b->cli.kernels, &b->plan, window_items, err);
    if (status == PLAB_OK) {
        status = plab_theirs_create(&b->contest.theirs, b->plan.threads, fast_wanted(b), err);
    }
    if (status == PLAB_OK) {
        print_head(b);
        status = cache_and_dataset(b, window_items, err);
    }
    if (status == PLAB_OK) {
        status = hashes_of(b, b->v1, err);
    }
    if (status == PLAB_OK && plab_theirs_have_v2()) {
        status = hashes_of(b, b->v2, err);
    }
    return status;
}

/* What both sides touch at most, and a little for everything else. */
static uint64_t memory_needed(const struct bench *b) {
    uint64_t window_bytes = window_of(b) * PLAB_RX_ITEM_BYTES;
    uint64_t scratchpads = 2 * (b->plan.threads + (uint64_t)PLAB_PEERS_BATCH);
    uint64_t dataset_bytes = fast_wanted(b)         ? plab_rx_dataset_bytes(b->v1->rx)
                             : wanted(b, "dataset") ? b->contest.pairs * window_bytes
                                                    : 0;
    return 2 * plab_rx_cache_bytes(b->v1->rx) + window_bytes + dataset_bytes +
           scratchpads * b->v1->rx->l3_bytes + 64 * MIB;
}

/* librandomx's memory is only taken when it is touched, too late for an answer. */
static enum plab_status enough_memory(const struct bench *b, struct plab_error *err) {
    uint64_t available = plab_memory_available_bytes(), needed = memory_needed(b);
    if (available != 0 && available < needed) {
        return plab_fail(err, PLAB_E_NOMEM,
                         "needs %llu MiB of memory, but only %llu MiB are available%s",
                         (unsigned long long)(needed / MIB), (unsigned long long)(available / MIB),
                         fast_wanted(b) ? "; --only light needs a quarter" : "");
    }
    return PLAB_OK;
}

static enum plab_status plan(struct bench *b, struct plab_error *err) {
    struct plab_pin_request request = {.threads = (unsigned)b->options.threads,
                                       .scratchpad_bytes = b->v1->rx->l3_bytes,
                                       .pin = true};
    enum plab_status status = plab_topology_load(&b->topology, NULL, NULL, err);
    if (status == PLAB_OK) {
        status = plab_pin_plan_make(&b->plan, &b->topology, &request, err);
    }
    if (status == PLAB_OK && b->plan.threads > PLAB_TEAM_MAX) {
        status = plab_fail(err, PLAB_E_USAGE, "%u threads are too many; at most %d",
                           b->plan.threads, PLAB_TEAM_MAX);
    }
    return status;
}

static enum plab_status run(struct bench *b, struct plab_error *err) {
    const struct options *o = &b->options;
    enum plab_status status = plab_algo_find("rx/0", &b->v1, err);
    if (status == PLAB_OK) {
        status = plab_algo_find("rx/2", &b->v2, err);
    }
    if (status == PLAB_OK) {
        status = plan(b, err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    b->contest.plan = &b->plan;
    b->contest.pairs = (unsigned)(o->pairs != 0 ? o->pairs : o->quick ? QUICK_PAIRS : PAIRS);
    plab_tune_options_setup(&b->options.tune, &b->cli, &b->tune_setup);
    b->tune_setup.cache_path = NULL; /* measured in this very run */
    b->contest.tuning = (struct plab_ours_tuning){&b->tune_setup, (unsigned)o->tune.lanes};
    b->contest.cpu_time = o->cpu_time;
    b->contest.turn_seconds = (double)(o->quick ? QUICK_TURN_MS : o->turn_ms) / 1e3;
    status = enough_memory(b, err);
    if (status != PLAB_OK) {
        return status;
    }
    b->rows = calloc(ROWS_MAX, sizeof *b->rows);
    status = b->rows == NULL ? plab_fail(err, PLAB_E_NOMEM, "not enough memory for the results")
                             : measure(b, err);
    if (status == PLAB_OK) {
        print_notes(b);
        status = b->cli.json != NULL ? emit_json(b, err) : PLAB_OK;
    }
    return status;
}

static enum plab_status parse(struct bench *b, int argc, char **argv, int *only, int *algo,
                              bool *helped, struct plab_error *err) {
    struct options *o = &b->options;
    size_t operands;
    const struct plab_opt opts[] = {
        {0, "quick", PLAB_OPT_FLAG, &o->quick, NULL, "a few seconds: 3 short pairs, no fast mode",
         0, 0, NULL},
        {'n', "pairs", PLAB_OPT_U64, &o->pairs, "N", "pairs a row (default: 15)", 1,
         PLAB_PEERS_PAIRS_MAX, NULL},
        {0, "turn", PLAB_OPT_DURATION, &o->turn_ms, "TIME",
         "time of a turn of hashing (default: 500ms)", 1, 60000, NULL},
        {'t', "threads", PLAB_OPT_U64, &o->threads, "N",
         "what \"all threads\" are (default: as in powlab bench)", 1, PLAB_TEAM_MAX, NULL},
        PLAB_TUNE_OPTS(&o->tune),
        {0, "cpu-time", PLAB_OPT_FLAG, &o->cpu_time, NULL,
         "count the CPU time of threads: for a machine that others use", 0, 0, NULL},
        {'a', "algo", PLAB_OPT_CHOICE, algo, "NAME",
         "all (default), rx/0, rx/2 where the peer has it", 0, 0, algo_names},
        {0, "only", PLAB_OPT_CHOICE, only, "ROWS", "all, cache, dataset, fast, light or batch", 0,
         0, row_kinds},
        {0, "peer", PLAB_OPT_TEXT, &o->peer, "NAME", "what to call the other side", 0, 0, NULL},
    };
    return plab_opt_parse(&b->cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv, NULL, 0,
                          &operands, helped, err);
}

int main(int argc, char **argv) {
    struct bench b = {.options = {.turn_ms = TURN_MS, .peer = "librandomx"}};
    struct plab_error err = {""};
    bool helped = false;
    int only = 0, algo = 0;
    enum plab_status status = parse(&b, argc, argv, &only, &algo, &helped, &err);
    if (status == PLAB_OK && !helped) {
        b.options.only = only == 0 ? NULL : row_kinds[only];
        b.options.algo = algo == 0 ? NULL : algo_names[algo];
        status = run(&b, &err);
    }
    plab_theirs_destroy(&b.contest.theirs);
    plab_ours_destroy(&b.contest.ours);
    plab_pin_plan_free(&b.plan);
    plab_topology_free(&b.topology);
    free(b.rows);
    if (err.text[0] != '\0') {
        fprintf(stderr, "bench-peers: %s\n", err.text);
    }
    return plab_status_exit_code(status);
}
