/* SPDX-License-Identifier: BSD-3-Clause */
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/jsonout.h"
#include "cli/opt.h"
#include "cli/verbs.h"
#include "host/pages.h"
#include "pow/randomx.h"
#include "pow/selftest.h"

static const struct plab_verb verb = {
    .name = "selftest",
    .summary = "embedded known answers with the kernels of this CPU, in seconds",
    .usage = "[options]",
    .examples =
        "  powlab selftest\n  powlab selftest --cpu-mask none\n  powlab selftest --json -\n",
    .notes = "Exit code 4 means that this build or this machine computes wrong hashes.\n",
    .has_json = true,
    .has_kernels = true,
};

struct report {
    const struct plab_cli *cli;
    json_t *checks;
    unsigned passed, failed, left_out;
};

static void on_check(void *user, const char *name, enum plab_selftest_result result) {
    struct report *report = user;
    const char *word = "passed";
    switch (result) {
    case PLAB_SELFTEST_PASSED:
        report->passed++;
        break;
    case PLAB_SELFTEST_FAILED:
        word = "FAILED";
        report->failed++;
        break;
    case PLAB_SELFTEST_LEFT_OUT:
        word = "left out";
        report->left_out++;
        break;
    }
    json_array_append_new(report->checks, json_pack("{s:s, s:s}", "name", name, "result", word));
    if (report->cli->json == NULL) {
        printf("  %-9s %s\n", word, name);
        fflush(stdout);
    }
}

static enum plab_status run(struct report *report, struct plab_error *err) {
    struct plab_pages pad = {.addr = NULL}, cache = {.addr = NULL};
    struct plab_error no_cache = {.text = ""};
    enum plab_status status =
        plab_pages_map(&pad, PLAB_SELFTEST_SCRATCHPAD_BYTES, PLAB_PAGES_AUTO, -1, err);
    if (status == PLAB_OK) {
        /* A machine without 256 MiB to spare can still have CryptoNight checked; it is told so. */
        if (plab_pages_map(&cache, plab_rx_cache_bytes(&plab_rx_params_0), PLAB_PAGES_AUTO, -1,
                           &no_cache) != PLAB_OK) {
            plab_log_warn(&report->cli->log, "RandomX is left out: %s", no_cache.text);
        }
        struct plab_selftest_memory memory = {.scratchpad = pad.addr, .rx_cache = cache.addr};
        status = plab_selftest_run(&report->cli->kernels, &memory, on_check, report, err);
    }
    plab_pages_unmap(&cache);
    plab_pages_unmap(&pad);
    return status;
}

enum plab_status plab_cmd_selftest(int argc, char **argv, struct plab_error *err) {
    struct plab_cli cli;
    bool helped;
    size_t operands;
    enum plab_status status =
        plab_opt_parse(&cli, &verb, NULL, 0, argc, argv, NULL, 0, &operands, &helped, err);
    if (status != PLAB_OK || helped) {
        return status;
    }
    struct report report = {.cli = &cli, .checks = json_array()};
    uint64_t start = plab_clock_ns();
    status = run(&report, err);
    double seconds = (double)(plab_clock_ns() - start) / 1e9;
    if (cli.json == NULL) {
        printf("%u passed, %u failed, %u left out in %.1f s\n", report.passed, report.failed,
               report.left_out, seconds);
        json_decref(report.checks);
        return status;
    }
    enum plab_status written = plab_json_emit(
        json_pack("{s:s, s:b, s:i, s:i, s:i, s:f, s:o, s:o}", "schema", "powlab-selftest/1",
                  "valid", (int)(status == PLAB_OK), "passed", (int)report.passed, "failed",
                  (int)report.failed, "left_out", (int)report.left_out, "duration_s", seconds,
                  "kernels", plab_json_kernels(&cli.kernels, NULL), "checks", report.checks),
        cli.json, status == PLAB_OK ? err : NULL);
    return status == PLAB_OK ? written : status;
}
