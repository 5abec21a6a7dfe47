/* SPDX-License-Identifier: BSD-3-Clause */
/* Tuning: the verdict on samples, the file, and whole runs over a small dataset. No test looks at
 * which candidate is the fastest, and none touches the user's own file. */
#include "host/tune.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/dispatch.h"
#include "base/clock.h"
#include "base/file.h"
#include "bench/run.h"
#include "host/tune_cache.h"
#include "host/tune_judge.h"
#include "host/workers.h"
#include "pow/randomx.h"
#include "tests/harness.h"
#include "tests/mini_algos.h"
#include "tests/vector_file.h"

#define MS UINT64_C(1000000)

/* ---- the verdict ---- */

TEST(tune_judge, clear_gain_is_better) {
    static const double ratios[PLAB_TUNE_ROUNDS] = {1.05, 1.06, 1.04, 1.05, 1.07, 1.05, 1.04};
    struct plab_tune_verdict verdict = plab_tune_judge(ratios, PLAB_TUNE_ROUNDS);
    CHECK(verdict.better && verdict.ratio == 1.05 && verdict.wins == 7 && verdict.rounds == 7);
}

TEST(tune_judge, no_gain_within_the_noise) {
    /* A median of 1.03, but the rounds are further apart than that. */
    static const double wild[PLAB_TUNE_ROUNDS] = {1.03, 1.15, 0.90, 1.02, 1.14, 0.91, 1.12};
    static const double small[PLAB_TUNE_ROUNDS] = {1.009, 1.009, 1.008, 1.009, 1.01, 1.009, 1.009};
    static const double tie[PLAB_TUNE_ROUNDS] = {1, 1, 1, 1, 1, 1, 1};
    CHECK(!plab_tune_judge(wild, PLAB_TUNE_ROUNDS).better);
    CHECK(!plab_tune_judge(small, PLAB_TUNE_ROUNDS).better);
    CHECK(!plab_tune_judge(tie, PLAB_TUNE_ROUNDS).better);
    CHECK_U64(plab_tune_judge(tie, PLAB_TUNE_ROUNDS).wins, 0);
}

TEST(tune_judge, one_outlier_decides_nothing) {
    static const double up[PLAB_TUNE_ROUNDS] = {1, 1.001, 0.999, 1, 9, 1.002, 0.998};
    static const double down[PLAB_TUNE_ROUNDS] = {1.05, 1.06, 0.1, 1.05, 1.05, 1.04, 1.05};
    CHECK(!plab_tune_judge(up, PLAB_TUNE_ROUNDS).better);
    CHECK(plab_tune_judge(down, PLAB_TUNE_ROUNDS).better);
}

TEST(tune_judge, two_thirds_of_the_rounds_and_all_of_them) {
    static const double four[PLAB_TUNE_ROUNDS] = {1.05, 1.05, 1.05, 1.05, 0.999, 0.999, 0.999};
    static const double five[PLAB_TUNE_ROUNDS] = {1.05, 1.05, 1.05, 1.05, 1.05, 0.999, 0.999};
    CHECK(!plab_tune_judge(four, PLAB_TUNE_ROUNDS).better);
    CHECK(plab_tune_judge(five, PLAB_TUNE_ROUNDS).better);
    CHECK(!plab_tune_judge(five, PLAB_TUNE_ROUNDS - 1).better);
    CHECK(!plab_tune_judge(five, 0).better);
}

TEST(tune_judge, hopeless_is_what_cannot_win_any_more) {
    static const double ratios[PLAB_TUNE_ROUNDS] = {0.9, 1.1, 0.9, 1.1, 0.9, 1.1, 1.1};
    for (unsigned rounds = 0; rounds <= PLAB_TUNE_ROUNDS; rounds++) {
        CHECK(plab_tune_hopeless(ratios, rounds) == (rounds >= 5));
    }
}

/* ---- entries ---- */

static struct plab_tune_entry make_entry(const char *key, unsigned lanes) {
    struct plab_tune_entry entry = {.lanes = lanes,
                                    .item = PLAB_PREFETCH_T1,
                                    .lines = PLAB_PREFETCH_OFF,
                                    .loop_isa = "avx2",
                                    .ratio = 1.0625};
    snprintf(entry.key, sizeof entry.key, "%s", key);
    return entry;
}

