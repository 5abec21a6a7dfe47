/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench-walks: what page tables cost RandomX on this machine. Three questions, each with a number
 * that would be another if the answer were:
 *
 *   reach     lines spread over 4 KiB each, beside the same lines packed: equal where an entry of
 * the translation buffers covers the 2 MiB page that they are in latency   one chain of dependent
 * loads over memory as large as a dataset, beside several holding   instructions that do nothing
 * with a prefetch among them, out of little memory and out of much: equal where a prefetch retires
 * before its address is translated
 *
 * docs/performance.md says what follows from them. Each number is the median of many short turns;
 * all turns of a question alternate.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/prng.h"
#include "host/pages.h"

#define MIB ((size_t)1 << 20)
#define DATASET_BYTES (2080 * MIB)
#define TURNS 101
#define LINE 64
#define SMALL_PAGE 4096

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values) {
    qsort(values, TURNS, sizeof *values, ascending);
    return values[TURNS / 2];
}

static double ns_since(uint64_t start_ns) {
    return (double)(plab_clock_ns() - start_ns);
}

/* ---- reach ---- */

#define LINES_MAX 4096

/* Links `count` lines, `stride` bytes apart, to a ring in random order. */
static void link_lines(uint8_t *memory, uint32_t count, size_t stride, struct plab_prng *rng) {
    static uint8_t *line[LINES_MAX];
    for (uint32_t i = 0; i < count; i++) {
        line[i] = memory + i * stride + (stride > LINE ? i * LINE % SMALL_PAGE : 0);
    }
    for (uint32_t i = count - 1; i > 0; i--) {
        uint64_t j = plab_prng_below(rng, i + 1);
        uint8_t *other = line[j];
        line[j] = line[i];
        line[i] = other;
    }
    for (uint32_t i = 0; i < count; i++) {
        memcpy(line[i], &line[(i + 1) % count], sizeof(void *));
    }
}

/* Nanoseconds a line. */
static double follow(uint8_t *line, uint32_t steps) {
    uint64_t start_ns = plab_clock_ns();
    for (uint32_t i = 0; i < steps; i++) {
        memcpy(&line, line, sizeof(void *));
    }
    __asm__ volatile("" : : "r"(line));
    return ns_since(start_ns) / steps;
}

static void show_reach(uint8_t *memory, struct plab_prng *rng) {
    static const uint32_t counts[] = {64, 256, 1024, LINES_MAX};
    double spread[TURNS], packed[TURNS];
    printf("%-44s %12s %12s\n", "dependent loads, ns each", "spread", "packed");
    for (size_t k = 0; k < PLAB_ARRAY_LEN(counts); k++) {
        uint8_t *other = memory + (size_t)LINES_MAX * 2 * SMALL_PAGE;
        link_lines(memory, counts[k], SMALL_PAGE, rng);
        link_lines(other, counts[k], LINE, rng);
        for (unsigned i = 0; i < TURNS; i++) {
            follow(memory, counts[k]); /* into the cache */
            spread[i] = follow(memory, 4 * counts[k]);
            follow(other, counts[k]);
            packed[i] = follow(other, 4 * counts[k]);
        }
        printf("  %4u lines, one in each 4 KiB%14s %12.2f %12.2f\n", (unsigned)counts[k], "",
               median(spread), median(packed));
    }
}

/* ---- latency ---- */

#define CHAINS_MAX 8

static const uint8_t *random_line(const uint8_t *memory, size_t bytes, uint64_t number) {
    uint64_t mixed = number * UINT64_C(0x9E3779B97F4A7C15);
    mixed ^= mixed >> 29;
    mixed *= UINT64_C(0xBF58476D1CE4E5B9);
    return memory + (size_t)(((unsigned __int128)mixed * (bytes / LINE)) >> 64) * LINE;
}

/* `chains` sequences, each of whose addresses depend on what was read before. */
static double chase(const uint8_t *memory, unsigned chains, uint64_t number) {
    uint64_t at[CHAINS_MAX];
    const unsigned rounds = 4000 / chains;
    for (unsigned i = 0; i < chains; i++) {
        at[i] = number * CHAINS_MAX + i;
    }
    uint64_t start_ns = plab_clock_ns();
    for (unsigned k = 0; k < rounds; k++) {
        for (unsigned i = 0; i < chains; i++) {
            uint64_t value;
            memcpy(&value, random_line(memory, DATASET_BYTES, at[i]), sizeof value);
            at[i] += 1 + (value & 1); /* all of the memory is zero; the processor can't know */
        }
    }
    double ns = ns_since(start_ns) / ((double)rounds * chains);
    for (unsigned i = 0; i < chains; i++) {
        __asm__ volatile("" : : "r"(at[i]));
    }
    return ns;
}

