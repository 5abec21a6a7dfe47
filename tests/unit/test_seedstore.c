/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeds: right bytes from many threads, slots, cancelling, what happens without memory. */
#include <stdlib.h>

#include "arch/dispatch.h"
#include "base/clock.h"
#include "host/seedstore.h"
#include "tests/harness.h"
#include "tests/mini_algos.h"
#include "tests/vector_file.h"

/* What the progress function saw, and what it does. */
struct watcher {
    unsigned cache_calls, dataset_calls;
    double last_done;
    bool went_back;
    atomic_bool *cancel; /* set at the first sign of the dataset; NULL: never */
    uint64_t cancelled_ns;
};

static void watch(void *cookie, const char *stage, double done, double elapsed_s) {
    struct watcher *watcher = cookie;
    bool dataset = strcmp(stage, "dataset") == 0;
    watcher->cache_calls += !dataset;
    watcher->went_back |= done < 0 || done > 1 || elapsed_s < 0 ||
                          (dataset && watcher->dataset_calls > 0 && done < watcher->last_done);
    watcher->dataset_calls += dataset;
    watcher->last_done = done;
    if (dataset && watcher->cancel != NULL && watcher->cancelled_ns == 0) {
        watcher->cancelled_ns = plab_clock_ns();
        atomic_store(watcher->cancel, true);
    }
}

static struct plab_kernels kernels;

static struct plab_seedstore *create(const struct plab_algo *algo, enum plab_rx_mode mode,
                                     unsigned slots, struct watcher *watcher) {
    static const int cpus[] = {0, -1, -1};
    struct plab_seedstore *store;
    struct plab_error err = {""};
    plab_kernels_select(&kernels, 0);
    struct plab_seedstore_config config = {
        .algo = algo,
        .kernels = &kernels,
        .mode = mode,
        .pages = PLAB_PAGES_NEVER,
        .slots = slots,
        .threads = 3,
        .cpus = cpus,
        .progress = watcher != NULL ? watch : NULL,
        .progress_cookie = watcher,
    };
    CHECK_MSG(plab_seedstore_create(&store, &config, &err) == PLAB_OK, "%s", err.text);
    return store;
}

static struct plab_seed_view get(struct plab_seedstore *store, const char *key) {
    struct plab_seed_view view;
    struct plab_error err = {""};
    atomic_bool cancel = false;
    CHECK_MSG(plab_seedstore_get(store, (const uint8_t *)key, strlen(key), &cancel, &view, &err) ==
                  PLAB_OK,
              "%s", err.text);
    CHECK(view.cache != NULL);
    return view;
}

TEST(seedstore, dataset_is_what_one_thread_computes) {
    struct watcher watcher = {0};
    struct plab_seedstore *store = create(&mini_rx, PLAB_RX_FAST, 1, &watcher);
    CHECK(plab_seedstore_mode(store) == PLAB_RX_FAST);
    struct plab_seed_view view = get(store, "seed one");
    size_t bytes = plab_rx_dataset_bytes(&mini_rx_params);
    CHECK(bytes % (256 * PLAB_RX_ITEM_BYTES) != 0); /* the last chunk is a small one */
    uint8_t *want = plab_test_alloc(bytes);
    plab_rx_dataset_fill(view.cache, 0, bytes / PLAB_RX_ITEM_BYTES, want);
    CHECK_MEM(view.dataset, want, bytes);
    CHECK(watcher.cache_calls == 2 && watcher.dataset_calls >= 1);
    CHECK(watcher.last_done == 1 && !watcher.went_back);
    free(want);
    plab_seedstore_destroy(&store);
    CHECK(store == NULL);
    plab_seedstore_destroy(&store);
}

/* An item of the dataset as a fingerprint of a seed. */
static uint64_t fingerprint(const struct plab_rx_cache *cache) {
    PLAB_ALIGNED(64) uint64_t item[PLAB_RX_ITEM_BYTES / 8];
    plab_rx_dataset_fill(cache, 7, 1, (uint8_t *)item);
    return item[3];
}

