/* SPDX-License-Identifier: BSD-3-Clause */
/* Large memory: alignment, zeroes, honest reports, refusals before harm. */
#include <sys/mman.h>
#include <unistd.h>

#include "host/pages.h"
#include "tests/harness.h"

#define MIB ((size_t)1 << 20)

static bool all_zero(const struct plab_pages *pages) {
    const uint8_t *bytes = pages->addr;
    for (size_t i = 0; i < pages->mapped_bytes; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* True if every base page of the mapping is in memory. */
static bool all_resident(const struct plab_pages *pages) {
    static unsigned char state[16 * MIB / 4096];
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE), count = pages->mapped_bytes / page_bytes;
    CHECK(count <= sizeof state);
    CHECK(mincore(pages->addr, pages->mapped_bytes, state) == 0);
    for (size_t i = 0; i < count; i++) {
        if ((state[i] & 1) == 0) {
            return false;
        }
    }
    return true;
}

TEST(pages, every_policy_gives_aligned_touched_zeroes) {
    static const enum plab_page_policy policies[] = {PLAB_PAGES_AUTO, PLAB_PAGES_NEVER};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(policies); i++) {
        struct plab_pages pages;
        struct plab_error err = {""};
        CHECK_MSG(plab_pages_map(&pages, 5 * MIB + 1, policies[i], -1, &err) == PLAB_OK, "%s",
                  err.text);
        CHECK(((uintptr_t)pages.addr & (2 * MIB - 1)) == 0);
        CHECK(pages.bytes == 5 * MIB + 1 && pages.mapped_bytes >= pages.bytes);
        CHECK(all_zero(&pages) && all_resident(&pages));
        CHECK(pages.huge_bytes <= pages.bytes && pages.numa_node == -1);
        memset(pages.addr, 0xA5, pages.mapped_bytes);
        plab_pages_unmap(&pages);
        CHECK(pages.addr == NULL && pages.mapped_bytes == 0);
        plab_pages_unmap(&pages);
    }
}

TEST(pages, never_means_small_pages) {
    struct plab_pages pages;
    CHECK(plab_pages_map(&pages, 8 * MIB, PLAB_PAGES_NEVER, -1, NULL) == PLAB_OK);
    CHECK(pages.huge_bytes == 0 && !pages.hugetlb);
    plab_pages_unmap(&pages);
}

static bool transparent_possible(void) {
    char text[64] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    if (file != NULL) {
        if (fgets(text, sizeof text, file) == NULL) {
            text[0] = '\0';
        }
        fclose(file);
    }
    return strstr(text, "[madvise]") != NULL || strstr(text, "[always]") != NULL;
}

TEST(pages, auto_says_what_it_got) {
    struct plab_pages pages, other;
    CHECK(plab_pages_map(&pages, 16 * MIB, PLAB_PAGES_AUTO, -1, NULL) == PLAB_OK);
    /* A neighbour of the same kind must not be counted in. */
    CHECK(plab_pages_map(&other, 16 * MIB, PLAB_PAGES_AUTO, -1, NULL) == PLAB_OK);
    CHECK(pages.huge_bytes <= 16 * MIB && other.huge_bytes <= 16 * MIB);
    if (pages.hugetlb || transparent_possible()) {
        CHECK_MSG(pages.huge_bytes > 0, "no huge page although the system has them");
    }
    plab_pages_unmap(&pages);
    plab_pages_unmap(&other);
}

TEST(pages, partly_touched_huge_memory_is_reported_as_such) {
    /* Counted per mapping: a small-page neighbour doesn't dilute, a huge one doesn't add. */
    struct plab_pages small, large;
    CHECK(plab_pages_map(&large, 8 * MIB, PLAB_PAGES_AUTO, -1, NULL) == PLAB_OK);
    CHECK(plab_pages_map(&small, 8 * MIB, PLAB_PAGES_NEVER, -1, NULL) == PLAB_OK);
    CHECK(small.huge_bytes == 0);
    plab_pages_unmap(&small);
    plab_pages_unmap(&large);
}

