/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows, labels and relabelled packets of a run that is over, made again. */
#include <stdio.h>

#include "cli/opt.h"
#include "cli/verbs.h"
#include "lab/capture_files.h"

static const struct plab_verb verb = {
    .name = "lab flows",
    .summary = "make flows, labels and relabelled packets of a finished run again",
    .usage = "[options] RUN",
    .examples = "  powlab lab flows runs/20260131T120000Z-quickstart\n"
                "  powlab lab flows --active 60s --idle 15s RUN\n"
                "  powlab lab flows --relabel-pool 198.51.100.7 RUN\n",
    .notes =
        "Reads run.pcapng and truth.jsonl of the run's folder and writes, over what is there,\n"
        "flows.csv, flows-cesnet.csv, flows-cic.csv, labels.csv and run-relabelled.pcapng.\n"
        "Key logs (raw/tls-keys.log, raw/*.keylog) are put into run.pcapng.\n"
        "docs/datasets.md explains the columns.\n",
};

static void print_result(const struct plab_capture_files *files) {
    if (!files->has_packets) {
        printf("the run has no run.pcapng: labels.csv only\n");
        return;
    }
    printf("%llu packets, %llu connections, %llu flow records: %llu positive, %llu benign, "
           "%llu unknown\n",
           (unsigned long long)files->packets, (unsigned long long)files->connections,
           (unsigned long long)files->records, (unsigned long long)files->positive,
           (unsigned long long)files->benign,
           (unsigned long long)(files->records - files->positive - files->benign));
    printf("%llu packets relabelled, %llu left out%s\n", (unsigned long long)files->relabelled,
           (unsigned long long)files->left_out,
           files->cut ? "; run.pcapng ends within a block" : "");
}

static enum plab_status make(const struct plab_capture_files_config *config,
                             struct plab_error *err) {
    struct plab_capture_files files;
    uint64_t key_bytes;
    enum plab_status status = plab_capture_files_embed_keys(config->folder, &key_bytes, err);
    if (status == PLAB_OK) {
        status = plab_capture_files_make(config, &files, err);
    }
    if (status == PLAB_OK) {
        print_result(&files);
    }
    return status;
}

enum plab_status plab_cmd_lab_flows(int argc, char **argv, struct plab_error *err) {
    uint64_t active_ms = PLAB_CAPTURE_ACTIVE_MS, idle_ms = PLAB_CAPTURE_IDLE_MS;
    struct plab_capture_files_config config = {.folder = NULL};
    const struct plab_opt opts[] = {
        {0, "active", PLAB_OPT_DURATION, &active_ms, "TIME",
         "a flow record ends after so long (default: 5m)", 1000, 86400000, NULL},
        {0, "idle", PLAB_OPT_DURATION, &idle_ms, "TIME",
         "... or after so long without a packet (default: 30s)", 100, 86400000, NULL},
        {0, "relabel-clients", PLAB_OPT_TEXT, &config.clients, "ADDR",
         "network of the relabelled clients (default: 10.0.0.0)", 0, 0, NULL},
        {0, "relabel-pool", PLAB_OPT_TEXT, &config.pool, "ADDR",
         "address of the relabelled pool (default: 203.0.113.10)", 0, 0, NULL},
    };
    struct plab_cli cli;
    const char *operands[1];
    size_t operand_count;
    bool helped;
    enum plab_status status = plab_opt_parse(&cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv,
                                             operands, 1, &operand_count, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    if (operand_count != 1) {
        return plab_fail(err, PLAB_E_USAGE, "flows of which run? give its folder");
    }
    config.folder = operands[0];
    config.active_ns = active_ms * 1000000;
    config.idle_ns = idle_ms * 1000000;
    return make(&config, err);
}