TEST(seedstore, a_seed_is_built_once) {
    struct watcher watcher = {0};
    struct plab_seedstore *store = create(&mini_rx, PLAB_RX_FAST, 1, &watcher);
    struct plab_seed_view first = get(store, "seed one"), again = get(store, "seed one");
    CHECK(first.cache == again.cache && first.dataset == again.dataset);
    CHECK(watcher.cache_calls == 2);
    uint64_t one = fingerprint(first.cache);
    struct plab_seed_view second = get(store, "seed two");
    CHECK(watcher.cache_calls == 4);
    CHECK(fingerprint(second.cache) != one);
    CHECK(fingerprint(get(store, "seed one").cache) == one);
    /* A key that is the beginning of another is another key. */
    CHECK(fingerprint(get(store, "seed").cache) != one);
    plab_seedstore_destroy(&store);
}

TEST(seedstore, slots_keep_older_seeds) {
    struct watcher watcher = {0};
    struct plab_seedstore *store = create(&mini_rx, PLAB_RX_FAST, 2, &watcher);
    uint64_t one = fingerprint(get(store, "one").cache);
    uint64_t two = fingerprint(get(store, "two").cache);
    struct plab_seed_view old = get(store, "one"), new = get(store, "two");
    CHECK(watcher.cache_calls == 4);
    CHECK(fingerprint(old.cache) == one && fingerprint(new.cache) == two);
    CHECK(old.dataset == NULL && new.dataset != NULL);
    CHECK(((const uint64_t *)(const void *)new.dataset)[7 * 8 + 3] == two);
    get(store, "three"); /* takes the place of "one" */
    CHECK(watcher.cache_calls == 6);
    CHECK(fingerprint(get(store, "two").cache) == two && watcher.cache_calls == 6);
    CHECK(fingerprint(get(store, "one").cache) == one && watcher.cache_calls == 8);
    plab_seedstore_destroy(&store);
}

TEST(seedstore, light_mode_has_no_dataset) {
    struct watcher watcher = {0};
    struct plab_seedstore *store = create(&mini_rx, PLAB_RX_LIGHT, 2, &watcher);
    CHECK(plab_seedstore_mode(store) == PLAB_RX_LIGHT);
    CHECK(get(store, "one").dataset == NULL && watcher.dataset_calls == 0);
    struct plab_pages_report report = {0};
    plab_seedstore_pages(store, &report);
    CHECK_U64(report.asked_bytes, 2 * plab_rx_cache_bytes(&mini_rx_params));
    plab_seedstore_destroy(&store);
    store = create(&mini_rx, PLAB_RX_FAST, 1, &watcher);
    report = (struct plab_pages_report){0};
    plab_seedstore_pages(store, &report);
    CHECK_U64(report.asked_bytes,
              plab_rx_cache_bytes(&mini_rx_params) + plab_rx_dataset_bytes(&mini_rx_params));
    plab_seedstore_destroy(&store);
}

TEST(seedstore, without_memory_auto_is_light_and_fast_is_an_error) {
    struct plab_seedstore *store = create(&giant_rx, PLAB_RX_AUTO, 1, NULL);
    CHECK(plab_seedstore_mode(store) == PLAB_RX_LIGHT);
    CHECK(get(store, "one").dataset == NULL);
    plab_seedstore_destroy(&store);
    struct plab_error err = {""};
    struct plab_seedstore_config config = {
        .algo = &giant_rx, .kernels = &kernels, .mode = PLAB_RX_FAST, .slots = 4, .threads = 1};
    CHECK(plab_seedstore_create(&store, &config, &err) == PLAB_E_NOMEM);
    CHECK(store == NULL);
    CHECK_MSG(strstr(err.text, "mini-rx in fast mode needs 67108866 MiB of memory (dataset "
                               "67108865, cache 1)") != NULL,
              "%s", err.text);
    CHECK_MSG(strstr(err.text, "MiB are available; what fits: --dataset-mem ") != NULL, "%s",
              err.text);
    CHECK_MSG(strstr(err.text, "MiB, or light mode, which needs 1 MiB (--randomx-mode light)") !=
                  NULL,
              "%s", err.text);
    config.mode = PLAB_RX_GRADED;
    config.dataset_mem_bytes = UINT64_C(1) << 45;
    CHECK(plab_seedstore_create(&store, &config, &err) == PLAB_E_NOMEM);
    CHECK_MSG(strstr(err.text, "mini-rx in graded mode needs 33554433 MiB") != NULL, "%s",
              err.text);
}