static void check_entry(const struct plab_tune_entry *got, const struct plab_tune_entry *want) {
    CHECK_STR(got->key, want->key);
    CHECK_STR(got->loop_isa, want->loop_isa);
    CHECK(got->lanes == want->lanes && got->item == want->item && got->lines == want->lines);
    CHECK(got->ratio == want->ratio);
}

TEST(tune_cache, entry_survives_the_line) {
    char line[PLAB_TUNE_LINE_LEN];
    struct plab_tune_entry entry = make_entry("a key; of 3 parts", 3), read;
    plab_tune_entry_format(&entry, line);
    CHECK_STR(line, "a key; of 3 parts\t3 t1 off avx2 1.0625\n");
    CHECK(plab_tune_entry_parse(line, strlen(line) - 1, &read));
    check_entry(&read, &entry);
    memset(entry.key, 'k', sizeof entry.key - 1);
    memset(entry.loop_isa, 'i', sizeof entry.loop_isa - 1);
    plab_tune_entry_format(&entry, line);
    CHECK(plab_tune_entry_parse(line, strlen(line) - 1, &read));
    check_entry(&read, &entry);
}

TEST(tune_cache, malformed_lines_are_no_entries) {
    static const char *const lines[] = {
        "",
        "\t",
        "key",
        "key\t",
        "\t2 nta t0 avx2 1.0",
        "key\t2 nta t0 avx2",
        "key 2 nta t0 avx2 1",
        "key\t0 nta t0 avx2 1.0",
        "key\t9 nta t0 avx2 1.0",
        "key\t22 nta t0 avx2 1.0",
        "key\tx nta t0 avx2 1.0",
        "key\t2 NTA t0 avx2 1.0",
        "key\t2 nta t9 avx2 1.0",
        "key\t2 nta t0 avx2 0",
        "key\t2 nta t0 avx2 -1",
        "key\t2 nta t0 avx2 nan",
        "key\t2 nta t0 avx2 inf",
        "key\t2 nta t0 avx2 1.0x",
        "key\t2 nta t0 avx2 1.0 more",
        "key\t2 nta\tt0 avx2 1.0",
        "key\t2 nta t0 a_very_long_name_of_an_isa 1.0",
    };
    struct plab_tune_entry entry = make_entry("as before", 4), before = entry;
    char huge[1000];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(lines); i++) {
        CHECK_MSG(!plab_tune_entry_parse(lines[i], strlen(lines[i]), &entry), "\"%s\"", lines[i]);
    }
    memset(huge, 'x', sizeof huge);
    CHECK(!plab_tune_entry_parse(huge, sizeof huge, &entry));
    CHECK(!plab_tune_entry_parse("k\0ey\t2 nta t0 avx2 1.0", 22, &entry));
    check_entry(&entry, &before);
    CHECK(plab_tune_entry_parse("key\t2 nta t0 avx2 1.0", 21, &entry));
}

TEST(tune_cache, place_follows_the_environment) {
    char path[64];
    CHECK(plab_tune_cache_path("/x", "/home/me", path, sizeof path));
    CHECK_STR(path, "/x/powlab/tuning");
    CHECK(plab_tune_cache_path(NULL, "/home/me", path, sizeof path));
    CHECK_STR(path, "/home/me/.cache/powlab/tuning");
    CHECK(plab_tune_cache_path("relative", "/home/me", path, sizeof path));
    CHECK_STR(path, "/home/me/.cache/powlab/tuning");
    CHECK(!plab_tune_cache_path(NULL, NULL, path, sizeof path));
    CHECK(!plab_tune_cache_path("", "", path, sizeof path));
    CHECK(!plab_tune_cache_path("/x", NULL, path, 10));
}

/* ---- the file ---- */

/* A folder of its own for each test; the file in it lies two folders down. */
struct place {
    char folder[64], file[128];
};

static void open_place(struct place *place) {
    snprintf(place->folder, sizeof place->folder, "/tmp/powlab-tune-XXXXXX");
    CHECK(mkdtemp(place->folder) != NULL);
    snprintf(place->file, sizeof place->file, "%s/above/powlab/tuning", place->folder);
}

