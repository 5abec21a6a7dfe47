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
    CHECK_MSG(strstr(err.text, "mini-rx in fast mode needs 67108864 MiB") != NULL, "%s", err.text);
    CHECK_MSG(strstr(err.text, "light mode needs 1 MiB") != NULL, "%s", err.text);
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
