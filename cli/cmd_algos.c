/* SPDX-License-Identifier: BSD-3-Clause */
#include <jansson.h>
#include <stdio.h>

#include "cli/jsonout.h"
#include "cli/opt.h"
#include "cli/verbs.h"
#include "pow/algo.h"
#include "pow/randomx.h"

static const struct plab_verb verb = {
    .name = "algos",
    .summary = "every algorithm, its memory, and which kernels this CPU gets",
    .usage = "[options]",
    .examples = "  powlab algos\n  powlab algos --json -\n  powlab algos --cpu-mask none\n",
    .has_json = true,
    .has_kernels = true,
};

static const char *family_name(const struct plab_algo *algo) {
    return algo->family == PLAB_FAMILY_RANDOMX ? "RandomX" : "CryptoNight";
}

static json_t *algo_json(const struct plab_algo *algo, const struct plab_cli *cli) {
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:b, s:b, s:o}", "name", algo->name, "family",
                  family_name(algo), "note", algo->note, "scratchpad_bytes",
                  (json_int_t)algo->scratchpad_bytes, "min_input_bytes",
                  (json_int_t)algo->min_input_bytes, "needs_height", (int)algo->needs_height,
                  "needs_seed", (int)algo->needs_seed, "has_commitment", (int)algo->has_commitment,
                  "kernels", plab_json_kernels(&cli->kernels, algo));
    if (row != NULL && algo->rx != NULL) {
        json_object_set_new(row, "cache_bytes",
                            json_integer((json_int_t)plab_rx_cache_bytes(algo->rx)));
        json_object_set_new(row, "dataset_bytes",
                            json_integer((json_int_t)plab_rx_dataset_bytes(algo->rx)));
        json_object_set_new(row, "programs_per_hash", json_integer(algo->rx->program_count));
        json_object_set_new(row, "program_iterations", json_integer(algo->rx->program_iterations));
    }
    return row;
}

static enum plab_status print_json(const struct plab_algo *algos, size_t count,
                                   const struct plab_cli *cli, struct plab_error *err) {
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(rows, algo_json(&algos[i], cli));
    }
    return plab_json_emit(json_pack("{s:s, s:o}", "schema", "powlab-algos/1", "algos", rows),
                          cli->json, err);
}

static void print_table(const struct plab_algo *algos, size_t count, const struct plab_cli *cli) {
    printf("%-8s %-12s %-10s %-22s %s\n", "name", "family", "scratchpad", "shared memory",
           "used by");
    for (size_t i = 0; i < count; i++) {
        const struct plab_algo *algo = &algos[i];
        char shared[64] = "none";
        if (algo->rx != NULL) {
            snprintf(shared, sizeof shared, "%zu MiB (light %zu)",
                     plab_rx_dataset_bytes(algo->rx) >> 20, plab_rx_cache_bytes(algo->rx) >> 20);
        }
        printf("%-8s %-12s %4zu KiB   %-22s %s\n", algo->name, family_name(algo),
               algo->scratchpad_bytes >> 10, shared, algo->note);
    }
    printf("\nkernels on this CPU:\n");
    json_t *kernels = plab_json_kernels(&cli->kernels, NULL);
    const char *name;
    json_t *isa;
    json_object_foreach(kernels, name, isa) {
        printf("  %-14s %s\n", name, json_string_value(isa));
    }
    json_decref(kernels);
}

enum plab_status plab_cmd_algos(int argc, char **argv, struct plab_error *err) {
    struct plab_cli cli;
    bool helped;
    size_t operands, count;
    enum plab_status status =
        plab_opt_parse(&cli, &verb, NULL, 0, argc, argv, NULL, 0, &operands, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    const struct plab_algo *algos = plab_algo_list(&count);
    if (cli.json != NULL) {
        return print_json(algos, count, &cli, err);
    }
    print_table(algos, count, &cli);
    return PLAB_OK;
}
