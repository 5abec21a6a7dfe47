/* SPDX-License-Identifier: BSD-3-Clause */
#include <cyaml/cyaml.h>

#include "lab/scenario.h"
#include "lab/scenario_raw_priv.h"
#include "yaml/load.h"

/* Lengths and ranges are checked later, with better words than libcyaml's. */
#define MUST CYAML_FLAG_POINTER
#define MAY (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(flags, type, name) \
    CYAML_FIELD_STRING_PTR(#name, flags, struct plab_raw_##type, name, 0, CYAML_UNLIMITED)
#define NUMBER(type, name) CYAML_FIELD_INT_PTR(#name, MAY, struct plab_raw_##type, name)
#define REAL(type, name) CYAML_FIELD_FLOAT_PTR(#name, MAY, struct plab_raw_##type, name)

#define FLAG(type, name) CYAML_FIELD_BOOL_PTR(#name, MAY, struct plab_raw_##type, name)
#define TEXTS(flags, type, name, max) \
    CYAML_FIELD_SEQUENCE(#name, flags, struct plab_raw_##type, name, &text_value, 1, max)

static const cyaml_schema_value_t text_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t host_fields[] = {
    TEXT(MUST, host, name),
    TEXT(MUST, host, address),
    NUMBER(host, ttl_seconds),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t host_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct plab_raw_host, host_fields),
};

static const cyaml_schema_field_t network_fields[] = {
    TEXT(MUST, network, mode),
    TEXT(MAY, network, client),
    TEXT(MAY, network, pool),
    TEXT(MAY, network, resolver),
    NUMBER(network, mtu),
    NUMBER(network, delay_ms),
    NUMBER(network, jitter_ms),
    CYAML_FIELD_FLOAT_PTR("loss_percent", MAY, struct plab_raw_network, loss_percent),
    CYAML_FIELD_SEQUENCE("names", MAY, struct plab_raw_network, names, &host_value, 1,
                         PLAB_SCENARIO_HOSTS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t pool_fields[] = {
    TEXT(MAY, pool, algo),
    NUMBER(pool, difficulty),
    TEXT(MAY, pool, vardiff),
    NUMBER(pool, network_difficulty),
    NUMBER(pool, epoch_blocks),
    TEXT(MAY, pool, job_interval),
    TEXT(MAY, pool, listen),
    TEXT(MAY, pool, personality),
    TEXT(MAY, pool, faults),
    FLAG(pool, tls),
    FLAG(pool, nicehash),
    FLAG(pool, websocket),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t second_pool_fields[] = {
    TEXT(MUST, second_pool, serves),
    NUMBER(second_pool, difficulty),
    TEXT(MAY, second_pool, faults),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t worker_fields[] = {
    TEXT(MUST, worker, name),
    TEXT(MAY, worker, user),
    TEXT(MAY, worker, algo),
    TEXT(MAY, worker, randomx_mode),
    TEXT(MAY, worker, dataset_mem),
    TEXT(MAY, worker, cpus),
    TEXT(MAY, worker, dialect),
    TEXT(MAY, worker, agent),
    TEXT(MAY, worker, scheme),
    TEXT(MAY, worker, load_by),
    NUMBER(worker, count),
    NUMBER(worker, threads),
    NUMBER(worker, duty_percent),
    NUMBER(worker, nice),
    TEXTS(MAY, worker, args, PLAB_SCENARIO_WORDS_MAX),
    TEXTS(MAY, worker, env, PLAB_SCENARIO_WORDS_MAX),
    TEXTS(MAY, worker, command, PLAB_SCENARIO_COMMAND_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t worker_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct plab_raw_worker, worker_fields),
};

static const cyaml_schema_field_t control_fields[] = {
    TEXT(MUST, control, name), TEXTS(MUST, control, command, PLAB_SCENARIO_WORDS_MAX),
    FLAG(control, repeat),     NUMBER(control, port),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t control_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct plab_raw_control, control_fields),
};

static const cyaml_schema_field_t cycle_fields[] = {
    TEXT(MUST, cycle, on),
    TEXT(MUST, cycle, off),
    NUMBER(cycle, jitter_percent),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t hold_fields[] = {
    REAL(hold, power_w),
    REAL(hold, temperature_c),
    REAL(hold, cutout),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t phase_fields[] = {
    TEXT(MUST, phase, name),
    TEXT(MUST, phase, duration),
    NUMBER(phase, load_percent),
    NUMBER(phase, ramp_to_percent),
    CYAML_FIELD_MAPPING_PTR("cycle", MAY, struct plab_raw_phase, cycle, cycle_fields),
    CYAML_FIELD_MAPPING_PTR("hold", MAY, struct plab_raw_phase, hold, hold_fields),
    TEXTS(MAY, phase, workers, PLAB_SCENARIO_WORKERS_MAX),
    TEXTS(MAY, phase, controls, PLAB_SCENARIO_CONTROLS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t phase_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct plab_raw_phase, phase_fields),
};

static const cyaml_schema_field_t verdict_fields[] = {
    TEXT(MUST, verdict, detector),
    TEXT(MUST, verdict, verdict),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t verdict_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct plab_raw_verdict, verdict_fields),
};

static const cyaml_schema_field_t limits_fields[] = {NUMBER(limits, max_seconds), CYAML_FIELD_END};

static const cyaml_schema_field_t expect_fields[] = {
    NUMBER(expect, min_accepted),
    NUMBER(expect, max_rejected),
    NUMBER(expect, min_blocks),
    NUMBER(expect, min_seed_changes),
    CYAML_FIELD_SEQUENCE("detectors", MAY, struct plab_raw_expect, detectors, &verdict_value, 1,
                         PLAB_SCENARIO_VERDICTS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t scenario_fields[] = {
    TEXT(MUST, scenario, name),
    TEXT(MAY, scenario, label),
    NUMBER(scenario, seed),
    CYAML_FIELD_MAPPING_PTR("network", MAY, struct plab_raw_scenario, network, network_fields),
    CYAML_FIELD_MAPPING_PTR("pool", MUST, struct plab_raw_scenario, pool, pool_fields),
    CYAML_FIELD_MAPPING_PTR("second_pool", MAY, struct plab_raw_scenario, second_pool,
                            second_pool_fields),
    CYAML_FIELD_SEQUENCE("workers", MAY, struct plab_raw_scenario, workers, &worker_value, 1,
                         PLAB_SCENARIO_WORKERS_MAX),
    CYAML_FIELD_SEQUENCE("controls", MAY, struct plab_raw_scenario, controls, &control_value, 1,
                         PLAB_SCENARIO_CONTROLS_MAX),
    CYAML_FIELD_SEQUENCE("phases", MUST, struct plab_raw_scenario, phases, &phase_value, 1,
                         PLAB_SCENARIO_PHASES_MAX),
    CYAML_FIELD_MAPPING_PTR("limits", MAY, struct plab_raw_scenario, limits, limits_fields),
    CYAML_FIELD_MAPPING_PTR("expect", MAY, struct plab_raw_scenario, expect, expect_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t scenario_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct plab_raw_scenario, scenario_fields),
};

enum plab_status plab_raw_load(struct plab_raw_scenario **out, const char *text, size_t len,
                               const char *path, struct plab_error *err) {
    void *data;
    enum plab_status status = plab_yaml_load(&data, &scenario_value, text, len, path, err);
    *out = data;
    return status;
}

void plab_raw_free(struct plab_raw_scenario *raw) {
    plab_yaml_free(&scenario_value, raw);
}