static struct plab_seedstore *create_graded(uint64_t bytes, bool ahead) {
    struct plab_seedstore *store;
    struct plab_error err = {""};
    plab_kernels_select(&kernels, 0);
    struct plab_seedstore_config config = {.algo = &mini_rx,
                                           .kernels = &kernels,
                                           .mode = PLAB_RX_GRADED,
                                           .dataset_mem_bytes = bytes,
                                           .pages = PLAB_PAGES_NEVER,
                                           .slots = 1,
                                           .ahead = ahead,
                                           .threads = 2};
    CHECK_MSG(plab_seedstore_create(&store, &config, &err) == PLAB_OK, "%s", err.text);
    return store;
}

TEST(seedstore, graded_dataset_has_what_fits) {
    uint64_t all_bytes = plab_rx_dataset_bytes(&mini_rx_params);
    const struct {
        uint64_t mem, items;
        enum plab_rx_mode mode;
    } cases[] = {
        {0, 0, PLAB_RX_LIGHT},
        {63, 0, PLAB_RX_LIGHT},
        {1000 * 64 + 63, 1000, PLAB_RX_GRADED},
        {all_bytes - 1, all_bytes / 64 - 1, PLAB_RX_GRADED},
        {all_bytes, all_bytes / 64, PLAB_RX_FAST},
        {UINT64_MAX, all_bytes / 64, PLAB_RX_FAST},
    };
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        struct plab_seedstore *store = create_graded(cases[i].mem, false);
        struct plab_seed_view view = get(store, "one");
        struct plab_dataset_report report;
        CHECK_U64(view.dataset_items, cases[i].items);
        CHECK(plab_seedstore_mode(store) == cases[i].mode);
        CHECK((view.dataset == NULL) == (cases[i].items == 0));
        for (uint64_t item = 0; item < cases[i].items; item += 331) {
            PLAB_ALIGNED(64) uint8_t want[PLAB_RX_ITEM_BYTES];
            plab_rx_dataset_fill(view.cache, item, 1, want);
            CHECK_MEM(view.dataset + item * PLAB_RX_ITEM_BYTES, want, sizeof want);
        }
        plab_seedstore_dataset(store, &report);
        CHECK_U64(report.full_bytes, all_bytes);
        CHECK_U64(report.precomputed_bytes, cases[i].items * PLAB_RX_ITEM_BYTES);
        CHECK_U64(report.copies, cases[i].items > 0);
        plab_seedstore_destroy(&store);
    }
    struct plab_dataset_report report = {
        .full_bytes = 2080u << 20, .precomputed_bytes = 1040u << 20, .copies = 2};
    char text[80];
    CHECK_STR(plab_dataset_describe(&report, text, sizeof text),
              "1040 of 2080 MiB precomputed (50 %), 2 NUMA copies");
    report.copies = 1;
    report.numa_node = PLAB_NUMA_SPREAD;
    CHECK_STR(plab_dataset_describe(&report, text, sizeof text),
              "1040 of 2080 MiB precomputed (50 %), interleaved over NUMA nodes");
    CHECK_STR(plab_rx_mode_name(PLAB_RX_GRADED), "graded");
}

static void build_ahead(struct plab_seedstore *store, const char *key) {
    struct plab_error err = {""};
    CHECK_MSG(plab_seedstore_build_ahead(store, (const uint8_t *)key, strlen(key), NULL, &err) ==
                  PLAB_OK,
              "%s", err.text);
}

