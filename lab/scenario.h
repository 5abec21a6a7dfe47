/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A scenario: what a run of the laboratory starts, for how long, and what it expects.
 *
 * The file is YAML (configs/README.md lists the keys with their defaults). It is read strictly:
 * unknown keys, wrong types and values out of range are errors, and each error names file, line,
 * column and key.
 */
#ifndef PLAB_LAB_SCENARIO_H
#define PLAB_LAB_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "lab/hold.h"

#define PLAB_SCENARIO_WORKERS_MAX 16 /* groups */
#define PLAB_SCENARIO_PHASES_MAX 64
#define PLAB_SCENARIO_PROCESSES_MAX 64 /* workers of all groups together */
#define PLAB_SCENARIO_CONTROLS_MAX 16
#define PLAB_SCENARIO_WORDS_MAX 16 /* of a command, or more of them for a worker */
#define PLAB_SCENARIO_VERDICTS_MAX 32
#define PLAB_SCENARIO_COMMAND_MAX 32 /* words of a command that mines */
#define PLAB_SCENARIO_HOSTS_MAX 16   /* names that the lab's resolver knows */
#define PLAB_SCENARIO_HOST_MAX 63    /* bytes of one, without the NUL */
#define PLAB_SCENARIO_ADDRESS_LEN 16 /* of an IPv4 address with its NUL */
#define PLAB_SCENARIO_NAME_MAX 32    /* bytes without the NUL */
#define PLAB_SCENARIO_TEXT_MAX 120
#define PLAB_SCENARIO_SECONDS_MAX 86400

/* A name, and what the lab's resolver says of it. */
struct plab_scenario_host {
    char name[PLAB_SCENARIO_HOST_MAX + 1]; /* lower case, without a dot at its end */
    char address[PLAB_SCENARIO_ADDRESS_LEN];
    unsigned ttl_s;
};

/* Where pool and workers are: on the loopback interface, or in two network namespaces that the run
 * makes, joined by one cable and by nothing else. All addresses are IPv4 and lab addresses. */
struct plab_scenario_network {
    bool namespaces; /* false: loopback, and nothing else here means anything */
    char client[PLAB_SCENARIO_ADDRESS_LEN], pool[PLAB_SCENARIO_ADDRESS_LEN];
    char resolver[PLAB_SCENARIO_ADDRESS_LEN]; /* in the clients' network, on the pool's side */
    unsigned client_prefix, pool_prefix;      /* lengths of the networks' prefixes */
    unsigned mtu;
    /* What the cable does to each packet in each direction; 0: nothing. */
    unsigned delay_ms, jitter_ms;
    double loss_percent;
    size_t host_count;
    struct plab_scenario_host hosts[PLAB_SCENARIO_HOSTS_MAX];
};

struct plab_scenario_pool {
    const char *algo;            /* static, e.g. "rx/0" */
    uint64_t difficulty;         /* of shares; with vardiff what a session starts with */
    uint64_t vardiff_target_ms;  /* wished time between a session's shares; 0: fixed difficulty */
    uint64_t network_difficulty; /* a share that meets it is a block */
    uint64_t epoch_blocks;       /* blocks between two RandomX seeds */
    uint64_t job_interval_ms;    /* a new job at least this often */
    char listen[64];             /* lab address and port; port 0: any free one */
    bool tls, nicehash;
    bool websocket; /* its workers are browsers: their dialect is ws-coinhive */
    char personality[PLAB_SCENARIO_NAME_MAX + 1]; /* "": powlab's own */
    char faults[PLAB_SCENARIO_TEXT_MAX + 1]; /* fault script, seen from the scenario's folder; "" */
};

/* Another pool, of the same algorithm, on the same address. */
struct plab_scenario_second_pool {
    bool present;
    bool upstream; /* the first is a proxy for it; else workers turn to it when the first fails */
    uint64_t difficulty;
    char faults[PLAB_SCENARIO_TEXT_MAX + 1];
};

struct plab_scenario_word {
    char text[PLAB_SCENARIO_TEXT_MAX + 1];
};