TEST(pages, required_fails_with_a_remedy) {
    struct plab_pages pages;
    struct plab_error err;
    /* 1 TiB of explicit huge pages: no test machine has them. */
    CHECK(plab_pages_map(&pages, (size_t)1 << 40, PLAB_PAGES_REQUIRED, -1, &err) ==
          PLAB_E_RESOURCE);
    CHECK_MSG(strstr(err.text, "524288 huge pages of 2 MiB") != NULL, "%s", err.text);
    CHECK_MSG(strstr(err.text, "vm.nr_hugepages") != NULL, "%s", err.text);
    CHECK(pages.addr == NULL && pages.bytes == 0);
}

TEST(pages, more_than_available_is_refused_before_it_is_touched) {
    struct plab_pages pages;
    struct plab_error err;
    uint64_t available = plab_memory_available_bytes();
    CHECK(available > 0);
    CHECK(plab_pages_map(&pages, (size_t)available + 64 * MIB, PLAB_PAGES_AUTO, -1, &err) ==
          PLAB_E_NOMEM);
    CHECK_MSG(strncmp(err.text, "needs ", 6) == 0, "%s", err.text);
    CHECK_MSG(strstr(err.text, "MiB are available") != NULL, "%s", err.text);
    CHECK(pages.addr == NULL);
    /* Far beyond the address space. */
    CHECK(plab_pages_map(&pages, SIZE_MAX / 2, PLAB_PAGES_NEVER, -1, &err) == PLAB_E_NOMEM);
}

TEST(pages, cancel_while_touching) {
    struct plab_pages pages;
    struct plab_error err;
    atomic_bool cancel = true;
    CHECK(plab_pages_map_cancellable(&pages, 64 * MIB, PLAB_PAGES_AUTO, -1, &cancel, &err) ==
          PLAB_E_INTERRUPTED);
    CHECK(pages.addr == NULL);
    cancel = false;
    CHECK(plab_pages_map_cancellable(&pages, 4 * MIB, PLAB_PAGES_AUTO, -1, &cancel, &err) ==
          PLAB_OK);
    plab_pages_unmap(&pages);
}

TEST(pages, node_that_does_not_exist_is_not_claimed) {
    struct plab_pages pages;
    CHECK(plab_pages_map(&pages, 2 * MIB, PLAB_PAGES_AUTO, 1000, NULL) == PLAB_OK);
    CHECK(pages.numa_node == -1);
    plab_pages_unmap(&pages);
    CHECK(plab_pages_map(&pages, 2 * MIB, PLAB_PAGES_AUTO, 0, NULL) == PLAB_OK);
    CHECK(pages.numa_node == 0 || pages.numa_node == -1); /* containers may forbid it */
    plab_pages_unmap(&pages);
}

static const char *describe(struct plab_pages_report report) {
    static char text[64];
    return plab_pages_describe(&report, text, sizeof text);
}

TEST(pages, reports) {
    struct plab_pages_report report = {0};
    struct plab_pages explicit_pages = {.bytes = 2 * MIB, .huge_bytes = 2 * MIB, .hugetlb = true};
    struct plab_pages transparent = {.bytes = 4 * MIB, .huge_bytes = 2 * MIB};
    struct plab_pages small = {.bytes = 2 * MIB};
    plab_pages_add(&report, &small);
    CHECK(strstr(describe(report), " KiB") != NULL);
    plab_pages_add(&report, &explicit_pages);
    CHECK_STR(describe(report), "2 MiB 50 % (hugetlb)");
    plab_pages_add(&report, &transparent);
    CHECK_STR(describe(report), "2 MiB 50 % (transparent)");
    CHECK(report.asked_bytes == 8 * MIB && report.huge_bytes == 4 * MIB);
    report = (struct plab_pages_report){.asked_bytes = 1000, .huge_bytes = 999, .hugetlb = true};
    CHECK_STR(describe(report), "2 MiB 99 % (hugetlb)");
    CHECK_STR(plab_page_policy_name(PLAB_PAGES_AUTO), "auto");
    CHECK_STR(plab_page_policy_name(PLAB_PAGES_REQUIRED), "required");
    CHECK_STR(plab_page_policy_name(PLAB_PAGES_NEVER), "never");
    CHECK_STR(plab_page_policy_name(PLAB_PAGES_GIANT), "1g");
}