TEST(seedstore, caches_lie_behind_the_dataset_where_there_is_room) {
    struct plab_seedstore *store;
    struct plab_error err = {""};
    plab_kernels_select(&kernels, 0);
    /* Both together are smaller than the 2 MiB that are mapped for the dataset at least, as a cache
     * is smaller than what a dataset leaves of its last 1 GiB page. */
    struct plab_seedstore_config config = {.algo = &mini_rx,
                                           .kernels = &kernels,
                                           .mode = PLAB_RX_FAST,
                                           .pages = PLAB_PAGES_AUTO,
                                           .slots = 1,
                                           .ahead = true,
                                           .threads = 2};
    CHECK_MSG(plab_seedstore_create(&store, &config, &err) == PLAB_OK, "%s", err.text);
    struct plab_seed_view one = get(store, "one");
    uint64_t print = fingerprint(one.cache);
    CHECK(((const uint64_t *)(const void *)one.dataset)[7 * 8 + 3] == print);
    build_ahead(store, "two");
    CHECK(fingerprint(one.cache) == print);
    CHECK(((const uint64_t *)(const void *)one.dataset)[7 * 8 + 3] == print);
    struct plab_pages_report report = {0};
    plab_seedstore_pages(store, &report);
    size_t sum = plab_rx_dataset_bytes(&mini_rx_params) + 2 * plab_rx_cache_bytes(&mini_rx_params);
    CHECK(report.asked_bytes >= sum && report.asked_bytes < sum + 3 * 4096);
    CHECK(report.asked_bytes <= 2 << 20);
    plab_seedstore_destroy(&store);
}

TEST(seedstore, a_view_names_the_copy_of_a_node) {
    const uint8_t a[1] = {0}, b[1] = {0};
    const struct plab_dataset_copy copies[] = {{.numa_node = 2, .items = a},
                                               {.numa_node = 0, .items = b}};
    const struct plab_seed_view view = {.dataset = a, .copies = copies, .copy_count = 2};
    CHECK(plab_seed_view_dataset(&view, 2) == a && plab_seed_view_dataset(&view, 0) == b);
    CHECK(plab_seed_view_dataset(&view, 1) == a && plab_seed_view_dataset(&view, -1) == a);
    const struct plab_seed_view light = {.dataset = NULL};
    CHECK(plab_seed_view_dataset(&light, 0) == NULL);
}

TEST(seedstore, a_cache_that_was_built_ahead_is_taken_as_it_is) {
    static const uint64_t sizes[] = {0, 20000, UINT64_MAX}; /* light, graded, fast */
    for (size_t i = 0; i < PLAB_ARRAY_LEN(sizes); i++) {
        struct plab_seedstore *store = create_graded(sizes[i], true);
        struct plab_seed_view one = get(store, "one");
        uint64_t print_one = fingerprint(one.cache);
        CHECK(!one.cache_ready);
        build_ahead(store, "wrong guess");
        build_ahead(store, "two");
        build_ahead(store, "two");
        build_ahead(store, "one"); /* is there */
        /* The seed in use isn't touched, and asking for it again changes nothing. */
        CHECK(fingerprint(one.cache) == print_one);
        struct plab_seed_view again = get(store, "one");
        CHECK(again.cache == one.cache && again.dataset == one.dataset &&
              again.dataset_items == one.dataset_items);
        struct plab_seed_view two = get(store, "two");
        CHECK(two.cache_ready && two.cache != one.cache);
        CHECK(two.dataset_items == one.dataset_items);
        uint64_t print_two = fingerprint(two.cache);
        CHECK(print_two != print_one);
        if (sizes[i] == UINT64_MAX) {
            CHECK(((const uint64_t *)(const void *)two.dataset)[7 * 8 + 3] == print_two);
        }
        build_ahead(store, "three");
        CHECK(fingerprint(two.cache) == print_two);
        struct plab_seed_view other = get(store, "four"); /* another one than was announced */
        CHECK(!other.cache_ready && other.dataset_items == one.dataset_items);
        CHECK(fingerprint(get(store, "one").cache) == print_one);
        plab_seedstore_destroy(&store);
    }
}

TEST(seedstore, the_seed_before_gets_its_dataset_back) {
    struct plab_seedstore *store = create_graded(UINT64_MAX, true);
    get(store, "one");
    build_ahead(store, "two");
    get(store, "two");
    struct plab_seed_view one = get(store, "one");
    CHECK(one.cache_ready && one.dataset != NULL);
    CHECK(((const uint64_t *)(const void *)one.dataset)[7 * 8 + 3] == fingerprint(one.cache));
    plab_seedstore_destroy(&store);
}