/* A group of `count` equal processes. */
struct plab_scenario_worker {
    char name[PLAB_SCENARIO_NAME_MAX + 1]; /* unique in the scenario; phases refer to it */
    char user[PLAB_SCENARIO_NAME_MAX + 1]; /* part of the login; default: the name */
    const char *algo;                      /* static; the pool's */
    const char *randomx_mode;              /* static: "auto", "fast" or "light" */
    char dataset_mem[24];                  /* how much of a dataset to precompute, "1GiB"; "": all
                                              or nothing, as randomx_mode has it */
    char cpus[PLAB_SCENARIO_TEXT_MAX + 1]; /* list of CPUs to pin to, "" for powlab's own plan */
    unsigned count, threads;               /* threads 0: powlab's own plan */
    unsigned duty_percent;                 /* 1 to 100: share of the time that threads hash */
    bool load_by_threads; /* a phase's load is a number of threads, not a share of their time */
    unsigned nice;        /* 0 to 19 */
    /* What the worker looks like to others; "" and none: as powlab is. */
    char dialect[PLAB_SCENARIO_NAME_MAX + 1];
    char agent[PLAB_SCENARIO_TEXT_MAX + 1];
    char scheme[PLAB_SCENARIO_NAME_MAX + 1]; /* of the pool's address: "stratum+tcp" */
    size_t arg_count, env_count;
    struct plab_scenario_word args[PLAB_SCENARIO_WORDS_MAX]; /* further words of its command line */
    struct plab_scenario_word env[PLAB_SCENARIO_WORDS_MAX];  /* "NAME=value" */
    /* Another miner instead of `powlab mine`, with {pool_host}, {pool_port}, {second_port}, {user}
     * in its words; 0: none. Only name, user, count, nice and env mean anything to it. */
    size_t command_count;
    struct plab_scenario_word command[PLAB_SCENARIO_COMMAND_MAX];
};

/* A program that doesn't mine, to see who is blamed for it. */
struct plab_scenario_control {
    char name[PLAB_SCENARIO_NAME_MAX + 1];
    bool repeat;   /* started anew when it ends before its phase */
    uint16_t port; /* of the pool's address, that its client sends from: recorded as benign; 0 */
    size_t word_count;
    struct plab_scenario_word words[PLAB_SCENARIO_WORDS_MAX];
};

struct plab_scenario_phase {
    char name[PLAB_SCENARIO_NAME_MAX + 1];
    uint64_t duration_ms;
    unsigned load_percent;              /* of the workers' own duty; 0: none runs */
    unsigned ramp_to_percent;           /* load at the end; else load_percent */
    uint64_t cycle_on_ms, cycle_off_ms; /* hashing and resting in turns; 0: all the time */
    unsigned cycle_jitter_percent;      /* each is so much longer or shorter, at random */
    struct plab_hold hold;              /* what the load is set by; then load_percent bounds it */
    uint32_t workers;                   /* bit i: group i takes part */
    uint32_t controls;                  /* bit i: control i runs */
};

/* What a detector is expected to do. */
enum plab_scenario_verdict { PLAB_EXPECT_FIRE, PLAB_EXPECT_QUIET, PLAB_EXPECT_NA };

struct plab_scenario_expected {
    char detector[PLAB_SCENARIO_NAME_MAX + 1];
    enum plab_scenario_verdict verdict;
};

/* What makes a run a success; 0 and UINT64_MAX where nothing is expected. */
struct plab_scenario_expect {
    uint64_t min_accepted, max_rejected, min_blocks, min_seed_changes;
    size_t detector_count;
    struct plab_scenario_expected detectors[PLAB_SCENARIO_VERDICTS_MAX];
};

struct plab_scenario {
    char name[PLAB_SCENARIO_NAME_MAX + 1];
    char label[PLAB_SCENARIO_TEXT_MAX + 1]; /* ground truth's word for this traffic */
    uint64_t seed;
    struct plab_scenario_network network;
    struct plab_scenario_pool pool;
    struct plab_scenario_second_pool second_pool;
    size_t worker_count, control_count, phase_count;
    struct plab_scenario_worker workers[PLAB_SCENARIO_WORKERS_MAX];
    struct plab_scenario_control controls[PLAB_SCENARIO_CONTROLS_MAX];
    struct plab_scenario_phase phases[PLAB_SCENARIO_PHASES_MAX];
    struct plab_scenario_expect expect;
    uint64_t max_ms; /* hard limit of the whole run, start and end included */
};

/* Reads a scenario. PLAB_E_IO when the file can't be read, PLAB_E_INPUT for what is wrong in it,
 * PLAB_E_REFUSED when an address is no lab address, or another miner would run without namespaces.
 */
PLAB_NODISCARD enum plab_status plab_scenario_load(struct plab_scenario *out, const char *path,
                                                   struct plab_error *err);

/* The same from memory; `path` is only for messages. */
PLAB_NODISCARD enum plab_status plab_scenario_parse(struct plab_scenario *out, const char *text,
                                                    size_t len, const char *path,
                                                    struct plab_error *err);

/* Multiplies the phases' durations by `factor` and the expected minimums with them (rounded down),
 * so that a shortened run of a scenario can be asked for. PLAB_E_USAGE when a phase would be
 * shorter than a second or longer than a day. */
PLAB_NODISCARD enum plab_status plab_scenario_scale(struct plab_scenario *scenario, double factor,
                                                    struct plab_error *err);

/* Sum of the phases' durations. */
uint64_t plab_scenario_duration_ms(const struct plab_scenario *scenario);

/* Processes of all groups. */
size_t plab_scenario_process_count(const struct plab_scenario *scenario);

#endif
