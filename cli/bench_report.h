/* SPDX-License-Identifier: BSD-3-Clause */
/* What `powlab bench` prints: a plan, a result for people, a result as JSON. */
#ifndef PLAB_CLI_BENCH_REPORT_H
#define PLAB_CLI_BENCH_REPORT_H

#include "bench/labels.h"
#include "bench/run.h"
#include "cli/opt.h"
#include "host/ident.h"
#include "host/topology.h"

struct json_t; /* jansson */

/* All that there is to tell; everything is borrowed. */
struct plab_bench_report {
    const struct plab_cli *cli;
    const struct plab_bench_config *config;
    const struct plab_topology *topology;
    const struct plab_ident *ident;
    uint64_t started_wall_ns;
    const struct plab_bench_result *result; /* NULL for a plan */
    const struct plab_label *labels;
    size_t label_count;
};

/* What would be done, to stdout. */
void plab_bench_print_plan(const struct plab_bench_report *report);

/* The same as a document, schema "powlab-bench-plan/1". Returns owned; NULL: no memory. */
struct json_t *plab_bench_plan_json(const struct plab_bench_report *report);

/* The result, at most 80 columns wide, to stdout. */
void plab_bench_print_result(const struct plab_bench_report *report);

/* The result as a document, schema "powlab-bench/1". Unknown values are null, numbers have base
 * units. Returns owned; NULL: no memory. */
struct json_t *plab_bench_result_json(const struct plab_bench_report *report);

#endif
