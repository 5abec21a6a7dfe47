/* SPDX-License-Identifier: BSD-3-Clause */
/* A scenario file as it was written: absent keys are NULL, nothing is checked but keys and types.
 */
#ifndef PLAB_LAB_SCENARIO_RAW_PRIV_H
#define PLAB_LAB_SCENARIO_RAW_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct plab_raw_host {
    char *name, *address;
    int64_t *ttl_seconds;
};

struct plab_raw_network {
    char *mode, *client, *pool, *resolver;
    int64_t *mtu, *delay_ms, *jitter_ms;
    double *loss_percent;
    struct plab_raw_host *names;
    unsigned names_count;
};

struct plab_raw_pool {
    char *algo, *vardiff, *job_interval, *listen, *personality, *faults;
    int64_t *difficulty, *network_difficulty, *epoch_blocks;
    bool *tls, *nicehash, *websocket;
};

struct plab_raw_second_pool {
    char *serves, *faults;
    int64_t *difficulty;
};

struct plab_raw_worker {
    char *name, *user, *algo, *randomx_mode, *dataset_mem, *cpus, *dialect, *agent, *scheme,
        *load_by;
    int64_t *count, *threads, *duty_percent, *nice;
    char **args, **env, **command;
    unsigned args_count, env_count, command_count;
};

struct plab_raw_control {
    char *name;
    char **command;
    unsigned command_count;
    bool *repeat;
    int64_t *port;
};

struct plab_raw_cycle {
    char *on, *off;
    int64_t *jitter_percent;
};

struct plab_raw_hold {
    double *power_w, *temperature_c, *cutout;
};

struct plab_raw_phase {
    char *name, *duration;
    int64_t *load_percent, *ramp_to_percent;
    struct plab_raw_cycle *cycle; /* may be NULL */
    struct plab_raw_hold *hold;   /* may be NULL */
    char **workers, **controls;
    unsigned workers_count, controls_count;
};

struct plab_raw_verdict {
    char *detector, *verdict;
};

struct plab_raw_limits {
    int64_t *max_seconds;
};

struct plab_raw_expect {
    int64_t *min_accepted, *max_rejected, *min_blocks, *min_seed_changes;
    struct plab_raw_verdict *detectors;
    unsigned detectors_count;
};

struct plab_raw_scenario {
    char *name, *label;
    int64_t *seed;
    struct plab_raw_network *network; /* may be NULL */
    struct plab_raw_pool *pool;
    struct plab_raw_second_pool *second_pool; /* may be NULL */
    struct plab_raw_worker *workers;
    unsigned workers_count;
    struct plab_raw_control *controls; /* may be NULL */
    unsigned controls_count;
    struct plab_raw_phase *phases;
    unsigned phases_count;
    struct plab_raw_limits *limits; /* may be NULL */
    struct plab_raw_expect *expect; /* may be NULL */
};

/* Returns owned in `*out`. PLAB_E_INPUT names path, line, column and key. */
PLAB_NODISCARD enum plab_status plab_raw_load(struct plab_raw_scenario **out, const char *text,
                                              size_t len, const char *path, struct plab_error *err);
void plab_raw_free(struct plab_raw_scenario *raw);

#endif