TEST(pages, reports_of_giant_pages) {
    struct plab_pages_report report = {0};
    struct plab_pages giant = {.bytes = 2304 * MIB,
                               .mapped_bytes = 3072 * MIB,
                               .huge_bytes = 2304 * MIB,
                               .hugetlb = true,
                               .giant = true};
    struct plab_pages transparent = {.bytes = 256 * MIB, .huge_bytes = 128 * MIB};
    plab_pages_add(&report, &giant);
    CHECK_STR(describe(report), "1 GiB x3 (100 %)");
    plab_pages_add(&report, &transparent);
    CHECK_STR(describe(report), "1 GiB x3 (90 %) + 2 MiB 5 % (transparent)");
    CHECK(report.giant_bytes == 2304 * MIB && report.huge_bytes == 2432 * MIB);
}

TEST(pages, giant_pages_are_for_large_memory_and_insist) {
    struct plab_pages pages;
    struct plab_error err = {""};
    CHECK(plab_pages_map(&pages, (size_t)1 << 40, PLAB_PAGES_GIANT, -1, &err) == PLAB_E_RESOURCE);
    CHECK_MSG(strstr(err.text, "1024 huge pages of 1 GiB are required") != NULL, "%s", err.text);
    CHECK(pages.addr == NULL);
    CHECK_MSG(plab_pages_map(&pages, 2 * MIB, PLAB_PAGES_GIANT, -1, &err) == PLAB_OK, "%s",
              err.text);
    CHECK(!pages.giant);
    plab_pages_unmap(&pages);
}

TEST(pages, the_rest_behind_a_mapping_can_be_taken) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    /* As it is with 1 GiB pages, whose last one is seldom full. */
    struct plab_pages pages = {.addr = (void *)(1024 * MIB),
                               .bytes = 2080 * MIB + 64,
                               .mapped_bytes = 3072 * MIB,
                               .huge_bytes = 2080 * MIB + 64,
                               .giant = true};
    CHECK(plab_pages_take_rest(&pages, 1024 * MIB) == NULL);
    CHECK((uintptr_t)plab_pages_take_rest(&pages, 256 * MIB) == (1024 + 2080) * MIB + page);
    CHECK(pages.bytes == 2336 * MIB + page && pages.huge_bytes == pages.bytes);
    CHECK(plab_pages_take_rest(&pages, 736 * MIB) == NULL);
    CHECK((uintptr_t)plab_pages_take_rest(&pages, 736 * MIB - page) == (1024 + 2336) * MIB + page);
    CHECK(pages.bytes == pages.mapped_bytes && plab_pages_take_rest(&pages, 1) == NULL);
    struct plab_pages none = {.addr = NULL};
    CHECK(plab_pages_take_rest(&none, 1) == NULL);
}

TEST(pages, spread_over_all_nodes) {
    struct plab_pages pages;
    struct plab_memory_node nodes[PLAB_MEMORY_NODES_MAX];
    size_t count = plab_memory_nodes(nodes, PLAB_ARRAY_LEN(nodes));
    CHECK(plab_memory_nodes(nodes, 0) == 0);
    for (size_t i = 0; i < count; i++) {
        CHECK(nodes[i].node >= 0 && (i == 0 || nodes[i].node > nodes[i - 1].node));
    }
    CHECK(plab_pages_map(&pages, 4 * MIB, PLAB_PAGES_AUTO, PLAB_NUMA_SPREAD, NULL) == PLAB_OK);
    CHECK(pages.numa_node == PLAB_NUMA_ANY || (pages.numa_node == PLAB_NUMA_SPREAD && count > 0));
    CHECK(all_zero(&pages));
    plab_pages_unmap(&pages);
}
