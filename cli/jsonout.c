/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/jsonout.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/dispatch.h"
#include "base/file.h"
#include "host/seedstore.h"
#include "pow/algo.h"

enum plab_status plab_json_emit(json_t *root, const char *target, struct plab_error *err) {
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) : NULL;
    json_decref(root);
    if (text == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for the JSON result");
    }
    enum plab_status status = PLAB_OK;
    if (strcmp(target, "-") == 0) {
        puts(text);
    } else {
        size_t len = strlen(text);
        text[len] = '\n'; /* the terminator's place; the length is passed along */
        status = plab_file_write(target, text, len + 1, err);
    }
    free(text);
    return status;
}

static bool kernel_belongs(const char *kernel, const struct plab_algo *algo) {
    if (algo == NULL) {
        return true;
    }
    bool randomx_only = strncmp(kernel, "rx_", 3) == 0 || strncmp(kernel, "argon2", 6) == 0;
    return algo->family == PLAB_FAMILY_RANDOMX ? randomx_only : !randomx_only;
}

json_t *plab_json_kernels(const struct plab_kernels *kernels, const struct plab_algo *algo) {
    json_t *object = json_object();
    for (unsigned id = 0; id < PLAB_KERNEL_COUNT; id++) {
        const char *name = plab_kernel_name((enum plab_kernel_id)id);
        if (kernel_belongs(name, algo)) {
            json_object_set_new(object, name, json_string(kernels->isa[id]));
        }
    }
    return object;
}

json_t *plab_json_pages(const struct plab_pages_report *report) {
    char kind[64];
    return json_pack("{s:I, s:I, s:I, s:i, s:b, s:s}", "asked_bytes",
                     (json_int_t)report->asked_bytes, "huge_bytes", (json_int_t)report->huge_bytes,
                     "giant_bytes", (json_int_t)report->giant_bytes, "giant_pages",
                     (int)report->giant_pages, "hugetlb", (int)report->hugetlb, "kind",
                     plab_pages_describe(report, kind, sizeof kind));
}

json_t *plab_json_dataset(const struct plab_dataset_report *report) {
    const char *placement = report->copies > 1                      ? "copies"
                            : report->numa_node == PLAB_NUMA_SPREAD ? "interleaved"
                            : report->numa_node >= 0                ? "node"
                                                                    : "any";
    return json_pack("{s:I, s:I, s:f, s:i, s:s?}", "full_bytes", (json_int_t)report->full_bytes,
                     "precomputed_bytes", (json_int_t)report->precomputed_bytes, "percent",
                     plab_dataset_percent(report), "copies", (int)report->copies, "placement",
                     report->copies > 0 ? placement : NULL);
}
