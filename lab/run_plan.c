/* SPDX-License-Identifier: BSD-3-Clause */
/* What a scenario starts: names, command lines, duties. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/run_priv.h"

/* A child bounds itself a little later than the laboratory would: only if that is gone. */
#define OWN_LIMIT_MARGIN_MS 10000

static struct plab_run_slot *add_slot(struct plab_run *run, enum plab_run_role role, size_t index) {
    struct plab_run_slot *slot = &run->slots[run->slot_count++];
    slot->run = run;
    slot->role = role;
    slot->index = index;
    return slot;
}

static void add_group(struct plab_run *run, size_t index) {
    const struct plab_scenario_worker *group = &run->scenario->workers[index];
    for (size_t member = 0; member < group->count; member++) {
        struct plab_run_slot *slot = add_slot(run, PLAB_RUN_WORKER, index);
        slot->group = group;
        slot->group_member = member;
        if (group->count == 1) {
            snprintf(slot->name, sizeof slot->name, "worker-%s", group->name);
        } else {
            snprintf(slot->name, sizeof slot->name, "worker-%s-%u", group->name, (unsigned)member);
        }
    }
}

void plab_run_plan_slots(struct plab_run *run) {
    run->slot_count = 0;
    snprintf(add_slot(run, PLAB_RUN_POOL, 0)->name, PLAB_RUN_NAME_LEN, "pool");
    if (run->scenario->second_pool.present) {
        snprintf(add_slot(run, PLAB_RUN_POOL, 1)->name, PLAB_RUN_NAME_LEN, "pool-2");
    }
    for (size_t i = 0; i < run->scenario->control_count; i++) {
        struct plab_run_slot *slot = add_slot(run, PLAB_RUN_CONTROL, i);
        slot->control = &run->scenario->controls[i];
        snprintf(slot->name, sizeof slot->name, "control-%s", slot->control->name);
    }
    run->first_worker = run->slot_count;
    for (size_t i = 0; i < run->scenario->worker_count; i++) {
        add_group(run, i);
    }
}

/* A file that a scenario names stands in its folder, unless its path is absolute. */
static const char *beside_scenario(const struct plab_run_config *config, const char *name,
                                   char out[PATH_MAX]) {
    const char *slash = config->scenario_path != NULL ? strrchr(config->scenario_path, '/') : NULL;
    int folder = name[0] != '/' && slash != NULL ? (int)(slash - config->scenario_path) + 1 : 0;
    snprintf(out, PATH_MAX, "%.*s%s", folder, folder > 0 ? config->scenario_path : "", name);
    return out;
}

/* The files of a pool are named after it. */
static void add_pool_files(const struct plab_run_slot *slot, struct plab_argv *argv) {
    const struct plab_run_record *record = slot->run->record;
    char path[PATH_MAX];
    plab_argv_add(argv, "--port-file=%s", plab_run_path(record, path, "raw/%s.port", slot->name));
    plab_argv_add(argv, "--ledger=%s",
                  plab_run_path(record, path, "raw/%s-ledger.jsonl", slot->name));
    plab_argv_add(argv, "--json=%s", plab_run_path(record, path, "raw/%s.json", slot->name));
}

/* How workers reach the pools. */
static const char *scheme_of(const struct plab_scenario_pool *pool) {
    return pool->websocket ? (pool->tls ? "wss://" : "ws://") : pool->tls ? "tls://" : "";
}

/* One folder for both pools of a run: whoever trusts its CA trusts both. The second one starts
 * first, and has made all of it when the first is started. */
static void add_tls_files(const struct plab_run_slot *slot, struct plab_argv *argv) {
    char path[PATH_MAX];
    plab_argv_add(argv, "--tls-dir=%s", plab_run_path(slot->run->record, path, "raw/tls"));
    plab_argv_add(argv, "--tls-keylog=%s",
                  plab_run_path(slot->run->record, path, "raw/tls-keys.log"));
}

/* As the first pool, at any free port beside it. One behind a proxy is spoken to by that alone, in
 * plain text. */
