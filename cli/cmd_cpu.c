/* SPDX-License-Identifier: BSD-3-Clause */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "arch/dispatch.h"
#include "cli/jsonout.h"
#include "cli/opt.h"
#include "cli/verbs.h"
#include "host/ident.h"

static const struct plab_verb verb = {
    .name = "cpu",
    .summary = "what this processor is, its usable features, and the kernels they give",
    .usage = "[options]",
    .examples = "  powlab cpu\n"
                "  powlab cpu --cpu-mask none\n"
                "  powlab cpu --cpu-mask=-aes --json -\n",
    .notes = "Names and caches are what the machine says; under a hypervisor they need not be\n"
             "true. Features are read from CPUID and XGETBV (on Arm from the kernel), and only\n"
             "they choose kernels.\n",
    .has_json = true,
    .has_kernels = true,
};

/* Why a feature can't be used; NULL if it can. */
static const char *why_not(const struct plab_cli *cli, unsigned bit) {
    uint32_t flag = UINT32_C(1) << bit;
    if ((cli->features & flag) != 0) {
        return NULL;
    }
    if ((plab_cpu_detect() & flag) != 0) {
        return "switched off by --cpu-mask";
    }
    if ((plab_cpu_offered() & flag) == 0) {
        return "this processor doesn't have it";
    }
    return strcmp(plab_cpu_bit_name(bit), "jit") == 0
               ? "the operating system allows no executable memory"
               : "the operating system doesn't save its registers";
}

/* The candidate after the chosen one, or the list's end: candidates go from worst to best. */
static const struct plab_candidate *better_ones(const struct plab_cli *cli,
                                                enum plab_kernel_id id) {
    const struct plab_candidate *candidate = plab_candidates(id), *next = candidate;
    for (; candidate->isa != NULL; candidate++) {
        if ((candidate->features & ~cli->features) == 0) {
            next = candidate + 1;
        }
    }
    return next;
}

/* ---- JSON ---- */

static json_t *text_or_null(const char *text) {
    return text != NULL && text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *number_or_null(int value) {
    return value >= 0 ? json_integer(value) : json_null();
}

static json_t *size_or_null(uint64_t bytes) {
    return bytes != 0 ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *features_json(const struct plab_cli *cli) {
    json_t *features = json_array();
    for (unsigned bit = 0; bit < PLAB_CPU_BIT_COUNT; bit++) {
        const char *why = why_not(cli, bit);
        json_array_append_new(features,
                              json_pack("{s:s, s:b, s:o}", "name", plab_cpu_bit_name(bit), "usable",
                                        why == NULL, "why_not", text_or_null(why)));
    }
    return features;
}

static json_t *names_json(uint32_t features) {
    json_t *names = json_array();
    for (unsigned bit = 0; bit < PLAB_CPU_BIT_COUNT; bit++) {
        if ((features >> bit & 1) != 0) {
            json_array_append_new(names, json_string(plab_cpu_bit_name(bit)));
        }
    }
    return names;
}

static json_t *kernels_json(const struct plab_cli *cli) {
    json_t *kernels = json_array();
    for (unsigned i = 0; i < PLAB_KERNEL_COUNT; i++) {
        enum plab_kernel_id id = (enum plab_kernel_id)i;
        json_t *better = json_array();
        for (const struct plab_candidate *c = better_ones(cli, id); c->isa != NULL; c++) {
            json_array_append_new(better, json_pack("{s:s, s:o}", "implementation", c->isa, "lacks",
                                                    names_json(c->features & ~cli->features)));
        }
        json_array_append_new(kernels,
                              json_pack("{s:s, s:s, s:o}", "kernel", plab_kernel_name(id),
                                        "implementation", cli->kernels.isa[id], "better", better));
    }
    return kernels;
}

static json_t *cpu_json(const struct plab_cli *cli, const struct plab_ident *ident) {
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}",
                     "schema", "powlab-cpu/1", "brand", text_or_null(ident->brand), "code_name",
                     text_or_null(ident->codename), "vendor", text_or_null(ident->vendor), "family",
                     number_or_null(ident->family), "model", number_or_null(ident->model),
                     "stepping", number_or_null(ident->stepping), "l1d_bytes",
                     size_or_null(ident->l1d_bytes), "l2_bytes", size_or_null(ident->l2_bytes),
                     "l3_bytes", size_or_null(ident->l3_bytes), "hypervisor",
                     text_or_null(ident->hypervisor), "identified_by",
                     ident->libcpuid ? "libcpuid" : "/proc/cpuinfo", "features", features_json(cli),
                     "kernels", kernels_json(cli));
}

/* ---- text ---- */

static const char *or_unknown(const char *text) {
    return text[0] != '\0' ? text : "unknown";
}

static void print_cache(const char *name, uint64_t bytes) {
    if (bytes == 0) {
        printf("%s unknown", name);
    } else if (bytes % (1 << 20) == 0) {
        printf("%s %llu MiB", name, (unsigned long long)(bytes >> 20));
    } else {
        printf("%s %llu KiB", name, (unsigned long long)(bytes >> 10));
    }
}

static void print_identity(const struct plab_ident *ident) {
    printf("brand       %s\n", or_unknown(ident->brand));
    printf("code name   %s%s\n", or_unknown(ident->codename),
           ident->libcpuid && ident->codename[0] != '\0' ? " (libcpuid's best match)" : "");
    printf("vendor      %s", or_unknown(ident->vendor));
    if (ident->family >= 0) {
        printf(", family %d model %d stepping %d", ident->family, ident->model, ident->stepping);
    }
    printf("\ncaches      ");
    print_cache("L1d", ident->l1d_bytes);
    print_cache(", L2", ident->l2_bytes);
    print_cache(", L3", ident->l3_bytes);
    printf("\nhypervisor  %s\n", ident->hypervisor[0] != '\0' ? ident->hypervisor : "none seen");
}

static void print_features(const struct plab_cli *cli) {
    printf("\nfeatures that kernels can use:\n");
    for (unsigned bit = 0; bit < PLAB_CPU_BIT_COUNT; bit++) {
        const char *why = why_not(cli, bit);
        printf("  %-13s %s%s\n", plab_cpu_bit_name(bit),
               why == NULL ? "yes" : "no: ", why == NULL ? "" : why);
    }
}

static void print_kernels(const struct plab_cli *cli) {
    char lacks[128];
    printf("\nkernels:\n");
    for (unsigned i = 0; i < PLAB_KERNEL_COUNT; i++) {
        enum plab_kernel_id id = (enum plab_kernel_id)i;
        const struct plab_candidate *better = better_ones(cli, id);
        printf("  %-13s %s", plab_kernel_name(id), cli->kernels.isa[id]);
        for (const char *separator = "  ("; better->isa != NULL; better++, separator = "; ") {
            printf("%s%s lacks %s%s", separator, better->isa,
                   plab_cpu_names(better->features & ~cli->features, lacks, sizeof lacks),
                   better[1].isa == NULL ? ")" : "");
        }
        printf("\n");
    }
}

enum plab_status plab_cmd_cpu(int argc, char **argv, struct plab_error *err) {
    struct plab_cli cli;
    struct plab_ident ident;
    bool helped;
    size_t operands;
    enum plab_status status =
        plab_opt_parse(&cli, &verb, NULL, 0, argc, argv, NULL, 0, &operands, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    plab_ident_read(&ident);
    if (cli.json != NULL) {
        return plab_json_emit(cpu_json(&cli, &ident), cli.json, err);
    }
    print_identity(&ident);
    print_features(&cli);
    print_kernels(&cli);
    return PLAB_OK;
}
