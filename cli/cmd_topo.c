/* SPDX-License-Identifier: BSD-3-Clause */
#include <jansson.h>
#include <stdio.h>

#include "cli/jsonout.h"
#include "cli/opt.h"
#include "cli/verbs.h"
#include "host/pinplan.h"

static const struct plab_verb verb = {
    .name = "topo",
    .summary = "processors, caches and cores, and which thread would run where",
    .usage = "[options]",
    .examples =
        "  powlab topo\n"
        "  powlab topo -t 6 --scratchpad 2MiB\n"
        "  powlab topo --cpus 0,2-3 --json -\n"
        "  powlab topo --synthetic \"package:2 l3:2(size=32MiB) core:8 pu:2\" --cpuset 0-5\n"
        "  powlab topo --xml machine.xml      (recorded there by: lstopo machine.xml)\n",
    .notes = "CPUs in parentheses are not allowed for this process (cpuset or affinity).\n",
    .has_json = true,
};

#define DEFAULT_SCRATCHPAD_BYTES (UINT64_C(2) << 20)

struct topo_options {
    uint64_t threads, scratchpad_bytes;
    const char *cpus, *synthetic, *xml, *cpuset;
};

static enum plab_status load(const struct topo_options *options, struct plab_topology *topology,
                             struct plab_error *err) {
    if (options->synthetic != NULL && options->xml != NULL) {
        return plab_fail(err, PLAB_E_USAGE, "--synthetic and --xml can't be used together");
    }
    return options->xml != NULL
               ? plab_topology_load_xml(topology, options->xml, options->cpuset, err)
               : plab_topology_load(topology, options->synthetic, options->cpuset, err);
}

/* ---- JSON ---- */

static json_t *index_json(int index) {
    return index >= 0 ? json_integer(index) : json_null();
}

static json_t *size_json(uint64_t bytes) {
    return bytes != 0 ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *pus_json(const struct plab_topology *topology) {
    json_t *pus = json_array();
    for (size_t i = 0; i < topology->pu_count; i++) {
        const struct plab_pu *pu = &topology->pus[i];
        json_array_append_new(pus, json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:b}", "cpu",
                                             (int)pu->os_index, "core", index_json(pu->core), "l2",
                                             index_json(pu->l2), "l3", index_json(pu->l3),
                                             "l3_bytes", size_json(pu->l3_bytes), "numa_node",
                                             index_json(pu->numa_node), "package",
                                             index_json(pu->package), "efficiency", pu->efficiency,
                                             "allowed", (int)pu->allowed));
    }
    return pus;
}

static json_t *plan_json(const struct plab_pin_plan *plan) {
    json_t *slots = json_array();
    for (unsigned i = 0; i < plan->threads; i++) {
        const struct plab_pin_slot *slot = &plan->slots[i];
        json_array_append_new(slots, json_pack("{s:i, s:o, s:o, s:o, s:o, s:b}", "thread", (int)i,
                                               "cpu", index_json(slot->cpu), "core",
                                               index_json(slot->core), "l3", index_json(slot->l3),
                                               "numa_node", index_json(slot->numa_node),
                                               "smt_shared", (int)slot->smt_shared));
    }
    return json_pack("{s:i, s:s, s:o}", "threads", (int)plan->threads, "reason", plan->reason,
                     "slots", slots);
}

static json_t *topo_json(const struct topo_options *options, const struct plab_topology *topology,
                         const struct plab_pin_plan *plan) {
    const char *source = options->xml != NULL         ? "xml"
                         : options->synthetic != NULL ? "synthetic"
                                                      : "machine";
    return json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:b, s:o, s:o}", "schema", "powlab-topo/1",
        "source", source, "packages", (json_int_t)topology->package_count, "numa_nodes",
        (json_int_t)topology->numa_count, "l3_caches", (json_int_t)topology->l3_count, "cores",
        (json_int_t)topology->core_count, "l1d_bytes", size_json(topology->l1d_bytes), "l2_bytes",
        size_json(topology->l2_bytes), "l3_bytes", size_json(topology->l3_bytes),
        "cpuset_restricted", (int)topology->cpuset_restricted, "cpus", pus_json(topology), "plan",
        plan_json(plan));
}

/* ---- text ---- */

static void print_count(const char *separator, size_t count, const char *one, const char *many) {
    printf("%s%zu %s", separator, count, count == 1 ? one : many);
}

static void print_summary(const struct plab_topology *topology) {
    size_t allowed = 0;
    for (size_t i = 0; i < topology->pu_count; i++) {
        allowed += topology->pus[i].allowed;
    }
    print_count("", topology->package_count, "package", "packages");
    print_count(", ", topology->numa_count, "NUMA node", "NUMA nodes");
    print_count(", ", topology->l3_count, "L3", "L3s");
    print_count(", ", topology->core_count, "core", "cores");
    print_count(", ", topology->pu_count, "CPU", "CPUs");
    printf(" (%zu allowed)\n", allowed);
}