static void second_pool_argv(const struct plab_run_slot *slot, uint64_t left_ms,
                             struct plab_argv *argv) {
    const struct plab_scenario *scenario = slot->run->scenario;
    const struct plab_scenario_pool *first = &scenario->pool;
    char path[PATH_MAX];
    plab_argv_add(argv, "pool");
    plab_argv_add(argv, "--algo=%s", first->algo);
    plab_argv_add(argv, "--listen=%s%.*s:0", scenario->second_pool.upstream ? "" : scheme_of(first),
                  (int)(strrchr(first->listen, ':') - first->listen), first->listen);
    if (first->tls && !scenario->second_pool.upstream) {
        add_tls_files(slot, argv);
    }
    if (scenario->second_pool.faults[0] != '\0') {
        plab_argv_add(argv, "--faults=%s",
                      beside_scenario(slot->run->config, scenario->second_pool.faults, path));
    }
    plab_argv_add(argv, "--difficulty=%" PRIu64, scenario->second_pool.difficulty);
    plab_argv_add(argv, "--network-difficulty=%" PRIu64, first->network_difficulty);
    plab_argv_add(argv, "--epoch-blocks=%" PRIu64, first->epoch_blocks);
    plab_argv_add(argv, "--job-interval=%" PRIu64 "ms", first->job_interval_ms);
    plab_argv_add(argv, "--seed=%" PRIu64, scenario->seed);
    plab_argv_add(argv, "--duration=%" PRIu64 "ms", left_ms + OWN_LIMIT_MARGIN_MS);
    add_pool_files(slot, argv);
}

static void pool_argv(const struct plab_run_slot *slot, uint64_t left_ms, struct plab_argv *argv) {
    const struct plab_run *run = slot->run;
    const struct plab_scenario_pool *pool = &run->scenario->pool;
    char path[PATH_MAX];
    plab_argv_add(argv, "pool");
    plab_argv_add(argv, "--algo=%s", pool->algo);
    plab_argv_add(argv, "--listen=%s%s", scheme_of(pool), pool->listen);
    if (run->scenario->second_pool.upstream) {
        plab_argv_add(argv, "--upstream=%s", run->record->second_address);
    }
    if (pool->tls) {
        add_tls_files(slot, argv);
    }
    if (pool->personality[0] != '\0') {
        plab_argv_add(argv, "--personality=%s", pool->personality);
    }
    if (pool->faults[0] != '\0') {
        plab_argv_add(argv, "--faults=%s", beside_scenario(run->config, pool->faults, path));
    }
    if (pool->nicehash) {
        plab_argv_add(argv, "--nicehash");
    }
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
    add_pool_files(slot, argv);
}

const char *plab_run_plan_login(const struct plab_run_slot *slot, char out[PLAB_RUN_LOGIN_LEN]) {
    const struct plab_scenario_worker *group = slot->group;
    int used = snprintf(out, PLAB_RUN_LOGIN_LEN, "lab-%s-%s", slot->run->record->id, group->user);
    if (group->count > 1) {
        snprintf(out + used, PLAB_RUN_LOGIN_LEN - (size_t)used, "-%zu", slot->group_member);
    }
    return out;
}

/* Host and port that workers are told: by name where a resolver knows it. */
static void pool_place(const struct plab_run *run, const char *address, char host[80],
                       const char **port) {
    const char *colon = strrchr(address, ':');
    *port = colon + 1;
    if (plab_run_network_has(run)) {
        snprintf(host, 80, "%s", plab_run_network_pool_host(run));
    } else {
        snprintf(host, 80, "%.*s", (int)(colon - address), address);
    }
}

