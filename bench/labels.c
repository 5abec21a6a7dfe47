/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/labels.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct list {
    struct plab_label *items;
    size_t count;
};

static void add(struct list *list, const char *name, const char *remedy, const char *fmt, ...)
    PLAB_PRINTF(4, 5);

static void add(struct list *list, const char *name, const char *remedy, const char *fmt, ...) {
    struct plab_label *label = &list->items[list->count++];
    va_list args;
    label->name = name;
    label->remedy = remedy;
    va_start(args, fmt);
    vsnprintf(label->reason, sizeof label->reason, fmt, args);
    va_end(args);
}

static void add_setup(struct list *list, const struct plab_bench_result *result,
                      const struct plab_bench_facts *facts) {
    if (result->interrupted) {
        add(list, "interrupted", "let it run to its end", "stopped after %zu samples",
            result->sample_count);
    }
    if (strcmp(facts->build, "release") != 0) {
        add(list, "debug-build", "measure a release build: make", "this is a %s build",
            facts->build);
    }
    if (facts->emulated) {
        add(list, "emulated", "measure on a real processor", "the processor is emulated");
    }
    if (result->pinned < result->thread_count) {
        add(list, "unpinned", "leave pinning on, or give --cpus a list of allowed CPUs",
            "%u of %u threads are not bound to a CPU", result->thread_count - result->pinned,
            result->thread_count);
    }
}

static void add_sharing(struct list *list, const struct plab_bench_result *result,
                        const struct plab_bench_facts *facts) {
    bool crowded = facts->allowed_cpus > 0 && result->thread_count > facts->allowed_cpus;
    bool lost_time = result->sample_count > 0 && result->cpu_share < PLAB_LABEL_CPU_SHARE;
    if (crowded) {
        add(list, "oversubscribed", "use fewer threads (-t)", "%u threads on %zu CPUs",
            result->thread_count, facts->allowed_cpus);
    }
    if (lost_time && !crowded) {
        add(list, "shared-host", "stop other programs, or leave a CPU to them (-t)",
            "our threads got %.1f %% of their CPUs, %.2f %% was stolen", result->cpu_share * 100,
            result->steal_share * 100);
    } else if (result->steal_share > 0) {
        add(list, "shared-host", "measure on a machine of your own",
            "the hypervisor took %.2f %% of the CPU time", result->steal_share * 100);
    }
}

static void add_memory(struct list *list, const struct plab_bench_result *result) {
    double asked = (double)result->pages.asked_bytes, huge = (double)result->pages.huge_bytes;
    if (asked > 0 && huge < PLAB_LABEL_HUGE_PAGES * asked) {
        add(list, "no-huge-pages",
            "raise vm.nr_hugepages, or set transparent_hugepage to madvise or always",
            "%.0f %% of %.0f MiB stand on 2 MiB pages", huge / asked * 100, asked / 0x1p20);
    }
}

static void add_spread(struct list *list, const struct plab_bench_result *result) {
    const struct plab_stats *stats = &result->stats;
    if (result->sample_count < PLAB_LABEL_FEW_SAMPLES) {
        add(list, "few-samples", "take more samples (--samples, --hashes)",
            "%zu sample%s say little about the spread", result->sample_count,
            result->sample_count == 1 ? "" : "s");
    }
    if (stats->cv > PLAB_LABEL_NOISY_CV) {
        add(list, "noisy", "stop other programs; take more or longer samples (--sample-time)",
            "the samples' coefficient of variation is %.1f %%", stats->cv * 100);
    }
    if (stats->count > 2 && fabs(stats->drift) > PLAB_LABEL_DRIFT &&
        fabs(stats->slope) > 3 * stats->slope_stderr) {
        add(list, "drifting", "let the machine reach its steady temperature, then measure longer",
            "the rate changed by %+.1f %% from first to last sample", stats->drift * 100);
    }
}

size_t plab_bench_labels(const struct plab_bench_result *result,
                         const struct plab_bench_facts *facts,
                         struct plab_label out[PLAB_LABELS_MAX]) {
    struct list list = {.items = out, .count = 0};
    add_setup(&list, result, facts);
    add_sharing(&list, result, facts);
    add_memory(&list, result);
    add_spread(&list, result);
    return list.count;
}
