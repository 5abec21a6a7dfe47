/* SPDX-License-Identifier: BSD-3-Clause */
/* What a scenario starts: names, command lines, duties. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/run_priv.h"

/* A child bounds itself a little later than the laboratory would: only if that is gone. */
#define OWN_LIMIT_MARGIN_MS 10000

static void init_slot(struct plab_run *run, const struct plab_scenario_worker *group,
                      size_t group_index, size_t member) {
    struct plab_run_slot *slot = &run->slots[run->slot_count++];
    slot->run = run;
    slot->group = group;
    slot->group_index = group_index;
    slot->group_member = member;
    if (group == NULL) {
        snprintf(slot->name, sizeof slot->name, "pool");
    } else if (group->count == 1) {
        snprintf(slot->name, sizeof slot->name, "worker-%s", group->name);
    } else {
        snprintf(slot->name, sizeof slot->name, "worker-%s-%u", group->name, (unsigned)member);
    }
}

void plab_run_plan_slots(struct plab_run *run) {
    run->slot_count = 0;
    init_slot(run, NULL, 0, 0);
    for (size_t i = 0; i < run->scenario->worker_count; i++) {
        const struct plab_scenario_worker *group = &run->scenario->workers[i];
        for (size_t k = 0; k < group->count; k++) {
            init_slot(run, group, i, k);
        }
    }
}

static void pool_argv(const struct plab_run *run, uint64_t left_ms, struct plab_argv *argv) {
    const struct plab_scenario_pool *pool = &run->scenario->pool;
    char path[PATH_MAX];
    plab_argv_add(argv, "pool");
    plab_argv_add(argv, "--algo=%s", pool->algo);
    plab_argv_add(argv, "--listen=%s", pool->listen);
    if (pool->vardiff_target_ms != 0) {
        plab_argv_add(argv, "--start-difficulty=%" PRIu64, pool->difficulty);
        plab_argv_add(argv, "--vardiff-target=%" PRIu64 "ms", pool->vardiff_target_ms);
    } else {
        plab_argv_add(argv, "--difficulty=%" PRIu64, pool->difficulty);
    }
    plab_argv_add(argv, "--network-difficulty=%" PRIu64, pool->network_difficulty);
    plab_argv_add(argv, "--epoch-blocks=%" PRIu64, pool->epoch_blocks);
    plab_argv_add(argv, "--job-interval=%" PRIu64 "ms", pool->job_interval_ms);
    plab_argv_add(argv, "--seed=%" PRIu64, run->scenario->seed);
    plab_argv_add(argv, "--duration=%" PRIu64 "ms", left_ms + OWN_LIMIT_MARGIN_MS);
    plab_argv_add(argv, "--port-file=%s", plab_run_path(run->record, path, "raw/pool.port"));
    plab_argv_add(argv, "--ledger=%s", plab_run_path(run->record, path, "raw/pool-ledger.jsonl"));
    plab_argv_add(argv, "--json=%s", plab_run_path(run->record, path, "raw/pool.json"));
}

static void worker_argv(const struct plab_run_slot *slot, uint64_t left_ms,
                        struct plab_argv *argv) {
    const struct plab_scenario_worker *group = slot->group;
    const struct plab_run_record *record = slot->run->record;
    char path[PATH_MAX];
    plab_argv_add(argv, "mine");
    plab_argv_add(argv, "--url=%s", record->pool_address);
    plab_argv_add(argv, "--algo=%s", group->algo);
    if (group->count == 1) {
        plab_argv_add(argv, "--user=lab-%s-%s", record->id, group->user);
    } else {
        plab_argv_add(argv, "--user=lab-%s-%s-%zu", record->id, group->user, slot->group_member);
    }
    if (group->threads != 0) {
        plab_argv_add(argv, "--threads=%u", group->threads);
    }
    if (strcmp(group->randomx_mode, "auto") != 0) {
        plab_argv_add(argv, "--randomx-mode=%s", group->randomx_mode);
    }
    if (group->dataset_mem[0] != '\0') {
        plab_argv_add(argv, "--dataset-mem=%s", group->dataset_mem);
    }
    if (group->cpus[0] != '\0') {
        plab_argv_add(argv, "--cpus=%s", group->cpus);
    }
    plab_argv_add(argv, "--duty=%u", slot->wanted_duty);
    plab_argv_add(argv, "--duration=%" PRIu64 "ms", left_ms + OWN_LIMIT_MARGIN_MS);
    plab_argv_add(argv, "--stats=%s",
                  plab_run_path(record, path, "raw/%s.%u.jsonl", slot->name, slot->instances));
    plab_argv_add(argv, "--json=%s",
                  plab_run_path(record, path, "raw/%s.%u.json", slot->name, slot->instances));
}

void plab_run_plan_argv(const struct plab_run_slot *slot, uint64_t left_ms,
                        struct plab_argv *argv) {
    plab_argv_add(argv, "%s", slot->run->config->program);
    if (slot->group == NULL) {
        pool_argv(slot->run, left_ms, argv);
    } else {
        worker_argv(slot, left_ms, argv);
    }
}

unsigned plab_run_plan_duty(const struct plab_run_slot *slot,
                            const struct plab_scenario_phase *phase) {
    if (slot->group == NULL) {
        return 100;
    }
    if ((phase->workers >> slot->group_index & 1) == 0 || phase->load_percent == 0) {
        return 0;
    }
    unsigned percent = (slot->group->duty_percent * phase->load_percent + 50) / 100;
    return percent > 0 ? percent : 1;
}

/* ---- the plan in words ---- */

static void print_argv(const struct plab_run_slot *slot, uint64_t left_ms) {
    struct plab_argv argv = {.count = 0};
    plab_run_plan_argv(slot, left_ms, &argv);
    printf("  %s:\n    powlab", slot->name);
    for (size_t i = 1; i < argv.count; i++) {
        printf(" %s", argv.items[i]);
    }
    printf("\n");
    plab_argv_free(&argv);
}

static void print_phases(const struct plab_run *run) {
    for (size_t i = 0; i < run->scenario->phase_count; i++) {
        const struct plab_scenario_phase *phase = &run->scenario->phases[i];
        printf("  %-16s %7.1f s ", phase->name, (double)phase->duration_ms / 1000);
        size_t running = 0;
        for (size_t k = PLAB_RUN_POOL_SLOT + 1; k < run->slot_count; k++) {
            unsigned duty = plab_run_plan_duty(&run->slots[k], phase);
            if (duty > 0) {
                printf(" %s %u %%", run->slots[k].name, duty);
                running++;
            }
        }
        printf("%s\n", running == 0 ? " no worker" : "");
    }
}

void plab_run_print_plan(const struct plab_run_config *config) {
    static struct plab_run_record record = {
        .id = "RUN_ID", .folder = "FOLDER", .pool_address = "ADDRESS:PORT"};
    struct plab_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return;
    }
    run->config = config;
    run->scenario = config->scenario;
    run->record = &record;
    plab_run_plan_slots(run);
    printf("%s: %.1f s in %zu phases, ended after %.1f s at the latest\n", config->scenario->name,
           (double)plab_scenario_duration_ms(config->scenario) / 1000,
           config->scenario->phase_count, (double)config->scenario->max_ms / 1000);
    print_phases(run);
    printf("processes:\n");
    for (size_t i = 0; i < run->slot_count; i++) {
        run->slots[i].wanted_duty = 100;
        if (run->slots[i].group != NULL) {
            run->slots[i].wanted_duty = run->slots[i].group->duty_percent;
        }
        print_argv(&run->slots[i], config->scenario->max_ms);
    }
    free(run);
}
