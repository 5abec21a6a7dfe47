/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One run of a scenario: pool and workers as child processes, phases by the clock, recorders, and a
 * folder with everything that was seen:
 *
 *     scenario.yaml     the file that was run, as it was
 *     truth.jsonl       ground truth (lab/truth.h)
 *     timeline.csv      one row a second (lab/timeline.h)
 *     host.csv, processes.csv, threads.csv    what the machine and the processes did
 * (lab/recorders.h) report.json       the result (lab/summary.h) logs/             standard error
 * of each process raw/              what the processes wrote themselves: the pool's ledger,
 * results, samples
 *
 * A run ends by itself, and whatever ends it, its processes are stopped and reaped and what was
 * recorded so far is written and marked.
 */
#ifndef PLAB_LAB_RUN_H
#define PLAB_LAB_RUN_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/status.h"
#include "lab/cable.h"
#include "lab/capture.h"
#include "lab/capture_files.h"
#include "lab/detector.h"
#include "lab/scenario.h"
#include "lab/sensors.h"

#define PLAB_RUN_ID_LEN 9 /* 8 hex digits and a NUL */
#define PLAB_RUN_ABSENT_MAX 16
#define PLAB_RUN_NAME_LEN (PLAB_SCENARIO_NAME_MAX + 8)

struct plab_run_config {
    const struct plab_scenario *scenario;
    const char *scenario_path; /* copied into the folder; NULL: not */
    double scale;              /* that was applied to the scenario; only told */
    const char *program; /* path of what is started as `PROGRAM pool ...`, `PROGRAM mine ...` */
    const char *guard;   /* path of powlab for `powlab lab exec`; NULL: children aren't tied */
    const char *out;     /* folder: new or empty; NULL: runs/<UTC stamp>-<name> */
    const struct plab_detector_file *detectors; /* those that look at living processes are run */
    size_t detector_count;
    const char *proc_root;        /* "/proc" */
    const char *sys_root;         /* "/sys" */
    const char *version, *commit; /* of powlab, for the report */
    const struct plab_log *log;   /* progress; may be NULL */
};

/* How a run ended. */
enum plab_run_end {
    PLAB_RUN_COMPLETED,
    PLAB_RUN_INTERRUPTED,  /* SIGINT */
    PLAB_RUN_TERMINATED,   /* SIGTERM, SIGHUP */
    PLAB_RUN_LIMIT,        /* limits.max_seconds */
    PLAB_RUN_POOL_LOST,    /* the pool ended before it was asked to */
    PLAB_RUN_WORKERS_LOST, /* every worker did */
    PLAB_RUN_WRITE_FAILED, /* a file of the run folder couldn't be written */
    PLAB_RUN_START_FAILED, /* a process couldn't be started */
};

/* Word for reports: "completed", "pool_lost" ... */
const char *plab_run_end_name(enum plab_run_end end);

/* What the pool's ledger says of a period. */
struct plab_run_counts {
    uint64_t accepted, stale, rejected; /* shares; rejected: every other verdict */
    uint64_t blocks, seed_changes, logins;
    double work; /* sum of the accepted shares' difficulties: hashes they stand for */
};

struct plab_run_phase {
    uint64_t start_ns, end_ns; /* 0: not reached */
    double hashes;             /* as the workers count them; NAN: no worker told */
    double host_busy_percent, workers_cpu_percent_of_one; /* means; NAN: not seen */
    struct plab_run_counts counts;
};

enum plab_run_role { PLAB_RUN_POOL, PLAB_RUN_CONTROL, PLAB_RUN_WORKER };

/* Word for reports: "pool", "control", "worker". */
const char *plab_run_role_name(enum plab_run_role role);

/* One start of one process. */
struct plab_run_process {
    char name[PLAB_RUN_NAME_LEN]; /* "pool", "worker-w", "worker-w-0", "control-c" */
    enum plab_run_role role;
    unsigned instance; /* counts the starts of this name from 0 */
    int pid;
    uint64_t start_ns, end_ns;
    int exit_code, signal;
    bool foreign; /* a worker that is another program: its exit code has its own meaning */
    bool asked;   /* the laboratory ended it */
    bool killed;  /* and had to use force */
    bool has_result;
    uint64_t hashes, accepted, rejected, stale; /* its own result, when has_result */
    bool has_dataset;                           /* it mined RandomX, and says how: */
    uint64_t dataset_bytes, dataset_full_bytes; /* precomputed, and of a whole dataset */
};

/* Packets, flows and labels. */
struct plab_run_packets {
    bool captured, has_files; /* a capture was begun; files were made when the run was over */
    struct plab_capture_result capture;
    struct plab_capture_files files;
    uint64_t key_bytes; /* of TLS, in the capture */
};

/* What a cable of the laboratory's own did to packets, when the scenario has delay or loss. */
struct plab_run_cable {
    bool present;
    struct plab_cable_result result;
};

/* A power or temperature that must not be reached was; t_ns 0: it wasn't. */
struct plab_run_cut_out {
    uint64_t t_ns;
    size_t phase;
    struct plab_hold hold;
    double reading; /* NAN: the sensor had been silent for too long */
};

struct plab_run_record {
    char id[PLAB_RUN_ID_LEN];
    char folder[PATH_MAX];   /* "" until it was made */
    char pool_address[80];   /* "" until the pool listened */
    char second_address[80]; /* of the second pool; "" without */
    enum plab_run_end end;
    uint64_t start_ns, start_wall_ns, end_ns;
    struct plab_run_phase phases[PLAB_SCENARIO_PHASES_MAX];
    struct plab_run_counts counts; /* of the whole run */
    bool has_counts;
    struct plab_run_process *processes; /* owned */
    size_t process_count, process_cap;
    size_t unexpected_exits; /* of workers */
    struct plab_run_cut_out cut_out;
    size_t truth_events, damaged_lines;
    double lab_cpu_percent_of_one;                   /* what recording cost, mean; NAN: not seen */
    size_t sensor_count;                             /* columns of host.csv */
    struct plab_absence absent[PLAB_RUN_ABSENT_MAX]; /* what could not be recorded, and why */
    size_t absent_count;
    struct plab_run_packets packets;
    struct plab_run_cable cable;
};

/* Runs it. Blocks until all processes are gone. `*record` (to be freed) tells what happened, also
 * on error. Errors: PLAB_E_UNSUPPORTED before anything is started, when a phase is to hold
 * what no sensor tells; PLAB_E_USAGE for a folder that isn't empty, PLAB_E_IO for one that can't be
 * written, PLAB_E_INTERRUPTED, PLAB_E_TERMINATED; PLAB_E_FAILED when a process failed, the limit
 * was reached or an expectation wasn't met; PLAB_E_MISMATCH when a worker found its own hashes
 * wrong. */
PLAB_NODISCARD enum plab_status plab_run_scenario(const struct plab_run_config *config,
                                                  struct plab_run_record *record,
                                                  struct plab_error *err);
void plab_run_record_free(struct plab_run_record *record);

/* Makes the folder `out`, or with NULL runs/<UTC stamp of wall_ns>-<name>, and tells its path.
 * PLAB_E_USAGE for one that isn't empty, PLAB_E_IO. */
PLAB_NODISCARD enum plab_status plab_run_folder_take(const char *out, const char *name,
                                                     uint64_t wall_ns, char folder[PATH_MAX],
                                                     struct plab_error *err);

/* Prints what would be done: phases, processes and their command lines. Starts and writes nothing.
 */
void plab_run_print_plan(const struct plab_run_config *config);

#endif