static void worker_argv(const struct plab_run_slot *slot, uint64_t left_ms,
                        struct plab_argv *argv) {
    const struct plab_scenario_worker *group = slot->group;
    const struct plab_run_record *record = slot->run->record;
    char path[PATH_MAX], host[80], login[PLAB_RUN_LOGIN_LEN];
    const char *port;
    const char *colon = group->scheme[0] != '\0' ? "://" : "";
    pool_place(slot->run, record->pool_address, host, &port);
    plab_argv_add(argv, "mine");
    plab_argv_add(argv, "--url=%s%s%s:%s", group->scheme, colon, host, port);
    if (record->second_address[0] != '\0' && !slot->run->scenario->second_pool.upstream) {
        pool_place(slot->run, record->second_address, host, &port);
        plab_argv_add(argv, "--url=%s%s%s:%s", group->scheme, colon, host, port);
    }
    if (slot->run->scenario->pool.tls) {
        plab_argv_add(argv, "--tls");
    }
    plab_argv_add(argv, "--algo=%s", group->algo);
    plab_argv_add(argv, "--user=%s", plab_run_plan_login(slot, login));
    if (slot->wanted_threads != 0) {
        plab_argv_add(argv, "--threads=%u", slot->wanted_threads);
    }
    if (group->dialect[0] != '\0') {
        plab_argv_add(argv, "--dialect=%s", group->dialect);
    }
    if (group->agent[0] != '\0') {
        plab_argv_add(argv, "--user-agent=%s", group->agent);
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
    plab_argv_add(argv, "--control");
    plab_argv_add(argv, "--duty=%u", slot->wanted_duty);
    plab_argv_add(argv, "--duration=%" PRIu64 "ms", left_ms + OWN_LIMIT_MARGIN_MS);
    plab_argv_add(argv, "--stats=%s",
                  plab_run_path(record, path, "raw/%s.%u.jsonl", slot->name, slot->instances));
    plab_argv_add(argv, "--json=%s",
                  plab_run_path(record, path, "raw/%s.%u.json", slot->name, slot->instances));
    for (size_t i = 0; i < group->arg_count; i++) {
        plab_argv_add(argv, "%s", group->args[i].text);
    }
}

/* A word of another miner's command line, with what stands in braces replaced. */
static void add_filled(struct plab_argv *argv, const char *word, const char *const *names,
                       const char *const *values, size_t count) {
    char out[2 * PLAB_SCENARIO_TEXT_MAX + 160];
    size_t used = 0;
    while (*word != '\0' && used + 1 < sizeof out) {
        size_t i = 0;
        while (i < count && strncmp(word, names[i], strlen(names[i])) != 0) {
            i++;
        }
        if (i == count) {
            out[used++] = *word++;
            continue;
        }
        used += (size_t)snprintf(out + used, sizeof out - used, "%s", values[i]);
        word += strlen(names[i]);
    }
    argv->failed |= used >= sizeof out;
    plab_argv_add(argv, "%.*s", (int)used, out);
}

static void foreign_argv(const struct plab_run_slot *slot, struct plab_argv *argv) {
    static const char *const names[] = {"{pool_host}", "{pool_port}", "{second_port}", "{user}"};
    const struct plab_run_record *record = slot->run->record;
    char host[80], login[PLAB_RUN_LOGIN_LEN];
    const char *port, *second_port = "";
    if (record->second_address[0] != '\0') {
        pool_place(slot->run, record->second_address, host, &second_port);
    }
    pool_place(slot->run, record->pool_address, host, &port);
    const char *const values[] = {host, port, second_port, plab_run_plan_login(slot, login)};
    for (size_t i = 0; i < slot->group->command_count; i++) {
        add_filled(argv, slot->group->command[i].text, names, values, PLAB_ARRAY_LEN(names));
    }
}

static void control_argv(const struct plab_scenario_control *control, struct plab_argv *argv) {
    for (size_t i = 0; i < control->word_count; i++) {
        plab_argv_add(argv, "%s", control->words[i].text);
    }
}

void plab_run_plan_env(const struct plab_run_slot *slot, struct plab_argv *env) {
    for (size_t i = 0; slot->group != NULL && i < slot->group->env_count; i++) {
        plab_argv_add(env, "%s", slot->group->env[i].text);
    }
    char folder[PATH_MAX], path[PATH_MAX];
    if (plab_run_network_encloses(slot) &&
        realpath(plab_run_path(slot->run->record, folder, "raw/%s", slot->name), path) != NULL) {
        plab_argv_add(env, "TMPDIR=%s", path);
    }
}

void plab_run_plan_argv(const struct plab_run_slot *slot, uint64_t left_ms,
                        struct plab_argv *argv) {
    if (slot->role == PLAB_RUN_CONTROL) {
        control_argv(slot->control, argv);
        return;
    }
    if (slot->group != NULL && slot->group->command_count > 0) {
        foreign_argv(slot, argv);
        return;
    }
    plab_argv_add(argv, "%s", slot->run->config->program);
    if (slot->group != NULL) {
        worker_argv(slot, left_ms, argv);
    } else {
        (slot->index == 0 ? pool_argv : second_pool_argv)(slot, left_ms, argv);
    }
}

static unsigned part(unsigned whole, unsigned percent) {
    unsigned value = (whole * percent + 50) / 100;
    return value > 0 ? value : 1;
}

/* What is held is held by duty: another number of threads would be a new process each second. */
static void want_of_worker(struct plab_run_slot *slot, unsigned load_percent, bool held) {
    const struct plab_scenario_worker *group = slot->group;
    slot->wanted_rest = load_percent == 0;
    slot->wanted_threads = group->threads;
    if (load_percent > 0 && group->load_by_threads && !held) {
        slot->wanted_threads = part(group->threads, load_percent);
        slot->wanted_duty = group->duty_percent;
    } else if (load_percent > 0) {
        slot->wanted_duty = part(group->duty_percent, load_percent);
    } else if (slot->wanted_duty == 0) {
        slot->wanted_duty = group->duty_percent; /* it rests, but it is there */
    }
}

void plab_run_plan_want(struct plab_run_slot *slot, const struct plab_scenario_phase *phase,
                        unsigned load_percent) {
    bool takes_part = slot->role == PLAB_RUN_CONTROL ? phase->controls >> slot->index & 1
                      : slot->role == PLAB_RUN_WORKER
                          ? (phase->workers >> slot->index & 1) &&
                                phase->load_percent + phase->ramp_to_percent > 0
                          : true;
    if (!takes_part) {
        slot->wanted_duty = 0;
    } else if (slot->role == PLAB_RUN_WORKER) {
        want_of_worker(slot, load_percent, phase->hold.kind != PLAB_HOLD_NONE);
    } else {
        slot->wanted_duty = 100;
    }
}

/* ---- the plan in words ---- */

static void print_argv(const struct plab_run_slot *slot, uint64_t left_ms) {
    struct plab_argv argv = {.count = 0};
    plab_run_plan_argv(slot, left_ms, &argv);
    const char *program = argv.count > 0 ? argv.items[0] : "";
    bool own = strcmp(program, slot->run->config->program) == 0;
    printf("  %s:\n    %s", slot->name, own ? "powlab" : program);
    for (size_t i = 1; i < argv.count; i++) {
        printf(" %s", argv.items[i]);
    }
    printf("\n");
    plab_argv_free(&argv);
}

static void print_phases(struct plab_run *run) {
    for (size_t i = 0; i < run->scenario->phase_count; i++) {
        const struct plab_scenario_phase *phase = &run->scenario->phases[i];
        printf("  %-16s %7.1f s ", phase->name, (double)phase->duration_ms / 1000);
        if (phase->hold.kind != PLAB_HOLD_NONE) {
            const char *unit = plab_hold_unit(phase->hold.kind);
            printf(" holds %g %s (cut-out at %g %s) by", phase->hold.target, unit,
                   phase->hold.cutout, unit);
        }
        size_t running = 0;
        for (size_t k = PLAB_RUN_POOL_SLOT + 1; k < run->slot_count; k++) {
            plab_run_plan_want(&run->slots[k], phase, phase->load_percent);
            if (run->slots[k].role != PLAB_RUN_POOL && run->slots[k].wanted_duty > 0) {
                printf(" %s %u %%", run->slots[k].name, run->slots[k].wanted_duty);
                running++;
            }
        }
        printf("%s\n", running == 0 ? " nobody" : "");
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
    snprintf(record.second_address, sizeof record.second_address, "%s",
             config->scenario->second_pool.present ? "ADDRESS:SECOND_PORT" : "");
    printf("%s: %.1f s in %zu phases, ended after %.1f s at the latest\n", config->scenario->name,
           (double)plab_scenario_duration_ms(config->scenario) / 1000,
           config->scenario->phase_count, (double)config->scenario->max_ms / 1000);
    print_phases(run);
    plab_run_network_print(config);
    printf("processes:\n");
    for (size_t i = 0; i < run->slot_count; i++) {
        run->slots[i].wanted_duty = 100;
        if (run->slots[i].group != NULL) {
            run->slots[i].wanted_duty = run->slots[i].group->duty_percent;
            run->slots[i].wanted_threads = run->slots[i].group->threads;
        }
        print_argv(&run->slots[i], config->scenario->max_ms);
    }
    free(run);
}