static void close_place(struct place *place) {
    char path[128];
    (void)unlink(place->file);
    snprintf(path, sizeof path, "%s/above/powlab", place->folder);
    (void)rmdir(path);
    snprintf(path, sizeof path, "%s/above", place->folder);
    (void)rmdir(path);
    CHECK_MSG(rmdir(place->folder) == 0, "something is left in %s", place->folder);
}

TEST(tune_cache, newest_entry_of_a_key_is_found) {
    struct place place;
    struct plab_tune_entry read;
    open_place(&place);
    CHECK(!plab_tune_cache_find(place.file, "a", &read));
    struct plab_tune_entry entries[] = {make_entry("a", 1), make_entry("b", 2), make_entry("a", 3)};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(entries); i++) {
        CHECK(plab_tune_cache_store(place.file, &entries[i]) == PLAB_OK);
    }
    CHECK(plab_tune_cache_find(place.file, "a", &read));
    check_entry(&read, &entries[2]);
    CHECK(plab_tune_cache_find(place.file, "b", &read));
    check_entry(&read, &entries[1]);
    char text[4 * PLAB_TUNE_LINE_LEN];
    size_t len, lines = 0;
    CHECK(plab_file_read(place.file, text, sizeof text, &len, NULL) == PLAB_OK);
    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    CHECK_U64(lines, 2); /* the older "a" is gone */
    CHECK(!plab_tune_cache_find(place.file, "another processor", &read));
    check_entry(&read, &entries[1]);
    close_place(&place);
}

TEST(tune_cache, keeps_a_bounded_number) {
    struct place place;
    struct plab_tune_entry read;
    struct stat info;
    char key[PLAB_TUNE_KEY_LEN];
    open_place(&place);
    for (unsigned i = 0; i < PLAB_TUNE_CACHE_ENTRIES + 2; i++) {
        memset(key, 'k', sizeof key);
        snprintf(key + sizeof key - 8, 8, "%07u", i);
        struct plab_tune_entry entry = make_entry(key, 1);
        CHECK(plab_tune_cache_store(place.file, &entry) == PLAB_OK);
    }
    CHECK(plab_tune_cache_find(place.file, key, &read));
    snprintf(key + sizeof key - 8, 8, "%07u", 1);
    CHECK(!plab_tune_cache_find(place.file, key, &read));
    snprintf(key + sizeof key - 8, 8, "%07u", 2);
    CHECK(plab_tune_cache_find(place.file, key, &read));
    CHECK(stat(place.file, &info) == 0 && S_ISREG(info.st_mode));
    close_place(&place);
}

TEST(tune_cache, damage_is_passed_over) {
    static const char text[] = "no entry\n\na\t2 nta t0 avx2\na\t4 nta t0 x64 1.5\na\t1 nta t0 ";
    struct place place;
    struct plab_tune_entry read, entry = make_entry("b", 1);
    open_place(&place);
    CHECK(plab_tune_cache_store(place.file, &entry) == PLAB_OK); /* makes the folders */
    CHECK(plab_file_write(place.file, text, sizeof text - 1, NULL) == PLAB_OK);
    CHECK(plab_tune_cache_find(place.file, "a", &read));
    CHECK(read.lanes == 4 && read.ratio == 1.5);
    CHECK(plab_tune_cache_store(place.file, &entry) == PLAB_OK);
    CHECK(plab_tune_cache_find(place.file, "a", &read) && read.lanes == 4);
    CHECK(plab_tune_cache_find(place.file, "b", &read));
    CHECK(plab_tune_cache_store("/proc/nowhere/powlab/tuning", &entry) != PLAB_OK);
    CHECK(!plab_tune_cache_find(place.folder, "a", &read)); /* a folder */
    close_place(&place);
}

/* ---- whole runs ---- */

struct fixture {
    struct place place;
    struct plab_kernels kernels;
    struct plab_pin_slot slots[2];
    struct plab_pin_plan plan;
    struct plab_seedstore *store;
    struct plab_seed_view view;
    struct plab_pages_report memory;
    struct plab_tune_setup setup;
    struct plab_tune_config config;
    atomic_bool cancel;
    unsigned progressed;
    double cancel_at;
};