static void show_latency(const uint8_t *memory) {
    static const unsigned chains[] = {1, 2, 4, CHAINS_MAX};
    double ns[PLAB_ARRAY_LEN(chains)][TURNS];
    for (unsigned i = 0; i < TURNS; i++) {
        for (size_t k = 0; k < PLAB_ARRAY_LEN(chains); k++) {
            ns[k][i] = chase(memory, chains[k], (uint64_t)(i * PLAB_ARRAY_LEN(chains) + k) << 20);
        }
    }
    printf("random lines out of 2080 MiB\n");
    for (size_t k = 0; k < PLAB_ARRAY_LEN(chains); k++) {
        printf("  %u chain%s at a time, ns a line%*s %12.1f\n", chains[k],
               chains[k] == 1 ? "" : "s", chains[k] == 1 ? 29 : 28, "", median(ns[k]));
    }
}

/* ---- holding ---- */

#define NOPS "600" /* more than any reorder buffer holds */
#define BLOCKS 256

/* Nanoseconds a block of nops, with `group` prefetches before each `group` blocks; 0: none. */
static double hold(const uint8_t *memory, size_t bytes, unsigned group, uint64_t number) {
    static const uint8_t *line[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        line[i] = random_line(memory, bytes, number + i);
    }
    uint64_t start_ns = plab_clock_ns();
    for (unsigned i = 0; i < BLOCKS; i++) {
        for (unsigned k = 0; group > 0 && i % group == 0 && k < group; k++) {
            __builtin_prefetch(line[i + k], 0, 0);
        }
        __asm__ volatile(".rept " NOPS "\n\tnop\n\t.endr");
    }
    return ns_since(start_ns) / BLOCKS;
}

static void show_holding(const uint8_t *memory) {
    static const size_t sizes[] = {1 * MIB, 32 * MIB, 512 * MIB, DATASET_BYTES};
    static const unsigned groups[] = {0, 1, 2, 4, 8};
    static double ns[PLAB_ARRAY_LEN(groups)][PLAB_ARRAY_LEN(sizes)][TURNS];
    uint64_t number = UINT64_C(1) << 40;
    for (unsigned i = 0; i < TURNS; i++) {
        for (size_t g = 0; g < PLAB_ARRAY_LEN(groups); g++) {
            for (size_t s = 0; s < PLAB_ARRAY_LEN(sizes); s++) {
                ns[g][s][i] = hold(memory, sizes[s], groups[g], number);
                number += BLOCKS;
            }
        }
    }
    printf("%-32s", "blocks of " NOPS " nops, ns each");
    for (size_t s = 0; s < PLAB_ARRAY_LEN(sizes); s++) {
        printf(" %7zu MiB", sizes[s] / MIB);
    }
    for (size_t g = 0; g < PLAB_ARRAY_LEN(groups); g++) {
        if (groups[g] == 0) {
            printf("\n  %-30s", "without prefetches");
        } else {
            printf("\n  %u prefetch%s before each %u%*s", groups[g], groups[g] == 1 ? "" : "es",
                   groups[g], groups[g] == 1 ? 9 : 7, "");
        }
        for (size_t s = 0; s < PLAB_ARRAY_LEN(sizes); s++) {
            printf(" %11.1f", median(ns[g][s]));
        }
    }
    printf("\n");
}

int main(void) {
    struct plab_pages pages;
    struct plab_pages_report report = {.asked_bytes = 0};
    struct plab_prng rng = {.state = 1};
    struct plab_error err = {.text = ""};
    char text[80];
    enum plab_status status =
        plab_pages_map(&pages, DATASET_BYTES, PLAB_PAGES_AUTO, PLAB_NUMA_ANY, &err);
    if (status != PLAB_OK) {
        fprintf(stderr, "bench-walks: %s\n", err.text);
        return plab_status_exit_code(status);
    }
    plab_pages_add(&report, &pages);
    printf("pages: %s\n", plab_pages_describe(&report, text, sizeof text));
    show_latency(pages.addr);
    show_holding(pages.addr);
    show_reach(pages.addr, &rng);
    plab_pages_unmap(&pages);
    return 0;
}
