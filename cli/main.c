/* SPDX-License-Identifier: BSD-3-Clause */
/* powlab: the table of verbs. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/verbs.h"

static const struct {
    const char *name;
    plab_verb_fn *run;
    const char *summary;
} verbs[] = {
    {"hash", plab_cmd_hash, "one hash, for scripts and cross-checks"},
    {"algos", plab_cmd_algos, "every algorithm, and which kernels this CPU gets"},
    {"bench", plab_cmd_bench, "a trustworthy hash rate, self-verified"},
    {"cpu", plab_cmd_cpu, "CPU features, kernels, and why these"},
    {"topo", plab_cmd_topo, "topology and pinning plan"},
    {"pool", plab_cmd_pool, "the local testnet pool"},
    {"ledger", plab_cmd_ledger, "what a pool recorded in a database: export, summary"},
    {"mine", plab_cmd_mine, "pinned workers feeding a Stratum client"},
    {"swarm", plab_cmd_swarm, "load for a pool: many light sessions, made-up shares"},
    {"lab", plab_cmd_lab, "run a whole scenario: lab run SCENARIO"},
    {"report", plab_cmd_report, "(re-)build the HTML report of a run"},
    {"selftest", plab_cmd_selftest, "embedded known answers, seconds"},
    {"version", plab_cmd_version, "version and build"},
};

static void print_usage(FILE *out) {
    fprintf(out, "powlab: proof-of-work benchmark and lab miner for defenders\n\n"
                 "Usage: powlab <verb> [options]\n\nVerbs:\n");
    for (size_t i = 0; i < PLAB_ARRAY_LEN(verbs); i++) {
        fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
    }
    fprintf(out, "\npowlab <verb> -h lists a verb's options, --help adds examples.\n"
                 "Lab only: powlab connects to and listens on lab addresses only.\n");
}

static int unknown_verb(const char *name) {
    const char *names[PLAB_ARRAY_LEN(verbs)];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(verbs); i++) {
        names[i] = verbs[i].name;
    }
    const char *near = plab_suggest(name, names, PLAB_ARRAY_LEN(verbs));
    fprintf(stderr, "powlab: unknown verb \"%s\"; %s%s\n", name,
            near != NULL ? "did you mean " : "powlab --help lists them", near != NULL ? near : "");
    return plab_status_exit_code(PLAB_E_USAGE);
}

static int run_verb(size_t index, int argc, char **argv) {
    struct plab_error err = {.text = ""};
    enum plab_status status = verbs[index].run(argc, argv, &err);
    /* A result that could not be written is not a success: a full disk behind stdout shows here. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == PLAB_OK) {
        status = plab_fail(&err, PLAB_E_IO, "cannot write the result to standard output");
    }
    if (status != PLAB_OK && err.text[0] != '\0') {
        fprintf(stderr, "powlab %s: %s\n", verbs[index].name, err.text);
    }
    return plab_status_exit_code(status);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_usage(stderr);
        return plab_status_exit_code(PLAB_E_USAGE);
    }
    const char *name = argv[1];
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        name = "version";
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(verbs); i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            return run_verb(i, argc - 1, argv + 1);
        }
    }
    return unknown_verb(name);
}