/* False where no machine code is made; then there is nothing to measure. */
static bool open_fixture(struct fixture *f, const struct plab_algo *algo) {
    memset(f, 0, sizeof *f);
    open_place(&f->place);
    uint32_t features = plab_cpu_detect();
    plab_kernels_select(&f->kernels, features);
    for (unsigned i = 0; i < PLAB_ARRAY_LEN(f->slots); i++) {
        f->slots[i] = (struct plab_pin_slot){.cpu = i == 0 ? 0 : -1, .numa_node = -1};
    }
    f->plan = (struct plab_pin_plan){.threads = PLAB_ARRAY_LEN(f->slots), .slots = f->slots};
    f->setup = (struct plab_tune_setup){.mode = PLAB_TUNE_AUTO,
                                        .cache_path = f->place.file,
                                        .version = "1.2",
                                        .features = features,
                                        .slice_ns = MS,
                                        .limit_ns = 1000000 * MS};
    f->config = (struct plab_tune_config){.setup = &f->setup,
                                          .algo = algo,
                                          .kernels = &f->kernels,
                                          .slots = f->slots,
                                          .threads = f->plan.threads,
                                          .pages = PLAB_PAGES_NEVER,
                                          .seed = &f->view,
                                          .memory = &f->memory,
                                          .cancel = &f->cancel};
    const struct plab_seedstore_config store = {.algo = algo,
                                                .kernels = &f->kernels,
                                                .mode = PLAB_RX_FAST,
                                                .pages = PLAB_PAGES_NEVER,
                                                .slots = 1,
                                                .threads = 1};
    CHECK(plab_seedstore_create(&f->store, &store, NULL) == PLAB_OK);
    CHECK(plab_seedstore_get(f->store, (const uint8_t *)"key", 3, NULL, &f->view, NULL) == PLAB_OK);
    return f->kernels.rx_loop_make != plab_rx_loop_make_c;
}

static void close_fixture(struct fixture *f) {
    plab_seedstore_destroy(&f->store);
    close_place(&f->place);
}

static struct plab_tuning tune(const struct fixture *f) {
    struct plab_tuning tuning;
    CHECK(plab_tune_run(&tuning, &f->config) == PLAB_OK);
    CHECK(tuning.choice.lanes >= 1 && tuning.choice.lanes <= PLAB_RX_LANES_MAX);
    CHECK(tuning.choice.loop_make != NULL && tuning.choice.loop_isa != NULL && tuning.ratio > 0);
    return tuning;
}

TEST(tune, measures_once_and_remembers) {
    struct fixture f;
    if (open_fixture(&f, &mini_rx)) {
        struct plab_tuning first = tune(&f), second = tune(&f);
        CHECK(first.source == PLAB_TUNING_MEASURED && first.seconds > 0);
        CHECK(first.trial_count >= 8 && first.trial_count <= PLAB_TUNE_TRIALS_MAX);
        for (unsigned i = 0; i < first.trial_count; i++) {
            CHECK(first.trials[i].ratio > 0 && first.trials[i].rounds >= 3);
        }
        CHECK(second.source == PLAB_TUNING_CACHED && second.seconds == 0);
        CHECK(plab_tune_same(&first.choice, &second.choice));
        CHECK_STR(first.choice.loop_isa, second.choice.loop_isa);
        f.config.threads = 1; /* another machine, as it were */
        CHECK(tune(&f).source == PLAB_TUNING_MEASURED);
        f.setup.version = "1.3";
        CHECK(tune(&f).source == PLAB_TUNING_MEASURED);
        f.setup.cache_path = NULL;
        CHECK(tune(&f).source == PLAB_TUNING_MEASURED);
    }
    close_fixture(&f);
}

TEST(tune, what_took_too_long_is_not_remembered) {
    struct fixture f;
    if (open_fixture(&f, &mini_rx)) {
        f.setup.limit_ns = 1;
        struct plab_tuning tuning = tune(&f);
        struct plab_tune_choice preset;
        plab_tune_default(&preset, &mini_rx, &f.kernels, true, 0);
        CHECK(tuning.source == PLAB_TUNING_MEASURED && plab_tune_same(&tuning.choice, &preset));
        CHECK(tuning.note[0] != '\0' && access(f.place.file, F_OK) != 0);
    }
    close_fixture(&f);
}