/* An index in a column of 8, "-" where the machine doesn't say. */
static void print_index(int index) {
    if (index >= 0) {
        printf("%-8d", index);
    } else {
        printf("%-8s", "-");
    }
}

static void print_l3(const struct plab_pu *pu) {
    print_index(pu->l3);
    if (pu->l3_bytes != 0) {
        printf("%6.4g MiB  ", (double)pu->l3_bytes / (1024.0 * 1024.0));
    } else {
        printf("%-12s", "-");
    }
}

/* One line for a core: the CPUs from `first` on that belong to it. Returns the CPU after them. */
static size_t print_core(const struct plab_topology *topology, size_t first) {
    const struct plab_pu *pu = &topology->pus[first];
    print_index(pu->package);
    print_index(pu->numa_node);
    print_l3(pu);
    print_index(pu->core);
    print_index(pu->efficiency);
    size_t at = first;
    do {
        bool allowed = topology->pus[at].allowed;
        printf("%s%s%u%s", at == first ? "" : " ", allowed ? "" : "(", topology->pus[at].os_index,
               allowed ? "" : ")");
        at++;
    } while (at < topology->pu_count && pu->core >= 0 && topology->pus[at].core == pu->core);
    printf("\n");
    return at;
}

static void print_cores(const struct plab_topology *topology) {
    printf("\n%-8s%-8s%-8s%-12s%-8s%-8s%s\n", "package", "NUMA", "L3", "L3 size", "core", "kind",
           "CPUs");
    for (size_t at = 0; at < topology->pu_count;) {
        at = print_core(topology, at);
    }
}

static void print_plan(const struct plab_pin_plan *plan) {
    printf("\nplan: %s\n%-8s%-8s%-8s%-8s%-8s%s\n", plan->reason, "thread", "CPU", "core", "L3",
           "NUMA", "shares its core");
    for (unsigned i = 0; i < plan->threads; i++) {
        const struct plab_pin_slot *slot = &plan->slots[i];
        print_index((int)i);
        print_index(slot->cpu);
        print_index(slot->core);
        print_index(slot->l3);
        print_index(slot->numa_node);
        printf("%s\n", slot->smt_shared ? "yes" : "no");
    }
}

static enum plab_status show(const struct plab_cli *cli, const struct topo_options *options,
                             const struct plab_topology *topology, const struct plab_pin_plan *plan,
                             struct plab_error *err) {
    if (cli->json != NULL) {
        return plab_json_emit(topo_json(options, topology, plan), cli->json, err);
    }
    print_summary(topology);
    print_cores(topology);
    print_plan(plan);
    return PLAB_OK;
}

static enum plab_status plan_and_show(const struct plab_cli *cli,
                                      const struct topo_options *options, struct plab_error *err) {
    struct plab_topology topology = {.pu_count = 0};
    struct plab_pin_plan plan;
    struct plab_pin_request request = {
        .threads = (unsigned)options->threads,
        .scratchpad_bytes = options->scratchpad_bytes,
        .cpus = options->cpus,
        .pin = true,
    };
    enum plab_status status = load(options, &topology, err);
    if (status != PLAB_OK) {
        return status;
    }
    status = plab_pin_plan_make(&plan, &topology, &request, err);
    if (status == PLAB_OK) {
        status = show(cli, options, &topology, &plan, err);
        plab_pin_plan_free(&plan);
    }
    plab_topology_free(&topology);
    return status;
}

enum plab_status plab_cmd_topo(int argc, char **argv, struct plab_error *err) {
    struct plab_cli cli;
    bool helped;
    size_t operands;
    struct topo_options o = {.scratchpad_bytes = DEFAULT_SCRATCHPAD_BYTES};
    const struct plab_opt opts[] = {
        {'t', "threads", PLAB_OPT_U64, &o.threads, "N",
         "threads to place (default: the best number)", 1, PLAB_PIN_MAX_THREADS, NULL},
        {0, "scratchpad", PLAB_OPT_BYTES, &o.scratchpad_bytes, "SIZE",
         "cache that a thread needs (default: 2MiB)", 0, 0, NULL},
        {0, "cpus", PLAB_OPT_TEXT, &o.cpus, "LIST", "use these CPUs: 0,2-3 or a mask 0xd", 0, 0,
         NULL},
        {0, "synthetic", PLAB_OPT_TEXT, &o.synthetic, "TEXT", "a made-up machine, in hwloc's words",
         0, 0, NULL},
        {0, "xml", PLAB_OPT_TEXT, &o.xml, "FILE", "a machine recorded by lstopo", 0, 0, NULL},
        {0, "cpuset", PLAB_OPT_TEXT, &o.cpuset, "LIST",
         "allow only these CPUs, as a container would", 0, 0, NULL},
    };
    enum plab_status status = plab_opt_parse(&cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv,
                                             NULL, 0, &operands, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    return plan_and_show(&cli, &o, err);
}