TEST(seedstore, building_ahead_can_be_cancelled_and_refused) {
    atomic_bool cancel = true;
    struct plab_error err;
    uint8_t key[PLAB_RX_KEY_MAX_BYTES + 1] = {0};
    struct plab_seedstore *store = create_graded(0, true);
    get(store, "one");
    CHECK(plab_seedstore_build_ahead(store, key, 4, &cancel, &err) == PLAB_E_INTERRUPTED);
    CHECK(plab_seedstore_build_ahead(store, key, sizeof key, NULL, &err) == PLAB_E_INPUT);
    struct plab_seed_view view;
    CHECK(plab_seedstore_get(store, key, 4, NULL, &view, &err) == PLAB_OK);
    CHECK(!view.cache_ready);
    plab_seedstore_destroy(&store);
}

TEST(seedstore, cancel_before_and_during_a_build) {
    atomic_bool cancel = true;
    struct watcher watcher = {.cancel = &cancel};
    struct plab_seed_view view;
    struct plab_error err;
    struct plab_seedstore *store = create(&slow_rx, PLAB_RX_FAST, 1, &watcher);
    CHECK(plab_seedstore_get(store, (const uint8_t *)"one", 3, &cancel, &view, &err) ==
          PLAB_E_INTERRUPTED);
    CHECK(view.cache == NULL && view.dataset == NULL);
    /* Not left behind as if it were built. */
    atomic_store(&cancel, false);
    CHECK(plab_seedstore_get(store, (const uint8_t *)"one", 3, &cancel, &view, &err) ==
          PLAB_E_INTERRUPTED);
    CHECK(watcher.dataset_calls >= 1);
    CHECK_MSG(plab_clock_ns() - watcher.cancelled_ns < 500000000 * (uint64_t)MINI_SLOWNESS,
              "cancel took over half a second");
    CHECK(view.cache == NULL && view.dataset == NULL);
    plab_seedstore_destroy(&store);
}

TEST(seedstore, cancelled_cache_is_built_again) {
    atomic_bool cancel = true;
    struct plab_seed_view view;
    struct plab_seedstore *store = create(&mini_rx, PLAB_RX_FAST, 1, NULL);
    uint64_t one = fingerprint(get(store, "one").cache);
    CHECK(plab_seedstore_get(store, (const uint8_t *)"two", 3, &cancel, &view, NULL) ==
          PLAB_E_INTERRUPTED);
    CHECK(fingerprint(get(store, "one").cache) == one);
    view = get(store, "one");
    CHECK(((const uint64_t *)(const void *)view.dataset)[7 * 8 + 3] == one);
    plab_seedstore_destroy(&store);
}

TEST(seedstore, cancel_ends_the_allocation) {
    atomic_bool cancel = true;
    struct plab_seedstore *store;
    struct plab_error err;
    plab_kernels_select(&kernels, 0);
    struct plab_seedstore_config config = {.algo = &mini_rx,
                                           .kernels = &kernels,
                                           .mode = PLAB_RX_AUTO,
                                           .slots = 1,
                                           .threads = 1,
                                           .cancel = &cancel};
    CHECK(plab_seedstore_create(&store, &config, &err) == PLAB_E_INTERRUPTED);
    CHECK(store == NULL);
}

TEST(seedstore, keys_that_are_too_long_are_refused) {
    uint8_t key[PLAB_RX_KEY_MAX_BYTES + 1] = {0};
    struct plab_seed_view view;
    struct plab_error err;
    struct plab_seedstore *store = create(&mini_rx, PLAB_RX_LIGHT, 1, NULL);
    CHECK(plab_seedstore_get(store, key, sizeof key, NULL, &view, &err) == PLAB_E_INPUT);
    CHECK_STR(err.text, "RandomX key is 61 bytes long, 60 is the most");
    CHECK(plab_seedstore_get(store, key, sizeof key - 1, NULL, &view, &err) == PLAB_OK);
    plab_seedstore_destroy(&store);
}