TEST(tune, key_tells_machines_apart) {
    struct fixture f;
    struct plab_ident a = {.brand = "One\tCPU", .family = 6, .model = 1, .microcode = "0x1"}, b = a;
    char key[2][PLAB_TUNE_KEY_LEN];
    open_fixture(&f, &mini_rx);
    plab_tune_key(key[0], &a, &f.config);
    CHECK(strchr(key[0], '\t') == NULL && strstr(key[0], "One?CPU") != NULL);
    plab_tune_key(key[1], &b, &f.config);
    CHECK_STR(key[1], key[0]);
    snprintf(b.microcode, sizeof b.microcode, "0x2");
    plab_tune_key(key[1], &b, &f.config);
    CHECK(strcmp(key[0], key[1]) != 0);
    f.memory = (struct plab_pages_report){.asked_bytes = 2, .huge_bytes = 2};
    plab_tune_key(key[1], &a, &f.config);
    CHECK(strcmp(key[0], key[1]) != 0);
    f.memory.huge_bytes = 0;
    f.setup.features ^= 1;
    plab_tune_key(key[1], &a, &f.config);
    CHECK(strcmp(key[0], key[1]) != 0);
    close_fixture(&f);
}

TEST(tune, cached_choice_that_does_not_fit_is_measured_again) {
    struct fixture f;
    struct plab_ident ident;
    if (open_fixture(&f, &mini_rx)) {
        char key[PLAB_TUNE_KEY_LEN];
        plab_ident_read(&ident);
        plab_tune_key(key, &ident, &f.config);
        struct plab_tune_entry entry = make_entry(key, 2);
        snprintf(entry.loop_isa, sizeof entry.loop_isa, "none");
        CHECK(plab_tune_cache_store(f.place.file, &entry) == PLAB_OK);
        CHECK(tune(&f).source == PLAB_TUNING_MEASURED);
        snprintf(entry.loop_isa, sizeof entry.loop_isa, "x64");
        CHECK(plab_tune_cache_store(f.place.file, &entry) == PLAB_OK);
        struct plab_tuning tuning = tune(&f);
        CHECK(tuning.source == PLAB_TUNING_CACHED && tuning.choice.lanes == 2);
        CHECK(tuning.choice.hints.item == PLAB_PREFETCH_T1 && tuning.ratio == 1.0625);
        CHECK_STR(tuning.choice.loop_isa, "x64");
        entry.lanes = 8; /* more than run in one loop */
        CHECK(plab_tune_cache_store(f.place.file, &entry) == PLAB_OK);
        CHECK(tune(&f).source == PLAB_TUNING_MEASURED);
    }
    close_fixture(&f);
}

TEST(tune, asked_lanes_are_kept) {
    struct fixture f;
    bool machine_code = open_fixture(&f, &mini_rx);
    f.config.lanes = 3;
    struct plab_tuning tuning = tune(&f);
    CHECK_U64(tuning.choice.lanes, 3);
    for (unsigned i = 0; i < tuning.trial_count; i++) {
        CHECK(strncmp(tuning.trials[i].name, "lanes", 5) != 0);
    }
    CHECK(!machine_code || tuning.trial_count >= 5);
    close_fixture(&f);
}

TEST(tune, default_where_there_is_nothing_to_tune) {
    struct fixture f;
    struct plab_tune_choice preset;
    open_fixture(&f, &mini_rx);
    plab_tune_default(&preset, &mini_rx, &f.kernels, true, 0);
    f.setup.mode = PLAB_TUNE_OFF;
    struct plab_tuning tuning = tune(&f);
    CHECK(tuning.source == PLAB_TUNING_DEFAULT && plab_tune_same(&tuning.choice, &preset));
    CHECK(tuning.note[0] != '\0' && tuning.ratio == 1 && tuning.trial_count == 0);
    f.setup.mode = PLAB_TUNE_AUTO;
    f.view.dataset_items--; /* graded */
    CHECK(tune(&f).source == PLAB_TUNING_DEFAULT);
    f.view.dataset_items++;
    plab_kernels_select(&f.kernels, 0);
    CHECK(tune(&f).source == PLAB_TUNING_DEFAULT);
    f.config.algo = &mini_cn;
    f.config.seed = NULL;
    f.config.lanes = 5;
    CHECK_U64(tune(&f).choice.lanes, 1);
    close_fixture(&f);
}

