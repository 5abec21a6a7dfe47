/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/cpu.h"
#include "base/clock.h"
#include "tests/checkasm/checkasm.h"

struct options {
    uint32_t features; /* usable ones that the mask leaves */
    uint64_t seed;
    unsigned rounds;
    const char *filter; /* NULL: all */
    bool list, bench;
};

static const char usage[] =
    "usage: checkasm [--cpu-mask LIST] [--seed N] [--rounds N] [--filter TEXT] [--list] [--bench]\n"
    "\n"
    "Compares every implementation of every kernel with the portable one. Exit 0: all agree.\n"
    "\n"
    "  --cpu-mask LIST  use only these CPU features: all, none, aes,sse4.1 or -aes\n"
    "  --seed N         inputs of an earlier run (default: from the clock; it is printed)\n"
    "  --rounds N       inputs per implementation (default 300)\n"
    "  --filter TEXT    only implementations whose name, kernel/isa, contains TEXT\n"
    "  --list           list the implementations in this build and stop\n"
    "  --bench          time instead of check\n";

const struct ck_kernel *ck_kernel(enum plab_kernel_id id) {
    static const struct ck_kernel *const kernels[PLAB_KERNEL_COUNT] = {
#define KERNEL_ENTRY(kernel, type) [PLAB_KERNEL_##kernel] = &ck_##kernel,
        PLAB_KERNEL_LIST(KERNEL_ENTRY)
#undef KERNEL_ENTRY
    };
    return kernels[id];
}

static void die(const char *what, const char *value) {
    fprintf(stderr, "checkasm: %s \"%s\"\n%s", what, value, usage);
    exit(2);
}

static uint64_t parse_number(const char *option, const char *text) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0') {
        die(option, text);
    }
    return value;
}

static uint32_t parse_mask(const char *text) {
    struct plab_error err;
    uint32_t mask;
    if (plab_cpu_parse_mask(text, &mask, &err) != PLAB_OK) {
        fprintf(stderr, "checkasm: %s\n", err.text);
        exit(2);
    }
    return mask;
}

static void parse_options(struct options *o, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
            fputs(usage, stdout);
            exit(0);
        } else if (strcmp(name, "--list") == 0) {
            o->list = true;
        } else if (strcmp(name, "--bench") == 0) {
            o->bench = true;
        } else if (i + 1 == argc) {
            die("unknown option, or no value for", name);
        } else if (strcmp(name, "--cpu-mask") == 0) {
            o->features &= parse_mask(argv[++i]);
        } else if (strcmp(name, "--seed") == 0) {
            o->seed = parse_number(name, argv[++i]);
        } else if (strcmp(name, "--rounds") == 0) {
            o->rounds = (unsigned)parse_number(name, argv[++i]);
        } else if (strcmp(name, "--filter") == 0) {
            o->filter = argv[++i];
        } else {
            die("unknown option", name);
        }
    }
}

/* One implementation in the walk over all of them. */
struct item {
    enum plab_kernel_id id;
    plab_any_fn *reference;
    const struct plab_candidate *candidate;
    char name[64]; /* "cn_explode/aesni" */
    bool usable;
};

static void list_item(const struct item *item) {
    char needs[128];
    printf("%-24s needs: %-24s %s\n", item->name,
           plab_cpu_names(item->candidate->features, needs, sizeof needs),
           item->usable ? "usable" : "not usable here");
}

/* True if it agreed with the reference. All implementations of a kernel see the same inputs, and a
 * filter does not change them. */
static bool check_item(const struct item *item, const struct options *o) {
    char why[CK_WHY_LEN] = "";
    uint64_t seed = o->seed + (uint64_t)item->id * UINT64_C(0x100000001);
    bool good =
        ck_check(ck_kernel(item->id), item->reference, item->candidate->fn, seed, o->rounds, why);
    printf("%s  %s%s%s\n", good ? "ok  " : "FAIL", item->name, good ? "" : ": ", why);
    fflush(stdout);
    return good;
}

static void visit(const struct item *item, const struct options *o, unsigned *passed,
                  unsigned *failed) {
    if (o->filter != NULL && strstr(item->name, o->filter) == NULL) {
        return;
    }
    if (o->list) {
        list_item(item);
    } else if (!item->usable) {
        printf("skip  %s (not usable here)\n", item->name);
    } else if (o->bench) {
        ck_bench(ck_kernel(item->id), item->reference, item->candidate->fn, item->name, o->seed);
    } else if (check_item(item, o)) {
        (*passed)++;
    } else {
        (*failed)++;
    }
}

static void visit_all(const struct options *o, unsigned *passed, unsigned *failed) {
    for (int id = 0; id < PLAB_KERNEL_COUNT; id++) {
        const struct plab_candidate *first = plab_candidates((enum plab_kernel_id)id);
        for (const struct plab_candidate *c = first; c->isa != NULL; c++) {
            struct item item = {.id = (enum plab_kernel_id)id,
                                .reference = first->fn,
                                .candidate = c,
                                .usable = (c->features & ~o->features) == 0};
            snprintf(item.name, sizeof item.name, "%s/%s", plab_kernel_name(item.id), c->isa);
            visit(&item, o, passed, failed);
        }
    }
}

int main(int argc, char **argv) {
    struct options o = {.features = plab_cpu_detect(), .seed = plab_clock_wall_ns(), .rounds = 300};
    unsigned passed = 0, failed = 0;
    char names[256];

    parse_options(&o, argc, argv);
    if (o.list) {
        visit_all(&o, &passed, &failed);
        return 0;
    }
    printf("CPU features in use: %s\n", plab_cpu_names(o.features, names, sizeof names));
    if (o.bench) {
        ck_bench_head();
        visit_all(&o, &passed, &failed);
        return 0;
    }
    printf("seed: 0x%llx, rounds: %u\n", (unsigned long long)o.seed, o.rounds);
    ck_machine_init();
    ck_selftest(o.seed, &passed, &failed);
    printf("%s  self-test: right and broken kernels told apart\n", failed == 0 ? "ok  " : "FAIL");
    unsigned before = passed + failed;
    visit_all(&o, &passed, &failed);
    if (passed + failed == before || o.rounds == 0) {
        printf("FAIL  nothing was checked\n");
        failed++;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