/* Explicit huge pages of which there are none here, or else more than there can be. */
TEST(tune, without_memory_the_default) {
    static struct plab_algo greedy;
    struct fixture f;
    if (open_fixture(&f, &mini_rx)) {
        greedy = mini_rx;
        greedy.scratchpad_bytes = (size_t)1 << 45;
        f.config.algo = &greedy;
        struct plab_tuning tuning = tune(&f);
        CHECK(tuning.source == PLAB_TUNING_DEFAULT && tuning.note[0] != '\0');
        CHECK(access(f.place.file, F_OK) != 0);
    }
    close_fixture(&f);
}

static void cancel_when_asked(void *cookie, const char *stage, double done, double elapsed_s) {
    struct fixture *f = cookie;
    CHECK_STR(stage, "tuning");
    CHECK(done >= 0 && done <= 1 && elapsed_s >= 0);
    f->progressed++;
    if (done >= f->cancel_at) {
        atomic_store(&f->cancel, true);
    }
}

TEST(tune, cancel_ends_it_within_a_slice) {
    static const double moments[] = {0, 0.1, 0.6};
    struct fixture f;
    struct plab_tuning tuning;
    if (open_fixture(&f, &mini_rx)) {
        f.config.progress = cancel_when_asked;
        f.config.progress_cookie = &f;
        for (size_t i = 0; i < PLAB_ARRAY_LEN(moments); i++) {
            f.cancel_at = moments[i];
            atomic_store(&f.cancel, false);
            CHECK(plab_tune_run(&tuning, &f.config) == PLAB_E_INTERRUPTED);
            CHECK(tuning.source == PLAB_TUNING_DEFAULT && tuning.trial_count == 0);
        }
        atomic_store(&f.cancel, true);
        CHECK(plab_tune_run(&tuning, &f.config) == PLAB_E_INTERRUPTED);
        CHECK(access(f.place.file, F_OK) != 0);
        CHECK(f.progressed > 0);
    }
    close_fixture(&f);
}

/* ---- users ---- */

static uint64_t bench_sum(const struct fixture *f, enum plab_tune_mode mode, unsigned lanes,
                          struct plab_tuning *tuning) {
    struct plab_bench_result result;
    struct plab_bench_config config = {.algo = &mini_rx,
                                       .kernels = &f->kernels,
                                       .plan = &f->plan,
                                       .pages = PLAB_PAGES_NEVER,
                                       .rx_mode = PLAB_RX_FAST,
                                       .lanes = lanes,
                                       .tune = f->setup,
                                       .samples = 2,
                                       .hashes = 50};
    config.tune.mode = mode;
    CHECK(plab_bench_run(&result, &config, NULL) == PLAB_OK);
    CHECK_U64(result.checksum_hashes, 50);
    uint64_t sum = result.checksum;
    *tuning = result.tuning;
    plab_bench_result_free(&result);
    return sum;
}

TEST(tune, benchmarks_have_the_same_hashes) {
    struct fixture f;
    struct plab_tuning tuning;
    bool machine_code = open_fixture(&f, &mini_rx);
    uint64_t sum = bench_sum(&f, PLAB_TUNE_OFF, 0, &tuning);
    CHECK(tuning.source == PLAB_TUNING_DEFAULT);
    CHECK_U64(bench_sum(&f, PLAB_TUNE_AUTO, 0, &tuning), sum);
    CHECK(!machine_code || tuning.source == PLAB_TUNING_MEASURED);
    CHECK_U64(bench_sum(&f, PLAB_TUNE_AUTO, 0, &tuning), sum);
    CHECK(!machine_code || tuning.source == PLAB_TUNING_CACHED);
    for (unsigned lanes = 1; lanes <= PLAB_RX_LANES_MAX; lanes++) {
        CHECK_U64(bench_sum(&f, PLAB_TUNE_OFF, lanes, &tuning), sum);
        CHECK_U64(tuning.choice.lanes, lanes);
    }
    close_fixture(&f);
}

/* Until each of the two workers has hashed. */
static void wait_for_hashes(struct plab_workers *workers, struct plab_workers_stats *stats) {
    uint64_t start_ns = plab_clock_ns();
    do {
        CHECK_MSG(plab_clock_ns() - start_ns < 120000 * MS, "no hashes");
        plab_clock_sleep_ns(MS);
    } while (plab_workers_thread_hashes(workers, 0) == 0 ||
             plab_workers_thread_hashes(workers, 1) == 0);
    plab_workers_stats(workers, stats);
}

TEST(tune, workers_tune_at_the_first_seed) {
    struct fixture f;
    struct plab_workers *workers;
    struct plab_workers_stats stats;
    struct plab_job job = {.algo = &mini_rx, .blob_len = 76, .target = 1};
    bool machine_code = open_fixture(&f, &mini_rx);
    const struct plab_workers_config config = {.plan = &f.plan,
                                               .kernels = &f.kernels,
                                               .pages = PLAB_PAGES_NEVER,
                                               .rx_mode = PLAB_RX_FAST,
                                               .tune = f.setup,
                                               .duty_percent = 100};
    CHECK(plab_workers_create(&workers, &config, NULL) == PLAB_OK);
    plab_workers_stats(workers, &stats);
    CHECK(!stats.tuned);
    for (uint8_t seed = 1; seed <= 2; seed++) {
        memset(job.seed, seed, sizeof job.seed);
        CHECK(plab_workers_publish(workers, &job, NULL) == PLAB_OK);
        wait_for_hashes(workers, &stats);
        CHECK(stats.tuned);
        CHECK(!machine_code || stats.tuning.source == PLAB_TUNING_MEASURED);
    }
    plab_workers_destroy(&workers);
    close_fixture(&f);
}

/* A choice from the file that no default is, seen by the scratchpads that it needs. */
TEST(tune, workers_hash_as_chosen) {
    struct fixture f;
    struct plab_workers *workers;
    struct plab_workers_stats stats;
    struct plab_ident ident;
    struct plab_pages_report all = {0}, seed = {0};
    struct plab_job job = {.algo = &mini_rx, .blob_len = 76, .target = 1};
    if (open_fixture(&f, &mini_rx)) {
        char key[PLAB_TUNE_KEY_LEN];
        plab_ident_read(&ident);
        plab_tune_key(key, &ident, &f.config);
        struct plab_tune_entry entry = make_entry(key, 4);
        snprintf(entry.loop_isa, sizeof entry.loop_isa, "x64");
        CHECK(plab_tune_cache_store(f.place.file, &entry) == PLAB_OK);
        const struct plab_workers_config config = {.plan = &f.plan,
                                                   .kernels = &f.kernels,
                                                   .pages = PLAB_PAGES_NEVER,
                                                   .rx_mode = PLAB_RX_FAST,
                                                   .tune = f.setup,
                                                   .duty_percent = 100};
        CHECK(plab_workers_create(&workers, &config, NULL) == PLAB_OK);
        CHECK(plab_workers_publish(workers, &job, NULL) == PLAB_OK);
        wait_for_hashes(workers, &stats);
        CHECK(stats.tuning.source == PLAB_TUNING_CACHED);
        plab_workers_pages(workers, &all);
        plab_seedstore_pages(f.store, &seed);
        CHECK_U64(all.asked_bytes - seed.asked_bytes, 2 * 4 * mini_rx.scratchpad_bytes);
        plab_workers_destroy(&workers);
    }
    close_fixture(&f);
}

/* Slices that would take minutes; a pause and an end don't wait for them. */
TEST(tune, workers_end_while_tuning) {
    struct fixture f;
    struct plab_workers *workers;
    struct plab_job job = {.algo = &mini_rx, .blob_len = 76, .target = 1};
    open_fixture(&f, &mini_rx);
    f.setup.slice_ns = 100000 * MS;
    const struct plab_workers_config config = {.plan = &f.plan,
                                               .kernels = &f.kernels,
                                               .pages = PLAB_PAGES_NEVER,
                                               .rx_mode = PLAB_RX_FAST,
                                               .tune = f.setup,
                                               .duty_percent = 100};
    CHECK(plab_workers_create(&workers, &config, NULL) == PLAB_OK);
    CHECK(plab_workers_publish(workers, &job, NULL) == PLAB_OK);
    plab_clock_sleep_ns(300 * MS); /* long enough for the seed; if not, its build is ended */
    uint64_t start_ns = plab_clock_ns();
    plab_workers_destroy(&workers);
    CHECK_MSG(plab_clock_ns() - start_ns < 2000 * MS * MINI_SLOWNESS, "the end took seconds");
    close_fixture(&f);
}
